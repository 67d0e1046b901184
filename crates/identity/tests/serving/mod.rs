//! The server on a port of loopback, for browsers.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use identity::{Identity, Issuer, Origin, Settings, SystemClock};
use tokio::net::TcpListener;

/// A server that is gone with its runtime.
pub struct Serving {
    pub identity: Identity,
    pub issuer: String,
    pub folder: tempfile::TempDir,
}

impl Serving {
    /// Starts a server whose issuer is `http://localhost:PORT`, which browsers trust like https.
    pub async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let issuer = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let mut settings = Settings::new(Issuer::parse(&issuer).unwrap());
        change(&mut settings);
        let identity = Identity::open(settings, folder.path(), None, Arc::new(SystemClock)).await.unwrap();
        tokio::spawn(accept(listener, identity.clone()));
        Self { identity, issuer, folder }
    }
}

async fn accept(listener: TcpListener, identity: Identity) {
    while let Ok((stream, from)) = listener.accept().await {
        let identity = identity.clone();
        let service = service_fn(move |request| answer(identity.clone(), from, request));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    identity: Identity,
    from: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let origin = Origin { address: from.ip(), certificate: None };
    Ok(identity.answer(origin, Request::from_parts(head, body)).await.map(Full::new))
}

impl Serving {
    /// Uses an invitation, as its page does.
    pub async fn choose_password(&self, link: &str, password: &str) {
        let path = link.strip_prefix(&self.issuer).unwrap();
        let ask = async |method: &str, path: &str, cookie: &str, body: String| {
            let request = Request::builder().method(method).uri(path).header("cookie", cookie);
            let request = request.header("content-type", "application/x-www-form-urlencoded").body(Bytes::from(body));
            let origin = Origin { address: Ipv4Addr::LOCALHOST.into(), certificate: None };
            self.identity.answer(origin, request.unwrap()).await
        };
        let page = ask("GET", path, "", String::new()).await;
        let cookie = page.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let text = String::from_utf8(page.body().to_vec()).unwrap();
        let form = text.split("<form ").find(|form| form.contains("/password\"")).unwrap();
        let action = form.split_once("action=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        let csrf = form.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        let mut fields = vec![("csrf", csrf), ("password", password.to_owned())];
        if let Some((_, link)) = form.split_once("name=\"link\" value=\"") {
            fields.push(("link", link.split_once('"').unwrap().0.to_owned()));
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let answer = ask("POST", &action, &cookie, body).await;
        assert_eq!(answer.status(), 303, "{}", String::from_utf8_lossy(answer.body()));
    }
}
