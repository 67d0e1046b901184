//! Everything a request can be refused for: one variant, one code, one status, one sentence.

use std::sync::Arc;

use ::contract::Difference;
use bytes::Bytes;
use config::{
    StepUp,
    codes::{Entry, refusals},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use policy::Decision;
use serde::Serialize;

use crate::{
    authenticate::{DPOP_NONCE, add_challenge},
    body::Outbound,
    limit,
    request_id::RequestId,
};

/// Why a request is not forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// What was sent is no request that has one meaning. With what is wrong, for the log only.
    Malformed(&'static str),
    BadTarget,
    BadFieldName,
    RepeatedField,
    BadHost,
    TargetTooLong,
    HeadTooLarge,
    Misdirected,
    NoRoute,
    /// With the value of the Allow field.
    MethodNotAllowed(String),
    BodyTooLarge,
    BodyTooSlow,
    BadFraming,
    TwoCredentials,
    /// With what the route accepts.
    NoCredential(Challenge),
    BadApiKey,
    /// With the failed check's stable name, for the log only.
    BadToken(&'static str),
    /// With what is wrong with it.
    BadProof(Box<ProofFault>),
    ProofsUnavailable,
    /// With what the route asks for.
    StepUp(Box<StepUp>),
    CredentialInUrl,
    UnknownCertificate,
    IssuerUnavailable,
    KeysUnavailable,
    /// With the scopes that the route asks for, separated by spaces.
    InsufficientScope(String),
    /// With the decision; its reasons and advice are for the caller.
    DeniedByPolicy(Arc<Decision>),
    /// With what failed, for the log only.
    PolicyFailed(Arc<Decision>),
    /// With what is wrong with it, for the log only.
    BodyNotJudged(&'static str),
    /// With what is wrong with it, for the log only.
    AnswerNotJudged(&'static str),
    /// With what is wrong with it, for the log only.
    BadEvaluation(&'static str),
    /// A WebSocket that a page of another origin asks for.
    ForeignOrigin,
    ForeignAddress,
    /// With what the limit says.
    RateLimited(Box<Spent>),
    /// With nanoseconds until one more is looked at.
    TooManyFailures {
        wait: u64,
    },
    /// With nanoseconds until it is over.
    Banned {
        wait: u64,
    },
    LimitsUnavailable,
    /// With what happened, for the log only.
    UpstreamUnreachable(&'static str),
    UpstreamTimeout,
    /// With what happened, for the log only.
    UpstreamBroke(&'static str),
    UpstreamFull,
    /// With what differs.
    BrokenContract(Box<[Difference]>),
    /// With what is wrong, for the log only.
    AmbiguousJson(&'static str),
    WrongMediaType,
    WrongCoding,
    DecodedTooLarge,
    Retired,
    /// With what differs, for the log only.
    BrokenAnswer(&'static str),
    /// With what there is too little for, for the log only.
    OutOfMemory(&'static str),
    Internal,
}

/// A limit that has nothing left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spent {
    /// What the answer says of it.
    pub(crate) state: limit::State,
    /// Nanoseconds until a request can pass.
    pub(crate) wait: u64,
}

/// What is wrong with a proof that a client holds the key of its token (RFC 9449 §7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProofFault {
    /// `invalid_dpop_proof` or `use_dpop_nonce`.
    pub(crate) error: &'static str,
    /// The failed check's stable name, for the log only.
    pub(crate) reason: &'static str,
    /// What the next proof has to hold.
    pub(crate) nonce: String,
}

impl ProofFault {
    /// The proof itself is wrong; a client cannot know a nonce before it was told one.
    pub(crate) fn is_bad(&self) -> bool {
        self.error != "use_dpop_nonce"
    }

    fn add_fields(&self, headers: &mut HeaderMap) {
        add_challenge(headers, &format!(", error=\"{}\"", self.error));
        insert(headers, DPOP_NONCE, HeaderValue::try_from(self.nonce.as_str()));
    }
}

/// RFC 9470 §3.
fn step_up(rule: &StepUp) -> String {
    let acr = if rule.acr.is_empty() { String::new() } else { format!(", acr_values=\"{}\"", rule.acr.join(" ")) };
    let max_age = rule.max_age.map(|age| format!(", max_age={}", age.as_secs())).unwrap_or_default();
    format!(", error=\"insufficient_user_authentication\"{acr}{max_age}")
}

/// What failed, where a code covers several things. Requests choose none of these words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reason {
    /// A stable word of ours.
    Word(&'static str),
    /// A limit, by its name in the configuration.
    Limit(Arc<str>),
}

impl Reason {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Limit(name) => name,
        }
    }
}

/// Credentials that a 401 asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// Bearer tokens are accepted.
    pub(crate) bearer: bool,
    /// Tokens with a proof are accepted.
    pub(crate) dpop: bool,
    /// API keys are accepted.
    pub(crate) api_key: bool,
}

impl Refusal {
    /// What the code means.
    pub(crate) fn entry(&self) -> &'static Entry {
        match self {
            Self::Malformed(_) => &refusals::MALFORMED,
            Self::BadTarget => &refusals::BAD_TARGET,
            Self::BadFieldName => &refusals::BAD_FIELD_NAME,
            Self::RepeatedField => &refusals::REPEATED_FIELD,
            Self::BadHost => &refusals::BAD_HOST,
            Self::TargetTooLong => &refusals::TARGET_TOO_LONG,
            Self::HeadTooLarge => &refusals::HEAD_TOO_LARGE,
            Self::Misdirected => &refusals::MISDIRECTED,
            Self::NoRoute => &refusals::NO_ROUTE,
            Self::MethodNotAllowed(_) => &refusals::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => &refusals::BODY_TOO_LARGE,
            Self::BodyTooSlow => &refusals::BODY_TOO_SLOW,
            Self::BadFraming => &refusals::BAD_FRAMING,
            Self::TwoCredentials => &refusals::TWO_CREDENTIALS,
            Self::NoCredential(_) => &refusals::NO_CREDENTIAL,
            Self::BadApiKey => &refusals::BAD_API_KEY,
            Self::BadToken(_) => &refusals::BAD_TOKEN,
            Self::BadProof(_) => &refusals::BAD_PROOF,
            Self::ProofsUnavailable => &refusals::PROOFS_UNAVAILABLE,
            Self::StepUp(_) => &refusals::STEP_UP,
            Self::CredentialInUrl => &refusals::CREDENTIAL_IN_URL,
            Self::UnknownCertificate => &refusals::UNKNOWN_CERTIFICATE,
            Self::IssuerUnavailable => &refusals::ISSUER_UNAVAILABLE,
            Self::KeysUnavailable => &refusals::KEYS_UNAVAILABLE,
            Self::InsufficientScope(_) => &refusals::INSUFFICIENT_SCOPE,
            Self::DeniedByPolicy(_) => &refusals::DENIED_BY_POLICY,
            Self::PolicyFailed(_) => &refusals::POLICY_FAILED,
            Self::BodyNotJudged(_) => &refusals::BODY_NOT_JUDGED,
            Self::AnswerNotJudged(_) => &refusals::ANSWER_NOT_JUDGED,
            Self::BadEvaluation(_) => &refusals::BAD_EVALUATION_REQUEST,
            Self::ForeignOrigin => &refusals::FOREIGN_ORIGIN,
            Self::ForeignAddress => &refusals::FOREIGN_ADDRESS,
            Self::RateLimited(_) => &refusals::RATE_LIMITED,
            Self::TooManyFailures { .. } => &refusals::TOO_MANY_FAILURES,
            Self::Banned { .. } => &refusals::BANNED,
            Self::LimitsUnavailable => &refusals::LIMITS_UNAVAILABLE,
            Self::UpstreamUnreachable(_) => &refusals::UPSTREAM_UNREACHABLE,
            Self::UpstreamTimeout => &refusals::UPSTREAM_TIMEOUT,
            Self::UpstreamBroke(_) => &refusals::UPSTREAM_BROKE,
            Self::UpstreamFull => &refusals::UPSTREAM_FULL,
            Self::BrokenContract(_) => &refusals::BROKEN_CONTRACT,
            Self::AmbiguousJson(_) => &refusals::AMBIGUOUS_JSON,
            Self::WrongMediaType => &refusals::WRONG_MEDIA_TYPE,
            Self::WrongCoding => &refusals::WRONG_CODING,
            Self::DecodedTooLarge => &refusals::DECODED_TOO_LARGE,
            Self::Retired => &refusals::RETIRED,
            Self::BrokenAnswer(_) => &refusals::BROKEN_ANSWER,
            Self::OutOfMemory(_) => &refusals::OUT_OF_MEMORY,
            Self::Internal => &refusals::INTERNAL,
        }
    }

    /// The failed check, where a code covers several.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Malformed(reason)
            | Self::BadToken(reason)
            | Self::UpstreamUnreachable(reason)
            | Self::UpstreamBroke(reason)
            | Self::AmbiguousJson(reason)
            | Self::BrokenAnswer(reason)
            | Self::BodyNotJudged(reason)
            | Self::AnswerNotJudged(reason)
            | Self::BadEvaluation(reason)
            | Self::OutOfMemory(reason) => Some(Reason::Word(reason)),
            Self::BadProof(fault) => Some(Reason::Word(fault.reason)),
            Self::DeniedByPolicy(decision) => {
                Some(Reason::Word(if decision.policies.is_empty() { "no_policy_permits" } else { "forbidden" }))
            }
            Self::RateLimited(spent) => Some(Reason::Limit(Arc::clone(spent.state.name()))),
            _ => None,
        }
    }

    /// The answer to the caller: problem+json (RFC 9457) with the fields its status asks for.
    pub(crate) fn into_response(self, request_id: &RequestId) -> Response<Outbound> {
        let entry = self.entry();
        let problem = Problem {
            kind: format!("urn:portcullis:error:{}", entry.id),
            title: entry.title,
            status: entry.status.unwrap_or(500),
            detail: entry.caller,
            code: entry.id,
            request_id: request_id.as_str(),
            reason: self.said(Decision::reasons),
            advice: self.said(Decision::advice),
            errors: self.errors(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Outbound::full(Bytes::from(body)));
        *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.add_fields(headers);
        response
    }

    /// What policies that forbid say to the caller. Nothing of the others, nor their ids.
    fn said<'d, T: Iterator<Item = &'d str>>(&'d self, what: impl Fn(&'d Decision) -> T) -> Vec<&'d str> {
        match self {
            Self::DeniedByPolicy(decision) => what(decision).collect(),
            _ => Vec::new(),
        }
    }

    /// Places that the caller can correct.
    fn errors(&self) -> &[Difference] {
        match self {
            Self::BrokenContract(found) => found,
            _ => &[],
        }
    }

    fn add_fields(&self, headers: &mut HeaderMap) {
        let bearer = |text: &str| HeaderValue::try_from(format!("Bearer realm=\"api\"{text}"));
        let (retry, close) = (HeaderValue::from_static("30"), HeaderValue::from_static("close"));
        match self {
            Self::MethodNotAllowed(methods) => insert(headers, header::ALLOW, HeaderValue::try_from(methods.as_str())),
            Self::NoCredential(challenge) => challenge.add_fields(headers),
            Self::BadToken(_) => insert(headers, header::WWW_AUTHENTICATE, bearer(", error=\"invalid_token\"")),
            Self::BadProof(fault) => fault.add_fields(headers),
            Self::StepUp(rule) => insert(headers, header::WWW_AUTHENTICATE, bearer(&step_up(rule))),
            Self::BadApiKey | Self::CredentialInUrl => {
                Challenge { bearer: false, dpop: false, api_key: true }.add_fields(headers);
            }
            Self::UnknownCertificate => Challenge { bearer: false, dpop: false, api_key: false }.add_fields(headers),
            Self::InsufficientScope(scopes) => {
                let text = format!(", error=\"insufficient_scope\", scope=\"{scopes}\"");
                insert(headers, header::WWW_AUTHENTICATE, bearer(&text));
            }
            Self::RateLimited(spent) => {
                limit::retry_after(headers, spent.wait);
                spent.state.spell_out(headers);
            }
            Self::TooManyFailures { wait } => limit::retry_after(headers, *wait),
            Self::Banned { wait } => {
                limit::retry_after(headers, *wait);
                insert(headers, header::CONNECTION, Ok::<_, http::Error>(close));
            }
            // What follows on the connection has no certain beginning. HTTP/2 drops the field, and needs none.
            Self::Malformed(_) | Self::BadFraming => insert(headers, header::CONNECTION, Ok::<_, http::Error>(close)),
            Self::IssuerUnavailable | Self::KeysUnavailable => {
                insert(headers, header::RETRY_AFTER, Ok::<_, http::Error>(retry));
            }
            // Places come free with every answer that ends.
            Self::UpstreamFull | Self::LimitsUnavailable | Self::OutOfMemory(_) | Self::ProofsUnavailable => {
                insert(headers, header::RETRY_AFTER, HeaderValue::try_from("1"));
            }
            _ => {}
        }
    }
}

impl Challenge {
    fn add_fields(self, headers: &mut HeaderMap) {
        const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"api\"");
        const API_KEY: HeaderValue = HeaderValue::from_static("ApiKey realm=\"api\", header=\"X-API-Key\"");
        const CERTIFICATE: HeaderValue = HeaderValue::from_static("Certificate realm=\"api\"");
        if self.bearer {
            headers.append(header::WWW_AUTHENTICATE, BEARER);
        }
        if self.dpop {
            add_challenge(headers, "");
        }
        if self.api_key {
            headers.append(header::WWW_AUTHENTICATE, API_KEY);
        }
        if !self.bearer && !self.api_key {
            headers.append(header::WWW_AUTHENTICATE, CERTIFICATE);
        }
    }
}

/// A field whose value cannot be written is left out: the status alone already refuses.
fn insert<E>(headers: &mut HeaderMap, name: header::HeaderName, value: Result<HeaderValue, E>) {
    if let Ok(value) = value {
        headers.insert(name, value);
    }
}

/// RFC 9457 with `code`, `request_id` and, where a contract is broken, `errors`.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
    /// `@reason` of policies that forbid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reason: Vec<&'a str>,
    /// `@advice` of policies that forbid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advice: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[Difference]>::is_empty")]
    errors: &'a [Difference],
}
