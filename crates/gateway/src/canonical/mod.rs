//! The one form of a request that routing, policy, log and upstream share.

mod fields;
mod host;
mod path;

use http::{HeaderMap, Method, header, request::Parts, uri::PathAndQuery};

pub use path::{CanonicalPath, NotCanonical};

use crate::{
    body::{Inbound, Received},
    gate::Limits,
    listen::Switch,
    refusal::Refusal,
    tunnel::Wish,
};
pub(crate) use fields::{is_stripped, strip_for_upstream};
use host::port_of;
pub(crate) use host::{Host, host_of};

/// A request that has one meaning: nothing in it can be read two ways.
#[derive(Debug)]
pub(crate) struct Canonical {
    pub(crate) method: Method,
    pub(crate) host: Host,
    /// The port behind the host, if the client named one.
    pub(crate) port: Option<u16>,
    pub(crate) path: CanonicalPath,
    /// The target to send upstream: exactly what is routed.
    pub(crate) target: PathAndQuery,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Inbound,
    /// A WebSocket that the client asks for.
    pub(crate) wish: Option<Wish>,
    /// A head that was decided over before.
    pub(crate) is_again: bool,
}

impl Canonical {
    /// Brings a request into canonical form, or refuses it (400, 414, 431).
    pub(crate) fn from_wire(
        parts: Box<Parts>,
        body: Received,
        switch: Option<Switch>,
        limits: &Limits,
        key_prefix: &str,
    ) -> Result<Box<Self>, Refusal> {
        let wish = switch.map(Wish::new);
        let mut canonical = Self::from_head(parts, |parts| Inbound::of(parts, body), limits, key_prefix)?;
        canonical.wish = wish;
        Ok(canonical)
    }

    /// The same, with a body that is taken once its framing is known to be sound.
    pub(crate) fn from_head(
        mut parts: Box<Parts>,
        body: impl FnOnce(&Parts) -> Inbound,
        limits: &Limits,
        key_prefix: &str,
    ) -> Result<Box<Self>, Refusal> {
        fields::check_framing(&parts.headers)?;
        let body = body(&parts);
        let wire = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        if wire.len() > limits.target_bytes {
            return Err(Refusal::TargetTooLong);
        }
        if !wire.starts_with('/') {
            // `?x` counts as `/?x` for the library; RFC 9113 §8.3.1 has it malformed, and others read it otherwise.
            return Err(Refusal::BadTarget);
        }
        fields::check(&parts.headers, limits)?;
        fields::join_cookies(&mut parts.headers)?;
        let host = host_of(&parts.uri, &parts.headers)?;
        let port = port_of(&parts.uri, &parts.headers);
        let path = CanonicalPath::parse(parts.uri.path()).map_err(|_| Refusal::BadTarget)?;
        let query = parts.uri.query().map(path::check_query).transpose().map_err(|_| Refusal::BadTarget)?;
        if query.is_some_and(|q| carries_credential(q, key_prefix)) || path.as_str().contains(key_prefix) {
            return Err(Refusal::CredentialInUrl);
        }
        let target = match parts.uri.path_and_query() {
            // `http://host` has no path, and nothing would be sent for it (RFC 9112 §3.2.1).
            Some(_) if path.as_str() == "/" && query.is_none() => PathAndQuery::from_static("/"),
            Some(target) if target.path() == path.as_str() => target.clone(),
            Some(_) | None => assemble(path.as_str(), query)?,
        };
        // Boxed once, because the stages hand it on by value.
        let Parts { method, headers, .. } = *parts;
        let canonical = Self { method, host, port, path, target, headers, body, wish: None, is_again: false };
        Ok(Box::write(Box::new_uninit(), canonical))
    }

    /// The same head again, to decide over once more.
    pub(crate) fn again(&self) -> Box<Self> {
        Box::new(Self {
            method: self.method.clone(),
            host: self.host.clone(),
            port: self.port,
            path: self.path.clone(),
            target: self.target.clone(),
            headers: self.headers.clone(),
            body: Inbound::none(),
            wish: None,
            is_again: true,
        })
    }

    /// Declared length of the body, if the request has one.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}

fn assemble(path: &str, query: Option<&str>) -> Result<PathAndQuery, Refusal> {
    let target = match query {
        None => PathAndQuery::try_from(path),
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
    };
    target.map_err(|_| Refusal::BadTarget)
}

/// Query parameters that hold credentials in the wild (RFC 6750 §5.3 advises against all of them).
const CREDENTIAL_PARAMETERS: [&str; 6] = ["api_key", "apikey", "api-key", "x-api-key", "access_token", "key_secret"];

fn carries_credential(query: &str, key_prefix: &str) -> bool {
    let decoded = path::decode_lossy(query);
    decoded.contains(key_prefix)
        || decoded.split('&').any(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            CREDENTIAL_PARAMETERS.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::{Request, Uri};

    use super::*;

    fn target(raw: &'static str) -> String {
        let request = Request::get(raw).header("host", "a.example").body(()).unwrap();
        let canonical =
            Canonical::from_head(Box::new(request.into_parts().0), |_| Inbound::none(), &Limits::default(), "key_");
        Uri::from(canonical.unwrap().target).to_string()
    }

    #[test]
    fn what_is_sent_has_a_path_even_where_the_target_had_none() {
        assert_eq!(target("http://a.example"), "/");
        assert_eq!(target("http://a.example/"), "/");
        assert_eq!(target("/x/../"), "/");
        assert_eq!(target("/x/../?a"), "/?a");
        assert_eq!(target("http://a.example/x?a"), "/x?a");
    }
}
