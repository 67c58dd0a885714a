use super::*;
use export_domain::identity::identify;
use export_domain::ids::TenantId;
use export_domain::request::{ExportType, Wanted};
use export_domain::storage::Container;
use export_domain::target::Target;
use export_domain::time::EpochMs;
use proptest::prelude::*;

fn path() -> LivePath {
    LivePath::parse("mp4/a/stream.mpd").unwrap()
}

fn place(at: i64, time: i64) -> WindowPoint {
    WindowPoint { at: EpochMs::new(at), time: Millis::new(time) }
}

fn shape(name: Option<String>, codec: CodecName, container: Option<String>) -> ClipShape {
    ClipShape { name, codec, container, bucket: None, region: None, root: None, story: None }
}

/// The job's name that the service derives from a body.
fn job_of(body: &str) -> String {
    let request = parse(&json::parse(body.as_bytes(), true).unwrap(), &Limits::default()).unwrap();
    let container = request.container.unwrap_or(Container::Ts);
    let target = Target {
        bucket: "b".to_owned(),
        region: "r".to_owned(),
        root: String::new(),
        owner: String::new(),
        container,
    };
    identify(&TenantId::parse("demo").unwrap(), &request, &target, None).job_id.to_string()
}

#[test]
fn the_readmes_request_and_the_command_lines_are_the_same_job() {
    let readme = r#"{"ServiceCaller":"mma","StartPos":1562252828133,"StartTime":"00:00:07.300","Duration":2000,
        "LivePath":"mp4/a/stream.mpd","FileName":"readme","SessionId":"0123456789abcdef","export_type":0,
        "container":"mp4","FetchMedia":true}"#;
    let shape = shape(Some("readme".to_owned()), CodecName::AsRecorded, None);
    let body = clip(&path(), place(1_562_252_828_133, 7300), Millis::new(2000), &shape, &Settings::default())
        .unwrap();
    assert_eq!(job_of(&body.to_string()), job_of(readme));
}

#[test]
fn a_refused_field_is_named_by_its_option() {
    for (name, length, expected) in [
        (Some("a/b"), 2000, "error: --name has a character that is not allowed, at position 2"),
        (None, 0, "error: --for must be from 1 to "),
    ] {
        let shape = shape(name.map(str::to_owned), CodecName::H264, None);
        let body =
            clip(&path(), place(1_562_252_828_133, 0), Millis::new(length), &shape, &Settings::default())
                .unwrap();
        let error = check(&body).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(story("42").is_err());
}

#[test]
fn a_bucket_of_the_profile_gets_the_clip_in_the_chosen_container() {
    let target = Some(("clips".to_owned(), "eu-west-1".to_owned()));
    let settings = Settings { target, container: Some("ts".to_owned()), ..Settings::default() };
    let shape = shape(None, CodecName::H265, None);
    let body = clip(&path(), place(1_562_252_828_133, 0), Millis::new(1), &shape, &settings).unwrap();
    let request =
        parse(&json::parse(body.to_string().as_bytes(), false).unwrap(), &Limits::default()).unwrap();
    let entries = request.storage.unwrap();
    assert_eq!(
        (entries.len(), entries[0].bucket.as_str(), entries[0].container),
        (1, "clips", Container::Ts)
    );
    assert_eq!((request.export_type, request.wanted), (ExportType::H265, Wanted::Media));
    let request = parse(
        &json::parse(picture(&path(), place(1_562_252_828_133, 0)).to_string().as_bytes(), false).unwrap(),
        &Limits::default(),
    );
    assert_eq!(request.unwrap().wanted, Wanted::Thumbnail);
}

proptest! {
    /// Every body that options can make is one that the service takes, and says what the options say.
    #[test]
    fn bodies_are_accepted_as_they_were_meant(
        at in 100_000_000_000_i64..4_000_000_000_000, time in 0_i64..2_592_000_000, length in 1_i64..14_400_000,
        name in "[A-Za-z0-9][A-Za-z0-9 ._()-]{0,40}", codec in 0_usize..3, is_ts: bool, is_named: bool,
    ) {
        let codec = [CodecName::AsRecorded, CodecName::H264, CodecName::H265][codec];
        let container = is_ts.then(|| "ts".to_owned());
        let mut shape = shape(is_named.then_some(name.clone()), codec, container);
        shape.story = Some("42:Final: 2".to_owned());
        let body = clip(&path(), place(at, time), Millis::new(length), &shape, &Settings::default()).unwrap();
        prop_assert!(check(&body).is_ok());
        let request = parse(&json::parse(body.to_string().as_bytes(), false).unwrap(), &Limits::default()).unwrap();
        prop_assert_eq!((request.start_pos_ms.get(), request.start_time_ms.get(), request.duration_ms.get()), (at, time, length));
        prop_assert_eq!(request.container, Some(if is_ts { Container::Ts } else { Container::Mp4 }));
        prop_assert_eq!(request.file_name.as_str(), if is_named { name } else { format!("clip_{at}") });
        let story = request.story.unwrap();
        prop_assert_eq!(story.name.as_deref(), Some("Final: 2"));
        prop_assert_eq!(job_of(&body.to_string()).len(), 32);
    }
}
