//! A request as a question.

use std::{borrow::Cow, time::SystemTime};

use config::{PathTemplate, Policies, RoutePolicy, Segment};
use http::header;
use policy::{Fact, Origin, Question};

use super::facts;
use crate::{
    authenticate::Caller,
    canonical::{Canonical, CanonicalPath, is_stripped},
    gate::Gate,
    listen::Peer,
    refusal::Refusal,
    tunnel,
};

/// What a question is made from.
pub(super) struct Request<'r> {
    pub(super) peer: &'r Peer,
    pub(super) canonical: &'r Canonical,
    pub(super) rule: &'r RoutePolicy,
    pub(super) caller: &'r Caller,
    pub(super) parameters: &'r [(&'r str, Cow<'r, str>)],
    pub(super) members: &'r [(String, Fact)],
}

impl<'r> Request<'r> {
    /// The question, or what is unknown of the caller that would have counted.
    pub(super) fn question(&self, gate: &Gate, policies: &'r Policies) -> Result<Question<'r>, &'static str> {
        let Request { peer, canonical, rule, caller, .. } = self;
        let own = caller.facts.as_deref();
        if let Some(what) = own.and_then(|facts| facts.unusable) {
            return Err(what);
        }
        if caller.subject.is_empty() {
            return Err("the credential names nobody");
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let origin = Origin { address: peer.address.ip().to_canonical(), time, method: caller.method };
        let id = facts::id(caller);
        let mut question = Question::new(facts::kind(caller), id, &rule.action, canonical.path.as_str(), &origin)
            .mtls(peer.certificate.is_known(gate.snapshot.client_rules(peer.listener)))
            .scopes(caller.scopes.iter().map(|scope| scope.0.as_str()));
        if let Some(acr) = own.and_then(|facts| facts.acr.as_deref()) {
            question = question.acr(acr);
        }
        if let Some(at) = own.and_then(|facts| facts.authenticated_at) {
            question = question.age(i64::try_from(now.as_secs().saturating_sub(at)).unwrap_or(i64::MAX));
        }
        question = self.add_request(facts::add(question, policies, caller));
        Ok(question)
    }

    fn add_request(&self, mut question: Question<'r>) -> Question<'r> {
        for (name, value) in self.parameters {
            question = question.parameter(name, value);
        }
        for (name, value) in self.members {
            question = question.body(name, value.value());
        }
        let headers = &self.canonical.headers;
        for name in &self.rule.headers {
            // What the upstream will not see is not there.
            if is_stripped(name) || tunnel::lists(headers, &header::CONNECTION, name.as_str()) {
                continue;
            }
            for value in headers.get_all(name) {
                // Given twice it denies, and so does what is not text: `\u{0}` is no value of a field.
                question = match value.to_str() {
                    Ok(text) => question.header(name.as_str(), text),
                    Err(_) => question.header(name.as_str(), "\u{0}").header(name.as_str(), "\u{0}"),
                };
            }
        }
        question
    }
}

/// The path's parameters, decoded: the upstream will decode them as well.
pub(super) fn parameters<'r>(
    template: &'r PathTemplate,
    path: &'r CanonicalPath,
) -> Result<Vec<(&'r str, Cow<'r, str>)>, Refusal> {
    let mut remaining = path.as_str().strip_prefix('/').unwrap_or(path.as_str());
    let mut found = Vec::new();
    for segment in &template.segments {
        let (first, rest) = remaining.split_once('/').unwrap_or((remaining, ""));
        match segment {
            Segment::Literal(_) => {}
            Segment::Parameter(name) => found.push((name.as_str(), decoded(first)?)),
            Segment::Rest(name) => found.push((name.as_str(), decoded(remaining)?)),
        }
        remaining = rest;
    }
    Ok(found)
}

fn decoded(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (high, low) = (digit(high).ok_or(Refusal::BadTarget)?, digit(low).ok_or(Refusal::BadTarget)?);
                (high << 4 | low, after)
            }
            (b'%', _) => return Err(Refusal::BadTarget),
            (byte, after) => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Refusal::BadTarget)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn template(segments: &[Segment]) -> PathTemplate {
        PathTemplate { text: String::new(), segments: segments.to_vec() }
    }

    #[test]
    fn parameters_are_what_stands_in_their_place() {
        let literal = |text: &str| Segment::Literal(text.to_owned());
        let parameter = |name: &str| Segment::Parameter(name.to_owned());
        let template = template(&[parameter("tenant"), literal("files"), Segment::Rest("rest".to_owned())]);
        let path = CanonicalPath::parse("/a%20cme/files/x/y%2Bz").unwrap();
        let found = parameters(&template, &path).unwrap();
        assert_eq!(found, [("tenant", "a cme".into()), ("rest", "x/y+z".into())]);
        let path = CanonicalPath::parse("/acme/files").unwrap();
        assert_eq!(parameters(&template, &path).unwrap(), [("tenant", "acme".into()), ("rest", "".into())]);
    }

    #[test]
    fn what_is_no_escape_is_refused() {
        assert!(decoded("%4").is_err() && decoded("%zz").is_err() && decoded("%ff").is_err());
    }
}
