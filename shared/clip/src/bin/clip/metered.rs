//! A cut's reads and writes, counted.

use crate::synthetic::Synthetic;
use bytes::Bytes;
use export_clip::{ClipFile, ClipWriter, Error, FileWriter, Folder, ReadFailure, Sink, Source};
use export_media::mpd::{Mpd, MpdError, ObjectRange};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Calls and the bytes that they moved.
#[derive(Debug, Default)]
struct Count {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, bytes: usize) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or_default(), Ordering::Relaxed);
    }

    fn value(&self) -> Value {
        let (requests, bytes) = (self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        json!({ "requests": requests, "bytes": bytes })
    }
}

/// The source that the recording is read from.
#[derive(Debug)]
pub(crate) enum Material {
    Folder(Folder),
    /// With its manifest's name.
    Synthetic(Synthetic, String),
}

/// A recording whose reads are counted by what they are for.
#[derive(Debug)]
pub(crate) struct Metered {
    recording: Arc<Material>,
    names: Vec<String>,
    /// Initialization segments and indexes.
    heads: Vec<ObjectRange>,
    manifests: Count,
    inits: Count,
    media: Count,
    missing: Count,
}

impl Metered {
    /// The recordings whose manifests are `manifests`, which tell initialization segments and indexes from media.
    pub(crate) fn new(recording: Arc<Material>, manifests: &[(String, Mpd)]) -> Result<Self, MpdError> {
        let mut heads = Vec::new();
        for (name, mpd) in manifests {
            let directory = name.rfind('/').map_or("", |at| &name[..=at]);
            for representation in mpd.periods.iter().flat_map(|period| &period.representations) {
                let found = [representation.init()?, representation.index()?];
                let placed =
                    |head: ObjectRange| ObjectRange { path: format!("{directory}{}", head.path), ..head };
                heads.extend(found.into_iter().flatten().map(placed));
            }
        }
        let names = manifests.iter().map(|(name, _)| name.clone()).collect();
        let count = Count::default;
        let (manifests, inits, media, missing) = (count(), count(), count(), count());
        Ok(Self { recording, names, heads, manifests, inits, media, missing })
    }

    /// Calls and bytes by kind of file: the manifest, initialization segments and indexes, media, and what is not
    /// there.
    pub(crate) fn read_so_far(&self) -> Value {
        json!({
            "manifest": self.manifests.value(),
            "init": self.inits.value(),
            "media": self.media.value(),
            "missing": self.missing.value(),
        })
    }

    fn is_head(&self, path: &str, range: Option<(u64, u64)>) -> bool {
        self.heads.iter().any(|r| r.path == path && r.range.map(|range| (range.first, range.last)) == range)
    }
}

impl Source for Material {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        match self {
            Self::Folder(folder) => folder.read(path, range, most).await,
            Self::Synthetic(synthetic, manifest) => cut(&synthetic.get(path, manifest)?, range),
        }
    }

    async fn size(&self, path: &str) -> Result<u64, ReadFailure> {
        match self {
            Self::Folder(folder) => folder.size(path).await,
            Self::Synthetic(synthetic, manifest) => {
                Ok(u64::try_from(synthetic.get(path, manifest)?.len()).unwrap_or(u64::MAX))
            }
        }
    }
}

impl Source for Metered {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        let read = self.recording.read(path, range, most).await;
        let count = match &read {
            Err(_) => &self.missing,
            Ok(_)
                if self.names.iter().any(|name| name == path)
                    || path.rsplit_once('.').is_some_and(|(_, kind)| kind == "m3u8") =>
            {
                &self.manifests
            }
            Ok(_) if self.is_head(path, range) => &self.inits,
            Ok(_) => &self.media,
        };
        count.add(read.as_ref().map_or(0, Bytes::len));
        read
    }

    async fn size(&self, path: &str) -> Result<u64, ReadFailure> {
        self.recording.size(path).await
    }
}

fn cut(body: &Bytes, range: Option<(u64, u64)>) -> Result<Bytes, ReadFailure> {
    let Some((first, last)) = range else { return Ok(body.clone()) };
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let end = at(last).saturating_add(1).min(body.len());
    if at(first) >= end {
        return Err(ReadFailure::Unavailable("the range is not satisfiable".to_owned()));
    }
    Ok(body.slice(at(first)..end))
}

/// The clip's file, if one is wanted, with its bytes counted.
#[derive(Debug)]
pub(crate) struct Output {
    file: Option<ClipFile>,
    written: Arc<AtomicU64>,
}

impl Output {
    pub(crate) fn new(file: Option<ClipFile>) -> Self {
        Self { file, written: Arc::default() }
    }

    /// Bytes of the clip and of all tries to make it.
    pub(crate) fn written_so_far(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

impl Sink for Output {
    type Writer = Counted;

    async fn begin(&self, headed: bool) -> Result<Counted, Error> {
        let file = match &self.file {
            Some(file) => Some(file.begin(headed).await?),
            None => None,
        };
        Ok(Counted { file, bytes: 0, written: Arc::clone(&self.written) })
    }
}

/// The clip's bytes on their way.
#[derive(Debug)]
pub(crate) struct Counted {
    file: Option<FileWriter>,
    bytes: u64,
    written: Arc<AtomicU64>,
}

impl Counted {
    fn count(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or_default();
        self.bytes += bytes;
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl ClipWriter for Counted {
    /// Size of the file in bytes.
    type Written = u64;

    async fn append(&mut self, data: &[u8]) -> Result<(), Error> {
        self.count(data.len());
        match &mut self.file {
            Some(file) => file.append(data).await,
            None => Ok(()),
        }
    }

    async fn finish(mut self, head: Option<Bytes>) -> Result<u64, Error> {
        self.count(head.as_ref().map_or(0, Bytes::len));
        match self.file {
            Some(file) => file.finish(head).await,
            None => Ok(self.bytes),
        }
    }
}
