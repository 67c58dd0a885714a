//! Replay requests and their results as stored, before any view.

use crate::attr::{Attr, Row, track_name};
use crate::json::Json;
use crate::keys::ReplayKey;
use crate::number::number_key;
use crate::warnings::{ExportWarning, Warnings};

/// The part of a `ReplayRequest` row that the documents show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRequest {
    /// The replay's id.
    pub id: String,
    /// The audio track the replay was made for.
    pub audio_track: Option<Attr>,
    /// Present when the replay has a wanted duration.
    pub duration: Option<DurationLimit>,
    /// The selected features in order; `None` when the request has no such list.
    pub clips: Option<Vec<Row>>,
    /// The clips that the replay is made of, if it was made of clips by time, in order.
    pub timed: Vec<TimedClip>,
    /// `true` if features are included or excluded rather than weighted.
    pub by_inclusion: Option<bool>,
    /// `true` if an MP4 file is made.
    pub create_mp4: Option<bool>,
    /// `true` if an HLS stream is made.
    pub create_hls: Option<bool>,
    /// Wanted resolutions.
    pub resolutions: Option<Attr>,
    /// `true` if the replay grows while the event runs.
    pub catchup: Option<bool>,
    /// Picture of the HLS stream; `-` while pending.
    pub hls_thumbnail: Option<Attr>,
    /// The HLS stream; `-` while pending.
    pub hls_location: Option<Attr>,
    /// MP4 files by resolution.
    pub mp4_location: Option<Attr>,
    /// MP4 pictures by resolution.
    pub mp4_thumbnail: Option<Attr>,
    /// Name of the transition between the segments of its video.
    pub transition: Option<Attr>,
}

/// A clip by time, of the event's recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedClip {
    /// Start in seconds, as number text.
    pub start: String,
    /// End in seconds, as number text.
    pub end: String,
}

/// The wanted duration of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationLimit {
    /// Minutes.
    pub duration: Option<Attr>,
    /// `true` if segments are taken evenly over the event.
    pub equal_distribution: Option<bool>,
}

impl ReplayRequest {
    /// Takes the request out of its row and counts the fields that MRE would fail on.
    pub fn from_row(key: &ReplayKey, mut row: Row, warnings: &mut Warnings) -> Self {
        let flag = |value: Option<Attr>| value.as_ref().map(Attr::is_truthy);
        let (clips, timed) = sorted_out(clips(&row, warnings), warnings);
        let request = Self {
            id: key.id.clone(),
            audio_track: row.remove("AudioTrack"),
            duration: row.get("DurationbasedSummarization").and_then(Attr::as_map).map(|limit| {
                DurationLimit {
                    duration: limit.get("Duration").cloned(),
                    equal_distribution: limit.get("EqualDistribution").map(Attr::is_truthy),
                }
            }),
            clips,
            timed,
            by_inclusion: flag(row.remove("ClipfeaturebasedSummarization")),
            create_mp4: flag(row.remove("CreateMp4")),
            create_hls: flag(row.remove("CreateHls")),
            resolutions: row.remove("Resolutions"),
            catchup: flag(row.remove("Catchup")),
            hls_thumbnail: row.remove("HlsThumbnailLoc"),
            hls_location: row.remove("HlsLocation"),
            mp4_location: row.remove("Mp4Location"),
            mp4_thumbnail: row.remove("Mp4ThumbnailLocation"),
            transition: row.remove("TransitionName"),
        };
        for missing in request.missing() {
            warnings.add_if(missing, ExportWarning::RequestFieldMissing);
        }
        request
    }

    fn missing(&self) -> Vec<bool> {
        let mut missing = vec![
            self.audio_track.is_none(),
            self.clips.is_none(),
            self.by_inclusion.is_none() && self.clips.as_ref().is_some_and(|clips| !clips.is_empty()),
            self.create_mp4.is_none(),
            self.create_hls.is_none(),
            self.resolutions.is_none(),
            self.catchup.is_none(),
            self.duration.as_ref().is_some_and(|limit| limit.duration.is_none()),
            self.duration.as_ref().is_some_and(|limit| limit.equal_distribution.is_none()),
            self.create_hls == Some(true) && (self.hls_location.is_none() || self.hls_thumbnail.is_none()),
            self.create_mp4 == Some(true) && (self.mp4_location.is_none() || self.mp4_thumbnail.is_none()),
        ];
        let choice = self.choice_field();
        // A clip by time needs no feature.
        for clip in self.clips.iter().filter(|_| self.timed.is_empty()).flatten() {
            missing.extend(["AttribName", "AttribValue", choice].map(|name| !clip.contains_key(name)));
        }
        missing
    }

    /// The field of a selected feature that says how it counts.
    pub fn choice_field(&self) -> &'static str {
        if self.by_inclusion == Some(true) { "Include" } else { "Weight" }
    }

    /// Returns `true` if its video has transitions between the segments, which take time of their own.
    pub fn has_transitions(&self) -> bool {
        let name = self.transition.as_ref().and_then(Attr::as_str).unwrap_or_default();
        !matches!(name, "" | "None")
    }

    /// The replay's track as it occurs as a map key.
    pub fn track(&self) -> Option<String> {
        self.audio_track.as_ref().and_then(track_name)
    }

    /// Adds presigned URLs to the MP4 locations of their resolutions, after what the table says.
    pub fn with_previews(&self, urls: &[(String, String)]) -> Option<Json> {
        let mut location = self.mp4_location.as_ref()?.to_json();
        for (resolution, url) in urls {
            if let Json::Object(members) = &mut location
                && let Some((_, entry)) = members.iter_mut().find(|(name, _)| name == resolution)
            {
                entry.set("PreviewVideoUrl", url.as_str().into());
            }
        }
        Some(location)
    }

    /// The first MP4 clip of each resolution, which MRE presigns.
    pub fn preview_clips(&self) -> Vec<(String, String)> {
        let resolutions = self.mp4_location.as_ref().and_then(Attr::as_map).into_iter().flatten();
        let first =
            |entry: &Attr| entry.as_map()?.get("ReplayClips")?.items().first()?.as_str().map(str::to_owned);
        resolutions.filter_map(|(name, entry)| Some((name.clone(), first(entry)?))).collect()
    }
}

fn clips(row: &Row, warnings: &mut Warnings) -> Option<Vec<Row>> {
    let Attr::L(clips) = row.get("Priorities")?.as_map()?.get("Clips")? else { return None };
    let maps: Vec<Row> = clips.iter().filter_map(Attr::as_map).cloned().collect();
    warnings.add_if(maps.len() < clips.len(), ExportWarning::ValueOfOtherType);
    Some(maps)
}

/// Selected features and clips by time. Among clips by time only those that name an attribute are features.
fn sorted_out(clips: Option<Vec<Row>>, warnings: &mut Warnings) -> (Option<Vec<Row>>, Vec<TimedClip>) {
    let is_timed = |clip: &Row| clip.contains_key("StartTime") && clip.contains_key("EndTime");
    if !clips.iter().flatten().any(is_timed) {
        return (clips, Vec::new());
    }
    warnings.raise(Some(ExportWarning::SegmentsFromTimestamps));
    let seconds = |clip: &Row, name| {
        let value = clip.get(name)?;
        number_key(value.as_number().or(value.as_str())?)
    };
    let (mut features, mut timed) = (Vec::new(), Vec::new());
    for clip in clips.into_iter().flatten() {
        match (seconds(&clip, "StartTime"), seconds(&clip, "EndTime")) {
            (Some(start), Some(end)) => timed.push(TimedClip { start, end }),
            _ => warnings.add(ExportWarning::ValueOfOtherType),
        }
        if clip.contains_key("AttribName") {
            features.push(clip);
        }
    }
    (Some(features), timed)
}

/// One segment that a replay chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayResult {
    /// The value that the segment's start must equal.
    pub start: Option<String>,
    /// The value that the segment's optimized start must equal.
    pub opto_start: Option<String>,
    /// `true` if the result carries an optimized start, of whatever type.
    pub is_optimized: bool,
    /// Why the segment was chosen, as stored.
    pub features: Json,
}

/// A feature for which a replay chose a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayFeature<'a> {
    /// The attribute's name, else the feature's.
    pub name: &'a str,
    /// Its weight, as number text.
    pub weight: Option<&'a str>,
}

impl<'a> ReplayFeature<'a> {
    /// Takes the feature out of its JSON.
    pub fn read(feature: &'a Json) -> Self {
        let text = |name| feature.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        Self {
            name: text("AttribName").or_else(|| text("Name")).unwrap_or_default(),
            weight: feature.get("Weight").and_then(Json::as_number),
        }
    }
}

/// The features of a result, without the note that a segment was included by hand, which is not a feature.
pub fn result_features(features: &Json) -> impl Iterator<Item = &Json> {
    features.items().iter().filter(|feature| {
        let is_note = feature.get("Reason").is_some() && feature.get("AttribName").is_none();
        matches!(feature, Json::Object(_)) && !is_note
    })
}

/// Reads the stored results; what cannot be read is counted and left out.
pub fn read_results(text: Option<&str>, warnings: &mut Warnings) -> Vec<ReplayResult> {
    let Some(text) = text else { return Vec::new() };
    let Ok(Json::Array(items)) = Json::parse(text) else {
        warnings.add(ExportWarning::ResultUnreadable);
        return Vec::new();
    };
    let number = |item: &Json, name| item.get(name).and_then(Json::as_number).and_then(number_key);
    let mut results = Vec::with_capacity(items.len());
    for mut item in items {
        let (start, opto_start) = (number(&item, "Start"), number(&item, "OptoStart"));
        let is_optimized = item.get("OptoStart").is_some();
        match item.remove("Features") {
            Some(features) if start.is_some() || opto_start.is_some() => {
                results.push(ReplayResult { start, opto_start, is_optimized, features });
            }
            _ => warnings.add(ExportWarning::ResultUnreadable),
        }
    }
    results
}
