//! An API to try the gateway with: answers every request with what it received, as JSON.
//!
//! `cargo run --example demo_origin -- 9000` listens on 127.0.0.1:9000.

use std::{convert::Infallible, error::Error, net::Ipv4Addr};

use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(9000), |port| port.parse())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let echo = service_fn(|request| async move { Ok::<_, Infallible>(echo(&request)) });
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), echo).await {
                eprintln!("connection: {error}");
            }
        });
    }
}

fn echo(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let seen = json!({
        "method": request.method().as_str(),
        "path": request.uri().path_and_query().map(ToString::to_string),
        "headers": headers,
    });
    let mut response = Response::new(Full::from(format!("{seen:#}\n")));
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
