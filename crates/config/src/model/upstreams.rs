//! Where requests of APIs go.

use std::{sync::Arc, time::Duration};

use rustls_pki_types::CertificateDer;

use super::Certificate;

/// Where requests of an API go.
#[derive(Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name in the file, or its URL.
    pub name: String,
    /// Servers; at least one.
    pub servers: Vec<Server>,
    /// Which server takes a request.
    pub balance: Balance,
    /// HTTP version spoken.
    pub protocol: UpstreamProtocol,
    /// TLS, when the servers speak it.
    pub tls: Option<UpstreamTls>,
    /// Time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Idle connections kept for each worker and server.
    pub max_idle: usize,
    /// Requests under way to all of its servers, until their answers have ended (503). Default 1,024.
    pub max_requests: usize,
    /// Requests that wait for one of those to end, in turns between clients. Default 128.
    pub max_waiting: usize,
    /// Longest wait of a request (503). Default 250 ms.
    pub max_wait: Duration,
    /// When a server that fails gets no requests for a while.
    pub ejection: Ejection,
    /// Whether servers are asked how they are.
    pub health: Option<HealthCheck>,
}

/// Which server of an upstream takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balance {
    /// Each in its turn.
    RoundRobin,
    /// Of two servers taken by chance, the one with fewer requests under way. The default.
    LeastRequests,
    /// The same server for the same value, as long as it is well.
    Hash(HashBy),
}

/// Whose requests go to the same server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashBy {
    /// One authenticated client's; on public routes one address's.
    Client,
    /// One address's.
    Address,
    /// Those with one value of this field. Requests without it are balanced by `least_requests`.
    Header(http::HeaderName),
}

/// When a server that fails gets no requests for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ejection {
    /// By these rules.
    On(EjectionRules),
    /// Never, for the operator's stated reason.
    Off {
        /// The operator's words.
        reason: String,
    },
}

/// When a server is ejected, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EjectionRules {
    /// Failures in a row. Default 5.
    pub failures: u32,
    /// The first time; each further ejection doubles it. Default 10 s.
    pub time: Duration,
    /// The longest time. Default 5 min.
    pub longest: Duration,
    /// Percent of the servers that may be ejected at once; at least one, never the last. Default 50.
    pub share: u8,
    /// Whether answers of 502, 503 and 504 are failures. Default no: callers may be able to cause them.
    pub gateway_errors: bool,
}

/// How servers are asked how they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Target of a GET; an answer of 2xx is good.
    pub path: http::uri::PathAndQuery,
    /// Time from one check to the next. Default 5 s.
    pub every: Duration,
    /// Time for a check, connecting included; not longer than `every`. Default 1 s.
    pub timeout: Duration,
    /// Good checks in a row after which a server that was not well is used again. Default 2.
    pub healthy: u32,
    /// Failed checks in a row after which a server is not used. Default 3.
    pub unhealthy: u32,
}

/// One server of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// Name or IP literal, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// HTTP version spoken to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, with prior knowledge where there is no TLS.
    Http2,
}

/// TLS towards an upstream. Verification cannot be switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Trust anchors instead of the system's.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// Name that the certificate must carry, where it is not the server's host.
    pub server_name: Option<String>,
    /// What the gateway shows to servers that ask for a client certificate.
    pub client: Option<Arc<Certificate>>,
}
