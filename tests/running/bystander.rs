//! What an attack costs, and what somebody notices of it who has nothing to do with it.

use std::{
    process::Command,
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
/// How often the bystander asks in peace, and before anything is measured.
const CALM: usize = 300;
/// Where times are judged, peace and the attack take turns: whatever else goes on in the machine meets both alike.
const ROUNDS: u32 = 12;
/// How long a turn of each takes; longer if one attack does.
const TURN: Duration = Duration::from_millis(400);
/// How many others come in a second where times are judged, each on a connection of its own over TLS: a gateway that
/// nobody else uses has no time for one client that could be compared with.
const OTHERS: u32 = 200;

/// Runs an attack on a gateway while a bystander asks: memory must hardly grow, and the bystander must be answered; in the
/// long form, in twice the time at the most that it takes without the attack, beside others who come and go all the time.
///
/// The threads of the attack and of the others run where there is room: what their machines have to do is no part of what
/// they do to a gateway.
pub fn endured(name: &str, gate: &Gate, attack: impl Fn() + Sync) {
    let is_long = std::env::var_os("PORTCULLIS_SOAK").is_some();
    let mut bystander = wire::Connection::open(gate);
    // The first requests make what the others use.
    (0..CALM).for_each(|_| _ = ask(&mut bystander));
    let before = gate.resident_kib();
    let (mut calm, mut during, mut times) = (Vec::new(), Vec::new(), 0);
    for _ in 0..if is_long { ROUNDS } else { 1 } {
        let (count, asked) = beside(&mut bystander, gate, is_long, || {
            let (begun, mut count) = (Instant::now(), 0);
            while count == 0 || (is_long && begun.elapsed() < TURN) {
                attack();
                count += 1;
            }
            count
        });
        times += count;
        during.extend(asked);
        if is_long {
            calm.extend(beside(&mut bystander, gate, is_long, || thread::sleep(TURN)).1);
        } else {
            calm.extend((0..CALM).map(|_| ask(&mut bystander)));
        }
    }
    let grown = gate.peak_kib().saturating_sub(before);
    let share = |took: &[Duration]| [500, 990].map(|share| percentile(took.to_vec(), share));
    let ([calm_half, calm_slow], [half, slow]) = (share(&calm), share(&during));
    HEAD.call_once(|| {
        println!("| attack | times | memory at its peak | half and 99 % without it | during it | asked |");
        println!("|---|---|---|---|---|---|");
    });
    println!(
        "| {name} | {times} | {grown} KiB | {calm_half:.0?} / {calm_slow:.0?} | {half:.0?} / {slow:.0?} | {} |",
        during.len()
    );
    assert!(grown < GROWTH_KIB, "{name}: resident memory grew by {grown} KiB");
    if is_long {
        assert!(slow <= calm_slow * 2, "{name}: bystanders' p99 went from {calm_slow:?} to {slow:?}");
    }
}

/// What `other` makes, standing back, and how long each of the bystander's requests took meanwhile; beside others, if they
/// are wanted.
fn beside<T: Send>(
    bystander: &mut wire::Connection,
    gate: &Gate,
    has_others: bool,
    other: impl FnOnce() -> T + Send,
) -> (T, Vec<Duration>) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut took = vec![ask(bystander)];
            while !stop.load(Ordering::Relaxed) {
                took.push(ask(bystander));
            }
            took
        });
        if has_others {
            scope.spawn(|| {
                stand_back();
                let begun = Instant::now();
                for number in 0.. {
                    thread::sleep((Duration::from_secs(1) * number / OTHERS).saturating_sub(begun.elapsed()));
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    ask(&mut wire::Connection::open(gate));
                }
            });
        }
        let other = scope.spawn(move || {
            stand_back();
            other()
        });
        let times = other.join();
        stop.store(true, Ordering::Relaxed);
        let during = asking.join().unwrap();
        (times.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), during)
    })
}

/// Has this thread run only where nobody else wants to (`SCHED_IDLE`): of a lower priority alone it would still end its
/// turn, of most of a millisecond, before the bystander or the gateway got their processor back.
fn stand_back() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let done = Command::new("chrt").args(["--idle", "--pid", "0"]).arg(thread.file_name().unwrap()).status();
    assert!(done.is_ok_and(|status| status.success()), "chrt (util-linux) is needed");
}

fn ask(connection: &mut wire::Connection) -> Duration {
    let begun = Instant::now();
    let answer = connection.exchange(b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let took = begun.elapsed();
    assert_eq!(answer.status, 200);
    took
}
