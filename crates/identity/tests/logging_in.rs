//! Logging in with a password and a second factor, and what does not let anybody in.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod visiting;

use http::StatusCode;
use identity::{EventKind, InvitationKind};
use visiting::{Browser, House, PASSWORD, between, code};

/// Sets up an app and returns its secret and the recovery codes.
async fn with_an_app(house: &House, browser: &mut Browser) -> (String, Vec<String>) {
    browser.get("/account").await;
    assert_eq!(browser.post("/account/totp", &[]).await.to(), Some("/account/totp"));
    let page = browser.get("/account/totp").await.body;
    let secret = between(&page, "class=\"secret\">", "<").to_owned();
    let now = identity::Clock::now(&*house.clock);
    let codes = browser.post("/account/totp/confirm", &[("code", &code(&secret, now))]).await;
    assert_eq!(codes.status, StatusCode::OK);
    let codes = codes.body.split("<li><code>").skip(1).map(|code| code.split_once('<').unwrap().0.to_owned()).collect();
    house.clock.forward(60);
    (secret, codes)
}

#[tokio::test]
async fn a_name_and_a_password_let_in_with_a_new_session() {
    let house = House::open().await;
    house.person("anna").await;
    let mut browser = house.browser();
    let answer = browser.log_in(" Anna ", PASSWORD).await;
    assert_eq!((answer.status, answer.to()), (StatusCode::SEE_OTHER, Some("/account")));
    let first = browser.cookies["__Host-session"].clone();
    assert!(browser.is_logged_in().await);
    browser.log_in("anna", PASSWORD).await;
    assert_ne!(browser.cookies["__Host-session"], first, "each login has a cookie of its own");
    let mut old = house.browser();
    old.cookies.insert("__Host-session".into(), first);
    assert!(!old.is_logged_in().await, "the old cookie is dead");
}

#[tokio::test]
async fn strangers_and_wrong_passwords_are_told_the_same() {
    let house = House::open().await;
    house.person("anna").await;
    house.user("bela").await;
    let mut told = Vec::new();
    for (name, password) in [("anna", "wrong password"), ("nobody", PASSWORD), ("bela", PASSWORD), ("a b c", "x")] {
        let mut browser = house.browser();
        let answer = browser.log_in(name, password).await;
        assert!(answer.body.contains("The name or the password is not right."));
        let csrf = visiting::hidden(&answer.body, "/login").unwrap();
        told.push((answer.status, answer.body.replace(&csrf, "").replace(&format!("value=\"{name}\""), "")));
        assert!(!browser.is_logged_in().await);
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
}

#[tokio::test]
async fn whoever_is_guessed_at_has_to_wait_ever_longer_but_not_where_they_have_logged_in_before() {
    let house = House::open().await;
    let (_, mut known) = house.person("anna").await;
    let mut stranger = house.browser();
    stranger.address = [198, 51, 100, 7].into();
    for _ in 0..6 {
        assert_eq!(stranger.log_in("anna", "guess").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let mut waits = Vec::new();
    for _ in 0..4 {
        let answer = stranger.log_in("anna", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "even with the right password");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        waits.push(wait);
        house.clock.forward(wait);
        assert_eq!(stranger.log_in("anna", "guess").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(waits, [1, 2, 4, 8]);
    let elsewhere = house.browser().log_in("anna", PASSWORD).await;
    assert_eq!(elsewhere.status, StatusCode::TOO_MANY_REQUESTS, "it is the account that is guarded");
    assert_eq!(known.log_in("anna", PASSWORD).await.to(), Some("/account"), "a known device is not slowed down");
}

#[tokio::test]
async fn a_name_that_nobody_has_is_guarded_like_any_other() {
    let house = House::open().await;
    let mut stranger = house.browser();
    for _ in 0..6 {
        assert_eq!(stranger.log_in("nobody", "guess").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(stranger.log_in("nobody", "guess").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn tries_at_the_same_moment_all_count() {
    let house = House::open().await;
    house.person("anna").await;
    let tries = (0..40).map(|number| {
        let mut browser = house.browser();
        browser.address = [203, 0, 113, number].into();
        tokio::spawn(async move { browser.log_in("anna", "guess").await.status })
    });
    let tries: Vec<_> = tries.collect();
    let mut judged = 0;
    for one in tries {
        judged += usize::from(one.await.unwrap() == StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(judged, 6, "five are free, and the sixth starts the wait");
}

#[tokio::test]
async fn an_address_is_slowed_down_whatever_names_it_tries() {
    let house = House::open().await;
    let mut stranger = house.browser();
    for number in 0..101 {
        let name = format!("user{number}");
        assert_eq!(stranger.log_in(&name, "guess").await.status, StatusCode::UNPROCESSABLE_ENTITY, "{number}");
    }
    assert_eq!(stranger.log_in("another", "guess").await.status, StatusCode::TOO_MANY_REQUESTS);
    let mut elsewhere = house.browser();
    elsewhere.address = [198, 51, 100, 9].into();
    assert_eq!(elsewhere.log_in("another", "guess").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn with_an_app_the_password_alone_lets_nobody_in() {
    let house = House::open().await;
    let (_, mut first) = house.person("anna").await;
    let (secret, _) = with_an_app(&house, &mut first).await;
    let mut browser = house.browser();
    let answer = browser.log_in("anna", PASSWORD).await;
    let totp = answer.to().unwrap().to_owned();
    assert!(totp.starts_with("/login/totp?return="));
    assert!(!browser.cookies.contains_key("__Host-session"));
    assert!(!browser.is_logged_in().await);
    browser.get(&totp).await;
    assert_eq!(browser.post("/login/totp", &[("code", "000000")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let now = identity::Clock::now(&*house.clock);
    assert_eq!(browser.post("/login/totp", &[("code", &code(&secret, now))]).await.to(), Some("/account"));
    assert!(browser.is_logged_in().await);
}

#[tokio::test]
async fn a_code_is_good_once() {
    let house = House::open().await;
    let (_, mut first) = house.person("anna").await;
    let (secret, _) = with_an_app(&house, &mut first).await;
    let code = code(&secret, identity::Clock::now(&*house.clock));
    let mut browsers = Vec::new();
    // No more than may be wrong without a wait.
    for _ in 0..5 {
        let mut browser = house.browser();
        let totp = browser.log_in("anna", PASSWORD).await.to().unwrap().to_owned();
        browser.get(&totp).await;
        browsers.push(browser);
    }
    let tries: Vec<_> = browsers
        .into_iter()
        .map(|mut browser| {
            let code = code.clone();
            tokio::spawn(async move { browser.post("/login/totp", &[("code", &code)]).await.to() == Some("/account") })
        })
        .collect();
    let mut entered = 0;
    for one in tries {
        entered += usize::from(one.await.unwrap());
    }
    assert_eq!(entered, 1);
}

#[tokio::test]
async fn a_recovery_code_stands_in_for_the_app_once() {
    let house = House::open().await;
    let (user, mut first) = house.person("anna").await;
    let (_, codes) = with_an_app(&house, &mut first).await;
    assert_eq!(codes.len(), 10);
    for expected in [Some("/account"), None] {
        let mut browser = house.browser();
        browser.log_in("anna", PASSWORD).await;
        browser.get("/login/recovery").await;
        assert_eq!(browser.post("/login/recovery", &[("code", &codes[3].to_uppercase())]).await.to(), expected);
    }
    assert!(first.get("/account").await.body.contains("You have 9 left."));
    let kinds: Vec<_> = house.identity.events_of(&user.id, 50).await.unwrap().iter().map(|event| event.kind).collect();
    assert!(kinds.contains(&EventKind::CodeUsed) && kinds.contains(&EventKind::SecondFactorFailed));
}

#[tokio::test]
async fn guesses_at_the_second_factor_are_counted_too() {
    let house = House::open().await;
    let (_, mut first) = house.person("anna").await;
    with_an_app(&house, &mut first).await;
    let mut browser = house.browser();
    browser.log_in("anna", PASSWORD).await;
    browser.get("/login/totp").await;
    for _ in 0..6 {
        assert_eq!(browser.post("/login/totp", &[("code", "000000")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(browser.post("/login/totp", &[("code", "000000")]).await.status, StatusCode::TOO_MANY_REQUESTS);
    // Another password step does not begin anew.
    house.clock.forward(1);
    browser.log_in("anna", PASSWORD).await;
    browser.get("/login/totp").await;
    browser.post("/login/totp", &[("code", "000000")]).await;
    assert_eq!(browser.post("/login/totp", &[("code", "000000")]).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_step_up_asks_for_the_second_factor_alone() {
    let house = House::open().await;
    let (_, mut browser) = house.person("anna").await;
    let wanted = "/login?return=%2Foauth2%2Fauthorize%3Fclient_id%3Da&acr=aal2";
    assert_eq!(browser.get(wanted).await.status, StatusCode::FORBIDDEN, "there is no second factor yet");
    let (secret, _) = with_an_app(&house, &mut browser).await;
    let before = browser.cookies["__Host-session"].clone();
    let totp = browser.get(wanted).await.to().unwrap().to_owned();
    assert!(totp.starts_with("/login/totp?return="), "{totp}");
    browser.get(&totp).await;
    let fields = [
        ("code", code(&secret, identity::Clock::now(&*house.clock))),
        ("return", "/oauth2/authorize?client_id=a".into()),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(browser.post("/login/totp", &fields).await.to(), Some("/oauth2/authorize?client_id=a"));
    assert_ne!(browser.cookies["__Host-session"], before);
    assert_eq!(browser.get(wanted).await.status, StatusCode::OK, "nothing more is owed");
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_after_a_login() {
    let house = House::open().await;
    house.person("anna").await;
    for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example", "/oauth2/token"] {
        let mut browser = house.browser();
        browser.get("/login").await;
        let fields = [("name", "anna"), ("password", PASSWORD), ("return", elsewhere)];
        assert_eq!(browser.post("/login", &fields).await.to(), Some("/account"));
    }
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_in_the_end_anyway() {
    let house = House::open().await;
    let (_, mut browser) = house.person("anna").await;
    for _ in 0..23 {
        house.clock.forward(30 * 60);
        assert!(browser.is_logged_in().await, "it is used");
    }
    house.clock.forward(30 * 60);
    assert!(!browser.is_logged_in().await, "12 hours are the most");
    browser.log_in("anna", PASSWORD).await;
    house.clock.forward(60 * 60);
    assert!(!browser.is_logged_in().await, "an hour without use");
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once_and_stays_out() {
    let house = House::open().await;
    let (user, mut browser) = house.person("anna").await;
    house.identity.disable_user(&user.id, true).await.unwrap();
    assert!(!browser.is_logged_in().await);
    assert_eq!(browser.log_in("anna", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let link = house.invitation(&user, InvitationKind::Recover).await;
    assert_eq!(browser.get(&link).await.status, StatusCode::GONE);
    house.identity.disable_user(&user.id, false).await.unwrap();
    assert_eq!(browser.log_in("anna", PASSWORD).await.to(), Some("/account"));
}

#[tokio::test]
async fn logging_out_ends_the_session_and_asks_first() {
    let house = House::open().await;
    let (_, mut browser) = house.person("anna").await;
    let old = browser.cookies["__Host-session"].clone();
    assert_eq!(browser.get("/logout").await.status, StatusCode::OK);
    assert!(browser.is_logged_in().await, "a link alone does nothing");
    browser.get("/logout").await;
    let answer = browser.post("/logout", &[]).await;
    assert_eq!(answer.header("clear-site-data"), "\"cache\", \"storage\"");
    assert!(!browser.cookies.contains_key("__Host-session"));
    browser.cookies.insert("__Host-session".into(), old);
    assert!(!browser.is_logged_in().await);
}

#[tokio::test]
async fn a_session_ends_when_it_was_not_used_for_as_long_as_the_operator_says() {
    let house = House::with(|settings| settings.session_idle = std::time::Duration::from_mins(10)).await;
    let (_, mut browser) = house.person("anna").await;
    for _ in 0..5 {
        house.clock.forward(599);
        assert!(browser.is_logged_in().await, "it is used");
    }
    house.clock.forward(600);
    assert!(!browser.is_logged_in().await, "it was not used for ten minutes");
    let house = House::open().await;
    let (_, mut browser) = house.person("anna").await;
    house.clock.forward(3_599);
    assert!(browser.is_logged_in().await);
    house.clock.forward(3_600);
    assert!(!browser.is_logged_in().await, "an hour, unless said otherwise");
    browser.log_in("anna", PASSWORD).await;
    for _ in 0..12 {
        assert!(browser.is_logged_in().await);
        house.clock.forward(3_599);
    }
    house.clock.forward(12);
    assert!(!browser.is_logged_in().await, "it ends after twelve hours however much it is used");
}
