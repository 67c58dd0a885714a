//! Links to objects: signed here, without a call to S3.

use super::S3Objects;
use super::etags::etags;
use super::signer::Signer;
use crate::clients::unavailable;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_s3::presigning::PresigningConfig;
use export_domain::ports::{ClipLinks, Clock, FileLink, LinkHeaders, PlayLinks, Unavailable};
use export_domain::target::{Bucket, Target};
use export_domain::time::{EpochMs, Millis};
use std::collections::{BTreeMap, BTreeSet};
use std::time::UNIX_EPOCH;

const WHAT: &str = "the signer of links";
/// Longest life of a link.
const LONGEST: Millis = Millis::from_mins(15);
/// Shortest life: S3 counts whole seconds.
const SHORTEST: Millis = Millis::from_secs(1);

/// The life of a link that is signed at `now`: it ends with the credentials that sign it. Those that Lambda gives do not
/// say when that is.
pub(crate) async fn life(credentials: Option<&SharedCredentialsProvider>, now: EpochMs) -> Millis {
    match end_of(credentials).await {
        Some(end) => (end - now).clamp(SHORTEST, LONGEST),
        None => LONGEST,
    }
}

async fn end_of(credentials: Option<&SharedCredentialsProvider>) -> Option<EpochMs> {
    ends_at(&credentials?.provide_credentials().await.ok()?)
}

fn ends_at(credentials: &Credentials) -> Option<EpochMs> {
    let since = credentials.expiry()?.duration_since(UNIX_EPOCH).ok()?;
    Some(EpochMs::ZERO + since.into())
}

impl<C: Clock> PlayLinks for S3Objects<C> {
    async fn lend_made(
        &self,
        target: &Target,
        keys: &[String],
        life: Millis,
    ) -> Result<Vec<String>, Unavailable> {
        if let Some(links) = self.links_behind(&target.bucket, keys, life) {
            return links;
        }
        let credentials = self.own_credentials().await;
        self.lend_all(&self.client(target), credentials, &target.bucket, keys, life).await
    }

    async fn lend_recorded(
        &self,
        bucket: &Bucket,
        keys: &[String],
        life: Millis,
    ) -> Result<Vec<String>, Unavailable> {
        if let Some(links) = self.links_behind(&bucket.name, keys, life) {
            return links;
        }
        let (client, credentials) = match &self.lender {
            Some(lender) => {
                let lent = Box::pin(lender.reader(bucket, self.clock.now())).await;
                lent.map(|(client, credentials)| (client, Some(credentials)))
                    .map_err(|e| unavailable(WHAT, &e))?
            }
            None => (self.home.clone(), self.own_credentials().await),
        };
        self.lend_all(&client, credentials, &bucket.name, keys, life).await
    }

    async fn etags(
        &self,
        bucket: &Bucket,
        keys: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, Unavailable> {
        let client = self.reader(bucket).await.map_err(|e| unavailable(WHAT, &e))?;
        etags(&client, bucket, keys).await
    }
}

impl<C: Clock> S3Objects<C> {
    /// The credentials of the function itself.
    async fn own_credentials(&self) -> Option<Credentials> {
        self.config.credentials_provider()?.provide_credentials().await.ok()
    }

    /// Links through the distribution; `None` if there is none that serves `bucket`.
    fn links_behind(
        &self,
        bucket: &str,
        keys: &[String],
        life: Millis,
    ) -> Option<Result<Vec<String>, Unavailable>> {
        let end = (self.clock.now() + life).to_secs();
        let links = self.distribution.as_ref()?.links(bucket, keys, end)?;
        Some(links.map_err(|e| unavailable(WHAT, &e)))
    }

    async fn lend_all(
        &self,
        client: &Client,
        credentials: Option<Credentials>,
        bucket: &str,
        keys: &[String],
        life: Millis,
    ) -> Result<Vec<String>, Unavailable> {
        let end = credentials.as_ref().and_then(ends_at);
        let left = end.map_or(life, |end| end - self.clock.now());
        let life = life.min(left).max(SHORTEST);
        let signing = PresigningConfig::expires_in(life.into()).map_err(|e| unavailable(WHAT, &e))?;
        let Some((first, others)) = keys.split_first() else { return Ok(Vec::new()) };
        let by_library = async |key: &str| {
            let get = client.get_object().bucket(bucket).key(key).presigned(signing.clone()).await;
            get.map(|get| get.uri().to_owned()).map_err(|e| unavailable(WHAT, &e))
        };
        let mut urls = Vec::with_capacity(keys.len());
        urls.push(by_library(first).await?);
        let signer = credentials.zip(urls.first());
        let signer = signer.and_then(|(credentials, url)| Signer::like(url, first, &credentials));
        for key in others {
            urls.push(if let Some(signer) = &signer { signer.url(key) } else { by_library(key).await? });
        }
        Ok(urls)
    }
}

impl<C: Clock> ClipLinks for S3Objects<C> {
    async fn lend(&self, target: &Target, key: &str, headers: &LinkHeaders) -> Result<FileLink, Unavailable> {
        let now = self.clock.now();
        let life = life(self.config.credentials_provider().as_ref(), now).await;
        let signing = PresigningConfig::expires_in(life.into()).map_err(|e| unavailable(WHAT, &e))?;
        let get = self.client(target).get_object().bucket(&target.bucket).key(key);
        let get = get.response_content_type(headers.content_type);
        let signed =
            get.set_response_content_disposition(headers.disposition.clone()).presigned(signing).await;
        let url = signed.map_err(|e| unavailable(WHAT, &e))?.uri().to_owned();
        Ok(FileLink { url, expires_at: now + life })
    }
}
