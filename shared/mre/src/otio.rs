//! Timelines of `OpenTimelineIO`: a track of picture and one of sound, with the same clip for each segment.

use crate::edit::{Edit, EditList};
use crate::writer::Writer;

/// The only media of a clip.
const MEDIA: &str = "DEFAULT_MEDIA";
/// Bytes that a clip takes beside its segment's JSON and its markers, about.
const CLIP_BYTES: usize = 768;
/// Bytes that a marker takes, about.
const MARKER_BYTES: usize = 320;

/// Writes the timeline. `document` is the document without its segments, as JSON.
pub fn write(list: &EditList, document: &str) -> String {
    let clips = clips(list);
    let mut writer = Writer::with_capacity(2 * clips.len() + document.len() + 2 * CLIP_BYTES);
    object("Timeline.1", &mut writer, |w| {
        metadata(document, w);
        w.member("name", &list.title);
        w.key("global_start_time");
        time(&list.cut.rate.float(), list.cut.record, w);
        w.key("tracks");
        composition("Stack.1", "tracks", w, |w| {
            w.array(|w| {
                for kind in ["Video", "Audio"] {
                    w.item();
                    composition("Track.1", kind, w, |w| {
                        w.array(|w| w.raw(&clips));
                        w.member("kind", kind);
                    });
                }
            });
        });
    });
    writer.into_text()
}

/// The items of both tracks.
fn clips(list: &EditList) -> String {
    let size = |edit: &Edit| edit.json.len() + CLIP_BYTES + edit.features.len() * MARKER_BYTES;
    let mut writer = Writer::with_capacity(list.edits.iter().map(size).sum());
    let rate = list.cut.rate.float();
    for edit in &list.edits {
        if !writer.is_empty() {
            writer.raw(", ");
        }
        clip(list, edit, &rate, &mut writer);
    }
    writer.into_text()
}

fn clip(list: &EditList, edit: &Edit, rate: &str, writer: &mut Writer) {
    object("Clip.2", writer, |w| {
        metadata(&edit.json, w);
        w.member("name", &format!("{} {:04}", list.event, edit.number));
        w.key("source_range");
        range(rate, edit, w);
        w.key("effects");
        w.raw("[]");
        w.key("markers");
        w.array(|w| {
            for feature in &edit.features {
                w.item();
                marker(feature, rate, edit, w);
            }
        });
        w.key("enabled");
        w.bool(true);
        w.key("media_references");
        w.object(|w| {
            w.key(MEDIA);
            reference(rate, edit, w);
        });
        w.member("active_media_reference_key", MEDIA);
    });
}

fn marker(feature: &str, rate: &str, edit: &Edit, writer: &mut Writer) {
    object("Marker.2", writer, |w| {
        metadata("", w);
        w.member("name", feature);
        w.member("color", "CYAN");
        w.key("marked_range");
        range(rate, edit, w);
        w.member("comment", "");
    });
}

/// The segment's own file, or the recording, which is not one.
fn reference(rate: &str, edit: &Edit, writer: &mut Writer) {
    let schema = if edit.clip.is_some() { "ExternalReference.1" } else { "MissingReference.1" };
    object(schema, writer, |w| {
        metadata("", w);
        w.member("name", "");
        w.key("available_range");
        match edit.clip {
            Some(_) => range(rate, edit, w),
            None => w.raw("null"),
        }
        w.key("available_image_bounds");
        w.raw("null");
        if let Some(clip) = &edit.clip {
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
