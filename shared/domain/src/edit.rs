//! The edit list of a clip that is ready: which part of which recording stands where in it. An editor relinks the clip to the
//! recordings by it. A clip of one window is one event.

use crate::batch::delivered::EdlForm;
use crate::edl::EdlWriter;
use crate::ids::FileName;
use crate::job::{Job, ObjectKind, State};
use crate::request::MAX_START_TIME;
use crate::time::{EpochMs, Millis};
use crate::timecode::Rate;
use serde::Serialize;
use serde_json::{Value, json};
use std::ops::Range;

/// The first label of what is edited together: one hour.
const RECORD_HOURS: i64 = 1;
/// Bytes that an event takes, about.
const EVENT_BYTES: usize = 256;

/// A stretch of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EditEvent<'a> {
    /// Its window's place in the list of the request, from 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub n: usize,
    /// Its window's name; the file's where it has none.
    pub name: &'a str,
    /// The recording.
    pub live_path: &'a str,
    /// Its start in the recording, as `StartPos`.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    pub source_start_pos_ms: EpochMs,
    /// Its start in the recording, as `StartTime`; absent where the request does not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0))]
    pub source_start_time_ms: Option<Millis>,
    /// Its start in the clip.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    pub record_start_ms: Millis,
    /// Its length.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    pub duration_ms: Millis,
}

/// The stretches of a clip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClipEdits<'a> {
    /// The job.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z2-7]{32}$"))]
    pub job_id: &'a str,
    /// The clip's file name.
    pub file_name: &'a str,
    /// The clip's path.
    pub video_path: &'a str,
    /// The clip's length.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    pub duration_ms: Millis,
    /// The stretches in the clip's order. Windows that were left out of it have none.
    pub events: Vec<EditEvent<'a>>,
}

/// The edit list of the job's clip; `None` if there is no clip, or none yet.
pub fn edit_list(job: &Job) -> Option<ClipEdits<'_>> {
    let video = job.video.as_ref().filter(|_| job.state == State::Ready)?;
    let order = &job.order;
    let file_name = order.file_name(ObjectKind::Video);
    let told = |time: Millis| Some(time).filter(|time| *time < MAX_START_TIME);
    let mut events = Vec::new();
    for (window, made) in order.windows().iter().zip(&video.windows) {
        if made.left_out.is_none() {
            events.push(EditEvent {
                n: window.n,
                name: window.name.as_ref().map_or(file_name, FileName::as_str),
                live_path: order.recording(window).as_str(),
                source_start_pos_ms: window.start_pos_ms,
                source_start_time_ms: told(window.start_time_ms),
                record_start_ms: made.at_ms,
                duration_ms: made.length_ms,
            });
        }
    }
    if order.reel.is_none() {
        events.push(EditEvent {
            n: 1,
            name: file_name,
            live_path: order.live_path.as_str(),
            source_start_pos_ms: order.start_pos_ms,
            source_start_time_ms: told(order.start_time_ms),
            record_start_ms: Millis::ZERO,
            duration_ms: video.duration_ms,
        });
    }
    let (job_id, video_path) = (job.job_id.as_str(), order.video_path.as_str());
    Some(ClipEdits { job_id, file_name, video_path, duration_ms: video.duration_ms, events })
}

impl EditEvent<'_> {
    /// The frames of the clip that it takes, to the nearest frame.
    fn record(&self, rate: Rate) -> Range<i64> {
        nearest(rate, self.record_start_ms)..nearest(rate, self.record_start_ms + self.duration_ms)
    }

    /// The first frame of its source, counted from `zero`; without that from where `StartTime` counts from, else from midnight
    /// (UTC).
    fn source(&self, rate: Rate, zero: Option<EpochMs>) -> i64 {
        let start = self.source_start_pos_ms;
        let since = match (zero, self.source_start_time_ms) {
            (Some(zero), _) => start - zero,
            (None, Some(time)) => time,
            (None, None) => start - start.midnight(),
        };
        rate.frame_at(since)
    }
}

/// The frame that begins nearest to `time`.
fn nearest(rate: Rate, time: Millis) -> i64 {
    rate.frame_at(time - Millis::new(500 * i64::from(rate.den) / i64::from(rate.num)))
}

impl ClipEdits<'_> {
    /// The list as an edit decision list (CMX 3600), whose records begin at one hour. An event whose labels pass midnight is
    /// several, and one of less than half a frame is left out. The events of several recordings have reels of their own.
    pub fn edl(&self, form: &EdlForm) -> String {
        let EdlForm { rate, labels, zero_ms } = *form;
        let mut writer = EdlWriter::new(self.file_name, labels, self.events.len() * EVENT_BYTES);
        let base = RECORD_HOURS * labels.in_a_day() / 24;
        let recordings = self.recordings();
        let mut pieces = Vec::with_capacity(self.events.len());
        for event in &self.events {
            let (record, source) = (event.record(rate), event.source(rate, zero_ms));
            let source = source..source + record.end - record.start;
            for piece in writer.split_at_midnight(source.clone(), base + record.start) {
                let at = base + record.start + piece.start - source.start;
                pieces.push((event, piece, at));
            }
        }
        let width = pieces.len().to_string().len().max(3);
        for ((event, source, record), number) in pieces.into_iter().zip(1..) {
            let place = recordings.iter().position(|path| *path == event.live_path).unwrap_or_default();
            let reel = if recordings.len() > 1 { format!("R{:03}", place + 1) } else { "AX".to_owned() };
            writer.event(&format!("{number:0width$}"), &reel, &source, record);
            writer.clip_name(event.name);
            writer.note("SOURCE FILE", event.live_path);
        }
        writer.finish()
    }

    /// The recordings in the order in which they are shown first.
    fn recordings(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for event in &self.events {
            if !found.contains(&event.live_path) {
                found.push(event.live_path);
            }
        }
        found
    }

    /// The list as a timeline of `OpenTimelineIO`: a track of picture and one of sound. `zero` is the instant of the recordings'
    /// time 0, which is that of `StartTime` or midnight (UTC) without it.
    pub fn otio(&self, rate: Rate, zero: Option<EpochMs>) -> Value {
        let clips: Vec<Value> = self.events.iter().map(|event| otio_clip(event, rate, zero)).collect();
        let track = |kind: &str| composition("Track.1", kind, json!({"kind": kind, "children": clips}));
        let children = json!({"children": [track("Video"), track("Audio")]});
        json!({
            "OTIO_SCHEMA": "Timeline.1",
            "metadata": {"media_export": {"job_id": self.job_id, "video_path": self.video_path}},
            "name": self.file_name,
            "global_start_time": otio_time(0, rate),
            "tracks": composition("Stack.1", "tracks", children),
        })
    }
}

/// A stack or a track.
fn composition(schema: &str, name: &str, more: Value) -> Value {
    let mut object = json!({
        "OTIO_SCHEMA": schema, "metadata": {}, "name": name, "source_range": null, "effects": [], "markers": [],
        "enabled": true,
    });
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn otio_clip(event: &EditEvent<'_>, rate: Rate, zero: Option<EpochMs>) -> Value {
    let record = event.record(rate);
    let range = json!({
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": otio_time(event.source(rate, zero), rate),
        "duration": otio_time(record.end - record.start, rate),
    });
    json!({
        "OTIO_SCHEMA": "Clip.2",
        "metadata": {"media_export": event},
        "name": event.name,
        "source_range": range,
        "effects": [],
        "markers": [],
        "enabled": true,
        "media_references": {"DEFAULT_MEDIA": {
            "OTIO_SCHEMA": "ExternalReference.1", "metadata": {}, "name": "", "available_range": null,
            "available_image_bounds": null, "target_url": event.live_path,
        }},
        "active_media_reference_key": "DEFAULT_MEDIA",
    })
}

fn otio_time(frames: i64, rate: Rate) -> Value {
    // Both are written as floats, as the format's own library does.
    let value: f64 = frames.to_string().parse().unwrap_or_default();
    json!({"OTIO_SCHEMA": "RationalTime.1", "rate": f64::from(rate.num) / f64::from(rate.den), "value": value})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LivePath;
    use crate::job::testing::{at, job, manifest, ms};
    use crate::job::{DeliveredWindow, Manifest, Order, Reason};
    use crate::reel::{OrderedReel, OrderedWindow};
    use crate::request::Wanted;
    use crate::timecode::Labels;

    const DAY: i64 = 1_768_176_000_000;

    fn ready(job: Job, windows: Vec<DeliveredWindow>) -> Job {
        Job { state: State::Ready, video: Some(Manifest { windows, ..manifest(0) }), ..job }
    }

    /// Two windows that are there, the second one of another recording and without a start of its own, and one between them
    /// that is not.
    fn reel() -> Job {
        let window = |n, path: Option<&str>, start, time, name: Option<&str>| OrderedWindow {
            n,
            live_path: path.map(|path| LivePath::parse(path).unwrap()),
            start_pos_ms: at(DAY + start),
            start_time_ms: time,
            duration_ms: ms(1000),
            pts: None,
            name: name.map(|name| FileName::parse(name).unwrap()),
        };
        let windows = vec![
            window(1, None, 10_000, ms(7000), Some("Ace")),
            window(3, None, 11_000, ms(8000), None),
            window(4, Some("c/d.mpd"), 20_000, MAX_START_TIME, None),
        ];
        let made = |at: i64, length: i64| DeliveredWindow {
            at_ms: ms(at),
            length_ms: ms(length),
            lack_ms: ms(0),
            warnings: Vec::new(),
            left_out: (length == 0).then_some(Reason::NoMedia),
        };
        let job = job();
        let reel = Some(OrderedReel { windows, ..OrderedReel::default() });
        let order = Order { wanted: Wanted::Reel, reel, ..job.order.clone() };
        ready(Job { order, ..job }, vec![made(0, 1000), made(1000, 0), made(1000, 960)])
    }

    fn form(name: &str, is_drop: bool) -> EdlForm {
        let rate = Rate::read(name).unwrap();
        EdlForm { rate, labels: Labels::new(rate, is_drop).unwrap(), zero_ms: None }
    }

    #[test]
    fn an_event_tells_where_a_part_of_a_recording_stands_in_the_clip() {
        let job = reel();
        let edl = edit_list(&job).unwrap().edl(&form("25", false));
        assert_eq!(
            edl.lines().collect::<Vec<_>>(),
            [
                "TITLE: test.ts",
                "FCM: NON-DROP FRAME",
                "001  R001     B     C        00:00:07:00 00:00:08:00 01:00:00:00 01:00:01:00",
                "* FROM CLIP NAME: Ace",
                "* SOURCE FILE: mp4/a/stream.mpd",
                "002  R002     B     C        00:00:20:00 00:00:20:24 01:00:01:00 01:00:01:24",
                "* FROM CLIP NAME: test.ts",
                "* SOURCE FILE: c/d.mpd",
            ]
        );
        let dropped =
            edit_list(&job).unwrap().edl(&EdlForm { zero_ms: Some(at(DAY)), ..form("29.97", true) });
        assert!(dropped.contains(" 00:00:10;00 00:00:11;00 01:00:00;00 01:00:01;00\r\n"), "{dropped}");
    }

    #[test]
    fn a_timeline_has_the_same_clips_of_picture_and_sound() {
        let job = reel();
        let list = edit_list(&job).unwrap();
        let timeline = list.otio(Rate::MILLIS, None);
        let tracks = timeline["tracks"]["children"].as_array().unwrap();
        assert_eq!((&tracks[0]["kind"], &tracks[1]["kind"]), (&"Video".into(), &"Audio".into()));
        assert_eq!(tracks[0]["children"], tracks[1]["children"]);
        let clip = &tracks[0]["children"][1];
        assert_eq!(clip["media_references"]["DEFAULT_MEDIA"]["target_url"], "c/d.mpd");
        let range = &clip["source_range"];
        assert_eq!(
            (&range["start_time"]["value"], &range["duration"]["value"]),
            (&json!(20_000.0), &json!(960.0))
        );
        let text = timeline.to_string();
        assert!(text.contains(r#""rate":1000.0,"value":20000.0"#), "{text}");
    }

    #[test]
    fn a_clip_is_one_event_and_a_job_without_a_clip_has_no_list() {
        let clip = ready(job(), Vec::new());
        let list = edit_list(&clip).unwrap();
        let [event] = list.events[..] else { panic!("{list:?}") };
        assert_eq!(
            (event.n, event.name, event.record_start_ms, event.duration_ms),
            (1, "test.ts", ms(0), ms(9000))
        );
        assert_eq!(event.source_start_time_ms, Some(ms(0)));
        assert_eq!(edit_list(&job()), None);
        assert_eq!(edit_list(&Job { video: None, ..ready(job(), Vec::new()) }), None);
    }
}
