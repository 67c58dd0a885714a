use crate::world::World;
use export_domain::completion::notification;
use export_domain::job::{Job, ObjectKind, Reason, State};
use export_domain::tenant::Tenant;
use export_testkit::recordings::{MANIFEST, SMALL, audio_body, mpd, record_audio, set};
use export_testkit::{Fault, NOW, body, claimed, manifest, ms, tenant, thumbnail_body};
use serde_json::{Value, json};

/// How the job of `body` ends with `manifest` as its recording.
async fn ended(body: &Value, manifest: &str) -> Job {
    let world = World::new();
    let job = world.has(body, |job| job);
    world.objects.add("recordings", MANIFEST, manifest.to_owned(), None);
    let ended = world.work(&job).await;
    assert!(world.objects.keys("clips").is_empty() && world.objects.open_uploads().is_empty());
    ended
}

fn assert_failed(job: &Job, reason: Reason, retriable: bool) {
    assert_eq!(job.state, State::Failed);
    let failure = job.failure.clone().unwrap();
    assert_eq!((failure.reason, failure.retriable), (reason, retriable));
    let due = job.is_looked_for() || job.aftermath().clear_at.is_some();
    assert_eq!((job.lease_until, job.due_at.is_some()), (None, due));
}

#[tokio::test]
async fn an_absent_recording_may_still_appear() {
    for body in [body(), thumbnail_body()] {
        let world = World::new();
        let job = world.has(&body, |job| job);
        assert_failed(&world.work(&job).await, Reason::SourceAbsent, true);
    }
}

#[tokio::test]
async fn an_absent_recording_is_given_up_after_a_quarter_of_an_hour() {
    let world = World::new();
    let since = NOW - ms(15 * 60_000);
    let job = world.has(&body(), |job| Job { source_missing_since: Some(since), ..job });
    assert_failed(&world.work(&job).await, Reason::SourceAbsent, false);
}

#[tokio::test]
async fn what_a_tenant_may_no_longer_use_is_denied_before_anything_is_read_or_written() {
    let moved = Tenant { targets: Vec::new(), ..tenant() };
    let mut owned = tenant();
    owned.targets[0].owner = "123456789012".to_owned();
    for changed in [None, Some(moved), Some(owned)] {
        let world = World::new();
        let job = world.has(&body(), |job| job);
        match changed {
            None => world.directory.remove_tenant(&job.tenant),
            Some(tenant) => world.directory.add_tenant(tenant),
        }
        assert_failed(&world.work(&job).await, Reason::Denied, false);
        assert!(!world.touched_s3());
    }
}

#[tokio::test]
async fn a_recording_that_may_not_be_read_is_denied() {
    let world = World::new();
    let job = world.has(&body(), |job| job);
    world.objects.deny("recordings");
    assert_failed(&world.work(&job).await, Reason::Denied, false);
}

#[tokio::test]
async fn a_target_that_may_not_be_written_to_is_denied_at_the_first_attempt() {
    for (frame_bytes, duration_ms, refused) in [(SMALL, 9000, "put"), (1 << 20, 240, "begin")] {
        let world = World::new();
        record_audio(&world.objects, frame_bytes);
        world.objects.deny("clips");
        let job = world.has(&audio_body(duration_ms), |job| job);
        let ended = world.work(&job).await;
        assert_failed(&ended, Reason::Denied, false);
        assert_eq!((ended.attempts, world.objects.faults.calls(refused)), (1, 1), "{refused}");
        assert!(world.objects.keys("clips").is_empty() && world.objects.open_uploads().is_empty());
        assert_eq!(world.bus.told(), [notification(&ended)]);
    }
}

#[tokio::test]
async fn what_may_not_be_looked_at_is_denied_too() {
    let world = World::new();
    let staged =
        |job: Job| claimed(&job, NOW - ms(60_000)).with_staged(1, ObjectKind::Image, manifest(1), NOW);
    let job = world.has(&body(), |job| staged(job).unwrap());
    world.objects.deny("clips");
    assert_failed(&world.work(&job).await, Reason::Denied, false);
}

#[tokio::test]
async fn an_upload_whose_rights_are_taken_away_in_its_midst_is_given_up() {
    for operation in ["part", "complete"] {
        let world = World::new();
        record_audio(&world.objects, 1 << 20);
        let (objects, job) = (world.objects.clone(), world.has(&audio_body(240), |job| job));
        world.objects.faults.meanwhile(operation, 1, move || objects.deny("clips"));
        assert_failed(&world.work(&job).await, Reason::Denied, false);
        assert!(world.objects.keys("clips").is_empty(), "{operation}");
    }
}

#[tokio::test]
async fn failures_are_counted_by_their_reason() {
    let world = World::new();
    world.objects.deny("recordings");
    let job = world.has(&body(), |job| job);
    world.work(&job).await;
    let lines = world.lines.lock().unwrap().clone();
    let failed: Vec<&Value> = lines.iter().filter(|line| !line["Failed"].is_null()).collect();
    assert_eq!(failed.len(), 1, "{lines:?}");
    assert_eq!((&failed[0]["Failed"], &failed[0]["Reason"]), (&json!(1), &json!("denied")));
    let sets = &failed[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
    assert_eq!(sets, &json!([["Stack"], ["Stack", "Reason"]]));
}

#[tokio::test]
async fn a_manifest_that_cannot_be_understood_is_final() {
    assert_failed(&ended(&body(), "<html/>").await, Reason::BadRecording, false);
    // These may be in the middle of being written, but not for so long.
    for text in ["", "not XML", "<MPD>", "<MPD></Period>"] {
        let world = World::new();
        let job = world.has(&body(), |job| Job { queued_at: NOW - ms(20_000), ..job });
        world.objects.add("recordings", MANIFEST, text.to_owned(), None);
        assert_failed(&world.work(&job).await, Reason::BadRecording, false);
    }
}

#[tokio::test]
async fn a_recording_without_its_init_segment_is_not_readable() {
    let text = mpd(&set("video", "avc1.64001f", ""), "");
    assert_failed(&ended(&body(), &text).await, Reason::BadRecording, false);
}

#[tokio::test]
async fn an_encrypted_recording_is_final() {
    let protection = r#"<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc"/>"#;
    let text = mpd(&set("video", "avc1.64001f", protection), "");
    assert_failed(&ended(&body(), &text).await, Reason::Encrypted, false);
}

#[tokio::test]
async fn a_thumbnail_of_audio_alone_is_final() {
    let text = mpd(&set("audio", "mp4a.40.2", ""), "");
    assert_failed(&ended(&thumbnail_body(), &text).await, Reason::NoVideo, false);
}

#[tokio::test]
async fn a_window_outside_the_recording_has_no_media() {
    for body in [body(), thumbnail_body()] {
        let text = mpd(&set("video", "avc1.64001f", ""), r#"duration="PT10S""#);
        assert_failed(&ended(&body, &text).await, Reason::NoMedia, false);
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_tried_again_after_a_pause_and_costs_no_attempt() {
    for operation in ["read", "tenant"] {
        let world = World::new();
        let job = world.has(&body(), |job| job);
        world.objects.faults.always(operation, Fault::Before);
        world.directory.faults.always(operation, Fault::Before);
        let first = world.work(&job).await;
        assert_eq!((first.state, first.attempts), (State::Queued, 0), "{operation}");
        assert_eq!(first.wake_at, Some(NOW + ms(20_000)));
        assert_eq!(world.queue.take()[0].delay_s, 20, "its message comes again by itself");
        assert_eq!(world.work(&job).await, first, "a message too many does not pass over the pause");
        world.clock.advance(20_000);
        let second = world.work(&job).await;
        assert_eq!((second.fence, second.attempts), (first.fence + 1, 0));
    }
}

#[tokio::test]
async fn a_recording_is_looked_for_below_the_tenants_prefix() {
    let world = World::new();
    world.directory.add_tenant(Tenant { source_prefix: "/archive/".to_owned(), ..tenant() });
    let job = world.has(&body(), |job| job);
    world.objects.add("recordings", MANIFEST, mpd("", ""), None);
    assert_failed(&world.work(&job).await, Reason::SourceAbsent, true);
    world.jobs.put(&job);
    world.objects.add("recordings", &format!("archive/{MANIFEST}"), mpd("", ""), None);
    assert_failed(&world.work(&job).await, Reason::NoMedia, false);
}
