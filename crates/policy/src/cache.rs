//! Decisions made lately. Bounded; empty again as soon as another engine is asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{decision::Decision, engine::Engine, key, question::Question};

/// Remembers decisions of one engine at a time. Meant for one worker: its lock is not for sharing.
///
/// Keys hold exactly the facts that the policies for an action can read, in full. Decisions that depend on the time or
/// on the age of the authentication are not kept, nor those that the role table gives, which is as fast.
#[derive(Debug)]
pub struct Cache {
    kept: Mutex<Kept>,
    /// Entries of each of the two halves.
    half: usize,
}

/// Hashed with `SipHash`, as keys hold what callers send.
type Half = HashMap<Box<[u8]>, Arc<Decision>>;

/// What is used moves to the young half. When that is full, the old one is dropped and the young one grows old.
#[derive(Debug, Default)]
struct Kept {
    generation: u64,
    young: Half,
    old: Half,
}

impl Cache {
    /// A cache of at most `capacity` decisions, each with a key of at most 1 KiB.
    pub fn new(capacity: usize) -> Self {
        Self { kept: Mutex::default(), half: capacity.div_ceil(2).max(1) }
    }

    /// Decides as [`Engine::decide`] does, from memory if possible.
    pub fn decide(&self, engine: &Engine, question: &Question<'_>) -> Arc<Decision> {
        let matched = match engine.matched(question) {
            Ok(matched) => matched,
            Err(unusable) => return Arc::new(Decision::unusable(unusable)),
        };
        let decide = || Arc::new(engine.decide_matched(&matched, question));
        if matched.is_plain() {
            return decide();
        }
        let key = match key::of(&matched, question) {
            Ok(Some(key)) => key,
            Ok(None) => return decide(),
            Err(unusable) => return Arc::new(Decision::unusable(unusable)),
        };
        let known = self.with(engine, |kept| kept.find(&key));
        known.unwrap_or_else(|| {
            let decision = decide();
            self.with(engine, |kept| kept.keep(key, Arc::clone(&decision), self.half));
            decision
        })
    }

    /// Number of decisions kept.
    pub fn len(&self) -> usize {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.young.len() + kept.old.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with<T>(&self, engine: &Engine, act: impl FnOnce(&mut Kept) -> T) -> T {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.generation != engine.generation() {
            *kept = Kept { generation: engine.generation(), ..Kept::default() };
        }
        act(&mut kept)
    }
}

impl Kept {
    fn find(&mut self, key: &[u8]) -> Option<Arc<Decision>> {
        if let Some(decision) = self.young.get(key) {
            return Some(Arc::clone(decision));
        }
        let (key, decision) = self.old.remove_entry(key)?;
        // The entry was in the other half, so that the sum stays as it is.
        self.young.insert(key, Arc::clone(&decision));
        Some(decision)
    }

    fn keep(&mut self, key: Vec<u8>, decision: Arc<Decision>, half: usize) {
        if self.young.len() >= half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.into_boxed_slice(), decision);
    }
}
