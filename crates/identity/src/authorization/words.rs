//! What a request asks for, in words for the user who decides.

use std::collections::BTreeSet;

use crate::{
    clients::{Client, GrantType},
    identity::Server,
};

/// What each scope means. A scope without words of its own is shown as it is.
pub(crate) fn scope_words(server: &Server, scopes: &BTreeSet<String>) -> Vec<String> {
    let texts = &server.theme.messages.consent;
    let words = |scope: &String| match scope.as_str() {
        "openid" => texts.scope_openid.to_string(),
        "profile" => texts.scope_profile.to_string(),
        "email" => texts.scope_email.to_string(),
        "offline_access" => texts.scope_offline_access.to_string(),
        _ => server.settings.scopes.get(scope).unwrap_or(scope).clone(),
    };
    scopes.iter().map(words).collect()
}

/// How long the client can use what it is given, in seconds.
pub(crate) fn lifetime(server: &Server, client: &Client, scopes: &BTreeSet<String>) -> u64 {
    let settings = &server.settings;
    let time = if !client.grants.contains(&GrantType::RefreshToken) {
        settings.access_token
    } else if scopes.contains("offline_access") {
        settings.refresh_token
    } else {
        settings.session.min(settings.refresh_token)
    };
    time.as_secs()
}
