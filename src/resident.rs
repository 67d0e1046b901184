//! The built-in authorization server, opened as the configuration says, and as the gateway sees it.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use config::{Config, MasterKey as Configured, Registration};
use gateway::{Answering, SourceUnavailable, Translating, Visitor};
use http::{Request, Response, StatusCode};
use identity::{
    ClientCertificate, Digest, Identity, IdentityError, Issuer, MasterKey, Origin, Purpose, Settings, SystemClock,
};
use jose::{JwkSet, jwt::Claims};
use tokio::runtime::Handle;

use crate::failure::Failure;

/// A page of a new client may ask so soon after it was registered.
const LOOK_FOR_ORIGINS: Duration = Duration::from_secs(1);

/// The authorization server.
pub(crate) struct Resident {
    identity: Identity,
    /// The gateway's workers have runtimes of their own; the database is only ever used from this one.
    runtime: Handle,
    origins: RwLock<BTreeSet<String>>,
}

impl Resident {
    /// Opens the server that a configuration asks for, if it does. Must be called within the runtime that it will use.
    pub(crate) async fn open(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(served) = &config.identity else { return Ok(None) };
        let master = match &served.master_key {
            Configured::Kept(_) => None,
            Configured::Given(bytes) => Some(MasterKey::from_bytes(bytes).map_err(IdentityError::from)?),
        };
        let settings = settings(config, served)?;
        let identity = Identity::open(settings, &config.data, master, Arc::new(SystemClock)).await?;
        Ok(Some(Self { identity, runtime: Handle::current(), origins: RwLock::default() }))
    }

    /// The server itself, for operators.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Watches for changes by other processes, for as long as the runtime runs.
    pub(crate) fn follow(self: &Arc<Self>) {
        tokio::spawn(self.identity.clone().follow());
        tokio::spawn(self.identity.clone().clean());
        let resident = Arc::clone(self);
        tokio::spawn(async move {
            let mut seen = None;
            let mut interval = tokio::time::interval(LOOK_FOR_ORIGINS);
            loop {
                interval.tick().await;
                // While the database does not answer, the origins stay as they were; it says so itself.
                if let Ok(Some(origins)) = resident.identity.browser_origins(&mut seen).await {
                    *resident.origins.write().unwrap_or_else(PoisonError::into_inner) = origins;
                }
            }
        });
    }
}

fn settings(config: &Config, served: &config::Identity) -> Result<Settings, Failure> {
    let issuer = Issuer::parse(&served.issuer).map_err(Failure::Issuer)?;
    let mut settings = Settings::new(issuer);
    let own = config.issuers.get(&config::Identity::issuer_name());
    settings.resources = own.map(|issuer| issuer.validation.audiences.clone()).unwrap_or_default();
    settings.scopes = served.scopes.iter().map(|(scope, words)| (scope.0.clone(), words.clone())).collect();
    settings.access_token = served.lifetimes.access_token;
    settings.refresh_token = served.lifetimes.refresh_token;
    settings.session = served.lifetimes.session;
    settings.opaque_access_tokens = served.opaque_access_tokens;
    settings.fapi = served.fapi;
    settings.registration = served.registration == Registration::InitialAccessToken;
    settings.key_rotation = served.rotate_keys;
    settings.templates.clone_from(&served.templates);
    Ok(settings)
}

impl gateway::Resident for Resident {
    fn answer(&self, visitor: Visitor, request: Request<Bytes>) -> Answering<'_> {
        let Visitor { address, certificate } = visitor;
        // The listener takes no others.
        let certificate = certificate.map(|der| ClientCertificate { der, trusted: true });
        let identity = self.identity.clone();
        // In a task of its own, which goes on when the client leaves: what was begun is not left half done.
        let answer = self.runtime.spawn(async move { identity.answer(Origin { address, certificate }, request).await });
        Box::pin(async move {
            answer.await.unwrap_or_else(|_| {
                let mut broken = Response::new(Bytes::new());
                *broken.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                broken
            })
        })
    }

    fn keys(&self) -> JwkSet {
        self.identity.keys().verifying()
    }

    fn keys_epoch(&self) -> u64 {
        self.identity.keys().epoch()
    }

    fn revocation_epoch(&self) -> u64 {
        self.identity.revocations().epoch()
    }

    fn is_revoked(&self, claims: &Claims) -> bool {
        self.identity.revocations().is_revoked(claims)
    }

    fn opaque(&self, text: &str) -> Option<[u8; 32]> {
        Digest::of_secret(Purpose::Access, text).map(|digest| digest.0)
    }

    fn translate(&self, digest: [u8; 32]) -> Translating<'_> {
        let identity = self.identity.clone();
        let translated = self.runtime.spawn(async move { identity.translate(Digest(digest)).await });
        Box::pin(async move { translated.await.map_err(|_| SourceUnavailable)?.map_err(|_| SourceUnavailable) })
    }

    fn is_client_origin(&self, origin: &str) -> bool {
        self.origins.read().unwrap_or_else(PoisonError::into_inner).contains(origin)
    }
}
