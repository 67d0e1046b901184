//! What people are asked when clients want something: consent, devices, logging out.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod visiting;

use http::StatusCode;
use identity::{Client, ClientId, ClientKind, GrantType, RedirectUri};
use visiting::{Answer, Browser, House, between};

const BACK: &str = "https://shop.example/back";
const OUT: &str = "https://shop.example/bye";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-anybody-to-use";

async fn shop(house: &House) -> Client {
    let mut shop = Client::new(ClientId("shop".into()), "The <Shop>", ClientKind::Web);
    shop.authentication = identity::Authentication::None;
    shop.kind = ClientKind::Browser;
    shop.grants = [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode].into();
    shop.scopes = ["openid", "profile", "email", "offline_access"].map(str::to_owned).into();
    shop.redirect_uris = vec![RedirectUri::parse(BACK, ClientKind::Browser).unwrap()];
    shop.post_logout_redirect_uris = vec![RedirectUri::parse(OUT, ClientKind::Browser).unwrap()];
    house.identity.create_client(shop).await.unwrap().0
}

fn authorize(shop: &Client, scope: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let challenge = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", &shop.id.0)
        .append_pair("redirect_uri", BACK)
        .append_pair("scope", scope)
        .append_pair("state", "x y")
        .append_pair("code_challenge_method", "S256")
        .append_pair("code_challenge", &BASE64_URL_SAFE_NO_PAD.encode(challenge))
        .finish();
    format!("/oauth2/authorize?{query}")
}

/// Lets the shop in, and gives its tokens.
async fn connected(browser: &mut Browser, shop: &Client) -> serde_json::Value {
    let page = browser.get(&authorize(shop, "openid profile")).await;
    let request = unescaped(between(&page.body, "name=\"request\" value=\"", "\""));
    let answer = browser.post("/oauth2/consent", &[("request", &request), ("decision", "allow")]).await;
    let to = answer.to().unwrap();
    assert!(to.starts_with(&format!("{BACK}?code=")), "{to}");
    let code = between(to, "code=", "&").to_owned();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", shop.id.0.as_str()),
        ("redirect_uri", BACK),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    tokens(&browser.post_as_it_is("/oauth2/token", &fields).await)
}

fn tokens(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&").replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"")
}

#[tokio::test]
async fn consent_says_who_gets_what_for_how_long_and_where_the_browser_goes() {
    let house = House::open().await;
    let shop = shop(&house).await;
    let (_, mut anna) = house.person("anna").await;
    let page = anna.get(&authorize(&shop, "openid profile")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for text in ["The &#60;Shop&#62; asks for access", "You are logged in as anna.", "shop.example", "How long:"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' https://shop.example;"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"));
}

#[tokio::test]
async fn f81_a_consent_that_the_user_did_not_give_is_refused() {
    let house = House::open().await;
    let shop = shop(&house).await;
    let (_, mut anna) = house.person("anna").await;
    let (_, mut mallory) = house.person("mallory").await;
    let path = authorize(&shop, "openid profile");
    let page = mallory.get(&path).await.body;
    let request = unescaped(between(&page, "name=\"request\" value=\"", "\""));
    let theirs = visiting::hidden(&page, "/oauth2/consent").unwrap();
    for csrf in ["", theirs.as_str()] {
        let forced = [("csrf", csrf), ("request", &request), ("decision", "allow")];
        assert_eq!(anna.post_as_it_is("/oauth2/consent", &forced).await.status, StatusCode::FORBIDDEN);
    }
    anna.get(&path).await;
    let denied = anna.post("/oauth2/consent", &[("request", &request), ("decision", "deny")]).await;
    assert!(denied.to().unwrap().starts_with(&format!("{BACK}?error=access_denied")));
}

#[tokio::test]
async fn a_user_sees_what_was_given_and_takes_it_back() {
    let house = House::open().await;
    let shop = shop(&house).await;
    let (_, mut anna) = house.person("anna").await;
    let refresh = connected(&mut anna, &shop).await["refresh_token"].as_str().unwrap().to_owned();
    let page = anna.get("/account").await.body;
    let grants = between(&page, "id=\"grants\"", "</section>");
    assert!(grants.contains("The &#60;Shop&#62;"), "{grants}");
    let id = between(grants, "name=\"id\" value=\"", "\"").to_owned();
    let (_, mut bela) = house.person("bela").await;
    connected(&mut bela, &shop).await;
    bela.get("/account").await;
    assert_eq!(bela.post("/account/grants", &[("id", &id)]).await.to(), Some("/account?done=gone"), "not theirs");
    assert_eq!(anna.post("/account/grants", &[("id", &id)]).await.to(), Some("/account?done=1"));
    let fields = [("grant_type", "refresh_token"), ("client_id", "shop"), ("refresh_token", refresh.as_str())];
    assert_eq!(anna.post_as_it_is("/oauth2/token", &fields).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_was_given_in_a_session_ends_with_it() {
    let house = House::open().await;
    let shop = shop(&house).await;
    let (_, mut anna) = house.person("anna").await;
    let refresh = connected(&mut anna, &shop).await["refresh_token"].as_str().unwrap().to_owned();
    anna.get("/logout").await;
    anna.post("/logout", &[]).await;
    let fields = [("grant_type", "refresh_token"), ("client_id", "shop"), ("refresh_token", refresh.as_str())];
    assert_eq!(anna.post_as_it_is("/oauth2/token", &fields).await.status, StatusCode::BAD_REQUEST);
}

async fn device(house: &House, shop: &Client) -> (String, String) {
    let fields = [("client_id", shop.id.0.as_str()), ("scope", "openid profile")];
    let codes = tokens(&house.browser().post_as_it_is("/oauth2/device", &fields).await);
    (codes["device_code"].as_str().unwrap().to_owned(), codes["user_code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_device_gets_in_when_its_user_says_so() {
    let house = House::open().await;
    let shop = shop(&house).await;
    let (_, mut anna) = house.person("anna").await;
    let (device_code, user_code) = device(&house, &shop).await;
    let with_code = format!("/device?user_code={user_code}");
    let to = house.browser().get(&with_code).await.to().unwrap().to_owned();
    assert_eq!(to, format!("/login?return=%2Fdevice%3Fuser_code%3D{user_code}"));
    let page = anna.get(&with_code).await.body;
    assert!(page.contains(&format!("value=\"{user_code}\"")), "it is there, and still asked for");
    let asked = anna.post("/device", &[("user_code", &user_code.to_lowercase())]).await;
    assert!(asked.body.contains("Allow this only if you have just started it yourself"), "{}", asked.body);
    let done = anna.post("/device", &[("user_code", &user_code), ("decision", "allow")]).await;
    assert!(done.body.contains("Your device is connected"), "{}", done.body);
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", shop.id.0.as_str()),
        ("device_code", device_code.as_str()),
    ];
    house.clock.forward(6);
    let tokens = tokens(&anna.post_as_it_is("/oauth2/token", &fields).await);
    assert!(tokens["access_token"].is_string());
}

#[tokio::test]
async fn a_device_that_its_user_does_not_know_gets_nothing() {
    let house = House::open().await;
    let shop = shop(&house).await;
    let (_, mut anna) = house.person("anna").await;
    let (_, user_code) = device(&house, &shop).await;
    anna.get("/device").await;
    anna.post("/device", &[("user_code", &user_code)]).await;
    let denied = anna.post("/device", &[("user_code", &user_code), ("decision", "deny")]).await;
    assert!(denied.body.contains("Nothing was given"), "{}", denied.body);
    anna.get("/device").await;
    assert_eq!(anna.post("/device", &[("user_code", &user_code)]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn f80_codes_of_devices_cannot_be_guessed_by_the_dozen() {
    let house = House::open().await;
    let shop = shop(&house).await;
    let (_, mut mallory) = house.person("mallory").await;
    let (_, user_code) = device(&house, &shop).await;
    mallory.get("/device").await;
    for _ in 0..6 {
        let guess = mallory.post("/device", &[("user_code", "BBBB-BBBB")]).await;
        assert_eq!(guess.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let guess = mallory.post("/device", &[("user_code", &user_code)]).await;
    assert_eq!(guess.status, StatusCode::TOO_MANY_REQUESTS, "even the right one");
    assert_eq!(guess.header("retry-after"), "1");
}

fn logout(fields: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    format!("/oauth2/logout?{query}")
}

#[tokio::test]
async fn a_client_that_shows_the_sessions_id_token_logs_out_at_once() {
    let house = House::open().await;
    let shop = shop(&house).await;
    let (_, mut anna) = house.person("anna").await;
    let hint = connected(&mut anna, &shop).await["id_token"].as_str().unwrap().to_owned();
    house.clock.forward(30 * 60);
    let path = logout(&[("id_token_hint", &hint), ("post_logout_redirect_uri", OUT), ("state", "a&b")]);
    let answer = anna.get(&path).await;
    assert_eq!(answer.to(), Some("https://shop.example/bye?state=a%26b"), "though it has expired");
    assert!(answer.header("clear-site-data").contains("cache"));
    assert!(!anna.is_logged_in().await);
}

#[tokio::test]
async fn without_a_hint_of_this_session_the_user_is_asked() {
    let house = House::open().await;
    let shop = shop(&house).await;
    let (_, mut bela) = house.person("bela").await;
    let others = connected(&mut bela, &shop).await;
    let (_, mut anna) = house.person("anna").await;
    let (others_hint, access) = (others["id_token"].as_str().unwrap(), others["access_token"].as_str().unwrap());
    for hint in [None, Some(others_hint), Some(access), Some("junk")] {
        let mut fields = vec![("client_id", "shop"), ("post_logout_redirect_uri", OUT)];
        fields.extend(hint.map(|hint| ("id_token_hint", hint)));
        let page = anna.get(&logout(&fields)).await;
        assert!(page.body.contains("The &#60;Shop&#62; asks to log you out."), "{hint:?}: {}", page.body);
        assert!(page.header("content-security-policy").contains("form-action 'self' https://shop.example"));
    }
    assert!(anna.is_logged_in().await);
    let page = anna.get(&logout(&[("client_id", "shop"), ("post_logout_redirect_uri", OUT)])).await.body;
    let request = unescaped(between(&page, "name=\"request\" value=\"", "\""));
    assert_eq!(anna.post("/logout", &[("request", &request)]).await.to(), Some(OUT));
    assert!(!anna.is_logged_in().await);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_was_not_registered_for_logging_out() {
    let house = House::open().await;
    shop(&house).await;
    let (_, mut anna) = house.person("anna").await;
    for uri in [BACK, "https://shop.example/bye/", "https://shop.example.evil.example/bye", "javascript:alert(1)"] {
        let page = anna.get(&logout(&[("client_id", "shop"), ("post_logout_redirect_uri", uri)])).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{uri}");
    }
    let page = anna.get(&logout(&[("post_logout_redirect_uri", OUT)])).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "whose is it?");
    assert!(anna.is_logged_in().await);
}
