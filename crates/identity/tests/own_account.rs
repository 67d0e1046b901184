//! What people change about their own account, and what operators do for them.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod visiting;

use http::StatusCode;
use identity::{AccountError, EventKind, InvitationKind, NewUser};
use visiting::{House, PASSWORD, START, between, secret};

#[tokio::test]
async fn an_invitation_lets_in_once_and_only_with_a_good_password() {
    let house = House::open().await;
    let user = house.user("anna").await;
    let link = house.invitation(&user, InvitationKind::Invite).await;
    let mut browser = house.browser();
    for (password, told) in [
        ("short", "at least 8"),
        ("password1", "guessed first"),
        ("anna1234", "your name"),
        (&"é".repeat(129), "at most 256"),
    ] {
        browser.get(&link).await;
        let answer = browser.post("/invitation/password", &[("link", secret(&link)), ("password", password)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{password}");
        assert!(answer.body.contains(told), "{password}: {}", answer.body);
    }
    assert!(!browser.is_logged_in().await);
    browser.get(&link).await;
    assert_eq!(
        browser.post("/invitation/password", &[("link", secret(&link)), ("password", PASSWORD)]).await.to(),
        Some("/account")
    );
    assert_eq!(house.browser().get(&link).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn an_invitation_is_used_by_one_of_two_at_the_same_moment() {
    let house = House::open().await;
    let user = house.user("anna").await;
    let link = house.invitation(&user, InvitationKind::Invite).await;
    let tries: Vec<_> = (0..4)
        .map(|_| {
            let (mut browser, link) = (house.browser(), link.clone());
            tokio::spawn(async move {
                browser.get(&link).await;
                browser.post("/invitation/password", &[("link", secret(&link)), ("password", PASSWORD)]).await.to()
                    == Some("/account")
            })
        })
        .collect();
    let mut successes = 0;
    for one in tries {
        successes += usize::from(one.await.unwrap());
    }
    assert_eq!(successes, 1);
}

#[tokio::test]
async fn links_that_are_old_replaced_or_made_up_are_no_good() {
    let house = House::open().await;
    let user = house.user("anna").await;
    let first = house.invitation(&user, InvitationKind::Invite).await;
    let second = house.invitation(&user, InvitationKind::Invite).await;
    assert_eq!(house.browser().get(&first).await.status, StatusCode::GONE, "there is a newer one");
    assert_eq!(house.browser().get(&second).await.status, StatusCode::OK);
    house.clock.forward(3 * 86_400);
    assert_eq!(house.browser().get(&second).await.status, StatusCode::GONE, "three days are over");
    assert_eq!(house.browser().get("/invitation/open?link=pci_x").await.status, StatusCode::GONE);
}

#[tokio::test]
async fn recovery_takes_everything_from_whoever_had_the_account() {
    let house = House::open().await;
    let (user, mut thief) = house.person("anna").await;
    let before = house.identity.revocations().epoch();
    let link = house.invitation(&user, InvitationKind::Recover).await;
    let mut owner = house.browser();
    owner.get(&link).await;
    owner.post("/invitation/password", &[("link", secret(&link)), ("password", "eleven green herons")]).await;
    assert!(owner.is_logged_in().await);
    assert!(!thief.is_logged_in().await);
    assert_eq!(thief.log_in("anna", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_ne!(house.identity.revocations().epoch(), before, "access tokens are dead, too");
}

#[tokio::test]
async fn a_change_asks_for_a_login_of_a_moment_ago() {
    let house = House::open().await;
    let (_, mut browser) = house.person("anna").await;
    house.clock.forward(16 * 60);
    for page in ["/account/password", "/account/passkeys", "/account/totp"] {
        let to = browser.get(page).await.to().unwrap().to_owned();
        assert_eq!(to, format!("/login?return={}", page.replace('/', "%2F")));
    }
    browser.get("/account").await;
    assert!(browser.post("/account/totp", &[]).await.to().unwrap().starts_with("/login?"));
    browser.get("/login?return=%2Faccount%2Fpassword").await;
    let fields = [("name", "anna"), ("password", PASSWORD), ("return", "/account/password")];
    assert_eq!(browser.post("/login", &fields).await.to(), Some("/account/password"));
    assert_eq!(browser.get("/account/password").await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_password_logs_out_everywhere_else() {
    let house = House::open().await;
    let (_, mut here) = house.person("anna").await;
    let mut there = house.browser();
    there.log_in("anna", PASSWORD).await;
    here.get("/account/password").await;
    let wrong = [("current", "not this"), ("new", "eleven green herons")];
    assert_eq!(here.post("/account/password", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = [("current", PASSWORD), ("new", "eleven green herons")];
    assert_eq!(here.post("/account/password", &right).await.to(), Some("/account?done=1"));
    assert!(here.is_logged_in().await);
    assert!(!there.is_logged_in().await);
    assert_eq!(there.log_in("anna", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(there.log_in("anna", "eleven green herons").await.to(), Some("/account"));
}

#[tokio::test]
async fn people_see_and_end_their_sessions_and_devices() {
    let house = House::open().await;
    let (_, mut here) = house.person("anna").await;
    let mut there = house.browser();
    there.headers.insert(
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0".parse().unwrap(),
    );
    there.log_in("anna", PASSWORD).await;
    let page = here.get("/account").await.body;
    assert!(page.contains("Firefox, Linux"), "{page}");
    let sessions = between(&page, "id=\"sessions\"", "</section>");
    let id = sessions.split("name=\"id\" value=\"").nth(1).unwrap().split_once('"').unwrap().0.to_owned();
    assert_eq!(here.post("/account/sessions", &[("id", &id)]).await.to(), Some("/account?done=1"));
    assert!(!there.is_logged_in().await);
    assert_eq!(here.post("/account/sessions", &[("id", &id)]).await.to(), Some("/account?done=gone"));
    there.log_in("anna", PASSWORD).await;
    here.get("/account").await;
    here.post("/account/sessions", &[("id", "others")]).await;
    assert!(!there.is_logged_in().await && here.is_logged_in().await);
}

#[tokio::test]
async fn nobody_ends_the_sessions_of_others() {
    let house = House::open().await;
    let (_, mut anna) = house.person("anna").await;
    let (_, mut bela) = house.person("bela").await;
    let mut more = house.browser();
    more.log_in("anna", PASSWORD).await;
    let page = anna.get("/account").await.body;
    let id = between(between(&page, "id=\"sessions\"", "</section>"), "name=\"id\" value=\"", "\"").to_owned();
    let device = between(between(&page, "id=\"devices\"", "</section>"), "name=\"id\" value=\"", "\"").to_owned();
    house.browser().log_in("bela", PASSWORD).await;
    let own = bela.get("/account").await.body;
    let grants = own.contains("action=\"/account/grants\"");
    assert!(!grants, "bela has given nothing to anybody");
    assert_eq!(bela.post("/account/sessions", &[("id", &id)]).await.to(), Some("/account?done=gone"));
    bela.get("/account").await;
    assert_eq!(bela.post("/account/devices", &[("id", &device)]).await.to(), Some("/account?done=gone"));
    assert!(anna.is_logged_in().await && more.is_logged_in().await);
}

#[tokio::test]
async fn operators_add_users_by_names_that_are_free() {
    let house = House::open().await;
    house.user("anna").await;
    let taken = house.identity.add_user(NewUser::named("ANNA")).await;
    assert!(matches!(taken, Err(AccountError::NameTaken(name)) if name == "anna"));
    assert!(matches!(house.identity.user("nobody").await, Err(AccountError::Unknown(_))));
    house.user("bela").await;
    let names: Vec<_> = house.identity.users("", 10).await.unwrap().into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["anna", "bela"]);
    assert_eq!(house.identity.users("anna", 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_happens_is_noted_without_secrets() {
    let house = House::open().await;
    let (user, mut browser) = house.person("anna").await;
    browser.log_in("anna", "a wrong one").await;
    let events = house.identity.events_of(&user.id, 50).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    let expected = [
        EventKind::LoginFailed,
        EventKind::LoggedIn,
        EventKind::InvitationUsed,
        EventKind::Invited,
        EventKind::UserAdded,
    ];
    assert_eq!(kinds, expected);
    assert_eq!((events[0].at, events[0].address.as_str()), (START, "192.0.2.1"));
    assert!(!format!("{events:?}").contains("wrong"));
}

#[tokio::test]
async fn the_database_holds_no_secret_as_it_is() {
    let house = House::open().await;
    let (_, mut browser) = house.person("anna").await;
    browser.get("/account").await;
    browser.post("/account/totp", &[]).await;
    let page = browser.get("/account/totp").await.body;
    let text: String = between(&page, "class=\"secret\">", "<").split(' ').collect();
    let secret = totp_rs::Secret::try_from_base32(text).unwrap();
    house.identity.close().await;
    let database = std::fs::read(house.folder.path().join(identity::DATABASE)).unwrap();
    let holds = |needle: &[u8]| database.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"$argon2id$v=19$m=19456,t=2,p=1$"), "the search works");
    assert!(!holds(PASSWORD.as_bytes()));
    assert!(!holds(secret.as_bytes()));
    for cookie in browser.cookies.values() {
        assert!(!holds(cookie.as_bytes()));
    }
}
