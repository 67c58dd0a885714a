//! ffmpeg as a child: pipes only, empty environment, its own process group, gone when its handle is. What else it may
//! not do is in `cage`.

pub mod cage;
pub mod children;
mod watchdog;

use self::cage::{CagePolicy, NOT_ENTERED};
use crate::error::Error;
use crate::machine::{cores, too_heavy};
use export_media::nal::Sps;
use export_media::picture::PictureFormat;
use export_media::weight::still;
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::process::{Child, ChildStderr, Command};

use self::watchdog::Watch;
use crate::task::Task;

/// Bytes of complaints that are kept.
const STDERR_KEPT: usize = 4096;
/// Bytes of the largest function.
const MOST_MEMORY: u64 = 10_240 << 20;
/// Address space that is reserved and not used: 1.1 GiB was measured with two cores, most of it the heaps and stacks of
/// threads.
const RESERVED: u64 = 1 << 30;
const RESERVED_A_CORE: u64 = 1 << 29;
/// As large as an unprivileged process may make a pipe.
const PIPE_BYTES: usize = 1 << 20;

/// ffmpeg's messages when the machine has no more memory or processes to give.
const STARVED: [&str; 2] = ["Cannot allocate memory", "Resource temporarily unavailable"];
/// Signals that a program brings on itself; any other comes from outside.
const OWN_SIGNALS: [i32; 5] = [
    Signal::ILL.as_raw(),
    Signal::ABORT.as_raw(),
    Signal::BUS.as_raw(),
    Signal::FPE.as_raw(),
    Signal::SEGV.as_raw(),
];

/// The pipe that ffmpeg reads.
pub(crate) type Stdin = Box<dyn AsyncWrite + Send + Sync + Unpin>;
/// The pipe that ffmpeg writes.
pub(crate) type Stdout = Box<dyn AsyncRead + Send + Sync + Unpin>;

/// The way to run ffmpeg.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: Program,
    /// Bytes that it shares with the worker.
    memory: u64,
}

#[derive(Debug, Clone)]
enum Program {
    Binary(Binary),
    Simulated(Arc<dyn Coder>),
}

#[derive(Debug, Clone)]
struct Binary {
    path: PathBuf,
    patience: Duration,
    cage: Option<CagePolicy>,
}

/// Stands in for ffmpeg where no process can be started: in simulations.
pub trait Coder: fmt::Debug + Send + Sync {
    /// Returns the output of ffmpeg with `args` after it read all of `input`.
    ///
    /// # Errors
    /// How it would be killed.
    fn code(&self, args: &[String], input: &[u8]) -> Result<Vec<u8>, String>;
}

/// Why ffmpeg did not end well.
#[derive(Debug)]
pub(crate) enum FfmpegError {
    /// It ended by itself with this complaint, and would do so again.
    Refused(String),
    /// Anything else.
    Other(Error),
}

impl FfmpegError {
    /// The error for a complaint is what `refused` makes of it.
    pub(crate) fn or(self, refused: impl FnOnce(String) -> Error) -> Error {
        match self {
            Self::Refused(complaint) => refused(complaint),
            Self::Other(error) => error,
        }
    }
}

impl From<Error> for FfmpegError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for FfmpegError {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}

/// A running ffmpeg.
#[derive(Debug)]
pub(crate) enum Running {
    Child(Box<Caged>),
    Simulated(Task<Result<(), Error>>),
}

/// A child process.
#[derive(Debug)]
pub(crate) struct Caged {
    child: Child,
    group: Option<Pid>,
    complaints: Arc<Mutex<Vec<u8>>>,
    drain: Option<Task<()>>,
    guard: Option<Task<()>>,
    patience: Duration,
}

impl Ffmpeg {
    /// The binary at `path` in the cage, given up when it has hung for `patience`. Only for a binary whose `main`
    /// begins with [`cage::enter`].
    pub fn caged(path: impl Into<PathBuf>, patience: Duration, policy: CagePolicy) -> Self {
        Self::binary(path.into(), patience, Some(policy))
    }

    /// The same without the cage: for programs that are fed by the user who starts them.
    pub fn at(path: impl Into<PathBuf>, patience: Duration) -> Self {
        Self::binary(path.into(), patience, None)
    }

    fn binary(path: PathBuf, patience: Duration, cage: Option<CagePolicy>) -> Self {
        Self { program: Program::Binary(Binary { path, patience, cage }), memory: MOST_MEMORY }
    }

    /// The same in a function of so many bytes.
    #[must_use]
    pub fn within(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    /// Bytes that it shares with the worker.
    pub(crate) fn memory(&self) -> u64 {
        self.memory
    }

    /// # Errors
    /// [`Kind::PicturesTooLarge`] if pictures cannot be decoded to `format` in this memory.
    ///
    /// [`Kind::PicturesTooLarge`]: crate::Kind::PicturesTooLarge
    pub(crate) fn check_fits(&self, sps: &Sps, format: &PictureFormat) -> Result<(), Error> {
        let takes = still(sps, format, cores());
        if takes <= self.memory { Ok(()) } else { Err(too_heavy(format, takes, self.memory).into()) }
    }

    /// No process at all.
    pub fn simulated(coder: Arc<dyn Coder>) -> Self {
        Self { program: Program::Simulated(coder), memory: MOST_MEMORY }
    }

    /// Starts it with `args`; returns it with the pipe that it reads and the one that it writes.
    pub(crate) fn start(&self, args: &[String]) -> Result<(Running, Stdin, Stdout), Error> {
        match &self.program {
            Program::Binary(binary) => {
                let (caged, input, output) = Caged::start(binary, address_space(self.memory), args)?;
                Ok((Running::Child(Box::new(caged)), input, output))
            }
            Program::Simulated(coder) => Ok(simulate(Arc::clone(coder), args.to_vec())),
        }
    }

    /// Runs it with `args` to its end: it reads `input`, and all that it writes goes to `taken`. Says whether it had
    /// nothing to complain about.
    pub(crate) async fn run(
        &self,
        args: &[String],
        input: &[impl AsRef<[u8]>],
        taken: &mut (impl AsyncWrite + Unpin),
    ) -> Result<bool, FfmpegError> {
        let (running, mut to, mut from) = self.start(args)?;
        let write = async {
            for part in input {
                to.write_all(part.as_ref()).await?;
            }
            drop(to);
            Ok(())
        };
        tokio::try_join!(write, tokio::io::copy(&mut from, taken))?;
        running.finish_silently().await
    }
}

impl Binary {
    fn command(&self, address_space: u64) -> std::process::Command {
        match self.cage {
            Some(policy) => cage::command(policy, address_space, &self.path),
            None => std::process::Command::new(&self.path),
        }
    }
}

impl Running {
    /// Waits for its end, which its input's end brings about.
    pub(crate) async fn finish(self) -> Result<(), FfmpegError> {
        self.finish_silently().await.map(|_| ())
    }

    /// The same; whether it had nothing to complain about.
    pub(crate) async fn finish_silently(self) -> Result<bool, FfmpegError> {
        match self {
            Running::Child(caged) => caged.finish().await,
            Running::Simulated(task) => {
                task.await.map_err(Error::from)??;
                Ok(true)
            }
        }
    }
}

impl Caged {
    fn start(binary: &Binary, address_space: u64, args: &[String]) -> Result<(Self, Stdin, Stdout), Error> {
        let failed = |why: &str| Error::Passing(format!("failed to start ffmpeg: {why}"));
        let patience = binary.patience;
        let mut child = Command::from(binary.command(address_space))
            .args(args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed(&e.to_string()))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (input, output) =
            child.stdin.take().zip(child.stdout.take()).ok_or_else(|| failed("no pipes"))?;
        // Fewer, larger reads and writes; the default serves as well, only slower.
        let _ = fcntl_setpipe_size(&input, PIPE_BYTES);
        let _ = fcntl_setpipe_size(&output, PIPE_BYTES);
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let drain = child.stderr.take().map(|pipe| Task::spawn(drain(pipe, Arc::clone(&complaints))));
        let watch = Watch::default();
        let guard =
            group.map(|group| Task::spawn(guard(watch.clone(), group, patience, Arc::clone(&complaints))));
        let caged = Self { child, group, complaints, drain, guard, patience };
        Ok((caged, Box::new(watch.over(input)), Box::new(watch.over(output))))
    }

    async fn finish(mut self) -> Result<bool, FfmpegError> {
        // Its number may be another's once it has been waited for.
        self.guard = None;
        let waited = tokio::time::timeout(self.patience, self.child.wait()).await;
        let status =
            waited.map_err(|_| Error::Passing("ffmpeg wrote all it had and did not end".to_owned()))??;
        self.group = None;
        if let Some(drain) = self.drain.take() {
            // Ends with the pipe, so with the child.
            let _ = drain.await;
        }
        let complaints = self.complaints();
        if status.success() { Ok(complaints.is_empty()) } else { Err(failure(status, &complaints)) }
    }

    fn complaints(&self) -> String {
        let text = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).replace(['\n', '\r'], " | ")
    }
}

/// The address space of a process that shares `memory` bytes with others: one that takes more fails alone.
fn address_space(memory: u64) -> u64 {
    let cores = u64::try_from(cores()).unwrap_or(1);
    memory.saturating_add(RESERVED).saturating_add(cores.saturating_mul(RESERVED_A_CORE))
}

/// Judges an end without success by the next try's chances.
fn failure(status: ExitStatus, complaints: &str) -> FfmpegError {
    let why = format!("ffmpeg ended with {status}: {complaints}");
    let starved = STARVED.iter().any(|text| complaints.contains(text));
    FfmpegError::Other(match (status.code(), status.signal()) {
        (Some(status), _) if status == i32::from(NOT_ENTERED) => Error::Passing(why),
        _ if starved => Error::Passing(why),
        (Some(_), _) if !complaints.is_empty() => return FfmpegError::Refused(plain(complaints)),
        (None, Some(signal)) if !OWN_SIGNALS.contains(&signal) => Error::Passing(why),
        _ => Error::Unexplained(why),
    })
}

/// A complaint without the addresses of the parts that make it: `[h264 @ 0x5581] …`.
fn plain(complaints: &str) -> String {
    let mut parts = complaints.split(" @ 0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
}

impl Drop for Caged {
    /// The group may hold more than the child itself.
    fn drop(&mut self) {
        let Some(group) = self.group else { return };
        let complaints = self.complaints();
        if !complaints.is_empty() {
            tracing::warn!(complaints, "ffmpeg was cut off");
        }
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // It may end by itself in between.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads all, codes it, writes all.
fn simulate(coder: Arc<dyn Coder>, args: Vec<String>) -> (Running, Stdin, Stdout) {
    let (input, mut reads) = duplex(PIPE_BYTES);
    let (mut writes, output) = duplex(PIPE_BYTES);
    let task = Task::spawn(async move {
        let mut read = Vec::new();
        reads.read_to_end(&mut read).await?;
        let written = coder.code(&args, &read).map_err(Error::Passing)?;
        // As with a process, whoever reads may have enough.
        let _ = writes.write_all(&written).await;
        Ok(())
    });
    (Running::Simulated(task), Box::new(input), Box::new(output))
}

/// Ends one that hangs; its pipes then end too, and the tasks that wait for them go on.
async fn guard(watch: Watch, group: Pid, patience: Duration, complaints: Arc<Mutex<Vec<u8>>>) {
    watch.hung(group.as_raw_nonzero().get(), patience).await;
    complaints.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(b"it hung\n");
    // It may end by itself in between.
    let _ = kill_process_group(group, Signal::KILL);
}

/// A full pipe would stop ffmpeg.
async fn drain(mut pipe: ChildStderr, kept: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = STDERR_KEPT.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..read.min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Judge = Box<dyn Fn(&Result<bool, FfmpegError>) -> bool>;

    /// How a shell script in ffmpeg's place ends; it is fed a megabyte.
    async fn ended(script: &str) -> Result<bool, FfmpegError> {
        let shell = Ffmpeg::at("/bin/sh", Duration::from_secs(30));
        shell.run(&["-c".to_owned(), script.to_owned()], &[vec![0; 1 << 20]], &mut Vec::new()).await
    }

    #[tokio::test]
    async fn how_ffmpeg_ends_says_whether_it_would_end_so_again() {
        let refused = |text: &'static str| move |end: &Result<bool, FfmpegError>| matches!(end, Err(FfmpegError::Refused(complaint)) if complaint == text);
        let passing =
            |end: &Result<bool, FfmpegError>| matches!(end, Err(FfmpegError::Other(Error::Passing(_))));
        let unexplained =
            |end: &Result<bool, FfmpegError>| matches!(end, Err(FfmpegError::Other(Error::Unexplained(_))));
        let well = |silent| move |end: &Result<bool, FfmpegError>| matches!(end, Ok(s) if *s == silent);
        let ends: [(&str, Judge); 10] = [
            ("exit 0", Box::new(well(true))),
            ("echo odd >&2", Box::new(well(false))),
            ("echo '[a @ 0x5d7f] no such codec' >&2; exit 1", Box::new(refused("[a] no such codec | "))),
            ("/bin/cat >/dev/null; echo no >&2; exit 234", Box::new(refused("no | "))),
            ("exit 1", Box::new(unexplained)),
            ("kill -SEGV $$", Box::new(unexplained)),
            ("kill -KILL $$", Box::new(passing)),
            ("echo half-way >&2; kill -KILL $$", Box::new(passing)),
            ("echo 'x: Cannot allocate memory' >&2; exit 244", Box::new(passing)),
            ("echo 'no such library' >&2; exit 127", Box::new(passing)),
        ];
        for (script, judge) in ends {
            let end = ended(script).await;
            assert!(judge(&end), "{script}: {end:?}");
        }
    }
}
