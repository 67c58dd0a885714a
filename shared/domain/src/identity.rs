//! A request's identity: the same canonical request of a tenant is the same job, the same keys, the same clip.
//! Nothing here is random or reads a clock.
//!
//! A job's name follows from the request alone. The names of its files need the stack's [`DirectoryKey`] as well, so that
//! who knows a request, or a job's name, cannot tell where its files are. They are stored with the job, which keeps them
//! whatever the key is later.

use crate::ids::{BatchId, JobId, TenantId, hex};
use crate::request::{ExportRequest, Wanted};
use crate::target::Target;
use crate::time::EpochMs;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt;

/// Name, paths and canonical text of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobIdentity {
    /// The job's name.
    pub job_id: JobId,
    /// `ImagePath` as replies show it (without `S3Dir`).
    pub image_path: String,
    /// `VideoPath` as replies show it (with `S3Dir`).
    pub video_path: String,
}

/// A stack's secret that the names of directories and pictures are derived with (HMAC-SHA-256).
#[derive(Clone)]
pub struct DirectoryKey(Hmac<Sha256>);

impl DirectoryKey {
    /// `None` for a text of less than 32 bytes, which may be guessed.
    pub fn parse(text: &str) -> Option<Self> {
        let long = Some(text.as_bytes()).filter(|text| text.len() >= 32)?;
        Hmac::new_from_slice(long).ok().map(Self)
    }

    fn name(&self, digest: &[u8; 32]) -> [u8; 32] {
        self.0.clone().chain_update(b"directory|").chain_update(digest).finalize().into_bytes().into()
    }
}

impl fmt::Debug for DirectoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DirectoryKey(***)")
    }
}

/// Derives the identity of `request` for `tenant` with its resolved `target`. Without a key the names of the files can be
/// computed from the request.
pub fn identify(
    tenant: &TenantId,
    request: &ExportRequest,
    target: &Target,
    key: Option<&DirectoryKey>,
) -> JobIdentity {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"mexp1|")
        .chain_update(tenant.as_str())
        .chain_update(b"|")
        .chain_update(canonical(request, target))
        .finalize()
        .into();
    let named = key.map_or(digest, |key| key.name(&digest));
    let (first, second) = named.split_at(16);
    let dir = hex(first).to_ascii_uppercase();
    let peer = request.peer_id.as_ref().map_or("0000000000000000", |id| id.as_str());
    let (start, start_time) = (request.start_pos_ms, request.start_time_ms);
    let stem = format!("{dir}_{}_{dir}_{peer}_{}", stamp(start), uuid(second));
    let file = request.file_name.with_extension(target.container.extension());
    let mut name = base32(&digest);
    name.truncate(32);
    JobIdentity {
        // Base32 of 32 bytes is 52 characters of the alphabet that `parse` asks for.
        job_id: JobId::parse(&name).unwrap_or_else(|_| unreachable!("base32 text is a job id")),
        image_path: format!("/{dir}/{stem}_{start}_{start_time}.jpg"),
        video_path: format!("/export/{dir}/{file}"),
    }
}

/// The name of a batch: the same jobs in the same order for the same target are the same batch.
pub fn batch_id<'a>(tenant: &TenantId, target: &Target, jobs: impl Iterator<Item = &'a JobId>) -> BatchId {
    let place = json!([target.bucket, target.region, target.root, target.container.extension()]).to_string();
    let named = Sha256::new().chain_update(b"mexb1|").chain_update(tenant.as_str()).chain_update(b"|");
    let digest = jobs.fold(named.chain_update(place), |digest, job| digest.chain_update(job.as_str()));
    let mut name = base32(&digest.finalize());
    name.truncate(32);
    BatchId::parse(&name).unwrap_or_else(|_| unreachable!("base32 text is a batch's name"))
}

/// Sorted, normalised JSON of what makes two requests the same.
fn canonical(request: &ExportRequest, target: &Target) -> String {
    let mut value = json!({
        "LivePath": request.live_path,
        "StartPos": request.start_pos_ms,
        "StartTimeMs": request.start_time_ms,
        "Duration": request.duration_ms,
        "FetchMedia": request.wanted != Wanted::Thumbnail,
        "FetchThumb": request.fetch_thumb,
        "export_type": request.export_type.number(),
        "FileName": request.file_name,
        "PeerId": request.peer_id,
        "target": [target.bucket, target.region, target.root, target.container.extension()],
    });
    if let Some(pts) = request.pts {
        value["Pts"] = json!(pts);
    }
    if !request.windows.is_empty() {
        let windows = request.windows.iter().map(|window| {
            let path = window.live_path.as_ref().unwrap_or(&request.live_path);
            let mut parts = vec![
                json!(path),
                json!(window.start_pos_ms),
                json!(window.start_time_ms),
                json!(window.duration_ms),
            ];
            parts.push(json!(window.name));
            parts.extend(window.pts.map(|pts| json!(pts)));
            Value::Array(parts)
        });
        value["Windows"] = windows.collect();
    }
    value.to_string()
}

/// UTC `YYYYMMDD-HH-MM-SS`.
fn stamp(at: EpochMs) -> String {
    Timestamp::from_millisecond(at.get()).unwrap_or_default().strftime("%Y%m%d-%H-%M-%S").to_string()
}

fn uuid(bytes: &[u8]) -> String {
    let text = hex(bytes);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// The alphabet of base32 (RFC 4648, section 6) in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// `bytes` in base32 without padding; the text has `ceil(8 n / 5)` characters of `a-z2-7`.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xFFFF;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(symbol(buffer >> bits));
        }
    }
    if bits > 0 {
        text.push(symbol(buffer << (5 - bits)));
    }
    text
}

fn symbol(value: u32) -> char {
    let [low, ..] = (value & 31).to_le_bytes();
    char::from(ALPHABET[usize::from(low)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{FileName, LivePath};
    use crate::json;
    use crate::reel::OrderedWindow;
    use crate::request::parse;
    use crate::settings::Limits;
    use crate::storage::Container;
    use crate::time::{Millis, Pts};
    use std::collections::HashSet;

    fn identity(body: &str) -> JobIdentity {
        keyed(body, None)
    }

    fn target() -> Target {
        Target {
            bucket: "b".to_owned(),
            region: String::new(),
            root: String::new(),
            owner: String::new(),
            container: Container::Ts,
        }
    }

    fn keyed(body: &str, key: Option<&str>) -> JobIdentity {
        let request = parse(&json::parse(body.as_bytes(), true).unwrap(), &Limits::default()).unwrap();
        let key = key.map(|key| DirectoryKey::parse(key).unwrap());
        identify(&TenantId::parse("demo").unwrap(), &request, &target(), key.as_ref())
    }

    const BODY: &str = r#"{"ServiceCaller":"mma","StartPos":1562253612833,"StartTime":"00:13:12","Duration":9000,
        "PeerId":"4D7446C8141EE167","LivePath":"mp4/a/stream.mpd","FileName":"test.ts","FetchMedia":true}"#;

    const KEYS: [&str; 2] = ["a secret of the stack, 32 bytes.", "another secret of another stack."];

    /// Computed from the contract by another program: a version that names them otherwise makes every clip twice.
    #[test]
    fn names_are_the_same_in_every_version() {
        let id = identity(BODY);
        assert_eq!(id.job_id.as_str(), "wjpegenwajszacikzk5xlazyqnnaor3k");
        assert_eq!(id.video_path, "/export/B25E4311B6026590090ACABB75833883/test.ts");
        assert_eq!(
            id.image_path,
            "/B25E4311B6026590090ACABB75833883/B25E4311B6026590090ACABB75833883_20190704-15-20-12\
             _B25E4311B6026590090ACABB75833883_4D7446C8141EE167_5a07476a-cd2e-4284-5658-821cc6ec6ce6\
             _1562253612833_792000.jpg"
        );
        let keyed = keyed(BODY, Some(KEYS[0]));
        assert_eq!(keyed.job_id, id.job_id);
        assert_eq!(keyed.video_path, "/export/15A6E87532AD35659F4CE6F36314C6D7/test.ts");
        assert!(keyed.image_path.contains("_c8e12a84-0284-bab7-1f4c-dcb0a863bc29_"), "{}", keyed.image_path);
    }

    #[test]
    fn paths_have_the_samples_shapes_with_a_key_and_without() {
        shaped(&identity(BODY));
        shaped(&keyed(BODY, Some(KEYS[0])));
    }

    fn shaped(id: &JobIdentity) {
        let parts: Vec<&str> = id.image_path.split(['/', '_']).collect();
        let [_, dir, again, stamp, third, peer, uuid, start, time] = parts.as_slice() else {
            panic!("{parts:?}")
        };
        assert_eq!((dir.len(), *stamp, *peer), (32, "20190704-15-20-12", "4D7446C8141EE167"));
        assert!(dir == again && again == third && uuid.len() == 36);
        assert!(dir.bytes().all(|c| matches!(c, b'0'..=b'9' | b'A'..=b'F')), "{dir}");
        assert_eq!((*start, *time), ("1562253612833", "792000.jpg"));
        assert_eq!(id.video_path, format!("/export/{dir}/test.ts"));
        assert_eq!(id.job_id.as_str().len(), 32);
    }

    /// A path's parts that do not follow from the request alone: the directory and the picture's last name.
    fn secret(id: &JobIdentity) -> [&str; 2] {
        let parts: Vec<&str> = id.image_path.split(['/', '_']).collect();
        [parts[1], parts[6]]
    }

    #[test]
    fn a_key_changes_every_path_and_no_jobs_name() {
        let ids = [identity(BODY), keyed(BODY, Some(KEYS[0])), keyed(BODY, Some(KEYS[1]))];
        assert!(ids.iter().all(|id| id.job_id == ids[0].job_id), "{ids:?}");
        let names: HashSet<&str> = ids.iter().flat_map(secret).collect();
        assert_eq!(names.len(), 6, "{ids:?}");
        assert_eq!(keyed(BODY, Some(KEYS[0])), ids[1]);
    }

    #[test]
    fn a_short_key_is_none_and_no_key_is_shown() {
        assert!(DirectoryKey::parse("").is_none() && DirectoryKey::parse(&KEYS[0][1..]).is_none());
        assert_eq!(format!("{:?}", DirectoryKey::parse(KEYS[0]).unwrap()), "DirectoryKey(***)");
    }

    #[test]
    fn spelling_order_and_session_do_not_change_the_identity() {
        let other = r#"{"SessionId":"x","userid":"u","story":{"id":"A"},"FetchMedia":true,"FetchThumb":false,
            "FileName":"test.ts","LivePath":"mp4/a/stream.mpd","PeerId":"4D7446C8141EE167","Duration":9e3,
            "StartTime":792000,"StartPos":1562253612833.0,"ServiceCaller":"search","export_type":0}"#;
        assert_eq!(identity(BODY), identity(other));
    }

    #[test]
    fn every_part_of_the_canonical_request_counts() {
        for (from, to) in [
            ("1562253612833", "1562253612834"),
            ("00:13:12", "00:13:13"),
            ("9000", "9001"),
            ("E167", "E168"),
            ("mp4/a", "mp4/b"),
            ("test.ts", "test2.ts"),
            ("\"FetchMedia\":true", "\"FetchMedia\":false"),
            ("\"FetchMedia\":true", "\"FetchMedia\":true,\"export_type\":1"),
        ] {
            assert_ne!(identity(BODY).job_id, identity(&BODY.replace(from, to)).job_id, "{from}");
        }
    }

    #[test]
    fn a_time_stamp_counts_where_there_is_one() {
        let request = parse(&json::parse(BODY.as_bytes(), true).unwrap(), &Limits::default()).unwrap();
        let target = target();
        let tenant = TenantId::parse("demo").unwrap();
        let window = OrderedWindow {
            n: 1,
            live_path: None,
            start_pos_ms: request.start_pos_ms,
            start_time_ms: Millis::ZERO,
            duration_ms: Millis::new(9000),
            pts: None,
            name: None,
        };
        let named = |pts: Option<i64>, of_window: bool| {
            let pts = pts.map(Pts::new);
            let windows = if of_window { vec![OrderedWindow { pts, ..window.clone() }] } else { Vec::new() };
            let request = ExportRequest { pts: pts.filter(|_| !of_window), windows, ..request.clone() };
            identify(&tenant, &request, &target, None).job_id
        };
        let found = [None, Some(0), Some(1)].map(|pts| [named(pts, false), named(pts, true)]);
        assert_eq!(found.iter().flatten().collect::<HashSet<_>>().len(), 6);
        assert_eq!(found[0][0], identity(BODY).job_id);
    }

    #[test]
    fn a_reels_windows_count_in_their_order_and_their_places_in_the_list_do_not() {
        let request = parse(&json::parse(BODY.as_bytes(), true).unwrap(), &Limits::default()).unwrap();
        let window = |n: usize, start: i64, name: &str| OrderedWindow {
            n,
            live_path: None,
            start_pos_ms: EpochMs::new(start),
            start_time_ms: Millis::ZERO,
            duration_ms: Millis::new(9000),
            pts: None,
            name: FileName::parse(name).ok(),
        };
        let (one, two) = (window(1, 1, "a"), window(2, 2, "a"));
        let named = |windows: &[&OrderedWindow]| {
            let windows = windows.iter().map(|&window| window.clone()).collect();
            let reel = ExportRequest { wanted: Wanted::Reel, windows, ..request.clone() };
            let target = Target {
                bucket: "b".to_owned(),
                region: String::new(),
                root: String::new(),
                owner: String::new(),
                container: Container::Ts,
            };
            identify(&TenantId::parse("demo").unwrap(), &reel, &target, None).job_id
        };
        let reel = named(&[&one, &two]);
        assert_eq!(named(&[&OrderedWindow { n: 7, ..one.clone() }, &two]), reel);
        let same_path = OrderedWindow { live_path: Some(request.live_path.clone()), ..one.clone() };
        assert_eq!(named(&[&same_path, &two]), reel);
        let elsewhere = OrderedWindow { live_path: Some(LivePath::parse("c/d.mpd").unwrap()), ..two.clone() };
        let others: HashSet<JobId> = [
            vec![&two, &one],
            vec![&one, &one],
            vec![&one, &two, &two],
            vec![&one, &window(2, 2, "b")],
            vec![&one, &window(2, 3, "a")],
            vec![&one, &elsewhere],
        ]
        .iter()
        .map(|windows| named(windows))
        .chain([reel, identity(BODY).job_id])
        .collect();
        assert_eq!(others.len(), 8);
    }

    #[test]
    fn encodes_the_vectors_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
        ] {
            assert_eq!(base32(plain.as_bytes()), text);
        }
    }
}
