//! Signs many links to one bucket (Signature Version 4, in the query), a few hashes each. The client library signs one first:
//! all others differ from it in the path and the signature alone.

use aws_sdk_s3::config::Credentials;
use export_domain::ids::hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

const SIGNATURE: &str = "&X-Amz-Signature=";

/// Signs as one URL was signed.
pub(super) struct Signer {
    /// The URL up to the key.
    place: String,
    /// The path up to the key.
    folder: String,
    host: String,
    /// The query up to the signature.
    query: String,
    /// The query behind it.
    tail: String,
    /// All of it but the signature, as it is signed: in the order of the names.
    canonical: String,
    /// The date, and the scope of the signing key.
    head: String,
    key: Hmac<Sha256>,
}

impl Signer {
    /// As `url` was signed for `key` by `credentials`; `None` if that cannot be followed.
    pub(super) fn like(url: &str, key: &str, credentials: &Credentials) -> Option<Self> {
        let (address, query) = url.split_once('?')?;
        let place = address.strip_suffix(&encoded(key))?;
        let (host, folder) = place.split_once("://")?.1.split_once('/')?;
        let (query, rest) = query.split_once(SIGNATURE)?;
        let tail = rest.find('&').map_or("", |at| &rest[at..]);
        let mut parameters: Vec<&str> = query.split('&').chain(tail.split('&').skip(1)).collect();
        parameters.sort_unstable();
        let value = |name: &str| parameters.iter().find_map(|parameter| parameter.strip_prefix(name));
        let date = value("X-Amz-Date=")?;
        let credential = value("X-Amz-Credential=")?.replace("%2F", "/");
        let (_, scope) = credential.split_once('/')?;
        let secret = format!("AWS4{}", credentials.secret_access_key());
        let signing = scope.split('/').try_fold(secret.into_bytes(), |key, part| mac(&key, part));
        let signer = Self {
            place: place.to_owned(),
            folder: format!("/{folder}"),
            host: host.to_owned(),
            query: query.to_owned(),
            tail: tail.to_owned(),
            canonical: parameters.join("&"),
            head: format!("AWS4-HMAC-SHA256\n{date}\n{scope}"),
            key: keyed(&signing?)?,
        };
        (signer.url(key) == url).then_some(signer)
    }

    /// The URL that opens the object at `key`.
    pub(super) fn url(&self, key: &str) -> String {
        let Self { place, folder, host, query, tail, canonical, head, .. } = self;
        let key = encoded(key);
        let request = format!("GET\n{folder}{key}\n{canonical}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        // The key is taken in once for all links.
        let mut signing = self.key.clone();
        signing.update(format!("{head}\n{}", hex(&Sha256::digest(request))).as_bytes());
        format!("{place}{key}?{query}{SIGNATURE}{}{tail}", hex(&signing.finalize().into_bytes()))
    }
}

fn keyed(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(key).ok()
}

fn mac(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = keyed(key)?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// A key as a path has it.
pub(super) fn encoded(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::Client;
    use aws_sdk_s3::config::{BehaviorVersion, Config, Region};
    use aws_sdk_s3::presigning::PresigningConfig;
    use std::time::{Duration, SystemTime};

    /// URLs of the client library, all at the same time.
    async fn urls(client: &Client, keys: &[&str]) -> Vec<String> {
        let at = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let signing =
            PresigningConfig::builder().start_time(at).expires_in(Duration::from_mins(15)).build().unwrap();
        let mut urls = Vec::new();
        for key in keys {
            let get = client.get_object().bucket("a-bucket").key(*key);
            urls.push(get.presigned(signing.clone()).await.unwrap().uri().to_owned());
        }
        urls
    }

    #[tokio::test]
    async fn links_are_those_of_the_client_library() {
        let keys = [
            "tenant/live/seg-1.m4s",
            "a/b c+d=e&f?.m4s",
            "a/\u{e9}\u{1f3be}%2e~'(1)*!,;:@$.mp4",
            "x",
            "a//b",
        ];
        for token in [None, Some("a token/+=".to_owned())] {
            for (endpoint, by_path) in [(None, false), (Some("http://127.0.0.1:4566"), true), (None, true)] {
                let credentials = Credentials::new("AKID", "secret", token.clone(), None, "test");
                let mut config = Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .region(Region::new("eu-west-1"))
                    .credentials_provider(credentials.clone())
                    .force_path_style(by_path);
                config.set_endpoint_url(endpoint.map(str::to_owned));
                let client = Client::from_conf(config.build());
                let theirs = urls(&client, &keys).await;
                let signer = Signer::like(&theirs[0], keys[0], &credentials).unwrap();
                let ours: Vec<String> = keys.iter().map(|key| signer.url(key)).collect();
                assert_eq!(ours, theirs);
                let others = Credentials::new("AKID", "other", token.clone(), None, "test");
                assert!(Signer::like(&theirs[0], keys[0], &others).is_none());
                assert!(Signer::like(&theirs[0], "another", &credentials).is_none());
            }
        }
    }
}
