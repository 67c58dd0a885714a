//! Opens the audio of a recording: which tracks each Period has, and which of them are one track of the clip.

use super::recorded::PeriodAudio;
use super::{AudioTrack, Means};
use crate::Source;
use crate::error::Error;
use crate::error::Kind;
use crate::notes::WarningCode;
use crate::source::Track;
use crate::task::Task;
use export_media::audio::{AudioFormat, Identity, match_tracks};
use export_media::fmp4::TrackKind;
use export_media::mpd::{Period, Representation};
use export_media::select::{Choice, choose};
use export_media::time::Nanos;
use std::collections::VecDeque;
use std::sync::Arc;

/// Audio tracks that a clip may have, and Representations of a Period that are opened for them.
const MOST_TRACKS: usize = 32;
/// Representations that are opened at the same time.
const AT_ONCE: usize = 4;

/// A track of the clip as it grows from Period to Period.
struct Growing {
    identity: Identity,
    parts: Vec<PeriodAudio>,
}

/// Opens every audio track of the `periods`, each with the part of the window in it. What cannot be read is left out
/// with a warning.
pub(crate) async fn open_audio<O: Source>(
    means: &Means<'_, O>,
    periods: &[(&Period, Nanos, Nanos)],
) -> Result<Vec<AudioTrack<O>>, Error> {
    let mut wanted: VecDeque<WantedAudio> = VecDeque::new();
    for (n, (period, from, until)) in periods.iter().enumerate() {
        wanted.extend(sources(means, period).into_iter().map(|source| (n, source, (*from, *until))));
    }
    let mut found: Vec<Vec<Arc<Track>>> = vec![Vec::new(); periods.len()];
    let mut opening: VecDeque<TrackOpening> = VecDeque::new();
    loop {
        while opening.len() < AT_ONCE
            && let Some(next) = wanted.pop_front()
        {
            opening.push_back(begin(means, next));
        }
        let Some(TrackOpening { period, name, task }) = opening.pop_front() else { break };
        match task.await? {
            Ok(opened) => {
                found.get_mut(period).into_iter().for_each(|found| found.extend_from_slice(&opened));
            }
            Err(Error::GivenUp(cause)) if cause.kind == Kind::BadRecording => {
                warn(means, &format!("{name}: {}", cause.detail));
            }
            Err(error) => return Err(error),
        }
    }
    let mut tracks: Vec<Growing> = Vec::new();
    for ((_, from, until), found) in periods.iter().zip(found) {
        join(means, &mut tracks, found, (*from, *until));
    }
    let track = |(n, growing): (usize, Growing)| {
        let Growing { identity, parts } = growing;
        let language = identity.language.unwrap_or(*b"und");
        let name = format!("audio track {} ({})", n + 1, String::from_utf8_lossy(&language));
        AudioTrack::new(means, name, language, parts)
    };
    Ok(tracks.into_iter().enumerate().filter_map(track).collect())
}

/// A Representation with audio, the position of its Period, and the part of the window in that.
type WantedAudio = (usize, Representation, (Nanos, Nanos));

/// A Representation's tracks on their way.
struct TrackOpening {
    /// The position of its Period.
    period: usize,
    /// For people.
    name: String,
    task: Task<Result<Vec<Arc<Track>>, Error>>,
}

/// The Representations with the audio of a Period: the first ones in the manifest's order.
fn sources<O: Source>(means: &Means<'_, O>, period: &Period) -> Vec<Representation> {
    let Choice { video, audio } = choose(period, None);
    // Audio may also be in the picture's own segments.
    let sources: Vec<&Representation> = if audio.is_empty() { video.into_iter().collect() } else { audio };
    let left_out = sources.len().saturating_sub(MOST_TRACKS);
    if left_out > 0 {
        let detail = format!(
            "a clip has at most {MOST_TRACKS} audio tracks: the last {left_out} of a Period are left out"
        );
        warn(means, &detail);
    }
    sources.into_iter().take(MOST_TRACKS).cloned().collect()
}

/// Starts to open a Representation.
fn begin<O: Source>(means: &Means<'_, O>, (period, representation, window): WantedAudio) -> TrackOpening {
    let name = format!("representation {}", representation.id.escape_debug());
    let reader = Arc::clone(means.reader);
    let open = async move {
        let tracks = Track::open_all(&reader, &representation, TrackKind::Audio, window).await?;
        Ok(tracks.into_iter().map(Arc::new).collect())
    };
    TrackOpening { period, name, task: Task::spawn(open) }
}

/// Adds the tracks of a Period to those that they go on, or as new ones.
fn join<O: Source>(
    means: &Means<'_, O>,
    tracks: &mut Vec<Growing>,
    found: Vec<Arc<Track>>,
    (from, until): (Nanos, Nanos),
) {
    let known: Vec<Identity> = tracks.iter().map(|growing| growing.identity.clone()).collect();
    let identities: Vec<Identity> = found.iter().map(|track| identity(track)).collect();
    let places = match_tracks(&known, &identities);
    for ((track, identity), place) in found.into_iter().zip(identities).zip(places) {
        let part = PeriodAudio { track, from, until };
        if let Some((n, growing)) = place.track.and_then(|n| Some((n, tracks.get_mut(n)?))) {
            if place.by_position {
                let detail = format!("audio track {} from {} ms on", n + 1, from.to_millis_floor());
                means.reader.notes().warn(WarningCode::TracksMatchedByPosition, detail);
            }
            growing.identity.learn(&identity);
            growing.parts.push(part);
        } else if tracks.len() < MOST_TRACKS {
            tracks.push(Growing { identity, parts: vec![part] });
        } else {
            let at = from.to_millis_floor();
            let detail = format!(
                "a clip has at most {MOST_TRACKS} audio tracks: a further one, from {at} ms on, is left out"
            );
            warn(means, &detail);
        }
    }
}

fn identity(track: &Track) -> Identity {
    let init = &track.init;
    let format = init.sample_entries.first().map(|entry| AudioFormat::of(entry, init.timescale.get()));
    Identity {
        language: Some(init.language).filter(|language| language != b"und").or(track.language()),
        roles: track.roles().to_vec(),
        label: track.label().map(str::to_owned),
        codec: init.sample_entries.first().map(|entry| entry.fourcc).unwrap_or_default(),
        channels: format.map(|format| format.channels()).unwrap_or_default(),
    }
}

fn warn<O: Source>(means: &Means<'_, O>, detail: &str) {
    means.reader.notes().warn(WarningCode::AudioLeftOut, detail);
}
