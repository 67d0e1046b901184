//! Clients, as operators care for them.

use store::{StoreError, token_text::NoRandomness};

use crate::{
    clients::{Authentication, Client, ClientId, is_https},
    grants::mark,
    identity::{Identity, Server},
    secret::{Purpose, Secret, random_id},
    store::clients::StoredClient,
    tokens::Subject,
};

/// How long an old secret stays good after a new one was made, in seconds (1 h).
const SECRET_GRACE: u64 = 3_600;
/// Life of an initial access token, in seconds (1 day).
const INITIAL_LIFETIME: u64 = 86_400;

/// FAPI 2.0 §5.3.2.1.
pub(crate) const NOT_FIT_FOR_FAPI: &str = "a client of the FAPI profile proves who it is with a key of its own \
    (private_key_jwt) or a certificate (tls_client_auth, self_signed_tls_client_auth), not with a secret or nothing";

/// Why something could not be done with a client. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// There is no such client.
    #[error("there is no client {0}; `portcullis client list` shows them all")]
    Unknown(ClientId),
    /// The client has no secret.
    #[error("client {0} authenticates by {1}, so it has no secret to replace")]
    NoSecret(ClientId, &'static str),
    /// A scope that the configuration does not name.
    #[error("no scope `{0}` is known; add it to `identity.scopes` with words for users")]
    UnknownScope(String),
    /// An API that the configuration does not name.
    #[error("no API has the resource identifier `{0}`")]
    UnknownResource(String),
    /// A public client cannot be trusted with what was asked.
    #[error("{0}")]
    Unsafe(&'static str),
}

impl Authentication {
    /// Whether it is a secret.
    pub(crate) fn has_secret(&self) -> bool {
        matches!(self, Self::SecretBasic | Self::SecretPost)
    }
}

impl Server {
    /// Keeps a client, new or changed.
    pub(crate) async fn put_client(&self, client: &Client) -> Result<(), StoreError> {
        self.database.put_client(client, self.clock.now()).await?;
        self.known_clients.forget();
        Ok(())
    }

    /// Gives a client a secret; those it has are good for `grace` seconds more.
    pub(crate) async fn new_client_secret(&self, id: &ClientId, grace: u64) -> Result<Secret, StoreError> {
        let secret = Secret::generate(Purpose::Client)?;
        let now = self.clock.now();
        self.database.add_client_secret(id, secret.digest(), now + grace, now).await?;
        self.known_clients.forget();
        Ok(secret)
    }

    /// Removes a client; everything that was issued to it is dead.
    pub(crate) async fn delete_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        let there = self.database.delete_client(id).await?;
        self.known_clients.forget();
        self.revoke(Subject::Client(id.0.clone())).await?;
        Ok(there)
    }
}

impl Identity {
    /// Adds a client under a new id. Its secret, if it has one, is shown this once.
    pub async fn create_client(&self, client: Client) -> Result<(Client, Option<Secret>), ClientError> {
        let client = if client.id.0.is_empty() { Client { id: ClientId(random_id()?), ..client } } else { client };
        self.check_client(&client)?;
        self.0.put_client(&client).await?;
        let secret = if client.authentication.has_secret() {
            Some(self.0.new_client_secret(&client.id, 0).await?)
        } else {
            None
        };
        Ok((client, secret))
    }

    /// Puts a client in the place of what was known of it. One that shall prove itself by a secret and has none gets one,
    /// which is shown this once.
    pub async fn update_client(&self, client: &Client) -> Result<Option<Secret>, ClientError> {
        let known = self.known(&client.id).await?;
        self.check_client(client)?;
        self.0.put_client(client).await?;
        if client.authentication.has_secret() && known.secrets.is_empty() {
            return Ok(Some(self.0.new_client_secret(&client.id, 0).await?));
        }
        Ok(None)
    }

    /// All clients, oldest first.
    pub async fn clients(&self) -> Result<Vec<StoredClient>, ClientError> {
        let mut clients = Vec::new();
        for id in self.0.database.client_ids().await? {
            clients.extend(self.0.database.client(&id).await?);
        }
        Ok(clients)
    }

    /// Gives a client another secret; the one before is good for an hour more.
    pub async fn rotate_client_secret(&self, id: &ClientId) -> Result<Secret, ClientError> {
        let known = self.known(id).await?;
        if !known.client.authentication.has_secret() {
            return Err(ClientError::NoSecret(id.clone(), known.client.authentication.as_str()));
        }
        Ok(self.0.new_client_secret(id, SECRET_GRACE).await?)
    }

    /// Shuts a client out, or lets it in again. What was issued to one that is shut out is dead at once.
    pub async fn set_client_disabled(&self, id: &ClientId, disabled: bool) -> Result<(), ClientError> {
        if !self.0.database.set_client_disabled(id, disabled).await? {
            return Err(ClientError::Unknown(id.clone()));
        }
        self.0.known_clients.forget();
        if disabled {
            let (subject, mark) = (Subject::Client(id.0.clone()), mark(self.0.clock.now()));
            self.0.database.revoke(&subject, mark).await?;
            self.0.revocations.add(subject, mark);
        }
        Ok(())
    }

    /// Removes a client with everything that hangs on it.
    pub async fn delete_client(&self, id: &ClientId) -> Result<(), ClientError> {
        if self.0.delete_client(id).await? { Ok(()) } else { Err(ClientError::Unknown(id.clone())) }
    }

    /// A token with which one client may register itself, within a day.
    pub async fn initial_access_token(&self) -> Result<Secret, ClientError> {
        let token = Secret::generate(Purpose::Registration)?;
        let expires = self.0.clock.now() + INITIAL_LIFETIME;
        self.0.database.add_registration_token(token.digest(), None, expires).await?;
        Ok(token)
    }

    async fn known(&self, id: &ClientId) -> Result<StoredClient, ClientError> {
        self.0.database.client(id).await?.ok_or_else(|| ClientError::Unknown(id.clone()))
    }

    /// What a client may not be, whoever asks for it.
    fn check_client(&self, client: &Client) -> Result<(), ClientError> {
        let settings = &self.0.settings;
        if let Some(scope) = client.scopes.iter().find(|scope| !settings.knows_scope(scope)) {
            return Err(ClientError::UnknownScope(scope.clone()));
        }
        if let Some(resource) =
            client.resources.iter().chain(&client.serves).find(|one| !settings.resources.contains(one))
        {
            return Err(ClientError::UnknownResource(resource.clone()));
        }
        let confidential = client.authentication.is_confidential();
        if !client.require_pkce && !confidential {
            return Err(ClientError::Unsafe("only a client with credentials can be exempted from PKCE"));
        }
        if self.0.is_fapi(client) && !client.authentication.is_fit_for_fapi() {
            return Err(ClientError::Unsafe(NOT_FIT_FOR_FAPI));
        }
        if !confidential && client.grants.iter().any(|grant| grant.needs_credentials()) {
            return Err(ClientError::Unsafe("client credentials and token exchange need a client with credentials"));
        }
        if client.backchannel_logout_uri.as_deref().is_some_and(|uri| !is_https(uri)) {
            return Err(ClientError::Unsafe("`backchannel_logout_uri` is an https address without user and fragment"));
        }
        if client.redirect_uris.is_empty() && client.grants.contains(&crate::clients::GrantType::AuthorizationCode) {
            return Err(ClientError::Unsafe("a client that asks users needs a redirect URI"));
        }
        Ok(())
    }
}
