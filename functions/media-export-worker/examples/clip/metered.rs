//! The objects port: a source whose reads are counted by what they are for, and a place for clips.

use crate::source::{LIVE_PATH, Source};
use bytes::Bytes;
use export_domain::ports::{
    Bucket, Checked, ClipStore, Origin, Part, Precondition, Published, ReadError, SourceStore, StoredObject,
    Unavailable, Upload, WriteError,
};
use export_domain::tenant::Target;
use export_media::mpd::{Mpd, MpdError, Resource};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Requests and the bytes that they moved.
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

/// Which resources are initialization segments or indexes.
#[derive(Debug)]
pub(crate) struct Kinds(Vec<Resource>);

impl Kinds {
    /// As the manifest says.
    pub(crate) fn of(mpd: &Mpd) -> Result<Self, MpdError> {
        let mut heads = Vec::new();
        for representation in mpd.periods.iter().flat_map(|period| &period.representations) {
            heads.extend(representation.init()?);
            heads.extend(representation.index()?);
        }
        Ok(Self(heads))
    }

    fn is_head(&self, name: &str, range: Option<(u64, u64)>) -> bool {
        self.0.iter().any(|r| r.path == name && r.range.map(|range| (range.first, range.last)) == range)
    }
}

/// S3, counted.
#[derive(Debug)]
pub(crate) struct Metered {
    source: Arc<Source>,
    kinds: Kinds,
    /// Where the clip goes; thrown away without.
    out: Option<PathBuf>,
    manifest: Count,
    heads: Count,
    media: Count,
    missing: Count,
    written: Count,
}

impl Metered {
    pub(crate) fn new(source: Arc<Source>, kinds: Kinds, out: Option<PathBuf>) -> Self {
        let count = Count::default;
        Self {
            source,
            kinds,
            out,
            manifest: count(),
            heads: count(),
            media: count(),
            missing: count(),
            written: count(),
        }
    }

    /// Requests and bytes by kind of object: the manifest, initialization segments and indexes, media, and what is
    /// not there.
    pub(crate) fn read_so_far(&self) -> Value {
        json!({
            "manifest": self.manifest.value(),
            "init": self.heads.value(),
            "media": self.media.value(),
            "missing": self.missing.value(),
        })
    }

    /// Requests that carried bytes of the clip or the picture, and those bytes.
    pub(crate) fn written_so_far(&self) -> Value {
        self.written.value()
    }

    /// The file of an object.
    fn path(&self, key: &str) -> Option<PathBuf> {
        let out = self.out.as_ref()?;
        let picture = Path::new(key).extension().is_some_and(|extension| extension == "jpg");
        Some(if picture { out.with_extension("jpg") } else { out.clone() })
    }

    fn part_path(&self, upload: &Upload, number: i32) -> Option<PathBuf> {
        Some(self.path(&upload.key)?.with_added_extension(format!("part{number}")))
    }

    fn store(&self, path: Option<PathBuf>, body: &[u8]) -> Result<(), Unavailable> {
        self.written.add(body.len());
        path.map_or(Ok(()), |path| fs::write(path, body)).map_err(unavailable)
    }

    fn join(&self, upload: &Upload, parts: &[Part]) -> std::io::Result<()> {
        let Some(path) = self.path(&upload.key) else { return Ok(()) };
        let mut whole = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        for path in parts.iter().filter_map(|part| self.part_path(upload, part.number)) {
            std::io::copy(&mut fs::File::open(&path)?, &mut whole)?;
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

impl SourceStore for Metered {
    async fn read(
        &self,
        bucket: &Bucket,
        key: &str,
        range: Option<(u64, u64)>,
        most: u64,
    ) -> Result<Bytes, ReadError> {
        let read = self.source.read(bucket, key, range, most).await;
        let name = key.strip_prefix(LIVE_PATH.trim_end_matches("stream.mpd")).unwrap_or(key);
        let count = match &read {
            Err(_) => &self.missing,
            Ok(_) if key == LIVE_PATH => &self.manifest,
            Ok(_) if self.kinds.is_head(name, range) => &self.heads,
            Ok(_) => &self.media,
        };
        count.add(read.as_ref().map_or(0, Bytes::len));
        read
    }
}

/// A new place for every run: nothing is ever in the way.
impl ClipStore for Metered {
    async fn head(&self, _target: &Target, _key: &str) -> Result<Option<StoredObject>, WriteError> {
        Ok(None)
    }

    async fn put(
        &self,
        _target: &Target,
        key: &str,
        _content_type: &str,
        _origin: &Origin,
        _when: &Precondition,
        body: Checked,
    ) -> Result<Published, WriteError> {
        self.store(self.path(key), &body.bytes)?;
        Ok(Published::Done)
    }

    async fn begin(
        &self,
        _target: &Target,
        key: &str,
        _content_type: &str,
        _origin: &Origin,
    ) -> Result<Upload, WriteError> {
        Ok(Upload { id: "upload".to_owned(), key: key.to_owned() })
    }

    async fn part(
        &self,
        _target: &Target,
        upload: &Upload,
        number: i32,
        body: Checked,
    ) -> Result<Part, WriteError> {
        self.store(self.part_path(upload, number), &body.bytes)?;
        Ok(Part { number, etag: format!("\"{number}\""), sha256: body.sha256 })
    }

    async fn complete(
        &self,
        _target: &Target,
        upload: &Upload,
        parts: &[Part],
        _when: &Precondition,
    ) -> Result<Published, WriteError> {
        self.join(upload, parts).map_err(unavailable)?;
        Ok(Published::Done)
    }

    async fn remove(&self, _target: &Target, _key: &str, _etag: &str) -> Result<(), WriteError> {
        Ok(())
    }

    async fn abort(&self, _target: &Target, _upload: &Upload) -> Result<(), WriteError> {
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn unavailable(error: std::io::Error) -> Unavailable {
    Unavailable("the folder for clips", error.to_string())
}
