//! Keys of `policies`, and those of routes that only policies read.

use super::{key, needed};
use crate::shape::{Kind, Shape};

pub(crate) static POLICIES: Shape = Shape {
    fields: &[
        key("roles", Kind::TextOrNamed(&Kind::Object(&ROLE))),
        key("links", Kind::List(&Kind::Object(&LINK))),
        key("cedar", Kind::OneOrList(&Kind::Text)),
        key("groups", Kind::List(&Kind::Text)),
        key("attributes", Kind::Named(&Kind::Text)),
        key("claims", Kind::Named(&Kind::Object(&CLAIMS))),
        key("bindings", Kind::List(&Kind::Object(&BINDING))),
        key("tests", Kind::OneOrList(&Kind::Text)),
        key("shadow", Kind::Object(&SHADOW)),
    ],
};

static ROLE: Shape = Shape {
    fields: &[key("inherits", Kind::List(&Kind::Text)), key("permissions", Kind::List(&Kind::Object(&PERMISSION)))],
};

static PERMISSION: Shape =
    Shape { fields: &[needed("operations", Kind::List(&Kind::Text)), key("where", Kind::List(&Kind::Text))] };

static LINK: Shape = Shape {
    fields: &[
        needed("template", Kind::Text),
        needed("id", Kind::Text),
        key("principal", Kind::Text),
        key("resource", Kind::Text),
    ],
};

static SHADOW: Shape = Shape {
    fields: &[
        key("roles", Kind::TextOrNamed(&Kind::Object(&ROLE))),
        key("links", Kind::List(&Kind::Object(&LINK))),
        key("cedar", Kind::OneOrList(&Kind::Text)),
    ],
};

static CLAIMS: Shape = Shape {
    fields: &[
        key("roles", Kind::Object(&MEMBERS)),
        key("groups", Kind::Object(&MEMBERS)),
        key("tenant", Kind::TextOr(&FIXED)),
        key("attributes", Kind::Named(&Kind::Text)),
        key("id_prefix", Kind::Text),
        key("shared_subjects", Kind::Text),
    ],
};

static MEMBERS: Shape =
    Shape { fields: &[needed("claim", Kind::Text), needed("values", Kind::Named(&Kind::OneOrList(&Kind::Text)))] };

static FIXED: Shape = Shape { fields: &[needed("is", Kind::Text)] };

static BINDING: Shape = Shape {
    fields: &[
        key("user", Kind::Text),
        key("client", Kind::Text),
        key("api_key", Kind::Text),
        key("workload", Kind::Text),
        key("roles", Kind::List(&Kind::Text)),
        key("groups", Kind::List(&Kind::Text)),
        key("tenant", Kind::Text),
        key("attributes", Kind::Named(&Kind::OneOrList(&Kind::Text))),
    ],
};

pub(crate) static OFF: Shape = Shape { fields: &[needed("off", Kind::Text)] };

pub(crate) static READS: Shape = Shape {
    fields: &[
        key("headers", Kind::List(&Kind::Text)),
        key("body", Kind::Named(&Kind::Text)),
        key("parameters", Kind::Named(&Kind::Text)),
    ],
};

pub(crate) static OBJECT: Shape = Shape { fields: &[key("tenant", Kind::Text), key("owner", Kind::Text)] };
