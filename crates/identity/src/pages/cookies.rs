//! The cookies of the pages: `__Host-`, so that no other host and no plain connection can set them.

use http::{HeaderMap, HeaderValue, header};

/// A cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// A session.
    Session,
    /// A browser without one: what hidden fields are bound to.
    Visitor,
    /// A login whose second factor is owed.
    Step,
    /// A browser that somebody has logged in with.
    Device,
    /// A login at another provider that is under way.
    External,
}

impl Cookie {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Session => "__Host-session",
            Self::Visitor => "__Host-visitor",
            Self::Step => "__Host-step",
            Self::Device => "__Host-device",
            Self::External => "__Host-external",
        }
    }

    /// How long the browser keeps it, in seconds; none: until it is closed.
    fn lifetime(self) -> Option<u64> {
        match self {
            Self::Session | Self::Visitor | Self::Step | Self::External => None,
            Self::Device => Some(crate::accounts::DEVICE_LIFETIME),
        }
    }
}

/// A cookie's value. A cookie that comes twice was set by two, so it is nobody's.
pub(crate) fn read(headers: &HeaderMap, cookie: Cookie) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut values = pairs
        .flat_map(|pairs| pairs.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == cookie.name())
        .map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Gives the browser a cookie. Lax, because clients send people here from elsewhere.
pub(crate) fn set(headers: &mut HeaderMap, cookie: Cookie, value: &str) {
    let lifetime = cookie.lifetime().map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let text = format!("{}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{lifetime}", cookie.name());
    if let Ok(mut value) = HeaderValue::try_from(text) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}

/// Takes a cookie away.
pub(crate) fn clear(headers: &mut HeaderMap, cookie: Cookie) {
    let text = format!("{}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0", cookie.name());
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cookie_that_comes_twice_is_nobodys() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; __Host-session=x; b=2".parse().unwrap());
        assert_eq!(read(&headers, Cookie::Session), Some("x"));
        assert_eq!(read(&headers, Cookie::Visitor), None);
        headers.append(header::COOKIE, "__Host-session=y".parse().unwrap());
        assert_eq!(read(&headers, Cookie::Session), None);
    }

    #[test]
    fn cookies_are_for_this_host_and_no_script() {
        let mut headers = HeaderMap::new();
        set(&mut headers, Cookie::Session, "x");
        let text = headers.get(header::SET_COOKIE).unwrap().to_str().unwrap();
        assert_eq!(text, "__Host-session=x; Path=/; Secure; HttpOnly; SameSite=Lax");
    }
}
