//! The head of a request as it goes to a server.

use http::{HeaderMap, Method, Request, header, uri::PathAndQuery};
use http_body::Body;

use super::Broken;
use crate::{
    body::{BodyFault, Inbound},
    http1::{Output, length},
    upstream::Forwarded,
};

/// How a request's body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are to come.
    Length(u64),
    Chunked,
}

/// Writes a request's head; how its body follows, if it has one. What is forwarded comes before the table, and names the
/// host.
pub(super) fn write(
    request: &Request<Inbound>,
    forwarded: Option<&Forwarded>,
    output: &mut Output,
) -> Result<Option<Framing>, Broken> {
    let declared = declared(request.headers())?;
    let framing = framing(request, declared)?;
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    output.line(&[request.method().as_str().as_bytes(), b" ", target.as_bytes(), b" HTTP/1.1\r\n"]);
    if let Some(forwarded) = forwarded {
        forwarded.write(output);
    }
    for (name, value) in request.headers() {
        // HTTP/1 would have to list TE in Connection; trailers of its answers end here anyway.
        if *name != header::TE && (forwarded.is_none() || *name != header::HOST) {
            output.field(name, value.as_bytes());
        }
    }
    match (framing, declared) {
        (Some(Framing::Chunked), _) => output.line(&[b"transfer-encoding: chunked\r\n\r\n"]),
        (Some(Framing::Length(length)), None) => {
            output.line(&[b"content-length: ", itoa::Buffer::new().format(length).as_bytes(), b"\r\n\r\n"]);
        }
        (None, None) if expects_a_body(request) => output.line(&[b"content-length: 0\r\n\r\n"]),
        (Some(Framing::Length(_)), Some(_)) | (None, _) => output.line(&[b"\r\n"]),
    }
    Ok(framing)
}

const FALSE: Broken = Broken::Body(BodyFault::Broke);

/// The length that a request's fields name, once at the most; chunks are for this gateway to write. One pass over all of
/// them costs less than a look-up by name.
fn declared(headers: &HeaderMap) -> Result<Option<u64>, Broken> {
    let mut declared = None;
    for (name, value) in headers {
        if *name == header::TRANSFER_ENCODING {
            return Err(FALSE);
        }
        if *name == header::CONTENT_LENGTH && declared.replace(length(value.as_bytes()).ok_or(FALSE)?).is_some() {
            return Err(FALSE);
        }
    }
    Ok(declared)
}

/// One framing, and the one that is true: what follows on the connection is read by it.
fn framing(request: &Request<Inbound>, declared: Option<u64>) -> Result<Option<Framing>, Broken> {
    match (request.body().is_end_stream(), declared) {
        (true, None | Some(0)) => Ok(None),
        (true, Some(_)) => Err(FALSE),
        // A body that came in pieces and was held whole has a length of its own.
        (false, None) => Ok(Some(request.body().size_hint().exact().map_or(Framing::Chunked, Framing::Length))),
        (false, Some(length)) => Ok(Some(Framing::Length(length))),
    }
}

/// A method that usually has a body says so when it has none (RFC 9110 §8.6).
fn expects_a_body(request: &Request<Inbound>) -> bool {
    matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::upstream::example::forwarded;

    fn written(request: http::request::Builder, body: &'static str) -> Result<(String, Option<Framing>), Broken> {
        let body = if body.is_empty() { Inbound::none() } else { Inbound::held(Bytes::from_static(body.as_bytes())) };
        let mut output = Output::default();
        let framing = write(&request.uri("/a?b").body(body).unwrap(), None, &mut output)?;
        Ok((String::from_utf8(output.lines().to_vec()).unwrap(), framing))
    }

    #[test]
    fn a_head_says_how_its_body_follows() {
        let get = || Request::get("/").header("host", "a");
        let post = || Request::post("/").header("host", "a");
        for (request, body, head, framing) in [
            (get(), "", "GET /a?b HTTP/1.1\r\nhost: a\r\n\r\n", None),
            (post(), "", "POST /a?b HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", None),
            (
                post().header("content-length", "5"),
                "hello",
                "POST /a?b HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n",
                Some(Framing::Length(5)),
            ),
            (get(), "hello", "GET /a?b HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n", Some(Framing::Length(5))),
        ] {
            assert_eq!(written(request, body).unwrap(), (head.to_owned(), framing));
        }
    }

    #[test]
    fn what_is_forwarded_comes_first_and_names_the_host() {
        let request = Request::get("/")
            .header("host", "Other")
            .header("te", "trailers")
            .header("a", "b")
            .body(Inbound::none())
            .unwrap();
        let mut output = Output::default();
        write(&request, Some(&forwarded()), &mut output).unwrap();
        let text = String::from_utf8(output.lines().to_vec()).unwrap();
        let (expected, rest) = text.split_once("x-request-id: ").unwrap();
        assert_eq!(
            expected,
            "GET / HTTP/1.1\r\nhost: orders.invalid\r\nx-forwarded-host: orders.invalid\r\n\
             x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: https\r\n"
        );
        assert_eq!(
            rest.split_once("\r\n").map(|(id, rest)| (id.len(), rest)),
            Some((
                32,
                "portcullis-identity: a.b.c\r\nportcullis-subject: somebody\r\nportcullis-scope: orders:read orders:write\r\n\
             portcullis-authentication: jwt\r\na: b\r\n\r\n"
            ))
        );
    }

    #[test]
    fn a_framing_that_is_not_the_bodys_is_not_sent() {
        let get = Request::get("/");
        assert!(written(get.header("content-length", "5"), "").is_err());
        for fields in
            [&[("content-length", "+5")][..], &[("content-length", "5"); 2], &[("transfer-encoding", "chunked")]]
        {
            let request =
                fields.iter().fold(Request::post("/"), |request, (name, value)| request.header(*name, *value));
            assert!(written(request, "hello").is_err(), "{fields:?}");
        }
    }
}
