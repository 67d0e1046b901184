//! `portcullis identity apply FILE` and `diff FILE`: the clients of a declarative file against those that are registered.
//!
//! A file names clients by their ids and says of each what differs from what is safe for its type. `apply` can be run
//! again and again; what it would do is what `diff` says. Clients that the file does not name are left alone. Secrets are
//! in no file: a client that is new gets one, which is shown once.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use identity::{Client, ClientId, ClientKind};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{asked, text};
use crate::{
    cli::{
        Format, Server,
        identity::{Declaration, IdentityCommand},
    },
    control::{Ask, ClientAsk},
    failure::{FINDINGS, Failure, Outcome},
    output,
};

/// What a file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    clients: BTreeMap<String, Map<String, Value>>,
}

/// A client that is not as the file says.
struct Difference {
    id: String,
    wanted: Client,
    /// Members that differ: before and after. None: the client is new.
    changed: Option<Vec<(String, Value, Value)>>,
}

pub(crate) fn run(command: IdentityCommand) -> Outcome {
    let (Declaration { server, file, output }, apply) = match command {
        IdentityCommand::Apply(file) => (file, true),
        IdentityCommand::Diff(file) => (file, false),
    };
    let wanted = read(&file)?;
    let known = asked(again(&server), Ask::Client(ClientAsk::List))?;
    let differences = compare(wanted, &known)?;
    let (made, stopped) = if apply { put(&server, &differences) } else { (Vec::new(), None) };
    match output.format {
        Format::Json => {
            let told: Vec<Value> = differences.iter().map(to_json).collect();
            output::print_json(&json!({ "differences": told, "applied": made }))?;
        }
        Format::Table => show(&differences, &made)?,
    }
    if let Some(failure) = stopped {
        return Err(failure);
    }
    Ok(if apply || differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

/// Makes one client after the other what the file says. What was done before one is refused is told all the same: it may
/// have made secrets, which are told once.
fn put(server: &Server, differences: &[Difference]) -> (Vec<Value>, Option<Failure>) {
    let mut made = Vec::new();
    for difference in differences {
        match asked(again(server), Ask::Client(ClientAsk::Put(Box::new(difference.wanted.clone())))) {
            Ok(done) => made.push(done),
            Err(failure) => return (made, Some(failure)),
        }
    }
    (made, None)
}

fn again(server: &Server) -> Server {
    Server { config: server.config.clone(), data: server.data.clone() }
}

/// The clients of a file, each with its type's defaults.
fn read(path: &Path) -> Result<Vec<Client>, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::file(path))?;
    let wrong = |message: String| Failure::Usage(format!("{}: {message}", path.display()));
    let declared: Declared = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let one = |(id, said): (String, Map<String, Value>)| {
        client(&id, said).map_err(|message| wrong(format!("client `{id}`: {message}")))
    };
    declared.clients.into_iter().map(one).collect()
}

fn client(id: &str, mut said: Map<String, Value>) -> Result<Client, String> {
    if id.is_empty() || said.contains_key("id") {
        return Err("its id is the key that stands before it".into());
    }
    let kind = said.remove("type").ok_or("say its `type`: web, native, browser, service or agent")?;
    let kind: ClientKind = serde_json::from_value(kind).map_err(|error| error.to_string())?;
    let safe = Client::new(ClientId(id.to_owned()), id, kind);
    let Ok(Value::Object(mut members)) = serde_json::to_value(&safe) else { return Err("it cannot be told".into()) };
    // What is not always written is known all the same.
    let known = ["backchannel_logout_uri", "token_format", "tenant", "uri"];
    if let Some(name) = said.keys().find(|name| !members.contains_key(*name) && !known.contains(&name.as_str())) {
        let mut names: Vec<&str> = members.keys().map(String::as_str).chain(known).collect();
        names.sort_unstable();
        return Err(format!("there is no `{name}`; known are {}", names.join(", ")));
    }
    members.extend(said);
    let client: Client = serde_json::from_value(Value::Object(members)).map_err(|error| error.to_string())?;
    for uri in client.redirect_uris.iter().chain(&client.post_logout_redirect_uris) {
        identity::RedirectUri::parse(uri.as_str(), kind).map_err(|why| format!("{}: {why}", uri.as_str()))?;
    }
    Ok(client)
}

fn compare(wanted: Vec<Client>, known: &Value) -> Result<Vec<Difference>, Failure> {
    let listed = known["clients"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut differences = Vec::new();
    for wanted in wanted {
        let id = wanted.id.0.clone();
        let after = serde_json::to_value(&wanted).map_err(Failure::Protocol)?;
        let before = listed.iter().map(|one| &one["client"]).find(|client| client["id"] == id.as_str());
        let changed = before.map(|before| members(before, &after));
        if changed.as_ref().is_none_or(|changed| !changed.is_empty()) {
            differences.push(Difference { id, wanted, changed });
        }
    }
    Ok(differences)
}

/// Members that differ.
fn members(before: &Value, after: &Value) -> Vec<(String, Value, Value)> {
    let empty = Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let value = |map: &Map<String, Value>, name: &String| map.get(name).cloned().unwrap_or_default();
    let pairs = names.into_iter().map(|name| (name.clone(), value(before, name), value(after, name)));
    pairs.filter(|(_, before, after)| before != after).collect()
}

fn to_json(difference: &Difference) -> Value {
    let changed: Option<Vec<Value>> = difference.changed.as_ref().map(|changed| {
        changed
            .iter()
            .map(|(name, before, after)| json!({ "member": name, "before": before, "after": after }))
            .collect()
    });
    json!({ "client": difference.id, "changed": changed })
}

fn show(differences: &[Difference], made: &[Value]) -> Result<(), Failure> {
    for (at, difference) in differences.iter().enumerate() {
        let id = text(&Value::from(difference.id.as_str()));
        match &difference.changed {
            None => output::print(&format!("{id} is new"))?,
            Some(changed) => {
                for (name, before, after) in changed {
                    output::print(&format!("{id} {name}: {} -> {}", text(before), text(after)))?;
                }
            }
        }
        if let Some(secret) = made.get(at).and_then(|one| one["secret"].as_str()) {
            output::print(&format!("{id} client_secret {secret}"))?;
        }
    }
    let applied = if made.is_empty() { String::new() } else { format!(", {} applied", made.len()) };
    eprintln!("{} differences{applied}", differences.len());
    Ok(())
}
