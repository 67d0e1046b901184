//! Decisions for services that ask themselves: the evaluation API of the `AuthZEN` Authorization API 1.0 (§6).
//!
//! The service is the enforcement point. It says what it knows of the subject, and is believed as far as the scope of its
//! route goes; what the configuration binds to the subject counts as well. What it leaves out is not there: a policy that
//! reads it fails, and so denies.

use std::{collections::BTreeMap, net::IpAddr, time::SystemTime};

use bytes::Bytes;
use config::Policies;
use http::{HeaderValue, Response, header};
use policy::{Decision, Fact, Kind, Origin, Question, ValueKind, parse_moment};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::facts::fact;
use crate::{
    authorize::Authorized,
    body::Outbound,
    gate::Gate,
    refusal::Refusal,
    whole::{self, Within},
};

/// Answers one evaluation request (400).
pub(crate) async fn answer(gate: &Gate, authorized: Authorized) -> Result<Response<Outbound>, Refusal> {
    let policies = gate.snapshot.policies.as_ref().ok_or(Refusal::Internal)?;
    let Authorized { canonical, route, .. } = authorized;
    let bytes = whole::read(canonical.body, Within::of(gate, &route)).await?;
    let object = super::json::object(&bytes).map_err(|_| Refusal::BadEvaluation("not_one_object"))?;
    let asked: Evaluation =
        serde_json::from_value(Value::Object(object)).map_err(|_| Refusal::BadEvaluation("not_an_evaluation"))?;
    let facts = Facts::of(&asked, policies)?;
    let decision = gate.decisions.live.decide(&policies.engine, &facts.question(&asked, policies)?);
    let text = told(&decision).to_string();
    let mut response = Response::new(Outbound::full(Bytes::from(text)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn told(decision: &Decision) -> Value {
    let ids: Vec<&str> = decision.ids().collect();
    let (reason, advice): (Vec<&str>, Vec<&str>) = (decision.reasons().collect(), decision.advice().collect());
    let faults: Vec<String> = decision.faults.iter().map(ToString::to_string).collect();
    json!({
        "decision": decision.is_allowed(),
        "context": { "policies": ids, "reason": reason, "advice": advice, "faults": faults },
    })
}

#[derive(Deserialize)]
struct Evaluation {
    subject: Subject,
    action: Action,
    resource: Resource,
    #[serde(default)]
    context: Context,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(rename = "type")]
    kind: Kind,
    id: String,
    #[serde(default)]
    properties: SubjectProperties,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SubjectProperties {
    roles: Vec<String>,
    groups: Vec<String>,
    tenant: Option<String>,
    attributes: Map<String, Value>,
}

#[derive(Deserialize)]
struct Action {
    name: String,
}

/// The id is the path; the properties are the path's parameters and what the answer would say.
#[derive(Deserialize)]
struct Resource {
    id: String,
    #[serde(default)]
    properties: BTreeMap<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Context {
    address: Option<IpAddr>,
    /// RFC 3339, in UTC; now, if it is not said.
    time: Option<String>,
    auth: Authentication,
    mtls: bool,
    scopes: Vec<String>,
    headers: BTreeMap<String, String>,
    body: Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Authentication {
    method: Option<String>,
    acr: Option<String>,
    age: Option<i64>,
}

/// Facts in the types that are declared.
struct Facts {
    attributes: Vec<(String, Fact)>,
    parameters: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<(String, Fact)>,
}

impl Facts {
    fn of(asked: &Evaluation, policies: &Policies) -> Result<Self, Refusal> {
        let operations = policies.model.apis.iter().flat_map(|api| api.operations.iter().map(move |one| (api, one)));
        let operation = operations
            .filter(|(api, one)| policy::action(&api.name, &one.id) == asked.action.name)
            .map(|(_, operation)| operation)
            .next();
        let declared = operation.map(|operation| operation.body.as_slice()).unwrap_or_default();
        let typed = |values: &Map<String, Value>, declared: &[policy::Attribute]| {
            let kind =
                |name: &str| declared.iter().find(|one| one.name == name).map_or(ValueKind::String, |one| one.kind);
            values.iter().map(|(name, value)| (name.clone(), fact(value, kind(name)))).collect()
        };
        let parameters = asked.resource.properties.iter().map(|(name, value)| Some((name.clone(), text(value)?)));
        let parameters: Option<Vec<_>> = parameters.collect();
        let headers = &asked.context.headers;
        Ok(Self {
            attributes: typed(&asked.subject.properties.attributes, &policies.model.claims),
            parameters: parameters.ok_or(Refusal::BadEvaluation("resource_properties"))?,
            headers: headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect(),
            body: typed(&asked.context.body, declared),
        })
    }

    fn question<'q>(&'q self, asked: &'q Evaluation, policies: &'q Policies) -> Result<Question<'q>, Refusal> {
        let Evaluation { subject, action, resource, context } = asked;
        let time = match &context.time {
            Some(time) => parse_moment(time).ok_or(Refusal::BadEvaluation("context_time"))?,
            None => now(),
        };
        let method = context.auth.method.as_deref();
        let address = context.address.unwrap_or(IpAddr::from([0, 0, 0, 0]));
        let origin = Origin { address, time, method: method.unwrap_or_default() };
        let bound = policies.bindings.of(subject.kind, &subject.id);
        let texts = |list: &'q [String]| list.iter().map(String::as_str);
        let own = &subject.properties;
        let mut question = Question::new(subject.kind, &subject.id, &action.name, &resource.id, &origin)
            .roles(texts(&own.roles).chain(bound.iter().flat_map(|binding| texts(&binding.roles))))
            .groups(texts(&own.groups).chain(bound.iter().flat_map(|binding| texts(&binding.groups))))
            .mtls(context.mtls)
            .scopes(texts(&context.scopes));
        if context.address.is_none() {
            question = question.unknown_address();
        }
        if method.is_none() {
            question = question.unknown_method();
        }
        if let Some(tenant) = bound.and_then(|binding| binding.tenant.as_deref()).or(own.tenant.as_deref()) {
            question = question.tenant(tenant);
        }
        if let Some(acr) = &context.auth.acr {
            question = question.acr(acr);
        }
        if let Some(age) = context.auth.age {
            question = question.age(age);
        }
        let bound = bound.map(|binding| binding.attributes.as_slice()).unwrap_or_default();
        let own = self.attributes.iter().filter(|(name, _)| !bound.iter().any(|(other, _)| other == name));
        question = own.chain(bound).fold(question, |question, (name, fact)| question.claim(name, fact.value()));
        question = self.parameters.iter().fold(question, |question, (name, text)| question.parameter(name, text));
        question = self.headers.iter().fold(question, |question, (name, text)| question.header(name, text));
        Ok(self.body.iter().fold(question, |question, (name, fact)| question.body(name, fact.value())))
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
