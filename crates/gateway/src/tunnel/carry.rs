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

use super::frames::{Frames, Messages};

/// Bytes held in each direction.
const BUFFER: usize = 8 * 1024;
/// What a client gets to answer a Close frame in.
const FAREWELL: Duration = Duration::from_secs(2);
/// What is read at a time of a client that is not heard any more,
const DISCARDED: usize = 16 * 1024;
/// how much a single read counts for at least,
const LEAST: usize = 256;
/// and how long it waits then for its next turn: 8 MiB until it is over.
const PAUSE: Duration = Duration::from_millis(4);

/// Why the gateway ends a tunnel that could go on (RFC 6455 §7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goodbye {
    /// 1001: the gateway stops. The client may answer.
    Away,
    /// 1008: the caller may not be here any more. Nothing more is heard of them.
    Unwelcome,
    /// 1009: the caller sends a message that is larger than their route takes. Nothing more is heard of them.
    TooBig,
}

impl Goodbye {
    /// A Close frame from a server: final, without a mask, with two bytes of a code.
    fn frame(self) -> [u8; 4] {
        let code: u16 = match self {
            Self::Away => 1001,
            Self::Unwelcome => 1008,
            Self::TooBig => 1009,
        };
        let [high, low] = code.to_be_bytes();
        [0x88, 2, high, low]
    }
}

/// Joins two ends until both have ended, or a goodbye was said: from outside, or because the client sends a message
/// larger than `largest`. `moved` counts the pieces that passed.
pub(super) async fn carry<C, U>(
    client: C,
    upstream: U,
    say: &watch::Sender<Option<Goodbye>>,
    largest: u64,
    moved: &AtomicU64,
) where
    C: AsyncRead + AsyncWrite,
    U: AsyncRead + AsyncWrite,
{
    let (from_client, to_client) = split(client);
    let (from_upstream, to_upstream) = split(upstream);
    let mut upwards = Box::pin(pass(from_client, to_upstream, Messages::new(largest), say, moved));
    let mut downwards = Box::pin(answer(from_upstream, to_client, say.subscribe(), moved));
    // An end that broke off is an end, of both.
    tokio::select! {
        passed = &mut upwards => match passed {
            Ok(Passed::All) => _ = downwards.await,
            Ok(Passed::UntilTooBig) | Err(_) => {}
        },
        answered = &mut downwards => match answered {
            Ok(None) => _ = upwards.await,
            // The client's own Close frame goes to the upstream, which then knows as well.
            Ok(Some(Goodbye::Away | Goodbye::TooBig)) => _ = tokio::time::timeout(FAREWELL, upwards).await,
            Ok(Some(Goodbye::Unwelcome)) | Err(_) => {}
        },
    }
}

/// What of a client's words went to the upstream.
enum Passed {
    All,
    UntilTooBig,
}

/// What the client says, as it is, until a message of it is too big.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut messages: Messages,
    say: &watch::Sender<Option<Goodbye>>,
    moved: &AtomicU64,
) -> io::Result<Passed> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await.map(|()| Passed::All);
        }
        moved.fetch_add(1, Ordering::Relaxed);
        let read = buffer.get(..count).unwrap_or_default();
        if messages.follow(read).is_err() {
            // The upstream has the beginning of a message; it learns that there is no more when its connection ends.
            say.send_replace(Some(Goodbye::TooBig));
            drain(from).await;
            return Ok(Passed::UntilTooBig);
        }
        to.write_all(read).await?;
        to.flush().await?;
    }
}

/// Reads what a client still sends, so that it gets to see the Close frame: closing on unread data would take that away.
/// Nothing waits for these bytes, so that others go first.
async fn drain(mut from: impl AsyncRead + Unpin) {
    let mut nowhere = vec![0; DISCARDED];
    let reading = async {
        let mut read = 0;
        while let Ok(count @ 1..) = from.read(&mut nowhere).await {
            read += count.max(LEAST);
            if read >= DISCARDED {
                read = 0;
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    // Whoever breaks off or goes on for longer has had their chance.
    let _ = tokio::time::timeout(FAREWELL, reading).await;
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
                Goodbye::Unwelcome | Goodbye::TooBig => to.shutdown().await?,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A gateway that discards bytes as fast as they come serves whoever sends most.
    #[tokio::test(start_paused = true)]
    async fn what_is_discarded_takes_its_time_and_ends() {
        for (piece, most) in [(64 << 10, 8 << 20), (1, 64 << 10)] {
            let (mut client, gateway) = tokio::io::duplex(piece);
            let sending = tokio::spawn(async move {
                let mut sent = 0;
                while client.write_all(&vec![0; piece]).await.is_ok() {
                    sent += piece;
                }
                sent
            });
            drain(gateway).await;
            let sent = sending.await.unwrap_or_default();
            assert!((most / 4..=most * 11 / 10).contains(&sent), "{sent} bytes of pieces of {piece}");
        }
    }
}
