//! API keys: junk is refused by its checksum, a live key is looked up once in a while.

use std::sync::Arc;

use super::{
    Caller, Strictness,
    verified::{CachedKey, KEY_FRESH_SECONDS, KEY_STALE_SECONDS},
};
use crate::{gate::Gate, policies::Facts, refusal::Refusal, watch::unix_now};

/// Proves an API key (401), or says that this cannot be done now (503).
pub(super) async fn prove(gate: &Gate, text: &str, strictness: &Strictness<'_>) -> Result<Arc<Caller>, Refusal> {
    let sources = &gate.snapshot.sources;
    let digest = (sources.parse_key)(text).ok_or(Refusal::BadApiKey)?;
    let now = unix_now();
    // Read before the look-up: a revocation during it makes what is cached here old at once.
    let epoch = sources.keys.epoch();
    let cached = gate.verified.key(&digest).filter(|key| key.epoch == epoch && key.expires > now);
    if let Some(key) = cached.as_ref().filter(|key| key.seen + KEY_FRESH_SECONDS > now) {
        sources.keys.used(&key.caller.credential, now);
        return Ok(Arc::clone(&key.caller));
    }
    strictness.check(&digest)?;
    match sources.keys.find(digest).await {
        Ok(Some(known)) if known.expires > now => {
            sources.keys.used(&known.id, now);
            let caller = if let Some(key) = cached {
                key.caller
            } else {
                let facts = Facts::of_key(known.roles, known.tenant);
                let facts = gate.snapshot.policies.as_ref().map(|_| Box::new(facts));
                Caller::new("api_key", known.owner, known.id, known.scopes, facts)
            };
            gate.verified
                .keep_key(digest, CachedKey { caller: Arc::clone(&caller), epoch, seen: now, expires: known.expires });
            Ok(caller)
        }
        Ok(_) => Err(Refusal::BadApiKey),
        Err(_) => match cached.filter(|key| key.seen + KEY_STALE_SECONDS > now) {
            Some(key) => Ok(key.caller),
            None => Err(Refusal::KeysUnavailable),
        },
    }
}
