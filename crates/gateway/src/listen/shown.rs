//! What the certificate of a client is worth. One of an authority that the listener trusts says who the client is. Of any
//! other one a handshake proves that the client holds its key, and nothing more (RFC 8705 §2.2, §3).

use std::sync::Arc;

use config::ClientCertificates;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::{TlsSetupError, client_chain::ShortChain};

/// A certificate whose chain leads to an authority of the listener. Only a check of that makes one, and only one of these
/// can stand for a caller.
pub(crate) struct Vouched<'c>(&'c CertificateDer<'c>);

impl<'c> Vouched<'c> {
    pub(crate) fn certificate(&self) -> &'c CertificateDer<'c> {
        self.0
    }
}

/// What a client showed in a handshake, which proved that it holds the key.
pub(crate) enum Shown<'c> {
    Nothing,
    /// A certificate of any issuer.
    Possessed(&'c CertificateDer<'c>),
    /// A certificate of an authority.
    Vouched(Vouched<'c>),
}

/// What a certificate that was shown says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// That its holder has its key, and nothing more: tokens and clients can be bound to it.
    Possession,
    /// Who its holder is, as an authority of the listener says.
    Authority,
}

impl Shown<'_> {
    /// The certificate, and what it says.
    pub(crate) fn certificate(&self) -> Option<(&CertificateDer<'_>, Worth)> {
        match self {
            Self::Nothing => None,
            Self::Possessed(leaf) => Some((leaf, Worth::Possession)),
            Self::Vouched(vouched) => Some((vouched.0, Worth::Authority)),
        }
    }
}

/// Whose certificates a listener takes in handshakes.
#[derive(Debug, Clone)]
pub(crate) enum Taken {
    /// Those of its authorities alone.
    OfAuthorities(Arc<dyn ClientCertVerifier>),
    /// Those of any issuer; those of its authorities, if it has some, are told from the others.
    OfAnyIssuer(Arc<AnyIssuer>),
}

impl Taken {
    pub(crate) fn new(clients: &ClientCertificates) -> Result<Self, TlsSetupError> {
        if !clients.any_issuer {
            return Ok(Self::OfAuthorities(authorities(clients)?));
        }
        let authorities = if clients.ca.is_empty() { None } else { Some(authorities(clients)?) };
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        Ok(Self::OfAnyIssuer(Arc::new(AnyIssuer { authorities, algorithms })))
    }

    pub(crate) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        match self {
            Self::OfAuthorities(verifier) => Arc::clone(verifier),
            Self::OfAnyIssuer(verifier) => Arc::clone(verifier) as Arc<dyn ClientCertVerifier>,
        }
    }

    /// Judges the chain of a connection whose handshake this took. One that is resumed brings the chain of its first
    /// handshake, and none of its verdict, so that what told two kinds apart is asked again.
    pub(crate) fn judge<'c>(&self, chain: &'c [CertificateDer<'c>]) -> Shown<'c> {
        let Some((leaf, intermediates)) = chain.split_first() else { return Shown::Nothing };
        match self {
            Self::OfAuthorities(_) => Shown::Vouched(Vouched(leaf)),
            Self::OfAnyIssuer(any) => match any.worth(leaf, intermediates, UnixTime::now()) {
                Ok(Worth::Authority) => Shown::Vouched(Vouched(leaf)),
                Ok(Worth::Possession) => Shown::Possessed(leaf),
                // It was good when the connection that is resumed was made.
                Err(_) => Shown::Nothing,
            },
        }
    }
}

/// Routes decide whether a certificate is needed, so the handshake asks for one and goes on without; one that is shown
/// must be valid and not revoked.
fn authorities(clients: &ClientCertificates) -> Result<Arc<dyn ClientCertVerifier>, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    for anchor in &clients.ca {
        roots.add(anchor.clone())?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    // An old list does not know what was revoked lately, so that it vouches for nobody.
    let builder = builder.with_crls(clients.crls.iter().cloned()).enforce_revocation_expiration();
    Ok(Arc::new(ShortChain(builder.build()?)))
}

/// Takes certificates of any issuer, in their time and made for clients.
#[derive(Debug)]
pub(crate) struct AnyIssuer {
    authorities: Option<Arc<dyn ClientCertVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyIssuer {
    fn worth(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Worth, Error> {
        let judged = self.authorities.as_ref().map(|these| these.verify_client_cert(leaf, intermediates, now));
        match judged {
            Some(Ok(_)) => Ok(Worth::Authority),
            // What an authority issued and took back is not let in by another door.
            Some(Err(error)) if !is_of_another_issuer(&error, leaf) => Err(error),
            Some(Err(_)) | None => check_use(leaf, now).map(|()| Worth::Possession),
        }
    }
}

impl ClientCertVerifier for AnyIssuer {
    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.worth(leaf, intermediates, now).map(|_| ClientCertVerified::assertion())
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a client would not show what none of them issued.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether no authority has anything to do with it. Tools make self-signed certificates that are authorities themselves,
/// which the library takes for no client's before it looks for an issuer.
fn is_of_another_issuer(error: &Error, leaf: &CertificateDer<'_>) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        Error::InvalidCertificate(CertificateError::Other(_)) => {
            X509Certificate::from_der(leaf).is_ok_and(|(_, certificate)| certificate.is_ca())
        }
        _ => false,
    }
}

/// What is asked of a certificate whatever its issuer: that it is one, in its time, and not for servers only.
fn check_use(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let Ok((b"", certificate)) = X509Certificate::from_der(leaf) else {
        return Err(CertificateError::BadEncoding.into());
    };
    let now = i64::try_from(now.as_secs()).ok().and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    let now = now.ok_or(CertificateError::BadEncoding)?;
    if certificate.validity().not_before > now {
        return Err(CertificateError::NotValidYet.into());
    }
    if certificate.validity().not_after < now {
        return Err(CertificateError::Expired.into());
    }
    match certificate.extended_key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.client_auth || usage.value.any => Ok(()),
        Ok(Some(_)) => Err(CertificateError::InvalidPurpose.into()),
        Err(_) => Err(CertificateError::BadEncoding.into()),
    }
}
