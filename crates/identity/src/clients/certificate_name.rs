//! What a client's certificate must say (RFC 8705 §2.1.2): one name, which is compared whole.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

/// What a certificate must say for its holder to be the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateName {
    /// A DNS name or URI among its subject alternative names.
    #[serde(rename = "name")]
    Alternative(String),
    /// Its subject.
    #[serde(rename = "subject_dn")]
    Subject(DistinguishedName),
}

impl CertificateName {
    /// Whether a certificate in DER says so.
    pub(crate) fn is_of(&self, der: &[u8]) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
        match self {
            Self::Alternative(name) => has_alternative(&certificate, name),
            Self::Subject(wanted) => wanted.is(certificate.subject()),
        }
    }
}

fn has_alternative(certificate: &X509Certificate<'_>, name: &str) -> bool {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return false };
    extension.value.general_names.iter().any(|general| match general {
        GeneralName::DNSName(dns) => dns.eq_ignore_ascii_case(name),
        GeneralName::URI(uri) => *uri == name,
        _ => false,
    })
}

/// A distinguished name in the string form of RFC 4514, such as `CN=billing,O=Example,C=DE`. Types are `CN`, `L`, `ST`, `O`,
/// `OU`, `C`, `STREET`, `DC`, `UID` or numbers with dots; values are compared character by character.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DistinguishedName {
    text: String,
    /// From the last to the first, as the string form has them.
    parts: Vec<BTreeSet<Attribute>>,
}

/// Type, as numbers with dots, and value.
type Attribute = (String, String);

/// The text is not a distinguished name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a subject is written as in RFC 4514: `CN=billing,O=Example,C=DE`, with `\\` before a comma that is a part of a value"
)]
pub struct NotADistinguishedName;

impl DistinguishedName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, NotADistinguishedName> {
        let mut reader = Reader { rest: text.trim() };
        let mut parts = vec![BTreeSet::new()];
        loop {
            let attribute = reader.attribute().ok_or(NotADistinguishedName)?;
            // The same type twice in one part could be met in two ways.
            let part = parts.last_mut().ok_or(NotADistinguishedName)?;
            if part.iter().any(|(kind, _): &Attribute| *kind == attribute.0) {
                return Err(NotADistinguishedName);
            }
            part.insert(attribute);
            match reader.next() {
                None => return Ok(Self { text: text.trim().to_owned(), parts }),
                Some(',') => parts.push(BTreeSet::new()),
                // `+` joins attributes of one part.
                Some(_) => {}
            }
        }
    }

    /// Whether a certificate's name is this one: all parts, in this order, and nothing else.
    fn is(&self, name: &X509Name<'_>) -> bool {
        let parts: Option<Vec<BTreeSet<Attribute>>> = name
            .iter_rdn()
            .map(|part| {
                part.iter()
                    .map(|attribute| Some((attribute.attr_type().to_id_string(), attribute.as_str().ok()?.to_owned())))
                    .collect()
            })
            .collect();
        // A set would hide an attribute that is there twice.
        let is_plain =
            name.iter_rdn().zip(self.parts.iter().rev()).all(|(part, wanted)| part.iter().count() == wanted.len());
        is_plain && parts.is_some_and(|parts| parts.iter().eq(self.parts.iter().rev()))
    }
}

impl TryFrom<String> for DistinguishedName {
    type Error = NotADistinguishedName;

    fn try_from(text: String) -> Result<Self, NotADistinguishedName> {
        Self::parse(&text)
    }
}

impl From<DistinguishedName> for String {
    fn from(name: DistinguishedName) -> Self {
        name.text
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let first = self.rest.chars().next()?;
        self.rest = self.rest.get(first.len_utf8()..).unwrap_or_default();
        Some(first)
    }

    /// `TYPE=VALUE`, up to the separator behind it.
    fn attribute(&mut self) -> Option<Attribute> {
        let (kind, rest) = self.rest.split_once('=')?;
        self.rest = rest;
        Some((type_number(kind.trim_start_matches(' '))?, self.value()?))
    }

    fn value(&mut self) -> Option<String> {
        let mut value = Vec::new();
        // `#` begins a value in hexadecimal, a space one that others would trim.
        if self.rest.starts_with(['#', ' ']) {
            return None;
        }
        let mut ends_in_space = false;
        while let Some(next) = self.rest.chars().next().filter(|next| !matches!(next, ',' | '+')) {
            self.next();
            ends_in_space = next == ' ';
            match next {
                '\\' => value.extend(self.escaped()?),
                '"' | ';' | '<' | '>' | '\0' => return None,
                plain => value.extend(plain.to_string().into_bytes()),
            }
        }
        let value = String::from_utf8(value).ok()?;
        (!value.is_empty() && !ends_in_space).then_some(value)
    }

    /// What stands behind a backslash: a special character, or two hexadecimal digits of one byte.
    fn escaped(&mut self) -> Option<Vec<u8>> {
        let first = self.next()?;
        if matches!(first, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | ' ' | '#' | '=') {
            return Some(first.to_string().into_bytes());
        }
        let second = self.next()?;
        let byte = first.to_digit(16)? << 4 | second.to_digit(16)?;
        Some(vec![u8::try_from(byte).ok()?])
    }
}

/// RFC 4514 §3.
fn type_number(kind: &str) -> Option<String> {
    let known = match kind.to_ascii_uppercase().as_str() {
        "CN" => "2.5.4.3",
        "L" => "2.5.4.7",
        "ST" => "2.5.4.8",
        "O" => "2.5.4.10",
        "OU" => "2.5.4.11",
        "C" => "2.5.4.6",
        "STREET" => "2.5.4.9",
        "DC" => "0.9.2342.19200300.100.1.25",
        "UID" => "0.9.2342.19200300.100.1.1",
        _ => kind,
    };
    let is_number = known.contains('.')
        && known.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    is_number.then(|| known.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rcgen::{CertificateParams, DistinguishedName as Subject, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(subject: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = Subject::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.subject_alt_names = vec![SanType::DnsName("billing.example".try_into().unwrap())];
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn is(name: &str, der: &[u8]) -> bool {
        CertificateName::Subject(DistinguishedName::parse(name).unwrap()).is_of(der)
    }

    #[test]
    fn a_subject_is_compared_whole() {
        let der = certificate(&[
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Example, Inc."),
            (DnType::CommonName, "billing"),
        ]);
        assert!(is(r"CN=billing,O=Example\, Inc.,C=DE", &der));
        assert!(is(r"cn=billing, 2.5.4.10=Example\2C Inc., C=DE", &der));
        for other in [
            r"CN=billing",
            r"CN=billing,O=Example\, Inc.",
            r"C=DE,O=Example\, Inc.,CN=billing",
            r"CN=Billing,O=Example\, Inc.,C=DE",
            r"CN=billing,O=Example\, Inc.,C=DE,CN=billing",
            r"CN=billing+O=Example\, Inc.,C=DE",
            r"CN=billing.example",
            r"OU=billing,O=Example\, Inc.,C=DE",
        ] {
            assert!(!is(other, &der), "{other}");
        }
        // A value does not pass for a separator and another attribute.
        let forged = certificate(&[(DnType::CommonName, "billing,O=Example")]);
        assert!(!is("CN=billing,O=Example", &forged));
    }

    #[test]
    fn a_subject_is_no_alternative_name_and_the_other_way_round() {
        let der = certificate(&[(DnType::CommonName, "shop.example")]);
        assert!(CertificateName::Alternative("Billing.example".into()).is_of(&der));
        assert!(!CertificateName::Alternative("shop.example".into()).is_of(&der));
        assert!(!is("CN=billing.example", &der));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_a_name() {
        for text in [
            "",
            "billing",
            "CN=",
            "CN=a,",
            ",CN=a",
            "CN= a",
            "CN=a ,O=b",
            "CN=#0401",
            "CN=a\\",
            "CN=a\\zz",
            "CN=a;O=b",
            "XY=a",
            "CN=\"a\"",
            "CN=a+CN=b",
            "2..5=a",
        ] {
            assert_eq!(DistinguishedName::parse(text), Err(NotADistinguishedName), "{text}");
        }
    }
}
