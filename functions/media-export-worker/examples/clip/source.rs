//! Recordings: a folder on disk, or one that is made as it is read.

use crate::synthetic::Synthetic;
use bytes::Bytes;
use export_domain::ports::{Bucket, ReadError, SourceStore, Unavailable};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// `LivePath` of the recording, whatever it is called on disk.
pub(crate) const LIVE_PATH: &str = "mp4/device/1/stream.mpd";

/// Where the recording is read.
#[derive(Debug)]
pub(crate) enum Source {
    Folder(Folder),
    Synthetic(Synthetic),
}

/// Nothing is held in memory, so that the worker's own need can be seen.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    mpd: String,
}

impl Source {
    /// The manifest's text.
    pub(crate) fn manifest(&self) -> Result<Bytes, ReadError> {
        self.get(LIVE_PATH, None)
    }

    fn get(&self, key: &str, range: Option<(u64, u64)>) -> Result<Bytes, ReadError> {
        let directory = LIVE_PATH.trim_end_matches("stream.mpd");
        let name = key.strip_prefix(directory).ok_or(ReadError::NotFound)?;
        match self {
            Source::Folder(folder) => folder.get(name, range),
            Source::Synthetic(synthetic) => cut(&synthetic.get(name)?, range),
        }
    }
}

impl SourceStore for Source {
    async fn read(
        &self,
        _bucket: &Bucket,
        key: &str,
        range: Option<(u64, u64)>,
        _most: u64,
    ) -> Result<Bytes, ReadError> {
        self.get(key, range)
    }
}

impl Folder {
    /// The recording in `path` whose manifest is called `mpd`.
    pub(crate) fn new(path: &Path, mpd: &str) -> Self {
        Self { path: path.to_owned(), mpd: mpd.to_owned() }
    }

    /// An object by its name beside the manifest, `stream.mpd`.
    pub(crate) fn get(&self, name: &str, range: Option<(u64, u64)>) -> Result<Bytes, ReadError> {
        let name = if name == "stream.mpd" { &self.mpd } else { name };
        read(&self.path.join(name), range).map_err(|error| match error.kind() {
            ErrorKind::NotFound => ReadError::NotFound,
            _ => unavailable(&error.to_string()),
        })
    }
}

/// A range past the end is cut (RFC 9110, section 14.1.2).
fn read(path: &Path, range: Option<(u64, u64)>) -> std::io::Result<Bytes> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    let (first, last) = range.unwrap_or((0, u64::MAX));
    let length = last.saturating_add(1).min(end).saturating_sub(first);
    file.seek(SeekFrom::Start(first))?;
    let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(length).read_to_end(&mut content)?;
    Ok(content.into())
}

fn cut(body: &Bytes, range: Option<(u64, u64)>) -> Result<Bytes, ReadError> {
    let Some((first, last)) = range else { return Ok(body.clone()) };
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let end = at(last).saturating_add(1).min(body.len());
    if at(first) >= end {
        return Err(unavailable("the range is not satisfiable"));
    }
    Ok(body.slice(at(first)..end))
}

/// What a store says that does not answer.
pub(crate) fn unavailable(why: &str) -> ReadError {
    ReadError::Unavailable(Unavailable("the recording", why.to_owned()))
}
