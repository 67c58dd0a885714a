//! Lists in other forms than JSON, and the delivered clips as lists.

use crate::world::World;
use export_domain::json;
use export_domain::tenant::Tenant;
use export_domain::time::Pts;
use export_mre::document::View;
use export_mre::export::{export_event, export_replay};
use export_mre::segments;
use export_testkit::mre::scenario;
use export_testkit::{NOW, ms, tenant};
use serde_json::{Value, json};

fn body(list: &str, value: impl Into<Value>) -> Value {
    json!({"live_path": "mp4/a/stream.mpd", "zero": NOW - ms(3_600_000), list: value.into()})
}

/// Starts of the windows since `zero`, their lengths, and the names.
fn windows(answer: &Value) -> Vec<(i64, i64, String)> {
    let clips = answer["clips"].as_array().unwrap().iter();
    let of = |clip: &Value| {
        let start = clip["start_pos_ms"].as_i64().unwrap() - (NOW - ms(3_600_000)).get();
        (start, clip["duration_ms"].as_i64().unwrap(), clip["name"].as_str().unwrap().to_owned())
    };
    clips.map(of).collect()
}

#[tokio::test]
async fn an_edit_list_a_table_and_a_document_make_the_same_batch() {
    let world = World::new();
    let edl = "TITLE: x\n001 AX V C 00:00:01:00 00:00:03:12 00:00:00:00 00:00:02:12\n* FROM CLIP NAME: Ace\n";
    let first = world.submit(&body("edl", json!({"text": edl, "fps": 25}))).await;
    assert_eq!(first.status, 202, "{}", first.text);
    assert_eq!(windows(&first.json), [(1_000, 2_480, "Ace".to_owned())]);
    let table = world.submit(&body("csv", json!("start,end,name\n1,3.48,Ace\n"))).await;
    let mut document = body(
        "document",
        json!({"Event": {"Name": "E"}, "Segments": [
        {"Start": 1, "End": 3.48, "FeaturesFound": ["Ace"]}, {"Start": 5, "End": 6, "FeaturesFound": []}]}),
    );
    document["features"] = json!(["Ace"]);
    document["name"] = json!("{features}");
    let segments = world.submit(&document).await;
    for other in [table, segments] {
        assert_eq!((other.status, &other.json["id"]), (202, &first.json["id"]), "{}", other.text);
    }
    assert_eq!(world.batches.all().len(), 1);
}

#[tokio::test]
async fn a_named_event_or_replay_makes_the_batch_of_its_document() {
    for name in ["event_tennis_optimizer", "replay_mp4_weight"] {
        let scenario = scenario(name);
        let (source, key, replay) = (scenario.source(), scenario.event(), scenario.replay());
        let document = match &replay {
            None => export_event(&source, &key, View::Mre, None).await.unwrap(),
            Some(replay) => export_replay(&source, replay, View::Mre).await.unwrap(),
        };
        let world = World::with_documents(scenario.source(), &["another", &key.program]);
        let reference =
            json!({"event": key.name, "program": key.program, "replay": replay.map(|replay| replay.id)});
        let named = world.submit(&body("mre", reference)).await;
        let sent =
            world.submit(&body("document", serde_json::from_str::<Value>(&document.text).unwrap())).await;
        assert_eq!((named.status, &named.json["id"]), (202, &sent.json["id"]), "{name}: {}", named.text);
        assert!(windows(&named.json).len() > 1, "{name}: {}", named.text);
    }
}

#[tokio::test]
async fn segments_of_an_events_own_playlist_are_asked_for_by_time_stamps() {
    let (world, start) = (World::new(), (NOW - ms(3_600_000)).to_rfc3339());
    let event = json!({"Name": "E", "Start": start, "FirstPts": 1.433});
    let listed = json!([{"Start": 2.5, "End": 4, "FeaturesFound": []}]);
    let asked = |path: &str, zero: Value| {
        let mut body = body("document", json!({"Event": event, "Segments": listed}));
        (body["live_path"], body["zero"]) = (json!(path), zero);
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        body
    };
    let refused = world.submit(&asked("mp4/a/stream.mpd", Value::Null)).await;
    assert_eq!((refused.status, &refused.json["errors"][0]["pointer"]), (400, &json!("/zero")));
    let playlist = "channel/profile/stream.m3u8";
    let answer = world.submit(&asked(playlist, Value::Null)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert!(answer.json["warnings"].as_array().is_none_or(Vec::is_empty), "nothing is guessed");
    let [clip] = &world.batches.all()[0].clips[..] else { panic!("one clip") };
    assert_eq!(clip.pts, Some(Pts::new(128_970 + 2_499 * 90)));
    let assumed = world.submit(&asked(playlist, json!("event_start"))).await;
    assert_eq!(windows(&assumed.json), windows(&answer.json));
    assert_ne!(assumed.json["id"], answer.json["id"], "time stamps decide where the first one is");
}

#[tokio::test]
async fn a_named_event_brings_the_time_stamp_that_its_row_has() {
    let scenario = scenario("event_tennis_no_optimizer_2tracks");
    let (source, key) = (scenario.source(), scenario.event());
    let document = export_event(&source, &key, View::Mre, None).await.unwrap();
    let document = json::parse(document.text.as_bytes(), false).unwrap();
    assert_eq!(segments::read(&document, "/mre").unwrap().first_pts, None);
    let document = segments::with_first_pts(&source, &key, document).await.unwrap();
    assert_eq!(segments::read(&document, "/mre").unwrap().first_pts, Some(Pts::new(128_970)));
}

#[tokio::test]
async fn an_event_is_named_by_those_who_may_only() {
    let scenario = scenario("event_tennis_optimizer");
    let key = scenario.event();
    let named = |event: &str, replay: Value| {
        body("mre", json!({"event": event, "program": key.program, "replay": replay}))
    };
    for (programs, status) in [(&[][..], 403), (&["another"], 403), (&["*"], 202), (&[&key.program], 202)] {
        let world = World::with_documents(scenario.source(), programs);
        let answer = world.submit(&named(&key.name, Value::Null)).await;
        assert_eq!(answer.status, status, "{programs:?}: {}", answer.text);
    }
    let world = World::with_documents(scenario.source(), &["*"]);
    for (body, pointer) in [
        (named("none of that name", Value::Null), "/mre/event"),
        (named(&key.name, json!("none of that id")), "/mre/replay"),
        (named(&key.name, json!(7)), "/mre/replay"),
        (body("mre", json!({"event": key.name})), "/mre/program"),
    ] {
        let answer = world.submit(&body).await;
        let found = (answer.status, &answer.json["errors"][0]["pointer"]);
        assert_eq!(found, (400, &json!(pointer)), "{body} {}", answer.text);
    }
    let without = World::new();
    without.directory.add_tenant(Tenant { mre_programs: vec!["*".to_owned()], ..tenant() });
    let answer = without.submit(&named(&key.name, Value::Null)).await;
    assert_eq!((answer.status, &answer.json["errors"][0]["pointer"]), (400, &json!("/mre")));
}

#[tokio::test]
async fn tables_that_do_not_answer_are_no_fault_of_the_request() {
    let scenario = scenario("event_tennis_optimizer");
    let key = scenario.event();
    let mut source = scenario.source();
    source.failing_read = Some(0);
    let world = World::with_documents(source, &["*"]);
    let answer = world.submit(&body("mre", json!({"event": key.name, "program": key.program}))).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(world.batches.all().is_empty());
}

#[tokio::test]
async fn members_that_do_not_go_with_a_list_are_refused() {
    let world = World::new();
    let edl = |value: Value| body("edl", value);
    let with = |mut body: Value, name: &str, value: Value| {
        body[name] = value;
        body
    };
    let table = body("csv", json!("start,end\n1,2"));
    let document = body("document", json!({"Event": {"Name": "E"}, "Segments": [{"Start": 1, "End": 2}]}));
    for (body, pointer) in [
        (edl(json!("TITLE: x")), "/edl"),
        (edl(json!({"text": "x"})), "/edl/fps"),
        (edl(json!({"fps": 25})), "/edl/text"),
        (edl(json!({"text": "x", "fps": 25, "rate": 1})), "/edl/rate"),
        (edl(json!({"text": "x", "fps": 25, "drop": 1})), "/edl/drop"),
        (edl(json!({"text": "TITLE: no event", "fps": 25})), "/edl"),
        (body("csv", json!(["1,2"])), "/csv"),
        (with(table.clone(), "liked", json!(true)), "/liked"),
        (with(table.clone(), "zero", json!("event_start")), "/zero"),
        (with(table.clone(), "zero", Value::Null), "/zero"),
        (with(table, "clips", json!([])), ""),
        (with(document.clone(), "live_path", Value::Null), "/live_path"),
        (with(document.clone(), "features", json!([])), "/features"),
        (with(document.clone(), "features", json!(["none has it"])), "/document"),
        (with(document.clone(), "segments", json!("best")), "/segments"),
        (with(document.clone(), "audio_track", json!("1")), "/audio_track"),
        (with(document, "zero", Value::Null), "/zero"),
    ] {
        let answer = world.submit(&body).await;
        assert_eq!(
            (answer.status, &answer.json["errors"][0]["pointer"]),
            (400, &json!(pointer)),
            "{body} {}",
            answer.text
        );
    }
    assert!(world.batches.all().is_empty() && world.jobs.all().is_empty());
}

#[tokio::test]
async fn a_list_has_the_clips_that_are_ready_and_its_options_are_judged() {
    let world = World::new();
    let table = world.submit(&body("csv", json!("start,end,name\n1,3.48,Ace\n10,11,Serve\n"))).await;
    let place = table.header("location").to_owned();
    let none = world.get(&format!("{place}?format=edl&fps=25")).await;
    assert_eq!((none.status, none.text.lines().count()), (200, 2), "{}", none.text);
    for (query, named) in [
        ("format=xml", "format"),
        ("format=edl", "fps"),
        ("format=edl&fps=26", "fps"),
        ("format=edl&fps=25&df=1", "df"),
        ("format=edl&fps=25&zero=soon", "zero"),
        ("format=edl&fps=25&limit=3", "limit"),
        ("format=csv&fps=25", "fps"),
        ("fps=25", "fps"),
        ("colour=red", "colour"),
    ] {
        let answer = world.get(&format!("{place}?{query}")).await;
        let detail = answer.json["detail"].as_str().unwrap_or_default();
        assert!(
            answer.status == 400 && detail.starts_with(&format!("{named}: ")),
            "{query}: {}",
            answer.text
        );
    }
}
