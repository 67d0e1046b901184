//! `identity`: the built-in authorization server.

mod issuer;
mod providers;
mod strangers;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Context, files, issuers::Issuers, values};
use crate::{
    Access, Api, HostPattern, Identity, IdentityLifetimes, Issuer, IssuerKeys, MasterKey, Method, Registration, Route,
    Scope, Segment, codes::identity as codes, yaml::Node,
};

pub(super) use issuer::Origin;

/// The file of the master key in the data folder.
const MASTER_KEY: &str = "identity-master.key";
const MASTER_KEY_BYTES: usize = 32; // AES-256
/// Access tokens of this issuer that live longer are not its own.
const MOST_ACCESS: Duration = Duration::from_mins(10); // identity: access token
const SKEW: Duration = Duration::from_secs(10); // identity: iat ahead

/// What `identity` says. What is wrong is reported.
pub(super) fn read(cx: &Context, node: &Node, origin: Option<&Origin>, data: &std::path::Path) -> Option<Identity> {
    let lifetimes = lifetimes(cx, node.get("lifetimes"));
    let master_key = match node.get("master_key") {
        None => Some(MasterKey::Kept(data.join(MASTER_KEY))),
        Some(node) => master_key(cx, node),
    };
    let providers = providers::all(cx, node.get("providers"));
    let scopes = scopes(cx, node.get("scopes"));
    let clients_by_url = strangers::clients_by_url(cx, node.get("clients_by_url"), scopes.as_ref());
    let backchannel_logout = strangers::reach(cx, node.get("backchannel_logout"));
    let registration = registration(cx, node.get("registration"));
    let minimum = node.get("password").and_then(|password| password.get("minimum"));
    let password_minimum = minimum.map_or(Some(8), |node| password_minimum(cx, node));
    let day = Duration::from_hours(24);
    let rotate_keys = time(cx, Some(node), "rotate_keys", 90 * day, (day, 365 * day));
    let flag = |key| node.get(key).and_then(Node::text) == Some("true");
    let origin = origin?;
    Some(Identity {
        issuer: origin.to_string(),
        host: origin.host.clone(),
        plaintext: origin.plaintext.clone(),
        lifetimes: lifetimes?,
        fapi: flag("fapi"),
        opaque_access_tokens: flag("opaque_access_tokens"),
        registration: registration?,
        clients_by_url: clients_by_url?,
        backchannel_logout: backchannel_logout?,
        scopes: scopes?,
        templates: node.get("templates").and_then(Node::text).map(|path| cx.base.join(path)),
        master_key: master_key?,
        providers: providers?,
        password_minimum: password_minimum?,
        rotate_keys: rotate_keys?,
    })
}

fn lifetimes(cx: &Context, node: Option<&Node>) -> Option<IdentityLifetimes> {
    let (minute, hour) = (Duration::from_mins(1), Duration::from_hours(1));
    let access_token = time(cx, node, "access_token", MOST_ACCESS, (5 * minute, MOST_ACCESS));
    let refresh_token = time(cx, node, "refresh_token", 30 * 24 * hour, (hour, 365 * 24 * hour));
    let session = time(cx, node, "session", 12 * hour, (5 * minute, 30 * 24 * hour));
    let longest = session.unwrap_or(30 * 24 * hour);
    let idle = time(cx, node, "session_idle", hour.min(longest), (5 * minute, longest));
    Some(IdentityLifetimes {
        access_token: access_token?,
        refresh_token: refresh_token?,
        session: session?,
        session_idle: idle?,
    })
}

fn time(
    cx: &Context,
    node: Option<&Node>,
    key: &str,
    default: Duration,
    (least, most): (Duration, Duration),
) -> Option<Duration> {
    let Some(node) = node.and_then(|node| node.get(key)) else { return Some(default) };
    let time = values::duration(cx, node)?;
    if (least..=most).contains(&time) {
        return Some(time);
    }
    let (least, most) = (crate::diff::time(least), crate::diff::time(most));
    let message = format!("`{key}` is not from {least} to {most}");
    cx.report(&codes::BAD_LIFETIME, node.span, message, format!("Write a time from {least} to {most}."));
    None
}

fn master_key(cx: &Context, node: &Node) -> Option<MasterKey> {
    if node.text()?.starts_with("env:") {
        let message = "a master key in the environment is seen by every process that is started from here";
        let help = "Write `file:PATH` or `credential:NAME`, or leave it out to have one made in the data folder.";
        cx.report(&codes::BAD_MASTER_KEY, node.span, message, help);
        return None;
    }
    let key = files::secret(cx, node)?;
    if key.len() == MASTER_KEY_BYTES {
        return Some(MasterKey::Given(key));
    }
    let message = format!("the master key has {} bytes, not {MASTER_KEY_BYTES}", key.len());
    cx.report(
        &codes::BAD_MASTER_KEY,
        node.span,
        message,
        "Make one with `openssl rand -out FILE 32`, and keep a copy.",
    );
    None
}

fn scopes(cx: &Context, node: Option<&Node>) -> Option<BTreeMap<Scope, String>> {
    let mut is_good = true;
    let mut scopes = BTreeMap::new();
    for (key, words) in node.map(Node::entries).unwrap_or_default() {
        let name = Node { span: key.span, value: crate::yaml::Value::Scalar { text: key.text.clone(), plain: false } };
        match (values::scope(cx, &name), words.text().map(str::trim)) {
            (Some(scope), Some(words)) if !words.is_empty() => drop(scopes.insert(scope, words.to_owned())),
            (Some(_), Some(_)) => {
                is_good = false;
                let help = "Say what a client with it can do, such as `read: \"read your orders\"`.";
                cx.report(&codes::NO_WORDS, words.span, format!("the scope `{}` has no words", key.text), help);
            }
            (_, None) | (None, _) => is_good = false,
        }
    }
    is_good.then_some(scopes)
}

fn registration(cx: &Context, node: Option<&Node>) -> Option<Registration> {
    let Some(node) = node else { return Some(Registration::Off) };
    match node.text()? {
        "off" => Some(Registration::Off),
        "initial_access_token" => Some(Registration::InitialAccessToken),
        other => {
            let message = format!("`{other}` is not who may register clients");
            cx.report(
                &crate::codes::diagnostics::BAD_CHOICE,
                node.span,
                message,
                "Write `off` or `initial_access_token`.",
            );
            None
        }
    }
}

fn password_minimum(cx: &Context, node: &Node) -> Option<usize> {
    let minimum = node.text()?.parse().ok().filter(|minimum| (8..=64).contains(minimum));
    if minimum.is_none() {
        let message = "passwords have from 8 to 64 characters at the least";
        cx.report(
            &codes::BAD_LIFETIME,
            node.span,
            message,
            "Write a number from 8 to 64; longer passwords are always taken.",
        );
    }
    minimum
}

/// The rules for tokens of the built-in server: those of an issuer whose keys never leave the process.
pub(super) fn add_issuer(cx: &Context, node: &Node, identity: Option<&Identity>, issuers: &mut Issuers) {
    let name = Identity::issuer_name();
    if !issuers.names.insert(name.clone()) {
        let help = "Give the other issuer another name.";
        let message = "`issuers` has an `identity` of its own, and `authenticate: [identity]` could mean either";
        cx.report(&crate::codes::diagnostics::DUPLICATE_NAME, node.span, message, help);
    }
    let Some(identity) = identity else { return };
    let validation = jose::jwt::Validation {
        issuer: identity.issuer.clone(),
        // Each API has its own, which is compared where the API is known.
        audiences: Vec::new(),
        algorithms: vec![jose::Algorithm::Es256],
        types: vec!["at+jwt".into()],
        required_claims: ["sub", "client_id", "jti", "iat"].map(str::to_owned).into(),
        max_lifetime: Some(MOST_ACCESS),
        skew: SKEW,
        max_bytes: 8 << 10,
    };
    let issuer = Issuer { name: name.clone(), keys: IssuerKeys::Resident, validation };
    issuers.ready.insert(name, Arc::new(issuer));
}

/// Its audiences are the APIs that take its tokens.
pub(super) fn add_audiences(issuers: &mut Issuers, apis: &[Api]) {
    let name = Identity::issuer_name();
    let takes = |route: &Route| match &route.access {
        Access::Public { .. } => false,
        Access::Authenticated { by, .. } => by.contains(&Method::Jwt(name.clone())),
    };
    let taking = apis.iter().filter(|api| api.routes.iter().any(takes));
    let audiences: Vec<String> = taking.filter_map(|api| api.resource.clone()).collect();
    if let Some(issuer) = issuers.ready.get_mut(&name).and_then(Arc::get_mut) {
        issuer.validation.audiences = audiences;
    }
}

/// Reports routes of APIs on the issuer's host that take what the authorization server serves there: one of the two
/// would never be reached, and pages that hold sessions must not share their paths with an API.
pub(super) fn check_paths(cx: &Context, identity: &Identity, nodes: &[Node], apis: &[Api]) {
    let own = Identity::routes();
    let host = HostPattern::Exact(identity.host.clone());
    let host = if apis.iter().any(|api| api.host == host) { host } else { HostPattern::Any };
    for (node, api) in nodes.iter().zip(apis).filter(|(_, api)| api.host == host) {
        let listed = node.get("routes").map(Node::items).unwrap_or_default();
        // Behind those of the file are those of the document.
        for (node, route) in listed.iter().chain(std::iter::repeat(node)).zip(&api.routes) {
            let Some(taken) = own.iter().find(|own| meet(&own.template.segments, &route.template.segments)) else {
                continue;
            };
            let message = format!(
                "`{}` takes what the authorization server at {} serves: `{}`",
                route.name, identity.issuer, taken.template.text
            );
            let help = "Give the authorization server a host of its own, such as `issuer: https://id.example.com`, or give \
                        the API a `host` or narrower paths.";
            cx.report(&codes::PATH_TAKEN, node.get("match").map_or(node.span, |n| n.span), message, help);
        }
    }
}

/// Whether a path can have both templates.
fn meet(a: &[Segment], b: &[Segment]) -> bool {
    match (a.split_first(), b.split_first()) {
        (None, None) | (Some((Segment::Rest(_), _)), _) | (_, Some((Segment::Rest(_), _))) => true,
        (Some((Segment::Literal(x), a)), Some((Segment::Literal(y), b))) => x == y && meet(a, b),
        (
            Some((Segment::Literal(_) | Segment::Parameter(_), a)),
            Some((Segment::Literal(_) | Segment::Parameter(_), b)),
        ) => meet(a, b),
        (None, Some(_)) | (Some(_), None) => false,
    }
}
