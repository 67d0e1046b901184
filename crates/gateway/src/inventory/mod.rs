//! What was asked for and answered, by methods and templates: what an inventory compares with documents and routes.
//!
//! A route without `{rest*}` is its own template, and is counted in [`crate::metrics`] already. Paths under a
//! `{rest*}` are folded here.

mod fold;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{gate::Current, metrics};
use fold::Fold;

/// One worker's folded paths.
#[derive(Debug, Default)]
pub(crate) struct Observed(Mutex<BTreeMap<String, Fold>>);

/// APIs that are kept apart; they come from configurations, not from requests.
const MAX_APIS: usize = 1_000;

impl Observed {
    /// Counts an answer to a path that no route names exactly.
    pub(crate) fn count(&self, api: &str, path: &str, method: &'static str, status: u16) {
        let mut apis = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fold) = apis.get_mut(api) {
            fold.count(path, method, status);
        } else if apis.len() < MAX_APIS {
            apis.entry(api.to_owned()).or_default().count(path, method, status);
        }
    }
}

/// What a gateway has seen. Clones see the same.
#[derive(Clone)]
pub struct Inventory(pub(crate) Vec<Arc<Current>>);

/// A method and a template that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The API.
    pub api: String,
    /// The method.
    pub method: String,
    /// The template: of a route, or folded with `{}` for each value.
    pub template: String,
    /// Answers that show that there is something: any but the following.
    pub answered: u64,
    /// Answers that show that there is nothing: 404, 405, 410, 501.
    pub missing: u64,
}

impl Inventory {
    /// All that was seen since the start, by API, template and method.
    pub fn sightings(&self) -> Vec<Sighting> {
        let mut seen: BTreeMap<(String, String, String), (u64, u64)> = BTreeMap::new();
        let mut add = |api: &str, template: &str, method: &str, status: u16, count: u64| {
            let (answered, missing) = seen.entry((api.to_owned(), template.to_owned(), method.to_owned())).or_default();
            *(if matches!(status, 404 | 405 | 410 | 501) { missing } else { answered }) += count;
        };
        for current in &self.0 {
            let gate = current.gate();
            gate.metrics.each_answered(|labels, method, status, count| {
                if let Some((api, template)) = labels.and_then(metrics::Labels::exact) {
                    add(api, template, method, status, count);
                }
            });
            let apis = gate.observed.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (api, fold) in apis.iter() {
                for (template, counts) in fold.templates() {
                    for ((method, status), count) in &counts.0 {
                        add(api, &template, method, *status, *count);
                    }
                }
            }
        }
        let sighting =
            |((api, template, method), (answered, missing))| Sighting { api, method, template, answered, missing };
        seen.into_iter().map(sighting).collect()
    }
}
