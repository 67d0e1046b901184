//! An answer's body on its way out, a piece at a time.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Body;

use super::answer_head::Following;
use crate::{body::Outbound, http1::Output};

/// An answer's body on its way out.
pub(super) struct Outgoing {
    body: Option<Outbound>,
    following: Following,
}

/// Whether something follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    More,
    Over,
}

/// An answer could not be sent to its end.
pub(super) struct BrokenOff;

impl Outgoing {
    pub(super) fn new(body: Outbound, following: Following) -> Self {
        Self { body: Some(body), following }
    }

    /// Takes the next piece of a body into the output.
    pub(super) fn poll_take(&mut self, output: &mut Output, cx: &mut Context<'_>) -> Result<Poll<Rest>, BrokenOff> {
        let Some(body) = self.body.as_mut().filter(|_| self.following != Following::Nothing) else {
            self.body = None;
            return Ok(Poll::Ready(Rest::Over));
        };
        let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else { return Ok(Poll::Pending) };
        match frame.transpose().map_err(|_| BrokenOff)? {
            None => self.end(output),
            Some(frame) => match frame.into_data() {
                Ok(data) => self.add(data, output),
                // Trailers end here.
                Err(_) => Ok(Rest::More),
            },
        }
        .map(Poll::Ready)
    }

    fn add(&mut self, data: Bytes, output: &mut Output) -> Result<Rest, BrokenOff> {
        match &mut self.following {
            Following::Nothing => return Ok(Rest::Over),
            Following::Length(left) => {
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                *left = left.checked_sub(length).ok_or(BrokenOff)?;
                output.data(data);
                if *left > 0 {
                    return Ok(Rest::More);
                }
            }
            Following::UntilClosed => {
                output.data(data);
                return Ok(Rest::More);
            }
            Following::Chunked => {
                // An empty chunk would be the last one.
                if !data.is_empty() {
                    output.chunk(data);
                }
                if !self.body.as_ref().is_some_and(Body::is_end_stream) {
                    return Ok(Rest::More);
                }
                output.last_chunk();
            }
        }
        // The record of the request is written before its answer goes out.
        self.body = None;
        Ok(Rest::Over)
    }

    fn end(&mut self, output: &mut Output) -> Result<Rest, BrokenOff> {
        self.body = None;
        match self.following {
            Following::Length(1..) => return Err(BrokenOff),
            Following::Nothing | Following::Length(0) | Following::UntilClosed => {}
            Following::Chunked => output.last_chunk(),
        }
        Ok(Rest::Over)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// What a body of this text is sent as.
    fn sent(text: &'static str, following: Following) -> Option<String> {
        let mut outgoing = Outgoing::new(Outbound::full(Bytes::from_static(text.as_bytes())), following);
        let mut all = Vec::new();
        loop {
            let mut output = Output::default();
            let taken = outgoing.poll_take(&mut output, &mut Context::from_waker(Waker::noop())).ok()?;
            all.extend_from_slice(&output.into_bytes());
            if taken == Poll::Ready(Rest::Over) {
                return Some(String::from_utf8(all).unwrap());
            }
        }
    }

    #[test]
    fn a_body_is_sent_as_its_head_said_or_broken_off() {
        assert_eq!(sent("hello", Following::Length(5)).unwrap(), "hello");
        assert_eq!(sent("hello", Following::UntilClosed).unwrap(), "hello");
        assert_eq!(sent("hello", Following::Chunked).unwrap(), "5\r\nhello\r\n0\r\n\r\n");
        assert_eq!(sent("", Following::Chunked).unwrap(), "0\r\n\r\n");
        assert_eq!(sent("hello", Following::Nothing).unwrap(), "");
        assert_eq!(sent("hello", Following::Length(4)), None);
        assert_eq!(sent("hello", Following::Length(6)), None);
    }
}
