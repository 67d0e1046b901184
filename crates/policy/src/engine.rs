//! Loads policies and decides.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, PolicyId, Schema};

use crate::{
    catalogue::Catalogue,
    compile::{self, Compiled},
    decision::{Decision, Tally},
    footprint::Member,
    index::{self, ActionIndex, Matched, Shared},
    members::Members,
    model::{Attribute, Model},
    names::{PRINCIPALS, ROLE, quote},
    question::Question,
    read::Reader,
    report::{Findings, Problem, Report, Source},
    request::{self, Frame},
    roles::{Link, Role},
    rule::{Loaded, Rule},
    schema, slot,
    slot::Unusable,
    suggest::did_you_mean,
};

/// Everything that policies are made from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The APIs and the facts.
    pub model: Model,
    /// The roles.
    pub roles: Vec<Role>,
    /// Cedar policy files.
    pub files: Vec<Arc<Source>>,
    /// Templates of those files, filled in.
    pub links: Vec<Link>,
}

/// An immutable set of policies, ready to decide. Make a new one when anything changes.
#[derive(Debug)]
pub struct Engine {
    generation: u64,
    schema: String,
    compiled: Vec<Compiled>,
    warnings: Report,
    pub(crate) catalogue: Catalogue,
    pub(crate) closures: BTreeMap<String, BTreeSet<String>>,
    pub(crate) groups: Vec<String>,
    pub(crate) claims: Vec<Attribute>,
    pub(crate) loaded: Vec<Loaded>,
    pub(crate) rules: Vec<Arc<Rule>>,
    positions: HashMap<PolicyId, usize>,
    members: Members,
    actions: HashMap<String, ActionIndex, foldhash::fast::RandomState>,
}

static GENERATIONS: AtomicU64 = AtomicU64::new(1);

impl Engine {
    /// Reads, checks and indexes everything. The report holds every problem there is.
    pub fn load(sources: &Sources) -> Result<Self, Report> {
        let mut findings = Findings::default();
        Self::read(sources, &mut findings).ok_or_else(|| Report::new(findings.0))
    }

    fn read(sources: &Sources, findings: &mut Findings) -> Option<Self> {
        let catalogue = Catalogue::new(&sources.model, findings);
        let compiled = compile::policies(&sources.roles, &catalogue, findings);
        let mut reader = Reader::default();
        for one in &compiled {
            reader.add_compiled(one, findings);
        }
        for file in &sources.files {
            reader.add_file(file, findings);
        }
        for link in &sources.links {
            reader.add_link(link, findings);
        }

        let text = schema::text(&sources.model);
        let schema = parse_schema(&text, findings)?;
        let loaded = reader.finish(&schema, findings);
        let closures = compile::closures(&sources.roles);
        let members = internal(Members::new(&closures, &sources.model.groups), findings)?;
        check_members(&loaded, &members, findings);
        if findings.has_errors() {
            return None;
        }
        let actions = internal(index_all(&sources.model, &catalogue, &loaded, &members, &closures, &schema), findings)?;
        Some(Self {
            // Relaxed: only uniqueness counts.
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            schema: text,
            compiled,
            warnings: Report::new(std::mem::take(&mut findings.0)),
            catalogue,
            closures,
            groups: sources.model.groups.clone(),
            claims: sources.model.claims.clone(),
            rules: loaded.iter().map(|one| Arc::new(one.rule.clone())).collect(),
            positions: loaded.iter().enumerate().map(|(at, one)| (one.policy.id().clone(), at)).collect(),
            loaded,
            members,
            actions,
        })
    }

    /// Decides. Nothing is remembered; see [`crate::Cache`].
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        match self.matched(question) {
            Ok(matched) => self.decide_matched(&matched, question),
            Err(unusable) => Decision::unusable(unusable),
        }
    }

    pub(crate) fn matched(&self, question: &Question<'_>) -> Result<Matched<'_>, Unusable> {
        let unknown = || Unusable::UnknownAction(question.action.to_owned());
        Ok(self.actions.get(question.action).ok_or_else(unknown)?.matched(&self.members, question))
    }

    pub(crate) fn decide_matched(&self, matched: &Matched<'_>, question: &Question<'_>) -> Decision {
        let mut tally = matched.plain();
        if !matched.is_plain() {
            match self.request(matched, question) {
                Ok((request, entities)) => {
                    matched.conditional(&request, &entities).for_each(|response| self.count(&response, &mut tally));
                }
                Err(unusable) => return Decision::unusable(unusable),
            }
        }
        tally.decide(&self.rules)
    }

    pub(crate) fn request(
        &self,
        matched: &Matched<'_>,
        question: &Question<'_>,
    ) -> Result<(cedar_policy::Request, cedar_policy::Entities), Unusable> {
        let members = matched.members.iter().filter_map(|number| self.members.uid(*number).cloned());
        request::build(&matched.index.frame, question, matched.slots(), members)
    }

    /// A request in which some path parameters are not there.
    pub(crate) fn request_without(
        &self,
        matched: &Matched<'_>,
        question: &Question<'_>,
        unknown: &[&str],
    ) -> Result<(cedar_policy::Request, cedar_policy::Entities), Unusable> {
        let members = matched.members.iter().filter_map(|number| self.members.uid(*number).cloned());
        let slots = matched.slots().filter(|slot| !slot.is_parameter(unknown));
        request::build(&matched.index.frame, question, slots, members)
    }

    /// A request with every declared fact, to explain with.
    pub(crate) fn whole_request(
        &self,
        question: &Question<'_>,
    ) -> Result<(cedar_policy::Request, cedar_policy::Entities), Unusable> {
        let unknown = || Unusable::UnknownAction(question.action.to_owned());
        let index = self.actions.get(question.action).ok_or_else(unknown)?;
        self.request(&index.whole(&self.members, question), question)
    }

    pub(crate) fn count(&self, response: &cedar_policy::Response, tally: &mut Tally) {
        let satisfied = response.diagnostics().reason().filter_map(|id| self.positions.get(id).copied());
        match response.decision() {
            cedar_policy::Decision::Allow => tally.permits.extend(satisfied),
            cedar_policy::Decision::Deny => tally.forbids.extend(satisfied),
        }
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            // An error of a policy that is not ours cannot be; it must deny all the same.
            let at = self.positions.get(error.policy_id()).copied().unwrap_or(usize::MAX);
            tally.failed.push((at, error.inner().to_string()));
        }
    }

    /// For each operation, the policies whose action scope has it.
    pub(crate) fn applying(&self) -> Vec<Vec<usize>> {
        applying(&self.catalogue, &self.loaded)
    }

    /// A number that no other engine of this process has.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The schema in Cedar's human format.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The policies that the roles became, as Cedar text.
    pub fn role_policies(&self) -> String {
        let texts: Vec<&str> = self.compiled.iter().map(|one| one.text.as_str()).collect();
        texts.join("\n\n") + if texts.is_empty() { "" } else { "\n" }
    }

    /// Every policy, in the order of loading: roles, then files, then links.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// What is no error but should be looked at.
    pub fn warnings(&self) -> &Report {
        &self.warnings
    }

    /// Names of all roles, sorted.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.closures.keys().map(String::as_str)
    }

    /// Names of all groups.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(String::as_str)
    }

    /// Whether one of `held` is the role `wanted` or inherits it.
    pub fn implies<'h>(&self, held: impl IntoIterator<Item = &'h str>, wanted: &str) -> bool {
        held.into_iter().any(|role| self.closures.get(role).is_some_and(|closure| closure.contains(wanted)))
    }

    /// Ids of all actions, in the order of the model.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.catalogue.entries.iter().map(|entry| entry.action.as_str())
    }
}

fn parse_schema(text: &str, findings: &mut Findings) -> Option<Schema> {
    match Schema::from_cedarschema_str(text) {
        Ok((schema, _)) => Some(schema),
        Err(error) => {
            // Most likely the names were found to clash before.
            if !findings.has_errors() {
                findings.add(Problem::Model, None, format!("the APIs make no valid schema: {error}"), "");
            }
            None
        }
    }
}

/// Makes what should not happen a finding, so that nothing loads.
fn internal<T>(result: Result<T, String>, findings: &mut Findings) -> Option<T> {
    result.map_err(|error| findings.add(Problem::Model, None, error, "")).ok()
}

/// A role or group in a policy that nobody can have is most likely a typing error.
fn check_members(loaded: &[Loaded], members: &Members, findings: &mut Findings) {
    for one in loaded {
        for member in index::undeclared(&one.footprint, members) {
            let (problem, kind, name) = match member {
                Member::Role(name) => (Problem::UnknownRole, ROLE, name),
                Member::Group(name) => (Problem::UnknownGroup, "Group", name),
            };
            let known = members.names().filter_map(|other| match (member, other) {
                (Member::Role(_), Member::Role(name)) | (Member::Group(_), Member::Group(name)) => Some(name.as_str()),
                (Member::Role(_), Member::Group(_)) | (Member::Group(_), Member::Role(_)) => None,
            });
            let literal = format!("{kind}::{}", quote(name));
            let place = one.rule.place.as_ref().map(|place| place.find(&literal));
            let message = format!("`{literal}` is not declared");
            findings.add(problem, place.as_ref(), message, did_you_mean(name, known));
        }
    }
}

fn index_all(
    model: &Model,
    catalogue: &Catalogue,
    loaded: &[Loaded],
    members: &Members,
    closures: &BTreeMap<String, BTreeSet<String>>,
    schema: &Schema,
) -> Result<HashMap<String, ActionIndex, foldhash::fast::RandomState>, String> {
    let applying = applying(catalogue, loaded);
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let action_entities = schema.action_entities().map_err(|error| text(&error))?;
    let mut shared = Shared::new();
    let mut out = HashMap::default();
    for (number, (entry, applying)) in catalogue.entries.iter().zip(&applying).enumerate() {
        let [user, client, api_key, workload] = PRINCIPALS.map(EntityTypeName::from_str);
        let all = |error: cedar_policy::ParseErrors| text(&error);
        let action_type = EntityTypeName::from_str("Action").map_err(all)?;
        let action = EntityUid::from_type_name_and_id(action_type, EntityId::new(&entry.action));
        let mut fixed: Vec<Entity> = action_entities.get(&action).cloned().into_iter().collect();
        if applying.iter().filter_map(|at| loaded.get(*at)).any(|one| one.footprint.hierarchy) {
            fixed.extend(role_entities(closures, members));
        }
        let frame = Frame {
            action,
            resource_type: EntityTypeName::from_str(&entry.resource_type).map_err(all)?,
            kinds: [user.map_err(all)?, client.map_err(all)?, api_key.map_err(all)?, workload.map_err(all)?],
            fixed,
        };
        let slots = slot::all(model, entry);
        let number = u32::try_from(number).map_err(|error| text(&error))?;
        let index = ActionIndex::new(number, frame, slots, loaded, applying, members, &mut shared)?;
        out.insert(entry.action.clone(), index);
    }
    Ok(out)
}

/// For each operation, the policies whose action scope has it.
fn applying(catalogue: &Catalogue, loaded: &[Loaded]) -> Vec<Vec<usize>> {
    use cedar_policy::pst::ActionConstraint;
    let mut out = vec![BTreeSet::new(); catalogue.entries.len()];
    for (at, one) in loaded.iter().enumerate() {
        let every: Vec<usize> = (0..out.len()).collect();
        let positions: Vec<usize> = match &one.tree.action {
            ActionConstraint::Any => every,
            ActionConstraint::Eq(uid) => catalogue.of_action(&uid.eid).to_vec(),
            ActionConstraint::In(uids) => uids.iter().flat_map(|uid| catalogue.of_action(&uid.eid)).copied().collect(),
        };
        for operation in positions {
            if let Some(policies) = out.get_mut(operation) {
                policies.insert(at);
            }
        }
    }
    out.into_iter().map(|policies| policies.into_iter().collect()).collect()
}

/// The roles with what they inherit, for policies that ask about roles instead of callers.
fn role_entities(closures: &BTreeMap<String, BTreeSet<String>>, members: &Members) -> Vec<Entity> {
    let uid = |name: &String| members.uid(members.number(&Member::Role(name.clone()))?).cloned();
    let entity = |(name, closure): (&String, &BTreeSet<String>)| {
        let parents = closure.iter().filter(|parent| *parent != name).filter_map(uid).collect();
        Some(Entity::new_no_attrs(uid(name)?, parents))
    };
    closures.iter().filter_map(entity).collect()
}
