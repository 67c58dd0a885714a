//! Exports and large documents in S3.

use crate::clients::unavailable;
use crate::s3::links::life;
use crate::s3::{GRACE, is_denied, length, status, whole, with_body};
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::SharedCredentialsProvider;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use bytes::Bytes;
use export_domain::ports::{Clock, Unavailable};
use export_domain::time::{EpochMs, Millis};
use export_mre::ports::{
    DocumentLink, DocumentLinks, DocumentOrders, ExportStore, LinkHeaders, LinkMethod, OrderProgress,
    StoreOutcome,
};
use export_mre::source::{LastExport, StoredText};
use std::time::Duration;

const WHAT: &str = "the export bucket";
const JSON: &str = "application/json";

/// Largest export that is read, in bytes.
const MOST: u64 = 512 << 20;
/// Age from which a kept document is written anew: the bucket may drop it a day after it was written.
const FRESH: Millis = Millis::from_hours(12);
/// Tries of a conditional write that met another one.
const PUT_TRIES: u32 = 5;

/// The bucket of exports (`base_*/`) and of documents that are too large for a reply (`documents/`).
#[derive(Debug, Clone)]
pub struct S3Documents<C> {
    client: Client,
    credentials: Option<SharedCredentialsProvider>,
    bucket: String,
    clock: C,
}

/// An object that is present at a key.
struct Present {
    etag: String,
    fence: u64,
    modified: EpochMs,
}

impl<C: Clock> S3Documents<C> {
    /// Documents in `bucket`.
    pub fn new(config: &SdkConfig, bucket: String, clock: C) -> Self {
        Self { client: Client::new(config), credentials: config.credentials_provider(), bucket, clock }
    }

    /// Reads an object. One that S3 refuses permanently, that is too large, or that is no UTF-8 text is unreadable.
    ///
    /// # Errors
    /// [`Unavailable`] when S3 does not answer.
    pub async fn read(&self, key: &str) -> Result<LastExport, Unavailable> {
        with_body(|| self.get(key)).await
    }

    async fn get(&self, key: &str) -> Result<Result<LastExport, Unavailable>, Unavailable> {
        let sent = self.client.get_object().bucket(&self.bucket).key(key).send().await;
        let object = match sent {
            Ok(object) => object,
            Err(e) if is_denied(&e) || is_locked(e.code()) => {
                return Ok(Ok(unreadable(&unavailable(WHAT, &e).1)));
            }
            Err(e) if status(&e) == Some(404) => return Ok(Ok(LastExport::Missing)),
            Err(e) => return Err(unavailable(WHAT, &e)),
        };
        let modified = instant(object.last_modified());
        let warnings = object.metadata().and_then(|metadata| metadata.get("warnings")).cloned();
        let length = length(WHAT, &object, None)?;
        if length > MOST {
            return Ok(Ok(unreadable("it is too large")));
        }
        let bytes = match whole(WHAT, object.body, length, GRACE).await {
            Ok(bytes) => bytes,
            Err(broken) => return Ok(Err(broken)),
        };
        Ok(Ok(match String::from_utf8(bytes.into()) {
            Ok(text) => LastExport::Found(StoredText { text, modified, warnings }),
            Err(_) => unreadable("it is no UTF-8"),
        }))
    }

    /// A presigned URL that reads `key` of `bucket` by `method` for `life`.
    ///
    /// # Errors
    /// [`Unavailable`] when there are no credentials to sign with.
    pub async fn presign(
        &self,
        bucket: &str,
        key: &str,
        life: Duration,
        headers: Option<&LinkHeaders>,
        method: LinkMethod,
    ) -> Result<String, Unavailable> {
        let config = PresigningConfig::expires_in(life).map_err(|e| unavailable(WHAT, &e))?;
        let content_type = headers.map(|headers| headers.content_type.to_owned());
        let disposition = headers.and_then(|headers| headers.disposition.clone());
        let signed = match method {
            LinkMethod::Get => {
                let get = self.client.get_object().bucket(bucket).key(key);
                get.set_response_content_type(content_type)
                    .set_response_content_disposition(disposition)
                    .presigned(config)
                    .await
                    .map_err(|e| unavailable(WHAT, &e))
            }
            LinkMethod::Head => {
                let head = self.client.head_object().bucket(bucket).key(key);
                head.set_response_content_type(content_type)
                    .set_response_content_disposition(disposition)
                    .presigned(config)
                    .await
                    .map_err(|e| unavailable(WHAT, &e))
            }
        };
        Ok(signed?.uri().to_owned())
    }

    async fn head(&self, key: &str) -> Result<Option<Present>, Unavailable> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => {
                let metadata = object.metadata();
                let fence = metadata.and_then(|metadata| metadata.get("fence")?.parse().ok());
                Ok(Some(Present {
                    etag: object.e_tag().unwrap_or_default().to_owned(),
                    fence: fence.unwrap_or_default(),
                    modified: instant(object.last_modified()).unwrap_or_default(),
                }))
            }
            Err(e) if status(&e) == Some(404) => Ok(None),
            Err(e) => Err(unavailable(WHAT, &e)),
        }
    }
}

fn instant(time: Option<&DateTime>) -> Option<EpochMs> {
    time?.to_millis().ok().map(EpochMs::new)
}

fn unreadable(why: &str) -> LastExport {
    tracing::warn!(why, "a stored export is unreadable");
    LastExport::Unreadable
}

/// Returns `true` if the object's key of encryption is disabled or on its way out.
fn is_locked(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.starts_with("KMS."))
}

impl<C: Clock> DocumentLinks for S3Documents<C> {
    async fn lend(
        &self,
        body: Bytes,
        sha256: &str,
        headers: &LinkHeaders,
        method: LinkMethod,
    ) -> Result<DocumentLink, Unavailable> {
        let key = format!("documents/{sha256}");
        let now = self.clock.now();
        let found = self.head(&key).await?;
        if found.is_none_or(|found| now - found.modified > FRESH) {
            let put =
                self.client.put_object().bucket(&self.bucket).key(&key).content_type(headers.content_type);
            put.body(ByteStream::from(body)).send().await.map_err(|e| unavailable(WHAT, &e))?;
        }
        self.link(&key, headers, method).await
    }
}

impl<C: Clock> S3Documents<C> {
    async fn link(
        &self,
        key: &str,
        headers: &LinkHeaders,
        method: LinkMethod,
    ) -> Result<DocumentLink, Unavailable> {
        let now = self.clock.now();
        let life = life(self.credentials.as_ref(), now).await;
        let url = self.presign(&self.bucket, key, life.into(), Some(headers), method).await?;
        Ok(DocumentLink { url, expires_at: now + life })
    }
}

/// Life of an order that nothing came of: twice the longest try of the worker.
const ORDER: Millis = Millis::from_mins(10);
/// Age from which a document that was built apart is built anew.
const BUILT: Millis = Millis::from_mins(5);
/// Metadata of an order's object.
const STATE: &str = "state";

impl<C: Clock> S3Documents<C> {
    async fn put_order(
        &self,
        id: &str,
        state: &str,
        body: Bytes,
        sha256: &str,
        content_type: &'static str,
    ) -> Result<(), Unavailable> {
        let put = self.client.put_object().bucket(&self.bucket).key(order_key(id)).content_type(content_type);
        let put = put.metadata(STATE, state).metadata("sha256", sha256).body(ByteStream::from(body));
        put.send().await.map(|_| ()).map_err(|e| unavailable(WHAT, &e))
    }
}

fn order_key(id: &str) -> String {
    format!("documents/orders/{id}")
}

impl<C: Clock> DocumentOrders for S3Documents<C> {
    async fn look(
        &self,
        id: &str,
        headers: &LinkHeaders,
        method: LinkMethod,
    ) -> Result<OrderProgress, Unavailable> {
        let key = order_key(id);
        let object = match self.client.head_object().bucket(&self.bucket).key(&key).send().await {
            Ok(object) => object,
            Err(e) if status(&e) == Some(404) => return Ok(OrderProgress::Absent),
            Err(e) => return Err(unavailable(WHAT, &e)),
        };
        let age = self.clock.now() - instant(object.last_modified()).unwrap_or_default();
        let said = |name: &str| object.metadata().and_then(|metadata| metadata.get(name)).map(String::as_str);
        Ok(match said(STATE) {
            Some("ordered") if age < ORDER => OrderProgress::Waiting,
            Some("built") if age < BUILT => OrderProgress::Built {
                link: self.link(&key, headers, method).await?,
                bytes: object.content_length().and_then(|bytes| bytes.try_into().ok()).unwrap_or_default(),
                sha256: said("sha256").unwrap_or_default().to_owned(),
            },
            _ => OrderProgress::Absent,
        })
    }

    async fn place(&self, id: &str) -> Result<(), Unavailable> {
        self.put_order(id, "ordered", Bytes::new(), "", JSON).await
    }

    async fn keep(
        &self,
        id: &str,
        body: Bytes,
        sha256: &str,
        content_type: &'static str,
    ) -> Result<(), Unavailable> {
        self.put_order(id, "built", body, sha256, content_type).await
    }

    async fn cancel(&self, id: &str) -> Result<(), Unavailable> {
        self.put_order(id, "cancelled", Bytes::new(), "", JSON).await
    }
}

impl<C: Clock> ExportStore for S3Documents<C> {
    fn location(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    async fn put(
        &self,
        key: &str,
        text: String,
        fence: u64,
        warnings: Option<String>,
    ) -> Result<StoreOutcome, Unavailable> {
        let body = Bytes::from(text);
        for _ in 0..PUT_TRIES {
            let found = self.head(key).await?;
            if found.as_ref().is_some_and(|found| found.fence > fence) {
                return Ok(StoreOutcome::Superseded);
            }
            let (if_match, if_none_match) = match found {
                Some(found) => (Some(found.etag), None),
                None => (None, Some("*".to_owned())),
            };
            let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(JSON);
            let put = match &warnings {
                Some(codes) => put.metadata("warnings", codes),
                None => put,
            };
            let sent = put
                .metadata("fence", fence.to_string())
                .set_if_match(if_match)
                .set_if_none_match(if_none_match)
                .body(ByteStream::from(body.clone()))
                .send()
                .await;
            match sent {
                Ok(done) => return Ok(StoreOutcome::Done(done.e_tag().unwrap_or_default().to_owned())),
                // Changed between the look and the write, also by an earlier try of this write; or another one is
                // under way.
                Err(e) if matches!(status(&e), Some(404 | 409 | 412)) => {}
                Err(e) => return Err(unavailable(WHAT, &e)),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Unavailable(WHAT, "every conditional write met another one".to_owned()))
    }
}

#[cfg(all(test, feature = "dynamodb"))]
mod tests;
