//! The side of the gateway.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use gateway::{Inventory, Position, Recent, Story};
use store::{KeyChange, KeyId, NewKey, StoreError};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
};

use super::{Answer, MAX_LINE, Request, path};
use crate::{failure::Failure, key_source::StoredKeys, output::now, resident::Resident};

/// How long a peer may take for its one line.
const PATIENCE: Duration = Duration::from_secs(10);
const ROOT: u32 = 0;
/// Of under a KiB each.
const MOST_STORIES: usize = 4000;

/// Asks the one who runs the gateway to reload; the sender takes what came of it.
pub(crate) type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// What commands act on.
#[derive(Clone)]
pub(crate) struct Commands {
    pub(crate) keys: Arc<StoredKeys>,
    /// The authorization server, if there is one.
    pub(crate) resident: Option<Arc<Resident>>,
    pub(crate) reload: mpsc::Sender<ReloadRequest>,
    pub(crate) recent: Recent,
    pub(crate) inventory: Inventory,
}

/// Binds the socket, replacing one that a dead process left behind. Must be called within a runtime.
pub(crate) fn bind(data: &Path) -> Result<UnixListener, Failure> {
    let path = path(data);
    if std::os::unix::net::UnixStream::connect(&path).is_ok() {
        return Err(Failure::AlreadyRunning(data.to_owned()));
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Failure::file(path)(error)),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path).map_err(Failure::file(&path))?;
    // A peer that comes before the mode is set is still judged by its user id.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(Failure::file(&path))?;
    Ok(listener)
}

/// Answers commands until the task is dropped.
pub(crate) async fn serve(listener: UnixListener, commands: Commands) -> Result<(), Failure> {
    let own_user = own_user().map_err(Failure::Runtime)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(tokio::time::timeout(PATIENCE, converse(stream, own_user, commands.clone())));
            }
            // Out of descriptors, most likely: wait rather than spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The user this process runs as, from the kernel's view of our own end of a socket.
fn own_user() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

async fn converse(mut stream: UnixStream, own_user: u32, commands: Commands) -> io::Result<()> {
    let user = stream.peer_cred()?.uid();
    let answer = if user == ROOT || user == own_user {
        match read(&mut stream).await? {
            Ok(request) => act(&commands, request, user)
                .await
                .unwrap_or_else(|error| Answer::Failed { message: error.to_string() }),
            Err(error) => Answer::Failed { message: format!("the command cannot be read: {error}") },
        }
    } else {
        eprintln!("control: user {user} was refused");
        Answer::Denied { message: format!("user {user} may not command this gateway; be root or the user it runs as") }
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.shutdown().await
}

async fn read(stream: &mut UnixStream) -> io::Result<Result<Request, serde_json::Error>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_LINE)).read_until(b'\n', &mut line).await?;
    Ok(serde_json::from_slice(&line))
}

async fn act(commands: &Commands, request: Request, user: u32) -> Result<Answer, StoreError> {
    let keys = &commands.keys;
    match request {
        Request::CreateKey { owner, name, scopes, roles, tenant, expires_in } => {
            let expires_in = Duration::from_secs(expires_in);
            create_key(commands, NewKey { owner, name, scopes, roles, tenant, expires_in }, user).await
        }
        Request::ListKeys => Ok(Answer::Keys { keys: keys.store().list_keys().await? }),
        Request::RollKey { id, grace } => {
            let made = keys.store().roll_key(&id, Duration::from_secs(grace), now()).await;
            // Also after an error: whether the change is in the database may be unknown then.
            keys.invalidate();
            let (key, record) = made?;
            log(user, "rolled", &id);
            Ok(Answer::Made { key: key.expose().to_owned(), record })
        }
        Request::ChangeKey { id, scopes, roles } => {
            let changed = keys.store().change_key(&id, KeyChange { scopes, roles }, now()).await;
            keys.invalidate();
            let record = changed?;
            log(user, "changed", &id);
            Ok(Answer::Changed { record })
        }
        Request::RevokeKey { id } => {
            let revoked = keys.store().revoke_key(&id, now()).await;
            keys.invalidate();
            let record = revoked?;
            log(user, "revoked", &id);
            Ok(Answer::Revoked { record })
        }
        Request::Identity { ask } => {
            let Some(resident) = &commands.resident else {
                let message = "this gateway has no authorization server; add `identity: {}` to its configuration";
                return Ok(Answer::Failed { message: message.to_owned() });
            };
            let done = super::identity::act(&resident.identity(), ask, user).await;
            Ok(done.map_or_else(|message| Answer::Failed { message }, |value| Answer::Identity { value }))
        }
        Request::Inventory => Ok(Answer::Sightings { sightings: commands.inventory.sightings() }),
        Request::Find { id } => {
            let missing = "no request of the last few has this id; the access log may still have it";
            let failed = || Answer::Failed { message: missing.to_owned() };
            Ok(commands.recent.find(&id).map_or_else(failed, |story| told(&[story], commands.recent.position())))
        }
        Request::Why { id } => {
            let missing =
                "no request of the last few that policies decided over has this id; the access log may have it";
            let failed = || Answer::Failed { message: missing.to_owned() };
            Ok(commands.recent.why(&id).map_or_else(failed, |text| Answer::Why { text }))
        }
        Request::Requests { since: None, .. } => Ok(told(&[], commands.recent.position())),
        Request::Requests { since: Some(mut position), refused } => {
            let stories = commands.recent.since(&mut position, refused);
            Ok(told(&stories, position))
        }
        Request::Reload => {
            let (asked, answered) = oneshot::channel();
            let gone = |()| "the gateway is stopping".to_owned();
            let asked = commands.reload.send(asked).await.map_err(|_| gone(()));
            let outcome = match asked {
                Ok(()) => answered.await.unwrap_or_else(|_| Err(gone(()))),
                Err(message) => Err(message),
            };
            Ok(outcome.map_or_else(|message| Answer::Failed { message }, |()| Answer::Reloaded))
        }
    }
}

/// Makes a key, with roles that the policies in force know.
async fn create_key(commands: &Commands, new: NewKey, user: u32) -> Result<Answer, StoreError> {
    if let Err(message) = commands.recent.check_roles(&new.roles) {
        return Ok(Answer::Failed { message });
    }
    let (key, record) = commands.keys.store().create_key(new, now()).await?;
    log(user, "created", &record.id);
    Ok(Answer::Made { key: key.expose().to_owned(), record })
}

/// The newest stories, as many as a line holds. One that does not serialise, which none is, would be missing.
fn told(stories: &[Story], position: Position) -> Answer {
    let newest = stories.iter().skip(stories.len().saturating_sub(MOST_STORIES));
    Answer::Requests { requests: newest.filter_map(|story| serde_json::to_value(story).ok()).collect(), position }
}

fn log(user: u32, verb: &str, id: &KeyId) {
    eprintln!("control: user {user} {verb} {id}");
}
