//! Who may do what: the policies in force, and the facts that they are told.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::HeaderName;
use policy::{Attribute, Engine, Fact, Kind, Model, cases::Cases};

use super::IssuerName;

/// Policies in force. Every non-public route of an API that does not say `policies: { off: "why" }` is decided by them,
/// after its scopes.
#[derive(Debug)]
pub struct Policies {
    /// What decides.
    pub engine: Arc<Engine>,
    /// What the engine was made for: the operations and facts.
    pub model: Model,
    /// A candidate that is asked as well and never decides.
    pub shadow: Option<Arc<Engine>>,
    /// Test cases, which have passed unless the file was loaded with [`crate::Cases::Keep`].
    pub cases: Vec<Cases>,
    /// What claims of each issuer mean. An issuer that is not here says nothing of roles.
    pub claims: BTreeMap<IssuerName, ClaimMapping>,
    /// What the configuration itself says of callers.
    pub bindings: Bindings,
}

/// What the claims of an issuer's tokens mean. Nothing else in a token has a meaning for policies, but for `sub`,
/// `client_id`, `scope`, `acr` and `auth_time`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimMapping {
    /// Stands before the subject in the caller's id.
    pub id_prefix: String,
    /// Roles by values of a claim.
    pub roles: Option<MemberMapping>,
    /// Groups by values of a claim.
    pub groups: Option<MemberMapping>,
    /// The tenant.
    pub tenant: Option<TenantSource>,
    /// Attributes, each with the claim that gives it.
    pub attributes: Vec<(Attribute, ClaimPath)>,
}

/// Roles or groups by values of a claim: a text or a list of texts. Other values mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberMapping {
    /// The claim.
    pub claim: ClaimPath,
    /// What each value gives.
    pub values: BTreeMap<String, Vec<String>>,
}

/// Where a token's tenant comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantSource {
    /// A claim with a text.
    Claim(ClaimPath),
    /// All callers of the issuer belong to this one.
    Fixed(String),
}

/// A claim by its name, or by a JSON pointer (RFC 6901) where it is nested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimPath {
    /// A claim of the token itself.
    Name(String),
    /// A member of a claim, such as `/realm_access/roles`.
    Pointer(String),
}

/// What the configuration says of callers, by kind and id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings(pub(crate) HashMap<Kind, HashMap<String, Binding>>);

impl Bindings {
    /// What is said of a caller.
    pub fn of(&self, kind: Kind, id: &str) -> Option<&Binding> {
        self.0.get(&kind)?.get(id)
    }

    /// All of them, in no order.
    pub fn all(&self) -> impl Iterator<Item = (Kind, &str, &Binding)> {
        self.0.iter().flat_map(|(kind, ids)| ids.iter().map(|(id, binding)| (*kind, id.as_str(), binding)))
    }
}

/// What the configuration says of one caller. Roles and groups are added to what the credential says; a tenant and
/// attributes take the place of the credential's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binding {
    /// Roles.
    pub roles: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Tenant.
    pub tenant: Option<String>,
    /// Attributes.
    pub attributes: Vec<(String, Fact)>,
}

/// What policies are told of a route's requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePolicy {
    /// The Cedar action, such as `orders.getOrder`.
    pub action: String,
    /// The operation, as policies know it.
    pub operation: policy::Operation,
    /// Header fields that policies may read.
    pub headers: Vec<HeaderName>,
    /// Members of the JSON answer that say whose object it is; judged before any of it leaves.
    pub object: Option<ObjectRule>,
    /// Members of the JSON answer that only some roles see (`x-portcullis-visible-to`).
    pub visible_to: Vec<Visibility>,
}

impl RoutePolicy {
    /// Whether policies may read members of the request's body.
    pub fn reads_body(&self) -> bool {
        !self.operation.body.is_empty()
    }

    /// Whether the answer is looked at before it leaves.
    pub fn judges_answer(&self) -> bool {
        self.object.is_some() || !self.visible_to.is_empty()
    }
}

/// Whose object an answer holds. At least one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRule {
    /// JSON pointer to the tenant.
    pub tenant: Option<String>,
    /// JSON pointer to the owner.
    pub owner: Option<String>,
}

/// Who sees a member of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visibility {
    /// Names of members from the outermost on; `*` is every item of a list.
    pub path: Vec<String>,
    /// One of these is needed.
    pub roles: Vec<String>,
}

/// Who answers a route's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Serves {
    /// The API's upstream.
    #[default]
    Upstream,
    /// The gateway, with decisions of its policies (`AuthZEN` Authorization API 1.0).
    Evaluation,
    /// The built-in authorization server.
    Resident(super::Readers),
    /// The gateway, with what clients need to know of the API's tokens (RFC 9728).
    ResourceMetadata,
}
