//! The JSON Schema that `portcullis config schema` prints agrees with what the configuration takes.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::Path};

use serde_json::Value;

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&config::schema()).unwrap()
}

fn read(folder: &str, name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).ok()
}

#[test]
fn the_schema_is_one() {
    jsonschema::meta::validate(&config::schema()).unwrap();
}

#[test]
fn every_example_fits() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let example = read("examples", &name).unwrap();
        let errors: Vec<String> =
            validator().iter_errors(&example).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

/// Mistakes of structure are found by the schema already; mistakes of meaning are left to `check`.
#[test]
fn mistakes_of_structure_do_not_fit() {
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if read("tests/broken", &name).is_some_and(|file| !validator().is_valid(&file)) {
            found.push(name);
        }
    }
    found.sort();
    insta::assert_snapshot!(found.join("\n"));
}
