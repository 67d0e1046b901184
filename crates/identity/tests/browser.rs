//! The pages in a real browser: Chromium, with a virtual authenticator for passkeys, and axe for what people with
//! disabilities would stumble over.
//!
//! Chromium and Node.js are Debian's, and are installed if they are missing; the packages of npm are pinned and kept in the
//! target folder. With `SCREENSHOTS=FOLDER` each page is also kept as a picture.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod serving;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

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
        "chromium": program("chromium", "chromium"),
        "screenshots": env::var("SCREENSHOTS").ok(),
    });
    let walked = tokio::task::spawn_blocking(move || walk(&arguments)).await.unwrap();
    assert_eq!(walked["problems"], json!([]), "{walked:#}");
    let steps = walked["steps"].as_array().unwrap();
    assert!(steps.len() >= 10 && steps.iter().all(|step| step["holds"] == true), "{steps:#?}");
    assert!(walked["pages"].as_array().unwrap().len() >= 26, "{}", walked["pages"]);
}

fn walk(arguments: &Value) -> Value {
    let folder = packages();
    let output = run(Command::new(program("node", "nodejs")).arg(folder.join("walk.mjs")).arg(arguments.to_string()));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The scripts, with the packages that they need beside them.
fn packages() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("browser");
    fs::create_dir_all(&folder).unwrap();
    let wanted = fs::read_to_string(Path::new(SCRIPTS).join("package.json")).unwrap();
    fs::copy(Path::new(SCRIPTS).join("walk.mjs"), folder.join("walk.mjs")).unwrap();
    let done = folder.join("installed.json");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    fs::write(folder.join("package.json"), &wanted).unwrap();
    let mut npm = Command::new(program("npm", "npm"));
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(&folder);
    run(&mut npm);
    fs::write(done, wanted).unwrap();
    folder
}

/// A program on the path; installed as a Debian package if it is missing.
fn program(name: &str, package: &str) -> PathBuf {
    found(name).unwrap_or_else(|| {
        run(Command::new("apt-get").args(["install", "--yes", "--no-install-recommends", package]));
        found(name).unwrap_or_else(|| panic!("the Debian package {package} has no program {name}"))
    })
}

fn found(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}", told());
    output
}
