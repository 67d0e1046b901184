//! Every text of the pages, from `messages/en.toml`; an operator's file may replace any of them.
//!
//! A text that is missing, or one that no page has, is an error when the server starts.

use serde::Deserialize;

const BUILT_IN: &str = include_str!("../../messages/en.toml");

/// Why a file holds no texts.
#[derive(Debug, thiserror::Error)]
pub enum NotMessages {
    /// It is not UTF-8.
    #[error("the texts are not UTF-8")]
    Encoding,
    /// It is not TOML, or has a key that no page knows.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
}

/// Declares a struct for each table, with a text for each key.
macro_rules! messages {
    ($($table:ident: $kind:ident { $($key:ident,)+ })+) => {
        /// All texts.
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct Messages {
            $(pub(crate) $table: $kind,)+
        }

        $(
            /// The texts of one table.
            #[derive(Debug, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(crate) struct $kind {
                $(pub(crate) $key: Text,)+
            }
        )+
    };
}

/// A text, with places to fill in.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The text with something in the place of `{name}`. It is escaped when the page is made, like all text.
    pub(crate) fn fill(&self, name: &str, value: &str) -> String {
        self.0.replace(&format!("{{{name}}}"), value)
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Messages {
    /// The built-in texts.
    pub(crate) fn built_in() -> Result<Self, NotMessages> {
        Ok(toml::from_str(BUILT_IN)?)
    }

    /// The built-in texts but for those that a file replaces.
    pub(crate) fn replaced_by(file: &[u8]) -> Result<Self, NotMessages> {
        let own: toml::Table = toml::from_str(std::str::from_utf8(file).map_err(|_| NotMessages::Encoding)?)?;
        let mut all: toml::Table = toml::from_str(BUILT_IN)?;
        for (name, table) in own {
            match (all.get_mut(&name), table) {
                (Some(toml::Value::Table(known)), toml::Value::Table(own)) => known.extend(own),
                // Told as an unknown key when all is read.
                (_, table) => {
                    all.insert(name, table);
                }
            }
        }
        Ok(Self::deserialize(toml::Value::Table(all))?)
    }
}

messages! {
    brand: BrandTexts {
        name,
    }
    common: CommonTexts {
        language, skip, account,
    }
    login: LoginTexts {
        title, intro, again, name, password, submit, passkey, or, wrong, wait, busy,
    }
    second: SecondTexts {
        title, intro, code, submit, wrong, wait, recovery, passkey,
    }
    recovery: RecoveryTexts {
        title, intro, code, submit, wrong, totp,
    }
    passkey: PasskeyTexts {
        title, intro, submit, password, script, unsupported, cancelled, refused,
    }
    consent: ConsentTexts {
        title, intro, agent, unknown, you, may, nothing, host, lifetime, revoke, allow, deny, scope_openid,
        scope_profile, scope_email, scope_offline_access,
    }
    device: DeviceTexts {
        title, intro, code, submit, unknown, locked, warning, allowed_title, allowed, denied_title, denied,
    }
    account: AccountTexts {
        title, intro, done, logout, password, password_set, password_none, password_change,
        password_add, passkeys, passkeys_intro, passkeys_none, passkey_add, remove, remove_named, added, used,
        app, app_intro, app_on, app_add, app_remove, codes, codes_left, codes_new, sessions, session_this,
        session_seen, session_end, session_end_named, sessions_end, devices, devices_intro, devices_none,
        device_forget, device_forget_named, grants, grants_none, grant_revoke, grant_revoke_named, events,
        events_none, last, gone, unknown_agent,
    }
    password: PasswordTexts {
        title, title_first, rules, current, new, submit, others, wrong, too_short, too_long, common, is_name,
        wait, busy,
    }
    new_passkey: NewPasskeyTexts {
        title, intro, name, submit,
    }
    app: AppTexts {
        title, scan, picture, type_secret, code, submit, wrong,
    }
    codes: CodesTexts {
        title, intro, done,
    }
    invitation: InvitationTexts {
        title, intro, recover_title, recover_intro, login_name, password, passkey, over_title, over,
    }
    logout: LogoutTexts {
        title, intro, client, submit, stay, done_title, done, login,
    }
    external: ExternalTexts {
        login, heading, intro, connect, connect_named, connect_title, go, disconnect, disconnect_named, nobody_title, nobody,
        failed_title, failed,
    }
    error: ErrorTexts {
        title, form_title, form, foreign_title, foreign, not_found_title, not_found, unavailable_title,
        unavailable, second_title, second, code,
    }
    event: EventTexts {
        logged_in, stepped_up, login_failed, second_factor_failed, logged_out, session_revoked,
        device_forgotten, password_changed, passkey_added, passkey_removed, passkey_copied, app_added,
        app_removed, codes_made, code_used, invited, invitation_used, user_added, user_disabled, user_enabled,
        grant_revoked, external_connected, external_disconnected,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_operator_replaces_single_texts() {
        let messages = Messages::replaced_by(b"[login]\ntitle = 'Anmelden'\n[brand]\nname = 'Acme'\n").unwrap();
        assert_eq!((messages.login.title.as_str(), messages.brand.name.as_str()), ("Anmelden", "Acme"));
        assert_eq!(messages.login.submit.as_str(), Messages::built_in().unwrap().login.submit.as_str());
    }

    #[test]
    fn a_text_that_no_page_has_is_an_error() {
        for wrong in ["[login]\ntitel = 'x'", "[logon]\ntitle = 'x'", "login = 'x'", "[login]\ntitle = 1", "[login"] {
            assert!(Messages::replaced_by(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Messages::replaced_by(b"\xff").is_err());
    }

    #[test]
    fn places_are_filled_in() {
        let messages = Messages::built_in().unwrap();
        assert_eq!(messages.account.intro.fill("name", "<b>"), "You are logged in as <b>.");
    }
}
