//! Parameters of queries and forms, each at most once (RFC 6749 §3.1 and §3.2).

use http::{HeaderMap, header};

use crate::problem::{Answer, Problem};

/// No request of the protocol has more.
const MOST: usize = 64;
const FORM: &str = "application/x-www-form-urlencoded";

/// Parameters of one request. Names compare with case; an empty value counts as absent (RFC 6749 §3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query, or a form's body. Only `resource` may come more than once (RFC 8707 §2).
    pub(crate) fn parse(encoded: &[u8]) -> Answer<Self> {
        let mut read: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if value.contains('\u{FFFD}') || name.contains('\u{FFFD}') {
                return Err(Problem::invalid_request("a parameter is not UTF-8"));
            }
            if name != "resource" && read.iter().any(|(known, _)| *known == name) {
                return Err(Problem::invalid_request("a parameter is given twice"));
            }
            if read.len() >= MOST {
                return Err(Problem::invalid_request("there are too many parameters"));
            }
            read.push((name.into_owned(), value.into_owned()));
        }
        read.retain(|(_, value)| !value.is_empty());
        Ok(Self(read))
    }

    /// Reads the body of a form.
    pub(crate) fn of_form(headers: &HeaderMap, body: &[u8]) -> Answer<Self> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case(FORM) {
            return Err(Problem::invalid_request("the body must be application/x-www-form-urlencoded"));
        }
        Self::parse(body)
    }

    /// A parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may come more than once.
    pub(crate) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub(crate) fn required(&self, name: &str, missing: &'static str) -> Answer<&str> {
        self.get(name).ok_or_else(|| Problem::invalid_request(missing))
    }

    /// Takes a parameter away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Puts a parameter in the place of what it was.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// The parameters as a query.
    pub(crate) fn encode(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        out.extend_pairs(&self.0);
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_parameter_that_comes_twice_is_refused_but_for_resource() {
        assert!(Parameters::parse(b"client_id=a&client_id=a").is_err());
        assert!(Parameters::parse(b"client_id=&client_id=a").is_err());
        let read = Parameters::parse(b"resource=a&resource=b&scope=x+y%20z&state=").unwrap();
        assert_eq!(read.all("resource").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(read.get("scope"), Some("x y z"));
        assert_eq!(read.get("state"), None);
    }

    #[test]
    fn what_is_not_utf_8_is_refused() {
        assert!(Parameters::parse(b"state=%FF").is_err());
    }
}
