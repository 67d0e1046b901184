//! Documents that cannot be held to: each problem is named at its place.
#![allow(clippy::unwrap_used)]

use contract::{Kind, Options, compile};
use proptest::prelude::*;
use serde_json::{Value, json};

fn document(version: &str, schema: &Value) -> Value {
    json!({
        "openapi": version, "info": { "title": "t", "version": "1" },
        "paths": { "/things": { "post": {
            "requestBody": { "content": { "application/json": { "schema": schema } } },
            "responses": { "200": { "description": "done" } } } } },
        "components": { "schemas": { "Known": { "type": "object" }, "Self": { "$ref": "#/components/schemas/Self" } } }
    })
}

const SCHEMA: &str = "/paths/~1things/post/requestBody/content/application~1json/schema";

/// Pointer and message of the first problem.
fn problem(document: &Value) -> (String, String) {
    let problems = compile(document, &Options::default()).map(|_| ()).unwrap_err();
    (problems[0].pointer.clone(), problems[0].message.clone())
}

#[test]
fn keywords_that_would_protect_nothing_are_problems() {
    for (version, schema, place, word) in [
        ("3.1.0", json!({ "type": "string", "maxLenght": 5 }), "/maxLenght", "maxLenght"),
        ("3.0.3", json!({ "const": 5 }), "/const", "const"),
        ("3.0.3", json!({ "type": ["string", "null"] }), "/type", "one word"),
        ("3.0.3", json!({ "$ref": "#/components/schemas/Known", "nullable": true }), "/nullable", "no effect"),
        ("3.0.3", json!({ "exclusiveMinimum": 5 }), "/exclusiveMinimum", "true or false"),
        ("3.1.0", json!({ "type": "string", "format": "phone" }), "/format", "phone"),
        ("3.1.0", json!({ "pattern": "(?=a)b" }), "/pattern", "linear"),
        ("3.1.0", json!({ "pattern": "(a)\\1" }), "/pattern", "linear"),
        ("3.1.0", json!({ "pattern": "((a{1,1000}){1,1000}){1,1000}" }), "/pattern", "large"),
        ("3.1.0", json!({ "patternProperties": { "(?=a)b": {} } }), "/patternProperties/(?=a)b", "linear"),
        ("3.1.0", json!({ "$ref": "https://example.com/schema.json" }), "/$ref", "leads out"),
        ("3.1.0", json!({ "$ref": "other.yaml#/a" }), "/$ref", "leads out"),
        ("3.1.0", json!({ "$ref": "#/components/schemas/Missing" }), "/$ref", "nothing at"),
        ("3.1.0", json!({ "$dynamicRef": "#x" }), "/$dynamicRef", "not supported"),
        ("3.1.0", json!({ "properties": [] }), "/properties", "mapping"),
        ("3.1.0", json!({ "allOf": [] }), "/allOf", "list"),
        ("3.1.0", json!({ "maxLength": "five" }), "/maxLength", "not valid"),
        ("3.1.0", json!({ "properties": { "a": { "type": "strin" } } }), "/properties/a/type", "not valid"),
        ("3.1.0", json!("text"), "", "not a schema"),
    ] {
        let (pointer, message) = problem(&document(version, &schema));
        assert_eq!(pointer, format!("{SCHEMA}{place}"), "{message}");
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn a_schema_that_is_nothing_but_itself_ends() {
    let _ = compile(&document("3.1.0", &json!({ "$ref": "#/components/schemas/Self" })), &Options::default());
}

#[test]
fn parts_of_a_document_that_cannot_be_checked_are_problems() {
    let with = |change: fn(&mut Value)| {
        let mut document = document("3.1.0", &json!({}));
        change(&mut document);
        problem(&document)
    };
    let post = "/paths/~1things/post";
    for (change, place, word) in [
        ((|d| d["openapi"] = json!("2.0")) as fn(&mut Value), "/openapi".to_owned(), "2.0"),
        (|d| d["pahts"] = json!({}), "/pahts".into(), "no key"),
        (|d| d["servers"] = json!([{ "url": "/a" }, { "url": "/b" }]), "/servers".into(), "different paths"),
        (
            |d| d["paths"]["/x/{id}"] = json!({ "get": { "responses": {} } }),
            "/paths/~1x~1{id}/get".into(),
            "not declared",
        ),
        (|d| d["paths"]["/x.{id}"] = json!({}), "/paths/~1x.{id}".into(), "whole segment"),
        (
            |d| {
                d["paths"]["/things"]["post"]["parameters"] =
                    json!([{ "name": "a", "in": "path", "required": true, "schema": {} }]);
            },
            post.into(),
            "no parameter",
        ),
        (
            |d| {
                d["paths"]["/things"]["post"]["parameters"] =
                    json!([{ "name": "a", "in": "query", "style": "matrix", "schema": {} }]);
            },
            format!("{post}/parameters/0"),
            "style",
        ),
        (
            |d| {
                d["paths"]["/things"]["post"]["parameters"] =
                    json!([{ "name": "a", "in": "query", "schema": { "type": "object" } }]);
            },
            format!("{post}/parameters/0"),
            "object",
        ),
        (
            |d| d["paths"]["/things"]["post"]["parameters"] = json!([{ "name": "a", "in": "query" }]),
            format!("{post}/parameters/0"),
            "no schema",
        ),
        (|d| d["paths"]["/things"]["post"]["x-sunset"] = json!("soon"), format!("{post}/x-sunset"), "soon"),
        (
            |d| {
                d["paths"]["/things"]["post"]["requestBody"]["content"]["multipart/form-data"] =
                    json!({ "schema": { "type": "object" } });
            },
            format!("{post}/requestBody/content/multipart~1form-data/schema"),
            "cannot be judged",
        ),
    ] {
        let (pointer, message) = with(change);
        assert_eq!(pointer, place, "{message}");
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn operations_that_are_off_may_hold_anything() {
    let mut document = document("3.1.0", &json!({ "$ref": "https://example.com/x" }));
    document["paths"]["/things"]["post"]["operationId"] = json!("makeThing");
    for name in ["makeThing", "POST /things", "*"] {
        let off = Options { off: [name.to_owned()].into(), ..Options::default() };
        assert!(compile(&document, &off).is_ok(), "{name}");
    }
    let problems = compile(&document, &Options::default()).map(|_| ()).unwrap_err();
    assert_eq!(problems[0].kind, Kind::Unsupported);
}

fn anything() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "type",
        "$ref",
        "properties",
        "allOf",
        "items",
        "get",
        "parameters",
        "schema",
        "in",
        "name",
        "required",
        "content",
        "application/json",
        "responses",
        "paths",
        "/a/{b}",
        "openapi",
        "pattern",
        "format",
        "requestBody",
        "components",
        "200",
        "#/components",
        "#/paths",
        "#",
        "query",
        "object",
        "string",
        "3.1.0",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        word.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_breaks_the_compiler(paths in anything(), components in anything()) {
        let document = json!({ "openapi": "3.1.0", "paths": { "/a/{b}": paths }, "components": components });
        let _ = compile(&document, &Options { responses: true, ..Options::default() });
    }

    #[test]
    fn no_schema_breaks_the_compiler(schema in anything()) {
        for version in ["3.0.3", "3.1.0"] {
            let _ = compile(&document(version, &schema), &Options::default());
        }
    }
}
