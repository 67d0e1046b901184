//! Connections to the store: TLS by the same library and rules as everywhere else, then the store's own protocol.

use std::{io, sync::Arc, time::Duration};

use config::SharedLimits;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, aio::MultiplexedConnection};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::upstream::{ConnectorError, client_config};

/// For one attempt, from name look-up to the store's word that it knows us.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Makes connections to the store.
pub(super) struct Door {
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    login: RedisConnectionInfo,
}

impl Door {
    pub(super) fn new(limits: &SharedLimits) -> Result<Self, ConnectorError> {
        let tls = limits.store.tls.as_ref().map(|tls| client_config(tls.ca.as_deref(), None)).transpose()?;
        let mut login = RedisConnectionInfo::default().set_db(limits.store.database).set_skip_set_lib_name();
        if let Some(password) = &limits.password {
            login = login.set_password(password.as_str());
        }
        if let Some(username) = &limits.username {
            login = login.set_username(username.as_str());
        }
        let tls = tls.map(|config| TlsConnector::from(Arc::new(config)));
        Ok(Self { host: limits.store.host.clone(), port: limits.store.port, tls, login })
    }

    /// A connection, which a task of its own moves on.
    pub(super) async fn open(&self) -> io::Result<MultiplexedConnection> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.open_untimed()).await.map_err(io::Error::other)?
    }

    async fn open_untimed(&self) -> io::Result<MultiplexedConnection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return self.greet(stream).await };
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        self.greet(tls.connect(name, stream).await?).await
    }

    async fn greet<S>(&self, stream: S) -> io::Result<MultiplexedConnection>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let config = AsyncConnectionConfig::default();
        let opened = MultiplexedConnection::new_with_config(&self.login, stream, config).await;
        let (connection, driver) = opened.map_err(io::Error::other)?;
        tokio::spawn(driver);
        Ok(connection)
    }
}
