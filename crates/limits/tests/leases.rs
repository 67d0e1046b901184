//! Instances that share a limit stay below the bound that `lease` proves.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

use limits::{Allowance, Ask, Grant, Slicing, Step};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000;
/// Time from an instance to the store, or back.
const WAY: u64 = 500;
const ONE: Ask = Ask { least: 1, want: 1 };

/// A store and instances in a time of their own.
struct Fleet {
    slicing: Slicing,
    arrival: u64,
    instances: Vec<Instance>,
    admitted: Vec<u64>,
}

#[derive(Default)]
struct Instance {
    allowance: Allowance,
    waiting: u64,
    /// When it comes, and what it says.
    answer: Option<(u64, Ask, Grant)>,
}

impl Fleet {
    fn new(slicing: Slicing, instances: usize) -> Self {
        let instances = std::iter::repeat_with(Instance::default).take(instances).collect();
        Self { slicing, arrival: 0, instances, admitted: Vec::new() }
    }

    fn store(&mut self, now: u64, ask: Ask) -> Grant {
        let (gcra, unit) = (self.slicing.gcra(), self.slicing.unit());
        let (units, arrival) =
            gcra.take_up_to(self.arrival, now, self.slicing.units(ask.least), self.slicing.units(ask.want));
        self.arrival = arrival;
        let remaining = gcra.remaining(arrival, now) * unit;
        Grant {
            granted: units * unit,
            remaining,
            wait: gcra.wait(arrival, now, if units > 0 { 1 } else { self.slicing.units(ask.least) }),
        }
    }

    fn arrive(&mut self, now: u64, at: usize, waited: bool) {
        let step = self.instances[at].allowance.take(&self.slicing, now, 1, waited);
        let ask = match step {
            Step::Pass(ask) => {
                self.admitted.push(now);
                ask
            }
            Step::Wait(ask) => {
                self.instances[at].waiting += 1;
                ask
            }
            Step::Refuse(_) => None,
        };
        if let Some(ask) = ask {
            let grant = self.store(now + WAY, ask);
            self.instances[at].answer = Some((now + 2 * WAY, ask, grant));
        }
    }

    /// Answers that have come by now, each with those who waited for it.
    fn settle(&mut self, now: u64) {
        for at in 0..self.instances.len() {
            while let Some((came, ask, grant)) = self.instances[at].answer.filter(|(came, ..)| *came <= now) {
                self.instances[at].answer = None;
                self.instances[at].allowance.granted(&self.slicing, came, ask, grant);
                for _ in 0..std::mem::take(&mut self.instances[at].waiting) {
                    self.arrive(came, at, true);
                }
            }
        }
    }
}

fn most_in_any(window: u64, admitted: &[u64]) -> u64 {
    let mut sorted = admitted.to_vec();
    sorted.sort_unstable();
    let count = |(at, from): (usize, &u64)| sorted[at..].partition_point(|one| *one <= from + window) as u64;
    sorted.iter().enumerate().map(count).max().unwrap_or(0)
}

proptest! {
    #[test]
    fn no_window_holds_more_than_the_bound(
        requests in 1_u64..3_000,
        seconds in prop::sample::select(vec![1_u64, 10, 60]),
        instances in 1_usize..12,
        arrivals in prop::collection::vec((0_u64..3_000, 0_usize..12, 1_u64..60), 1..400),
        window in 1_u64..20,
    ) {
        let slicing = Slicing::new(requests, seconds, requests, instances as u64);
        let mut fleet = Fleet::new(slicing, instances);
        let mut now = 10 * SECOND;
        for (step, at, many) in arrivals {
            now += step;
            fleet.settle(now);
            for _ in 0..many {
                fleet.arrive(now, at % instances, false);
            }
        }
        fleet.settle(now + SECOND);
        let window = window * SECOND / 10;
        let gcra = slicing.gcra();
        let rate = (window + 4 * WAY) / gcra.emission() * slicing.unit() + slicing.unit();
        let bound = requests + rate + instances as u64 * slicing.slice();
        let most = most_in_any(window, &fleet.admitted);
        prop_assert!(most <= bound, "{most} in {window}, at most {bound}");
        prop_assert!(instances as u64 * slicing.slice() <= requests / 10);
    }
}

#[test]
fn parallel_requests_on_four_instances_get_the_limit_and_little_less() {
    let slicing = Slicing::new(100, 60, 100, 4);
    let mut fleet = Fleet::new(slicing, 4);
    let start = 10 * SECOND;
    for number in 0..1_000 {
        fleet.settle(start + number);
        fleet.arrive(start + number, (number % 4) as usize, false);
    }
    fleet.settle(start + SECOND);
    let passed = fleet.admitted.len() as u64;
    assert!((100 - 4 * slicing.slice()..=100).contains(&passed), "{passed}");
}

#[test]
fn a_busy_instance_asks_once_for_many_and_a_quiet_one_for_each() {
    let slicing = Slicing::new(10_000, 1, 10_000, 4);
    assert_eq!((slicing.slice(), slicing.unit()), (250, 10));
    let asks = |pause: u64| {
        let (mut fleet, mut asks, mut now) = (Fleet::new(slicing, 1), 0, 10 * SECOND);
        for _ in 0..1_000 {
            now += pause;
            fleet.settle(now);
            let before = fleet.instances[0].answer.is_some();
            fleet.arrive(now, 0, false);
            asks += usize::from(!before && fleet.instances[0].answer.is_some());
        }
        asks
    };
    assert!(asks(1_000) < 20, "{}", asks(1_000));
    assert_eq!(asks(2 * SECOND), 1_000);
}

#[test]
fn what_lies_unused_lapses() {
    let slicing = Slicing::new(1_000, 1, 1_000, 4);
    let mut allowance = Allowance::default();
    assert_eq!(allowance.take(&slicing, SECOND, 1, false), Step::Wait(Some(ONE)));
    allowance.granted(&slicing, SECOND, ONE, Grant { granted: 20, remaining: 900, wait: 0 });
    assert!(matches!(allowance.take(&slicing, SECOND, 1, true), Step::Pass(_)));
    assert!(matches!(allowance.take(&slicing, 2 * SECOND, 1, false), Step::Wait(_)));
}

#[test]
fn a_refusal_is_given_without_asking_until_there_is_something_to_ask_for() {
    let slicing = Slicing::new(100, 60, 100, 4);
    let mut allowance = Allowance::default();
    assert_eq!(allowance.take(&slicing, SECOND, 1, false), Step::Wait(Some(ONE)));
    allowance.granted(&slicing, SECOND, ONE, Grant { granted: 0, remaining: 0, wait: 600_000 });
    assert_eq!(allowance.take(&slicing, SECOND, 1, true), Step::Refuse(600_000));
    assert_eq!(allowance.take(&slicing, SECOND + 599_999, 1, false), Step::Refuse(1));
    assert!(matches!(allowance.take(&slicing, SECOND + 600_000, 1, false), Step::Wait(Some(_))));
}

#[test]
fn who_costs_more_than_there_is_waits_for_it_and_who_costs_less_passes() {
    let slicing = Slicing::new(10, 1, 10, 4);
    let mut allowance = Allowance::default();
    let Step::Wait(Some(dear)) = allowance.take(&slicing, SECOND, 5, false) else { panic!("nothing was leased yet") };
    assert_eq!(dear, Ask { least: 5, want: 5 });
    allowance.granted(&slicing, SECOND, dear, Grant { granted: 0, remaining: 3, wait: 200_000 });
    assert_eq!(allowance.take(&slicing, SECOND, 5, true), Step::Refuse(200_000));
    assert_eq!(allowance.take(&slicing, SECOND, 1, false), Step::Wait(Some(ONE)));
}
