//! A window by whole segments of its recording: what can be played before the clip's ends are made.
//!
//! It follows from the manifest and the init segments. Of segments only those at a live edge are looked for.

use crate::Source;
use crate::error::Error;
use crate::listed::NoPlaylist;
use crate::playlist::{MediaTime, check, described_by, is_alone};
use crate::recording::{Recording, Selection};
use crate::source::{Reader, Track, place_of};
use export_media::extent::DECLARED_HOLE;
use export_media::fmp4::TrackKind;
use export_media::mpd::Segment;
use export_media::playlist::{JoinError, ListedSegment, Playlist, PlaylistTrack, WholeSegments, codecs};
use export_media::time::Nanos;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most segments of a track.
const SEGMENTS_MOST: usize = 20_000;

/// Why a window is not listed by whole segments.
#[derive(Debug, thiserror::Error)]
pub enum NoSegments {
    /// The clip cannot be played in this way.
    #[error(transparent)]
    Refused(#[from] NoPlaylist),
    /// The recording cannot be read, as when the clip is made.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl From<JoinError> for NoSegments {
    fn from(error: JoinError) -> Self {
        Self::Refused(error.into())
    }
}

/// The stored segments that share time with the window of `selection`. Nothing is listed yet of a window that has not begun.
///
/// # Errors
/// [`NoSegments`].
pub async fn whole_segments<S: Source>(
    source: Arc<S>,
    selection: &Selection,
) -> Result<WholeSegments, NoSegments> {
    let recording = Recording::open(source, selection).await?;
    let audio = recording.audio_of_one_period().await?;
    recording.listed_whole(recording.parts(&audio)?).await
}

/// The tracks of a window that lies in one Period.
pub(crate) struct WindowTracks<'a> {
    video: &'a Track,
    audio: Vec<&'a Track>,
}

impl<O: Source> Recording<O> {
    /// Finds why the window cannot be shown by whole segments, without reading anything.
    pub(crate) fn check_whole(&self, audio: &[Arc<Track>]) -> Result<(), NoSegments> {
        let WindowTracks { video, audio } = self.parts(audio)?;
        let (from, until) = (self.window.start, self.window.end);
        for track in std::iter::once(video).chain(audio) {
            segments(track, (from, until), until)?;
        }
        Ok(())
    }

    /// The tracks, if players take their segments as they are.
    fn parts<'a>(&'a self, audio: &'a [Arc<Track>]) -> Result<WindowTracks<'a>, NoPlaylist> {
        let video = self.track.as_deref().ok_or(JoinError::Empty)?;
        if self.video.len() > 1 {
            return Err(NoPlaylist::Periods);
        }
        check(video)?;
        let mut recorded = video.configs.iter().flatten().map(|config| config.codec);
        if self.codec_asked().is_some_and(|asked| recorded.any(|codec| codec != asked)) {
            return Err(NoPlaylist::Encoded);
        }
        let audio: Vec<&Track> = audio.iter().map(AsRef::as_ref).collect();
        if audio.iter().all(|track| is_alone(track)) {
            Ok(WindowTracks { video, audio })
        } else {
            Err(NoPlaylist::Multiplexed)
        }
    }

    async fn listed_whole(&self, tracks: WindowTracks<'_>) -> Result<WholeSegments, NoSegments> {
        let WindowTracks { video, audio } = tracks;
        let (start, end) = (self.window.start, self.window.end);
        let (until, mut grows) = self.stored_until(video).await?;
        let shown = segments(video, (start, end), until)?;
        // Audio begins where the pictures do.
        let from = shown.first().map_or(start, |first| video.span(first).0);
        let zero = video.timeline.first_tick_at_or_after(from);
        let clock = MediaTime { ticks: zero, timescale: video.timeline.timescale().get() };
        let mut sound = Vec::new();
        for track in audio {
            let zero = begin(track, from, clock)?;
            let (until, more) = self.stored_until(track).await?;
            grows |= more;
            sound.push(listed(&self.reader, track, zero, segments(track, (from, end), until)?).await?);
        }
        let video = listed(&self.reader, video, zero, shown).await?;
        let playlist = Playlist { video, audio: sound, contents: BTreeMap::new() };
        Ok(WholeSegments { playlist, lead: (start - from).max(Nanos::ZERO), grows })
    }
}

/// The tick at which an audio track starts with the pictures, whose media time is `clock` there.
fn begin(track: &Track, from: Nanos, clock: MediaTime) -> Result<i64, NoPlaylist> {
    let ticks = track.timeline.last_tick_at_or_before(from);
    let own = MediaTime { ticks, timescale: track.timeline.timescale().get() };
    if own.is_far_from(clock) {
        return Err(NoPlaylist::Audio("its media time is not that of the pictures".to_owned()));
    }
    Ok(ticks)
}

/// The segments of a track that share time with `[from, end)`; of one that is stored up to `until`, no part behind that.
fn segments(track: &Track, (from, end): (Nanos, Nanos), until: Nanos) -> Result<Vec<Segment>, NoSegments> {
    let (mut found, mut before) = (Vec::new(), None);
    let mut position = track.index_at(from);
    while let Some(segment) = track.segment(position)? {
        position = position.saturating_add(1);
        let (start, ends) = track.span(&segment);
        if start >= end || (until < end && ends > until) {
            break;
        }
        if before.is_some_and(|before| start - before > DECLARED_HOLE) {
            return Err(NoPlaylist::Hole.into());
        }
        if found.len() == SEGMENTS_MOST {
            return Err(NoPlaylist::Sets("there are too many segments".to_owned()).into());
        }
        before = Some(ends);
        if ends > from {
            found.push(segment);
        }
    }
    Ok(found)
}

/// A track of these segments, whose clip starts at the tick `zero`.
async fn listed<O: Source>(
    reader: &Reader<O>,
    track: &Track,
    zero: i64,
    found: Vec<Segment>,
) -> Result<PlaylistTrack, NoSegments> {
    let init = place_of(&track.init_resource()?);
    if track.is_one_file() && init.range().is_none() {
        return Err(NoPlaylist::Sets("nothing says where the init segment ends".to_owned()).into());
    }
    let mut segments: Vec<ListedSegment> = Vec::with_capacity(found.len());
    for segment in found {
        let place = place_of(&track.stored_as(reader, &segment).await?);
        let (start, end) = track.span(&segment);
        let [time, end] = [start, end].map(|at| track.timeline.first_tick_at_or_after(at));
        // Whatever follows: what is listed once must stay.
        segments.push(ListedSegment { place, time, duration: end.saturating_sub(time).max(1) });
    }
    let entry = track.init.sample_entries.first();
    let codecs = entry.and_then(codecs).unwrap_or_else(|| track.codecs().to_owned());
    let size = entry.map(|entry| (entry.width, entry.height)).filter(|(width, _)| *width > 0);
    // A picture that decoding starts with may be followed by some that need earlier ones.
    let independent = track.init.kind == TrackKind::Audio;
    Ok(PlaylistTrack { codecs, zero, size, independent, init, segments, ..described_by(track) })
}
