//! What an attack costs, and what somebody notices of it who has nothing to do with it.

use std::{
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Gate, load::percentile, wire};

/// Resident memory that an attack may cost at its peak.
const GROWTH_KIB: u64 = 16 << 10;
static HEAD: Once = Once::new();
/// How often the bystander asks in peace.
const CALM: usize = 300;
/// For how long an attack is repeated where times are judged.
const LONG: Duration = Duration::from_secs(3);

/// Runs an attack on a gateway while a bystander asks: memory must hardly grow, and the bystander must be answered; in the
/// long form, in twice the time at the most.
///
/// The attack's own thread runs at the lowest priority: what the attacker's machine has to do is no part of what the
/// attack does to others.
pub fn endured(name: &str, gate: &Gate, attack: impl Fn() + Send) {
    let is_long = std::env::var_os("PORTCULLIS_SOAK").is_some();
    let mut bystander = wire::Connection::open(gate);
    // The first requests make what the others use.
    (0..CALM / 3).for_each(|_| _ = ask(&mut bystander));
    let count = if is_long { 10 * CALM } else { CALM };
    let calm: Vec<Duration> = (0..count).map(|_| ask(&mut bystander)).collect();
    let (before, stop, begun) = (gate.resident_kib(), AtomicBool::new(false), Instant::now());
    let (times, during) = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut took = vec![ask(&mut bystander)];
            while !stop.load(Ordering::Relaxed) {
                took.push(ask(&mut bystander));
            }
            took
        });
        let attacking = scope.spawn(move || {
            rustix::process::setpriority_process(None, 19).unwrap();
            let mut times = 0;
            while times == 0 || (is_long && begun.elapsed() < LONG) {
                attack();
                times += 1;
            }
            times
        });
        let times = attacking.join();
        stop.store(true, Ordering::Relaxed);
        let during = asking.join().unwrap();
        (times.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), during)
    });
    let grown = gate.peak_kib().saturating_sub(before);
    let [calm_half, calm] = [500, 990].map(|share| percentile(calm.clone(), share));
    let [half, slow] = [500, 990].map(|share| percentile(during.clone(), share));
    HEAD.call_once(|| {
        println!("| attack | times | memory at its peak | half and 99 % before | and during it | asked |");
        println!("|---|---|---|---|---|---|");
    });
    println!(
        "| {name} | {times} | {grown} KiB | {calm_half:.0?} / {calm:.0?} | {half:.0?} / {slow:.0?} | {} |",
        during.len()
    );
    assert!(grown < GROWTH_KIB, "{name}: resident memory grew by {grown} KiB");
    if is_long {
        assert!(slow <= calm * 2, "{name}: bystanders' p99 went from {calm:?} to {slow:?}");
    }
}

fn ask(connection: &mut wire::Connection) -> Duration {
    let begun = Instant::now();
    let answer = connection.exchange(b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let took = begun.elapsed();
    assert_eq!(answer.status, 200);
    took
}
