//! What clients post: bodies, and what is in them as base64.

use crate::FIXED;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use export_domain::identity::identify;
use export_domain::ids::JobId;
use export_domain::job::{Job, Order};
use export_domain::json::{self, RequestJson};
use export_domain::request::{ExportRequest, KNOWN, MAX_START_POS, parse, session_of, sessions_said};
use export_domain::settings::{Lifecycle, Limits};
use export_domain::storage::{MAX_BASE64, StorageEntry, parse_slug_info, parse_storage_info};
use export_domain::time::EpochMs;
use export_fuzz::damage::{self, damage};
use export_fuzz::values::{apply, changes, value};
use export_fuzz::{config, measured};
use export_testkit::{NOW, body, tenant, thumbnail_body, with};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// TVU's own examples, with comments and trailing commas.
const EXAMPLES: [&[u8]; 2] = [
    include_bytes!("../../../../tests/data/seeds/export.json"),
    include_bytes!("../../../../tests/data/seeds/thumbnail.json"),
];

/// What a value in memory takes for each byte of its text, at most: `[0]` is room for four values.
const PER_BYTE: usize = 80;

const LONGEST_MS: i64 = 30 * 24 * 3_600_000;

/// Bodies with damage to members, to bytes, or none.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let whole =
        with(with(body(), "story", json!({"id": "4B99", "slug_info": encoded(&slug())})), "userid", "u");
    let whole = with(whole, "storage_info", encoded(&storages()));
    let written =
        (select(vec![whole, body(), thumbnail_body()]), changes(&KNOWN)).prop_map(|(mut body, changes)| {
            apply(&changes, &mut body);
            body.to_string().into_bytes()
        });
    let examples = select(&EXAMPLES[..]).prop_map(<[u8]>::to_vec);
    let bytes = prop_oneof![4 => written, 1 => examples];
    (bytes, prop_oneof![Just(Vec::new()), damage(3)]).prop_map(|(mut bytes, damage)| {
        damage::apply(&damage, &mut bytes, b"//\n{[\"LivePath\":,]}\\u0000");
        bytes
    })
}

fn storages() -> Value {
    json!([
        {"storage_purpose": "ts", "storage_type": "S3", "storage_enable": true, "storage_name": "clips",
            "storage_location": "", "storage_description": "", "storage_root_folder": "/a/b/"},
        {"storage_purpose": "mp4", "storage_name": "clips"},
    ])
}

fn slug() -> Value {
    json!({"slug_id": "a", "slug_name": "test", "slug_date": "", "clipped_date": null})
}

fn encoded(value: &Value) -> String {
    STANDARD.encode(value.to_string())
}

/// The base64 of a damaged value, sometimes damaged itself.
fn texts(value: Value, names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let inner = (changes(names), damage(2), select(vec!["", "storage_info", "slug_info"])).prop_map(
        move |(changes, damage, wrapped)| {
            let mut value = value.clone();
            apply(&changes, &mut value);
            let text = if wrapped.is_empty() { value.to_string() } else { format!("\"{wrapped}\": {value}") };
            let mut bytes = text.into_bytes();
            damage::apply(&damage, &mut bytes, b"{[\"storage_enable\":,]}");
            bytes
        },
    );
    (inner, any::<bool>(), damage(2), 0..8_u8).prop_map(|(bytes, url_safe, damage, outside)| {
        let mut text =
            if url_safe { URL_SAFE_NO_PAD.encode(bytes) } else { STANDARD.encode(bytes) }.into_bytes();
        if outside == 0 {
            damage::apply(&damage, &mut text, b"-_+/= \n");
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// The text of a value, as strict JSON.
fn written(json: &RequestJson) -> String {
    let joined = |parts: Vec<String>| parts.join(",");
    match json {
        RequestJson::Null => "null".to_owned(),
        RequestJson::Bool(value) => value.to_string(),
        RequestJson::Number(number) => number.to_string(),
        RequestJson::Text(text) => json!(text).to_string(),
        RequestJson::List(items) => format!("[{}]", joined(items.iter().map(written).collect())),
        RequestJson::Object(members) => {
            let member =
                |(name, value): &(String, RequestJson)| format!("{}:{}", json!(name), written(value));
            format!("{{{}}}", joined(members.iter().map(member).collect()))
        }
    }
}

fn check_request(request: &ExportRequest) {
    assert!((EpochMs::ZERO..=MAX_START_POS).contains(&request.start_pos_ms));
    assert!((0..=LONGEST_MS).contains(&request.start_time_ms.get()));
    assert!((0..=MAX_START_POS.get()).contains(&request.duration_ms.get()));
    check_storages(request.storage.as_deref().unwrap_or_default());
}

fn check_storages(entries: &[StorageEntry]) {
    for entry in entries {
        let lengths = [&entry.bucket, &entry.region, &entry.root].map(|text| text.chars().count());
        assert!(lengths.iter().zip([255, 64, 512]).all(|(length, most)| *length <= most), "{lengths:?}");
        assert!(!entry.root.starts_with('/') && !entry.root.ends_with('/'));
    }
}

/// The job that a request makes, which reads back as it is stored.
fn job(request: ExportRequest) -> Option<JobId> {
    let tenant = tenant();
    let target = tenant.resolve_target(&request)?;
    let identity = identify(&tenant.id, &request, &target, None);
    let job_id = identity.job_id.clone();
    let order = Order::new(request, identity, target);
    let job = Job::new(tenant.id, job_id.clone(), order, NOW, &Lifecycle::default());
    let stored = serde_json::to_value(&job).unwrap();
    assert_eq!(serde_json::from_value::<Job>(stored).unwrap(), job);
    Some(job_id)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn requests(bytes in bodies()) {
        let (parsed, peak) = measured(|| json::parse(&bytes, true));
        prop_assert!(peak <= FIXED + PER_BYTE * bytes.len(), "{peak} bytes for {}", bytes.len());
        let Ok(parsed) = parsed else { return Ok(()) };
        let _ = (session_of(&parsed), sessions_said(&parsed));
        let (request, peak) = measured(|| parse(&parsed, &Limits::default()));
        prop_assert!(peak <= FIXED + PER_BYTE * bytes.len(), "{peak} bytes for {}", bytes.len());
        let again = json::parse(written(&parsed).as_bytes(), false).unwrap();
        prop_assert_eq!(&parse(&again, &Limits::default()), &request);
        match request {
            Ok(request) => {
                check_request(&request);
                job(request);
            }
            Err(error) => {
                let known = ["body", "story.id", "story.name", "story.slug_info"];
                prop_assert!(known.iter().chain(&KNOWN).any(|name| *name == error.field), "{error}");
                prop_assert!(error.to_string().len() < 128, "{error}");
            }
        }
    }

    #[test]
    fn storage_infos(text in texts(storages(), &["storage_purpose", "storage_enable", "storage_root_folder"])) {
        let (found, peak) = measured(|| parse_storage_info(&text, true));
        prop_assert!(peak <= FIXED + PER_BYTE * MAX_BASE64.min(text.len()), "{peak} bytes for {}", text.len());
        check_storages(&found.ok().flatten().unwrap_or_default());
    }

    #[test]
    fn slug_infos(text in texts(slug(), &["slug_id", "slug_name", "clip_length"])) {
        let (found, peak) = measured(|| parse_slug_info(&text, true));
        prop_assert!(peak <= FIXED + PER_BYTE * MAX_BASE64.min(text.len()), "{peak} bytes for {}", text.len());
        if let Ok(Some(slug)) = found {
            let again = parse_slug_info(&encoded(&serde_json::to_value(&slug).unwrap()), false);
            prop_assert_eq!(again, Ok(Some(slug)));
        }
    }

    #[test]
    fn start_times(
        text in prop_oneof![
            6 => "[0-9]{1,4}:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,4})?",
            2 => "[0-9]{0,8}:[0-9]{0,3}:[0-9]{0,3}(\\.[0-9]{0,5})?(:0)?",
            2 => "[0-9]{0,20}",
            1 => any::<String>(),
        ],
        other in value(),
    ) {
        let start = |value: Value| {
            let body = with(thumbnail_body(), "StartTime", value).to_string();
            Some(parse(&json::parse(body.as_bytes(), false).ok()?, &Limits::default()).ok()?.start_time_ms.get())
        };
        for ms in [start(text.into()), start(other)].into_iter().flatten() {
            prop_assert!((0..=LONGEST_MS).contains(&ms));
            let (seconds, thousandths) = (ms / 1000, ms % 1000);
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let clock = format!("{hours:02}:{minutes:02}:{:02}.{thousandths:03}", seconds % 60);
            for same in [json!(clock), json!(ms), json!(ms.to_string())] {
                prop_assert_eq!(start(same.clone()), Some(ms), "{}", same);
            }
        }
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200), lenient: bool) {
        if let Ok(parsed) = measured(|| json::parse(&bytes, lenient)).0 {
            prop_assert_eq!(json::parse(written(&parsed).as_bytes(), false), Ok(parsed));
        }
    }
}

#[test]
fn most_bodies_reach_the_fields_and_some_are_good() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::new(config());
    let results: Vec<_> = (0..400)
        .filter_map(|_| json::parse(&bodies().new_tree(&mut runner).unwrap().current(), true).ok())
        .map(|body| parse(&body, &Limits::default()))
        .collect();
    let good = results.into_iter().map(Result::ok).collect::<Vec<_>>();
    let jobs = good.iter().flatten().cloned().filter_map(job).count();
    assert!(good.len() > 200 && jobs > 60, "{} are JSON, {jobs} are jobs", good.len());
}
