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
