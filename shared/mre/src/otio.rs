//! Timelines of `OpenTimelineIO`: a track of picture and one of audio, with the same clip for each segment.

use crate::edit::{Edit, EditList};
use crate::number;
use crate::writer::Writer;
use export_domain::timecode::Rate;
use std::ops::Range;

/// Bytes that a clip takes beside its segment's JSON and its markers, about.
const CLIP_BYTES: usize = 768;
/// Bytes that a marker takes, about.
const MARKER_BYTES: usize = 320;

/// Writes the timeline. `document` is the document without its segments, as JSON.
pub fn write(list: &EditList, document: &str) -> String {
    let size = |edit: &Edit| edit.json.len() + CLIP_BYTES + edit.features.len() * MARKER_BYTES;
    let clips: usize = list.edits.iter().map(size).sum();
    let mut writer = Writer::with_capacity(2 * clips + document.len() + 2 * CLIP_BYTES);
    let mut written = None;
    object("Timeline.1", &mut writer, |w| {
        metadata(document, w);
        w.member("name", &list.title);
        w.key("global_start_time");
        time(&rate_token(list.cut.rate), list.cut.record, w);
        w.key("tracks");
        composition("Stack.1", "tracks", w, |w| {
            w.array(|w| {
                for kind in ["Video", "Audio"] {
                    w.item();
                    composition("Track.1", kind, w, |w| {
                        w.array(|w| clips_once(list, &mut written, w));
                        w.member("kind", kind);
                    });
                }
            });
        });
    });
    writer.into_text()
}

/// Frames in a second, as a float's text.
fn rate_token(rate: Rate) -> String {
    number::float_token(f64::from(rate.num) / f64::from(rate.den))
}

/// Writes the clips of a track, and those of a second one from where they are `written`.
fn clips_once(list: &EditList, written: &mut Option<Range<usize>>, writer: &mut Writer) {
    if let Some(clips) = written {
        return writer.repeat(clips.clone());
    }
    let (from, rate) = (writer.len(), rate_token(list.cut.rate));
    for edit in &list.edits {
        writer.item();
        clip(list, edit, &rate, writer);
    }
    *written = Some(from..writer.len());
}

/// Writes a clip. It is much of the text, so its parts that are always the same are written as they are.
fn clip(list: &EditList, edit: &Edit, rate: &str, writer: &mut Writer) {
    let mut span = Writer::with_capacity(192);
    range(rate, edit, &mut span);
    let span = span.into_text();
    writer.raw(r#"{"OTIO_SCHEMA": "Clip.2", "metadata": {"mre": "#);
    writer.raw(&edit.json);
    writer.raw(r#"}, "name": "#);
    writer.string(&format!("{} {:04}", list.event, edit.number));
    writer.raw(r#", "source_range": "#);
    writer.raw(&span);
    writer.raw(r#", "effects": [], "markers": ["#);
    for feature in &edit.features {
        writer.item();
        writer.raw(r#"{"OTIO_SCHEMA": "Marker.2", "metadata": {}, "name": "#);
        writer.string(feature);
        writer.raw(r#", "color": "CYAN", "marked_range": "#);
        writer.raw(&span);
        writer.raw(r#", "comment": ""}"#);
    }
    writer.raw(r#"], "enabled": true, "media_references": {"DEFAULT_MEDIA": "#);
    reference(edit.clip.as_deref(), &span, writer);
    writer.raw(r#"}, "active_media_reference_key": "DEFAULT_MEDIA"}"#);
}

/// Writes the segment's own file, or the recording, which is not one.
fn reference(clip: Option<&str>, span: &str, writer: &mut Writer) {
    let schema = if clip.is_some() { "ExternalReference.1" } else { "MissingReference.1" };
    object(schema, writer, |w| {
        metadata("", w);
        w.member("name", "");
        w.key("available_range");
        w.raw(if clip.is_some() { span } else { "null" });
        w.key("available_image_bounds");
        w.raw("null");
        if let Some(clip) = clip {
            w.member("target_url", clip);
        }
    });
}

/// A stack or track; `children` writes the list of what is in it, and the members after it.
fn composition(schema: &str, name: &str, writer: &mut Writer, children: impl FnOnce(&mut Writer)) {
    object(schema, writer, |w| {
        metadata("", w);
        w.member("name", name);
        let members = [("source_range", "null"), ("effects", "[]"), ("markers", "[]"), ("enabled", "true")];
        for (name, token) in members {
            w.key(name);
            w.raw(token);
        }
        w.key("children");
        children(w);
    });
}

fn object(schema: &str, writer: &mut Writer, members: impl FnOnce(&mut Writer)) {
    writer.object(|w| {
        w.member("OTIO_SCHEMA", schema);
        members(w);
    });
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

fn range(rate: &str, edit: &Edit, writer: &mut Writer) {
    object("TimeRange.1", writer, |w| {
        w.key("start_time");
        time(rate, edit.source.start, w);
        w.key("duration");
        time(rate, edit.length(), w);
    });
}

fn time(rate: &str, frames: i64, writer: &mut Writer) {
    object("RationalTime.1", writer, |w| {
        w.key("rate");
        w.raw(rate);
        w.key("value");
        w.raw(&format!("{frames}.0"));
    });
}
