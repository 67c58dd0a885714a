use crate::world::{Got, STRANGERS_SESSION, World, done, target};
use export_domain::ids::JobId;
use export_domain::job::{INDEX, Job, Play, PlayKey, State};
use export_domain::settings::Lifecycle;
use export_domain::tenant::Tenant;
use export_domain::time::Millis;
use export_testkit::{Fault, NOW, SESSION, ask, body, claimed, tenant, thumbnail_body};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const SECRET: &str = "00112233445566778899aabbccddeeff";
pub(crate) const KEY: &str = "demo.00112233445566778899aabbccddeeff";

/// What becomes of a job.
type Change = fn(&Job) -> Job;

fn playing(job: &Job) -> Job {
    let names = ["video.mp4", "video-0.m4s", INDEX];
    let play = Play {
        generation: job.generation,
        fence: job.fence,
        key: Some(PlayKey::new(SECRET.to_owned())),
        early: None,
        files: names.map(|name| Play::object(job.fence, name)).to_vec(),
        refused: String::new(),
        detail: "".into(),
    };
    Job { play: Some(play), ..job.clone() }
}

fn refused(job: &Job) -> Job {
    let play = playing(job).play.map(|play| Play {
        key: None,
        refused: "interlaced".to_owned(),
        detail: "the recording is interlaced".into(),
        ..play
    });
    Job { play, ..job.clone() }
}

fn segment(place: &Value, time: i64, duration: i64) -> Value {
    json!({"p": place, "t": time, "d": duration})
}

/// A head that was made, and a recorded segment.
fn index(recorded: &str, contents: &BTreeMap<String, String>) -> Value {
    let audio = [segment(&json!({"recorded": ["a b.m4s", [5, 9]]}), 0, 96_000)];
    let video = [
        segment(&json!({"made": "video-0.m4s"}), 100, 900),
        segment(&json!({"recorded": [recorded, null]}), 1000, 2000),
    ];
    json!({
        "video": {"timescale": 1000, "zero": 100, "init": {"made": "video.mp4"}, "segments": video, "codecs": "avc1.640028"},
        "audio": [{"timescale": 48_000, "zero": 4800, "init": {"recorded": ["a.mp4", null]}, "segments": audio, "codecs": "mp4a.40.2"}],
        "contents": contents,
    })
}

/// The folder of the job's recording.
fn folder(job: &Job) -> String {
    tenant().manifest_key(&job.order.live_path).replace("stream.mpd", "")
}

/// A world with a job in that state whose playlist lists the recorded file.
fn world_with(recorded: &str, change: impl FnOnce(&Job) -> Job) -> (World, Job) {
    let world = World::new();
    let job = world.has(&body(), change);
    let fence = job.play.as_ref().map_or(0, |play| play.fence);
    let folder = folder(&job);
    let contents = [recorded, "a b.m4s", "a.mp4"].map(|path| {
        let key = format!("{folder}{path}");
        world.objects.add("recordings", &key, path.to_owned(), None);
        (path.to_owned(), world.objects.object("recordings", &key).unwrap().etag)
    });
    let index = index(recorded, &contents.into_iter().collect());
    let key = job.order.play_key(fence, INDEX);
    world.objects.add(&job.order.target.bucket, &key, index.to_string(), None);
    (world, job)
}

pub(crate) async fn got(world: &World, job: &Job, path: &str, headers: &[(&str, &str)]) -> (Got, String) {
    let reply = world.app.handle(&ask("GET", &target(job, path), headers, "")).await;
    let text = reply.body.clone();
    let json = serde_json::from_str(&reply.body).unwrap_or_default();
    (Got { status: reply.status_code, headers: reply.headers, json }, text)
}

#[tokio::test]
async fn a_key_alone_opens_the_playlists_while_the_job_is_in_work_and_afterwards() {
    for state in [State::Running, State::Ready] {
        let (world, job) = world_with("v/seg-1.m4s", |job| Job { state, ..playing(&done(job)) });
        let (got_all, all) = got(&world, &job, &format!("play/stream.m3u8?key={KEY}"), &[]).await;
        assert_eq!((got_all.status, got_all.header("content-type")), (200, "application/vnd.apple.mpegurl"));
        assert!(
            all.contains(&format!("URI=\"audio-0.m3u8?key={KEY}\""))
                && all.contains(&format!("\nvideo.m3u8?key={KEY}\n")),
            "{all}"
        );
        let (_, video) = got(&world, &job, &format!("play/video.m3u8?key={KEY}"), &[]).await;
        // Twice 2.9 s and a quarter of an hour.
        let made = job.order.play_key(job.fence, "video-0.m4s");
        assert!(video.contains(&format!("\nhttps://{}/{made}?905800\n", job.order.target.bucket)), "{video}");
        let folder = folder(&job);
        assert!(video.contains(&format!("\nhttps://recordings/{folder}v/seg-1.m4s?905800\n")), "{video}");
        let (_, audio) = got(&world, &job, &format!("play/audio-0.m3u8?key={KEY}"), &[]).await;
        assert!(audio.contains("#EXT-X-BYTERANGE:5@5\n") && audio.contains("a b.m4s"), "{audio}");
        let (dash, text) = got(&world, &job, &format!("play/stream.mpd?key={KEY}"), &[]).await;
        assert_eq!(
            (dash.header("content-type"), dash.header("cache-control")),
            ("application/dash+xml", "no-store")
        );
        assert_eq!(dash.header("referrer-policy"), "no-referrer");
        assert_eq!(text.matches("<SegmentURL ").count(), 3);
        // A list names no segment, the others three, two and five places.
        assert_eq!(world.signed(), 3 + 2 + 5);
    }
}

#[tokio::test]
async fn a_session_of_the_tenant_opens_them_and_a_client_that_takes_gzip_gets_it() {
    let (world, job) = world_with("v/seg-1.m4s", |job| playing(&done(job)));
    let (opened, _) = got(&world, &job, "play/stream.mpd", &[("X-Session-Id", SESSION)]).await;
    assert_eq!(opened.status, 200);
    let gzip = [("X-Session-Id", SESSION), ("Accept-Encoding", "gzip")];
    let (packed, text) = got(&world, &job, "play/stream.mpd", &gzip).await;
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
    assert!(text.starts_with("H4sI"), "{text}");
}

#[tokio::test]
async fn a_wrong_key_an_unknown_job_and_an_unknown_file_are_told_alike() {
    let (world, job) = world_with("v/seg-1.m4s", |job| playing(&done(job)));
    let wrong = KEY.replace("00", "01");
    let stranger = KEY.replace("demo", "stranger");
    let mut other = job.clone();
    other.job_id = JobId::parse(&"b".repeat(32)).unwrap();
    let (unknown, text) = got(&world, &other, &format!("play/stream.mpd?key={KEY}"), &[]).await;
    assert_eq!(unknown.problem(), (404, "no such job", ""));
    for (path, headers) in [
        (format!("play/stream.mpd?key={wrong}"), None),
        (format!("play/stream.mpd?key={stranger}"), None),
        ("play/stream.mpd?key=".to_owned(), None),
        ("play/stream.mpd?key=demo".to_owned(), None),
        (format!("play/index.json?key={KEY}"), None),
        (format!("play/audio-1.m3u8?key={KEY}"), None),
        ("play/stream.mpd".to_owned(), Some(STRANGERS_SESSION)),
        // A session does not make up for a key that is wrong.
        (format!("play/stream.mpd?key={wrong}"), Some(SESSION)),
    ] {
        let headers: Vec<_> = headers.iter().map(|id| ("X-Session-Id", *id)).collect();
        assert_eq!(got(&world, &job, &path, &headers).await.1, text, "{path}");
    }
    assert_eq!(got(&world, &job, "play/stream.mpd", &[]).await.0.status, 401);
    assert_eq!(world.signed(), 0);
}

#[tokio::test]
async fn a_key_ends_with_the_job_its_generation_and_its_record() {
    let key = format!("play/stream.mpd?key={KEY}");
    let revoked = |job: &Job| {
        let play = playing(job).play.map(|play| Play { key: None, ..play });
        Job { play, ..done(job) }
    };
    let restarted = |job: &Job| Job { generation: job.generation + 1, ..playing(&done(job)) };
    let cancelled = |job: &Job| Job { state: State::Cancelled, ..playing(&done(job)) };
    let changes: [Change; 3] = [revoked, restarted, cancelled];
    for change in changes {
        let (world, job) = world_with("v/seg-1.m4s", change);
        assert_eq!(got(&world, &job, &key, &[]).await.0.problem(), (404, "no such job", ""));
    }
    let (world, job) = world_with("v/seg-1.m4s", |job| playing(&done(job)));
    let forgotten = job.forgotten(NOW + Millis::from_mins(2), &Lifecycle::default()).unwrap();
    world.jobs.put(&forgotten);
    assert_eq!(got(&world, &job, &key, &[]).await.0.problem(), (404, "no such job", ""));
}

#[tokio::test]
async fn a_job_without_a_playlist_says_why() {
    let session = [("X-Session-Id", SESSION)];
    let none = |why| (404, why, "");
    let cases: [(Value, Change, _); 4] = [
        (body(), |job| refused(&done(job)), none("the job has no playlist: the recording is interlaced")),
        (body(), done, none("the job has no playlist: none was made of it")),
        (thumbnail_body(), done, none("the job has no playlist: only a picture was asked for")),
        (body(), |job| claimed(job, NOW), (409, "not ready", "2")),
    ];
    for (job_body, change, expected) in cases {
        let world = World::new();
        let job = world.has(&job_body, change);
        assert_eq!(got(&world, &job, "play/stream.m3u8", &session).await.0.problem(), expected);
    }
    let (world, job) = world_with("v/seg-1.m4s", |job| playing(&done(job)));
    world.objects.remove(&job.order.target.bucket, &job.order.play_key(job.fence, INDEX));
    let gone = (404, "the job has no playlist: its files have expired or were removed", "");
    assert_eq!(got(&world, &job, "play/stream.m3u8", &session).await.0.problem(), gone);
}

#[tokio::test]
async fn a_recording_that_changed_is_not_played_as_the_clip() {
    let changed = (404, "the job has no playlist: the recording has changed since", "");
    for (path, file, others) in [
        ("v/seg-1.m4s", "video.m3u8", "audio-0.m3u8"),
        ("a b.m4s", "audio-0.m3u8", "video.m3u8"),
        ("a.mp4", "audio-0.m3u8", "stream.m3u8"),
    ] {
        let (world, job) = world_with("v/seg-1.m4s", |job| playing(&done(job)));
        let key = format!("{}{path}", folder(&job));
        for file in ["stream.mpd", file] {
            let url = format!("play/{file}?key={KEY}");
            world.objects.add("recordings", &key, "other", None);
            let signed = world.signed();
            assert_eq!(got(&world, &job, &url, &[]).await.0.problem(), changed, "{path}");
            world.objects.remove("recordings", &key);
            assert_eq!(got(&world, &job, &url, &[]).await.0.problem(), changed, "{path}");
            assert_eq!(world.signed(), signed);
            world.objects.add("recordings", &key, path.to_owned(), None);
            assert_eq!(got(&world, &job, &url, &[]).await.0.status, 200, "{path}");
        }
        world.objects.remove("recordings", &key);
        assert_eq!(got(&world, &job, &format!("play/{others}?key={KEY}"), &[]).await.0.status, 200);
    }
    let (world, job) = world_with("v/seg-1.m4s", |job| playing(&done(job)));
    let unbound = index("v/seg-1.m4s", &BTreeMap::new()).to_string();
    world.objects.add(&job.order.target.bucket, &job.order.play_key(job.fence, INDEX), unbound, None);
    assert_eq!(got(&world, &job, &format!("play/stream.mpd?key={KEY}"), &[]).await.0.problem(), changed);
    let (world, job) = world_with("v/seg-1.m4s", |job| playing(&done(job)));
    world.objects.faults.always("etags", Fault::Before);
    assert_eq!(got(&world, &job, &format!("play/stream.mpd?key={KEY}"), &[]).await.0.status, 503);
}

#[tokio::test]
async fn nothing_outside_of_the_recording_is_signed() {
    for path in ["../other/seg.m4s", "/etc/seg.m4s", "a/../../x.m4s", "a//b.m4s", ""] {
        let (world, job) = world_with(path, |job| playing(&done(job)));
        let (answer, _) = got(&world, &job, &format!("play/video.m3u8?key={KEY}"), &[]).await;
        assert_eq!((answer.status, world.signed()), (404, 0), "{path}");
    }
    let (world, job) = world_with("v/seg-1.m4s", |job| {
        let job = playing(&done(job));
        let play = job.play.clone().map(|play| Play { files: vec![Play::object(play.fence, INDEX)], ..play });
        Job { play, ..job }
    });
    assert_eq!(got(&world, &job, &format!("play/video.m3u8?key={KEY}"), &[]).await.0.status, 404);
}

#[tokio::test]
async fn recordings_of_a_bucket_without_a_known_owner_are_not_opened() {
    let (mut world, job) = world_with("v/seg-1.m4s", |job| playing(&done(job)));
    world.app.source_bucket = "another".to_owned();
    let unknown = (403, "the tenant's row does not name the account that owns the bucket", "");
    let key = format!("play/stream.mpd?key={KEY}");
    assert_eq!(got(&world, &job, &key, &[]).await.0.problem(), unknown);
    let owned = Tenant { source_owner: "123456789012".to_owned(), ..tenant() };
    world.directory.add_tenant(owned);
    assert_eq!(got(&world, &job, &key, &[]).await.0.status, 200);
    world.app.plays = false;
    assert_eq!(got(&world, &job, &key, &[]).await.0.problem(), (403, "instant playback is switched off", ""));
}
