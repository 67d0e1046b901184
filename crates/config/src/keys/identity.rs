//! Keys of `identity`.

use super::{key, needed};
use crate::shape::{Kind, Shape};

pub(crate) static IDENTITY: Shape = Shape {
    fields: &[
        key("issuer", Kind::Text),
        key("plaintext", Kind::Text),
        key("lifetimes", Kind::Object(&LIFETIMES)),
        key("fapi", Kind::Flag),
        key("opaque_access_tokens", Kind::Flag),
        key("registration", Kind::Text),
        key("clients_by_url", Kind::Object(&CLIENTS_BY_URL)),
        key("backchannel_logout", Kind::Object(&REACH)),
        key("scopes", Kind::Named(&Kind::Text)),
        key("templates", Kind::Text),
        key("master_key", Kind::Text),
        key("providers", Kind::Named(&Kind::Object(&PROVIDER))),
        key("password", Kind::Object(&PASSWORD)),
        key("rotate_keys", Kind::Text),
    ],
};

static LIFETIMES: Shape = Shape {
    fields: &[
        key("access_token", Kind::Text),
        key("refresh_token", Kind::Text),
        key("session", Kind::Text),
        key("session_idle", Kind::Text),
    ],
};

static CLIENTS_BY_URL: Shape = Shape {
    fields: &[
        needed("scopes", Kind::List(&Kind::Text)),
        key("hosts", Kind::List(&Kind::Text)),
        key("ca", Kind::Text),
        key("allow_networks", Kind::List(&Kind::Text)),
    ],
};

static REACH: Shape = Shape { fields: &[key("ca", Kind::Text), key("allow_networks", Kind::List(&Kind::Text))] };

static PASSWORD: Shape = Shape { fields: &[key("minimum", Kind::Whole)] };

static PROVIDER: Shape = Shape {
    fields: &[
        needed("issuer", Kind::Text),
        needed("client_id", Kind::Text),
        needed("client_secret", Kind::Text),
        key("link", Kind::Text),
        key("ca", Kind::Text),
        key("allow_networks", Kind::List(&Kind::Text)),
    ],
};
