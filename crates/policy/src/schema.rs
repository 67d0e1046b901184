//! The Cedar schema, made from the model.

use std::fmt::Write;

use crate::{
    model::{Api, Attribute, Model, Operation, ValueKind},
    names::{self, GROUP, PRINCIPALS, ROLE, quote},
};

/// The schema in Cedar's human format.
pub(crate) fn text(model: &Model) -> String {
    let mut out = String::from("// Who asks. Roles and groups are what a caller is `in`.\n");
    let _ = writeln!(out, "entity {ROLE} in [{ROLE}];\nentity {GROUP};");
    let fixed = [("id", "String", false), ("tenant", "String", true)].into_iter();
    let claims = model.claims.iter().map(|claim| (claim.name.as_str(), claim.kind.cedar(), true));
    let _ = writeln!(out, "entity {} in [{ROLE}, {GROUP}] {};", PRINCIPALS.join(", "), record(fixed.chain(claims), ""));
    out.push_str("\n// How the caller was authenticated, and how many seconds ago.\n");
    out.push_str("type Authentication = { method: String, acr?: String, age?: Long };\n");
    for api in &model.apis {
        write_api(&mut out, api);
    }
    out
}

fn write_api(out: &mut String, api: &Api) {
    let all = quote(&api.name);
    let _ = writeln!(out, "\n// API {all}\naction {all};");
    for read in [true, false] {
        let _ = writeln!(out, "action {} in [{all}];", quote(&names::action_group(&api.name, read)));
    }
    for operation in &api.operations {
        write_action(out, api, operation);
    }
    let _ = writeln!(out, "namespace {} {{", names::identifier(&api.name));
    for operation in &api.operations {
        let (method, path) = (operation.method.escape_debug(), operation.path_template.escape_debug());
        let name = names::identifier(&operation.id);
        let attributes = record(resource_attributes(operation), "  ");
        let _ = writeln!(out, "  // {method} {path}\n  entity {name} {attributes};");
    }
    out.push_str("}\n");
}

fn write_action(out: &mut String, api: &Api, operation: &Operation) {
    let id = quote(&names::action(&api.name, &operation.id));
    let group = quote(&names::action_group(&api.name, operation.read));
    let headers = operation.headers.iter().map(|name| (name.as_str(), "String", true));
    let body = operation.body.iter().map(|member| (member.name.as_str(), member.kind.cedar(), true));
    let (headers, body) = (record(headers, "    "), record(body, "    "));
    let _ = writeln!(out, "action {id} in [{group}] appliesTo {{");
    let _ = writeln!(out, "  principal: [{}],", PRINCIPALS.join(", "));
    let _ = writeln!(out, "  resource: {},", names::resource_type(&api.name, &operation.id));
    out.push_str(
        "  context: {\n    address: ipaddr,\n    time: datetime,\n    auth: Authentication,\n    mtls: Bool,\n",
    );
    let _ = writeln!(out, "    scopes: Set<String>,\n    headers: {headers},\n    body: {body},\n  }}\n}};");
}

/// Path parameters, and the two that are known by their meaning.
fn resource_attributes(operation: &Operation) -> impl Iterator<Item = (&str, &'static str, bool)> {
    let named = [("tenant", &operation.tenant), ("owner", &operation.owner)].into_iter();
    let meant = named.filter(|(_, parameter)| parameter.is_some()).map(|(name, _)| (name, "String", false));
    let parameters = operation.parameters.iter().filter(|parameter| !is_meant(operation, parameter));
    parameters.map(|parameter| (parameter.name.as_str(), parameter.kind.cedar(), false)).chain(meant)
}

/// A parameter called `tenant` that is the tenant is one attribute, not two.
fn is_meant(operation: &Operation, parameter: &Attribute) -> bool {
    let is = |name: &str, meaning: &Option<String>| {
        parameter.name == name && parameter.kind == ValueKind::String && meaning.as_deref() == Some(name)
    };
    is("tenant", &operation.tenant) || is("owner", &operation.owner)
}

/// A record type, one attribute a line.
fn record<'a>(attributes: impl Iterator<Item = (&'a str, &'static str, bool)>, indent: &str) -> String {
    let mut out = String::from("{");
    for (name, kind, optional) in attributes {
        let _ = write!(out, "\n{indent}  {}{}: {kind},", quote(name), if optional { "?" } else { "" });
    }
    if !out.ends_with('{') {
        let _ = write!(out, "\n{indent}");
    }
    out.push('}');
    out
}
