//! Connections to upstream servers: name, socket, TLS, HTTP, within one time limit.

use std::{io, sync::Arc, time::Duration};

use config::{Certificate, UpstreamProtocol};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::{
    SendError,
    http1::{Broken, Connection},
    resolve::{Addresses, Reached},
};
use crate::{body::Inbound, stream::Joined};

/// Why connections to an upstream cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectorError {
    /// A trust anchor or the library's settings are not usable.
    #[error("TLS towards an upstream: {0}")]
    Tls(#[from] rustls::Error),
    /// A server's name cannot be verified.
    #[error("`{0}` is not a name that a certificate can carry")]
    Name(String, #[source] InvalidDnsNameError),
    /// There is nothing to verify servers with.
    #[error("the system has no trust anchors; name a `ca`")]
    NoTrustAnchors,
}

/// Makes connections to the servers of one upstream.
pub(crate) struct Connector {
    tls: Option<Tls>,
    timeout: Duration,
}

struct Tls {
    connector: TlsConnector,
    server_name: Option<ServerName<'static>>,
}

/// A byte stream to a server.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

impl Connector {
    pub(super) fn new(upstream: &config::Upstream) -> Result<Self, ConnectorError> {
        let tls = upstream.tls.as_ref().map(|tls| Tls::new(tls, upstream.protocol)).transpose()?;
        Ok(Self { tls, timeout: upstream.connect_timeout })
    }

    pub(super) async fn http1(&self, server: &Addresses) -> Result<Box<Connection>, SendError> {
        let (stream, reached) = self.connect(server).await?;
        Ok(Connection::new(stream, reached))
    }

    pub(super) async fn http2(&self, server: &Addresses) -> Result<(http2::SendRequest<Inbound>, Reached), SendError> {
        let (stream, reached) = self.connect(server).await?;
        let builder = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(64 * 1024)
            .initial_connection_window_size(1024 * 1024)
            .clone();
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(Broken::from)?;
        tokio::spawn(connection);
        Ok((sender, reached))
    }

    async fn connect(&self, server: &Addresses) -> Result<(Box<dyn Stream>, Reached), SendError> {
        let connected = tokio::time::timeout(self.timeout, self.connect_untimed(server)).await;
        connected.map_err(|_| SendError::ConnectTimeout)?.map_err(SendError::Connect)
    }

    async fn connect_untimed(&self, server: &Addresses) -> io::Result<(Box<dyn Stream>, Reached)> {
        let (stream, reached) = server.connect(self.timeout).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok((Box::new(stream), reached)) };
        let name = match &tls.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(server.host().to_owned()).map_err(io::Error::other)?,
        };
        Ok((Box::new(tls.connector.connect(name, Joined(stream)).await?), reached))
    }
}

impl Tls {
    fn new(tls: &config::UpstreamTls, protocol: UpstreamProtocol) -> Result<Self, ConnectorError> {
        let mut config = client_config(tls.ca.as_deref(), tls.client.as_deref())?;
        config.alpn_protocols = match protocol {
            UpstreamProtocol::Http1 => vec![b"http/1.1".to_vec()],
            UpstreamProtocol::Http2 => vec![b"h2".to_vec()],
        };
        let parse = |name: &String| {
            ServerName::try_from(name.clone()).map_err(|error| ConnectorError::Name(name.clone(), error))
        };
        let server_name = tls.server_name.as_ref().map(parse).transpose()?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server_name })
    }
}

/// TLS as a client, trusting the given anchors or the system's. Verification cannot be switched off. A server that asks
/// is shown the client's certificate.
pub(crate) fn client_config(
    ca: Option<&[CertificateDer<'static>]>,
    client: Option<&Certificate>,
) -> Result<ClientConfig, ConnectorError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(anchors) => {
            for anchor in anchors {
                roots.add(anchor.clone())?;
            }
        }
        None => {
            // Systems carry certificates that the library cannot read; the others still count.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(ConnectorError::NoTrustAnchors);
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    Ok(match client {
        None => builder.with_no_client_auth(),
        Some(client) => builder.with_client_auth_cert(client.chain.clone(), client.key.clone_key())?,
    })
}
