//! The media of a part of a recording: the places of its segments, and when they are shown. Of a DASH recording no segment
//! is read; of HLS one for each section, since only that has time stamps.

use crate::Source;
use crate::error::Error;
use crate::source::{Reader, Track, place, place_of};
use crate::video::PeriodVideo;
use export_media::fmp4::TrackKind;
use export_media::mpd::{Mpd, Period, Representation};
use export_media::playlist::MediaPlace;
use export_media::select::{choose, pictures};
use export_media::time::Nanos;
use std::sync::Arc;

/// Representations of a picture that are tried one after the other.
const MOST_CANDIDATES: usize = 2;
/// Audio tracks of a Period.
const MOST_AUDIO: usize = 8;

/// The part of a Period that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FootagePart {
    /// The Period's start on the presentation's clock.
    pub start: Nanos,
    /// Its end; `None` for the last one of a recording that grows.
    pub end: Option<Nanos>,
    /// The picture, if there is one that can be read, and then the audio.
    pub tracks: Vec<FootageTrack>,
}

/// A track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FootageTrack {
    /// `true` for the picture, which may have the audio in the same segments.
    pub is_picture: bool,
    /// RFC 6381 list of the manifest, possibly empty.
    pub codecs: String,
    /// The language as the manifest writes it.
    pub language: Option<String>,
    /// The label.
    pub label: Option<String>,
    /// Segments are MPEG transport streams.
    pub is_transport: bool,
    /// The init segment; `None` if segments describe themselves.
    pub init: Option<MediaPlace>,
    /// The instant of time stamp zero of the media, on the presentation's clock.
    pub shift: Nanos,
    /// The segments that share time with what is asked for, in their order.
    pub segments: Vec<FootageSegment>,
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FootageSegment {
    /// Its start on the presentation's clock, by the manifest.
    pub start: Nanos,
    /// Its end.
    pub end: Nanos,
    /// The place of its bytes.
    pub place: MediaPlace,
}

/// The media of `[from, until)`: in each track no more than `most` segments.
pub(crate) async fn footage<S: Source>(
    reader: &Reader<S>,
    mpd: &mut Mpd,
    (from, until): (Nanos, Nanos),
    most: usize,
) -> Result<Vec<FootagePart>, Error> {
    place(reader, mpd, (from, until), None).await?;
    let mut parts = Vec::new();
    for period in &mpd.periods {
        let end = period.duration.map(|length| period.start + length);
        let window = (from.max(period.start), end.map_or(until, |end| end.min(until)));
        if window.0 < window.1 {
            let tracks = tracks(reader, period, window, most).await?;
            parts.push(FootagePart { start: period.start, end, tracks });
        }
    }
    Ok(parts)
}

/// The pictures of a Period that are tried, the best one first.
pub(crate) fn first_pictures(period: &Period) -> Vec<Representation> {
    pictures(period, None).into_iter().take(MOST_CANDIDATES).cloned().collect()
}

async fn tracks<S: Source>(
    reader: &Reader<S>,
    period: &Period,
    window: (Nanos, Nanos),
    most: usize,
) -> Result<Vec<FootageTrack>, Error> {
    let (from, until) = window;
    let candidates = first_pictures(period);
    let part = PeriodVideo { candidates, from, until, starts_period: false, ends_period: false };
    let mut found = Vec::new();
    if let Some(track) = readable(part.open(reader).await)?.flatten().filter(|track| track.has_segments()) {
        found.push(described(&track, true, window, most)?);
    }
    for representation in choose(period, None).audio.into_iter().take(MOST_AUDIO) {
        let opened = Track::open(reader, representation, TrackKind::Audio, window).await;
        if let Some(track) = readable(opened)?.flatten().filter(Track::has_segments) {
            found.push(described(&Arc::new(track), false, window, most)?);
        }
    }
    Ok(found)
}

/// Leaves out a track that cannot be read; a source that does not answer is an error.
fn readable<T>(opened: Result<T, Error>) -> Result<Option<T>, Error> {
    match opened {
        Ok(track) => Ok(Some(track)),
        Err(Error::GivenUp(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

fn described(
    track: &Track,
    is_picture: bool,
    (from, until): (Nanos, Nanos),
    most: usize,
) -> Result<FootageTrack, Error> {
    let mut segments = Vec::new();
    let mut position = track.index_at(from);
    while segments.len() < most
        && let Some(segment) = track.segment(position)?
    {
        let (start, end) = track.span(&segment);
        if start >= until {
            break;
        }
        if end > from {
            segments.push(FootageSegment { start, end, place: place_of(&segment.resource) });
        }
        position = position.saturating_add(1);
    }
    Ok(FootageTrack {
        is_picture,
        codecs: track.codecs().to_owned(),
        language: track.language_tag().map(str::to_owned),
        label: track.label().map(str::to_owned),
        is_transport: track.is_transport(),
        init: track.init_place()?,
        shift: track.shift(),
        segments,
    })
}
