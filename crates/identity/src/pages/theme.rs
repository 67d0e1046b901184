//! How pages look and what they say: built in, or replaced by the operator's files.
//!
//! Three files in the folder of [`crate::Settings::templates`] are taken, and stay what they are from version to version:
//!
//! - `theme.css`: loaded after the built-in style sheet. It is meant to set the custom properties that `assets/style.css`
//!   begins with (`--page`, `--surface`, `--text`, `--accent`, …).
//! - `logo.svg`: shown at the top of each page in the place of the name.
//! - `messages.toml`: texts by the keys of `messages/en.toml`; texts that it leaves out stay as they are.

use std::{fs, io, path::Path};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use super::messages::{Messages, NotMessages};
use crate::{secret::Digest, settings::Settings};

/// Largest file that is taken.
const MAX_BYTES: u64 = 256 * 1024;

/// Why the operator's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than 256 KiB.
    #[error("{0} is larger than {MAX_BYTES} bytes")]
    TooLarge(String),
    /// The texts cannot be read.
    #[error("{path}: {source}")]
    Messages {
        /// The file.
        path: String,
        /// What is wrong with them.
        source: NotMessages,
    },
    /// The built-in texts are not whole: a defect of this program.
    #[error("the built-in texts: {0}")]
    BuiltIn(NotMessages),
}

/// A file that browsers load.
pub(crate) struct Asset {
    /// Its path, with a mark of its content.
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    pub(crate) content: Vec<u8>,
}

/// How pages look.
pub(crate) struct Theme {
    pub(crate) messages: Messages,
    pub(crate) brand: String,
    /// Fewest characters of a new password, and the texts that name them.
    pub(crate) password_minimum: String,
    pub(crate) password_rules: String,
    pub(crate) password_too_short: String,
    pub(crate) style: Asset,
    pub(crate) script: Asset,
    pub(crate) own_style: Option<Asset>,
    pub(crate) logo: Option<Asset>,
}

impl Theme {
    /// Reads what the operator replaces.
    pub(crate) fn load(settings: &Settings) -> Result<Self, ThemeError> {
        let built_in = Messages::built_in().map_err(ThemeError::BuiltIn)?;
        let folder = settings.templates.as_deref();
        let file = |name| folder.map_or(Ok(None), |folder| read(folder, name));
        let messages = match file("messages.toml")? {
            None => built_in,
            Some(text) => Messages::replaced_by(&text)
                .map_err(|source| ThemeError::Messages { path: "messages.toml".to_owned(), source })?,
        };
        let brand = match messages.brand.name.as_str() {
            "" => settings.issuer.host().to_owned(),
            name => name.to_owned(),
        };
        let own_style = file("theme.css")?.map(|css| Asset::new("/assets/theme.css", "text/css; charset=utf-8", css));
        let logo = file("logo.svg")?.map(|svg| Asset::new("/assets/logo.svg", "image/svg+xml", svg));
        let style = include_bytes!("../../assets/style.css").to_vec();
        let script = include_bytes!("../../assets/passkey.js").to_vec();
        let password_minimum = settings.password_minimum.to_string();
        Ok(Self {
            password_rules: messages.password.rules.fill("count", &password_minimum),
            password_too_short: messages.password.too_short.fill("count", &password_minimum),
            password_minimum,
            messages,
            brand,
            style: Asset::new("/assets/style.css", "text/css; charset=utf-8", style),
            script: Asset::new("/assets/passkey.js", "text/javascript; charset=utf-8", script),
            own_style,
            logo,
        })
    }

    /// The file at a path.
    pub(crate) fn asset(&self, path: &str) -> Option<&Asset> {
        let own = [self.own_style.as_ref(), self.logo.as_ref()].into_iter().flatten();
        [&self.style, &self.script].into_iter().chain(own).find(|asset| asset.bare_path() == path)
    }
}

impl Asset {
    fn new(path: &str, kind: &'static str, content: Vec<u8>) -> Self {
        let mark = BASE64_URL_SAFE_NO_PAD.encode(Digest::of(&content).0.get(..9).unwrap_or_default());
        Self { path: format!("{path}?v={mark}"), kind, content }
    }

    /// The path without the mark of its content, which is how a policy names it.
    pub(crate) fn bare_path(&self) -> &str {
        self.path.split_once('?').map_or(&self.path, |(path, _)| path)
    }
}

fn read(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, ThemeError> {
    let path = folder.join(name);
    let told = || path.display().to_string();
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ThemeError::File { path: told(), source }),
        Ok(metadata) if metadata.len() > MAX_BYTES => return Err(ThemeError::TooLarge(told())),
        Ok(_) => {}
    }
    fs::read(&path).map(Some).map_err(|source| ThemeError::File { path: told(), source })
}
