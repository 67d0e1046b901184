//! A server with a clock of its own, and ways to ask it.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use identity::{Client, ClientId, ClientKind, Clock, Identity, Issuer, Origin, Settings};
use jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const ISSUER: &str = "https://id.example.com";
pub const ORDERS: &str = "https://api.example.com/orders";
pub const STOCK: &str = "https://api.example.com/stock";

/// A clock that stands still until it is moved.
pub struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Hand {
    pub fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

pub struct Server {
    pub identity: Identity,
    pub clock: Arc<Hand>,
    pub folder: TempDir,
}

pub fn settings() -> Settings {
    let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
    settings.resources = vec![ORDERS.to_owned(), STOCK.to_owned()];
    settings.scopes = [("orders:read", "See your orders"), ("orders:write", "Place orders")]
        .map(|(scope, words)| (scope.to_owned(), words.to_owned()))
        .into();
    settings.registration = true;
    settings
}

impl Server {
    pub async fn start() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(AtomicU64::new(1_800_000_000)));
        let identity = Identity::open(settings, folder.path(), None, Arc::clone(&clock) as _).await.unwrap();
        Self { identity, clock, folder }
    }

    /// A client of a kind with all scopes; its secret is empty where it has none.
    pub async fn client(&self, kind: ClientKind, change: impl FnOnce(&mut Client)) -> (Client, String) {
        let mut client = Client::new(ClientId(String::new()), "An app", kind);
        client.scopes =
            ["openid", "profile", "email", "offline_access", "orders:read", "orders:write"].map(str::to_owned).into();
        if kind.has_users() {
            let redirect = "https://app.example.net/callback";
            client.redirect_uris = vec![identity::RedirectUri::parse(redirect, kind).unwrap()];
        }
        change(&mut client);
        let (client, secret) = self.identity.create_client(client).await.unwrap();
        (client, secret.map(|secret| secret.expose().to_owned()).unwrap_or_default())
    }

    pub async fn send(&self, request: Request<Bytes>) -> Answer {
        let origin = Origin { address: "203.0.113.7".parse().unwrap(), certificate: None };
        Answer(self.identity.answer(origin, request).await)
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send(Request::get(target).body(Bytes::new()).unwrap()).await
    }

    /// Posts a form.
    pub async fn post(&self, target: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(target, form, &[]).await
    }

    pub async fn post_with(&self, target: &str, form: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let mut request = Request::builder().method(Method::POST).uri(target);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        self.send(request.body(Bytes::from(body.finish())).unwrap()).await
    }

    /// Asks for a token with client credentials in the Authorization field.
    pub async fn client_credentials(&self, client: &Client, secret: &str, form: &[(&str, &str)]) -> Answer {
        let form = [&[("grant_type", "client_credentials")], form].concat();
        self.post_with("/oauth2/token", &form, &[("authorization", &basic(&client.id.0, secret))]).await
    }

    /// What the server says of a token to a client.
    pub async fn introspect(&self, client: &Client, secret: &str, token: &str) -> Value {
        let authorization = basic(&client.id.0, secret);
        let answer =
            self.post_with("/oauth2/introspect", &[("token", token)], &[("authorization", &authorization)]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json()
    }
}

pub struct Answer(pub Response<Bytes>);

impl Answer {
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    pub fn field(&self, name: &str) -> &str {
        self.0.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(self.0.body()).unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.body().to_vec()).unwrap()
    }

    /// The error and its status.
    pub fn error(&self) -> (u16, String) {
        (self.status().as_u16(), self.json()["error"].as_str().unwrap_or_default().to_owned())
    }
}

pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}")))
}

/// The claims of a JWT, unchecked.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Somebody who makes DPoP proofs.
pub struct Prover {
    pub key: SigningKey,
    number: AtomicU64,
}

impl Prover {
    pub fn new() -> Self {
        Self { key: SigningKey::generate(Algorithm::Es256).unwrap(), number: AtomicU64::new(0) }
    }

    /// A proof for a request.
    pub fn proof(&self, method: &str, path: &str, now: u64, more: &Value) -> String {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let mut jwk = self.key.public_jwk();
        for name in ["kid", "alg", "use"] {
            jwk.as_object_mut().unwrap().remove(name);
        }
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        let mut payload = json!({
            "jti": format!("proof-{number}"), "htm": method, "htu": format!("{ISSUER}{path}"), "iat": now,
        });
        payload.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.key.sign(&header, payload.to_string().as_bytes()).unwrap()
    }
}
