//! An upstream for tests, and what it is told of requests.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use config::{Balance, Ejection, EjectionRules, Upstream, UpstreamProtocol};
use http::HeaderValue;

use super::{Forwarded, Introduction};
use crate::{canonical::Host, request_id::RequestIds};

/// One without servers, of which a test changes what it is about.
pub(super) fn upstream() -> Upstream {
    Upstream {
        name: "test".into(),
        servers: Vec::new(),
        balance: Balance::LeastRequests,
        protocol: UpstreamProtocol::Http1,
        tls: None,
        connect_timeout: Duration::from_secs(5),
        max_idle: 8,
        max_requests: 1,
        max_waiting: 128,
        max_wait: Duration::from_millis(250),
        ejection: Ejection::On(EjectionRules {
            failures: 1,
            time: Duration::from_secs(1),
            longest: Duration::from_secs(1),
            share: 100,
            gateway_errors: false,
        }),
        health: None,
    }
}

/// What is told of a request.
pub(super) fn forwarded() -> Forwarded {
    Forwarded {
        host: Host::parse("orders.invalid").unwrap(),
        addresses: HeaderValue::from_static("192.0.2.1"),
        secure: true,
        request_id: RequestIds::new().unwrap().next(),
        caller: Some(Introduction {
            identity: HeaderValue::from_static("a.b.c"),
            subject: HeaderValue::from_static("somebody"),
            scopes: HeaderValue::from_static("orders:read orders:write"),
            method: "jwt",
        }),
    }
}
