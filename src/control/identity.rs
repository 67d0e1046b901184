//! Commands about the authorization server: what is asked, and who answers.

use identity::{
    AccountError, Client, ClientError, ClientId, Identity, InvitationKind, NewUser, Secret, SessionId, StoredClient,
    User,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// More than anybody reads; a list says when there are others.
const MOST_USERS: u32 = 1_000;

/// What is asked of the authorization server.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    User(UserAsk),
    Session(SessionAsk),
    Client(ClientAsk),
    /// Whether a token is good.
    Token(String),
}

/// About users. They are meant by their login names.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum UserAsk {
    Add { name: String, display_name: String, email: Option<String>, roles: Vec<String>, tenant: Option<String> },
    List,
    Disable { name: String, disabled: bool },
    Invite { name: String, recover: bool },
}

/// About where a user is logged in.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum SessionAsk {
    List {
        name: String,
    },
    /// One of them, or all.
    End {
        name: String,
        id: Option<String>,
    },
}

/// About clients.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ClientAsk {
    Add(Box<Client>),
    List,
    RotateSecret {
        id: String,
    },
    Disable {
        id: String,
        disabled: bool,
    },
    Delete {
        id: String,
    },
    /// Makes a client what it is here; says what it is now, and its secret if it is new.
    Put(Box<Client>),
}

impl Ask {
    /// What the log says of it. Reading leaves no trace.
    fn deed(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::User(UserAsk::Add { name, .. }) => Some(("added user", name)),
            Self::User(UserAsk::Disable { name, disabled: true }) => Some(("disabled user", name)),
            Self::User(UserAsk::Disable { name, disabled: false }) => Some(("enabled user", name)),
            Self::User(UserAsk::Invite { name, .. }) => Some(("invited user", name)),
            Self::Session(SessionAsk::End { name, .. }) => Some(("ended sessions of user", name)),
            Self::Client(ClientAsk::Add(client)) => Some(("registered client", &client.name)),
            Self::Client(ClientAsk::RotateSecret { id }) => Some(("replaced the secret of client", id)),
            Self::Client(ClientAsk::Disable { id, disabled: true }) => Some(("disabled client", id)),
            Self::Client(ClientAsk::Disable { id, disabled: false }) => Some(("enabled client", id)),
            Self::Client(ClientAsk::Delete { id }) => Some(("deleted client", id)),
            Self::Client(ClientAsk::Put(client)) => Some(("applied client", &client.id.0)),
            Self::User(UserAsk::List)
            | Self::Session(SessionAsk::List { .. })
            | Self::Client(ClientAsk::List)
            | Self::Token(_) => None,
        }
    }
}

/// Does it, or says why not.
pub(super) async fn act(identity: &Identity, ask: Ask, by: u32) -> Result<Value, String> {
    // Names come from operators, and may still hold what a terminal obeys.
    let deed = ask.deed().map(|(verb, name)| format!("control: user {by} {verb} {}", name.escape_default()));
    let done = match ask {
        Ask::User(ask) => users(identity, ask).await.map_err(|error| error.to_string()),
        Ask::Session(ask) => sessions(identity, ask).await.map_err(|error| error.to_string()),
        Ask::Client(ask) => clients(identity, ask).await.map_err(|error| error.to_string()),
        Ask::Token(token) => {
            let verdict = identity.judge_token(token.trim()).await.map_err(|error| error.to_string())?;
            serde_json::to_value(verdict).map_err(|error| error.to_string())
        }
    }?;
    if let Some(deed) = deed {
        eprintln!("{deed}");
    }
    Ok(done)
}

async fn users(identity: &Identity, ask: UserAsk) -> Result<Value, AccountError> {
    match ask {
        UserAsk::Add { name, display_name, email, roles, tenant } => {
            let email_verified = email.is_some();
            let user = identity.add_user(NewUser { name, display_name, email, email_verified, roles, tenant }).await?;
            let invitation = identity.invite(&user.id, InvitationKind::Invite).await?;
            Ok(json!({ "user": told(&user), "link": *invitation.link, "expires": invitation.expires }))
        }
        UserAsk::List => {
            let users = identity.users("", MOST_USERS).await?;
            Ok(json!({ "users": users.iter().map(told).collect::<Vec<_>>() }))
        }
        UserAsk::Disable { name, disabled } => {
            let user = identity.user(&name).await?;
            identity.disable_user(&user.id, disabled).await?;
            Ok(json!({ "user": told(&User { disabled, ..user }) }))
        }
        UserAsk::Invite { name, recover } => {
            let user = identity.user(&name).await?;
            let kind = if recover { InvitationKind::Recover } else { InvitationKind::Invite };
            let invitation = identity.invite(&user.id, kind).await?;
            Ok(json!({ "user": told(&user), "link": *invitation.link, "expires": invitation.expires }))
        }
    }
}

fn told(user: &User) -> Value {
    json!({
        "id": user.id.as_str(),
        "name": user.name,
        "display_name": user.display_name,
        "email": user.email,
        "roles": user.roles,
        "tenant": user.tenant,
        "disabled": user.disabled,
    })
}

async fn sessions(identity: &Identity, ask: SessionAsk) -> Result<Value, AccountError> {
    match ask {
        SessionAsk::List { name } => {
            let user = identity.user(&name).await?;
            let sessions = identity.sessions_of(&user.id).await?;
            Ok(json!({ "sessions": sessions }))
        }
        SessionAsk::End { name, id } => {
            let user = identity.user(&name).await?;
            let id = match id {
                None => None,
                Some(id) => Some(SessionId::parse(&id).ok_or(AccountError::NoSession(id))?),
            };
            Ok(json!({ "ended": identity.end_sessions(&user.id, id.as_ref()).await? }))
        }
    }
}

async fn clients(identity: &Identity, ask: ClientAsk) -> Result<Value, ClientError> {
    match ask {
        ClientAsk::Add(client) => {
            let (client, secret) = identity.create_client(*client).await?;
            Ok(with_secret(&client, secret.as_ref()))
        }
        ClientAsk::List => {
            let clients = identity.clients().await?;
            let listed = |stored: &StoredClient| json!({ "client": stored.client, "created": stored.created, "disabled": stored.disabled });
            Ok(json!({ "clients": clients.iter().map(listed).collect::<Vec<_>>() }))
        }
        ClientAsk::RotateSecret { id } => {
            let secret = identity.rotate_client_secret(&ClientId(id.clone())).await?;
            Ok(json!({ "id": id, "secret": secret.expose() }))
        }
        ClientAsk::Disable { id, disabled } => {
            identity.set_client_disabled(&ClientId(id.clone()), disabled).await?;
            Ok(json!({ "id": id, "disabled": disabled }))
        }
        ClientAsk::Delete { id } => {
            identity.delete_client(&ClientId(id.clone())).await?;
            Ok(json!({ "id": id }))
        }
        ClientAsk::Put(client) => {
            let known = identity.clients().await?.into_iter().any(|stored| stored.client.id == client.id);
            if known {
                let secret = identity.update_client(&client).await?;
                return Ok(with_secret(&client, secret.as_ref()));
            }
            let (client, secret) = identity.create_client(*client).await?;
            Ok(with_secret(&client, secret.as_ref()))
        }
    }
}

fn with_secret(client: &Client, secret: Option<&Secret>) -> Value {
    json!({ "client": client, "secret": secret.map(Secret::expose) })
}
