//! The place that bytes go to: a `.part` file beside the goal, or stdout.

use crate::api::FileView;
use crate::error::{CliError, Exit};
use crate::output::written;
use crate::sign::hex;
use export_domain::ids::JobId;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A file that grows, or stdout.
pub(super) enum DownloadSink {
    /// A file beside the goal that only one process writes.
    Part { path: PathBuf, file: File, have: u64 },
    /// Stdout, and how much went there.
    Stdout { have: u64 },
}

impl DownloadSink {
    pub(super) fn stdout() -> Self {
        Self::Stdout { have: 0 }
    }

    /// The file that `place` grows in. It carries the job's name, so that no other clip is continued.
    pub(super) fn part_of(place: &Path, id: &JobId) -> Result<Self, CliError> {
        let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            let made = std::fs::create_dir_all(parent);
            made.map_err(|error| {
                CliError::file(format!("the folder {} cannot be made", parent.display()), &error)
            })?;
        }
        let mut path = place.as_os_str().to_owned();
        path.push(format!(".{}.part", id.as_str().get(..8).unwrap_or_default()));
        let path = PathBuf::from(path);
        let failed =
            |error: &io::Error| CliError::file(format!("{} cannot be written", path.display()), error);
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = file.map_err(|error| failed(&error))?;
        // Some file systems know no locks.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            let message = format!("another process downloads {}", path.display());
            return Err(CliError::new(Exit::Failed, message));
        }
        let have = file.metadata().map_err(|error| failed(&error))?.len();
        Ok(Self::Part { path, file, have })
    }

    /// Bytes that are there.
    pub(super) fn have(&self) -> u64 {
        match self {
            Self::Part { have, .. } | Self::Stdout { have } => *have,
        }
    }

    /// The file's own path.
    pub(super) fn part(&self) -> Option<&Path> {
        match self {
            Self::Part { path, .. } => Some(path),
            Self::Stdout { .. } => None,
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        let count = u64::try_from(bytes.len()).unwrap_or(0);
        match self {
            Self::Part { path, file, .. } => {
                file.write_all(bytes).map_err(|error| unwritten(path, &error))?;
            }
            Self::Stdout { .. } => written(io::stdout().write_all(bytes))?,
        }
        let (Self::Part { have, .. } | Self::Stdout { have }) = self;
        *have += count;
        Ok(())
    }

    /// Forgets what is there.
    pub(super) fn restart(&mut self) -> Result<(), CliError> {
        if let Self::Part { path, file, have } = self {
            file.set_len(0).map_err(|error| unwritten(path, &error))?;
            *have = 0;
        }
        Ok(())
    }

    /// Makes sure that all bytes are where they should be.
    pub(super) fn done(&mut self) -> Result<(), CliError> {
        match self {
            Self::Part { path, file, .. } => file.sync_all().map_err(|error| unwritten(path, &error)),
            Self::Stdout { .. } => written(io::stdout().flush()),
        }
    }

    /// Returns `true` if the file has the size and the checksum that the service names.
    pub(super) fn is_whole(&self, expected: &FileView) -> Result<bool, CliError> {
        match self.part() {
            Some(path) => is_like(path, expected)
                .map_err(|error| CliError::file(format!("{} cannot be read", path.display()), &error)),
            None => Ok(true),
        }
    }

    /// Gives the file its name; never that of another one, unless it may be replaced.
    pub(super) fn publish(self, place: &Path, may_replace: bool) -> Result<(), CliError> {
        let Self::Part { path, .. } = self else { return Ok(()) };
        let moved = if may_replace { std::fs::rename(&path, place) } else { claim(&path, place) };
        moved.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                super::occupied(place).because(format!("the download is in {}", path.display()))
            }
            _ => CliError::file(format!("{} cannot be named {}", path.display(), place.display()), &error),
        })?;
        let folder = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The name is only as safe as its folder; some file systems do not sync folders.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// Renames without replacing: a second name is refused where there is a file.
fn claim(path: &Path, place: &Path) -> io::Result<()> {
    match std::fs::hard_link(path, place) {
        Ok(()) => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Without hard links, what a look has not found is replaced.
        Err(_) if place.symlink_metadata().is_err() => std::fs::rename(path, place),
        Err(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

fn unwritten(path: &Path, error: &io::Error) -> CliError {
    let help = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room; the same command goes on from there"
        }
        _ => "what is there is kept: the same command goes on from there",
    };
    CliError::file(format!("{} cannot be written", path.display()), error).help(help)
}

/// Returns `true` if a file that is there is the one that the service names.
pub(super) fn is_same(path: &Path, expected: &FileView) -> bool {
    expected.sha256.is_some() && is_like(path, expected).unwrap_or(false)
}

/// Same size, and the same checksum if one is named.
fn is_like(path: &Path, expected: &FileView) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != expected.bytes {
        return Ok(false);
    }
    let Some(sum) = &expected.sha256 else { return Ok(true) };
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; super::CHUNK]);
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            count => hash.update(chunk.get(..count).unwrap_or_default()),
        }
    }
    Ok(hex(&hash.finalize()) == *sum)
}
