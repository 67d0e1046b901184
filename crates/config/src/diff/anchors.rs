//! Trust anchors: given ones, or the system's.

use rustls_pki_types::CertificateDer;

use super::Verdict;

/// Which ways trust went. The system's anchors count as more than any that are given.
pub(super) fn compare(
    old: Option<&[CertificateDer<'static>]>,
    new: Option<&[CertificateDer<'static>]>,
) -> Vec<Verdict> {
    match (old, new) {
        (None, None) => Vec::new(),
        (Some(_), None) => vec![Verdict::Widened],
        (None, Some(_)) => vec![Verdict::Narrowed],
        (Some(old), Some(new)) => {
            let lacks = |these: &[CertificateDer<'_>], those: &[CertificateDer<'_>]| {
                those.iter().any(|anchor| !these.contains(anchor))
            };
            Verdict::of_set(lacks(old, new), lacks(new, old)).collect()
        }
    }
}

/// What that means for certificates of this kind.
pub(super) fn why(verdict: Verdict, certificates: &str) -> String {
    match verdict {
        Verdict::Opened | Verdict::Widened => format!("{certificates} of more authorities are believed"),
        Verdict::Moved => format!("{certificates} of other authorities are believed"),
        Verdict::Narrowed | Verdict::Closed => format!("{certificates} of an authority are no longer believed"),
    }
}

/// How many, for people.
pub(super) fn text(anchors: Option<&[CertificateDer<'static>]>) -> String {
    match anchors {
        None => "the system's trust anchors".into(),
        Some([_]) => "1 trust anchor".into(),
        Some(many) => format!("{} trust anchors", many.len()),
    }
}
