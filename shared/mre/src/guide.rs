//! The documents as MRE's developer guide shows them.
//!
//! Typed for readers: a field has one type, missing texts, maps and lists are empty, missing numbers are left out.

mod replay;

use crate::attr::{Attr, Row, write_number};
use crate::feedback::Feedback;
use crate::json::Json;
use crate::model::{ClassifiedSegment, Event};
use crate::number;
use crate::outputs::Outputs;
use crate::warnings::{ExportWarning, Warnings};
use crate::writer::Writer;

pub use replay::{write_replay, write_result_features};

/// Writes the guide's form of one document and counts what it leaves out.
#[derive(Debug)]
pub struct Guide<'a> {
    /// The writer that the document grows in.
    pub writer: &'a mut Writer,
    /// The warnings about parts that were left out.
    pub warnings: &'a mut Warnings,
}

/// Writes the `Event` object.
pub fn write_event(event: &Event, outputs: &Outputs, profile: Option<&Json>, guide: &mut Guide<'_>) {
    guide.warnings.add_if(event.audio_tracks.is_none(), ExportWarning::AudioTracksMissing);
    guide.warnings.add_if(event.start.is_none(), ExportWarning::StartMissing);
    guide.warnings.add_if(event.id.is_none(), ExportWarning::IdMissing);
    guide.writer.open_object();
    guide.writer.member("Name", &event.key.name);
    guide.text("Id", event.id.as_ref());
    guide.writer.member("Program", &event.key.program);
    guide.text("Start", event.start.as_ref());
    guide.writer.key("AudioTracksFound");
    guide.numbers(event.audio_tracks.as_ref());
    guide.writer.key("AllOutputAttributes");
    write_outputs(outputs, guide.writer);
    guide.text("ProgramId", event.program_id.as_ref());
    guide.writer.key("Profile");
    match profile {
        Some(profile) => profile.write(guide.writer),
        None => guide.writer.raw("{}"),
    }
    guide.writer.key("SourceVideoMetadata");
    match &event.source_video_metadata {
        Some(map @ Attr::M(_)) => map.write(guide.writer),
        other => guide.empty("{}", other.as_ref()),
    }
    guide.writer.close_object();
}

fn write_outputs(outputs: &Outputs, writer: &mut Writer) {
    writer.object(|w| {
        for (slot, names) in outputs.by_slot() {
            w.key(slot.name());
            write_strings(names.iter().map(String::as_str), w);
        }
    });
}

/// Writes a segment of an event.
pub fn write_segment(
    segment: &ClassifiedSegment,
    outputs: &Outputs,
    feedback: &Feedback,
    guide: &mut Guide<'_>,
) {
    guide.writer.open_object();
    write_borders_and_clips(segment, guide);
    guide.writer.key("FeaturesFound");
    let names = segment.features.iter().filter_map(|at| outputs.unique().get(*at));
    write_strings(names.map(String::as_str), guide.writer);
    guide.writer.key("Feedback");
    feedback.write_guide(&segment.start, guide.writer);
    guide.writer.close_object();
}

/// Writes a segment of a replay: its features are objects and come last.
pub fn write_replay_segment(
    segment: &ClassifiedSegment,
    features: &Json,
    choice: &str,
    feedback: &Feedback,
    guide: &mut Guide<'_>,
) {
    guide.writer.open_object();
    write_borders_and_clips(segment, guide);
    guide.writer.key("Feedback");
    feedback.write_guide(&segment.start, guide.writer);
    guide.writer.key("FeaturesFound");
    write_result_features(features, choice, guide.writer);
    guide.writer.close_object();
}

fn write_borders_and_clips(segment: &ClassifiedSegment, guide: &mut Guide<'_>) {
    guide.writer.key("Start");
    write_number(&segment.start, guide.writer);
    guide.number("End", Some(&segment.end));
    guide.track_map("OptoStart", segment.opto_start.as_ref(), Guide::track_number);
    guide.track_map("OptoEnd", segment.opto_end.as_ref(), Guide::track_number);
    guide.track_map("OptimizedClipLocation", segment.optimized_clips.as_ref(), Guide::track_text);
    guide.track_map("OriginalClipLocation", segment.original_clips.as_ref(), Guide::track_text);
    guide.text("OriginalThumbnailLocation", segment.original_thumbnail.as_ref());
    let optimized = segment.optimized_thumbnail.as_ref().and_then(Attr::as_str);
    if let Some(location) = optimized.filter(|location| !location.is_empty()) {
        guide.writer.member("OptimizedThumbnailLocation", location);
    }
}

impl Guide<'_> {
    /// A text, `""` when there is none.
    fn text(&mut self, name: &str, value: Option<&Attr>) {
        self.writer.key(name);
        match value {
            Some(Attr::S(text)) => self.writer.string(text),
            other => self.empty("\"\"", other),
        }
    }

    /// A number, left out when there is none.
    fn number(&mut self, name: &str, value: Option<&Attr>) {
        let token = value.and_then(Attr::as_number).and_then(number::plain);
        match token {
            Some(token) => {
                self.writer.key(name);
                self.writer.raw(&token);
            }
            None => self.warnings.add_if(value.is_some(), ExportWarning::ValueOfOtherType),
        }
    }

    /// A list of numbers; numeric texts count as numbers.
    fn numbers(&mut self, value: Option<&Attr>) {
        let Some(Attr::L(items)) = value else { return self.empty("[]", value) };
        self.writer.open_array();
        for item in items {
            let text = item.as_number().or(item.as_str());
            match text.and_then(number::plain) {
                Some(token) => {
                    self.writer.item();
                    self.writer.raw(&token);
                }
                None => self.warnings.add(ExportWarning::ValueOfOtherType),
            }
        }
        self.writer.close_array();
    }

    /// A map by audio track; entries of another type are left out.
    fn track_map(&mut self, name: &str, value: Option<&Attr>, entry: fn(&mut Self, &str, &Attr)) {
        self.writer.key(name);
        match value {
            Some(Attr::M(row)) => self.map(row, entry),
            other => self.empty("{}", other),
        }
    }

    fn map(&mut self, row: &Row, entry: impl Fn(&mut Self, &str, &Attr)) {
        self.writer.open_object();
        for (name, value) in row {
            entry(self, name, value);
        }
        self.writer.close_object();
    }

    fn track_number(&mut self, track: &str, value: &Attr) {
        self.number(track, Some(value));
    }

    fn track_text(&mut self, track: &str, value: &Attr) {
        match value {
            Attr::S(text) => self.writer.member(track, text),
            _ => self.warnings.add(ExportWarning::ValueOfOtherType),
        }
    }

    /// The empty form of a missing value; a value of another type is counted.
    fn empty(&mut self, token: &str, found: Option<&Attr>) {
        self.warnings
            .add_if(found.is_some_and(|value| *value != Attr::Null), ExportWarning::ValueOfOtherType);
        self.writer.raw(token);
    }
}

fn write_strings<'a>(texts: impl Iterator<Item = &'a str>, writer: &mut Writer) {
    writer.array(|w| {
        for text in texts {
            w.item();
            w.string(text);
        }
    });
}
