//! The built-in authorization server, opened as the configuration says, and as the gateway sees it.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use config::{Config, Link, MasterKey as Configured, Reach, Registration, RemoteKeys};
use gateway::{Answering, SourceUnavailable, Translating, Visitor, Worth};
use http::{Request, Response, StatusCode};
use identity::{
    ClientCertificate, ClientsByUrl, Digest, Errand, Identity, IdentityError, Issuer, Linking, MasterKey, Origin,
    Outgoing, OutgoingError, Provider, ProviderSecret, Purpose, Settings, SystemClock,
};
use jose::{JwkSet, jwt::Claims};
use tokio::runtime::Handle;

use crate::failure::Failure;

/// A page of a new client may ask so soon after it was registered.
const LOOK_FOR_ORIGINS: Duration = Duration::from_secs(1);

/// The authorization server.
pub(crate) struct Resident {
    /// What it knows, which no reload changes: keys and what was revoked.
    identity: Identity,
    /// Who answers, as the last reload made it.
    current: RwLock<Identity>,
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
        identity.connect(Arc::new(Road::of(served)));
        let current = RwLock::new(identity.clone());
        Ok(Some(Self { identity, current, runtime: Handle::current(), origins: RwLock::default() }))
    }

    /// The server itself.
    pub(crate) fn identity(&self) -> Identity {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes ready what a reload changes: the APIs that tokens are for, and the operator's files for pages.
    pub(crate) fn prepare(&self, config: &Config) -> Result<Identity, Failure> {
        Ok(self.identity.reloaded(resources(config))?)
    }

    /// Puts in force what was made ready.
    pub(crate) fn put(&self, prepared: Identity) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = prepared;
    }

    /// Watches for changes by other processes, for as long as the runtime runs.
    pub(crate) fn follow(self: &Arc<Self>) {
        tokio::spawn(self.identity.clone().follow());
        tokio::spawn(self.identity.clone().clean());
        tokio::spawn(self.identity.clone().tell_clients());
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
    settings.resources = resources(config);
    settings.scopes = served.scopes.iter().map(|(scope, words)| (scope.0.clone(), words.clone())).collect();
    settings.access_token = served.lifetimes.access_token;
    settings.refresh_token = served.lifetimes.refresh_token;
    settings.session = served.lifetimes.session;
    settings.session_idle = served.lifetimes.session_idle;
    settings.password_minimum = served.password_minimum;
    settings.opaque_access_tokens = served.opaque_access_tokens;
    settings.fapi = served.fapi;
    settings.registration = served.registration == Registration::InitialAccessToken;
    settings.clients_by_url = served.clients_by_url.as_ref().map(clients_by_url);
    settings.key_rotation = served.rotate_keys;
    settings.templates.clone_from(&served.templates);
    settings.providers = served.providers.iter().map(provider).collect::<Result<_, _>>()?;
    Ok(settings)
}

/// The APIs that take tokens of the server.
fn resources(config: &Config) -> Vec<String> {
    let own = config.issuers.get(&config::Identity::issuer_name());
    own.map(|issuer| issuer.validation.audiences.clone()).unwrap_or_default()
}

fn clients_by_url(served: &config::ClientsByUrl) -> ClientsByUrl {
    let scopes = served.scopes.iter().map(|scope| scope.0.clone()).collect();
    ClientsByUrl { hosts: served.hosts.clone(), scopes }
}

fn provider(served: &config::Provider) -> Result<Provider, Failure> {
    let config::Provider { name, issuer, remote: _, client_id, client_secret, link } = served;
    let secret = str::from_utf8(client_secret).map_err(|_| Failure::ProviderSecret(name.clone()))?;
    Ok(Provider {
        name: name.clone(),
        label: name.clone(),
        issuer: issuer.clone(),
        client_id: client_id.clone(),
        client_secret: Some(ProviderSecret::new(secret.trim_end().to_owned())),
        scopes: ["profile", "email"].map(str::to_owned).into(),
        linking: match link {
            Link::Existing => Linking::ByTheUser,
            Link::VerifiedEmail => Linking::ByVerifiedEmail,
            Link::Create => Linking::NewUser,
        },
    })
}

/// Where the server's own requests go: to the providers that the configuration names, and to public addresses.
struct Road {
    providers: Vec<RemoteKeys>,
    documents: Reach,
    logouts: Reach,
}

impl Road {
    fn of(served: &config::Identity) -> Self {
        Self {
            providers: served.providers.iter().map(|provider| provider.remote.clone()).collect(),
            documents: served.clients_by_url.as_ref().map(|rules| rules.reach.clone()).unwrap_or_default(),
            logouts: served.backchannel_logout.clone(),
        }
    }
}

impl Outgoing for Road {
    fn send(
        &self,
        errand: Errand,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, OutgoingError>> + Send + '_>> {
        Box::pin(async move {
            let most = errand.most_bytes();
            let sent = match errand {
                Errand::Provider => gateway::send_out(request, &self.providers, most).await,
                Errand::ClientDocument => gateway::send_to_stranger(request, &self.documents, most).await,
                Errand::Logout => gateway::send_to_stranger(request, &self.logouts, most).await,
            };
            sent.map_err(OutgoingError)
        })
    }
}

impl gateway::Resident for Resident {
    fn answer(&self, visitor: Visitor, request: Request<Bytes>) -> Answering<'_> {
        let Visitor { address, certificate } = visitor;
        let certificate = certificate.map(|(der, worth)| ClientCertificate { der, trusted: worth == Worth::Authority });
        let identity = self.identity();
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
