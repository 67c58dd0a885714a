//! Events and segments as their rows say, before any view.

use crate::attr::{Attr, Row, track_name};
use crate::keys::EventKey;
use crate::number;
use crate::outputs::Outputs;
use crate::replay::TimedClip;
use crate::warnings::ExportWarning;

/// The part of an Event row that the documents show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's names.
    pub key: EventKey,
    /// The id, part of the export's object key.
    pub id: Option<Attr>,
    /// ISO time of the start.
    pub start: Option<Attr>,
    /// Audio track numbers, or their texts.
    pub audio_tracks: Option<Attr>,
    /// The source of the timecode.
    pub timecode_source: Option<Attr>,
    /// Frames in a second, as MRE rounded them.
    pub frame_rate: Option<String>,
    /// The operator's id of the program.
    pub program_id: Option<Attr>,
    /// Free metadata.
    pub source_video_metadata: Option<Attr>,
    /// Name of the Profile row.
    pub profile: Option<String>,
    /// The place of the last event export.
    pub export_location: Option<String>,
}

impl Event {
    /// Takes the event out of its row.
    pub fn from_row(key: EventKey, mut row: Row) -> Self {
        let text = |value: Option<Attr>| value.as_ref().and_then(Attr::as_str).map(str::to_owned);
        let number = |value: Option<Attr>| match value {
            Some(Attr::S(text) | Attr::N(text)) => Some(text),
            _ => None,
        };
        Self {
            key,
            id: row.remove("Id"),
            start: row.remove("Start"),
            audio_tracks: row.remove("AudioTracks"),
            timecode_source: row.remove("TimecodeSource"),
            frame_rate: number(row.remove("FrameRate")),
            program_id: row.remove("ProgramId"),
            source_video_metadata: row.remove("SourceVideoMetadata"),
            profile: text(row.remove("Profile")),
            export_location: text(row.remove("EventDataExportLocation")),
        }
    }

    /// The id, if it is a text.
    pub fn id_text(&self) -> Option<&str> {
        self.id.as_ref().and_then(Attr::as_str)
    }

    /// The tracks by which feedback is filed, each once; track 1 while the tracks are unknown.
    pub fn track_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for track in self.audio_tracks.as_ref().map(Attr::items).unwrap_or_default() {
            if let Some(name) = track_name(track)
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        if names.is_empty() { vec!["1".to_owned()] } else { names }
    }
}

/// The part of a segment that the documents show: a row of the classifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassifiedSegment {
    /// Start in seconds, as number text; the row's sort key.
    pub start: String,
    /// End in seconds.
    pub end: Attr,
    /// Hours since the event's start, counted from 1.
    pub hour_elapsed: Option<Attr>,
    /// Optimized start in seconds, by track.
    pub opto_start: Option<Attr>,
    /// Optimized end in seconds, by track.
    pub opto_end: Option<Attr>,
    /// Optimized clips, by track.
    pub optimized_clips: Option<Attr>,
    /// Original clips, by track.
    pub original_clips: Option<Attr>,
    /// Picture of the original clip.
    pub original_thumbnail: Option<Attr>,
    /// Picture of the optimized clip.
    pub optimized_thumbnail: Option<Attr>,
    /// Output attributes found, as places in [`Outputs::unique`], ascending.
    pub features: Vec<usize>,
}

impl ClassifiedSegment {
    /// The attributes a segment is made of, beside the output attributes.
    pub const ATTRIBUTES: [&str; 9] = [
        "Start",
        "End",
        "HourElapsed",
        "OptoStart",
        "OptoEnd",
        "OptimizedClipLocation",
        "OriginalClipLocation",
        "OriginalThumbnailLocation",
        "OptimizedThumbnailLocation",
    ];

    /// Those that are maps by audio track.
    pub const BY_TRACK: [&str; 4] = ["OptoStart", "OptoEnd", "OptimizedClipLocation", "OriginalClipLocation"];

    /// Takes a segment out of its row. An output attribute may bear the name of any other.
    ///
    /// # Errors
    /// A row without an end is no segment: an update of a start that does not exist created it.
    pub fn from_row(row: Row, outputs: &Outputs) -> Result<Self, ExportWarning> {
        let mut values: [Option<Attr>; 9] = Default::default();
        let mut features = Vec::new();
        for (name, value) in row {
            if value.is_truthy() {
                features.extend(outputs.place(&name));
            }
            let known = Self::ATTRIBUTES.iter().zip(&mut values).find(|(known, _)| **known == name);
            if let Some((_, place)) = known {
                *place = Some(value);
            }
        }
        features.sort_unstable();
        let [
            start,
            end,
            hour_elapsed,
            opto_start,
            opto_end,
            optimized_clips,
            original_clips,
            thumbnails @ ..,
        ] = values;
        let [original_thumbnail, optimized_thumbnail] = thumbnails;
        let Some(Attr::N(start)) = start.filter(is_number) else {
            return Err(ExportWarning::ValueOfOtherType);
        };
        Ok(Self {
            start,
            end: end.ok_or(ExportWarning::SegmentWithoutEnd)?,
            hour_elapsed,
            opto_start,
            opto_end,
            optimized_clips,
            original_clips,
            original_thumbnail,
            optimized_thumbnail,
            features,
        })
    }

    /// A segment that is nothing but a stretch of time.
    pub fn of_time(clip: &TimedClip) -> Self {
        Self {
            start: clip.start.clone(),
            end: Attr::N(clip.end.clone()),
            hour_elapsed: None,
            opto_start: None,
            opto_end: None,
            optimized_clips: None,
            original_clips: None,
            original_thumbnail: None,
            optimized_thumbnail: None,
            features: Vec::new(),
        }
    }

    /// The audio tracks that the segment's maps name; a track may come more than once.
    pub fn tracks(&self) -> impl Iterator<Item = &str> {
        let maps = [&self.opto_start, &self.opto_end, &self.optimized_clips, &self.original_clips];
        maps.into_iter()
            .filter_map(|map| map.as_ref()?.as_map())
            .flat_map(|map| map.keys().map(String::as_str))
    }

    /// The optimized start for `track`, as number text.
    pub fn opto_start_of(&self, track: &str) -> Option<&str> {
        of_track(self.opto_start.as_ref(), track)?.as_number()
    }
}

/// The value that a map by audio track has for `track`.
pub fn of_track<'a>(map: Option<&'a Attr>, track: &str) -> Option<&'a Attr> {
    map?.as_map()?.get(track)
}

fn is_number(value: &Attr) -> bool {
    value.as_number().and_then(number::plain).is_some()
}
