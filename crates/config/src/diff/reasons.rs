//! What in the files makes the difference, in words.

use crate::{
    Access, PathTemplate, Segment,
    routing::{Answer, Entry},
};

use super::{
    callers::{self, Decision, Kind, Scopes},
    cell::{Answers, Row},
};

/// Why a caller is treated differently.
pub(super) fn why(answers: &Answers<'_>, row: &Row) -> String {
    match (answers.old, answers.new) {
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

/// Why two routes treat a caller differently.
fn why_between(before: Entry<'_>, after: Entry<'_>, row: &Row) -> String {
    let takes_over = if same_shape(&before.route.template, &after.route.template) {
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

/// Whether two templates have the same paths; names of parameters make no difference.
fn same_shape(a: &PathTemplate, b: &PathTemplate) -> bool {
    let same = |pair: (&Segment, &Segment)| match pair {
        (Segment::Literal(x), Segment::Literal(y)) => x == y,
        (Segment::Parameter(_), Segment::Parameter(_)) | (Segment::Rest(_), Segment::Rest(_)) => true,
        (Segment::Literal(_) | Segment::Parameter(_) | Segment::Rest(_), _) => false,
    };
    a.segments.len() == b.segments.len() && a.segments.iter().zip(&b.segments).all(same)
}

/// What makes the difference between two routes that both ask for a credential.
fn credential_cause(before: &Access, after: &Access, row: &Row) -> String {
    let kind = match &row.caller.kind {
        Kind::Nobody => "callers without a credential",
        Kind::ApiKey => "API keys",
        Kind::Token(_) => "this issuer's tokens",
        Kind::Certificate(_) => "this client's certificates",
    };
    match (row.before, row.after) {
        (Decision::Unauthenticated, _) => format!("{kind} are accepted"),
        (_, Decision::Unauthenticated) => format!("{kind} are no longer accepted"),
        (
            Decision::NoRoute | Decision::MethodNotAllowed | Decision::InsufficientScope | Decision::Allowed,
            Decision::NoRoute | Decision::MethodNotAllowed | Decision::InsufficientScope | Decision::Allowed,
        ) => scope_cause(&callers::required(before), &callers::required(after), row),
    }
}

/// Scopes are asked for by routes, and clients of certificates hold what the file says.
fn scope_cause(old: &Scopes, new: &Scopes, row: &Row) -> String {
    let by_file = matches!(row.caller.kind, Kind::Certificate(_)) && old == new;
    let difference = |these: &Scopes, those: &Scopes| callers::text(&these.difference(those).cloned().collect());
    match (row.after == Decision::Allowed, by_file) {
        (true, true) => "the client holds more scopes".into(),
        (false, true) => "the client holds fewer scopes".into(),
        (true, false) => format!("it no longer asks for {}", difference(old, new)),
        (false, false) => format!("it asks for {} as well", difference(new, old)),
    }
}
