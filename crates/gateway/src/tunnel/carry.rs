//! The bytes of a tunnel, both ways, and its end: with a Close frame wherever one can still be understood.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split},
    sync::watch,
};

use super::frames::Frames;

/// Bytes held in each direction.
const BUFFER: usize = 8 * 1024;
/// What a client gets to answer a Close frame in.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why the gateway ends a tunnel that could go on (RFC 6455 §7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goodbye {
    /// 1001: the gateway stops. The client may answer.
    Away,
    /// 1008: the caller may not be here any more. Nothing more is heard of them.
    Unwelcome,
}

impl Goodbye {
    /// A Close frame from a server: final, without a mask, with two bytes of a code.
    fn frame(self) -> [u8; 4] {
        let code: u16 = match self {
            Self::Away => 1001,
            Self::Unwelcome => 1008,
        };
        let [high, low] = code.to_be_bytes();
        [0x88, 2, high, low]
    }
}

/// Joins two ends until both have ended, or a goodbye was said. `moved` counts the pieces that passed.
pub(super) async fn carry<C, U>(client: C, upstream: U, goodbye: watch::Receiver<Option<Goodbye>>, moved: &AtomicU64)
where
    C: AsyncRead + AsyncWrite,
    U: AsyncRead + AsyncWrite,
{
    let (from_client, to_client) = split(client);
    let (from_upstream, to_upstream) = split(upstream);
    let mut upwards = Box::pin(pass(from_client, to_upstream, moved));
    let mut downwards = Box::pin(answer(from_upstream, to_client, goodbye, moved));
    // An end that broke off is an end, of both.
    tokio::select! {
        passed = &mut upwards => if passed.is_ok() {
            let _ = downwards.await;
        },
        answered = &mut downwards => match answered {
            Ok(None) => _ = upwards.await,
            // The client's own Close frame goes to the upstream, which then knows as well.
            Ok(Some(Goodbye::Away)) => _ = tokio::time::timeout(FAREWELL, upwards).await,
            Ok(Some(Goodbye::Unwelcome)) | Err(_) => {}
        },
    }
}

/// What the client says, as it is.
async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, moved: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        moved.fetch_add(1, Ordering::Relaxed);
        to.write_all(buffer.get(..count).unwrap_or_default()).await?;
        to.flush().await?;
    }
}

/// What the upstream says, as it is, until a goodbye is said between two of its frames.
async fn answer(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut goodbye: watch::Receiver<Option<Goodbye>>,
    moved: &AtomicU64,
) -> io::Result<Option<Goodbye>> {
    let (mut buffer, mut frames) = (vec![0; BUFFER], Frames::default());
    loop {
        let word = *goodbye.borrow_and_update();
        if let Some(word) = word.filter(|_| frames.is_between()) {
            to.write_all(&word.frame()).await?;
            match word {
                Goodbye::Away => to.flush().await?,
                Goodbye::Unwelcome => to.shutdown().await?,
            }
            return Ok(Some(word));
        }
        let count = tokio::select! {
            count = from.read(&mut buffer) => count?,
            Ok(()) = goodbye.changed() => continue,
        };
        if count == 0 {
            to.shutdown().await?;
            return Ok(None);
        }
        moved.fetch_add(1, Ordering::Relaxed);
        let read = buffer.get(..count).unwrap_or_default();
        let passed = match word {
            None => {
                frames.follow(read);
                read
            }
            Some(_) => read.get(..frames.follow_one(read)).unwrap_or_default(),
        };
        to.write_all(passed).await?;
        to.flush().await?;
    }
}
