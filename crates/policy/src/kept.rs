//! A question that outlives its request: to be decided later, or explained.

use std::net::IpAddr;

use crate::question::{Kind, Question, Value};

/// A fact's value, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Text.
    String(String),
    /// A whole number.
    Long(i64),
    /// True or false.
    Bool(bool),
    /// A set of texts.
    Strings(Vec<String>),
}

impl Fact {
    /// The same, borrowed.
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::String(text) => Value::String(text),
            Self::Long(number) => Value::Long(*number),
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Strings(texts) => Value::Strings(borrowed(texts)),
        }
    }
}

impl From<&Value<'_>> for Fact {
    fn from(value: &Value<'_>) -> Self {
        match value {
            Value::String(text) => Self::String((*text).to_owned()),
            Value::Long(number) => Self::Long(*number),
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Strings(texts) => Self::Strings(owned(texts)),
        }
    }
}

/// A question with everything that it borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    kind: Kind,
    id: String,
    roles: Vec<String>,
    groups: Vec<String>,
    tenant: Option<String>,
    claims: Vec<(String, Fact)>,
    action: String,
    path: String,
    parameters: Vec<(String, String)>,
    address: Option<IpAddr>,
    time: i64,
    method: Option<String>,
    acr: Option<String>,
    age: Option<i64>,
    mtls: bool,
    scopes: Vec<String>,
    headers: Vec<(String, String)>,
    body: Vec<(String, Fact)>,
}

impl Question<'_> {
    /// A copy that borrows nothing, if all its texts together have at most `bytes`. Callers choose how long they are.
    pub fn keep_within(&self, bytes: usize) -> Option<Kept> {
        let one = |value: &Value<'_>| match value {
            Value::String(text) => text.len(),
            Value::Long(_) | Value::Bool(_) => 0,
            Value::Strings(texts) => texts.iter().map(|text| text.len()).sum(),
        };
        let lists = [&self.roles, &self.groups, &self.scopes].into_iter().flatten().map(|text| text.len());
        let pairs = self.parameters.iter().chain(&self.headers).map(|(name, value)| name.len() + value.len());
        let facts = self.claims.iter().chain(&self.body).map(|(name, value)| name.len() + one(value));
        let plain = [self.id, self.path].into_iter().chain(self.tenant).chain(self.acr).map(str::len);
        let all: usize = lists.chain(pairs).chain(facts).chain(plain).sum();
        (all <= bytes).then(|| self.keep())
    }

    /// A copy that borrows nothing.
    pub fn keep(&self) -> Kept {
        let text = |text: &str| text.to_owned();
        let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| (text(name), text(value))).collect();
        let facts =
            |pairs: &[(&str, Value<'_>)]| pairs.iter().map(|(name, value)| (text(name), Fact::from(value))).collect();
        Kept {
            kind: self.kind,
            id: text(self.id),
            roles: owned(&self.roles),
            groups: owned(&self.groups),
            tenant: self.tenant.map(text),
            claims: facts(&self.claims),
            action: text(self.action),
            path: text(self.path),
            parameters: texts(&self.parameters),
            address: self.address,
            time: self.time,
            method: self.method.map(text),
            acr: self.acr.map(text),
            age: self.age,
            mtls: self.mtls,
            scopes: owned(&self.scopes),
            headers: texts(&self.headers),
            body: facts(&self.body),
        }
    }
}

impl Kept {
    /// The question again.
    pub fn question(&self) -> Question<'_> {
        fn texts(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
        }
        fn facts(pairs: &[(String, Fact)]) -> Vec<(&str, Value<'_>)> {
            pairs.iter().map(|(name, value)| (name.as_str(), value.value())).collect()
        }
        Question {
            kind: self.kind,
            id: &self.id,
            roles: borrowed(&self.roles),
            groups: borrowed(&self.groups),
            tenant: self.tenant.as_deref(),
            claims: facts(&self.claims),
            action: &self.action,
            path: &self.path,
            parameters: texts(&self.parameters),
            address: self.address,
            time: self.time,
            method: self.method.as_deref(),
            acr: self.acr.as_deref(),
            age: self.age,
            mtls: self.mtls,
            scopes: borrowed(&self.scopes),
            headers: texts(&self.headers),
            body: facts(&self.body),
        }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Origin;

    #[test]
    fn a_kept_question_is_the_same_question() {
        let origin = Origin { address: [192, 0, 2, 1].into(), time: 7, method: "jwt" };
        let question = Question::new(Kind::Client, "c", "orders.get", "/orders/1", &origin)
            .roles(["a", "b"])
            .groups(["g"])
            .tenant("t")
            .claim("level", Value::Long(3))
            .claim("regions", Value::Strings(vec!["eu"]))
            .parameter("id", "1")
            .acr("mfa")
            .age(60)
            .mtls(true)
            .scopes(["s"])
            .header("x-region", "eu")
            .body("paid", Value::Bool(true))
            .body("note", Value::String("n"));
        assert_eq!(question.keep().question(), question);
        assert!(question.keep_within(100).is_some());
        let long = "x".repeat(101);
        for longer in [question.clone().body("more", Value::String(&long)), question.clone().header("x", &long)] {
            assert!(longer.keep_within(100).is_none());
        }
    }
}
