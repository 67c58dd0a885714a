//! The windows of a clip in their order, opened: which of them are one stretch of a recording, and which have nothing to show.

use crate::Source;
use crate::audio::{AudioTrack, Means, SequencedAudio, WindowAudio, join_audio};
use crate::error::{Error, Kind, Refusal};
use crate::planner::WindowPlace;
use crate::recording::{Recording, Selection};
use crate::write::marks::ClipMarks;
use export_media::time::Nanos;
use export_media::window::Window;
use futures_util::future::join_all;
use std::ops::Range;
use std::sync::Arc;

/// Recordings that are opened at the same time.
const AT_ONCE: usize = 8;
/// The time between two windows on the clock of their sequence: more than is read around a window, and more than any
/// picture lasts.
const APART: Nanos = Nanos::new(7 * 86_400 * 1_000_000_000);

/// A stretch of a recording that is made in one go.
pub(crate) struct OpenWindow<O> {
    pub(crate) recording: Recording<O>,
    pub(crate) audio: WindowAudio,
    /// The windows that were asked for and are in it, each with its length in milliseconds.
    asked: Vec<(usize, i64)>,
}

impl<O> OpenWindow<O> {
    /// The windows that were asked for and are in it, each with the part of the stretch, in milliseconds from its start.
    pub(crate) fn asked(&self) -> Vec<(usize, Range<i64>)> {
        let mut at = 0_i64;
        let part = |(n, length): &(usize, i64)| {
            let from = at;
            at = at.saturating_add(*length);
            (*n, from..at)
        };
        self.asked.iter().map(part).collect()
    }
}

/// The windows of a clip.
pub(crate) struct Sequence<O> {
    pub(crate) windows: Vec<OpenWindow<O>>,
    /// Which windows that were asked for are not in it, and why.
    pub(crate) left_out: Vec<(usize, Refusal)>,
    /// Bytes that were read of those.
    pub(crate) left_out_bytes: u64,
}

impl<O: Source> Sequence<O> {
    /// Opens the recordings. A window that cannot be read is left out; it is an error if it is the only one.
    ///
    /// # Errors
    /// [`Error`]; if nothing can be read, the first window's.
    pub(crate) async fn open(source: &Arc<O>, selections: &[Selection]) -> Result<Self, Error> {
        let stretches = touching(selections);
        let listed = list(source, &stretches).await;
        let mut opened = Vec::new();
        let mut waiting = listed.into_iter();
        loop {
            let next: Vec<_> = waiting.by_ref().take(AT_ONCE).collect();
            if next.is_empty() {
                break;
            }
            let with_tracks = |listed: Result<Recording<O>, Error>| async {
                match listed {
                    Ok(recording) => Box::pin(recording.with_tracks()).await,
                    Err(error) => Err(error),
                }
            };
            opened.extend(join_all(next.into_iter().map(with_tracks)).await);
        }
        let mut sequence = Self { windows: Vec::new(), left_out: Vec::new(), left_out_bytes: 0 };
        for ((_, asked), opened) in stretches.into_iter().zip(opened) {
            match opened {
                Ok((recording, audio)) => sequence.windows.push(OpenWindow { recording, audio, asked }),
                Err(Error::GivenUp(refusal)) => {
                    sequence.left_out.extend(asked.iter().map(|(n, _)| (*n, refusal.clone())));
                }
                Err(error) => {
                    let before = asked.first().map_or(0, |(n, _)| *n);
                    return Err(behind(error, selections.get(..before).unwrap_or_default()));
                }
            }
        }
        sequence.not_nothing()
    }

    /// Refuses to start while a recording may still reach the end of its window.
    pub(crate) async fn check_live_edges(&self, selections: &[Selection]) -> Result<(), Error> {
        for OpenWindow { recording, audio, asked } in &self.windows {
            if let Err(error) = recording.check_live_edge(&audio.parts()).await {
                let before = asked.first().map_or(0, |(n, _)| *n);
                return Err(behind(error, selections.get(..before).unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// Returns `true` if a window has a picture.
    pub(crate) fn has_picture(&self) -> bool {
        self.windows.iter().any(|window| window.recording.track.is_some())
    }

    /// Leaves out the windows without a picture, if others have one.
    pub(crate) fn without_blind_windows(mut self) -> Self {
        if !self.has_picture() {
            return self;
        }
        for window in self.windows.extract_if(.., |window| window.recording.track.is_none()) {
            let why =
                Kind::NoVideo.because("the recording has no picture in the window, and others have one");
            let why = window.recording.nothing(why);
            self.left_out_bytes = self.left_out_bytes.saturating_add(window.recording.reader.bytes());
            self.left_out.extend(window.asked.iter().map(|(n, _)| (*n, why.clone())));
        }
        self
    }

    /// The same, if something is left.
    fn not_nothing(self) -> Result<Self, Error> {
        match self.left_out.first() {
            Some((_, first)) if self.windows.is_empty() => Err(first.clone().into()),
            _ => Ok(self),
        }
    }

    /// The windows on one clock: that of the first one goes on behind its end.
    pub(crate) fn places(&self) -> Vec<WindowPlace> {
        let mut ended = None;
        let place = |(number, opened): (usize, &OpenWindow<O>)| {
            let Window { start, end, .. } = opened.recording.window;
            let shift = ended.map_or(Nanos::ZERO, |ended| ended + APART - start);
            ended = Some(end + shift);
            WindowPlace { number, window: opened.recording.window, shift }
        };
        self.windows.iter().enumerate().map(place).collect()
    }

    /// The starts of all windows that were asked for and are in it, on that clock; `names` are those of all windows.
    pub(crate) fn marks(&self, names: &[Option<String>]) -> ClipMarks {
        let places = self.places();
        let instants = self.windows.iter().zip(&places).flat_map(|(opened, place)| {
            let start = place.window.start + place.shift;
            let name = |n: usize| names.get(n).cloned().flatten();
            opened.asked().into_iter().map(move |(n, part)| (start + Nanos::from_millis(part.start), name(n)))
        });
        ClipMarks::new(instants.collect())
    }

    /// The audio tracks that all windows have.
    pub(crate) fn audio(&self, means: &Means<'_>) -> Vec<AudioTrack<O>> {
        let places = self.places();
        let windows: Vec<SequencedAudio<'_, O>> = self
            .windows
            .iter()
            .zip(&places)
            .map(|(opened, place)| (&opened.audio, &opened.recording.reader, place.shift))
            .collect();
        join_audio(means, &windows)
    }

    /// The part of all windows that the manifests list media for.
    pub(crate) fn recorded(&self) -> Nanos {
        let recorded = self.windows.iter().map(|window| window.recording.recorded());
        recorded.fold(Nanos::ZERO, |sum, recorded| sum + recorded)
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = self.windows.iter().map(|window| window.recording.reader.bytes());
        bytes.fold(self.left_out_bytes, u64::saturating_add)
    }
}

/// A stretch of a recording, and the windows that were asked for and are in it, each with its length in milliseconds.
type WindowStretch = (Selection, Vec<(usize, i64)>);

/// Puts windows of one recording that touch into one.
fn touching(selections: &[Selection]) -> Vec<WindowStretch> {
    let mut stretches: Vec<WindowStretch> = Vec::new();
    for (n, selection) in selections.iter().enumerate() {
        let length = selection.window.duration_ms;
        match stretches.last_mut() {
            Some((before, asked)) if before.is_followed_by(selection) => {
                before.window.duration_ms = before.window.duration_ms.saturating_add(length);
                before.window.wall_end_ms = selection.window.wall_end_ms;
                asked.push((n, length));
            }
            _ => stretches.push((selection.clone(), vec![(n, length)])),
        }
    }
    stretches
}

/// Reads the manifests, that of each recording once.
async fn list<O: Source>(source: &Arc<O>, stretches: &[WindowStretch]) -> Vec<Result<Recording<O>, Error>> {
    let is_first = |n: usize, selection: &Selection| {
        let before = stretches.get(..n).unwrap_or_default();
        !before.iter().any(|(before, _)| before.is_of_recording(selection))
    };
    let (firsts, others): (Vec<usize>, Vec<usize>) = (0..stretches.len())
        .partition(|n| stretches.get(*n).is_some_and(|(selection, _)| is_first(*n, selection)));
    let mut listed: Vec<Option<Result<Recording<O>, Error>>> = stretches.iter().map(|_| None).collect();
    for numbers in firsts.chunks(AT_ONCE).chain(others.chunks(AT_ONCE)) {
        let found = join_all(numbers.iter().filter_map(|n| {
            let (selection, _) = stretches.get(*n)?;
            let known = listed.iter().flatten().flatten().find(|known| known.is_of(selection));
            Some(Box::pin(Recording::list(Arc::clone(source), selection, known)))
        }))
        .await;
        for (n, found) in numbers.iter().zip(found) {
            if let Some(place) = listed.get_mut(*n) {
                *place = Some(found);
            }
        }
    }
    listed.into_iter().flatten().collect()
}

/// An error of a window behind those `before`: what is there of them is there.
fn behind(error: Error, before: &[Selection]) -> Error {
    match error {
        Error::Waiting { wake_at, available_ms, live_edge_ms } => {
            let before = before.iter().map(|selection| selection.window.duration_ms);
            let available_ms = before.fold(available_ms, i64::saturating_add);
            Error::Waiting { wake_at, available_ms, live_edge_ms }
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Asked;

    fn selection(manifest: &str, start_ms: i64, duration_ms: i64) -> Selection {
        let window = Asked {
            start_pos_ms: start_ms,
            start_time_ms: Some(start_ms),
            pts: None,
            duration_ms,
            wall_end_ms: start_ms + duration_ms,
            still: false,
        };
        Selection { manifest: manifest.to_owned(), window, codec: None, now_ms: 0, asked_at_ms: 0 }
    }

    #[test]
    fn windows_of_one_recording_that_touch_are_one_and_no_others() {
        let windows = [
            selection("a", 0, 1000),
            selection("a", 1000, 500),
            selection("b", 1500, 500),
            selection("b", 1999, 500),
            selection("b", 2500, 500),
            selection("b", 2500, 500),
            selection("b", 3000, 1),
        ];
        let stretches = touching(&windows);
        let found: Vec<_> = stretches
            .iter()
            .map(|(stretch, asked)| {
                let Asked { start_pos_ms, duration_ms, wall_end_ms, .. } = stretch.window;
                assert_eq!(wall_end_ms, start_pos_ms + duration_ms);
                (start_pos_ms, duration_ms, asked.iter().map(|(n, _)| *n).collect::<Vec<_>>())
            })
            .collect();
        let expected = [
            (0, 1500, vec![0, 1]),
            (1500, 500, vec![2]),
            (1999, 500, vec![3]),
            (2500, 500, vec![4]),
            (2500, 501, vec![5, 6]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_there_of_earlier_windows_is_there() {
        let error = Error::Waiting { wake_at: 7, available_ms: 30, live_edge_ms: None };
        let before = [selection("a", 0, 1000), selection("a", 0, 500)];
        let Error::Waiting { available_ms, .. } = behind(error, &before) else { panic!("another error") };
        assert_eq!(available_ms, 1530);
    }
}
