//! Client libraries that others wrote, in every flow that they support. Their versions are pinned; Debian's Node.js and
//! Python are installed if they are missing.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod serving;
mod tools;

use std::{
    collections::BTreeSet,
    future::Future,
    net::TcpListener,
    pin::Pin,
    process::Command,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use identity::{
    Client, ClientId, ClientKind, Errand, GrantType, InvitationKind, Linking, NewUser, Outgoing, OutgoingError,
    Provider, ProviderSecret, RedirectUri, Settings,
};
use serde_json::{Value, json};
use serving::Serving;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/independent");
const CALLBACK: &str = "https://app.example.net/callback";
const GOODBYE: &str = "https://app.example.net/goodbye";
const PASSWORD: &str = "seven purple hedgehogs";

/// A server with a user and a client of each kind; what the scripts are told of them.
async fn set_up() -> (Serving, Value) {
    let serving = Serving::start(shop).await;
    let new = NewUser { email: Some("anna@example.com".into()), ..NewUser::named("anna") };
    let user = serving.identity.add_user(new).await.unwrap();
    let link = serving.identity.invite(&user.id, InvitationKind::Invite).await.unwrap().link.to_string();
    serving.choose_password(&link, PASSWORD).await;
    let mut told = json!({
        "issuer": serving.issuer, "name": "anna", "password": PASSWORD, "callback": CALLBACK, "goodbye": GOODBYE,
    });
    for (name, kind) in [
        ("web", ClientKind::Web),
        ("browser", ClientKind::Browser),
        ("native", ClientKind::Native),
        ("service", ClientKind::Service),
    ] {
        let (client, secret) = serving.identity.create_client(client(name, kind)).await.unwrap();
        told[name] = json!({ "id": client.id, "secret": secret.map(|secret| secret.expose().to_owned()) });
    }
    told["initial"] = serving.identity.initial_access_token().await.unwrap().expose().into();
    (serving, told)
}

fn shop(settings: &mut Settings) {
    settings.scopes = [("orders:read".to_owned(), "See your orders".to_owned())].into();
    settings.registration = true;
}

fn client(name: &str, kind: ClientKind) -> Client {
    let mut client = Client::new(ClientId(name.to_owned()), name, kind);
    let scopes: BTreeSet<String> =
        ["openid", "profile", "email", "offline_access", "orders:read"].map(str::to_owned).into();
    client.scopes = scopes;
    if kind.has_users() {
        client.redirect_uris = vec![RedirectUri::parse(CALLBACK, kind).unwrap()];
        client.post_logout_redirect_uris = vec![RedirectUri::parse(GOODBYE, kind).unwrap()];
    }
    if kind == ClientKind::Native {
        client.grants.insert(GrantType::DeviceCode);
    }
    client
}

async fn node(script: &str) -> String {
    let (_serving, told) = set_up().await;
    let folder = tools::npm("independent", SCRIPTS);
    let mut node = Command::new(tools::program("node", "nodejs"));
    node.arg(folder.join(script)).arg(told.to_string()).current_dir(&folder);
    let output = tokio::task::spawn_blocking(move || tools::run(&mut node)).await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_passes_every_flow_that_it_supports() {
    let done = node("openid_client.mjs").await;
    assert_eq!(done.lines().count(), 6, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi_passes_every_flow_that_it_supports() {
    let done = node("oauth4webapi.mjs").await;
    assert_eq!(done.lines().count(), 4, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_passes_every_flow_that_it_supports() {
    let (_serving, told) = set_up().await;
    let packages = tools::pip("independent", &format!("{SCRIPTS}/requirements.txt"));
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages).arg(format!("{SCRIPTS}/authlib_client.py")).arg(told.to_string());
    let output = tokio::task::spawn_blocking(move || tools::run(&mut python)).await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
}

/// What a client of another crate did.
async fn rust(crate_name: &'static str) -> String {
    let (_serving, told) = set_up().await;
    let ran = tokio::task::spawn_blocking(move || {
        let program = tools::cargo("independent", &format!("{SCRIPTS}/rust"));
        tools::run(Command::new(program).arg(crate_name).arg(told.to_string()))
    });
    String::from_utf8(ran.await.unwrap().stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crate_openidconnect_passes_every_flow_that_it_supports() {
    let done = rust("openidconnect").await;
    assert_eq!(done.lines().count(), 7, "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crate_oauth2_passes_every_flow_that_it_supports() {
    let done = rust("oauth2").await;
    assert_eq!(done.lines().count(), 3, "{done}");
}

/// The way to servers on loopback.
struct Loopback;

impl Outgoing for Loopback {
    fn send(
        &self,
        _errand: Errand,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, OutgoingError>> + Send + '_>> {
        Box::pin(async move { exchange(request).await.map_err(|error| OutgoingError(error.to_string())) })
    }
}

async fn exchange(request: Request<Bytes>) -> Result<Response<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().map(ToString::to_string).unwrap_or_default();
    let stream = tokio::net::TcpStream::connect(&authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    head.headers.insert(header::HOST, authority.parse()?);
    head.uri = head.uri.path_and_query().map_or("/", |target| target.as_str()).parse()?;
    let answer = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (head, body) = answer.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_oidc_provider_log_in_here() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let foreign = format!("http://localhost:{port}");
    let provider = Provider {
        name: "foreign".into(),
        label: "Foreign".into(),
        issuer: foreign.clone(),
        client_id: "here".into(),
        client_secret: Some(ProviderSecret::new("a secret that both sides know of".into())),
        scopes: vec!["profile".into(), "email".into()],
        linking: Linking::NewUser,
    };
    let serving = Serving::start(|settings| settings.providers = vec![provider]).await;
    serving.identity.connect(Arc::new(Loopback));
    let folder = tools::npm("independent", SCRIPTS);
    let mut node = Command::new(tools::program("node", "nodejs"));
    let told = json!({ "issuer": serving.issuer, "foreign": foreign, "port": port });
    node.arg(folder.join("oidc_provider.mjs")).arg(told.to_string()).current_dir(&folder);
    tokio::task::spawn_blocking(move || tools::run(&mut node)).await.unwrap();
    let user = serving.identity.user("bela").await.unwrap();
    assert_eq!(user.email.as_deref(), Some("bela@foreign.example"));
}

/// Keeps the logout tokens that come by.
#[derive(Default)]
struct Receiver(Mutex<Vec<String>>);

impl Outgoing for Receiver {
    fn send(
        &self,
        _errand: Errand,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, OutgoingError>> + Send + '_>> {
        let token = form_urlencoded::parse(request.body()).next().unwrap().1.into_owned();
        self.0.lock().unwrap().push(token);
        Box::pin(async { Ok(Response::new(Bytes::new())) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jose_takes_the_token_that_tells_of_a_logout() {
    let (serving, mut told) = set_up().await;
    let receiver = Arc::new(Receiver::default());
    serving.identity.connect(Arc::clone(&receiver) as Arc<dyn Outgoing>);
    let mut shop = client("shop", ClientKind::Native);
    shop.backchannel_logout_uri = Some("https://shop.example/out".to_owned());
    serving.identity.create_client(shop).await.unwrap();
    let folder = tools::npm("independent", SCRIPTS);
    let run = async |script: &str, told: &Value| {
        let mut node = Command::new(tools::program("node", "nodejs"));
        node.arg(folder.join(script)).arg(told.to_string()).current_dir(&folder);
        let output = tokio::task::spawn_blocking(move || tools::run(&mut node)).await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    told["client"] = "shop".into();
    let sid = run("logged_in.mjs", &told).await.trim().to_owned();
    let user = serving.identity.user("anna").await.unwrap();
    serving.identity.end_sessions(&user.id, None).await.unwrap();
    assert_eq!(serving.identity.tell_clients_once().await.unwrap(), identity::Told { tried: 1, taken: 1 });
    told["token"] = receiver.0.lock().unwrap()[0].clone().into();
    told["sid"] = sid.into();
    assert_eq!(run("logout_token.mjs", &told).await.lines().count(), 1);
}
