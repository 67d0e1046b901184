//! How the product is built and installed: what the compiler is told, and the systemd unit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::{Command, Output};

const UNIT: &str = include_str!("../packaging/portcullis.service");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/portcullis.service");

/// Every value of a directive, in order; an empty one resets those before it.
fn values(directive: &str) -> Vec<&'static str> {
    let value = |line: &'static str| line.strip_prefix(directive)?.strip_prefix('=');
    UNIT.lines().filter_map(value).collect()
}

/// Runs `systemd-analyze security` with the highest exposure that is good, in tenths.
fn analyze(threshold: &str) -> Output {
    let arguments = ["security", "--offline=true", "--no-pager", threshold, PATH];
    Command::new("systemd-analyze").args(arguments).output().expect("the tests need Debian's systemd")
}

#[test]
fn systemd_rates_the_exposure_at_most_1_5() {
    let output = analyze("--threshold=15");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Overall exposure level for portcullis.service"), "{said}");
    assert!(!said.contains("Unknown key") && !said.contains("Failed to parse"), "{said}");
    // The threshold is heeded at all.
    assert!(!analyze("--threshold=1").status.success());
}

/// In another folder the product would be another binary, which nobody could compare with this one.
/// `cargo xtask reproduce` compares two whole ones.
#[test]
fn the_compiler_is_told_a_name_for_generated_sources_that_is_the_same_in_every_folder() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/.cargo");
    let config = std::fs::read_to_string(format!("{root}/config.toml")).unwrap();
    assert!(config.contains("rustc-wrapper = \".cargo/rustc\""), "{config}");
    let told = |folder: Option<&str>| {
        let mut compiler = Command::new(format!("{root}/rustc"));
        compiler.args(["printf", "%s\n", "an argument"]).env_remove("OUT_DIR").env("CARGO_PKG_NAME", "grammar");
        let output = folder.into_iter().fold(&mut compiler, |it, folder| it.env("OUT_DIR", folder)).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(told(None), "an argument\n");
    assert_eq!(told(Some("/some folder")), "an argument\n--remap-path-prefix=/some folder=generated/grammar\n");
}

/// Without the counts of ordinary load a request costs a fifth more.
#[test]
fn releases_are_compiled_with_the_counts_of_ordinary_load_and_nothing_else_is() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/.cargo");
    let counts = std::fs::read(format!("{root}/release.profdata")).unwrap();
    // The format's first byte and name (LLVM, InstrProf.h).
    assert!(counts.starts_with(b"\xfflprofi\x81"), "{:?}", counts.get(..8));
    let told = |folder: &str, level: &str, profile: &str| {
        let mut compiler = Command::new(format!("{root}/rustc"));
        compiler.args(["printf", "%s\n", "--out-dir", folder, "-C", level]).env_remove("OUT_DIR");
        let output = compiler.env("PORTCULLIS_PROFILE", profile).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().lines().skip(4).map(str::to_owned).collect::<Vec<_>>()
    };
    let used = format!("-Cprofile-use={root}/release.profdata");
    assert_eq!(told("/a/release/deps", "opt-level=3", ""), [used.as_str(), "-Cllvm-args=-no-pgo-warn-mismatch"]);
    assert_eq!(told("/a/release/deps", "opt-level=3", "generate"), ["-Cprofile-generate"]);
    for (folder, level) in [("/a/debug/deps", "opt-level=3"), ("/a/release/deps", "opt-level=0")] {
        assert!(told(folder, level, "").is_empty() && told(folder, level, "generate").is_empty(), "{folder} {level}");
    }
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
    let own = "@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self";
    assert_eq!(values("SystemCallFilter"), [own, "~@privileged @resources", "setpriority"]);
}

#[test]
fn the_unit_starts_reloads_and_keeps_what_the_gateway_needs() {
    assert_eq!((values("Type"), values("NotifyAccess")), (vec!["notify"], vec!["main"]));
    assert_eq!(values("ExecReload"), ["/bin/kill -HUP $MAINPID"]);
    assert_eq!(values("ExecStart"), ["/usr/bin/portcullis serve -c /etc/portcullis/portcullis.yaml"]);
    assert_eq!((values("StateDirectory"), values("StateDirectoryMode")), (vec!["portcullis"], vec!["0700"]));
    let limit: u64 = values("LimitNOFILE")[0].parse().unwrap();
    assert!(limit >= 2 * 10_000 + 128, "`portcullis doctor` asks for more with the default limits");
}
