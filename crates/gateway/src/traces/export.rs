//! Sends spans to a collector: OTLP 1.x over HTTP, in its JSON encoding.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc,
};
use tokio_rustls::TlsConnector;

use super::Span;
use crate::upstream::client_config;

/// Spans sent together at most, and time between two batches.
const BATCH: usize = 512;
const PAUSE: Duration = Duration::from_secs(1);
/// For a batch, from name look-up to the collector's answer.
const TIMEOUT: Duration = Duration::from_secs(5);

const SERVER: u8 = 2;
const ERROR: u8 = 2;

/// Sends what comes until nothing more can. A batch that the collector does not take is lost: spans that wait for it
/// would be the gateway's memory in the collector's hands.
pub(super) async fn run(endpoint: Uri, mut queue: mpsc::Receiver<Span>) {
    let mut spans = Vec::with_capacity(BATCH);
    let mut said = false;
    while queue.recv_many(&mut spans, BATCH).await > 0 {
        let body = batch(&spans).to_string();
        spans.clear();
        let sent = tokio::time::timeout(TIMEOUT, send(&endpoint, body)).await;
        let failure = match sent {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", TIMEOUT.as_secs())),
        };
        // Once, until it works again: a collector that is away for a day is one line.
        if let Some(failure) = &failure
            && !said
        {
            eprintln!("traces: {endpoint}: {failure}; spans are lost");
        }
        said = failure.is_some();
        tokio::time::sleep(PAUSE).await;
    }
}

async fn send(endpoint: &Uri, body: String) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let host = endpoint.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let secure = endpoint.scheme_str() == Some("https");
    let port = endpoint.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    if secure {
        let connector = TlsConnector::from(Arc::new(client_config(None, None)?));
        let name = ServerName::try_from(host.to_owned())?;
        return post(endpoint, connector.connect(name, stream).await?, body).await;
    }
    post(endpoint, stream, body).await
}

async fn post(
    endpoint: &Uri,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    body: String,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::post(endpoint.path())
        .header(header::HOST, endpoint.authority().map_or("", |authority| authority.as_str()))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    // Read, so that the collector is not cut off; what it says changes nothing.
    drop(http_body_util::Limited::new(response.into_body(), 64 * 1024).collect().await);
    connection.abort();
    if status == StatusCode::OK { Ok(()) } else { Err(format!("status {status}").into()) }
}

/// `ExportTraceServiceRequest`.
fn batch(spans: &[Span]) -> Value {
    json!({ "resourceSpans": [{
        "resource": { "attributes": [attribute("service.name", "portcullis")] },
        "scopeSpans": [{
            "scope": { "name": "portcullis", "version": env!("CARGO_PKG_VERSION") },
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }] })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

/// One span, named as the OpenTelemetry conventions for HTTP servers say, with the stages that it passed as events.
fn span(span: &Span) -> Value {
    let Span { place, story } = span;
    // Nanoseconds since 1970 fit until 2554.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let nanoseconds = |seconds: f64| (seconds * 1e9) as u64;
    let end = nanoseconds(story.ended);
    let start = end.saturating_sub(story.microseconds.saturating_mul(1_000));
    let mut attributes = vec![
        attribute("http.request.method", &story.method),
        attribute("portcullis.request_id", &story.request_id),
        json!({ "key": "http.response.status_code", "value": { "intValue": story.status.to_string() } }),
    ];
    let named = [
        ("portcullis.api", story.api.as_deref()),
        ("http.route", story.route.as_deref().and_then(|route| route.split_once(' ')).map(|(_, path)| path)),
        ("portcullis.code", story.code),
        ("error.type", story.code.filter(|_| story.status >= 500)),
    ];
    attributes.extend(named.into_iter().filter_map(|(key, value)| Some(attribute(key, value?))));
    let mut at = start;
    let events = story.stages.iter().filter(|step| step.microseconds > 0.0).map(|step| {
        at = at.saturating_add(nanoseconds(step.microseconds / 1e6));
        json!({ "timeUnixNano": at.to_string(), "name": step.stage })
    });
    let mut value = json!({
        "traceId": format!("{:032x}", place.trace),
        "spanId": format!("{:016x}", place.span),
        "name": story.route.as_deref().unwrap_or(&story.method),
        "kind": SERVER,
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": attributes,
        "events": events.collect::<Vec<_>>(),
    });
    if let (Some(parent), Some(members)) = (place.parent, value.as_object_mut()) {
        members.insert("parentSpanId".to_owned(), format!("{parent:016x}").into());
    }
    if let (500.., Some(members)) = (story.status, value.as_object_mut()) {
        members.insert("status".to_owned(), json!({ "code": ERROR }));
    }
    value
}
