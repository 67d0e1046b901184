//! What is asked: who wants to do what to which thing, and how the request came.

use std::net::IpAddr;

use serde::Deserialize;

/// Kinds of callers; each is an entity type of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person.
    #[default]
    User,
    /// An OAuth client that acts for itself.
    Client,
    /// The holder of an API key.
    ApiKey,
    /// A machine that shows a certificate.
    Workload,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::User, Self::Client, Self::ApiKey, Self::Workload];

    /// The entity type.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Client => "Client",
            Self::ApiKey => "ApiKey",
            Self::Workload => "Workload",
        }
    }
}

/// A fact's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'q> {
    /// Text.
    String(&'q str),
    /// A whole number.
    Long(i64),
    /// True or false.
    Bool(bool),
    /// A set of texts; order and repetition do not matter.
    Strings(Vec<&'q str>),
}

/// One question, borrowed from the request. Build it with [`Question::new`] and the methods that follow.
///
/// Facts that the model does not declare are kept but cannot be read by any policy. A declared fact that is given twice
/// or has another type than declared denies whenever a policy could read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question<'q> {
    pub(crate) kind: Kind,
    pub(crate) id: &'q str,
    pub(crate) roles: Vec<&'q str>,
    pub(crate) groups: Vec<&'q str>,
    pub(crate) tenant: Option<&'q str>,
    pub(crate) claims: Vec<(&'q str, Value<'q>)>,
    pub(crate) action: &'q str,
    pub(crate) path: &'q str,
    pub(crate) parameters: Vec<(&'q str, &'q str)>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) time: i64,
    pub(crate) method: Option<&'q str>,
    pub(crate) acr: Option<&'q str>,
    pub(crate) age: Option<i64>,
    pub(crate) mtls: bool,
    pub(crate) scopes: Vec<&'q str>,
    pub(crate) headers: Vec<(&'q str, &'q str)>,
    pub(crate) body: Vec<(&'q str, Value<'q>)>,
}

impl<'q> Question<'q> {
    /// The caller `id` of `kind` asks to do `action` (such as `orders.getOrder`) to `path`, which is the canonical path.
    pub fn new(kind: Kind, id: &'q str, action: &'q str, path: &'q str, origin: &Origin<'q>) -> Self {
        Self {
            kind,
            id,
            roles: Vec::new(),
            groups: Vec::new(),
            tenant: None,
            claims: Vec::new(),
            action,
            path,
            parameters: Vec::new(),
            address: Some(origin.address),
            time: origin.time,
            method: Some(origin.method),
            acr: None,
            age: None,
            mtls: false,
            scopes: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Nobody knows where the request came from. A policy that asks fails, and so denies.
    #[must_use]
    pub fn unknown_address(mut self) -> Self {
        self.address = None;
        self
    }

    /// Nobody knows how the caller was authenticated. A policy that asks fails, and so denies.
    #[must_use]
    pub fn unknown_method(mut self) -> Self {
        self.method = None;
        self
    }

    /// Roles the caller has; those they inherit are added by the engine. Roles that are not declared have no effect.
    #[must_use]
    pub fn roles(mut self, roles: impl IntoIterator<Item = &'q str>) -> Self {
        self.roles.extend(roles);
        self
    }

    /// Groups the caller is in. Groups that are not declared have no effect.
    #[must_use]
    pub fn groups(mut self, groups: impl IntoIterator<Item = &'q str>) -> Self {
        self.groups.extend(groups);
        self
    }

    /// The tenant the caller belongs to.
    #[must_use]
    pub fn tenant(mut self, tenant: &'q str) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// A declared claim.
    #[must_use]
    pub fn claim(mut self, name: &'q str, value: Value<'q>) -> Self {
        self.claims.push((name, value));
        self
    }

    /// A path parameter, decoded. Where `Long` is declared, decimal digits are expected.
    #[must_use]
    pub fn parameter(mut self, name: &'q str, value: &'q str) -> Self {
        self.parameters.push((name, value));
        self
    }

    /// Authentication context class (`acr`).
    #[must_use]
    pub fn acr(mut self, acr: &'q str) -> Self {
        self.acr = Some(acr);
        self
    }

    /// Seconds since the caller authenticated.
    #[must_use]
    pub fn age(mut self, seconds: i64) -> Self {
        self.age = Some(seconds);
        self
    }

    /// Whether the connection showed a client certificate that was verified.
    #[must_use]
    pub fn mtls(mut self, mtls: bool) -> Self {
        self.mtls = mtls;
        self
    }

    /// Scopes of the token.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = &'q str>) -> Self {
        self.scopes.extend(scopes);
        self
    }

    /// A header field, its name in lower case.
    #[must_use]
    pub fn header(mut self, name: &'q str, value: &'q str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A member of the JSON body.
    #[must_use]
    pub fn body(mut self, name: &'q str, value: Value<'q>) -> Self {
        self.body.push((name, value));
        self
    }
}

/// What is known of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin<'q> {
    /// Where it came from.
    pub address: IpAddr,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// How the caller was authenticated, such as `jwt` or `api_key`.
    pub method: &'q str,
}
