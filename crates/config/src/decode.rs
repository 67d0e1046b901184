//! The tree, part by part, into the model. Decoders report what is wrong and go on; `None` means it was reported.

mod addresses;
mod apis;
mod balance;
mod catch_alls;
mod contracts;
mod cors;
mod files;
mod global;
mod health;
mod held_bodies;
mod identity;
mod issuers;
mod limits;
mod listeners;
mod policies;
mod routes;
mod shared_limits;
mod template;
mod tokens;
mod upstreams;
mod values;

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    sync::Arc,
};

use policy::{Located, Place, Source};

use crate::{
    Cases, Config,
    codes::{Entry, diagnostics},
    keys,
    report::{Finding, Span},
    shape::{self, Kind},
    yaml::Node,
};

/// What all decoders share: where paths start, the time, and the findings so far.
pub(crate) struct Context {
    base: PathBuf,
    now: u64,
    /// The file itself.
    source: Arc<Source>,
    cases: Cases,
    findings: RefCell<Vec<Finding>>,
    warnings: RefCell<Vec<Finding>>,
    files: RefCell<Vec<PathBuf>>,
    secret_files: RefCell<Vec<PathBuf>>,
}

impl Context {
    pub(crate) fn new(base: &Path, now: u64, source: Arc<Source>, cases: Cases, findings: Vec<Finding>) -> Self {
        let (warnings, files, secret_files) = (RefCell::default(), RefCell::default(), RefCell::default());
        let findings = RefCell::new(findings);
        Self { base: base.to_owned(), now, source, cases, findings, warnings, files, secret_files }
    }

    pub(crate) fn report(&self, code: &'static Entry, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.findings.borrow_mut().push(Finding { code, file: None, span, message: message.into(), help: help.into() });
    }

    /// Something in another file than this one.
    fn report_at(&self, code: &'static Entry, place: &Place, message: String, help: String) {
        let file = if Arc::ptr_eq(&place.source, &self.source) { None } else { Some(Arc::clone(&place.source)) };
        let span = Span { start: place.start, length: place.length };
        self.findings.borrow_mut().push(Finding { code, file, span, message, help });
    }

    /// Findings in another file that this one names.
    fn attach(&self, source: &Arc<Source>, findings: Vec<Finding>) {
        let placed = findings.into_iter().map(|finding| Finding { file: Some(Arc::clone(source)), ..finding });
        self.findings.borrow_mut().extend(placed);
    }

    fn is_clean(&self) -> bool {
        self.findings.borrow().is_empty()
    }

    /// A value with its place in the file.
    fn located(&self, span: Span, text: &str) -> Located<String> {
        let place = Place { source: Arc::clone(&self.source), start: span.start, length: span.length };
        Located { value: text.to_owned(), place: Some(place) }
    }

    /// Like `report`, for what does not keep the file from being used.
    pub(crate) fn warn(&self, code: &'static Entry, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.warnings.borrow_mut().push(Finding { code, file: None, span, message: message.into(), help: help.into() });
    }

    pub(crate) fn take_warnings(&self) -> Vec<Finding> {
        self.warnings.take()
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings.into_inner()
    }
}

/// The whole file.
pub(crate) fn file(cx: &Context, root: &Node) -> Option<Config> {
    shape::check(cx, root, &Kind::Object(&keys::FILE), "the file");
    let geoip = root.get("geoip").map(|node| addresses::countries(cx, node));
    let listeners = root.get("listeners").and_then(|node| listeners::all(cx, node, geoip.is_some()));
    let mut issuers = issuers::all(cx, root.get("issuers"));
    let data = cx.base.join(root.get("data").and_then(Node::text).unwrap_or("data"));
    let served = root.get("identity");
    let origin = identity::Origin::find(cx, served, listeners.as_deref());
    let identity = served.map(|node| identity::read(cx, node, origin.as_ref(), &data));
    if let (Some(node), Some(identity)) = (served, &identity) {
        identity::add_issuer(cx, node, identity.as_ref(), &mut issuers);
    }
    let upstreams = upstreams::all(cx, root.get("upstreams"));
    let asks = root.get("listeners").is_some_and(listeners::ask_for_certificates);
    let said = root.get("policies").map(|node| policies::read(cx, node, &issuers.names));
    let roles = said.as_ref().map(|said| said.as_ref().map(policies::Said::roles).unwrap_or_default());
    let shared = root.get("shared_limits");
    let known = apis::Known {
        issuers: &issuers.names,
        upstreams: &upstreams,
        certificates: asks,
        roles: roles.as_ref(),
        store: shared.is_some(),
        countries: geoip.is_some(),
        origin: origin.as_ref(),
    };
    let apis = root.get("apis").and_then(|node| apis::all(cx, node, &known));
    if let (Some(Some(identity)), Some(apis)) = (&identity, &apis) {
        identity::add_audiences(&mut issuers, apis);
        identity::check_paths(cx, identity, root.get("apis").map(Node::items).unwrap_or_default(), apis);
    }
    let policies = match (said, &apis) {
        (None, _) => Some(None),
        (Some(Some(said)), Some(apis)) => policies::load(cx, root, said, apis).map(|made| Some(Arc::new(made))),
        (Some(_), _) => None,
    };
    let trusted_proxies = values::networks(cx, root.get("trusted_proxies"));
    let limits = global::limits(cx, root.get("limits"));
    let shared_limits = shared.map(|node| shared_limits::store(cx, node));
    let monitoring = global::monitoring(cx, root.get("monitoring"));
    let workers = root.get("workers").and_then(|node| global::workers(cx, node));
    let (listeners, apis, policies) = (listeners?, apis?, policies?);
    held_bodies::check(cx, root.get("limits"), &limits, &apis);
    let shared_limits = match shared_limits {
        None => None,
        Some(shared) => Some(shared?),
    };
    let identity = match identity {
        None => None,
        Some(identity) => Some(Arc::new(identity?)),
    };
    let (files, secret_files) = (cx.files.take(), cx.secret_files.take());
    let issuers = issuers.ready;
    let countries = match geoip {
        None => None,
        Some(countries) => Some(countries?),
    };
    Some(Config {
        listeners,
        data,
        issuers,
        identity,
        apis,
        policies,
        countries,
        trusted_proxies,
        limits,
        shared_limits,
        monitoring,
        workers,
        files,
        secret_files,
        warnings: None,
    })
}

/// The items of a list that must not be empty.
fn some_items<'n>(cx: &Context, node: &'n Node, name: &str) -> Option<&'n [Node]> {
    let items = node.items();
    if items.is_empty() {
        cx.report(&diagnostics::EMPTY, node.span, format!("`{name}` is empty"), "Give at least one entry.");
        return None;
    }
    Some(items)
}

/// Decodes every item, so that each reports its mistakes; `None` if one of them failed.
fn every<T>(items: &[Node], decode: impl FnMut(&Node) -> Option<T>) -> Option<Vec<T>> {
    let decoded: Vec<Option<T>> = items.iter().map(decode).collect();
    decoded.into_iter().collect()
}

/// The operator's reason; it must say something.
fn reason(cx: &Context, node: &Node, name: &str) -> Option<String> {
    let text = node.text()?.trim();
    if text.is_empty() {
        let help = format!("Write why, such as `{name}: \"health check of the load balancer\"`.");
        cx.report(&diagnostics::NO_REASON, node.span, format!("`{name}` gives no reason"), help);
        return None;
    }
    Some(text.to_owned())
}
