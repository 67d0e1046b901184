//! What `portcullis check` can find in an API's OpenAPI document.

use super::Entry;

/// Not a document of OpenAPI.
pub static BAD_DOCUMENT: Entry = Entry {
    id: "PC-1801",
    status: None,
    title: "Not as OpenAPI has it",
    caller: "",
    operator: "The document is wrong at this place. What is not understood is refused: a misspelt keyword would protect nothing.",
};

/// Part of a document that cannot be checked.
pub static UNSUPPORTED: Entry = Entry {
    id: "PC-1802",
    status: None,
    title: "Cannot be checked here",
    caller: "",
    operator: "OpenAPI allows this, but requests cannot be held to it. Say it in another way, or take the operation out with `operations: { NAME: { off: \"why\" } }`.",
};

/// No such operation.
pub static UNKNOWN_OPERATION: Entry = Entry {
    id: "PC-1803",
    status: None,
    title: "No such operation",
    caller: "",
    operator: "`contract.operations` names operations by their `operationId`, or as `GET /path` with the whole path.",
};

/// Operation cannot become a route.
pub static NOT_A_ROUTE: Entry = Entry {
    id: "PC-1804",
    status: None,
    title: "Operation cannot become a route",
    caller: "",
    operator: "A document may ask for credentials and scopes, but it does not open a route to anyone: that takes a route with `public` and a reason.",
};

/// All of them, in order.
pub static ALL: &[&Entry] = &[&BAD_DOCUMENT, &UNSUPPORTED, &UNKNOWN_OPERATION, &NOT_A_ROUTE];
