//! The built-in authorization server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::{Access, IssuerName, Methods, PathTemplate, RemoteKeys, Route, Scope, Segment, Serves};

/// Largest body that the authorization server takes.
const MAX_BODY: u64 = 64 << 10;
const ANSWERS_WITHIN: Duration = Duration::from_secs(30); // limits: response head

/// The authorization server that runs in this process (`identity`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its issuer identifier: scheme, host and port, nothing behind them.
    pub issuer: String,
    /// The issuer's host in canonical form, without port.
    pub host: String,
    /// The operator's words if the issuer is reached without TLS, which is for development on loopback only.
    pub plaintext: Option<String>,
    /// How long things live.
    pub lifetimes: IdentityLifetimes,
    /// Every client is held to FAPI 2.0.
    pub fapi: bool,
    /// Access tokens are handed out as references, which the gateway translates.
    pub opaque_access_tokens: bool,
    /// Who may register clients over the network (RFC 7591).
    pub registration: Registration,
    /// Clients that nobody registered, known by the address of a document; none unless written.
    pub clients_by_url: Option<ClientsByUrl>,
    /// Where clients are told of the end of a session besides public addresses.
    pub backchannel_logout: Reach,
    /// What scopes mean, in the words of the consent page.
    pub scopes: BTreeMap<Scope, String>,
    /// Folder of templates that replace the built-in ones.
    pub templates: Option<PathBuf>,
    /// What seals private keys in the database.
    pub master_key: MasterKey,
    /// OpenID providers through which users may log in.
    pub providers: Vec<Provider>,
    /// Fewest characters of a password.
    pub password_minimum: usize,
    /// How long a signing key signs.
    pub rotate_keys: Duration,
}

/// How long things live that the authorization server gives out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityLifetimes {
    /// Access tokens. Default 10 minutes.
    pub access_token: Duration,
    /// Refresh tokens. Default 30 days.
    pub refresh_token: Duration,
    /// Sessions of users at the login pages. Default 12 hours.
    pub session: Duration,
    /// Sessions that are not used. Default 1 hour (NIST SP 800-63B-4 §2.2.3), and never longer than a session.
    pub session_idle: Duration,
}

/// Who may register clients over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Nobody; operators do. The default.
    Off,
    /// Whoever holds an initial access token (RFC 7591 §3).
    InitialAccessToken,
}

/// Clients that are known by the address of a document (draft-ietf-oauth-client-id-metadata-document).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientsByUrl {
    /// Hosts, each with its port unless that is 443, whose documents are taken. Empty: those of all.
    pub hosts: Vec<String>,
    /// Scopes that such a client may ask for.
    pub scopes: BTreeSet<Scope>,
    /// Where documents are fetched from besides public addresses.
    pub reach: Reach,
}

/// Where the authorization server may go whose address the operator did not write: public addresses and these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Trust anchors instead of the system's.
    pub ca: Option<Vec<CertificateDer<'static>>>,
    /// Networks that are not public, and may be gone to.
    pub allow_networks: Vec<IpNet>,
}

/// Where the key comes from that seals private keys.
#[derive(Clone, PartialEq, Eq)]
pub enum MasterKey {
    /// This file, made at the first start.
    Kept(PathBuf),
    /// 32 bytes that the operator keeps.
    Given(Zeroizing<Vec<u8>>),
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(path) => f.debug_tuple("Kept").field(path).finish(),
            Self::Given(_) => f.write_str("Given(redacted)"),
        }
    }
}

/// An external OpenID provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in the file, in addresses and on the login page.
    pub name: String,
    /// Its issuer identifier, to the letter: a slash at its end belongs to it.
    pub issuer: String,
    /// Where it is found, and by what it is trusted.
    pub remote: RemoteKeys,
    /// What it calls this server.
    pub client_id: String,
    /// What this server proves itself with.
    pub client_secret: Zeroizing<Vec<u8>>,
    /// Which account somebody gets who comes from there.
    pub link: Link,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, issuer, remote: _, client_id, client_secret: _, link } = self;
        f.debug_struct("Provider")
            .field("name", name)
            .field("issuer", issuer)
            .field("client_id", client_id)
            .field("link", link)
            .finish_non_exhaustive()
    }
}

/// Which account somebody gets who comes from a provider for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// None: users link their accounts themselves, while they are logged in. The default.
    Existing,
    /// The one with the same e-mail address, where both sides have verified it.
    VerifiedEmail,
    /// A new one.
    Create,
}

impl Identity {
    /// The name under which `authenticate: [identity]` finds the rules for its tokens.
    pub fn issuer_name() -> IssuerName {
        IssuerName("identity".into())
    }

    /// What `apis` calls it in logs and metrics.
    pub const API: &'static str = "identity";

    /// Its routes, which the gateway serves on the issuer's host.
    pub fn routes() -> Vec<Route> {
        ENDPOINTS.iter().filter_map(Endpoint::route).collect()
    }
}

/// Pages of which origins may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// None but its own.
    Own,
    /// Those of clients that run in browsers.
    Clients,
    /// All: it says the same to everybody.
    Anyone,
}

/// One endpoint: methods, template, readers.
struct Endpoint(&'static str, &'static str, Readers);

/// What the authorization server answers. The binary's tests hold this against the server's own list.
const ENDPOINTS: [Endpoint; 27] = [
    Endpoint("GET", "/.well-known/openid-configuration", Readers::Anyone),
    Endpoint("GET", "/.well-known/oauth-authorization-server", Readers::Anyone),
    Endpoint("GET", "/oauth2/jwks", Readers::Anyone),
    Endpoint("GET,POST", "/oauth2/authorize", Readers::Own),
    Endpoint("POST", "/oauth2/consent", Readers::Own),
    Endpoint("POST", "/oauth2/par", Readers::Clients),
    Endpoint("POST", "/oauth2/token", Readers::Clients),
    Endpoint("POST", "/oauth2/revoke", Readers::Clients),
    Endpoint("POST", "/oauth2/introspect", Readers::Own),
    Endpoint("GET,POST", "/oauth2/userinfo", Readers::Clients),
    Endpoint("POST", "/oauth2/device", Readers::Own),
    Endpoint("POST", "/oauth2/register", Readers::Own),
    Endpoint("GET,PUT,DELETE", "/oauth2/register/{client_id}", Readers::Own),
    Endpoint("GET,POST", "/oauth2/logout", Readers::Own),
    Endpoint("POST", "/oauth2/logout/confirm", Readers::Own),
    Endpoint("GET,POST", "/logout", Readers::Own),
    Endpoint("GET,POST", "/login", Readers::Own),
    Endpoint("GET,POST", "/login/totp", Readers::Own),
    Endpoint("GET,POST", "/login/passkey", Readers::Own),
    Endpoint("GET,POST", "/login/recovery", Readers::Own),
    Endpoint("GET,POST", "/login/external/{provider}", Readers::Own),
    Endpoint("GET", "/login/external/{provider}/return", Readers::Own),
    Endpoint("GET,POST", "/device", Readers::Own),
    Endpoint("POST", "/device/consent", Readers::Own),
    Endpoint("GET,POST", "/account/{rest*}", Readers::Own),
    Endpoint("GET,POST", "/invitation/{rest*}", Readers::Own),
    Endpoint("GET", "/assets/{rest*}", Readers::Own),
];

impl Endpoint {
    fn route(&self) -> Option<Route> {
        let Self(methods, path, readers) = self;
        let mut list: Vec<http::Method> = methods.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        if list.contains(&http::Method::GET) {
            list.push(http::Method::HEAD);
        }
        list.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        Some(Route {
            name: format!("{methods} {path}"),
            methods: Methods::These(list),
            template: PathTemplate {
                text: (*path).to_owned(),
                segments: path.split('/').skip(1).map(segment).collect(),
            },
            access: Access::Public { reason: "the authorization server asks for what it needs".into() },
            max_body: MAX_BODY,
            response_timeout: ANSWERS_WITHIN,
            encoded_slashes: false,
            websocket: None,
            policy: None,
            serves: Serves::Resident(*readers),
            limits: Vec::new(),
            cost: 1,
            step_up: None,
        })
    }
}

fn segment(part: &str) -> Segment {
    let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
    match name {
        None => Segment::Literal(part.to_owned()),
        Some(name) => match name.strip_suffix('*') {
            Some(rest) => Segment::Rest(rest.to_owned()),
            None => Segment::Parameter(name.to_owned()),
        },
    }
}
