//! The cage of ffmpeg: what its process gives up before ffmpeg is loaded into it.
//!
//! The worker's own binary is started once more, with `cage` as its first argument. Before anything else of it runs,
//! single-threaded and with an empty environment, it takes from itself what ffmpeg does not need, and becomes ffmpeg.

mod calls;

use super::children;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::str::FromStr;

/// First argument of a process that is to become ffmpeg; the policy, the bytes of address space, ffmpeg's path and its
/// arguments follow.
const ENTER: &str = "cage";
/// Only argument of a process that is to say which parts of the cage are missing.
const CHECK: &str = "cage-check";
/// This very binary, also if its file has been removed.
const SELF: &str = "/proc/self/exe";
/// Exit status of a process that did not become ffmpeg: that of a program that cannot be loaded.
pub(crate) const NOT_ENTERED: u8 = 127;

/// CPU seconds over all threads: more than any invocation has.
const CPU_SECONDS: u64 = 6 * 900;
/// Standard input, output and error are pipes; what follows them is not ffmpeg's.
const FIRST_FOREIGN_FILE: i32 = 3;

/// The policy where the platform refuses a part of the cage: a variant of `FFMPEG_CAGE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CagePolicy {
    /// `required`: ffmpeg does not run.
    Required,
    /// `preferred`: it runs in what is left of the cage.
    Preferred,
}

impl CagePolicy {
    fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
        }
    }
}

impl FromStr for CagePolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Required, Self::Preferred].into_iter().find(|policy| policy.name() == text).ok_or(())
    }
}

/// Becomes ffmpeg if this process was started to do so. `None` in any other process, which is the function then.
///
/// Must come before anything that starts threads, opens files or reads secrets. `arguments` are those of the process.
pub fn enter(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    let mode = arguments.next()?;
    if mode == OsStr::new(CHECK) {
        // What comes of it is read by the worker; without a reader there is nobody to tell.
        let _ = write!(io::stdout(), "{}", close(0).join("\n"));
        return Some(ExitCode::SUCCESS);
    }
    (mode == OsStr::new(ENTER)).then(|| {
        let why = become_program(arguments).unwrap_or_else(|why| why);
        let _ = writeln!(io::stderr(), "{why}");
        ExitCode::from(NOT_ENTERED)
    })
}

/// A start of `program` in the cage, whose arguments are still to be added.
pub(crate) fn command(policy: CagePolicy, address_space: u64, program: &Path) -> Command {
    let mut command = Command::new(SELF);
    command.arg(ENTER).arg(policy.name()).arg(address_space.to_string()).arg(program);
    command
}

/// Finds out which parts of the cage the platform refuses, in words. This process becomes the parent of what ffmpeg
/// leaves behind.
///
/// # Errors
/// Nothing could be found out.
pub fn check() -> io::Result<Vec<String>> {
    let mut missing = missing()?;
    missing.extend(children::adopt().err().map(|error| format!("orphans: {error}")));
    Ok(missing)
}

impl CagePolicy {
    /// Says whether ffmpeg may run in a cage without the parts in `missing`.
    ///
    /// # Errors
    /// A part is missing, and the policy is [`CagePolicy::Required`].
    pub fn judge(self, missing: &[String]) -> io::Result<()> {
        if missing.is_empty() {
            return Ok(());
        }
        let refused = missing.join("; ");
        tracing::error!(refused, policy = ?self, "the platform refuses a part of ffmpeg's cage");
        match self {
            Self::Required => Err(io::Error::other(refusal(&refused))),
            Self::Preferred => Ok(()),
        }
    }
}

fn refusal(refused: &str) -> String {
    format!("the platform refuses a part of ffmpeg's cage: {refused}")
}

/// The parts of the cage that the platform refuses, in words; tried in a process of its own.
fn missing() -> io::Result<Vec<String>> {
    let output = Command::new(SELF).arg(CHECK).env_clear().current_dir("/").output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("the check of the cage ended with {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// Returns only with the reason why it has not become the program.
fn become_program(mut arguments: impl Iterator<Item = OsString>) -> Result<String, String> {
    let mut next = || arguments.next().ok_or_else(|| "the cage lacks an argument".to_owned());
    let text =
        |argument: OsString| argument.into_string().map_err(|_| "the cage has a bad argument".to_owned());
    let (policy, address_space, program) = (text(next()?)?, text(next()?)?, next()?);
    let policy = CagePolicy::from_str(&policy).map_err(|()| format!("the cage has no policy {policy}"))?;
    let address_space =
        address_space.parse().map_err(|_| format!("the cage cannot hold {address_space} bytes"))?;
    let missing = close(address_space);
    if policy == CagePolicy::Required && !missing.is_empty() {
        return Err(refusal(&missing.join("; ")));
    }
    Ok(format!("{}: {}", program.display(), Command::new(&program).args(arguments).exec()))
}

/// Closes the cage around this process; returns the parts that the platform refused. An `address_space` of 0 bounds
/// none.
fn close(address_space: u64) -> Vec<String> {
    close_fds::set_fds_cloexec(FIRST_FOREIGN_FILE, &[]);
    let none = CapabilitySet::empty();
    let rights = CapabilitySets { effective: none, permitted: none, inheritable: none };
    let parts = [
        part("no_new_privs", set_no_new_privs(true)),
        part("capabilities", set_capabilities(None, rights)),
        part("limits", limit(address_space)),
        // The last one, for it refuses the others.
        part("system calls", calls::filter()),
    ];
    parts.into_iter().flatten().collect()
}

fn part<E: Display>(name: &str, closed: Result<(), E>) -> Option<String> {
    closed.err().map(|error| format!("{name}: {error}"))
}

fn limit(address_space: u64) -> rustix::io::Result<()> {
    let bounds = [
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::As, address_space),
    ];
    for (resource, most) in
        bounds.into_iter().filter(|(resource, most)| *resource != Resource::As || *most > 0)
    {
        // Nobody raises what the platform has bounded already.
        let most = getrlimit(resource).maximum.map_or(most, |bound| most.min(bound));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_other_process_is_the_function() {
        for arguments in [&["bootstrap"][..], &["bootstrap", "--help"], &[]] {
            assert!(enter(arguments.iter().map(OsString::from)).is_none(), "{arguments:?}");
        }
    }

    #[test]
    fn a_start_without_a_whole_description_of_the_cage_is_no_start() {
        for (given, why) in [
            ("", "the cage lacks an argument"),
            ("required 1", "the cage lacks an argument"),
            ("maybe 1 /bin/true", "the cage has no policy maybe"),
            ("required much /bin/true", "the cage cannot hold much bytes"),
        ] {
            let arguments = given.split_whitespace().map(OsString::from);
            assert_eq!(become_program(arguments), Err(why.to_owned()), "{given}");
        }
    }
}
