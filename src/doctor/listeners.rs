//! Addresses that cannot be listened on.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixStream,
};

use config::Config;

use super::Finding;
use crate::control;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let addresses = config.listeners.iter().map(|listener| listener.address).chain(config.monitoring.address);
    addresses.filter_map(|address| unusable(address, config)).collect()
}

fn unusable(address: SocketAddr, config: &Config) -> Option<Finding> {
    let error = TcpListener::bind(address).err()?;
    let fix = match error.kind() {
        // It is this gateway that holds it.
        io::ErrorKind::AddrInUse if UnixStream::connect(control::path(&config.data)).is_ok() => return None,
        io::ErrorKind::AddrInUse => {
            format!("Find who holds it (`ss -ltnp sport = :{}`), or take another port.", address.port())
        }
        io::ErrorKind::PermissionDenied => {
            "Give the service CAP_NET_BIND_SERVICE (AmbientCapabilities in systemd), or take a port above 1023.".into()
        }
        io::ErrorKind::AddrNotAvailable => {
            "This machine does not have the address; correct it, or listen on 0.0.0.0 or [::].".into()
        }
        _ => "Correct the address.".into(),
    };
    Some(Finding::new(format!("{address} cannot be listened on: {error}"), fix))
}
