//! The control socket: how operator commands reach a running gateway.
//!
//! A Unix socket `control.sock` in the data folder, mode 0600. A connection carries one [`Request`] and one [`Answer`],
//! each a line of JSON. The kernel says who the peer is; only root and the server's own user are heard.

mod client;
mod identity;
mod server;

use std::path::{Path, PathBuf};

use gateway::{Position, Sighting};
use serde::{Deserialize, Serialize};
use store::{KeyId, KeyRecord};

pub(crate) use client::ask;
pub(crate) use identity::{Ask, ClientAsk, SessionAsk, UserAsk};
pub(crate) use server::{Commands, ReloadRequest, bind, serve};

use crate::{cli::Server, failure::Failure};

/// Longest request or answer line. A list of some ten thousand keys fits.
const MAX_LINE: u64 = 4 << 20;

/// What an operator command asks for. Times are seconds.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    CreateKey {
        owner: String,
        name: String,
        scopes: Vec<String>,
        roles: Vec<String>,
        tenant: Option<String>,
        expires_in: u64,
    },
    ListKeys,
    RollKey {
        id: KeyId,
        grace: u64,
    },
    /// What is `None` stays as it is.
    ChangeKey {
        id: KeyId,
        scopes: Option<Vec<String>>,
        roles: Option<Vec<String>>,
    },
    RevokeKey {
        id: KeyId,
    },
    Reload,
    /// Something of the authorization server.
    Identity {
        ask: Ask,
    },
    /// What was asked for since the start.
    Inventory,
    /// What became of the request with this id.
    Find {
        id: String,
    },
    /// Why policies decided over the request with this id as they did.
    Why {
        id: String,
    },
    /// What ended since; without a position, only where that is now.
    Requests {
        since: Option<Position>,
        refused: bool,
    },
}

/// What the gateway answers. No `Debug`: `key` is a secret on its only way to the operator.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer {
    Made {
        key: String,
        record: KeyRecord,
    },
    Changed {
        record: KeyRecord,
    },
    Revoked {
        record: KeyRecord,
    },
    Keys {
        keys: Vec<KeyRecord>,
    },
    Reloaded,
    /// Of the authorization server.
    Identity {
        value: serde_json::Value,
    },
    Why {
        text: String,
    },
    /// What was asked for since the start.
    Sightings {
        sightings: Vec<Sighting>,
    },
    /// Stories of requests, oldest first, and where they end.
    Requests {
        requests: Vec<serde_json::Value>,
        position: Position,
    },
    Failed {
        message: String,
    },
    Denied {
        message: String,
    },
}

/// Where the socket of a gateway with this data folder is.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// The data folder of the gateway that an operator means.
pub(crate) fn data(server: Server) -> Result<PathBuf, Failure> {
    match server {
        Server { data: Some(data), .. } => Ok(data),
        Server { config: Some(file), .. } => Ok(config::load(&file)?.data),
        Server { .. } => Err(Failure::Usage("name the gateway with -c FILE or --data DIR".to_owned())),
    }
}
