use super::super::MOST_FAULTS;
use super::*;
use crate::job::testing::{at, ms};
use crate::json;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000_000;
const DAY_MS: i64 = 24 * 3_600_000;

fn judged(body: &Value) -> Result<BatchRequest, Vec<Fault>> {
    let body = json::parse(body.to_string().as_bytes(), false).unwrap();
    parse(&body, &Limits::default(), at(NOW), |_, pointer| Err(Fault::at(pointer, "is read elsewhere")))
}

fn refused(body: &Value) -> Vec<(String, String)> {
    judged(body).unwrap_err().into_iter().map(|fault| (fault.pointer, fault.detail)).collect()
}

fn body(clips: impl Into<Value>) -> Value {
    let clips = clips.into();
    json!({"live_path": "mp4/dev/match/1/stream.mpd", "clips": clips})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[test]
fn a_clip_is_named_by_instant_by_milliseconds_or_by_seconds_from_zero() {
    let clips = json!([
        {"start": "2026-01-12T20:01:14Z", "end": "2026-01-12T20:01:23.5+00:00"},
        {"start": 1_768_248_074_000_i64, "duration_ms": 9500},
    ]);
    let found = judged(&body(clips)).unwrap();
    let windows: Vec<_> =
        found.wishes.iter().map(|wish| (wish.request.start_pos_ms, wish.request.duration_ms)).collect();
    assert_eq!(windows, [(at(1_768_248_074_000), ms(9500)); 2]);
    assert!(found.wishes.iter().all(|wish| wish.request.start_time_ms == ms(30 * DAY_MS)), "not known");
    let seconds = json!([{"start": 7.3, "end": 16.3004}, {"start": 7, "duration_ms": 1}]);
    let found = judged(&with(body(seconds), "zero", json!("2026-01-12T20:01:14Z"))).unwrap();
    let first = &found.wishes[0].request;
    assert_eq!((first.start_pos_ms, first.duration_ms), (at(1_768_248_081_300), ms(9001)), "outwards");
    assert_eq!((first.start_time_ms, found.wishes[1].request.start_time_ms), (ms(7300), ms(7000)));
}

#[test]
fn common_members_count_for_all_clips() {
    let body = json!({
        "live_path": "a/b.mpd", "container": "mp4", "export_type": "h265", "name": "{ref}-{n:03}/{source}",
        "target": {"bucket": "clips", "region": "eu-west-1", "root": "/x/"}, "story": {"id": "A1", "name": "s"},
        "zero": 1_768_248_074_000_i64, "shift_ms": -100, "pad_before_ms": 1000, "pad_after_ms": 500,
        "clips": [{"start": 10, "end": 12, "ref": "goal"}, {"start": 20, "end": 21, "live_path": "c/d.mpd"}]
    });
    let found = judged(&body).unwrap();
    assert_eq!(found.container, Container::Mp4);
    let name =
        TargetName { bucket: "clips".to_owned(), region: "eu-west-1".to_owned(), root: "x".to_owned() };
    assert_eq!(found.target, Some(name));
    let (one, other) = (&found.wishes[0], &found.wishes[1]);
    assert_eq!((one.mark.as_deref(), one.request.file_name.as_str()), (Some("goal"), "goal-001_a"));
    assert_eq!(other.request.file_name.as_str(), "-002_c");
    assert_eq!((one.request.start_time_ms, one.request.duration_ms), (ms(8900), ms(3500)));
    assert_eq!(other.request.live_path.as_str(), "c/d.mpd");
    assert_eq!(one.request.export_type, ExportType::H265);
    assert_eq!(one.request.story.as_ref().and_then(|story| story.id.as_deref()), Some("A1"));
}

#[test]
fn a_clip_is_named_by_itself_or_by_its_recording_and_number() {
    let clips = json!([{"start": NOW, "duration_ms": 1, "name": "goal 1"}, {"start": NOW, "duration_ms": 2}]);
    let found = judged(&body(clips)).unwrap();
    let names: Vec<_> = found.wishes.iter().map(|wish| wish.request.file_name.as_str()).collect();
    assert_eq!(names, ["goal 1", "match-002"]);
}

#[test]
fn every_fault_is_named_with_a_pointer_and_nothing_is_taken() {
    let clips = json!([
        {"start": NOW, "duration_ms": 0},
        {"start": 1_562_252_828, "duration_ms": 9000},
        {"start": "yesterday", "end": NOW, "colour/x": 1},
        {"start": NOW, "end": NOW},
        {"start": NOW},
        {"start": NOW, "end": NOW + 1, "duration_ms": 1},
        {"start": NOW + 40 * DAY_MS, "duration_ms": 1},
        {"start": NOW, "duration_ms": 1, "name": "a/b", "ref": "x".repeat(65), "live_path": "/x.mpd"},
        7,
    ]);
    let found = refused(&with(with(body(clips), "speed", json!(2)), "container", json!("avi")));
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/speed",
            "/container",
            "/clips/0/duration_ms",
            "/clips/1/start",
            "/clips/2/colour~1x",
            "/clips/2/start",
            "/clips/3/end",
            "/clips/4/end",
            "/clips/5/end",
            "/clips/6/start",
            "/clips/7/name",
            "/clips/7/ref",
            "/clips/7/live_path",
            "/clips/8",
        ],
        "{found:#?}"
    );
    assert_eq!(found[2].1, "must be an integer from 1 to 14400000");
    assert!(found[3].1.contains("looks like seconds"), "{}", found[3].1);
    assert!(!format!("{found:?}").contains("yesterday"), "no value of the client's is repeated");
}

#[test]
fn what_a_body_must_have_is_named() {
    assert_eq!(refused(&json!([]))[0], (String::new(), "must be a JSON object".to_owned()));
    assert_eq!(refused(&json!({}))[0].1, "must have exactly one of clips, edl, csv, document, mre");
    assert_eq!(refused(&body(json!([])))[0], ("/clips".to_owned(), "is empty".to_owned()));
    assert_eq!(refused(&body(json!({})))[0], ("/clips".to_owned(), "must be a list".to_owned()));
    let alone = json!({"clips": [{"start": NOW, "duration_ms": 1}]});
    assert_eq!(refused(&alone)[0].0, "/clips/0/live_path");
    for bad in ["{n", "{what}", "{n:3}", "{n:00}", "{name:03}"] {
        let clips = json!([{"start": NOW, "duration_ms": 1}, {"start": NOW, "duration_ms": 2}]);
        let found = refused(&with(body(clips), "name", json!(bad)));
        assert_eq!((found.len(), found[0].0.as_str()), (1, "/name"), "{bad}: {found:?}");
    }
}

#[test]
fn a_batch_has_a_most_of_clips_of_time_and_of_faults() {
    let clips = |count: i64, ms: i64| {
        (0..count).map(|at| json!({"start": NOW + at, "duration_ms": ms})).collect::<Value>()
    };
    assert_eq!(judged(&body(clips(500, 1000))).unwrap().wishes.len(), 500);
    assert_eq!(refused(&body(clips(501, 1000)))[0].1, "has more than 500 clips");
    assert!(refused(&body(clips(4, 4 * 3_600_000)))[0].1.contains("may have 43200000 ms"));
    assert_eq!(refused(&body(clips(500, 0))).len(), MOST_FAULTS);
}

proptest! {
    #[test]
    fn no_name_of_a_template_is_refused(template in "\\PC{0,200}") {
        let template = template.replace(['{', '}'], "");
        let clips = json!([{"start": NOW, "duration_ms": 1}]);
        if !template.is_empty() {
            prop_assert!(judged(&with(body(clips), "name", json!(template))).is_ok());
        }
    }
}

/// The request of `body` as a reel.
fn reel(body: Value) -> ExportRequest {
    let asked = judged(&with(body, "deliver", json!("reel"))).unwrap();
    assert!(asked.wishes.is_empty());
    *asked.reel.unwrap()
}

#[test]
fn a_list_is_one_clip_of_all_its_entries_if_that_is_wanted() {
    let clips = json!([
        {"start": NOW - 9000, "duration_ms": 2000, "name": "goal 1"},
        {"start": NOW - 20_000, "duration_ms": 3000, "live_path": "c/d.mpd"},
        {"start": NOW - 9000, "duration_ms": 2000},
    ]);
    let request = reel(with(body(clips), "export_type", json!("h264")));
    assert_eq!((request.wanted, request.file_name.as_str()), (Wanted::Reel, "match-reel"));
    assert_eq!((request.start_pos_ms, request.duration_ms), (at(NOW - 9000), ms(7000)));
    assert_eq!(request.export_type, ExportType::H264);
    let windows: Vec<_> =
        request.windows.iter().map(|w| (w.n, w.start_pos_ms.get(), w.duration_ms.get())).collect();
    assert_eq!(windows, [(1, NOW - 9000, 2000), (2, NOW - 20_000, 3000), (3, NOW - 9000, 2000)]);
    let told: Vec<_> = request
        .windows
        .iter()
        .map(|w| (w.name.as_ref().map(FileName::as_str), w.live_path.as_ref().map(LivePath::as_str)))
        .collect();
    assert_eq!(told, [(Some("goal 1"), None), (None, Some("c/d.mpd")), (None, None)]);
}

#[test]
fn a_reel_of_one_entry_is_the_clip_itself() {
    let clips = || body(json!([{"start": NOW, "duration_ms": 5, "name": "goal 1"}]));
    assert_eq!(reel(clips()), judged(&clips()).unwrap().wishes.remove(0).request);
    let unnamed = || body(json!([{"start": NOW, "duration_ms": 5}]));
    assert_eq!(reel(unnamed()), judged(&unnamed()).unwrap().wishes.remove(0).request);
}

#[test]
fn a_reel_whose_item_would_be_too_large_is_refused() {
    let path = |n: usize| format!("{n}/{0}/{0}/x.mpd", "d".repeat(80));
    let clips = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|n| json!({"start": NOW, "duration_ms": 5, "name": format!("{n} {}", "n".repeat(60)), "live_path": path(n)}))
            .collect()
    };
    assert_eq!(reel(body(clips(400))).windows.len(), 400);
    let large = with(body(clips(500)), "deliver", json!("reel"));
    assert_eq!(
        refused(&large),
        [(String::new(), "has recordings and names of more than 163840 bytes together".to_owned())]
    );
    let word = with(body(clips(1)), "deliver", json!("film"));
    assert_eq!(refused(&word), [("/deliver".to_owned(), "must be one of clips, reel".to_owned())]);
}
