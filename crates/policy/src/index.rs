//! The policies of one action, sorted by whom they are about, so that a question meets only those that can apply.
//!
//! It is sound to leave the others out. A policy whose action scope excludes the action, or whose principal scope names
//! a role, group or caller that the caller is not, is not satisfied, and its conditions are not evaluated, so that it
//! cannot fail either.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use cedar_policy::{
    Authorizer, PolicySet, Response,
    pst::{EntityOrSlot, EntityUID, PrincipalConstraint, ResourceConstraint},
};

use crate::{
    decision::Tally,
    footprint::{self, Footprint, Member},
    members::Members,
    question::{Kind, Question},
    request::Frame,
    rule::Loaded,
    slot::{Area, Slot},
};

/// A set of slots: bit 127 stands for all from the 127th.
pub(crate) type Mask = u128;
const LAST_BIT: usize = 127;

/// The policies about one role, group or caller, or about anyone.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// Policies without a condition: they hold whenever the bucket does.
    permits: Vec<usize>,
    forbids: Vec<usize>,
    /// Policies with conditions. Actions with the same ones share them.
    conditional: Option<Arc<PolicySet>>,
    /// What the conditions can read.
    mask: Mask,
    /// Whether a condition may ask if the resource has an attribute, which none can tell of one that is not known yet.
    presence: bool,
}

/// Everything that is known about an action.
#[derive(Debug)]
pub(crate) struct ActionIndex {
    pub(crate) number: u32,
    pub(crate) frame: Frame,
    slots: Vec<Slot>,
    anyone: Bucket,
    /// Roles and groups that a policy mentions; those of a scope have policies of their own.
    members: HashMap<u32, Option<Bucket>, foldhash::fast::RandomState>,
    callers: BTreeMap<Kind, HashMap<String, Bucket>>,
}

/// What of an action counts for a question.
pub(crate) struct Matched<'i> {
    pub(crate) index: &'i ActionIndex,
    /// The caller's roles and groups that are mentioned.
    pub(crate) members: Vec<u32>,
    buckets: Vec<&'i Bucket>,
    mask: Mask,
}

/// Sets of conditional policies by their positions.
pub(crate) type Shared = HashMap<Vec<usize>, Arc<PolicySet>>;

/// Whom a policy is about.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum About {
    Anyone,
    Member(u32),
    Caller(Kind, String),
}

impl ActionIndex {
    pub(crate) fn new(
        number: u32,
        frame: Frame,
        slots: Vec<Slot>,
        loaded: &[Loaded],
        applying: &[usize],
        members: &Members,
        shared: &mut Shared,
    ) -> Result<Self, String> {
        let mut sorted: BTreeMap<About, Vec<usize>> = BTreeMap::new();
        let mut mentioned = Footprint::default();
        let resource_type = frame.resource_type.to_string();
        for at in applying.iter().copied() {
            let Some(one) = loaded.get(at) else { continue };
            if !resource_may_be(&one.tree.resource, &resource_type) {
                continue;
            }
            mentioned.absorb(&one.footprint);
            sorted.entry(about(&one.tree.principal, members)).or_default().push(at);
        }
        let mut index = Self {
            number,
            anyone: Bucket::default(),
            members: HashMap::default(),
            callers: BTreeMap::new(),
            frame,
            slots,
        };
        index.mention(&mentioned, members);
        for (about, positions) in sorted {
            let bucket = Bucket::new(&positions, loaded, &index.slots, shared)?;
            match about {
                About::Anyone => index.anyone = bucket,
                About::Member(number) => drop(index.members.insert(number, Some(bucket))),
                About::Caller(kind, id) => drop(index.callers.entry(kind).or_default().insert(id, bucket)),
            }
        }
        Ok(index)
    }

    /// Notes the roles and groups that can make a difference.
    fn mention(&mut self, footprint: &Footprint, members: &Members) {
        let known = members.names().filter(|member| footprint.everything || footprint.members.contains(member));
        for number in known.filter_map(|member| members.number(member)) {
            self.members.entry(number).or_insert(None);
        }
    }

    /// The policies that can apply.
    pub(crate) fn matched<'i>(&'i self, members: &Members, question: &Question<'_>) -> Matched<'i> {
        let mine = members.of(question, |number| self.members.contains_key(&number));
        let own = self.callers.get(&question.kind).and_then(|callers| callers.get(question.id));
        let mut buckets = Vec::with_capacity(mine.len() + 2);
        buckets.push(&self.anyone);
        buckets.extend(own);
        buckets.extend(mine.iter().filter_map(|number| self.members.get(number)?.as_ref()));
        let mut mask = buckets.iter().fold(0, |mask, bucket| mask | bucket.mask);
        if !self.callers.is_empty() {
            // Who the caller is has decided which policies apply.
            mask |= mask_of(&self.slots, |slot| matches!(slot.area, Area::Kind | Area::Id));
        }
        Matched { index: self, members: mine, buckets, mask }
    }

    /// Every fact, and no policy.
    pub(crate) fn whole<'i>(&'i self, members: &Members, question: &Question<'_>) -> Matched<'i> {
        Matched { index: self, members: members.of(question, |_| true), buckets: Vec::new(), mask: Mask::MAX }
    }
}

impl<'i> Matched<'i> {
    /// Whether roles, groups and the caller's name alone decide.
    pub(crate) fn is_plain(&self) -> bool {
        self.buckets.iter().all(|bucket| bucket.conditional.is_none())
    }

    /// Whether a condition may ask if the resource has an attribute.
    pub(crate) fn asks_for_presence(&self) -> bool {
        self.buckets.iter().any(|bucket| bucket.presence)
    }

    /// The facts that can be read.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &'i Slot> {
        let mask = self.mask;
        self.index.slots.iter().enumerate().filter(move |(at, _)| mask & bit(*at) != 0).map(|(_, slot)| slot)
    }

    /// The policies that hold without a look at the request.
    pub(crate) fn plain(&self) -> Tally {
        let mut tally = Tally::default();
        for bucket in &self.buckets {
            tally.permits.extend_from_slice(&bucket.permits);
            tally.forbids.extend_from_slice(&bucket.forbids);
        }
        tally
    }

    /// Cedar's answers for the policies with conditions.
    pub(crate) fn conditional(
        &self,
        request: &cedar_policy::Request,
        entities: &cedar_policy::Entities,
    ) -> impl Iterator<Item = Response> {
        let sets = self.buckets.iter().filter_map(|bucket| bucket.conditional.as_ref());
        sets.map(|set| Authorizer::new().is_authorized(request, set, entities))
    }
}

impl Bucket {
    fn new(positions: &[usize], loaded: &[Loaded], slots: &[Slot], shared: &mut Shared) -> Result<Self, String> {
        let mut bucket = Self::default();
        let mut conditional = Vec::new();
        let mut footprint = Footprint::default();
        for at in positions.iter().copied() {
            let Some(one) = loaded.get(at) else { continue };
            match (is_plain(one), one.rule.permits) {
                (true, true) => bucket.permits.push(at),
                (true, false) => bucket.forbids.push(at),
                (false, _) => {
                    conditional.push(at);
                    footprint.absorb(&one.footprint);
                }
            }
        }
        bucket.presence = footprint.presence || footprint.everything;
        bucket.mask = mask_of(slots, |slot| slot.is_read_by(&footprint));
        bucket.conditional = if conditional.is_empty() { None } else { Some(share(conditional, loaded, shared)?) };
        Ok(bucket)
    }
}

fn share(positions: Vec<usize>, loaded: &[Loaded], shared: &mut Shared) -> Result<Arc<PolicySet>, String> {
    if let Some(set) = shared.get(&positions) {
        return Ok(Arc::clone(set));
    }
    let policies = positions.iter().filter_map(|at| loaded.get(*at)).map(|one| one.policy.clone());
    let set = Arc::new(PolicySet::from_policies(policies).map_err(|error| error.to_string())?);
    shared.insert(positions, Arc::clone(&set));
    Ok(set)
}

fn mask_of(slots: &[Slot], holds: impl Fn(&Slot) -> bool) -> Mask {
    slots.iter().enumerate().filter(|(_, slot)| holds(slot)).fold(0, |mask, (at, _)| mask | bit(at))
}

fn bit(at: usize) -> Mask {
    1 << at.min(LAST_BIT)
}

/// Whether a policy holds for everyone whom its scope is about.
fn is_plain(one: &Loaded) -> bool {
    let principal = match &one.tree.principal {
        PrincipalConstraint::Any => true,
        PrincipalConstraint::In(EntityOrSlot::Entity(uid)) => footprint::member(uid).is_some(),
        PrincipalConstraint::Eq(_)
        | PrincipalConstraint::In(EntityOrSlot::Slot(_))
        | PrincipalConstraint::Is(_)
        | PrincipalConstraint::IsIn(..) => false,
    };
    let resource = match &one.tree.resource {
        // Policies about another type are not in the index of the action.
        ResourceConstraint::Any | ResourceConstraint::Is(_) => true,
        ResourceConstraint::Eq(_) | ResourceConstraint::In(_) | ResourceConstraint::IsIn(..) => false,
    };
    principal && resource && one.tree.clauses().is_empty()
}

fn about(principal: &PrincipalConstraint, members: &Members) -> About {
    match principal {
        PrincipalConstraint::In(EntityOrSlot::Entity(uid))
        | PrincipalConstraint::IsIn(_, EntityOrSlot::Entity(uid)) => match footprint::member(uid) {
            Some(member) => members.number(&member).map_or(About::Anyone, About::Member),
            None => caller(uid),
        },
        PrincipalConstraint::Eq(EntityOrSlot::Entity(uid)) => caller(uid),
        // Slots are filled in before.
        PrincipalConstraint::Any
        | PrincipalConstraint::Is(_)
        | PrincipalConstraint::Eq(EntityOrSlot::Slot(_))
        | PrincipalConstraint::In(EntityOrSlot::Slot(_))
        | PrincipalConstraint::IsIn(_, EntityOrSlot::Slot(_)) => About::Anyone,
    }
}

fn caller(uid: &EntityUID) -> About {
    let name = uid.ty.to_string();
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    kind.map_or(About::Anyone, |kind| About::Caller(kind, uid.eid.to_string()))
}

fn resource_may_be(resource: &ResourceConstraint, name: &str) -> bool {
    match resource {
        ResourceConstraint::Any | ResourceConstraint::Eq(_) | ResourceConstraint::In(_) => true,
        ResourceConstraint::Is(kind) | ResourceConstraint::IsIn(kind, _) => kind.to_string() == name,
    }
}

/// Roles and groups that are mentioned in policies without being declared are found before there is an index.
pub(crate) fn undeclared<'f>(footprint: &'f Footprint, members: &Members) -> Vec<&'f Member> {
    footprint.members.iter().filter(|member| members.number(member).is_none()).collect()
}
