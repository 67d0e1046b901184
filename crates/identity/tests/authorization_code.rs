//! Users who allow apps something: codes, PKCE, redirects, consent, refresh tokens, and how all of it ends.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod asking;
mod visiting;

use std::collections::BTreeMap;

use asking::{Asking, CALLBACK, ORDERS, Prover, STOCK, basic, claims, members, shop};
use http::StatusCode;
use identity::{Client, ClientKind};
use serde_json::{Value, json};
use visiting::{Browser, House, ISSUER, PASSWORD};

/// A house with a user who is logged in, and a public client.
async fn house() -> (House, Browser, Client) {
    let house = House::with(shop).await;
    let (_, browser) = house.person("anna").await;
    let (client, _) = house.client(ClientKind::Browser, |_| {}).await;
    (house, browser, client)
}

/// Redeems a code as a public client.
async fn redeem(house: &House, client: &Client, asking: &Asking, code: &str) -> asking::Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client.id.0.as_str()),
        ("redirect_uri", CALLBACK),
        ("code", code),
        ("code_verifier", asking.verifier.as_str()),
    ];
    house.post("/oauth2/token", &form).await
}

async fn tokens(house: &House, browser: &mut Browser, client: &Client) -> Value {
    let asking = Asking::of(client);
    let answer = asking.allowed(browser).await;
    let answer = redeem(house, client, &asking, &answer["code"]).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text());
    answer.json()
}

async fn refresh(house: &House, client: &Client, token: &str, more: &[(&str, &str)]) -> asking::Answer {
    let form = [("grant_type", "refresh_token"), ("client_id", client.id.0.as_str()), ("refresh_token", token)];
    house.post("/oauth2/token", &[form.as_slice(), more].concat()).await
}

async fn userinfo(house: &House, token: &str) -> asking::Answer {
    let request = http::Request::get("/oauth2/userinfo").header("authorization", format!("Bearer {token}"));
    house.ask(request.body(bytes::Bytes::new()).unwrap()).await
}

#[tokio::test]
async fn f78_a_user_who_allows_an_app_sends_it_a_code_that_says_who_answers() {
    let (house, mut browser, client) = house().await;
    let asking = Asking::of(&client);
    let shown = browser.get(&asking.target()).await;
    for words in ["An app", "See your orders", "Know that it is you", "12 hours", "app.example.net"] {
        assert!(shown.body.contains(words), "{words}: {}", shown.body);
    }
    assert!(shown.header("content-security-policy").contains("form-action 'self' https://app.example.net"));
    let answer = asking.allowed(&mut browser).await;
    assert_eq!((answer["iss"].as_str(), answer["state"].as_str()), (ISSUER, "a state"));
    let body = redeem(&house, &client, &asking, &answer["code"]).await;
    assert_eq!(body.field("cache-control"), "no-store");
    let body = body.json();
    let access = claims(body["access_token"].as_str().unwrap());
    assert_eq!((access["aud"].as_str(), access["scope"].as_str()), (Some(ORDERS), Some("openid orders:read")));
    assert_eq!((access["acr"].as_str(), access["client_id"].as_str()), (Some("aal1"), Some(client.id.0.as_str())));
    let id = claims(body["id_token"].as_str().unwrap());
    assert_eq!((id["aud"].as_str(), id["nonce"].as_str()), (Some(client.id.0.as_str()), Some("n-0S6_WzA2Mj")));
    assert_eq!(id["sub"], access["sub"]);
    assert_eq!(id["sid"], access["sid"]);
    assert_eq!(userinfo(&house, body["access_token"].as_str().unwrap()).await.json(), json!({ "sub": id["sub"] }));
    let denied = browser.get(&asking.target()).await;
    let request = visiting::field(&denied.body, "request").unwrap();
    let answer = browser.post("/oauth2/consent", &[("request", &request), ("decision", "deny")]).await;
    let answer = members(answer.to().unwrap());
    assert_eq!((answer["error"].as_str(), answer["iss"].as_str()), ("access_denied", ISSUER), "errors say it too");
}

#[tokio::test]
async fn somebody_without_a_session_logs_in_first_and_comes_back() {
    let (house, _, client) = house().await;
    let mut browser = house.browser();
    let asking = Asking::of(&client);
    let answer = browser.get(&asking.target()).await;
    let login = answer.to().unwrap().to_owned();
    assert!(login.starts_with("/login?return=%2Foauth2%2Fauthorize"), "{login}");
    let page = browser.get(&login).await;
    let back = visiting::field(&page.body, "return").unwrap();
    let form = [("name", "anna"), ("password", PASSWORD), ("return", back.as_str()), ("acr", "aal1")];
    let answer = browser.post("/login", &form).await;
    assert_eq!(answer.to(), Some(back.as_str()));
    let shown = browser.get(&back).await;
    assert!(shown.body.contains("An app"));
    let none = house.browser().get(&asking.with("prompt", "none").target()).await;
    assert_eq!(members(none.to().unwrap())["error"], "login_required");
}

#[tokio::test]
async fn f69_a_redirect_that_is_not_registered_is_shown_and_never_followed() {
    let (_house, mut browser, client) = house().await;
    for other in [
        "https://app.example.net/callback/more",
        "https://app.example.net.evil.example/callback",
        "https://evil.app.example.net/callback",
        "https://app.example.net@evil.example/callback",
        "https://app.example.net/x/../callback",
        "https://app.example.net/callback#fragment",
        "https://app.example.net/callback?more",
        "",
    ] {
        let answer = browser.get(&Asking::of(&client).with("redirect_uri", other).target()).await;
        assert_eq!((answer.status, answer.to()), (StatusCode::BAD_REQUEST, None), "{other}");
        assert!(!answer.body.contains("evil"), "nor is it written on the page");
    }
    let answer = browser.get(&Asking::of(&client).with("client_id", "nobody").target()).await;
    assert_eq!((answer.status, answer.to()), (StatusCode::BAD_REQUEST, None));
}

#[tokio::test]
async fn f73_pkce_cannot_be_left_out_or_weakened() {
    let (house, mut browser, client) = house().await;
    for (name, value) in [
        ("code_challenge", ""),
        ("code_challenge_method", ""),
        ("code_challenge_method", "plain"),
        ("code_challenge", "short"),
    ] {
        let answer = browser.get(&Asking::of(&client).with(name, value).target()).await;
        assert_eq!(members(answer.to().unwrap())["error"], "invalid_request", "{name}={value}");
    }
    let asking = Asking::of(&client);
    let code = asking.allowed(&mut browser).await.remove("code").unwrap();
    let short = &asking.verifier[..42];
    for verifier in ["", short, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"] {
        let wrong = Asking { parameters: Vec::new(), verifier: verifier.to_owned() };
        assert_eq!(redeem(&house, &client, &wrong, &code).await.error(), (400, "invalid_grant".into()), "{verifier}");
    }
    assert_eq!(redeem(&house, &client, &asking, &code).await.status(), StatusCode::OK);
    let (exempt, secret) = house.client(ClientKind::Web, |client| client.require_pkce = false).await;
    let bare = Asking::of(&exempt).with("code_challenge", "").with("code_challenge_method", "");
    let code = bare.allowed(&mut browser).await.remove("code").unwrap();
    let form =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", bare.verifier.as_str())];
    let answer = house.post_with("/oauth2/token", &form, &[("authorization", &basic(&exempt.id.0, &secret))]).await;
    assert_eq!(answer.error().1, "invalid_grant", "a verifier without a challenge: it was stripped off");
}

#[tokio::test]
async fn f71_a_code_that_comes_twice_ends_what_it_gave() {
    let (house, mut browser, client) = house().await;
    let asking = Asking::of(&client);
    let code = asking.allowed(&mut browser).await.remove("code").unwrap();
    let body = redeem(&house, &client, &asking, &code).await.json();
    let (access, next) = (body["access_token"].as_str().unwrap(), body["refresh_token"].as_str().unwrap());
    assert_eq!(userinfo(&house, access).await.status(), StatusCode::OK);
    assert_eq!(redeem(&house, &client, &asking, &code).await.error(), (400, "invalid_grant".into()));
    assert_eq!(userinfo(&house, access).await.error(), (401, "invalid_token".into()));
    assert_eq!(refresh(&house, &client, next, &[]).await.error(), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn a_code_is_good_for_a_minute_and_for_its_client_and_redirect() {
    let (house, mut browser, client) = house().await;
    let (other, _) = house.client(ClientKind::Browser, |_| {}).await;
    let asking = Asking::of(&client);
    let code = asking.allowed(&mut browser).await.remove("code").unwrap();
    assert_eq!(redeem(&house, &other, &asking, &code).await.error().1, "invalid_grant");
    let elsewhere = [
        ("grant_type", "authorization_code"),
        ("client_id", client.id.0.as_str()),
        ("redirect_uri", "https://app.example.net/other"),
        ("code", code.as_str()),
        ("code_verifier", asking.verifier.as_str()),
    ];
    assert_eq!(house.post("/oauth2/token", &elsewhere).await.error().1, "invalid_grant");
    house.clock.forward(60);
    assert_eq!(redeem(&house, &client, &asking, &code).await.error().1, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_parallel_redemptions_of_a_code_give_one_success() {
    let (house, mut browser, client) = house().await;
    let asking = Asking::of(&client);
    let code = asking.allowed(&mut browser).await.remove("code").unwrap();
    let (house, code, client) = (std::sync::Arc::new(house), std::sync::Arc::new(code), std::sync::Arc::new(client));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (house, code, client) = (house.clone(), code.clone(), client.clone());
        tasks.spawn(async move { redeem(&house, &client, &Asking::of(&client), &code).await.status() });
    }
    let all = tasks.join_all().await;
    assert_eq!(all.iter().filter(|status| **status == StatusCode::OK).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_parallel_refreshes_make_one_lineage() {
    let (house, mut browser, client) = house().await;
    let first = tokens(&house, &mut browser, &client).await["refresh_token"].as_str().unwrap().to_owned();
    let (house, first, client) = (std::sync::Arc::new(house), std::sync::Arc::new(first), std::sync::Arc::new(client));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (house, first, client) = (house.clone(), first.clone(), client.clone());
        tasks.spawn(async move { refresh(&house, &client, &first, &[]).await.json()["refresh_token"].clone() });
    }
    let mut successors = tasks.join_all().await;
    successors.sort_by_key(ToString::to_string);
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert!(successors[0].as_str().unwrap().starts_with("pcr_"));
}

#[tokio::test]
async fn f74_a_refresh_token_used_after_its_grace_ends_the_lineage() {
    let (house, mut browser, client) = house().await;
    let body = tokens(&house, &mut browser, &client).await;
    let first = body["refresh_token"].as_str().unwrap();
    let second = refresh(&house, &client, first, &[]).await.json();
    let second_token = second["refresh_token"].as_str().unwrap();
    assert_ne!(first, second_token);
    house.clock.forward(10);
    let again = refresh(&house, &client, first, &[]).await.json();
    assert_eq!(again["refresh_token"], second["refresh_token"], "whoever lost the answer gets the same one");
    house.clock.forward(1);
    assert_eq!(refresh(&house, &client, first, &[]).await.error(), (400, "invalid_grant".into()));
    assert_eq!(refresh(&house, &client, second_token, &[]).await.error(), (400, "invalid_grant".into()));
    for token in [&body, &second, &again] {
        assert_eq!(userinfo(&house, token["access_token"].as_str().unwrap()).await.error().0, 401);
    }
}

#[tokio::test]
async fn f75_a_refresh_gives_no_more_than_was_granted() {
    let (house, mut browser, client) = house().await;
    let token = tokens(&house, &mut browser, &client).await["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(
        refresh(&house, &client, &token, &[("scope", "orders:write")]).await.error(),
        (400, "invalid_scope".into())
    );
    assert_eq!(refresh(&house, &client, &token, &[("resource", STOCK)]).await.error(), (400, "invalid_target".into()));
    let less = refresh(&house, &client, &token, &[("scope", "orders:read")]).await.json();
    assert_eq!(less["scope"], "orders:read");
    assert!(less.get("id_token").is_none());
    let all = refresh(&house, &client, less["refresh_token"].as_str().unwrap(), &[]).await.json();
    assert_eq!(all["scope"], "openid orders:read", "what was left out once is still granted");
}

#[tokio::test]
async fn a_confidential_clients_refresh_token_stays_and_is_its_own() {
    let (house, mut browser, _) = house().await;
    let (client, secret) = house.client(ClientKind::Web, |_| {}).await;
    let (other, strange) = house.client(ClientKind::Web, |_| {}).await;
    let asking = Asking::of(&client);
    let code = asking.allowed(&mut browser).await.remove("code").unwrap();
    let form =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", asking.verifier.as_str())];
    let authorization = basic(&client.id.0, &secret);
    let body = house.post_with("/oauth2/token", &form, &[("authorization", &authorization)]).await.json();
    let token = body["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    for _ in 0..2 {
        house.clock.forward(100);
        let body = house.post_with("/oauth2/token", &form, &[("authorization", &authorization)]).await.json();
        assert!(body.get("refresh_token").is_none() && body["access_token"].is_string(), "{body}");
    }
    let stolen = house.post_with("/oauth2/token", &form, &[("authorization", &basic(&other.id.0, &strange))]).await;
    assert_eq!(stolen.error().1, "invalid_grant");
}

#[tokio::test]
async fn a_session_that_ends_takes_what_was_given_in_it() {
    let (house, mut browser, client) = house().await;
    let body = tokens(&house, &mut browser, &client).await;
    let away = Asking::of(&client).with("scope", "openid offline_access");
    let code = away.allowed(&mut browser).await.remove("code").unwrap();
    let offline = redeem(&house, &client, &away, &code).await.json();
    browser.get("/logout").await;
    browser.post("/logout", &[]).await;
    assert_eq!(userinfo(&house, body["access_token"].as_str().unwrap()).await.error().0, 401);
    assert_eq!(refresh(&house, &client, body["refresh_token"].as_str().unwrap(), &[]).await.error().1, "invalid_grant");
    let still = refresh(&house, &client, offline["refresh_token"].as_str().unwrap(), &[]).await;
    assert_eq!(still.status(), StatusCode::OK, "what was asked for while the user is away stays");
}

#[tokio::test]
async fn a_user_takes_back_what_they_allowed() {
    let (house, mut browser, client) = house().await;
    let body = tokens(&house, &mut browser, &client).await;
    let token = body["access_token"].as_str().unwrap();
    let grant = claims(token)["grant"].as_str().unwrap().to_owned();
    let page = browser.get("/account").await;
    assert!(page.body.contains("An app"), "{}", page.body);
    browser.post("/account/grants", &[("id", &grant), ("grant", &grant)]).await;
    assert_eq!(userinfo(&house, token).await.error(), (401, "invalid_token".into()));
    assert_eq!(refresh(&house, &client, body["refresh_token"].as_str().unwrap(), &[]).await.error().1, "invalid_grant");
}

#[tokio::test]
async fn a_pushed_request_is_its_clients_and_is_used_up_by_the_code_alone() {
    let (house, mut browser, _) = house().await;
    let (client, secret) = house.client(ClientKind::Web, |client| client.require_par = true).await;
    let (other, _) = house.client(ClientKind::Browser, |_| {}).await;
    let plain = browser.get(&Asking::of(&client).target()).await;
    assert_eq!(members(plain.to().unwrap())["error"], "invalid_request", "it must push");
    let asking = Asking::of(&client);
    let form: Vec<(&str, &str)> = asking.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let authorization = basic(&client.id.0, &secret);
    let answer = house.post_with("/oauth2/par", &form, &[("authorization", &authorization)]).await;
    assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text());
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    let brought = |client: &Client| Asking {
        parameters: vec![("client_id", client.id.0.clone()), ("request_uri", uri.clone())],
        verifier: asking.verifier.clone(),
    };
    assert_eq!(browser.get(&brought(&other).target()).await.status, StatusCode::BAD_REQUEST, "another client's");
    for _ in 0..2 {
        assert_eq!(browser.get(&brought(&client).target()).await.status, StatusCode::OK, "looking does not use it up");
    }
    let answer = brought(&client).allowed(&mut browser).await;
    assert!(answer.contains_key("code"), "{answer:?}");
    assert_eq!(browser.get(&brought(&client).target()).await.status, StatusCode::BAD_REQUEST, "used up");
    let bad: Vec<_> = form
        .iter()
        .map(|(name, value)| (*name, if *name == "redirect_uri" { "https://evil.example/" } else { value }))
        .collect();
    assert_eq!(house.post_with("/oauth2/par", &bad, &[("authorization", &authorization)]).await.error().0, 400);
}

#[tokio::test]
async fn a_login_that_is_asked_for_again_is_not_taken_for_granted() {
    let (house, mut browser, client) = house().await;
    let log_in = async |browser: &mut Browser, asking: &Asking| {
        let login = browser.get(&asking.target()).await.to().map(str::to_owned)?;
        let page = browser.get(&login).await;
        let back = visiting::field(&page.body, "return").unwrap();
        let form = [("name", "anna"), ("password", PASSWORD), ("return", back.as_str())];
        assert_eq!(browser.post("/login", &form).await.to(), Some(back.as_str()));
        Some(browser.get(&back).await.status)
    };
    house.clock.forward(5);
    for asking in [
        Asking::of(&client).with("prompt", "login"),
        Asking::of(&client).with("max_age", "1"),
        Asking::of(&client).with("max_age", "0"),
    ] {
        assert_eq!(log_in(&mut browser, &asking).await, Some(StatusCode::OK), "asked again, and then let in");
        house.clock.forward(5);
    }
    assert_eq!(log_in(&mut browser, &Asking::of(&client).with("max_age", "3600")).await, None, "fresh enough");
    let asking = Asking::of(&client).with("prompt", "login");
    let way = browser.get(&asking.target()).await.to().unwrap().to_owned();
    let page = browser.get(&way).await;
    let back = visiting::field(&page.body, "return").unwrap();
    let form = [("name", "anna"), ("password", PASSWORD), ("return", back.as_str())];
    browser.post("/login", &form).await;
    assert_eq!(browser.get(&back).await.status, StatusCode::OK);
    house.clock.forward(3_000);
    assert_eq!(browser.get(&back).await.status, StatusCode::OK, "while the login is fresh");
    house.clock.forward(601);
    assert!(browser.get(&back).await.to().unwrap().starts_with("/login"), "an address from a history is no login");
    let forged = Asking::of(&client).with("prompt", "login").with("portcullis_since", "1.AAAA");
    assert!(browser.get(&forged.target()).await.to().unwrap().starts_with("/login"));
    let more = Asking::of(&client).with("acr_values", "aal2").with("prompt", "none");
    assert_eq!(members(browser.get(&more.target()).await.to().unwrap())["error"], "unmet_authentication_requirements");
}

#[tokio::test]
async fn a_code_that_names_a_key_is_redeemed_with_it_alone() {
    let (house, mut browser, client) = house().await;
    let (prover, thief) = (Prover::new(), Prover::new());
    let asking = Asking::of(&client).with("dpop_jkt", prover.key.kid());
    let code = asking.allowed(&mut browser).await.remove("code").unwrap();
    let now = house.now();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client.id.0.as_str()),
        ("code", code.as_str()),
        ("code_verifier", asking.verifier.as_str()),
    ];
    let nonce = house
        .post_with("/oauth2/token", &form, &[("dpop", &thief.proof("POST", "/oauth2/token", now, &json!({})))])
        .await;
    let nonce = json!({ "nonce": nonce.field("dpop-nonce") });
    let stolen =
        house.post_with("/oauth2/token", &form, &[("dpop", &thief.proof("POST", "/oauth2/token", now, &nonce))]).await;
    assert_eq!(stolen.error().1, "invalid_grant");
    assert_eq!(house.post("/oauth2/token", &form).await.error().1, "invalid_grant", "nor without a key");
    let body = house
        .post_with("/oauth2/token", &form, &[("dpop", &prover.proof("POST", "/oauth2/token", now, &nonce))])
        .await
        .json();
    assert_eq!(body["token_type"], "DPoP", "{body}");
    let token = body["refresh_token"].as_str().unwrap();
    assert_eq!(
        refresh(&house, &client, token, &[]).await.error().1,
        "invalid_grant",
        "its refresh tokens are bound too"
    );
    let access = body["access_token"].as_str().unwrap();
    assert_eq!(userinfo(&house, access).await.error().1, "invalid_token", "a bound token is no bearer token");
}

#[tokio::test]
async fn f80_a_device_that_asks_too_fast_is_slowed_down_and_then_locked() {
    let (house, mut browser, _) = house().await;
    let (client, _) = house
        .client(ClientKind::Native, |client| {
            client.grants.insert(identity::GrantType::DeviceCode);
        })
        .await;
    let start = async || {
        let form = [("client_id", client.id.0.as_str()), ("scope", "orders:read")];
        house.post("/oauth2/device", &form).await.json()
    };
    let poll = async |started: &Value| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", client.id.0.as_str()),
            ("device_code", started["device_code"].as_str().unwrap()),
        ];
        house.post("/oauth2/token", &form).await
    };
    let started = start().await;
    assert_eq!(poll(&started).await.error().1, "authorization_pending");
    assert_eq!(poll(&started).await.error().1, "slow_down");
    house.clock.forward(10);
    assert_eq!(poll(&started).await.error().1, "authorization_pending", "5 s more, and it may ask again");
    let mut last = String::new();
    for _ in 0..20 {
        last = poll(&started).await.error().1;
    }
    assert_eq!(last, "access_denied", "whoever does not listen is locked");
    let forged = json!({ "device_code": "pcd_0000000000000000000000000000000000000000000000000" });
    assert_eq!(poll(&forged).await.error().1, "invalid_grant");

    let started = start().await;
    let shown = started["user_code"].as_str().unwrap();
    browser.get(&format!("/device?user_code={shown}")).await;
    let page = browser.post("/device", &[("user_code", shown)]).await;
    assert!(page.body.contains("An app"), "{}", page.body);
    let form: BTreeMap<&str, String> =
        ["user_code"].into_iter().filter_map(|name| Some((name, visiting::field(&page.body, name)?))).collect();
    let mut form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    form.push(("decision", "allow"));
    let done = browser.post("/device", &form).await;
    assert_eq!(done.status, StatusCode::OK, "{:?} {}", done.to(), done.body);
    let body = poll(&started).await.json();
    assert!(body["access_token"].is_string() && body["refresh_token"].is_string(), "{body}");
    house.clock.forward(10);
    assert_eq!(poll(&started).await.error().1, "invalid_grant", "once");
}

#[tokio::test]
async fn an_app_of_the_house_gets_its_code_right_after_the_login() {
    let (house, _, _) = house().await;
    let (own, _) = house.client(ClientKind::Browser, |client| client.first_party = true).await;
    let (foreign, _) = house.client(ClientKind::Browser, |_| {}).await;
    let mut browser = house.browser();
    let login = browser.get(&Asking::of(&foreign).target()).await.to().unwrap().to_owned();
    let page = browser.get(&login).await;
    assert!(!page.header("content-security-policy").contains("app.example.net"), "it is asked about first");
    let login = browser.get(&Asking::of(&own).target()).await.to().unwrap().to_owned();
    let page = browser.get(&login).await;
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.contains("form-action 'self' https://app.example.net;"), "{policy}");
    let back = visiting::field(&page.body, "return").unwrap();
    let form = [("name", "anna"), ("password", PASSWORD), ("return", back.as_str())];
    assert_eq!(browser.post("/login", &form).await.to(), Some(back.as_str()));
    let answer = browser.get(&back).await;
    assert!(members(answer.to().unwrap()).contains_key("code"), "nobody is asked for consent");
}
