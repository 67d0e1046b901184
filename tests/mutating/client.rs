//! One connection for one case: its bytes in pieces, and all answers that come back.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use super::{
    chance::Chance,
    reading::{Reading, Rest},
};

/// Longer than any answer takes, and shorter than a run can bear when all of them do not come.
const PATIENCE: Duration = Duration::from_secs(8);

/// What came back.
#[derive(Debug, Default)]
pub struct Heard {
    pub answers: Vec<Answer>,
    /// Nothing came for a long time, and the connection stayed open.
    pub stalled: bool,
    /// Bytes that are no answer.
    pub unreadable: Option<String>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The gateway's name for the request; without one, its head was never a request.
    pub id: Option<String>,
    /// The name under which an origin answered it.
    pub seen: Option<String>,
}

/// Sends the bytes of a case, and listens until the gateway has nothing more to say.
pub fn send(address: SocketAddr, bytes: &[u8], reading: &Reading, chance: &mut Chance) -> Heard {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = bytes;
    while !rest.is_empty() {
        let take = if chance.one_in(2) { rest.len() } else { 1 + chance.below(rest.len()) };
        // A gateway that has seen enough closes before it has read all.
        if stream.write_all(&rest[..take]).is_err() {
            break;
        }
        rest = &rest[take..];
    }
    let mut listener = Listener { stream, buffer: Vec::new(), heard: Heard::default() };
    listener.listen(reading);
    listener.heard
}

struct Listener {
    stream: TcpStream,
    buffer: Vec<u8>,
    heard: Heard,
}

enum Next {
    Answer,
    Closed,
    Broken,
}

impl Listener {
    fn listen(&mut self, reading: &Reading) {
        loop {
            let answered = self.heard.answers.len();
            // Sooner, the end of what is sent would cut off answers that are still being made. A faulty rest must be
            // refused without any end.
            if answered == reading.whole && reading.rest != Rest::Faulty {
                let _ = self.stream.shutdown(Shutdown::Write);
            }
            let is_head = reading.heads.get(answered).is_some_and(|head| head.method == b"HEAD");
            match self.answer(is_head) {
                Next::Answer => {}
                Next::Closed | Next::Broken => return,
            }
        }
    }

    fn answer(&mut self, is_head: bool) -> Next {
        loop {
            let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
                match self.read() {
                    Some(true) => continue,
                    Some(false) if self.buffer.is_empty() => return Next::Closed,
                    Some(false) => return self.broken(),
                    None => return Next::Closed,
                }
            };
            let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            let status = head.strip_prefix("HTTP/1.").and_then(|line| line.get(2..5)?.parse::<u16>().ok());
            let Some(status) = status else { return self.broken() };
            self.buffer.drain(..end + 4);
            if status < 200 {
                continue;
            }
            let field = |name: &str| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
            };
            self.heard.answers.push(Answer { status, id: field("x-request-id"), seen: field("x-seen-id") });
            let bodiless = is_head || matches!(status, 204 | 304);
            return match (field("content-length"), field("transfer-encoding")) {
                _ if bodiless => Next::Answer,
                (Some(length), None) => self.skip(length.parse().unwrap()),
                (None, Some(_)) => self.skip_chunks(),
                _ => self.broken(),
            };
        }
    }

    fn skip(&mut self, length: usize) -> Next {
        while self.buffer.len() < length {
            if self.read() != Some(true) {
                // An answer may break off with its request.
                return Next::Closed;
            }
        }
        self.buffer.drain(..length);
        Next::Answer
    }

    fn skip_chunks(&mut self) -> Next {
        loop {
            let line = self.buffer.windows(2).position(|window| window == b"\r\n");
            let Some(end) = line else {
                match self.read() {
                    Some(true) => continue,
                    _ => return Next::Closed,
                }
            };
            let Ok(size) = usize::from_str_radix(&String::from_utf8_lossy(&self.buffer[..end]), 16) else {
                return self.broken();
            };
            if !matches!(self.skip(end + 2 + size + 2), Next::Answer) {
                return Next::Closed;
            }
            if size == 0 {
                return Next::Answer;
            }
        }
    }

    /// Whether more came; `None` after too long a wait.
    fn read(&mut self) -> Option<bool> {
        let mut piece = [0; 8192];
        match self.stream.read(&mut piece) {
            Ok(0) => Some(false),
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                Some(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.heard.stalled = true;
                None
            }
            // Reset, because it had not read all that was sent.
            Err(_) => {
                self.buffer.clear();
                Some(false)
            }
        }
    }

    fn broken(&mut self) -> Next {
        self.heard.unreadable = Some(String::from_utf8_lossy(&self.buffer).into_owned());
        Next::Broken
    }
}
