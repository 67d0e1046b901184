//! Addresses that a listener or an API lets in.

use ipnet::IpNet;

use crate::{AddressRules, Country};

use super::{Change, Verdict};

/// Compares two rules by their text: what one network or country more lets in or keeps out.
pub(super) fn compare(subject: &str, old: &AddressRules, new: &AddressRules) -> Vec<Change> {
    let opened = |these: &AddressRules, those: &AddressRules| {
        let is_allowed = |rules: &AddressRules| rules.allow.is_empty() && rules.allow_countries.is_empty();
        let all = is_allowed(those);
        let more = !all
            && (is_allowed(these)
                || these.allow.iter().any(|network| !covers(&those.allow, network))
                || these.allow_countries.iter().any(|country| !those.allow_countries.contains(country)));
        more || those.deny.iter().any(|network| !covers(&these.deny, network))
            || those.deny_countries.iter().any(|country| !these.deny_countries.contains(country))
    };
    let told = |verdict: Verdict| Change {
        verdict,
        subject: format!("addresses of {subject}"),
        example: None,
        credential: None,
        before: text(old),
        after: text(new),
        why: if verdict.is_more_permissive() { "more addresses are let in" } else { "fewer addresses are let in" }
            .into(),
    };
    Verdict::of_set(opened(new, old), opened(old, new)).map(told).collect()
}

fn covers(networks: &[IpNet], network: &IpNet) -> bool {
    networks.iter().any(|wider| wider.contains(network))
}

fn text(rules: &AddressRules) -> String {
    if rules.is_open() {
        return "everybody".into();
    }
    let networks = |networks: &[IpNet]| networks.iter().map(ToString::to_string).collect::<Vec<_>>();
    let countries = |countries: &[Country]| countries.iter().map(ToString::to_string).collect::<Vec<_>>();
    let allowed = [networks(&rules.allow), countries(&rules.allow_countries)].concat();
    let denied = [networks(&rules.deny), countries(&rules.deny_countries)].concat();
    let allowed = if allowed.is_empty() { "everybody".into() } else { allowed.join(" ") };
    if denied.is_empty() { allowed } else { format!("{allowed}, not {}", denied.join(" ")) }
}
