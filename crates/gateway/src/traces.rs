//! Traces: where a request stands among others (W3C Trace Context), and spans of sampled ones (OTLP over HTTP, JSON).
//!
//! What a client says of a trace is taken for its id alone: whether a span is kept is decided here, by the share that
//! the configuration names.

mod export;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::mpsc;

use crate::{recent::Story, request_id::RequestId};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Spans on their way to the collector; past it they are dropped.
const QUEUE: usize = 2048;

/// Decides which spans are kept, and hands them on.
pub(crate) struct Tracer {
    /// Trace ids below it are sampled.
    threshold: u64,
    spans: mpsc::Sender<Span>,
}

/// A request's place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    trace: u128,
    parent: Option<u64>,
    span: u64,
    sampled: bool,
}

/// A request that ended, in its place.
pub(crate) struct Span {
    place: Place,
    story: Story,
}

impl Tracer {
    /// Starts the exporter, which ends with the tracer. Must be called within a runtime.
    pub(crate) fn start(traces: &config::Traces) -> Self {
        let (spans, queue) = mpsc::channel(QUEUE);
        tokio::spawn(export::run(traces.endpoint.clone(), queue));
        let share = u128::from(traces.sample_millionths) * u128::from(u64::MAX) / 1_000_000;
        Self { threshold: u64::try_from(share).unwrap_or(u64::MAX), spans }
    }

    /// The place of a request: in the trace that its fields name, if they are believed, or in one of its own, which then
    /// has the request's id.
    pub(crate) fn place(&self, believed: Option<&HeaderMap>, id: &RequestId) -> Place {
        let own = u128::from_str_radix(id.as_str(), 16).unwrap_or(1);
        let told = believed.and_then(parent);
        let (trace, parent) = told.map_or((own, None), |(trace, parent)| (trace, Some(parent)));
        let low = |id: u128| u64::try_from(id & u128::from(u64::MAX)).unwrap_or_default();
        // The halves of a request's id are its worker's and its own number, so their mixture is nobody else's.
        let span = mixed(low(own) ^ low(own >> 64).rotate_left(32)).max(1);
        Place { trace, parent, span, sampled: mixed(low(trace)) <= self.threshold }
    }

    /// Hands a span on. One that finds the queue full is lost.
    pub(crate) fn end(&self, place: Place, story: impl FnOnce() -> Story) {
        if place.sampled
            && let Ok(permit) = self.spans.try_reserve()
        {
            permit.send(Span { place, story: story() });
        }
    }
}

impl Place {
    /// Tells the upstream where it stands.
    pub(crate) fn add_fields(&self, headers: &mut HeaderMap) {
        let text = format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled));
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(TRACEPARENT, value);
        }
        if self.parent.is_none() {
            // It belongs to a trace that could not be read, or is not believed.
            headers.remove(TRACESTATE);
        }
    }
}

/// Trace and span of a `traceparent` (W3C Trace Context §3.2): version 00, or what later ones begin with.
fn parent(headers: &HeaderMap) -> Option<(u128, u64)> {
    let mut fields = headers.get_all(TRACEPARENT).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let text = field.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let whole = version != "00" || parts.next().is_none();
    if !(hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2) && whole) {
        return None;
    }
    let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
    (trace != 0 && span != 0).then_some((trace, span))
}

/// The finalizer of `SplitMix64`: each bit of the result depends on all of the argument's.
fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<(u128, u64)> {
        parent(&HeaderMap::from_iter([(TRACEPARENT, text.parse().unwrap())]))
    }

    #[test]
    fn a_parent_is_read_or_not_there() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let good = told(&format!("00-{trace}-{span}-01"));
        assert_eq!(good, Some((0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331)));
        assert_eq!(told(&format!("01-{trace}-{span}-01-more")), good);
        for bad in [
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-1"),
            String::new(),
        ] {
            assert_eq!(told(&bad), None, "{bad}");
        }
        let mut both = HeaderMap::new();
        for _ in 0..2 {
            both.append(TRACEPARENT, format!("00-{trace}-{span}-01").parse().unwrap());
        }
        assert_eq!(parent(&both), None);
    }

    #[test]
    fn a_share_of_traces_is_sampled() {
        let ids = crate::request_id::RequestIds::new().unwrap();
        let (spans, _queue) = mpsc::channel(1);
        let tracer = Tracer { threshold: u64::MAX / 10, spans };
        let places: Vec<Place> = (0..20_000).map(|_| tracer.place(None, &ids.next())).collect();
        let sampled = places.iter().filter(|place| place.sampled).count();
        assert!((1_700..2_300).contains(&sampled), "{sampled}");
        let spans: std::collections::HashSet<u64> = places.iter().map(|place| place.span).collect();
        assert_eq!(spans.len(), places.len());
    }
}
