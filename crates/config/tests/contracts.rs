//! What an OpenAPI document makes of an API, and how two configurations with one differ.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use config::{Access, Config, Route, Verdict};

/// A configuration whose API has the document of the tests, held to as `contract` says.
fn load(contract: &str) -> Config {
    let text = format!(
        "listeners: [{{ address: \"127.0.0.1:1\" }}]
apis:
  - name: orders
    path: /orders
    upstream: http://127.0.0.1:2
    authenticate: [api_key]
    contract: {{ openapi: orders.openapi.yaml{contract} }}
    routes:
      - {{ match: \"DELETE /orders/{{id}}\", scopes: [admin] }}
      - {{ match: \"GET /orders/status\", public: \"a probe\" }}
"
    );
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents");
    config::load_str(&text, Path::new("portcullis.yaml"), &documents).unwrap()
}

#[test]
fn operations_without_a_route_of_their_own_become_routes() {
    let scopes = |route: &Route| match &route.access {
        Access::Public { .. } => "public".to_owned(),
        Access::Authenticated { scopes, .. } => {
            scopes.iter().map(|scope| scope.0.as_str()).collect::<Vec<_>>().join(" ")
        }
    };
    let routes = |contract: &str| {
        let config = load(contract);
        config.apis[0].routes.iter().map(|route| format!("{}: {}", route.name, scopes(route))).collect::<Vec<_>>()
    };
    let listed = ["DELETE /orders/{id}: admin", "GET /orders/status: public"];
    assert_eq!(routes(""), listed);
    assert_eq!(routes(", routes: true"), [listed[0], listed[1], "GET /orders/{order_id}: orders:read"]);
}

#[test]
fn a_contract_that_is_held_to_less_is_more_permissive() {
    let told = |old: &str, new: &str| {
        let changes = config::diff(&load(old), &load(new));
        changes.into_iter().map(|change| (change.verdict, change.before, change.after)).collect::<Vec<_>>()
    };
    let change = |verdict, before: &str, after: &str| (verdict, before.to_owned(), after.to_owned());
    assert_eq!(told("", ""), []);
    let monitored = told(", operations: { dropOrder: enforce }", ", operations: { dropOrder: monitor }");
    let name = "DELETE /orders/{order-id}";
    let (enforce, monitor) = (format!("{name} enforce"), format!("{name} monitor"));
    assert_eq!(monitored, [change(Verdict::Widened, &enforce, &monitor)]);
    assert_eq!(told(", responses: filter", ""), [change(Verdict::Widened, "responses filter", "responses off")]);
    assert_eq!(
        told(", strict_objects: false", ""),
        [change(Verdict::Narrowed, "strict_objects false", "strict_objects true")]
    );
    let all = told("", ", mode: { off: \"a test\" }");
    assert!(all.contains(&change(Verdict::Widened, "mode enforce", "mode off")), "{all:?}");
}
