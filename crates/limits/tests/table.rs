//! What a table promises, held against a plain model.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use limits::{Calendar, Demand, Gcra, Measure, Moment, Quota, Table};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

fn demand<'m>(table: &Table, limit: u64, who: &str, measure: &'m Measure) -> Demand<'m> {
    Demand { key: table.key(limit, [who.as_bytes()]), limit, measure, cost: 1 }
}

#[test]
fn a_request_takes_from_every_limit_or_from_none() {
    let table = Table::new(1 << 12);
    let (wide, narrow) = (Measure::Rate(Gcra::new(10, SECOND, 10)), Measure::Rate(Gcra::new(3, SECOND, 3)));
    let both = [demand(&table, 1, "a", &wide), demand(&table, 2, "a", &narrow)];
    let passed = (0..10).filter(|_| table.admit(Moment(DAY), &both).is_ok()).count();
    assert_eq!(passed, 3);
    let refused = table.admit(Moment(DAY), &both).unwrap_err();
    assert_eq!((refused.demand, refused.wait), (1, SECOND.div_ceil(3)));
    // The seven refusals took nothing from the wide one.
    assert_eq!(table.peek(Moment(DAY), &both[0]).unwrap().remaining, 7);
}

#[test]
fn the_limit_closest_to_its_end_is_told() {
    let table = Table::new(1 << 12);
    let (hundred, five) = (Measure::Rate(Gcra::new(100, SECOND, 100)), Measure::Rate(Gcra::new(5, SECOND, 5)));
    let both = [demand(&table, 1, "a", &hundred), demand(&table, 2, "a", &five)];
    let (at, standing) = table.admit(Moment(DAY), &both).unwrap().tightest.unwrap();
    assert_eq!((at, standing.remaining, standing.most), (1, 4, 5));
}

#[test]
fn places_are_held_until_they_are_released() {
    let table = Table::new(1 << 12);
    let two = Measure::Places(2);
    let demand = [demand(&table, 1, "a", &two)];
    let mut held = table.admit(Moment(DAY), &demand).unwrap().held;
    held.extend(table.admit(Moment(DAY), &demand).unwrap().held);
    assert!(table.admit(Moment(100 * DAY), &demand).is_err());
    table.release(&held.pop().unwrap());
    let again = table.admit(Moment(DAY), &demand).unwrap().held;
    assert!(table.admit(Moment(DAY), &demand).is_err());
    held.iter().chain(&again).for_each(|place| table.release(place));
    assert_eq!(table.peek(Moment(DAY), &demand[0]).unwrap().remaining, 2);
}

#[test]
fn quotas_begin_anew_at_midnight() {
    let table = Table::new(1 << 12);
    let quota = Measure::Quota(Quota { requests: 2, period: Calendar::Day, carry_over: 1 });
    let demand = [demand(&table, 1, "a", &quota)];
    let passed = |now| (0..10).filter(|_| table.admit(Moment(now), &demand).is_ok()).count();
    assert_eq!(passed(DAY + SECOND), 2);
    assert_eq!(table.admit(Moment(2 * DAY - SECOND), &demand).unwrap_err().wait, SECOND);
    assert!(table.admit(Moment(2 * DAY), &demand).is_ok());
    assert_eq!(passed(3 * DAY), 3, "one of the day before is carried over");
}

#[test]
fn requests_of_one_cost_more_than_one() {
    let table = Table::new(1 << 12);
    let ten = Measure::Rate(Gcra::new(10, SECOND, 10));
    let demand = [Demand { cost: 4, ..demand(&table, 1, "a", &ten) }];
    assert_eq!((0..10).filter(|_| table.admit(Moment(DAY), &demand).is_ok()).count(), 2);
}

#[test]
fn parallel_requests_get_exactly_the_limit() {
    let table = Table::new(1 << 12);
    let hundred = Measure::Rate(Gcra::new(100, 60 * SECOND, 100));
    let other = Measure::Rate(Gcra::new(100_000, SECOND, 100_000));
    let one = demand(&table, 1, "a", &hundred);
    let passed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u64)
            .map(|number| {
                let both = [one, demand(&table, 2, &number.to_string(), &other)];
                let table = &table;
                scope.spawn(move || (0..1_000).filter(|_| table.admit(Moment(DAY), &both).is_ok()).count())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 100);
}

/// Ten million callers, each once, of a limit of one a day; before that, some are throttled.
#[test]
fn ten_million_callers_leave_every_throttled_bucket_in_its_place() {
    let table = Table::new(1 << 16);
    let once = Measure::Rate(Gcra::new(1, DAY, 1));
    let throttled: Vec<String> = (0..1_000).map(|number| format!("throttled-{number}")).collect();
    for who in &throttled {
        assert!(table.admit(Moment(DAY), &[demand(&table, 1, who, &once)]).is_ok());
    }
    let mut passed = 0_usize;
    for number in 0..10_000_000_u64 {
        let asked = Demand { key: table.key(1, [number.to_le_bytes().as_slice()]), limit: 1, measure: &once, cost: 1 };
        passed += usize::from(table.admit(Moment(DAY + number), &[asked]).is_ok());
    }
    for who in &throttled {
        assert!(table.admit(Moment(2 * DAY - 1), &[demand(&table, 1, who, &once)]).is_err(), "{who} was forgotten");
    }
    // No more pass than there are buckets: those of callers, and one of newcomers in each of the 64 parts.
    assert!(passed <= table.capacity() + 64 - throttled.len(), "{passed} passed");
    assert!(passed > table.capacity() * 9 / 10 && table.crowded() > 0, "{passed} passed");
    // Once they are paid for, there is room for everybody.
    assert!(table.admit(Moment(3 * DAY), &[demand(&table, 1, "newcomer", &once)]).is_ok());
}

proptest! {
    /// A table with room for everybody decides like a map of exact numbers.
    #[test]
    fn a_table_decides_like_a_map(
        steps in prop::collection::vec((0_u64..SECOND / 2, 0_usize..5, 1_u32..4), 1..300),
        rates in prop::collection::vec((1_u64..20, 1_u64..3, 1_u64..30), 1..4),
    ) {
        let table = Table::new(1 << 12);
        let gcras: Vec<_> = rates.iter().map(|(n, seconds, burst)| Gcra::new(*n, seconds * SECOND, *burst)).collect();
        let measures: Vec<_> = gcras.iter().copied().map(Measure::Rate).collect();
        let mut model: HashMap<(usize, usize), u64> = HashMap::new();
        let mut now = DAY;
        for (step, who, cost) in steps {
            now += step;
            let demands: Vec<_> = measures
                .iter()
                .zip(0_u64..)
                .map(|(measure, limit)| Demand { cost, ..demand(&table, limit, &who.to_string(), measure) })
                .collect();
            let after: Vec<_> = gcras
                .iter()
                .enumerate()
                .map(|(at, gcra)| gcra.take(model.get(&(at, who)).copied().unwrap_or(0), now, u64::from(cost)))
                .collect();
            let expected = after.iter().all(Result::is_ok);
            prop_assert_eq!(table.admit(Moment(now), &demands).is_ok(), expected);
            if expected {
                for (at, arrival) in after.into_iter().enumerate() {
                    model.insert((at, who), arrival.unwrap());
                }
            }
        }
    }

    /// However requests come, no more pass than a burst and the rate.
    #[test]
    fn no_more_than_the_burst_and_the_rate_pass(
        steps in prop::collection::vec(0..SECOND / 4, 1..300), limit in 1_u64..20, burst in 1_u64..40,
    ) {
        let table = Table::new(1);
        let gcra = Gcra::new(limit, SECOND, burst);
        let measure = Measure::Rate(gcra);
        let demand = [demand(&table, 1, "a", &measure)];
        let (mut now, mut passed) = (DAY, 0_u64);
        for step in steps {
            now += step;
            passed += u64::from(table.admit(Moment(now), &demand).is_ok());
        }
        prop_assert!(passed <= burst + (now - DAY) / gcra.emission());
    }

    /// A small table refuses more than one with room, and never less: what is crowded is stricter.
    #[test]
    fn a_crowded_table_is_never_laxer(steps in prop::collection::vec((0..SECOND, 0_u64..200), 1..2_000)) {
        let (small, large) = (Table::new(1), Table::new(1 << 16));
        let gcra = Gcra::new(2, 1_000 * SECOND, 2);
        let measure = Measure::Rate(gcra);
        let mut passed: HashMap<u64, u64> = HashMap::new();
        let (mut now, mut small_passed, mut large_passed) = (DAY, 0, 0);
        for (step, who) in steps {
            now += step / 1_000;
            let admit = |table: &Table| table.admit(Moment(now), &[demand(table, 1, &who.to_string(), &measure)]).is_ok();
            let one = admit(&small);
            small_passed += usize::from(one);
            large_passed += usize::from(admit(&large));
            *passed.entry(who).or_default() += u64::from(one);
        }
        prop_assert!(small_passed <= large_passed);
        // A newcomer may have counted once with others and once by itself, when room came free.
        prop_assert!(passed.values().all(|passed| *passed <= 2 * gcra.burst() + (now - DAY) / gcra.emission()));
    }
}
