//! Recordings and clips in S3.

use crate::clients::unavailable;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use export_domain::ids::JobId;
use export_domain::ports::{
    ClipStore, Origin, Part, Precondition, Published, ReadError, SourceStore, StoredObject, Unavailable,
    Upload,
};
use export_domain::tenant::Target;
use std::collections::HashMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

const WHAT: &str = "S3";

/// Tries of a conditional write that another one got in the way of (HTTP 409).
const CONFLICT_TRIES: u32 = 4;

/// Objects in S3, with a client for each region that targets name.
#[derive(Debug)]
pub struct S3Objects {
    config: SdkConfig,
    home: Client,
    abroad: Mutex<HashMap<String, Client>>,
}

impl S3Objects {
    /// Objects as `config` reaches them.
    pub fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone(), home: Client::new(config), abroad: Mutex::default() }
    }

    fn client(&self, target: &Target) -> Client {
        let at_home = self.config.region().is_some_and(|home| home.as_ref() == target.region);
        if target.region.is_empty() || at_home {
            return self.home.clone();
        }
        let mut abroad = self.abroad.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let region = Region::new(target.region.clone());
            Client::from_conf(Builder::from(&self.config).region(region).build())
        };
        abroad.entry(target.region.clone()).or_insert_with(make).clone()
    }
}

impl SourceStore for S3Objects {
    async fn read(&self, bucket: &str, key: &str, range: Option<(u64, u64)>) -> Result<Bytes, ReadError> {
        let range = range.map(|(first, last)| format!("bytes={first}-{last}"));
        let sent = self.home.get_object().bucket(bucket).key(key).set_range(range).send().await;
        let object = sent.map_err(|e| match status(&e) {
            Some(404) => ReadError::NotFound,
            Some(403) => ReadError::Denied,
            _ => ReadError::Unavailable(unavailable(WHAT, &e)),
        })?;
        let body = object.body.collect().await.map_err(|e| unavailable(WHAT, &e))?;
        Ok(body.into_bytes())
    }
}

impl ClipStore for S3Objects {
    async fn head(&self, target: &Target, key: &str) -> Result<Option<StoredObject>, Unavailable> {
        let sent = self
            .client(target)
            .head_object()
            .bucket(&target.bucket)
            .key(key)
            .set_expected_bucket_owner(owner(target))
            .send()
            .await;
        match sent {
            Ok(object) => Ok(Some(StoredObject {
                bytes: object.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
                etag: object.e_tag().unwrap_or_default().to_owned(),
                origin: object.metadata().and_then(read_origin),
            })),
            Err(e) if status(&e) == Some(404) => Ok(None),
            Err(e) => Err(unavailable(WHAT, &e)),
        }
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
        let (if_none_match, if_match) = conditions(when);
        let client = self.client(target);
        let attempt = || {
            let put = client.put_object().bucket(&target.bucket).key(key).content_type(content_type);
            put.set_metadata(Some(metadata(origin)))
                .set_expected_bucket_owner(owner(target))
                .set_if_none_match(if_none_match.clone())
                .set_if_match(if_match.clone())
                .body(ByteStream::from(body.clone()))
                .send()
        };
        published(attempt).await
    }

    async fn begin(
        &self,
        target: &Target,
        key: &str,
        content_type: &str,
        origin: &Origin,
    ) -> Result<Upload, Unavailable> {
        let sent = self
            .client(target)
            .create_multipart_upload()
            .bucket(&target.bucket)
            .key(key)
            .content_type(content_type)
            .set_metadata(Some(metadata(origin)))
            .set_expected_bucket_owner(owner(target))
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        let id = sent.upload_id().ok_or_else(|| Unavailable(WHAT, "an upload without an id".to_owned()))?;
        Ok(Upload { id: id.to_owned(), key: key.to_owned() })
    }

    async fn part(
        &self,
        target: &Target,
        upload: &Upload,
        number: i32,
        body: Bytes,
    ) -> Result<Part, Unavailable> {
        let sent = self
            .client(target)
            .upload_part()
            .bucket(&target.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .part_number(number)
            .set_expected_bucket_owner(owner(target))
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        Ok(Part { number, etag: sent.e_tag().unwrap_or_default().to_owned() })
    }

    async fn complete(
        &self,
        target: &Target,
        upload: &Upload,
        parts: &[Part],
        when: &Precondition,
    ) -> Result<Published, Unavailable> {
        let (if_none_match, if_match) = conditions(when);
        let part = |p: &Part| CompletedPart::builder().part_number(p.number).e_tag(&p.etag).build();
        let parts =
            CompletedMultipartUpload::builder().set_parts(Some(parts.iter().map(part).collect())).build();
        let client = self.client(target);
        let attempt = || {
            let complete = client.complete_multipart_upload().bucket(&target.bucket).key(&upload.key);
            complete
                .upload_id(&upload.id)
                .multipart_upload(parts.clone())
                .set_expected_bucket_owner(owner(target))
                .set_if_none_match(if_none_match.clone())
                .set_if_match(if_match.clone())
                .send()
        };
        published(attempt).await
    }

    async fn abort(&self, target: &Target, upload: &Upload) -> Result<(), Unavailable> {
        let sent = self
            .client(target)
            .abort_multipart_upload()
            .bucket(&target.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .set_expected_bucket_owner(owner(target))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(e) if status(&e) == Some(404) => Ok(()),
            Err(e) => Err(unavailable(WHAT, &e)),
        }
    }
}

/// 412 is an answer; 409 means that another conditional write was under way, so ask again.
async fn published<F, T, E>(attempt: impl Fn() -> F) -> Result<Published, Unavailable>
where
    F: Future<Output = Result<T, SdkError<E>>>,
    E: Error + Send + Sync + 'static,
{
    let mut tries = 1;
    loop {
        match attempt().await {
            Ok(_) => return Ok(Published::Done),
            Err(e) => match status(&e) {
                Some(412) => return Ok(Published::Refused),
                Some(409) if tries < CONFLICT_TRIES => tries += 1,
                _ => return Err(unavailable(WHAT, &e)),
            },
        }
        tokio::time::sleep(std::time::Duration::from_millis(u64::from(tries) * 100)).await;
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn conditions(when: &Precondition) -> (Option<String>, Option<String>) {
    match when {
        Precondition::Absent => (Some("*".to_owned()), None),
        Precondition::Replaces(etag) => (None, Some(etag.clone())),
    }
}

fn owner(target: &Target) -> Option<String> {
    Some(target.owner.clone()).filter(|owner| !owner.is_empty())
}

fn metadata(origin: &Origin) -> HashMap<String, String> {
    HashMap::from([
        ("job-id".to_owned(), origin.job_id.to_string()),
        ("generation".to_owned(), origin.generation.to_string()),
        ("fence".to_owned(), origin.fence.to_string()),
    ])
}

fn read_origin(metadata: &HashMap<String, String>) -> Option<Origin> {
    Some(Origin {
        job_id: JobId::parse(metadata.get("job-id")?).ok()?,
        generation: metadata.get("generation")?.parse().ok()?,
        fence: metadata.get("fence")?.parse().ok()?,
    })
}
