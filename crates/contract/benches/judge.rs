//! What judging a body costs: `cargo bench -p contract`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use contract::{BodyRule, Contract, Options, compile};
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Orders", "version": "1" },
        "paths": { "/orders": { "post": {
            "parameters": [{ "name": "dry_run", "in": "query", "schema": { "type": "boolean" } }],
            "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } },
            "responses": { "201": { "description": "made" } }
        } } },
        "components": { "schemas": {
            "Order": {
                "type": "object",
                "required": ["reference", "customer", "lines"],
                "properties": {
                    "id": { "type": "string", "format": "uuid", "readOnly": true },
                    "reference": { "type": "string", "pattern": "^[A-Z]{3}-[0-9]{1,8}$", "maxLength": 12 },
                    "customer": { "$ref": "#/components/schemas/Customer" },
                    "lines": { "type": "array", "minItems": 1, "maxItems": 100, "items": { "$ref": "#/components/schemas/Line" } },
                    "note": { "type": ["string", "null"], "maxLength": 500 },
                    "due": { "type": "string", "format": "date-time" }
                }
            },
            "Customer": {
                "type": "object",
                "required": ["name", "email"],
                "properties": {
                    "name": { "type": "string", "maxLength": 200 },
                    "email": { "type": "string", "format": "email" },
                    "address": { "type": "string", "maxLength": 500 }
                }
            },
            "Line": {
                "type": "object",
                "required": ["article", "quantity"],
                "properties": {
                    "article": { "type": "string", "pattern": "^[a-z0-9-]{1,40}$" },
                    "quantity": { "type": "integer", "minimum": 1, "maximum": 1000 },
                    "price": { "type": "number", "minimum": 0 },
                    "colour": { "enum": ["red", "green", "blue"] },
                    "gift": { "type": "boolean" }
                }
            }
        } }
    })
}

fn body() -> Vec<u8> {
    let line = |n: u32| json!({ "article": format!("article-number-{n}"), "quantity": n + 1, "price": 19.95, "colour": "green", "gift": false });
    let mut order = json!({
        "reference": "ORD-12345678",
        "customer": { "name": "An Example of a Name", "email": "customer@example.com", "address": "1 Example Street, 12345 Town" },
        "due": "2030-01-31T12:00:00Z",
        "note": null,
        "lines": (0..18).map(line).collect::<Vec<_>>()
    });
    let missing = 2048 - order.to_string().len();
    order["note"] = Value::from("n".repeat(missing.min(500)));
    order.to_string().into_bytes()
}

fn judged(contract: &Contract, body: &[u8]) -> bool {
    let found = contract.find(&Method::POST, "/orders").unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    match found.operation.judge_head(&found.values, Some("dry_run=true"), &headers, true).unwrap() {
        BodyRule::Judge(rule) => rule.judge(body).unwrap().is_empty(),
        BodyRule::Pass => panic!("the body is not judged"),
    }
}

/// All that a request with a body of 2 KiB costs.
#[divan::bench]
fn body_of_2_kib(bencher: divan::Bencher) {
    let (contract, body) = (compile(&document(), &Options::default()).unwrap(), body());
    assert!(body.len() > 1900 && body.len() < 2200, "{}", body.len());
    assert!(judged(&contract, &body));
    bencher.bench(|| judged(divan::black_box(&contract), divan::black_box(&body)));
}

/// Reading it alone.
#[divan::bench]
fn reading_2_kib(bencher: divan::Bencher) {
    let body = body();
    let bounds = strict_json::Bounds { depth: 32, values: 100_000 };
    bencher.bench(|| strict_json::read(divan::black_box(&body), bounds).is_ok());
}

/// A request without a body.
#[divan::bench]
fn head_alone(bencher: divan::Bencher) {
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "Orders", "version": "1" },
        "paths": { "/orders/{id}": { "get": {
            "parameters": [
                { "name": "id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } },
                { "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 1, "maximum": 100 } }
            ],
            "responses": { "200": { "description": "an order" } }
        } } }
    });
    let contract = compile(&document, &Options::default()).unwrap();
    let headers = HeaderMap::new();
    bencher.bench(|| {
        let found = contract.find(&Method::GET, "/orders/0b9d6a10-7a3e-4b57-9c55-0f1d3a7c9e11").unwrap();
        found.operation.judge_head(&found.values, Some("limit=20"), &headers, false).is_ok()
    });
}
