//! What is left to a gateway once it knows its configuration: to serve, to read its files, to write its data.
//!
//! Whoever takes the process over finds no program to start, no other process to look into, no file to write but the
//! gateway's own (Landlock), few ways to ask the kernel for anything (seccomp), and no way to more (`no_new_privs`).
//! Threads inherit all of it, so it is put on before there are any.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::{Path, PathBuf},
};

use config::{AccessLog, Config};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    path_beneath_rules,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Why a sandbox could not be put on. The gateway does not start then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    /// The kernel's answer to `prctl` or `setrlimit`.
    #[error("core dumps could not be switched off: {0}")]
    CoreDumps(io::Error),
    /// The kernel knows Landlock and refuses the rules.
    #[error("Landlock: {0}")]
    Landlock(#[from] landlock::RulesetError),
    /// The filter does not compile or is not taken.
    #[error("seccomp: {0}")]
    Seccomp(String),
}

/// What of it the kernel could do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sandbox {
    files: RulesetStatus,
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = match self.files {
            RulesetStatus::FullyEnforced => "files by Landlock",
            RulesetStatus::PartiallyEnforced => "files by Landlock, as far as this kernel knows it",
            RulesetStatus::NotEnforced => "no Landlock in this kernel, so files by their permissions alone",
        };
        write!(f, "sandboxed: no new privileges, no core dumps, system calls by seccomp, {files}")
    }
}

/// Places that a gateway uses.
#[derive(Debug)]
pub(crate) struct Places {
    read: BTreeSet<PathBuf>,
    write: BTreeSet<PathBuf>,
}

/// What libraries read: names and trust anchors, time zones, the C library's parts, figures of this process.
const OF_THE_SYSTEM: [&str; 8] = ["/etc", "/usr", "/lib", "/lib64", "/dev", "/proc", "/sys/fs/cgroup", "/run"];

impl Places {
    /// The folders of a configuration: its own and those of the files it names are read, its data and log written. A
    /// reload may name other files in them.
    pub(crate) fn of(config: &Config, file: &Path) -> Self {
        let folder = |path: &Path| match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => path.to_owned(),
        };
        let mut read: BTreeSet<PathBuf> = OF_THE_SYSTEM.iter().map(PathBuf::from).collect();
        read.insert(folder(file));
        read.extend(config.files.iter().map(|file| folder(file)));
        read.extend(["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(std::env::var_os).map(PathBuf::from));
        read.extend(config.identity.as_ref().and_then(|identity| identity.templates.clone()));
        let mut write = BTreeSet::from([config.data.clone()]);
        if let AccessLog::File(log) = &config.monitoring.access_log {
            write.insert(folder(log));
        }
        Self { read, write }
    }
}

/// Puts the sandbox on the calling thread, and so on all that it starts.
pub(crate) fn enter(places: &Places) -> Result<Sandbox, SandboxError> {
    forbid_core_dumps().map_err(|error| SandboxError::CoreDumps(error.into()))?;
    let files = restrict_files(places)?;
    restrict_system_calls().map_err(|error| SandboxError::Seccomp(error.to_string()))?;
    Ok(Sandbox { files })
}

/// A core holds keys and tokens. Not dumpable also means that no other process of this user may look into this one.
fn forbid_core_dumps() -> rustix::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}

fn restrict_files(places: &Places) -> Result<RulesetStatus, SandboxError> {
    let abi = ABI::V6;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let status = Ruleset::default()
        // An older kernel does what it can.
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(&places.read, read))?
        .add_rules(path_beneath_rules(&places.write, AccessFs::from_all(abi) & !AccessFs::Execute))?
        .add_rules(path_beneath_rules(["/dev/null"], read | AccessFs::WriteFile))?
        // Sets `no_new_privs` as well.
        .restrict_self()?;
    Ok(status.ruleset)
}

fn restrict_system_calls() -> Result<(), Box<dyn std::error::Error>> {
    let arch = std::env::consts::ARCH.try_into()?;
    let refused = |errno: rustix::io::Errno| SeccompAction::Errno(errno.raw_os_error().unsigned_abs());
    // `clone3` hides its flags from filters. Told that there is none, the C library takes `clone`.
    let no_clone3: BpfProgram = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        refused(rustix::io::Errno::NOSYS),
        arch,
    )?
    .try_into()?;
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    calls.insert(libc::SYS_clone3, Vec::new());
    let flag = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let thread = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), flag)?;
    calls.insert(libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]);
    // A thread may stand behind the others: further than it does already.
    let process = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, libc::PRIO_PROCESS.into())?;
    let own = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, 0)?;
    for call in [libc::SYS_getpriority, libc::SYS_setpriority] {
        calls.insert(call, vec![SeccompRule::new(vec![process.clone(), own.clone()])?]);
    }
    let filter = SeccompFilter::new(calls, refused(rustix::io::Errno::PERM), SeccompAction::Allow, arch)?;
    let only_allowed: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&no_clone3)?;
    seccompiler::apply_filter(&only_allowed)?;
    Ok(())
}

/// What sockets, files, memory, time and threads need. Not here, so refused: to start programs, to trace, to mount, to
/// load modules, to change users, namespaces, clocks or keys, `io_uring`, `bpf`, and whatever comes with later kernels.
const ALLOWED: &[i64] = &[
    // Sockets.
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socket,
    libc::SYS_socketpair,
    // What is ready.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    // Files.
    libc::SYS_close,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_ioctl,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pipe2,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat2,
    libc::SYS_statx,
    libc::SYS_sync_file_range,
    libc::SYS_umask,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    libc::SYS_write,
    libc::SYS_writev,
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munlock,
    libc::SYS_munmap,
    // Time and chance.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    // Threads, signals, and what a process is told of itself.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_yield,
    libc::SYS_seccomp,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_tgkill,
    libc::SYS_uname,
    // What only this architecture still has.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_arch_prctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getdents,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, io::ErrorKind, process::Command, thread};

    use super::*;

    /// What a thread in a sandbox can do; the test's own thread stays outside.
    fn inside<T: Send + 'static>(places: Places, act: impl FnOnce() -> T + Send + 'static) -> T {
        let thread = thread::spawn(move || {
            assert_eq!(enter(&places).unwrap().files, RulesetStatus::FullyEnforced, "this kernel has no Landlock");
            act()
        });
        thread.join().unwrap()
    }

    #[test]
    fn a_sandbox_leaves_its_own_files_and_threads_and_nothing_else() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (data, stranger) = (own.path().join("data"), other.path().join("secret"));
        fs::create_dir(&data).unwrap();
        fs::write(own.path().join("config"), "a").unwrap();
        fs::write(&stranger, "b").unwrap();
        let places = Places {
            read: [own.path().to_owned(), "/usr".into(), "/bin".into(), "/lib".into(), "/lib64".into()].into(),
            write: [data.clone()].into(),
        };
        let config = own.path().join("config");
        inside(places, move || {
            assert_eq!(fs::read_to_string(&config).unwrap(), "a");
            fs::write(data.join("written"), "c").unwrap();
            assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
            let refused = |error: io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            refused(fs::read(&stranger).unwrap_err());
            refused(fs::write(&config, "d").unwrap_err());
            refused(Command::new("/bin/true").spawn().unwrap_err());
        });
    }

    #[test]
    fn no_list_allows_a_program_to_be_started() {
        for call in [libc::SYS_execve, libc::SYS_execveat, libc::SYS_ptrace, libc::SYS_bpf, libc::SYS_io_uring_setup] {
            assert!(!ALLOWED.contains(&call), "{call}");
        }
    }
}
