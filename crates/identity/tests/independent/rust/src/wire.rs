//! HTTP for the libraries, which take a function for it: plain, and without following redirects. An answer can be spoiled
//! on its way, to see that the library would have noticed.

use std::{io, time::Duration};

use oauth2::{HttpRequest, HttpResponse, http::Response};
use ureq::Agent;

pub fn agent() -> Agent {
    let settings = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    settings.max_redirects_will_error(false).timeout_global(Some(Duration::from_secs(20))).build().into()
}

/// An address as the crates want one to which a token is sent that is to die: they take `https` alone.
pub fn secure(address: &str) -> String {
    address.replacen("http://", "https://", 1)
}

/// The way to the server, which is on loopback and has no TLS.
pub fn plain(mut request: HttpRequest) -> Result<HttpResponse, io::Error> {
    let address = request.uri().to_string().replacen("https://", "http://", 1);
    *request.uri_mut() = address.parse().map_err(io::Error::other)?;
    let (head, body) = agent().run(request).map_err(io::Error::other)?.into_parts();
    Ok(Response::from_parts(head, body.into_with_config().read_to_vec().map_err(io::Error::other)?))
}

/// The same way, on which `spoil` is done to the text of answers from addresses that end with `path`.
pub fn spoiled(
    path: &'static str,
    spoil: impl Fn(&str) -> String,
) -> impl Fn(HttpRequest) -> Result<HttpResponse, io::Error> {
    move |request| {
        let here = request.uri().path().ends_with(path);
        let answer = plain(request)?;
        if !here {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        let (before, spoilt) = (String::from_utf8_lossy(&body), spoil(&String::from_utf8_lossy(&body)));
        assert_ne!(before, spoilt, "nothing was spoiled");
        Ok(Response::from_parts(head, spoilt.into_bytes()))
    }
}
