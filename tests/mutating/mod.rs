//! Mutated requests through a real gateway to a real origin, and what became of each.

pub mod chance;
pub mod client;
pub mod draft;
pub mod ledger;
pub mod mutations;
pub mod origins;
pub mod reading;
pub mod spellings;

use std::{
    collections::HashSet,
    env, fs,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use self::{chance::Chance, draft::Caller, ledger::Ledger, origins::Recorder};
use crate::running::Gate;

/// Cases in a run of all tests; `cargo xtask mutate` runs more.
const CASES: u64 = 2_000;
const SEED: u64 = 2026;
const CLIENTS: usize = 8;

/// Sends mutated requests to an origin through a gateway; the origin must see what was accepted, and nothing else.
pub fn run(origin: &Recorder) {
    let (cases, seed) = (asked("PORTCULLIS_MUTATED_REQUESTS", CASES), asked("PORTCULLIS_MUTATION_SEED", SEED));
    let gate = Gate::start_with_apis(&api(origin));
    let (_, key) = gate.key("orders:read");
    let begun = Instant::now();
    let ledger = Mutex::new(Ledger::default());
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases {
                        return;
                    }
                    let mut chance = Chance::of(seed, case);
                    let bytes = mutations::case(&Caller { key: &key, case }, &mut chance);
                    let reading = reading::read(&bytes);
                    let heard = client::send(gate.plain, &bytes, &reading, &mut chance);
                    ledger.lock().unwrap().sent(&bytes, &reading, heard);
                }
            });
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let mut ledger = ledger.into_inner().unwrap();
    let figures = ledger.settle(&settled_log(&gate, &ledger), &origin.log());
    let violations = ledger.violations.count;
    println!(
        "{}: {cases} cases of seed {seed}, {} accepted, {} refused, {} seen by the origin, {violations} violations, {seconds:.1} s",
        origin.name, figures.accepted, figures.refused, figures.seen
    );
    assert!(violations == 0, "{}{}", ledger.violations.text(), origin.complaints());
    // A gateway that refuses everything, or an origin that writes nothing down, has nothing to be found out.
    let share = usize::try_from(cases).unwrap() / 10;
    assert!(figures.accepted > share && figures.refused > share && figures.seen > share, "{figures:?}");
}

fn asked(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Every method and path under `/m`, for callers with a key. Mutated keys fail more often than anybody may.
fn api(origin: &Recorder) -> String {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let routes =
        methods.map(|method| format!("{{ match: \"{method} /m/{{rest*}}\", encoded_slashes: true }}")).join(", ");
    format!(
        "  - {{ name: mutated, host: localhost, path: /m, upstream: \"http://{}\", response_timeout: 5s, \
         authenticate: [api_key], routes: [{routes}] }}\n\
         limits: {{ failed_authentication: {{ per_address: 100000/second, per_credential: 100000/second, \
         ban_after: 1000000/second }} }}\n",
        origin.address
    )
}

/// The access log, once it tells of every request that was answered. It is written behind the answers.
fn settled_log(gate: &Gate, ledger: &Ledger) -> String {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        // Requests without an answer are in it as well, with nothing to wait for but its writer.
        thread::sleep(Duration::from_millis(500));
        let log = fs::read_to_string(&gate.log).unwrap();
        let logged: HashSet<&str> = log.split("\"request_id\":\"").filter_map(|rest| rest.get(..32)).collect();
        let is_whole = ledger.answered().iter().all(|id| logged.contains(id.as_str()));
        if is_whole || Instant::now() > patience {
            return log;
        }
    }
}
