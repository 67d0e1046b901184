//! Upstreams of two APIs that take the same requests.

use crate::{Api, Server, Upstream, UpstreamTls};

use super::{Change, Verdict, anchors};

/// Compares where requests go, and how they are protected on their way.
pub(super) fn compare(old: &Api, new: &Api) -> Vec<Change> {
    let change = |verdict, before: String, after: String, why: &str| Change {
        verdict,
        subject: format!("upstream of {}", super::limits::apis(old, new)),
        example: None,
        credential: None,
        before,
        after,
        why: why.into(),
    };
    let (old, new) = (&*old.upstream, &*new.upstream);
    let mut changes = Vec::new();
    if servers(old) != servers(new) {
        changes.push(change(
            Verdict::Moved,
            servers(old).join(" "),
            servers(new).join(" "),
            "requests reach other servers",
        ));
    }
    if let Some(verdict) = Verdict::of_limit(&old.max_requests, &new.max_requests) {
        let why = "callers may have another number of requests under way to it together";
        changes.push(change(verdict, old.max_requests.to_string(), new.max_requests.to_string(), why));
    }
    match (&old.tls, &new.tls) {
        (None, None) => {}
        (Some(_), None) => changes.push(change(
            Verdict::Widened,
            "TLS".into(),
            "no TLS".into(),
            "requests can be read and changed on their way",
        )),
        (None, Some(_)) => {
            changes.push(change(Verdict::Narrowed, "no TLS".into(), "TLS".into(), "requests are encrypted"));
        }
        (Some(old), Some(new)) => {
            let (before, after) = (old.ca.as_deref(), new.ca.as_deref());
            for verdict in anchors::compare(before, after) {
                let why = anchors::why(verdict, "certificates");
                changes.push(change(verdict, anchors::text(before), anchors::text(after), &why));
            }
            if old.server_name != new.server_name {
                let why = "a certificate with another name is believed";
                changes.push(change(Verdict::Moved, name(old), name(new), why));
            }
        }
    }
    changes
}

fn servers(upstream: &Upstream) -> Vec<String> {
    let mut servers: Vec<_> = upstream.servers.iter().map(|Server { host, port }| format!("{host}:{port}")).collect();
    servers.sort();
    servers
}

fn name(tls: &UpstreamTls) -> String {
    tls.server_name.clone().unwrap_or_else(|| "the server's own name".into())
}
