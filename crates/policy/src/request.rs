//! A question as Cedar's request and entities: only the facts that can be read are put in.
//!
//! That keeps it cheap, and it makes a mistake of the footprint visible: what was left out is an error when it is read,
//! and errors deny.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Expression,
};

use crate::{
    moment,
    question::{Kind, Question, Value},
    slot::{Area, Fact, Slot, Unusable},
};

/// What is the same for every question about an action.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) action: EntityUid,
    pub(crate) resource_type: EntityTypeName,
    /// The types of [`Kind::ALL`].
    pub(crate) kinds: [EntityTypeName; 4],
    /// The action, and the roles that have a hierarchy of their own if a policy asks for it.
    pub(crate) fixed: Vec<Entity>,
}

/// Puts a question together from the facts of some slots.
pub(crate) fn build<'s>(
    frame: &Frame,
    question: &Question<'_>,
    slots: impl Iterator<Item = &'s Slot>,
    members: impl Iterator<Item = EntityUid>,
) -> Result<(Request, Entities), Unusable> {
    let mut parts = Parts::new();
    for slot in slots {
        parts.put(slot, slot.read(question)?)?;
    }
    parts.finish(frame, members.collect())
}

type Attributes = HashMap<String, Expression>;

struct Parts {
    kind: Kind,
    id: String,
    path: String,
    principal: Attributes,
    resource: Attributes,
    context: Vec<(String, Expression)>,
    auth: Vec<(String, Expression)>,
    headers: Vec<(String, Expression)>,
    body: Vec<(String, Expression)>,
}

impl Parts {
    /// A kind, id or path that no policy reads stays what it is here.
    fn new() -> Self {
        Self {
            kind: Kind::User,
            id: String::new(),
            path: String::new(),
            principal: Attributes::new(),
            resource: Attributes::new(),
            context: Vec::new(),
            auth: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    fn put(&mut self, slot: &Slot, fact: Fact<'_>) -> Result<(), Unusable> {
        let value = match fact {
            Fact::Absent => return Ok(()),
            Fact::Kind(kind) => {
                self.kind = kind;
                return Ok(());
            }
            Fact::Address(address) => Expression::new_ip(address.to_string()),
            Fact::Time(time) => Expression::new_datetime(
                moment::format(time).ok_or_else(|| Unusable::Refused(format!("{time} is no moment for Cedar")))?,
            ),
            Fact::Value(value) => {
                match (slot.area, &value) {
                    (Area::Id, Value::String(id)) => (*id).clone_into(&mut self.id),
                    (Area::Path, Value::String(path)) => {
                        (*path).clone_into(&mut self.path);
                        return Ok(());
                    }
                    _ => {}
                }
                expression(value)
            }
        };
        let plain = |name: &str| name.to_owned();
        match slot.area {
            Area::Kind | Area::Path => {}
            Area::Id => drop(self.principal.insert(plain("id"), value)),
            Area::Tenant => drop(self.principal.insert(plain("tenant"), value)),
            Area::Claim => drop(self.principal.insert(slot.name.clone(), value)),
            Area::Resource => drop(self.resource.insert(slot.name.clone(), value)),
            Area::Address => self.context.push((plain("address"), value)),
            Area::Time => self.context.push((plain("time"), value)),
            Area::Mtls => self.context.push((plain("mtls"), value)),
            Area::Scopes => self.context.push((plain("scopes"), value)),
            Area::Method => self.auth.push((plain("method"), value)),
            Area::Acr => self.auth.push((plain("acr"), value)),
            Area::Age => self.auth.push((plain("age"), value)),
            Area::Header => self.headers.push((slot.name.clone(), value)),
            Area::Body => self.body.push((slot.name.clone(), value)),
        }
        Ok(())
    }

    fn finish(self, frame: &Frame, members: HashSet<EntityUid>) -> Result<(Request, Entities), Unusable> {
        let [user, client, api_key, workload] = &frame.kinds;
        let kind = match self.kind {
            Kind::User => user,
            Kind::Client => client,
            Kind::ApiKey => api_key,
            Kind::Workload => workload,
        };
        let principal = EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(self.id));
        let resource = EntityUid::from_type_name_and_id(frame.resource_type.clone(), EntityId::new(self.path));
        let refused = |error: &dyn std::error::Error| Unusable::Refused(error.to_string());
        let own = [
            Entity::new(principal.clone(), self.principal, members).map_err(|error| refused(&error))?,
            Entity::new(resource.clone(), self.resource, HashSet::new()).map_err(|error| refused(&error))?,
        ];
        let entities = Entities::from_entities(own.into_iter().chain(frame.fixed.iter().cloned()), None)
            .map_err(|error| refused(&error))?;
        let mut context = self.context;
        // The three records are always there: a policy may ask whether they have something.
        for (name, pairs) in [("auth", self.auth), ("headers", self.headers), ("body", self.body)] {
            context.push((name.to_owned(), Expression::new_record(pairs).map_err(|error| refused(&error))?));
        }
        let context = Context::from_pairs(context).map_err(|error| refused(&error))?;
        let request = Request::new(principal, frame.action.clone(), resource, context, None);
        Ok((request.map_err(|error| refused(&error))?, entities))
    }
}

fn expression(value: Value<'_>) -> Expression {
    match value {
        Value::String(text) => Expression::new_string(text.to_owned()),
        Value::Long(number) => Expression::new_long(number),
        Value::Bool(truth) => Expression::new_bool(truth),
        Value::Strings(texts) => {
            Expression::new_set(texts.into_iter().map(|text| Expression::new_string(text.to_owned())))
        }
    }
}
