//! Timelines of `OpenTimelineIO`: a track of video and one of audio, each with a clip for each segment.

use std::ops::Range;

use crate::edit::EditList;
use crate::model::ClassifiedSegment;
use crate::number;
use crate::warnings::Warnings;
use crate::writer::Writer;
use export_domain::timecode::Rate;

/// Bytes of a timeline that may become long, of about 500 segments.
const LONG: usize = 1 << 20;
/// Bytes of one of about 25,000 segments.
const ROOM: usize = 64 << 20;

/// A timeline that grows clip by clip. The clips of the video track are written first; those of the audio track are the same
/// without MRE's statement and the markers, which are much of the text.
#[derive(Debug)]
pub struct OtioTimeline {
    /// The rules, and the count of segments; it holds no edits.
    list: EditList,
    /// The beginning of each time, up to its count of frames.
    time: String,
    /// The beginning of each clip's name, without the number.
    name: String,
    text: Writer,
    /// The place of the first clip in the text.
    from: usize,
    clips: Vec<ClipPlaces>,
    /// A part has its clips' numbers left out.
    is_part: bool,
}

/// The places of what differs in a clip's two tracks, and of its number, in the text.
#[derive(Debug)]
struct ClipPlaces {
    metadata: Range<usize>,
    number_at: usize,
    markers: Range<usize>,
    /// The number within the part.
    number: usize,
}

impl OtioTimeline {
    /// A timeline of the edits that `list` would hold.
    pub fn new(list: EditList) -> Self {
        let mut name = Writer::default();
        name.string(&list.event);
        let mut name = name.into_text();
        name.pop();
        name.push(' ');
        let rate = rate_token(list.cut.rate);
        let time = format!(r#"{{"OTIO_SCHEMA": "RationalTime.1", "rate": {rate}, "value": "#);
        Self { time, name, list, text: Writer::default(), from: 0, clips: Vec::new(), is_part: false }
    }

    /// Begins the text. `document` is the document without its segments, as JSON.
    pub fn begin(&mut self, document: &str) {
        let w = &mut self.text;
        w.open_object();
        w.member("OTIO_SCHEMA", "Timeline.1");
        metadata(document, w);
        w.member("name", &self.list.title);
        w.key("global_start_time");
        time(&self.time, self.list.cut.record, w);
        w.key("tracks");
        open_composition("Stack.1", "tracks", w);
        open_track("Video", w);
        self.from = w.len();
    }

    /// Adds a segment with the names of its features; `json` writes MRE's statement about it.
    pub fn push<'a>(
        &mut self,
        segment: &ClassifiedSegment,
        warnings: &mut Warnings,
        features: impl Iterator<Item = &'a str>,
        json: impl FnOnce(&mut Writer, &mut Warnings),
    ) {
        let Some(edit) = self.list.cut_next(segment, warnings) else { return };
        let range = range(&self.time, edit.source.start, edit.length());
        self.make_room();
        let w = &mut self.text;
        w.item();
        w.raw(r#"{"OTIO_SCHEMA": "Clip.2", "metadata": {"#);
        let metadata = w.len();
        w.raw(r#""mre": "#);
        json(w, warnings);
        let metadata = metadata..w.len();
        w.raw(r#"}, "name": "#);
        w.raw(&self.name);
        let number_at = w.len();
        if !self.is_part {
            write_number(edit.number, w);
        }
        w.raw(r#"", "source_range": "#);
        w.raw(&range);
        w.raw(r#", "effects": [], "markers": ["#);
        let markers = w.len();
        for feature in features {
            w.item();
            w.raw(r#"{"OTIO_SCHEMA": "Marker.2", "metadata": {}, "name": "#);
            w.string(feature);
            w.raw(r#", "color": "CYAN", "marked_range": "#);
            w.raw(&range);
            w.raw(r#", "comment": ""}"#);
        }
        let markers = markers..w.len();
        w.raw(r#"], "enabled": true, "media_references": {"DEFAULT_MEDIA": "#);
        // The segment's own file, or the recording, which is not one.
        if let Some(clip) = &edit.clip {
            w.raw(
                r#"{"OTIO_SCHEMA": "ExternalReference.1", "metadata": {}, "name": "", "available_range": "#,
            );
            w.raw(&range);
            w.raw(r#", "available_image_bounds": null, "target_url": "#);
            w.string(clip);
            w.raw("}");
        } else {
            w.raw(r#"{"OTIO_SCHEMA": "MissingReference.1", "metadata": {}, "name": "", "available_range": null, "#);
            w.raw(r#""available_image_bounds": null}"#);
        }
        w.raw(r#"}, "active_media_reference_key": "DEFAULT_MEDIA"}"#);
        self.clips.push(ClipPlaces { metadata, number_at, markers, number: edit.number });
    }

    /// Gives a long text room for a very long one: a text that outgrows its room is copied as a whole, and memory that is not
    /// written to is not taken.
    fn make_room(&mut self) {
        if !self.is_part && self.text.len() > LONG {
            self.text.reserve(ROOM.saturating_sub(self.text.len()));
        }
    }

    /// An empty part of the timeline, for [`OtioTimeline::append`].
    #[must_use]
    pub fn part(&self) -> Self {
        Self { is_part: true, ..Self::new(self.list.part()) }
    }

    /// Adds the clips of `part`.
    pub fn append(&mut self, part: Self) {
        let (text, seen) = (part.text.text(), self.list.seen());
        self.make_room();
        let w = &mut self.text;
        // The first clip of all has no separator before it.
        let mut from = if w.len() == self.from { text.len().min(2) } else { 0 };
        for clip in part.clips {
            let at = clip.number_at;
            w.raw(&text[from..at]);
            let before = w.len();
            write_number(seen + clip.number, w);
            let behind = w.len();
            self.clips.push(ClipPlaces {
                metadata: before - (at - clip.metadata.start)..before - (at - clip.metadata.end),
                number_at: before,
                markers: behind + (clip.markers.start - at)..behind + (clip.markers.end - at),
                number: seen + clip.number,
            });
            from = at;
        }
        w.raw(&text[from..]);
        self.list.append(part.list);
    }

    /// The finished timeline.
    pub fn finish(self) -> String {
        let Self { text: mut w, clips, mut from, .. } = self;
        let end = w.len();
        close_track("Video", &mut w);
        open_track("Audio", &mut w);
        for ClipPlaces { metadata, markers, .. } in clips {
            w.repeat(from..metadata.start);
            w.repeat(metadata.end..markers.start);
            from = markers.end;
        }
        w.repeat(from..end);
        close_track("Audio", &mut w);
        w.close_array();
        w.close_object();
        w.close_object();
        w.into_text()
    }
}

/// Frames in a second, as a float's text.
fn rate_token(rate: Rate) -> String {
    number::float_token(f64::from(rate.num) / f64::from(rate.den))
}

fn open_track(kind: &str, writer: &mut Writer) {
    writer.item();
    open_composition("Track.1", kind, writer);
}

fn close_track(kind: &str, writer: &mut Writer) {
    writer.close_array();
    writer.member("kind", kind);
    writer.close_object();
}

/// Opens a stack or track, and the list of what is in it.
fn open_composition(schema: &str, name: &str, writer: &mut Writer) {
    writer.open_object();
    writer.member("OTIO_SCHEMA", schema);
    metadata("", writer);
    writer.member("name", name);
    let members = [("source_range", "null"), ("effects", "[]"), ("markers", "[]"), ("enabled", "true")];
    for (name, token) in members {
        writer.key(name);
        writer.raw(token);
    }
    writer.key("children");
    writer.open_array();
}

/// MRE's statement about an object, which is JSON, if any.
fn metadata(json: &str, writer: &mut Writer) {
    writer.key("metadata");
    writer.object(|w| {
        if !json.is_empty() {
            w.key("mre");
            w.raw(json);
        }
    });
}

/// A range of frames. Each time begins with `head`.
fn range(head: &str, start: i64, length: i64) -> String {
    let mut writer = Writer::with_capacity(2 * head.len() + 96);
    writer.raw(r#"{"OTIO_SCHEMA": "TimeRange.1", "start_time": "#);
    time(head, start, &mut writer);
    writer.raw(r#", "duration": "#);
    time(head, length, &mut writer);
    writer.raw("}");
    writer.into_text()
}

/// Writes a time of so many frames, which begins with `head`.
fn time(head: &str, frames: i64, writer: &mut Writer) {
    writer.raw(head);
    writer.display(format_args!("{frames}.0}}"));
}

fn write_number(number: usize, writer: &mut Writer) {
    writer.display(format_args!("{number:04}"));
}
