//! Every key of the file. A key that is not here does not exist.

mod contracts;
mod identity;
mod policies;

use crate::shape::{Field, Kind, Shape};

const fn key(key: &'static str, kind: Kind) -> Field {
    Field { key, kind, required: false }
}

const fn needed(key: &'static str, kind: Kind) -> Field {
    Field { key, kind, required: true }
}

pub(crate) static FILE: Shape = Shape {
    fields: &[
        key("workers", Kind::Whole),
        needed("listeners", Kind::List(&Kind::Object(&LISTENER))),
        key("data", Kind::Text),
        key("issuers", Kind::Named(&Kind::Object(&ISSUER))),
        key("identity", Kind::Object(&identity::IDENTITY)),
        key("upstreams", Kind::Named(&Kind::Object(&UPSTREAM))),
        needed("apis", Kind::List(&Kind::Object(&API))),
        key("policies", Kind::Object(&policies::POLICIES)),
        key("trusted_proxies", Kind::List(&Kind::Text)),
        key("geoip", Kind::Text),
        key("limits", Kind::Object(&LIMITS)),
        key("shared_limits", Kind::Object(&SHARED_LIMITS)),
        key("monitoring", Kind::Object(&MONITORING)),
    ],
};

pub(crate) static LISTENER: Shape = Shape {
    fields: &[
        needed("address", Kind::Text),
        key("tls", Kind::Object(&TLS)),
        key("plaintext", Kind::Text),
        key("proxy_protocol", Kind::Object(&PROXY_PROTOCOL)),
        key("addresses", Kind::Object(&ADDRESSES)),
    ],
};

pub(crate) static ADDRESSES: Shape = Shape {
    fields: &[
        key("allow", Kind::List(&Kind::Text)),
        key("deny", Kind::List(&Kind::Text)),
        key("allow_countries", Kind::List(&Kind::Text)),
        key("deny_countries", Kind::List(&Kind::Text)),
    ],
};

pub(crate) static PROXY_PROTOCOL: Shape = Shape { fields: &[needed("from", Kind::List(&Kind::Text))] };

pub(crate) static TLS: Shape = Shape {
    fields: &[
        key("certificate", Kind::Text),
        key("key", Kind::Text),
        key("certificates", Kind::List(&Kind::Object(&CERTIFICATE))),
        key("client_certificates", Kind::Object(&CLIENT_CERTIFICATES)),
    ],
};

pub(crate) static CERTIFICATE: Shape =
    Shape { fields: &[needed("certificate", Kind::Text), needed("key", Kind::Text)] };

pub(crate) static CLIENT_CERTIFICATES: Shape = Shape {
    fields: &[
        key("ca", Kind::Text),
        key("any_issuer", Kind::Flag),
        key("crl", Kind::OneOrList(&Kind::Text)),
        key("clients", Kind::List(&Kind::Object(&CLIENT))),
    ],
};

pub(crate) static CLIENT: Shape = Shape {
    fields: &[
        needed("name", Kind::Text),
        key("spiffe", Kind::Text),
        key("dns", Kind::Text),
        key("spki_sha256", Kind::Text),
        key("scopes", Kind::List(&Kind::Text)),
    ],
};

pub(crate) static ISSUER: Shape = Shape {
    fields: &[
        needed("issuer", Kind::Text),
        needed("audience", Kind::OneOrList(&Kind::Text)),
        needed("algorithms", Kind::List(&Kind::Text)),
        key("jwks_uri", Kind::Text),
        key("jwks_file", Kind::Text),
        key("secret", Kind::Text),
        key("ca", Kind::Text),
        key("allow_networks", Kind::List(&Kind::Text)),
        key("types", Kind::List(&Kind::Text)),
        key("required_claims", Kind::List(&Kind::Text)),
        key("max_lifetime", Kind::Text),
        key("skew", Kind::Text),
    ],
};

pub(crate) static UPSTREAM: Shape = Shape {
    fields: &[
        needed("servers", Kind::List(&Kind::Text)),
        key("protocol", Kind::Text),
        key("ca", Kind::Text),
        key("server_name", Kind::Text),
        key("tls", Kind::Object(&CERTIFICATE)),
        key("connect_timeout", Kind::Text),
        key("max_idle", Kind::Whole),
        key("max_requests", Kind::Whole),
        key("max_waiting", Kind::Whole),
        key("max_wait", Kind::Text),
        key("balance", Kind::TextOr(&BALANCE)),
        key("ejection", Kind::Object(&EJECTION)),
        key("health", Kind::Object(&HEALTH)),
    ],
};

pub(crate) static BALANCE: Shape = Shape { fields: &[needed("hash", Kind::Text)] };

pub(crate) static EJECTION: Shape = Shape {
    fields: &[
        key("failures", Kind::Whole),
        key("time", Kind::Text),
        key("longest", Kind::Text),
        key("share", Kind::Whole),
        key("gateway_errors", Kind::Flag),
        key("off", Kind::Text),
    ],
};

pub(crate) static HEALTH: Shape = Shape {
    fields: &[
        needed("path", Kind::Text),
        key("every", Kind::Text),
        key("timeout", Kind::Text),
        key("healthy", Kind::Whole),
        key("unhealthy", Kind::Whole),
    ],
};

pub(crate) static API: Shape = Shape {
    fields: &[
        needed("name", Kind::Text),
        key("host", Kind::Text),
        key("path", Kind::Text),
        needed("upstream", Kind::Text),
        key("authenticate", Kind::List(&Kind::TextOr(&AUTHENTICATE))),
        key("resource", Kind::Text),
        key("mcp", Kind::Flag),
        key("body", Kind::Text),
        key("response_timeout", Kind::Text),
        key("addresses", Kind::Object(&ADDRESSES)),
        key("limits", Kind::List(&Kind::Object(&LIMIT))),
        key("cors", Kind::Object(&CORS)),
        key("policies", Kind::Object(&policies::OFF)),
        key("tenant", Kind::Text),
        key("owner", Kind::Text),
        key("contract", Kind::Object(&contracts::CONTRACT)),
        key("routes", Kind::List(&Kind::Object(&ROUTE))),
    ],
};

pub(crate) static CORS: Shape = Shape {
    fields: &[
        needed("origins", Kind::List(&Kind::Text)),
        key("credentials", Kind::Flag),
        key("request_headers", Kind::List(&Kind::Text)),
        key("response_headers", Kind::List(&Kind::Text)),
        key("max_age", Kind::Text),
    ],
};

pub(crate) static AUTHENTICATE: Shape = Shape { fields: &[needed("jwt", Kind::Text)] };

pub(crate) static LIMIT: Shape = Shape {
    fields: &[
        needed("per", Kind::OneOrList(&Kind::Text)),
        key("rate", Kind::Text),
        key("burst", Kind::Whole),
        key("quota", Kind::Text),
        key("carry_over", Kind::Whole),
        key("concurrency", Kind::Whole),
        key("name", Kind::Text),
        key("shared", Kind::Flag),
    ],
};

pub(crate) static ROUTE: Shape = Shape {
    fields: &[
        needed("match", Kind::Text),
        key("scopes", Kind::List(&Kind::Text)),
        key("authenticate", Kind::List(&Kind::TextOr(&AUTHENTICATE))),
        key("public", Kind::Text),
        key("acr", Kind::OneOrList(&Kind::Text)),
        key("max_age", Kind::Text),
        key("body", Kind::Text),
        key("response_timeout", Kind::Text),
        key("encoded_slashes", Kind::Flag),
        key("websocket", Kind::Object(&WEBSOCKET)),
        key("operation", Kind::Text),
        key("reads", Kind::Object(&policies::READS)),
        key("object", Kind::Object(&policies::OBJECT)),
        key("visible_to", Kind::Named(&Kind::OneOrList(&Kind::Text))),
        key("serves", Kind::Text),
        key("limits", Kind::List(&Kind::Object(&LIMIT))),
        key("cost", Kind::Whole),
    ],
};

pub(crate) static WEBSOCKET: Shape = Shape { fields: &[needed("origins", Kind::List(&Kind::Text))] };

pub(crate) static LIMITS: Shape = Shape {
    fields: &[
        key("header_count", Kind::Whole),
        key("header_bytes", Kind::Text),
        key("target_bytes", Kind::Text),
        key("handshake_timeout", Kind::Text),
        key("header_timeout", Kind::Text),
        key("body_minimum_rate", Kind::Whole),
        key("keep_alive", Kind::Text),
        key("stream_idle", Kind::Text),
        key("connections", Kind::Whole),
        key("connections_per_address", Kind::Whole),
        key("http2_streams", Kind::Whole),
        key("token_bytes", Kind::Text),
        key("buckets", Kind::Whole),
        key("memory", Kind::Text),
        key("held_bodies", Kind::Text),
        key("failed_authentication", Kind::Object(&FAILED_AUTHENTICATION)),
    ],
};

pub(crate) static FAILED_AUTHENTICATION: Shape = Shape {
    fields: &[
        key("per_address", Kind::Text),
        key("per_credential", Kind::Text),
        key("ban_after", Kind::Text),
        key("ban", Kind::Text),
    ],
};

pub(crate) static SHARED_LIMITS: Shape = Shape {
    fields: &[
        needed("store", Kind::Text),
        needed("nodes", Kind::Whole),
        key("username", Kind::Text),
        key("password", Kind::Text),
        key("ca", Kind::Text),
        key("plaintext", Kind::Text),
        key("on_store_failure", Kind::TextOr(&ALLOW)),
    ],
};

pub(crate) static ALLOW: Shape = Shape { fields: &[needed("allow", Kind::Text)] };

pub(crate) static MONITORING: Shape = Shape {
    fields: &[
        key("address", Kind::Text),
        key("access_log", Kind::TextOr(&LOG_OFF)),
        key("traces", Kind::Object(&TRACES)),
        key("trace_context", Kind::Text),
    ],
};

pub(crate) static TRACES: Shape = Shape { fields: &[needed("endpoint", Kind::Text), needed("sample", Kind::Text)] };

pub(crate) static LOG_OFF: Shape = Shape { fields: &[needed("off", Kind::Text)] };
