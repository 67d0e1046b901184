//! The systemd unit: its directives, and what systemd says of them where it is installed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::ErrorKind,
    process::{Command, Output},
};

const UNIT: &str = include_str!("../packaging/portcullis.service");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/portcullis.service");

/// Every value of a directive, in order; an empty one resets those before it.
fn values(directive: &str) -> Vec<&'static str> {
    let value = |line: &'static str| line.strip_prefix(directive)?.strip_prefix('=');
    UNIT.lines().filter_map(value).collect()
}

/// Runs `systemd-analyze security` with the highest exposure that is good, in tenths; `None` where there is none.
fn analyze(threshold: &str) -> Option<Output> {
    let arguments = ["security", "--offline=true", "--no-pager", threshold, PATH];
    match Command::new("systemd-analyze").args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("systemd-analyze: {error}"),
    }
}

#[test]
fn systemd_rates_the_exposure_at_most_1_5() {
    let Some(output) = analyze("--threshold=15") else {
        eprintln!("systemd-analyze is not installed; the directives are still checked by the other tests");
        return assert_restrictions();
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Overall exposure level for portcullis.service"), "{said}");
    assert!(!said.contains("Unknown key") && !said.contains("Failed to parse"), "{said}");
    // The threshold is heeded at all.
    assert!(!analyze("--threshold=1").unwrap().status.success());
}

#[test]
fn the_unit_restricts_what_the_rating_counts_on() {
    assert_restrictions();
}

fn assert_restrictions() {
    let yes = [
        "DynamicUser",
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "PrivateIPC",
        "PrivateMounts",
        "ProtectClock",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "ProtectControlGroups",
        "RemoveIPC",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "LockPersonality",
        "MemoryDenyWriteExecute",
    ];
    for directive in yes {
        assert_eq!(values(directive), ["yes"], "{directive}");
    }
    for (directive, value) in [
        ("ProtectSystem", "strict"),
        ("ProtectProc", "invisible"),
        ("ProcSubset", "pid"),
        ("DevicePolicy", "closed"),
        ("KeyringMode", "private"),
        ("SystemCallArchitectures", "native"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"),
        ("AmbientCapabilities", "CAP_NET_BIND_SERVICE"),
        ("UMask", "0077"),
    ] {
        assert_eq!(values(directive), [value], "{directive}");
    }
    assert_eq!(values("SystemCallFilter"), ["@system-service", "~@privileged @resources"]);
}

#[test]
fn the_unit_starts_reloads_and_keeps_what_the_gateway_needs() {
    assert_eq!(values("Type"), ["exec"], "the gateway does not notify");
    assert_eq!(values("ExecStart"), ["/usr/bin/portcullis serve -c /etc/portcullis/portcullis.yaml"]);
    assert_eq!(values("ExecReload"), ["/bin/kill -HUP $MAINPID"]);
    assert_eq!((values("StateDirectory"), values("StateDirectoryMode")), (vec!["portcullis"], vec!["0700"]));
    let limit: u64 = values("LimitNOFILE")[0].parse().unwrap();
    assert!(limit >= 2 * 10_000 + 128, "`portcullis doctor` asks for more with the default limits");
}
