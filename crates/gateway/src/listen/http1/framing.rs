//! Where a request's body ends (RFC 9112 §6.3).

use bytes::BytesMut;

use crate::http1::{Body, Chunked, Malformed, Piece};

/// What is left of a request's body.
#[derive(Debug)]
pub(crate) enum Framing {
    Length(u64),
    Chunked(Chunked),
}

impl Framing {
    /// What a head says of a body; `None` where none follows: a request has one only if it says so.
    pub(crate) fn of(body: Body) -> Option<Self> {
        match body {
            Body::Unsaid | Body::Length(0) => None,
            Body::Length(length) => Some(Self::Length(length)),
            Body::Chunked => Some(Self::Chunked(Chunked::new())),
        }
    }

    /// Bytes that are left, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) => None,
        }
    }

    /// Takes the next piece of a body from what was read.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        match self {
            Self::Chunked(chunked) => chunked.next(input),
            Self::Length(0) => Ok(Piece::End),
            Self::Length(_) if input.is_empty() => Ok(Piece::More),
            Self::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
                Ok(Piece::Data(input.split_to(taken).freeze()))
            }
        }
    }
}
