//! A connection to a server, and the one request that is under way on it.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    task::unconstrained,
};

use super::{
    Broken,
    request_head::{self, Framing},
    response_head::{self, Ending},
};
use crate::{
    body::{BodyFault, Inbound},
    http1::{Input, Malformed, Output, Piece},
    upstream::{Forwarded, connect::Stream, resolve::Reached},
};

/// Bytes before the head of the final answer: a server that sends interim answers (1xx) for ever is not waited for.
const MOST_BEFORE_ANSWER: u64 = 256 * 1024;

/// A connection that takes one request at a time. It is boxed once and then handed on.
pub(in crate::upstream) struct Connection {
    stream: Box<dyn Stream>,
    reached: Reached,
    input: Input,
    /// Bytes that came since the request began.
    heard: u64,
    output: Output,
    /// The request's body, until all of it is sent.
    body: Option<Inbound>,
    sending: Sending,
    ending: Ending,
    keeps_alive: bool,
    /// The request's table of fields, emptied: it has room for those of the answer.
    table: HeaderMap,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// Nothing of it has reached the stream.
    Begun(Option<Framing>),
    Body(Framing),
    /// All that is left is in the output, or in the stream's.
    Flushing,
    Done,
    /// The server takes no more. It may have said why.
    Refused,
}

impl Connection {
    pub(in crate::upstream) fn new(stream: Box<dyn Stream>, reached: Reached) -> Box<Self> {
        Box::new(Self {
            stream,
            reached,
            input: Input::begun(&[]),
            heard: 0,
            output: Output::default(),
            body: None,
            sending: Sending::Done,
            ending: Ending::None,
            keeps_alive: true,
            table: HeaderMap::new(),
        })
    }

    /// Where it leads.
    pub(in crate::upstream) fn reached(&self) -> Reached {
        self.reached
    }

    /// Whether any byte came back for the last request.
    pub(in crate::upstream) fn heard(&self) -> bool {
        self.heard > 0
    }

    /// Sends a request and waits for the head of its answer; the body follows by [`Self::poll_data`]. The request is taken
    /// once any of it may have reached the server, and left where it is before.
    pub(in crate::upstream) async fn send(
        &mut self,
        request: &mut Option<Request<Inbound>>,
        forwarded: Option<&Forwarded>,
    ) -> Result<Response<()>, Broken> {
        let Some(waiting) = request else { return Err(Broken::NoRequest) };
        let is_head = *waiting.method() == Method::HEAD;
        self.heard = 0;
        match request_head::write(waiting, forwarded, &mut self.output) {
            Ok(framing) => self.sending = Sending::Begun(framing),
            Err(error) => {
                // It would be no better on another connection.
                *request = None;
                return Err(error);
            }
        }
        poll_fn(|cx| self.poll_exchange(request, is_head, cx)).await
    }

    fn poll_exchange(
        &mut self,
        request: &mut Option<Request<Inbound>>,
        is_head: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<()>, Broken>> {
        if let Sending::Begun(_) = self.sending {
            ready!(self.poll_begin(request, cx))?;
            let _ = self.poll_send(cx)?;
            // The server was silent a moment ago. Since it was listened to, this is asked again once it is not.
            return Poll::Pending;
        }
        self.poll_answer(is_head, cx)
    }

    /// Writes the beginning of a request, on a connection where nobody said anything yet: what comes before it is no
    /// answer to it.
    fn poll_begin(&mut self, request: &mut Option<Request<Inbound>>, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.poll_unasked(cx).is_ready() {
            return Poll::Ready(Err(Broken::ClosedEarly));
        }
        ready!(self.output.poll_write(&mut self.stream, cx))?;
        if let (Sending::Begun(framing), Some(begun)) = (self.sending, request.as_mut()) {
            self.table = std::mem::take(begun.headers_mut());
            self.table.clear();
            self.sending = Sending::Flushing;
            if let Some(framing) = framing {
                self.sending = Sending::Body(framing);
                self.body = Some(std::mem::replace(begun.body_mut(), Inbound::none()));
            }
            *request = None;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_answer(&mut self, is_head: bool, cx: &mut Context<'_>) -> Poll<Result<Response<()>, Broken>> {
        // Pending or not, an answer may come before the request's end.
        let _ = self.poll_send(cx)?;
        loop {
            let head = response_head::take(&mut self.input, &mut self.table, is_head)?;
            if let Some(head) = head {
                let status = head.response.status();
                if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                    self.table = head.response.into_parts().0.headers;
                    self.table.clear();
                    continue;
                }
                self.ending = head.ending;
                self.keeps_alive = head.keeps_alive;
                return Poll::Ready(Ok(head.response));
            }
            if self.heard > MOST_BEFORE_ANSWER {
                return Poll::Ready(Err(Malformed("no_final_answer").into()));
            }
            if ready!(self.poll_read(cx))? == 0 {
                return Poll::Ready(Err(Broken::ClosedEarly));
            }
        }
    }

    /// Sends what there is of the request. An error is one of the request's own body: a server that takes no more may
    /// still answer.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            let waits = self.poll_gather(cx)?.is_pending();
            while !self.output.is_empty() {
                if ready!(self.output.poll_write(&mut self.stream, cx)).is_err() {
                    return self.refused();
                }
            }
            match self.sending {
                Sending::Begun(_) | Sending::Done | Sending::Refused => return Poll::Ready(Ok(())),
                Sending::Body(_) if waits => {
                    // What was written may lie in the stream until it is flushed, and the body may take its time.
                    let _ = Pin::new(&mut self.stream).poll_flush(cx);
                    return Poll::Pending;
                }
                Sending::Body(_) => {}
                Sending::Flushing => {
                    if ready!(Pin::new(&mut self.stream).poll_flush(cx)).is_err() {
                        return self.refused();
                    }
                    self.body = None;
                    self.output.shrink();
                    self.sending = Sending::Done;
                }
            }
        }
    }

    /// Takes pieces of the body into the output until it has enough. Small ones that are there already go together: each by
    /// itself, a client who sends a byte at a time would cost a call of the system for each, and wake the server.
    fn poll_gather(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while let Sending::Body(framing) = self.sending
            && self.output.takes_more()
        {
            ready!(self.poll_body(framing, cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// The server takes no more of the request.
    fn refused(&mut self) -> Poll<Result<(), Broken>> {
        self.keeps_alive = false;
        self.output = Output::default();
        self.sending = Sending::Refused;
        Poll::Ready(Ok(()))
    }

    /// Takes the next piece of the request's body into the output.
    fn poll_body(&mut self, framing: Framing, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Err(Broken::NoRequest));
        };
        let piece = match ready!(Pin::new(body).poll_frame(cx)) {
            Some(frame) => frame.map_err(Broken::Body)?.into_data().ok(),
            None => None,
        };
        self.sending = match (framing, piece) {
            (Framing::Length(left), Some(data)) => {
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                let left = left.checked_sub(length).ok_or(Broken::Body(BodyFault::Broke))?;
                self.output.data(data);
                if left == 0 { Sending::Flushing } else { Sending::Body(Framing::Length(left)) }
            }
            (Framing::Length(_), None) => return Poll::Ready(Err(Broken::Body(BodyFault::Broke))),
            (Framing::Chunked, Some(data)) => {
                // An empty chunk would be the last one.
                if !data.is_empty() {
                    self.output.chunk(data);
                }
                Sending::Body(Framing::Chunked)
            }
            (Framing::Chunked, None) => {
                self.output.last_chunk();
                Sending::Flushing
            }
        };
        Poll::Ready(Ok(()))
    }

    /// The next piece of the answer's body.
    pub(in crate::upstream) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let _ = self.poll_send(cx)?;
        loop {
            match &mut self.ending {
                Ending::None | Ending::Switched => return Poll::Ready(None),
                Ending::Length(left) if !self.input.is_empty() => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(self.input.bytes.len());
                    *left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
                    if *left == 0 {
                        self.ending = Ending::None;
                    }
                    return Poll::Ready(Some(Ok(self.input.bytes.split_to(taken).freeze())));
                }
                Ending::Closed if !self.input.is_empty() => {
                    return Poll::Ready(Some(Ok(self.input.bytes.split().freeze())));
                }
                Ending::Chunked(chunked) => match chunked.next(&mut self.input.bytes)? {
                    Piece::Data(data) => return Poll::Ready(Some(Ok(data))),
                    Piece::End => {
                        self.ending = Ending::None;
                        return Poll::Ready(None);
                    }
                    Piece::More => {}
                },
                Ending::Length(_) | Ending::Closed => {}
            }
            if ready!(self.poll_read(cx))? == 0 {
                if !matches!(self.ending, Ending::Closed) {
                    return Poll::Ready(Some(Err(Broken::ClosedEarly)));
                }
                self.ending = Ending::None;
            }
        }
    }

    /// Reads more of the answer; 0 bytes are its end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Broken>> {
        let read = ready!(self.input.poll_read(&mut self.stream, cx))?;
        self.heard = self.heard.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Poll::Ready(Ok(read))
    }

    /// Ready once something came that nobody asked for, or the server closed the connection.
    fn poll_unasked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        let mut unasked = ReadBuf::new(&mut byte);
        Pin::new(&mut self.stream).poll_read(cx, &mut unasked).map(|_| ())
    }

    /// Whether nothing of the answer is to come.
    pub(in crate::upstream) fn is_over(&self) -> bool {
        matches!(self.ending, Ending::None)
    }

    /// What is known of the length of what is to come.
    pub(in crate::upstream) fn size_hint(&self) -> SizeHint {
        match self.ending {
            Ending::Length(left) => SizeHint::with_exact(left),
            Ending::None | Ending::Switched => SizeHint::with_exact(0),
            Ending::Chunked(_) | Ending::Closed => SizeHint::default(),
        }
    }

    /// Makes it ready for the next request, if it takes one: all of the last one was sent, all of its answer came, and
    /// nothing that nobody asked for.
    pub(in crate::upstream) fn is_usable(&mut self) -> bool {
        let usable = self.keeps_alive && self.is_over() && self.sending == Sending::Done && self.input.is_empty();
        if usable {
            self.input.shrink();
        }
        usable
    }

    /// Whether an idle connection is still open, and silent. Costs no call of the system unless something happened.
    pub(in crate::upstream) fn is_quiet(&mut self) -> bool {
        let mut quiet = pin!(unconstrained(poll_fn(|cx| self.poll_unasked(cx))));
        quiet.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// What follows an answer that switched to another protocol.
    pub(in crate::upstream) fn into_tunnel(self) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
        let Self { stream, input, ending, .. } = self;
        let (reader, writer) = tokio::io::split(stream);
        let reader = std::io::Cursor::new(input.bytes.freeze()).chain(reader);
        matches!(ending, Ending::Switched).then(|| tokio::io::join(reader, writer))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        io,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use http::header;
    use http_body::Frame;
    use hyper::{body::Incoming, service::service_fn};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::body::Received;

    fn connection() -> (Box<Connection>, DuplexStream) {
        let (near, far) = duplex(64 * 1024);
        (Connection::new(Box::new(near), Reached::nowhere()), far)
    }

    fn get() -> Request<Inbound> {
        Request::get("/a").header(header::HOST, "a").body(Inbound::none()).unwrap()
    }

    /// Reads up to the end of a head.
    async fn head_of(server: &mut DuplexStream) -> String {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            read.push(server.read_u8().await.unwrap());
        }
        String::from_utf8(read).unwrap()
    }

    async fn body_of(connection: &mut Connection) -> Result<Vec<u8>, Broken> {
        let mut whole = Vec::new();
        while let Some(piece) = poll_fn(|cx| connection.poll_data(cx)).await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole)
    }

    #[tokio::test]
    async fn one_request_after_another_gets_its_own_answer() {
        let (mut connection, mut server) = connection();
        let answers = tokio::spawn(async move {
            for answer in ["Content-Length: 3\r\n\r\none", "Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"] {
                let head = head_of(&mut server).await;
                let answer = format!("HTTP/1.1 103 Early\r\nX: 1\r\n\r\nHTTP/1.1 200 OK\r\n{answer}");
                server.write_all(answer.as_bytes()).await.unwrap();
                assert_eq!(head, "GET /a HTTP/1.1\r\nhost: a\r\n\r\n");
            }
            server
        });
        for expected in ["one", "two"] {
            let answer = connection.send(&mut Some(get()), None).await.unwrap();
            assert_eq!((answer.status(), answer.headers().get("x")), (StatusCode::OK, None));
            assert!(!connection.is_usable(), "its body is to come");
            assert_eq!(body_of(&mut connection).await.unwrap(), expected.as_bytes());
            assert!(connection.is_usable() && connection.is_quiet() && connection.heard());
        }
        drop(answers.await.unwrap());
        assert!(!connection.is_quiet(), "the server has gone");
    }

    #[tokio::test]
    async fn what_came_before_the_request_is_not_its_answer() {
        let (mut connection, mut server) = connection();
        server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        let mut request = Some(get());
        assert!(connection.send(&mut request, None).await.is_err());
        assert!(request.is_some() && !connection.heard(), "it may go to another server");
        drop(connection);
        let mut sent = Vec::new();
        server.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, b"");
    }

    #[tokio::test]
    async fn a_request_that_was_sent_does_not_come_back() {
        let (mut connection, mut server) = connection();
        let reads = tokio::spawn(async move { head_of(&mut server).await });
        let mut request = Some(get());
        assert!(matches!(connection.send(&mut request, None).await, Err(Broken::ClosedEarly)));
        assert!(request.is_none() && reads.await.is_ok());
    }

    #[tokio::test]
    async fn bytes_behind_an_answer_end_the_connection() {
        let (mut connection, mut server) = connection();
        tokio::spawn(async move {
            head_of(&mut server).await;
            server.write_all(b"HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            server
        });
        assert_eq!(connection.send(&mut Some(get()), None).await.unwrap().status(), StatusCode::NO_CONTENT);
        assert!(connection.is_over() && !connection.is_usable());
    }

    #[tokio::test]
    async fn an_answer_may_come_before_the_end_of_the_request() {
        let (mut connection, mut server) = connection();
        tokio::spawn(async move {
            head_of(&mut server).await;
            server.write_all(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            server
        });
        // More than the stream takes.
        let body = Inbound::held(Bytes::from(vec![b'x'; 1 << 20])).within(1 << 20, 0);
        let mut request = Some(Request::post("/a").header(header::CONTENT_LENGTH, 1 << 20).body(body).unwrap());
        assert_eq!(connection.send(&mut request, None).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(!connection.is_usable());
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_an_error() {
        for (fields, body) in [("Content-Length: 5", "four"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n")] {
            let (mut connection, mut server) = connection();
            tokio::spawn(async move {
                head_of(&mut server).await;
                let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}");
                server.write_all(answer.as_bytes()).await.unwrap();
            });
            connection.send(&mut Some(get()), None).await.unwrap();
            assert!(matches!(body_of(&mut connection).await, Err(Broken::ClosedEarly)), "{fields}");
        }
    }

    #[tokio::test]
    async fn a_body_without_a_length_ends_with_the_connection() {
        let (mut connection, mut server) = connection();
        tokio::spawn(async move {
            head_of(&mut server).await;
            server.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").await.unwrap();
        });
        connection.send(&mut Some(get()), None).await.unwrap();
        assert_eq!(body_of(&mut connection).await.unwrap(), b"hello");
        assert!(!connection.is_usable());
    }

    /// Counts calls that write.
    struct Counted(DuplexStream, Arc<AtomicUsize>);

    impl AsyncRead for Counted {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Counted {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut self.0).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    /// So many bytes, each in a piece of its own.
    struct Pieces(usize);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = BodyFault;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
            let left = self.0.checked_sub(1);
            self.0 = left.unwrap_or_default();
            Poll::Ready(left.map(|_| Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    /// A body that a client sends over HTTP/2 in pieces of one byte, all of which have come.
    async fn received_in_pieces(count: usize) -> Incoming {
        let (near, far) = duplex(1 << 20);
        let taken = Arc::<Mutex<Option<Incoming>>>::default();
        let place = Arc::clone(&taken);
        let service = service_fn(move |request: Request<Incoming>| {
            *place.lock().unwrap() = Some(request.into_body());
            std::future::pending::<io::Result<Response<Pieces>>>()
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        tokio::spawn(server.serve_connection(TokioIo::new(far), service));
        let client = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(near));
        let (mut client, connection) = client.await.unwrap();
        tokio::spawn(connection);
        tokio::spawn(client.send_request(Request::post("http://a/").body(Pieces(count)).unwrap()));
        // The clock stands still until nobody has anything to do.
        tokio::time::sleep(Duration::from_secs(1)).await;
        taken.lock().unwrap().take().unwrap()
    }

    /// One call of the system a piece would cost the gateway a hundred times what the pieces cost their sender.
    #[tokio::test(start_paused = true)]
    async fn pieces_of_a_body_that_are_there_together_are_sent_together() {
        const PIECES: usize = 1_000;
        for request in [Request::post("/a").header(header::CONTENT_LENGTH, PIECES), Request::post("/a")] {
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let body = Inbound::of(&parts, Received::Http2(received_in_pieces(PIECES).await));
            let mut request = Some(Request::from_parts(parts, body.within(1 << 20, 0)));
            let (near, mut server) = duplex(64 * 1024);
            let writes = Arc::<AtomicUsize>::default();
            let mut connection = Connection::new(Box::new(Counted(near, Arc::clone(&writes))), Reached::nowhere());
            tokio::spawn(async move {
                let (mut bytes, mut piece) = (0, [0; 4_096]);
                head_of(&mut server).await;
                while bytes < PIECES {
                    let count = server.read(&mut piece).await.unwrap();
                    bytes += String::from_utf8_lossy(&piece[..count]).matches('x').count();
                }
                server.write_all(b"HTTP/1.1 204 No\r\n\r\n").await.unwrap();
                server
            });
            let answer = connection.send(&mut request, None).await.unwrap();
            assert_eq!(answer.status(), StatusCode::NO_CONTENT);
            // The head, and two kilobytes at a time.
            let writes = writes.load(Ordering::Relaxed);
            assert!(writes <= 8, "{writes} calls for {PIECES} pieces");
        }
    }
}
