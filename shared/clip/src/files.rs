//! A recording in a folder, and a clip as a file. Both block their thread for as long as the disk takes.

use crate::{Chunks, ClipWriter, Error, ReadFailure, Sink, Source};
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder whose files are read by their paths in it.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Source for Folder {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        read(&self.0.join(path), range, most).map_err(|error| match error.kind() {
            ErrorKind::NotFound => ReadFailure::NotFound,
            ErrorKind::PermissionDenied => ReadFailure::Denied("the recording may not be read".to_owned()),
            ErrorKind::FileTooLarge => ReadFailure::TooLarge,
            _ => ReadFailure::Unavailable(format!("failed to read {path}: {error}")),
        })
    }

    async fn size(&self, path: &str) -> Result<u64, ReadFailure> {
        fs::metadata(self.0.join(path)).map(|found| found.len()).map_err(|_| ReadFailure::NotFound)
    }
}

/// A range past the end is cut (RFC 9110, section 14.1.2).
fn read(path: &Path, range: Option<(u64, u64)>, most: u64) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    let (first, last) = range.unwrap_or((0, u64::MAX));
    let length = last.saturating_add(1).min(end).saturating_sub(first);
    if length > most {
        return Err(ErrorKind::FileTooLarge.into());
    }
    file.seek(SeekFrom::Start(first))?;
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(length).read_to_end(&mut content)?;
    Ok(content.into())
}

/// The number of files that were begun.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// A clip that becomes one file, in whose place there is nothing until it is whole.
#[derive(Debug, Clone)]
pub struct ClipFile(PathBuf);

impl ClipFile {
    /// The file at `path`; one that is there is replaced.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Sink for ClipFile {
    type Writer = FileWriter;

    async fn begin(&self, _headed: bool) -> Result<FileWriter, Error> {
        // The writer of an earlier try may still be on its way out, and takes its own file along.
        let number = BEGUN.fetch_add(1, Ordering::Relaxed);
        let body = self.0.with_added_extension(format!("{number}.part"));
        let file = File::create(&body).map_err(|error| failed(&body, &error))?;
        Ok(FileWriter { path: self.0.clone(), part: PartialFile { path: body, file } })
    }
}

/// The clip's bytes on their way, beside the file that they become.
#[derive(Debug)]
pub struct FileWriter {
    path: PathBuf,
    part: PartialFile,
}

/// A file that is removed with its writer.
#[derive(Debug)]
struct PartialFile {
    path: PathBuf,
    file: File,
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        // It is gone if it has become the clip.
        let _ = fs::remove_file(&self.path);
    }
}

impl ClipWriter for FileWriter {
    /// Size of the file in bytes.
    type Written = u64;

    async fn append(&mut self, data: &[u8]) -> Result<(), Error> {
        self.part.file.write_all(data).map_err(|error| failed(&self.part.path, &error))
    }

    async fn finish(self, head: Option<Bytes>) -> Result<u64, Error> {
        let write = || match &head {
            None => {
                fs::rename(&self.part.path, &self.path).and_then(|()| Ok(fs::metadata(&self.path)?.len()))
            }
            Some(head) => {
                let mut whole = File::create(&self.path)?;
                whole.write_all(head)?;
                let body = io::copy(&mut File::open(&self.part.path)?, &mut whole)?;
                Ok(body + u64::try_from(head.len()).unwrap_or_default())
            }
        };
        write().map_err(|error| failed(&self.path, &error))
    }
}

/// The objects of a clip's chunks in a folder, one a file.
#[derive(Debug, Clone)]
pub struct ChunkFolder(PathBuf);

impl ChunkFolder {
    /// The folder at `path`, which exists.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file of chunk `n`.
    pub fn file(&self, n: u32) -> ClipFile {
        ClipFile::new(self.path(n))
    }

    fn path(&self, n: u32) -> PathBuf {
        self.0.join(format!("{n}.chunk"))
    }
}

impl Chunks for ChunkFolder {
    async fn size(&self, n: u32) -> Result<Option<u64>, Error> {
        match fs::metadata(self.path(n)) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Unanswered(format!("chunk {n}: {error}"))),
        }
    }

    async fn read(&self, n: u32, first: u64, last: u64) -> Result<Bytes, Error> {
        let bytes = read(&self.path(n), Some((first, last)), u64::MAX)
            .map_err(|error| Error::Unanswered(format!("chunk {n}: {error}")))?;
        Ok(bytes)
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::Outside(format!("failed to write {}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_try_is_whole_though_the_first_one_ends_after_it_was_begun() {
        let folder = std::env::temp_dir().join(format!("export-clip-files-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let sink = ClipFile::new(folder.join("clip.ts"));
        let first = sink.begin(false).await.unwrap();
        let mut second = sink.begin(false).await.unwrap();
        drop(first);
        second.append(b"clip").await.unwrap();
        assert_eq!(second.finish(None).await.unwrap(), 4);
        let left: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["clip.ts"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
