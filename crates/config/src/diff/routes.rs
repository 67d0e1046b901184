//! Routes: decisions that differ, and rules that differ where both files let a caller in.

use std::collections::BTreeSet;

use crate::{
    Access, Config, HostPattern, PathTemplate,
    routing::{self, Answer, Entry, Path, Table},
};

use super::{
    Change, Verdict, addresses,
    callers::{self, Caller, Decision, Kind},
    cell::{Answers, Cell, METHODS, Row},
    contracts, issuers, limits, reasons, rules, upstreams,
};

/// Both files.
struct Pair<'c> {
    old: &'c Config,
    new: &'c Config,
    callers: Vec<Caller>,
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

/// The methods of a path by what both files answer to them.
fn by_answers<'c>(old: &Table<'c>, new: &Table<'c>, path: &Path) -> Vec<(Answers<'c>, BTreeSet<&'static str>)> {
    let mut groups: Vec<(Answers<'c>, BTreeSet<&'static str>)> = Vec::new();
    for name in METHODS {
        // Each of them is a token (RFC 9110 §5.6.2).
        let Ok(method) = name.parse() else { continue };
        let answers = Answers { old: old.decide(path, &method), new: new.decide(path, &method) };
        match groups.iter_mut().find(|(known, _)| known.are(&answers)) {
            Some((_, methods)) => drop(methods.insert(name)),
            None => groups.push((answers, BTreeSet::from([name]))),
        }
    }
    groups
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
            for (answers, methods) in by_answers(&old, &new, &path) {
                let alike = |cell: &Cell<'_>| cell.answers.are(&answers) && cell.methods == methods;
                if !cells.iter().any(alike) {
                    let (rows, kept) = self.rows(&answers);
                    cells.push(Cell { host: host.clone(), methods, path: path.clone(), answers, rows, kept });
                }
            }
        }
        cells
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
            why: reasons::why(&cell.answers, row),
        }
    }

    fn verdict(&self, cell: &Cell<'_>, row: &Row) -> Verdict {
        let served = |config, answer| {
            self.callers.iter().any(|caller| callers::decide(config, answer, caller) == Decision::Allowed)
        };
        match row.after {
            Decision::Allowed if served(self.old, cell.answers.old) => Verdict::Widened,
            Decision::Allowed => Verdict::Opened,
            Decision::NoRoute
            | Decision::MethodNotAllowed
            | Decision::Unauthenticated
            | Decision::InsufficientScope => {
                if served(self.new, cell.answers.new) {
                    Verdict::Narrowed
                } else {
                    Verdict::Closed
                }
            }
        }
    }

    fn credential(&self, caller: &Caller) -> String {
        let scopes = || match callers::text(&caller.scopes) {
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

    /// Differences in rules for callers whom both files let in.
    fn rule_changes(&self, cell: &Cell<'_>, before: Entry<'_>, after: Entry<'_>) -> Vec<Change> {
        let mut changes = rules::compare(&cell.subject(), cell.example().as_deref(), before.route, after.route);
        changes.extend(limits::of_apis(before.api, after.api));
        changes.extend(contracts::of_apis(before.api, after.api));
        let (old, new) = (&before.api.addresses, &after.api.addresses);
        changes.extend(addresses::compare(&limits::apis(before.api, after.api), old, new));
        changes.extend(limits::of_routes(&cell.subject(), before.route, after.route));
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

fn methods_of(entry: Entry<'_>) -> Option<&[crate::Method]> {
    match &entry.route.access {
        Access::Public { .. } => None,
        Access::Authenticated { by, .. } => Some(by),
    }
}
