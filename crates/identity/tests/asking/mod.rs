//! Ways for clients to ask the server of [`crate::visiting`].
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use identity::{Client, ClientId, ClientKind, Clock, Origin, RedirectUri, Settings};
use jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::visiting::{Browser, House, ISSUER};

pub const ORDERS: &str = "https://api.example.com/orders";
pub const STOCK: &str = "https://api.example.com/stock";
pub const CALLBACK: &str = "https://app.example.net/callback";

/// Two APIs with two scopes, at which clients may register.
pub fn shop(settings: &mut Settings) {
    settings.resources = vec![ORDERS.to_owned(), STOCK.to_owned()];
    settings.scopes = [("orders:read", "See your orders"), ("orders:write", "Place orders")]
        .map(|(scope, words)| (scope.to_owned(), words.to_owned()))
        .into();
    settings.registration = true;
}

impl House {
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// A client of a kind with all scopes; its secret is empty where it has none.
    pub async fn client(&self, kind: ClientKind, change: impl FnOnce(&mut Client)) -> (Client, String) {
        let mut client = Client::new(ClientId(String::new()), "An app", kind);
        client.scopes =
            ["openid", "profile", "email", "offline_access", "orders:read", "orders:write"].map(str::to_owned).into();
        if kind.has_users() {
            client.redirect_uris = vec![RedirectUri::parse(CALLBACK, kind).unwrap()];
        }
        change(&mut client);
        let (client, secret) = self.identity.create_client(client).await.unwrap();
        (client, secret.map(|secret| secret.expose().to_owned()).unwrap_or_default())
    }

    pub async fn ask(&self, request: Request<Bytes>) -> Answer {
        let origin = Origin { address: "203.0.113.7".parse().unwrap(), certificate: None };
        Answer(self.identity.answer(origin, request).await)
    }

    pub async fn fetch(&self, target: &str) -> Answer {
        self.ask(Request::get(target).body(Bytes::new()).unwrap()).await
    }

    /// Posts a form.
    pub async fn post(&self, target: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(target, form, &[]).await
    }

    pub async fn post_with(&self, target: &str, form: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = Request::builder().method(Method::POST).uri(target);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Bytes::from(body)).unwrap()).await
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
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
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

/// An authorization request that a browser brings, with PKCE.
pub struct Asking {
    pub parameters: Vec<(&'static str, String)>,
    pub verifier: String,
}

impl Asking {
    /// What a usual client asks for.
    pub fn of(client: &Client) -> Self {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let parameters = [
            ("client_id", client.id.0.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid orders:read"),
            ("resource", ORDERS),
            ("state", "a state"),
            ("nonce", "n-0S6_WzA2Mj"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ];
        Self { parameters: parameters.map(|(name, value)| (name, value.to_owned())).to_vec(), verifier }
    }

    /// The same, with one parameter changed, added or, if it is empty, left out.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.parameters.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.parameters.push((name, value.to_owned()));
        }
        self
    }

    pub fn target(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.parameters);
        format!("/oauth2/authorize?{}", query.finish())
    }

    /// Asks in a browser whose user is logged in and allows everything; gives the answer's members.
    pub async fn allowed(&self, browser: &mut Browser) -> std::collections::BTreeMap<String, String> {
        let shown = browser.get(&self.target()).await;
        assert_eq!(shown.status, StatusCode::OK, "{:?} {}", shown.to(), shown.body);
        let request = crate::visiting::field(&shown.body, "request").unwrap();
        let answer = browser.post("/oauth2/consent", &[("request", &request), ("decision", "allow")]).await;
        members(answer.to().unwrap())
    }
}

/// What a redirect says.
pub fn members(location: &str) -> std::collections::BTreeMap<String, String> {
    let query = location.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
