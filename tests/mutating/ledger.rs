//! What was sent, what the gateway wrote down, and what an origin saw, held against each other.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use serde_json::Value;

use super::{
    client::Heard,
    reading::{Reading, Rest},
};

/// Violations that are shown; the rest is counted.
const SHOWN: usize = 20;
const MOST_SHOWN: usize = 3000;

/// What is known from the client's side.
#[derive(Default)]
pub struct Ledger {
    /// Markers of lawful heads, and how often each was sent.
    lawful: HashMap<Vec<u8>, usize>,
    /// Names of requests that an origin answered.
    answered: HashSet<String>,
    /// Answers without a name: what was sent was no request.
    unnamed: usize,
    pub violations: Violations,
}

#[derive(Default)]
pub struct Violations {
    shown: Vec<String>,
    pub count: usize,
}

/// Figures of a run.
#[derive(Debug, Default)]
pub struct Figures {
    /// Requests that the gateway took to the origin.
    pub accepted: usize,
    /// Requests that it refused, or that were no requests.
    pub refused: usize,
    pub seen: usize,
}

impl Violations {
    fn add(&mut self, what: &str, evidence: &dyn std::fmt::Debug) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(format!("{what}: {evidence:?}").chars().take(MOST_SHOWN).collect());
        }
    }

    pub fn text(&self) -> String {
        self.shown.iter().fold(String::new(), |mut text, violation| {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{violation}");
            text
        })
    }
}

impl Ledger {
    /// Notes a case; what is wrong with its answers alone is a violation already.
    pub fn sent(&mut self, bytes: &[u8], reading: &Reading, heard: Heard) {
        let evidence = (String::from_utf8_lossy(bytes), reading.whole, reading.rest, &heard);
        // A head without a whole body may be answered; so is what is no head.
        let most = reading.whole + usize::from(reading.rest != Rest::Nothing);
        if heard.answers.len() > most {
            self.violations.add("more answers than requests", &evidence);
        }
        if heard.stalled {
            self.violations.add("the gateway waits for more", &evidence);
        }
        if heard.unreadable.is_some() {
            self.violations.add("no answer of HTTP", &evidence);
        }
        if heard.answers.iter().any(|answer| answer.seen.is_some() && answer.seen != answer.id) {
            self.violations.add("the answer to another request", &evidence);
        }
        if heard.answers.iter().filter(|answer| answer.seen.is_some()).count() > reading.heads.len() {
            self.violations.add("the origin answered more requests than there are lawful heads", &evidence);
        }
        for head in &reading.heads {
            for marker in head.markers.iter().collect::<HashSet<_>>() {
                *self.lawful.entry(marker.clone()).or_default() += 1;
            }
        }
        for answer in heard.answers {
            self.unnamed += usize::from(answer.id.is_none());
            self.answered.extend(answer.seen);
        }
    }

    pub fn answered(&self) -> &HashSet<String> {
        &self.answered
    }

    /// Holds the gateway's access log and the origin's against each other.
    pub fn settle(&mut self, access_log: &str, origin_log: &[u8]) -> Figures {
        let mut figures = Figures { refused: self.unnamed, ..Figures::default() };
        let mut logged = HashMap::new();
        for line in access_log.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| record[name].as_str().map(str::to_owned);
            let Some(id) = text("request_id") else {
                self.violations.add("the access log lost lines", &line);
                continue;
            };
            let count = if record["code"].is_null() { &mut figures.accepted } else { &mut figures.refused };
            *count += 1;
            logged.insert(id, (text("method"), text("path")));
        }
        let mut seen = HashSet::new();
        for line in origin_log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            figures.seen += 1;
            self.check_seen(line, &logged, &mut seen);
        }
        for id in self.answered.difference(&seen) {
            self.violations.add("the origin answered and wrote nothing down", id);
        }
        figures
    }

    /// A line of an origin: request id, method, target, version, marker.
    fn check_seen(
        &mut self,
        line: &[u8],
        logged: &HashMap<String, (Option<String>, Option<String>)>,
        seen: &mut HashSet<String>,
    ) {
        let shown = String::from_utf8_lossy(line);
        let words: Vec<&str> = shown.splitn(5, ' ').collect();
        let [id, method, target, version, _] = words[..] else {
            return self.violations.add("the origin saw what is no request", &shown);
        };
        let Some((logged_method, logged_path)) = logged.get(id) else {
            return self.violations.add("the origin saw a request that the gateway did not log", &shown);
        };
        if !seen.insert(id.to_owned()) {
            self.violations.add("the origin saw two requests for one", &shown);
        }
        let path = target.split('?').next();
        if Some(method) != logged_method.as_deref() || path != logged_path.as_deref() || version != "HTTP/1.1" {
            self.violations
                .add("the origin saw another request than was logged", &(&shown, logged_method, logged_path));
        }
        let marker = line.splitn(5, |byte| *byte == b' ').last().unwrap_or_default();
        // A mutation may have spoiled the marker; the name of the request still holds.
        if is_marker(marker) {
            match self.lawful.get_mut(marker) {
                Some(left @ 1..) => *left -= 1,
                _ => self.violations.add("the origin saw what no lawful reading holds", &shown),
            }
        }
    }
}

/// `v1x0` or `h1`.
fn is_marker(text: &[u8]) -> bool {
    matches!(text, [b'v' | b'h', rest @ ..] if !rest.is_empty() && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'x'))
}
