//! `addresses` of listeners and APIs, and the `geoip` file that tells countries.

use std::sync::Arc;

use super::{Context, every, files, values};
use crate::{AddressRules, Countries, Country, codes::diagnostics, yaml::Node};

/// The file of countries.
pub(super) fn countries(cx: &Context, node: &Node) -> Option<Arc<Countries>> {
    let path = node.text()?;
    let bytes = files::read(cx, node, path)?;
    let reader = maxminddb::Reader::from_source(bytes.to_vec()).and_then(|reader| reader.verify().map(|()| reader));
    match reader {
        Ok(reader) => Some(Arc::new(Countries(reader))),
        Err(error) => {
            let help = "Name a file in the MaxMind DB format with countries, such as GeoLite2-Country.mmdb.";
            cx.report(&diagnostics::BAD_GEOIP, node.span, format!("`{path}` cannot be used: {error}"), help);
            None
        }
    }
}

/// The rules of a listener or an API; absent lets everybody in.
pub(super) fn rules(cx: &Context, node: Option<&Node>, has_countries: bool) -> Option<AddressRules> {
    let Some(node) = node else { return Some(AddressRules::default()) };
    let networks = |key: &str| {
        let listed = node.get(key);
        let networks = values::networks(cx, listed);
        let all = listed.map_or(0, |listed| listed.items().len()) == networks.len();
        all.then_some(networks)
    };
    let lists = [node.get("allow_countries"), node.get("deny_countries")];
    if let (false, Some(list)) = (has_countries, lists.into_iter().flatten().next()) {
        let help = "Add `geoip: FILE` to the configuration, a file in the MaxMind DB format.";
        cx.report(&diagnostics::NO_GEOIP, list.span, "nothing tells the countries of addresses", help);
        return None;
    }
    let [allow_countries, deny_countries] = lists.map(|list| listed(cx, list));
    let (allow, deny) = (networks("allow"), networks("deny"));
    Some(AddressRules {
        allow: allow?,
        deny: deny?,
        allow_countries: allow_countries?,
        deny_countries: deny_countries?,
    })
}

fn listed(cx: &Context, node: Option<&Node>) -> Option<Vec<Country>> {
    every(node.map(Node::items).unwrap_or_default(), |item| {
        let text = item.text()?;
        let country = Country::parse(text);
        if country.is_none() {
            let help = "Write two capital letters (ISO 3166-1), in quotes where YAML needs them: `\"NO\"`.";
            cx.report(&diagnostics::BAD_CHOICE, item.span, format!("`{text}` is not a country"), help);
        }
        country
    })
}
