//! The one lawful reading of bytes as HTTP/1.1 requests (RFC 9112), by a reader that shares nothing with the gateway.
//!
//! It takes one line end, one framing and one spelling of each number. The gateway may refuse more than this, and must
//! never see a request where this sees none.

/// What bytes say, up to where they stop being lawful.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    /// Heads that are whole and lawful, in their order.
    pub heads: Vec<Head>,
    /// How many of them have a whole body.
    pub whole: usize,
    pub rest: Rest,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Rest {
    Nothing,
    /// More bytes could make it lawful.
    Incomplete,
    Faulty,
}

/// A lawful head.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Head {
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    /// Values of `X-Marker`. Of several, servers tell the first or the last.
    pub markers: Vec<Vec<u8>>,
    pub body: Vec<u8>,
    framing: Framing,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Framing {
    Length(u64),
    Chunked,
}

/// Why there is no more to read.
enum Stop {
    Incomplete,
    Faulty,
}

type Read<T> = Result<T, Stop>;

/// Reads bytes as requests.
pub fn read(bytes: &[u8]) -> Reading {
    let mut reading = Reading { heads: Vec::new(), whole: 0, rest: Rest::Nothing };
    let mut reader = Reader { left: bytes };
    loop {
        // RFC 9112 §2.2: an empty line before a request is passed over.
        while let Some(left) = reader.left.strip_prefix(b"\r\n") {
            reader.left = left;
        }
        if reader.left.is_empty() {
            return reading;
        }
        let outcome = reader.head().and_then(|head| {
            let framing = head.framing;
            reading.heads.push(head);
            reader.body(framing)
        });
        match (outcome, reading.heads.last_mut()) {
            (Ok(body), Some(head)) => head.body = body,
            (Err(Stop::Incomplete), _) => {
                reading.rest = Rest::Incomplete;
                return reading;
            }
            (Err(Stop::Faulty) | Ok(_), _) => {
                reading.rest = Rest::Faulty;
                return reading;
            }
        }
        reading.whole += 1;
    }
}

struct Reader<'b> {
    left: &'b [u8],
}

impl<'b> Reader<'b> {
    /// Judged once it is whole; only its line ends are judged at once.
    fn head(&mut self) -> Read<Head> {
        let (request_line, fields) = (self.line()?, self.lines()?);
        let mut parts = request_line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Stop::Faulty);
        };
        let is_sound = is_token(method) && !target.is_empty() && target.iter().all(|byte| is_target(*byte));
        if !is_sound || !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
            return Err(Stop::Faulty);
        }
        let fields = fields.into_iter().map(field_of).collect::<Read<Vec<_>>>()?;
        let framing = framing_of(&fields, version)?;
        let markers = fields.iter().filter(|(name, _)| name == b"x-marker").map(|(_, value)| value.clone()).collect();
        Ok(Head { method: method.to_vec(), target: target.to_vec(), markers, body: Vec::new(), framing })
    }

    /// Lines up to the empty one.
    fn lines(&mut self) -> Read<Vec<&'b [u8]>> {
        let mut lines = Vec::new();
        loop {
            match self.line()? {
                b"" => return Ok(lines),
                line => lines.push(line),
            }
        }
    }

    /// A line without its end, which is CR LF and nothing else.
    fn line(&mut self) -> Read<&'b [u8]> {
        let end = self.left.iter().position(|byte| *byte == b'\n').ok_or(Stop::Incomplete)?;
        let (line, left) = self.left.split_at(end + 1);
        self.left = left;
        line.strip_suffix(b"\r\n").ok_or(Stop::Faulty)
    }

    fn body(&mut self, framing: Framing) -> Read<Vec<u8>> {
        match framing {
            Framing::Length(length) => self.take(length).map(<[u8]>::to_vec),
            Framing::Chunked => self.chunks(),
        }
    }

    fn chunks(&mut self) -> Read<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let is_sound = line.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E | 0x80..));
            let size = hexadecimal(trim_end(size)).filter(|_| is_sound).ok_or(Stop::Faulty)?;
            if size == 0 {
                self.lines()?.into_iter().try_for_each(|line| field_of(line).map(drop))?;
                return Ok(body);
            }
            body.extend_from_slice(self.take(size)?);
            match self.left {
                [b'\r', b'\n', left @ ..] => self.left = left,
                [] | [b'\r'] => return Err(Stop::Incomplete),
                _ => return Err(Stop::Faulty),
            }
        }
    }

    fn take(&mut self, length: u64) -> Read<&'b [u8]> {
        let length = usize::try_from(length).map_err(|_| Stop::Incomplete)?;
        let (taken, left) = self.left.split_at_checked(length).ok_or(Stop::Incomplete)?;
        self.left = left;
        Ok(taken)
    }
}

fn field_of(line: &[u8]) -> Read<(Vec<u8>, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Stop::Faulty)?;
    let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
    let is_sound = is_token(name) && value.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7E | 0x80..));
    if is_sound { Ok((name.to_ascii_lowercase(), value.to_vec())) } else { Err(Stop::Faulty) }
}

fn framing_of(fields: &[(Vec<u8>, Vec<u8>)], version: &[u8]) -> Read<Framing> {
    let values = |name: &'static [u8]| fields.iter().filter(move |field| field.0 == name).map(|field| &field.1);
    let (codings, lengths): (Vec<_>, Vec<_>) =
        (values(b"transfer-encoding").collect(), values(b"content-length").collect());
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(Framing::Length(0)),
        ([], [length, others @ ..]) if others.iter().all(|other| other == length) => {
            decimal(length).map(Framing::Length).ok_or(Stop::Faulty)
        }
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") && version == b"HTTP/1.1" => Ok(Framing::Chunked),
        _ => Err(Stop::Faulty),
    }
}

/// Without the optional white space of RFC 9110 §5.6.3, which is less than what ASCII knows.
fn trim(value: &[u8]) -> &[u8] {
    let begin = value.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(value.len());
    trim_end(&value[begin..])
}

fn trim_end(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last + 1);
    &value[..end]
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit))?;
    text.parse().ok()
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
    u64::from_str_radix(text, 16).ok()
}

fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// Visible, and no fragment, which no target has (RFC 9112 §3.2).
fn is_target(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E | 0x80..) && byte != b'#'
}
