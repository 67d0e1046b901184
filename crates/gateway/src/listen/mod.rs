//! Listeners: from a socket to a connection whose peer is known.

mod accept;
mod aside;
mod authority;
mod census;
mod client_chain;
mod connection;
mod frames;
mod http1;
mod proxy_header;
mod shown;
mod tls;

use std::{net::SocketAddr, sync::Arc};

use aws_lc_rs::digest;
use config::ClientCertificates;
use http::HeaderValue;
use rustls_pki_types::CertificateDer;

pub(crate) use accept::{Entrance, bind, serve, share};
pub(crate) use authority::check_authority;
pub(crate) use census::{Census, network_of};
pub(crate) use http1::{Framing, HeadLimits, Pull, Switch, Switched, take};
pub(crate) use proxy_header::source;
pub use shown::Worth;
pub(crate) use shown::{Shown, Vouched};
pub(crate) use tls::{ServerTls, TlsSetupError};

use crate::{
    authenticate::CertificateHolder,
    gate::{Current, Snapshot},
    watch::Pulse,
};
use census::Place;

/// A client's certificate, whose key the client holds.
pub(crate) struct Leaf {
    pub(crate) der: CertificateDer<'static>,
    /// Of all of it (RFC 8705 §3.1).
    pub(crate) sha256: [u8; 32],
    pub(crate) worth: Worth,
    /// By which rules it was taken.
    rules: Option<Arc<ClientCertificates>>,
}

impl Leaf {
    fn new(shown: &Shown<'_>, rules: Option<&Arc<ClientCertificates>>) -> Option<Self> {
        let (der, worth) = shown.certificate()?;
        let sha256 = digest::digest(&digest::SHA256, der).as_ref().try_into().ok()?;
        Some(Self { der: der.clone().into_owned(), sha256, worth, rules: rules.map(Arc::clone) })
    }
}

impl Peer {
    /// The client's certificate, for as long as the rules are in force by which it was taken: others may not take it, or
    /// know it as revoked.
    pub(crate) fn leaf(&self, snapshot: &Snapshot) -> Option<&Leaf> {
        let leaf = self.leaf.as_deref()?;
        let (then, now) = (leaf.rules.as_ref()?, snapshot.client_rules(self.listener)?);
        (Arc::ptr_eq(then, now) || then == now).then_some(leaf)
    }
}

/// The other end of a connection: what the transport proved about it.
pub(crate) struct Peer {
    /// Position of its listener in the configuration.
    pub(crate) listener: usize,
    pub(crate) address: SocketAddr,
    /// The address as a field value, made once.
    pub(crate) address_value: HeaderValue,
    /// TLS protects the connection.
    pub(crate) secure: bool,
    /// Name the client asked for in its handshake, lower case.
    pub(crate) server_name: Option<String>,
    /// Names of the certificate that answered.
    pub(crate) certificate_names: Arc<[String]>,
    /// Whose certificate the client showed.
    pub(crate) certificate: CertificateHolder,
    /// That certificate.
    pub(crate) leaf: Option<Arc<Leaf>>,
    pub(crate) pulse: Arc<Pulse>,
    /// What decides over its requests.
    pub(crate) current: Arc<Current>,
    /// Its place in the census, for as long as anything of it goes on.
    pub(crate) _place: Place,
}
