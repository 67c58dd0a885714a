//! Lists in other forms than JSON, and the delivered clips as lists.

use crate::world::World;
use export_testkit::{NOW, ms};
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
