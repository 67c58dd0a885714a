//! Examples: the samples of the API's original description, and what the service's own code makes of them.

use crate::life::{NOW, failed, half, queued, ready, short};
use crate::node::{Node, object};
use crate::schemas::schema;
use export_domain::files::{Files, LinkedFile};
use export_domain::ids::LivePath;
use export_domain::job::{Job, ObjectKind};
use export_domain::json::{self, RequestJson};
use export_domain::recordings::{
    ClipPlan, ClipPlanKind, FoundRecording, PictureCodec, RecordedAudio, RecordedContent, RecordedFile,
    RecordedForm, RecordedMedia, RecordedPart, RecordedPicture, RecordedPiece, RecordedTrack, RecordingClock,
    RecordingHole, RecordingPage, RecordingResource,
};
use export_domain::resource::{Page, resource};
use export_domain::settings::ReplyStyle;
use export_domain::time::{EpochMs, Millis};
use export_domain::tvu::{ExportReply, Outcome, Via, answer};
use indexmap::IndexMap;
use serde_json::Value;

/// The samples of the original description, which are no strict JSON.
pub(crate) const CLIP: &str = include_str!("../../../data/seeds/export.json");
const PICTURE: &str = include_str!("../../../data/seeds/thumbnail.json");
/// The original description itself.
const ORIGINAL: &str = include_str!("../../../data/seeds/tvu-export-api.md");

/// A second target, for `storage_info`.
const ELSEWHERE: &str = r#"[{"storage_purpose":"mp4","storage_type":"S3","storage_enable":true,"storage_name":"mma-video-archive","storage_location":"us-west-1","storage_description":"","storage_root_folder":""}]"#;

/// The request's body.
pub(crate) fn requests() -> Node {
    let elsewhere = without(
        sample(CLIP),
        &["S3Region", "S3Bucket", "userid", "story", "_ServiceName", "_UrlPath", "_Version"],
    )
    .with(object! { "storage_info" => base64(ELSEWHERE), "FileName" => "match \
    point", "export_type" => Value::from(0) });
    let mp4 = without(
        sample(CLIP),
        &[
            "S3Region",
            "S3Bucket",
            "storage_info",
            "userid",
            "story",
            "PeerId",
            "_ServiceName",
            "_UrlPath",
            "_Version",
        ],
    )
    .with(object! { "FileName" => "nine seconds", "export_type" => Value::from(0), "container" => "mp4" });
    let live =
        without(sample(PICTURE), &["_ServiceName", "_UrlPath", "_Version", "userid", "FileName", "PeerId"]);
    object! {
        "description" => "JSON of at most 64 KiB; `//` comments and trailing commas are read over.",
        "required" => Value::from(true),
        "content" => object! {
            "application/json" => object! {
                "schema" => schema("ExportRequest"),
                "examples" => object! {
                    "mp4" => example("Nine seconds as recorded, as MP4", mp4),
                    "clip" => example("Nine seconds as H.264, with the old envelope", sample(CLIP)),
                    "picture" => example("Only the first frame", sample(PICTURE)),
                    "pictureInShort" => example("Only the first frame, and no more said than must be", live),
                    "mp4Elsewhere" => example("As recorded, as MP4, into another bucket", elsewhere),
                },
            },
        },
    }
}

/// Examples that several answers show, by name.
pub(crate) fn all() -> Node {
    replies().with(jobs())
}

/// References to replies of every kind.
pub(crate) fn of_replies() -> Node {
    shared(replies())
}

/// References to jobs as resources.
pub(crate) fn of_jobs() -> Node {
    shared(jobs())
}

fn shared(examples: Node) -> Node {
    let Node::Object(examples) = examples else { panic!("examples are an object") };
    let reference = |name: String| object! { "$ref" => format!("#/components/examples/{name}") };
    Node::Object(examples.into_keys().map(|name| (name.clone(), reference(name))).collect())
}

fn replies() -> Node {
    let [picture, in_work, no_such_dir] = originals();
    let from_old =
        "As the API's original description prints it. This service also sends `Version` and `JobId`";
    let told = |summary: &str, description: &str, value: Node| {
        example(summary, value).with(object! { "description" => description })
    };
    object! {
        "stored" => example("The first request for a clip", reply(&queued())),
        "inWork" => example("The picture is there, the clip is in work", reply(&half())),
        "ready" => example("Clip and picture are there", reply(&ready())),
        "short" => example("The recording lacks a part of the window", reply(&short())),
        "failed" => example("There are no files", reply(&failed())),
        "originalPicture" => told("Original sample: a picture", &format!("{from_old}."), picture),
        "originalInWork" => told("Original sample: a clip in work", &format!("{from_old}."), in_work),
        "originalNoSuchDir" => told(
            "Original sample: no recording",
            "As the API's original description prints it, with the comma that is missing there. This \
                service names no path where there is no file.",
            no_such_dir,
        ),
    }
}

/// The original description's replies. The first has a comma too many, the third one too few.
fn originals() -> [Node; 3] {
    let blocks = ORIGINAL.split("```").filter(|block| block.contains("\"TimeWait\""));
    let mended = blocks.map(|block| block.trim_start_matches("JSON").replace("test.ts\"\n", "test.ts\",\n"));
    let replies: Vec<Node> = mended.map(|text| sample(&text)).collect();
    replies.try_into().unwrap()
}

fn jobs() -> Node {
    object! {
        "jobRunning" => example("In work", Node::of(&resource(&half()))),
        "jobReady" => example("Clip and picture are there", Node::of(&resource(&ready()))),
        "jobFailed" => example("There are no files", Node::of(&resource(&failed()))),
    }
}

/// Links to the files of a job.
pub(crate) fn files() -> Node {
    let job = ready();
    let file = |object| {
        let (key, name, kind) =
            (job.order.key(object), job.order.file_name(object), job.order.content_type(object));
        let manifest = if object == ObjectKind::Image { &job.image } else { &job.video };
        let url =
            format!("https://clips.s3.eu-west-1.amazonaws.com/{key}?X-Amz-Expires=900&X-Amz-Signature=4f0c");
        manifest.as_ref().map(|manifest| LinkedFile::new(url, manifest, kind, name))
    };
    let links = Files::new(NOW + Millis::new(900_000), file(ObjectKind::Video), file(ObjectKind::Image));
    object! { "links" => example("A clip and its picture", Node::of(&links)) }
}

/// A page of recordings.
pub(crate) fn recording_page() -> Node {
    let path = |text: &str| LivePath::parse(text).unwrap();
    let page = RecordingPage {
        folders: vec!["mp4/55524C2004E/archive/".to_owned()],
        recordings: vec![FoundRecording::new(&path("mp4/55524C2004E/1/stream.mpd"), NOW)],
        left_out: 0,
        next: Some("MS8".to_owned()),
    };
    object! { "page" => example("A folder with a folder and a recording", Node::of(&page)) }
}

/// Recordings.
pub(crate) fn recordings() -> Node {
    let (start, length) = (EpochMs::new(1_562_252_820_833), Millis::from_mins(30));
    let hole = RecordingHole {
        start_pos_ms: Some(start + Millis::from_mins(1)),
        start_time_ms: Millis::from_mins(1),
        duration_ms: Millis::from_secs(4),
    };
    let video = RecordedPicture {
        codec: Some(PictureCodec::H264),
        codecs: Some("avc1.640028".to_owned()),
        width: Some(1920),
        height: Some(1080),
        frame_rate: Some("25".to_owned()),
        problem: None,
    };
    let audio = RecordedAudio {
        language: Some("en".to_owned()),
        roles: vec!["main".to_owned()],
        label: None,
        codecs: Some("mp4a.40.2".to_owned()),
        sample_rate: Some(48_000),
    };
    let live = RecordingResource {
        live_path: "mp4/55524C2004E/1/stream.mpd".to_owned(),
        live: true,
        clock: RecordingClock::Wall,
        start_pos_ms: Some(start),
        end_pos_ms: Some(start + length),
        start_time_ms: Some(Millis::ZERO),
        end_time_ms: Some(length),
        holes: vec![hole],
        periods: 1,
        video: Some(video.clone()),
        audio: vec![audio],
        media: None,
    };
    let problem =
        "the recording cannot be read: the init segment of the video track: it is listed and does not exist";
    let broken = RecordedPicture { codec: None, problem: Some(problem.to_owned()), ..video };
    let ended = RecordingResource {
        live: false,
        clock: RecordingClock::Recording,
        start_pos_ms: None,
        end_pos_ms: None,
        holes: vec![],
        video: Some(broken),
        audio: vec![],
        ..live.clone()
    };
    let shown = RecordingResource { media: Some(media(start)), ..live.clone() };
    object! {
        "live" => example("A recording that grows", Node::of(&live)),
        "shown" => example("The same with `from` and `to`", Node::of(&shown)),
        "ended" => example("One without a clock, whose init segment is gone", Node::of(&ended)),
    }
}

/// Two seconds of a recording that began at `start`.
fn media(start: EpochMs) -> RecordedMedia {
    let url = |name: &str| {
        format!(
            "https://recordings.s3.eu-west-1.amazonaws.com/acme/mp4/55524C2004E/1/{name}?X-Amz-Expires=900&X-Amz-Signature=4f0c"
        )
    };
    let segment = RecordedPiece {
        start_time_ms: Millis::from_secs(8),
        duration_ms: Millis::from_secs(2),
        url: url("video-4.m4s"),
        first: None,
        last: None,
    };
    let track = RecordedTrack {
        content: RecordedContent::Video,
        form: RecordedForm::Mp4,
        codecs: Some("avc1.640028".to_owned()),
        language: None,
        label: None,
        shift_s: 0,
        shift_ns: 0,
        init: Some(RecordedFile { url: url("video-init.mp4"), first: None, last: None }),
        segments: vec![segment],
    };
    let part = RecordedPart { start_time_ms: Millis::ZERO, end_time_ms: None, tracks: vec![track] };
    let expires_at = (NOW + Millis::new(900_000)).to_rfc3339();
    RecordedMedia { expires_at, zero_pos_ms: Some(start), parts: vec![part] }
}

/// Plans of clips.
pub(crate) fn plans() -> Node {
    let start = 1_562_252_828_133;
    let planned = ClipPlan {
        kind: ClipPlanKind::Smart,
        reason: "only what the window's ends cut off is encoded".to_owned(),
        exact: true,
        clock: RecordingClock::Wall,
        frames_copied: 213,
        frames_encoded: 12,
        frames_encoded_head: 10,
        frames_encoded_tail: 2,
        key_frames_ms: (0..5).map(|n| start + 400 + 2000 * n).collect(),
        lack_ms: Millis::ZERO,
        bytes_read: 8_934_211,
        bytes_written: 6_801_120,
        estimate_ms: Millis::new(1300),
        chunks: None,
    };
    object! { "smart" => example("Nine seconds", Node::of(&planned)) }
}

/// A page of jobs.
pub(crate) fn page() -> Node {
    let (newer, older) = (half(), failed());
    let page = Page { jobs: vec![resource(&newer), resource(&older)], next: None };
    object! { "page" => example("Two jobs", Node::of(&page)) }
}

/// The developer guide's event.
pub(crate) fn event() -> Node {
    let document = Node::parse(include_str!("../../../data/mre/guide_event_sample.json"));
    object! { "guide" => example("The developer guide's sample", document) }
}

/// The developer guide's replay.
pub(crate) fn replay() -> Node {
    let document = Node::parse(include_str!("../../../data/mre/guide_replay_sample.json"));
    object! { "guide" => example("The developer guide's sample", document) }
}

fn example(summary: &str, value: Node) -> Node {
    object! { "summary" => summary, "value" => value }
}

/// A sample as strict JSON.
fn sample(text: &str) -> Node {
    node(json::parse(text.as_bytes(), true).unwrap())
}

fn node(json: RequestJson) -> Node {
    match json {
        RequestJson::Null => Node::Leaf(Value::Null),
        RequestJson::Bool(value) => Node::Leaf(value.into()),
        RequestJson::Number(number) => Node::Leaf(number.into()),
        RequestJson::Text(text) => text.into(),
        RequestJson::List(items) => Node::List(items.into_iter().map(node).collect()),
        RequestJson::Object(members) => Node::Object(
            members.into_iter().map(|(name, json)| (name, node(json))).collect::<IndexMap<_, _>>(),
        ),
    }
}

fn without(mut node: Node, names: &[&str]) -> Node {
    node.members().retain(|name, _| !names.contains(&name.as_str()));
    node
}

/// As `storage_info` and `slug_info` are sent.
pub(crate) fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn reply(job: &Job) -> Node {
    let reply: ExportReply =
        answer(Outcome::Job(job), Via::Submit, NOW + Millis::new(4000), ReplyStyle::default()).reply;
    Node::of(&reply)
}
