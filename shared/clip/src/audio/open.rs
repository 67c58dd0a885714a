//! Opens the audio of windows: which tracks each Period has, and which of them are one track of the clip.

use super::recorded::PeriodAudio;
use super::{AudioPart, AudioTrack, Means};
use crate::Source;
use crate::error::Error;
use crate::error::Kind;
use crate::notes::WarningCode;
use crate::source::{Reader, Track};
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

/// A track as it grows from Period to Period.
#[derive(Debug, Clone)]
struct Growing {
    identity: Identity,
    parts: Vec<PeriodAudio>,
}

/// The audio tracks of a window, each over all Periods.
#[derive(Debug, Clone, Default)]
pub(crate) struct WindowAudio {
    tracks: Vec<Growing>,
    /// The window's start.
    start: Nanos,
}

impl WindowAudio {
    /// Opens every audio track of the `periods` of a window that starts at `start`, each with the part of the window in
    /// it. What cannot be read is left out with a warning.
    pub(crate) async fn open<O: Source>(
        reader: &Arc<Reader<O>>,
        start: Nanos,
        periods: &[(&Period, Nanos, Nanos)],
    ) -> Result<Self, Error> {
        Ok(Self { tracks: open_tracks(reader, periods).await?, start })
    }

    /// Returns `true` if there is no track.
    pub(crate) fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// The recorded tracks of each track, one for each Period that has it.
    pub(crate) fn parts(&self) -> Vec<&[PeriodAudio]> {
        self.tracks.iter().map(|track| &track.parts[..]).collect()
    }

    /// The tracks with those parts of them.
    fn into_parts<O>(
        self,
        reader: &Arc<Reader<O>>,
        shift: Nanos,
    ) -> impl Iterator<Item = (Identity, Vec<AudioPart<O>>)> {
        let start = self.start;
        self.tracks.into_iter().map(move |Growing { identity, parts }| {
            let last = parts.len().saturating_sub(1);
            let part = |(n, period): (usize, PeriodAudio)| AudioPart {
                opens: period.from <= start,
                closes: n == last,
                period,
                reader: Arc::clone(reader),
                shift,
            };
            (identity, parts.into_iter().enumerate().map(part).collect())
        })
    }
}

/// A window, the reader of its recording, and the time that is added to the recording's clock.
pub(crate) type SequencedAudio<'a, O> = (&'a WindowAudio, &'a Arc<Reader<O>>, Nanos);

/// The tracks that all `windows` have, each over all of them, in the order of the first window. Any other one is left out
/// with a warning.
pub(crate) fn join_audio<O: Source>(
    means: &Means<'_>,
    windows: &[SequencedAudio<'_, O>],
) -> Vec<AudioTrack<O>> {
    let mut windows = windows.iter();
    let Some((first, reader, shift)) = windows.next() else { return Vec::new() };
    let mut joined: Vec<(Identity, Vec<AudioPart<O>>)> =
        WindowAudio::clone(first).into_parts(reader, *shift).collect();
    for (window, reader, shift) in windows {
        joined = go_on(joined, window, reader, *shift);
    }
    let track = |(n, (identity, parts)): (usize, (Identity, Vec<AudioPart<O>>))| {
        let language = identity.language.unwrap_or(*b"und");
        AudioTrack::new(means, name(n, &identity), language, parts)
    };
    joined.into_iter().enumerate().filter_map(track).collect()
}

/// The tracks that go on in one more window.
fn go_on<O: Source>(
    joined: Vec<(Identity, Vec<AudioPart<O>>)>,
    window: &WindowAudio,
    reader: &Arc<Reader<O>>,
    shift: Nanos,
) -> Vec<(Identity, Vec<AudioPart<O>>)> {
    let known: Vec<Identity> = joined.iter().map(|(identity, _)| identity.clone()).collect();
    let identities: Vec<Identity> = window.tracks.iter().map(|track| track.identity.clone()).collect();
    let places = match_tracks(&known, &identities);
    let mut found: Vec<Option<(Identity, Vec<AudioPart<O>>)>> = known.iter().map(|_| None).collect();
    for ((identity, parts), place) in WindowAudio::clone(window).into_parts(reader, shift).zip(places) {
        match place.track.and_then(|n| Some((n, found.get_mut(n)?))) {
            Some((n, slot)) => {
                if place.by_position {
                    let detail = format!("audio track {}", n + 1);
                    reader.notes().warn(WarningCode::TracksMatchedByPosition, detail);
                }
                *slot = Some((identity, parts));
            }
            None => warn(reader, &format!("{}: not every window has it", described(&identity))),
        }
    }
    let mut going_on = Vec::new();
    for (n, ((mut identity, mut parts), found)) in joined.into_iter().zip(found).enumerate() {
        match found {
            Some((more, others)) => {
                identity.learn(&more);
                parts.extend(others);
                going_on.push((identity, parts));
            }
            None => warn(reader, &format!("{}: the window does not have it", name(n, &identity))),
        }
    }
    going_on
}

/// A track's name, for people.
fn name(n: usize, identity: &Identity) -> String {
    format!("audio track {} ({})", n + 1, language(identity))
}

/// The same of a track that is not in the clip.
fn described(identity: &Identity) -> String {
    format!("an audio track ({})", language(identity))
}

fn language(identity: &Identity) -> String {
    String::from_utf8_lossy(&identity.language.unwrap_or(*b"und")).into_owned()
}

async fn open_tracks<O: Source>(
    reader: &Arc<Reader<O>>,
    periods: &[(&Period, Nanos, Nanos)],
) -> Result<Vec<Growing>, Error> {
    let mut wanted: VecDeque<WantedAudio> = VecDeque::new();
    for (n, (period, from, until)) in periods.iter().enumerate() {
        wanted.extend(sources(reader, period).into_iter().map(|source| (n, source, (*from, *until))));
    }
    let mut found: Vec<Vec<Arc<Track>>> = vec![Vec::new(); periods.len()];
    let mut opening: VecDeque<TrackOpening> = VecDeque::new();
    loop {
        while opening.len() < AT_ONCE
            && let Some(next) = wanted.pop_front()
        {
            opening.push_back(begin(reader, next));
        }
        let Some(TrackOpening { period, name, task }) = opening.pop_front() else { break };
        match task.await? {
            Ok(opened) => {
                found.get_mut(period).into_iter().for_each(|found| found.extend_from_slice(&opened));
            }
            Err(Error::GivenUp(cause)) if cause.kind == Kind::BadRecording => {
                warn(reader, &format!("{name}: {}", cause.detail));
            }
            Err(error) => return Err(error),
        }
    }
    let mut tracks: Vec<Growing> = Vec::new();
    for ((_, from, until), found) in periods.iter().zip(found) {
        join(reader, &mut tracks, found, (*from, *until));
    }
    Ok(tracks)
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
fn sources<O: Source>(reader: &Reader<O>, period: &Period) -> Vec<Representation> {
    let Choice { video, audio } = choose(period, None);
    // Audio may also be in the picture's own segments.
    let sources: Vec<&Representation> = if audio.is_empty() { video.into_iter().collect() } else { audio };
    let left_out = sources.len().saturating_sub(MOST_TRACKS);
    if left_out > 0 {
        let detail = format!(
            "a clip has at most {MOST_TRACKS} audio tracks: the last {left_out} of a Period are left out"
        );
        warn(reader, &detail);
    }
    sources.into_iter().take(MOST_TRACKS).cloned().collect()
}

/// Starts to open a Representation.
fn begin<O: Source>(reader: &Arc<Reader<O>>, (period, representation, window): WantedAudio) -> TrackOpening {
    let name = format!("representation {}", representation.id.escape_debug());
    let reader = Arc::clone(reader);
    let open = async move {
        let tracks = Track::open_all(&reader, &representation, TrackKind::Audio, window).await?;
        Ok(tracks.into_iter().map(Arc::new).collect())
    };
    TrackOpening { period, name, task: Task::spawn(open) }
}

/// Adds the tracks of a Period to those that they go on, or as new ones.
fn join<O: Source>(
    reader: &Reader<O>,
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
                reader.notes().warn(WarningCode::TracksMatchedByPosition, detail);
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
            warn(reader, &detail);
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

fn warn<O: Source>(reader: &Reader<O>, detail: &str) {
    reader.notes().warn(WarningCode::AudioLeftOut, detail);
}
