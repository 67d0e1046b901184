//! What shared limits cost and how exact they are, for as many instances as nobody runs in a test: the arithmetic of the
//! `limits` crate in a time of its own, with a store a millisecond away.

use std::collections::BinaryHeap;

use clap::ValueEnum;
use limits::{Allowance, Ask, Gcra, Grant, Slicing, Step};

/// What can be simulated.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Subject {
    /// Limits that instances share.
    Limits,
}

const SECOND: u64 = 1_000_000;
/// To the store or back, in microseconds.
const WAY: u64 = 500;
const INSTANCES: [u64; 7] = [2, 4, 10, 30, 100, 300, 1_000];
/// Requests, in so many seconds.
const LIMITS: [(u64, u64); 3] = [(100, 60), (1_000, 1), (100_000, 1)];
/// Requests that are simulated for each line.
const REQUESTS: u64 = 600_000;
/// Times the limit that callers ask for while they are busy; they pause for as long.
const PRESSURE: u64 = 3;

/// Prints the table.
pub(crate) fn run(subject: Subject) {
    match subject {
        Subject::Limits => print_limits(),
    }
}

fn print_limits() {
    println!("One caller at {PRESSURE} times its limit, in turns busy and silent, at random instances.");
    println!(
        "`over`: most requests beyond burst and rate, in any window, in percent of the limit; `bound`: what is proved."
    );
    println!(
        "`used`: of what an exact limiter would admit. `asks`: questions to the store for each request admitted.\n"
    );
    println!(
        "{:>12} {:>9} {:>6} {:>9} {:>7} {:>7} {:>7} {:>8} {:>9}",
        "limit", "instances", "slice", "admitted", "used %", "over %", "bound %", "asks", "asks/s"
    );
    for (requests, seconds) in LIMITS {
        for instances in INSTANCES {
            let line = Simulation::new(requests, seconds, instances).run();
            println!(
                "{:>12} {instances:>9} {:>6} {:>9} {:>7.1} {:>7.2} {:>7.2} {:>8.3} {:>9.1}",
                format!("{requests}/{seconds}s"),
                line.slice,
                line.admitted,
                line.used,
                line.over,
                line.bound,
                line.asks_each,
                line.asks_a_second
            );
        }
        println!();
    }
}

struct Line {
    slice: u64,
    admitted: u64,
    used: f64,
    over: f64,
    bound: f64,
    asks_each: f64,
    asks_a_second: f64,
}

/// An answer on its way: when it comes, to whom, and what it says. Ordered so that the first comes out first.
#[derive(PartialEq, Eq)]
struct Answer(u64, usize, Ask, Grant);

impl Ord for Answer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.0, other.1).cmp(&(self.0, self.1))
    }
}

impl PartialOrd for Answer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

struct Simulation {
    slicing: Slicing,
    /// An exact limiter: what it would admit, and how far it would be ahead of the clock with what was admitted.
    exact: Gcra,
    requests: u64,
    seconds: u64,
    instances: Vec<(Allowance, u64)>,
    store: u64,
    answers: BinaryHeap<Answer>,
    asks: u64,
    admitted: u64,
    exactly: (u64, u64),
    ahead: u64,
    most_ahead: u64,
    chance: u64,
}

impl Simulation {
    fn new(requests: u64, seconds: u64, instances: u64) -> Self {
        let count = usize::try_from(instances).unwrap_or(1);
        Self {
            slicing: Slicing::new(requests, seconds, requests, instances),
            exact: Gcra::new(requests, seconds * SECOND * 1_000, requests),
            requests,
            seconds,
            instances: std::iter::repeat_with(Default::default).take(count).collect(),
            store: 0,
            answers: BinaryHeap::new(),
            asks: 0,
            admitted: 0,
            exactly: (0, 0),
            ahead: 0,
            most_ahead: 0,
            chance: 0x5EED,
        }
    }

    fn run(mut self) -> Line {
        let start = 10 * SECOND;
        let pause = (self.seconds * SECOND / self.requests / PRESSURE).max(1);
        let many = (PRESSURE * self.requests * pause / self.seconds).div_ceil(SECOND).max(1);
        let (mut now, mut asked) = (start, 0);
        while asked < REQUESTS.min(self.requests * 100) {
            now += self.below(2 * pause) + 1;
            // As long silent as busy.
            if (now / (self.seconds * SECOND)) % 2 == 1 {
                now += self.seconds * SECOND;
            }
            self.settle(now);
            for _ in 0..many {
                let at = usize::try_from(self.below(u64::try_from(self.instances.len()).unwrap_or(1))).unwrap_or(0);
                self.exact_too(now);
                self.arrive(now, at, false);
                asked += 1;
            }
        }
        self.settle(now + SECOND);
        self.line(now - start)
    }

    fn line(&self, time: u64) -> Line {
        let percent = |part: u64, of: u64| 100.0 * number(part) / number(of.max(1));
        let over = self.most_ahead.saturating_sub(self.exact.tolerance()) / self.exact.emission();
        let held = self.slicing.slice() * u64::try_from(self.instances.len()).unwrap_or(1);
        // What passes while an answer is on its way belongs to the window before it.
        let late = 2 * WAY * 1_000 / self.exact.emission();
        Line {
            slice: self.slicing.slice(),
            admitted: self.admitted,
            used: percent(self.admitted, self.exactly.1),
            over: percent(over, self.requests),
            bound: percent(held + late, self.requests),
            asks_each: number(self.asks) / number(self.admitted.max(1)),
            asks_a_second: number(self.asks) * number(SECOND) / number(time),
        }
    }

    fn exact_too(&mut self, now: u64) {
        if let Ok(arrival) = self.exact.take(self.exactly.0, now * 1_000, 1) {
            self.exactly = (arrival, self.exactly.1 + 1);
        }
    }

    fn arrive(&mut self, now: u64, at: usize, waited: bool) {
        let Some((allowance, waiting)) = self.instances.get_mut(at) else { return };
        let ask = match allowance.take(&self.slicing, now, 1, waited) {
            Step::Pass(ask) => {
                self.admit(now);
                ask
            }
            Step::Wait(ask) => {
                *waiting += 1;
                ask
            }
            Step::Refuse(_) => None,
        };
        if let Some(ask) = ask {
            self.asks += 1;
            let grant = self.grant(now + WAY, ask);
            self.answers.push(Answer(now + 2 * WAY, at, ask, grant));
        }
    }

    fn admit(&mut self, now: u64) {
        self.admitted += 1;
        self.ahead = self.ahead.max(now * 1_000) + self.exact.emission();
        self.most_ahead = self.most_ahead.max(self.ahead - now * 1_000);
    }

    fn grant(&mut self, now: u64, ask: Ask) -> Grant {
        let (gcra, unit) = (self.slicing.gcra(), self.slicing.unit());
        let (units, arrival) =
            gcra.take_up_to(self.store, now, self.slicing.units(ask.least), self.slicing.units(ask.want));
        self.store = arrival;
        let remaining = gcra.remaining(arrival, now) * unit;
        Grant {
            granted: units * unit,
            remaining,
            wait: gcra.wait(arrival, now, if units > 0 { 1 } else { self.slicing.units(ask.least) }),
        }
    }

    /// Answers that have come by now, each with those who waited for it.
    fn settle(&mut self, now: u64) {
        while self.answers.peek().is_some_and(|answer| answer.0 <= now) {
            let Some(Answer(came, at, ask, grant)) = self.answers.pop() else { return };
            let Some((allowance, waiting)) = self.instances.get_mut(at) else { return };
            allowance.granted(&self.slicing, came, ask, grant);
            for _ in 0..std::mem::take(waiting) {
                self.arrive(came, at, true);
            }
        }
    }

    fn below(&mut self, most: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % most.max(1)
    }
}

/// For a table that people read.
#[expect(clippy::cast_precision_loss, reason = "a percentage is rounded anyway")]
fn number(count: u64) -> f64 {
    count as f64
}
