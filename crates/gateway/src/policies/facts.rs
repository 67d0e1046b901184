//! What is known of a caller beyond who they are: roles, groups, tenant and attributes, by declared mappings only.

use config::{Binding, ClaimMapping, ClaimPath, MemberMapping, Policies, TenantSource};
use jose::jwt::Claims;
use policy::{Fact, Kind, ValueKind};
use serde_json::Value;

use crate::authenticate::Caller;

/// What a credential says of its caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// A client that acts for itself.
    is_client: bool,
    /// What the caller is called, if that is not the subject alone.
    id: Option<String>,
    roles: Vec<String>,
    groups: Vec<String>,
    tenant: Option<String>,
    attributes: Vec<(String, Fact)>,
    pub(super) acr: Option<String>,
    /// Unix seconds.
    pub(super) authenticated_at: Option<u64>,
    /// A declared claim that is not what it should be. What it would have said is unknown, so that nothing is allowed.
    pub(super) unusable: Option<&'static str>,
}

impl Facts {
    /// What an API key's record says.
    pub(crate) fn of_key(roles: Vec<String>, tenant: Option<String>) -> Self {
        Self { roles, tenant, ..Self::default() }
    }

    /// What a token says by its issuer's mapping.
    pub(crate) fn of_token(claims: &Claims, mapping: Option<&ClaimMapping>) -> Self {
        let acr = claims.all.get("acr").and_then(Value::as_str).map(str::to_owned);
        let mut facts = Self {
            // RFC 9068 §2.2: a client that acts for itself is its own subject.
            is_client: claims.subject.is_none() || claims.subject == claims.client_id,
            acr,
            authenticated_at: claims.all.get("auth_time").and_then(Value::as_u64),
            ..Self::default()
        };
        let Some(mapping) = mapping else { return facts };
        if !mapping.id_prefix.is_empty() {
            let subject = claims.subject.as_ref().or(claims.client_id.as_ref());
            facts.id = subject.map(|subject| format!("{}{subject}", mapping.id_prefix));
        }
        facts.roles = facts.members(claims, mapping.roles.as_ref(), "roles");
        facts.groups = facts.members(claims, mapping.groups.as_ref(), "groups");
        facts.tenant = match &mapping.tenant {
            None => None,
            Some(TenantSource::Fixed(tenant)) => Some(tenant.clone()),
            Some(TenantSource::Claim(path)) => match find(claims, path) {
                None => None,
                Some(Value::String(tenant)) => Some(tenant.clone()),
                Some(_) => {
                    facts.unusable = Some("the claim that says the tenant is no text");
                    None
                }
            },
        };
        let attributes = mapping
            .attributes
            .iter()
            .filter_map(|(attribute, path)| Some((attribute.name.clone(), fact(find(claims, path)?, attribute.kind))));
        facts.attributes = attributes.collect();
        facts
    }

    fn members(&mut self, claims: &Claims, mapping: Option<&MemberMapping>, what: &'static str) -> Vec<String> {
        let Some(MemberMapping { claim, values }) = mapping else { return Vec::new() };
        let given: Option<Vec<&str>> = match find(claims, claim) {
            None => Some(Vec::new()),
            Some(Value::String(text)) => Some(vec![text]),
            Some(Value::Array(items)) => items.iter().map(Value::as_str).collect(),
            Some(_) => None,
        };
        let Some(given) = given else {
            self.unusable = Some(match what {
                "roles" => "the claim that says the roles is no list of texts",
                _ => "the claim that says the groups is no list of texts",
            });
            return Vec::new();
        };
        given.into_iter().filter_map(|value| values.get(value)).flatten().cloned().collect()
    }
}

fn find<'c>(claims: &'c Claims, path: &ClaimPath) -> Option<&'c Value> {
    match path {
        ClaimPath::Name(name) => claims.all.get(name),
        ClaimPath::Pointer(pointer) => {
            // The first step is the claim; the others lead into it.
            let (first, rest) =
                pointer.strip_prefix('/')?.split_at(pointer.get(1..)?.find('/').unwrap_or(pointer.len() - 1));
            claims.all.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(rest)
        }
    }
}

/// A value as a fact. One of another type than declared becomes a fact that is certain to have another type as well, so
/// that it denies where a policy could read it.
pub(super) fn fact(value: &Value, declared: ValueKind) -> Fact {
    let texts = |items: &[Value]| items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    let taken = match (declared, value) {
        (ValueKind::String, Value::String(text)) => Some(Fact::String(text.clone())),
        (ValueKind::Long, Value::Number(number)) => number.as_i64().map(Fact::Long),
        (ValueKind::Bool, Value::Bool(truth)) => Some(Fact::Bool(*truth)),
        (ValueKind::Strings, Value::Array(items)) => texts(items).map(Fact::Strings),
        (ValueKind::String | ValueKind::Long | ValueKind::Bool | ValueKind::Strings, _) => None,
    };
    taken.unwrap_or(match declared {
        ValueKind::Bool => Fact::Long(0),
        ValueKind::String | ValueKind::Long | ValueKind::Strings => Fact::Bool(false),
    })
}

/// What kind of caller it is.
pub(super) fn kind(caller: &Caller) -> Kind {
    match caller.method {
        "jwt" if caller.facts.as_ref().is_some_and(|facts| facts.is_client) => Kind::Client,
        "jwt" => Kind::User,
        "api_key" => Kind::ApiKey,
        _ => Kind::Workload,
    }
}

/// What the caller is called.
pub(super) fn id(caller: &Caller) -> &str {
    let own = caller.facts.as_ref().and_then(|facts| facts.id.as_deref());
    own.unwrap_or(&caller.subject)
}

fn binding<'p>(policies: &'p Policies, caller: &Caller) -> Option<&'p Binding> {
    policies.bindings.of(kind(caller), id(caller))
}

/// Roles by credential and configuration.
pub(super) fn roles<'a>(policies: &'a Policies, caller: &'a Caller) -> Vec<&'a str> {
    let own = caller.facts.iter().flat_map(|facts| &facts.roles);
    own.chain(binding(policies, caller).iter().flat_map(|binding| &binding.roles)).map(String::as_str).collect()
}

/// Adds roles, groups, tenant and attributes to a question.
pub(super) fn add<'q>(
    mut question: policy::Question<'q>,
    policies: &'q Policies,
    caller: &'q Caller,
) -> policy::Question<'q> {
    let (own, bound) = (caller.facts.as_deref(), binding(policies, caller));
    let groups = own.iter().flat_map(|facts| &facts.groups).chain(bound.iter().flat_map(|binding| &binding.groups));
    question = question.roles(roles(policies, caller)).groups(groups.map(String::as_str));
    let tenant = bound.and_then(|binding| binding.tenant.as_deref());
    if let Some(tenant) = tenant.or_else(|| own?.tenant.as_deref()) {
        question = question.tenant(tenant);
    }
    let replaced = |name: &str| bound.is_some_and(|binding| binding.attributes.iter().any(|(bound, _)| bound == name));
    let kept = own.iter().flat_map(|facts| &facts.attributes).filter(|(name, _)| !replaced(name));
    for (name, fact) in kept.chain(bound.iter().flat_map(|binding| &binding.attributes)) {
        question = question.claim(name, fact.value());
    }
    question
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(all: Value) -> Claims {
        let Value::Object(all) = all else { return claims(json!({})) };
        Claims {
            issuer: String::new(),
            subject: Some("alice".to_owned()),
            audience: Vec::new(),
            expires: 0,
            not_before: None,
            issued_at: None,
            id: None,
            client_id: None,
            scopes: Vec::new(),
            all,
        }
    }

    fn mapping(claim: ClaimPath) -> ClaimMapping {
        let values = [("staff".to_owned(), vec!["reader".to_owned()])].into();
        ClaimMapping { roles: Some(MemberMapping { claim, values }), ..ClaimMapping::default() }
    }

    #[test]
    fn only_declared_values_of_the_declared_claim_give_roles() {
        let mapping = mapping(ClaimPath::Name("roles".to_owned()));
        let roles = |all| Facts::of_token(&claims(all), Some(&mapping)).roles;
        assert_eq!(roles(json!({ "roles": ["staff", "reader", "admin"] })), ["reader"]);
        assert_eq!(roles(json!({ "roles": "staff" })), ["reader"]);
        assert!(roles(json!({ "role": "staff", "groups": ["staff"] })).is_empty());
        assert!(Facts::of_token(&claims(json!({ "roles": ["staff"] })), None).roles.is_empty());
    }

    #[test]
    fn a_pointer_leads_into_a_claim() {
        let mapping = mapping(ClaimPath::Pointer("/realm_access/roles".to_owned()));
        let facts = Facts::of_token(&claims(json!({ "realm_access": { "roles": ["staff"] } })), Some(&mapping));
        assert_eq!(facts.roles, ["reader"]);
    }

    #[test]
    fn a_claim_of_another_type_is_unusable_and_not_no_roles() {
        let mapping = mapping(ClaimPath::Name("roles".to_owned()));
        for wrong in [json!({ "roles": 7 }), json!({ "roles": ["staff", 7] }), json!({ "roles": null })] {
            assert!(Facts::of_token(&claims(wrong), Some(&mapping)).unusable.is_some());
        }
    }

    #[test]
    fn values_of_another_type_keep_another_type() {
        assert_eq!(fact(&json!(7), ValueKind::Long), Fact::Long(7));
        assert_eq!(fact(&json!(7.5), ValueKind::Long), Fact::Bool(false));
        assert_eq!(fact(&json!("true"), ValueKind::Bool), Fact::Long(0));
        assert_eq!(fact(&json!(null), ValueKind::String), Fact::Bool(false));
        assert_eq!(fact(&json!(["a", 1]), ValueKind::Strings), Fact::Bool(false));
    }
}
