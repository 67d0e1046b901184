//! The configuration in force: every value here has been checked, every file it names has been read.
//!
//! Nothing in this module can be built from text except through [`crate::load`], so the gateway never re-checks what
//! it is handed.

mod addresses;
mod contracts;
mod identity;
mod limits;
mod listeners;
mod policies;
mod upstreams;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use ipnet::IpNet;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

pub use addresses::*;
pub use contracts::*;
pub use identity::*;
pub use limits::*;
pub use listeners::*;
pub use policies::*;
pub use upstreams::*;

use crate::Report;

/// A whole, valid configuration.
#[derive(Debug)]
pub struct Config {
    /// Where the gateway accepts connections; at least one.
    pub listeners: Vec<Listener>,
    /// The folder that holds the database, the control socket and generated keys.
    pub data: PathBuf,
    /// Issuers of tokens, by the name that `authenticate: [jwt: NAME]` uses.
    pub issuers: BTreeMap<IssuerName, Arc<Issuer>>,
    /// The built-in authorization server; `None` runs none.
    pub identity: Option<Arc<Identity>>,
    /// The APIs behind the gateway.
    pub apis: Vec<Api>,
    /// Who may do what beyond scopes; `None` leaves it at those.
    pub policies: Option<Arc<Policies>>,
    /// Countries of addresses, for `addresses`.
    pub countries: Option<Arc<Countries>>,
    /// Peers whose `X-Forwarded-*` fields are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Limits that hold for every connection and request.
    pub limits: GlobalLimits,
    /// The store through which instances share limits; `None` counts in each by itself.
    pub shared_limits: Option<SharedLimits>,
    /// Logs.
    pub monitoring: Monitoring,
    /// Worker threads; `None` means one for each available core.
    pub workers: Option<usize>,
    /// All files that were read, in the order of the file.
    pub files: Vec<PathBuf>,
    /// Files that secrets were read from (`file:`), in the order of the file.
    pub secret_files: Vec<PathBuf>,
    /// What may not mean what it says, though it can be run.
    pub warnings: Option<Report>,
}

/// Name of an issuer in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerName(pub String);

/// An issuer whose JWTs are accepted.
#[derive(Debug)]
pub struct Issuer {
    /// Its name in the file.
    pub name: IssuerName,
    /// Where its keys come from.
    pub keys: IssuerKeys,
    /// What its tokens must look like: issuer, audience, algorithms, types, required claims, lifetime, skew.
    pub validation: jose::jwt::Validation,
}

/// Where the keys of an issuer come from.
pub enum IssuerKeys {
    /// `<issuer>/.well-known/openid-configuration`, then RFC 8414's place; its `jwks_uri` is followed.
    Discovery(RemoteKeys),
    /// A JWKS at this `https` address (`http` on loopback only).
    JwksUri(RemoteKeys),
    /// A JWKS read from a file when the configuration was loaded.
    Static(jose::JwkSet),
    /// An HMAC secret of at least 256 bits, read from a file or the environment.
    Secret(Zeroizing<Vec<u8>>),
    /// The built-in authorization server's own, asked for without a network.
    Resident,
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovery(r) => write!(f, "Discovery({})", r.url),
            Self::JwksUri(r) => write!(f, "JwksUri({})", r.url),
            Self::Static(_) => f.write_str("Static"),
            Self::Secret(_) => f.write_str("Secret(redacted)"),
            Self::Resident => f.write_str("Resident"),
        }
    }
}

/// A key document that is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteKeys {
    /// Absolute URL. For discovery: the issuer itself.
    pub url: http::Uri,
    /// Trust anchors for this host instead of the system's.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// Networks that the host may resolve to although they are not public (`allow_networks`).
    pub allow_networks: Vec<IpNet>,
}

/// One API: a host and a path prefix in front of an upstream.
#[derive(Debug)]
pub struct Api {
    /// Unique name.
    pub name: String,
    /// Host it answers for, or any.
    pub host: HostPattern,
    /// Prefix in canonical form: `/` or `/orders`, never with a slash at its end.
    pub path: String,
    /// Where requests go.
    pub upstream: Arc<Upstream>,
    /// Its routes; at least one. Each lies under `path`.
    pub routes: Vec<Route>,
    /// Clients that may ask it for anything (403).
    pub addresses: AddressRules,
    /// Limits of all its routes together; a request must pass all of them.
    pub limits: Vec<Limit>,
    /// Pages of other origins that may read its answers; `None` lets none.
    pub cors: Option<Cors>,
    /// What its OpenAPI document asks for; `None` if it has none.
    pub contract: Option<Contract>,
    /// The operator's words if policies do not decide over it although there are some.
    pub policies_off: Option<String>,
    /// What tokens for it name as their audience (RFC 8707), and clients find its metadata by (RFC 9728); `None` if nothing
    /// tells it.
    pub resource: Option<String>,
    /// It is a server of the Model Context Protocol, whose clients learn from refusals which scopes to ask for.
    pub mcp: bool,
}

/// Which pages of other origins may call an API from a browser (CORS, Fetch Standard §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// As browsers write them (RFC 6454 §6.2); compared whole.
    pub origins: Vec<String>,
    /// Whether cookies and client certificates of the browser may come along.
    pub credentials: bool,
    /// Fields that a page may set beyond the few that it always may.
    pub request_headers: Vec<http::HeaderName>,
    /// Fields that a page may read beyond the few that it always may.
    pub response_headers: Vec<http::HeaderName>,
    /// How long browsers keep the answer to a preflight.
    pub max_age: Duration,
}

/// Host of an API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// No host given: every host without an API of its own.
    Any,
    /// A name or an IP literal in canonical form: lower case, no dot at its end, no port.
    Exact(String),
}

/// One route with everything that decides over it; the API's defaults are already merged in.
#[derive(Debug, Clone)]
pub struct Route {
    /// As written: `GET /orders/{id}`. Names the route in logs and metrics.
    pub name: String,
    /// Methods it serves.
    pub methods: Methods,
    /// Its path template.
    pub template: PathTemplate,
    /// Who may come in.
    pub access: Access,
    /// Largest request body in bytes.
    pub max_body: u64,
    /// Whole time for a request with its response head.
    pub response_timeout: Duration,
    /// Whether `%2F` in a parameter is passed on rather than refused.
    pub encoded_slashes: bool,
    /// Rules for `WebSocket`s; `None` passes no upgrade on.
    pub websocket: Option<WebSocket>,
    /// What policies are told of it; `None` if they do not decide over it.
    pub policy: Option<Arc<RoutePolicy>>,
    /// Who answers.
    pub serves: Serves,
    /// Limits of this route, beside those of its API.
    pub limits: Vec<Limit>,
    /// Requests that one of this route counts as in rates and quotas; at least one.
    pub cost: u32,
    /// How and how lately its callers must have logged in (RFC 9470).
    pub step_up: Option<StepUp>,
}

/// How and how lately a user must have logged in (RFC 9470 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepUp {
    /// One of these is needed as `acr`; none asks for none.
    pub acr: Vec<String>,
    /// Longest time since `auth_time`.
    pub max_age: Option<Duration>,
}

/// Rules for the `WebSocket`s of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocket {
    /// Origins of pages that may open one (RFC 6454), as browsers write them. Programs send none and are not asked.
    pub origins: Vec<String>,
}

/// Methods of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// `*`: every method but CONNECT and TRACE.
    Any,
    /// These, upper case, sorted. `GET` brings `HEAD` with it.
    These(Vec<http::Method>),
}

/// A path template: literal segments, `{name}` for one segment, and `{name*}` at the end for the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    /// As written.
    pub text: String,
    /// Its segments.
    pub segments: Vec<Segment>,
}

/// A segment of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// These bytes, in canonical form.
    Literal(String),
    /// Any one segment that is not empty.
    Parameter(String),
    /// Whatever remains, also nothing. Only ever last.
    Rest(String),
}

/// Who may use a route.
#[derive(Debug, Clone)]
pub enum Access {
    /// Anyone, for the operator's stated reason.
    Public {
        /// The operator's words.
        reason: String,
    },
    /// Callers with one of these credentials and all of the scopes.
    Authenticated {
        /// At least one.
        by: Vec<Method>,
        /// All of these are needed.
        scopes: Vec<Scope>,
    },
}

/// A way to authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A Portcullis API key in `X-API-Key` or as a Bearer token.
    ApiKey,
    /// A JWT of this issuer.
    Jwt(IssuerName),
    /// A client certificate of the listener.
    ClientCertificate,
}

/// A scope token (RFC 6749 §3.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(pub String);

/// Limits that hold for every connection and request. Defaults are the published ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalLimits {
    /// Header fields of a request (431). Default 100.
    pub header_count: usize,
    /// Bytes of all header fields (431). Default 32 KiB.
    pub header_bytes: usize,
    /// Bytes of the request target (414). Default 8 KiB.
    pub target_bytes: usize,
    /// TLS handshake. Default 10 s.
    pub handshake_timeout: Duration,
    /// Reading a request's head. Default 10 s.
    pub header_timeout: Duration,
    /// Bytes a second that a request body must reach after 5 s (408). Default 500.
    pub body_minimum_rate: u64,
    /// Idle time between requests. Default 60 s.
    pub keep_alive: Duration,
    /// Idle time of a streaming response. Default 300 s.
    pub stream_idle: Duration,
    /// Connections in all. Default 10,000.
    pub connections: usize,
    /// Connections of one address, or of one IPv6 /64. Default 256.
    pub connections_per_address: usize,
    /// HTTP/2 streams of a connection. Default 100.
    pub http2_streams: u32,
    /// Bytes of a token. Default 8 KiB.
    pub token_bytes: usize,
    /// Callers, each under each limit, that are counted apart. Default 1,048,576, of 24 bytes each.
    pub buckets: usize,
    /// Bytes that the process may take: new connections are shed past 85 %, requests refused past 95 %. `None` is the
    /// cgroup's limit, if there is one.
    pub memory: Option<u64>,
    /// Bytes of bodies that are held whole to be judged, all together (503). `None` is a quarter of the memory budget, or
    /// 256 MiB where there is none.
    pub held_bodies: Option<u64>,
    /// Failed authentication.
    pub failed_authentication: FailedAuthentication,
}

/// Logs and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// Loopback address of `/metrics`, `/livez` and `/readyz`; `None` serves none of them.
    pub address: Option<SocketAddr>,
    /// Where the access log goes.
    pub access_log: AccessLog,
    /// Where spans go; `None` makes none.
    pub traces: Option<Traces>,
    /// Whose traces go on through the gateway.
    pub trace_context: TraceContext,
}

/// Whose `traceparent` and `tracestate` (W3C Trace Context) are believed. Those of everybody else end at the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceContext {
    /// Those of trusted proxies. The default: a stranger's would join strangers' requests to traces of one's own, and
    /// choose which of them are kept.
    TrustedProxies,
    /// Everybody's.
    Anyone,
}

/// Spans of a share of the requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// Where a collector takes OTLP over HTTP: `https`, or `http` on loopback.
    pub endpoint: http::Uri,
    /// The share of traces that is kept, in millionths; more than none.
    pub sample_millionths: u32,
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard output. The default.
    Stdout,
    /// Appended to this file.
    File(PathBuf),
    /// Nowhere, for the operator's stated reason.
    Off {
        /// The operator's words.
        reason: String,
    },
}
