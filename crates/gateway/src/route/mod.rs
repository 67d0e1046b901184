//! Routes: from host, path and method to the rule that decides, independent of the order in the file.
//!
//! Left to right, a literal segment comes before `{parameter}`, and that before `{rest*}`. The most specific template
//! that has the path decides; a method it lacks is 405, never another template's turn.

mod tree;

use std::{collections::HashMap, sync::Arc};

use config::{Access, Config, HostPattern, Segment};
use http::Method;

use crate::{
    canonical::{Canonical, Host},
    cors::Cors,
    limit::Rules,
    metrics::Labels,
    record::{Members, name},
    refusal::Refusal,
    resident::Resident,
    resource::Resource,
};
use tree::Tree;

/// A route in force.
#[derive(Debug)]
pub(crate) struct Route {
    /// Name of its API.
    pub(crate) api: String,
    /// Position of its API; indexes upstream pools.
    pub(crate) api_index: usize,
    /// What it is called in metrics.
    pub(crate) labels: Arc<Labels>,
    /// The same in the access log.
    pub(crate) logged: Members,
    /// The rules.
    pub(crate) rule: config::Route,
    /// Rules for pages of other origins.
    pub(crate) cors: Option<Arc<Cors>>,
    /// What its API's OpenAPI document asks for.
    pub(crate) contract: Option<Arc<config::Contract>>,
    /// What its template says of the paths it takes.
    pub(crate) paths: Paths,
    /// Clients that may ask for it; `None` are all.
    pub(crate) addresses: Option<Arc<config::AddressRules>>,
    /// Limits that count its requests.
    pub(crate) limits: Rules,
    /// Whether a caller may be known by a client certificate.
    pub(crate) takes_certificates: bool,
    /// What clients are told of its API, if it takes tokens.
    pub(crate) resource: Option<Arc<Resource>>,
}

impl Route {
    /// A public route that the process answers itself.
    fn of_gateway(api: &str, rule: config::Route, cors: Option<Cors>, resource: Option<Arc<Resource>>) -> Self {
        Self {
            api: api.to_owned(),
            // It has no upstream.
            api_index: usize::MAX,
            labels: Labels::new(api, &rule.name),
            logged: logged(api, &rule.name),
            cors: cors.map(Arc::new),
            contract: None,
            paths: Paths::of(&rule.template.segments),
            addresses: None,
            limits: Rules::default(),
            takes_certificates: false,
            resource,
            rule,
        }
    }
}

fn logged(api: &str, route: &str) -> Members {
    Members::of([(name!("api"), api), (name!("route"), route)])
}

/// What a template says of the paths it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paths {
    /// Which segment names an object, counted from 1.
    pub(crate) object: Option<usize>,
    /// It takes the rest of a path.
    pub(crate) open: bool,
}

impl Paths {
    fn of(segments: &[Segment]) -> Self {
        let object = segments.iter().position(|segment| matches!(segment, Segment::Parameter(_))).map(|at| at + 1);
        Self { object, open: segments.last().is_some_and(|segment| matches!(segment, Segment::Rest(_))) }
    }
}

/// A canonical request whose route is known.
#[derive(Debug)]
pub(crate) struct Routed {
    pub(crate) canonical: Box<Canonical>,
    pub(crate) route: Arc<Route>,
}

/// All routes, by host.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    exact: HashMap<String, Tree, foldhash::fast::RandomState>,
    any: Tree,
}

impl Routes {
    /// Builds the table; templates were checked when the configuration was loaded.
    pub(crate) fn new(config: &Config, resident: Option<&Arc<dyn Resident>>) -> Self {
        let mut routes = Self::default();
        let store = config.shared_limits.as_ref();
        let issuer = config.identity.as_ref().map(|identity| HostPattern::Exact(identity.host.clone()));
        // A host of its own in the table must not take the issuer's from the APIs that name none.
        let shared = issuer.as_ref().filter(|host| !config.apis.iter().any(|api| api.host == **host));
        for (api_index, api) in config.apis.iter().enumerate() {
            let hosts = match (&api.host, shared) {
                (HostPattern::Any, Some(host)) => vec![&api.host, host],
                (HostPattern::Any | HostPattern::Exact(_), _) => vec![&api.host],
            };
            let resource = Resource::of(api, &config.issuers);
            let contract = api.contract.clone().map(Arc::new);
            let cors = api.cors.as_ref().map(|rules| Arc::new(Cors::new(rules)));
            let addresses = (!api.addresses.is_open()).then(|| Arc::new(api.addresses.clone()));
            for rule in &api.routes {
                let takes_certificates = match &rule.access {
                    Access::Public { .. } => false,
                    Access::Authenticated { by, .. } => by.contains(&config::Method::ClientCertificate),
                };
                let labels = Labels::new(&api.name, &rule.name);
                let route = Route {
                    api: api.name.clone(),
                    api_index,
                    labels,
                    logged: logged(&api.name, &rule.name),
                    rule: rule.clone(),
                    cors: cors.clone(),
                    contract: contract.clone(),
                    paths: Paths::of(&rule.template.segments),
                    addresses: addresses.clone(),
                    limits: Rules::new(api, rule, store),
                    takes_certificates,
                    resource: resource.clone(),
                };
                routes.insert(&hosts, &Arc::new(route));
            }
            if let Some(resource) = resource {
                // Behind the API's own: one that serves its metadata itself goes on doing so.
                let metadata = Route::of_gateway(&api.name, resource.rule(), Some(Cors::anyone()), Some(resource));
                let route = Route { api_index, addresses: addresses.clone(), ..metadata };
                routes.insert(&hosts, &Arc::new(route));
            }
        }
        if let (Some(host), Some(resident)) = (issuer, resident) {
            for rule in config::Identity::routes() {
                let cors = Cors::of_resident(rule.serves, resident);
                let route = Route::of_gateway(config::Identity::API, rule, cors, None);
                routes.insert(&[&host], &Arc::new(route));
            }
        }
        routes
    }

    fn insert(&mut self, hosts: &[&HostPattern], route: &Arc<Route>) {
        for host in hosts {
            let tree = match host {
                HostPattern::Any => &mut self.any,
                HostPattern::Exact(host) => self.exact.entry(host.clone()).or_default(),
            };
            tree.insert(&route.rule.template.segments, Arc::clone(route));
        }
    }

    /// Finds the route of a request (404, 405), or refuses a path that only routes with `encoded_slashes` take (400).
    pub(crate) fn find(&self, canonical: Box<Canonical>) -> Result<Routed, Refusal> {
        let tree = self.tree(&canonical.host);
        let route = tree.find(canonical.path.as_str(), &canonical.method)?;
        if canonical.path.has_encoded_slash() && !route.rule.encoded_slashes {
            return Err(Refusal::BadTarget);
        }
        Ok(Routed { canonical, route })
    }

    /// The route that a request would have with another method.
    pub(crate) fn peek(&self, canonical: &Canonical, method: &Method) -> Result<Arc<Route>, Refusal> {
        self.tree(&canonical.host).find(canonical.path.as_str(), method)
    }

    fn tree(&self, host: &Host) -> &Tree {
        self.exact.get(host.as_str()).unwrap_or(&self.any)
    }
}

/// Whether a route takes a method. `GET` brings `HEAD`; CONNECT and TRACE are never taken.
fn takes(methods: &config::Methods, method: &Method) -> bool {
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return false;
    }
    match methods {
        config::Methods::Any => true,
        config::Methods::These(list) => {
            list.contains(method) || (*method == Method::HEAD && list.contains(&Method::GET))
        }
    }
}
