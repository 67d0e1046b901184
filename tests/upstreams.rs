//! Upstreams of which servers fail: what callers see of it, and what the servers do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use running::{
    Gate,
    backend::{Backend, Mood},
    wire, write_certificates,
};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs, server::WebPkiClientVerifier,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// How long a test waits for what happens soon.
const SOON: Duration = Duration::from_secs(15);

/// A gateway whose path `/balanced` goes to an upstream with these settings.
fn gate(upstream: &str) -> Gate {
    gate_with(upstream, "20s")
}

fn gate_with(upstream: &str, response_timeout: &str) -> Gate {
    Gate::start_with_apis(&apis(upstream, response_timeout))
}

fn apis(upstream: &str, response_timeout: &str) -> String {
    format!(
        "  - {{ name: balanced, host: localhost, path: /balanced, upstream: balanced, response_timeout: {response_timeout}, body: 64KiB, \
         routes: [{{ match: \"* /balanced/{{name}}\", public: \"a test\" }}] }}\n\
         upstreams: {{ balanced: {{ {upstream} }} }}\n"
    )
}

fn pair() -> [Backend; 2] {
    [Backend::start(0), Backend::start(1)]
}

fn all(backends: &[Backend], mood: Mood) {
    for backend in backends {
        backend.becomes(mood);
    }
}

fn servers(backends: &[Backend]) -> String {
    let urls: Vec<_> = backends.iter().map(Backend::url).collect();
    format!("servers: [{}]", urls.join(", "))
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < SOON, "{what} did not happen");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A number on the metrics page.
fn number(gate: &Gate, series: &str) -> u64 {
    let page = gate.monitor("/metrics", "127.0.0.1");
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("{series} is not in\n{page}")).trim().parse().unwrap()
}

fn in_state(gate: &Gate, state: &str) -> u64 {
    number(gate, &format!("portcullis_upstream_servers{{portcullis_upstream=\"balanced\",state=\"{state}\"}}"))
}

fn count(gate: &Gate, name: &str) -> u64 {
    number(gate, &format!("portcullis_upstream_{name}{{portcullis_upstream=\"balanced\"}}"))
}

#[test]
fn a_server_killed_under_load_fails_no_request_that_only_asks() {
    let backends = pair();
    let gate = gate(&servers(&backends));
    let stop = AtomicBool::new(false);
    let statuses = thread::scope(|scope| {
        let load = || {
            let mut connection = wire::Connection::open(&gate);
            let mut statuses = Vec::new();
            while !stop.load(Ordering::Acquire) {
                let answer = connection.exchange(b"GET /balanced/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
                statuses.push((answer.status, answer.body));
            }
            statuses
        };
        let clients: Vec<_> = (0..16).map(|_| scope.spawn(load)).collect();
        until("both servers got requests", || backends.iter().all(|backend| backend.requests().len() > 50));
        backends[0].kill();
        until("the killed server was ejected", || in_state(&gate, "ejected") == 1);
        let before = backends[1].requests().len();
        until("the other server went on", || backends[1].requests().len() > before + 200);
        stop.store(true, Ordering::Release);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    let failed: Vec<_> = statuses.iter().filter(|(status, _)| *status != 200).collect();
    assert!(failed.is_empty(), "{} of {} failed: {:?}", failed.len(), statuses.len(), failed[0]);
    assert!(count(&gate, "retries_total") > 0 && count(&gate, "ejections_total") == 1);
    until("a retry was logged", || fs::read_to_string(&gate.log).unwrap().contains("\"retried\":true"));
}

#[test]
fn an_ejected_server_comes_back_when_it_answers() {
    let mut backends = pair();
    let gate = gate(&format!("{}, ejection: {{ failures: 2, time: 200ms, longest: 1s }}", servers(&backends)));
    backends[0].kill();
    until("the killed server was ejected", || {
        assert_eq!(gate.get("/balanced/a", &[]).status, 200);
        in_state(&gate, "ejected") == 1
    });
    backends[0].revive();
    until("it came back", || {
        assert_eq!(gate.get("/balanced/a", &[]).status, 200);
        in_state(&gate, "up") == 2
    });
    let before = backends[0].requests().len();
    until("it got requests", || gate.get("/balanced/a", &[]).status == 200 && backends[0].requests().len() > before);
}

#[test]
fn a_lone_server_is_never_ejected() {
    let backends = [Backend::start(0)];
    let gate = gate(&format!("{}, ejection: {{ failures: 1 }}", servers(&backends)));
    backends[0].becomes(Mood::Breaks);
    for _ in 0..10 {
        assert_eq!(gate.get("/balanced/a", &[]).status, 502);
    }
    backends[0].becomes(Mood::Answers);
    assert_eq!(gate.get("/balanced/a", &[]).status, 200);
}

#[test]
fn a_request_that_does_something_is_never_sent_twice() {
    let backends = pair();
    let gate = gate(&servers(&backends));
    all(&backends, Mood::Breaks);
    let sent = || backends.iter().map(|backend| backend.requests().len()).sum::<usize>();
    for (method, body) in [("POST", ""), ("POST", "x"), ("PUT", "x"), ("PATCH", "x"), ("DELETE", ""), ("GET", "x")] {
        let before = sent();
        let answer = wire::request(&gate, method, "/balanced/a", &[], body);
        assert_eq!((answer.status, answer.code().as_str(), sent() - before), (502, "PC-0503", 1), "{method} {body}");
    }
    // One that only asks is sent to each server once, and no further.
    let before = sent();
    assert_eq!((gate.get("/balanced/a", &[]).status, sent() - before), (502, 2));
}

#[test]
fn what_no_server_got_goes_to_another_one_whatever_it_is() {
    let backends = pair();
    let gate = gate(&format!("{}, ejection: {{ off: \"a test\" }}", servers(&backends)));
    backends[0].kill();
    for _ in 0..30 {
        assert_eq!(wire::request(&gate, "POST", "/balanced/a", &[], "body").status, 200);
    }
    assert_eq!(backends[1].requests().len(), 30);
}

#[test]
fn an_answer_that_has_begun_is_not_asked_for_again() {
    let backends = pair();
    let gate = gate(&servers(&backends));
    all(&backends, Mood::Stutters);
    for asked in 1..=5 {
        assert_eq!(gate.get("/balanced/a", &[]).status, 502);
        assert_eq!(backends.iter().map(|backend| backend.requests().len()).sum::<usize>(), asked);
    }
}

#[test]
fn retries_cannot_double_the_load_of_servers_in_trouble() {
    let backends = pair();
    let gate = gate(&format!("{}, ejection: {{ off: \"a test\" }}", servers(&backends)));
    all(&backends, Mood::Breaks);
    let asked = 600;
    let mut connection = wire::Connection::open(&gate);
    for _ in 0..asked {
        assert_eq!(connection.exchange(b"GET /balanced/a HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 502);
    }
    let sent = backends.iter().map(|backend| backend.requests().len()).sum::<usize>();
    // What was saved up, and a fifth.
    assert!((asked + 100..=asked + 100 + asked / 5 + 1).contains(&sent), "{sent} requests were sent for {asked}");
}

#[test]
fn l4_a_hung_upstream_is_full_at_its_limit_and_slows_no_other() {
    let backends = [Backend::start(0)];
    let gate = gate(&format!("{}, max_requests: 20, max_wait: 10ms", servers(&backends)));
    backends[0].becomes(Mood::Hangs);
    let get = b"GET /balanced/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| wire::raw(&gate, get));
        }
        until("the upstream was full", || backends[0].hanging() == 20);
        for _ in 0..20 {
            let begun = Instant::now();
            let refused = gate.get("/balanced/a", &[]);
            assert_eq!((refused.status, refused.code().as_str()), (503, "PC-0504"));
            assert_eq!(refused.field("retry-after"), Some("1"));
            assert_eq!(gate.get("/open", &[]).status, 200);
            assert!(begun.elapsed() < Duration::from_secs(5), "others waited for the hung upstream");
        }
        assert_eq!(backends[0].hanging(), 20, "the upstream got more requests than it takes");
        assert_eq!((count(&gate, "active_requests"), count(&gate, "refused_total")), (20, 20));
        backends[0].kill();
    });
    // Requests that ended left their places.
    until("the places came free", || count(&gate, "active_requests") == 0);
}

#[test]
fn l4_a_client_who_asks_once_is_served_while_a_crowd_fills_the_upstream_and_its_queue() {
    let backends = [Backend::start(0)];
    // The trusted proxy is whoever asks, so that there are two clients.
    let upstream = format!(
        "{}, max_requests: 4, max_waiting: 8, max_wait: 10s, health: {{ path: /healthz, every: 100ms }}",
        servers(&backends)
    );
    let gate = Gate::start_with_apis(&(apis(&upstream, "20s") + "trusted_proxies: [127.0.0.0/8]\n"));
    let get = |connection: &mut wire::Connection, client: &str| {
        let request = format!("GET /balanced/a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n");
        connection.exchange(request.as_bytes())
    };
    let (stop, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (single, checks) = thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                let mut connection = wire::Connection::open(&gate);
                while !stop.load(Ordering::Relaxed) {
                    let answer = get(&mut connection, "192.0.2.1");
                    assert!(answer.status == 200 || answer.code() == "PC-0504", "{}", answer.body);
                    refused.fetch_add(usize::from(answer.status == 503), Ordering::Relaxed);
                }
            });
        }
        until("the queue was full", || refused.load(Ordering::Relaxed) > 100);
        let mut connection = wire::Connection::open(&gate);
        let single: Vec<u16> = (0..50).map(|_| get(&mut connection, "192.0.2.2").status).collect();
        let before = backends[0].checks();
        until("health was checked", || backends[0].checks() > before + 2);
        assert!(gate.monitor("/readyz", "localhost").contains("200 OK"));
        stop.store(true, Ordering::Relaxed);
        (single, backends[0].checks() - before)
    });
    assert_eq!(single, [200; 50], "the crowd starved the single client");
    assert!(checks > 2 && count(&gate, "waited_total") > 100);
    until("the places came free", || count(&gate, "active_requests") == 0 && count(&gate, "waiting_requests") == 0);
}

#[test]
fn l4_few_connections_are_made_at_once_to_a_server_that_does_not_finish_them() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, released) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, given_up) = (Arc::clone(&begun), Arc::clone(&released));
    thread::spawn(move || {
        // Each waits for a handshake that does not go on, until all of them are given up.
        let mut held = Vec::new();
        for stream in listener.incoming().flatten() {
            if given_up.load(Ordering::Acquire) {
                held.clear();
                continue;
            }
            counted.fetch_add(1, Ordering::AcqRel);
            held.push(stream);
        }
    });
    // Longer than the test: a connection that runs out of time leaves its turn to another one, which is then counted.
    let upstream =
        format!("servers: [\"https://{address}\"], ca: ca.pem, server_name: localhost, connect_timeout: 60s");
    let apis = apis(&upstream, "60s");
    let gate = Gate::start_changed(|text| {
        format!("workers: 1\n{}", text.replace("monitoring:", &format!("{apis}monitoring:")))
    });
    thread::scope(|scope| {
        let get = b"GET /balanced/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let waiting: Vec<_> = (0..150).map(|_| scope.spawn(|| wire::raw(&gate, get).status)).collect();
        until("all requests were under way", || count(&gate, "active_requests") == 150);
        assert_eq!(gate.get("/open", &[]).status, 200);
        until("connections were begun", || begun.load(Ordering::Acquire) >= 64);
        // The requests were accepted at once; without the bound, each would have a connection of its own.
        assert_eq!(gate.get("/open", &[]).status, 200);
        assert_eq!(begun.load(Ordering::Acquire), 64, "connections at once");
        released.store(true, Ordering::Release);
        drop(TcpStream::connect(address).unwrap());
        assert!(waiting.into_iter().all(|answer| answer.join().unwrap() == 502));
    });
}

#[test]
fn checks_take_a_server_out_and_bring_it_back_and_end_with_their_configuration() {
    let backends = pair();
    let check = "health: { path: /healthz, every: 100ms, timeout: 100ms, healthy: 2, unhealthy: 2 }";
    let gate = gate(&format!("{}, {check}", servers(&backends)));
    backends[0].becomes(Mood::Ails);
    until("a check failed twice", || in_state(&gate, "down") == 1);
    let before = backends[0].requests().len();
    for _ in 0..20 {
        assert_eq!(gate.get("/balanced/a", &[]).body, "server 1");
    }
    assert_eq!(backends[0].requests().len(), before);
    // With no server left, all are tried.
    backends[1].becomes(Mood::Ails);
    until("all checks failed", || in_state(&gate, "down") == 2);
    assert_eq!(gate.get("/balanced/a", &[]).status, 200);
    all(&backends, Mood::Answers);
    until("checks were good again", || in_state(&gate, "up") == 2);

    let file = gate.folder.path().join("portcullis.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(&format!(", {check}"), "")).unwrap();
    // A request that goes on does not keep the old configuration's checks alive.
    let asked = || backends.iter().map(|backend| backend.requests().len()).sum::<usize>();
    let before = asked();
    all(&backends, Mood::Hangs);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| gate.get("/balanced/a", &[]).status);
        until("a request was under way", || asked() > before);
        all(&backends, Mood::Answers);
        gate.command(&["reload"]);
        thread::sleep(Duration::from_millis(300));
        let checks: Vec<_> = backends.iter().map(Backend::checks).collect();
        thread::sleep(Duration::from_millis(500));
        assert_eq!(backends.iter().map(Backend::checks).collect::<Vec<_>>(), checks, "checks go on after a reload");
        assert!(!waiting.is_finished());
        backends.iter().for_each(Backend::kill);
    });
}

#[test]
fn a_reload_that_changes_nothing_of_an_upstream_brings_no_ejected_server_back() {
    let backends = pair();
    let gate = gate(&format!("{}, ejection: {{ failures: 1, time: 1m }}", servers(&backends)));
    backends[0].kill();
    until("the killed server was ejected", || {
        assert_eq!(gate.get("/balanced/a", &[]).status, 200);
        in_state(&gate, "ejected") == 1
    });
    gate.command(&["reload"]);
    assert_eq!((in_state(&gate, "ejected"), count(&gate, "ejections_total")), (1, 1));
}

#[test]
fn answers_of_a_gateway_error_eject_only_where_the_file_says_so() {
    for (setting, ejected) in [("false", 0), ("true", 1)] {
        let backends = pair();
        let rules = format!("ejection: {{ failures: 2, time: 1m, gateway_errors: {setting} }}");
        let gate = gate(&format!("{}, balance: round_robin, {rules}", servers(&backends)));
        backends[0].becomes(Mood::Refuses);
        let refused = (0..20).filter(|_| gate.get("/balanced/a", &[]).status == 503).count();
        assert_eq!(in_state(&gate, "ejected"), ejected);
        assert_eq!(refused, if ejected == 0 { 10 } else { 2 });
    }
}

#[test]
fn a_server_that_says_nothing_is_ejected_but_not_for_what_a_client_does() {
    let backends = pair();
    let gate = gate_with(&format!("{}, ejection: {{ failures: 1, time: 1m }}", servers(&backends)), "1s");
    let half = b"POST /balanced/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf";
    thread::scope(|scope| {
        let answers: Vec<_> = (0..4).map(|_| scope.spawn(|| wire::raw(&gate, half).status)).collect();
        assert!(answers.into_iter().all(|answer| answer.join().unwrap() == 504));
    });
    assert_eq!(in_state(&gate, "ejected"), 0, "a client's slowness ejected a server");
    all(&backends, Mood::Hangs);
    let large = format!(
        "POST /balanced/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n18000\r\n{}\r\n0\r\n\r\n",
        "x".repeat(0x18000)
    );
    for _ in 0..4 {
        assert_eq!(wire::until_close(&gate, large.as_bytes()).status, 413);
    }
    assert_eq!(in_state(&gate, "ejected"), 0, "a client's fault ejected a server");
    assert_eq!(wire::request(&gate, "POST", "/balanced/a", &[], "whole").status, 504);
    assert_eq!(in_state(&gate, "ejected"), 1);
}

#[test]
fn one_value_of_the_hashed_field_goes_to_one_server() {
    let backends = pair();
    let gate = gate(&format!("{}, balance: {{ hash: header X-Tenant }}", servers(&backends)));
    let mut seen = [false; 2];
    for tenant in 0..16 {
        let field = format!("X-Tenant: tenant-{tenant}");
        let bodies: Vec<_> = (0..3).map(|_| gate.get("/balanced/a", &[&field]).body).collect();
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
        seen[usize::from(bodies[0] == "server 1")] = true;
    }
    assert_eq!(seen, [true, true]);
}

#[test]
fn a_server_given_by_name_is_reached_at_every_address_that_answers() {
    // `localhost` is 127.0.0.1, and on most systems ::1 first, where nobody listens here.
    let backend = Backend::start(7);
    let gate = gate(&format!("servers: [\"http://localhost:{}\"], max_idle: 1", backend.address.port()));
    for _ in 0..5 {
        let answer = gate.get("/balanced/a", &[]);
        assert_eq!((answer.status, answer.body.as_str()), (200, "server 7"));
    }
    let nowhere = self::gate("servers: [\"http://nowhere.invalid\"], connect_timeout: 2s");
    let answer = nowhere.get("/balanced/a", &[]);
    assert_eq!((answer.status, answer.code().as_str()), (502, "PC-0501"));
}

/// A server that asks for a certificate of the CA in this folder.
fn asking(folder: &Path) -> std::net::SocketAddr {
    let file = |name: &str| File::open(folder.join(name)).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for anchor in CertificateDer::pem_reader_iter(file("ca.pem")) {
        roots.add(anchor.unwrap()).unwrap();
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let chain = CertificateDer::pem_reader_iter(file("server.pem")).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_reader(file("server.key")).unwrap();
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            // A client without a certificate ends here.
            if matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproof").unwrap();
            }
        }
    });
    address
}

#[test]
fn an_upstream_that_asks_for_a_certificate_is_shown_it() {
    let folder = tempfile::TempDir::new().unwrap();
    write_certificates(folder.path(), "localhost");
    let address = asking(folder.path());
    let path = folder.path().display();
    let shown = format!(", tls: {{ certificate: {path}/client.pem, key: \"file:{path}/client.key\" }}");
    for (setting, status) in [(shown.as_str(), 200), ("", 502)] {
        let server = format!("servers: [\"https://{address}\"], ca: {path}/ca.pem, server_name: localhost{setting}");
        let answer = gate(&server).get("/balanced/a", &[]);
        assert_eq!((answer.status, answer.body == "proof"), (status, status == 200), "{}", answer.body);
    }
}
