//! `portcullis protect URL`: a gateway in front of one API with one command. It makes a local CA, a server certificate
//! and a first API key, writes the configuration that `serve` would take, and runs it.

mod certificates;
mod exposure;
mod recipe;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use store::NewKey;

use crate::{
    cli::{Auth, Protect},
    failure::{Failure, Outcome},
    output::{self, now},
    serve::{self, Server},
};
use recipe::Recipe;

const OWNER: &str = "local";
const NAME: &str = "first key";

pub(crate) fn run(arguments: &Protect) -> Outcome {
    let Auth::ApiKey = arguments.auth;
    let upstream = recipe::Upstream::parse(&arguments.url)?;
    let place = Place::of(arguments.save.as_deref())?;
    certificates::prepare(&place.data, arguments.listen.ip(), now())?;
    let text = Recipe { listen: arguments.listen, upstream: &upstream, data: &place.data }.to_yaml();
    if arguments.save.is_some() {
        save(&place.file, &text)?;
    }
    let config = config::load_str(&text, &place.file, place.file.parent().unwrap_or(&place.data))?;
    exposure::warn(&upstream);
    serve::runtime()?.block_on(async {
        let server = Server::start(config, arguments.save.as_deref(), Vec::new()).await?;
        introduce(&server, &place).await?;
        server.until_signal().await
    })
}

/// Where things are kept; absolute, so that a saved file works from any folder.
struct Place {
    /// The configuration file, written or not.
    file: PathBuf,
    data: PathBuf,
}

impl Place {
    fn of(save: Option<&Path>) -> Result<Self, Failure> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(Failure::file(path));
        match save {
            Some(file) => {
                let file = absolute(file)?;
                Ok(Self { data: file.with_file_name("portcullis-data"), file })
            }
            None => {
                Ok(Self { file: absolute(Path::new("portcullis.yaml"))?, data: absolute(Path::new(".portcullis"))? })
            }
        }
    }
}

/// Writes the configuration, but never over another one.
fn save(file: &Path, text: &str) -> Result<(), Failure> {
    if file.exists() {
        let present = fs::read_to_string(file).map_err(Failure::file(file))?;
        let message = || format!("{}: holds another configuration; move it away or name another file", file.display());
        return if present == text { Ok(()) } else { Err(Failure::Refused(message())) };
    }
    fs::write(file, text).map_err(Failure::file(file))?;
    eprintln!("wrote {}; run it again with `portcullis serve -c {}`", file.display(), file.display());
    Ok(())
}

/// Makes the first key, once, and says how to try it.
async fn introduce(server: &Server, place: &Place) -> Outcome {
    let ca = place.data.join(certificates::CA_FILE);
    eprintln!("CA certificate: {}", ca.display());
    if !server.keys().store().list_keys().await?.is_empty() {
        let data = place.data.display();
        eprintln!(
            "An API key was made before. For another: portcullis key create --data {data} --owner WHO --name WHAT"
        );
        return Ok(ExitCode::SUCCESS);
    }
    let (key, record) = server.keys().store().create_key(NewKey::new(OWNER, NAME), now()).await?;
    eprintln!("API key {}, good until {}, shown only this once:", record.id, output::rfc3339(record.expires));
    output::print(key.expose())?;
    for url in server.urls() {
        eprintln!(
            "Try it:\n  curl --cacert '{}' -H \"X-API-Key: $KEY\" {url}/\nwhere KEY is the line above.",
            ca.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}
