//! How long a document may be used without asking for it again (RFC 9111 §4.2), within bounds of the server's own.

use http::{HeaderMap, header};

/// A document is used for this long whatever its origin says, so that one log-in asks for it once. In seconds.
const LEAST: u64 = 60;
/// A document is asked for again after this long whatever its origin says. In seconds.
const MOST: u64 = 24 * 3_600;
/// Where its origin says nothing. In seconds.
const USUAL: u64 = 300;

/// Seconds that a document with these fields is fresh, from the moment that it came.
pub(super) fn lifetime(fields: &HeaderMap) -> u64 {
    let age = text(fields, &header::AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let said = directives(fields).or_else(|| expires(fields)).unwrap_or(USUAL);
    said.saturating_sub(age).clamp(LEAST, MOST)
}

/// What `Cache-Control` says. The shortest of several times counts.
fn directives(fields: &HeaderMap) -> Option<u64> {
    let values = fields.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let times = values.flat_map(|value| value.split(',')).filter_map(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "no-store" | "no-cache" => Some(0),
            // A time that is none is stale (RFC 9111 §4.2.1).
            "max-age" => Some(value.trim().trim_matches('"').parse().unwrap_or(0)),
            _ => None,
        }
    });
    times.min()
}

/// What `Expires` says, from `Date` on. One that is no date is in the past (RFC 9111 §5.3).
fn expires(fields: &HeaderMap) -> Option<u64> {
    let expires = text(fields, &header::EXPIRES)?;
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let begin = text(fields, &header::DATE).and_then(date);
    let time = date(expires).zip(begin).and_then(|(end, begin)| end.duration_since(begin).ok());
    Some(time.map_or(0, |time| time.as_secs()))
}

fn text<'f>(fields: &'f HeaderMap, name: &header::HeaderName) -> Option<&'f str> {
    fields.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_origin_decides_within_bounds() {
        const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:00:00 GMT");
        let cases: [(&[(&str, &str)], u64); 12] = [
            (&[], USUAL),
            (&[("cache-control", "max-age=1200")], 1_200),
            (&[("cache-control", "public, Max-Age=\"1200\", must-revalidate")], 1_200),
            (&[("cache-control", "max-age=1200"), ("age", "200")], 1_000),
            (&[("cache-control", "max-age=99999999")], MOST),
            (&[("cache-control", "max-age=1200, no-store")], LEAST),
            (&[("cache-control", "max-age=1200"), ("cache-control", "no-cache")], LEAST),
            (&[("cache-control", "max-age=-1")], LEAST),
            (&[("cache-control", "private"), DATE, ("expires", "Sun, 06 Nov 1994 08:10:00 GMT")], 600),
            (&[DATE, ("expires", "Sun, 06 Nov 1994 07:00:00 GMT")], LEAST),
            (&[DATE, ("expires", "0")], LEAST),
            (&[("cache-control", "max-age=1200"), DATE, ("expires", "0")], 1_200),
        ];
        for (fields, expected) in cases {
            let fields: HeaderMap = fields
                .iter()
                .map(|(name, value)| (name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap()))
                .collect::<Vec<_>>()
                .into_iter()
                .fold(HeaderMap::new(), |mut all, (name, value)| {
                    all.append(name, value);
                    all
                });
            assert_eq!(lifetime(&fields), expected, "{fields:?}");
        }
    }
}
