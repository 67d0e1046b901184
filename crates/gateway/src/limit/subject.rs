//! Whom a request counts for.

use std::{borrow::Cow, net::IpAddr};

use config::Subject;
use http::HeaderMap;
use limits::{Key, Table};
use serde_json::Value;

use super::rules::Rule;
use crate::{
    authenticate::{Caller, Identified, Identity},
    listen::network_of,
};

/// What is known of the one who asks.
pub(super) struct Who<'r> {
    identity: &'r Identity,
    headers: &'r HeaderMap,
    route: &'r str,
    address: [u8; 16],
}

/// A subject is told apart by two texts, of which the first says within what the second is unique.
type Parts<'r> = [Cow<'r, [u8]>; 2];

impl<'r> Who<'r> {
    pub(super) fn new(identified: &'r Identified, address: IpAddr) -> Self {
        Self {
            identity: &identified.identity,
            headers: &identified.canonical.headers,
            route: &identified.route.rule.name,
            address: octets(address),
        }
    }

    /// The key of a rule's bucket in a table.
    pub(super) fn key(&self, table: &Table, rule: &Rule) -> Key {
        table.key(rule.id, self.parts(rule))
    }

    /// What tells callers of a rule apart.
    pub(super) fn parts(&self, rule: &'r Rule) -> impl Iterator<Item = Cow<'r, [u8]>> + use<'r, '_> {
        rule.per.iter().flat_map(|subject| self.subject(subject))
    }

    fn subject(&self, subject: &Subject) -> Parts<'r> {
        match (subject, self.identity) {
            (Subject::Route, _) => [Cow::Borrowed(b""), Cow::Borrowed(self.route.as_bytes())],
            (Subject::Header(name), _) => {
                let mut values = self.headers.get_all(name).iter().map(http::HeaderValue::as_bytes);
                match (values.next(), values.next()) {
                    (None, _) => empty(),
                    (Some(one), None) => [Cow::Borrowed(b"="), Cow::Borrowed(one)],
                    // However often it is written, it is written here.
                    (Some(first), Some(second)) => {
                        let all = [first, second].into_iter().chain(values).collect::<Vec<_>>().join(&b","[..]);
                        [Cow::Borrowed(b"="), Cow::Owned(all)]
                    }
                }
            }
            // Nobody is known on a public route; the address is the client.
            (Subject::Address, _) | (Subject::Client | Subject::ApiKey | Subject::User, Identity::Anonymous) => {
                self.at()
            }
            (Subject::ApiKey, Identity::Known(caller)) if caller.method == "api_key" => {
                [Cow::Borrowed(b"key"), Cow::Borrowed(caller.credential.as_bytes())]
            }
            (Subject::Client | Subject::ApiKey | Subject::User, Identity::Known(caller)) => {
                [Cow::Borrowed(b"client"), Cow::Borrowed(caller.limit_key.as_bytes())]
            }
            (Subject::Api, _) | (Subject::Tenant | Subject::Claim(_), Identity::Anonymous) => empty(),
            (Subject::Tenant, Identity::Known(caller)) => claim(caller, "tenant"),
            (Subject::Claim(name), Identity::Known(caller)) => claim(caller, name),
        }
    }

    fn at(&self) -> Parts<'r> {
        [Cow::Borrowed(b"at"), Cow::Owned(self.address.to_vec())]
    }
}

/// A claim is unique within its issuer.
fn claim<'r>(caller: &'r Caller, name: &str) -> Parts<'r> {
    let issuer = Cow::Borrowed(caller.credential.as_bytes());
    match caller.claims.get(name) {
        None => empty(),
        Some(Value::String(text)) => [issuer, Cow::Borrowed(text.as_bytes())],
        Some(other) => [issuer, Cow::Owned(other.to_string().into_bytes())],
    }
}

fn empty<'r>() -> Parts<'r> {
    [Cow::Borrowed(b""), Cow::Borrowed(b"")]
}

/// An address as it counts: IPv6 by its /64.
pub(super) fn octets(address: IpAddr) -> [u8; 16] {
    match network_of(address) {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
