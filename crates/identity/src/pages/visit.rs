//! A browser's request to a page: who it is, and, for a form, whether it comes from a page of ours.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    response::Response,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, Uri, request::Parts};
use store::StoreError;

use super::{
    cookies::{self, Cookie},
    error::{self, Fault},
    frame::Frame,
    return_path::ReturnPath,
};
use crate::{
    accounts::{Browser, Session},
    authorization::AuthorizationRequest,
    clients::RedirectUri,
    identity::Server,
    origin::Origin,
    parameters::Parameters,
    secret::{Digest, Purpose, Secret},
};

/// A request for a page.
pub(crate) struct Visit {
    pub(crate) server: Arc<Server>,
    pub(crate) browser: Browser,
    pub(crate) session: Option<Session>,
    pub(crate) query: Parameters,
    /// What hidden fields and challenges are bound to: the text of the cookie of the session, or of the visitor.
    binding: String,
    /// A visitor's cookie that the browser is yet to be given.
    fresh: Option<Secret>,
    /// The origin that a login leads to without another page: that of a client which needs no consent. Chromium applies
    /// `form-action` to each redirect after a post.
    pub(super) leads_to: Option<String>,
}

/// A form that was sent from a page of ours.
pub(crate) struct Posted {
    pub(crate) visit: Visit,
    pub(crate) form: Parameters,
}

impl Visit {
    /// The hidden field of a form that is sent to this path.
    pub(crate) fn csrf(&self, path: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.server.tags.forms.tag(&[self.binding.as_bytes(), path.as_bytes()]))
    }

    /// What challenges for passkeys are bound to.
    pub(crate) fn binding(&self) -> &[u8] {
        self.binding.as_bytes()
    }

    /// What every page has around it.
    pub(crate) fn frame(&self, title: impl Into<String>) -> Frame<'_> {
        Frame::new(&self.server.theme, title.into())
    }

    /// Gives a browser that has no cookie of ours one, so that the page's forms are good.
    pub(crate) fn answer(&self, mut response: Response) -> Response {
        if let Some(visitor) = &self.fresh {
            cookies::set(response.headers_mut(), Cookie::Visitor, visitor.expose());
        }
        response
    }

    async fn of(server: Arc<Server>, origin: &Origin, headers: &HeaderMap, uri: &Uri) -> Result<Self, StoreError> {
        let browser = Browser::of(origin.address, headers);
        let session = server.session_of(&browser).await?;
        let given = |cookie, purpose| {
            cookies::read(headers, cookie).filter(|text| Digest::of_secret(purpose, text).is_some()).map(str::to_owned)
        };
        let known = given(Cookie::Session, Purpose::Session).or_else(|| given(Cookie::Visitor, Purpose::Visitor));
        let fresh = if known.is_some() { None } else { Some(Secret::generate(Purpose::Visitor)?) };
        let binding = known.or_else(|| fresh.as_ref().map(|secret| secret.expose().to_owned())).unwrap_or_default();
        // A query with a parameter twice says nothing that a page would go by.
        let query = Parameters::parse(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
        let leads_to = leads_to(&server, query.get("return"), origin.address).await;
        Ok(Self { server, browser, session, query, binding, fresh, leads_to })
    }
}

impl FromRequestParts<Arc<Server>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Response> {
        let Some(origin) = parts.extensions.get::<Origin>().cloned() else {
            return Err(error::of(server, Fault::Unavailable));
        };
        let visit = Self::of(Arc::clone(server), &origin, &parts.headers, &parts.uri).await;
        visit.map_err(|stored| error::stored(server, &stored))
    }
}

impl FromRequest<Arc<Server>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        if is_foreign(&parts.headers, server.settings.issuer.as_str()) {
            return Err(error::of(server, Fault::Foreign));
        }
        let mut visit = Visit::from_request_parts(&mut parts, server).await?;
        let (headers, path) = (parts.headers.clone(), parts.uri.path().to_owned());
        let body = Bytes::from_request(Request::from_parts(parts, body), server).await;
        let body = body.map_err(|_| error::of(server, Fault::Form))?;
        let form = Parameters::of_form(&headers, &body).map_err(|_| error::of(server, Fault::Form))?;
        let tag = form.get("csrf").and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok()).unwrap_or_default();
        if visit.fresh.is_some() || !server.tags.forms.fits(&[visit.binding.as_bytes(), path.as_bytes()], &tag) {
            return Err(error::of(server, Fault::Form));
        }
        visit.leads_to = leads_to(server, form.get("return"), visit.browser.address).await;
        Ok(Self { visit, form })
    }
}

async fn leads_to(server: &Arc<Server>, return_to: Option<&str>, from: IpAddr) -> Option<String> {
    let path = ReturnPath::parse(return_to);
    let (_, query) = path.as_str().split_once("/oauth2/authorize?")?;
    let parameters = Parameters::parse(query.as_bytes()).ok()?;
    let request = AuthorizationRequest::read(server, &parameters, from).await.ok()?;
    request.client.client.first_party.then(|| RedirectUri::origin_of(&request.redirect_uri))
}

/// Whether a form comes from another site. A browser that is told `no-referrer` sends `Origin: null` with its own forms,
/// so that alone proves nothing; the hidden field does.
fn is_foreign(headers: &HeaderMap, issuer: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let origin = text("origin").is_some_and(|origin| origin != issuer && origin != "null");
    let site = text("sec-fetch-site").is_some_and(|site| site != "same-origin");
    origin || site
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn forms_of_other_sites_are_told_by_either_header() {
        let foreign = |headers: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            is_foreign(&map, "https://id.example.com")
        };
        assert!(!foreign(&[]));
        assert!(!foreign(&[("origin", "https://id.example.com"), ("sec-fetch-site", "same-origin")]));
        assert!(!foreign(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(foreign(&[("origin", "https://evil.example")]));
        assert!(foreign(&[("origin", "http://id.example.com")]));
        for site in ["cross-site", "same-site", "none"] {
            assert!(foreign(&[("sec-fetch-site", site)]), "{site}");
        }
    }
}
