//! The access log: one JSON object a request, written off-thread, bounded, never with a secret or a query.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use config::AccessLog;
use serde::Serialize;

/// A buffer is handed to the writer at this size, and every 200 ms.
const BUFFER_BYTES: usize = 64 * 1024;
/// Buffers under way to the writer; past it lines are dropped and counted.
const QUEUE: usize = 64;

/// One worker's end of the access log.
pub(crate) struct Log {
    buffer: Mutex<Vec<u8>>,
    writer: Option<SyncSender<Vec<u8>>>,
    dropped: AtomicU64,
}

/// Starts the writer's thread. `None` when the log is off.
pub(crate) fn start_writer(target: &AccessLog) -> io::Result<Option<SyncSender<Vec<u8>>>> {
    let mut output: Box<dyn Write + Send> = match target {
        AccessLog::Off { .. } => return Ok(None),
        AccessLog::Stdout => Box::new(io::stdout()),
        AccessLog::File(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
    };
    let (sender, receiver): (_, Receiver<Vec<u8>>) = sync_channel(QUEUE);
    std::thread::Builder::new().name("access-log".into()).spawn(move || {
        for lines in receiver {
            // A log that cannot be written must not stop the gateway; the loss is visible as missing lines.
            let _ = output.write_all(&lines).and_then(|()| output.flush());
        }
    })?;
    Ok(Some(sender))
}

impl Log {
    pub(crate) fn new(writer: Option<SyncSender<Vec<u8>>>) -> Self {
        Self { buffer: Mutex::default(), writer, dropped: AtomicU64::new(0) }
    }

    /// Whether it is kept at all.
    pub(crate) fn is_kept(&self) -> bool {
        self.writer.is_some()
    }

    /// Adds a line.
    pub(crate) fn write(&self, line: &impl Serialize) {
        self.append(|buffer| {
            if serde_json::to_writer(&mut *buffer, line).is_ok() {
                buffer.push(b'\n');
            }
        });
    }

    /// Has a line written at the end of what has gathered, if the log is kept.
    pub(crate) fn append(&self, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.is_kept() {
            return;
        }
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut buffer);
        if buffer.len() >= BUFFER_BYTES {
            self.hand_over(&mut buffer);
        }
    }

    /// Lines lost that the log itself does not tell of yet.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Hands what has gathered to the writer.
    pub(crate) fn flush(&self) {
        self.hand_over(&mut self.buffer.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn hand_over(&self, buffer: &mut Vec<u8>) {
        let Some(writer) = self.writer.as_ref().filter(|_| !buffer.is_empty()) else { return };
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            buffer.extend_from_slice(format!("{{\"event\":\"access_log_dropped\",\"lines\":{dropped}}}\n").as_bytes());
        }
        let lines = std::mem::replace(buffer, Vec::with_capacity(BUFFER_BYTES + 1024));
        if let Err(TrySendError::Full(lines) | TrySendError::Disconnected(lines)) = writer.try_send(lines) {
            let lost = lines.split(|&byte| byte == b'\n').count().saturating_sub(1);
            self.dropped.fetch_add(dropped + u64::try_from(lost).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}
