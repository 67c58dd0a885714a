use super::*;
use crate::json;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

const SEED_EXPORT: &str = include_str!("../../../../tests/data/seeds/export.json");
const SEED_THUMBNAIL: &str = include_str!("../../../../tests/data/seeds/thumbnail.json");

fn parsed(body: &str) -> Result<ExportRequest, FieldError> {
    parse(&json::parse(body.as_bytes(), true).unwrap(), &Limits::default())
}

/// TVU's request without comments, with `fields` put in (`null` takes a field out).
fn with(fields: &serde_json::Value) -> Result<ExportRequest, FieldError> {
    let mut body = serde_json::json!({
        "ServiceCaller": "mma", "StartPos": 1_562_253_612_833_i64, "StartTime": "00:13:12", "Duration": 9000,
        "LivePath": "mp4/a/stream.mpd", "FetchMedia": true,
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    parsed(&body.to_string())
}

#[test]
fn both_seed_requests_are_accepted_byte_for_byte() {
    let media = parsed(SEED_EXPORT).unwrap();
    assert_eq!(
        (media.wanted, media.start_pos_ms, media.start_time_ms),
        (Wanted::Media, EpochMs::new(1_562_253_612_833), Millis::new(792_000))
    );
    assert_eq!(
        (media.duration_ms, media.export_type, media.storage),
        (Millis::new(9000), ExportType::H264, None)
    );
    assert_eq!(media.story.unwrap().id.unwrap(), "4B999DC458FBC4C800000000");
    assert_eq!(media.deprecated_target, Some(("ap-northeast-1".to_owned(), "imgbed".to_owned())));
    let thumbnail = parsed(SEED_THUMBNAIL).unwrap();
    assert_eq!((thumbnail.wanted, thumbnail.fetch_thumb), (Wanted::Thumbnail, true));
    for seed in [SEED_EXPORT, SEED_THUMBNAIL] {
        assert!(json::parse(seed.as_bytes(), false).is_err(), "the lenient pass is what accepts it");
        let session = session_of(&json::parse(seed.as_bytes(), true).unwrap());
        assert_eq!(session, SessionId::parse("2A39603DDB0F47CFB32E96C8366084AE"));
    }
}

#[test]
fn a_bad_field_is_refused_by_its_name() {
    let encoded = STANDARD.encode("[{}]");
    for (field, value, why) in [
        ("StartPos", serde_json::json!("1562253612833"), "must be an integer of milliseconds since 1970"),
        ("StartPos", serde_json::json!(-1), "must be from 0 to 4102444800000"),
        ("StartPos", serde_json::json!(4_102_444_800_001_i64), "must be from 0 to 4102444800000"),
        ("StartPos", serde_json::Value::Null, "is required"),
        ("StartTime", serde_json::json!("13:12"), "must be HH:MM:SS or milliseconds"),
        ("StartTime", serde_json::Value::Null, "is required"),
        ("Duration", serde_json::json!(0), "must be from 1 to 14400000"),
        ("Duration", serde_json::json!(14_400_001), "must be from 1 to 14400000"),
        ("Duration", serde_json::json!(1.5), "must be an integer of milliseconds"),
        ("Duration", serde_json::json!(i64::MIN), "must be from 1 to 14400000"),
        (
            "LivePath",
            serde_json::json!("../x/stream.mpd"),
            "must be a relative path of 2 to 16 segments that ends in .mpd, .m3u8, .mp4, .ts or .m2ts: a segment is . or ..",
        ),
        ("LivePath", serde_json::json!(7), "must be a string"),
        ("FetchMedia", serde_json::json!("true"), "must be true or false"),
        ("FetchThumb", serde_json::json!(true), "must be false when FetchMedia is true"),
        ("FileName", serde_json::json!("a/b"), "has a character that is not allowed, at position 2"),
        ("PeerId", serde_json::json!("XYZ"), "must be 1 to 32 hex digits"),
        ("export_type", serde_json::json!(3), "must be 0, 1 or 2"),
        ("export_type", serde_json::json!("1"), "must be 0, 1 or 2"),
        ("container", serde_json::json!("mkv"), "must be ts or mp4"),
        ("container", serde_json::json!("MP4"), "must be ts or mp4"),
        ("container", serde_json::json!(4), "must be a string"),
        ("ServiceCaller", serde_json::json!("web"), "must be mma or search"),
        ("ServiceCaller", serde_json::Value::Null, "is required when FetchMedia is true"),
        ("_ServiceName", serde_json::json!("other"), "must be resourceservice"),
        ("_UrlPath", serde_json::json!("other"), "must be export"),
        ("_Version", serde_json::json!(2), "unsupported version"),
        ("storage_info", serde_json::json!("%%"), "is not base64"),
        ("storage_info", serde_json::json!(encoded), "storage_purpose must be ts or mp4"),
        ("userid", serde_json::json!("x".repeat(257)), "is too long"),
        ("story", serde_json::json!([]), "must be an object"),
    ] {
        let error = with(&serde_json::json!({ field: value })).unwrap_err();
        assert_eq!((error.field.as_str(), error.why.as_str()), (field, why), "{value}");
    }
}

#[test]
fn a_container_leaves_the_storages_of_its_purpose_and_conflicts_with_all_others() {
    let entry =
        |purpose: &str, name: &str| serde_json::json!({"storage_purpose": purpose, "storage_name": name});
    let asked = |container: serde_json::Value, entries: &[serde_json::Value]| {
        let info = STANDARD.encode(serde_json::json!(entries).to_string());
        with(&serde_json::json!({"container": container, "storage_info": info}))
    };
    let names = |request: ExportRequest| -> Vec<String> {
        request.storage.unwrap().into_iter().map(|entry| entry.bucket).collect()
    };
    let both = [entry("ts", "a"), entry("mp4", "b"), entry("ts", "c")];
    assert_eq!(names(asked("mp4".into(), &both).unwrap()), ["b"]);
    assert_eq!(names(asked("ts".into(), &both).unwrap()), ["a", "c"]);
    assert_eq!(names(asked(serde_json::Value::Null, &both).unwrap()), ["a", "b", "c"]);
    let conflict = asked("mp4".into(), &both[..1]).unwrap_err();
    assert_eq!(conflict.to_string(), "container: is mp4, but no entry of storage_info has that purpose");
    assert_eq!(names(asked("mp4".into(), &[]).unwrap()), [""; 0], "a list without storages is denied later");
    let placeholder =
        with(&serde_json::json!({"container": "mp4", "storage_info": "BASE64 string"})).unwrap();
    assert_eq!((placeholder.container, placeholder.storage), (Some(Container::Mp4), None));
}

#[test]
fn a_start_in_seconds_is_refused_and_any_other_that_has_been_accepted_still_is() {
    let start = |at: i64| with(&serde_json::json!({ "StartPos": at })).map(|request| request.start_pos_ms);
    let hint = FieldError::new("StartPos", "looks like seconds: must be milliseconds since 1970");
    for seconds in [1_000_000_000, 1_562_252_828, 4_102_444_800, 99_999_999_999] {
        assert_eq!(start(seconds), Err(hint.clone()), "{seconds}");
    }
    for other in [0, 7300, 999_999_999, 100_000_000_000, 1_562_252_828_133, MAX_START_POS.get()] {
        assert_eq!(start(other), Ok(EpochMs::new(other)), "{other}");
    }
}

#[test]
fn what_a_request_holds_of_storages_sessions_and_users_is_not_shown() {
    let storage = STANDARD.encode(
        r#"[{"storage_purpose":"ts","storage_name":"secret","storage_location":"secret",
        "storage_root_folder":"secret"}]"#,
    );
    let members = serde_json::json!({"storage_info": storage, "userid": "secret", "SessionId": "secret"});
    let request = with(&members).unwrap();
    assert_eq!(request.storage.as_ref().map(Vec::len), Some(1));
    assert!(!format!("{request:?}").contains("secret"), "{request:?}");
}

/// The only words of a client's that an error may hold are the names of the request's own fields.
#[test]
fn no_refusal_quotes_what_was_sent() {
    const WORDS: &str = "s3cr3t";
    for name in KNOWN.iter().chain(&["body", "id", "name", "slug_info"]) {
        for value in [
            serde_json::json!(WORDS),
            serde_json::json!([WORDS]),
            serde_json::json!({ WORDS: WORDS }),
            serde_json::json!({ "id": WORDS.repeat(99), "slug_info": WORDS }),
            serde_json::json!(STANDARD.encode(WORDS)),
            serde_json::json!(STANDARD.encode(format!(r#"[{{"storage_purpose":"{WORDS}"}}]"#))),
            serde_json::json!(STANDARD.encode(format!(r#"{{"{WORDS}":"#))),
        ] {
            if let Err(error) = with(&serde_json::json!({ *name: value })) {
                assert!(!format!("{error} {error:?}").contains(WORDS), "{error}");
            }
        }
    }
}

#[test]
fn a_story_is_judged_field_by_field() {
    let story =
        |story: serde_json::Value| with(&serde_json::json!({ "story": story })).map(|r| r.story.unwrap());
    let refused = story(serde_json::json!({"id": "a b"})).unwrap_err();
    assert_eq!(refused.to_string(), "story.id: may have letters and digits of ASCII only: see position 2");
    assert_eq!(story(serde_json::json!({"slug_info": "%%"})).unwrap_err().field, "story.slug_info");
    let slug = STANDARD.encode(r#""slug_info" : {"slug_id":"x"}"#);
    let good = story(serde_json::json!({"id": "A1", "name": "n", "slug_info": slug})).unwrap();
    assert_eq!(good.slug.unwrap().slug_id.as_deref(), Some("x"));
}

#[test]
fn limits_of_free_text_count_characters() {
    let slug = |name: &str| STANDARD.encode(serde_json::json!({ "slug_name": name }).to_string());
    for (most, fits) in [(256, true), (257, false)] {
        for letter in ["x", "\u{e9}", "\u{65e5}", "\u{1f3be}"] {
            let text = letter.repeat(most);
            for (field, body) in [
                ("userid", serde_json::json!({ "userid": text })),
                ("story.name", serde_json::json!({ "story": { "name": text } })),
                ("story.slug_info", serde_json::json!({ "story": { "slug_info": slug(&text) } })),
            ] {
                let refused = with(&body).err().map(|error| error.field);
                assert_eq!(refused.is_none(), fits, "{field} of {most} {letter}");
                assert!(refused.is_none_or(|name| name == field), "{field}");
            }
        }
    }
}

#[test]
fn a_known_key_given_twice_is_refused_and_an_unknown_one_ignored() {
    let twice = r#"{"StartPos":1,"StartPos":2}"#;
    assert_eq!(parsed(twice).unwrap_err(), FieldError::new("StartPos", "is given twice"));
    assert!(with(&serde_json::json!({"Colour": {"x": 1}, "S3Region": 7})).is_ok());
}

#[test]
fn defaults_are_tvus() {
    let request = with(&serde_json::json!({})).unwrap();
    assert_eq!(request.file_name.as_str(), "clip_1562253612833");
    assert_eq!(request.export_type, ExportType::AsRecorded);
    let thumbnail =
        with(&serde_json::json!({"FetchMedia": null, "ServiceCaller": null, "Duration": 0})).unwrap();
    assert_eq!((thumbnail.wanted, thumbnail.fetch_thumb), (Wanted::Thumbnail, false));
}

proptest! {
    #[test]
    fn never_panics_on_any_member(name in "(StartPos|StartTime|Duration|LivePath|FileName|story|storage_info|PeerId)",
                                  text: String, number: f64) {
        let _ = with(&serde_json::json!({ &name: text }));
        let _ = with(&serde_json::json!({ &name: number }));
    }
}

fn started(text: &str) -> Result<i64, FieldError> {
    start_time(Some(&RequestJson::Text(text.to_owned()))).map(Millis::get)
}

#[test]
fn every_spelling_means_milliseconds() {
    assert_eq!(started("00:13:12"), Ok(792_000));
    assert_eq!(started("0:13:12.5"), Ok(792_500));
    assert_eq!(started("100:00:00.007"), Ok(360_000_007));
    assert_eq!(started("792000"), Ok(792_000));
    assert_eq!(start_time(Some(&RequestJson::Number(792_000.into()))), Ok(Millis::new(792_000)));
}

#[test]
fn refuses_what_is_no_time_or_too_late() {
    for bad in ["", "13:12", "00:60:00", "00:00:60", "00:1:2", "-1", "1e3", "00:00:00.1234", "00:00:00.", "a"]
    {
        assert!(started(bad).is_err(), "{bad}");
    }
    assert_eq!(started("720:00:00"), Ok(2_592_000_000));
    assert!(started("720:00:00.001").is_err());
    assert!(start_time(None).is_err());
    assert!(start_time(Some(&RequestJson::Bool(true))).is_err());
}
