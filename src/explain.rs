//! `portcullis explain`: what a code means, or what became of a request.

use std::process::ExitCode;

use config::codes::{self, Entry};
use serde_json::json;

use crate::{
    cli::{Explain, Format, Server},
    control::{self, Answer, Request},
    failure::{Failure, Outcome},
    output, story,
};

pub(crate) fn run(arguments: Explain) -> Outcome {
    if is_request_id(&arguments.code) {
        return request(arguments);
    }
    let unknown = || Failure::UnknownCode(arguments.code.escape_debug().to_string());
    let entry = codes::find(&arguments.code).ok_or_else(unknown)?;
    match arguments.output.format {
        Format::Table => output::print(&text(entry))?,
        Format::Json => output::print_json(&json!({
            "code": entry.id,
            "status": entry.status,
            "title": entry.title,
            "caller": entry.caller,
            "operator": entry.operator,
        }))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn is_request_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn request(arguments: Explain) -> Outcome {
    let asked = Request::Find { id: arguments.code.to_ascii_lowercase() };
    let data = control::data(Server { config: arguments.config, data: arguments.data })?;
    let Answer::Requests { requests, .. } = control::ask(&data, &asked)? else {
        return Err(Failure::Refused("the gateway answered something else".to_owned()));
    };
    for story in &requests {
        match arguments.output.format {
            Format::Table => output::print(&story::whole(story))?,
            Format::Json => output::print_json(story)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(entry: &Entry) -> String {
    let status = entry.status.map_or_else(String::new, |status| format!(" (status {status})"));
    let mut text = format!("{}: {}{status}\n", entry.id, entry.title);
    for (whom, sentence) in [("For the caller", entry.caller), ("For the operator", entry.operator)] {
        if !sentence.is_empty() {
            text = format!("{text}\n{whom}: {sentence}\n");
        }
    }
    text
}
