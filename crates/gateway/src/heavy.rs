//! Work that takes longer than others on the same worker should wait: handshakes of TLS, bodies that are unfolded or
//! judged.
//!
//! A worker serves all its connections in turns, and each turn is meant to be short. What takes longer goes to threads
//! besides, as many as there are workers, of a lower priority than theirs. So who is connected already is served while
//! others knock. A processor that is at such work ends its turn all the same before a worker gets it back.

use std::{io, num::NonZero};

use tokio::runtime::{Builder, Runtime};

use crate::refusal::Refusal;

/// How far behind workers these threads stand: at a third of a worker's share where both want the same processor.
const NICE: i32 = 5;

/// What a worker does itself: less than 50 µs, where the way to another thread and back costs ten.
const FEW_BYTES: usize = 16 * 1024;

/// The threads, shared by all workers; a reload keeps them.
pub(crate) struct Heavy {
    /// Taken only when this is dropped.
    runtime: Option<Runtime>,
}

impl Heavy {
    /// Starts so many threads.
    pub(crate) fn start(threads: NonZero<usize>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.get())
            .thread_name("heavy")
            .on_thread_start(stand_behind)
            .enable_time()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs a future there. Sockets in it stay with the runtime that they came from.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(work);
        }
    }

    /// What some work over so many bytes comes to. Few are worked over at once, here.
    pub(crate) async fn over<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        if bytes < FEW_BYTES { Ok(work()) } else { Box::pin(self.run(work)).await }
    }

    /// What some work comes to.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let Some(runtime) = &self.runtime else { return Err(Refusal::Internal) };
        runtime.spawn(async move { work() }).await.map_err(|_| Refusal::Internal)
    }
}

impl Drop for Heavy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting for them is not allowed where others run, and nobody waits for their work any more.
            runtime.shutdown_background();
        }
    }
}

/// A thread has a priority of its own in Linux alone; elsewhere this would be the whole process.
fn stand_behind() {
    #[cfg(target_os = "linux")]
    // A thread begins with the priority of the process, which need not be 0. One that is not allowed another works all the
    // same, beside the others.
    let _ = rustix::process::getpriority_process(None)
        .and_then(|own| rustix::process::setpriority_process(None, own.saturating_add(NICE)));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_on_threads_that_stand_behind() {
        let heavy = Heavy::start(NonZero::new(2).unwrap()).unwrap();
        let (name, priority) = heavy
            .run(|| {
                let name = std::thread::current().name().map(ToOwned::to_owned);
                (name, rustix::process::getpriority_process(None).unwrap())
            })
            .await
            .unwrap();
        let own = rustix::process::getpriority_process(None).unwrap();
        assert_eq!(name.as_deref(), Some("heavy"));
        assert_eq!(priority, if cfg!(target_os = "linux") { (own + NICE).min(19) } else { own });
        assert_eq!(heavy.run(|| panic!("on purpose")).await, Err::<(), _>(Refusal::Internal));
        assert_eq!(heavy.run(|| 7).await, Ok(7), "it goes on");
    }
}
