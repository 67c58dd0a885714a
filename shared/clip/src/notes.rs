//! Warnings about a clip, collected while it is made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// The kind of a warning: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningCode {
    /// Segments that exist but cannot be read were treated as missing.
    SegmentsLeftOut,
    /// Pictures that cannot be decoded, or that are shown a second time, were left out.
    PicturesLeftOut,
    /// Pictures may be shown wrong, because slices of theirs, or pictures that they refer to, are missing.
    PicturesDamaged,
    /// Pictures of another size were scaled to the clip's size.
    PicturesScaled,
    /// Pictures that are to be shown in another way than the clip, such as turned or in other colours, were converted.
    PicturesConverted,
    /// Metadata of the recorded pictures, such as captions or HDR data, could not be kept in the encoded pictures.
    MetadataLeftOut,
    /// An audio track, or a part of one, was left out because it cannot be read or the container cannot carry it.
    AudioLeftOut,
    /// Audio was encoded anew, because the container or a change of format does not allow a copy.
    AudioEncoded,
    /// Audio tracks of several Periods were matched by their position, because nothing else identifies them.
    TracksMatchedByPosition,
    /// Rates, durations or times in the manifest or in the boxes contradict the media and were corrected.
    RatesCorrected,
    /// `StartTime` names another instant than `StartPos`, which counts.
    StartTimeDiffers,
    /// A window of a reel has nothing that can be shown, and was left out.
    WindowsLeftOut,
}

impl WarningCode {
    const ALL: [Self; 12] = [
        Self::SegmentsLeftOut,
        Self::PicturesLeftOut,
        Self::PicturesDamaged,
        Self::PicturesScaled,
        Self::PicturesConverted,
        Self::MetadataLeftOut,
        Self::AudioLeftOut,
        Self::AudioEncoded,
        Self::TracksMatchedByPosition,
        Self::RatesCorrected,
        Self::StartTimeDiffers,
        Self::WindowsLeftOut,
    ];

    /// Its name in stored objects.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SegmentsLeftOut => "segments_left_out",
            Self::PicturesLeftOut => "pictures_left_out",
            Self::PicturesDamaged => "pictures_damaged",
            Self::PicturesScaled => "pictures_scaled",
            Self::PicturesConverted => "pictures_converted",
            Self::MetadataLeftOut => "metadata_left_out",
            Self::AudioLeftOut => "audio_left_out",
            Self::AudioEncoded => "audio_encoded",
            Self::TracksMatchedByPosition => "tracks_matched_by_position",
            Self::RatesCorrected => "rates_corrected",
            Self::StartTimeDiffers => "start_time_differs",
            Self::WindowsLeftOut => "windows_left_out",
        }
    }

    /// The one with that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

/// A part that was left out of a clip, or corrected in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The kind.
    pub code: WarningCode,
    /// The number of occurrences, at least 1.
    pub count: u32,
    /// The first occurrence: which segment, track or box, and what is wrong with it.
    pub detail: String,
}

/// Occurrences of one kind that are told apart; later ones are not counted.
const MOST: usize = 10_000;

/// Collects the warnings of one attempt. An occurrence that is reported again, by another reader or in a second
/// rendering of the same clip, counts once.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<BTreeMap<WarningCode, Occurrences>>);

#[derive(Debug)]
struct Occurrences {
    first: String,
    seen: BTreeSet<String>,
}

impl Notes {
    /// Notes an occurrence; `detail` says which segment, track or box is concerned, and what is wrong with it.
    pub(crate) fn warn(&self, code: WarningCode, detail: impl Into<String>) {
        let detail = detail.into();
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let occurrences =
            notes.entry(code).or_insert_with(|| Occurrences { first: detail.clone(), seen: BTreeSet::new() });
        if occurrences.seen.len() < MOST && occurrences.seen.insert(detail.clone()) {
            tracing::warn!(warning = ?code, detail, "made a clip with a warning");
        }
    }

    /// The warnings so far, one of each kind.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |(code, occurrences): (&WarningCode, &Occurrences)| Warning {
            code: *code,
            count: u32::try_from(occurrences.seen.len()).unwrap_or(u32::MAX),
            detail: occurrences.first.clone(),
        };
        notes.iter().map(warning).collect()
    }

    /// The first part of the recording that was left out of the picture, and why.
    pub(crate) fn left_out(&self) -> Option<String> {
        let left_out = |warning: &Warning| {
            matches!(warning.code, WarningCode::SegmentsLeftOut | WarningCode::PicturesLeftOut)
        };
        self.warnings().into_iter().find(left_out).map(|warning| warning.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_found_by_its_name() {
        assert!(WarningCode::ALL.into_iter().all(|code| WarningCode::named(code.name()) == Some(code)));
    }

    #[test]
    fn an_occurrence_counts_once_and_the_first_one_is_the_detail() {
        let notes = Notes::default();
        for detail in ["segment 7: cut off", "segment 3: cut off", "segment 7: cut off"] {
            notes.warn(WarningCode::SegmentsLeftOut, detail);
        }
        let expected =
            Warning { code: WarningCode::SegmentsLeftOut, count: 2, detail: "segment 7: cut off".into() };
        assert_eq!(notes.warnings(), [expected]);
    }
}
