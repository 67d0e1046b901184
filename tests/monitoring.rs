//! What a gateway tells of itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use running::Gate;

#[test]
fn requests_and_refusals_are_counted_by_route_and_never_by_path() {
    let gate = Gate::start();
    let token = format!("Authorization: Bearer {}", gate.token("orders:read"));
    for number in 0..5 {
        assert_eq!(gate.get(&format!("/orders/secret-{number}"), &[&token]).status, 200);
        assert_eq!(gate.get(&format!("/nowhere/secret-{number}"), &[]).status, 404);
    }
    gate.refuses("/orders/secret", &["Authorization: Bearer a.b.c"], 401, "PC-0203");
    let page = gate.monitor("/metrics", "127.0.0.1");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("text/plain; version=0.0.4"), "{page}");
    for line in [
        "http_server_request_duration_seconds_count{portcullis_api=\"orders\",http_route=\"GET /orders/{id}\",\
         http_request_method=\"GET\",http_response_status_code=\"200\"} 5\n",
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"404\"} 5\n",
        "portcullis_refusals_total{code=\"PC-0108\",reason=\"\"} 5\n",
        "portcullis_refusals_total{portcullis_api=\"orders\",http_route=\"GET /orders/{id}\",code=\"PC-0203\",\
         reason=\"malformed\"} 1\n",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    assert!(!page.contains("secret"), "{page}");
}

#[test]
fn a_gateway_is_live_and_ready_and_says_so_to_loopback_names_only() {
    let gate = Gate::start();
    for path in ["/livez", "/readyz"] {
        assert!(gate.monitor(path, "localhost:9901").starts_with("HTTP/1.1 200"));
    }
    assert!(gate.monitor("/metrics", "rebound.example").starts_with("HTTP/1.1 421"));
    assert!(gate.monitor("/elsewhere", "[::1]").starts_with("HTTP/1.1 404"));
    // What is told there is not told to callers of the APIs.
    assert_eq!(gate.get("/metrics", &[]).status, 404);
}

#[test]
fn numbers_outlive_a_reload() {
    let gate = Gate::start();
    assert_eq!(gate.get("/open", &[]).status, 200);
    gate.command(&["reload"]);
    assert_eq!(gate.get("/open", &[]).status, 200);
    let page = gate.monitor("/metrics", "127.0.0.1");
    assert!(
        page.contains("http_route=\"GET /open\",http_request_method=\"GET\",http_response_status_code=\"200\"} 2\n"),
        "{page}"
    );
}
