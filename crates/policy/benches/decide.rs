//! What a decision costs with 10, 1,000 and 10,000 policies: by the role table, from the cache, and evaluated.
//!
//! A tenth of the policies are Cedar with conditions, the others permissions of roles, half of them bound to the tenant.
//! There are 50 operations.
#![allow(clippy::panic, missing_docs)]

use std::{hint::black_box, net::IpAddr};

use divan::Bencher;
use policy::{
    Api, Attribute, Cache, Engine, Kind, Match, Model, Operation, Origin, Permission, Question, Role, Source, Sources,
    ValueKind,
};

const OPERATIONS: usize = 50;
const SIZES: [usize; 3] = [10, 1_000, 10_000];

fn main() {
    divan::main();
}

/// A role of its own decides.
#[divan::bench(args = SIZES)]
fn role_table(bencher: Bencher<'_, '_>, policies: usize) {
    let (engine, cache) = (engine(policies, false), Cache::new(1024));
    assert!(cache.decide(&engine, &question()).is_allowed());
    bencher.bench_local(|| cache.decide(&engine, black_box(&question())));
}

#[divan::bench(args = SIZES)]
fn cached(bencher: Bencher<'_, '_>, policies: usize) {
    let (engine, cache) = (engine(policies, true), Cache::new(1024));
    assert!(cache.decide(&engine, &question()).is_allowed());
    assert_eq!(cache.len(), 1);
    bencher.bench_local(|| cache.decide(&engine, black_box(&question())));
}

#[divan::bench(args = SIZES)]
fn uncached(bencher: Bencher<'_, '_>, policies: usize) {
    let engine = engine(policies, true);
    assert!(engine.decide(&question()).is_allowed());
    bencher.bench_local(|| engine.decide(black_box(&question())));
}

#[divan::bench(args = SIZES, sample_count = 3, sample_size = 1)]
fn load(bencher: Bencher<'_, '_>, policies: usize) {
    let sources = sources(policies, true);
    bencher.bench_local(|| Engine::load(black_box(&sources)));
}

fn question() -> Question<'static> {
    let origin = Origin { address: IpAddr::from([10, 1, 2, 3]), time: 1_795_521_600_000, method: "jwt" };
    Question::new(Kind::User, "alice", "orders.op1", "/acme/things/42", &origin)
        .roles(["role0", "role1", "role2"])
        .tenant("acme")
        .parameter("tenant", "acme")
        .parameter("number", "42")
        .scopes(["read", "write"])
        .acr("mfa")
}

fn engine(policies: usize, conditions: bool) -> Engine {
    Engine::load(&sources(policies, conditions)).unwrap_or_else(|report| panic!("{report}"))
}

fn sources(policies: usize, conditions: bool) -> Sources {
    let cedar = if conditions { policies / 10 } else { 0 };
    let permission = |at: usize| Permission {
        operations: vec![format!("op{}", at % OPERATIONS).as_str().into()],
        matching: if conditions && at % 2 == 1 { vec![Match::Tenant] } else { Vec::new() },
    };
    // Ten permissions a role.
    let role = |at: usize| Role {
        name: format!("role{at}").as_str().into(),
        inherits: Vec::new(),
        permissions: (0..10.min(policies)).map(|one| permission(at * 10 + one)).collect(),
    };
    let text: Vec<String> = (0..cedar).map(forbid).collect();
    Sources {
        model: model(),
        roles: (0..(policies - cedar).div_ceil(10)).map(role).collect(),
        files: vec![Source::new("bench.cedar", text.join("\n"))],
        links: Vec::new(),
    }
}

fn forbid(at: usize) -> String {
    let operation = at % OPERATIONS;
    format!(
        "@id(\"rule{at}\") forbid (principal, action == Action::\"orders.op{operation}\", resource) \
         when {{ context.scopes.contains(\"banned{at}\") && !(context.auth has acr && context.auth.acr == \"mfa\") }};"
    )
}

fn model() -> Model {
    let operation = |at: usize| Operation {
        id: format!("op{at}"),
        method: "GET".to_owned(),
        path_template: format!("/{{tenant}}/things{at}/{{number}}"),
        read: true,
        parameters: vec![Attribute::new("tenant", ValueKind::String), Attribute::new("number", ValueKind::Long)],
        tenant: Some("tenant".to_owned()),
        ..Operation::default()
    };
    let operations = (0..OPERATIONS).map(operation).collect();
    Model { apis: vec![Api { name: "orders".to_owned(), operations }], ..Model::default() }
}
