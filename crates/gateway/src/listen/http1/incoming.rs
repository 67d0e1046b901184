//! A request's body on its way in, a piece at a time.

use std::task::{Context, Poll, ready};

use super::{framing::Framing, pull::Push};
use crate::{
    http1::{Input, Malformed, Piece},
    turn::Pause,
};

/// Bytes between the data of a body in chunks after which others have their turn: those of some hundred small chunks, which
/// cost as much to read as a megabyte in large ones.
const TEDIOUS: usize = 2 * 1024;

/// A request's body on its way in.
pub(super) struct Incoming {
    pub(super) push: Push,
    pub(super) expectation: Expectation,
    /// Bytes that came and that nobody wanted.
    pub(super) drained: usize,
    framing: Framing,
    /// Bytes between data that were read since others had their turn.
    lines: usize,
    pause: Pause,
}

/// Whether the client waits for 100 (Continue) before it sends a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expectation {
    None,
    Waits,
    /// The 100 is on its way.
    Asking,
}

impl Incoming {
    /// A body of which nothing came yet.
    pub(super) fn new(push: Push, framing: Framing, waits_to_continue: bool) -> Self {
        let expectation = if waits_to_continue { Expectation::Waits } else { Expectation::None };
        Self { push, expectation, drained: 0, framing, lines: 0, pause: Pause::default() }
    }

    /// The next piece of what was read.
    pub(super) fn poll_next(&mut self, input: &mut Input, cx: &mut Context<'_>) -> Poll<Result<Piece, Malformed>> {
        if self.lines >= TEDIOUS {
            self.lines = 0;
            self.pause.begin(cx);
        }
        ready!(self.pause.poll(cx));
        let there = input.bytes.len();
        let piece = self.framing.next(&mut input.bytes);
        if let Ok(Piece::Data(data)) = &piece {
            let lines = there.saturating_sub(input.bytes.len()).saturating_sub(data.len());
            self.lines = self.lines.saturating_add(lines);
        }
        Poll::Ready(piece)
    }

    /// Whether all of it came, by the length that was declared.
    pub(super) fn is_complete(&self) -> bool {
        self.framing.length() == Some(0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::poll_fn;

    use bytes::BytesMut;

    use super::*;
    use crate::{http1::Body, listen::http1::pull};

    /// Whose body is tedious to read does not have others wait for it.
    #[tokio::test]
    async fn others_have_their_turn_between_many_small_chunks_and_not_between_large_ones() {
        let large = format!("400\r\n{}\r\n", "a".repeat(1_024));
        for (chunks, turns) in [("1\r\na\r\n".repeat(2_000), 4), (large.repeat(100), 0)] {
            let mut input = Input::begun(&[]);
            input.bytes = BytesMut::from(format!("{chunks}0\r\n\r\n").as_bytes());
            let (push, _pull) = pull::body(None);
            let mut incoming = Incoming::new(push, Framing::of(Body::Chunked).unwrap(), false);
            let mut pauses = 0;
            loop {
                let Poll::Ready(piece) = poll_fn(|cx| Poll::Ready(incoming.poll_next(&mut input, cx))).await else {
                    pauses += 1;
                    tokio::task::yield_now().await;
                    continue;
                };
                if piece.unwrap() == Piece::End {
                    break;
                }
            }
            assert_eq!(pauses, turns);
        }
    }
}
