//! What the gateway itself tells an upstream of each request.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::SendError;
use crate::{
    canonical::Host,
    http1::Output,
    request_id::{RequestId, X_REQUEST_ID},
};

pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What tells an upstream who the caller is. No client's field of such a name gets there.
const IDENTITY: HeaderName = HeaderName::from_static("portcullis-identity");
const SUBJECT: HeaderName = HeaderName::from_static("portcullis-subject");
const SCOPE: HeaderName = HeaderName::from_static("portcullis-scope");
const METHOD: HeaderName = HeaderName::from_static("portcullis-authentication");

/// A caller who is known, in place of the credential, which stays here: the upstream gets a proof that it cannot use
/// against this gateway.
pub(crate) struct Introduction {
    /// The identity token.
    pub(crate) identity: HeaderValue,
    pub(crate) subject: HeaderValue,
    pub(crate) scopes: HeaderValue,
    pub(crate) method: &'static str,
}

/// Fields that every request has, beside its table of the client's: HTTP/1.1 writes them as they are, without a place in
/// a table for each.
pub(crate) struct Forwarded {
    /// Canonical. It is the request's Host, whatever the table says.
    pub(crate) host: Host,
    /// The client's address, after those that a trusted proxy vouches for.
    pub(crate) addresses: HeaderValue,
    /// Whether the client came over TLS.
    pub(crate) secure: bool,
    pub(crate) request_id: RequestId,
    /// Nothing on a public route.
    pub(crate) caller: Option<Introduction>,
}

impl Forwarded {
    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Writes the lines of HTTP/1.1, Host first (RFC 9110 §7.2).
    pub(super) fn write(&self, output: &mut Output) {
        let host = self.host.as_str().as_bytes();
        output.field(&header::HOST, host);
        output.field(&FORWARDED_HOST, host);
        output.field(&FORWARDED_FOR, self.addresses.as_bytes());
        output.field(&FORWARDED_PROTO, self.scheme().as_bytes());
        output.field(&X_REQUEST_ID, self.request_id.as_bytes());
        if let Some(caller) = &self.caller {
            output.field(&IDENTITY, caller.identity.as_bytes());
            output.field(&SUBJECT, caller.subject.as_bytes());
            output.field(&SCOPE, caller.scopes.as_bytes());
            output.field(&METHOD, caller.method.as_bytes());
        }
    }

    /// Puts them into the table of a request over HTTP/2, which has its host in the target.
    pub(super) fn spell_out(&self, headers: &mut HeaderMap) -> Result<(), SendError> {
        let host = HeaderValue::try_from(self.host.as_str()).map_err(|_| SendError::Authority)?;
        headers.remove(header::HOST);
        headers.insert(FORWARDED_HOST, host);
        headers.insert(FORWARDED_FOR, self.addresses.clone());
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(self.scheme()));
        headers.insert(X_REQUEST_ID, self.request_id.header_value());
        if let Some(caller) = &self.caller {
            headers.insert(IDENTITY, caller.identity.clone());
            headers.insert(SUBJECT, caller.subject.clone());
            headers.insert(SCOPE, caller.scopes.clone());
            headers.insert(METHOD, HeaderValue::from_static(caller.method));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::upstream::example::forwarded;

    #[test]
    fn both_versions_tell_the_same_but_for_the_host_that_one_has_in_its_target() {
        let forwarded = forwarded();
        let (mut output, mut table) = (Output::default(), HeaderMap::new());
        forwarded.write(&mut output);
        table.insert(header::HOST, HeaderValue::from_static("as-the-client-wrote-it"));
        forwarded.spell_out(&mut table).unwrap();
        let spelled = table.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let spelled: Vec<String> = std::iter::once("host: orders.invalid".into()).chain(spelled).collect();
        assert_eq!(std::str::from_utf8(output.lines()).unwrap().lines().collect::<Vec<_>>(), spelled);
    }
}
