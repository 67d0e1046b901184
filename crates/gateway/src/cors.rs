//! Pages of other origins (CORS, Fetch Standard §3.2): the gateway answers their preflights and says which may read an
//! answer. What an upstream says of it is removed: it would let in whom the configuration does not name.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use config::{Readers, Serves};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::{
    body::Outbound,
    canonical::Canonical,
    refusal::Refusal,
    resident::Resident,
    route::{Routed, Routes},
};

/// Pages of which origins may read.
enum Origins {
    These(Vec<HeaderValue>),
    /// All: what they read says the same to everybody.
    Anyone,
    /// Those of the authorization server's clients.
    Clients(Arc<dyn Resident>),
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::These(origins) => f.debug_list().entries(origins).finish(),
            Self::Anyone => f.write_str("Anyone"),
            Self::Clients(_) => f.write_str("Clients"),
        }
    }
}

/// The rules of an API, in the form of their fields.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Origins,
    credentials: bool,
    request_headers: Option<HeaderValue>,
    response_headers: Option<HeaderValue>,
    max_age: HeaderValue,
}

impl Cors {
    pub(crate) fn new(rules: &config::Cors) -> Self {
        let list = |names: &[http::HeaderName]| {
            let names: Vec<&str> = names.iter().map(http::HeaderName::as_str).collect();
            HeaderValue::try_from(names.join(", ")).ok().filter(|value| !value.is_empty())
        };
        Self {
            // One that is not a field's value cannot come in one either.
            origins: Origins::These(
                rules.origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect(),
            ),
            credentials: rules.credentials,
            request_headers: list(&rules.request_headers),
            response_headers: list(&rules.response_headers),
            max_age: HeaderValue::from(rules.max_age.as_secs()),
        }
    }

    /// For documents that are the same for everybody.
    pub(crate) fn anyone() -> Self {
        Self::without_credentials(Origins::Anyone)
    }

    /// For an endpoint of the authorization server: its clients' tokens come in fields, never by cookies.
    pub(crate) fn of_resident(serves: Serves, resident: &Arc<dyn Resident>) -> Option<Self> {
        match serves {
            Serves::Resident(Readers::Clients) => {
                Some(Self::without_credentials(Origins::Clients(Arc::clone(resident))))
            }
            Serves::Resident(Readers::Anyone) => Some(Self::anyone()),
            Serves::Resident(Readers::Own) | Serves::Upstream | Serves::Evaluation | Serves::ResourceMetadata => None,
        }
    }

    fn without_credentials(origins: Origins) -> Self {
        Self {
            origins,
            credentials: false,
            request_headers: Some(HeaderValue::from_static("authorization, content-type, dpop")),
            response_headers: Some(HeaderValue::from_static("dpop-nonce, www-authenticate")),
            max_age: HeaderValue::from_static("600"),
        }
    }

    /// The origin that may read an answer: the request's, if it is named. Two are none.
    fn reader(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (Some(origin), None) => self.origins.reader(origin),
            _ => None,
        }
    }
}

impl Origins {
    fn reader(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            Self::These(origins) => origins.iter().find(|known| *known == origin).cloned(),
            Self::Anyone => Some(HeaderValue::from_static("*")),
            Self::Clients(resident) => {
                origin.to_str().is_ok_and(|text| resident.is_client_origin(text)).then(|| origin.clone())
            }
        }
    }
}

/// Which page may read the answer to a request whose API has rules for pages.
#[derive(Debug)]
pub(crate) struct Reader {
    cors: Arc<Cors>,
    /// `None`: no page.
    origin: Option<HeaderValue>,
}

impl Reader {
    pub(crate) fn of(routed: &Routed) -> Option<Self> {
        Some(Self::with(routed.route.cors.as_ref()?, &routed.canonical.headers))
    }

    fn with(cors: &Arc<Cors>, headers: &HeaderMap) -> Self {
        Self { cors: Arc::clone(cors), origin: cors.reader(headers) }
    }

    /// Says so in the answer.
    pub(crate) fn add_fields(self, headers: &mut HeaderMap) {
        const TRUE: HeaderValue = HeaderValue::from_static("true");
        const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");
        // Without it, a cache would hand what one origin may read to another (Fetch Standard, "CORS protocol and HTTP
        // caches").
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = self.origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert("cross-origin-resource-policy", CROSS_ORIGIN);
        if self.cors.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        if let Some(names) = &self.cors.response_headers {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, names.clone());
        }
    }
}

/// A browser's question before it sends a request that a form could not. It comes without a credential, so it is
/// answered before anyone is asked for one; it tells nothing but the rules themselves.
pub(crate) struct Preflight {
    cors: Arc<Cors>,
    method: HeaderValue,
    pub(crate) reader: Reader,
}

impl Preflight {
    /// Finds the route that the question is about. `None`: not a preflight, or no rules that could answer it.
    pub(crate) fn of(canonical: &Canonical, routes: &Routes) -> Option<Self> {
        if canonical.method != Method::OPTIONS || !canonical.headers.contains_key(header::ORIGIN) {
            return None;
        }
        let method = canonical.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let route = routes.peek(canonical, &Method::from_bytes(method.as_bytes()).ok()?).ok()?;
        let cors = Arc::clone(route.cors.as_ref()?);
        let reader = Reader::with(&cors, &canonical.headers);
        Some(Self { cors, method: method.clone(), reader })
    }

    /// The answer, to which the reader's fields are yet to be added; a page that is not named gets a refusal.
    pub(crate) fn answer(&self) -> Result<Response<Outbound>, Refusal> {
        if self.reader.origin.is_none() {
            return Err(Refusal::ForeignOrigin);
        }
        let mut response = Response::new(Outbound::full(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    /// What the page may send. Added last, as the fields of other answers are.
    pub(crate) fn add_fields(self, headers: &mut HeaderMap) {
        let permitted = self.reader.origin.is_some();
        self.reader.add_fields(headers);
        if !permitted {
            return;
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, self.method);
        if let Some(names) = &self.cors.request_headers {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, self.cors.max_age.clone());
    }
}
