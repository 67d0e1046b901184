//! Which addresses a listener or an API lets in.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

/// Who may come in, by address and country. The default lets everybody in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressRules {
    /// Only these networks, and those of `allow_countries`; with neither, all of them.
    pub allow: Vec<IpNet>,
    /// Not these networks, whatever else allows them.
    pub deny: Vec<IpNet>,
    /// Only these countries, and the networks of `allow`. An address whose country is not known is in none.
    pub allow_countries: Vec<Country>,
    /// Not these countries. An address whose country is not known is in none.
    pub deny_countries: Vec<Country>,
}

impl AddressRules {
    /// Whether an address may come in.
    pub fn admit(&self, address: IpAddr, countries: Option<&Countries>) -> bool {
        let address = address.to_canonical();
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        if is_in(&self.deny) {
            return false;
        }
        let asks = !self.allow_countries.is_empty() || !self.deny_countries.is_empty();
        let country = countries.filter(|_| asks).and_then(|countries| countries.of(address));
        let of = |list: &[Country]| country.is_some_and(|country| list.contains(&country));
        if of(&self.deny_countries) {
            return false;
        }
        let everybody = self.allow.is_empty() && self.allow_countries.is_empty();
        everybody || is_in(&self.allow) || of(&self.allow_countries)
    }

    /// Whether it lets everybody in.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

/// A country by its two letters (ISO 3166-1), upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub [u8; 2]);

impl Country {
    /// Two letters.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([first, second]) = *self;
        write!(f, "{}{}", char::from(first), char::from(second))
    }
}

/// Countries of addresses, from a file in the `MaxMind` DB format.
pub struct Countries(pub(crate) maxminddb::Reader<Vec<u8>>);

impl Countries {
    /// The country of an address, if the file knows it.
    pub fn of(&self, address: IpAddr) -> Option<Country> {
        let found = self.0.lookup(address).ok()?;
        let code: Option<&str> = found.decode_path(&maxminddb::path!["country", "iso_code"]).ok()?;
        Country::parse(code?)
    }
}

impl fmt::Debug for Countries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Countries({})", self.0.metadata().database_type)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_denied_stays_out_whatever_allows_it() {
        let network = |text: &str| text.parse().unwrap();
        let rules = AddressRules {
            allow: vec![network("192.0.2.0/24"), network("2001:db8::/32")],
            deny: vec![network("192.0.2.7/32")],
            ..AddressRules::default()
        };
        let admits = |text: &str| rules.admit(text.parse().unwrap(), None);
        assert!(admits("192.0.2.1") && admits("::ffff:192.0.2.1") && admits("2001:db8::1"));
        assert!(!admits("192.0.2.7") && !admits("198.51.100.1") && !admits("::1"));
    }

    #[test]
    fn without_a_file_no_country_is_known() {
        let de = Country::parse("DE").unwrap();
        let only = AddressRules { allow_countries: vec![de], ..AddressRules::default() };
        let others = AddressRules { deny_countries: vec![de], ..AddressRules::default() };
        let address = "192.0.2.1".parse().unwrap();
        assert!(!only.admit(address, None) && others.admit(address, None));
        assert_eq!((Country::parse("de"), Country::parse("DEU")), (None, None));
    }
}
