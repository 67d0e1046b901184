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
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    AddUser {
        name: String,
        display_name: String,
        email: Option<String>,
        roles: Vec<String>,
        tenant: Option<String>,
    },
    Users,
    DisableUser {
        name: String,
        disabled: bool,
    },
    Invite {
        name: String,
        recover: bool,
    },
    Sessions {
        name: String,
    },
    RevokeSessions {
        name: String,
        id: Option<String>,
    },
    AddClient {
        client: Box<Client>,
    },
    Clients,
    RotateSecret {
        id: String,
    },
    DisableClient {
        id: String,
        disabled: bool,
    },
    DeleteClient {
        id: String,
    },
    /// Makes a client what it is here; says what it is now, and its secret if it is new.
    PutClient {
        client: Box<Client>,
    },
    CheckToken {
        token: String,
    },
}

impl Ask {
    /// What the log says of it. Reading leaves no trace.
    fn deed(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::AddUser { name, .. } => Some(("added user", name)),
            Self::DisableUser { name, disabled: true } => Some(("disabled user", name)),
            Self::DisableUser { name, disabled: false } => Some(("enabled user", name)),
            Self::Invite { name, .. } => Some(("invited user", name)),
            Self::RevokeSessions { name, .. } => Some(("ended sessions of user", name)),
            Self::AddClient { client } => Some(("registered client", &client.name)),
            Self::RotateSecret { id } => Some(("replaced the secret of client", id)),
            Self::DisableClient { id, disabled: true } => Some(("disabled client", id)),
            Self::DisableClient { id, disabled: false } => Some(("enabled client", id)),
            Self::DeleteClient { id } => Some(("deleted client", id)),
            Self::PutClient { client } => Some(("applied client", &client.id.0)),
            Self::Users | Self::Sessions { .. } | Self::Clients | Self::CheckToken { .. } => None,
        }
    }
}

/// Does it, or says why not.
pub(super) async fn act(identity: &Identity, ask: Ask, by: u32) -> Result<Value, String> {
    // Names come from operators, and may still hold what a terminal obeys.
    let deed = ask.deed().map(|(verb, name)| format!("control: user {by} {verb} {}", name.escape_default()));
    let done = perform(identity, ask).await?;
    if let Some(deed) = deed {
        eprintln!("{deed}");
    }
    Ok(done)
}

async fn perform(identity: &Identity, ask: Ask) -> Result<Value, String> {
    match ask {
        Ask::AddUser { .. } | Ask::Users | Ask::DisableUser { .. } | Ask::Invite { .. } => {
            users(identity, ask).await.map_err(|error| error.to_string())
        }
        Ask::Sessions { .. } | Ask::RevokeSessions { .. } => {
            sessions(identity, ask).await.map_err(|error| error.to_string())
        }
        Ask::AddClient { .. }
        | Ask::Clients
        | Ask::RotateSecret { .. }
        | Ask::DisableClient { .. }
        | Ask::DeleteClient { .. }
        | Ask::PutClient { .. } => clients(identity, ask).await.map_err(|error| error.to_string()),
        Ask::CheckToken { token } => {
            let verdict = identity.judge_token(token.trim()).await.map_err(|error| error.to_string())?;
            serde_json::to_value(verdict).map_err(|error| error.to_string())
        }
    }
}

async fn users(identity: &Identity, ask: Ask) -> Result<Value, AccountError> {
    match ask {
        Ask::AddUser { name, display_name, email, roles, tenant } => {
            let email_verified = email.is_some();
            let user = identity.add_user(NewUser { name, display_name, email, email_verified, roles, tenant }).await?;
            let invitation = identity.invite(&user.id, InvitationKind::Invite).await?;
            Ok(json!({ "user": told(&user), "link": *invitation.link, "expires": invitation.expires }))
        }
        Ask::Users => {
            let users = identity.users("", MOST_USERS).await?;
            Ok(json!({ "users": users.iter().map(told).collect::<Vec<_>>() }))
        }
        Ask::DisableUser { name, disabled } => {
            let user = identity.user(&name).await?;
            identity.disable_user(&user.id, disabled).await?;
            Ok(json!({ "user": told(&User { disabled, ..user }) }))
        }
        Ask::Invite { name, recover } => {
            let user = identity.user(&name).await?;
            let kind = if recover { InvitationKind::Recover } else { InvitationKind::Invite };
            let invitation = identity.invite(&user.id, kind).await?;
            Ok(json!({ "user": told(&user), "link": *invitation.link, "expires": invitation.expires }))
        }
        _ => Ok(Value::Null),
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

async fn sessions(identity: &Identity, ask: Ask) -> Result<Value, AccountError> {
    match ask {
        Ask::Sessions { name } => {
            let user = identity.user(&name).await?;
            let sessions = identity.sessions_of(&user.id).await?;
            Ok(json!({ "sessions": sessions }))
        }
        Ask::RevokeSessions { name, id } => {
            let user = identity.user(&name).await?;
            let id = match id {
                None => None,
                Some(id) => Some(SessionId::parse(&id).ok_or(AccountError::NoSession(id))?),
            };
            Ok(json!({ "ended": identity.end_sessions(&user.id, id.as_ref()).await? }))
        }
        _ => Ok(Value::Null),
    }
}

async fn clients(identity: &Identity, ask: Ask) -> Result<Value, ClientError> {
    match ask {
        Ask::AddClient { client } => {
            let (client, secret) = identity.create_client(*client).await?;
            Ok(with_secret(&client, secret.as_ref()))
        }
        Ask::Clients => {
            let clients = identity.clients().await?;
            let listed = |stored: &StoredClient| json!({ "client": stored.client, "created": stored.created, "disabled": stored.disabled });
            Ok(json!({ "clients": clients.iter().map(listed).collect::<Vec<_>>() }))
        }
        Ask::RotateSecret { id } => {
            let secret = identity.rotate_client_secret(&ClientId(id.clone())).await?;
            Ok(json!({ "id": id, "secret": secret.expose() }))
        }
        Ask::DisableClient { id, disabled } => {
            identity.set_client_disabled(&ClientId(id.clone()), disabled).await?;
            Ok(json!({ "id": id, "disabled": disabled }))
        }
        Ask::DeleteClient { id } => {
            identity.delete_client(&ClientId(id.clone())).await?;
            Ok(json!({ "id": id }))
        }
        Ask::PutClient { client } => {
            let known = identity.clients().await?.into_iter().any(|stored| stored.client.id == client.id);
            if known {
                identity.update_client(&client).await?;
                return Ok(with_secret(&client, None));
            }
            let (client, secret) = identity.create_client(*client).await?;
            Ok(with_secret(&client, secret.as_ref()))
        }
        _ => Ok(Value::Null),
    }
}

fn with_secret(client: &Client, secret: Option<&Secret>) -> Value {
    json!({ "client": client, "secret": secret.map(Secret::expose) })
}
