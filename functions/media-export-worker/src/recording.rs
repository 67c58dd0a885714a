//! The recordings that a job is about, as the clip engine reads it.

use crate::error::AttemptError;
use bytes::Bytes;
use export_clip::{NoPlaylist, ReadFailure, ReelWindow, Selection, Source};
use export_domain::job::{Job, Reason};
use export_domain::ports::{RecordingError, SourceStore};
use export_domain::target::Bucket;
use export_domain::tenant::Tenant;
use export_domain::time::EpochMs;
use export_orders::{selection, windows};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Files that are looked at at the same time.
const LOOKS_AT_ONCE: usize = 16;

/// The content that reads found at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SeenContent {
    /// One content, by its `ETag`.
    Same(String),
    /// One content first, and then another.
    Changed,
}

/// The recordings that a job is about, among those of its tenant: one, or those of a reel.
pub(crate) struct JobRecording<O> {
    objects: Arc<O>,
    bucket: Bucket,
    tenant: Tenant,
    /// The manifest of the first window.
    manifest: String,
    /// The content of what was read, by keys, if that is of use.
    seen: Option<Mutex<HashMap<String, SeenContent>>>,
}

impl<O> JobRecording<O> {
    /// Of `job`; `remembers` for one whose [`JobRecording::contents`] may be asked for.
    pub(crate) fn new(objects: Arc<O>, tenant: &Tenant, job: &Job, remembers: bool) -> Self {
        let manifest = tenant.manifest_key(&job.order.live_path);
        let (bucket, tenant) = (tenant.source(), tenant.clone());
        Self { objects, bucket, tenant, manifest, seen: remembers.then(Mutex::default) }
    }

    /// The windows that `job` wants: one of a clip.
    pub(crate) fn windows(&self, job: &Job, now: EpochMs) -> Vec<ReelWindow> {
        windows(&job.order, &self.tenant, now, job.queued_at)
    }

    /// The part of it that `job` wants, of a reel the first.
    pub(crate) fn selection(&self, job: &Job, now: EpochMs) -> Selection {
        selection(&job.order, &self.tenant, now, job.queued_at)
    }

    fn note(&self, key: &str, etag: String) {
        let Some(seen) = self.seen.as_ref().filter(|_| !etag.is_empty()) else { return };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = SeenContent::Same(etag);
        match seen.get_mut(key) {
            Some(before) if *before == read => {}
            Some(before) => *before = SeenContent::Changed,
            None => drop(seen.insert(key.to_owned(), read)),
        }
    }

    /// The content read at `key`; `None` if nothing was.
    fn noted(&self, key: &str) -> Option<SeenContent> {
        self.seen.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

impl<O: SourceStore + 'static> JobRecording<O> {
    /// The `ETag`s of the files at these paths below the manifest's folder, by their paths: those of what was read of them, and
    /// for the rest those of now.
    pub(crate) async fn contents(
        &self,
        paths: &BTreeSet<&str>,
    ) -> Result<BTreeMap<String, String>, NoPlaylist> {
        let folder = self.manifest.rfind('/').map_or("", |at| &self.manifest[..=at]);
        let key = |path: &str| format!("{folder}{path}");
        let unread: Vec<String> =
            paths.iter().map(|path| key(path)).filter(|key| self.noted(key).is_none()).collect();
        let look = |key| async move { self.read(key, Some((0, 0)), 1).await.map(drop) };
        let looks: Vec<_> = unread.iter().map(|key| look(key.as_str())).collect();
        let looked: Result<(), ReadFailure> =
            stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE).try_collect().await;
        looked.map_err(|error| NoPlaylist::Unread(error.to_string()))?;
        let etag = |path: &&str| match self.noted(&key(path)) {
            Some(SeenContent::Same(etag)) => Ok(((*path).to_owned(), etag)),
            Some(SeenContent::Changed) => Err(NoPlaylist::Changed),
            None => Err(NoPlaylist::Unread("the store does not name what it gives".to_owned())),
        };
        paths.iter().map(etag).collect()
    }
}

impl<O: SourceStore + 'static> Source for JobRecording<O> {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        let read = self.objects.read(&self.bucket, path, range, most).await.map_err(failed)?;
        self.note(path, read.etag);
        Ok(read.bytes)
    }

    async fn size(&self, path: &str) -> Result<u64, ReadFailure> {
        self.objects.size(&self.bucket, path).await.map_err(failed)
    }
}

fn failed(error: RecordingError) -> ReadFailure {
    match error {
        RecordingError::NotFound => ReadFailure::NotFound,
        RecordingError::Denied => ReadFailure::Denied(
            "the recording may not be read; that takes s3:GetObject, and s3:ListBucket for what is not there"
                .to_owned(),
        ),
        RecordingError::Key(why) => {
            let cause = Reason::KeyNotUsable.because("the recording's key cannot be used");
            ReadFailure::Outside(AttemptError::Refused { cause, why }.into())
        }
        RecordingError::Clock(why) => ReadFailure::Outside(AttemptError::ClockWrong(why).into()),
        RecordingError::TooLarge => ReadFailure::TooLarge,
        RecordingError::Unavailable(error) => ReadFailure::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use export_testkit::{MemoryObjects, NOW, body, job, tenant};

    #[tokio::test]
    async fn files_are_what_they_were_when_they_were_read_and_changed_if_that_was_not_one_thing() {
        let objects = MemoryObjects::default();
        let job = job(&tenant(), &body(), NOW);
        let recording = JobRecording::new(Arc::new(objects.clone()), &tenant(), &job, true);
        let folder = recording.manifest.replace("stream.mpd", "");
        let write = |path: &str, text: &'static str| {
            let key = format!("{folder}{path}");
            objects.add("recordings", &key, text, None);
            (key.clone(), objects.object("recordings", &key).unwrap().etag)
        };
        let ((read, first), (_, unread)) = (write("read.m4s", "first"), write("unread.m4s", "whatever"));
        for part in [None, Some((0, 1)), None] {
            recording.read(&read, part, 10).await.unwrap();
        }
        let (_, second) = write("read.m4s", "second");
        assert_ne!(first, second);
        let paths = BTreeSet::from(["read.m4s", "unread.m4s"]);
        let found = recording.contents(&paths).await.unwrap();
        assert_eq!(
            found,
            BTreeMap::from([("read.m4s".to_owned(), first), ("unread.m4s".to_owned(), unread)])
        );
        recording.read(&read, None, 10).await.unwrap();
        assert_eq!(recording.contents(&paths).await, Err(NoPlaylist::Changed));
        let absent = recording.contents(&BTreeSet::from(["absent.m4s"])).await;
        assert!(matches!(absent, Err(NoPlaylist::Unread(_))), "{absent:?}");
    }
}
