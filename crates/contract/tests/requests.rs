//! Requests, held against documents.
#![allow(clippy::unwrap_used, clippy::panic)]

use contract::{BodyRule, Contract, HeadRefused, NotFound, NotJson, Options, compile};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

fn contract(version: &str, operation: &Value, components: &Value) -> Contract {
    compile(&document(version, operation, components), &Options::default()).unwrap()
}

fn document(version: &str, operation: &Value, components: &Value) -> Value {
    let mut operation = operation.clone();
    operation["responses"] = json!({ "200": { "description": "done" } });
    json!({
        "openapi": version, "info": { "title": "t", "version": "1" },
        "paths": { "/things": { "post": operation } },
        "components": { "schemas": components }
    })
}

fn with_body(schema: &Value) -> Value {
    json!({ "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } } })
}

fn head(contract: &Contract, query: &str, fields: &[(&str, &str)], has_body: bool) -> Result<(), Vec<String>> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    let found = contract.find(&Method::POST, "/things").unwrap();
    match found.operation.judge_head(&found.values, Some(query), &headers, has_body) {
        Ok(_) => Ok(()),
        Err(HeadRefused::Differs(found)) => Err(found.iter().map(|d| format!("{} {}", d.pointer, d.keyword)).collect()),
        Err(HeadRefused::MediaType) => Err(vec!["media type".into()]),
    }
}

fn judge(contract: &Contract, body: &str) -> Result<Vec<String>, NotJson> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let found = contract.find(&Method::POST, "/things").unwrap();
    match found.operation.judge_head(&found.values, None, &headers, true).unwrap() {
        BodyRule::Judge(rule) => {
            let found = rule.judge(body.as_bytes())?;
            Ok(found.iter().map(|difference| format!("{} {}", difference.pointer, difference.keyword)).collect())
        }
        BodyRule::Pass => panic!("the body is not judged"),
    }
}

fn verdict(version: &str, schema: &Value, body: &Value) -> Vec<String> {
    judge(&contract(version, &with_body(schema), &json!({})), &body.to_string()).unwrap()
}

#[test]
fn a_body_is_judged_by_its_schema_and_told_where_it_differs() {
    let schema = json!({ "type": "object", "required": ["name"], "properties": {
        "name": { "type": "string", "maxLength": 5 }, "tags": { "type": "array", "maxItems": 2, "items": { "enum": ["a", "b"] } } } });
    assert_eq!(verdict("3.1.0", &schema, &json!({ "name": "abc", "tags": ["a", "b"] })), [""; 0]);
    assert_eq!(verdict("3.1.0", &schema, &json!({ "name": "abcdef" })), ["/name maxLength"]);
    assert_eq!(verdict("3.1.0", &schema, &json!({})), ["/name required"]);
    assert_eq!(verdict("3.1.0", &schema, &json!({ "name": "a", "tags": ["a", "c"] })), ["/tags/1 enum"]);
    assert_eq!(verdict("3.1.0", &schema, &json!({ "name": "a", "tags": ["a", "a", "a"] })), ["/tags maxItems"]);
    assert_eq!(verdict("3.1.0", &schema, &json!([])), [" type"]);
}

#[test]
fn members_that_are_not_declared_are_refused_wherever_they_are() {
    let schema = json!({ "type": "object", "properties": {
        "a": { "type": "object", "properties": { "b": {} } }, "free": { "type": "object" },
        "open": { "type": "object", "properties": { "x": {} }, "additionalProperties": true } } });
    for version in ["3.0.3", "3.1.0"] {
        assert_eq!(verdict(version, &schema, &json!({ "admin": true })), ["/admin additionalProperties"]);
        assert_eq!(verdict(version, &schema, &json!({ "a": { "b": 1, "c": 2 } })), ["/a/c additionalProperties"]);
        let free = json!({ "free": { "any": 1 }, "open": { "x": 1, "y": 2 } });
        assert_eq!(verdict(version, &schema, &free), [""; 0], "they say so themselves");
    }
    let loose = Options { strict_objects: false, ..Options::default() };
    let contract = compile(&document("3.1.0", &with_body(&schema), &json!({})), &loose).unwrap();
    assert_eq!(judge(&contract, r#"{"admin":true}"#).unwrap(), [""; 0]);
}

#[test]
fn parts_of_a_composition_are_one_object() {
    let components = json!({
        "Base": { "type": "object", "required": ["kind"], "properties": { "kind": { "type": "string" } } },
        "Cat": { "allOf": [{ "$ref": "#/components/schemas/Base" }, { "type": "object", "properties": { "lives": { "type": "integer" } } }] },
        "Dog": { "allOf": [{ "$ref": "#/components/schemas/Base" }, { "type": "object", "required": ["bark"], "properties": { "bark": { "type": "string" } } }] },
        "Pair": { "type": "object", "properties": { "base": { "$ref": "#/components/schemas/Base" }, "cat": { "$ref": "#/components/schemas/Cat" } } }
    });
    for version in ["3.0.3", "3.1.0"] {
        let of = |name: &str, body: Value| {
            let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
            judge(&contract(version, &with_body(&schema), &components), &body.to_string()).unwrap()
        };
        assert_eq!(of("Cat", json!({ "kind": "cat", "lives": 9 })), [""; 0]);
        assert_eq!(of("Cat", json!({ "kind": "cat", "admin": true })), ["/admin additionalProperties"]);
        assert_eq!(of("Cat", json!({ "lives": 9 })), ["/kind required"]);
        let pair = json!({ "base": { "kind": "x", "lives": 9 }, "cat": { "kind": "x", "lives": 9 } });
        assert_eq!(of("Pair", pair), ["/base/lives additionalProperties"]);
        let either =
            json!({ "oneOf": [{ "$ref": "#/components/schemas/Cat" }, { "$ref": "#/components/schemas/Dog" }] });
        let contract = contract(version, &with_body(&either), &components);
        assert_eq!(judge(&contract, r#"{"kind":"cat","lives":9}"#).unwrap(), [""; 0]);
        assert!(!judge(&contract, r#"{"kind":"cat","lives":9,"admin":true}"#).unwrap().is_empty());
    }
}

#[test]
fn what_is_read_only_cannot_be_written_and_is_not_required() {
    let components = json!({
        "Id": { "type": "string", "readOnly": true },
        "Thing": { "type": "object", "required": ["id", "name", "owner"], "properties": {
            "id": { "$ref": "#/components/schemas/Id" }, "name": { "type": "string" },
            "owner": { "type": "string", "readOnly": true }, "secret": { "type": "string", "writeOnly": true } } }
    });
    for version in ["3.0.3", "3.1.0"] {
        let contract = contract(version, &with_body(&json!({ "$ref": "#/components/schemas/Thing" })), &components);
        assert_eq!(judge(&contract, r#"{"name":"a","secret":"s"}"#).unwrap(), [""; 0]);
        assert_eq!(judge(&contract, r#"{"name":"a","owner":"me"}"#).unwrap(), ["/owner readOnly"]);
        assert_eq!(judge(&contract, r#"{"name":"a","id":"1"}"#).unwrap(), ["/id readOnly"]);
    }
}

#[test]
fn what_openapi_3_0_writes_in_its_own_way_means_the_same() {
    let schema = json!({ "type": "object", "properties": {
        "a": { "type": "string", "nullable": true }, "b": { "type": "integer", "minimum": 1, "exclusiveMinimum": true },
        "c": { "type": "integer", "maximum": 10, "exclusiveMaximum": true }, "d": { "type": "string" },
        "e": { "type": "integer", "minimum": 1, "exclusiveMinimum": false } } });
    assert_eq!(verdict("3.0.3", &schema, &json!({ "a": null, "b": 2, "c": 9, "e": 1 })), [""; 0]);
    assert_eq!(verdict("3.0.3", &schema, &json!({ "b": 1 })), ["/b exclusiveMinimum"]);
    assert_eq!(verdict("3.0.3", &schema, &json!({ "c": 10 })), ["/c exclusiveMaximum"]);
    assert_eq!(verdict("3.0.3", &schema, &json!({ "d": null })), ["/d type"]);
    assert_eq!(verdict("3.1.0", &json!({ "type": ["string", "null"] }), &json!(null)), [""; 0]);
    assert_eq!(verdict("3.1.0", &json!({ "const": 4 }), &json!(5)), [" const"]);
}

#[test]
fn formats_are_checked() {
    for (kind, format, good, bad) in [
        ("string", "date-time", json!("2024-01-01T00:00:00Z"), json!("yesterday")),
        ("string", "uuid", json!("0b9d6a10-7a3e-4b57-9c55-0f1d3a7c9e11"), json!("0b9d6a10")),
        ("string", "email", json!("a@example.com"), json!("a at example")),
        ("string", "ipv4", json!("192.0.2.1"), json!("192.0.2.256")),
        ("string", "uri", json!("https://example.com"), json!("not a uri")),
        ("string", "byte", json!("aGk="), json!("aGk")),
        ("integer", "int32", json!(2_147_483_647), json!(2_147_483_648_u64)),
        ("integer", "int64", json!(i64::MIN), json!(9_223_372_036_854_775_808_u64)),
    ] {
        let schema = json!({ "type": kind, "format": format });
        for version in ["3.0.3", "3.1.0"] {
            assert_eq!(verdict(version, &schema, &good), [""; 0], "{format}");
            assert_eq!(verdict(version, &schema, &bad).len(), 1, "{format}");
        }
    }
    let bounded = json!({ "type": "integer", "format": "int32", "minimum": 0 });
    assert!(!verdict("3.1.0", &bounded, &json!(3_000_000_000_u64)).is_empty());
}

#[test]
fn json_with_two_meanings_is_not_judged() {
    let contract = contract("3.1.0", &with_body(&json!({ "type": "object" })), &json!({}));
    assert_eq!(judge(&contract, r#"{"a":1,"a":2}"#), Err(NotJson::Duplicate));
    assert_eq!(judge(&contract, &"[".repeat(100_000)), Err(NotJson::TooDeep));
    assert_eq!(judge(&contract, r#"{"a":1e999}"#), Err(NotJson::Number));
    assert_eq!(judge(&contract, "{"), Err(NotJson::Malformed));
    assert_eq!(judge(&contract, &format!("[{}1]", "1,".repeat(1_000_000))), Err(NotJson::TooMany));
}

#[test]
fn a_pattern_cannot_be_made_to_backtrack() {
    let schema = json!({ "type": "string", "pattern": "^(a+)+$" });
    let hostile = format!("{}!", "a".repeat(100_000));
    assert_eq!(verdict("3.1.0", &schema, &json!(hostile)), [" pattern"]);
    assert_eq!(verdict("3.1.0", &schema, &json!("aaa")), [""; 0]);
}

#[test]
fn a_recursive_schema_is_held_to_as_deep_as_json_goes() {
    let components = json!({ "Node": { "type": "object", "properties": {
        "value": { "type": "integer" }, "next": { "$ref": "#/components/schemas/Node" } } } });
    let contract = contract("3.0.3", &with_body(&json!({ "$ref": "#/components/schemas/Node" })), &components);
    assert_eq!(judge(&contract, r#"{"value":1,"next":{"value":2}}"#).unwrap(), [""; 0]);
    assert_eq!(judge(&contract, r#"{"next":{"next":{"value":"x"}}}"#).unwrap(), ["/next/next/value type"]);
    assert_eq!(
        judge(&contract, r#"{"next":{"next":{"admin":1}}}"#).unwrap(),
        ["/next/next/admin additionalProperties"]
    );
}

#[test]
fn a_body_with_very_many_differences_is_told_so_once() {
    let schema = json!({ "type": "array", "items": { "type": "string" } });
    let many = Value::from((0..50_000).collect::<Vec<u32>>());
    assert_eq!(verdict("3.1.0", &schema, &many), [" schema"]);
    let few = Value::from((0..50).collect::<Vec<u32>>());
    assert_eq!(verdict("3.1.0", &schema, &few).len(), 10);
}

#[test]
fn parameters_are_read_as_their_schemas_ask() {
    let parameter = |name: &str, place: &str, schema: Value| json!({ "name": name, "in": place, "schema": schema });
    let mut list = parameter("ids", "query", json!({ "type": "array", "items": { "type": "integer" }, "maxItems": 2 }));
    list["explode"] = json!(false);
    let mut deep =
        parameter("filter", "query", json!({ "type": "object", "properties": { "size": { "type": "integer" } } }));
    deep["style"] = json!("deepObject");
    let contract = contract(
        "3.1.0",
        &json!({ "parameters": [
            { "name": "limit", "in": "query", "required": true, "schema": { "type": "integer", "minimum": 1, "maximum": 100 } },
            parameter("tag", "query", json!({ "type": "array", "items": { "enum": ["a", "b"] } })),
            list, deep,
            parameter("X-Trace", "header", json!({ "type": "string", "pattern": "^[0-9]+$" })),
            parameter("theme", "cookie", json!({ "enum": ["dark", "light"] })),
            { "name": "where", "in": "query", "content": { "application/json": { "schema": { "type": "object", "properties": { "a": { "type": "integer" } } } } } }
        ] }),
        &json!({}),
    );
    let refused = |query: &str, fields: &[(&str, &str)]| head(&contract, query, fields, false).unwrap_err();
    let good = "limit=20&tag=a&tag=b&ids=1,2&filter[size]=3&where=%7B%22a%22%3A1%7D";
    assert_eq!(head(&contract, good, &[("x-trace", "12"), ("cookie", "a=b; theme=dark")], false), Ok(()));
    assert_eq!(refused("", &[]), ["/limit required"]);
    for (query, expected) in [
        ("limit=0", "/limit minimum"),
        ("limit=1000", "/limit maximum"),
        ("limit=ten", "/limit type"),
        ("limit=", "/limit type"),
        ("limit=1&limit=2", "/limit repeated"),
        ("limit=1&tag=c", "/tag/0 enum"),
        ("limit=1&ids=1,2,3", "/ids maxItems"),
        ("limit=1&ids=1,x", "/ids/1 type"),
        ("limit=1&filter[size]=big", "/filter/size type"),
        ("limit=1&filter[colour]=red", "/filter/colour additionalProperties"),
        ("limit=1&filter[size]=1&filter[size]=2", "/filter repeated"),
        ("limit=1&where=%7B", "/where json"),
        ("limit=1&where=%7B%22a%22%3A1%2C%22a%22%3A2%7D", "/where json"),
        ("limit=1&debug=true", "/debug unknown"),
        ("limit=1&l%69mit=2", "/limit repeated"),
    ] {
        assert_eq!(refused(query, &[]), [expected], "{query}");
    }
    assert_eq!(refused("limit=1", &[("x-trace", "abc")]), ["/X-Trace pattern"]);
    assert_eq!(refused("limit=1", &[("x-trace", "1"), ("x-trace", "2")]), ["/X-Trace repeated"]);
    assert_eq!(refused("limit=1", &[("cookie", "theme=pink")]), ["/theme enum"]);
    assert_eq!(refused("limit=1", &[("cookie", "theme=dark; theme=light")]), ["/theme repeated"]);
}

#[test]
fn bodies_come_where_they_are_expected_and_in_a_type_that_is_taken() {
    let json_type = ("content-type", "application/json");
    let required = contract("3.1.0", &with_body(&json!({})), &json!({}));
    assert_eq!(head(&required, "", &[], false).unwrap_err(), [" required"]);
    assert_eq!(head(&required, "", &[json_type], true), Ok(()));
    for kind in ["text/plain", "application/json; charset=utf-16", "nonsense"] {
        assert_eq!(head(&required, "", &[("content-type", kind)], true).unwrap_err(), ["media type"]);
    }
    assert_eq!(head(&required, "", &[], true).unwrap_err(), ["media type"]);
    let none = contract("3.1.0", &json!({}), &json!({}));
    assert_eq!(head(&none, "", &[json_type], true).unwrap_err(), [" unknown"]);
}

#[test]
fn forms_are_judged_like_objects() {
    let schema = json!({ "type": "object", "required": ["age"], "properties": {
        "age": { "type": "integer", "minimum": 18 }, "tag": { "type": "array", "items": { "type": "integer" } } } });
    let operation =
        json!({ "requestBody": { "content": { "application/x-www-form-urlencoded": { "schema": schema } } } });
    let contract = contract("3.1.0", &operation, &json!({}));
    let judge = |body: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        let found = contract.find(&Method::POST, "/things").unwrap();
        match found.operation.judge_head(&found.values, None, &headers, true).unwrap() {
            BodyRule::Judge(rule) => rule.judge(body.as_bytes()).unwrap(),
            BodyRule::Pass => panic!("the body is not judged"),
        }
        .iter()
        .map(|difference| format!("{} {}", difference.pointer, difference.keyword))
        .collect::<Vec<_>>()
    };
    assert_eq!(judge("age=20&tag=1&tag=2"), [""; 0]);
    assert_eq!(judge("age=17"), ["/age minimum"]);
    assert_eq!(judge("age=20&age=21"), ["/age repeated"]);
    assert_eq!(judge("age=20&admin=1"), ["/admin additionalProperties"]);
    assert_eq!(judge("age=20&tag=x"), ["/tag/0 type"]);
}

#[test]
fn unknown_paths_and_methods_have_no_operation() {
    let document = json!({
        "openapi": "3.0.3", "info": { "title": "t", "version": "1" }, "servers": [{ "url": "https://example.com/v1/" }],
        "paths": { "/things/{id}": {
            "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } }],
            "get": { "responses": { "200": { "description": "d" } } },
            "delete": { "deprecated": true, "x-sunset": "2020-01-01", "responses": { "204": { "description": "d" } } } } }
    });
    let contract = compile(&document, &Options::default()).unwrap();
    assert_eq!(contract.find(&Method::GET, "/things/1").unwrap_err(), NotFound::Path);
    assert_eq!(contract.find(&Method::GET, "/v1/things").unwrap_err(), NotFound::Path);
    assert_eq!(contract.find(&Method::PUT, "/v1/things/1").unwrap_err(), NotFound::Method("DELETE, GET, HEAD".into()));
    assert_eq!(contract.find(&Method::HEAD, "/v1/things/1").unwrap().values, ["1"]);
    let gone = contract.find(&Method::DELETE, "/v1/things/1").unwrap().operation;
    assert!(gone.deprecated && gone.sunset.unwrap().has_passed(1_577_836_800));
    let found = contract.find(&Method::GET, "/v1/things/abc").unwrap();
    let refused = found.operation.judge_head(&found.values, None, &HeaderMap::new(), false).unwrap_err();
    assert!(matches!(refused, HeadRefused::Differs(found) if found[0].pointer == "/id" && found[0].keyword == "type"));
    let moved = compile(&document, &Options { base: Some("/api".into()), ..Options::default() }).unwrap();
    assert!(moved.find(&Method::GET, "/api/things/1").is_ok());
}
