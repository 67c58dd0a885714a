//! What cannot succeed ends at its first attempt and says why; what is none of the recording's doing is tried again.

use crate::world::World;
use export_clip::Ffmpeg;
use export_domain::job::{Job, Reason, State};
use export_testkit::recordings::{
    DIRECTORY, MANIFEST, audio_files, mpd, picture_tracks, pictures, pictures_of_one_gop, record, set,
};
use export_testkit::{body, thumbnail_body, with};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// Says that a decoder gives the first picture of those that it is fed.
const GIVES_ONE: &str = "/bin/cat >/dev/null; echo '0, 640, 640, 10, 256, 0x1'";
const SWALLOWS: &str = "/bin/cat >/dev/null";
const REFUSES: &str = "echo '[mpegts @ 0x5581] Invalid argument' >&2; exit 234";
const PROTECTION: &str =
    r#"<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc"/>"#;

/// What is recorded, in 24 s from 0 on.
#[derive(Clone, Copy)]
enum Recorded {
    Audio,
    Pictures,
    Manifest(&'static str),
    /// Pictures whose init segment is cut off.
    BrokenInit,
    /// Pictures of which none but the first can be decoded by itself, without their third segment.
    OneKey,
}

/// A transport stream of two seconds from 8 s on.
fn clip() -> Value {
    with(with(body(), "StartTime", 8000), "Duration", 2000)
}

fn still() -> Value {
    with(thumbnail_body(), "StartTime", 8000)
}

/// How the first attempt at `body` ends, with the shell script `ffmpeg` in ffmpeg's place.
async fn first_attempt(name: &str, body: &Value, recorded: Recorded, ffmpeg: &str) -> Job {
    let path = format!("{}/ffmpeg-{}", env!("CARGO_TARGET_TMPDIR"), name.replace(' ', "-"));
    std::fs::write(&path, format!("#!/bin/sh\n{ffmpeg}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut world = World::new();
    world.app.ffmpeg = Ffmpeg::at(path, Duration::from_secs(30));
    let audio = mpd(&set("audio", "mp4a.40.2", ""), "");
    let video = mpd(&set("video", "avc1.42000a", ""), "");
    match recorded {
        Recorded::Audio => record(&world.objects, DIRECTORY, &audio, &audio_files(100)),
        Recorded::Pictures => record(&world.objects, DIRECTORY, &video, &pictures()),
        Recorded::Manifest(text) => world.objects.add("recordings", MANIFEST, text, None),
        Recorded::OneKey => {
            record(&world.objects, DIRECTORY, &video, &pictures_of_one_gop());
            world.objects.remove("recordings", &format!("{DIRECTORY}/video-3.m4s"));
        }
        Recorded::BrokenInit => {
            record(&world.objects, DIRECTORY, &video, &pictures());
            let init = format!("{DIRECTORY}/video-init.mp4");
            world.objects.add("recordings", &init, &b"\0\0\0\x40moov\0\0\0\x20trak"[..], None);
        }
    }
    let job = world.has(body, |job| job);
    world.work(&job).await
}

#[tokio::test]
async fn what_cannot_succeed_ends_at_its_first_attempt_and_says_why() {
    let encrypted = mpd(&set("video", "avc1.42000a", PROTECTION), "").leak();
    let absent = mpd(&set("video", "avc1.42000a", ""), "").leak();
    let over = mpd(&set("video", "avc1.42000a", ""), r#"duration="PT5S""#).leak();
    let no_picture_encoder = format!(r#"case "$*" in *framecrc*) {GIVES_ONE};; *) {REFUSES};; esac"#);
    let without_a_still = format!("{}/without-a-still", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&without_a_still, picture_tracks(&[vec![vec![0; 2 * 16 * 9].into()], vec![]])).unwrap();
    let silent_picture_encoder = format!("{SWALLOWS}; /bin/cat {without_a_still}");
    let refuses_to_decode =
        format!(r#"case "$*" in *"-f mov pipe:1"|*"framecrc pipe:1") {REFUSES};; *) {SWALLOWS};; esac"#);
    let (audio, pictures) = (Recorded::Audio, Recorded::Pictures);
    let manifest = Recorded::Manifest;
    for (name, body, recorded, ffmpeg, reason) in [
        ("the muxer refuses", clip(), audio, REFUSES, Reason::NotPossible),
        ("the muxer loses all", clip(), audio, SWALLOWS, Reason::NotPossible),
        ("the decoder refuses a clip", clip(), pictures, &refuses_to_decode, Reason::BadRecording),
        ("the decoder refuses a still", still(), pictures, &refuses_to_decode, Reason::BadRecording),
        ("the decoder loses all of a clip", clip(), pictures, SWALLOWS, Reason::NotPossible),
        ("the decoder loses all of a still", still(), pictures, SWALLOWS, Reason::NotPossible),
        ("the JPEG encoder refuses", still(), pictures, &no_picture_encoder, Reason::NotPossible),
        ("the JPEG encoder loses all", still(), pictures, &silent_picture_encoder, Reason::NotPossible),
        ("no XML", clip(), manifest("<html>"), "", Reason::BadRecording),
        ("encrypted", clip(), manifest(encrypted), "", Reason::Encrypted),
        ("no init segment", still(), manifest(absent), "", Reason::BadRecording),
        ("no picture", still(), audio, "", Reason::NoVideo),
        ("over before", clip(), manifest(over), "", Reason::NoMedia),
    ] {
        let ended = first_attempt(name, &body, recorded, ffmpeg).await;
        let failure = ended.failure.clone().unwrap_or_else(|| panic!("{name}: {ended:?}"));
        assert_eq!((ended.attempts, failure.retriable), (1, false), "{name}: {failure:?}");
        assert_eq!(failure.reason, reason, "{name}: {failure:?}");
        let detail = failure.detail.as_str();
        assert!(!detail.is_empty(), "{name}");
        for secret in ["clips", "recordings", "demo", DIRECTORY, "0x5581"] {
            assert!(!detail.contains(secret), "{name}: {detail}");
        }
    }
}

#[tokio::test]
async fn what_is_none_of_the_recordings_doing_is_tried_again() {
    for (name, ffmpeg) in [
        ("killed", "kill -9 $$"),
        ("killed half-way", "/usr/bin/head -c 1500 /dev/zero; kill -9 $$"),
        ("out of memory", "echo 'Cannot allocate memory' >&2; exit 244"),
        ("not loaded", "exit 127"),
    ] {
        for (kind, body, recorded) in
            [("clip", clip(), Recorded::Audio), ("still", still(), Recorded::Pictures)]
        {
            let ended = first_attempt(&format!("{name} {kind}"), &body, recorded, ffmpeg).await;
            assert_eq!((ended.state, ended.attempts), (State::Queued, 1), "{name} {kind}: {ended:?}");
        }
    }
}

#[tokio::test]
async fn what_is_lost_once_without_a_word_is_made_in_the_same_attempt() {
    let seen = format!("{}/lost-once", env!("CARGO_TARGET_TMPDIR"));
    let _ = std::fs::remove_file(&seen);
    // Twelve packets are more than is fed.
    let script = format!(
        "if [ -e {seen} ]; then /bin/cat >/dev/null; /usr/bin/head -c 1880000 /dev/zero; \
         else : >{seen}; {SWALLOWS}; fi"
    );
    let ended = first_attempt("lost once", &clip(), Recorded::Audio, &script).await;
    assert_eq!((ended.state, ended.attempts), (State::Ready, 1), "{ended:?}");
}

#[tokio::test]
async fn a_part_of_the_recording_that_cannot_be_read_is_named() {
    let ended = first_attempt("broken init", &clip(), Recorded::BrokenInit, SWALLOWS).await;
    let detail = ended.failure.map(|failure| failure.detail.to_string());
    let expected = "the init segment of the video track: the data ends within a box";
    assert_eq!(detail.as_deref(), Some(expected));
}

#[tokio::test]
async fn a_window_without_a_picture_to_start_with_is_told_why() {
    let late = with(with(body(), "StartTime", 20_000), "Duration", 2000);
    let ended = first_attempt("one key picture", &late, Recorded::OneKey, SWALLOWS).await;
    let failure = ended.failure.unwrap();
    assert_eq!(failure.reason, Reason::NoMedia);
    let expected = "no picture that can be decoded lies in the window: the manifest lists StartTime 0 to 3600000; no \
                    picture before the window's start can be decoded by itself: segment 2 of the video track, at \
                    8.0 s: it is not there";
    assert_eq!(failure.detail.as_str(), expected);
}
