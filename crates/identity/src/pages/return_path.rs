//! Where somebody goes after they have logged in: a page of ours, never one that somebody else names.

/// A path of ours with its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReturnPath(String);

impl ReturnPath {
    /// Reads a path; whatever is none of ours leads to the account.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let ours = |text: &&str| {
            let (path, query) = text.split_once('?').map_or((*text, None), |(path, query)| (path, Some(query)));
            let page = path == "/device" || path == "/account" || path.starts_with("/account/");
            let known = page || (path == "/oauth2/authorize" && query.is_some());
            // What a browser takes for another path, or for the end of a header, is not in any of ours.
            known
                && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#')
                && !path.contains("..")
        };
        Self(text.filter(ours).unwrap_or("/account").to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A page of the login that leads there.
    pub(crate) fn by_way_of(&self, page: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("return", &self.0);
        format!("{page}?{}", query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_returned_to() {
        for ours in
            ["/oauth2/authorize?client_id=a&state=%2F", "/account", "/account/totp", "/device", "/device?user_code=A-B"]
        {
            assert_eq!(ReturnPath::parse(Some(ours)).as_str(), ours);
        }
        let others = [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/oauth2/authorize",
            "/oauth2/token?x",
            "/accounts",
            "/account/../oauth2/revoke",
            "/account\r\nX: y",
            "/device#x",
            "/deviceful",
            "javascript:alert(1)",
            "",
            "/account /",
        ];
        for other in others {
            assert_eq!(ReturnPath::parse(Some(other)).as_str(), "/account", "{other:?}");
        }
        assert_eq!(ReturnPath::parse(None).as_str(), "/account");
    }

    #[test]
    fn a_return_survives_the_way() {
        let path = ReturnPath::parse(Some("/oauth2/authorize?a=1&b=%26"));
        assert_eq!(path.by_way_of("/login"), "/login?return=%2Foauth2%2Fauthorize%3Fa%3D1%26b%3D%2526");
    }
}
