//! Listeners: from a socket to a connection whose peer is known.

mod accept;
mod aside;
mod authority;
mod census;
mod client_chain;
mod connection;
mod frames;
mod framing;
mod proxy_header;
mod strict;
mod tls;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
};

use http::HeaderValue;

pub(crate) use accept::{Entrance, bind, serve, share};
pub(crate) use authority::check_authority;
pub(crate) use census::{Census, network_of};
pub(crate) use framing::{Framing, Verdict};
pub(crate) use proxy_header::source;
pub(crate) use strict::Strict;
pub(crate) use tls::{ServerTls, TlsSetupError};

use crate::{authenticate::CertificateHolder, gate::Current, watch::Pulse};
use census::Place;

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
    pub(crate) pulse: Arc<Pulse>,
    /// Set once the connection carries another protocol than HTTP.
    pub(crate) tunnel: Arc<AtomicBool>,
    /// What decides over its requests.
    pub(crate) current: Arc<Current>,
    /// Its place in the census, for as long as anything of it goes on.
    pub(crate) _place: Place,
}
