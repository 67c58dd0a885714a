//! One clip of the whole list.

use crate::world::{World, alone, clips};
use export_domain::job::WorkQueue;
use export_domain::request::Wanted;
use export_domain::tenant::Tenant;
use export_testkit::{NOW, SESSION, ask, ms, tenant, with};
use serde_json::{Value, json};

fn reel(body: Value) -> Value {
    with(body, "deliver", "reel")
}

#[tokio::test]
async fn a_reel_is_one_job_with_all_windows_and_the_same_list_is_the_same_job() {
    let world = World::new();
    let answer = world.submit(&reel(clips(3))).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let id = answer.json["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/export/jobs/{id}"));
    assert!(!answer.header("retry-after").is_empty());
    let request = &answer.json["request"];
    assert_eq!(
        (&request["wanted"], &request["window_count"], &request["duration_ms"]),
        (&"reel".into(), &3.into(), &3000.into())
    );
    let windows = answer.json["windows"].as_array().unwrap();
    let told: Vec<_> = windows
        .iter()
        .map(|w| (w["n"].as_u64().unwrap(), w["start_pos_ms"].as_i64().unwrap(), w["name"].as_str().unwrap()))
        .collect();
    let at = |n: i64| (NOW - ms(1000 * n)).get();
    assert_eq!(told, [(1, at(1), "clip 1"), (2, at(2), "clip 2"), (3, at(3), "clip 3")]);
    let again = world.submit(&reel(clips(3))).await;
    assert_eq!((again.status, &again.json), (202, &answer.json));
    let mut turned = clips(3);
    turned["clips"].as_array_mut().unwrap().reverse();
    assert_ne!(world.submit(&reel(turned)).await.json["id"], answer.json["id"]);
    assert!(world.batches.all().is_empty());
    let jobs = world.jobs.all();
    assert!(jobs.len() == 2 && jobs.iter().all(|job| job.order.wanted == Wanted::Reel));
    assert!(jobs.iter().all(|job| job.work_queue() == WorkQueue::Clips && job.batch_id.is_none()));
    assert_eq!(world.queue.take().len(), 2);
}

#[tokio::test]
async fn a_reel_of_one_window_is_the_job_of_its_clip() {
    let world = World::new();
    let single = world.single(&alone(1)).await;
    let answer = world.submit(&reel(clips(1))).await;
    assert_eq!((answer.status, &answer.json["id"]), (202, &single.json["JobId"]), "{}", answer.text);
    assert_eq!((&answer.json["request"]["wanted"], answer.json.get("windows")), (&"media".into(), None));
}

#[tokio::test]
async fn every_kind_of_list_makes_a_reel_and_what_makes_no_window_is_told() {
    let world = World::new();
    let body = |list: &str, value: Value| json!({"live_path": "mp4/a/stream.mpd", "zero": NOW - ms(3_600_000), "deliver": "reel", "name": "best", list: value});
    let table = world.submit(&body("csv", json!("start,end,name\n1,3.48,Ace\n10,11,Serve\n"))).await;
    let edl = "TITLE: x\n001 AX V C 00:00:01:00 00:00:03:12 00:00:00:00 00:00:02:12\n* FROM CLIP NAME: Ace\n\
               002 AX V C 00:00:10:00 00:00:11:00 00:00:02:12 00:00:03:12\n* FROM CLIP NAME: Serve\n";
    let edl = world.submit(&body("edl", json!({"text": edl, "fps": 25}))).await;
    let segments = json!({"Event": {"Name": "E"}, "Segments": [
        {"Start": 1, "End": 3.48, "FeaturesFound": ["Ace"]}, {"Start": 5, "FeaturesFound": []},
        {"Start": 10, "End": 11, "FeaturesFound": ["Serve"]}]});
    let document = world.submit(&body("document", segments)).await;
    for other in [&edl, &document] {
        assert_eq!((other.status, &other.json["id"]), (202, &table.json["id"]), "{}", other.text);
    }
    assert_eq!(table.json.get("skipped"), None);
    assert_eq!(document.json["skipped"], json!([{"n": 2, "why": "has no End"}]));
    assert!(document.json["file_name"] == "best.ts" && world.jobs.all().len() == 1);
}

#[tokio::test]
async fn nothing_is_stored_of_a_refused_reel() {
    let world = World::new();
    let mut wrong = clips(14);
    wrong["clips"][12]["duration_ms"] = json!(0);
    wrong["clips"][13]["live_path"] = json!("../another/stream.mpd");
    let answer = world.submit(&reel(wrong)).await;
    let pointers: Vec<_> =
        answer.json["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(
        (answer.status, pointers),
        (400, vec![json!("/clips/12/duration_ms"), json!("/clips/13/live_path")])
    );
    let elsewhere = with(reel(clips(2)), "target", json!({"bucket": "somebody-elses"}));
    assert_eq!(world.submit(&elsewhere).await.status, 403);
    assert_eq!(world.submit(&with(clips(2), "deliver", "film")).await.status, 400);
    assert!(world.jobs.all().is_empty() && world.queue.take().is_empty());
}

#[tokio::test]
async fn a_reel_takes_a_place_for_each_length_of_the_longest_clip() {
    let world = World::new();
    world.directory.add_tenant(Tenant { max_active: 3, ..tenant() });
    let hours = |count: i64, first: i64| {
        let clips: Vec<_> = (0..count)
            .map(|n| json!({"start": NOW - ms(200_000_000 + first + n), "duration_ms": 3_600_000}))
            .collect();
        reel(json!({"live_path": "mp4/device/1/stream.mpd", "clips": clips}))
    };
    assert_eq!(world.submit(&hours(12, 0)).await.status, 202, "three places");
    assert_eq!(world.submit(&hours(4, 50)).await.status, 202, "one place");
    let refused = world.submit(&hours(8, 100)).await;
    assert_eq!((refused.status, refused.header("retry-after").is_empty()), (429, false), "{}", refused.text);
    assert_eq!(world.submit(&hours(4, 150)).await.status, 202);
    assert_eq!(world.submit(&hours(12, 0)).await.status, 202, "it is on record");
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_reel() {
    let world = World::new();
    let send = async |body: &Value| {
        let headers = [("X-Session-Id", SESSION), ("Idempotency-Key", "order-7")];
        world.ask(ask("POST", "/export/batch", &headers, body.to_string())).await.status
    };
    assert_eq!((send(&reel(clips(2))).await, send(&reel(clips(2))).await), (202, 202));
    assert_eq!((send(&reel(clips(3))).await, send(&clips(2)).await), (409, 409));
}
