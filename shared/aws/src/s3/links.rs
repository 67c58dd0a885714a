//! Links to objects: signed here, without a call to S3.

use super::S3Objects;
use crate::clients::unavailable;
use crate::clock::SystemClock;
use aws_sdk_s3::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::presigning::PresigningConfig;
use export_domain::ports::{ClipLinks, Clock, FileLink, LinkHeaders, Unavailable};
use export_domain::target::Target;
use std::time::{Duration, UNIX_EPOCH};

const WHAT: &str = "the signer of links";
/// Longest life of a link, in milliseconds.
const LONGEST_MS: i64 = 15 * 60 * 1000;
/// Shortest life, in milliseconds: S3 counts whole seconds.
const SHORTEST_MS: i64 = 1000;

/// The life of a link that is signed at `now_ms`, in milliseconds: it ends with the credentials that sign it. Those that
/// Lambda gives do not say when that is.
pub(crate) async fn life_ms(credentials: Option<&SharedCredentialsProvider>, now_ms: i64) -> i64 {
    match end_ms(credentials).await {
        Some(end_ms) => (end_ms - now_ms).clamp(SHORTEST_MS, LONGEST_MS),
        None => LONGEST_MS,
    }
}

async fn end_ms(credentials: Option<&SharedCredentialsProvider>) -> Option<i64> {
    let credentials = credentials?.provide_credentials().await.ok()?;
    let since = credentials.expiry()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

impl ClipLinks for S3Objects {
    async fn lend(&self, target: &Target, key: &str, headers: &LinkHeaders) -> Result<FileLink, Unavailable> {
        let now_ms = SystemClock.now_ms();
        let life_ms = life_ms(self.config.credentials_provider().as_ref(), now_ms).await;
        let life = Duration::from_millis(u64::try_from(life_ms).unwrap_or_default());
        let signing = PresigningConfig::expires_in(life).map_err(|e| unavailable(WHAT, &e))?;
        let get = self.client(target).get_object().bucket(&target.bucket).key(key);
        let get = get.response_content_type(headers.content_type);
        let signed =
            get.set_response_content_disposition(headers.disposition.clone()).presigned(signing).await;
        let url = signed.map_err(|e| unavailable(WHAT, &e))?.uri().to_owned();
        Ok(FileLink { url, expires_ms: now_ms + life_ms })
    }
}
