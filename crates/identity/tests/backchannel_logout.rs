//! Clients are told that a session ended (OpenID Connect Back-Channel Logout 1.0). The way to them is short here; over a
//! real network it is tested with the gateway, and by a library of others in `independent.rs`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod asking;
mod visiting;

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use asking::{Asking, claims};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use identity::{Client, ClientKind, Errand, InvitationKind, Outgoing, OutgoingError, Told, User};
use serde_json::{Value, json};
use visiting::{Browser, House, ISSUER, PASSWORD, secret};

/// Receivers of logout tokens, by the path of their address.
#[derive(Default)]
struct Receivers {
    seen: Mutex<Vec<(String, String)>>,
    /// What they answer, in turn; then 200.
    answers: Mutex<Vec<Result<StatusCode, ()>>>,
    slowly: Duration,
}

impl Receivers {
    /// Addresses and tokens so far, and forgets them.
    fn take(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    fn answer(&self, answers: &[Result<StatusCode, ()>]) {
        *self.answers.lock().unwrap() = answers.iter().rev().copied().collect();
    }
}

struct Road(Arc<Receivers>);

impl Outgoing for Road {
    fn send(
        &self,
        errand: Errand,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, OutgoingError>> + Send + '_>> {
        assert_eq!((errand, request.method().as_str()), (Errand::Logout, "POST"));
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        Box::pin(async move {
            tokio::time::sleep(self.0.slowly).await;
            let form: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
            assert_eq!((form.len(), form[0].0.as_str()), (1, "logout_token"));
            self.0.seen.lock().unwrap().push((request.uri().to_string(), form[0].1.clone()));
            let status = self.0.answers.lock().unwrap().pop().unwrap_or(Ok(StatusCode::OK));
            let status = status.map_err(|()| OutgoingError("nobody is there".to_owned()))?;
            Ok(Response::builder().status(status).body(Bytes::new()).unwrap())
        })
    }
}

async fn house() -> (House, Arc<Receivers>) {
    let house = House::with(asking::shop).await;
    let receivers = Arc::new(Receivers::default());
    house.identity.connect(Arc::new(Road(Arc::clone(&receivers))));
    (house, receivers)
}

/// A client that wants to be told at an address.
async fn listener(house: &House, uri: &str) -> Client {
    let change = |client: &mut Client| client.backchannel_logout_uri = Some(uri.to_owned());
    house.client(ClientKind::Browser, change).await.0
}

/// What a client is given in a browser: the claims of its ID token.
async fn given(house: &House, browser: &mut Browser, client: &Client, scope: &str) -> Value {
    let asking = Asking::of(client).with("scope", scope);
    let code = asking.allowed(browser).await["code"].clone();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client.id.0.as_str()),
        ("code", code.as_str()),
        ("code_verifier", asking.verifier.as_str()),
    ];
    let answer = house.post("/oauth2/token", &form).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text());
    claims(answer.json()["id_token"].as_str().unwrap())
}

async fn told(house: &House) -> (usize, usize) {
    let Told { tried, taken } = house.identity.tell_clients_once().await.unwrap();
    (tried, taken)
}

async fn log_out(browser: &mut Browser) {
    browser.get("/logout").await;
    assert_eq!(browser.post("/logout", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn each_client_of_a_session_is_told_once_who_left_which_session() {
    let (house, receivers) = house().await;
    let (user, mut browser) = house.person("anna").await;
    let shop = listener(&house, "https://shop.example/out").await;
    let bank = listener(&house, "https://bank.example/out?a=b").await;
    let unused = listener(&house, "https://unused.example/out").await;
    let deaf = house.client(ClientKind::Browser, |_| {}).await.0;
    let id_token = given(&house, &mut browser, &shop, "openid orders:read").await;
    // Also a client that may come back without the user, and one that was given tokens twice.
    for _ in 0..2 {
        given(&house, &mut browser, &bank, "openid offline_access").await;
    }
    given(&house, &mut browser, &deaf, "openid").await;
    assert_eq!(told(&house).await, (0, 0), "the session goes on");
    log_out(&mut browser).await;
    assert_eq!(told(&house).await, (2, 2));
    assert_eq!(told(&house).await, (0, 0));
    let mut seen = receivers.take();
    seen.sort();
    let addresses: Vec<&str> = seen.iter().map(|(address, _)| address.as_str()).collect();
    assert_eq!(addresses, ["https://bank.example/out?a=b", "https://shop.example/out"]);
    assert!(!addresses.contains(&unused.backchannel_logout_uri.as_deref().unwrap()));
    let (bank_token, shop_token) = (claims(&seen[0].1), claims(&seen[1].1));
    assert_eq!((&bank_token["aud"], &shop_token["aud"]), (&json!(bank.id), &json!(shop.id)));
    assert_ne!(bank_token["jti"], shop_token["jti"]);
    assert_eq!((&shop_token["iss"], &shop_token["sub"]), (&json!(ISSUER), &json!(user.id.as_str())));
    assert_eq!(shop_token["sid"], id_token["sid"]);
    assert_eq!(shop_token["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    assert_eq!((&shop_token["iat"], &shop_token["exp"]), (&json!(house.now()), &json!(house.now() + 120)));
    assert_eq!(shop_token.get("nonce"), None, "it must not pass for an ID token");
    let header = jose::Compact::parse(&seen[1].1).unwrap();
    assert_eq!(header.kind(), Some("logout+jwt"));
}

/// Logs `anna` in once more, and lets a client in there.
async fn another_session(house: &House, client: &Client) -> Browser {
    let mut browser = house.browser();
    browser.log_in("anna", PASSWORD).await;
    given(house, &mut browser, client, "openid").await;
    browser
}

#[tokio::test]
async fn whatever_ends_a_session_is_told() {
    let (house, receivers) = house().await;
    let (user, mut first) = house.person("anna").await;
    let shop = listener(&house, "https://shop.example/out").await;

    another_session(&house, &shop).await;
    first.get("/account/password").await;
    let fields = [("current", PASSWORD), ("new", "eight green hedgehogs")];
    first.post("/account/password", &fields).await;
    assert_eq!(told(&house).await, (1, 1), "another password ends all other sessions");
    first.get("/account/password").await;
    first.post("/account/password", &[("current", "eight green hedgehogs"), ("new", PASSWORD)]).await;

    another_session(&house, &shop).await;
    let summary = &house.identity.sessions_of(&user.id).await.unwrap();
    let other = summary.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
    assert_eq!(other.len(), 2);
    first.get("/account").await;
    first.post("/account/sessions", &[("id", "others")]).await;
    let after_owner = told(&house).await;

    another_session(&house, &shop).await;
    house.identity.end_sessions(&user.id, None).await.unwrap();
    assert_eq!(told(&house).await, (1, 1), "an operator ends all sessions");
    assert_eq!(after_owner, (1, 1), "the user ends their other sessions");

    another_session(&house, &shop).await;
    house.identity.disable_user(&user.id, true).await.unwrap();
    assert_eq!(told(&house).await, (1, 1), "an operator shuts the user out");
    house.identity.disable_user(&user.id, false).await.unwrap();

    another_session(&house, &shop).await;
    recover(&house, &user).await;
    assert_eq!(told(&house).await, (1, 1), "the user begins again");

    let mut shared = another_session(&house, &shop).await;
    house.person("bela").await;
    shared.log_in("bela", PASSWORD).await;
    assert_eq!(told(&house).await, (1, 1), "somebody else logs in in the same browser");
    assert_eq!(receivers.take().len(), 6);
}

async fn recover(house: &House, user: &User) {
    let link = house.invitation(user, InvitationKind::Recover).await;
    let mut browser = house.browser();
    browser.get(&link).await;
    browser.post("/invitation/password", &[("link", secret(&link)), ("password", PASSWORD)]).await;
}

#[tokio::test]
async fn a_code_that_is_redeemed_after_the_end_of_its_session_is_told_at_once() {
    let (house, _) = house().await;
    let (user, mut browser) = house.person("anna").await;
    let shop = listener(&house, "https://shop.example/out").await;
    let asking = Asking::of(&shop).with("scope", "openid offline_access");
    let code = asking.allowed(&mut browser).await["code"].clone();
    house.identity.end_sessions(&user.id, None).await.unwrap();
    let id = shop.id.0.as_str();
    let form =
        [("grant_type", "authorization_code"), ("client_id", id), ("code", &code), ("code_verifier", &asking.verifier)];
    let answer = house.post("/oauth2/token", &form).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text());
    assert_eq!(told(&house).await, (1, 1));
}

#[tokio::test]
async fn a_client_that_does_not_answer_is_asked_again_ever_more_seldom_and_after_a_restart() {
    let (house, receivers) = house().await;
    let (_, mut browser) = house.person("anna").await;
    let shop = listener(&house, "https://shop.example/out").await;
    given(&house, &mut browser, &shop, "openid").await;
    log_out(&mut browser).await;
    receivers.answer(&[Err(()), Ok(StatusCode::BAD_GATEWAY), Ok(StatusCode::TOO_MANY_REQUESTS)]);
    assert_eq!(told(&house).await, (1, 0));
    assert_eq!(told(&house).await, (0, 0), "not before its time");
    let house = house.reopened(asking::shop).await;
    house.identity.connect(Arc::new(Road(Arc::clone(&receivers))));
    for (wait, expected) in
        [(4, (0, 0)), (1, (1, 0)), (29, (0, 0)), (1, (1, 0)), (119, (0, 0)), (1, (1, 1)), (10_000, (0, 0))]
    {
        house.clock.forward(wait);
        assert_eq!(told(&house).await, expected, "after {wait} s more");
    }
    let seen = receivers.take();
    let ids: std::collections::BTreeSet<String> =
        seen.iter().map(|(_, token)| claims(token)["jti"].to_string()).collect();
    assert_eq!((seen.len(), ids.len()), (4, 4), "each try is a token of its own");
}

#[tokio::test]
async fn a_client_that_never_answers_is_given_up_and_what_it_refuses_is_not_repeated() {
    let (house, receivers) = house().await;
    let (_, mut browser) = house.person("anna").await;
    let shop = listener(&house, "https://shop.example/out").await;
    given(&house, &mut browser, &shop, "openid").await;
    log_out(&mut browser).await;
    receivers.answer(&[Err(()); 100]);
    let mut tries = 0;
    for _ in 0..400 {
        tries += told(&house).await.0;
        house.clock.forward(60);
    }
    assert_eq!(tries, 7);
    receivers.answer(&[Ok(StatusCode::BAD_REQUEST)]);
    another_session(&house, &shop).await.get("/logout").await;
    let user = house.identity.user("anna").await.unwrap();
    house.identity.end_sessions(&user.id, None).await.unwrap();
    assert_eq!(told(&house).await, (1, 0));
    house.clock.forward(86_400);
    assert_eq!(told(&house).await, (0, 0));
    receivers.answer(&[Ok(StatusCode::FOUND)]);
    another_session(&house, &shop).await;
    house.identity.end_sessions(&user.id, None).await.unwrap();
    assert_eq!((told(&house).await, told(&house).await), ((1, 0), (0, 0)), "a redirect is not followed");
}

#[tokio::test]
async fn a_receiver_that_is_slow_delays_no_logout_and_no_other_client() {
    let house = House::with(asking::shop).await;
    let receivers = Arc::new(Receivers { slowly: Duration::from_secs(3), ..Receivers::default() });
    house.identity.connect(Arc::new(Road(Arc::clone(&receivers))));
    let (_, mut browser) = house.person("anna").await;
    let shop = listener(&house, "https://shop.example/out").await;
    given(&house, &mut browser, &shop, "openid").await;
    let telling = tokio::spawn(house.identity.clone().tell_clients());
    let begun = Instant::now();
    log_out(&mut browser).await;
    assert!(begun.elapsed() < Duration::from_millis(1_500), "logging out took {:?}", begun.elapsed());
    assert!(receivers.take().is_empty());
    while receivers.take().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it was never told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    telling.abort();
}

#[tokio::test]
async fn many_ends_of_one_client_leave_room_for_others() {
    let (house, receivers) = house().await;
    let (user, mut browser) = house.person("anna").await;
    let (dead, shop) =
        (listener(&house, "https://dead.example/out").await, listener(&house, "https://shop.example/out").await);
    for _ in 0..20 {
        another_session(&house, &dead).await;
    }
    given(&house, &mut browser, &shop, "openid").await;
    house.identity.end_sessions(&user.id, None).await.unwrap();
    receivers.answer(&[]);
    assert_eq!(told(&house).await.0, 5, "four of the one, one of the other");
    assert!(receivers.take().iter().any(|(address, _)| address == "https://shop.example/out"));
}

#[tokio::test]
async fn an_address_that_is_not_https_is_not_registered() {
    let (house, _) = house().await;
    for uri in
        ["http://shop.example/out", "http://127.0.0.1/out", "https://u@shop.example/", "https://shop.example/#a", "x"]
    {
        let mut client = Client::new(identity::ClientId(String::new()), "Shop", ClientKind::Service);
        client.backchannel_logout_uri = Some(uri.to_owned());
        assert!(house.identity.create_client(client).await.is_err(), "{uri}");
    }
    let metadata = house.fetch("/.well-known/openid-configuration").await.json();
    assert_eq!(metadata["backchannel_logout_supported"], true);
    assert_eq!(metadata["backchannel_logout_session_supported"], true);
    let unconnected = House::open().await.fetch("/.well-known/openid-configuration").await.json();
    assert_eq!(unconnected["backchannel_logout_supported"], false, "nobody would tell them");
}
