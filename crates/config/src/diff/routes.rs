//! Routes: decisions that differ, and rules that differ where both files let a caller in.

use std::collections::BTreeSet;

use crate::{
    Access, Config, HostPattern, PathTemplate,
    routing::{self, Answer, Entry, Path, Table},
};

use super::{
    Change, Verdict,
    callers::{self, Caller, Decision, Kind},
    issuers, limits, upstreams,
};

/// The methods that a file can name, and one that it cannot: `*` takes that as well.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER];
const OTHER: &str = "OTHER";

/// Both files.
struct Pair<'c> {
    old: &'c Config,
    new: &'c Config,
    callers: Vec<Caller>,
}

/// What both files say to one request.
struct Answers<'c> {
    old: Answer<'c>,
    new: Answer<'c>,
}

/// Requests that both files treat alike in every respect: one host, one pair of routes, some methods.
struct Cell<'c> {
    host: HostPattern,
    methods: BTreeSet<&'static str>,
    path: Path,
    answers: Answers<'c>,
    rows: Vec<Row>,
    /// Kinds of callers that both files let in.
    kept: BTreeSet<Kind>,
}

/// A caller whom the files treat differently.
struct Row {
    caller: Caller,
    before: Decision,
    after: Decision,
}

/// Compares what both files decide over every request.
pub(super) fn compare(old: &Config, new: &Config) -> Vec<Change> {
    let pair = Pair { old, new, callers: callers::all(old, new) };
    let mut changes = Vec::new();
    for host in hosts(&[old, new]) {
        for cell in pair.cells(&host) {
            changes.extend(cell.rows.iter().map(|row| pair.decision_change(&cell, row)));
            if let (Answer::Found(before), Answer::Found(after)) = (cell.answers.old, cell.answers.new)
                && !cell.kept.is_empty()
            {
                changes.extend(pair.rule_changes(&cell, before, after));
            }
        }
    }
    changes
}

/// Hosts that a file names, and all the others.
fn hosts(files: &[&Config]) -> Vec<HostPattern> {
    let name = |host: &HostPattern| match host {
        HostPattern::Any => None,
        HostPattern::Exact(name) => Some(name.clone()),
    };
    let named: BTreeSet<_> = files.iter().flat_map(|c| &c.apis).filter_map(|api| name(&api.host)).collect();
    named.into_iter().map(HostPattern::Exact).chain([HostPattern::Any]).collect()
}

impl<'c> Pair<'c> {
    /// All requests of a host, those that are treated alike together.
    fn cells(&self, host: &HostPattern) -> Vec<Cell<'c>> {
        let (old, new) = (Table::of(self.old, host), Table::of(self.new, host));
        let mut templates: Vec<&PathTemplate> = Vec::new();
        for entry in old.entries().iter().chain(new.entries()) {
            if !templates.contains(&&entry.route.template) {
                templates.push(&entry.route.template);
            }
        }
        let mut cells: Vec<Cell<'c>> = Vec::new();
        for path in routing::classes(&templates) {
            for name in METHODS {
                let Ok(method) = name.parse() else { continue };
                let answers = Answers { old: old.decide(&path, &method), new: new.decide(&path, &method) };
                self.add(&mut cells, host, &path, name, answers);
            }
        }
        cells
    }

    /// What happens depends only on the answers of the routers, so requests with the same ones are one cell.
    fn add(
        &self,
        cells: &mut Vec<Cell<'c>>,
        host: &HostPattern,
        path: &Path,
        method: &'static str,
        answers: Answers<'c>,
    ) {
        if let Some(cell) = cells.iter_mut().find(|cell| cell.answers.same_routes(&answers)) {
            cell.methods.insert(method);
            return;
        }
        let (rows, kept) = self.rows(&answers);
        let methods = BTreeSet::from([method]);
        cells.push(Cell { host: host.clone(), methods, path: path.clone(), answers, rows, kept });
    }

    /// Callers who are treated differently, of each kind only the weakest; and kinds that both files let in.
    fn rows(&self, answers: &Answers<'_>) -> (Vec<Row>, BTreeSet<Kind>) {
        let mut rows: Vec<Row> = Vec::new();
        let mut kept = BTreeSet::new();
        for caller in &self.callers {
            let before = callers::decide(self.old, answers.old, caller);
            let after = callers::decide(self.new, answers.new, caller);
            match (before == Decision::Allowed, after == Decision::Allowed) {
                (true, true) => drop(kept.insert(caller.kind.clone())),
                (false, false) => {}
                (true, false) | (false, true) => rows.push(Row { caller: caller.clone(), before, after }),
            }
        }
        let implied = |row: &Row| rows.iter().any(|other| other.implies(row));
        let keep: Vec<bool> = rows.iter().map(|row| !implied(row)).collect();
        (rows.into_iter().zip(keep).filter_map(|(row, keep)| keep.then_some(row)).collect(), kept)
    }

    fn decision_change(&self, cell: &Cell<'_>, row: &Row) -> Change {
        Change {
            verdict: self.verdict(cell, row),
            subject: cell.subject(),
            example: cell.example(),
            credential: Some(self.credential(&row.caller)),
            before: row.before.text().into(),
            after: row.after.text().into(),
            why: self.why(cell, row),
        }
    }

    fn verdict(&self, cell: &Cell<'_>, row: &Row) -> Verdict {
        let served = |config, answer| {
            self.callers.iter().any(|caller| callers::decide(config, answer, caller) == Decision::Allowed)
        };
        match row.after {
            Decision::Allowed if served(self.old, cell.answers.old) => Verdict::Widened,
            Decision::Allowed => Verdict::Opened,
            _ if served(self.new, cell.answers.new) => Verdict::Narrowed,
            Decision::NoRoute
            | Decision::MethodNotAllowed
            | Decision::Unauthenticated
            | Decision::InsufficientScope => Verdict::Closed,
        }
    }

    fn credential(&self, caller: &Caller) -> String {
        let scopes = || match scope_text(&caller.scopes) {
            text if text.is_empty() => " without scopes".to_owned(),
            text => format!(" with {text}"),
        };
        match &caller.kind {
            Kind::Nobody => "no credential".into(),
            Kind::ApiKey => format!("API key{}", scopes()),
            Kind::Token(iss) => format!("token of {iss}{}", scopes()),
            Kind::Certificate(identity) => {
                let name = [self.new, self.old].into_iter().find_map(|c| callers::known_clients(c, identity).next());
                format!("certificate of client {}", name.map_or("unknown", |client| client.name.as_str()))
            }
        }
    }

    fn why(&self, cell: &Cell<'_>, row: &Row) -> String {
        match (cell.answers.old, cell.answers.new) {
            (Answer::Found(before), Answer::Found(after)) => why_between(before, after, row),
            (Answer::NoRoute, Answer::Found(after)) => format!("`{}` is new: no route had this path", after.route.name),
            (Answer::MethodNotAllowed, Answer::Found(after)) => {
                format!("`{}` takes a method that was not taken here", after.route.name)
            }
            (Answer::Found(before), Answer::NoRoute) => {
                format!("`{}` is gone: no route has this path", before.route.name)
            }
            (Answer::Found(before), Answer::MethodNotAllowed) => {
                format!("the method of `{}` is no longer taken here", before.route.name)
            }
            (Answer::NoRoute | Answer::MethodNotAllowed, Answer::NoRoute | Answer::MethodNotAllowed) => String::new(),
        }
    }

    /// Differences in rules for callers whom both files let in.
    fn rule_changes(&self, cell: &Cell<'_>, before: Entry<'_>, after: Entry<'_>) -> Vec<Change> {
        let mut changes = limits::of_route(&cell.subject(), cell.example().as_deref(), before.route, after.route);
        changes.extend(limits::of_apis(before.api, after.api));
        changes.extend(upstreams::compare(before.api, after.api));
        for kind in &cell.kept {
            if let (Kind::Token(iss), Some(old), Some(new)) = (kind, methods_of(before), methods_of(after)) {
                let rules = callers::issuer(self.old, old, iss).zip(callers::issuer(self.new, new, iss));
                changes.extend(rules.into_iter().flat_map(|(old, new)| issuers::compare(old, new)));
            }
        }
        changes
    }
}

fn methods_of<'c>(entry: Entry<'c>) -> Option<&'c [crate::Method]> {
    match &entry.route.access {
        Access::Public { .. } => None,
        Access::Authenticated { by, .. } => Some(by),
    }
}

impl Row {
    /// Whether another row says nothing that this one does not: without a credential, or with fewer scopes, the same
    /// happens already.
    fn implies(&self, other: &Self) -> bool {
        let same_way = (self.after == Decision::Allowed) == (other.after == Decision::Allowed);
        let weaker = match (&self.caller.kind, &other.caller.kind) {
            (Kind::Nobody, kind) => *kind != Kind::Nobody,
            (mine, theirs) => {
                mine == theirs
                    && self.caller.scopes != other.caller.scopes
                    && self.caller.scopes.is_subset(&other.caller.scopes)
            }
        };
        same_way && weaker
    }
}

impl Answers<'_> {
    fn same_routes(&self, other: &Self) -> bool {
        same(self.old, other.old) && same(self.new, other.new)
    }
}

fn same(a: Answer<'_>, b: Answer<'_>) -> bool {
    match (a, b) {
        (Answer::NoRoute, Answer::NoRoute) | (Answer::MethodNotAllowed, Answer::MethodNotAllowed) => true,
        (Answer::Found(a), Answer::Found(b)) => std::ptr::eq(a.route, b.route),
        (Answer::NoRoute | Answer::MethodNotAllowed | Answer::Found(_), _) => false,
    }
}

impl Cell<'_> {
    /// Methods, host and template: that of the route that decides now, else of the one that did.
    fn subject(&self) -> String {
        let host = match &self.host {
            HostPattern::Any => "",
            HostPattern::Exact(name) => name,
        };
        let path = self.template().map_or_else(|| self.path.text(), |template| template.text.clone());
        format!("{} {host}{path}", self.methods())
    }

    fn template(&self) -> Option<&PathTemplate> {
        match (self.answers.new, self.answers.old) {
            (Answer::Found(entry), _) | (_, Answer::Found(entry)) => Some(&entry.route.template),
            (Answer::NoRoute | Answer::MethodNotAllowed, Answer::NoRoute | Answer::MethodNotAllowed) => None,
        }
    }

    fn methods(&self) -> String {
        if METHODS.iter().all(|method| self.methods.contains(method)) {
            return "*".into();
        }
        let with_get = |method: &&&str| **method == "HEAD" && self.methods.contains("GET");
        let shown: Vec<_> = METHODS.iter().filter(|m| self.methods.contains(*m)).filter(|m| !with_get(m)).collect();
        shown.iter().map(|method| if **method == OTHER { "any other" } else { method }).collect::<Vec<_>>().join(",")
    }

    /// A path that shows it, where the template alone does not.
    fn example(&self) -> Option<String> {
        self.template().filter(|template| !self.path.is_plain(template)).map(|_| self.path.text())
    }
}

/// Why two routes treat a caller differently.
fn why_between(before: Entry<'_>, after: Entry<'_>, row: &Row) -> String {
    let takes_over = if before.route.template.segments == after.route.template.segments {
        String::new()
    } else {
        format!("`{}` decides instead of `{}`: ", after.route.name, before.route.name)
    };
    let cause = match (&before.route.access, &after.route.access) {
        (_, Access::Public { reason }) => format!("it is public (\"{reason}\")"),
        (Access::Public { .. }, Access::Authenticated { .. }) => "it is no longer public".into(),
        (Access::Authenticated { .. }, Access::Authenticated { .. }) => {
            credential_cause(&before.route.access, &after.route.access, row)
        }
    };
    takes_over + &cause
}

fn credential_cause(before: &Access, after: &Access, row: &Row) -> String {
    let (old, new) = (callers::required(before), callers::required(after));
    let kind = match &row.caller.kind {
        Kind::Nobody => "callers without a credential",
        Kind::ApiKey => "API keys",
        Kind::Token(_) => "this issuer's tokens",
        Kind::Certificate(_) => "this client's certificates",
    };
    let by_file = matches!(row.caller.kind, Kind::Certificate(_)) && old == new;
    match (row.before, row.after) {
        (Decision::Unauthenticated, _) => format!("{kind} are accepted"),
        (_, Decision::Unauthenticated) => format!("{kind} are no longer accepted"),
        (Decision::InsufficientScope, _) if by_file => "the client holds more scopes".into(),
        (_, Decision::InsufficientScope) if by_file => "the client holds fewer scopes".into(),
        (Decision::InsufficientScope, _) => {
            format!("it no longer asks for {}", scope_text(&old.difference(&new).cloned().collect()))
        }
        _ => format!("it asks for {} as well", scope_text(&new.difference(&old).cloned().collect())),
    }
}

fn scope_text(scopes: &callers::Scopes) -> String {
    scopes.iter().map(|scope| scope.0.as_str()).collect::<Vec<_>>().join(" ")
}
