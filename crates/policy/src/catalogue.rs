//! All operations of all APIs under their Cedar names, checked to be told apart.

use std::collections::{HashMap, HashSet};

use crate::{
    model::{Api, Model, Operation, ValueKind},
    names,
    report::{Findings, Problem},
};

/// An operation with its Cedar names.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) api: String,
    pub(crate) operation: Operation,
    /// The id of the action.
    pub(crate) action: String,
    /// The entity type of the resource.
    pub(crate) resource_type: String,
}

impl Entry {
    /// The id of the action group it is in; that group is in the one with the API's name.
    pub(crate) fn group(&self) -> String {
        names::action_group(&self.api, self.operation.read)
    }
}

/// The operations, in the order of the model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue {
    pub(crate) entries: Vec<Entry>,
    /// Positions of operations by action and action group.
    by_action: HashMap<String, Vec<usize>>,
    /// Positions of operations by their own id.
    by_operation: HashMap<String, Vec<usize>>,
}

impl Catalogue {
    pub(crate) fn new(model: &Model, findings: &mut Findings) -> Self {
        check_names(model, findings);
        check_attributes(model, findings);
        let mut catalogue = Self::default();
        for api in &model.apis {
            for group in groups(&api.name) {
                catalogue.by_action.entry(group).or_default();
            }
            for operation in &api.operations {
                catalogue.add(entry(api, operation));
            }
        }
        catalogue
    }

    fn add(&mut self, entry: Entry) {
        let at = self.entries.len();
        for id in [&entry.action, &entry.group(), &entry.api] {
            self.by_action.entry(id.clone()).or_default().push(at);
        }
        self.by_operation.entry(entry.operation.id.clone()).or_default().push(at);
        self.entries.push(entry);
    }

    /// Positions of the operations that an action or action group stands for.
    pub(crate) fn of_action(&self, id: &str) -> &[usize] {
        self.by_action.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// What a permission's pattern stands for: the id of the action or group, and the operations in it.
    pub(crate) fn of_pattern(&self, pattern: &str) -> Vec<(String, Vec<usize>)> {
        if let Some(whole) = self.by_action.get(pattern) {
            return vec![(pattern.to_owned(), whole.clone())];
        }
        let named = self.by_operation.get(pattern).map(Vec::as_slice).unwrap_or_default();
        named.iter().filter_map(|at| Some((self.entries.get(*at)?.action.clone(), vec![*at]))).collect()
    }

    /// Every pattern there is, to suggest one.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.by_action.keys().chain(self.by_operation.keys()).map(String::as_str)
    }
}

/// The action groups of an API.
fn groups(api: &str) -> [String; 3] {
    [api.to_owned(), names::action_group(api, true), names::action_group(api, false)]
}

fn entry(api: &Api, operation: &Operation) -> Entry {
    Entry {
        api: api.name.clone(),
        operation: operation.clone(),
        action: names::action(&api.name, &operation.id),
        resource_type: names::resource_type(&api.name, &operation.id),
    }
}

/// Two things with one name could not be told apart in a policy.
fn check_names(model: &Model, findings: &mut Findings) {
    let mut actions: HashMap<String, String> = HashMap::new();
    let mut types: HashMap<String, String> = HashMap::new();
    for api in &model.apis {
        let groups = groups(&api.name).into_iter().map(|id| (id, format!("API {}", api.name)));
        let operations =
            api.operations.iter().map(|one| (names::action(&api.name, &one.id), format!("operation {}", one.id)));
        for (id, what) in groups.chain(operations) {
            claim_name(&mut actions, id, what, "action", findings);
        }
        claim_name(&mut types, names::identifier(&api.name), format!("API {}", api.name), "namespace", findings);
        for operation in &api.operations {
            let name = names::resource_type(&api.name, &operation.id);
            claim_name(&mut types, name, format!("operation {}", operation.id), "entity type", findings);
        }
    }
}

fn claim_name(taken: &mut HashMap<String, String>, name: String, what: String, kind: &str, findings: &mut Findings) {
    if let Some(other) = taken.get(&name) {
        let message = format!("{what} and {other} would both be the {kind} `{name}`");
        findings.add(Problem::Model, None, message, "Give one of them another name or operationId.");
    } else {
        taken.insert(name, what);
    }
}

fn check_attributes(model: &Model, findings: &mut Findings) {
    let claims: Vec<&str> = model.claims.iter().map(|claim| claim.name.as_str()).collect();
    check_once("claims", claims.iter().copied().chain(["id", "tenant"]), findings);
    for operation in model.apis.iter().flat_map(|api| &api.operations) {
        let of = |what: &str| format!("{what} of {}", operation.id);
        check_once(&of("path parameters"), operation.parameters.iter().map(|one| one.name.as_str()), findings);
        check_once(&of("headers"), operation.headers.iter().map(String::as_str), findings);
        check_once(&of("body members"), operation.body.iter().map(|one| one.name.as_str()), findings);
        check_meaning(operation, "tenant", operation.tenant.as_deref(), findings);
        check_meaning(operation, "owner", operation.owner.as_deref(), findings);
    }
}

fn check_once<'a>(what: &str, names: impl Iterator<Item = &'a str>, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for name in names.filter(|name| !seen.insert(name.to_owned())).collect::<Vec<_>>() {
        findings.add(Problem::Model, None, format!("`{name}` is there twice among the {what}"), "Rename one of them.");
    }
}

/// The tenant or owner must be a path parameter, and must not hide another one of that name.
fn check_meaning(operation: &Operation, meaning: &str, parameter: Option<&str>, findings: &mut Findings) {
    let Some(parameter) = parameter else { return };
    let id = &operation.id;
    if !operation.parameters.iter().any(|one| one.name == parameter) {
        let known = operation.parameters.iter().map(|one| one.name.as_str());
        let help = crate::suggest::did_you_mean(parameter, known);
        findings.add(
            Problem::Model,
            None,
            format!("the {meaning} of {id} is `{parameter}`, which is no path parameter"),
            help,
        );
    }
    let hides =
        |one: &&crate::Attribute| one.name == meaning && (parameter != meaning || one.kind != ValueKind::String);
    if operation.parameters.iter().any(|one| hides(&one)) {
        let message =
            format!("{id} has a path parameter `{meaning}` that is not the text by which it knows its {meaning}");
        findings.add(Problem::Model, None, message, "Rename the path parameter.");
    }
}
