//! `portcullis user`, `client`, `session`, `token` and `identity`: the authorization server of a running gateway, over its
//! control socket.

mod declared;

use std::{
    io::{self, Read},
    process::ExitCode,
};

use comfy_table::Table;
use identity::{
    Authentication, CertificateName, Client, ClientId, ClientKind, DistinguishedName, RedirectUri, TokenFormat,
    certificate_thumbprint,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::Value;

use crate::{
    cli::{
        Format, Server,
        identity::{ClientCommand, Kind, Named, NewClient, SessionCommand, TokenCommand, UserCommand},
    },
    control::{self, Answer, Ask, ClientAsk, Request, SessionAsk, UserAsk},
    failure::{FINDINGS, Failure, Outcome},
    output,
};

pub(crate) use declared::run as run_identity;

/// Longest token that is read.
const LONGEST_TOKEN: u64 = 16 << 10;

pub(crate) fn run_user(command: UserCommand) -> Outcome {
    let done = |named: Named, ask: fn(String) -> Ask, verb: &str| {
        let answer = asked(named.server, ask(named.name.clone()))?;
        print_or(named.output.format, &answer, || eprintln!("{} {verb}", named.name))
    };
    match command {
        UserCommand::Create { server, name, display_name, email, roles, tenant, output } => {
            let answer = asked(server, Ask::User(UserAsk::Add { name, display_name, email, roles, tenant }))?;
            show_link(&answer, output.format)
        }
        UserCommand::List { server, output } => {
            let columns = ["name", "display_name", "email", "roles", "tenant", "disabled", "id"];
            show_list(&asked(server, Ask::User(UserAsk::List))?, "users", "", &columns, output.format)
        }
        UserCommand::Disable(named) => {
            done(named, |name| Ask::User(UserAsk::Disable { name, disabled: true }), "is shut out")
        }
        UserCommand::Enable(named) => {
            done(named, |name| Ask::User(UserAsk::Disable { name, disabled: false }), "may log in again")
        }
        UserCommand::Invite { named: Named { server, name, output }, recover } => {
            show_link(&asked(server, Ask::User(UserAsk::Invite { name, recover }))?, output.format)
        }
        UserCommand::Sessions(named) => sessions(named),
    }
}

pub(crate) fn run_session(command: SessionCommand) -> Outcome {
    match command {
        SessionCommand::List(named) => sessions(named),
        SessionCommand::Revoke { named: Named { server, name, output }, id } => {
            let answer = asked(server, Ask::Session(SessionAsk::End { name, id }))?;
            let ended = answer["ended"].as_u64().unwrap_or_default();
            print_or(output.format, &answer, || eprintln!("{ended} sessions ended, with all tokens that came of them"))
        }
    }
}

fn sessions(Named { server, name, output }: Named) -> Outcome {
    let columns = ["id", "created", "last_seen", "address", "agent"];
    show_list(&asked(server, Ask::Session(SessionAsk::List { name }))?, "sessions", "", &columns, output.format)
}

pub(crate) fn run_client(command: ClientCommand) -> Outcome {
    let done = |named: Named, ask: fn(String) -> Ask, verb: &str| {
        let answer = asked(named.server, ask(named.name.clone()))?;
        print_or(named.output.format, &answer, || eprintln!("{} {verb}", named.name))
    };
    match command {
        ClientCommand::Create(new) => create_client(*new),
        ClientCommand::List { server, output } => {
            let columns = ["id", "name", "kind", "scopes", "resources", "disabled"];
            show_list(&asked(server, Ask::Client(ClientAsk::List))?, "clients", "client", &columns, output.format)
        }
        ClientCommand::RotateSecret(Named { server, name, output }) => {
            let answer = asked(server, Ask::Client(ClientAsk::RotateSecret { id: name }))?;
            show_secret(
                &answer,
                output.format,
                "The secret is shown only this once; the one before is good for 1 h more.",
            )
        }
        ClientCommand::Disable(named) => done(
            named,
            |id| Ask::Client(ClientAsk::Disable { id, disabled: true }),
            "is shut out, and its tokens are dead",
        ),
        ClientCommand::Enable(named) => {
            done(named, |id| Ask::Client(ClientAsk::Disable { id, disabled: false }), "may ask for tokens")
        }
        ClientCommand::Delete(named) => {
            done(named, |id| Ask::Client(ClientAsk::Delete { id }), "is gone, with all that it was given")
        }
    }
}

fn create_client(new: NewClient) -> Outcome {
    let proof = proof(&new)?;
    let NewClient { server, name, kind, id, redirect_uris, scopes, resources, first_party, dpop, opaque, .. } = new;
    let kind = match kind {
        Kind::Web => ClientKind::Web,
        Kind::Native => ClientKind::Native,
        Kind::Browser => ClientKind::Browser,
        Kind::Service => ClientKind::Service,
        Kind::Agent => ClientKind::Agent,
    };
    // Without an id, the server makes one up.
    let mut client = Client::new(ClientId(id.unwrap_or_default()), name, kind);
    let read = |uri: &String| RedirectUri::parse(uri, kind).map_err(|why| Failure::Usage(format!("{uri}: {why}")));
    client.redirect_uris = redirect_uris.iter().map(read).collect::<Result<_, _>>()?;
    client.scopes = scopes.into_iter().collect();
    (client.resources, client.roles, client.tenant) = (resources, new.roles, new.tenant);
    (client.first_party, client.dpop_bound) = (first_party, dpop);
    client.token_format = opaque.then_some(TokenFormat::Opaque);
    client.backchannel_logout_uri = new.backchannel_logout_uri;
    client.backchannel_logout_session_required = new.backchannel_logout_session_required;
    (client.fapi, client.certificate_bound) = (new.fapi, new.certificate_bound);
    if let Some(authentication) = proof {
        client.authentication = authentication;
    }
    let answer = asked(server, Ask::Client(ClientAsk::Add(Box::new(client))))?;
    let shown = if answer["secret"].is_null() { "It has no secret." } else { "The secret is shown only this once." };
    show_secret(&answer, new.output.format, shown)
}

/// What it proves itself with instead of a secret or nothing.
fn proof(new: &NewClient) -> Result<Option<Authentication>, Failure> {
    if let Some(path) = &new.jwks {
        let text = std::fs::read(path).map_err(Failure::file(path))?;
        jose::JwkSet::parse(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        let jwks = serde_json::from_slice(&text).map_err(Failure::Protocol)?;
        return Ok(Some(Authentication::PrivateKeyJwt { jwks }));
    }
    if let Some(path) = &new.certificate {
        let text = std::fs::read(path).map_err(Failure::file(path))?;
        let wrong = || Failure::Usage(format!("{}: no certificate in PEM", path.display()));
        let read: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let thumbprints: Vec<String> =
            read.map_err(|_| wrong())?.iter().map(|der| certificate_thumbprint(der)).collect();
        return if thumbprints.is_empty() {
            Err(wrong())
        } else {
            Ok(Some(Authentication::SelfSignedTls { thumbprints }))
        };
    }
    let name = match (&new.certificate_subject, &new.certificate_name) {
        (Some(subject), _) => {
            let parsed = DistinguishedName::parse(subject);
            CertificateName::Subject(parsed.map_err(|why| Failure::Usage(format!("{subject}: {why}")))?)
        }
        (None, Some(name)) => CertificateName::Alternative(name.clone()),
        (None, None) => return Ok(None),
    };
    Ok(Some(Authentication::TlsClientAuth { name }))
}

pub(crate) fn run_token(command: TokenCommand) -> Outcome {
    let TokenCommand::Check { server, output } = command;
    // Never an argument: those are seen by every user of the machine, and kept by shells.
    let mut token = String::new();
    let read = io::stdin().take(LONGEST_TOKEN).read_to_string(&mut token);
    read.map_err(|error| Failure::Usage(format!("standard input: {error}; give the token there")))?;
    let answer = asked(server, Ask::Token(token))?;
    let valid = answer["valid"] == true;
    match output.format {
        Format::Json => output::print_json(&answer)?,
        Format::Table => {
            output::print(&format!("{}: {}", if valid { "valid" } else { "not valid" }, text(&answer["why"])))?;
        }
    }
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

/// What the server of a running gateway answers.
fn asked(server: Server, ask: Ask) -> Result<Value, Failure> {
    let answer = control::ask(&control::data(server)?, &Request::Identity { ask })?;
    let Answer::Identity { value } = answer else {
        return Err(Failure::Refused("the gateway answered another command".to_owned()));
    };
    Ok(value)
}

fn print_or(format: Format, answer: &Value, say: impl FnOnce()) -> Outcome {
    match format {
        Format::Json => output::print_json(answer)?,
        Format::Table => say(),
    }
    Ok(ExitCode::SUCCESS)
}

/// The link alone goes to standard output, so that it can be handed on.
fn show_link(answer: &Value, format: Format) -> Outcome {
    match format {
        Format::Json => output::print_json(answer)?,
        Format::Table => {
            output::print(&text(&answer["link"]))?;
            let expires = output::rfc3339(answer["expires"].as_u64().unwrap_or_default());
            let name = text(&answer["user"]["name"]);
            eprintln!("Give the link to {name} alone: whoever opens it first has the account. It expires {expires}.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show_secret(answer: &Value, format: Format, said: &str) -> Outcome {
    match format {
        Format::Json => output::print_json(answer)?,
        Format::Table => {
            let id = answer.get("id").unwrap_or(&answer["client"]["id"]);
            output::print(&format!("client_id {}", text(id)))?;
            if let Some(secret) = answer["secret"].as_str() {
                output::print(&format!("client_secret {secret}"))?;
            }
            eprintln!("{said}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A table of the members of each item; `inner` is where an item keeps them, if not in itself.
fn show_list(answer: &Value, list: &str, inner: &str, columns: &[&str], format: Format) -> Outcome {
    if format == Format::Json {
        output::print_json(answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(columns.iter().map(|name| name.to_uppercase().replace('_', " ")));
    for item in answer[list].as_array().into_iter().flatten() {
        let members = item.get(inner).unwrap_or(item);
        table.add_row(columns.iter().map(|name| match *name {
            "created" | "last_seen" => item[*name].as_u64().map(output::rfc3339).unwrap_or_default(),
            name => text(members.get(name).unwrap_or(&item[name])),
        }));
    }
    output::print(&table.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// A value in a cell. What a terminal would obey is escaped.
fn text(value: &Value) -> String {
    let plain = |text: &str| {
        text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
    };
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
