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
/// long form, in twice the time at the most that it takes in calm. Beside that it tells what the bystander notices of a
/// neighbour who behaves and connects as often as the attacker.
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
    let before = gate.resident_kib();
    let begun = Instant::now();
    let (times, during) = beside(&mut bystander, move || {
        let mut times = 0;
        while times == 0 || (is_long && begun.elapsed() < LONG) {
            attack();
            times += 1;
        }
        times
    });
    let (grown, took) = (gate.peak_kib().saturating_sub(before), begun.elapsed());
    let neighbour = if is_long { beside(&mut bystander, || behave(gate, times, took)).1 } else { calm.clone() };
    let share = |took: &[Duration]| [500, 990].map(|share| percentile(took.to_vec(), share));
    let ([calm_half, calm_slow], [near_half, near], [half, slow]) = (share(&calm), share(&neighbour), share(&during));
    HEAD.call_once(|| {
        println!(
            "| attack | times | memory at its peak | half and 99 % in calm | beside a neighbour | during it | asked |"
        );
        println!("|---|---|---|---|---|---|---|");
    });
    println!(
        "| {name} | {times} | {grown} KiB | {calm_half:.0?} / {calm_slow:.0?} | {near_half:.0?} / {near:.0?} | {half:.0?} / \
         {slow:.0?} | {} |",
        during.len()
    );
    assert!(grown < GROWTH_KIB, "{name}: resident memory grew by {grown} KiB");
    if is_long {
        assert!(slow <= calm_slow * 2, "{name}: bystanders' p99 went from {calm_slow:?} to {slow:?}");
    }
}

/// What `other` makes, at the lowest priority, and how long each of the bystander's requests took meanwhile.
fn beside(bystander: &mut wire::Connection, other: impl FnOnce() -> u32 + Send) -> (u32, Vec<Duration>) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut took = vec![ask(bystander)];
            while !stop.load(Ordering::Relaxed) {
                took.push(ask(bystander));
            }
            took
        });
        let other = scope.spawn(move || {
            rustix::process::setpriority_process(None, 19).unwrap();
            other()
        });
        let times = other.join();
        stop.store(true, Ordering::Relaxed);
        let during = asking.join().unwrap();
        (times.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), during)
    })
}

/// Connects so many times, in this time, and asks once each time.
fn behave(gate: &Gate, times: u32, time: Duration) -> u32 {
    let begun = Instant::now();
    for number in 0..times {
        thread::sleep((time * number / times).saturating_sub(begun.elapsed()));
        ask(&mut wire::Connection::open(gate));
    }
    times
}

fn ask(connection: &mut wire::Connection) -> Duration {
    let begun = Instant::now();
    let answer = connection.exchange(b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let took = begun.elapsed();
    assert_eq!(answer.status, 200);
    took
}
