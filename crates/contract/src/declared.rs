//! The members that a schema declares, place by place: what an answer is reduced to.
//!
//! A place can have several schemas (`allOf`, `oneOf`, …). A member stays if one of them declares it.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;
use strict_json::Tree;

use crate::pointer::{join, of_reference};

/// Places that are told apart; below the last ones, everything stays and is judged as it is.
const MAX_PLACES: usize = 5_000;

/// Compositions within each other that are looked through.
const MAX_LEVELS: usize = 32;

/// Declared members, by places.
#[derive(Debug)]
pub(crate) struct Declared(Vec<Place>);

#[derive(Debug, Default)]
struct Place {
    members: HashMap<String, usize>,
    /// `writeOnly`: declared, but never to be sent.
    hidden: HashSet<String>,
    rest: Rest,
    items: Option<usize>,
}

/// What becomes of members without a declaration.
#[derive(Debug, Default, Clone, Copy)]
enum Rest {
    /// They stay: nothing is declared here, or the schema lets others in.
    #[default]
    Stays,
    /// They go.
    Goes,
    /// They are reduced as this place.
    As(usize),
}

impl Declared {
    pub(crate) fn compile(document: &Value, pointer: &str) -> Self {
        let mut compiler = Compiler { document, known: HashMap::new(), places: Vec::new() };
        compiler.place(&BTreeSet::from([pointer.to_owned()]));
        Self(compiler.places)
    }

    /// Removes what is not declared; how many members went.
    pub(crate) fn reduce(&self, value: &mut Tree<'_>) -> usize {
        self.reduce_at(0, value)
    }

    fn reduce_at(&self, at: usize, value: &mut Tree<'_>) -> usize {
        let Some(place) = self.0.get(at) else { return 0 };
        match value {
            Tree::Null | Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) => 0,
            Tree::List(items) => {
                place.items.map_or(0, |at| items.iter_mut().map(|item| self.reduce_at(at, item)).sum())
            }
            Tree::Object(members) => {
                let before = members.len();
                members.retain(|(name, _)| place.keeps(name));
                let removed = before - members.len();
                let below = members.iter_mut().map(|(name, value)| match place.below(name) {
                    Some(at) => self.reduce_at(at, value),
                    None => 0,
                });
                removed + below.sum::<usize>()
            }
        }
    }
}

impl Place {
    fn keeps(&self, name: &str) -> bool {
        if self.hidden.contains(name) {
            return false;
        }
        self.members.contains_key(name) || !matches!(self.rest, Rest::Goes)
    }

    fn below(&self, name: &str) -> Option<usize> {
        match (self.members.get(name), self.rest) {
            (Some(at), _) => Some(*at),
            (None, Rest::As(at)) => Some(at),
            (None, Rest::Stays | Rest::Goes) => None,
        }
    }
}

struct Compiler<'d> {
    document: &'d Value,
    known: HashMap<BTreeSet<String>, usize>,
    places: Vec<Place>,
}

/// What the schemas of one place say together.
#[derive(Default)]
struct Said {
    members: HashMap<String, BTreeSet<String>>,
    hidden: HashSet<String>,
    items: BTreeSet<String>,
    others: BTreeSet<String>,
    lets_others_in: bool,
}

impl Compiler<'_> {
    /// The place where all of these schemas apply.
    fn place(&mut self, schemas: &BTreeSet<String>) -> usize {
        if let Some(at) = self.known.get(schemas) {
            return *at;
        }
        let at = self.places.len();
        self.places.push(Place::default());
        self.known.insert(schemas.clone(), at);
        if at >= MAX_PLACES {
            return at;
        }
        let mut said = Said::default();
        let mut seen = HashSet::new();
        for pointer in schemas {
            self.gather(pointer, MAX_LEVELS, &mut seen, &mut said);
        }
        let rest = match (said.others.is_empty(), said.lets_others_in || said.members.is_empty()) {
            (false, _) => Rest::As(self.place(&said.others)),
            (true, true) => Rest::Stays,
            (true, false) => Rest::Goes,
        };
        let members = said.members.into_iter().map(|(name, schemas)| (name, self.place(&schemas))).collect();
        let items = (!said.items.is_empty()).then(|| self.place(&said.items));
        if let Some(place) = self.places.get_mut(at) {
            *place = Place { members, hidden: said.hidden, rest, items };
        }
        at
    }

    fn gather(&self, pointer: &str, levels: usize, seen: &mut HashSet<String>, said: &mut Said) {
        let Some(levels) = levels.checked_sub(1) else { return };
        let Some(schema) = self.document.pointer(pointer).filter(|_| seen.insert(pointer.to_owned())) else { return };
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|text| of_reference(text).ok()) {
            self.gather(&target, levels, seen, said);
        }
        let properties = join(pointer, "properties");
        for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if self.is_write_only(member) {
                said.hidden.insert(name.clone());
            }
            said.members.entry(name.clone()).or_default().insert(join(&properties, name));
        }
        for key in ["additionalProperties", "unevaluatedProperties"] {
            match schema.get(key) {
                Some(Value::Bool(true)) => said.lets_others_in = true,
                Some(Value::Object(_)) => drop(said.others.insert(join(pointer, key))),
                _ => {}
            }
        }
        if let Some(patterns) = schema.get("patternProperties").and_then(Value::as_object) {
            // Which name fits which pattern is the schema's to judge.
            said.lets_others_in |= !patterns.is_empty();
        }
        if schema.get("items").is_some_and(Value::is_object) && schema.get("prefixItems").is_none() {
            said.items.insert(join(pointer, "items"));
        }
        for key in ["allOf", "anyOf", "oneOf"] {
            let parts = schema.get(key).and_then(Value::as_array).map_or(0, Vec::len);
            for at in 0..parts {
                self.gather(&join(&join(pointer, key), &at.to_string()), levels, seen, said);
            }
        }
        for key in ["if", "then", "else"].into_iter().filter(|key| schema.get(*key).is_some()) {
            self.gather(&join(pointer, key), levels, seen, said);
        }
    }

    fn is_write_only(&self, schema: &Value) -> bool {
        let target = crate::pointer::follow(self.document, "", schema).map_or(schema, |(_, target)| target);
        target.get("writeOnly") == Some(&Value::Bool(true))
    }
}
