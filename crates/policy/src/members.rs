//! Roles and groups as numbers, with what a role inherits.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    str::FromStr,
};

use cedar_policy::{EntityId, EntityTypeName, EntityUid};

use crate::{
    footprint::Member,
    names::{GROUP, ROLE},
    question::Question,
};

type Map<V> = HashMap<String, V, foldhash::fast::RandomState>;

/// Every declared role and group.
#[derive(Debug, Default)]
pub(crate) struct Members {
    uids: Vec<EntityUid>,
    /// A role stands for itself and for those it inherits.
    roles: Map<Vec<u32>>,
    groups: Map<u32>,
    numbers: HashMap<Member, u32>,
}

impl Members {
    pub(crate) fn new(closures: &BTreeMap<String, BTreeSet<String>>, groups: &[String]) -> Result<Self, String> {
        let role_type = EntityTypeName::from_str(ROLE).map_err(|error| error.to_string())?;
        let group_type = EntityTypeName::from_str(GROUP).map_err(|error| error.to_string())?;
        let mut members = Self::default();
        for role in closures.keys() {
            members.add(Member::Role(role.clone()), &role_type, role);
        }
        for group in groups {
            let number = members.add(Member::Group(group.clone()), &group_type, group);
            members.groups.insert(group.clone(), number);
        }
        for (role, closure) in closures {
            let numbers = closure.iter().filter_map(|one| members.number(&Member::Role(one.clone()))).collect();
            members.roles.insert(role.clone(), numbers);
        }
        Ok(members)
    }

    fn add(&mut self, member: Member, kind: &EntityTypeName, name: &str) -> u32 {
        let next = u32::try_from(self.uids.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(member).or_insert(next);
        if number == next {
            self.uids.push(EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name)));
        }
        number
    }

    pub(crate) fn number(&self, member: &Member) -> Option<u32> {
        self.numbers.get(member).copied()
    }

    pub(crate) fn uid(&self, number: u32) -> Option<&EntityUid> {
        self.uids.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Member> {
        self.numbers.keys()
    }

    /// Everything a caller is in and that counts, in ascending order and once.
    pub(crate) fn of(&self, question: &Question<'_>, counts: impl Fn(u32) -> bool) -> Vec<u32> {
        let roles = question.roles.iter().filter_map(|role| self.roles.get(*role)).flatten().copied();
        let groups = question.groups.iter().filter_map(|group| self.groups.get(*group)).copied();
        let mut all: Vec<u32> = roles.chain(groups).filter(|number| counts(*number)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
