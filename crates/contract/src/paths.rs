//! The operations of a document, path by path.

use std::collections::{BTreeMap, HashSet};

use http::Method;
use serde_json::{Map, Value};

use crate::{
    difference::Part,
    document::Options,
    media::Media,
    operation::{Operation, RequestBody, Security},
    parameter::Parameter,
    pointer::{follow, join, last},
    problem::Problems,
    response::Responses,
    schema::Translator,
    sunset::Sunset,
    template::Template,
};

const METHODS: [(&str, Method); 7] = [
    ("get", Method::GET),
    ("put", Method::PUT),
    ("post", Method::POST),
    ("delete", Method::DELETE),
    ("options", Method::OPTIONS),
    ("head", Method::HEAD),
    ("patch", Method::PATCH),
];

/// Reads the operations of a document.
pub(crate) struct Reader<'d> {
    pub(crate) document: &'d Value,
    pub(crate) options: &'d Options,
    /// Path before those of the document.
    pub(crate) base: String,
    pub(crate) requests: Translator<'d>,
    pub(crate) responses: Translator<'d>,
}

/// What is known of an operation before its parts are read.
struct Outline<'d> {
    method: Method,
    template: Template,
    pointer: String,
    value: &'d Value,
    /// Parameters of the path item.
    shared: Vec<(String, &'d Value)>,
}

impl<'d> Reader<'d> {
    /// All operations; problems are reported.
    pub(crate) fn paths(mut self, problems: &mut Problems, paths: &'d Map<String, Value>) -> Vec<Operation> {
        let (mut operations, mut names) = (Vec::new(), HashSet::new());
        let mut templates: BTreeMap<String, String> = BTreeMap::new();
        for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
            let place = join("/paths", path);
            let template = match Template::parse(&format!("{}{path}", self.base)) {
                Ok(template) => template,
                Err(message) => {
                    problems.unsupported(&place, message, "Parameters fill whole segments: `/orders/{id}`.");
                    continue;
                }
            };
            let shape: Vec<_> = template.text.split('/').map(|s| if s.starts_with('{') { "{}" } else { s }).collect();
            if let Some(twin) = templates.insert(shape.join("/"), path.clone()) {
                problems.invalid(&place, format!("`{path}` takes the same paths as `{twin}`"), "Join the two.");
                continue;
            }
            for outline in self.item(problems, &place, item, &template) {
                if let Some(id) = outline.value.get("operationId").and_then(Value::as_str)
                    && !names.insert(id.to_owned())
                {
                    let place = join(&outline.pointer, "operationId");
                    problems.invalid(&place, format!("two operations are named `{id}`"), "Give each its own name.");
                }
                operations.extend(self.operation(problems, &outline));
            }
        }
        operations
    }

    /// The operations of a path item.
    fn item(&self, problems: &mut Problems, place: &str, item: &'d Value, template: &Template) -> Vec<Outline<'d>> {
        let Some((place, item)) = self.followed(problems, place, item) else { return Vec::new() };
        known_keys(
            problems,
            &place,
            item,
            &[
                "get",
                "put",
                "post",
                "delete",
                "options",
                "head",
                "patch",
                "trace",
                "parameters",
                "summary",
                "description",
                "servers",
                "$ref",
            ],
        );
        for key in ["servers", "trace"].into_iter().filter(|key| item.get(*key).is_some()) {
            let help = "Use the document's own `servers`; TRACE is never served.";
            problems.unsupported(&join(&place, key), format!("`{key}` of a path is not supported"), help);
        }
        let shared = self.parameters_of(problems, &place, item);
        let methods = METHODS.iter().filter_map(|(key, method)| Some((key, method, item.get(*key)?)));
        methods
            .map(|(key, method, value)| Outline {
                method: method.clone(),
                template: template.clone(),
                pointer: join(&place, key),
                value,
                shared: shared.clone(),
            })
            .collect()
    }

    fn followed(&self, problems: &mut Problems, place: &str, value: &'d Value) -> Option<(String, &'d Value)> {
        match follow(self.document, place, value) {
            Ok(found) => Some(found),
            Err((place, message)) => {
                problems.invalid(&place, message, "Refer to a part of this document: `$ref: \"#/components/…\"`.");
                None
            }
        }
    }

    fn parameters_of(&self, problems: &mut Problems, place: &str, value: &'d Value) -> Vec<(String, &'d Value)> {
        let list = value.get("parameters").and_then(Value::as_array).into_iter().flatten().enumerate();
        let place = join(place, "parameters");
        list.filter_map(|(at, value)| self.followed(problems, &join(&place, &at.to_string()), value)).collect()
    }

    fn operation(&mut self, problems: &mut Problems, outline: &Outline<'d>) -> Option<Operation> {
        let Outline { method, template, pointer, value, .. } = outline;
        known_keys(
            problems,
            pointer,
            value,
            &[
                "tags",
                "summary",
                "description",
                "externalDocs",
                "operationId",
                "parameters",
                "requestBody",
                "responses",
                "callbacks",
                "deprecated",
                "security",
                "servers",
            ],
        );
        if value.get("servers").is_some() {
            problems.unsupported(
                &join(pointer, "servers"),
                "`servers` of an operation is not supported",
                "Use the document's own.",
            );
        }
        let id = value.get("operationId").and_then(Value::as_str).map(str::to_owned);
        let mut operation = Operation {
            id,
            method: method.clone(),
            template: template.clone(),
            pointer: pointer.clone(),
            deprecated: value.get("deprecated") == Some(&Value::Bool(true)),
            sunset: sunset(problems, pointer, value),
            security: self.security(value),
            parameters: Vec::new(),
            body: None,
            responses: Responses::default(),
            unknown_query: !self.options.strict_query,
        };
        if self.is_off(&operation) {
            return Some(operation);
        }
        operation.parameters = self.parameters(problems, outline);
        if let Some(body) = value.get("requestBody") {
            operation.body = Some(self.body(problems, &join(pointer, "requestBody"), body)?);
        }
        match value.get("responses") {
            None => problems.invalid(pointer, "the operation has no responses", "Add `responses:` with at least one."),
            Some(responses) if self.options.responses => {
                let place = join(pointer, "responses");
                let opaque = &self.options.opaque;
                operation.responses = Responses::compile(&mut self.responses, problems, &place, responses, opaque);
            }
            Some(_) => {}
        }
        Some(operation)
    }

    fn is_off(&self, operation: &Operation) -> bool {
        let off = &self.options.off;
        off.contains("*") || off.contains(&operation.name()) || operation.id.as_ref().is_some_and(|id| off.contains(id))
    }

    /// Parameters of the operation, and those of its path that it does not replace.
    fn parameters(&mut self, problems: &mut Problems, outline: &Outline<'d>) -> Vec<Parameter> {
        let own = self.parameters_of(problems, &outline.pointer, outline.value);
        let key = |value: &Value| (value.get("name").cloned(), value.get("in").cloned());
        let replaced = |value: &Value| own.iter().any(|(_, other)| key(other) == key(value));
        let shared = outline.shared.iter().filter(|(_, value)| !replaced(value)).cloned();
        let all: Vec<_> = own.iter().cloned().chain(shared).collect();
        for (at, (place, value)) in all.iter().enumerate() {
            if all.iter().take(at).any(|(_, earlier)| key(earlier) == key(value)) {
                problems.invalid(place, "the parameter is there twice", "Keep one of the two.");
            }
        }
        for name in outline.template.parameters() {
            let is_it = |value: &Value| {
                value.get("name").and_then(Value::as_str) == Some(name)
                    && value.get("in").and_then(Value::as_str) == Some("path")
            };
            if !all.iter().any(|(_, value)| is_it(value)) {
                let help = format!("Add `{{ name: {name}, in: path, required: true, schema: {{ type: string }} }}`.");
                problems.invalid(&outline.pointer, format!("the path parameter `{name}` is not declared"), help);
            }
        }
        let compiled =
            all.iter().filter_map(|(place, value)| Parameter::compile(&mut self.requests, problems, place, value));
        let compiled: Vec<Parameter> = compiled.collect();
        for parameter in compiled.iter().filter(|parameter| parameter.part == Part::Path) {
            if !outline.template.parameters().any(|name| name == parameter.name) {
                let message = format!("the path has no parameter `{}`", parameter.name);
                problems.invalid(&outline.pointer, message, "Correct its name, or put it into the path.");
            }
        }
        compiled
    }

    fn body(&mut self, problems: &mut Problems, place: &str, value: &'d Value) -> Option<RequestBody> {
        let (place, value) = self.followed(problems, place, value)?;
        known_keys(problems, &place, value, &["description", "content", "required"]);
        let content = value.get("content").filter(|content| content.as_object().is_some_and(|map| !map.is_empty()));
        let Some(content) = content else {
            problems.invalid(&place, "the body has no content", "Add `content: { application/json: { schema: … } }`.");
            return None;
        };
        let place = join(&place, "content");
        let media = Media::compile(&mut self.requests, problems, &place, content, &self.options.opaque);
        Some(RequestBody { required: value.get("required") == Some(&Value::Bool(true)), media })
    }

    fn security(&self, operation: &Value) -> Security {
        let asked = operation.get("security").or_else(|| self.document.get("security")).and_then(Value::as_array);
        let Some(asked) = asked else { return Security::Scopes(Vec::new()) };
        let scopes_of = |requirement: &Value| -> Vec<String> {
            let schemes = requirement.as_object().into_iter().flatten().filter(|(name, _)| self.has_scopes(name));
            let mut scopes: Vec<String> = schemes
                .flat_map(|(_, scopes)| scopes.as_array().into_iter().flatten())
                .filter_map(|s| Some(s.as_str()?.to_owned()))
                .collect();
            scopes.sort();
            scopes.dedup();
            scopes
        };
        if asked.is_empty() || asked.iter().any(|requirement| requirement.as_object().is_some_and(Map::is_empty)) {
            return Security::Anonymous;
        }
        let mut each = asked.iter().map(scopes_of);
        let first = each.next().unwrap_or_default();
        if each.all(|scopes| scopes == first) { Security::Scopes(first) } else { Security::Alternatives }
    }

    /// Only these schemes name scopes; others name roles or nothing (OpenAPI 3.1 §4.8.30).
    fn has_scopes(&self, scheme: &str) -> bool {
        let scheme = self.document.pointer(&join("/components/securitySchemes", scheme));
        let kind = scheme.and_then(|scheme| scheme.get("type")).and_then(Value::as_str);
        matches!(kind, Some("oauth2" | "openIdConnect"))
    }
}

fn sunset(problems: &mut Problems, pointer: &str, value: &Value) -> Option<Sunset> {
    let text = value.get("x-sunset")?.as_str().unwrap_or_default();
    let sunset = Sunset::parse(text);
    if sunset.is_none() {
        let help = "Write `x-sunset: \"2027-01-31\"`, or with a time: `\"2027-01-31T12:00:00Z\"`.";
        problems.invalid(&join(pointer, "x-sunset"), format!("`{text}` is not a day, or a time in UTC"), help);
    }
    sunset
}

/// Reports keys that OpenAPI does not have.
pub(crate) fn known_keys(problems: &mut Problems, pointer: &str, value: &Value, known: &[&str]) {
    for key in value.as_object().into_iter().flat_map(Map::keys) {
        if !known.contains(&key.as_str()) && !key.starts_with("x-") {
            let holder = if pointer.is_empty() { "a document".to_owned() } else { format!("`{}`", last(pointer)) };
            let help = format!("Known here: {}.", known.join(", "));
            problems.invalid(&join(pointer, key), format!("there is no key `{key}` in {holder}"), help);
        }
    }
}
