//! Links through a CloudFront distribution. Each opens one object, as a link of S3 does, but it does not end with the
//! credentials of the function that signs it, and the edge keeps what many viewers play.
//!
//! Amazon CloudFront Developer Guide, "Create a signed URL using a canned policy", with SHA-256.

use super::signer::encoded;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use export_domain::time::EpochSecs;
use std::fmt;
use std::iter::once;

/// A distribution that serves recordings below `/recordings/` and clips below `/clips/`, to those who bring a link.
pub struct Distribution {
    domain: String,
    key_pair: String,
    key: EcdsaKeyPair,
    /// Each bucket behind it, and its folder there.
    buckets: [(String, &'static str); 2],
}

impl fmt::Debug for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Distribution").field("domain", &self.domain).finish_non_exhaustive()
    }
}

impl Distribution {
    /// The distribution at `domain`, whose trusted key group has the public key of id `key_pair`. `pem`: the private key, of
    /// the curve P-256. `None` if it is not one.
    pub fn new(
        domain: String,
        key_pair: String,
        pem: &str,
        recordings: String,
        clips: String,
    ) -> Option<Self> {
        let key = private_key(pem)?;
        Some(Self { domain, key_pair, key, buckets: [(recordings, "recordings"), (clips, "clips")] })
    }

    /// Links to the objects at `keys` of `bucket`, which open them until `end`; `None` if the bucket is not behind it.
    ///
    /// # Errors
    /// [`Unspecified`] if there is no random number to sign with.
    pub(super) fn links(
        &self,
        bucket: &str,
        keys: &[String],
        end: EpochSecs,
    ) -> Option<Result<Vec<String>, Unspecified>> {
        let (_, folder) = self.buckets.iter().find(|(name, _)| name == bucket)?;
        Some(keys.iter().map(|key| self.link(folder, key, end)).collect())
    }

    fn link(&self, folder: &str, key: &str, end: EpochSecs) -> Result<String, Unspecified> {
        let Self { domain, key_pair, .. } = self;
        let url = format!("https://{domain}/{folder}/{}", encoded(key));
        let policy = format!(
            r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{end}}}}}}}]}}"#
        );
        let signature = self.key.sign(&SystemRandom::new(), policy.as_bytes())?;
        let signature = for_query(&BASE64.encode(signature));
        Ok(format!("{url}?Expires={end}&Signature={signature}&Key-Pair-Id={key_pair}&Hash-Algorithm=SHA256"))
    }
}

/// The key of a PEM file (RFC 7468): PKCS #8, or that of RFC 5915. The lines may have been joined by spaces.
fn private_key(pem: &str) -> Option<EcdsaKeyPair> {
    let blocks = pem.split("-----BEGIN ").skip(1);
    let block = blocks
        .map(|block| block.split_once("-----"))
        .find(|block| block.is_some_and(|(label, _)| label.ends_with("PRIVATE KEY")))??;
    let (text, _) = block.1.split_once("-----END ")?;
    let der = BASE64.decode(text.split_whitespace().collect::<String>()).ok()?;
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &der).ok()
}

/// Base64 with CloudFront's letters for those that a query may not hold.
fn for_query(base64: &str) -> String {
    base64
        .chars()
        .flat_map(|letter| {
            once(match letter {
                '+' => '-',
                '=' => '_',
                '/' => '~',
                other => other,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, KeyPair, UnparsedPublicKey};

    /// Made by `openssl ecparam -name prime256v1 -genkey`, with its block of parameters.
    const SEC1: &str = include_str!("distribution/sec1.pem");
    /// The same by `openssl pkcs8 -topk8 -nocrypt`.
    const PKCS8: &str = include_str!("distribution/pkcs8.pem");
    const RSA: &str = include_str!("distribution/rsa.pem");

    fn distribution(pem: &str) -> Option<Distribution> {
        let [domain, key_pair, recordings, clips] =
            ["d1.cloudfront.net", "K2", "recorded", "made"].map(str::to_owned);
        Distribution::new(domain, key_pair, pem, recordings, clips)
    }

    #[test]
    fn a_link_is_one_that_cloudfront_takes_for_that_object_until_then() {
        for pem in [SEC1, PKCS8, &PKCS8.replace('\n', " ")] {
            let distribution = distribution(pem).unwrap();
            let key = "mp4/a b/*/seg-1.m4s".to_owned();
            let links = distribution.links("recorded", &[key], EpochSecs::new(1_800_000_000));
            let link = links.unwrap().unwrap().remove(0);
            let url = "https://d1.cloudfront.net/recordings/mp4/a%20b/%2A/seg-1.m4s";
            let rest =
                link.strip_prefix(url).unwrap().strip_prefix("?Expires=1800000000&Signature=").unwrap();
            let signature = rest.strip_suffix("&Key-Pair-Id=K2&Hash-Algorithm=SHA256").unwrap();
            assert!(!signature.contains(['+', '/', '=', '&']), "{signature}");
            let signature =
                BASE64.decode(signature.replace('-', "+").replace('~', "/").replace('_', "=")).unwrap();
            // As `aws cloudfront sign` writes it.
            let policy = format!(
                "{{\"Statement\":[{{\"Resource\":\"{url}\",\"Condition\":{{\"DateLessThan\":{{\"AWS:EpochTime\":1800000000}}}}}}]}}"
            );
            let public =
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, distribution.key.public_key().as_ref());
            public.verify(policy.as_bytes(), &signature).unwrap();
        }
    }

    #[test]
    fn clips_have_a_folder_of_their_own_and_other_buckets_none() {
        let distribution = distribution(PKCS8).unwrap();
        let links = |bucket| distribution.links(bucket, &["a".to_owned()], EpochSecs::new(1));
        assert!(
            links("made").unwrap().unwrap()[0].starts_with("https://d1.cloudfront.net/clips/a?Expires=1&")
        );
        assert!(links("elsewhere").is_none());
    }

    #[test]
    fn other_keys_are_refused() {
        for pem in ["", "secret", RSA, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(distribution(pem).is_none());
        }
    }
}
