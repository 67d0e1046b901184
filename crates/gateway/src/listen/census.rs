//! How many connections there are, in all and of each address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Counts connections across workers. Touched when one opens or closes, never by a request.
#[derive(Debug)]
pub(crate) struct Census {
    counts: Mutex<Counts>,
    most: AtomicUsize,
    most_of_one: AtomicUsize,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    of: HashMap<IpAddr, usize, foldhash::fast::RandomState>,
}

/// A place taken; dropped when the connection closes.
pub(crate) struct Place {
    census: Arc<Census>,
    /// Whose connection it is; `None` until a proxy has said it.
    network: Option<IpAddr>,
}

impl Census {
    /// Limits: connections, all and of an address.
    pub(crate) fn new(most: usize, most_of_one: usize) -> Arc<Self> {
        let (most, most_of_one) = (AtomicUsize::new(most), AtomicUsize::new(most_of_one));
        Arc::new(Self { counts: Mutex::default(), most, most_of_one })
    }

    /// Changes the limits for connections to come.
    pub(crate) fn limit(&self, most: usize, most_of_one: usize) {
        self.most.store(most, Ordering::Relaxed);
        self.most_of_one.store(most_of_one, Ordering::Relaxed);
    }

    /// Takes a place, or none when the gateway or the address is full.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let network = network_of(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let here = counts.of.get(&network).copied().unwrap_or(0);
        if counts.all >= self.most.load(Ordering::Relaxed) || here >= self.most_of_one.load(Ordering::Relaxed) {
            return None;
        }
        counts.all += 1;
        counts.of.insert(network, here + 1);
        Some(Place { census: Arc::clone(self), network: Some(network) })
    }

    /// Takes a place for someone whom a proxy has yet to name.
    pub(crate) fn enter_unnamed(self: &Arc<Self>) -> Option<Place> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.most.load(Ordering::Relaxed) {
            return None;
        }
        counts.all += 1;
        Some(Place { census: Arc::clone(self), network: None })
    }

    /// Connections now.
    pub(crate) fn count(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Place {
    /// Counts it for the address that a proxy has named; whether there is room for that address.
    pub(crate) fn name(&mut self, address: IpAddr) -> bool {
        let network = network_of(address);
        let mut counts = self.census.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let most = self.census.most_of_one.load(Ordering::Relaxed);
        let count = counts.of.entry(network).or_default();
        let has_room = self.network.is_none() && *count < most;
        if has_room {
            *count += 1;
            self.network = Some(network);
        }
        has_room
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.census.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        let Some(network) = self.network else { return };
        match counts.of.get_mut(&network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                counts.of.remove(&network);
            }
        }
    }
}

/// An IPv4 address, or the /64 of an IPv6 address: one customer usually has all of it.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_full_before_the_gateway_is() {
        let census = Census::new(3, 2);
        let a: IpAddr = "2001:db8::1".parse().unwrap();
        let same_network: IpAddr = "2001:db8::2".parse().unwrap();
        let b: IpAddr = "192.0.2.1".parse().unwrap();
        let first = census.enter(a).unwrap();
        let _second = census.enter(same_network).unwrap();
        assert!(census.enter(a).is_none());
        let _third = census.enter(b).unwrap();
        drop(first);
        assert_eq!(census.count(), 2);
        assert!(census.enter(a).is_some());
    }

    #[test]
    fn who_is_named_by_a_proxy_counts_as_who_connects() {
        let census = Census::new(3, 1);
        let a: IpAddr = "192.0.2.1".parse().unwrap();
        let mut first = census.enter_unnamed().unwrap();
        let mut second = census.enter_unnamed().unwrap();
        let _third = census.enter_unnamed().unwrap();
        assert!(census.enter_unnamed().is_none());
        assert!(first.name(a) && !first.name(a) && !second.name(a));
        drop(first);
        assert!(second.name(a));
        assert_eq!(census.count(), 2);
    }
}
