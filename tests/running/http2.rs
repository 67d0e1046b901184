//! HTTP/2 frame by frame: a client that says what no library would.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

use rustls::{ClientConnection, StreamOwned};

use super::{Gate, wire};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Error code of malformed requests (RFC 9113 §8.1.1).
pub const PROTOCOL_ERROR: u32 = 1;

/// How a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer: its status and body.
    Answered(u16, String),
    /// With an error of the stream.
    Reset(u32),
    /// With the connection, by this error.
    GoneAway(u32),
    /// With the connection, and not a word.
    Closed,
}

/// A connection that has sent its preface.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Connection {
    pub fn open(gate: &Gate) -> Self {
        let mut config = wire::config(gate, None);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let mut stream = wire::handshake(gate.address, "localhost", config);
        stream.sock.set_read_timeout(Some(wire::PATIENCE)).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut connection = Self { stream };
        // No dynamic table: answers can be read without remembering earlier ones.
        connection.frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]);
        connection
    }

    /// Writes one frame. The gateway may have hung up, which the outcome tells.
    pub fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        let _ = self.stream.write_all(&frame).and_then(|()| self.stream.flush());
    }

    /// Sends a request without a body.
    pub fn request(&mut self, stream: u32, fields: &[(&str, &str)]) {
        self.frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields));
    }

    /// Sends a request without a body; how its stream ended.
    pub fn ask(&mut self, stream: u32, fields: &[(&str, &str)]) -> Outcome {
        self.request(stream, fields);
        self.outcome(stream)
    }

    /// Reads until a stream has ended.
    pub fn outcome(&mut self, stream: u32) -> Outcome {
        let (mut status, mut body) = (0, Vec::new());
        loop {
            let Some((kind, flags, of, payload)) = self.read_frame() else { return Outcome::Closed };
            match kind {
                SETTINGS if flags == 0 => self.frame(SETTINGS, 1, 0, &[]),
                GOAWAY if number(&payload[4..8]) != 0 => return Outcome::GoneAway(number(&payload[4..8])),
                RST_STREAM if of == stream => return Outcome::Reset(number(&payload)),
                HEADERS if of == stream => status = status_of(&payload),
                DATA if of == stream => body.extend(payload),
                _ => continue,
            }
            if matches!(kind, HEADERS | DATA) && of == stream && flags & END_STREAM != 0 {
                return Outcome::Answered(status, String::from_utf8(body).unwrap());
            }
        }
    }

    /// Reads until so many streams have been answered; their statuses, in the order of the answers.
    pub fn statuses(&mut self, streams: usize) -> Vec<u16> {
        let mut statuses = Vec::new();
        while statuses.len() < streams {
            let (kind, flags, _, payload) = self.read_frame().expect("the connection stays open");
            match kind {
                SETTINGS if flags == 0 => self.frame(SETTINGS, 1, 0, &[]),
                HEADERS => statuses.push(status_of(&payload)),
                _ => {}
            }
        }
        statuses
    }

    fn read_frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.read_exact(&mut head)?;
        let length = number(&[0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.read_exact(&mut payload)?;
        Some((head[3], head[4], number(&head[5..9]) & 0x7FFF_FFFF, payload))
    }

    /// `None` once the connection is closed.
    fn read_exact(&mut self, buffer: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(buffer) {
            Ok(()) => Some(()),
            Err(error) => {
                let waited = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!waited, "the gateway neither answered nor closed");
                None
            }
        }
    }
}

/// Fields as HPACK literals that are never indexed (RFC 7541 §6.2.2), byte for byte.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend(text.bytes());
        }
    }
    block
}

/// A length in seven bits, continued where they do not suffice (RFC 7541 §5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        return block.push(u8::try_from(length).unwrap());
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}

/// `:status`, which comes first.
fn status_of(block: &[u8]) -> u16 {
    // After a change of the table's size (RFC 7541 §6.3).
    let block = &block[block.iter().position(|byte| byte & 0xE0 != 0x20).unwrap()..];
    if let Some(at) = block[0].checked_sub(0x88) {
        return [200, 204, 206, 304, 400, 404, 500][usize::from(at)];
    }
    assert_eq!(block[0] & 0x0F, 8, "a literal with the name :status");
    let (huffman, length) = (block[1] & 0x80 != 0, usize::from(block[1] & 0x7F));
    let text = &block[2..2 + length];
    if huffman { huffman_number(text) } else { std::str::from_utf8(text).unwrap().parse().unwrap() }
}

/// Digits (RFC 7541, appendix B): five bits for 0 to 2, six for the others.
fn huffman_number(text: &[u8]) -> u16 {
    let bits = text.iter().fold(String::new(), |bits, byte| bits + &format!("{byte:08b}"));
    let (mut value, mut at) = (0, 0);
    while bits.len() - at >= 5 && bits[at..].contains('0') {
        let short = u16::from_str_radix(&bits[at..at + 5], 2).unwrap();
        if short <= 2 {
            (value, at) = (value * 10 + short, at + 5);
        } else {
            let long = u16::from_str_radix(&bits[at..at + 6], 2).unwrap();
            (value, at) = (value * 10 + long - 0b01_1001 + 3, at + 6);
        }
    }
    value
}
