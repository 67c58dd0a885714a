//! Timelines of `OpenTimelineIO`: a track of picture and one of audio, with the same clip for each segment.

use crate::edit::EditList;
use crate::model::ClassifiedSegment;
use crate::number;
use crate::warnings::Warnings;
use crate::writer::Writer;
use export_domain::timecode::Rate;

/// A timeline that grows clip by clip. Clips are much of the text: each is written once, its parts that are always the
/// same as they are, and stays where it is.
#[derive(Debug)]
pub struct OtioTimeline {
    /// The rules, and the count of segments; it holds no edits.
    list: EditList,
    rate: String,
    /// The beginning of each clip's name, without the number.
    name: String,
    text: Writer,
    /// The place of the first clip in the text.
    from: usize,
    /// The places of the clips' numbers in the text of a part, where they are left out, and the numbers within the part.
    numbers: Option<Vec<(usize, usize)>>,
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
        Self { rate, name, list, text: Writer::default(), from: 0, numbers: None }
    }

    /// Begins the text. `document` is the document without its segments, as JSON.
    pub fn begin(&mut self, document: &str) {
        let w = &mut self.text;
        w.open_object();
        w.member("OTIO_SCHEMA", "Timeline.1");
        metadata(document, w);
        w.member("name", &self.list.title);
        w.key("global_start_time");
        time(&self.rate, self.list.cut.record, w);
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
        let w = &mut self.text;
        w.item();
        w.raw(r#"{"OTIO_SCHEMA": "Clip.2", "metadata": {"mre": "#);
        json(w, warnings);
        w.raw(r#"}, "name": "#);
        w.raw(&self.name);
        match &mut self.numbers {
            Some(numbers) => numbers.push((w.len(), edit.number)),
            None => write_number(edit.number, w),
        }
        w.raw(r#"", "source_range": "#);
        let from = w.len();
        w.raw(r#"{"OTIO_SCHEMA": "TimeRange.1", "start_time": "#);
        time(&self.rate, edit.source.start, w);
        w.raw(r#", "duration": "#);
        time(&self.rate, edit.length(), w);
        w.raw("}");
        let span = from..w.len();
        w.raw(r#", "effects": [], "markers": ["#);
        for feature in features {
            w.item();
            w.raw(r#"{"OTIO_SCHEMA": "Marker.2", "metadata": {}, "name": "#);
            w.string(feature);
            w.raw(r#", "color": "CYAN", "marked_range": "#);
            w.repeat(span.clone());
            w.raw(r#", "comment": ""}"#);
        }
        w.raw(r#"], "enabled": true, "media_references": {"DEFAULT_MEDIA": "#);
        // The segment's own file, or the recording, which is not one.
        if let Some(clip) = &edit.clip {
            w.raw(
                r#"{"OTIO_SCHEMA": "ExternalReference.1", "metadata": {}, "name": "", "available_range": "#,
            );
            w.repeat(span);
            w.raw(r#", "available_image_bounds": null, "target_url": "#);
            w.string(clip);
            w.raw("}");
        } else {
            w.raw(r#"{"OTIO_SCHEMA": "MissingReference.1", "metadata": {}, "name": "", "available_range": null, "#);
            w.raw(r#""available_image_bounds": null}"#);
        }
        w.raw(r#"}, "active_media_reference_key": "DEFAULT_MEDIA"}"#);
    }

    /// An empty part of the timeline, for [`OtioTimeline::append`].
    #[must_use]
    pub fn part(&self) -> Self {
        Self { numbers: Some(Vec::new()), ..Self::new(self.list.part()) }
    }

    /// Adds the clips of `part`.
    pub fn append(&mut self, part: Self) {
        let (clips, seen) = (part.text.text(), self.list.seen());
        // The first clip of all has no separator before it.
        let mut from = if self.text.len() == self.from { clips.len().min(2) } else { 0 };
        for (at, number) in part.numbers.unwrap_or_default() {
            self.text.raw(&clips[from..at]);
            write_number(seen + number, &mut self.text);
            from = at;
        }
        self.text.raw(&clips[from..]);
        self.list.append(part.list);
    }

    /// The finished timeline.
    pub fn finish(self) -> String {
        let mut w = self.text;
        let clips = self.from..w.len();
        close_track("Video", &mut w);
        open_track("Audio", &mut w);
        w.repeat(clips);
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

fn time(rate: &str, frames: i64, writer: &mut Writer) {
    writer.raw(r#"{"OTIO_SCHEMA": "RationalTime.1", "rate": "#);
    writer.raw(rate);
    writer.raw(r#", "value": "#);
    writer.raw(&frames.to_string());
    writer.raw(".0}");
}

fn write_number(number: usize, writer: &mut Writer) {
    writer.raw(&format!("{number:04}"));
}
