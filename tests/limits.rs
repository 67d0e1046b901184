//! Limits over real sockets: who counts together, what an answer says, and who is shut out.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use jose::SigningKey;
use running::{Gate, claims, http2, origin::Scripted, wire};
use serde_json::{Value, json};

fn bearer(gate: &Gate) -> String {
    format!("Authorization: Bearer {}", gate.token("orders:read"))
}

fn request(target: &str, field: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n").into_bytes()
}

/// A gateway whose API `orders` has these limits, and the file these lines more.
fn limited(limits: &str, more: &str) -> Gate {
    Gate::start_changed(|text| {
        text.replace("    routes:\n", &format!("    limits: [{limits}]\n    routes:\n")) + more + "\n"
    })
}

#[test]
fn a_thousand_parallel_requests_get_exactly_the_limit_over_http_1_and_http_2() {
    let gate = limited("{ per: client, rate: 100/hour }", "");
    let (token, passed) = (bearer(&gate), AtomicUsize::new(0));
    let value = token.split_once(": ").unwrap().1;
    let start = Barrier::new(10);
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let mut connection = wire::Connection::open(&gate);
                start.wait();
                let statuses = (0..100).map(|_| connection.exchange(&request("/orders/1", &token)).status);
                passed.fetch_add(statuses.filter(|status| *status == 200).count(), Ordering::Relaxed);
            });
            scope.spawn(|| {
                let mut connection = http2::Connection::open(&gate);
                start.wait();
                let fields = [
                    (":method", "GET"),
                    (":scheme", "https"),
                    (":authority", "localhost"),
                    (":path", "/orders/1"),
                    ("authorization", value),
                ];
                (0..100).for_each(|number| connection.request(2 * number + 1, &fields));
                let statuses = connection.statuses(100);
                assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
                passed.fetch_add(statuses.iter().filter(|status| **status == 200).count(), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(passed.into_inner(), 100);
}

#[test]
fn answers_tell_every_limit_and_the_closest_and_refusals_name_theirs() {
    let gate =
        limited("{ per: client, rate: 100/minute }, { name: monthly, per: user, quota: 3/month, carry_over: 1 }", "");
    let token = bearer(&gate);
    let answer = gate.get("/orders/1", &[&token]);
    let policy = "\"client/minute\";q=100;w=60, \"monthly\";q=3;w=2678400";
    assert_eq!((answer.status, answer.field("ratelimit-policy")), (200, Some(policy)));
    let state = answer.field("ratelimit").unwrap();
    assert!(state.starts_with("\"monthly\";r=2;t="), "{state}");
    (0..2).for_each(|_| assert_eq!(gate.get("/orders/1", &[&token]).status, 200));
    let refused = gate.get("/orders/1", &[&token]);
    assert_eq!((refused.status, refused.code().as_str()), (429, "PC-0401"));
    assert_eq!(refused.field("ratelimit-policy"), Some(policy));
    let wait: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!(wait <= 31 * 86_400 && refused.field("ratelimit").unwrap().starts_with("\"monthly\";r=0;t="));

    let id = refused.field("x-request-id").unwrap();
    let story: Value = serde_json::from_slice(&gate.command(&["explain", id, "-o", "json"]).stdout).unwrap();
    assert_eq!((story["code"].as_str(), story["reason"].as_str()), (Some("PC-0401"), Some("monthly")));
    let metrics = gate.monitor("/metrics", "localhost");
    assert!(metrics.contains("code=\"PC-0401\",reason=\"monthly\"} 1\n"), "{metrics}");
    assert!(!metrics.contains("user-1"), "{metrics}");
    let began = Instant::now();
    while !std::fs::read_to_string(&gate.log).unwrap().contains("\"reason\":\"monthly\"") {
        assert!(began.elapsed() < wire::PATIENCE, "the log does not tell the limit");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn requests_count_by_what_they_have_in_common() {
    let sign = |gate: &Gate, subject: &str, tenant: &str| {
        let mut claims = claims("orders:read");
        (claims["sub"], claims["tenant"], claims["plan"]) = (json!(subject), json!(tenant), json!({ "tier": 1 }));
        format!("Authorization: Bearer {}", gate.issuer.sign_jwt("at+jwt", &claims).unwrap())
    };
    let statuses = |limits: &str, requests: &[(&str, &str, &str)]| {
        let gate = limited(limits, "");
        let get = |(subject, tenant, device): &(&str, &str, &str)| {
            gate.get("/orders/1", &[&sign(&gate, subject, tenant), &format!("X-Device: {device}")]).status
        };
        requests.iter().map(get).collect::<Vec<_>>()
    };
    let requests = [("a", "x", "1"), ("b", "x", "1"), ("a", "y", "1"), ("a", "x", "2")];
    for (per, expected) in [
        ("{ per: user, rate: 1/hour }", [200, 200, 429, 429]),
        ("{ per: tenant, rate: 1/hour }", [200, 429, 200, 429]),
        ("{ per: [tenant, user], rate: 1/hour }", [200, 200, 200, 429]),
        ("{ per: [user, \"header:X-Device\"], rate: 1/hour }, { per: api, rate: 9/hour }", [200, 200, 429, 200]),
        ("{ per: \"claim:plan\", rate: 1/hour }", [200, 429, 429, 429]),
        ("{ per: api, rate: 3/hour }", [200, 200, 200, 429]),
        ("{ per: route, rate: 2/hour, burst: 1 }", [200, 429, 429, 429]),
    ] {
        assert_eq!(statuses(per, &requests), expected, "{per}");
    }
}

#[test]
fn a_route_has_limits_and_a_cost_of_its_own() {
    let gate = Gate::start_changed(|text| {
        text.replace("    routes:\n", "    limits: [{ per: client, rate: 10/hour }]\n    routes:\n")
            .replace("/{id}\", scopes: [orders:read] }", "/{id}\", scopes: [orders:read], cost: 4 }")
            .replace("\"the status page\" }", "\"the status page\", limits: [{ per: route, rate: 2/hour }] }")
    });
    let token = bearer(&gate);
    let statuses = |target: &str, field: &str| (0..3).map(|_| gate.get(target, &[field]).status).collect::<Vec<_>>();
    assert_eq!(statuses("/orders/1", &token), [200, 200, 429]);
    assert_eq!(statuses("/open", "A: b"), [200, 200, 429]);
}

#[test]
fn places_come_free_when_answers_end() {
    let (arrived, arrivals) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(wait));
    let origin = Scripted::start(move |_, stream| {
        arrived.send(()).unwrap();
        let _ = wait.lock().unwrap().recv();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    });
    let gate = Gate::start_changed(|text| {
        text.replace("    routes:\n", "    limits: [{ per: client, concurrency: 2 }]\n    routes:\n")
            .replace("upstream: http://", &format!("upstream: http://{} #", origin.address))
    });
    let token = bearer(&gate);
    thread::scope(|scope| {
        let under_way: Vec<_> = (0..2).map(|_| scope.spawn(|| gate.get("/orders/1", &[&token]).status)).collect();
        (0..2).for_each(|_| arrivals.recv().unwrap());
        let refused = gate.get("/orders/1", &[&token]);
        assert_eq!((refused.status, refused.code().as_str()), (429, "PC-0401"));
        assert_eq!(refused.field("ratelimit"), Some("\"client/at-once\";r=0;t=1"));
        (0..2).for_each(|_| go.send(()).unwrap());
        assert!(under_way.into_iter().all(|request| request.join().unwrap() == 200));
    });
    let again = thread::scope(|scope| {
        let again = scope.spawn(|| gate.get("/orders/1", &[&token]).status);
        arrivals.recv().unwrap();
        go.send(()).unwrap();
        again.join().unwrap()
    });
    assert_eq!(again, 200);
}

/// One exchange over a connection that a proxy announces.
fn proxied(gate: &Gate, source: &str, target: &str, fields: &str) -> String {
    let mut stream = TcpStream::connect(gate.plain).unwrap();
    let family = if source.contains(':') { ("TCP6", "::1") } else { ("TCP4", "127.0.0.1") };
    let head = format!("PROXY {} {source} {} 4711 80\r\n", family.0, family.1);
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n");
    // A gateway that lets nobody in from there closes.
    let _ = stream.write_all((head + &request).as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.get(9..12).unwrap_or_default().to_owned()
}

fn behind_a_proxy(limits: &str, more: &str) -> Gate {
    let listener = "  - address: 127.0.0.2:0\n";
    Gate::start_changed(|text| {
        text.replace(listener, &format!("{listener}    proxy_protocol: {{ from: [127.0.0.0/8] }}\n"))
            .replace("    routes:\n", &format!("    limits: [{limits}]\n    routes:\n"))
            + more
            + "\n"
    })
}

#[test]
fn h87_forged_forwarding_fields_and_spellings_of_a_path_count_together() {
    let gate = limited("{ per: [address, route], rate: 4/hour }", "");
    let token = bearer(&gate);
    let spellings = ["/orders/1", "//orders/1", "/x/../orders/1", "/orders/%31", "/./orders/2", "/orders/1?a=b"];
    let statuses: Vec<_> = spellings
        .iter()
        .enumerate()
        .map(|(number, path)| {
            let forged = [format!("X-Forwarded-For: 192.0.2.{number}"), format!("Forwarded: for=192.0.2.{number}")];
            gate.get(path, &[&token, &forged[0], &forged[1], &format!("X-Real-IP: 192.0.2.{number}")]).status
        })
        .collect();
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429]);
    assert_eq!(gate.get("/ORDERS/1", &[&token]).status, 404, "another case is another path, and no route");
}

#[test]
fn h87_addresses_of_one_ipv6_network_count_together() {
    let gate = behind_a_proxy("{ per: address, rate: 2/hour }", "");
    let get = |source: &str| proxied(&gate, source, "/open", "");
    assert_eq!([get("2001:db8::1"), get("2001:db8::2"), get("2001:db8::ffff:3")], ["200", "200", "429"]);
    assert_eq!([get("2001:db8:0:1::1"), get("192.0.2.1"), get("192.0.2.2")], ["200", "200", "200"]);
}

#[test]
fn h87_a_trusted_proxy_names_the_client_and_nothing_before_it_counts() {
    let gate = limited("{ per: address, rate: 2/hour }", "trusted_proxies: [127.0.0.0/8]");
    let get = |chain: &str| gate.get("/open", &[&format!("X-Forwarded-For: {chain}")]).status;
    assert_eq!([get("192.0.2.1"), get("203.0.113.1, 192.0.2.1"), get("203.0.113.2, 192.0.2.1")], [200, 200, 429]);
    assert_eq!(get("192.0.2.1, 192.0.2.2"), 200);
}

#[test]
fn h89_memory_stays_bounded_and_who_is_throttled_stays_throttled() {
    let more = "trusted_proxies: [127.0.0.0/8]\nlimits: { buckets: 1024 }";
    let gate = limited("{ per: address, rate: 1/hour }", more);
    let field = |number: u32| format!("X-Forwarded-For: {}", std::net::Ipv4Addr::from(0x0A00_0000 + number));
    let mut connection = wire::Connection::open(&gate);
    let mut status = |number| connection.exchange(&request("/open", &field(number))).status;
    assert_eq!([status(0), status(0)], [200, 429]);
    let before = gate.resident_kib();
    let passed = (1..5_000).filter(|number| status(*number) == 200).count();
    println!("resident memory grew by {} KiB over 5,000 callers", gate.resident_kib().saturating_sub(before));
    assert!(gate.resident_kib() < before + 4 * 1024);
    assert_eq!(status(0), 429, "the throttled caller was forgotten");
    // As many as there are buckets, and one of all newcomers in each of 64 parts.
    assert!((900..=1024 + 64).contains(&passed), "{passed}");
    assert!(!gate.monitor("/metrics", "localhost").contains("portcullis_limit_buckets_crowded_total 0\n"));
}

const STRICT: &str =
    "limits: { failed_authentication: { per_address: 5/hour, per_credential: 2/hour, ban_after: 1000/hour } }";

#[test]
fn failed_authentication_has_limits_that_leave_the_proved_alone() {
    let gate = limited("{ per: client, rate: 1000/hour }", STRICT);
    let good = bearer(&gate);
    let forger = SigningKey::generate(jose::Algorithm::Es256).unwrap();
    let bad_token = |number: u64| {
        let mut claims = claims("orders:read");
        claims["jti"] = json!(number.to_string());
        format!("Authorization: Bearer {}", forger.sign_jwt("at+jwt", &claims).unwrap())
    };
    // Each worker remembers for itself.
    let mut connection = wire::Connection::open(&gate);
    assert_eq!(connection.exchange(&request("/orders/1", &good)).status, 200);
    let same = bad_token(0);
    let codes: Vec<_> = (0..3).map(|_| connection.exchange(&request("/orders/1", &same)).code()).collect();
    assert_eq!(codes, ["PC-0203", "PC-0203", "PC-0402"], "one credential");
    let codes: Vec<_> =
        (1..5).map(|number| connection.exchange(&request("/orders/1", &bad_token(number))).code()).collect();
    assert_eq!(codes, ["PC-0203", "PC-0203", "PC-0203", "PC-0402"], "one address");
    let refused = connection.exchange(&request("/orders/1", &bad_token(9)));
    assert_eq!(refused.status, 429);
    assert!(refused.field("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    let junk = connection.exchange(&request("/orders/1", "X-API-Key: pck_live_junk"));
    assert_eq!(junk.code(), "PC-0202", "what costs nothing to refuse is refused as it is");
    assert_eq!(connection.exchange(&request("/orders/1", &good)).status, 200, "what was proved stays proved");
    let new = format!("Authorization: Bearer {}", gate.token("orders:read orders:write"));
    assert_eq!(connection.exchange(&request("/orders/1", &new)).code(), "PC-0402", "nothing new is looked at");
}

#[test]
fn an_address_that_goes_on_failing_is_shut_out_for_a_while_and_others_are_not() {
    let limits = "limits: { failed_authentication: { per_address: 1000/hour, ban_after: 3/hour, ban: 2s } }";
    let gate = behind_a_proxy("{ per: client, rate: 1000/hour }", limits);
    let get = |source: &str, field: &str| proxied(&gate, source, "/orders/1", field);
    let good = bearer(&gate) + "\r\n";
    let bad = "X-API-Key: pck_live_junk\r\n";
    assert_eq!(get("2001:db8::1", &good), "200");
    let statuses: Vec<_> = (0..4).map(|_| get("2001:db8::2", bad)).collect();
    assert_eq!(statuses, ["401"; 4]);
    assert_eq!(get("2001:db8::1", &good), "", "its whole network is shut out");
    assert_eq!(get("192.0.2.1", &good), "200");
    let began = Instant::now();
    while get("2001:db8::1", &good) != "200" {
        assert!(began.elapsed() < Duration::from_secs(20), "the ban does not end");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn whom_a_trusted_proxy_names_is_shut_out_and_never_the_proxy() {
    let limits = "trusted_proxies: [127.0.0.0/8]\n\
                  limits: { failed_authentication: { per_address: 1000/hour, ban_after: 3/hour, ban: 1h } }";
    let gate = limited("{ per: client, rate: 1000/hour }", limits);
    let good = bearer(&gate);
    let bad = "X-API-Key: pck_live_junk";
    for chain in ["X-Forwarded-For: 192.0.2.1", "X-Nothing: 1"] {
        (0..5).for_each(|_| drop(gate.get("/orders/1", &[bad, chain])));
    }
    let answer = gate.get("/orders/1", &[&good, "X-Forwarded-For: 192.0.2.1"]);
    assert_eq!((answer.status, answer.code().as_str()), (429, "PC-0403"));
    assert!(answer.field("retry-after").unwrap().parse::<u64>().unwrap() <= 3_600);
    assert_eq!(gate.get("/orders/1", &[&good, "X-Forwarded-For: 192.0.2.2"]).status, 200);
    assert_eq!(gate.get("/orders/1", &[&good]).status, 200, "the proxy itself was shut out");
}

#[test]
fn past_the_memory_budget_connections_are_shed_and_then_requests_refused_and_sight_stays() {
    let gate = Gate::start();
    let mut connection = wire::Connection::open(&gate);
    assert_eq!(connection.exchange(&request("/open", "A: b")).status, 200);
    let original = std::fs::read_to_string(gate.folder.path().join("portcullis.yaml")).unwrap();
    let budget = |percent: u64| {
        let text = format!("{original}limits: {{ memory: {}KiB }}\n", gate.resident_kib() * 100 / percent);
        std::fs::write(gate.folder.path().join("portcullis.yaml"), text).unwrap();
        running::process::command(gate.folder.path(), &["reload", "--data", "data"]);
    };
    let is_let_in = || {
        let mut stream = TcpStream::connect(gate.plain).unwrap();
        let _ = stream.write_all(b"GET /open HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 200")
    };
    // A reload takes some memory of its own, the first one most.
    (0..3).for_each(|_| budget(50));
    assert!(is_let_in());
    // Each reload gives back what the one before took, until there is nothing more to give.
    let mut sheds_and_answers = || {
        budget(90);
        !is_let_in() && connection.exchange(&request("/open", "A: b")).status == 200
    };
    // The gateway looks at its memory ten times a second, and what it saw last may be from before all that.
    let began = Instant::now();
    while !sheds_and_answers() {
        assert!(began.elapsed() < Duration::from_secs(20), "no connection was shed at 90 % of the budget");
        thread::sleep(Duration::from_millis(50));
    }
    budget(130);
    let refused = connection.exchange(&request("/open", "A: b"));
    assert_eq!((refused.status, refused.code().as_str()), (503, "PC-0602"));
    assert!(refused.field("retry-after").is_some());
    assert!(gate.monitor("/readyz", "localhost").contains("200 OK"));
    budget(50);
    assert!(is_let_in());
    assert_eq!(connection.exchange(&request("/open", "A: b")).status, 200);
}
