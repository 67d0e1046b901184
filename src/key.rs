//! `portcullis key`: API keys of a running gateway, over its control socket.

use std::process::ExitCode;

use comfy_table::Table;
use serde_json::json;
use store::{KeyId, KeyRecord};

use crate::{
    cli::{Format, KeyCommand},
    control::{self, Answer, Request},
    failure::{Failure, Outcome},
    output,
};

pub(crate) fn run(command: KeyCommand) -> Outcome {
    let (server, request, format) = match command {
        KeyCommand::Create { server, owner, name, scopes, roles, tenant, expires_in, output } => {
            let expires_in = expires_in.as_secs();
            (server, Request::CreateKey { owner, name, scopes, roles, tenant, expires_in }, output.format)
        }
        KeyCommand::List { server, output } => (server, Request::ListKeys, output.format),
        KeyCommand::Roll { server, id, grace, output } => {
            (server, Request::RollKey { id: KeyId(id), grace: grace.as_secs() }, output.format)
        }
        KeyCommand::Update { server, id, scopes, no_scopes, roles, no_roles, output } => {
            let replaced = |new: Vec<String>, none: bool| (none || !new.is_empty()).then_some(new);
            let (scopes, roles) = (replaced(scopes, no_scopes), replaced(roles, no_roles));
            (server, Request::ChangeKey { id: KeyId(id), scopes, roles }, output.format)
        }
        KeyCommand::Revoke { server, id, output } => (server, Request::RevokeKey { id: KeyId(id) }, output.format),
    };
    let answer = control::ask(&control::data(server)?, &request)?;
    show(answer, format)?;
    Ok(ExitCode::SUCCESS)
}

fn show(answer: Answer, format: Format) -> Result<(), Failure> {
    match (answer, format) {
        (Answer::Made { key, record }, Format::Json) => output::print_json(&json!({ "key": key, "record": record })),
        // The key alone, so that `$(portcullis key create …)` is the key.
        (Answer::Made { key, record }, Format::Table) => {
            output::print(&key)?;
            eprintln!("{} expires {}. The key is shown only this once.", record.id, output::rfc3339(record.expires));
            Ok(())
        }
        (Answer::Changed { record } | Answer::Revoked { record }, Format::Json) => {
            output::print_json(&json!({ "record": record }))
        }
        (Answer::Changed { record }, Format::Table) => {
            let (scopes, roles) = (record.scopes.join(" "), record.roles.join(" "));
            eprintln!("{} has the scopes [{scopes}] and the roles [{roles}]", record.id);
            Ok(())
        }
        (Answer::Revoked { record }, Format::Table) => {
            eprintln!("{} is revoked", record.id);
            Ok(())
        }
        (Answer::Keys { keys }, Format::Json) => output::print_json(&json!({ "keys": keys })),
        (Answer::Keys { keys }, Format::Table) => output::print(&table(&keys)),
        (
            Answer::Reloaded
            | Answer::Identity { .. }
            | Answer::Why { .. }
            | Answer::Sightings { .. }
            | Answer::Requests { .. },
            _,
        ) => Err(Failure::Refused("the gateway answered another command".to_owned())),
        (Answer::Failed { message }, _) => Err(Failure::Refused(message)),
        (Answer::Denied { message }, _) => Err(Failure::NotAuthenticated(message)),
    }
}

fn table(keys: &[KeyRecord]) -> String {
    let now = output::now();
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["ID", "OWNER", "NAME", "SCOPES", "ROLES", "TENANT", "STATE", "EXPIRES", "LAST USED"]);
    for key in keys {
        table.add_row([
            key.id.0.clone(),
            key.owner.clone(),
            key.name.clone(),
            key.scopes.join(" "),
            key.roles.join(" "),
            key.tenant.clone().unwrap_or_default(),
            state(key, now).to_owned(),
            output::rfc3339(key.expires),
            key.last_used.map_or_else(|| "never".to_owned(), output::rfc3339),
        ]);
    }
    table.to_string()
}

fn state(key: &KeyRecord, now: u64) -> &'static str {
    match (key.revoked, key.is_live(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "live",
        (None, false) => "expired",
    }
}
