//! Workers: a thread, a runtime and sockets of its own each.

use std::{net::SocketAddr, num::NonZero, sync::Arc, thread::JoinHandle, time::Duration};

use tokio::{net::TcpListener, sync::watch};

use crate::{
    gate::{Current, Gate},
    listen,
    start::StartError,
};

/// How many workers there are: as configured, or one for each processor.
pub(crate) fn worker_count(configured: Option<usize>) -> NonZero<usize> {
    let configured = configured.and_then(NonZero::new);
    configured.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZero::<usize>::MIN)
}

/// A worker's sockets. A port of 0 is chosen by the first worker, which puts it where the others find it.
pub(crate) fn bind_all(
    addresses: &mut [SocketAddr],
    inherited: &[std::net::TcpListener],
) -> Result<Vec<std::net::TcpListener>, StartError> {
    let bind = |address: &mut SocketAddr| {
        let handed = inherited.iter().find(|socket| socket.local_addr().is_ok_and(|own| own == *address));
        let socket = handed.map_or_else(|| listen::bind(*address), listen::share)?;
        *address = socket.local_addr()?;
        Ok(socket)
    };
    let bound =
        |address: &mut SocketAddr| bind(address).map_err(|source| StartError::Bind { address: *address, source });
    addresses.iter_mut().map(bound).collect()
}

/// Starts a worker; its thread ends once the other end of `stop` is dropped.
pub(crate) fn start_worker(
    number: usize,
    current: Arc<Current>,
    sockets: Vec<std::net::TcpListener>,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Worker)?;
    let work = move || runtime.block_on(work(current, sockets, stop));
    std::thread::Builder::new().name(format!("worker-{number}")).spawn(work).map_err(StartError::Worker)
}

/// Serves until the other end of `stop` is dropped.
async fn work(current: Arc<Current>, sockets: Vec<std::net::TcpListener>, mut stop: watch::Receiver<bool>) {
    let sweeper = Arc::clone(&current.gate().sweeper);
    for (position, socket) in sockets.into_iter().enumerate() {
        // The socket is a listening one by construction; one that the runtime refuses is not served.
        let Ok(listener) = TcpListener::from_std(socket) else { continue };
        let (current, sweeper) = (Arc::clone(&current), Arc::clone(&sweeper));
        tokio::spawn(listen::serve(current, position, listener, sweeper, stop.clone()));
    }
    let (swept, clock) = (Arc::clone(&current), Arc::clone(&current.gate().clock));
    tokio::spawn(async move { sweeper.run(&clock, || swept.gate().snapshot.patience).await });
    every(Duration::from_secs(1), &current, |gate| gate.pools.tick());
    every(Duration::from_millis(200), &current, |gate| gate.log.flush());
    while stop.changed().await.is_ok() {}
    current.gate().log.flush();
}

/// Does something with the gate that is in force then, again and again, for as long as the worker's runtime is there.
fn every(period: Duration, current: &Arc<Current>, act: impl Fn(&Gate) + Send + 'static) {
    let current = Arc::clone(current);
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(period);
        loop {
            interval.tick().await;
            act(&current.gate());
        }
    });
}
