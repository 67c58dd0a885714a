//! The processes that this process has started, and theirs: none of them outlives an invocation.

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid};
use std::fs;
use std::time::Duration;

/// The number of looks for children that are left.
const LOOKS: u32 = 2000;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// From here on this process is the parent of all orphans below it (prctl(2), `PR_SET_CHILD_SUBREAPER`).
///
/// # Errors
/// The platform refuses it.
pub(crate) fn adopt() -> rustix::io::Result<()> {
    set_child_subreaper(Some(getpid()))
}

/// Kills and reaps every child of this process until there is none, whatever session it is in.
///
/// Blocks for as long as the kernel takes to end them, two seconds at most. Not while anything that runs in a child is
/// still wanted.
pub fn end() {
    for _ in 0..LOOKS {
        let children = children();
        if children.is_empty() {
            return;
        }
        for child in children {
            // It may have ended by itself, and the runtime may have waited for it.
            let _ = kill_process(child, Signal::KILL);
            let _ = waitpid(Some(child), WaitOptions::NOHANG);
        }
        std::thread::sleep(PAUSE);
    }
    tracing::error!("failed to end all processes that ffmpeg had started");
}

/// Processes whose parent is this one, as they are now.
fn children() -> Vec<Pid> {
    let own = getpid();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Pid::from_raw).filter(|process| parent_of(*process) == Some(own)).collect()
}

/// proc(5), `/proc/pid/stat`, field 4; the name before it may hold anything.
fn parent_of(process: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    let parent = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Pid::from_raw(parent)
}
