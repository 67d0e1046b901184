//! Logging in through another provider. The provider is a server of the same kind, reached without a network.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod visiting;

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use identity::{
    Client, ClientId, ClientKind, Errand, EventKind, GrantType, Identity, InvitationKind, Issuer, Linking, NewUser,
    Origin, Outgoing, OutgoingError, Provider, ProviderSecret, RedirectUri, Settings,
};
use visiting::{Browser, House, ISSUER, PASSWORD, between, secret};

const ELSEWHERE: &str = "https://elsewhere.example";

/// The way to the provider, and what it does to answers on the way.
struct Road {
    provider: Identity,
    change: fn(&str, String) -> String,
}

impl Outgoing for Road {
    fn send(
        &self,
        _errand: Errand,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, OutgoingError>> + Send + '_>> {
        Box::pin(async move {
            let uri = request.uri().to_string();
            let path = uri.strip_prefix(ELSEWHERE).ok_or_else(|| OutgoingError(format!("no way to {uri}")))?.to_owned();
            let (mut head, body) = request.into_parts();
            head.uri = path.parse().unwrap();
            let origin = Origin { address: [198, 51, 100, 1].into(), certificate: None };
            let answer = self.provider.answer(origin, Request::from_parts(head, body)).await;
            Ok(answer.map(|body| Bytes::from((self.change)(&path, String::from_utf8(body.to_vec()).unwrap()))))
        })
    }
}

/// Two servers: people of the first one log in at the second.
struct Both {
    here: House,
    there: House,
}

impl Both {
    async fn open(linking: Linking, change: fn(&str, String) -> String) -> Self {
        let there = House::with(|settings| settings.issuer = Issuer::parse(ELSEWHERE).unwrap()).await;
        let mut client = Client::new(ClientId("here".into()), "Here", ClientKind::Web);
        client.grants = [GrantType::AuthorizationCode].into();
        client.first_party = true;
        client.scopes = ["openid", "profile", "email"].map(str::to_owned).into();
        let back = format!("{ISSUER}/login/external/else/return");
        client.redirect_uris = vec![RedirectUri::parse(&back, ClientKind::Web).unwrap()];
        let (client, secret) = there.identity.create_client(client).await.unwrap();
        let provider = Provider {
            name: "else".into(),
            label: "Elsewhere".into(),
            issuer: ELSEWHERE.into(),
            client_id: client.id.0,
            client_secret: Some(ProviderSecret::new(secret.unwrap().expose().to_owned())),
            scopes: vec!["profile".into(), "email".into()],
            linking,
        };
        let here = House::with(|settings: &mut Settings| settings.providers = vec![provider]).await;
        here.identity.connect(Arc::new(Road { provider: there.identity.clone(), change }));
        Self { here, there }
    }

    /// Somebody who is logged in at the provider.
    async fn somebody(&self, new: NewUser) -> Browser {
        let name = new.name.clone();
        let user = self.there.identity.add_user(new).await.unwrap();
        let invitation = self.there.identity.invite(&user.id, InvitationKind::Invite).await.unwrap();
        let link = invitation.link.strip_prefix(ELSEWHERE).unwrap().to_owned();
        let mut browser = self.there.browser();
        browser.get(&link).await;
        browser.post("/invitation/password", &[("link", secret(&link)), ("password", PASSWORD)]).await;
        assert!(browser.is_logged_in().await, "{name}");
        browser
    }
}

fn as_it_is(_: &str, body: String) -> String {
    body
}

/// Goes to the provider and comes back; where the browser is then sent to, or what it is shown.
async fn through(here: &mut Browser, there: &mut Browser, to: &str) -> visiting::Answer {
    let path = to.strip_prefix(ELSEWHERE).unwrap_or_else(|| panic!("{to}")).to_owned();
    let answer = there.get(&path).await;
    let back = answer.to().unwrap_or_else(|| panic!("{}", answer.body)).strip_prefix(ISSUER).unwrap().to_owned();
    here.get(&back).await
}

async fn logged_in(here: &mut Browser, there: &mut Browser) -> visiting::Answer {
    let to = here.get("/login/external/else?return=%2Faccount%2Fpassword").await.to().unwrap().to_owned();
    through(here, there, &to).await
}

fn named(name: &str, email: &str) -> NewUser {
    NewUser { email: Some(email.into()), email_verified: true, ..NewUser::named(name) }
}

/// What a provider says otherwise.
type Change = fn(&str, String) -> String;

#[tokio::test]
async fn a_user_connects_an_account_and_then_logs_in_with_it() {
    let both = Both::open(Linking::ByTheUser, as_it_is).await;
    let mut there = both.somebody(named("anna.elsewhere", "anna@elsewhere.example")).await;
    let (user, mut here) = both.here.person("anna").await;
    let mut stranger = both.here.browser();
    assert!(stranger.get("/login").await.body.contains("Log in with Elsewhere"));
    let nobody = logged_in(&mut stranger, &mut there).await;
    assert_eq!(nobody.status, StatusCode::FORBIDDEN, "nobody has connected it yet");
    here.get("/account").await;
    let asked = here.post("/account/external/else", &[]).await.body;
    let to = between(&asked, "href=\"https", "\"").replace("&#38;", "&");
    let done = through(&mut here, &mut there, &format!("https{to}")).await;
    assert_eq!(done.to(), Some("/account?done=1"));
    assert!(here.get("/account").await.body.contains("Elsewhere: anna@elsewhere.example"));
    assert_eq!(logged_in(&mut stranger, &mut there).await.to(), Some("/account/password"));
    assert!(stranger.get("/account").await.body.contains("You are logged in as anna."));
    let kinds: Vec<_> =
        both.here.identity.events_of(&user.id, 9).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert!(kinds.contains(&EventKind::ExternalConnected), "{kinds:?}");
    let page = here.get("/account").await.body;
    let id = between(between(&page, "id=\"external\"", "</section>"), "name=\"id\" value=\"", "\"").to_owned();
    assert_eq!(here.post("/account/disconnect", &[("id", &id)]).await.to(), Some("/account?done=1"));
    assert_eq!(logged_in(&mut both.here.browser(), &mut there).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_account_elsewhere_is_somebodys_here_by_the_rule_alone_that_is_set() {
    for (linking, verified, outcome) in [
        (Linking::ByTheUser, true, None),
        (Linking::ByVerifiedEmail, true, Some("anna")),
        (Linking::ByVerifiedEmail, false, None),
        (Linking::NewUser, true, Some("anna.elsewhere")),
    ] {
        let both = Both::open(linking, as_it_is).await;
        let new = NewUser { email_verified: verified, ..named("anna.elsewhere", "anna@example.org") };
        let mut there = both.somebody(new).await;
        both.here.identity.add_user(named("anna", "anna@example.org")).await.unwrap();
        let mut here = both.here.browser();
        let answer = logged_in(&mut here, &mut there).await;
        match outcome {
            None => assert_eq!(answer.status, StatusCode::FORBIDDEN, "{linking:?}"),
            Some(name) => {
                assert_eq!(answer.to(), Some("/account/password"), "{linking:?}: {}", answer.body);
                assert!(here.get("/account").await.body.contains(&format!("You are logged in as {name}.")));
            }
        }
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_nobodys_by_chance() {
    let both = Both::open(Linking::NewUser, as_it_is).await;
    let mut there = both.somebody(named("anna", "anna@elsewhere.example")).await;
    both.here.user("anna").await;
    assert_eq!(logged_in(&mut both.here.browser(), &mut there).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn whoever_has_an_app_here_owes_its_code_all_the_same() {
    let both = Both::open(Linking::NewUser, as_it_is).await;
    let mut there = both.somebody(named("anna", "anna@elsewhere.example")).await;
    let mut here = both.here.browser();
    logged_in(&mut here, &mut there).await;
    here.get("/account").await;
    here.post("/account/totp", &[]).await;
    let page = here.get("/account/totp").await.body;
    let secret = between(&page, "class=\"secret\">", "<").to_owned();
    let code = visiting::code(&secret, identity::Clock::now(&*both.here.clock));
    assert_eq!(here.post("/account/totp/confirm", &[("code", &code)]).await.status, StatusCode::OK);
    let mut again = both.here.browser();
    let to = logged_in(&mut again, &mut there).await.to().unwrap().to_owned();
    assert!(to.starts_with("/login/totp?return="), "{to}");
    assert!(!again.is_logged_in().await);
}

#[tokio::test]
async fn an_answer_is_taken_from_the_browser_that_asked_and_once() {
    let both = Both::open(Linking::NewUser, as_it_is).await;
    let mut there = both.somebody(named("anna", "anna@elsewhere.example")).await;
    let mut here = both.here.browser();
    let to = here.get("/login/external/else").await.to().unwrap().to_owned();
    let back = there.get(to.strip_prefix(ELSEWHERE).unwrap()).await.to().unwrap().to_owned();
    let back = back.strip_prefix(ISSUER).unwrap();
    let mut victim = both.here.browser();
    assert_eq!(victim.get(back).await.status, StatusCode::BAD_GATEWAY, "another browser did not ask");
    victim.get("/login/external/else").await;
    assert_eq!(victim.get(back).await.status, StatusCode::BAD_GATEWAY, "its state is another");
    let kept = here.cookies["__Host-external"].clone();
    for (from, to) in [("code=pcc_", "code=pcc_x"), ("elsewhere.example", "evil.example"), ("iss=", "nope=")] {
        assert_eq!(here.get(&back.replace(from, to)).await.status, StatusCode::BAD_GATEWAY, "{from}");
        here.cookies.insert("__Host-external".into(), kept.clone());
    }
    assert_eq!(here.get(back).await.to(), Some("/account"));
    here.cookies.insert("__Host-external".into(), kept);
    assert_eq!(here.get(back).await.status, StatusCode::BAD_GATEWAY, "the code is used");
}

#[tokio::test]
async fn an_answer_that_comes_late_is_refused() {
    let both = Both::open(Linking::NewUser, as_it_is).await;
    let mut there = both.somebody(named("anna", "anna@elsewhere.example")).await;
    let mut here = both.here.browser();
    let to = here.get("/login/external/else").await.to().unwrap().to_owned();
    both.here.clock.forward(600);
    assert_eq!(through(&mut here, &mut there, &to).await.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn a_provider_that_says_what_it_must_not_lets_nobody_in() {
    let changes: [(&str, Change); 4] = [
        ("another issuer's document", |path, body| match path {
            "/.well-known/openid-configuration" => body.replace(ELSEWHERE, "https://evil.example"),
            _ => body,
        }),
        ("an endpoint without TLS", |path, body| match path {
            "/.well-known/openid-configuration" => body.replace(
                "\"token_endpoint\":\"https://elsewhere.example",
                "\"token_endpoint\":\"http://elsewhere.example",
            ),
            _ => body,
        }),
        ("a broken signature", |path, body| match path {
            "/oauth2/token" => {
                let token = between(&body, "\"id_token\":\"", "\"").to_owned();
                let (head, signature) = token.rsplit_once('.').unwrap();
                let other = if signature.starts_with('A') { "B" } else { "A" };
                body.replace(&token, &format!("{head}.{other}{}", &signature[1..]))
            }
            _ => body,
        }),
        ("no signature", |path, body| match path {
            "/oauth2/token" => {
                let token = between(&body, "\"id_token\":\"", "\"").to_owned();
                let claims = token.split('.').nth(1).unwrap();
                body.replace(&token, &format!("eyJhbGciOiJub25lIn0.{claims}."))
            }
            _ => body,
        }),
    ];
    for (what, change) in changes {
        let both = Both::open(Linking::NewUser, change).await;
        let mut there = both.somebody(named("anna", "anna@elsewhere.example")).await;
        let mut here = both.here.browser();
        let begun = here.get("/login/external/else").await;
        let status = match begun.to().map(str::to_owned) {
            None => begun.status,
            Some(to) => through(&mut here, &mut there, &to).await.status,
        };
        assert_eq!(status, StatusCode::BAD_GATEWAY, "{what}");
        assert!(!here.is_logged_in().await, "{what}");
    }
}

#[tokio::test]
async fn there_is_nothing_of_providers_that_are_not_set_up() {
    let house = House::open().await;
    let mut browser = house.browser();
    assert_eq!(browser.get("/login/external/else").await.status, StatusCode::NOT_FOUND);
    assert!(!browser.get("/login").await.body.contains("/login/external/"));
}
