//! The index, the footprint and the cache change nothing: decisions are those of Cedar's plain authorizer over the whole
//! policy set and every fact, with failures denying.
//!
//! `PORTCULLIS_DECISIONS` sets how many decisions are compared; `PORTCULLIS_SEED` where the random numbers start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dice;
mod oracle;
mod orders;
mod random_policies;
mod random_questions;

use std::collections::BTreeMap;

use dice::Dice;
use oracle::Oracle;
use policy::{Cache, Decision, Engine, Fault, Verdict};
use random_questions::Facts;

/// Decisions compared where nothing else is said.
const DECISIONS: u64 = 2_000;
const QUESTIONS_A_SET: u64 = 25;

#[test]
fn cached_and_indexed_decisions_are_those_of_plain_cedar() {
    let from_environment = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let decisions: u64 = from_environment("PORTCULLIS_DECISIONS", DECISIONS);
    let seed: u64 = from_environment("PORTCULLIS_SEED", 1);
    let mut outcomes = BTreeMap::new();
    for set in 0..decisions.div_ceil(QUESTIONS_A_SET) {
        compare(seed + set, &mut outcomes);
    }
    println!("{outcomes:?}");
    for outcome in ["allow", "deny by default", "deny by forbid", "deny by failure", "from the cache"] {
        assert!(outcomes.contains_key(outcome), "no case of {outcome}: {outcomes:?}");
    }
}

fn compare(seed: u64, outcomes: &mut BTreeMap<&'static str, u64>) {
    let mut dice = Dice::new(seed);
    let sources = random_policies::sources(&mut dice);
    let engine = Engine::load(&sources).unwrap_or_else(|report| panic!("seed {seed}: {report}"));
    let oracle = Oracle::new(&engine, &sources);
    // Small enough that entries move between its halves and out.
    let cache = Cache::new(64);
    let mut facts = Facts::random(&mut dice);
    for _ in 0..QUESTIONS_A_SET {
        // Mostly the question before with one thing changed: a key that leaves that thing out is then wrong.
        if dice.one_in(8) {
            facts = Facts::random(&mut dice);
        } else {
            facts.change(&mut dice);
        }
        let question = facts.question();
        let expected = oracle.decide(&facts);
        let fresh = engine.decide(&question);
        assert_eq!(brief(&fresh), expected, "seed {seed}, indexed\n{facts:#?}\n{}", sources.files[0].text);
        let before = cache.len();
        let kept = cache.decide(&engine, &question);
        assert_eq!(brief(&kept), expected, "seed {seed}, cached\n{facts:#?}\n{}", sources.files[0].text);
        if before > 0 && cache.len() == before {
            *outcomes.entry("from the cache").or_default() += 1;
        }
        *outcomes.entry(outcome(&fresh)).or_default() += 1;
    }
}

/// Verdict, policies that decided, and policies that failed; both sorted.
type Brief = (Verdict, Vec<String>, Vec<String>);

fn brief(decision: &Decision) -> Brief {
    let failed = decision.faults.iter().map(|fault| match fault {
        Fault::Policy { rule, .. } => rule.id.clone(),
        Fault::Question(unusable) => panic!("{unusable}"),
    });
    let mut ids: Vec<String> = decision.ids().map(str::to_owned).collect();
    let mut failed: Vec<String> = failed.collect();
    ids.sort();
    failed.sort();
    (decision.verdict, ids, failed)
}

fn outcome(decision: &Decision) -> &'static str {
    match decision.verdict {
        Verdict::Allow => "allow",
        Verdict::Deny if !decision.faults.is_empty() => "deny by failure",
        Verdict::Deny if decision.policies.is_empty() => "deny by default",
        Verdict::Deny => "deny by forbid",
    }
}
