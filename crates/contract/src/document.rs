//! A document as a whole: versions, servers, paths, operations.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    contract::Contract,
    operation::Operation,
    paths::{Reader, known_keys},
    problem::{Problem, Problems},
    schema::{Direction, Language, Translator},
};

/// How a document is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Objects with declared members take no others unless their schema says so.
    pub strict_objects: bool,
    /// Query parameters that are not declared are refused.
    pub strict_query: bool,
    /// Path before those of the document, instead of that of its `servers`.
    pub base: Option<String>,
    /// Media types whose bodies are passed unseen although they have a schema.
    pub opaque: Vec<String>,
    /// Operations that are not judged, by `operationId` or as `GET /path`; their parts are not read.
    pub off: BTreeSet<String>,
    /// Whether answers are judged.
    pub responses: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            strict_objects: true,
            strict_query: true,
            base: None,
            opaque: Vec::new(),
            off: BTreeSet::new(),
            responses: false,
        }
    }
}

/// Compiles a document of OpenAPI 3.0 or 3.1.
///
/// # Errors
/// All problems found, at least one.
pub fn compile(document: &Value, options: &Options) -> Result<Contract, Vec<Problem>> {
    let mut problems = Problems::default();
    let operations = read(document, options, &mut problems);
    match operations {
        Some(operations) if problems.0.is_empty() => Ok(Contract::new(operations)),
        _ => Err(problems.0),
    }
}

fn read(document: &Value, options: &Options, problems: &mut Problems) -> Option<Vec<Operation>> {
    let language = language(document, problems)?;
    let base = match &options.base {
        Some(base) => base.trim_end_matches('/').to_owned(),
        None => base_of_servers(document, problems),
    };
    let translator = |direction| Translator::new(document, language, direction, options.strict_objects);
    let reader = Reader {
        document,
        options,
        base,
        requests: translator(Direction::Request),
        responses: translator(Direction::Response),
    };
    known_keys(
        problems,
        "",
        document,
        &[
            "openapi",
            "info",
            "servers",
            "paths",
            "components",
            "security",
            "tags",
            "externalDocs",
            "webhooks",
            "jsonSchemaDialect",
        ],
    );
    let Some(paths) = document.get("paths").and_then(Value::as_object).filter(|paths| !paths.is_empty()) else {
        problems.invalid("", "the document has no paths", "Add `paths:` with at least one operation.");
        return None;
    };
    Some(reader.paths(problems, paths))
}

fn language(document: &Value, problems: &mut Problems) -> Option<Language> {
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if version.starts_with("3.0.") {
        return Some(Language::OpenApi30);
    }
    if version.starts_with("3.1.") {
        return Some(Language::OpenApi31);
    }
    let place = if document.get("openapi").is_some() { "/openapi" } else { "" };
    let message = if document.get("swagger").is_some() {
        "this is a document of Swagger 2.0".to_owned()
    } else {
        format!("`{version}` is not a version of OpenAPI that is known here")
    };
    problems.unsupported(place, message, "Use OpenAPI 3.0 or 3.1, such as `openapi: 3.1.0`.");
    None
}

/// The path that all servers share.
fn base_of_servers(document: &Value, problems: &mut Problems) -> String {
    let servers = document.get("servers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let bases: BTreeSet<String> = servers.iter().map(base_of_server).collect();
    if bases.len() > 1 {
        let help = "Say which one stands before the paths here: `contract.base: /v1`.";
        problems.unsupported("/servers", "the servers have different paths", help);
    }
    bases.into_iter().next().unwrap_or_default()
}

fn base_of_server(server: &Value) -> String {
    let mut url = server.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None => url.as_str(),
    };
    let path = path.trim_matches('/');
    if path.is_empty() { String::new() } else { format!("/{path}") }
}
