//! A server in a folder of its own, a clock that tests move, and a browser that keeps cookies and fills in forms.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use identity::{Clock, Identity, InvitationKind, Issuer, NewUser, Origin, Settings, User};

pub const ISSUER: &str = "https://id.example.com";
pub const PASSWORD: &str = "seven purple hedgehogs";
pub const START: u64 = 1_795_563_840;

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct Hands(AtomicU64);

impl Hands {
    pub fn forward(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub struct House {
    pub identity: Identity,
    pub clock: Arc<Hands>,
    pub folder: tempfile::TempDir,
}

impl House {
    pub async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands(AtomicU64::new(START)));
        let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
        change(&mut settings);
        let identity =
            Identity::open(settings, folder.path(), None, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        Self { identity, clock, folder }
    }

    /// The same house after a restart.
    pub async fn reopened(self, change: impl FnOnce(&mut Settings)) -> Self {
        let Self { identity, clock, folder } = self;
        identity.close().await;
        let mut settings = Settings::new(Issuer::parse(ISSUER).unwrap());
        change(&mut settings);
        let clock_of_it = Arc::clone(&clock) as Arc<dyn Clock>;
        let identity = Identity::open(settings, folder.path(), None, clock_of_it).await.unwrap();
        Self { identity, clock, folder }
    }

    /// A user without anything to log in with.
    pub async fn user(&self, name: &str) -> User {
        self.identity.add_user(NewUser::named(name)).await.unwrap()
    }

    /// A path by which a user begins.
    pub async fn invitation(&self, user: &User, kind: InvitationKind) -> String {
        let invitation = self.identity.invite(&user.id, kind).await.unwrap();
        invitation.link.strip_prefix(ISSUER).unwrap().to_owned()
    }

    /// A user with the password of these tests, and the browser they are logged in with.
    pub async fn person(&self, name: &str) -> (User, Browser) {
        let user = self.user(name).await;
        let link = self.invitation(&user, InvitationKind::Invite).await;
        let mut browser = self.browser();
        browser.get(&link).await;
        let answer = browser.post("/invitation/password", &[("link", secret(&link)), ("password", PASSWORD)]).await;
        assert_eq!(answer.to(), Some("/account"), "{}", answer.body);
        (user, browser)
    }

    pub fn browser(&self) -> Browser {
        Browser {
            identity: self.identity.clone(),
            address: [192, 0, 2, 1].into(),
            cookies: BTreeMap::new(),
            page: String::new(),
            headers: HeaderMap::new(),
        }
    }
}

pub struct Browser {
    identity: Identity,
    pub address: IpAddr,
    pub cookies: BTreeMap<String, String>,
    /// The page that is shown.
    pub page: String,
    /// What it sends besides.
    pub headers: HeaderMap,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn to(&self) -> Option<&str> {
        assert!(!self.status.is_redirection() || self.status == StatusCode::SEE_OTHER, "{}", self.status);
        self.headers.get(header::LOCATION).map(|to| to.to_str().unwrap())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Answer {
        let answer = self.send("GET", path, String::new()).await;
        self.page.clone_from(&answer.body);
        answer
    }

    /// Sends the form of the page that is shown whose action is this path, with these fields filled in.
    pub async fn post(&mut self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = hidden(&self.page, action).unwrap_or_else(|| panic!("no form for {action} on {}", self.page));
        let mut form = vec![("csrf", csrf.as_str())];
        form.extend_from_slice(fields);
        self.post_as_it_is(action, &form).await
    }

    /// Sends a form with exactly these fields.
    pub async fn post_as_it_is(&mut self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let answer = self.send("POST", action, body).await;
        if !answer.body.is_empty() {
            self.page.clone_from(&answer.body);
        }
        answer
    }

    /// Logs in with a name and a password.
    pub async fn log_in(&mut self, name: &str, password: &str) -> Answer {
        self.get("/login").await;
        self.post("/login", &[("name", name), ("password", password)]).await
    }

    pub async fn is_logged_in(&mut self) -> bool {
        self.get("/account").await.status == StatusCode::OK
    }

    async fn send(&mut self, method: &str, path: &str, body: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if method == "POST" && !self.headers.contains_key(header::CONTENT_TYPE) {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let origin = Origin { address: self.address, certificate: None };
        let answer = self.identity.answer(origin, request.body(Bytes::from(body)).unwrap()).await;
        let (head, body) = answer.into_parts();
        for cookie in head.headers.get_all(header::SET_COOKIE) {
            self.keep(cookie.to_str().unwrap());
        }
        Answer { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    fn keep(&mut self, cookie: &str) {
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        assert!(name.starts_with("__Host-"), "{cookie}");
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(attributes.split("; ").any(|known| known == attribute), "{cookie}");
        }
        if attributes.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// What makes a one-time link one.
pub fn secret(link: &str) -> &str {
    link.split_once("link=").unwrap().1
}

/// The token of the form with an action.
pub fn hidden(page: &str, action: &str) -> Option<String> {
    let form = page.split("<form ").find(|form| form.contains(&format!("action=\"{action}\"")))?;
    let (_, value) = form.split_once("name=\"csrf\" value=\"")?;
    Some(value.split_once('"')?.0.to_owned())
}

/// The code of an authenticator app with this secret in base32, as the page shows it.
pub fn code(secret: &str, now: u64) -> String {
    let secret: String = secret.chars().filter(|c| !c.is_whitespace()).collect();
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    totp_rs::Builder::new().with_secret(secret).build().unwrap().generate(now).to_string()
}

/// What stands between two texts on a page.
pub fn between<'p>(page: &'p str, before: &str, after: &str) -> &'p str {
    page.split_once(before).unwrap_or_else(|| panic!("{before} on {page}")).1.split_once(after).unwrap().0
}

/// The value of a hidden field, as a browser reads it.
pub fn field(page: &str, name: &str) -> Option<String> {
    let (_, value) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    let value = value.split_once('"')?.0;
    Some(value.replace("&#38;", "&").replace("&amp;", "&").replace("&#34;", "\"").replace("&#39;", "'"))
}
