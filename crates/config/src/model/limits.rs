//! Limits that APIs and routes set, and the store that instances share them through.

use std::{fmt, num::NonZeroU64, time::Duration};

use http::HeaderName;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

/// A limit of an API or route: what is used up, and whose requests use it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name in answers, metrics and logs; unique within its API and its routes.
    pub name: String,
    /// Requests that have all of these in common are counted together. At least one, sorted, none twice.
    pub per: Vec<Subject>,
    /// What is used up.
    pub measure: Measure,
    /// Whether all instances count together, through the store of `shared_limits`.
    pub shared: bool,
}

/// What requests that are counted together have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The API as a whole.
    Api,
    /// The route.
    Route,
    /// Who is asking: subject and issuer of a token, owner of a key, name of a certificate's client. Of those who need
    /// not say, the address.
    Client,
    /// The API key; of who shows none, the client.
    ApiKey,
    /// `sub` of a token with its issuer; of who shows none, the client.
    User,
    /// `tenant` of a token with its issuer.
    Tenant,
    /// The client's address, or the /64 of an IPv6 address.
    Address,
    /// A claim of a token with its issuer. Those without it have that in common.
    Claim(String),
    /// A header field, which the caller chooses. Those without it have that in common.
    Header(HeaderName),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api => f.write_str("api"),
            Self::Route => f.write_str("route"),
            Self::Client => f.write_str("client"),
            Self::ApiKey => f.write_str("api_key"),
            Self::User => f.write_str("user"),
            Self::Tenant => f.write_str("tenant"),
            Self::Address => f.write_str("address"),
            Self::Claim(name) => write!(f, "claim:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}

/// What is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Requests over time.
    Rate {
        /// How many, how often.
        rate: Rate,
        /// Requests at once, when none came before. As many as the rate's unless set.
        burst: u64,
    },
    /// Requests of a day or month, in UTC.
    Quota {
        /// At least one.
        requests: u32,
        /// The period.
        period: QuotaPeriod,
        /// Most requests that are left to the period after.
        carry_over: u32,
    },
    /// Requests under way at once, until their answers end; at least one.
    Concurrency(u32),
}

/// Requests in each period, evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At least one, at most 1,000,000 a second.
    pub requests: u64,
    /// One second, minute, hour or day.
    pub period: Duration,
}

/// Period of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaPeriod {
    /// From midnight to midnight.
    Day,
    /// From the first to the last day.
    Month,
}

/// Limits on failed authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedAuthentication {
    /// Of one address, or IPv6 /64. Default 60 a minute.
    pub per_address: Rate,
    /// Of one credential. Default 10 a minute.
    pub per_credential: Rate,
    /// What an address may have before it is shut out. Default 300 an hour.
    pub ban_after: Rate,
    /// For how long. Default 5 min.
    pub ban: Duration,
}

/// The store through which instances share limits.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedLimits {
    /// Where it is.
    pub store: StoreAddress,
    /// Whom it knows this instance as.
    pub username: Option<String>,
    /// From a secret reference.
    pub password: Option<Zeroizing<String>>,
    /// Instances that share; each leases so small a part that all together stay within the bound.
    pub nodes: NonZeroU64,
    /// What holds while it does not answer.
    pub on_store_failure: StoreFailure,
}

impl fmt::Debug for SharedLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedLimits({:?}, {} nodes, {:?})", self.store, self.nodes, self.on_store_failure)
    }
}

/// Where a Valkey or Redis server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreAddress {
    /// A name or an IP literal, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Number of its database.
    pub database: i64,
    /// TLS, or none on loopback and for a reason.
    pub tls: Option<StoreTls>,
}

/// TLS to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreTls {
    /// Trust anchors instead of the system's.
    pub ca: Option<Vec<CertificateDer<'static>>>,
}

/// What holds while the store of shared limits does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFailure {
    /// Each instance lets its part pass: the limit divided by `nodes`.
    LocalShare,
    /// Nothing that a shared limit counts passes (503).
    Deny,
    /// Shared limits do not count, for the operator's stated reason.
    Allow {
        /// The operator's words.
        reason: String,
    },
}
