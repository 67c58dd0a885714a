//! Credentials for no more than a call needs: one recording's tenant to read, one job's folder to write.
//!
//! The role that may reach all recordings and clips is assumed with a session policy, which leaves of its rights what
//! it names. Credentials are kept until shortly before they end.

use crate::clients::unavailable;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, Credentials, ProvideCredentials};
use export_domain::ports::{RecordingError, Unavailable, WriteError};
use export_domain::target::{Bucket, Target};
use export_domain::time::{EpochMs, Millis};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::SystemTime;
use tokio::sync::Mutex;

/// Clients that are kept; a function works on one job, then on the next.
const KEPT: usize = 16;
/// Longest session policy that STS takes, in characters.
const LONGEST: usize = 2048;
/// Credentials are good for an hour, and longer than this when a call begins.
const SPARE: Millis = Millis::from_mins(5);

/// Lends clients whose credentials reach one place.
#[derive(Debug)]
pub(super) struct Lender {
    config: SdkConfig,
    role: String,
    kept: Mutex<HashMap<(String, String), Lent>>,
}

#[derive(Debug)]
struct Lent {
    client: Client,
    credentials: Credentials,
    ends_at: EpochMs,
}

impl Lender {
    /// Clients of `role`, by its ARN, made by whom `config` is.
    pub(super) fn new(config: &SdkConfig, role: String) -> Self {
        Self { config: config.clone(), role, kept: Mutex::default() }
    }

    /// A client that reads a tenant's recordings at `now`, and its credentials.
    pub(super) async fn reader(
        &self,
        bucket: &Bucket,
        now: EpochMs,
    ) -> Result<(Client, Credentials), RecordingError> {
        let client = self.client("read", "", &reading(self.partition(), bucket), now).await?;
        client.ok_or(RecordingError::Denied)
    }

    /// A client that reads and writes the folder of the object at `key` at `now`.
    pub(super) async fn writer(
        &self,
        target: &Target,
        key: &str,
        now: EpochMs,
    ) -> Result<Client, WriteError> {
        let client =
            self.client("write", &target.region, &writing(self.partition(), target, key), now).await?;
        client.map(|(client, _)| client).ok_or_else(|| {
            WriteError::Denied("the target's root is too long for a session policy".to_owned())
        })
    }

    /// The second part of every ARN: `aws`, `aws-cn` or another.
    fn partition(&self) -> &str {
        self.role.split(':').nth(1).unwrap_or("aws")
    }

    /// `None` if STS would not take the policy. Calls at the same time wait for one loan.
    async fn client(
        &self,
        session: &'static str,
        region: &str,
        policy: &Value,
        now: EpochMs,
    ) -> Result<Option<(Client, Credentials)>, Unavailable> {
        let policy = policy.to_string();
        if policy.chars().count() > LONGEST {
            return Ok(None);
        }
        let place = (region.to_owned(), policy);
        let mut kept = self.kept.lock().await;
        if let Some(lent) = kept.get(&place).filter(|lent| lent.ends_at > now + SPARE) {
            return Ok(Some((lent.client.clone(), lent.credentials.clone())));
        }
        let lent = Self::lend(self.config.clone(), self.role.clone(), session, place.clone());
        // On a task of its own, since a call within a call would take more stack than the runtime's threads have.
        let lent = tokio::spawn(lent).await.map_err(|error| unavailable("STS", &error))??;
        let client = (lent.client.clone(), lent.credentials.clone());
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(place, lent);
        Ok(Some(client))
    }

    /// A client for a region, the function's own if it is empty, and a policy.
    async fn lend(
        config: SdkConfig,
        role: String,
        session: &'static str,
        (region, policy): (String, String),
    ) -> Result<Lent, Unavailable> {
        let role = AssumeRoleProvider::builder(role).session_name(session).policy(policy);
        let lent = role.configure(&config).build().await.provide_credentials().await;
        let credentials = lent.map_err(|error| unavailable("STS", &error))?;
        let ends = credentials.expiry().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let ends_at = ends.map(|since| EpochMs::ZERO + since.into()).unwrap_or_default();
        let mut config = Builder::from(&config).credentials_provider(credentials.clone());
        if !region.is_empty() {
            config = config.region(Region::new(region));
        }
        Ok(Lent { client: Client::from_conf(config.build()), credentials, ends_at })
    }
}

/// A caller that reads an absent object must be allowed to list it, or is told that it is forbidden.
fn reading(partition: &str, bucket: &Bucket) -> Value {
    let keys = format!("{}*", literal(&bucket.prefix));
    let arn = format!("arn:{partition}:s3:::{}", literal(&bucket.name));
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("{arn}/{keys}")},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn, "Condition": {"StringLike": {"s3:prefix": keys}}},
        decrypting(),
    ]})
}

fn writing(partition: &str, target: &Target, key: &str) -> Value {
    let folder = key.rfind('/').map_or("", |at| &key[..=at]);
    let keys = format!("{}*", literal(folder));
    let arn = format!("arn:{partition}:s3:::{}", literal(&target.bucket));
    let objects = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"];
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": objects, "Resource": format!("{arn}/{keys}")},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn, "Condition": {"StringLike": {"s3:prefix": keys}}},
        decrypting(),
    ]})
}

/// Of the role's keys those that S3 uses for the objects above.
fn decrypting() -> Value {
    let through_s3 = json!({"StringLike": {"kms:ViaService": "s3.*"}});
    json!({"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*", "Condition": through_s3})
}

/// A text that means itself where `*`, `?` and `${…}` mean others.
fn literal(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut written, c| {
        match c {
            '*' | '?' | '$' => written.extend(['$', '{', c, '}']),
            c => written.push(c),
        }
        written
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use export_domain::storage::Container;

    fn resources(policy: &Value) -> Vec<&str> {
        policy["Statement"].as_array().unwrap().iter().filter_map(|each| each["Resource"].as_str()).collect()
    }

    #[test]
    fn who_reads_reaches_one_prefix_and_who_writes_one_folder() {
        let bucket = Bucket { name: "tapes".to_owned(), owner: String::new(), prefix: "acme/".to_owned() };
        let read = reading("aws-cn", &bucket);
        assert_eq!(resources(&read), ["arn:aws-cn:s3:::tapes/acme/*", "arn:aws-cn:s3:::tapes", "*"]);
        assert_eq!(read["Statement"][1]["Condition"]["StringLike"]["s3:prefix"], "acme/*");
        let target = Target {
            bucket: "clips".to_owned(),
            region: String::new(),
            root: "news".to_owned(),
            owner: String::new(),
            container: Container::Ts,
        };
        let write = writing("aws", &target, "news/export/0A/clip.ts");
        let folder = "arn:aws:s3:::clips/news/export/0A/*";
        assert_eq!(resources(&write), [folder, "arn:aws:s3:::clips", "*"]);
        assert_eq!(write["Statement"][1]["Condition"]["StringLike"]["s3:prefix"], "news/export/0A/*");
    }

    #[test]
    fn a_name_is_no_pattern() {
        let bucket =
            Bucket { name: "b".to_owned(), owner: String::new(), prefix: "a*?${aws:userid}/".to_owned() };
        let policy = reading("aws", &bucket);
        assert_eq!(resources(&policy)[0], "arn:aws:s3:::b/a${*}${?}${$}{aws:userid}/*");
    }
}
