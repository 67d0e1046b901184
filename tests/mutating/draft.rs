//! Lawful requests in parts, so that each part can be spoiled by itself.

use super::chance::Chance;

/// A request as it is about to be written, and what goes with it.
pub struct Draft {
    pub before: Vec<u8>,
    pub method: Vec<u8>,
    pub gaps: [Vec<u8>; 2],
    pub target: Vec<u8>,
    pub version: Vec<u8>,
    pub line_end: Vec<u8>,
    pub fields: Vec<Field>,
    pub head_end: Vec<u8>,
    pub body: Body,
    /// Pipelined.
    pub after: Vec<u8>,
}

pub struct Field {
    pub name: Vec<u8>,
    pub colon: Vec<u8>,
    pub value: Vec<u8>,
    pub end: Vec<u8>,
}

pub enum Body {
    Plain(Vec<u8>),
    Chunked { chunks: Vec<Chunk>, trailers: Vec<Field>, end: Vec<u8> },
}

/// A chunk; the last one has no data and no end of data.
pub struct Chunk {
    pub size: Vec<u8>,
    pub extension: Vec<u8>,
    pub size_end: Vec<u8>,
    pub data: Vec<u8>,
    pub data_end: Vec<u8>,
}

/// Who asks, and what the request is recognised by.
pub struct Caller<'k> {
    pub key: &'k str,
    pub case: u64,
}

impl Caller<'_> {
    /// What a request of this case carries in `X-Marker`.
    fn marker(&self, number: u32) -> String {
        format!("v{}x{number}", self.case)
    }

    /// A request that stands in the body of another one, and must never be taken for one.
    pub fn hidden(&self, chance: &mut Chance) -> String {
        let key = if chance.one_in(2) { format!("X-API-Key: {}\r\n", self.key) } else { String::new() };
        let case = self.case;
        let method = chance.pick(&["GET", "POST", "DELETE"]);
        format!("{method} /m/hidden HTTP/1.1\r\nHost: localhost\r\n{key}X-Marker: h{case}\r\nContent-Length: 0\r\n\r\n")
    }
}

impl Field {
    pub fn new(name: &str, value: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), colon: b": ".into(), value: value.into(), end: b"\r\n".into() }
    }

    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    fn write(&self, out: &mut Vec<u8>) {
        for part in [&self.name, &self.colon, &self.value, &self.end] {
            out.extend_from_slice(part);
        }
    }
}

impl Chunk {
    fn new(data: &[u8]) -> Self {
        let data_end = if data.is_empty() { b"".as_slice() } else { b"\r\n" };
        Self {
            size: format!("{:x}", data.len()).into(),
            extension: Vec::new(),
            size_end: b"\r\n".into(),
            data: data.into(),
            data_end: data_end.into(),
        }
    }
}

impl Draft {
    /// A lawful request; its body, if it has one, often holds a hidden one.
    pub fn lawful(caller: &Caller<'_>, number: u32, chance: &mut Chance) -> Self {
        let fields = vec![
            Field::new("Host", "localhost"),
            Field::new("X-API-Key", caller.key),
            Field::new("X-Marker", caller.marker(number)),
        ];
        let path = chance.pick(&["/m/a", "/m/a/b", "/m/a%20b", "/m/a?b=c&d=e", "/m/", "/m/a;b=c", "/m/~a/"]);
        let method = chance.pick(&["GET", "GET", "POST", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]);
        let mut draft = Self {
            before: Vec::new(),
            method: method.into(),
            gaps: [b" ".into(), b" ".into()],
            target: path.into(),
            version: b"HTTP/1.1".into(),
            line_end: b"\r\n".into(),
            fields,
            head_end: b"\r\n".into(),
            body: Body::Plain(Vec::new()),
            after: Vec::new(),
        };
        if chance.one_in(3) {
            let field = chance.pick(&[("Accept", "*/*"), ("User-Agent", "mutated/1"), ("Cookie", "a=b; c=d")]);
            draft.fields.push(Field::new(field.0, field.1));
        }
        match chance.below(5) {
            0 => {}
            1 | 2 => draft.add_sized(content(caller, chance)),
            _ => draft.add_chunked(&content(caller, chance), chance),
        }
        draft
    }

    fn add_sized(&mut self, content: Vec<u8>) {
        self.fields.push(Field::new("Content-Length", content.len().to_string()));
        self.body = Body::Plain(content);
    }

    fn add_chunked(&mut self, content: &[u8], chance: &mut Chance) {
        self.fields.push(Field::new("Transfer-Encoding", "chunked"));
        let mut chunks = Vec::new();
        let mut rest = content;
        while !rest.is_empty() {
            let take = if chance.one_in(2) { rest.len() } else { 1 + chance.below(rest.len()) };
            chunks.push(Chunk::new(&rest[..take]));
            rest = &rest[take..];
        }
        chunks.push(Chunk::new(b""));
        self.body = Body::Chunked { chunks, trailers: Vec::new(), end: b"\r\n".into() };
    }

    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let [first, second] = &self.gaps;
        for part in [&self.before, &self.method, first, &self.target, second, &self.version, &self.line_end] {
            out.extend_from_slice(part);
        }
        for field in &self.fields {
            field.write(&mut out);
        }
        out.extend_from_slice(&self.head_end);
        match &self.body {
            Body::Plain(content) => out.extend_from_slice(content),
            Body::Chunked { chunks, trailers, end } => {
                for chunk in chunks {
                    for part in [&chunk.size, &chunk.extension, &chunk.size_end, &chunk.data, &chunk.data_end] {
                        out.extend_from_slice(part);
                    }
                }
                for field in trailers {
                    field.write(&mut out);
                }
                out.extend_from_slice(end);
            }
        }
        out.extend_from_slice(&self.after);
        out
    }
}

/// Bodies that end early for those who read another framing, and go on with a request.
fn content(caller: &Caller<'_>, chance: &mut Chance) -> Vec<u8> {
    let hidden = caller.hidden(chance);
    let text = match chance.below(6) {
        0 => "a=b&c=d".to_owned(),
        1 => hidden,
        2 => format!("0\r\n\r\n{hidden}"),
        3 => format!("1\r\na\r\n0\r\n\r\n{hidden}"),
        4 => format!("\r\n{hidden}0\r\n\r\n"),
        _ => format!("{}\r\n{hidden}", "a".repeat(chance.below(200))),
    };
    text.into()
}
