//! `portcullis policy why`: which policies decided, and what would have to be true.

use std::process::ExitCode;

use config::Policies;
use policy::{Fact, Kind, Operation, Origin, Question, ValueKind, did_you_mean, parse_moment};

use super::load;
use crate::{
    cli::{Server, policy::Why},
    control::{self, Answer, Request},
    failure::{Failure, Outcome},
    output,
};

pub(crate) fn run(arguments: Why) -> Outcome {
    match arguments.request {
        Some(id) => {
            let data = control::data(Server { config: Some(arguments.config), data: None })?;
            let Answer::Why { text } = control::ask(&data, &Request::Why { id: id.to_ascii_lowercase() })? else {
                return Err(Failure::Refused("the gateway answered something else".to_owned()));
            };
            output::print(&text)?;
        }
        None => output::print(&ask(&arguments)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(arguments: &Why) -> Result<String, Failure> {
    let policies = load(&arguments.config)?;
    let needed = |what: &str| Failure::Usage(format!("name a request by its id, or --{what} with the other two"));
    let (kind, id) = principal(arguments.principal.as_deref().ok_or_else(|| needed("principal"))?)?;
    let action = arguments.action.as_deref().ok_or_else(|| needed("action"))?;
    let path = arguments.resource.as_deref().ok_or_else(|| needed("resource"))?;
    let operation = operation(&policies, action)?;
    let mut parameters = parameters(operation, path)?;
    for pair in &arguments.object {
        parameters.push(named(pair)?);
    }
    let attributes = facts(&arguments.attributes, &policies.model.claims)?;
    let body = facts(&arguments.body, &operation.body)?;
    let headers = arguments.headers.iter().map(|pair| named(pair)).collect::<Result<Vec<_>, _>>()?;
    let wrong = |time: &String| Failure::Usage(format!("`{time}` is no moment: write 2026-11-24T12:00:00Z"));
    let time = match &arguments.time {
        Some(time) => parse_moment(time).ok_or_else(|| wrong(time))?,
        None => i64::try_from(output::now().saturating_mul(1000)).unwrap_or(i64::MAX),
    };
    let origin = Origin { address: arguments.address, time, method: &arguments.method };
    let bound = policies.bindings.of(kind, id);
    let texts = |own: &'_ [String]| own.to_vec();
    let (mut roles, mut groups) = (texts(&arguments.roles), texts(&arguments.groups));
    roles.extend(bound.iter().flat_map(|binding| binding.roles.clone()));
    groups.extend(bound.iter().flat_map(|binding| binding.groups.clone()));
    let mut question = Question::new(kind, id, action, path, &origin)
        .roles(roles.iter().map(String::as_str))
        .groups(groups.iter().map(String::as_str))
        .mtls(arguments.mtls)
        .scopes(arguments.scopes.iter().map(String::as_str));
    if let Some(tenant) = bound.and_then(|binding| binding.tenant.as_deref()).or(arguments.tenant.as_deref()) {
        question = question.tenant(tenant);
    }
    if let Some(acr) = &arguments.acr {
        question = question.acr(acr);
    }
    if let Some(age) = arguments.age {
        question = question.age(age);
    }
    let bound = bound.map(|binding| binding.attributes.as_slice()).unwrap_or_default();
    let own = attributes.iter().filter(|(name, _)| !bound.iter().any(|(other, _)| other == name));
    question = own.chain(bound).fold(question, |question, (name, fact)| question.claim(name, fact.value()));
    question = parameters.iter().fold(question, |question, (name, value)| question.parameter(name, value));
    question = headers.iter().fold(question, |question, (name, value)| question.header(name, value));
    question = body.iter().fold(question, |question, (name, fact)| question.body(name, fact.value()));
    Ok(policies.engine.why(&question).to_string())
}

/// `User::alice`, or `User::"alice"` as Cedar writes it.
fn principal(text: &str) -> Result<(Kind, &str), Failure> {
    let wrong =
        || Failure::Usage(format!("`{text}` names no caller: write `User::alice`, with Client, ApiKey or Workload"));
    let (name, id) = text.split_once("::").ok_or_else(wrong)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(wrong)?;
    Ok((kind, id.strip_prefix('"').and_then(|id| id.strip_suffix('"')).unwrap_or(id)))
}

fn operation<'p>(policies: &'p Policies, action: &str) -> Result<&'p Operation, Failure> {
    let all = policies.model.apis.iter().flat_map(|api| {
        api.operations.iter().map(move |operation| (policy::action(&api.name, &operation.id), operation))
    });
    let all: Vec<_> = all.collect();
    let found = all.iter().find(|(name, _)| name == action).map(|(_, operation)| *operation);
    found.ok_or_else(|| {
        let help = did_you_mean(action, all.iter().map(|(name, _)| name.as_str()));
        Failure::Usage(format!("there is no action `{action}`. {help}"))
    })
}

/// The parameters that stand in a path.
fn parameters(operation: &Operation, path: &str) -> Result<Vec<(String, String)>, Failure> {
    let template: Vec<&str> = operation.path_template.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    let wrong = || Failure::Usage(format!("`{path}` is not a path of `{}`", operation.path_template));
    let mut found = Vec::new();
    for (at, segment) in template.iter().enumerate() {
        let name = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        match name.map(|name| (name, name.strip_suffix('*'))) {
            Some((_, Some(rest))) => {
                let remaining = given.get(at..).unwrap_or_default().join("/");
                found.push((rest.to_owned(), remaining));
                return Ok(found);
            }
            Some((name, None)) => found.push((name.to_owned(), (*given.get(at).ok_or_else(wrong)?).to_owned())),
            None if given.get(at) == Some(segment) => {}
            None => return Err(wrong()),
        }
    }
    if template.len() == given.len() { Ok(found) } else { Err(wrong()) }
}

fn named(pair: &str) -> Result<(String, String), Failure> {
    let wrong = || Failure::Usage(format!("`{pair}` is not NAME=VALUE"));
    pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(wrong)
}

/// Facts in the types that are declared.
fn facts(pairs: &[String], declared: &[policy::Attribute]) -> Result<Vec<(String, Fact)>, Failure> {
    let one = |pair: &String| {
        let (name, value) = named(pair)?;
        let attribute = declared.iter().find(|one| one.name == name).ok_or_else(|| {
            let help = did_you_mean(&name, declared.iter().map(|one| one.name.as_str()));
            Failure::Usage(format!("`{name}` is not declared. {help}"))
        })?;
        let fact = match attribute.kind {
            ValueKind::String => Some(Fact::String(value.clone())),
            ValueKind::Long => value.parse().ok().map(Fact::Long),
            ValueKind::Bool => value.parse().ok().map(Fact::Bool),
            ValueKind::Strings => Some(Fact::Strings(value.split(',').map(str::to_owned).collect())),
        };
        let fact = fact.ok_or_else(|| Failure::Usage(format!("`{value}` is not of the type that `{name}` has")))?;
        Ok((name, fact))
    };
    pairs.iter().map(one).collect()
}
