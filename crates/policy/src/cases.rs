//! Test cases for policies, in YAML.
//!
//! ```yaml
//! cases:
//!   - name: a reader sees the orders of its own tenant
//!     principal: { kind: user, id: alice, roles: [reader], groups: [], tenant: acme, claims: { level: 3 } }
//!     action: orders.getOrder
//!     resource: { tenant: acme, number: 42 }       # path parameters
//!     context:
//!       address: 10.0.0.1
//!       time: 2026-11-24T12:00:00Z
//!       auth: { method: jwt, acr: mfa, age: 60 }    # age in seconds
//!       mtls: false
//!       scopes: [read]
//!       headers: { x-region: eu }
//!       body: { amount: 10 }
//!     expect: allow
//!     by: ["role:reader#1"]                         # optional: exactly these policies decided
//! ```
//!
//! What is left out of `context` is 127.0.0.1, 2000-01-01, `jwt`, false and empty.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::{
    catalogue::Entry,
    decision::{Decision, Verdict},
    engine::Engine,
    model::Attribute,
    moment,
    question::{Kind, Origin, Question, Value},
    report::{Findings, Located, Problem, Report, Source},
    roles::{located, read_yaml},
    suggest::did_you_mean,
};

/// A file of cases.
#[derive(Debug, Clone)]
pub struct Cases {
    cases: Vec<Case>,
}

/// What came of each case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// In the order of the file.
    pub results: Vec<TestResult>,
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// The case's name and place.
    pub name: Located<String>,
    /// What was expected and what came; nothing if they are the same.
    pub failure: Option<String>,
}

impl Cases {
    /// Reads YAML; see the [example](self).
    pub fn parse(name: &str, text: &str) -> Result<Self, Report> {
        let source = Source::new(name, text);
        let raw: RawCases = read_yaml(&source)?;
        let mut findings = Findings::default();
        let mut cases = Vec::with_capacity(raw.cases.len());
        for raw in raw.cases {
            let name = located(&source, raw.name.clone());
            let Some(time) = moment::parse(&raw.context.time) else {
                let message = format!("the time `{}` is no moment", raw.context.time);
                findings.add(Problem::Yaml, name.place.as_ref(), message, "Write it as 2026-11-24T12:00:00Z.");
                continue;
            };
            let RawCase { principal, action, resource, context, expect, by, .. } = raw;
            cases.push(Case { name, principal, action, resource, time, context, expect, by });
        }
        if findings.0.is_empty() { Ok(Self { cases }) } else { Err(Report::new(findings.0)) }
    }

    /// Puts every case to the engine.
    pub fn run(&self, engine: &Engine) -> TestReport {
        let result = |case: &Case| TestResult { name: case.name.clone(), failure: case.run(engine).err() };
        TestReport { results: self.cases.iter().map(result).collect() }
    }
}

impl TestReport {
    /// Number of cases that came out as expected.
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|result| result.failure.is_none()).count()
    }

    /// Number of the others.
    pub fn failed(&self) -> usize {
        self.results.len() - self.passed()
    }
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for TestResult { name, failure } in &self.results {
            match failure {
                None => writeln!(f, "ok      {}", name.value)?,
                Some(failure) => {
                    let place = name.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
                    writeln!(f, "FAILED  {}{place}\n        {failure}", name.value)?;
                }
            }
        }
        writeln!(f, "{} passed, {} failed", self.passed(), self.failed())
    }
}

#[derive(Debug, Clone)]
struct Case {
    name: Located<String>,
    principal: RawPrincipal,
    action: String,
    resource: BTreeMap<String, Scalar>,
    time: i64,
    context: RawContext,
    expect: Verdict,
    by: Option<Vec<String>>,
}

impl Case {
    fn run(&self, engine: &Engine) -> Result<(), String> {
        let entry = engine.catalogue.entries.iter().find(|entry| entry.action == self.action);
        let entry = entry.ok_or_else(|| {
            format!("there is no action `{}`. {}", self.action, did_you_mean(&self.action, engine.actions()))
        })?;
        self.check_names(engine, entry)?;
        let parameters: BTreeMap<&str, String> =
            self.resource.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect();
        let path = path(&entry.operation.path_template, &parameters);
        self.compare(&engine.decide(&self.question(&path, &parameters)))
    }

    fn question<'q>(&'q self, path: &'q str, parameters: &'q BTreeMap<&str, String>) -> Question<'q> {
        let (principal, context) = (&self.principal, &self.context);
        let origin = Origin { address: context.address, time: self.time, method: &context.auth.method };
        let mut question = Question::new(principal.kind, &principal.id, &self.action, path, &origin)
            .roles(principal.roles.iter().map(String::as_str))
            .groups(principal.groups.iter().map(String::as_str))
            .mtls(context.mtls)
            .scopes(context.scopes.iter().map(String::as_str));
        question.tenant = principal.tenant.as_deref();
        question.acr = context.auth.acr.as_deref();
        question.age = context.auth.age;
        question.claims = principal.claims.iter().map(|(name, value)| (name.as_str(), value.value())).collect();
        question.parameters = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        question.headers = context.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        question.body = context.body.iter().map(|(name, value)| (name.as_str(), value.value())).collect();
        question
    }

    /// A fact that no policy can read would test nothing.
    fn check_names(&self, engine: &Engine, entry: &Entry) -> Result<(), String> {
        let operation = &entry.operation;
        let (principal, context) = (&self.principal, &self.context);
        check("role", &principal.roles, engine.closures.keys())?;
        check("group", &principal.groups, &engine.groups)?;
        check("claim", principal.claims.keys(), names(&engine.claims))?;
        check("path parameter", self.resource.keys(), names(&operation.parameters))?;
        check("header", context.headers.keys(), &operation.headers)?;
        check("body member", context.body.keys(), names(&operation.body))
    }

    fn compare(&self, decision: &Decision) -> Result<(), String> {
        let ids: Vec<&str> = decision.ids().collect();
        let came = if ids.is_empty() { "by no policy".to_owned() } else { format!("by {}", ids.join(", ")) };
        let faults: Vec<String> = decision.faults.iter().map(|fault| format!("; {fault}")).collect();
        let faults = faults.concat();
        if decision.verdict != self.expect {
            return Err(format!("expected {}, came {} {came}{faults}", self.expect, decision.verdict));
        }
        let Some(by) = &self.by else { return Ok(()) };
        let mut expected: Vec<&str> = by.iter().map(String::as_str).collect();
        let mut sorted = ids;
        expected.sort_unstable();
        sorted.sort_unstable();
        let wanted = if by.is_empty() { "no policy".to_owned() } else { by.join(", ") };
        if expected == sorted {
            Ok(())
        } else {
            Err(format!("expected {} by {wanted}, came {came}{faults}", self.expect))
        }
    }
}

fn check<'a>(
    kind: &str,
    given: impl IntoIterator<Item = &'a String>,
    declared: impl IntoIterator<Item = &'a String>,
) -> Result<(), String> {
    let declared: Vec<&str> = declared.into_iter().map(String::as_str).collect();
    let unknown = given.into_iter().find(|name| !declared.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| {
        Err(format!("there is no {kind} `{name}`. {}", did_you_mean(name, declared.iter().copied())))
    })
}

fn names(attributes: &[Attribute]) -> impl Iterator<Item = &String> {
    attributes.iter().map(|one| &one.name)
}

/// The template with its parameters filled in.
fn path(template: &str, parameters: &BTreeMap<&str, String>) -> String {
    parameters.iter().fold(template.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCases {
    cases: Vec<RawCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: Spanned<String>,
    principal: RawPrincipal,
    action: String,
    #[serde(default)]
    resource: BTreeMap<String, Scalar>,
    #[serde(default)]
    context: RawContext,
    expect: Verdict,
    by: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrincipal {
    #[serde(default)]
    kind: Kind,
    id: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    tenant: Option<String>,
    #[serde(default)]
    claims: BTreeMap<String, Scalar>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawContext {
    address: IpAddr,
    time: String,
    auth: RawAuth,
    mtls: bool,
    scopes: Vec<String>,
    headers: BTreeMap<String, String>,
    body: BTreeMap<String, Scalar>,
}

impl Default for RawContext {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            time: "2000-01-01T00:00:00Z".to_owned(),
            auth: RawAuth::default(),
            mtls: false,
            scopes: Vec::new(),
            headers: BTreeMap::new(),
            body: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawAuth {
    method: String,
    acr: Option<String>,
    age: Option<i64>,
}

impl Default for RawAuth {
    fn default() -> Self {
        Self { method: "jwt".to_owned(), acr: None, age: None }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Long(i64),
    String(String),
    Strings(Vec<String>),
}

impl Scalar {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Long(number) => Value::Long(*number),
            Self::String(text) => Value::String(text),
            Self::Strings(texts) => Value::Strings(texts.iter().map(String::as_str).collect()),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(truth) => truth.fmt(f),
            Self::Long(number) => number.fmt(f),
            Self::String(text) => text.fmt(f),
            Self::Strings(texts) => texts.join(",").fmt(f),
        }
    }
}
