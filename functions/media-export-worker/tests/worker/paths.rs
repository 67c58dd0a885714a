//! Where the worker reads and writes, and how much at most, whatever a client and a recording say.
//!
//! Every object that is asked for is there, so that nothing ends early. Runs are deterministic; `PROPTEST_CASES` sets the
//! cases of each property, `PROPTEST_RNG_SEED` where they start.

use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use export_domain::job::{Job, Reason, State};
use export_domain::request::{ExportRequest, parse};
use export_domain::settings::{Lifecycle, Limits};
use export_domain::target::{Bucket, Target};
use export_domain::tenant::{AllowedTarget, Tenant};
use export_domain::{identity::identify, job::Order, json};
use export_testkit::recordings::{audio_body, audio_files, mpd, pictures, set};
use export_testkit::{Call, NOW, body, tenant, with};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};
use std::cell::Cell;
use tokio::runtime::{Builder, Runtime};

/// Cases of each property in an ordinary test run.
const CASES: u32 = 5000;
const PREFIX: &str = "t/demo/";
const DIRECTORY: &str = "t/demo/mp4/device/1/";
const MOST: u64 = 512 << 20;

/// A worker whose store has everything: what nobody put there is `filling`.
fn world_of(filling: Bytes) -> World {
    let world = World::new();
    world.objects.fill(filling);
    world
}

/// The tenant whose recordings lie below [`PREFIX`].
fn fenced_in() -> Tenant {
    let owner = "123456789012".to_owned();
    Tenant { source_owner: owner, source_prefix: PREFIX.to_owned(), ..tenant() }
}

/// Works once on `job` of `tenant`; returns the job as it is then and what the store was asked.
async fn worked(world: &World, tenant: &Tenant, job: &Job) -> (Job, Vec<Call>) {
    world.directory.add_tenant(tenant.clone());
    world.jobs.put(job);
    world.receive(job.message().encode()).await;
    (world.jobs.only(), world.objects.calls())
}

/// The job that a body would store, if it is accepted.
fn ordered(tenant: &Tenant, body: &Value) -> Option<Job> {
    let request = request(body)?;
    let target = tenant.resolve_target(&request)?;
    let identity = identify(&tenant.id, &request, &target, None);
    let id = identity.job_id.clone();
    Some(Job::new(tenant.id.clone(), id, Order::new(request, identity, target), NOW, &Lifecycle::default()))
}

fn request(body: &Value) -> Option<ExportRequest> {
    let parsed = json::parse(body.to_string().as_bytes(), false).ok()?;
    parse(&parsed, &Limits::default()).ok()
}

/// What a call does that it may not, for a tenant whose recording is in `directory`.
fn trespass(call: &Call, directory: &str) -> Option<&'static str> {
    let (Call::Read { key, .. } | Call::Look { key, .. } | Call::Write { key, .. }) = call;
    // The name of a directory is a key like any other.
    if key.trim_end_matches('/').split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Some("a key with a segment that is none");
    }
    if key.chars().any(|c| c.is_control() || c == '\\') || key.len() > 1024 {
        return Some("a key that is none");
    }
    match call {
        Call::Read { bucket, .. } if bucket.name != "recordings" || bucket.owner != "123456789012" => {
            Some("reads another bucket")
        }
        Call::Read { bucket, .. } if bucket.prefix != PREFIX => {
            Some("reads with the credentials of another tenant")
        }
        Call::Read { key, .. } if !key.starts_with(PREFIX) || !key.starts_with(directory) => {
            Some("reads outside the recording")
        }
        Call::Look { .. } => Some("lists recordings"),
        Call::Read { most, .. } if *most > MOST => Some("reads without bound"),
        Call::Read { range: Some((first, last)), .. } if first > last => Some("asks for no range"),
        Call::Write { bucket, .. } if bucket != "clips" => Some("writes to another bucket"),
        Call::Write { key, .. } if !key.starts_with("export/") || key.split('/').count() != 3 => {
            Some("writes elsewhere")
        }
        Call::Write { words, .. } if !words.iter().all(|w| w.chars().all(|c| c.is_ascii_graphic())) => {
            Some("writes a header that is none")
        }
        _ => None,
    }
}

fn runner() -> TestRunner {
    let default = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { CASES };
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    TestRunner::new(Config { cases, rng_seed, failure_persistence: None, ..default })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// An init segment and all segments in one file.
fn whole(files: &[(String, Bytes)]) -> Bytes {
    files.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect::<Vec<u8>>().into()
}

/// Pieces of references, as they stand in XML.
const PIECES: [&str; 58] = [
    "a",
    "b.m4s",
    "seg-",
    "p0/",
    "/",
    "//",
    ".",
    "..",
    "./",
    "../",
    "../../",
    "...",
    "%2e",
    "%2E%2e",
    "%2e%2e/",
    "%2f",
    "%2F",
    "%5c",
    "%00",
    "%0a",
    "%0D%0A",
    "%7f",
    "%",
    "%2",
    "%zz",
    "%252e%252e",
    "%252f",
    "%c0%ae",
    "%ff",
    "%C2%85",
    "\\",
    "..\\",
    ":",
    "?",
    "?x=1",
    "#",
    "#t=1",
    "$Number$",
    "$Number%09d$",
    "$Time$",
    "$Bandwidth$",
    "$RepresentationID$",
    "$$",
    "$",
    "http://169.254.169.254/",
    "//other.example/",
    "file:///etc/",
    "s3://other/",
    "javascript:",
    "t/demo2/",
    "\u{e9}",
    "e\u{301}",
    "\u{202e}",
    "\u{ff0e}\u{ff0e}\u{ff0f}",
    "&#x2e;&#46;/",
    "&#x85;",
    "&amp;",
    " ",
];

/// A harmless reference in three cases of four, so that hostile ones are met at every level.
fn reference(harmless: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(harmless.to_owned()),
        1 => vec(select(&PIECES[..]), 0..6).prop_map(|pieces| pieces.concat()),
    ]
}

fn addressing() -> impl Strategy<Value = String> {
    let template = (reference("init.mp4"), reference("$Number$.m4s"), select(&["duration=\"4\"", ""][..])).prop_map(
        |(init, media, duration)| {
            let timeline = "<SegmentTimeline><S t=\"0\" d=\"4\" r=\"5\"/></SegmentTimeline>";
            let timeline = if duration.is_empty() { timeline } else { "" };
            format!("<SegmentTemplate {duration} initialization=\"{init}\" media=\"{media}\">{timeline}</SegmentTemplate>")
        },
    );
    let range = select(
        &[
            "",
            "range=\"0-999\"",
            "range=\"0-99999999999\"",
            "range=\"18446744073709551615-18446744073709551615\"",
        ][..],
    );
    let list = (reference("init.mp4"), vec(reference("x.m4s"), 1..7), range.clone()).prop_map(
        |(init, media, range)| {
            let media_range = range.replace("range", "mediaRange");
            let listed = |url: &String| format!("<SegmentURL media=\"{url}\" {media_range}/>");
            let urls = media.iter().map(listed).collect::<Vec<_>>().concat();
            format!("<SegmentList duration=\"4\"><Initialization sourceURL=\"{init}\"/>{urls}</SegmentList>")
        },
    );
    let base = (reference("init.mp4"), range).prop_map(|(init, range)| {
        format!("<SegmentBase><Initialization sourceURL=\"{init}\" {range}/></SegmentBase>")
    });
    prop_oneof![6 => template, 3 => list, 2 => base]
}

/// A manifest of audio or of pictures, with references at every level.
fn manifest() -> impl Strategy<Value = (bool, String)> {
    let bases = (reference(""), reference(""), reference(""), reference("file.mp4"));
    (any::<bool>(), bases, reference("0"), addressing()).prop_map(|(pictures, (top, period, set, own), id, segments)| {
        let base = |url: &str| if url.is_empty() { String::new() } else { format!("<BaseURL>{url}</BaseURL>") };
        let kind = if pictures { ("video", "avc1.42000a") } else { ("audio", "mp4a.40.2") };
        let text = format!(
            r#"<MPD type="static" mediaPresentationDuration="PT24S">{}<Period>{}<AdaptationSet contentType="{}">{}
            <Representation id="{id}" bandwidth="1000000" codecs="{}">{}{segments}</Representation></AdaptationSet>
            </Period></MPD>"#,
            base(&top), base(&period), kind.0, base(&set), kind.1, base(&own),
        );
        (pictures, text)
    })
}

#[test]
fn whatever_a_manifest_says_only_its_own_directory_is_read() {
    let (runtime, tenant) = (runtime(), fenced_in());
    let fillings = [whole(&audio_files(10)), whole(&pictures())];
    let job = ordered(&tenant, &audio_body(3000)).unwrap();
    let (cases, further, refused) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let judged = runner().run(&manifest(), |(pictures, manifest)| {
        let world = world_of(fillings[usize::from(pictures)].clone());
        world.objects.add("recordings", &format!("{DIRECTORY}stream.mpd"), manifest, None);
        let (ended, calls) = runtime.block_on(worked(&world, &tenant, &job));
        for call in &calls {
            prop_assert_eq!(trespass(call, DIRECTORY), None, "{:?}", call);
        }
        cases.set(cases.get() + 1);
        further.set(further.get() + u32::from(calls.len() > 3));
        let reason = ended.failure.map(|failure| failure.reason);
        refused.set(refused.get() + u32::from(reason == Some(Reason::BadRecording)));
        Ok(())
    });
    judged.unwrap();
    let share = |count: &Cell<u32>| count.get() * 100 / cases.get();
    assert!(share(&further) >= 20 && share(&refused) >= 30, "{} % {} %", share(&further), share(&refused));
}

/// What clients write into names, some of it good.
fn word() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "mp4/",
        "device",
        "/",
        "//",
        "..",
        "../",
        ".",
        "./",
        "stream.mpd",
        ".mpd",
        "%2e%2e/",
        "%2f",
        "\\",
        "\0",
        "\r\n",
        "\n",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{e9}",
        "e\u{301}",
        "\u{ff0e}\u{ff0e}\u{ff0f}",
        " ",
        "=",
        "@",
        "+",
        "'",
        "\"",
        ";",
        ":",
        "?",
        "#",
        "s3://other/",
        "http://169.254.169.254/",
        "t/demo2/",
        "export/",
        ".ts",
        ".mp4",
        "4D74",
        "&",
        "*",
        "日本",
    ];
    prop_oneof![
        5 => vec(select(pieces.to_vec()), 0..7).prop_map(|pieces| pieces.concat()),
        1 => "\\PC{0,300}",
        2 => "[a-z0-9]{1,9}(/[a-zA-Z0-9._=@+ -]{1,9}){1,9}\\.mpd",
    ]
}

fn hostile_body() -> impl Strategy<Value = Value> {
    let good = audio_body(3000);
    let field = select(vec![
        "LivePath",
        "FileName",
        "PeerId",
        "story.id",
        "story.name",
        "userid",
        "S3Bucket",
        "S3Region",
    ]);
    vec((field, word()), 1..4).prop_map(move |changes| {
        changes.into_iter().fold(good.clone(), |body, (field, word)| match field.strip_prefix("story.") {
            Some(member) => with(body, "story", json!({ member: word })),
            None => with(body, field, word),
        })
    })
}

#[test]
fn whatever_a_request_says_only_its_recording_is_read_and_only_its_clip_is_written() {
    let (runtime, tenant, files) = (runtime(), fenced_in(), audio_files(10));
    let manifest = mpd(&set("audio", "mp4a.40.2", ""), "");
    let (cases, made) = (Cell::new(0), Cell::new(0));
    let judged = runner().run(&hostile_body(), |body| {
        cases.set(cases.get() + 1);
        let Some(job) = ordered(&tenant, &body) else { return Ok(()) };
        let directory = format!("{PREFIX}{}", job.order.live_path.directory());
        let world = world_of(whole(&files));
        world.objects.add("recordings", &format!("{PREFIX}{}", job.order.live_path), manifest.clone(), None);
        for (name, content) in &files {
            world.objects.add("recordings", &format!("{directory}{name}"), content.clone(), None);
        }
        let (ended, calls) = runtime.block_on(worked(&world, &tenant, &job));
        for call in &calls {
            prop_assert_eq!(trespass(call, &directory), None, "{:?}", call);
        }
        prop_assert_eq!(ended.state, State::Ready);
        made.set(made.get() + 1);
        Ok(())
    });
    judged.unwrap();
    assert!(made.get() * 100 / cases.get() >= 20, "{} of {}", made.get(), cases.get());
}

#[tokio::test]
async fn a_worker_that_leaves_the_recording_is_noticed() {
    let read = |bucket: &str, owner: &str, key: &str, range, most| {
        let (name, prefix) = (bucket.to_owned(), PREFIX.to_owned());
        let bucket = Bucket { name, owner: owner.to_owned(), prefix };
        trespass(&Call::Read { bucket, key: key.to_owned(), range, most }, DIRECTORY)
    };
    let (owner, inside) = ("123456789012", "t/demo/mp4/device/1/a");
    assert_eq!(read("recordings", owner, inside, Some((0, 0)), MOST), None);
    assert!(read("other", owner, inside, None, 1).is_some());
    assert!(read("recordings", "", inside, None, 1).is_some());
    assert!(read("recordings", owner, inside, Some((2, 1)), 1).is_some());
    assert!(read("recordings", owner, inside, None, u64::MAX).is_some());
    for key in [
        "t/demo2/mp4/device/1/a",
        "t/demo/mp4/device/2/a",
        "t/demo/mp4/device/1/../2/a",
        "t/demo/mp4/device/1//a",
    ] {
        assert!(read("recordings", owner, key, None, 1).is_some(), "{key}");
    }
    assert!(read("recordings", owner, &format!("{inside}\0"), None, 1).is_some());
    let write = |bucket: &str, key: &str, word: &str| {
        let (bucket, key, words) = (bucket.to_owned(), key.to_owned(), vec![word.to_owned()]);
        trespass(&Call::Write { bucket, key, words }, DIRECTORY)
    };
    assert_eq!(write("clips", "export/D/a.ts", "video/mp2t"), None);
    assert!(write("clips", "export/D/a/b.ts", "video/mp2t").is_some());
    assert!(write("clips", "other/D/a.ts", "video/mp2t").is_some());
    assert!(write("other", "export/D/a.ts", "video/mp2t").is_some());
    assert!(write("clips", "export/D/a.ts", "a\r\nb").is_some());
    // A tenants table that says something else than the checks believe.
    for wrong in [
        Tenant { source_prefix: "t/demo2/".to_owned(), ..fenced_in() },
        Tenant { source_prefix: String::new(), ..fenced_in() },
        Tenant { source_bucket: "other".to_owned(), ..fenced_in() },
        Tenant { source_owner: String::new(), ..fenced_in() },
    ] {
        let job = ordered(&wrong, &body()).unwrap();
        let (_, calls) = worked(&world_of(Bytes::new()), &wrong, &job).await;
        assert!(calls.iter().any(|call| trespass(call, DIRECTORY).is_some()), "{wrong:?}");
    }
}

/// How a job ends whose recording has these objects.
async fn ended(objects: &[(&str, Bytes)]) -> Option<Reason> {
    let tenant = fenced_in();
    let world = world_of(whole(&audio_files(10)));
    let manifest = mpd(&set("audio", "mp4a.40.2", ""), "");
    world.objects.add("recordings", &format!("{DIRECTORY}stream.mpd"), manifest, None);
    for (name, bytes) in objects {
        world.objects.add("recordings", &format!("{DIRECTORY}{name}"), bytes.clone(), None);
    }
    let job = ordered(&tenant, &audio_body(3000)).unwrap();
    worked(&world, &tenant, &job).await.0.failure.map(|failure| failure.reason)
}

#[tokio::test]
async fn objects_that_are_too_large_or_empty_make_a_recording_unreadable_at_once() {
    let zeros = |bytes: usize| Bytes::from(vec![0; bytes]);
    let unreadable = Some(Reason::BadRecording);
    assert_eq!(ended(&[("stream.mpd", zeros((32 << 20) + 1))]).await, unreadable);
    assert_eq!(ended(&[("audio-init.mp4", zeros((4 << 20) + 1))]).await, unreadable);
    assert_eq!(ended(&[("audio-2.m4s", zeros((512 << 20) / 6 + 1))]).await, unreadable);
    assert_eq!(ended(&[("audio-init.mp4", Bytes::new())]).await, unreadable);
}

#[tokio::test]
async fn ranges_that_are_none_make_a_recording_unreadable_at_once() {
    for range in ["18446744073709551615-18446744073709551615", "99999999-99999999"] {
        let list = format!(
            r#"<SegmentList duration="4"><Initialization sourceURL="i.mp4"/>{}</SegmentList>"#,
            format!(r#"<SegmentURL media="x.m4s" mediaRange="{range}"/>"#).repeat(6)
        );
        for (kind, codecs, files) in
            [("audio", "mp4a.40.2", audio_files(10)), ("video", "avc1.42000a", pictures())]
        {
            let manifest = mpd(
                &format!(
                    r#"<AdaptationSet contentType="{kind}"><Representation id="0" bandwidth="9000000"
                    codecs="{codecs}">{list}</Representation></AdaptationSet>"#
                ),
                "",
            );
            let tenant = fenced_in();
            let world = world_of(whole(&files));
            world.objects.add("recordings", &format!("{DIRECTORY}stream.mpd"), manifest, None);
            let job = ordered(&tenant, &audio_body(3000)).unwrap();
            let (job, calls) = worked(&world, &tenant, &job).await;
            assert!(calls.len() < 20 && calls.iter().all(|call| trespass(call, DIRECTORY).is_none()));
            assert_eq!(job.state, State::Failed, "{kind} {range}: {job:?}");
        }
    }
}

/// Entries of `storage_info`, the tenant's own among them.
fn storages() -> impl Strategy<Value = Vec<Value>> {
    let buckets = select(vec![
        "clips",
        "recordings",
        "clips2",
        "CLIPS",
        "clips/",
        "arn:aws:s3:::clips",
        "../clips",
        "",
    ]);
    let regions = select(vec!["", "eu-west-1", "us-east-1", "local", "eu-west-1\r\n", "../"]);
    let roots = select(vec!["", "/", "root", "../", "export", "root/..", "/root/", "r\0"]);
    let purposes = select(vec!["ts", "mp4"]);
    let entry = (buckets, regions, roots, purposes).prop_map(|(bucket, region, root, purpose)| {
        json!({"storage_purpose": purpose, "storage_type": "S3", "storage_name": bucket,
            "storage_location": region, "storage_root_folder": root})
    });
    vec(entry, 0..4)
}

#[test]
fn no_storage_opens_a_bucket_that_is_not_on_the_tenants_list() {
    let own = AllowedTarget {
        bucket: "clips".to_owned(),
        region: "eu-west-1".to_owned(),
        root: "root".to_owned(),
        owner: "123456789012".to_owned(),
    };
    let tenant = Tenant { targets: vec![own.clone()], ..fenced_in() };
    let opened = Cell::new(0);
    let judged = runner().run(&storages(), |entries| {
        let ours = |entry: &&Value| {
            entry["storage_name"] == "clips"
                && entry["storage_location"] == "eu-west-1"
                && entry["storage_root_folder"].as_str().unwrap().trim_matches('/') == "root"
        };
        let expected = entries.iter().any(|entry| ours(&entry));
        let encoded = STANDARD.encode(json!(entries).to_string());
        let request = request(&with(body(), "storage_info", encoded)).unwrap();
        let target = tenant.resolve_target(&request);
        prop_assert_eq!(target.is_some(), expected);
        opened.set(opened.get() + u32::from(expected));
        if let Some(target) = target {
            prop_assert_eq!((&target.bucket, &target.region), (&own.bucket, &own.region));
            prop_assert_eq!((&target.root, &target.owner), (&own.root, &own.owner));
        }
        Ok(())
    });
    judged.unwrap();
    assert!(opened.get() > 0);
}

#[tokio::test]
async fn a_job_whose_stored_target_is_not_the_tenants_touches_nothing() {
    let tenant = fenced_in();
    let job = ordered(&tenant, &body()).unwrap();
    let own = job.order.target.clone();
    for target in [
        Target { bucket: "other".to_owned(), ..own.clone() },
        Target { region: "us-east-1".to_owned(), ..own.clone() },
        Target { root: "other".to_owned(), ..own.clone() },
        Target { owner: "210987654321".to_owned(), ..own.clone() },
    ] {
        let mut forged = job.clone();
        forged.order.target = target;
        let (ended, calls) = worked(&world_of(Bytes::new()), &tenant, &forged).await;
        assert_eq!(ended.failure.map(|failure| failure.reason), Some(Reason::Denied));
        assert_eq!(calls, []);
    }
}
