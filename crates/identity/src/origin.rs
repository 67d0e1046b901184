//! Where a request comes from.

use std::net::IpAddr;

use rustls_pki_types::CertificateDer;

/// What the gateway saw of the client behind a request.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Its address, behind trusted proxies.
    pub address: IpAddr,
    /// The certificate that it showed in the handshake, which it holds the key of.
    pub certificate: Option<ClientCertificate>,
}

/// A client's certificate.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// The certificate itself.
    pub der: CertificateDer<'static>,
    /// Whether its chain leads to an authority that the listener trusts.
    pub trusted: bool,
}
