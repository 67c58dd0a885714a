//! S3: recordings and clips.

use crate::fault::{Faults, lock};
use crate::samples::NOW;
use bytes::Bytes;
use export_domain::ids::hex;
use export_domain::ports::{
    Checked, ClipLinks, ClipLook, ClipRead, ClipStore, FileLink, FolderPart, LinkHeaders, Origin, Part,
    PlayLinks, Precondition, Published, RecordingError, RecordingLists, SourceBytes, SourceStore,
    StoredObject, Unavailable, Upload, WriteError,
};
use export_domain::target::{Bucket, Target};
use export_domain::time::{EpochMs, Millis};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

const WHAT: &str = "S3";
/// Smallest part that S3 takes, but for the last.
const LEAST_PART: usize = 5 << 20;

/// When the links of [`MemoryObjects`] end: 2019-07-05T04:15:00Z.
pub const LINKS_END: EpochMs = EpochMs::new(1_562_300_100_000);

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub body: Bytes,
    /// Follows from the bytes (and from the parts, if it was uploaded in parts).
    pub etag: String,
    /// The SHA-256 that it was stored with; of an object in parts, that of its parts' values.
    pub sha256: Option<String>,
    /// `Content-Type`.
    pub content_type: String,
    /// Who made it.
    pub origin: Option<Origin>,
}

/// What was asked to be read, or to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// A read of at most `most` bytes.
    Read {
        /// The bucket and its owner.
        bucket: Bucket,
        /// The object.
        key: String,
        /// First and last byte, if not all.
        range: Option<(u64, u64)>,
        /// The caller's bound.
        most: u64,
    },
    /// A list of a folder, or a look at an object.
    Look {
        /// The bucket and its owner.
        bucket: Bucket,
        /// The folder or the object.
        key: String,
    },
    /// An object, or the start of an upload.
    Write {
        /// The bucket.
        bucket: String,
        /// The object.
        key: String,
        /// Everything that goes into headers.
        words: Vec<String>,
    },
}

/// Buckets that appear as they are written to. Operations: `read`, `head`, `put`, `read_back`, `begin`, `part`, `complete`,
/// `remove`, `abort`, `is_there`, `lend`, `lend_made`, `lend_recorded`, `etags`, `fetch`.
#[derive(Debug, Clone, Default)]
pub struct MemoryObjects {
    /// What goes wrong.
    pub faults: Faults,
    store: Arc<Mutex<Store>>,
}

#[derive(Debug, Default)]
struct Store {
    objects: BTreeMap<(String, String), Object>,
    open: BTreeMap<String, Open>,
    denied: HashSet<String>,
    uploads: usize,
    replaced: Vec<String>,
    any_precondition: bool,
    filling: Option<Bytes>,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Open {
    key: String,
    content_type: String,
    origin: Origin,
    parts: BTreeMap<i32, Checked>,
}

impl ClipLinks for MemoryObjects {
    async fn lend(&self, target: &Target, key: &str, headers: &LinkHeaders) -> Result<FileLink, Unavailable> {
        let told = headers.disposition.as_deref().unwrap_or_default();
        let url = format!("https://{}/{key}?{}&{told}", target.bucket, headers.content_type);
        let lent = move || Ok(FileLink { url: url.clone(), expires_at: LINKS_END });
        self.faults.run(WHAT, "lend", lent).await
    }
}

impl PlayLinks for MemoryObjects {
    async fn lend_made(
        &self,
        target: &Target,
        keys: &[String],
        life: Millis,
    ) -> Result<Vec<String>, Unavailable> {
        let urls: Vec<String> =
            keys.iter().map(|key| format!("https://{}/{key}?{life}", target.bucket)).collect();
        self.faults.run(WHAT, "lend_made", move || Ok(urls.clone())).await
    }

    async fn lend_recorded(
        &self,
        bucket: &Bucket,
        keys: &[String],
        life: Millis,
    ) -> Result<Vec<String>, Unavailable> {
        let urls: Vec<String> =
            keys.iter().map(|key| format!("https://{}/{key}?{life}", bucket.name)).collect();
        self.faults.run(WHAT, "lend_recorded", move || Ok(urls.clone())).await
    }

    async fn etags(
        &self,
        bucket: &Bucket,
        keys: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, Unavailable> {
        let there = |key: &String| Some((key.clone(), self.object(&bucket.name, key)?.etag));
        let found: BTreeMap<_, _> = keys.iter().filter_map(there).collect();
        self.faults.run(WHAT, "etags", move || Ok(found.clone())).await
    }
}

impl ClipRead for MemoryObjects {
    async fn fetch(&self, target: &Target, key: &str, most: u64) -> Result<Option<Bytes>, Unavailable> {
        let found = self.object(&target.bucket, key).map(|object| object.body);
        let found = found.filter(|body| u64::try_from(body.len()).is_ok_and(|length| length <= most));
        self.faults.run(WHAT, "fetch", move || Ok(found.clone())).await
    }
}

impl MemoryObjects {
    /// Puts an object whatever is there, stored without a checksum; `origin` is whose attempt made it.
    pub fn add(&self, bucket: &str, key: &str, body: impl Into<Bytes>, origin: Option<Origin>) {
        let body = body.into();
        let etag = etag(&body);
        let content_type = "application/octet-stream".to_owned();
        let object = Object { body, etag, sha256: None, content_type, origin };
        lock(&self.store).objects.insert((bucket.to_owned(), key.to_owned()), object);
    }

    /// From now on a read of what is not there finds `body`.
    pub fn fill(&self, body: Bytes) {
        lock(&self.store).filling = Some(body);
    }

    /// What was asked for so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.store).calls.clone()
    }

    fn wrote(&self, target: &Target, key: &str, content_type: &str, origin: &Origin) {
        let words = vec![content_type.to_owned(), origin.job_id.to_string()];
        let call = Call::Write { bucket: target.bucket.clone(), key: key.to_owned(), words };
        lock(&self.store).calls.push(call);
    }

    /// A call about `target`, unless that is denied.
    async fn written<T: Send + 'static>(
        &self,
        target: &Target,
        operation: &'static str,
        mut act: impl FnMut() -> Result<T, Unavailable> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (store, bucket) = (Arc::clone(&self.store), target.bucket.clone());
        let act = move || {
            if lock(&store).denied.contains(&bucket) {
                return Ok(Err(WriteError::Denied(operation.to_owned())));
            }
            act().map(Ok)
        };
        self.faults.run(WHAT, operation, act).await?
    }

    /// Takes an object away.
    pub fn remove(&self, bucket: &str, key: &str) {
        lock(&self.store).objects.remove(&(bucket.to_owned(), key.to_owned()));
    }

    /// Makes a bucket one that may be neither read nor written to.
    pub fn deny(&self, bucket: &str) {
        lock(&self.store).denied.insert(bucket.to_owned());
    }

    /// An object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Object> {
        lock(&self.store).objects.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    /// Keys of a bucket's objects.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let store = lock(&self.store);
        store.objects.keys().filter(|(b, _)| b == bucket).map(|(_, key)| key.clone()).collect()
    }

    /// Keys at which one object took the place of another one.
    pub fn replaced(&self) -> Vec<String> {
        lock(&self.store).replaced.clone()
    }

    /// From now on writes take place whatever their precondition says: for tests that show that others notice.
    pub fn ignore_preconditions(&self) {
        lock(&self.store).any_precondition = true;
    }

    /// The same buckets over another line.
    #[must_use]
    pub fn through(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// Starts an upload as `origin`.
    pub fn begun(&self, key: &str, origin: &Origin) -> Upload {
        lock(&self.store).begin(key, "video/mp4", origin)
    }

    /// Keys of uploads that were neither completed nor aborted.
    pub fn open_uploads(&self) -> Vec<String> {
        lock(&self.store).open.values().map(|open| open.key.clone()).collect()
    }

    /// Whose they are.
    pub fn open_origins(&self) -> Vec<Origin> {
        lock(&self.store).open.values().map(|open| open.origin.clone()).collect()
    }

    /// What a lifecycle rule does to uploads that were neither completed nor aborted.
    pub fn forget_uploads(&self) {
        lock(&self.store).open.clear();
    }
}

impl SourceStore for MemoryObjects {
    async fn read(
        &self,
        bucket: &Bucket,
        key: &str,
        range: Option<(u64, u64)>,
        most: u64,
    ) -> Result<SourceBytes, RecordingError> {
        let (store, name) = (Arc::clone(&self.store), (bucket.name.clone(), key.to_owned()));
        let call = Call::Read { bucket: bucket.clone(), key: key.to_owned(), range, most };
        lock(&store).calls.push(call);
        let read = move || {
            let store = lock(&store);
            if store.denied.contains(&name.0) {
                return Ok(Err(RecordingError::Denied));
            }
            let found = store.objects.get(&name).map(|object| &object.body).or(store.filling.as_ref());
            let Some(body) = found else { return Ok(Err(RecordingError::NotFound)) };
            let read = SourceBytes { bytes: slice(body, range), etag: etag(body) };
            let fits = u64::try_from(read.bytes.len()).is_ok_and(|length| length <= most);
            Ok(if fits { Ok(read) } else { Err(RecordingError::TooLarge) })
        };
        self.faults.run(WHAT, "read", read).await?
    }

    async fn size(&self, bucket: &Bucket, key: &str) -> Result<u64, RecordingError> {
        let all = self.read(bucket, key, None, u64::MAX).await?;
        Ok(u64::try_from(all.bytes.len()).unwrap_or(u64::MAX))
    }
}

/// Every object was written at [`NOW`]. Operations: `folder`, `written_at`.
impl RecordingLists for MemoryObjects {
    async fn folder(
        &self,
        bucket: &Bucket,
        folder: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<FolderPart, RecordingError> {
        let (store, name) = (Arc::clone(&self.store), bucket.name.clone());
        lock(&store).calls.push(Call::Look { bucket: bucket.clone(), key: folder.to_owned() });
        let (folder, after) = (folder.to_owned(), after.map(str::to_owned));
        let list = move || {
            let store = lock(&store);
            if store.denied.contains(&name) {
                return Ok(Err(RecordingError::Denied));
            }
            let below = store.objects.keys().filter(|(bucket, _)| *bucket == name);
            let below = below.filter_map(|(_, key)| key.strip_prefix(&folder));
            // In S3's order, in which a folder counts with its `/`.
            let names: BTreeSet<&str> = below.filter_map(|rest| rest.split_inclusive('/').next()).collect();
            let mut left =
                names.into_iter().filter(|name| after.as_deref().is_none_or(|after| *name > after));
            let part: Vec<&str> = left.by_ref().take(most).collect();
            let (folders, objects): (Vec<&str>, Vec<&str>) =
                part.iter().copied().partition(|name| name.ends_with('/'));
            let next = part.last().filter(|_| left.next().is_some()).map(|name| (*name).to_owned());
            Ok(Ok(FolderPart {
                folders: folders.iter().map(|name| name.trim_end_matches('/').to_owned()).collect(),
                objects: objects.iter().map(|name| ((*name).to_owned(), NOW)).collect(),
                next,
            }))
        };
        self.faults.run(WHAT, "folder", list).await?
    }

    async fn written_at(&self, bucket: &Bucket, key: &str) -> Result<Option<EpochMs>, RecordingError> {
        let (store, name) = (Arc::clone(&self.store), (bucket.name.clone(), key.to_owned()));
        lock(&store).calls.push(Call::Look { bucket: bucket.clone(), key: key.to_owned() });
        let look = move || {
            let store = lock(&store);
            if store.denied.contains(&name.0) {
                return Ok(Err(RecordingError::Denied));
            }
            Ok(Ok(store.objects.contains_key(&name).then_some(NOW)))
        };
        self.faults.run(WHAT, "written_at", look).await?
    }
}

impl ClipLook for MemoryObjects {
    async fn is_there(&self, target: &Target, key: &str) -> Result<bool, WriteError> {
        let (store, name) = (Arc::clone(&self.store), (target.bucket.clone(), key.to_owned()));
        self.written(target, "is_there", move || Ok(lock(&store).objects.contains_key(&name))).await
    }
}

impl ClipStore for MemoryObjects {
    async fn head(&self, target: &Target, key: &str) -> Result<Option<StoredObject>, WriteError> {
        let (store, name) = (Arc::clone(&self.store), (target.bucket.clone(), key.to_owned()));
        let head = move || {
            let found = lock(&store).objects.get(&name).cloned();
            Ok(found.map(|object| StoredObject {
                bytes: object.body.len().try_into().unwrap_or(u64::MAX),
                etag: object.etag,
                sha256: object.sha256,
                origin: object.origin,
            }))
        };
        self.written(target, "head", head).await
    }

    async fn put(
        &self,
        target: &Target,
        key: &str,
        content_type: &str,
        origin: &Origin,
        when: &Precondition,
        body: Checked,
    ) -> Result<Published, WriteError> {
        self.wrote(target, key, content_type, origin);
        let (store, name) = (Arc::clone(&self.store), (target.bucket.clone(), key.to_owned()));
        let (content_type, origin, when) = (content_type.to_owned(), Some(origin.clone()), when.clone());
        let (etag, sha256) = (etag(&body.bytes), Some(hex(&body.sha256)));
        let object = Object { etag, sha256, body: body.bytes, content_type, origin };
        let put = move || lock(&store).publish(&name, &when, object.clone());
        self.written(target, "put", put).await
    }

    async fn read_back(
        &self,
        target: &Target,
        key: &str,
        range: Option<(u64, u64)>,
        most: u64,
    ) -> Result<Option<Bytes>, WriteError> {
        let (store, name) = (Arc::clone(&self.store), (target.bucket.clone(), key.to_owned()));
        let read = move || {
            let found = lock(&store).objects.get(&name).map(|object| slice(&object.body, range));
            let fits = |bytes: &Bytes| u64::try_from(bytes.len()).is_ok_and(|length| length <= most);
            if found.as_ref().is_some_and(|bytes| !fits(bytes)) {
                return Err(error("an object is too large"));
            }
            Ok(found)
        };
        self.written(target, "read_back", read).await
    }

    async fn begin(
        &self,
        target: &Target,
        key: &str,
        content_type: &str,
        origin: &Origin,
    ) -> Result<Upload, WriteError> {
        self.wrote(target, key, content_type, origin);
        let (store, key) = (Arc::clone(&self.store), key.to_owned());
        let (content_type, origin) = (content_type.to_owned(), origin.clone());
        let begin = move || Ok(lock(&store).begin(&key, &content_type, &origin));
        self.written(target, "begin", begin).await
    }

    async fn part(
        &self,
        target: &Target,
        upload: &Upload,
        number: i32,
        body: Checked,
    ) -> Result<Part, WriteError> {
        let (store, upload) = (Arc::clone(&self.store), upload.clone());
        let part = move || {
            let mut store = lock(&store);
            let open = store.open.get_mut(&upload.id).ok_or_else(|| error("there is no such upload"))?;
            open.parts.insert(number, body.clone());
            Ok(Part { number, etag: etag(&body.bytes), sha256: body.sha256 })
        };
        self.written(target, "part", part).await
    }

    async fn complete(
        &self,
        target: &Target,
        upload: &Upload,
        parts: &[Part],
        when: &Precondition,
    ) -> Result<Published, WriteError> {
        let (store, name) = (Arc::clone(&self.store), (target.bucket.clone(), upload.key.clone()));
        let (upload, parts, when) = (upload.clone(), parts.to_vec(), when.clone());
        let complete = move || {
            let mut store = lock(&store);
            let Some(open) = store.open.get(&upload.id) else {
                // Completed before: S3 judges the condition against what that made.
                let there = store.objects.contains_key(&name);
                return if there { Ok(Published::Refused) } else { Err(error("there is no such upload")) };
            };
            let object = open.assembled(&parts)?;
            let published = store.publish(&name, &when, object)?;
            if published == Published::Done {
                store.open.remove(&upload.id);
            }
            Ok(published)
        };
        self.written(target, "complete", complete).await
    }

    async fn remove(&self, target: &Target, key: &str, etag: &str) -> Result<(), WriteError> {
        let (store, name) = (Arc::clone(&self.store), (target.bucket.clone(), key.to_owned()));
        let etag = etag.to_owned();
        let remove = move || {
            let mut store = lock(&store);
            if store.objects.get(&name).is_some_and(|there| there.etag == etag || store.any_precondition) {
                store.objects.remove(&name);
            }
            Ok(())
        };
        self.written(target, "remove", remove).await
    }

    async fn abort(&self, target: &Target, upload: &Upload) -> Result<(), WriteError> {
        let (store, id) = (Arc::clone(&self.store), upload.id.clone());
        let abort = move || {
            lock(&store).open.remove(&id);
            Ok(())
        };
        self.written(target, "abort", abort).await
    }
}

impl Store {
    fn begin(&mut self, key: &str, content_type: &str, origin: &Origin) -> Upload {
        self.uploads += 1;
        let id = format!("upload-{}", self.uploads);
        let (origin, parts) = (origin.clone(), BTreeMap::new());
        let open = Open { key: key.to_owned(), content_type: content_type.to_owned(), origin, parts };
        self.open.insert(id.clone(), open);
        Upload { id, key: key.to_owned() }
    }

    fn publish(
        &mut self,
        name: &(String, String),
        when: &Precondition,
        object: Object,
    ) -> Result<Published, Unavailable> {
        let there = self.objects.get(name);
        let holds = match (when, there) {
            (Precondition::Absent, there) => there.is_none(),
            (Precondition::Replaces(etag), Some(there)) => *etag == there.etag,
            (Precondition::Replaces(_), None) => return Err(error("there is no object to replace")),
        };
        if !holds && !self.any_precondition {
            return Ok(Published::Refused);
        }
        if there.is_some_and(|there| there.body != object.body) {
            self.replaced.push(name.1.clone());
        }
        self.objects.insert(name.clone(), object);
        Ok(Published::Done)
    }
}

impl Open {
    fn assembled(&self, parts: &[Part]) -> Result<Object, Unavailable> {
        if parts.is_empty() || !parts.is_sorted_by(|a, b| a.number < b.number) {
            return Err(error("the parts are not in ascending order"));
        }
        let (mut body, mut composite) = (Vec::new(), Sha256::new());
        for (at, part) in parts.iter().enumerate() {
            let stored = self
                .parts
                .get(&part.number)
                .filter(|stored| etag(&stored.bytes) == part.etag && stored.sha256 == part.sha256);
            let Checked { bytes, sha256 } =
                stored.ok_or_else(|| error("a part is not there or another one"))?;
            composite.update(sha256);
            if bytes.len() < LEAST_PART && at + 1 < parts.len() {
                return Err(error("a part is too small"));
            }
            body.extend_from_slice(bytes);
        }
        let body = Bytes::from(body);
        let etag = format!("\"{}-{}\"", etag(&body).trim_matches('"'), parts.len());
        let (content_type, origin) = (self.content_type.clone(), Some(self.origin.clone()));
        Ok(Object { body, etag, sha256: Some(hex(&composite.finalize())), content_type, origin })
    }
}

fn error(why: &str) -> Unavailable {
    Unavailable(WHAT, why.to_owned())
}

/// What there is of a range.
fn slice(body: &Bytes, range: Option<(u64, u64)>) -> Bytes {
    let Some((first, last)) = range else { return body.clone() };
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let end = at(last).saturating_add(1).min(body.len());
    body.slice(at(first).min(end)..end)
}

/// From the length, both ends and some of the bytes between: tests without optimisation move megabytes.
fn etag(body: &[u8]) -> String {
    let ends = body.iter().take(64).chain(body.iter().rev().take(64));
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let length = u64::try_from(body.len()).unwrap_or(0);
    let hash = ends.chain(body.iter().step_by(1021)).fold(0xcbf2_9ce4_8422_2325 ^ length, mix);
    format!("\"{hash:032x}\"")
}
