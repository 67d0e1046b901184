//! Findings about policies, and about what the configuration says to them.

use super::Entry;

/// Not Cedar.
pub static POLICY_NOT_CEDAR: Entry = Entry {
    id: "PC-1901",
    status: None,
    title: "Not Cedar",
    caller: "",
    operator: "The text is not a Cedar policy. Nothing of the file is in force.",
};

/// Policy breaks the schema.
pub static POLICY_SCHEMA: Entry = Entry {
    id: "PC-1902",
    status: None,
    title: "Policy breaks the schema",
    caller: "",
    operator: "The policy reads or names what the schema does not have, or compares values of different types. \
               `portcullis policy schema` prints the schema.",
};

/// Unknown role.
pub static UNKNOWN_ROLE: Entry = Entry {
    id: "PC-1903",
    status: None,
    title: "Unknown role",
    caller: "",
    operator: "A role that is nowhere declared: nobody can have it.",
};

/// Unknown group.
pub static UNKNOWN_GROUP: Entry = Entry {
    id: "PC-1904",
    status: None,
    title: "Unknown group",
    caller: "",
    operator: "A group that `policies.groups` does not list: nobody can be in it.",
};

/// Unknown operation.
pub static UNKNOWN_OPERATION: Entry = Entry {
    id: "PC-1905",
    status: None,
    title: "Unknown operation",
    caller: "",
    operator: "A permission for something that no route is called. `operation` of a route names it, else its `match` \
               does.",
};

/// Roles inherit in a circle.
pub static ROLE_CIRCLE: Entry = Entry {
    id: "PC-1906",
    status: None,
    title: "Roles inherit in a circle",
    caller: "",
    operator: "Roles that inherit from each other have the same permissions.",
};

/// No tenant or owner to match.
pub static NOTHING_TO_MATCH: Entry = Entry {
    id: "PC-1907",
    status: None,
    title: "No tenant or owner to match",
    caller: "",
    operator: "`where` binds a permission to a tenant or an owner that the operation does not have: name the path \
               parameter at the API, or the member of the answer in `object`.",
};

/// Link does not fit.
pub static BAD_LINK: Entry = Entry {
    id: "PC-1908",
    status: None,
    title: "Link does not fit",
    caller: "",
    operator: "A link fills in the slots of a template, all of them and no others.",
};

/// Name given twice.
pub static POLICY_NAME_TWICE: Entry = Entry {
    id: "PC-1909",
    status: None,
    title: "Name given twice",
    caller: "",
    operator: "Two policies, roles or links have one name, so that a decision could not say which it was.",
};

/// Not the expected YAML.
pub static POLICY_YAML: Entry = Entry {
    id: "PC-1910",
    status: None,
    title: "Not the expected YAML",
    caller: "",
    operator: "A file of roles or of test cases is not what it should be.",
};

/// No schema for these APIs.
pub static NO_SCHEMA: Entry = Entry {
    id: "PC-1911",
    status: None,
    title: "No schema for these APIs",
    caller: "",
    operator: "Two operations, parameters or attributes would have one name in Cedar. Give one of them another name, \
               or an `operation`.",
};

/// Policy test failed.
pub static FAILED_CASE: Entry = Entry {
    id: "PC-1912",
    status: None,
    title: "Policy test failed",
    caller: "",
    operator: "A case of `policies.tests` came out otherwise than expected. A configuration with a failing case is \
               not loaded.",
};

/// Needs policies.
pub static NEEDS_POLICIES: Entry = Entry {
    id: "PC-1913",
    status: None,
    title: "Needs policies",
    caller: "",
    operator: "The key says something to policies, but no policies are in force for this route, so that it would \
               protect nothing.",
};

/// Unknown attribute.
pub static UNKNOWN_ATTRIBUTE: Entry = Entry {
    id: "PC-1914",
    status: None,
    title: "Unknown attribute",
    caller: "",
    operator: "An attribute of callers that `policies.attributes` does not declare: no policy could read it.",
};

/// Not a binding.
pub static BAD_BINDING: Entry = Entry {
    id: "PC-1915",
    status: None,
    title: "Not a binding",
    caller: "",
    operator: "A binding names one caller, by `user`, `client`, `api_key` or `workload`, and says something of it.",
};

/// Callers of two issuers cannot be told apart.
pub static SAME_SUBJECTS: Entry = Entry {
    id: "PC-1916",
    status: None,
    title: "Callers of two issuers cannot be told apart",
    caller: "",
    operator: "A `sub` is unique only within its issuer. With several issuers, each needs an `id_prefix` that is not \
               the beginning of another's; else the one could speak for the other's users.",
};

/// Not an object rule.
pub static BAD_OBJECT: Entry = Entry {
    id: "PC-1917",
    status: None,
    title: "Not an object rule",
    caller: "",
    operator: "An object rule judges the answer to GET by its owner or tenant, before any of it leaves; nothing else \
               can be taken back once the upstream has done it.",
};

/// Not a JSON pointer.
pub static BAD_POINTER: Entry = Entry {
    id: "PC-1918",
    status: None,
    title: "Not a JSON pointer",
    caller: "",
    operator: "Members are named by JSON pointers (RFC 6901), such as `/customer/id`.",
};

/// Unknown path parameter.
pub static UNKNOWN_PARAMETER: Entry = Entry {
    id: "PC-1919",
    status: None,
    title: "Unknown path parameter",
    caller: "",
    operator: "The path of no route has this parameter.",
};

/// Not a place to ask for decisions.
pub static BAD_EVALUATION: Entry = Entry {
    id: "PC-1920",
    status: None,
    title: "Not a place to ask for decisions",
    caller: "",
    operator: "A route that serves decisions takes POST alone, and asks for a credential with a scope.",
};

/// Not a type of facts.
pub static BAD_FACT_TYPE: Entry = Entry {
    id: "PC-1921",
    status: None,
    title: "Not a type of facts",
    caller: "",
    operator: "Facts are of the Cedar types `String`, `Long`, `Bool` or `Set<String>`.",
};

/// Fact of another type.
pub static BAD_FACT: Entry = Entry {
    id: "PC-1922",
    status: None,
    title: "Fact of another type",
    caller: "",
    operator: "The value is not of the type that `policies.attributes` declares.",
};

/// All of them, in order.
pub static ALL: &[&Entry] = &[
    &POLICY_NOT_CEDAR,
    &POLICY_SCHEMA,
    &UNKNOWN_ROLE,
    &UNKNOWN_GROUP,
    &UNKNOWN_OPERATION,
    &ROLE_CIRCLE,
    &NOTHING_TO_MATCH,
    &BAD_LINK,
    &POLICY_NAME_TWICE,
    &POLICY_YAML,
    &NO_SCHEMA,
    &FAILED_CASE,
    &NEEDS_POLICIES,
    &UNKNOWN_ATTRIBUTE,
    &BAD_BINDING,
    &SAME_SUBJECTS,
    &BAD_OBJECT,
    &BAD_POINTER,
    &UNKNOWN_PARAMETER,
    &BAD_EVALUATION,
    &BAD_FACT_TYPE,
    &BAD_FACT,
];
