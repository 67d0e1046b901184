//! What became of a request, as text.

use serde_json::Value;

use crate::output::rfc3339;

/// Everything: a line for the request and one for each stage.
pub(crate) fn whole(story: &Value) -> String {
    let mut text = format!("{}\n", line(story));
    if let Some(code) = story["code"].as_str() {
        let entry = config::codes::find(code);
        let (title, operator) = entry.map_or(("", ""), |entry| (entry.title, entry.operator));
        text = format!("{text}\n{code}: {title}. {operator}\n");
    }
    text += "\nstage         outcome      microseconds\n";
    let steps = story["stages"].as_array().into_iter().flatten();
    steps.fold(text, |text, step| {
        let word = |name: &str| step[name].as_str().unwrap_or_default().replace('_', " ");
        let spent = step["microseconds"].as_f64().unwrap_or_default();
        text + &format!("{:<13} {:<12} {spent:>12.1}\n", word("stage"), word("outcome"))
    })
}

/// One line: when, which, what came of it.
pub(crate) fn line(story: &Value) -> String {
    let word = |name: &str| story[name].as_str().unwrap_or("-");
    // Whole seconds do for people.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let ended = rfc3339(story["ended"].as_f64().unwrap_or_default() as u64);
    let reason = story["reason"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
    format!(
        "{ended} {} {} {}{reason} {} {:?} {} {} {}us",
        word("request_id"),
        story["status"],
        word("code"),
        word("api"),
        word("route"),
        word("authentication"),
        word("subject"),
        story["microseconds"],
    )
}
