//! The facts that can be read for one action, and how each is taken from a question.

use std::{collections::BTreeSet, fmt, net::IpAddr};

use crate::{
    catalogue::Entry,
    footprint::{Footprint, Part},
    model::{Attribute, Model, ValueKind},
    question::{Kind, Question, Value},
};

/// Where a fact goes in Cedar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Area {
    Kind,
    Id,
    Tenant,
    Claim,
    Path,
    Resource,
    Address,
    Time,
    Method,
    Acr,
    Age,
    Mtls,
    Scopes,
    Header,
    Body,
}

/// One fact that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) area: Area,
    /// The attribute in Cedar.
    pub(crate) name: String,
    /// For the resource: the path parameter.
    parameter: String,
    kind: ValueKind,
}

/// A fact of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact<'q> {
    Absent,
    Kind(Kind),
    Address(IpAddr),
    /// Milliseconds since 1970.
    Time(i64),
    Value(Value<'q>),
}

/// Why a question cannot be decided: a fact that a policy could read is not what was declared. It denies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// The action is not in the model.
    UnknownAction(String),
    /// A fact is there twice.
    Twice(String),
    /// A fact has another type than declared.
    WrongType(String),
    /// A path parameter is not there.
    Missing(String),
    /// Cedar refuses a value, such as a time after the year 9999.
    Refused(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAction(name) => write!(f, "there is no action `{name}`"),
            Self::Twice(name) => write!(f, "{name} is there twice"),
            Self::WrongType(name) => write!(f, "{name} has another type than declared"),
            Self::Missing(name) => write!(f, "{name} is not there"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Unusable {}

/// Everything that can be read for an operation, in the order in which keys are made.
pub(crate) fn all(model: &Model, entry: &Entry) -> Vec<Slot> {
    let operation = &entry.operation;
    let plain = |area, kind| Slot { area, name: String::new(), parameter: String::new(), kind };
    let named = |area, one: &Attribute| Slot { name: one.name.clone(), ..plain(area, one.kind) };
    let resource = |name: &str, parameter: &str, kind| Slot {
        area: Area::Resource,
        name: name.to_owned(),
        parameter: parameter.to_owned(),
        kind,
    };
    let mut slots: Vec<Slot> =
        [Area::Kind, Area::Id, Area::Tenant, Area::Path, Area::Address, Area::Time, Area::Method]
            .map(|area| plain(area, ValueKind::String))
            .into();
    slots.push(plain(Area::Acr, ValueKind::String));
    slots.push(plain(Area::Age, ValueKind::Long));
    slots.push(plain(Area::Mtls, ValueKind::Bool));
    slots.push(plain(Area::Scopes, ValueKind::Strings));
    slots.extend(model.claims.iter().map(|claim| named(Area::Claim, claim)));
    for (meaning, parameter) in [("tenant", &operation.tenant), ("owner", &operation.owner)] {
        slots.extend(parameter.as_ref().map(|parameter| resource(meaning, parameter, ValueKind::String)));
    }
    let taken: BTreeSet<String> =
        slots.iter().filter(|slot| slot.area == Area::Resource).map(|s| s.name.clone()).collect();
    let parameters = operation.parameters.iter().filter(|one| !taken.contains(&one.name));
    slots.extend(parameters.map(|one| resource(&one.name, &one.name, one.kind)));
    let header = |name: &String| Slot { name: name.clone(), ..plain(Area::Header, ValueKind::String) };
    slots.extend(operation.headers.iter().map(header));
    slots.extend(operation.body.iter().map(|member| named(Area::Body, member)));
    slots
}

impl Slot {
    /// Whether a policy with this footprint can read the fact.
    pub(crate) fn is_read_by(&self, footprint: &Footprint) -> bool {
        let has = |part: Part| footprint.parts.contains(&part);
        footprint.everything
            || match self.area {
                Area::Kind => has(Part::Kind),
                Area::Id => has(Part::Id),
                Area::Tenant => has(Part::Tenant),
                Area::Claim => has(Part::Claim(self.name.clone())),
                Area::Path => has(Part::Path),
                Area::Resource => has(Part::Resource(self.name.clone())),
                Area::Address => has(Part::Address),
                Area::Time => has(Part::Time),
                Area::Method => has(Part::Method),
                Area::Acr => has(Part::Acr),
                Area::Age => has(Part::Age),
                Area::Mtls => has(Part::Mtls),
                Area::Scopes => has(Part::Scopes),
                Area::Header => has(Part::AllHeaders) || has(Part::Header(self.name.clone())),
                Area::Body => has(Part::AllBody) || has(Part::Body(self.name.clone())),
            }
    }

    /// Whether the fact comes from one of these path parameters.
    pub(crate) fn is_parameter(&self, names: &[&str]) -> bool {
        self.area == Area::Resource && names.contains(&self.parameter.as_str())
    }

    /// Whether the fact is another one at every request, so that to remember the decision is of no use.
    pub(crate) fn varies(&self) -> bool {
        matches!(self.area, Area::Time | Area::Age)
    }

    /// Takes the fact from a question.
    pub(crate) fn read<'q>(&self, question: &Question<'q>) -> Result<Fact<'q>, Unusable> {
        let text = |text: Option<&'q str>| text.map_or(Fact::Absent, |text| Fact::Value(Value::String(text)));
        Ok(match self.area {
            Area::Kind => Fact::Kind(question.kind),
            Area::Id => text(Some(question.id)),
            Area::Tenant => text(question.tenant),
            Area::Path => text(Some(question.path)),
            Area::Address => question.address.map_or(Fact::Absent, Fact::Address),
            Area::Time => Fact::Time(question.time),
            Area::Method => text(question.method),
            Area::Acr => text(question.acr),
            Area::Age => question.age.map_or(Fact::Absent, |age| Fact::Value(Value::Long(age))),
            Area::Mtls => Fact::Value(Value::Bool(question.mtls)),
            Area::Scopes => Fact::Value(Value::Strings(question.scopes.clone())),
            Area::Claim => self.typed(only(&question.claims, &self.name, || self.title())?)?,
            Area::Body => self.typed(only(&question.body, &self.name, || self.title())?)?,
            Area::Header => text(only(&question.headers, &self.name, || self.title())?.copied()),
            Area::Resource => self.parameter(question)?,
        })
    }

    fn typed<'q>(&self, value: Option<&Value<'q>>) -> Result<Fact<'q>, Unusable> {
        match (value, self.kind) {
            (None, _) => Ok(Fact::Absent),
            (Some(value @ Value::String(_)), ValueKind::String)
            | (Some(value @ Value::Long(_)), ValueKind::Long)
            | (Some(value @ Value::Bool(_)), ValueKind::Bool)
            | (Some(value @ Value::Strings(_)), ValueKind::Strings) => Ok(Fact::Value(value.clone())),
            (Some(_), _) => Err(Unusable::WrongType(self.title())),
        }
    }

    fn parameter<'q>(&self, question: &Question<'q>) -> Result<Fact<'q>, Unusable> {
        let text = only(&question.parameters, &self.parameter, || self.title())?;
        let text = *text.ok_or_else(|| Unusable::Missing(self.title()))?;
        let value = match self.kind {
            ValueKind::String => Some(Value::String(text)),
            ValueKind::Long => whole_number(text).map(Value::Long),
            ValueKind::Bool => text.parse().ok().map(Value::Bool),
            // A path segment is one text.
            ValueKind::Strings => None,
        };
        value.map(Fact::Value).ok_or_else(|| Unusable::WrongType(self.title()))
    }

    /// How a policy would write it.
    pub(crate) fn title(&self) -> String {
        match self.area {
            Area::Kind => "principal is".to_owned(),
            Area::Id => "principal.id".to_owned(),
            Area::Tenant => "principal.tenant".to_owned(),
            Area::Claim => format!("principal.{}", self.name),
            Area::Path => "resource".to_owned(),
            Area::Resource => format!("resource.{}", self.name),
            Area::Address => "context.address".to_owned(),
            Area::Time => "context.time".to_owned(),
            Area::Method => "context.auth.method".to_owned(),
            Area::Acr => "context.auth.acr".to_owned(),
            Area::Age => "context.auth.age".to_owned(),
            Area::Mtls => "context.mtls".to_owned(),
            Area::Scopes => "context.scopes".to_owned(),
            Area::Header => format!("context.headers[{:?}]", self.name),
            Area::Body => format!("context.body[{:?}]", self.name),
        }
    }
}

/// Digits, with a minus at most; `+1` and ` 1` are texts.
fn whole_number(text: &str) -> Option<i64> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// The value of a name that must not be there twice: which of the two was meant, nobody knows.
fn only<'a, V>(pairs: &'a [(&str, V)], name: &str, title: impl Fn() -> String) -> Result<Option<&'a V>, Unusable> {
    let mut found = pairs.iter().filter(|(key, _)| *key == name).map(|(_, value)| value);
    let first = found.next();
    if found.next().is_some() { Err(Unusable::Twice(title())) } else { Ok(first) }
}
