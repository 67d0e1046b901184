//! `portcullis tail`: requests of a running gateway as they end.

use std::{thread, time::Duration};

use crate::{
    cli::{Format, Tail},
    control::{self, Answer, Request},
    failure::{Failure, Outcome},
    output, story,
};

/// Each worker remembers the last thousand, so that this misses none of up to some thousands a second.
const PAUSE: Duration = Duration::from_millis(200);

/// Prints until it is ended, or the gateway is.
pub(crate) fn run(arguments: Tail) -> Outcome {
    let data = control::data(arguments.server)?;
    let mut since = None;
    loop {
        let asked = Request::Requests { since: since.take(), refused: arguments.denied };
        let Answer::Requests { requests, position } = control::ask(&data, &asked)? else {
            return Err(Failure::Refused("the gateway answered something else".to_owned()));
        };
        for request in &requests {
            match arguments.output.format {
                Format::Table => output::print(&story::line(request))?,
                Format::Json => output::print(&request.to_string())?,
            }
        }
        since = Some(position);
        thread::sleep(PAUSE);
    }
}
