//! What operators read: schema, role policies, cases, reasons, the matrix, and differences.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod orders;

use orders::{about_order, about_profile, engine, example, model, origin, policies, sources};
use policy::{
    Difference, Engine, Kind, Origin, Outcome, Question, RoleFile, Sources, Subject, Value, cases::Cases, shadow,
};

fn with_roles(text: &str) -> Engine {
    let file = RoleFile::parse("roles.yaml", text).unwrap();
    Engine::load(&Sources { model: model(), roles: file.roles, files: Vec::new(), links: file.links })
        .unwrap_or_else(|report| panic!("{report}"))
}

fn difference(old: &Engine, new: &Engine) -> String {
    Difference::between(old, new).to_string()
}

#[test]
fn the_schema_and_the_policies_of_roles_print_as_cedar() {
    insta::assert_snapshot!(example().schema());
    insta::assert_snapshot!(example().role_policies());
}

#[test]
fn cases_pass_and_fail() {
    let cases = Cases::parse(
        "cases.yaml",
        r#"
cases:
  - name: a reader sees the orders of its own tenant
    principal: { id: alice, roles: [reader], tenant: acme }
    action: orders.getOrder
    resource: { tenant: acme, number: 42 }
    expect: allow
    by: ["role:reader#1"]
  - name: and no other's
    principal: { id: alice, roles: [reader], tenant: globex }
    action: orders.getOrder
    resource: { tenant: acme, number: 42 }
    expect: deny
    by: []
  - name: an auditor with everything
    principal: { kind: client, id: audit, groups: [auditors], claims: { department: finance, level: 3, regions: [eu] } }
    action: orders.listOrders
    resource: { tenant: acme }
    context:
      address: 10.0.0.1
      time: 2026-11-24T12:00:00Z
      auth: { method: jwt, acr: mfa, age: 60 }
      mtls: true
      scopes: [audit]
    expect: allow
    by: [auditors]
  - name: large orders pass (wrong)
    principal: { id: alice, roles: [clerk], tenant: acme }
    action: orders.createOrder
    resource: { tenant: acme }
    context: { body: { amount: 20000 }, headers: { x-region: eu } }
    expect: allow
  - name: by another policy (wrong)
    principal: { id: root, roles: [admin] }
    action: orders.listOrders
    resource: { tenant: acme }
    expect: allow
    by: ["role:reader#1"]
  - name: a misspelt action
    principal: { id: root }
    action: orders.getOrdre
    expect: deny
  - name: a role that is not there
    principal: { id: root, roles: [admim] }
    action: orders.listOrders
    resource: { tenant: acme }
    expect: deny
  - name: a claim of another type
    principal: { id: audit, groups: [auditors], claims: { department: 3 } }
    action: orders.listOrders
    resource: { tenant: acme }
    expect: deny
    by: [auditors]
"#,
    )
    .unwrap_or_else(|report| panic!("{report}"));
    let report = cases.run(&example());
    assert_eq!((report.passed(), report.failed()), (3, 5));
    insta::assert_snapshot!(report);
}

#[test]
fn cases_that_cannot_be_read_are_reported_with_their_place() {
    let parse = |text| Cases::parse("cases.yaml", text).expect_err("should be refused").to_string();
    insta::assert_snapshot!(parse(
        "cases:\n  - name: when\n    principal: { id: a }\n    action: x\n    context: { time: yesterday }\n    expect: deny\n"
    ));
    insta::assert_snapshot!(parse(
        "cases:\n  - name: what\n    principal: { id: a }\n    action: x\n    expect: maybe\n"
    ));
}

#[test]
fn a_denial_names_what_is_missing() {
    let engine = example();
    let other_tenant = about_order("orders.getOrder").roles(["reader"]).tenant("globex");
    insta::assert_snapshot!(engine.why(&other_tenant));
    insta::assert_snapshot!(engine.why(&about_profile(Kind::User, "bob").roles(["reader"])));
    let nobody = Question::new(Kind::ApiKey, "k1", "orders.getOrder", "/acme/orders/42", &origin());
    insta::assert_snapshot!(engine.why(&nobody.parameter("tenant", "acme").parameter("number", "42")));
}

#[test]
fn what_decided_is_named() {
    let engine = example();
    insta::assert_snapshot!(engine.why(&about_order("orders.getOrder").roles(["clerk"])));
    let large = about_order("orders.createOrder").roles(["clerk"]).body("amount", Value::Long(20_000));
    insta::assert_snapshot!(engine.why(&large));
    insta::assert_snapshot!(engine.why(&large.clone().body("amount", Value::Long(1))));
    insta::assert_snapshot!(engine.why(&Question::new(Kind::User, "alice", "orders.nothing", "/", &origin())));
}

#[test]
fn the_matrix_shows_every_role_group_and_operation() {
    let matrix = example().matrix();
    insta::assert_snapshot!(matrix);
    insta::assert_snapshot!(matrix.csv());
    insta::assert_snapshot!(matrix.html());
}

#[test]
fn what_may_fail_is_never_a_plain_allow() {
    let text = "@id(\"f\") forbid (principal, action, resource is orders::getOrder) when { resource.number * 2 == 84 };
        @id(\"p\") permit (principal == User::\"eve\", action, resource) when { principal is User };";
    let matrix = engine(text).matrix();
    let row = matrix.subjects.iter().position(|subject| *subject == Subject::Caller(Kind::User, "eve".to_owned()));
    let outcomes: Vec<Outcome> = matrix.cells[row.unwrap()].iter().map(|cell| cell.outcome).collect();
    assert_eq!(outcomes[..2], [Outcome::Allow, Outcome::Conditional]);
}

#[test]
fn names_in_csv_and_html_are_only_text() {
    let matrix = with_roles("roles:\n  '=1+\"<b>\"':\n    permissions: [{ operations: [listOrders] }]\n").matrix();
    assert!(matrix.csv().contains("\"role =1+\"\"<b>\"\"\",orders.listOrders,allow"));
    assert!(matrix.html().contains("role =1+&quot;&lt;b&gt;&quot;"));
}

const OLD: &str = "roles:
  reader: { permissions: [{ operations: [orders.read], where: [tenant] }] }
  admin: { permissions: [{ operations: [orders] }] }
";

#[test]
fn nothing_changes_when_permissions_are_written_otherwise() {
    let new = "roles:
  admin: { permissions: [{ operations: [orders.read] }, { operations: [createOrder, cancelOrder] }] }
  reader: { permissions: [{ operations: [getOrder], where: [tenant] }, { operations: [listOrders], where: [tenant] }] }
";
    let (old, new) = (with_roles(OLD), with_roles(new));
    assert!(Difference::between(&old, &new).is_empty());
    assert!(!Difference::between(&old, &new).widened());
}

#[test]
fn who_gains_and_who_loses_is_told() {
    let wider = "roles:
  reader: { permissions: [{ operations: [orders.read] }] }
  admin: { permissions: [{ operations: [orders.write] }] }
";
    let (old, new) = (with_roles(OLD), with_roles(wider));
    assert!(Difference::between(&old, &new).widened());
    insta::assert_snapshot!(difference(&old, &new));
    let narrower = "roles:\n  admin: { permissions: [{ operations: [orders], where: [tenant] }] }\n";
    let loss = Difference::between(&old, &with_roles(narrower));
    assert!(!loss.widened(), "{loss}");
}

/// Each is a widening that a comparison of verdicts alone would miss.
#[test]
fn hidden_widenings_are_found() {
    let widened = |old: &str, new: &str| Difference::between(&engine(old), &engine(new)).widened();
    let suspended = "@id(\"s\") forbid (principal in Group::\"staff\", action, resource);";
    assert!(widened(suspended, ""), "staff may do nothing by itself, but staff who are admins may");
    assert!(!widened("", suspended));
    let both =
        "@id(\"b\") permit (principal in Role::\"reader\", action, resource) when { principal in Role::\"member\" };";
    assert!(widened("", both), "no row has two roles");
    assert!(!widened(both, ""));
    let unless = "@id(\"u\") permit (principal, action, resource) unless { principal in Group::\"staff\" };";
    let always = "@id(\"u\") permit (principal, action, resource);";
    assert!(widened(unless, always));
    let narrow =
        "@id(\"u\") permit (principal in Role::\"reader\", action, resource) unless { principal in Group::\"staff\" };";
    let wide = "@id(\"u\") permit (principal in Role::\"reader\", action, resource);";
    assert!(widened(narrow, wide), "readers gain only if they are staff");
    let condition = |amount: u32| {
        format!(
            "@id(\"c\") forbid (principal, action == Action::\"orders.createOrder\", resource) \
             when {{ context.body has amount && context.body.amount > {amount} }};"
        )
    };
    assert!(widened(&condition(10), &condition(20)));
    assert!(!widened(&condition(10), &condition(10)));
}

#[test]
fn an_operation_that_is_new_or_gone_is_a_change() {
    let mut fewer = sources();
    fewer.files = vec![policies("")];
    let all = Engine::load(&fewer).unwrap();
    fewer.model.apis[1].operations.truncate(1);
    let fewer = Engine::load(&fewer).unwrap();
    assert!(Difference::between(&fewer, &all).widened());
    assert!(!Difference::between(&all, &fewer).widened());
}

#[test]
fn a_shadow_reports_only_what_would_be_decided_otherwise() {
    let (current, candidate) = (example(), engine("@id(\"all\") permit (principal, action, resource);"));
    let allowed = about_order("orders.getOrder").roles(["reader"]);
    assert_eq!(shadow(&current.decide(&allowed), &candidate, &allowed), None);
    let denied = about_order("orders.getOrder");
    let disagreement = shadow(&current.decide(&denied), &candidate, &denied).unwrap();
    assert!(disagreement.widens());
    insta::assert_snapshot!(disagreement);
    let christmas = Origin { time: 1_798_070_400_000, ..origin() };
    let question = Question::new(Kind::User, "bob", "profiles.getProfile", "/profiles/alice", &christmas);
    let question = question.parameter("subject", "alice");
    assert_eq!(shadow(&current.decide(&question), &candidate, &question), None);
}
