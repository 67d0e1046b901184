//! Root, who is not needed: a port below 1024 takes one capability.

use config::Config;

use super::Finding;

pub(super) fn check(_: &Config) -> Vec<Finding> {
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    vec![Finding::new(
        "this is root, as whom a flaw of the gateway would own the machine",
        "Run it (and this check) as a user of its own, as packaging/portcullis.service does; for ports below 1024 give \
         it CAP_NET_BIND_SERVICE.",
    )]
}
