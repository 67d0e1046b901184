//! TLS of a listener: TLS 1.3 and 1.2 with forward secrecy, X25519MLKEM768 first, resumption without early data.

use std::sync::Arc;

use config::{ClientCertificates, ListenerTls};
use rustls::{
    ServerConfig, ServerConnection,
    crypto::aws_lc_rs::{self, Ticketer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::shown::{Shown, Taken};

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The library refuses a certificate, key or setting.
    #[error("TLS: {0}")]
    Refused(#[from] rustls::Error),
    /// The trust anchors for client certificates are not usable.
    #[error("client certificates: {0}")]
    ClientVerifier(#[from] rustls::server::VerifierBuilderError),
}

/// TLS of one listener, ready for handshakes.
pub(crate) struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
    /// Whose certificates it takes.
    pub(crate) clients: Option<Arc<ClientCertificates>>,
    taken: Option<Taken>,
    certificates: Arc<Certificates>,
}

impl ServerTls {
    /// Builds the configuration of the library.
    pub(crate) fn new(tls: &ListenerTls) -> Result<Self, TlsSetupError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = Arc::new(Certificates::new(tls, &provider)?);
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let taken = tls.client_certificates.as_ref().map(Taken::new).transpose()?;
        let builder = match &taken {
            None => builder.with_no_client_auth(),
            Some(taken) => builder.with_client_cert_verifier(taken.verifier()),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = Ticketer::new()?;
        config.send_tls13_tickets = 1;
        // The library's order is the strongest first; a client that prefers a weaker suite does not get it.
        config.ignore_client_order = true;
        let clients = tls.client_certificates.clone().map(Arc::new);
        Ok(Self { config: Arc::new(config), clients, taken, certificates })
    }

    /// What the client of a finished handshake showed.
    pub(crate) fn shown<'c>(&self, session: &'c ServerConnection) -> Shown<'c> {
        match (&self.taken, session.peer_certificates()) {
            (Some(taken), Some(chain)) => taken.judge(chain),
            (Some(_) | None, _) => Shown::Nothing,
        }
    }

    /// Names of the certificate that answers a server name.
    pub(crate) fn names_for(&self, server_name: Option<&str>) -> Arc<[String]> {
        Arc::clone(&self.certificates.choose(server_name).names)
    }
}

/// A listener's certificates, chosen by server name.
#[derive(Debug)]
struct Certificates {
    default: Named,
    others: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    names: Arc<[String]>,
    key: Arc<CertifiedKey>,
}

impl Certificates {
    fn new(tls: &ListenerTls, provider: &rustls::crypto::CryptoProvider) -> Result<Self, TlsSetupError> {
        let mut named = Vec::with_capacity(tls.certificates.len());
        for certificate in &tls.certificates {
            let key = CertifiedKey::from_der(certificate.chain.clone(), certificate.key.clone_key(), provider)?;
            named.push(Named { names: certificate.names.clone().into(), key: Arc::new(key) });
        }
        let mut named = named.into_iter();
        let default = named.next().ok_or_else(|| rustls::Error::General("a listener needs a certificate".into()))?;
        Ok(Self { default, others: named.collect() })
    }

    /// An exact name first, then a wildcard, then the first certificate of the file.
    fn choose(&self, server_name: Option<&str>) -> &Named {
        let Some(server_name) = server_name else { return &self.default };
        let wildcard = server_name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let all = || std::iter::once(&self.default).chain(&self.others);
        all()
            .find(|named| named.names.iter().any(|name| name == server_name))
            .or_else(|| all().find(|named| named.names.iter().any(|name| Some(name) == wildcard.as_ref())))
            .unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        Some(Arc::clone(&self.choose(name.as_deref()).key))
    }
}
