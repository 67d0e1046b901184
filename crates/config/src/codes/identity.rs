//! What `portcullis check` can find in `identity`, and in what APIs ask of tokens.

use super::Entry;

/// The authorization server has no address.
pub static NO_ISSUER: Entry = Entry {
    id: "PC-2101",
    status: None,
    title: "Authorization server without an address",
    caller: "",
    operator: "`identity` says no `issuer`, and no listener has a certificate for a name that could be one.",
};

/// The issuer identifier is none.
pub static BAD_ISSUER: Entry = Entry {
    id: "PC-2102",
    status: None,
    title: "Not an issuer identifier",
    caller: "",
    operator: "`identity.issuer` is `https`, a host in lower case and perhaps a port (RFC 8414 §2). Clients compare it byte by byte.",
};

/// An API takes the paths of the authorization server.
pub static PATH_TAKEN: Entry = Entry {
    id: "PC-2103",
    status: None,
    title: "Path of the authorization server",
    caller: "",
    operator: "On the issuer's host, a route takes a path that the authorization server serves. Login pages share neither paths nor cookies with an API's.",
};

/// A time or number of `identity` out of its bounds.
pub static BAD_LIFETIME: Entry = Entry {
    id: "PC-2104",
    status: None,
    title: "Out of the bounds of identity",
    caller: "",
    operator: "Access tokens live 5 to 10 minutes: long enough to be of use, short enough that a lost one is soon worth nothing. The other bounds are in the message.",
};

/// The master key is none.
pub static BAD_MASTER_KEY: Entry = Entry {
    id: "PC-2105",
    status: None,
    title: "Not a master key",
    caller: "",
    operator: "The master key seals the authorization server's private keys. It is 32 random bytes in a file of mode 0400 or a credential of the service manager.",
};

/// A scope without words.
pub static NO_WORDS: Entry = Entry {
    id: "PC-2106",
    status: None,
    title: "Scope without words",
    caller: "",
    operator: "The consent page says in plain words what a client may do. A scope of the catalogue without any would say nothing.",
};

/// The name of a provider is none.
pub static BAD_PROVIDER: Entry = Entry {
    id: "PC-2107",
    status: None,
    title: "Not a name of a provider",
    caller: "",
    operator: "The name is a part of addresses that the provider and browsers see.",
};

/// `authenticate: [identity]` without `identity`.
pub static NO_IDENTITY: Entry = Entry {
    id: "PC-2108",
    status: None,
    title: "No authorization server",
    caller: "",
    operator: "A route takes tokens of the built-in authorization server, which the file does not switch on.",
};

/// The resource identifier is none, or there is none.
pub static BAD_RESOURCE: Entry = Entry {
    id: "PC-2109",
    status: None,
    title: "Not a resource identifier",
    caller: "",
    operator: "`resource` is an absolute `https` address without query and fragment (RFC 8707 §2, RFC 9728 §1.2). Tokens name it as their audience.",
};

/// A step-up rule that nobody can meet, or that says nothing.
pub static BAD_STEP_UP: Entry = Entry {
    id: "PC-2110",
    status: None,
    title: "Step-up that cannot be met",
    caller: "",
    operator: "`acr` and `max_age` ask how and when a user logged in, which only tokens say (RFC 9470).",
};

/// An MCP server without tokens.
pub static MCP_WITHOUT_TOKENS: Entry = Entry {
    id: "PC-2111",
    status: None,
    title: "MCP server without tokens",
    caller: "",
    operator: "Clients of the Model Context Protocol are sent to an authorization server, so that each route of such an API takes tokens.",
};

/// A scope or host of clients that nobody registered.
pub static BAD_CLIENTS_BY_URL: Entry = Entry {
    id: "PC-2112",
    status: None,
    title: "Not for clients by address",
    caller: "",
    operator: "`identity.clients_by_url` names scopes of the catalogue, and hosts as they stand in addresses. Anybody may write a document that asks for one of these scopes.",
};

/// All of them, in order.
pub static ALL: &[&Entry] = &[
    &NO_ISSUER,
    &BAD_ISSUER,
    &PATH_TAKEN,
    &BAD_LIFETIME,
    &BAD_MASTER_KEY,
    &NO_WORDS,
    &BAD_PROVIDER,
    &NO_IDENTITY,
    &BAD_RESOURCE,
    &BAD_STEP_UP,
    &MCP_WITHOUT_TOKENS,
    &BAD_CLIENTS_BY_URL,
];
