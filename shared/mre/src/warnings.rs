//! The leniencies of an export, counted.

use std::collections::BTreeMap;

/// A leniency: MRE fails where these occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExportWarning {
    /// The event has no list of audio tracks yet.
    AudioTracksMissing,
    /// The event has no start time.
    StartMissing,
    /// The event row has no id.
    IdMissing,
    /// No profile is known: neither a trigger's, nor a stored one, nor a row.
    ProfileMissing,
    /// The profile names no classifier, so no segments can be found.
    ClassifierMissing,
    /// A plugin of the profile has no row.
    PluginMissing,
    /// A plugin declares no output attributes.
    OutputAttributesMissing,
    /// A model of the profile has no row.
    ModelMissing,
    /// A segment row has no end: left out.
    SegmentWithoutEnd,
    /// The replay request lacks a field that MRE requires.
    RequestFieldMissing,
    /// The optimizer did not run for the replay's track: the segment was matched by its start.
    OptimizerTrackMissing,
    /// A replay result matches no segment: left out.
    ResultUnmatched,
    /// A second replay result matches the same segment: left out.
    ResultRepeated,
    /// The stored replay results, or one of them, cannot be read: left out.
    ResultUnreadable,
    /// There is no stored event export to build the replay's on: built from the tables.
    StoredExportMissing,
    /// The stored event export cannot be read: built from the tables.
    StoredExportUnreadable,
    /// The only profile there is bears another name than the event's.
    ProfileNameDiffers,
    /// Segments name an audio track whose feedback was not looked up, as neither the event nor its first segments do.
    TrackNotListed,
    /// The replay was made of clips by time: its segments are those clips.
    SegmentsFromTimestamps,
    /// The times of a segment hold no frame: no edit and no cue.
    SegmentWithoutFrames,
    /// The labels of an edit pass midnight: it is split there.
    TimecodeWrapped,
    /// The edit list has more than 999 edits.
    EdlOver999,
    /// The replay's video has transitions, which the times of the cues do not count.
    TransitionsNotCounted,
    /// A value has a type that its place in the document does not allow: left out.
    ValueOfOtherType,
}

impl ExportWarning {
    /// The stable code shown to clients.
    pub fn code(self) -> &'static str {
        match self {
            Self::AudioTracksMissing => "audio-tracks-missing",
            Self::StartMissing => "start-missing",
            Self::IdMissing => "id-missing",
            Self::ProfileMissing => "profile-missing",
            Self::ClassifierMissing => "classifier-missing",
            Self::PluginMissing => "plugin-missing",
            Self::OutputAttributesMissing => "output-attributes-missing",
            Self::ModelMissing => "model-missing",
            Self::SegmentWithoutEnd => "segment-without-end",
            Self::RequestFieldMissing => "request-field-missing",
            Self::OptimizerTrackMissing => "optimizer-track-missing",
            Self::ResultUnmatched => "result-unmatched",
            Self::ResultRepeated => "result-repeated",
            Self::ResultUnreadable => "result-unreadable",
            Self::StoredExportMissing => "stored-export-missing",
            Self::StoredExportUnreadable => "stored-export-unreadable",
            Self::ProfileNameDiffers => "profile-name-differs",
            Self::TrackNotListed => "track-not-listed",
            Self::SegmentsFromTimestamps => "segments-from-timestamps",
            Self::SegmentWithoutFrames => "segment-without-frames",
            Self::TimecodeWrapped => "timecode-wrapped",
            Self::EdlOver999 => "edl-over-999",
            Self::TransitionsNotCounted => "transitions-not-counted",
            Self::ValueOfOtherType => "value-of-other-type",
        }
    }
}

/// The leniencies of one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings {
    counts: BTreeMap<ExportWarning, u64>,
}

impl Warnings {
    /// Counts one more.
    pub fn add(&mut self, warning: ExportWarning) {
        *self.counts.entry(warning).or_default() += 1;
    }

    /// Sees to it that `warning` is counted, if there is one.
    pub fn raise(&mut self, warning: Option<ExportWarning>) {
        if let Some(warning) = warning {
            self.counts.entry(warning).or_insert(1);
        }
    }

    /// Counts one more if `missing`.
    pub fn add_if(&mut self, missing: bool, warning: ExportWarning) {
        if missing {
            self.add(warning);
        }
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (warning, count) in other.iter() {
            *self.counts.entry(warning).or_default() += count;
        }
    }

    /// The number of occurrences.
    pub fn count(&self, warning: ExportWarning) -> u64 {
        self.counts.get(&warning).copied().unwrap_or(0)
    }

    /// Each that occurred, with its count, for one log line.
    pub fn iter(&self) -> impl Iterator<Item = (ExportWarning, u64)> + '_ {
        self.counts.iter().map(|(warning, count)| (*warning, *count))
    }

    /// The codes for `X-Export-Warnings`; `None` when there are none.
    pub fn header(&self) -> Option<String> {
        let codes: Vec<&str> = self.counts.keys().map(|warning| warning.code()).collect();
        (!codes.is_empty()).then(|| codes.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_lists_each_code_once() {
        let mut warnings = Warnings::default();
        assert_eq!(warnings.header(), None);
        warnings.add(ExportWarning::PluginMissing);
        warnings.add(ExportWarning::PluginMissing);
        warnings.add_if(true, ExportWarning::StartMissing);
        warnings.add_if(false, ExportWarning::IdMissing);
        assert_eq!(warnings.header().as_deref(), Some("start-missing, plugin-missing"));
        assert_eq!(
            warnings.iter().collect::<Vec<_>>(),
            [(ExportWarning::StartMissing, 1), (ExportWarning::PluginMissing, 2)]
        );
    }
}
