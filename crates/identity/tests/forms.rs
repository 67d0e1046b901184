//! Forms are taken from pages of this server only, and pages say to browsers what they may do with them.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod visiting;

use http::StatusCode;
use identity::InvitationKind;
use visiting::{Browser, House, ISSUER, PASSWORD, hidden, secret};

/// The login form, as a page of another site would send it.
async fn login_by_force(browser: &mut Browser, csrf: &str) -> StatusCode {
    browser.post_as_it_is("/login", &[("csrf", csrf), ("name", "anna"), ("password", PASSWORD)]).await.status
}

#[tokio::test]
async fn f81_a_login_that_another_site_sends_is_refused() {
    let house = House::open().await;
    house.person("anna").await;
    let mut victim = house.browser();
    assert_eq!(login_by_force(&mut victim, "").await, StatusCode::FORBIDDEN, "without a token");
    // The token of the attacker's own page is bound to the attacker's own cookie.
    let mut attacker = house.browser();
    attacker.get("/login").await;
    let token = hidden(&attacker.page, "/login").unwrap();
    assert_eq!(login_by_force(&mut victim, &token).await, StatusCode::FORBIDDEN, "no cookie at all");
    victim.get("/login").await;
    let own = hidden(&victim.page, "/login").unwrap();
    assert_eq!(login_by_force(&mut victim, &token).await, StatusCode::FORBIDDEN, "another cookie");
    for (name, value) in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")]
    {
        victim.headers.insert(name, value.parse().unwrap());
        assert_eq!(login_by_force(&mut victim, &own).await, StatusCode::FORBIDDEN, "{name}: {value}");
        victim.headers.clear();
    }
    assert!(!victim.cookies.contains_key("__Host-session"));
    victim.headers.insert("origin", ISSUER.parse().unwrap());
    victim.headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(login_by_force(&mut victim, &own).await, StatusCode::SEE_OTHER, "and this is how it is good");
}

#[tokio::test]
async fn a_token_is_good_for_one_form_and_one_login() {
    let house = House::open().await;
    let (_, mut browser) = house.person("anna").await;
    house.browser().log_in("anna", PASSWORD).await;
    let page = browser.get("/account").await.body;
    let logout = hidden(&page, "/logout").unwrap();
    let sessions = hidden(&page, "/account/sessions").unwrap();
    assert_ne!(logout, sessions);
    let forced = browser.post_as_it_is("/account/sessions", &[("csrf", &logout), ("id", "others")]).await;
    assert_eq!(forced.status, StatusCode::FORBIDDEN);
    browser.log_in("anna", PASSWORD).await;
    let old = browser.post_as_it_is("/account/sessions", &[("csrf", &sessions), ("id", "others")]).await;
    assert_eq!(old.status, StatusCode::FORBIDDEN, "the session is another one");
}

#[tokio::test]
async fn a_form_with_a_field_twice_or_of_another_kind_is_refused() {
    let house = House::open().await;
    house.person("anna").await;
    let mut browser = house.browser();
    browser.get("/login").await;
    let csrf = hidden(&browser.page, "/login").unwrap();
    let twice = [("csrf", csrf.as_str()), ("name", "anna"), ("name", "bela"), ("password", PASSWORD)];
    assert_eq!(browser.post_as_it_is("/login", &twice).await.status, StatusCode::FORBIDDEN);
    browser.headers.insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(login_by_force(&mut browser, &csrf).await, StatusCode::FORBIDDEN);
}

/// Every page that can be reached without a client.
async fn pages(house: &House) -> Vec<(String, visiting::Answer)> {
    let (user, mut anna) = house.person("anna").await;
    let link = house.invitation(&user, InvitationKind::Invite).await;
    let mut shown = Vec::new();
    for path in ["/account", "/account/password", "/account/passkeys", "/logout", "/login", "/login/passkey", &link] {
        shown.push((path.to_owned(), anna.get(path).await));
    }
    anna.get("/account").await;
    anna.post("/account/totp", &[]).await;
    shown.push(("/account/totp".into(), anna.get("/account/totp").await));
    let mut stranger = house.browser();
    for path in ["/login", "/login/passkey", "/invitation/open?link=pci_x", "/assets/nothing", "/login?acr=aal2"] {
        shown.push((path.to_owned(), stranger.get(path).await));
    }
    stranger.get("/login").await;
    shown.push(("a wrong password".into(), stranger.post("/login", &[("name", "anna"), ("password", "x")]).await));
    shown.push(("a forced form".into(), stranger.post_as_it_is("/login", &[]).await));
    shown
}

#[tokio::test]
async fn f81_no_page_is_framed_kept_or_told_of_and_none_loads_anything_else() {
    let house = House::open().await;
    for (name, page) in pages(&house).await {
        let policy = page.header("content-security-policy");
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
            assert!(policy.split("; ").any(|known| known == part), "{name}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("https: "), "{name}: {policy}");
        let scripts = page.body.contains("<script");
        assert_eq!(policy.contains("script-src"), scripts, "{name}: {policy}");
        if scripts {
            assert!(policy.contains(&format!("script-src {ISSUER}/assets/passkey.js;")), "{name}: {policy}");
        }
        for (header, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(page.header(header), value, "{name}");
        }
        assert!(!page.body.contains("style=\"") && !page.body.contains(" onclick"), "{name}");
        assert_eq!(page.body.matches("<h1>").count(), 1, "{name}");
    }
}

#[tokio::test]
async fn what_people_call_themselves_is_text_on_every_page() {
    let house = House::open().await;
    let new = identity::NewUser { display_name: "<b>\"Anna\" & 'co'</b>".into(), ..identity::NewUser::named("<anna>") };
    let user = house.identity.add_user(new).await.unwrap();
    let link = house.invitation(&user, InvitationKind::Invite).await;
    let mut browser = house.browser();
    let page = browser.get(&link).await.body;
    assert!(!page.contains("<b>") && !page.contains("<anna>") && page.contains("&#60;b&#62;"), "{page}");
    browser.post("/invitation/password", &[("link", secret(&link)), ("password", PASSWORD)]).await;
    assert!(!browser.get("/account").await.body.contains("<b>"));
    let page = browser.get("/login?return=%22%3E%3Cscript%3E").await.body;
    assert!(!page.contains("<script>"));
}

#[tokio::test]
async fn operators_replace_style_logo_and_texts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("theme.css"), ":root { --accent: #824; }").unwrap();
    std::fs::write(folder.path().join("logo.svg"), "<svg xmlns='http://www.w3.org/2000/svg'/>").unwrap();
    std::fs::write(folder.path().join("messages.toml"), "[login]\ntitle = 'Come in'\n").unwrap();
    let path = folder.path().to_owned();
    let house = House::with(|settings| settings.templates = Some(path)).await;
    let mut browser = house.browser();
    let answer = browser.get("/login").await;
    assert!(
        answer.body.contains("<h1>Come in</h1>") && answer.body.contains("/assets/theme.css?v="),
        "{}",
        answer.body
    );
    let policy = answer.header("content-security-policy");
    assert!(policy.contains(&format!("style-src {ISSUER}/assets/style.css {ISSUER}/assets/theme.css;")), "{policy}");
    assert!(policy.ends_with(&format!("img-src {ISSUER}/assets/logo.svg")), "{policy}");
    let style = browser.get("/assets/theme.css?v=1").await;
    assert_eq!(
        (style.body.as_str(), style.header("content-type")),
        (":root { --accent: #824; }", "text/css; charset=utf-8")
    );
    assert!(browser.get("/assets/logo.svg").await.header("content-security-policy").contains("sandbox"));
}

#[tokio::test]
async fn texts_that_no_page_has_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("messages.toml"), "[login]\ntitel = 'Come in'\n").unwrap();
    let mut settings = identity::Settings::new(identity::Issuer::parse(ISSUER).unwrap());
    settings.templates = Some(folder.path().to_owned());
    let data = tempfile::tempdir().unwrap();
    let opened =
        identity::Identity::open(settings, data.path(), None, std::sync::Arc::new(identity::SystemClock)).await;
    let told = opened.unwrap_err().to_string();
    assert!(told.contains("messages.toml") && told.contains("titel"), "{told}");
}
