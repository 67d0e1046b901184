//! An authorization server that runs.

use std::{fmt, ops::Deref, path::Path, sync::Arc, time::Duration};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::{
    accounts::Login,
    clients::{Documents, KnownClients},
    clock::Clock,
    error::IdentityError,
    federation::Remotes,
    keys::{ALGORITHMS, KeyRing, MasterKey, Rotation, Tagger},
    origin::Origin,
    outgoing::WayOut,
    pages::Theme,
    router,
    settings::Settings,
    store::Database,
    tokens::{ReplayMarks, Revocations},
};

/// Changes by other processes are looked for this often: a revocation must be seen within 1 s.
const POLL: Duration = Duration::from_millis(250);
/// Rows of a table that are removed at a time.
const BATCH: u32 = 10;
/// Time between two rounds through all tables, or two steps by which the file shrinks.
const BETWEEN_ROUNDS: Duration = Duration::from_millis(10);
/// When nothing is left to remove, it is looked again after this time.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Keys are looked after this often.
const TURN: Duration = Duration::from_secs(30);

/// The authorization server. Cheap to clone; all clones are one server.
#[derive(Clone)]
pub struct Identity(pub(crate) Arc<Server>, Router);

/// What all parts of the server share. Endpoints and pages have it as their state.
pub(crate) struct Server {
    pub(crate) settings: Settings,
    pub(crate) theme: Theme,
    lasting: Arc<Lasting>,
}

/// What of a server outlives its settings.
pub(crate) struct Lasting {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) database: Database,
    pub(crate) master: MasterKey,
    pub(crate) keys: KeyRing,
    pub(crate) revocations: Revocations,
    pub(crate) tags: Tags,
    pub(crate) login: Login,
    pub(crate) way_out: Arc<WayOut>,
    pub(crate) remotes: Remotes,
    pub(crate) known_clients: KnownClients,
    pub(crate) documents: Arc<Documents>,
    pub(crate) proofs: ReplayMarks,
    /// Rung when clients are to be told of the end of a session.
    pub(crate) session_ended: Notify,
}

impl Deref for Server {
    type Target = Lasting;

    fn deref(&self) -> &Lasting {
        &self.lasting
    }
}

/// Keys for texts that come back to the server, one for each purpose.
pub(crate) struct Tags {
    /// Hidden fields of forms.
    pub(crate) forms: Tagger,
    /// Successors of refresh tokens.
    pub(crate) refresh: Tagger,
    /// Nonces of DPoP.
    pub(crate) nonces: Tagger,
    /// Marks in addresses that the server sends a browser to.
    pub(crate) returns: Tagger,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("issuer", &self.0.settings.issuer).finish_non_exhaustive()
    }
}

impl Identity {
    /// Opens the server in a data folder. Without a master key of the operator's it has one in the folder, which only the
    /// first start makes.
    pub async fn open(
        settings: Settings,
        data: &Path,
        master: Option<MasterKey>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        let database = Database::open(data).await?;
        let master = match master {
            Some(master) => master,
            None => MasterKey::from_folder(data, database.has_sealed().await?)?,
        };
        database.check_master(&master).await?;
        let login = Login::new(&settings, &master)?;
        let theme = Theme::load(&settings)?;
        let now = clock.now();
        let keys = KeyRing::open(&database, &master, now).await?;
        let revocations = Revocations::default();
        revocations.merge(database.revocations(now).await?, now);
        let tags = Tags {
            forms: master.tagger("forms")?,
            refresh: master.tagger("refresh successors")?,
            nonces: master.tagger("DPoP nonces")?,
            returns: master.tagger("returns")?,
        };
        let way_out = Arc::new(WayOut::default());
        let documents = Documents::new(Arc::clone(&way_out), settings.clients_by_url.clone().unwrap_or_default());
        let lasting = Lasting {
            clock,
            database,
            master,
            keys,
            revocations,
            tags,
            login,
            remotes: Remotes::new(Arc::clone(&way_out)),
            way_out,
            known_clients: KnownClients::default(),
            documents: Arc::new(documents),
            proofs: ReplayMarks::default(),
            session_ended: Notify::new(),
        };
        Ok(Self::of(Server { settings, theme, lasting: Arc::new(lasting) }))
    }

    fn of(server: Server) -> Self {
        let server = Arc::new(server);
        let router = router::router(Arc::clone(&server));
        Self(server, router)
    }

    /// The same server for other APIs, with the operator's files for its pages read anew. It shares all that it knows with
    /// this one, which goes on for who still has it.
    pub fn reloaded(&self, resources: Vec<String>) -> Result<Self, IdentityError> {
        let settings = Settings { resources, ..self.0.settings.clone() };
        let theme = Theme::load(&settings)?;
        Ok(Self::of(Server { settings, theme, lasting: Arc::clone(&self.0.lasting) }))
    }

    /// Answers a request to one of [`crate::ROUTES`].
    pub async fn answer(&self, origin: Origin, request: Request<Bytes>) -> Response<Bytes> {
        let mut request = request.map(axum::body::Body::from);
        request.extensions_mut().insert(origin);
        let answer = self.1.clone().oneshot(request).await;
        let (head, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
        // Bodies are made whole here, so there is nothing to break off.
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Response::from_parts(head, body)
    }

    /// The keys that sign and verify.
    pub fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    /// What is dead before it expires.
    pub fn revocations(&self) -> &Revocations {
        &self.0.revocations
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Watches for changes by other processes and rotates keys, until the task is dropped.
    pub async fn follow(self) {
        let (mut poll, mut turn) = (tokio::time::interval(POLL), tokio::time::interval(TURN));
        let mut seen = None;
        let mut healthy = true;
        loop {
            let result = tokio::select! {
                _ = poll.tick() => self.notice_changes(&mut seen).await,
                _ = turn.tick() => self.rotate_keys(false).await,
            };
            if result.is_ok() != healthy {
                healthy = result.is_ok();
                eprintln!(
                    "identity: {}",
                    result.map_or_else(|error| error.to_string(), |()| "answers again".to_owned())
                );
            }
        }
    }

    /// Removes what has expired, a batch after the other, until the task is dropped.
    pub async fn clean(self) {
        let mut healthy = true;
        loop {
            let cleaned = self.clean_once().await;
            if cleaned.is_ok() != healthy {
                healthy = cleaned.is_ok();
                eprintln!(
                    "identity: cleanup: {}",
                    cleaned.as_ref().map_or_else(ToString::to_string, |_| "goes on".to_owned())
                );
            }
            let pause = if matches!(cleaned, Ok(true)) { BETWEEN_ROUNDS } else { LOOK_AGAIN };
            tokio::time::sleep(pause).await;
        }
    }

    /// Removes some of what has expired, or gives a little of the file back if there is nothing; whether there is
    /// more to do.
    pub async fn clean_once(&self) -> Result<bool, IdentityError> {
        let database = &self.0.database;
        Ok(database.clean(BATCH, self.0.clock.now()).await? > 0 || database.shrink().await?)
    }

    /// How long the oldest row that should be gone has been expired.
    pub async fn cleanup_lag(&self) -> Result<Duration, IdentityError> {
        Ok(Duration::from_secs(self.0.database.cleanup_lag(self.0.clock.now()).await?))
    }

    /// Moves signing keys on as far as it is time for; `at_once` makes successors whatever the age of those that sign.
    pub async fn rotate_keys(&self, at_once: bool) -> Result<(), IdentityError> {
        let rotation = Rotation::new(self.0.settings.key_rotation, crate::settings::MAX_ACCESS_TOKEN);
        let now = self.0.clock.now();
        let mut moved = false;
        for algorithm in ALGORITHMS {
            moved |= self.0.database.rotate(&self.0.master, algorithm, rotation, at_once, now).await?;
        }
        if moved { self.0.keys.reload(&self.0.database, &self.0.master).await } else { Ok(()) }
    }

    async fn notice_changes(&self, seen: &mut Option<i64>) -> Result<(), IdentityError> {
        let counter = self.0.database.change_counter().await?;
        if seen.replace(counter) != Some(counter) {
            self.0.known_clients.forget();
            self.0.keys.reload(&self.0.database, &self.0.master).await?;
            let now = self.0.clock.now();
            self.0.revocations.merge(self.0.database.revocations(now).await?, now);
        }
        Ok(())
    }

    /// Closes the database, which also folds the write-ahead log into it.
    pub async fn close(&self) {
        self.0.database.close().await;
    }
}
