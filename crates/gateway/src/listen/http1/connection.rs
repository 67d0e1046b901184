//! A connection of a client, and the one request that is under way on it.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{HeaderMap, Response, StatusCode, Version};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    answer_head::{self, Asked, More},
    framing::Framing,
    incoming::{Expectation, Incoming},
    outgoing::{BrokenOff, Outgoing, Rest},
    pull::{self, Wish},
    request_head::{self, Fault, Head, HeadLimits},
    switch::{Switcher, switch},
};
use crate::{
    body::{DRAIN_BYTES, DRAIN_TIME, Outbound, Received},
    gate::Gate,
    http1::{Connection as Persistence, Input, Output, Piece},
    listen::Peer,
    pipeline,
    refusal::Refusal,
    stream::Watched,
    tunnel,
};

/// What is waited for behind the last answer, so that it is not lost with what the client still sends (RFC 9112 §9.6).
const PARTING: Duration = Duration::from_secs(2);

/// Serves a connection whose first byte was read, until it ends or `leaving` turns true between two requests.
pub(in crate::listen) async fn serve<S>(
    peer: Arc<Peer>,
    first: u8,
    stream: Watched<S>,
    limits: HeadLimits,
    leaving: Arc<AtomicBool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut connection = Connection::new(stream, first);
    loop {
        let Some(head) = poll_fn(|cx| connection.poll_head(limits, &leaving, cx)).await else { return };
        let next = match head {
            Ok(head) => connection.exchange(&peer, head).await,
            Err(refused) => connection.refuse(&peer, refused).await,
        };
        match next {
            Next::Request => connection.rest(),
            Next::Goodbye => return connection.part().await,
            Next::Nothing => return,
            Next::Switched(switcher) => return switcher.hand_over(connection.stream, connection.input.bytes.freeze()),
        }
    }
}

/// What comes after a request.
enum Next {
    Request,
    /// The answer was the last one.
    Goodbye,
    /// The client has gone, or its answer broke off.
    Nothing,
    Switched(Switcher),
}

struct Connection<S> {
    stream: Watched<S>,
    input: Input,
    output: Output,
    /// The body of the request under way, until all of it came.
    incoming: Option<Incoming>,
    /// Whatever comes next has no certain beginning.
    spoiled: bool,
    /// The answer's fields, emptied: they have room for those of the next request.
    table: HeaderMap,
}

/// What is no request.
struct Unread {
    fault: Fault,
    /// Whoever sent it reads no body behind the answer's head.
    asks_for_head: bool,
}

/// What happened on the client's side.
enum Event {
    /// The request's body has moved.
    Moved,
    Gone,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connection<S> {
    fn new(stream: Watched<S>, first: u8) -> Self {
        Self {
            stream,
            input: Input::begun(&[first]),
            output: Output::default(),
            incoming: None,
            spoiled: false,
            table: HeaderMap::new(),
        }
    }

    /// The next request's head; `None` once there is no other.
    fn poll_head(
        &mut self,
        limits: HeadLimits,
        leaving: &AtomicBool,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Head, Unread>>> {
        loop {
            let asks_for_head = self.input.bytes.trim_ascii_start().starts_with(b"HEAD ");
            match request_head::take(&mut self.input, &mut self.table, limits) {
                Ok(None) => {}
                Ok(Some(head)) => return Poll::Ready(Some(Ok(head))),
                Err(fault) => return Poll::Ready(Some(Err(Unread { fault, asks_for_head }))),
            }
            if self.input.is_empty() && leaving.load(Ordering::Relaxed) {
                return Poll::Ready(None);
            }
            let read = self.input.poll_read(&mut self.stream, cx);
            if read.is_pending() {
                self.stream.rest();
            }
            match ready!(read) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(None),
            }
        }
    }

    /// Answers a request.
    async fn exchange(&mut self, peer: &Arc<Peer>, head: Head) -> Next {
        let mut asked = Asked::by(&head.parts.method, head.parts.version, head.connection);
        let body = self.receive(&head);
        let (switcher, switch) = tunnel::may_switch(&head.parts).then(switch).unzip();
        let gate = peer.current.gate();
        let mut deciding = boxed(|| pipeline::handle(&gate, peer, head.parts, body, switch));
        let answered = poll_fn(|cx| self.poll_answer(deciding.as_mut(), cx)).await;
        drop(deciding);
        let Some(answer) = answered else { return Next::Nothing };
        if self.incoming.as_ref().is_some_and(|incoming| incoming.expectation != Expectation::None) {
            // The client was not asked for its body, and may send it or not.
            self.spoil();
        }
        if self.spoiled {
            asked.connection = Persistence::Closed;
        }
        let is_switch = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        match (self.send(&gate, answer, &asked).await, switcher) {
            (Err(BrokenOff), _) => Next::Nothing,
            (Ok(_), Some(switcher)) if is_switch => Next::Switched(switcher),
            (Ok(true), _) if self.drain().await => Next::Request,
            (Ok(_), _) => Next::Goodbye,
        }
    }

    /// The body of a request; if it has one, the other end of it is kept.
    fn receive(&mut self, head: &Head) -> Received {
        let Some(framing) = Framing::of(head.body) else { return Received::Nothing };
        let (push, pull) = pull::body(framing.length());
        self.incoming = Some(Incoming::new(push, framing, head.waits_to_continue()));
        Received::Http1(pull)
    }

    /// What comes next on the connection has no certain beginning.
    fn spoil(&mut self) {
        self.incoming = None;
        self.spoiled = true;
    }

    /// Moves a request and its body on until there is an answer; `None` if the client leaves before.
    fn poll_answer<F>(&mut self, mut deciding: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Option<Response<Outbound>>>
    where
        F: Future<Output = Result<Response<Outbound>, Infallible>>,
    {
        loop {
            if let Poll::Ready(Ok(answer)) = deciding.as_mut().poll(cx) {
                return Poll::Ready(Some(answer));
            }
            match ready!(self.poll_client(cx)) {
                Event::Moved => {}
                Event::Gone => return Poll::Ready(None),
            }
        }
    }

    /// Moves the request's body on, or looks whether the client is still there.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let Some(incoming) = &mut self.incoming else { return self.poll_gone(cx) };
        let wish = ready!(incoming.push.poll_wish(cx));
        match (wish, incoming.expectation) {
            (Wish::Nothing, Expectation::Waits | Expectation::Asking) => return Poll::Pending,
            (Wish::Nothing, Expectation::None) if incoming.drained > DRAIN_BYTES => return Poll::Pending,
            (Wish::Piece, Expectation::Waits) => {
                self.output.line(&[b"HTTP/1.1 100 Continue\r\n\r\n"]);
                incoming.expectation = Expectation::Asking;
            }
            (Wish::Piece, Expectation::Asking | Expectation::None) | (Wish::Nothing, Expectation::None) => {}
        }
        if incoming.expectation == Expectation::Asking {
            if ready!(self.poll_flush(cx)).is_err() {
                return Poll::Ready(Event::Gone);
            }
            if let Some(incoming) = &mut self.incoming {
                incoming.expectation = Expectation::None;
            }
        }
        self.poll_piece(wish, cx).map(|()| Event::Moved)
    }

    /// Reads the next piece of the request's body, and gives it to whoever wants it.
    fn poll_piece(&mut self, wish: Wish, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(incoming) = &mut self.incoming {
            match ready!(incoming.poll_next(&mut self.input, cx)) {
                Ok(Piece::More) => match ready!(self.input.poll_read(&mut self.stream, cx)) {
                    Ok(1..) => continue,
                    Ok(0) | Err(_) => self.spoil(),
                },
                Ok(Piece::Data(data)) => {
                    match wish {
                        Wish::Nothing => incoming.drained = incoming.drained.saturating_add(data.len()),
                        Wish::Piece => incoming.push.give(Some(Ok(data)), cx),
                    }
                    if incoming.is_complete() {
                        self.incoming = None;
                    }
                }
                Ok(Piece::End) => {
                    incoming.push.give(None, cx);
                    self.incoming = None;
                }
                Err(_) => self.spoil(),
            }
            return Poll::Ready(());
        }
        Poll::Ready(())
    }

    /// Ready once the client has closed the connection. A request that came early is left for later.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.spoiled || !self.input.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.input.poll_read(&mut self.stream, cx)) {
            Ok(1..) => Poll::Pending,
            Ok(0) | Err(_) => Poll::Ready(Event::Gone),
        }
    }

    /// Sends an answer; whether the connection takes another request.
    async fn send(&mut self, gate: &Gate, answer: Response<Outbound>, asked: &Asked) -> Result<bool, BrokenOff> {
        let (mut parts, mut body) = answer.into_parts();
        let security = body.take_security();
        let more = More { security, record: body.told(), date: gate.clock.date() };
        let (following, is_kept) =
            answer_head::write(parts.status, &parts.headers, &body.size_hint(), asked, &more, &mut self.output);
        parts.headers.clear();
        self.table = parts.headers;
        let mut outgoing = Outgoing::new(body, following);
        poll_fn(|cx| self.poll_sent(&mut outgoing, cx)).await?;
        Ok(is_kept && !self.spoiled)
    }

    fn poll_sent(&mut self, outgoing: &mut Outgoing, cx: &mut Context<'_>) -> Poll<Result<(), BrokenOff>> {
        loop {
            if let Poll::Ready(sent) = self.poll_send(outgoing, cx) {
                return Poll::Ready(sent);
            }
            match ready!(self.poll_client(cx)) {
                Event::Moved => {}
                Event::Gone => return Poll::Ready(Err(BrokenOff)),
            }
        }
    }

    /// Sends what there is of an answer. The head goes together with the first piece of a body that is there already.
    fn poll_send(&mut self, outgoing: &mut Outgoing, cx: &mut Context<'_>) -> Poll<Result<(), BrokenOff>> {
        loop {
            let taken = if self.output.takes_data() {
                outgoing.poll_take(&mut self.output, cx)?
            } else {
                Poll::Ready(Rest::More)
            };
            while !self.output.is_empty() {
                ready!(self.output.poll_write(&mut self.stream, cx)).map_err(|_| BrokenOff)?;
            }
            match taken {
                Poll::Ready(Rest::More) => {}
                Poll::Ready(Rest::Over) => return self.poll_flush(cx).map_err(|_| BrokenOff),
                Poll::Pending => {
                    // What was written may lie in the stream until it is flushed, and the next piece may take its time.
                    let _ = self.poll_flush(cx);
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            ready!(self.output.poll_write(&mut self.stream, cx))?;
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Reads what is left of a request's body, within bounds; whether the next request begins behind it.
    async fn drain(&mut self) -> bool {
        if self.incoming.is_none() {
            return !self.spoiled;
        }
        let drained = tokio::time::timeout(DRAIN_TIME, poll_fn(|cx| self.poll_drained(cx))).await;
        drained.is_ok() && self.incoming.is_none() && !self.spoiled
    }

    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(incoming) = &self.incoming {
            if incoming.drained > DRAIN_BYTES {
                return Poll::Ready(());
            }
            let wish = ready!(incoming.push.poll_wish(cx));
            ready!(self.poll_piece(wish, cx));
        }
        Poll::Ready(())
    }

    /// Refuses what is no request.
    async fn refuse(&mut self, peer: &Arc<Peer>, Unread { fault, asks_for_head }: Unread) -> Next {
        self.spoil();
        let gate = peer.current.gate();
        let answer = pipeline::refuse_head(&gate, peer, fault.into());
        let asked = Asked { is_head: asks_for_head, version: Version::HTTP_11, connection: Persistence::Closed };
        match self.send(&gate, answer, &asked).await {
            Ok(_) => Next::Goodbye,
            Err(BrokenOff) => Next::Nothing,
        }
    }

    /// Between two requests: gives back what only a request needs.
    fn rest(&mut self) {
        self.input.shrink();
        self.output.shrink();
    }

    /// Ends the connection so that the last answer arrives: closed on bytes that were not read, it would be reset.
    async fn part(mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        if self.spoiled || self.incoming.is_some() || !self.input.is_empty() {
            let mut rest = self.stream.take(u64::try_from(DRAIN_BYTES).unwrap_or(u64::MAX));
            let mut nowhere = tokio::io::sink();
            // Whether all of it came does not matter any more.
            let _ = tokio::time::timeout(PARTING, tokio::io::copy(&mut rest, &mut nowhere)).await;
        }
    }
}

/// A future that is made where it stays: it is large, and would be copied there whole.
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    let place = Box::new_uninit();
    Box::into_pin(Box::write(place, make()))
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(malformed) => Self::Malformed(malformed.0),
            Fault::TargetTooLong => Self::TargetTooLong,
            Fault::TooLarge => Self::HeadTooLarge,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::watch::{Clock, Pulse};

    /// Who waits for the next request lets others go first anyway.
    #[tokio::test]
    async fn answers_count_for_a_turn_only_where_nobody_was_waited_for_between_them() {
        let limits = HeadLimits { fields: 10, field_bytes: 1_000, target_bytes: 1_000 };
        for (waits, most) in [(true, 32), (false, 9)] {
            let (stream, _client) = tokio::io::duplex(1 << 20);
            let pulse = Pulse::new(&Arc::new(Clock::new()), false);
            let mut connection = Connection::new(Watched::new(stream, pulse), b'G');
            let mut written = 0;
            for _ in 0..32 {
                let write =
                    poll_fn(|cx| Poll::Ready(Pin::new(&mut connection.stream).poll_write(cx, &[0; 4_000]))).await;
                written += usize::from(write.is_ready());
                if waits {
                    let head =
                        poll_fn(|cx| Poll::Ready(connection.poll_head(limits, &AtomicBool::new(false), cx))).await;
                    assert!(head.is_pending());
                }
            }
            assert_eq!(written, most, "{waits}");
        }
    }
}
