//! An upstream for tests.

use std::time::Duration;

use config::{Balance, Ejection, EjectionRules, Upstream, UpstreamProtocol};

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
