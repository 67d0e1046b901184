//! Mutated requests through the gateway to the parsers of other servers: what the gateway takes for one request, each of
//! them must take for the same one request. `cargo xtask mutate` does it at length.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod mutating;
mod running;

use mutating::{origins, run};

#[test]
fn nginx_sees_each_accepted_request_once_and_nothing_else() {
    run(&origins::nginx());
}

#[test]
fn haproxy_sees_each_accepted_request_once_and_nothing_else() {
    run(&origins::haproxy());
}

#[test]
fn apache_sees_each_accepted_request_once_and_nothing_else() {
    run(&origins::apache());
}

#[test]
fn gunicorn_sees_each_accepted_request_once_and_nothing_else() {
    run(&origins::gunicorn());
}

#[test]
fn aiohttp_sees_each_accepted_request_once_and_nothing_else() {
    run(&origins::aiohttp());
}

#[test]
fn node_sees_each_accepted_request_once_and_nothing_else() {
    run(&origins::node());
}
