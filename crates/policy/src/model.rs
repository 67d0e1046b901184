//! What there is to decide about, in the caller's plain words: APIs, operations, and the facts that policies may read.
//!
//! The Cedar schema is made from this. Nothing that is not described here can be read by a policy.

/// Everything that policies may mention, apart from roles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// The APIs behind the gateway; names are unique.
    pub apis: Vec<Api>,
    /// Names of groups. A policy that mentions another one is refused, so that a typing error is seen.
    pub groups: Vec<String>,
    /// Facts about the caller that are taken from the credential.
    pub claims: Vec<Attribute>,
}

/// One API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The name in the configuration, such as `orders`.
    pub name: String,
    /// What can be called.
    pub operations: Vec<Operation>,
}

/// One operation: what a Cedar action stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operation {
    /// The `operationId`, or `METHOD /path` where there is none.
    pub id: String,
    /// The HTTP method.
    pub method: String,
    /// The path template, such as `/orders/{id}`.
    pub path_template: String,
    /// Whether the operation only reads; it decides between the action groups `API.read` and `API.write`.
    pub read: bool,
    /// Path parameters; attributes of the resource, always present.
    pub parameters: Vec<Attribute>,
    /// The path parameter that names the tenant; policies read it as `resource.tenant`, a `String`.
    pub tenant: Option<String>,
    /// The path parameter that names the owner; policies read it as `resource.owner`, a `String`.
    pub owner: Option<String>,
    /// Names of header fields, in lower case; policies read them as `context.headers["name"]`, a `String`.
    pub headers: Vec<String>,
    /// Members of the JSON body; policies read them as `context.body["name"]`.
    pub body: Vec<Attribute>,
}

/// A named and typed fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name by which policies read it.
    pub name: String,
    /// Its type. A value of another type denies.
    pub kind: ValueKind,
}

impl Attribute {
    /// A fact of the type `kind`.
    pub fn new(name: impl Into<String>, kind: ValueKind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// Types of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValueKind {
    /// Text.
    String,
    /// A whole number of 64 bits. Other numbers have no Cedar type here.
    Long,
    /// True or false.
    Bool,
    /// A set of texts.
    Strings,
}

impl ValueKind {
    /// The Cedar type.
    pub(crate) fn cedar(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Long => "Long",
            Self::Bool => "Bool",
            Self::Strings => "Set<String>",
        }
    }
}
