//! The system calls that ffmpeg keeps: memory, threads of its own, pipes, time, and files to read.
//!
//! Any other answers as on a kernel that does not have it (ENOSYS), for which libraries are prepared: the C library
//! falls back from clone3 to clone, whose arguments a filter can see. Programs may still be executed, since ffmpeg
//! itself is, and a filter cannot count: a process that becomes another program is in the same cage.

use libc::{c_int, c_long};
use rustix::process::getpid;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};
use std::collections::BTreeMap;
use std::env::consts::ARCH;

/// Calls that are let through whatever their arguments are.
const FREE: &[c_long] = &[
    // Files that are open, and names of files.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_pselect6,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_write,
    libc::SYS_writev,
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads and signals of its own.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    // What it is and where.
    libc::SYS_execve,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_times,
];

/// The same of an architecture that has older forms of some of them.
#[cfg(target_arch = "x86_64")]
const FREE_OLD: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_getdents,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const FREE_OLD: &[c_long] = &[];

/// Flags of open(2) that a file to read has none of.
const WRITING: c_int = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC;
/// A new thread of this process has all of the first and none of the others.
const THREAD: c_int = libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_SIGHAND;
const NO_THREAD: c_int = libc::CLONE_VFORK
    | libc::CLONE_PTRACE
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;
/// prctl(2): names of memory, not in every C library's header.
const PR_SET_VMA: c_int = 0x5356_4d41;

/// One condition on the argument at `index`.
fn argument(index: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Qword, op, value)
}

/// Calls that are let through only with some arguments: one rule of each call's has to hold, with all its conditions.
fn bound(own: u64) -> Result<Vec<(c_long, Vec<SeccompRule>)>, BackendError> {
    // The kernel takes an int from the lower half of an argument.
    let int = |index: u8, value: c_int| {
        SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value.unsigned_abs().into())
    };
    let one_of = |index: u8, values: &[c_int]| -> Result<Vec<SeccompRule>, BackendError> {
        values.iter().map(|value| SeccompRule::new(vec![int(index, *value)?])).collect()
    };
    let masked = |index: u8, mask: c_int, value: c_int| {
        let (mask, value) = (u64::from(mask.unsigned_abs()), u64::from(value.unsigned_abs()));
        argument(index, SeccompCmpOp::MaskedEq(mask), value)
    };
    let reads = |index: u8| Ok::<_, BackendError>(vec![SeccompRule::new(vec![masked(index, WRITING, 0)?])?]);
    let itself = || Ok::<_, BackendError>(vec![SeccompRule::new(vec![argument(0, SeccompCmpOp::Eq, own)?])?]);
    let fcntl = [
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_SETFL,
        libc::F_GETPIPE_SZ,
    ];
    // Whether it is a terminal, how much there is to read, and what an execve(2) closes.
    let ioctl = [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONREAD, libc::FIOCLEX, libc::FIONCLEX];
    let ioctl = ioctl.map(|request| c_int::try_from(request).unwrap_or(0));
    let prctl = [libc::PR_SET_NAME, libc::PR_GET_NAME, PR_SET_VMA];
    let rules = vec![
        (libc::SYS_openat, reads(2)?),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, reads(1)?),
        (libc::SYS_clone, vec![SeccompRule::new(vec![masked(0, THREAD | NO_THREAD, THREAD)?])?]),
        (libc::SYS_fcntl, one_of(1, &fcntl)?),
        (libc::SYS_ioctl, one_of(1, &ioctl)?),
        (libc::SYS_prctl, one_of(0, &prctl)?),
        // Of itself, and only to read.
        (libc::SYS_prlimit64, vec![SeccompRule::new(vec![int(0, 0)?, argument(2, SeccompCmpOp::Eq, 0)?])?]),
        // abort(3) and raise(3).
        (libc::SYS_kill, itself()?),
        (libc::SYS_tgkill, itself()?),
    ];
    Ok(rules)
}

/// The calls that are let through of the process `own`: whatever their arguments are, or with those of one of the
/// rules.
fn rules(own: u64) -> Result<BTreeMap<c_long, Vec<SeccompRule>>, BackendError> {
    let mut rules: BTreeMap<_, _> = bound(own)?.into_iter().collect();
    rules.extend(FREE.iter().chain(FREE_OLD).map(|call| (*call, Vec::new())));
    Ok(rules)
}

/// The filter of these rules, which a process stays in when it becomes another program.
fn program(
    rules: BTreeMap<c_long, Vec<SeccompRule>>,
    architecture: TargetArch,
) -> Result<BpfProgram, BackendError> {
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, absent, SeccompAction::Allow, architecture)?.try_into()
}

/// Leaves this thread, and what it becomes, nothing but the calls of this list.
pub(super) fn filter() -> Result<(), Error> {
    let own = u64::from(getpid().as_raw_nonzero().get().unsigned_abs());
    apply_filter(&program(rules(own)?, ARCH.try_into()?)?)
}

#[cfg(test)]
mod tests;
