//! The pages in a real browser: Chromium, with a virtual authenticator for passkeys, and axe for what people with
//! disabilities would stumble over.
//!
//! Chromium and Node.js are Debian's, and are installed if they are missing; the packages of npm are pinned and kept in the
//! target folder. With `SCREENSHOTS=FOLDER` each page is also kept as a picture.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod serving;
mod tools;

use std::{env, process::Command};

use identity::{Client, ClientId, ClientKind, GrantType, InvitationKind, NewUser, RedirectUri};
use serde_json::{Value, json};
use serving::Serving;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");

#[tokio::test(flavor = "multi_thread")]
async fn people_come_in_by_every_way_and_axe_finds_nothing() {
    let serving = Serving::start(|_| {}).await;
    let new = NewUser { display_name: "Anna Berger".into(), ..NewUser::named("anna") };
    let user = serving.identity.add_user(new).await.unwrap();
    let mut shop = Client::new(ClientId("shop".into()), "The Shop", ClientKind::Native);
    shop.grants = [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode].into();
    shop.scopes = ["openid", "profile", "email"].map(str::to_owned).into();
    shop.redirect_uris = vec![RedirectUri::parse("http://127.0.0.1/back", ClientKind::Native).unwrap()];
    serving.identity.create_client(shop).await.unwrap();
    let invitation = serving.identity.invite(&user.id, InvitationKind::Invite).await.unwrap();
    let recovery = serving.identity.invite(&user.id, InvitationKind::Recover).await.unwrap();
    let arguments = json!({
        "issuer": serving.issuer,
        "invitation": invitation.link.as_str(),
        "recovery": recovery.link.as_str(),
        "name": "anna",
        "password": "seven purple hedgehogs",
        "chromium": tools::program("chromium", "chromium"),
        "screenshots": env::var("SCREENSHOTS").ok(),
    });
    let walked = tokio::task::spawn_blocking(move || walk(&arguments)).await.unwrap();
    assert_eq!(walked["problems"], json!([]), "{walked:#}");
    let steps = walked["steps"].as_array().unwrap();
    assert!(steps.len() >= 10 && steps.iter().all(|step| step["holds"] == true), "{steps:#?}");
    assert!(walked["pages"].as_array().unwrap().len() >= 26, "{}", walked["pages"]);
}

fn walk(arguments: &Value) -> Value {
    let folder = tools::npm("browser", SCRIPTS);
    let output = tools::run(
        Command::new(tools::program("node", "nodejs")).arg(folder.join("walk.mjs")).arg(arguments.to_string()),
    );
    serde_json::from_slice(&output.stdout).unwrap()
}
