//! Clients that nobody registered, from their document to the end of what they were given. The documents come without a
//! network here; that they come over a real one, and from where they may not, is tested with the gateway.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod asking;
mod visiting;

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use asking::{Answer, Asking, CALLBACK, ORDERS, claims, members, shop};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use identity::{Client, ClientId, ClientKind, ClientsByUrl, Errand, GrantType, Outgoing, OutgoingError, Settings};
use jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use visiting::{House, ISSUER};

const ID: &str = "https://app.example/client.json";

/// Sites with documents, and how often each was asked.
#[derive(Default)]
struct Web {
    documents: Mutex<BTreeMap<String, (String, String)>>,
    asked: AtomicUsize,
    /// Answers take so long.
    slowly: Duration,
}

impl Web {
    fn put(&self, id: &str, document: &Value, cache_control: &str) {
        self.documents.lock().unwrap().insert(id.to_owned(), (document.to_string(), cache_control.to_owned()));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// The web as the server reaches it.
struct Road(Arc<Web>);

impl Outgoing for Road {
    fn send(
        &self,
        errand: Errand,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, OutgoingError>> + Send + '_>> {
        assert_eq!(errand, Errand::ClientDocument);
        Box::pin(async move {
            self.0.asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(self.0.slowly).await;
            let found = self.0.documents.lock().unwrap().get(&request.uri().to_string()).cloned();
            let Some((body, cache_control)) = found else { return Err(OutgoingError("nobody is there".to_owned())) };
            let answer = Response::builder().header("content-type", "application/json");
            Ok(answer.header("cache-control", cache_control).body(Bytes::from(body)).unwrap())
        })
    }
}

fn document(more: &Value) -> Value {
    let mut document = json!({ "client_id": ID, "client_name": "Shop", "redirect_uris": [CALLBACK] });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document
}

fn rules(settings: &mut Settings) {
    shop(settings);
    let scopes = ["openid", "orders:read"].map(str::to_owned).into();
    settings.clients_by_url = Some(ClientsByUrl { hosts: Vec::new(), scopes });
}

async fn house(web: &Arc<Web>) -> House {
    let house = House::with(rules).await;
    house.identity.connect(Arc::new(Road(Arc::clone(web))));
    house
}

async fn house_with(more: &Value, cache_control: &str) -> (House, Arc<Web>) {
    let web = Arc::new(Web::default());
    web.put(ID, &document(more), cache_control);
    (house(&web).await, web)
}

fn asking(id: &str) -> Asking {
    Asking::of(&Client::new(ClientId(id.to_owned()), "", ClientKind::Agent))
}

/// What a code is worth.
async fn redeem(house: &House, code: &str, verifier: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", "authorization_code"), ("client_id", ID), ("code", code), ("code_verifier", verifier)];
    house.post("/oauth2/token", &[&form, more].concat()).await
}

async fn tokens(house: &House) -> Value {
    let (_, mut browser) = house.person("anna").await;
    let asking = asking(ID);
    let answer = asking.allowed(&mut browser).await;
    let answer = redeem(house, &answer["code"], &asking.verifier, &[]).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text());
    answer.json()
}

async fn refresh(house: &House, token: &str) -> Answer {
    house.post("/oauth2/token", &[("grant_type", "refresh_token"), ("client_id", ID), ("refresh_token", token)]).await
}

#[tokio::test]
async fn such_a_client_is_asked_about_by_its_host_and_gets_tokens() {
    let (house, web) = house_with(&json!({}), "max-age=600").await;
    let (user, mut browser) = house.person("anna").await;
    let asking = asking(ID);
    let page = browser.get(&asking.target()).await.body;
    for part in [
        "app.example (“Shop”) asks for access",
        "All that is known is where it comes from: https:&#x2F;&#x2F;app.example",
        "is an agent",
        "See your orders",
        "You will then be sent to app.example.net",
    ] {
        let page = page.replace("&#47;", "&#x2F;").replace('/', "&#x2F;");
        assert!(page.contains(&part.replace('/', "&#x2F;")), "{part}: {page}");
    }
    let first = asking.allowed(&mut browser).await;
    assert_eq!(first["iss"], ISSUER);
    let answer = redeem(&house, &first["code"], &asking.verifier, &[]).await.json();
    let token = claims(answer["access_token"].as_str().unwrap());
    assert_eq!((&token["client_id"], &token["sub"]), (&json!(ID), &json!(user.id.as_str())));
    assert_eq!(token["aud"], ORDERS);
    let second = refresh(&house, answer["refresh_token"].as_str().unwrap()).await;
    assert_eq!(second.status(), StatusCode::OK, "{}", second.text());
    assert_eq!(web.asked(), 1);
    // It was allowed before, and is asked about again.
    assert_eq!(browser.get(&asking.target()).await.status, StatusCode::OK);
    let account = browser.get("/account").await.body;
    assert!(account.contains("app.example (“Shop”)"), "{account}");
}

#[tokio::test]
async fn an_error_sends_nobody_to_a_stranger_unless_the_user_said_no() {
    let (house, _) = house_with(&json!({}), "max-age=600").await;
    let (_, mut browser) = house.person("anna").await;
    for (name, value) in [("prompt", "none"), ("scope", "orders:write"), ("code_challenge", "short"), ("resource", "x")]
    {
        for browser in [&mut browser, &mut house.browser()] {
            let answer = browser.get(&asking(ID).with(name, value).target()).await;
            assert_eq!((answer.status, answer.to()), (StatusCode::BAD_REQUEST, None), "{name}: {}", answer.body);
        }
    }
    let page = browser.get(&asking(ID).target()).await;
    let request = visiting::field(&page.body, "request").unwrap();
    let denied = browser.post("/oauth2/consent", &[("request", &request), ("decision", "deny")]).await;
    assert_eq!(members(denied.to().unwrap())["error"], "access_denied");
    let other = browser.get(&asking(ID).with("redirect_uri", "https://app.example.net/other").target()).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_key_in_the_document_is_what_its_client_proves_itself_with() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let keys = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.public_jwk()] } });
    let (house, _) = house_with(&keys, "max-age=600").await;
    let (_, mut browser) = house.person("anna").await;
    let asking = asking(ID);
    let code = asking.allowed(&mut browser).await["code"].clone();
    assert_eq!(redeem(&house, &code, &asking.verifier, &[]).await.error(), (401, "invalid_client".into()));
    let now = house.now();
    let proof = json!({ "iss": ID, "sub": ID, "aud": ISSUER, "jti": "1", "iat": now, "exp": now + 60 });
    let assertion = key.sign_jwt("JWT", &proof).unwrap();
    let more = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    let answer = redeem(&house, &code, &asking.verifier, &more).await;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn a_document_is_asked_for_again_when_its_origin_said_and_not_before() {
    let (house, web) = house_with(&json!({}), "max-age=600").await;
    let mut browser = house.browser();
    let mut ask = async |seconds: u64| {
        house.clock.forward(seconds);
        browser.get(&asking(ID).target()).await.status
    };
    for (seconds, asked) in [(0, 1), (599, 1), (1, 2)] {
        assert_eq!(ask(seconds).await, StatusCode::SEE_OTHER);
        assert_eq!(web.asked(), asked, "after {seconds} s");
    }
    web.put(ID, &document(&json!({})), "no-store");
    assert_eq!(ask(600).await, StatusCode::SEE_OTHER);
    assert_eq!((ask(59).await, web.asked()), (StatusCode::SEE_OTHER, 3), "one log-in asks once");
    web.documents.lock().unwrap().clear();
    for asked in [4, 5] {
        assert_eq!(ask(1).await, StatusCode::BAD_REQUEST);
        assert_eq!(web.asked(), asked, "what is no document is not kept");
    }
}

#[tokio::test]
async fn a_client_whose_document_is_gone_gets_no_more_tokens() {
    let (house, web) = house_with(&json!({}), "max-age=60").await;
    let answer = tokens(&house).await;
    let token = answer["refresh_token"].as_str().unwrap();
    web.documents.lock().unwrap().clear();
    house.clock.forward(61);
    assert_eq!(refresh(&house, token).await.error(), (401, "invalid_client".into()));
    web.put(ID, &document(&json!({})), "max-age=60");
    assert_eq!(refresh(&house, token).await.status(), StatusCode::OK, "it is not used up");
}

#[tokio::test]
async fn many_who_ask_at_once_wait_for_one_answer() {
    let web = Arc::new(Web { slowly: Duration::from_millis(50), ..Web::default() });
    web.put(ID, &document(&json!({})), "max-age=600");
    let house = house(&web).await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut browser = house.browser();
        asked.spawn(async move { browser.get(&asking(ID).target()).await.status });
    }
    let answers = asked.join_all().await;
    assert!(answers.iter().all(|status| *status == StatusCode::SEE_OTHER), "{answers:?}");
    assert_eq!(web.asked(), 1);
}

#[tokio::test]
async fn strangers_use_up_no_fetch_of_a_client_that_somebody_allowed() {
    let (house, web) = house_with(&json!({}), "max-age=60").await;
    let answer = tokens(&house).await;
    house.clock.forward(61);
    let mut browser = house.browser();
    let mut refused = 0;
    for number in 0..100_u8 {
        browser.address = [198, 51, 100, number].into();
        // Of its own host, and of others.
        let id = if number % 2 == 0 { format!("{ID}/{number}") } else { format!("https://h{number}.example/") };
        let status = browser.get(&asking(&id).target()).await.status;
        refused += usize::from(status == StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(refused >= 60 && web.asked() <= 40, "{refused} refused, {} asked", web.asked());
    let token = answer["refresh_token"].as_str().unwrap();
    let refreshed = refresh(&house, token).await;
    assert_eq!(refreshed.status(), StatusCode::OK, "{}", refreshed.text());
}

#[tokio::test]
async fn one_stranger_leaves_room_for_another() {
    let (house, web) = house_with(&json!({}), "max-age=600").await;
    let mut browser = house.browser();
    for number in 0..40 {
        browser.get(&asking(&format!("https://h{number}.example/")).target()).await;
    }
    assert_eq!(web.asked(), 10);
    let mut neighbour = house.browser();
    neighbour.address = "198.51.100.77".parse().unwrap();
    assert_eq!(neighbour.get(&asking(ID).target()).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_operator_shuts_such_a_client_out_for_good() {
    let (house, _) = house_with(&json!({}), "max-age=600").await;
    let answer = tokens(&house).await;
    let id = ClientId(ID.to_owned());
    assert!(house.identity.clients().await.unwrap().iter().any(|stored| stored.client.id == id && stored.by_url));
    house.identity.set_client_disabled(&id, true).await.unwrap();
    assert_eq!(refresh(&house, answer["refresh_token"].as_str().unwrap()).await.error().0, 401);
    assert!(!house.identity.judge_token(answer["access_token"].as_str().unwrap()).await.unwrap().valid);
    // Also after everything that it had was cleaned up.
    house.clock.forward(90 * 86_400);
    while house.identity.clean_once().await.unwrap() {}
    let page = house.browser().get(&asking(ID).target()).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
}

#[tokio::test]
async fn what_is_kept_of_such_a_client_goes_with_what_it_was_given() {
    let (house, _) = house_with(&json!({}), "max-age=600").await;
    tokens(&house).await;
    let count = async || {
        while house.identity.clean_once().await.unwrap() {}
        house.identity.clients().await.unwrap().len()
    };
    assert_eq!(count().await, 1);
    house.clock.forward(31 * 86_400);
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn a_client_that_is_registered_under_an_address_is_not_asked_for_there() {
    let (house, web) = house_with(&json!({}), "max-age=600").await;
    let registered = house.client(ClientKind::Native, |client| {
        client.id = ClientId(ID.to_owned());
        client.first_party = true;
        client.grants = [GrantType::AuthorizationCode].into();
    });
    registered.await;
    let (_, mut browser) = house.person("anna").await;
    let answer = browser.get(&asking(ID).target()).await;
    assert!(members(answer.to().unwrap()).contains_key("code"), "{:?}", answer.to());
    assert_eq!(web.asked(), 0);
}
