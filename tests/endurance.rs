//! More than can be done, and for long: what the gateway does at three times its capacity, and what it keeps of a load that
//! goes on.
//!
//! `cargo xtask soak` runs these on a release build with the full figures; without it they are short, and hold the
//! gateway to its bounds but not to times.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use running::{
    Gate, SHOP,
    load::{Offer, Seen, offer, percentile, slow_origin},
    wire,
};

/// Whether the figures count, or only the bounds.
fn full() -> bool {
    std::env::var_os("PORTCULLIS_SOAK").is_some()
}

/// Seconds of the long form: those that `PORTCULLIS_SOAK` says, if it says a number.
fn long(seconds: u64) -> u64 {
    std::env::var("PORTCULLIS_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(seconds)
}

fn with_status(seen: &[Seen], status: StatusCode) -> Vec<Duration> {
    seen.iter().filter(|one| one.status == Some(status)).map(|one| one.took).collect()
}

/// Requests served in each whole second.
fn each_second(seen: &[Seen], seconds: usize) -> Vec<usize> {
    let mut counts = vec![0; seconds];
    for one in seen.iter().filter(|one| one.status == Some(StatusCode::OK)) {
        if let Some(count) = usize::try_from(one.at.as_secs()).ok().and_then(|second| counts.get_mut(second)) {
            *count += 1;
        }
    }
    counts
}

/// What the gateway may take in all (limits: overload).
const CGROUP_KIB: u64 = 256 << 10;

#[test]
fn at_three_times_what_it_can_do_it_does_most_of_what_it_could_and_refuses_the_rest_at_once() {
    // Sixteen at a time, 20 ms each: 800 a second.
    let origin = slow_origin(Duration::from_millis(20));
    let gate = Gate::start_with_apis(&format!(
        "  - {{ name: busy, host: localhost, path: /busy, upstream: busy, routes: [{{ match: \"GET /busy\", public: \"a test\" }}] }}\n\
         upstreams: {{ busy: {{ servers: [\"http://{origin}\"], max_requests: 16 }} }}\n\
         trusted_proxies: [127.0.0.0/8]\n\
         limits: {{ memory: 256MiB, connections_per_address: 1000 }}\n"
    ));
    // Eight clients, by the proxy's word.
    let request = |number: u32, _: usize| {
        let client = format!("192.0.2.{}", number % 8);
        let request = Request::get("/busy").header("host", "localhost").header("x-forwarded-for", client);
        request.body(Full::<Bytes>::default()).unwrap()
    };
    let one_after_another =
        Offer { connections: 16, rate: None, time: Duration::from_secs(if full() { 10 } else { 1 }), stay: usize::MAX };
    let calm = offer(gate.plain, one_after_another, request);
    let seconds = usize::try_from(one_after_another.time.as_secs()).unwrap();
    let peak = with_status(&calm, StatusCode::OK).len() / seconds;

    let seconds = usize::try_from(if full() { long(300) } else { 4 }).unwrap();
    let thrice = Offer {
        connections: 240,
        rate: Some(u32::try_from(3 * peak).unwrap()),
        time: Duration::from_secs(u64::try_from(seconds).unwrap()),
        stay: usize::MAX,
    };
    let seen = offer(gate.plain, thrice, request);
    let (served, refused) = (with_status(&seen, StatusCode::OK), with_status(&seen, StatusCode::SERVICE_UNAVAILABLE));
    let broken = seen.iter().filter(|one| one.status.is_none()).count();
    let goodput = served.len() / seconds;
    // The first second fills connections and queue, the last one is not whole.
    let worst = each_second(&seen, seconds).into_iter().skip(1).min().unwrap();
    let late = percentile(refused.clone(), 990);
    println!(
        "overload: {peak} requests a second at the peak, {} offered for {seconds} s\n\
         | figure | bound | seen |\n|---|---|---|\n\
         | served, of the peak | 80 % | {} % ({goodput} a second, {worst} in the worst one) |\n\
         | 99th percentile of those served | | {:.1?} (half of them {:.1?}) |\n\
         | 99th percentile of refusals | 50 ms | {late:.1?} (half of them {:.1?}, the last {:.1?}) |\n\
         | answered otherwise, or not at all | 0 | {} |\n\
         | resident memory at its peak | 256 MiB | {} MiB |",
        seen.len() / seconds,
        goodput * 100 / peak,
        percentile(served.clone(), 990),
        percentile(served.clone(), 500),
        percentile(refused.clone(), 500),
        percentile(refused.clone(), 1_000),
        seen.len() - served.len() - refused.len(),
        gate.peak_kib() >> 10,
    );
    assert_eq!((broken, served.len() + refused.len()), (0, seen.len()), "some were neither served nor refused");
    assert!(!served.is_empty() && refused.len() > served.len() / 4, "that was no overload");
    assert!(
        seen.iter().all(|one| one.status != Some(StatusCode::SERVICE_UNAVAILABLE) || one.retry_after),
        "a refusal does not say when to come back"
    );
    assert!(gate.peak_kib() < CGROUP_KIB, "{} KiB resident", gate.peak_kib());
    let active = "portcullis_upstream_active_requests{portcullis_upstream=\"busy\"} 0\n";
    let waiting = "portcullis_upstream_waiting_requests{portcullis_upstream=\"busy\"} 0\n";
    let began = Instant::now();
    while ![active, waiting].iter().all(|line| gate.monitor("/metrics", "localhost").contains(line)) {
        assert!(began.elapsed() < wire::PATIENCE, "places are not given back");
        thread::sleep(Duration::from_millis(20));
    }
    if full() {
        assert!(goodput * 100 >= peak * 80, "{goodput} served a second, of {peak}");
        assert!(late < Duration::from_millis(50), "refusals take {late:?}");
    }
}

/// What many clients do in turn: they ask, they send what is held and judged, and they do what is refused.
fn mixed(tokens: &[String], number: u32, sent: usize) -> Request<Full<Bytes>> {
    let at = usize::try_from(number).unwrap() * 7 + sent;
    let (method, target, body) = match at % 8 {
        0 => (Method::POST, "/shop/orders".to_owned(), format!("{{\"name\":\"{}\"}}", "a".repeat(at % 1_500))),
        1 => (Method::POST, "/shop/orders".to_owned(), "{\"price\":1}".to_owned()),
        2 => (Method::GET, format!("/nowhere/{at}"), String::new()),
        3 => (Method::GET, "/open".to_owned(), String::new()),
        _ => (Method::GET, format!("/orders/{at}"), String::new()),
    };
    let token = if at.is_multiple_of(97) { "nonsense" } else { &tokens[at % tokens.len()] };
    let request = Request::builder().method(method).uri(target).header("host", "localhost");
    let request = request.header("authorization", format!("Bearer {token}")).header("content-type", "application/json");
    request.body(Full::from(body)).unwrap()
}

#[test]
fn a_load_that_goes_on_takes_no_more_memory_and_leaves_nothing_open() {
    let gate = Gate::start_with_contract(SHOP, "mode: enforce");
    let lax = "limits: { connections_per_address: 1000, failed_authentication: { per_address: 100000/second, \
               per_credential: 100000/second, ban_after: 1000000/second } }\n";
    let file = gate.folder.path().join("portcullis.yaml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + lax).unwrap();
    assert!(gate.command(&["reload"]).status.success());
    let tokens: Vec<String> = (0..200)
        .map(|number| {
            let mut claims = running::claims("orders:read");
            (claims["sub"], claims["exp"]) = (format!("user-{number}").into(), (running::unix_now() + 3_600).into());
            gate.issuer.sign_jwt("at+jwt", &claims).unwrap()
        })
        .collect();
    let load = |rate: Option<u32>, time: Duration| {
        let tokens = tokens.clone();
        let offered = Offer { connections: 32, rate, time, stay: 100 };
        offer(gate.plain, offered, move |number, sent| mixed(&tokens, number, sent))
    };
    let warm_up = Duration::from_secs(if full() { 10 } else { 1 });
    let peak = load(None, warm_up).len() / usize::try_from(warm_up.as_secs()).unwrap();
    // What is idle then is what the gateway keeps.
    let before = gate.descriptors();
    let rate = u32::try_from(peak * 6 / 10).unwrap();
    let (piece, pieces) = if full() { (Duration::from_secs(long(480)) / 16, 16) } else { (Duration::from_secs(1), 6) };
    let (mut resident, mut took) = (Vec::new(), Vec::new());
    for number in 1..=pieces {
        let seen = load(Some(rate), piece);
        assert!(seen.iter().all(|one| one.status.is_some()), "a connection broke");
        took.extend(seen.iter().map(|one| one.took));
        resident.push(gate.resident_kib());
        println!("after {:?}: {} KiB resident, {} requests", piece * number, gate.resident_kib(), seen.len());
    }
    // What is kept for each caller and route has been made by then (limits: leak).
    let settled = resident[resident.len() / 4 - usize::from(resident.len() / 4 > 0)];
    let grown = resident[resident.len() - 1].saturating_sub(settled);
    let minutes = piece.as_secs_f64() * f64::from(pieces) * 0.75 / 60.0;
    let began = Instant::now();
    while gate.descriptors() > before + 5 && began.elapsed() < Duration::from_secs(70) {
        thread::sleep(Duration::from_millis(100));
    }
    let after = gate.descriptors();
    #[allow(clippy::cast_precision_loss)]
    let a_minute = grown as f64 / 1_024.0 / minutes;
    println!(
        "leak: {rate} requests a second for {:?}, of {peak} at the peak\n\
         | figure | bound | seen |\n|---|---|---|\n\
         | growth of resident memory after the first quarter | 1 MiB a minute | {a_minute:.2} MiB a minute ({grown} KiB) |\n\
         | descriptors, before and after | 5 more | {before} and {after} |\n\
         | 99th percentile | | {:.1?} |",
        piece * pieces,
        percentile(took, 990),
    );
    assert!(after <= before + 5, "{after} descriptors are open, and {before} were");
    assert!(grown < 16 << 10, "resident memory grew by {grown} KiB");
    if full() {
        assert!(a_minute < 1.0, "resident memory grows by {a_minute} MiB a minute");
    }
}
