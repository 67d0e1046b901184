//! Clients that nobody registered: their id is the address of a document that says what they are
//! (draft-ietf-oauth-client-id-metadata-document).
//!
//! The document is fetched when the client is met, kept in memory for as long as its origin lets it, and nothing of it is
//! believed but that whoever controls the address wrote it. Such a client is an agent of nobody known: users are asked
//! each time, by the host of its id, and it may ask for the scopes that the operator named for such clients. A row in the
//! database, for as long as something that it was given can be used, is what operators see it by and shut it out with.
//!
//! Anybody can make the server fetch, so what is fetched is bounded: by host, by who asks, in all, and at once
//! ([`documents`]).

mod client_url;
mod document;
mod documents;
mod freshness;

pub(crate) use client_url::ClientUrl;
pub(crate) use documents::Documents;

use std::{net::IpAddr, sync::Arc};

use super::ClientId;
use crate::{
    identity::Server,
    problem::{Answer, Code, Problem},
    store::clients::StoredClient,
};

/// Which clients may be known by their address, and what they may ask for.
#[derive(Debug, Clone, Default)]
pub struct ClientsByUrl {
    /// Hosts, each with its port unless that is 443, whose documents are taken. Empty: those of all.
    pub hosts: Vec<String>,
    /// Scopes that such a client may ask for.
    pub scopes: std::collections::BTreeSet<String>,
}

/// Why there is no client at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoDocument {
    /// The operator does not let clients of this host in.
    Host,
    /// Too many are being fetched.
    Busy,
    /// No answer, or another one than 200.
    Unreachable,
    /// Too long, not JSON of one meaning, or not declared as JSON.
    Form,
    /// It is the document of another client.
    OtherClient,
    /// It holds a secret, or asks for one.
    Secret,
    /// It says what a client at an address cannot be.
    Metadata,
}

impl NoDocument {
    /// For whoever sent the request: it tells nothing of the network here.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Host => "documents of clients at this host are not taken here",
            Self::Busy => "too many documents of clients are being fetched; try again",
            Self::Unreachable => {
                "there is no document at the client_id: it must be answered with 200, without a redirect"
            }
            Self::Form => {
                "the document at the client_id is not application/json, not JSON with one meaning, or over 5 KiB"
            }
            Self::OtherClient => {
                "client_id in the document is not, character by character, the address of the document"
            }
            Self::Secret => {
                "the document holds a secret, or asks to authenticate with one: use none or private_key_jwt"
            }
            Self::Metadata => {
                "the document says what an agent cannot be here: see redirect_uris, client_name, jwks and their like"
            }
        }
    }
}

impl From<NoDocument> for Problem {
    fn from(why: NoDocument) -> Self {
        let code = match why {
            NoDocument::Busy => Code::TemporarilyUnavailable,
            NoDocument::Host
            | NoDocument::Unreachable
            | NoDocument::Form
            | NoDocument::OtherClient
            | NoDocument::Secret
            | NoDocument::Metadata => Code::InvalidClient,
        };
        Self::new(code, why.description())
    }
}

impl Server {
    /// Whether clients are known by their address here.
    pub(crate) fn takes_clients_by_url(&self) -> bool {
        self.settings.clients_by_url.is_some() && self.way_out.is_connected()
    }

    /// The client at an address, if its id is one and such clients are let in. `stranger` is who asks for a client that
    /// nobody has allowed anything.
    pub(super) async fn client_by_url(
        &self,
        id: &ClientId,
        stranger: Option<IpAddr>,
    ) -> Answer<Option<Arc<StoredClient>>> {
        let Some(rules) = self.settings.clients_by_url.as_ref().filter(|_| self.way_out.is_connected()) else {
            return Ok(None);
        };
        let Some(url) = ClientUrl::parse(&id.0) else { return Ok(None) };
        if !rules.hosts.is_empty() && !rules.hosts.iter().any(|host| host == url.authority()) {
            return Err(NoDocument::Host.into());
        }
        let found = self.documents.client(&url, stranger, self.clock.now()).await?;
        Ok(Some(found))
    }

    /// Keeps what is known of a client that is known by its address, because something that it is given refers to it.
    pub(crate) async fn keep_client_by_url(&self, client: &StoredClient, until: u64) -> Answer<()> {
        if client.by_url {
            self.database.put_client_by_url(&client.client, until, self.clock.now()).await?;
        }
        Ok(())
    }
}
