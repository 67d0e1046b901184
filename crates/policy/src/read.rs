//! Policy files, templates and links, read and held against the schema. All problems are reported at once.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use cedar_policy::{
    EntityUid, Policy, PolicyId, PolicySet, Schema, SlotId, Template, ValidationMode, ValidationWarning, Validator, pst,
};
use miette::Diagnostic;

use crate::{
    compile::Compiled,
    report::{Findings, Located, Place, Problem, Source},
    roles::Link,
    rule::{Loaded, text_of},
    suggest::did_you_mean,
};

/// Policies, and the places from which they come.
#[derive(Default)]
pub(crate) struct Reader {
    set: PolicySet,
    /// Places of policies and templates by id.
    places: HashMap<String, Place>,
    /// In the order of reading.
    order: Vec<String>,
    templates: BTreeMap<String, Template>,
    /// Ids of links.
    links: HashSet<String>,
    shapes: HashSet<String>,
    /// Policies of roles that another one stands for when the schema is checked: it does not know one role from another,
    /// and checking is what takes most of the time of loading.
    stood_for: Vec<PolicyId>,
}

impl Reader {
    /// Adds the policy of a permission. It was made by this crate, so that it parses; were it not to, nothing loads.
    pub(crate) fn add_compiled(&mut self, compiled: &Compiled, findings: &mut Findings) {
        match Policy::parse(Some(PolicyId::new(&compiled.id)), &compiled.text) {
            Ok(policy) => {
                if !self.shapes.insert(compiled.shape.clone()) {
                    self.stood_for.push(policy.id().clone());
                }
                self.add(policy, None, findings);
            }
            Err(error) => findings.add(Problem::Syntax, None, format!("{}: {error}", compiled.id), ""),
        }
    }

    /// Adds a file.
    pub(crate) fn add_file(&mut self, source: &Arc<Source>, findings: &mut Findings) {
        let set: PolicySet = match source.text.parse() {
            Ok(set) => set,
            Err(errors) => {
                let errors: cedar_policy::ParseErrors = errors;
                for error in errors.iter() {
                    let place = place_of(error, source).unwrap_or_else(|| start_of(source));
                    findings.add(Problem::Syntax, Some(&place), error.to_string(), help_of(error));
                }
                return;
            }
        };
        let mut from = 0;
        for at in 0..set.num_of_policies() + set.num_of_templates() {
            // Cedar numbers what it reads.
            let id = PolicyId::new(format!("policy{at}"));
            let default_id = format!("{}#{}", source.name, at + 1);
            if let Some(policy) = set.policy(&id) {
                let place = locate(source, &policy.to_cedar().unwrap_or_default(), &mut from);
                let id = policy.annotation("id").filter(|id| !id.is_empty()).unwrap_or(&default_id);
                self.add(policy.new_id(PolicyId::new(id)), Some(place), findings);
            } else if let Some(template) = set.template(&id) {
                let place = locate(source, &template.to_cedar(), &mut from);
                let id = template.annotation("id").filter(|id| !id.is_empty()).unwrap_or(&default_id);
                self.add_template(template.new_id(PolicyId::new(id)), place, findings);
            }
        }
    }

    /// Fills a template in.
    pub(crate) fn add_link(&mut self, link: &Link, findings: &mut Findings) {
        if !self.templates.contains_key(&link.template.value) {
            let help = did_you_mean(&link.template.value, self.templates.keys().map(String::as_str));
            let message = format!("no policy file has a template `{}`", link.template.value);
            findings.add(Problem::Link, link.template.place.as_ref(), message, help);
            return;
        }
        let principal = entity(link.principal.as_ref(), SlotId::principal(), findings);
        let resource = entity(link.resource.as_ref(), SlotId::resource(), findings);
        let (Some(principal), Some(resource)) = (principal, resource) else { return };
        let values = principal.into_iter().chain(resource).collect();
        let id = &link.id.value;
        if let Err(error) = self.set.link(PolicyId::new(&link.template.value), PolicyId::new(id), values) {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            findings.add(Problem::Link, link.id.place.as_ref(), format!("{error}{cause}"), help_of(&error));
            return;
        }
        self.links.insert(id.clone());
        self.order.push(id.clone());
        if let Some(place) = &link.id.place {
            self.places.insert(id.clone(), place.clone());
        }
    }

    fn add(&mut self, policy: Policy, place: Option<Place>, findings: &mut Findings) {
        let id = text_of(policy.id());
        if self.set.add(policy).is_err() {
            duplicate(&id, place.as_ref(), self.places.get(&id), findings);
            return;
        }
        self.order.push(id.clone());
        self.places.extend(place.map(|place| (id, place)));
    }

    fn add_template(&mut self, template: Template, place: Place, findings: &mut Findings) {
        let id = text_of(template.id());
        if self.set.add_template(template.clone()).is_err() {
            duplicate(&id, Some(&place), self.places.get(&id), findings);
            return;
        }
        self.places.insert(id.clone(), place);
        self.templates.insert(id, template);
    }

    /// Holds everything against the schema, and gives the policies in the order of reading.
    pub(crate) fn finish(self, schema: &Schema, findings: &mut Findings) -> Vec<Loaded> {
        self.validate(schema, findings);
        let mut out = Vec::with_capacity(self.order.len());
        for id in &self.order {
            let policy = self.set.policy(&PolicyId::new(id)).ok_or_else(|| format!("the policy `{id}` was lost"));
            match policy.and_then(as_static) {
                Ok((policy, tree)) => out.push(Loaded::new(policy, tree, self.places.get(id).cloned())),
                Err(error) => findings.add(Problem::Schema, self.places.get(id), error, ""),
            }
        }
        out
    }

    fn validate(&self, schema: &Schema, findings: &mut Findings) {
        let mut set = self.set.clone();
        for id in &self.stood_for {
            // One that is not there was a duplicate, which is a finding already.
            let _ = set.remove_static(id.clone());
        }
        let result = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        let mut seen = BTreeSet::new();
        let mut broken = BTreeSet::new();
        for error in result.validation_errors() {
            broken.insert(text_of(error.policy_id()));
            self.report(Problem::Schema, error.policy_id(), error, &mut seen, findings);
        }
        // A policy that is wrong often never applies either; that says nothing new.
        for warning in result.validation_warnings().filter(|one| !broken.contains::<str>(one.policy_id().as_ref())) {
            let problem = match warning {
                ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_) => {
                    Problem::NeverApplies
                }
                _ => Problem::Misleading,
            };
            self.report(problem, warning.policy_id(), warning, &mut seen, findings);
        }
    }

    /// Adds what Cedar says about a policy. It repeats itself for each kind of caller; once is enough.
    fn report(
        &self,
        problem: Problem,
        id: &PolicyId,
        said: &(impl Diagnostic + ToString),
        seen: &mut BTreeSet<(Option<Place>, Problem, String)>,
        findings: &mut Findings,
    ) {
        let id = text_of(id);
        let whole = self.places.get(&id);
        let span = said.labels().and_then(|mut labels| labels.next()).map(|label| (label.offset(), label.len()));
        // What Cedar says about a link points into its template.
        let span = span.filter(|_| !self.links.contains(&id));
        let place = whole.map(|whole| span.map_or_else(|| whole.clone(), |span| within(whole, span)));
        let (mut message, mut help) = (said.to_string(), help_of(said));
        if place.is_some() {
            let prefix = format!("for policy `{id}`, ");
            message = message.replacen(&prefix, "", 1);
            help = help.replacen(&prefix, "", 1);
        }
        for meaning in ["tenant", "owner"] {
            // Cedar would offer the nearest name, and the owner is no substitute for the tenant.
            if problem == Problem::Schema && message.contains(&format!("attribute `{meaning}` on entity type")) {
                help = format!(
                    "Say which path parameter is the {meaning}, or ask for it with `resource has {meaning} && ..`."
                );
            }
        }
        let said = if problem == Problem::NeverApplies { String::new() } else { message.clone() };
        if seen.insert((place.clone(), problem, said)) {
            findings.add(problem, place.as_ref(), message, help);
        }
    }
}

fn help_of(error: &dyn Diagnostic) -> String {
    error.help().map(|help| help.to_string()).unwrap_or_default()
}

fn place_of(error: &dyn Diagnostic, source: &Arc<Source>) -> Option<Place> {
    let label = error.labels()?.next()?;
    Some(Place { source: Arc::clone(source), start: label.offset(), length: label.len() })
}

fn start_of(source: &Arc<Source>) -> Place {
    Place { source: Arc::clone(source), start: 0, length: 0 }
}

fn within(whole: &Place, (start, length): (usize, usize)) -> Place {
    Place { source: Arc::clone(&whole.source), start, length }
}

/// Where a policy's text stands; `from` is where the one before it ended.
fn locate(source: &Arc<Source>, text: &str, from: &mut usize) -> Place {
    let start = source.text.get(*from..).and_then(|rest| rest.find(text)).map_or(*from, |at| *from + at);
    *from = start + text.len();
    Place { source: Arc::clone(source), start, length: text.len() }
}

fn duplicate(id: &str, place: Option<&Place>, other: Option<&Place>, findings: &mut Findings) {
    let of = other.map_or_else(|| "another policy".to_owned(), |other| format!("the policy at {other}"));
    let message = format!("the id `{id}` is that of {of} already");
    findings.add(Problem::Duplicate, place, message, "Decisions name policies by their id: give it one of its own.");
}

/// The entity for a slot. `None` if it is no entity; an empty list if nothing is given.
fn entity(text: Option<&Located<String>>, slot: SlotId, findings: &mut Findings) -> Option<HashMap<SlotId, EntityUid>> {
    let Some(text) = text else { return Some(HashMap::new()) };
    match text.value.parse::<EntityUid>() {
        Ok(uid) => Some(HashMap::from([(slot, uid)])),
        Err(error) => {
            let message = format!("`{}` is no entity: {error}", text.value);
            findings.add(Problem::Link, text.place.as_ref(), message, "Write it as in Cedar: `Group::\"staff\"`.");
            None
        }
    }
}

/// A link becomes an ordinary policy of its own, so that it can stand in any set.
fn as_static(policy: &Policy) -> Result<(Policy, pst::Template), String> {
    let text = |error: pst::PstConstructionError| error.to_string();
    let tree = match policy.to_pst().map_err(text)? {
        pst::Policy::Static(tree) => tree,
        pst::Policy::Linked(link) => link.into_static_policy().map_err(text)?,
    };
    let body = tree.body().clone();
    let policy = if policy.is_static() {
        policy.clone()
    } else {
        Policy::from_pst(pst::Policy::Static(tree)).map_err(text)?.new_id(policy.id().clone())
    };
    Ok((policy, body))
}
