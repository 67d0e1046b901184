//! Cedar as its documentation uses it: one policy set, all entities from JSON, checked by the schema.

use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicyId, PolicySet, Request, Schema, SlotId};
use policy::{Engine, Sources, Verdict};
use serde_json::{Map, Value as Json, json};

use crate::{Brief, random_questions::Facts};

pub(crate) struct Oracle {
    schema: Schema,
    policies: PolicySet,
    roles: Vec<Json>,
}

impl Oracle {
    pub(crate) fn new(engine: &Engine, sources: &Sources) -> Self {
        let (schema, _) = Schema::from_cedarschema_str(engine.schema()).unwrap();
        let mut policies = PolicySet::new();
        let texts = sources.files.iter().map(|file| file.text.clone()).chain([engine.role_policies()]);
        for text in texts {
            let set: PolicySet = text.parse().unwrap();
            for policy in set.policies() {
                policies.add(policy.new_id(PolicyId::new(policy.annotation("id").unwrap()))).unwrap();
            }
            for template in set.templates() {
                policies.add_template(template.new_id(PolicyId::new(template.annotation("id").unwrap()))).unwrap();
            }
        }
        for link in &sources.links {
            let uid = |text: &str| text.parse::<EntityUid>().unwrap();
            let values = link.principal.iter().map(|entity| (SlotId::principal(), uid(&entity.value))).collect();
            policies.link(PolicyId::new(&link.template.value), PolicyId::new(&link.id.value), values).unwrap();
        }
        let uid = |id: &str| json!({ "type": "Role", "id": id });
        let roles = sources.roles.iter().map(|role| {
            let parents: Vec<Json> = role.inherits.iter().map(|parent| uid(&parent.value)).collect();
            json!({ "uid": uid(&role.name.value), "attrs": {}, "parents": parents })
        });
        Self { schema, policies, roles: roles.collect() }
    }

    pub(crate) fn decide(&self, facts: &Facts) -> Brief {
        let principal = json!({ "type": facts.kind.name(), "id": facts.id });
        let (resource_type, attributes) = facts.resource();
        let resource = json!({ "type": resource_type, "id": facts.path() });
        let parents = facts.roles.iter().map(|id| json!({ "type": "Role", "id": id }));
        let parents: Vec<Json> =
            parents.chain(facts.groups.iter().map(|id| json!({ "type": "Group", "id": id }))).collect();
        let mut entities = self.roles.clone();
        entities.push(json!({ "uid": principal, "attrs": principal_attributes(facts), "parents": parents }));
        entities.push(json!({ "uid": resource, "attrs": attributes, "parents": [] }));
        let entities = Entities::from_json_value(Json::Array(entities), Some(&self.schema)).unwrap();
        let uid = |json: Json| EntityUid::from_json(json!({ "__entity": json })).unwrap();
        let action = uid(json!({ "type": "Action", "id": facts.action }));
        let context = Context::from_json_value(context(facts), Some((&self.schema, &action))).unwrap();
        let request = Request::new(uid(principal), action, uid(resource), context, Some(&self.schema)).unwrap();
        brief(&Authorizer::new().is_authorized(&request, &self.policies, &entities))
    }
}

fn brief(response: &cedar_policy::Response) -> Brief {
    let failed = response.diagnostics().errors().map(|error| match error {
        cedar_policy::AuthorizationError::PolicyEvaluationError(error) => text(error.policy_id()),
    });
    let mut failed: Vec<String> = failed.collect();
    let mut ids: Vec<String> = response.diagnostics().reason().map(text).collect();
    ids.sort();
    failed.sort();
    match (response.decision(), failed.is_empty()) {
        (cedar_policy::Decision::Allow, true) => (Verdict::Allow, ids, failed),
        // What permits does not count any more.
        (cedar_policy::Decision::Allow, false) => (Verdict::Deny, Vec::new(), failed),
        (cedar_policy::Decision::Deny, _) => (Verdict::Deny, ids, failed),
    }
}

/// The id itself; its `Display` escapes.
fn text(id: &PolicyId) -> String {
    let text: &str = id.as_ref();
    text.to_owned()
}

fn principal_attributes(facts: &Facts) -> Json {
    let mut attributes = Map::new();
    attributes.insert("id".to_owned(), json!(facts.id));
    let mut put = |name: &str, value: Option<Json>| attributes.extend(value.map(|value| (name.to_owned(), value)));
    put("tenant", facts.tenant.map(Json::from));
    put("department", facts.department.map(Json::from));
    put("level", facts.level.map(Json::from));
    put("regions", facts.regions.clone().map(Json::from));
    Json::Object(attributes)
}

fn context(facts: &Facts) -> Json {
    let optional = |pairs: [(&str, Option<Json>); 2]| -> Map<String, Json> {
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    };
    let mut auth = optional([("acr", facts.acr.map(Json::from)), ("age", facts.age.map(Json::from))]);
    auth.insert("method".to_owned(), json!(facts.method));
    let is_create = facts.action == "orders.createOrder";
    let header = facts.region.filter(|_| is_create).map(Json::from);
    let body = [("amount", facts.amount.map(Json::from)), ("currency", facts.currency.map(Json::from))];
    json!({
        "address": facts.address.to_string(),
        "time": facts.moment(),
        "auth": auth,
        "mtls": facts.mtls,
        "scopes": facts.scopes,
        "headers": optional([("x-region", header), ("none", None)]),
        "body": if is_create { optional(body) } else { Map::new() },
    })
}
