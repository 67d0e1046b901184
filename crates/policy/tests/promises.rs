//! What the matrix and the comparison say holds for random policies and questions.
//!
//! `PORTCULLIS_DECISIONS` sets how many decisions are made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod dice;
mod orders;
mod random_policies;
mod random_questions;

use std::collections::BTreeMap;

use dice::Dice;
use policy::{Difference, Engine, Outcome, Sources, Subject};
use random_questions::Facts;

const DECISIONS: u64 = 4_000;
const QUESTIONS_A_SET: u64 = 100;

fn sets() -> u64 {
    let decisions = std::env::var("PORTCULLIS_DECISIONS").map_or(DECISIONS, |text| text.parse().unwrap());
    decisions.div_ceil(QUESTIONS_A_SET)
}

fn load(sources: &Sources) -> Engine {
    Engine::load(sources).unwrap_or_else(|report| panic!("{report}"))
}

/// A caller that has nothing but what a row says.
fn only(mut facts: Facts, subject: &Subject) -> Option<Facts> {
    let known = |name: &String| random_questions::MEMBERS.into_iter().find(|one| one == name);
    facts.roles.clear();
    facts.groups.clear();
    match subject {
        // A name that no policy mentions.
        Subject::Anyone => facts.id = "nobody",
        Subject::Role(name) => {
            facts.id = "nobody";
            facts.roles = vec![known(name)?];
        }
        Subject::Group(name) => {
            facts.id = "nobody";
            facts.groups = vec![known(name)?];
        }
        Subject::Caller(kind, id) => {
            facts.kind = *kind;
            facts.id = random_questions::NAMES.into_iter().find(|one| one == id)?;
        }
    }
    Some(facts)
}

#[test]
fn a_cell_that_says_allow_or_deny_is_always_right() {
    let mut outcomes = BTreeMap::new();
    for seed in 0..sets() {
        let mut dice = Dice::new(seed);
        let sources = random_policies::sources(&mut dice);
        let engine = load(&sources);
        let matrix = engine.matrix();
        for _ in 0..QUESTIONS_A_SET {
            let row = dice.below(matrix.subjects.len());
            let facts = only(Facts::random(&mut dice), &matrix.subjects[row]).unwrap();
            let column = matrix.actions.iter().position(|action| *action == facts.action).unwrap();
            let cell = &matrix.cells[row][column];
            let decision = engine.decide(&facts.question());
            let is_right = match cell.outcome {
                Outcome::Allow => decision.is_allowed(),
                Outcome::Deny => !decision.is_allowed(),
                Outcome::Conditional => true,
            };
            assert!(is_right, "seed {seed}: {cell:?}\n{decision:?}\n{facts:#?}\n{}", sources.files[0].text);
            *outcomes.entry(cell.outcome).or_insert(0) += 1;
        }
    }
    assert_eq!(outcomes.len(), 3, "{outcomes:?}");
}

#[test]
fn nobody_gains_by_a_change_that_is_not_called_widening() {
    let (mut narrowings, mut widenings) = (0, 0);
    for seed in 0..sets() * 4 {
        let mut dice = Dice::new(seed);
        let sources = random_policies::sources(&mut dice);
        let changed = random_policies::change(&sources, &mut dice);
        let (old, new) = (load(&sources), load(&changed));
        let difference = Difference::between(&old, &new);
        if difference.widened() {
            widenings += 1;
            continue;
        }
        narrowings += 1;
        for _ in 0..QUESTIONS_A_SET {
            let facts = Facts::random(&mut dice);
            let question = facts.question();
            let gained = new.decide(&question).is_allowed() && !old.decide(&question).is_allowed();
            let texts = [&sources.files[0].text, &changed.files[0].text];
            assert!(!gained, "seed {seed}:\n{difference}\n{facts:#?}\n{}\n---\n{}", texts[0], texts[1]);
        }
    }
    assert!(narrowings > 20 && widenings > 20, "{narrowings} and {widenings}");
}
