//! S3: recordings and clips.

use crate::fault::{Faults, lock};
use bytes::Bytes;
use export_domain::ports::{
    ClipStore, Origin, Part, Precondition, Published, ReadError, SourceStore, StoredObject, Unavailable,
    Upload,
};
use export_domain::tenant::Target;
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

const WHAT: &str = "S3";
/// Smallest part that S3 takes, but for the last.
const LEAST_PART: usize = 5 << 20;

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub body: Bytes,
    /// Follows from the bytes (and from the parts, if it was uploaded in parts).
    pub etag: String,
    /// `Content-Type`.
    pub content_type: String,
    /// Who made it.
    pub origin: Option<Origin>,
}

/// Buckets that appear as they are written to. Operations: `read`, `head`, `put`, `begin`, `part`, `complete`, `abort`.
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
}

#[derive(Debug)]
struct Open {
    key: String,
    content_type: String,
    origin: Origin,
    parts: BTreeMap<i32, Bytes>,
}

impl MemoryObjects {
    /// Puts an object whatever is there; `origin` is whose attempt made it.
    pub fn add(&self, bucket: &str, key: &str, body: impl Into<Bytes>, origin: Option<Origin>) {
        let body = body.into();
        let etag = etag(&body);
        let object = Object { body, etag, content_type: "application/octet-stream".to_owned(), origin };
        lock(&self.store).objects.insert((bucket.to_owned(), key.to_owned()), object);
    }

    /// Takes an object away.
    pub fn remove(&self, bucket: &str, key: &str) {
        lock(&self.store).objects.remove(&(bucket.to_owned(), key.to_owned()));
    }

    /// Makes a bucket one that may not be read.
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

    /// Keys of uploads that were neither completed nor aborted.
    pub fn open_uploads(&self) -> Vec<String> {
        lock(&self.store).open.values().map(|open| open.key.clone()).collect()
    }

    /// What a lifecycle rule does to uploads that were neither completed nor aborted.
    pub fn forget_uploads(&self) {
        lock(&self.store).open.clear();
    }
}

impl SourceStore for MemoryObjects {
    async fn read(&self, bucket: &str, key: &str, range: Option<(u64, u64)>) -> Result<Bytes, ReadError> {
        let read = || {
            let store = lock(&self.store);
            if store.denied.contains(bucket) {
                return Ok(Err(ReadError::Denied));
            }
            match store.objects.get(&(bucket.to_owned(), key.to_owned())) {
                None => Ok(Err(ReadError::NotFound)),
                Some(object) => slice(&object.body, range).map(Ok),
            }
        };
        self.faults.run(WHAT, "read", read).await?
    }
}

impl ClipStore for MemoryObjects {
    async fn head(&self, target: &Target, key: &str) -> Result<Option<StoredObject>, Unavailable> {
        let head = || {
            let found = self.object(&target.bucket, key);
            Ok(found.map(|object| StoredObject {
                bytes: object.body.len().try_into().unwrap_or(u64::MAX),
                etag: object.etag,
                origin: object.origin,
            }))
        };
        self.faults.run(WHAT, "head", head).await
    }

    async fn put(
        &self,
        target: &Target,
        key: &str,
        content_type: &str,
        origin: &Origin,
        when: &Precondition,
        body: Bytes,
    ) -> Result<Published, Unavailable> {
        let put = || {
            let object = Object {
                body: body.clone(),
                etag: etag(&body),
                content_type: content_type.to_owned(),
                origin: Some(origin.clone()),
            };
            lock(&self.store).publish(target, key, when, object)
        };
        self.faults.run(WHAT, "put", put).await
    }

    async fn begin(
        &self,
        _target: &Target,
        key: &str,
        content_type: &str,
        origin: &Origin,
    ) -> Result<Upload, Unavailable> {
        let begin = || {
            let mut store = lock(&self.store);
            store.uploads += 1;
            let id = format!("upload-{}", store.uploads);
            let open = Open {
                key: key.to_owned(),
                content_type: content_type.to_owned(),
                origin: origin.clone(),
                parts: BTreeMap::new(),
            };
            store.open.insert(id.clone(), open);
            Ok(Upload { id, key: key.to_owned() })
        };
        self.faults.run(WHAT, "begin", begin).await
    }

    async fn part(
        &self,
        _target: &Target,
        upload: &Upload,
        number: i32,
        body: Bytes,
    ) -> Result<Part, Unavailable> {
        let part = || {
            let mut store = lock(&self.store);
            let open = store.open.get_mut(&upload.id).ok_or_else(|| error("there is no such upload"))?;
            open.parts.insert(number, body.clone());
            Ok(Part { number, etag: etag(&body) })
        };
        self.faults.run(WHAT, "part", part).await
    }

    async fn complete(
        &self,
        target: &Target,
        upload: &Upload,
        parts: &[Part],
        when: &Precondition,
    ) -> Result<Published, Unavailable> {
        let complete = || {
            let mut store = lock(&self.store);
            let Some(open) = store.open.get(&upload.id) else {
                // Completed before: S3 judges the condition against what that made.
                let there = store.objects.contains_key(&(target.bucket.clone(), upload.key.clone()));
                return if there { Ok(Published::Refused) } else { Err(error("there is no such upload")) };
            };
            let object = open.assembled(parts)?;
            let published = store.publish(target, &upload.key, when, object)?;
            if published == Published::Done {
                store.open.remove(&upload.id);
            }
            Ok(published)
        };
        self.faults.run(WHAT, "complete", complete).await
    }

    async fn abort(&self, _target: &Target, upload: &Upload) -> Result<(), Unavailable> {
        let abort = || {
            lock(&self.store).open.remove(&upload.id);
            Ok(())
        };
        self.faults.run(WHAT, "abort", abort).await
    }
}

impl Store {
    fn publish(
        &mut self,
        target: &Target,
        key: &str,
        when: &Precondition,
        object: Object,
    ) -> Result<Published, Unavailable> {
        let name = (target.bucket.clone(), key.to_owned());
        let holds = match (when, self.objects.get(&name)) {
            (Precondition::Absent, there) => there.is_none(),
            (Precondition::Replaces(etag), Some(there)) => *etag == there.etag,
            (Precondition::Replaces(_), None) => return Err(error("there is no object to replace")),
        };
        if !holds {
            return Ok(Published::Refused);
        }
        self.objects.insert(name, object);
        Ok(Published::Done)
    }
}

impl Open {
    fn assembled(&self, parts: &[Part]) -> Result<Object, Unavailable> {
        if parts.is_empty() || !parts.is_sorted_by(|a, b| a.number < b.number) {
            return Err(error("the parts are not in ascending order"));
        }
        let mut body = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let stored = self.parts.get(&part.number).filter(|bytes| etag(bytes) == part.etag);
            let bytes = stored.ok_or_else(|| error("a part is not there or another one"))?;
            if bytes.len() < LEAST_PART && at + 1 < parts.len() {
                return Err(error("a part is too small"));
            }
            body.extend_from_slice(bytes);
        }
        let body = Bytes::from(body);
        let etag = format!("\"{}-{}\"", etag(&body).trim_matches('"'), parts.len());
        Ok(Object { body, etag, content_type: self.content_type.clone(), origin: Some(self.origin.clone()) })
    }
}

fn error(why: &str) -> Unavailable {
    Unavailable(WHAT, why.to_owned())
}

/// A range past the end is cut; one that starts there is refused (RFC 9110, section 14.1.2).
fn slice(body: &Bytes, range: Option<(u64, u64)>) -> Result<Bytes, Unavailable> {
    let Some((first, last)) = range else { return Ok(body.clone()) };
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let end = at(last).saturating_add(1).min(body.len());
    if at(first) >= end {
        return Err(error("the range is not satisfiable"));
    }
    Ok(body.slice(at(first)..end))
}

fn etag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:032x}\"", hasher.finish())
}
