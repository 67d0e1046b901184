//! Every mistake has a code, a place, a cause and a fix, and all of them come in one run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::Path};

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let tls = dir.path().join("tls");
    fs::create_dir(&tls).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["api.example.com".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    fs::write(tls.join("expired.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(tls.join("api.pem"), &certificate).unwrap();
    fs::write(tls.join("clients.pem"), certificate).unwrap();
    fs::write(tls.join("api.key"), key.serialize_pem()).unwrap();
    fs::write(tls.join("other.key"), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    fs::write(dir.path().join("secret"), [b'x'; 32]).unwrap();
    fs::write(dir.path().join("short"), [7; 31]).unwrap();
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents");
    fs::create_dir(dir.path().join("documents")).unwrap();
    for entry in fs::read_dir(documents).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join("documents").join(path.file_name().unwrap())).unwrap();
    }
    fs::write(dir.path().join("roles.yaml"), "roles:\n  reader: { permission: [] }\n").unwrap();
    fs::write(
        dir.path().join("cases.yaml"),
        "cases:\n  - { name: a, principal: { id: a }, action: x, expect: maybe }\n",
    )
    .unwrap();
    dir
}

fn load(folder: &str, name: &str, base: &Path) -> Result<config::Config, config::Report> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    config::load_str(&fs::read_to_string(path).unwrap(), Path::new("portcullis.yaml"), base)
}

#[test]
fn every_broken_file_is_explained() {
    let dir = folder();
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut count = 0;
    for entry in fs::read_dir(broken).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let report = load("tests/broken", &name, dir.path()).expect_err(&name);
        insta::assert_snapshot!(name.trim_end_matches(".yaml"), report.render(false, 100));
        count += 1;
    }
    assert!(count >= 24);
}

#[test]
fn the_examples_load_as_written() {
    let dir = folder();
    for name in ["beginner.yaml", "full.yaml"] {
        if let Err(report) = load("examples", name, dir.path()) {
            panic!("{name}:\n{report}");
        }
    }
}

#[test]
fn what_runs_but_may_not_mean_what_it_says_is_warned_of() {
    let config = load("tests/warned", "lax_catch_all.yaml", folder().path()).unwrap();
    insta::assert_snapshot!("lax_catch_all", config.warnings.expect("warnings").render(false, 100));
    let config = load("tests/warned", "body_past_budget.yaml", folder().path()).unwrap();
    insta::assert_snapshot!("body_past_budget", config.warnings.expect("warnings").render(false, 100));
    for name in ["beginner.yaml", "full.yaml"] {
        let warnings = load("examples", name, folder().path()).unwrap().warnings;
        assert!(warnings.is_none(), "{}", warnings.unwrap());
    }
}

#[test]
fn a_literal_secret_is_not_shown() {
    let report = load("tests/broken", "literal_secret.yaml", folder().path()).unwrap_err();
    assert!(!report.render(false, 100).contains("horse") && !report.to_json().to_string().contains("horse"));
}

#[test]
fn codes_are_unique_sorted_and_well_formed() {
    let ids: Vec<_> = config::codes::all().map(|entry| entry.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(ids.iter().all(|id| id.len() == 7 && id.starts_with("PC-") && id[3..].parse::<u16>().is_ok()));
    assert_eq!(config::codes::find("pc-1004").unwrap().title, "Unknown key");
    assert!(config::codes::find("PC-9999").is_none());
}
