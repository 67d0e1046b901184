//! A local CA for one year and a server certificate for 90 days, ECDSA P-256, kept in the data folder and used again
//! while they are good. Private keys are 0600.

use std::{
    fs,
    io::Write,
    net::IpAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::failure::Failure;

/// The CA certificate that clients are told to trust.
pub(crate) const CA_FILE: &str = "ca.pem";
/// The server's certificate.
pub(crate) const CERTIFICATE_FILE: &str = "server.pem";
/// Its private key.
pub(crate) const KEY_FILE: &str = "server.key";
const CA_KEY_FILE: &str = "ca.key";

const DAY: u64 = 86_400;
const CA_LIFETIME: u64 = 365 * DAY;
const LEAF_LIFETIME: u64 = 90 * DAY;
/// One that ends sooner is replaced, so that a gateway started now has some time to run.
const REMAINING: u64 = 30 * DAY;
/// Clocks of clients may be behind.
const BACKDATED: u64 = 3_600;

/// Makes in `data` what is missing, too old or, for the server's certificate, lacks the address.
pub(crate) fn prepare(data: &Path, listen: IpAddr, now: u64) -> Result<(), Failure> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(Failure::file(data))?;
    let (ca_key, fresh) = match stored_ca_key(data, now) {
        Some(key) => (key, false),
        None => (new_ca(data, now)?, true),
    };
    if fresh || !leaf_is_good(data, listen, now) {
        new_leaf(data, &Issuer::new(ca_parameters(now), ca_key), listen, now)?;
    }
    Ok(())
}

fn stored_ca_key(data: &Path, now: u64) -> Option<KeyPair> {
    let key = KeyPair::from_pem(&fs::read_to_string(data.join(CA_KEY_FILE)).ok()?).ok()?;
    let certificate = CertificateDer::from_pem_file(data.join(CA_FILE)).ok()?;
    let (_, certificate) = X509Certificate::from_der(&certificate).ok()?;
    let belongs = certificate.public_key().subject_public_key.data == key.public_key_raw();
    (belongs && lasts(&certificate, now)).then_some(key)
}

fn new_ca(data: &Path, now: u64) -> Result<KeyPair, Failure> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = ca_parameters(now).self_signed(&key)?;
    write(&data.join(CA_KEY_FILE), &key.serialize_pem(), 0o600)?;
    write(&data.join(CA_FILE), &certificate.pem(), 0o644)?;
    Ok(key)
}

/// The same name every time: with the stored key it is the issuer of later server certificates too.
fn ca_parameters(now: u64) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "Portcullis local CA");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    live(&mut parameters, now, CA_LIFETIME);
    parameters
}

fn leaf_is_good(data: &Path, listen: IpAddr, now: u64) -> bool {
    let Ok(der) = CertificateDer::from_pem_file(data.join(CERTIFICATE_FILE)) else { return false };
    let Ok((_, certificate)) = X509Certificate::from_der(&der) else { return false };
    let Some(key) = fs::read_to_string(data.join(KEY_FILE)).ok().and_then(|pem| KeyPair::from_pem(&pem).ok()) else {
        return false;
    };
    let octets = match listen {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let covers_address = names.is_some_and(|extension| {
        extension.value.general_names.iter().any(|name| matches!(name, GeneralName::IPAddress(ip) if *ip == octets))
    });
    covers_address
        && lasts(&certificate, now)
        && certificate.public_key().subject_public_key.data == key.public_key_raw()
}

fn new_leaf(data: &Path, ca: &Issuer<'_, KeyPair>, listen: IpAddr, now: u64) -> Result<(), Failure> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let listen = listen.to_string();
    if !names.contains(&listen) {
        names.push(listen);
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, "Portcullis");
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    live(&mut parameters, now, LEAF_LIFETIME);
    let certificate = parameters.signed_by(&key, ca)?;
    write(&data.join(KEY_FILE), &key.serialize_pem(), 0o600)?;
    write(&data.join(CERTIFICATE_FILE), &certificate.pem(), 0o644)
}

fn live(parameters: &mut CertificateParams, now: u64, lifetime: u64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + Duration::from_secs(now.saturating_sub(BACKDATED));
    parameters.not_after = epoch + Duration::from_secs(now.saturating_add(lifetime));
}

fn lasts(certificate: &X509Certificate<'_>, now: u64) -> bool {
    let validity = certificate.validity();
    let (Ok(start), Ok(end)) =
        (u64::try_from(validity.not_before.timestamp()), u64::try_from(validity.not_after.timestamp()))
    else {
        return false;
    };
    start <= now && now.saturating_add(REMAINING) < end
}

/// Replaces a file in one step, with its mode from the first byte on.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Failure::file(new)(error)),
        Ok(()) | Err(_) => {}
    }
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&new).map_err(Failure::file(&new))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Failure::file(&new))?;
    fs::rename(&new, path).map_err(Failure::file(path))
}
