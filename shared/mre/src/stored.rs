//! A stored event export, and MRE's way to make a replay's document out of it.
//!
//! Only what the join compares is held of each segment; the segments that the replay shows are read again from the
//! text. So a large export costs little more than its text.

use std::collections::HashMap;
use std::ops::Range;

use crate::feedback::Feedback;
use crate::json::{Json, JsonError, JsonReader};
use crate::model::ClassifiedSegment;
use crate::native;
use crate::number::number_key;
use crate::replay::{ReplayRequest, ReplayResult};
use crate::warnings::{ExportWarning, Warnings};
use crate::writer::Writer;

/// The profile inside a stored event export: the event comes first, so the segments are not read.
pub fn stored_profile(text: &str) -> Option<Json> {
    let mut event = None;
    // Stops at the event by failing on purpose: the rest of the text does not matter.
    let _ = JsonReader::new(text).object(|reader, name| {
        let value = reader.value()?;
        if name == "Event" {
            event = Some(value);
            return Err(reader.error());
        }
        Ok(())
    });
    event?.remove("Profile").filter(|profile| matches!(profile, Json::Object(_)))
}

/// A stored event export, read to the extent that a replay needs it.
#[derive(Debug)]
pub struct StoredExport<'a> {
    text: &'a str,
    members: Vec<(String, Json)>,
    segments: Vec<StoredSegment>,
}

/// The segments of a stored export, one a line; `None` when the text is no JSON object.
pub fn segment_lines(text: &str) -> Option<String> {
    let mut writer = Writer::with_capacity(text.len());
    let mut reader = JsonReader::new(text);
    let read = reader.object(|reader, name| {
        if name != "Segments" {
            return reader.value().map(|_| ());
        }
        reader.array(|reader| {
            reader.value()?.write(&mut writer);
            writer.raw("\n");
            Ok(())
        })
    });
    read.and_then(|()| reader.end()).ok().map(|()| writer.into_text())
}

#[derive(Debug)]
struct StoredSegment {
    span: Range<usize>,
    start: Option<String>,
    opto: Opto,
}

/// The part that a segment takes in the join of optimized results.
#[derive(Debug)]
enum Opto {
    /// Compared by its start.
    Absent,
    /// Never matched: the optimizer has not run.
    Empty,
    /// Compared by the optimized start of the replay's track.
    Of(Option<String>),
    /// The optimizer ran, but not for this track. MRE fails; compared by its start here.
    OtherTrack,
}

impl<'a> StoredExport<'a> {
    /// Reads a stored event export for a replay of `track`.
    ///
    /// # Errors
    /// When the text is no JSON object.
    pub fn read(text: &'a str, track: Option<&str>) -> Result<Self, JsonError> {
        let mut export = Self { text, members: Vec::new(), segments: Vec::new() };
        let mut reader = JsonReader::new(text);
        reader.object(|reader, name| {
            if name != "Segments" {
                let value = reader.value()?;
                export.members.push((name, value));
                return Ok(());
            }
            reader.array(|reader| {
                let from = reader.position();
                let segment = reader.value()?;
                let span = from..reader.position();
                export.segments.push(StoredSegment {
                    span,
                    start: segment.get("Start").and_then(Json::as_number).and_then(number_key),
                    opto: Opto::of(&segment, track),
                });
                Ok(())
            })
        })?;
        reader.end()?;
        Ok(export)
    }

    /// The replay's document as MRE makes it: every segment that equals a result, as often as it does, all
    /// appearances of a segment with the features of its last result. A replay of clips by time shows those.
    pub fn replay_document(
        &self,
        request: &ReplayRequest,
        previews: &[(String, String)],
        results: &[ReplayResult],
        warnings: &mut Warnings,
    ) -> String {
        let mut features: HashMap<usize, &Json> = HashMap::new();
        let mut order = Vec::new();
        let index = StoredIndex::new(&self.segments);
        for result in results.iter().filter(|_| request.timed.is_empty()) {
            let places = index.matches(result, warnings);
            warnings.add_if(places.is_empty(), ExportWarning::ResultUnmatched);
            for place in places {
                features.insert(place, &result.features);
                order.push(place);
            }
        }
        let mut writer = Writer::with_capacity(self.text.len() / 4);
        writer.object(|w| {
            for (name, value) in self.members.iter().filter(|(name, _)| name != "Replay") {
                w.key(name);
                value.write(w);
            }
            w.key("Replay");
            native::write_replay(request, previews, w);
            w.key("Segments");
            w.array(|w| {
                for clip in &request.timed {
                    w.item();
                    native::write_replay_segment(
                        &ClassifiedSegment::of_time(clip),
                        &Json::Array(Vec::new()),
                        &Feedback::default(),
                        w,
                    );
                }
                for (place, features) in order.iter().filter_map(|place| Some((place, features.get(place)?)))
                {
                    w.item();
                    self.write_segment(*place, features, w);
                }
            });
        });
        writer.into_text()
    }

    fn write_segment(&self, place: usize, features: &Json, writer: &mut Writer) {
        let text = self.segments.get(place).and_then(|segment| self.text.get(segment.span.clone()));
        let mut segment = text.and_then(|text| Json::parse(text).ok()).unwrap_or(Json::Object(Vec::new()));
        segment.remove("OutputAttributesFound");
        segment.set("FeaturesFound", features.clone());
        segment.write(writer);
    }
}

impl Opto {
    fn of(segment: &Json, track: Option<&str>) -> Self {
        match segment.get("OptoStart") {
            Some(Json::Object(starts)) if starts.is_empty() => Self::Empty,
            Some(starts @ Json::Object(_)) => match track.and_then(|track| starts.get(track)) {
                Some(start) => Self::Of(start.as_number().and_then(number_key)),
                None => Self::OtherTrack,
            },
            _ => Self::Absent,
        }
    }
}

/// Places of segments by what results compare them with.
#[derive(Debug, Default)]
struct StoredIndex<'a> {
    /// All segments by start.
    starts: HashMap<&'a str, Vec<usize>>,
    /// Those optimized for the replay's track by that start.
    opto_starts: HashMap<&'a str, Vec<usize>>,
    /// Those without an optimized start, by start.
    unoptimized: HashMap<&'a str, Vec<usize>>,
    /// Those optimized for other tracks only, by start.
    other_track: HashMap<&'a str, Vec<usize>>,
}

impl<'a> StoredIndex<'a> {
    fn new(segments: &'a [StoredSegment]) -> Self {
        let mut index = Self::default();
        for (place, segment) in segments.iter().enumerate() {
            let start = segment.start.as_deref();
            file(&mut index.starts, start, place);
            match &segment.opto {
                Opto::Absent => file(&mut index.unoptimized, start, place),
                Opto::Empty => {}
                Opto::Of(opto_start) => file(&mut index.opto_starts, opto_start.as_deref(), place),
                Opto::OtherTrack => file(&mut index.other_track, start, place),
            }
        }
        index
    }

    /// The places that equal a result, in the order of the segments.
    fn matches(&self, result: &ReplayResult, warnings: &mut Warnings) -> Vec<usize> {
        let start = result.start.as_deref();
        if !result.is_optimized {
            return find(&self.starts, start).to_vec();
        }
        let other_track = find(&self.other_track, start);
        warnings.add_if(!other_track.is_empty(), ExportWarning::OptimizerTrackMissing);
        let optimized = find(&self.opto_starts, result.opto_start.as_deref());
        let mut places = [optimized, find(&self.unoptimized, start), other_track].concat();
        places.sort_unstable();
        places
    }
}

fn file<'a>(index: &mut HashMap<&'a str, Vec<usize>>, key: Option<&'a str>, place: usize) {
    if let Some(key) = key {
        index.entry(key).or_default().push(place);
    }
}

fn find<'i>(index: &'i HashMap<&str, Vec<usize>>, key: Option<&str>) -> &'i [usize] {
    key.and_then(|key| index.get(key)).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_found_without_reading_the_segments() {
        let profile = |text| stored_profile(text).map(|profile| profile.to_text());
        assert_eq!(
            profile(r#"{"x": 1, "Event": {"Profile": {"b": 5.0, "a": 1}}, "Segments": [broken"#).as_deref(),
            Some(r#"{"b": 5.0, "a": 1}"#)
        );
        for text in
            ["", "[]", r#"{"Event": {}}"#, r#"{"Event": {"Profile": 1}}"#, r#"{"Event": {"Profile": {}"#]
        {
            assert_eq!(profile(text), None, "{text}");
        }
    }

    #[test]
    fn segments_are_one_a_line_token_by_token() {
        let text = "{\"Segments\": [{\"b\": 5.0,\n \"a\": [1]}, {}], \"Event\": {\"Segments\": [2]}}";
        assert_eq!(segment_lines(text).as_deref(), Some("{\"b\": 5.0, \"a\": [1]}\n{}\n"));
        assert_eq!(segment_lines("{}").as_deref(), Some(""));
    }

    #[test]
    fn refuses_what_is_no_export() {
        for text in ["", "[]", "{", r#"{"Segments": 5}"#, "{} x"] {
            assert!(StoredExport::read(text, None).is_err(), "{text}");
            assert_eq!(segment_lines(text), None, "{text}");
        }
    }
}
