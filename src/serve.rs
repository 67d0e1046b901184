//! `portcullis serve -c FILE`, and the composition root: configuration, store, gateway, control socket.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use config::{Config, ListenerSecurity};
use gateway::{Gateway, Running, Sources};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use store::{Store, api_key};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use crate::{
    cli,
    control::{self, Commands, ReloadRequest},
    failure::{Failure, Outcome},
    key_source::StoredKeys,
    resident::Resident,
    sandbox::{self, Places},
};

/// Time for requests under way after SIGTERM.
const GRACE: Duration = Duration::from_secs(30);

pub(crate) fn run(arguments: &cli::Serve) -> Outcome {
    let config = config::load(&arguments.config)?;
    show_warnings(&config);
    let inherited = inherited();
    // What a sandbox lets a process write must be there when it is put on.
    Store::prepare(&config.data)?;
    eprintln!("{}", sandbox::enter(&Places::of(&config, &arguments.config))?);
    runtime()?.block_on(async {
        let server = Server::start(config, Some(&arguments.config), inherited).await?;
        server.until_signal().await
    })
}

/// What the operator should know of a configuration that is used.
fn show_warnings(config: &config::Config) {
    if let Some(warnings) = &config.warnings {
        eprint!("{warnings}");
    }
}

/// Listening sockets that the service manager opened (`sd_listen_fds(3)`), for the listeners that have their addresses.
fn inherited() -> Vec<TcpListener> {
    let mut handed = ListenFd::from_env();
    (0..handed.len()).filter_map(|index| handed.take_tcp_listener(index).ok().flatten()).collect()
}

/// The runtime for everything but requests: the store, the control socket, issuers' keys. One thread does.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(Failure::Runtime)
}

/// A gateway with its store and control socket.
pub(crate) struct Server {
    running: Running,
    keys: Arc<StoredKeys>,
    resident: Option<Arc<Resident>>,
    schemes: Vec<&'static str>,
    /// What a reload reads.
    file: Option<PathBuf>,
    reloads: mpsc::Receiver<ReloadRequest>,
    signals: Signals,
}

/// The signals that mean something to a gateway.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Server {
    /// Starts everything and says on standard error where it listens. `file` is what a reload reads.
    /// `inherited` are sockets that listen already.
    pub(crate) async fn start(
        config: Config,
        file: Option<&Path>,
        inherited: Vec<TcpListener>,
    ) -> Result<Self, Failure> {
        // First of all: a signal during the start must not leave the default action, which kills.
        let signals = Signals::listen().map_err(Failure::Runtime)?;
        let store = Store::open(&config.data).await?;
        let control = control::bind(&config.data)?;
        let keys = Arc::new(StoredKeys::new(store));
        let resident = Resident::open(&config).await?.map(Arc::new);
        let schemes = config.listeners.iter().map(|listener| scheme(&listener.security)).collect();
        let sources = Sources {
            keys: Arc::clone(&keys) as _,
            parse_key: api_key::digest_of,
            key_prefix: api_key::PREFIX,
            resident: resident.as_ref().map(|resident| Arc::clone(resident) as _),
        };
        let running = Gateway::start(config, sources, &inherited)?;
        tokio::spawn(Arc::clone(&keys).follow());
        if let Some(resident) = &resident {
            resident.follow();
        }
        let (reload, reloads) = mpsc::channel(1);
        let (recent, inventory) = (running.recent(), running.inventory());
        let commands = Commands { keys: Arc::clone(&keys), resident: resident.clone(), reload, recent, inventory };
        tokio::spawn(control::serve(control, commands));
        let file = file.map(Path::to_owned);
        let server = Self { running, keys, resident, schemes, file, reloads, signals };
        if let Some(address) = server.running.monitoring() {
            eprintln!("monitoring on http://{address}");
        }
        for url in server.urls() {
            eprintln!("listening on {url}");
        }
        tell(&[NotifyState::Ready]);
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
    pub(crate) async fn until_signal(mut self) -> Outcome {
        loop {
            tokio::select! {
                meaning = self.signals.next() => match meaning {
                    Meaning::End => break,
                    Meaning::Reload => {
                        // What came of it is said on standard error.
                        let _ = self.reload();
                    }
                },
                Some(request) = self.reloads.recv() => {
                    // A command that was broken off no longer listens.
                    let _ = request.send(self.reload());
                }
            }
        }
        let Self { running, keys, resident, mut signals, .. } = self;
        tell(&[NotifyState::Stopping]);
        eprintln!("draining for at most {} s; a second signal ends it now", GRACE.as_secs());
        tokio::select! {
            () = running.drain(GRACE) => {}
            () = signals.end() => {}
        }
        keys.write_uses().await?;
        keys.store().close().await;
        if let Some(resident) = resident {
            resident.identity().close().await;
        }
        eprintln!("stopped");
        Ok(ExitCode::SUCCESS)
    }

    /// Reads the file again and puts it in force; a file that is not valid changes nothing.
    fn reload(&self) -> Result<(), String> {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            tell(&[NotifyState::Reloading, now]);
        }
        let reloaded = match &self.file {
            None => Err("this gateway has no configuration file; run `portcullis serve -c FILE`".to_owned()),
            Some(file) => config::load(file)
                .map_err(|report| report.to_string())
                .inspect(show_warnings)
                .and_then(|config| self.put_in_force(config)),
        };
        match &reloaded {
            Ok(()) => eprintln!("reloaded"),
            Err(message) => eprintln!("{message}\nnot reloaded: the configuration in force stays"),
        }
        tell(&[NotifyState::Ready]);
        reloaded
    }

    fn put_in_force(&self, config: Config) -> Result<(), String> {
        let Some(resident) = &self.resident else {
            return self.running.reload(config).map_err(|error| error.to_string());
        };
        // Once the gateway has taken the configuration, nothing may fail.
        let prepared = resident.prepare(&config).map_err(|failure| failure.to_string())?;
        self.running.reload(config).map_err(|error| error.to_string())?;
        resident.put(prepared);
        Ok(())
    }
}

/// Tells the service manager, if there is one that wants to know (`sd_notify(3)`). It cannot be told that it does not
/// listen.
fn tell(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}

/// What a signal asks for.
enum Meaning {
    End,
    Reload,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Meaning {
        tokio::select! {
            _ = self.terminate.recv() => Meaning::End,
            _ = self.interrupt.recv() => Meaning::End,
            _ = self.hang_up.recv() => Meaning::Reload,
        }
    }

    /// Waits for SIGTERM or SIGINT.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn scheme(security: &ListenerSecurity) -> &'static str {
    match security {
        ListenerSecurity::Tls(_) => "https",
        ListenerSecurity::PlaintextLoopback | ListenerSecurity::Plaintext { .. } => "http",
    }
}
