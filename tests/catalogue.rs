//! The catalogue of attacks, `docs/attacks.md`, names the tests that there are, and the tests are those that it names.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{collections::BTreeSet, fs};

/// Where rows of the catalogue are tested: over real sockets, and at the authorization server's own face.
const FOLDERS: [&str; 2] =
    [concat!(env!("CARGO_MANIFEST_DIR"), "/tests"), concat!(env!("CARGO_MANIFEST_DIR"), "/crates/identity/tests")];

/// Names of all tests in these folders.
fn tests() -> BTreeSet<String> {
    let files = FOLDERS.into_iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let texts: Vec<String> = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let attributes = ["#[test]\nfn ", "#[tokio::test]\nasync fn "];
    let names = |text: &String| attributes.map(|attribute| named(text, attribute)).concat();
    texts.iter().flat_map(names).collect()
}

fn named(text: &str, attribute: &str) -> Vec<String> {
    text.split(attribute).skip(1).filter_map(|text| Some(text.split_once('(')?.0.to_owned())).collect()
}

fn catalogue() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/attacks.md")).unwrap()
}

/// First cells of its tables.
fn cells(catalogue: &str) -> impl Iterator<Item = &str> {
    catalogue.lines().filter_map(|line| Some(line.strip_prefix("| ")?.split_once(" |")?.0))
}

/// `D59` of `d59_d61_encrypted_tokens`, and `D61`.
fn ids(test: &str) -> impl Iterator<Item = String> {
    let is_id = |word: &&str| {
        let digits = word.get(1..).unwrap_or_default();
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && matches!(digits.len(), 2 | 3)
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    test.split('_').take_while(is_id).map(str::to_uppercase)
}

#[test]
fn every_row_has_a_test_and_every_test_of_a_row_is_in_the_catalogue() {
    let catalogue = catalogue();
    let is_id = |cell: &&str| cell.len() <= 4 && cell.starts_with(|first: char| first.is_ascii_uppercase());
    let rows: BTreeSet<String> = cells(&catalogue).filter(is_id).map(str::to_owned).collect();
    // `l4_…` and its like are no rows: those have two digits at least.
    let tested: BTreeSet<String> = tests().iter().flat_map(|test| ids(test).collect::<Vec<_>>()).collect();
    println!("{}", tested.iter().cloned().collect::<Vec<_>>().join(" "));
    assert_eq!(rows, tested, "left: rows of docs/attacks.md; right: ids of tests");
    assert!(rows.len() >= 68, "{} rows", rows.len());
}

#[test]
fn every_class_of_bypasses_has_a_test_and_is_in_the_catalogue() {
    let catalogue = catalogue();
    let names = cells(&catalogue).filter_map(|cell| cell.strip_prefix('`')?.strip_suffix('`'));
    let classes: BTreeSet<String> = names.filter(|name| name.starts_with("bypass_")).map(str::to_owned).collect();
    let tested: BTreeSet<String> = tests().into_iter().filter(|test| test.starts_with("bypass_")).collect();
    assert_eq!(classes, tested, "left: docs/attacks.md; right: tests");
    assert!(classes.len() >= 19, "{} classes", classes.len());
}
