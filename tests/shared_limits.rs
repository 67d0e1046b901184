//! Limits that instances share through a store, and what holds while it is gone.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use limits::{Bucket, Calendar, Gcra, Measure, Moment, Quota, Slicing};
use running::{
    Gate, http2,
    store::{Client, Store},
    wire,
};

fn bearer(gate: &Gate) -> String {
    format!("Authorization: Bearer {}", gate.token("orders:read"))
}

fn request(field: &str) -> Vec<u8> {
    format!("GET /orders/1 HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n").into_bytes()
}

/// An instance that shares these limits.
fn instance(store: &Store, nodes: u64, limits: &str, on_failure: &str) -> Gate {
    let shared = format!(
        "shared_limits: {{ store: \"redis://127.0.0.1:{}\", nodes: {nodes}, on_store_failure: {on_failure} }}\n",
        store.port
    );
    Gate::start_changed(|text| {
        text.replace("    routes:\n", &format!("    limits: [{limits}]\n    routes:\n")) + &shared
    })
}

fn status(gate: &Gate) -> u16 {
    gate.get("/orders/1", &[&bearer(gate)]).status
}

fn is_up(gate: &Gate) -> bool {
    gate.monitor("/metrics", "localhost").contains("portcullis_limit_store_up 1\n")
}

fn within(time: Duration, what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < time, "{what}: not within {time:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_thousand_parallel_requests_on_four_instances_stay_within_the_bound() {
    let store = Store::start();
    let limit = "{ per: client, rate: 100/hour }";
    let gates: Vec<Gate> = (0..4).map(|_| instance(&store, 4, limit, "deny")).collect();
    let (passed, start) = (AtomicU64::new(0), Barrier::new(16));
    thread::scope(|scope| {
        for gate in gates.iter().chain(&gates) {
            let token = bearer(gate);
            let (passed, start) = (&passed, &start);
            let count = |statuses: Vec<u16>| {
                assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
                let ok = statuses.iter().filter(|status| **status == 200).count();
                passed.fetch_add(u64::try_from(ok).unwrap(), Ordering::Relaxed);
            };
            let field = token.clone();
            scope.spawn(move || {
                let mut connection = wire::Connection::open(gate);
                start.wait();
                count((0..62).map(|_| connection.exchange(&request(&field)).status).collect());
            });
            scope.spawn(move || {
                let mut connection = http2::Connection::open(gate);
                start.wait();
                let fields = [
                    (":method", "GET"),
                    (":scheme", "https"),
                    (":authority", "localhost"),
                    (":path", "/orders/1"),
                    ("authorization", token.split_once(": ").unwrap().1),
                ];
                (0..63).for_each(|number| connection.request(2 * number + 1, &fields));
                count(connection.statuses(63));
            });
        }
    });
    let (slicing, passed) = (Slicing::new(100, 3_600, 100, 4), passed.into_inner());
    // The whole test takes less than the 36 s after which the rate gives one more.
    println!("{passed} of 1,000 passed at a limit of 100");
    assert!((100 - 4 * slicing.slice()..=100).contains(&passed), "{passed}");
    let keys = format!("{:?}", store.open().ask(&["KEYS", "*"]));
    assert!(keys.contains("portcullis:limit:") && !keys.contains("user-1"), "{keys}");
}

#[test]
fn a_quota_is_counted_by_all_instances_together() {
    let store = Store::start();
    let limit = "{ per: client, quota: 7/month }";
    let gates = [instance(&store, 2, limit, "deny"), instance(&store, 2, limit, "deny")];
    let statuses: Vec<_> = (0..10).map(|number| status(&gates[number % 2])).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 429, 429, 429]);
    let refused = gates[0].get("/orders/1", &[&bearer(&gates[0])]);
    assert!(refused.field("retry-after").unwrap().parse::<u64>().unwrap() <= 31 * 86_400);
}

#[test]
fn what_is_declared_holds_within_two_seconds_of_the_stores_end_and_the_store_is_back_within_five() {
    for how in ["KILL", "STOP"] {
        let mut store = Store::start();
        let limit = "{ per: client, rate: 10/hour }";
        let [share, deny, allow] =
            ["local_share", "deny", "{ allow: \"a test\" }"].map(|how| instance(&store, 2, limit, how));
        assert_eq!([status(&share), status(&deny), status(&allow)], [200, 200, 200]);
        store.signal(how);
        within(Duration::from_secs(2), "PC-0404", || deny.get("/orders/1", &[&bearer(&deny)]).code() == "PC-0404");
        let refused = deny.get("/orders/1", &[&bearer(&deny)]);
        assert_eq!((refused.status, refused.field("retry-after")), (503, Some("1")));
        within(Duration::from_secs(2), "the local share", || status(&share) == 200 && !is_up(&share));
        let passed = (0..10).filter(|_| status(&share) == 200).count();
        assert!((3..=5).contains(&passed), "half of the limit is {passed}");
        within(Duration::from_secs(2), "no limit", || !is_up(&allow));
        assert!((0..20).all(|_| status(&allow) == 200));
        let port = store.port;
        drop(store);
        store = Store::start_on(port);
        for gate in [&share, &deny, &allow] {
            within(Duration::from_secs(5), "the store", || is_up(gate));
        }
        // A store that has forgotten everything gives a whole burst, to all together.
        let passed = (0..15).filter(|number| status([&share, &deny, &allow][number % 3]) == 200).count();
        assert_eq!(passed, 10);
        drop(store);
    }
}

#[test]
fn the_store_is_reached_over_tls_with_a_password() {
    let folder = tempfile::TempDir::new().unwrap();
    running::write_certificates(folder.path(), "localhost");
    let store = Store::start_with_tls(folder.path(), "open sesame");
    let start = |ca: &str, password: &str| {
        fs::write(folder.path().join(format!("password-{}", password.len())), format!("{password}\n")).unwrap();
        let shared = format!(
            "shared_limits: {{ store: \"rediss://localhost:{}\", nodes: 1, on_store_failure: deny, ca: {ca}, \
             password: \"file:{}/password-{}\" }}\n",
            store.port,
            folder.path().display(),
            password.len()
        );
        Gate::start_changed(|text| {
            text.replace("    routes:\n", "    limits: [{ per: client, rate: 1/hour }]\n    routes:\n") + &shared
        })
    };
    let ca = folder.path().join("ca.pem").to_str().unwrap().to_owned();
    let good = start(&ca, "open sesame");
    assert_eq!([status(&good), status(&good)], [200, 429]);
    assert_eq!(status(&start(&ca, "guess")), 503);
    assert_eq!(status(&start("ca.pem", "open sesame")), 503, "another CA's certificate was believed");
}

/// A small generator, the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

const SECOND: u64 = 1_000_000_000;

const RATE: &str = "local a = {} for i = 1, 6 do a[i] = tonumber(ARGV[i]) end \
    local granted, arrival, left, wait = rate(a[1], a[2], a[3], a[4], a[5], a[6]) \
    return { granted, string.format('%.0f', arrival), left, wait }";

const ARITHMETIC: &str = include_str!("../crates/gateway/src/limit/shared/arithmetic.lua");

fn run(client: &mut Client, script: &str, arguments: &[u64]) -> Vec<u64> {
    let script = format!("{ARITHMETIC}\n{script}");
    let arguments: Vec<String> = arguments.iter().map(u64::to_string).collect();
    let words = ["EVAL", &script, "0"].into_iter().chain(arguments.iter().map(String::as_str));
    client.ask(&words.collect::<Vec<_>>()).numbers()
}

#[test]
fn the_store_computes_rates_as_the_gateway_does() {
    let store = Store::start();
    let (mut client, mut chance) = (store.open(), Chance(0x5EED));
    for _ in 0..60 {
        let (requests, seconds) =
            (1 + chance.below(1_000_000), [1, 60, 3_600, 86_400][usize::try_from(chance.below(4)).unwrap()]);
        let gcra = Gcra::new(requests, seconds * 1_000_000, 1 + chance.below(2 * requests));
        // Around now, and as far from it as the largest tolerance.
        let (mut now, mut arrival) = (1_800_000_000_000_000 + chance.below(1 << 50), 0);
        for _ in 0..40 {
            now += chance.below(gcra.tolerance() + 1) / (1 + chance.below(20));
            let least = 1 + chance.below(3);
            let want = least + chance.below(gcra.burst() + 2);
            let told = run(&mut client, RATE, &[arrival, now, gcra.emission(), gcra.tolerance(), least, want]);
            let (granted, next) = gcra.take_up_to(arrival, now, least, want);
            let next_wait = gcra.wait(next, now, if granted > 0 { 1 } else { least });
            assert_eq!(told, [granted, next, gcra.remaining(next, now), next_wait], "{gcra:?} at {now}");
            arrival = next;
        }
    }
}

#[test]
fn the_store_computes_quotas_as_the_gateway_does() {
    let store = Store::start();
    let (mut client, mut chance) = (store.open(), Chance(0x5EED));
    for (kind, period) in [("day", Calendar::Day), ("month", Calendar::Month)] {
        let script = format!(
            "local a = {{}} for i = 1, 8 do a[i] = tonumber(ARGV[i]) end \
             local bucket = {{ ends = a[1], spent = a[2], carried = a[3] }} \
             local granted, after = quota(bucket, a[4], '{kind}', a[5], a[6], a[7], a[8]) \
             return {{ granted, after.ends, after.spent, after.carried }}"
        );
        for _ in 0..20 {
            let (requests, carry_over) = (1 + chance.below(6), chance.below(8));
            let small = |number| u32::try_from(number).unwrap();
            let quota = Quota { requests: small(requests), period, carry_over: small(carry_over) };
            let measure = Measure::Quota(quota);
            let (mut now, mut bucket, mut kept) =
                (1_700_000_000 + chance.below(1 << 32), Bucket::default(), vec![0, 0, 0]);
            for _ in 0..60 {
                now += chance.below(period.longest_seconds() / 3);
                let arguments = [kept[0], kept[1], kept[2], now, requests, carry_over, 1, 1];
                let told = run(&mut client, &script, &arguments);
                let taken = measure.take(bucket, Moment(now * SECOND), 1);
                assert_eq!(told[0] == 1, taken.is_ok(), "{quota:?} at {now}");
                if let Ok(after) = taken {
                    (bucket, kept) = (after, told[1..].to_vec());
                    let standing = measure.standing(bucket, Moment(now * SECOND));
                    assert_eq!(standing.remaining, requests + kept[2] - kept[1]);
                    assert_eq!(standing.resets_in, (kept[0] - now) * SECOND);
                }
            }
        }
    }
}
