//! Answers, judged and reduced.
#![allow(clippy::unwrap_used, clippy::panic)]

use contract::{AnswerRule, Contract, JudgedAnswer, Options, compile};
use serde_json::{Value, json};

fn contract() -> Contract {
    let document = json!({
        "openapi": "3.0.3", "info": { "title": "t", "version": "1" },
        "paths": { "/users": { "get": { "responses": {
            "200": { "description": "users", "content": { "application/json": { "schema": { "type": "array", "items": { "$ref": "#/components/schemas/User" } } } } },
            "204": { "description": "none" },
            "4XX": { "description": "refused", "content": { "application/problem+json": {} } }
        } } } },
        "components": { "schemas": {
            "Base": { "type": "object", "required": ["id"], "properties": { "id": { "type": "integer", "readOnly": true } } },
            "User": { "allOf": [{ "$ref": "#/components/schemas/Base" }, { "type": "object", "properties": {
                "name": { "type": "string" }, "password": { "type": "string", "writeOnly": true },
                "labels": { "type": "object", "additionalProperties": { "type": "object", "properties": { "text": { "type": "string" } } } },
                "free": { "type": "object" } } }] }
        } }
    });
    compile(&document, &Options { responses: true, ..Options::default() }).unwrap()
}

fn judged(contract: &Contract) -> JudgedAnswer {
    match contract.operations()[0].answer(200, Some("application/json"), true) {
        AnswerRule::Judge(rule) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn statuses_and_media_types_are_those_of_the_document() {
    let contract = contract();
    let answer = |status, kind, body| contract.operations()[0].answer(status, kind, body);
    assert!(matches!(answer(204, None, false), AnswerRule::Pass));
    assert!(matches!(answer(204, Some("text/html"), true), AnswerRule::MediaType));
    assert!(matches!(answer(404, Some("application/problem+json"), true), AnswerRule::Pass));
    assert!(matches!(answer(404, Some("text/html"), true), AnswerRule::MediaType));
    assert!(matches!(answer(500, None, false), AnswerRule::Undocumented));
    assert!(matches!(answer(200, Some("text/html"), true), AnswerRule::MediaType));
}

#[test]
fn what_is_not_declared_is_removed_and_the_rest_stays_as_it_was() {
    let contract = contract();
    let body = json!([{ "id": 1, "name": "a", "password": "p", "is_admin": true, "free": { "x": 1 },
        "labels": { "one": { "text": "t", "internal": 1 } } }]);
    let filtered = judged(&contract).filter(body.to_string().as_bytes()).unwrap();
    let kept: Value = serde_json::from_slice(&filtered.body.unwrap()).unwrap();
    assert_eq!(kept, json!([{ "id": 1, "name": "a", "free": { "x": 1 }, "labels": { "one": { "text": "t" } } }]));
    assert_eq!((filtered.removed, filtered.differences.len()), (3, 0));
    let clean = judged(&contract).filter(br#"[{"id": 1.0}]"#).unwrap();
    assert_eq!((clean.body, clean.removed), (None, 0));
}

#[test]
fn what_differs_otherwise_is_told() {
    let contract = contract();
    let pointers = |body: Value| {
        let found = judged(&contract).judge(body.to_string().as_bytes()).unwrap();
        found.iter().map(|difference| format!("{} {}", difference.pointer, difference.keyword)).collect::<Vec<_>>()
    };
    assert_eq!(pointers(json!([{ "id": 1 }])), [""; 0]);
    assert_eq!(pointers(json!([{ "id": "one" }])), ["/0/id type"]);
    assert_eq!(pointers(json!([{ "id": 1, "password": "p" }])), ["/0/password writeOnly"]);
    assert_eq!(pointers(json!([{ "name": "a" }])), ["/0/id required"]);
    assert_eq!(pointers(json!([{ "id": 1, "is_admin": true }])), ["/0/is_admin additionalProperties"]);
}
