//! `policies`: read before the APIs, whose routes mention roles, and loaded after them, whose operations they are about.

mod bindings;
mod claims;
mod roles;
mod route;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use policy::{Attribute, Engine, Link, Model, Problem, Report, Role, Source, Sources, ValueKind};

use super::{Context, apis::Known, files, reason};
use crate::{
    Api, Bindings, Cases, ClaimMapping, IssuerName, Policies,
    codes::{Entry, diagnostics, policies as codes},
    report::Span,
    yaml::Node,
};

pub(super) use route::{Place, check_parameters, route, serves};

/// What was wrong was reported.
pub(in crate::decode) struct Reported;

/// What `policies` says, apart from what the APIs add to it.
pub(super) struct Said {
    live: Written,
    shadow: Option<Written>,
    groups: Vec<String>,
    attributes: Vec<Attribute>,
    cases: Vec<(policy::cases::Cases, Span)>,
    claims: BTreeMap<IssuerName, ClaimMapping>,
    bindings: Bindings,
}

/// Policies as people wrote them.
#[derive(Default)]
struct Written {
    roles: Vec<Role>,
    links: Vec<Link>,
    files: Vec<Arc<Source>>,
}

impl Said {
    /// Names of the roles.
    pub(super) fn roles(&self) -> BTreeSet<String> {
        self.live.roles.iter().map(|role| role.name.value.clone()).collect()
    }
}

/// Everything but the policies' own sense.
pub(super) fn read(cx: &Context, node: &Node, issuers: &BTreeSet<IssuerName>) -> Option<Said> {
    let live = written(cx, node);
    let shadow = node.get("shadow").map(|node| written(cx, node));
    let groups = super::values::texts(node.get("groups"));
    let attributes = node.get("attributes").map_or(Some(Vec::new()), |node| attributes(cx, node));
    let tests = node.get("tests").map(Node::items).unwrap_or_default();
    let cases = super::every(tests, |node| cases(cx, node));
    let live = live?;
    let roles = live.roles.iter().map(|role| role.name.value.as_str()).collect();
    // A mistake in a type is no reason to call the name unknown wherever it is used.
    let known = attributes.clone().unwrap_or_else(|| of_any_type(node.get("attributes")));
    let declared = Declared { roles, groups: &groups, attributes: &known };
    let claims = claims::all(cx, node.get("claims"), issuers, &declared);
    let bindings = bindings::all(cx, node.get("bindings"), &declared);
    let shadow = match shadow {
        None => None,
        Some(shadow) => Some(shadow?),
    };
    Some(Said { claims: claims?, bindings: bindings?, live, shadow, groups, attributes: attributes?, cases: cases? })
}

fn of_any_type(node: Option<&Node>) -> Vec<Attribute> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries.iter().map(|(key, _)| Attribute::new(&key.text, ValueKind::Strings)).collect()
}

/// Names that mappings and bindings may use.
struct Declared<'d> {
    roles: BTreeSet<&'d str>,
    groups: &'d [String],
    attributes: &'d [Attribute],
}

impl Declared<'_> {
    fn role(&self, cx: &Context, node: &Node) -> Option<String> {
        let name = node.text()?;
        if self.roles.contains(name) {
            return Some(name.to_owned());
        }
        let help = policy::did_you_mean(name, self.roles.iter().copied());
        cx.report(&codes::UNKNOWN_ROLE, node.span, format!("there is no role `{name}`"), help);
        None
    }

    fn group(&self, cx: &Context, node: &Node) -> Option<String> {
        let name = node.text()?;
        if self.groups.iter().any(|group| group == name) {
            return Some(name.to_owned());
        }
        let help = policy::did_you_mean(name, self.groups.iter().map(String::as_str));
        cx.report(&codes::UNKNOWN_GROUP, node.span, format!("there is no group `{name}`"), help);
        None
    }

    fn attribute(&self, cx: &Context, name: &str, span: Span) -> Option<&Attribute> {
        let found = self.attributes.iter().find(|attribute| attribute.name == name);
        if found.is_none() {
            let help = policy::did_you_mean(name, self.attributes.iter().map(|attribute| attribute.name.as_str()));
            cx.report(&codes::UNKNOWN_ATTRIBUTE, span, format!("there is no attribute `{name}`"), help);
        }
        found
    }
}

fn written(cx: &Context, node: &Node) -> Option<Written> {
    let roles = roles::all(cx, node.get("roles"));
    let links = roles::links(cx, node.get("links"));
    let named = node.get("cedar").map(Node::items).unwrap_or_default();
    let files = super::every(named, |node| source(cx, node));
    let (roles, mut links) = (roles?, links?);
    links.splice(0..0, roles.links);
    Some(Written { roles: roles.roles, links, files: files? })
}

/// The text of a file that `node` names.
fn source(cx: &Context, node: &Node) -> Option<Arc<Source>> {
    let path = node.text()?;
    let bytes = files::read(cx, node, path)?;
    if let Ok(text) = std::str::from_utf8(&bytes) {
        return Some(Source::new(path, text));
    }
    cx.report(&diagnostics::MISSING_FILE, node.span, format!("`{path}` is not UTF-8"), "Save it as UTF-8.");
    None
}

fn cases(cx: &Context, node: &Node) -> Option<(policy::cases::Cases, Span)> {
    let file = source(cx, node)?;
    match policy::cases::Cases::parse(&file.name, &file.text) {
        Ok(cases) => Some((cases, node.span)),
        Err(report) => {
            pass_on(cx, &report, node.span);
            None
        }
    }
}

/// Names and types of facts.
fn attributes(cx: &Context, node: &Node) -> Option<Vec<Attribute>> {
    let one = |(key, node): &(crate::yaml::Key, Node)| Some(Attribute::new(&key.text, kind(cx, node)?));
    let all: Vec<Option<Attribute>> = node.entries().iter().map(one).collect();
    all.into_iter().collect()
}

fn kind(cx: &Context, node: &Node) -> Option<ValueKind> {
    let text = node.text()?;
    let kind = match text {
        "String" => Some(ValueKind::String),
        "Long" => Some(ValueKind::Long),
        "Bool" => Some(ValueKind::Bool),
        "Set<String>" => Some(ValueKind::Strings),
        _ => None,
    };
    if kind.is_none() {
        let help = "Write `String`, `Long`, `Bool` or `Set<String>`.";
        cx.report(&codes::BAD_FACT_TYPE, node.span, format!("`{text}` is not a type of facts"), help);
    }
    kind
}

/// Why policies do not decide over an API.
pub(super) fn off(cx: &Context, node: &Node, known: &Known<'_>) -> Option<String> {
    if known.roles.is_none() {
        let message = "there are no `policies` that could be off";
        cx.report(&codes::NEEDS_POLICIES, node.span, message, "Remove this, or add `policies:` to the file.");
        return None;
    }
    reason(cx, node.get("off")?, "off")
}

/// Makes the policies ready to decide. Whatever is wrong with them, or comes out otherwise than a case expects, is
/// reported. APIs with mistakes are not asked: each operation that they lack would be one more.
pub(super) fn load(cx: &Context, root: &Node, said: Said, apis: &[Api]) -> Option<Policies> {
    if !cx.is_clean() {
        return None;
    }
    let span = root.entries().iter().find(|(key, _)| key.text == "policies").map_or(root.span, |(key, _)| key.span);
    let model = Model { apis: apis.iter().map(operations).collect(), groups: said.groups, claims: said.attributes };
    let make = |written: Written| {
        let Written { roles, links, files } = written;
        let made = Engine::load(&Sources { model: model.clone(), roles, files, links });
        made.map_err(|report| pass_on(cx, &report, span)).ok().map(Arc::new)
    };
    let engine = make(said.live);
    let shadow = said.shadow.map(make);
    let engine = engine?;
    if cx.cases == Cases::Run {
        said.cases.iter().for_each(|(cases, span)| run(cx, cases, &engine, *span));
    }
    let shadow = match shadow {
        None => None,
        Some(shadow) => Some(shadow?),
    };
    let cases = said.cases.into_iter().map(|(cases, _)| cases).collect();
    Some(Policies { engine, model, shadow, cases, claims: said.claims, bindings: said.bindings })
}

fn operations(api: &Api) -> policy::Api {
    let judged = api.routes.iter().filter_map(|route| route.policy.as_ref());
    policy::Api { name: api.name.clone(), operations: judged.map(|policy| policy.operation.clone()).collect() }
}

fn run(cx: &Context, cases: &policy::cases::Cases, engine: &Engine, span: Span) {
    for result in cases.run(engine).results {
        let Some(failure) = result.failure else { continue };
        let message = format!("{}: {failure}", result.name.value);
        let help = "Change the policies or the case. `portcullis policy test` runs them all.".to_owned();
        match &result.name.place {
            Some(place) => cx.report_at(&codes::FAILED_CASE, place, message, help),
            None => cx.report(&codes::FAILED_CASE, span, message, help),
        }
    }
}

/// Reports what the policies' own reader found.
fn pass_on(cx: &Context, report: &Report, span: Span) {
    let mut last = None;
    for finding in report.findings().iter().filter(|finding| finding.problem.is_error()) {
        // What is wrong for one kind of callers is wrong for the others.
        let told = (finding.place.as_ref(), finding.problem, &finding.help);
        if finding.place.is_some() && last.replace(told) == Some(told) {
            continue;
        }
        let code = code(finding.problem);
        match &finding.place {
            Some(place) => cx.report_at(code, place, finding.message.clone(), finding.help.clone()),
            None => cx.report(code, span, &finding.message, &finding.help),
        }
    }
}

fn code(problem: Problem) -> &'static Entry {
    match problem {
        Problem::Model => &codes::NO_SCHEMA,
        Problem::Yaml => &codes::POLICY_YAML,
        Problem::Duplicate => &codes::POLICY_NAME_TWICE,
        Problem::UnknownRole => &codes::UNKNOWN_ROLE,
        Problem::UnknownGroup => &codes::UNKNOWN_GROUP,
        Problem::UnknownOperation => &codes::UNKNOWN_OPERATION,
        Problem::Circle => &codes::ROLE_CIRCLE,
        Problem::NothingToMatch => &codes::NOTHING_TO_MATCH,
        Problem::Syntax => &codes::POLICY_NOT_CEDAR,
        // The last two are warnings, which do not come here.
        Problem::Schema | Problem::NeverApplies | Problem::Misleading => &codes::POLICY_SCHEMA,
        Problem::Link => &codes::BAD_LINK,
    }
}
