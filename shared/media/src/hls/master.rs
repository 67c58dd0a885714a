//! Playlists of variants (RFC 8216, 4.3.4).

use super::attributes::AttributeList;
use super::lines::Line;
use crate::mpd::{FrameRate, MpdError, frame_rate, join};
use crate::nal::VideoCodec;
use crate::select::{has_picture, rank};

/// The most variants, and the most renditions.
const MAX_ENTRIES: usize = 256;

/// Codings of the same recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Master {
    /// `EXT-X-STREAM-INF`, in document order.
    pub variants: Vec<Variant>,
    /// `EXT-X-MEDIA` of audio with a playlist of its own, in document order.
    pub audio: Vec<Rendition>,
}

/// A coding of the picture, perhaps with audio in the same segments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variant {
    /// Its playlist in the recording's directory.
    pub path: String,
    /// `BANDWIDTH`, in bits a second.
    pub bandwidth: u64,
    /// `CODECS`, possibly empty.
    pub codecs: String,
    /// `RESOLUTION`, in pixels.
    pub size: Option<(u32, u32)>,
    /// `FRAME-RATE`.
    pub frame_rate: Option<FrameRate>,
    /// `AUDIO`: the group of its audio renditions.
    pub audio_group: Option<String>,
}

/// Audio in segments of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendition {
    /// Its playlist in the recording's directory.
    pub path: String,
    /// `GROUP-ID`.
    pub group: String,
    /// `NAME`.
    pub name: String,
    /// `LANGUAGE`.
    pub language: Option<String>,
    /// `DEFAULT=YES`.
    pub is_default: bool,
}

impl Master {
    /// The variant that clips are made of: as of the Representations of a Period, the largest picture, then the codec
    /// that is wanted anyway, then the bandwidth. Without a picture, the best audio.
    pub fn choose(&self, wanted: Option<VideoCodec>) -> Option<&Variant> {
        let area = |found: &Variant| found.size.map_or(0, |(w, h)| u64::from(w) * u64::from(h));
        self.variants.iter().min_by_key(|found| {
            let has_picture = found.size.is_some() || has_picture(&found.codecs);
            (!has_picture, rank(&found.codecs, area(found), found.bandwidth, wanted))
        })
    }

    /// Another playlist of the same coding as `chosen`: a second encoder's, which may go on when the first one stops.
    pub fn twin(&self, chosen: &Variant) -> Option<&Variant> {
        let same = |found: &&Variant| {
            found.path != chosen.path
                && (found.size, found.bandwidth, found.frame_rate)
                    == (chosen.size, chosen.bandwidth, chosen.frame_rate)
                && found.codecs == chosen.codecs
        };
        self.variants.iter().find(same)
    }

    /// The audio renditions of `variant`: of each group that a variant with the same playlist names, each playlist once,
    /// the default ones first.
    pub fn audio_of(&self, variant: &Variant) -> Vec<&Rendition> {
        let same = self.variants.iter().filter(|other| other.path == variant.path);
        let groups: Vec<&str> = same.filter_map(|other| other.audio_group.as_deref()).collect();
        let mut found: Vec<&Rendition> = Vec::new();
        for rendition in self.audio.iter().filter(|rendition| groups.contains(&rendition.group.as_str())) {
            if !found.iter().any(|other| other.path == rendition.path) {
                found.push(rendition);
            }
        }
        found.sort_by_key(|rendition| !rendition.is_default);
        found
    }
}

pub(super) fn read(lines: &[Line<'_>], path: &str) -> Result<Master, MpdError> {
    let mut master = Master::default();
    let mut pending = None;
    for line in lines {
        if let Some(value) = line.tag("#EXT-X-STREAM-INF") {
            pending = Some(variant(&AttributeList::read(value)?));
        } else if let Some(value) = line.tag("#EXT-X-MEDIA") {
            master.audio.extend(rendition(&AttributeList::read(value)?, path)?);
        } else if let Some(reference) = line.reference()
            && let Some(found) = pending.take()
        {
            master.variants.push(Variant { path: join(path, reference)?, ..found });
        }
        if master.variants.len().max(master.audio.len()) > MAX_ENTRIES {
            return Err(MpdError::TooMany("variants or renditions"));
        }
    }
    Ok(master)
}

fn variant(attributes: &AttributeList<'_>) -> Variant {
    let size = attributes.get("RESOLUTION").and_then(|value| value.split_once(['x', 'X']));
    Variant {
        path: String::new(),
        bandwidth: attributes.number("BANDWIDTH").max(attributes.number("AVERAGE-BANDWIDTH")),
        codecs: attributes.get("CODECS").unwrap_or_default().to_owned(),
        size: size.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?))),
        frame_rate: attributes.get("FRAME-RATE").and_then(frame_rate),
        audio_group: attributes.get("AUDIO").map(str::to_owned),
    }
}

/// `None` for what is no audio, or lies in the segments of the variants.
fn rendition(attributes: &AttributeList<'_>, path: &str) -> Result<Option<Rendition>, MpdError> {
    let Some(reference) = attributes.get("URI").filter(|_| attributes.get("TYPE") == Some("AUDIO")) else {
        return Ok(None);
    };
    Ok(Some(Rendition {
        path: join(path, reference)?,
        group: attributes.get("GROUP-ID").unwrap_or_default().to_owned(),
        name: attributes.get("NAME").unwrap_or_default().to_owned(),
        language: attributes.get("LANGUAGE").map(str::to_owned),
        is_default: attributes.get("DEFAULT") == Some("YES"),
    }))
}
