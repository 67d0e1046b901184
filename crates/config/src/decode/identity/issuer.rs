//! The address under which clients know the gateway: what `issuer` says, or the first certificate.

use std::{fmt, net::IpAddr};

use crate::{
    Listener, ListenerSecurity,
    codes::identity as codes,
    decode::{Context, apis::host_name, reason},
    yaml::Node,
};

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::decode) struct Origin {
    /// In canonical form, without port.
    pub(in crate::decode) host: String,
    /// `None` is that of the scheme.
    pub(in crate::decode) port: Option<u16>,
    /// The operator's words if there is no TLS.
    pub(in crate::decode) plaintext: Option<String>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.plaintext.is_some() { "http" } else { "https" };
        write!(f, "{scheme}://{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Origin {
    /// What `identity` says, or what can be seen from the listeners. Without either, `identity` is incomplete.
    pub(in crate::decode) fn find(cx: &Context, node: Option<&Node>, listeners: Option<&[Listener]>) -> Option<Self> {
        if let Some((issuer, node)) = node.and_then(|node| Some((node.get("issuer")?, node))) {
            return Self::written(cx, issuer, node.get("plaintext"));
        }
        // A mistake in `listeners` is reported already.
        let origin = listeners?.iter().find_map(Self::of_listener);
        if let Some(node) = node.filter(|_| origin.is_none()) {
            let help = "Add `issuer: https://id.example.com`, the address that clients and browsers use.";
            let message = "no certificate of a listener names a host under which the authorization server is known";
            cx.report(&codes::NO_ISSUER, node.span, message, help);
        }
        origin
    }

    /// The first name of the first certificate that is no wildcard.
    fn of_listener(listener: &Listener) -> Option<Self> {
        let ListenerSecurity::Tls(tls) = &listener.security else { return None };
        let name = tls.certificates.first()?.names.iter().find(|name| !name.starts_with('*'))?;
        // A port that the system chooses is known to nobody.
        let port = Some(listener.address.port()).filter(|port| !matches!(port, 0 | 443));
        Some(Self { host: host_name(name)?, port, plaintext: None })
    }

    fn written(cx: &Context, node: &Node, plaintext: Option<&Node>) -> Option<Self> {
        let text = node.text()?;
        let plaintext = plaintext.map(|node| reason(cx, node, "plaintext"));
        let Some((secure, host, port)) = parts(text) else {
            let help = "Write `https://HOST` or `https://HOST:PORT`, without a slash, path or query behind it.";
            cx.report(&codes::BAD_ISSUER, node.span, format!("`{text}` is not an issuer identifier"), help);
            return None;
        };
        match (secure, plaintext) {
            (true, None) => Some(Self { host, port, plaintext: None }),
            (false, Some(reason)) if is_loopback(&host) => Some(Self { host, port, plaintext: Some(reason?) }),
            (true, Some(_)) => {
                let help = "Remove `plaintext`.";
                cx.report(&codes::BAD_ISSUER, node.span, "`plaintext` is for an issuer without TLS", help);
                None
            }
            (false, _) => {
                let help = "Write `https://`. For development on this machine, `http://127.0.0.1:PORT` goes with \
                            `plaintext: \"why\"`.";
                let message = "passwords, codes and tokens would cross the network in the open";
                cx.report(&codes::BAD_ISSUER, node.span, message, help);
                None
            }
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether there is TLS, the host, and a port that is not the scheme's own.
fn parts(text: &str) -> Option<(bool, String, Option<u16>)> {
    let (secure, default, authority) = match text.split_once("://")? {
        ("https", authority) => (true, 443, authority),
        ("http", authority) => (false, 80, authority),
        _ => return None,
    };
    let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, Some(port.parse::<u16>().ok().filter(|port| *port != 0)?)),
        None => (authority, None),
    };
    let canonical = host_name(host)?;
    // Compared byte by byte by clients, so it is written as it is compared.
    (canonical == host && port != Some(default)).then_some((secure, canonical, port))
}
