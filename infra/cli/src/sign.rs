//! AWS's signature, version 4, for the routes of documents, which IAM guards.

use crate::world;
use export_domain::time::EpochMs;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write as _;

/// Credentials, and the region that they sign for.
#[derive(Clone)]
pub struct AwsKeys {
    id: String,
    secret: String,
    token: Option<String>,
    region: String,
}

impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsKeys(***)")
    }
}

impl AwsKeys {
    /// The credentials of `AWS_*` variables; `None` without them, or without a region. The address names the region if it is
    /// API Gateway's own.
    pub fn from_environment(base: &str) -> Option<Self> {
        let region = region_of(base).or_else(|| world::variable("AWS_REGION"));
        Some(Self {
            id: world::variable("AWS_ACCESS_KEY_ID")?,
            secret: world::variable("AWS_SECRET_ACCESS_KEY")?,
            token: world::variable("AWS_SESSION_TOKEN"),
            region: region.or_else(|| world::variable("AWS_DEFAULT_REGION"))?,
        })
    }
}

fn region_of(base: &str) -> Option<String> {
    let (_, rest) = base.split_once(".execute-api.")?;
    rest.split_once(".amazonaws.").map(|(region, _)| region.to_owned())
}

/// The headers that sign a `GET` of `path` below `base`.
pub fn signed(keys: &AwsKeys, base: &str, path: &str, now: EpochMs) -> Vec<(&'static str, String)> {
    let host = base.split_once("://").map_or(base, |(_, rest)| rest);
    let (host, prefix) =
        host.split_once('/').map_or((host, String::new()), |(host, rest)| (host, format!("/{rest}")));
    let at = Timestamp::from_millisecond(now.get()).unwrap_or_default().to_zoned(TimeZone::UTC);
    let stamp = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = vec![("host", host.to_owned()), ("x-amz-date", stamp)];
    headers.extend(keys.token.clone().map(|token| ("x-amz-security-token", token)));
    let authorization = authorization(keys, "execute-api", &format!("{prefix}{path}"), &headers);
    let unsent = |(name, _): &(&str, String)| *name != "host";
    headers.into_iter().filter(unsent).chain([("authorization", authorization)]).collect()
}

fn authorization(keys: &AwsKeys, service: &str, target: &str, headers: &[(&str, String)]) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parameters: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
    parameters.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let lines = lines.concat();
    let empty = hex(&Sha256::digest(b""));
    let request = format!("GET\n{path}\n{}\n{lines}\n{names}\n{empty}", parameters.join("&"));
    let stamp =
        headers.iter().find(|(name, _)| *name == "x-amz-date").map_or("", |(_, stamp)| stamp.as_str());
    let day = stamp.get(..8).unwrap_or_default();
    let scope = format!("{day}/{}/{service}/aws4_request", keys.region);
    let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(request.as_bytes())));
    let first = format!("AWS4{}", keys.secret).into_bytes();
    let key = [day, &keys.region, service, "aws4_request"].iter().fold(first, |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &text));
    format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", keys.id)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(token: Option<&str>) -> AwsKeys {
        AwsKeys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            token: token.map(str::to_owned),
            region: "us-east-1".to_owned(),
        }
    }

    /// `get-vanilla-query-order-key-case` of AWS's test suite.
    #[test]
    fn the_suites_request_has_the_suites_signature() {
        let headers =
            [("host", "example.amazonaws.com".to_owned()), ("x-amz-date", "20150830T123600Z".to_owned())];
        let signed = authorization(&keys(None), "service", "/?Param2=value2&Param1=value1", &headers);
        assert_eq!(
            signed,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, \
             Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
    }

    #[test]
    fn a_token_is_signed_and_the_address_names_the_region() {
        let base = "https://abc.execute-api.eu-west-1.amazonaws.com";
        let headers =
            signed(&keys(Some("TOKEN")), base, "/export/data/event?event=a", EpochMs::new(1_440_938_160_000));
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["x-amz-date", "x-amz-security-token", "authorization"]);
        assert_eq!(headers[0].1, "20150830T123600Z");
        assert!(headers[2].1.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{headers:?}");
        assert_eq!(region_of(base).as_deref(), Some("eu-west-1"));
        assert_eq!(format!("{:?}", keys(None)), "AwsKeys(***)");
    }
}
