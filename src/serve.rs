//! `portcullis serve -c FILE`, and the composition root: configuration, store, gateway, control socket.

use std::{process::ExitCode, sync::Arc, time::Duration};

use config::{Config, ListenerSecurity};
use gateway::{Gateway, Running, Sources};
use store::{Store, api_key};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    cli, control,
    failure::{Failure, Outcome},
    key_source::StoredKeys,
};

/// Time for requests under way after SIGTERM.
const GRACE: Duration = Duration::from_secs(30);

pub(crate) fn run(arguments: &cli::Serve) -> Outcome {
    let config = config::load(&arguments.config)?;
    runtime()?.block_on(async { Server::start(config).await?.until_signal().await })
}

/// The runtime for everything but requests: the store, the control socket, issuers' keys. One thread does.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(Failure::Runtime)
}

/// A gateway with its store and control socket.
pub(crate) struct Server {
    running: Running,
    keys: Arc<StoredKeys>,
    schemes: Vec<&'static str>,
    terminate: Signal,
    interrupt: Signal,
}

impl Server {
    /// Starts everything and says on standard error where it listens.
    pub(crate) async fn start(config: Config) -> Result<Self, Failure> {
        // First of all: a signal during the start must not leave the default action, which kills.
        let terminate = signal(SignalKind::terminate()).map_err(Failure::Runtime)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(Failure::Runtime)?;
        let store = Store::open(&config.data).await?;
        let control = control::bind(&config.data)?;
        let keys = Arc::new(StoredKeys::new(store));
        let schemes = config.listeners.iter().map(|listener| scheme(&listener.security)).collect();
        let sources =
            Sources { keys: Arc::clone(&keys) as _, parse_key: api_key::digest_of, key_prefix: api_key::PREFIX };
        let running = Gateway::start(config, sources)?;
        tokio::spawn(Arc::clone(&keys).follow());
        tokio::spawn(control::serve(control, Arc::clone(&keys)));
        let server = Self { running, keys, schemes, terminate, interrupt };
        for url in server.urls() {
            eprintln!("listening on {url}");
        }
        Ok(server)
    }

    /// Where it listens, with real ports.
    pub(crate) fn urls(&self) -> Vec<String> {
        let url = |(scheme, address): (&&str, &std::net::SocketAddr)| format!("{scheme}://{address}");
        self.schemes.iter().zip(self.running.addresses()).map(url).collect()
    }

    /// Its API keys.
    pub(crate) fn keys(&self) -> &StoredKeys {
        &self.keys
    }

    /// Runs until SIGTERM or SIGINT, then drains; a second signal ends the drain.
    pub(crate) async fn until_signal(self) -> Outcome {
        let Self { running, keys, mut terminate, mut interrupt, .. } = self;
        any(&mut terminate, &mut interrupt).await;
        eprintln!("draining for at most {} s; a second signal ends it now", GRACE.as_secs());
        tokio::select! {
            () = running.drain(GRACE) => {}
            () = any(&mut terminate, &mut interrupt) => {}
        }
        keys.write_uses().await?;
        keys.store().close().await;
        eprintln!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

async fn any(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn scheme(security: &ListenerSecurity) -> &'static str {
    match security {
        ListenerSecurity::Tls(_) => "https",
        ListenerSecurity::PlaintextLoopback | ListenerSecurity::Plaintext { .. } => "http",
    }
}
