//! What is played until the ends of a clip are made: whole segments of its recording.

use crate::play::{KEY, SECRET, got};
use crate::world::World;
use export_domain::job::{Job, Play, PlayKey, State};
use export_testkit::recordings::{
    DIRECTORY, audio_body, audio_files, growing, listed, mpd, pictures, record, set,
};
use export_testkit::{Fault, NOW, claimed, ms, with};
use serde_json::Value;

/// A job under way whose window is played by whole segments.
fn early(job: &Job) -> Job {
    let job = claimed(job, NOW);
    let play = Play {
        generation: job.generation,
        fence: job.fence,
        key: None,
        early: Some(PlayKey::new(SECRET.to_owned())),
        files: Vec::new(),
        refused: String::new(),
        detail: "".into(),
    };
    Job { play: Some(play), ..job }
}

/// Records pictures and audio of 24 s, of which the manifest lists so many segments of 4 s; they began 8 s ago.
fn grow(world: &World, segments: i64) {
    let sets = [("video", "avc1.42000a"), ("audio", "mp4a.40.2")];
    let sets = sets.map(|(kind, codecs)| listed(kind, codecs, segments)).concat();
    let files = [pictures(), audio_files(100)].concat();
    record(&world.objects, DIRECTORY, &growing(&sets, &(NOW - ms(8000)).to_rfc3339()), &files);
}

/// Asks for 9 s from 2 s after the start of that recording on.
fn live_body() -> Value {
    with(audio_body(9000), "StartPos", (NOW - ms(6000)).get())
}

fn lines<'a>(text: &'a str, of: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(of)).collect()
}

/// A line without what changes whenever it is signed.
fn without_query(line: &str) -> String {
    line.split_once('?').map_or(line.to_owned(), |(path, _)| format!("{path}\n"))
}

async fn text(world: &World, job: &Job, file: &str) -> String {
    let (got, text) = got(world, job, &format!("play/{file}?key={KEY}"), &[]).await;
    assert_eq!(got.status, 200, "{text}");
    text
}

#[tokio::test]
async fn a_recorded_window_is_listed_by_its_segments_and_never_called_exact() {
    for state in [State::Queued, State::Running, State::WaitingSource] {
        let world = World::new();
        let sets = [set("video", "avc1.42000a", ""), set("audio", "mp4a.40.2", "")].concat();
        record(&world.objects, DIRECTORY, &mpd(&sets, ""), &[pictures(), audio_files(100)].concat());
        let asked = with(audio_body(7000), "StartTime", 9500);
        let job = world.has(&asked, |job| Job { state, ..early(job) });
        let all = text(&world, &job, "stream.m3u8").await;
        assert!(all.contains("#EXT-X-SESSION-DATA:DATA-ID=\"media-export.exact\",VALUE=\"no\""), "{all}");
        assert!(all.contains(&format!("\nsegments-video.m3u8?key={KEY}\n")), "{all}");
        assert!(all.contains(&format!("URI=\"segments-audio-0.m3u8?key={KEY}\"")), "{all}");
        // From 9.5 s to 16.5 s.
        let video = text(&world, &job, "segments-video.m3u8").await;
        assert!(video.contains("#EXT-X-START:TIME-OFFSET=1.500000,") && video.ends_with("#EXT-X-ENDLIST\n"));
        let names = lines(&video, "https://").into_iter().map(|line| line.split(['/', '?']).nth_back(1));
        assert_eq!(
            names.map(Option::unwrap_or_default).collect::<Vec<_>>()[1..],
            [3, 4, 5].map(|n| format!("video-{n}.m4s"))
        );
        let dash = text(&world, &job, "stream.mpd").await;
        assert!(dash.contains("type=\"static\" mediaPresentationDuration=\"PT12.000000S\""), "{dash}");
        assert_eq!(dash, text(&world, &job, "segments.mpd").await);
        assert_eq!(dash.matches("<SegmentURL ").count(), 6);
        let (media, _) = got(&world, &job, &format!("play/video.m3u8?key={KEY}"), &[]).await;
        assert_eq!(media.problem(), (409, "not ready", "2"));
    }
}

#[tokio::test]
async fn a_window_past_the_live_edge_grows_and_ends_when_it_is_recorded() {
    let world = World::new();
    let job = world.has(&live_body(), |job| Job { state: State::WaitingSource, ..early(job) });
    grow(&world, 0);
    let (begins, _) = got(&world, &job, &format!("play/stream.m3u8?key={KEY}"), &[]).await;
    assert_eq!(begins.problem(), (409, "not ready", "2"), "nothing is recorded yet");
    let mut before = String::new();
    for (segments, ends) in [(1, false), (2, false), (3, true), (6, true)] {
        grow(&world, segments);
        let video = text(&world, &job, "segments-video.m3u8").await;
        let video: String = video.split_inclusive('\n').map(without_query).collect();
        assert!(video.starts_with(&before), "what was listed stays: {video}");
        assert_eq!(video.ends_with("#EXT-X-ENDLIST\n"), ends, "{segments}");
        assert_eq!(lines(&video, "#EXTINF").len(), usize::try_from(segments.min(3)).unwrap());
        video.trim_end_matches("#EXT-X-ENDLIST\n").clone_into(&mut before);
        let dash = text(&world, &job, "stream.mpd").await;
        let began = (NOW - ms(8000)).to_rfc3339();
        let dynamic = format!("type=\"dynamic\" availabilityStartTime=\"{began}\"");
        let again = format!("<Location>segments.mpd?key={KEY}</Location>");
        assert_eq!((dash.contains(&dynamic), dash.contains(&again)), (!ends, !ends), "{dash}");
    }
    // What a manifest lists before it is stored is not there.
    world.objects.remove("recordings", &format!("{DIRECTORY}/video-3.m4s"));
    assert_eq!(text(&world, &job, "segments-video.m3u8").await.matches("#EXTINF").count(), 2);
}

#[tokio::test]
async fn who_began_with_whole_segments_goes_on_with_them_when_the_ends_are_made() {
    let world = World::new();
    grow(&world, 6);
    let job = world.has(&live_body(), early);
    let before = text(&world, &job, "segments-video.m3u8").await;
    let play = job.play.clone().map(|play| Play { key: play.early.clone(), early: None, ..play });
    world.jobs.put(&Job { play, ..job.clone() });
    assert_eq!(text(&world, &job, "segments-video.m3u8").await, before);
    // The list of the exact one is not there in this world.
    let (exact, _) = got(&world, &job, &format!("play/stream.m3u8?key={KEY}"), &[]).await;
    assert_eq!(exact.problem().1, "the job has no playlist: its files have expired or were removed");
}

type Change = fn(&Job) -> Job;

#[tokio::test]
async fn a_window_that_cannot_be_played_by_segments_says_why() {
    let none = |why: &str| (404, format!("the job has no playlist: {why}"));
    let other = with(live_body(), "export_type", 2);
    let refused = |job: &Job| {
        let play =
            early(job).play.map(|play| Play { refused: "hole".to_owned(), detail: "a hole".into(), ..play });
        Job { play, ..early(job) }
    };
    let cases: [(Value, i64, Change, _); 3] = [
        (other, 6, early, none("the clip is encoded as a whole")),
        (live_body(), 6, refused, none("a hole")),
        (live_body(), -1, early, none("there is no manifest")),
    ];
    for (body, segments, change, expected) in cases {
        let world = World::new();
        if segments >= 0 {
            grow(&world, segments);
        }
        let job = world.has(&body, change);
        for file in ["stream.mpd", "stream.m3u8", "segments.mpd", "segments-video.m3u8"] {
            let (got, _) = got(&world, &job, &format!("play/{file}?key={KEY}"), &[]).await;
            let (status, detail, _) = got.problem();
            assert_eq!((status, detail.to_owned()), expected, "{file}");
        }
        assert_eq!(world.signed(), 0);
    }
    let world = World::new();
    grow(&world, 6);
    let job = world.has(&live_body(), early);
    world.objects.faults.always("read", Fault::Before);
    assert_eq!(got(&world, &job, &format!("play/stream.mpd?key={KEY}"), &[]).await.0.status, 503);
}
