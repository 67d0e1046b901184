//! The three sets, compared.

use std::{collections::BTreeMap, fmt};

use config::{Api, Config, ContractMode, Methods, Segment};
use gateway::Sighting;
use serde::Serialize;

/// How an operation stands among documents, routes and use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Used, and no document has it.
    Shadow,
    /// Used, although the document deprecates it or its sunset has passed.
    Zombie,
    /// Documented, but not there: no route leads to it, or the upstream knows nothing of it.
    Ghost,
    /// Documented and routed, but nobody has used it since the gateway started.
    Orphan,
    /// Documented, routed and used.
    Known,
}

/// An operation and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    pub(crate) standing: Standing,
    pub(crate) api: String,
    pub(crate) method: String,
    pub(crate) template: String,
    pub(crate) answered: u64,
    pub(crate) missing: u64,
    pub(crate) why: String,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Shadow => "shadow",
            Self::Zombie => "zombie",
            Self::Ghost => "ghost",
            Self::Orphan => "orphan",
            Self::Known => "known",
        })
    }
}

/// What was seen of one operation.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    answered: u64,
    missing: u64,
}

/// All operations of all APIs, what needs attention first.
pub(crate) fn all(config: &Config, sightings: &[Sighting], now: u64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = config.apis.iter().flat_map(|api| of_api(api, sightings, now)).collect();
    entries.sort_by(|a, b| {
        (a.standing, &a.api, &a.template, &a.method).cmp(&(b.standing, &b.api, &b.template, &b.method))
    });
    entries
}

fn of_api(api: &Api, sightings: &[Sighting], now: u64) -> Vec<Entry> {
    let operations = api.contract.as_ref().map(|contract| contract.document.operations()).unwrap_or_default();
    let mut documented: Vec<(&contract::Operation, Seen)> =
        operations.iter().map(|operation| (operation, Seen::default())).collect();
    let mut others: BTreeMap<(String, String), Seen> = BTreeMap::new();
    for sighting in sightings.iter().filter(|sighting| sighting.api == api.name) {
        let seen = match documented.iter_mut().find(|(operation, _)| is_it(operation, sighting)) {
            Some((_, seen)) => seen,
            None => others.entry((sighting.template.clone(), sighting.method.clone())).or_default(),
        };
        seen.answered += sighting.answered;
        seen.missing += sighting.missing;
    }
    let entry = |standing, method: &str, template: &str, seen: Seen, why: String| {
        let (api, method, template) = (api.name.clone(), method.to_owned(), template.to_owned());
        let Seen { answered, missing } = seen;
        Entry { standing, api, method, template, answered, missing, why }
    };
    let known = documented.iter().map(|(operation, seen)| {
        let (standing, why) = standing(api, operation, *seen, now);
        entry(standing, operation.method.as_str(), &operation.template.text, *seen, why)
    });
    let shadows = others.iter().filter(|(_, seen)| seen.answered > 0).map(|((template, method), seen)| {
        let why = match &api.contract {
            Some(_) => "the document does not have it",
            None => "the API has no document",
        };
        entry(Standing::Shadow, method, template, *seen, why.to_owned())
    });
    known.chain(shadows).collect()
}

fn standing(api: &Api, operation: &contract::Operation, seen: Seen, now: u64) -> (Standing, String) {
    let is_retired = operation.sunset.is_some_and(|sunset| sunset.has_passed(now));
    if seen.answered > 0 && (operation.deprecated || is_retired) {
        let why = if is_retired { "its sunset has passed" } else { "it is deprecated" };
        return (Standing::Zombie, format!("{why}, and it is used"));
    }
    if !api.routes.iter().any(|route| leads_to(route, operation)) {
        return (Standing::Ghost, "no route leads to it".into());
    }
    match seen {
        Seen { answered: 0, missing: 0 } if is_retired => (Standing::Known, "retired, and nobody asks for it".into()),
        Seen { answered: 0, missing: 0 } => (Standing::Orphan, "nobody has used it since the start".into()),
        Seen { answered: 0, .. } if is_retired => (Standing::Known, "retired, and refused".into()),
        Seen { answered: 0, .. } => (Standing::Ghost, "it was asked for, and was never there".into()),
        Seen { .. } => (Standing::Known, mode(api, operation)),
    }
}

fn mode(api: &Api, operation: &contract::Operation) -> String {
    let Some(contract) = &api.contract else { return String::new() };
    let at = contract.document.operations().iter().position(|known| known.pointer == operation.pointer);
    match at.and_then(|at| contract.modes.get(at)).unwrap_or(&contract.mode) {
        ContractMode::Enforce => String::new(),
        ContractMode::Monitor => "only monitored".into(),
        ContractMode::Off { reason } => format!("not judged: {reason}"),
    }
}

/// Whether what was seen is an operation: `{}` and parameters of any name are alike.
fn is_it(operation: &contract::Operation, sighting: &Sighting) -> bool {
    let method = operation.method.as_str();
    let same_method = method == sighting.method || (method == "GET" && sighting.method == "HEAD");
    same_method && shape(&operation.template.text) == shape(&sighting.template)
}

/// A template without the names of its parameters.
fn shape(template: &str) -> Vec<&str> {
    template.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect()
}

/// Whether a route takes the paths of an operation.
fn leads_to(route: &config::Route, operation: &contract::Operation) -> bool {
    let methods = match &route.methods {
        Methods::Any => true,
        Methods::These(methods) => methods.contains(&operation.method),
    };
    let wanted = &operation.template.segments;
    let route = &route.template.segments;
    let open = matches!(route.last(), Some(Segment::Rest(_)));
    let fixed = if open { route.len() - 1 } else { route.len() };
    let same = route.iter().take(fixed).zip(wanted).all(|pair| match pair {
        (Segment::Literal(text), contract::Segment::Literal(wanted)) => text == wanted,
        (Segment::Parameter(_), _) => true,
        (Segment::Literal(_) | Segment::Rest(_), _) => false,
    });
    methods && same && (wanted.len() == fixed || (open && wanted.len() >= fixed))
}
