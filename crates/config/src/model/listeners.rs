//! Where the gateway accepts connections, and by what certificates.

use std::{fmt, net::SocketAddr};

use ipnet::IpNet;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::{AddressRules, Scope};

/// One address on which the gateway accepts connections.
#[derive(Debug)]
pub struct Listener {
    /// Address and port.
    pub address: SocketAddr,
    /// TLS, or the reason why there is none.
    pub security: ListenerSecurity,
    /// Networks of proxies in front, every connection of which begins with a PROXY header that says for whom it is;
    /// nobody else may connect. `None` takes connections as they come.
    pub proxies: Option<Vec<IpNet>>,
    /// Clients that may connect; behind such a proxy, those that it names.
    pub addresses: AddressRules,
}

/// How bytes on a listener are protected.
#[derive(Debug)]
pub enum ListenerSecurity {
    /// TLS 1.3 and 1.2.
    Tls(ListenerTls),
    /// Plain HTTP on a loopback address.
    PlaintextLoopback,
    /// Plain HTTP elsewhere, with the operator's reason (`plaintext: "why"`).
    Plaintext {
        /// The operator's words.
        reason: String,
    },
}

/// TLS of one listener.
#[derive(Debug)]
pub struct ListenerTls {
    /// Certificates by SNI; the first one answers clients that send no SNI. At least one.
    pub certificates: Vec<Certificate>,
    /// Client certificates, if this listener asks for them.
    pub client_certificates: Option<ClientCertificates>,
}

/// A certificate chain with its private key; they were checked to belong together.
#[derive(PartialEq, Eq)]
pub struct Certificate {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// PKCS#8, SEC1 or PKCS#1.
    pub key: PrivateKeyDer<'static>,
    /// DNS names and wildcard names of the leaf, lower case.
    pub names: Vec<String>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("names", &self.names).finish_non_exhaustive()
    }
}

/// Which client certificates a listener accepts, and who they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
    /// Trust anchors. None: nobody is authenticated by a certificate.
    pub ca: Vec<CertificateDer<'static>>,
    /// Certificates of other issuers are taken too, self-signed ones among them. They prove that whoever shows one holds its
    /// key, for tokens that are bound to it (RFC 8705 §3) and clients that registered it (§2.2), and authenticate nobody.
    pub any_issuer: bool,
    /// Lists of revoked certificates, one of every authority in a client's chain (RFC 5280 §5); none: nothing counts as
    /// revoked.
    pub crls: Vec<CertificateRevocationListDer<'static>>,
    /// Known clients. A valid certificate that matches none is an unknown caller (401).
    pub clients: Vec<CertificateClient>,
}

/// One client known by its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateClient {
    /// The name it has in logs and upstream.
    pub name: String,
    /// What in the certificate must match.
    pub identity: CertificateIdentity,
    /// Scopes the client holds.
    pub scopes: Vec<Scope>,
}

/// What identifies a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateIdentity {
    /// A URI SAN with the `spiffe` scheme, whole.
    Spiffe(String),
    /// A DNS SAN, whole, lower case.
    Dns(String),
    /// SHA-256 of the `SubjectPublicKeyInfo`.
    SpkiSha256([u8; 32]),
}
