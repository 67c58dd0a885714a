//! The documents as MRE itself writes them, byte for byte.
//!
//! Values keep the type they have in the table. Where MRE fails on a missing value, its key is left out.

use crate::attr::{Attr, write_number};
use crate::feedback::Feedback;
use crate::json::Json;
use crate::model::{ClassifiedSegment, Event};
use crate::outputs::Outputs;
use crate::replay::ReplayRequest;
use crate::warnings::{ExportWarning, Warnings};
use crate::writer::Writer;

/// Writes the `Event` object.
pub fn write_event(
    event: &Event,
    outputs: &Outputs,
    profile: Option<&Json>,
    warnings: &mut Warnings,
    writer: &mut Writer,
) {
    warnings.add_if(event.audio_tracks.is_none(), ExportWarning::AudioTracksMissing);
    warnings.add_if(event.start.is_none(), ExportWarning::StartMissing);
    warnings.add_if(event.id.is_none(), ExportWarning::IdMissing);
    writer.object(|w| {
        w.member("Name", &event.key.name);
        write_value("Id", event.id.as_ref(), w);
        w.member("Program", &event.key.program);
        write_value("Start", event.start.as_ref(), w);
        w.key("AudioTracksFound");
        event.audio_tracks.as_ref().unwrap_or(&Attr::L(Vec::new())).write(w);
        w.key("AllOutputAttributes");
        write_strings(outputs.flat(), w);
        w.key("EmbeddedTimecodeSource");
        match &event.timecode_source {
            Some(source) => source.write(w),
            None => w.string("NOT_EMBEDDED"),
        }
        write_value("ProgramId", event.program_id.as_ref(), w);
        if let Some(profile) = profile {
            w.key("Profile");
            profile.write(w);
        }
        write_value("SourceVideoMetadata", event.source_video_metadata.as_ref(), w);
    });
}

/// Writes a segment of an event.
pub fn write_segment(
    segment: &ClassifiedSegment,
    outputs: &Outputs,
    feedback: &Feedback,
    writer: &mut Writer,
) {
    write_segment_with(segment, feedback, writer, |w| {
        let names = segment.features.iter().filter_map(|at| outputs.unique().get(*at));
        write_strings(names.map(String::as_str), w);
    });
}

/// Writes a segment of a replay: the result's features, as stored, in place of the names.
pub fn write_replay_segment(
    segment: &ClassifiedSegment,
    features: &Json,
    feedback: &Feedback,
    writer: &mut Writer,
) {
    write_segment_with(segment, feedback, writer, |w| features.write(w));
}

fn write_segment_with(
    segment: &ClassifiedSegment,
    feedback: &Feedback,
    writer: &mut Writer,
    features: impl FnOnce(&mut Writer),
) {
    writer.object(|w| {
        w.key("Start");
        write_number(&segment.start, w);
        write_value("End", Some(&segment.end), w);
        write_value("HourElapsed", segment.hour_elapsed.as_ref(), w);
        if segment.opto_start.is_some() && segment.opto_end.is_some() {
            write_value("OptoStart", segment.opto_start.as_ref(), w);
            write_value("OptoEnd", segment.opto_end.as_ref(), w);
        }
        write_value("OptimizedClipLocation", segment.optimized_clips.as_ref(), w);
        write_value("OriginalClipLocation", segment.original_clips.as_ref(), w);
        write_value("OriginalThumbnailLocation", segment.original_thumbnail.as_ref(), w);
        write_value("OptimizedThumbnailLocation", segment.optimized_thumbnail.as_ref(), w);
        w.key("FeaturesFound");
        features(w);
        w.key("Feedback");
        feedback.write_mre(&segment.start, w);
    });
}

/// Writes the `Replay` object. `previews` are presigned URLs by resolution; normally none.
pub fn write_replay(request: &ReplayRequest, previews: &[(String, String)], writer: &mut Writer) {
    writer.object(|w| {
        if let Some(limit) = &request.duration {
            write_value("Duration", limit.duration.as_ref(), w);
            write_yes_no("EqualDistribution", limit.equal_distribution, w);
        }
        w.member("Id", &request.id);
        write_value("AudioTrack", request.audio_track.as_ref(), w);
        if let Some(clips) = &request.clips {
            w.key("FeaturesSelected");
            w.array(|w| {
                for clip in clips {
                    w.item();
                    w.object(|w| {
                        write_value("FeatureName", clip.get("AttribName"), w);
                        write_value("FeatureValue", clip.get("AttribValue"), w);
                        write_value(request.choice_field(), clip.get(request.choice_field()), w);
                    });
                }
            });
        }
        if let Some(format) = format_name(request) {
            w.member("ReplayFormat", format);
        }
        write_value("Resolutions", request.resolutions.as_ref(), w);
        write_yes_no("Catchup", request.catchup, w);
        if request.create_hls == Some(true) {
            write_value("HlsThumbnailLoc", request.hls_thumbnail.as_ref(), w);
            write_value("HlsLocation", request.hls_location.as_ref(), w);
        }
        if request.create_mp4 == Some(true) {
            if let Some(location) = request.with_previews(previews) {
                w.key("Mp4Location");
                location.write(w);
            }
            write_value("Mp4ThumbnailLocation", request.mp4_thumbnail.as_ref(), w);
        }
    });
}

/// Unknown while neither flag is there.
fn format_name(request: &ReplayRequest) -> Option<&'static str> {
    match (request.create_mp4, request.create_hls) {
        (Some(true), _) => Some("Mp4"),
        (_, Some(true)) => Some("Hls"),
        (None, None) => None,
        _ => Some("N/A"),
    }
}

fn write_value(name: &str, value: Option<&Attr>, writer: &mut Writer) {
    if let Some(value) = value {
        writer.key(name);
        value.write(writer);
    }
}

fn write_yes_no(name: &str, flag: Option<bool>, writer: &mut Writer) {
    if let Some(flag) = flag {
        writer.member(name, if flag { "Y" } else { "N" });
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
