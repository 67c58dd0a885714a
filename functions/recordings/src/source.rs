//! The clip engine's source on the store of recordings.

use bytes::Bytes;
use export_clip::{ReadFailure, Source};
use export_domain::ports::{RecordingError, SourceStore};
use export_domain::target::Bucket;
use std::sync::Arc;

/// A tenant's recordings.
#[derive(Debug)]
pub(crate) struct Recordings<O> {
    pub(crate) objects: Arc<O>,
    pub(crate) bucket: Bucket,
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
