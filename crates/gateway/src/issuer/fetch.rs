//! Fetching a key document: to checked addresses only, without redirects, bounded in size and time.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use config::{Issuer, IssuerKeys, Reach, RemoteKeys};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{address, discovery};
use crate::upstream::client_config;

/// Largest document (limits: JWKS document).
const MAX_BYTES: usize = 256 * 1024;
/// For one document, from name look-up to last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("`{0}` is not an https address")]
    Scheme(Uri),
    #[error("`{0}` resolves to {1}, which is not public; `allow_networks` can name its network")]
    Forbidden(String, IpAddr),
    #[error("`{0}` has no address")]
    NoAddress(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("TLS is not set up: {0}")]
    Tls(String),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("status {0}, expected 200; redirects are not followed")]
    Status(StatusCode),
    #[error("the answer is larger than {0} bytes, or broke off")]
    Body(usize),
    #[error("the discovery document is not authorization server metadata")]
    NotMetadata,
    #[error("the discovery document is that of `{0}`")]
    OtherIssuer(String),
    #[error("the keys do not come over the network")]
    NotRemote,
}

/// The text of an issuer's JWKS.
pub(super) async fn keys(issuer: &Issuer) -> Result<Vec<u8>, FetchError> {
    match &issuer.keys {
        IssuerKeys::JwksUri(remote) => get(&remote.url, remote, Origin::Operator).await,
        IssuerKeys::Discovery(remote) => {
            let mut last = FetchError::NotMetadata;
            for place in discovery::places(&remote.url) {
                let url: Uri = place.parse().map_err(|_| FetchError::NotMetadata)?;
                let found = match get(&url, remote, Origin::Operator).await {
                    Ok(document) => discovery::jwks_uri(&document, &issuer.validation.issuer),
                    Err(error) => Err(error),
                };
                match found {
                    Ok(uri) => {
                        let same_host = uri.authority() == remote.url.authority();
                        let origin = if same_host { Origin::Operator } else { Origin::Document };
                        return get(&uri, remote, origin).await;
                    }
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
        IssuerKeys::Static(_) | IssuerKeys::Secret(_) | IssuerKeys::Resident => Err(FetchError::NotRemote),
    }
}

/// Who named an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The configuration: a literal loopback address there is meant.
    Operator,
    /// A fetched document: an outsider's word.
    Document,
}

async fn get(url: &Uri, remote: &RemoteKeys, origin: Origin) -> Result<Vec<u8>, FetchError> {
    let request = Request::get(url)
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .body(Bytes::new())
        .map_err(|_| FetchError::NotMetadata)?;
    let response = exchange_in_time(request, remote, origin, MAX_BYTES).await?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body().to_vec()),
        status => Err(FetchError::Status(status)),
    }
}

/// Sends a request of the authorization server's own, by the rules for keys of issuers: over TLS, to public addresses or
/// those that `named` allows, without following redirects, bounded in time and size.
///
/// # Errors
/// What went wrong, for the operator.
pub async fn send_out(
    request: Request<Bytes>,
    named: &[RemoteKeys],
    most_bytes: usize,
) -> Result<Response<Bytes>, String> {
    let of_host = named.iter().find(|remote| remote.url.authority() == request.uri().authority());
    let unnamed = RemoteKeys { url: request.uri().clone(), ca: None, allow_networks: Vec::new() };
    let origin = if of_host.is_some() { Origin::Operator } else { Origin::Document };
    let sent = exchange_in_time(request, of_host.unwrap_or(&unnamed), origin, most_bytes).await;
    sent.map_err(|error| error.to_string())
}

/// Sends a request to an address that a stranger wrote: over TLS, to public addresses or those that `reach` allows, without
/// following redirects, bounded in time and size. What the operator allowed for others does not count.
///
/// # Errors
/// What went wrong, for the operator.
pub async fn send_to_stranger(
    request: Request<Bytes>,
    reach: &Reach,
    most_bytes: usize,
) -> Result<Response<Bytes>, String> {
    let Reach { ca, allow_networks } = reach.clone();
    let remote = RemoteKeys { url: request.uri().clone(), ca, allow_networks };
    let is_https = remote.url.scheme_str() == Some("https");
    let sent = if is_https {
        exchange_in_time(request, &remote, Origin::Document, most_bytes).await
    } else {
        Err(FetchError::Scheme(remote.url))
    };
    sent.map_err(|error| error.to_string())
}

async fn exchange_in_time(
    request: Request<Bytes>,
    remote: &RemoteKeys,
    origin: Origin,
    most_bytes: usize,
) -> Result<Response<Bytes>, FetchError> {
    let sent = tokio::time::timeout(TIMEOUT, connect(request, remote, origin, most_bytes)).await;
    sent.map_err(|_| FetchError::Timeout)?
}

async fn connect(
    request: Request<Bytes>,
    remote: &RemoteKeys,
    origin: Origin,
    most_bytes: usize,
) -> Result<Response<Bytes>, FetchError> {
    let url = request.uri().clone();
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let secure = match url.scheme_str() {
        Some("https") => true,
        Some("http") if is_loopback(host) => false,
        _ => return Err(FetchError::Scheme(url.clone())),
    };
    let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let stream = TcpStream::connect(resolve(host, port, remote, origin).await?).await?;
    if !secure {
        return exchange(request, stream, most_bytes).await;
    }
    let tls = client_config(remote.ca.as_deref(), None).map_err(|error| FetchError::Tls(error.to_string()))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| FetchError::Tls(error.to_string()))?;
    exchange(request, TlsConnector::from(Arc::new(tls)).connect(name, stream).await?, most_bytes).await
}

/// The address to connect to: checked here, and not looked up again.
async fn resolve(host: &str, port: u16, remote: &RemoteKeys, origin: Origin) -> Result<SocketAddr, FetchError> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let meant = origin == Origin::Operator && is_loopback(host);
    // One forbidden address refuses the name: a mixed answer is what rebinding looks like.
    for address in &addresses {
        let allowed =
            address::is_allowed(address.ip(), &remote.allow_networks) || (meant && address.ip().is_loopback());
        if !allowed {
            return Err(FetchError::Forbidden(host.to_owned(), address.ip()));
        }
    }
    addresses.first().copied().ok_or_else(|| FetchError::NoAddress(host.to_owned()))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn exchange(
    mut request: Request<Bytes>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    most_bytes: usize,
) -> Result<Response<Bytes>, FetchError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let url = request.uri().clone();
    let host = url.authority().and_then(|authority| HeaderValue::try_from(authority.as_str()).ok());
    request.headers_mut().insert(header::HOST, host.ok_or(FetchError::NotMetadata)?);
    *request.uri_mut() = url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")).into();
    let (head, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, most_bytes).collect().await.map_err(|_| FetchError::Body(most_bytes))?;
    connection.abort();
    Ok(Response::from_parts(head, body.to_bytes()))
}
