//! Opens the sound of a recording: which tracks each Period has, and which of them are one track of the clip.

use super::recorded::Part;
use super::{AudioTrack, Means};
use crate::error::WorkError;
use crate::source::Track;
use crate::task::Task;
use export_domain::job::{Reason, WarningCode};
use export_domain::ports::SourceStore;
use export_media::fmp4::TrackKind;
use export_media::mpd::{Period, Representation};
use export_media::select::{Choice, choose};
use export_media::sound::{Identity, SoundFormat, match_tracks};
use export_media::time::Nanos;
use std::sync::Arc;

/// Sound tracks that a clip may have.
const MOST_TRACKS: usize = 64;

/// A track of the clip as it grows from Period to Period.
struct Growing {
    identity: Identity,
    parts: Vec<Part>,
}

/// Opens every sound track of the `periods`, each with the part of the window in it. What cannot be read is left out
/// with a warning.
pub(crate) async fn open_sound<O: SourceStore + 'static>(
    means: &Means<'_, O>,
    periods: &[(&Period, Nanos, Nanos)],
) -> Result<Vec<AudioTrack<O>>, WorkError> {
    let mut opening = Vec::new();
    for (period, from, until) in periods {
        opening.push(begin(means, period, (*from, *until)));
    }
    let mut tracks: Vec<Growing> = Vec::new();
    for ((_, from, until), opening) in periods.iter().zip(opening) {
        let mut found = Vec::new();
        for (name, opened) in opening {
            match opened.await.map_err(|e| WorkError::Passing(format!("failed to open a track: {e}")))? {
                Ok(opened) => found.extend(opened.into_iter().map(Arc::new)),
                Err(WorkError::GivenUp(cause)) if cause.reason == Reason::BadRecording => {
                    warn(means, &format!("{name}: {}", cause.detail));
                }
                Err(error) => return Err(error),
            }
        }
        join(means, &mut tracks, found, (*from, *until));
    }
    let track = |(n, growing): (usize, Growing)| {
        let Growing { identity, parts } = growing;
        let language = identity.language.unwrap_or(*b"und");
        let name = format!("sound track {} ({})", n + 1, String::from_utf8_lossy(&language));
        AudioTrack::new(means, name, language, parts)
    };
    Ok(tracks.into_iter().enumerate().filter_map(track).collect())
}

/// A Representation's tracks on their way, and its name.
type Opening = (String, Task<Result<Vec<Track>, WorkError>>);

/// Starts to open the sound of a Period.
fn begin<O: SourceStore + 'static>(
    means: &Means<'_, O>,
    period: &Period,
    window: (Nanos, Nanos),
) -> Vec<Opening> {
    let Choice { video, audio } = choose(period, None);
    // Sound may also be in the picture's own segments.
    let sources: Vec<&Representation> = if audio.is_empty() { video.into_iter().collect() } else { audio };
    let left_out = sources.len().saturating_sub(MOST_TRACKS);
    if left_out > 0 {
        warn(means, &format!("{left_out} sound tracks more than {MOST_TRACKS} in one Period"));
    }
    let open = |representation: &Representation| {
        let name = format!("representation {}", representation.id.escape_debug());
        let (reader, representation) = (Arc::clone(means.reader), representation.clone());
        let open = async move { Track::open_all(&reader, &representation, TrackKind::Audio, window).await };
        (name, Task::spawn(open))
    };
    sources.into_iter().take(MOST_TRACKS).map(open).collect()
}

/// Adds the tracks of a Period to those that they go on, or as new ones.
fn join<O: SourceStore + 'static>(
    means: &Means<'_, O>,
    tracks: &mut Vec<Growing>,
    found: Vec<Arc<Track>>,
    (from, until): (Nanos, Nanos),
) {
    let known: Vec<Identity> = tracks.iter().map(|growing| growing.identity.clone()).collect();
    let identities: Vec<Identity> = found.iter().map(|track| identity(track)).collect();
    let places = match_tracks(&known, &identities);
    for ((track, identity), place) in found.into_iter().zip(identities).zip(places) {
        let part = Part { track, from, until };
        if let Some((n, growing)) = place.track.and_then(|n| Some((n, tracks.get_mut(n)?))) {
            if place.by_position {
                let detail = format!("sound track {} from {} ms on", n + 1, from.to_millis_floor());
                means.reader.notes().warn(WarningCode::TracksMatchedByPosition, detail);
            }
            growing.identity.learn(&identity);
            growing.parts.push(part);
        } else if tracks.len() < MOST_TRACKS {
            tracks.push(Growing { identity, parts: vec![part] });
        } else {
            warn(
                means,
                &format!("a sound track more than {MOST_TRACKS} from {} ms on", from.to_millis_floor()),
            );
        }
    }
}

fn identity(track: &Track) -> Identity {
    let init = &track.init;
    let format = init.sample_entries.first().map(|entry| SoundFormat::of(entry, init.timescale.get()));
    Identity {
        language: Some(init.language).filter(|language| language != b"und").or(track.language()),
        roles: track.roles().to_vec(),
        label: track.label().map(str::to_owned),
        codec: init.sample_entries.first().map(|entry| entry.fourcc).unwrap_or_default(),
        channels: format.map(|format| format.channels()).unwrap_or_default(),
    }
}

fn warn<O: SourceStore>(means: &Means<'_, O>, detail: &str) {
    means.reader.notes().warn(WarningCode::SoundLeftOut, detail);
}
