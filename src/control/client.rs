//! The side of the operator command.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use super::{Answer, MAX_LINE, Request, path};
use crate::failure::Failure;

/// Longer than the store waits for its lock.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks the gateway that runs with this data folder. What it could not or would not do is a [`Failure`].
pub(crate) fn ask(data: &Path, request: &Request) -> Result<Answer, Failure> {
    let path = path(data);
    let not_running = |source| Failure::NotRunning { path: path.clone(), source };
    let mut stream = UnixStream::connect(&path).map_err(not_running)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(not_running)?;
    let mut line = serde_json::to_vec(request).map_err(Failure::Protocol)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(not_running)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(MAX_LINE)).read_until(b'\n', &mut answer).map_err(not_running)?;
    match serde_json::from_slice(&answer).map_err(Failure::Protocol)? {
        Answer::Failed { message } => Err(Failure::Refused(message)),
        Answer::Denied { message } => Err(Failure::NotAuthenticated(message)),
        answer @ (Answer::Made { .. }
        | Answer::Changed { .. }
        | Answer::Revoked { .. }
        | Answer::Keys { .. }
        | Answer::Reloaded
        | Answer::Identity { .. }
        | Answer::Why { .. }
        | Answer::Sightings { .. }
        | Answer::Requests { .. }) => Ok(answer),
    }
}
