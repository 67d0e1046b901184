//! Decisions through the public face: deny by default, roles, tenants, owners, conditions, and failures that deny.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod orders;

use std::net::IpAddr;

use orders::{about_order, about_profile, engine, example, origin};
use policy::{Cache, Decision, Engine, Fault, Kind, Origin, Question, Unusable, Value, Verdict};

/// Both ways to decide; they must agree.
fn decide(engine: &Engine, question: &Question<'_>) -> Decision {
    let cache = Cache::new(8);
    let decision = engine.decide(question);
    assert_eq!(*cache.decide(engine, question), decision);
    assert_eq!(*cache.decide(engine, question), decision, "the second time");
    decision
}

fn ids(decision: &Decision) -> Vec<&str> {
    decision.ids().collect()
}

#[test]
fn what_no_policy_permits_is_denied() {
    let decision = decide(&example(), &about_order("orders.getOrder"));
    assert_eq!(decision.verdict, Verdict::Deny);
    assert!(decision.policies.is_empty() && decision.faults.is_empty());
}

#[test]
fn an_action_that_no_api_has_is_denied() {
    let question = Question::new(Kind::User, "root", "orders.dropTables", "/", &origin()).roles(["admin"]);
    let decision = decide(&example(), &question);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(decision.faults, [Fault::Question(Unusable::UnknownAction("orders.dropTables".to_owned()))]);
}

#[test]
fn a_role_permits_what_it_lists_and_nothing_else() {
    let engine = example();
    let admin = |action| decide(&engine, &about_order(action).roles(["admin"]));
    assert_eq!(ids(&admin("orders.getOrder")), ["role:admin#1"]);
    assert!(admin("orders.getOrder").is_allowed());
    assert_eq!(admin("orders.getOrder").reasons().collect::<Vec<_>>(), ["role admin may call orders, profiles.read"]);
    let put = Question::new(Kind::User, "root", "profiles.PUT /profiles/{subject}", "/profiles/alice", &origin());
    assert!(!decide(&engine, &put.roles(["admin"]).parameter("subject", "alice")).is_allowed());
}

#[test]
fn an_undeclared_role_gives_nothing() {
    assert!(!decide(&example(), &about_order("orders.getOrder").roles(["Admin", "ADMIN", "admin "])).is_allowed());
}

#[test]
fn a_tenant_rule_refuses_the_other_tenant_and_callers_without_one() {
    let engine = example();
    let reader = about_order("orders.getOrder").roles(["reader"]);
    assert_eq!(ids(&decide(&engine, &reader)), ["role:reader#1"]);
    assert!(!decide(&engine, &reader.clone().tenant("globex")).is_allowed());
    let nobody = Question::new(Kind::User, "alice", "orders.getOrder", "/acme/orders/42", &origin())
        .roles(["reader"])
        .parameter("tenant", "acme")
        .parameter("number", "42");
    assert!(!decide(&engine, &nobody).is_allowed());
}

#[test]
fn an_owner_rule_refuses_what_others_own() {
    let engine = example();
    assert!(decide(&engine, &about_profile(Kind::User, "alice").roles(["member"])).is_allowed());
    assert!(!decide(&engine, &about_profile(Kind::User, "bob").roles(["member"])).is_allowed());
}

#[test]
fn a_role_has_the_permissions_of_those_it_inherits() {
    let decision = decide(&example(), &about_order("orders.listOrders").roles(["clerk"]));
    assert_eq!(ids(&decision), ["role:reader#1"]);
}

#[test]
fn forbid_comes_before_permit_and_gives_its_advice() {
    let outside = Origin { address: IpAddr::from([192, 0, 2, 1]), ..origin() };
    let question = Question::new(Kind::User, "alice", "orders.cancelOrder", "/acme/orders/42", &outside)
        .tenant("acme")
        .roles(["admin"])
        .parameter("tenant", "acme")
        .parameter("number", "42");
    let decision = decide(&example(), &question);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(ids(&decision), ["no-cancelling-from-outside"]);
    assert_eq!(decision.advice().collect::<Vec<_>>(), ["connect to the office network"]);
    assert!(decide(&example(), &about_order("orders.cancelOrder").roles(["admin"])).is_allowed());
}

#[test]
fn body_members_scopes_and_claims_decide() {
    let engine = example();
    let large = about_order("orders.createOrder").roles(["clerk"]).body("amount", Value::Long(10_001));
    assert_eq!(ids(&decide(&engine, &large)), ["large-orders-need-a-second-factor"]);
    assert!(decide(&engine, &large.acr("mfa")).is_allowed());
    let auditor = about_order("orders.getOrder").groups(["auditors"]).claim("department", Value::String("finance"));
    assert!(!decide(&engine, &auditor).is_allowed());
    assert_eq!(ids(&decide(&engine, &auditor.scopes(["read", "audit"]))), ["auditors"]);
}

#[test]
fn time_is_read_afresh_at_every_request() {
    let engine = example();
    let cache = Cache::new(8);
    let at = |time| Origin { time, ..origin() };
    let ask = |time| {
        let question = Question::new(Kind::User, "bob", "profiles.getProfile", "/profiles/alice", &at(time));
        cache.decide(&engine, &question.parameter("subject", "alice")).is_allowed()
    };
    let christmas = 1_798_070_400_000;
    assert!(!ask(christmas - 1));
    assert!(ask(christmas));
    assert!(!ask(christmas - 1));
    assert!(cache.is_empty());
}

#[test]
fn a_policy_that_fails_denies_and_is_named() {
    let text = r#"
        @id("overflow")
        forbid (principal, action == Action::"orders.createOrder", resource)
        when { context.body has amount && context.body.amount * 9223372036854775807 > 5 };
    "#;
    let engine = engine(text);
    let decision = decide(&engine, &about_order("orders.createOrder").roles(["admin"]).body("amount", Value::Long(2)));
    assert_eq!(decision.verdict, Verdict::Deny);
    let [Fault::Policy { rule, message }] = decision.faults.as_slice() else { panic!("{:?}", decision.faults) };
    assert_eq!(rule.to_string(), "overflow (orders.cedar:2)");
    assert!(message.contains("overflow"), "{message}");
    // What would have been allowed otherwise is; Cedar alone would have allowed both.
    assert!(decide(&engine, &about_order("orders.createOrder").roles(["admin"])).is_allowed());
}

#[test]
fn facts_that_are_not_what_was_declared_deny() {
    let engine = example();
    let order = about_order("orders.createOrder").roles(["admin"]);
    let fault = |question: Question<'_>| {
        let decision = decide(&engine, &question);
        assert_eq!(decision.verdict, Verdict::Deny);
        decision.faults
    };
    let amount = || "context.body[\"amount\"]".to_owned();
    let text = order.clone().body("amount", Value::String("20000"));
    assert_eq!(fault(text), [Fault::Question(Unusable::WrongType(amount()))]);
    let twice = order.body("amount", Value::Long(1)).body("amount", Value::Long(20_000));
    assert_eq!(fault(twice), [Fault::Question(Unusable::Twice(amount()))]);
    let missing =
        Question::new(Kind::User, "alice", "orders.getOrder", "/", &origin()).tenant("acme").roles(["reader"]);
    assert_eq!(fault(missing), [Fault::Question(Unusable::Missing("resource.tenant".to_owned()))]);
}

/// Names are data: nothing in them may end a string, hide a policy or miss a lookup.
#[test]
fn names_with_quotes_line_ends_and_escapes_are_only_names() {
    let odd = "o\"dd\\\n\u{202e}é";
    let quoted = format!("{odd:?}");
    let mut sources = orders::sources();
    sources.roles.push(policy::Role {
        name: odd.into(),
        inherits: Vec::new(),
        permissions: vec![policy::Permission { operations: vec!["orders.read".into()], matching: Vec::new() }],
    });
    sources.model.groups.push(odd.to_owned());
    sources.files.push(orders::policies(&format!(
        "@id({quoted}) permit (principal == User::{quoted}, action == Action::\"profiles.getProfile\", resource);
         @id(\"2{odd_id}\") forbid (principal in Group::{quoted}, action, resource);",
        odd_id = quoted.trim_matches('"'),
    )));
    let engine = Engine::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    let with_role = about_order("orders.getOrder").roles([odd]);
    assert_eq!(ids(&decide(&engine, &with_role)), [format!("role:{odd}#1")]);
    assert_eq!(ids(&decide(&engine, &about_profile(Kind::User, odd))), [odd]);
    assert_eq!(ids(&decide(&engine, &with_role.groups([odd]))), [format!("2{odd}")]);
}

#[test]
fn a_cache_forgets_when_another_engine_is_asked_and_stays_bounded() {
    let (old, new) = (example(), engine("forbid (principal, action, resource);"));
    let cache = Cache::new(4);
    let question = about_order("orders.getOrder").roles(["reader"]);
    assert!(cache.decide(&old, &question).is_allowed());
    assert_eq!(cache.len(), 1);
    assert!(!cache.decide(&new, &question).is_allowed());
    assert_eq!(cache.len(), 1);
    let tenants: Vec<String> = (0..100).map(|at| format!("tenant{at}")).collect();
    for tenant in &tenants {
        cache.decide(&old, &question.clone().tenant(tenant));
        assert!(cache.len() <= 4);
    }
}

#[test]
fn keys_beyond_a_kibibyte_are_not_kept() {
    let (engine, cache) = (example(), Cache::new(4));
    let long = "x".repeat(2000);
    assert!(!cache.decide(&engine, &about_order("orders.getOrder").roles(["reader"]).tenant(&long)).is_allowed());
    assert!(cache.is_empty());
}

#[test]
fn what_no_answer_could_allow_is_denied_before_it() {
    let engine = engine(
        "@id(\"staff\") permit (principal in Group::\"staff\", action == Action::\"profiles.getProfile\", resource);
         @id(\"s\") forbid (principal == User::\"sam\", action, resource);",
    );
    let about = |id| Question::new(Kind::User, id, "profiles.getProfile", "/profiles/alice", &orders::origin());
    let denied = |question: &Question<'_>| engine.rehearse(question, &["subject"]).is_some();
    assert!(!denied(&about("alice").roles(["member"])), "whose it is decides");
    assert!(denied(&about("alice").roles(["reader"])), "no role of hers reads profiles");
    assert!(!denied(&about("alice").groups(["staff"])), "staff may anyway");
    assert!(denied(&about("sam").roles(["member"])), "sam may nothing");
    // The rehearsal never allows: with the fact, the decision is made in full.
    assert!(engine.decide(&about("alice").roles(["member"]).parameter("subject", "alice")).is_allowed());
    assert!(!engine.decide(&about("bob").roles(["member"]).parameter("subject", "alice")).is_allowed());
    assert!(!engine.decide(&about("alice").roles(["member"])).is_allowed(), "a fact that is missing denies");
}

#[test]
fn a_policy_that_asks_whether_there_is_an_owner_waits_for_the_answer() {
    let engine = engine(
        "@id(\"all\") permit (principal, action == Action::\"profiles.getProfile\", resource);
         @id(\"own\") forbid (principal, action == Action::\"profiles.getProfile\", resource)
             unless { resource has owner && resource.owner == principal.id };
         @id(\"s\") forbid (principal in Group::\"staff\", action, resource);",
    );
    let about = |id| Question::new(Kind::User, id, "profiles.getProfile", "/profiles/alice", &orders::origin());
    assert!(engine.rehearse(&about("alice"), &["subject"]).is_none());
    assert!(engine.rehearse(&about("alice").groups(["staff"]), &["subject"]).is_some(), "staff may nothing");
    assert!(engine.decide(&about("alice").parameter("subject", "alice")).is_allowed());
    assert!(!engine.decide(&about("bob").parameter("subject", "alice")).is_allowed());
}

#[test]
fn an_origin_that_is_not_known_denies_where_it_is_asked_for() {
    let engine = engine(
        "@id(\"p\") permit (principal, action == Action::\"orders.getOrder\", resource);
         @id(\"a\") forbid (principal == User::\"a\", action, resource) when { context.address.isInRange(ip(\"192.0.2.0/24\")) };
         @id(\"m\") forbid (principal == User::\"m\", action, resource) when { context.auth.method == \"api_key\" };",
    );
    let about = |id| {
        let question = Question::new(Kind::User, id, "orders.getOrder", "/acme/orders/42", &orders::origin());
        question.parameter("tenant", "acme").parameter("number", "42")
    };
    let cache = policy::Cache::new(8);
    let allowed = |question: Question<'_>| {
        let allowed = engine.decide(&question).is_allowed();
        assert_eq!(cache.decide(&engine, &question).is_allowed(), allowed);
        allowed
    };
    assert!(allowed(about("a")) && !allowed(about("a").unknown_address()));
    assert!(allowed(about("m")) && !allowed(about("m").unknown_method()));
    assert!(allowed(about("n").unknown_address().unknown_method()), "nobody asks");
}
