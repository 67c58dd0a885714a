//! The store of recordings as the engine's source.

use bytes::Bytes;
use export_clip::{ReadFailure, Source};
use export_domain::ports::{RecordingError, SourceStore};
use export_domain::target::Bucket;
use export_domain::tenant::Tenant;
use std::sync::Arc;

/// A tenant's recordings. What the engine cannot judge fails as [`ReadFailure::Outside`] with the [`RecordingError`].
#[derive(Debug)]
pub struct Recordings<O> {
    objects: Arc<O>,
    bucket: Bucket,
}

impl<O> Recordings<O> {
    /// Those of `tenant`.
    pub fn new(objects: Arc<O>, tenant: &Tenant) -> Self {
        Self { objects, bucket: tenant.source() }
    }
}

impl<O: SourceStore + 'static> Source for Recordings<O> {
    async fn read(&self, path: &str, range: Option<(u64, u64)>, most: u64) -> Result<Bytes, ReadFailure> {
        let read = self.objects.read(&self.bucket, path, range, most).await;
        read.map(|read| read.bytes).map_err(failed)
    }

    async fn size(&self, path: &str) -> Result<u64, ReadFailure> {
        self.objects.size(&self.bucket, path).await.map_err(failed)
    }
}

fn failed(error: RecordingError) -> ReadFailure {
    match error {
        RecordingError::NotFound => ReadFailure::NotFound,
        RecordingError::TooLarge => ReadFailure::TooLarge,
        other => ReadFailure::Outside(Box::new(other)),
    }
}
