//! Recordings and clips in S3.

mod distribution;
mod etags;
mod lent;
pub(crate) mod links;
mod signer;

use crate::clients::unavailable;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Config};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat as Format};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
pub use distribution::Distribution;
use export_domain::ids::{JobId, hex};
use export_domain::ports::{
    Checked, ClipLook, ClipRead, ClipStore, Clock, FolderPart, Origin, Part, Precondition, Published,
    RecordingError, RecordingLists, SourceBytes, SourceStore, StoredObject, Unavailable, Upload, WriteError,
};
use export_domain::target::{Bucket, Target};
use export_domain::time::{EpochMs, EpochSecs, Millis};
use lent::Lender;
use std::collections::HashMap;
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const WHAT: &str = "S3";

/// Tries of a conditional write that another one got in the way of (HTTP 409).
const CONFLICT_TRIES: u32 = 4;
/// Tries of a read whose body does not come.
const BODY_TRIES: u32 = 3;
/// Codes of a 403 that stays one: no right to the object or its key, a bucket that AWS closed, an object in an archive.
const DENIALS: [&str; 3] = ["AccessDenied", "AllAccessDisabled", "InvalidObjectState"];
/// S3's messages about keys of AWS KMS that are disabled, to be deleted, gone, or for other uses.
const KEY_TROUBLES: [&str; 4] = [
    "KMS.DisabledException",
    "KMS.KMSInvalidStateException",
    "KMS.NotFoundException",
    "KMS.InvalidKeyUsageException",
];
/// The time that S3 lets a request's time be wrong by.
const SKEW: Millis = Millis::from_mins(15);
/// Time that any body may take.
pub(crate) const GRACE: Duration = Duration::from_secs(20);
/// Time that a try of making one object of parts may take.
const JOIN: Duration = Duration::from_mins(3);
/// Bytes a second of a network that is still worth waiting for.
const SLOWEST: usize = 1 << 20;

/// Objects in S3, with a client for each region that targets name, or for each place if credentials are lent.
#[derive(Debug)]
pub struct S3Objects<C> {
    config: SdkConfig,
    home: Client,
    abroad: Mutex<HashMap<String, Client>>,
    lender: Option<Lender>,
    distribution: Option<Distribution>,
    grace: Duration,
    clock: C,
}

impl<C: Clock> S3Objects<C> {
    /// Objects as `config` reaches them.
    pub fn new(config: &SdkConfig, clock: C) -> Self {
        let (home, abroad) = (Client::new(config), Mutex::default());
        Self { config: config.clone(), home, abroad, lender: None, distribution: None, grace: GRACE, clock }
    }

    /// Objects as the role of that ARN reaches them, whose rights are narrowed to what each call needs: to read to the
    /// bucket's prefix, to write to the object's folder. `None` keeps the function's own role.
    #[must_use]
    pub fn lent_by(self, role: Option<String>) -> Self {
        Self { lender: role.map(|role| Lender::new(&self.config, role)), ..self }
    }

    /// Objects whose links go through `distribution`, where it serves their bucket.
    #[must_use]
    pub fn behind(self, distribution: Option<Distribution>) -> Self {
        Self { distribution, ..self }
    }

    async fn reader(&self, bucket: &Bucket) -> Result<Client, RecordingError> {
        match &self.lender {
            Some(lender) => Box::pin(lender.reader(bucket, self.clock.now())).await.map(|(client, _)| client),
            None => Ok(self.home.clone()),
        }
    }

    async fn writer(&self, target: &Target, key: &str) -> Result<Client, WriteError> {
        match &self.lender {
            Some(lender) => Box::pin(lender.writer(target, key, self.clock.now())).await,
            None => Ok(self.client(target)),
        }
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

impl<C: Clock> SourceStore for S3Objects<C> {
    async fn read(
        &self,
        bucket: &Bucket,
        key: &str,
        range: Option<(u64, u64)>,
        most: u64,
    ) -> Result<SourceBytes, RecordingError> {
        let attempt = || async {
            let Some(object) = self.get(bucket, key, range).await? else {
                return Ok(Ok(SourceBytes::default()));
            };
            let length = length(WHAT, &object, range)?;
            if length > most {
                return Err(RecordingError::TooLarge);
            }
            let etag = object.e_tag().unwrap_or_default().to_owned();
            let bytes = whole(WHAT, object.body, length, self.grace).await;
            Ok(bytes.map(|bytes| SourceBytes { bytes, etag }))
        };
        with_body(attempt).await
    }

    /// A reply with one byte says how many there are; an object without any has none to give.
    async fn size(&self, bucket: &Bucket, key: &str) -> Result<u64, RecordingError> {
        let Some(object) = self.get(bucket, key, Some((0, 0))).await? else { return Ok(0) };
        let total = object.content_range().and_then(|given| given.rsplit_once('/')?.1.parse().ok());
        let unknown = || Unavailable(WHAT, "the reply does not say the size of the object".to_owned());
        Ok(total.ok_or_else(unknown)?)
    }
}

impl<C: Clock> S3Objects<C> {
    /// Asks for an object or bytes of it; `None` if there are none of these bytes.
    async fn get(
        &self,
        bucket: &Bucket,
        key: &str,
        range: Option<(u64, u64)>,
    ) -> Result<Option<GetObjectOutput>, RecordingError> {
        let get = self.reader(bucket).await?.get_object().bucket(&bucket.name).key(key);
        let get = get.set_range(range.map(|(first, last)| format!("bytes={first}-{last}")));
        match get.set_expected_bucket_owner(account(&bucket.owner)).send().await {
            Ok(object) => Ok(Some(object)),
            Err(e) => match status(&e) {
                Some(416) if range.is_some() => Ok(None),
                _ => Err(unread(&e, self.clock.now())),
            },
        }
    }
}

impl<C: Clock> RecordingLists for S3Objects<C> {
    async fn folder(
        &self,
        bucket: &Bucket,
        folder: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<FolderPart, RecordingError> {
        // `0` follows `/`: with it all of a folder is passed over.
        let behind = |name: &str| match name.strip_suffix('/') {
            Some(name) => format!("{folder}{name}0"),
            None => format!("{folder}{name}"),
        };
        let listed = self
            .reader(bucket)
            .await?
            .list_objects_v2()
            .bucket(&bucket.name)
            .prefix(folder)
            .delimiter("/")
            .max_keys(i32::try_from(most).unwrap_or(i32::MAX))
            .set_start_after(after.map(behind))
            .set_expected_bucket_owner(account(&bucket.owner))
            .send()
            .await
            .map_err(|e| unread(&e, self.clock.now()))?;
        let own = |key: Option<&str>| key?.strip_prefix(folder).map(str::to_owned);
        let folders: Vec<String> =
            listed.common_prefixes().iter().filter_map(|found| own(found.prefix())).collect();
        let written = |at: Option<&DateTime>| at.and_then(instant).unwrap_or_default();
        let objects = listed.contents().iter();
        let objects: Vec<_> = objects
            .filter_map(|found| Some((own(found.key())?, written(found.last_modified()))))
            // The object that a console makes for a folder.
            .filter(|(name, _)| !name.is_empty())
            .collect();
        let last = folders.iter().chain(objects.iter().map(|(name, _)| name)).max().cloned();
        Ok(FolderPart {
            next: last.filter(|_| listed.is_truncated() == Some(true)),
            folders: folders.iter().map(|name| name.trim_end_matches('/').to_owned()).collect(),
            objects,
        })
    }

    async fn written_at(&self, bucket: &Bucket, key: &str) -> Result<Option<EpochMs>, RecordingError> {
        let head = self.reader(bucket).await?.head_object().bucket(&bucket.name).key(key);
        match head.set_expected_bucket_owner(account(&bucket.owner)).send().await {
            Ok(object) => Ok(object.last_modified().and_then(instant)),
            Err(e) => match unread(&e, self.clock.now()) {
                RecordingError::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }
}

fn instant(at: &DateTime) -> Option<EpochMs> {
    at.to_millis().ok().map(EpochMs::new)
}

/// Why an object was not read, or a folder not listed.
fn unread<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>, now: EpochMs) -> RecordingError {
    match trouble(error, now) {
        _ if status(error) == Some(404) => RecordingError::NotFound,
        Some(Trouble::Denied) => RecordingError::Denied,
        Some(Trouble::Key) => RecordingError::Key(unavailable(WHAT, error).1),
        Some(Trouble::Clock) => RecordingError::Clock(unavailable(WHAT, error).1),
        None => unavailable(WHAT, error).into(),
    }
}

/// Makes `attempt` again as long as it gives a reply whose body does not come: the client library tries again to get an
/// answer, but not to get all of its body.
pub(crate) async fn with_body<F, T, E>(attempt: impl Fn() -> F) -> Result<T, E>
where
    F: Future<Output = Result<Result<T, Unavailable>, E>>,
    E: From<Unavailable>,
{
    let mut tries = 1;
    loop {
        match attempt().await? {
            Ok(read) => return Ok(read),
            Err(_) if tries < BODY_TRIES => tries += 1,
            Err(error) => return Err(error.into()),
        }
        pause(tries).await;
    }
}

/// The number of bytes that a reply will have. A reply with other bytes than were asked for is an error.
pub(crate) fn length(
    what: &'static str,
    object: &GetObjectOutput,
    range: Option<(u64, u64)>,
) -> Result<u64, Unavailable> {
    let other = || Unavailable(what, "the reply gives other bytes than were asked for".to_owned());
    if let Some((first, _)) = range {
        let given = object.content_range().unwrap_or_default();
        if !given.starts_with(&format!("bytes {first}-")) {
            return Err(other());
        }
    }
    let length = object.content_length().and_then(|n| u64::try_from(n).ok());
    length.ok_or_else(|| Unavailable(what, "the reply does not say its length".to_owned()))
}

/// All `length` bytes of a body, in the time that a slow network takes for them.
pub(crate) async fn whole(
    what: &'static str,
    mut body: ByteStream,
    length: u64,
    grace: Duration,
) -> Result<Bytes, Unavailable> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::with_capacity(length);
    let read = async {
        while let Some(chunk) = body.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok::<_, aws_sdk_s3::primitives::ByteStreamError>(())
    };
    let patience = grace + Duration::from_secs(u64::try_from(length / SLOWEST).unwrap_or(u64::MAX));
    match tokio::time::timeout(patience, read).await {
        Ok(Ok(())) if bytes.len() == length => Ok(bytes.freeze()),
        Ok(Ok(())) => Err(Unavailable(what, "a body has another length than was said".to_owned())),
        Ok(Err(e)) => Err(unavailable(what, &e)),
        Err(_) => Err(Unavailable(what, "a body comes too slowly".to_owned())),
    }
}

impl<C: Clock> ClipRead for S3Objects<C> {
    async fn fetch(&self, target: &Target, key: &str, most: u64) -> Result<Option<Bytes>, Unavailable> {
        let attempt = || async {
            let get = self.client(target).get_object().bucket(&target.bucket).key(key);
            match get.set_expected_bucket_owner(account(&target.owner)).send().await {
                Ok(object) => {
                    let length = length(WHAT, &object, None)?;
                    if length > most {
                        return Ok(Ok(None));
                    }
                    Ok(whole(WHAT, object.body, length, self.grace).await.map(Some))
                }
                // Without the right to list, what is not there is forbidden.
                Err(error) if matches!(status(&error), Some(403 | 404)) => Ok(Ok(None)),
                Err(error) => Err(unavailable(WHAT, &error)),
            }
        };
        with_body(attempt).await
    }
}

/// By a list, which needs no right to read objects. The first key of those that begin with `key` is `key` itself.
impl<C: Clock> ClipLook for S3Objects<C> {
    async fn is_there(&self, target: &Target, key: &str) -> Result<bool, WriteError> {
        let listed = self
            .client(target)
            .list_objects_v2()
            .bucket(&target.bucket)
            .prefix(key)
            .max_keys(1)
            .set_expected_bucket_owner(account(&target.owner))
            .send()
            .await
            .map_err(|e| failed(&e, self.clock.now()))?;
        Ok(listed.contents().first().is_some_and(|object| object.key() == Some(key)))
    }
}

impl<C: Clock> ClipStore for S3Objects<C> {
    async fn head(&self, target: &Target, key: &str) -> Result<Option<StoredObject>, WriteError> {
        let sent = self
            .writer(target, key)
            .await?
            .head_object()
            .bucket(&target.bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled)
            .set_expected_bucket_owner(account(&target.owner))
            .send()
            .await;
        match sent {
            Ok(object) => Ok(Some(StoredObject {
                bytes: object.content_length().and_then(|n| u64::try_from(n).ok()).unwrap_or_default(),
                etag: object.e_tag().unwrap_or_default().to_owned(),
                sha256: object.checksum_sha256().and_then(read_checksum),
                origin: object.metadata().and_then(read_origin),
            })),
            Err(e) if status(&e) == Some(404) => Ok(None),
            Err(e) => Err(failed(&e, self.clock.now())),
        }
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
        let (if_none_match, if_match) = conditions(when);
        let client = self.writer(target, key).await?;
        let attempt = || {
            let put = client.put_object().bucket(&target.bucket).key(key).content_type(content_type);
            put.set_metadata(Some(metadata(origin)))
                .set_expected_bucket_owner(account(&target.owner))
                .set_if_none_match(if_none_match.clone())
                .set_if_match(if_match.clone())
                .checksum_sha256(BASE64.encode(body.sha256))
                .body(ByteStream::from(body.bytes.clone()))
                .send()
        };
        published(&self.clock, &[412], attempt).await
    }

    async fn read_back(
        &self,
        target: &Target,
        key: &str,
        range: Option<(u64, u64)>,
        most: u64,
    ) -> Result<Option<Bytes>, WriteError> {
        let client = self.writer(target, key).await?;
        let attempt = || async {
            let get = client.get_object().bucket(&target.bucket).key(key);
            let get = get.set_range(range.map(|(first, last)| format!("bytes={first}-{last}")));
            match get.set_expected_bucket_owner(account(&target.owner)).send().await {
                Ok(object) => {
                    let length = length(WHAT, &object, range)?;
                    if length > most {
                        return Err(Unavailable(WHAT, "an object is too large".to_owned()).into());
                    }
                    Ok(whole(WHAT, object.body, length, self.grace).await.map(Some))
                }
                Err(e) if status(&e) == Some(404) && !is_denied(&e) => Ok(Ok(None)),
                Err(e) if status(&e) == Some(416) && range.is_some() => Ok(Ok(Some(Bytes::new()))),
                Err(e) => Err(failed(&e, self.clock.now())),
            }
        };
        with_body(attempt).await
    }

    async fn begin(
        &self,
        target: &Target,
        key: &str,
        content_type: &str,
        origin: &Origin,
    ) -> Result<Upload, WriteError> {
        let sent = self
            .writer(target, key)
            .await?
            .create_multipart_upload()
            .bucket(&target.bucket)
            .key(key)
            .content_type(content_type)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .checksum_type(ChecksumType::Composite)
            .set_metadata(Some(metadata(origin)))
            .set_expected_bucket_owner(account(&target.owner))
            .send()
            .await
            .map_err(|e| failed(&e, self.clock.now()))?;
        let id = sent.upload_id().ok_or_else(|| Unavailable(WHAT, "an upload without an id".to_owned()))?;
        Ok(Upload { id: id.to_owned(), key: key.to_owned() })
    }

    async fn part(
        &self,
        target: &Target,
        upload: &Upload,
        number: i32,
        body: Checked,
    ) -> Result<Part, WriteError> {
        let sent = self
            .writer(target, &upload.key)
            .await?
            .upload_part()
            .bucket(&target.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .part_number(number)
            .set_expected_bucket_owner(account(&target.owner))
            .checksum_sha256(BASE64.encode(body.sha256))
            .body(ByteStream::from(body.bytes))
            .send()
            .await
            .map_err(|e| failed(&e, self.clock.now()))?;
        Ok(Part { number, etag: sent.e_tag().unwrap_or_default().to_owned(), sha256: body.sha256 })
    }

    async fn complete(
        &self,
        target: &Target,
        upload: &Upload,
        parts: &[Part],
        when: &Precondition,
    ) -> Result<Published, WriteError> {
        let (if_none_match, if_match) = conditions(when);
        let part = |p: &Part| {
            let sha256 = BASE64.encode(p.sha256);
            CompletedPart::builder().part_number(p.number).e_tag(&p.etag).checksum_sha256(sha256).build()
        };
        let parts =
            CompletedMultipartUpload::builder().set_parts(Some(parts.iter().map(part).collect())).build();
        let client = self.writer(target, &upload.key).await?;
        let attempt = || {
            let complete = client.complete_multipart_upload().bucket(&target.bucket).key(&upload.key);
            complete
                .upload_id(&upload.id)
                .multipart_upload(parts.clone())
                .checksum_type(ChecksumType::Composite)
                .set_expected_bucket_owner(account(&target.owner))
                .set_if_none_match(if_none_match.clone())
                .set_if_match(if_match.clone())
                .customize()
                .config_override(Config::builder().timeout_config(joining()))
                .send()
        };
        // An upload that is gone was completed by a try whose reply was lost, or thrown away: the object tells.
        published(&self.clock, &[404, 412], attempt).await
    }

    async fn remove(&self, target: &Target, key: &str, etag: &str) -> Result<(), WriteError> {
        let sent = self
            .writer(target, key)
            .await?
            .delete_object()
            .bucket(&target.bucket)
            .key(key)
            .if_match(etag)
            .set_expected_bucket_owner(account(&target.owner))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(e) if matches!(status(&e), Some(404 | 412)) && !is_denied(&e) => Ok(()),
            Err(e) => Err(failed(&e, self.clock.now())),
        }
    }

    async fn abort(&self, target: &Target, upload: &Upload) -> Result<(), WriteError> {
        let sent = self
            .writer(target, &upload.key)
            .await?
            .abort_multipart_upload()
            .bucket(&target.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .set_expected_bucket_owner(account(&target.owner))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(e) if status(&e) == Some(404) => Ok(()),
            Err(e) => Err(failed(&e, self.clock.now())),
        }
    }
}

/// Makes an object visible. A status in `refusals` is an answer; 409 means that another conditional write was under
/// way, so ask again.
async fn published<F, T, E>(
    clock: &impl Clock,
    refusals: &[u16],
    attempt: impl Fn() -> F,
) -> Result<Published, WriteError>
where
    F: Future<Output = Result<T, SdkError<E>>>,
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let mut tries = 1;
    loop {
        match attempt().await {
            Ok(_) => return Ok(Published::Done),
            Err(e) => match status(&e) {
                Some(code) if refusals.contains(&code) && !is_denied(&e) => return Ok(Published::Refused),
                Some(409) if tries < CONFLICT_TRIES => tries += 1,
                _ => return Err(failed(&e, clock.now())),
            },
        }
        pause(tries).await;
    }
}

fn failed<E>(error: &SdkError<E>, now: EpochMs) -> WriteError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let failed = unavailable(WHAT, error);
    match trouble(error, now) {
        Some(Trouble::Denied) => WriteError::Denied(failed.1),
        Some(Trouble::Key) => WriteError::Key(failed.1),
        Some(Trouble::Clock) => WriteError::Clock(failed.1),
        None => failed.into(),
    }
}

/// Why S3 refuses, if it is not only busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The role may not, the bucket is another's, elsewhere or not there.
    Denied,
    /// The key of the encryption may not or cannot be used.
    Key,
    /// The request's time is wrong.
    Clock,
}

fn trouble<E: ProvideErrorMetadata>(error: &SdkError<E>, now: EpochMs) -> Option<Trouble> {
    let (code, message) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
    let keyed = code == "AccessDenied" && message.contains("kms:");
    if keyed || KEY_TROUBLES.contains(&code) {
        return Some(Trouble::Key);
    }
    if code == "RequestTimeTooSkewed" || (is_denied(error) && code.is_empty() && is_clock_off(error, now)) {
        return Some(Trouble::Clock);
    }
    is_denied(error).then_some(Trouble::Denied)
}

/// Returns `true` if the reply's time is not this machine's by more than S3 lets pass: what a 403 without a code, as
/// `HEAD` has it, cannot say itself.
fn is_clock_off<E>(error: &SdkError<E>, now: EpochMs) -> bool {
    let date = error.raw_response().and_then(|response| response.headers().get("date"));
    let theirs = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
    theirs.is_some_and(|theirs| EpochSecs::new(theirs.secs()).distance(now.to_secs()) > SKEW)
}

/// Returns `true` if S3 does not let us, at whatever time it is asked. A clock or credentials that are out of date,
/// which have a 403 too, are others at the next try. Only `HEAD` has no code; roles that may list a bucket get a 404
/// for what is not there, so its 403 is a denial.
pub(crate) fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match (status(error), error.code()) {
        (Some(403), code) => code.is_none_or(|code| DENIALS.contains(&code)),
        // Of a bucket in another region, to which the client library does not go on.
        (Some(301), _) | (Some(400), Some("AuthorizationHeaderMalformed")) => true,
        (Some(404), code) => code == Some("NoSuchBucket"),
        _ => false,
    }
}

/// S3 takes minutes to make one object of many parts.
fn joining() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(JOIN)
        .operation_timeout(JOIN * 2)
        .build()
}

/// Longer each time, and never as long as that of another caller.
async fn pause(tries: u32) {
    let most = u64::from(tries) * 100;
    tokio::time::sleep(Duration::from_millis(most / 2 + RandomState::new().hash_one(tries) % most)).await;
}

pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn conditions(when: &Precondition) -> (Option<String>, Option<String>) {
    match when {
        Precondition::Absent => (Some("*".to_owned()), None),
        Precondition::Replaces(etag) => (None, Some(etag.clone())),
    }
}

/// The account that must own a bucket, if one is named.
fn account(owner: &str) -> Option<String> {
    Some(owner.to_owned()).filter(|owner| !owner.is_empty())
}

fn metadata(origin: &Origin) -> HashMap<String, String> {
    HashMap::from([
        ("job-id".to_owned(), origin.job_id.to_string()),
        ("generation".to_owned(), origin.generation.to_string()),
        ("fence".to_owned(), origin.fence.to_string()),
    ])
}

/// A checksum in hex. That of an object in parts has their number behind it.
fn read_checksum(text: &str) -> Option<String> {
    let digest = text.split_once('-').map_or(text, |(digest, _)| digest);
    BASE64.decode(digest).ok().map(|digest| hex(&digest))
}

fn read_origin(metadata: &HashMap<String, String>) -> Option<Origin> {
    Some(Origin {
        job_id: JobId::parse(metadata.get("job-id")?).ok()?,
        generation: metadata.get("generation")?.parse().ok()?,
        fence: metadata.get("fence")?.parse().ok()?,
    })
}

#[cfg(all(test, feature = "dynamodb"))]
mod tests;
