//! Members of a request's body: read whole, judged, and sent on as they came.

use config::RoutePolicy;
use http::header;

use super::{Members, facts::fact};
use crate::{
    body::Inbound,
    canonical::Canonical,
    gate::Gate,
    refusal::Refusal,
    route::Route,
    whole::{self, Within},
};

/// The declared members of a body (400, 408, 413, 503). Afterwards the body of the request is what was read.
///
/// A body that could be read in another way than here is refused: other media types, encodings, duplicate members. An
/// upstream that took it otherwise would do what was not judged.
pub(super) async fn read(
    gate: &Gate,
    canonical: &mut Canonical,
    route: &Route,
    rule: &RoutePolicy,
) -> Result<Members, Refusal> {
    let body = std::mem::replace(&mut canonical.body, Inbound::none());
    let bytes = whole::read(body, Within::of(gate, route)).await?;
    if bytes.is_empty() {
        return Ok(Members::new());
    }
    if canonical.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Refusal::BodyNotJudged("encoded"));
    }
    if !canonical.headers.get(header::CONTENT_TYPE).is_some_and(is_json) {
        return Err(Refusal::BodyNotJudged("not_json_type"));
    }
    let read = bytes.clone();
    let object = gate.snapshot.heavy.over(bytes.len(), move || super::json::object(&read)).await?;
    let object = object.map_err(|_| Refusal::BodyNotJudged("not_one_object"))?;
    let declared = rule.operation.body.iter();
    // Some upstreams do not tell `Amount` from `amount`, and take the last.
    let is_alias = |name: &String| declared.clone().any(|one| *name != one.name && folded(name) == folded(&one.name));
    if object.keys().any(is_alias) {
        return Err(Refusal::BodyNotJudged("name_in_other_case"));
    }
    canonical.body = Inbound::held(bytes);
    Ok(declared.filter_map(|one| Some((one.name.clone(), fact(object.get(&one.name)?, one.kind)))).collect())
}

/// A name without its case; also letters that are one only in upper case, such as `ſ` and `s`, fall together.
fn folded(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

/// `application/json` or `application/…+json`, in UTF-8 (RFC 8259 §8.1).
pub(super) fn is_json(value: &http::HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    let is_utf8 = |part: &str| match part.to_ascii_lowercase().strip_prefix("charset=") {
        Some(charset) => matches!(charset.trim_matches('"'), "utf-8" | "utf8"),
        None => true,
    };
    is_json && parts.all(is_utf8)
}
