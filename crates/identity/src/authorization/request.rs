//! Reading an authorization request, from the query or as it was pushed.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use super::Refused;
use crate::{
    accounts::Acr,
    clients::{Client, ClientId, GrantType},
    grants::code::{CodeBinding, is_challenge},
    identity::Server,
    parameters::Parameters,
    problem::{Answer, Code, Problem},
    secret::{Digest, Purpose},
    settings::BUILT_IN_SCOPES,
    store::clients::StoredClient,
};

/// What a pushed request is called (RFC 9126 §2.2).
pub(crate) const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";
/// Longest `state` and `nonce`.
const MAX_TEXT: usize = 1024;

/// An authorization request of a known client with a redirect URI of its own, checked.
pub(crate) struct AuthorizationRequest {
    pub(crate) client: Arc<StoredClient>,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) binding: CodeBinding,
    pub(crate) prompt: Prompt,
    /// Seconds since the user authenticated, at most.
    pub(crate) max_age: Option<u64>,
    /// The least that the user must have proved.
    pub(crate) acr: Acr,
    pub(crate) pushed: Option<Digest>,
}

/// `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// No page may be shown.
    pub(crate) none: bool,
    /// The user must authenticate again.
    pub(crate) login: bool,
    /// The user must be asked even where it could be left out.
    pub(crate) consent: bool,
}

impl AuthorizationRequest {
    /// Reads a request that a browser brings, from an address.
    pub(crate) async fn read(server: &Server, query: &Parameters, from: IpAddr) -> Result<Self, Refused> {
        let id = query.required("client_id", "`client_id` is missing").map_err(Refused::Page)?;
        let client = server.client(&ClientId(id.to_owned()), from).await.map_err(Refused::Page)?;
        let unknown = || Refused::Page(Problem::invalid_request("the app is not known here"));
        let client = client.filter(|client| !client.disabled).ok_or_else(unknown)?;
        match query.get("request_uri") {
            Some(uri) => {
                let lost = || {
                    Refused::Page(Problem::new(
                        Code::InvalidRequestUri,
                        "the request was used, has expired or is another app's",
                    ))
                };
                let digest = uri.strip_prefix(PUSHED).and_then(|text| Digest::of_secret(Purpose::Pushed, text));
                let digest = digest.ok_or_else(lost)?;
                let pushed = server.database.pushed(digest, &client.client.id, server.clock.now()).await;
                let pushed = pushed.map_err(|error| Refused::Page(error.into()))?.ok_or_else(lost)?;
                let parameters = Parameters::parse(pushed.as_bytes()).map_err(Refused::Page)?;
                Self::checked(server, client, &parameters, Some(digest))
            }
            None => Self::checked(server, client, query, None),
        }
    }

    /// Checks a request of a client, before it is pushed or shown.
    pub(crate) fn checked(
        server: &Server,
        client: Arc<StoredClient>,
        parameters: &Parameters,
        pushed: Option<Digest>,
    ) -> Result<Self, Refused> {
        let redirect_uri = redirect_uri(&client.client, parameters).map_err(Refused::Page)?;
        let state = parameters.get("state").map(str::to_owned);
        // Who is not known is sent nobody that did not say so: a link to here would be one to anywhere (RFC 9700 §4.11.2).
        let by_url = client.by_url;
        match Self::details(server, client, parameters, &redirect_uri, pushed) {
            Ok(request) => Ok(Self { state, ..request }),
            Err(problem) if by_url => Err(Refused::Page(problem)),
            Err(problem) => Err(Refused::Redirect { redirect_uri, state, problem }),
        }
    }

    fn details(
        server: &Server,
        stored: Arc<StoredClient>,
        parameters: &Parameters,
        redirect_uri: &str,
        pushed: Option<Digest>,
    ) -> Answer<Self> {
        let client = &stored.client;
        let get = |name| parameters.get(name);
        if get("request").is_some() {
            return Err(Problem::new(
                Code::RequestNotSupported,
                "request objects are not supported: push the request (RFC 9126)",
            ));
        }
        if get("response_type") != Some("code") {
            return Err(Problem::new(Code::UnsupportedResponseType, "response_type must be `code`"));
        }
        if get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(Problem::invalid_request("response_mode must be `query`"));
        }
        if !client.grants.contains(&GrantType::AuthorizationCode) {
            return Err(Problem::new(Code::UnauthorizedClient, "the client may not ask users"));
        }
        if pushed.is_none() && (client.needs_par() || server.settings.fapi) {
            return Err(Problem::invalid_request("the client must push its requests (RFC 9126)"));
        }
        if ["state", "nonce"].into_iter().any(|name| get(name).is_some_and(|text| text.len() > MAX_TEXT)) {
            return Err(Problem::invalid_request("`state` or `nonce` is longer than 1024 bytes"));
        }
        let mut scopes = server.granted_scopes(client, get("scope"))?;
        if get("scope").is_none() {
            let own = client.scopes.iter().filter(|scope| !BUILT_IN_SCOPES.contains(&scope.as_str()));
            scopes = own.filter(|scope| server.settings.knows_scope(scope)).cloned().collect();
        }
        let resources = server.granted_resources(client, parameters.all("resource"))?;
        let binding = CodeBinding {
            redirect_uri: redirect_uri.to_owned(),
            challenge: challenge(server, client, parameters)?,
            nonce: get("nonce").map(str::to_owned),
            jkt: get("dpop_jkt").map(str::to_owned),
        };
        let (prompt, max_age, acr) = (prompt(parameters)?, max_age(parameters)?, acr(parameters)?);
        let redirect_uri = redirect_uri.to_owned();
        let state = None;
        Ok(Self { client: stored, redirect_uri, state, scopes, resources, binding, prompt, max_age, acr, pushed })
    }
}

/// The whole of a registered URI; anything else is shown to the user, and sent nowhere.
fn redirect_uri(client: &Client, parameters: &Parameters) -> Answer<String> {
    let asked = parameters.required("redirect_uri", "`redirect_uri` is missing")?;
    let known = client.redirect_uris.iter().any(|known| known.matches(asked, client.kind));
    if known {
        Ok(asked.to_owned())
    } else {
        Err(Problem::invalid_request("`redirect_uri` is not one that the app registered"))
    }
}

/// RFC 7636 §4.3, with S256 alone.
fn challenge(server: &Server, client: &Client, parameters: &Parameters) -> Answer<Option<String>> {
    match (parameters.get("code_challenge"), parameters.get("code_challenge_method")) {
        (None, None) if client.may_leave_out_pkce() && !server.is_fapi(client) => Ok(None),
        (None, _) => Err(Problem::invalid_request("`code_challenge` is missing: PKCE with S256 is needed (RFC 7636)")),
        (Some(challenge), Some("S256")) if is_challenge(challenge) => Ok(Some(challenge.to_owned())),
        (Some(_), Some("S256")) => Err(Problem::invalid_request("`code_challenge` is not base64url of 32 bytes")),
        (Some(_), _) => Err(Problem::invalid_request("`code_challenge_method` must be `S256`")),
    }
}

fn prompt(parameters: &Parameters) -> Answer<Prompt> {
    let mut prompt = Prompt::default();
    let words: Vec<&str> = parameters.get("prompt").unwrap_or_default().split_ascii_whitespace().collect();
    for word in &words {
        match *word {
            "none" => prompt.none = true,
            // Whoever is to choose an account logs in.
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => return Err(Problem::invalid_request("`prompt` is not one of none, login, consent, select_account")),
        }
    }
    if prompt.none && words.len() > 1 {
        return Err(Problem::invalid_request("`prompt=none` stands alone"));
    }
    Ok(prompt)
}

fn max_age(parameters: &Parameters) -> Answer<Option<u64>> {
    let wrong = |_| Problem::invalid_request("`max_age` is not a number of seconds");
    parameters.get("max_age").map(|text| text.parse().map_err(wrong)).transpose()
}

/// The least of the values that the server knows. A request for others alone cannot be met.
fn acr(parameters: &Parameters) -> Answer<Acr> {
    let Some(asked) = parameters.get("acr_values") else { return Ok(Acr::Aal1) };
    let known = asked.split_ascii_whitespace().filter_map(Acr::parse).min();
    known.ok_or_else(|| Problem::new(Code::UnmetAuthenticationRequirements, "none of `acr_values` is known here"))
}
