//! Several windows in one file. A clip is a reel of one window.

use crate::audio::Means;
use crate::audio_only::{self, AudioParts};
use crate::budget::Budget;
use crate::error::{Error, Kind, Refusal, Unfit};
use crate::fan::plan;
use crate::fanning::{FanOut, FannedClip, Fanning};
use crate::ffmpeg::Ffmpeg;
use crate::gauge::Gauge;
use crate::listed::NoPlaylist;
use crate::making::{ClipParts, MadeWindow, VideoClip, Way, WrittenFile, make};
use crate::notes::{Notes, Warning, WarningCode};
use crate::plan::Plan;
use crate::planner::Largest;
use crate::recording::{Recording, Selection};
use crate::sequence::{OpenWindow, Sequence};
use crate::source::Track;
use crate::stats::Stats;
use crate::still::{picture, show};
use crate::{ClipWriter, Observer, Sink, Source};
use export_media::coverage::Uncovered;
use export_media::ffmpeg::FileFormat;
use export_media::time::Nanos;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The most holes of a reel.
const MOST_HOLES: usize = 100;

/// A window of a reel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReelWindow {
    /// The recording, and the part of it.
    pub selection: Selection,
    /// The title of its chapter in an MP4 of several windows, which has 255 chapters at most.
    pub name: Option<String>,
}

/// Several windows to make one file of, in their order: pictures and audio of each follow those of the one before.
///
/// Windows of one recording that touch are made as one, windows that overlap are kept as they are. All windows are of one
/// codec; pictures that cannot be joined as they are recorded become like those of the first window.
#[derive(Debug, Clone)]
pub struct Reel {
    /// The windows, at least one.
    pub windows: Vec<ReelWindow>,
    /// The file's container.
    pub container: FileFormat,
    /// The time that there is to make it, reading the recordings included. What is judged to take longer is refused.
    pub left: Duration,
    /// `true` if a failure that nothing explains is not to be tried again: the reel is then encoded as a whole.
    pub last_try: bool,
    /// Tells its progress.
    pub gauge: Arc<Gauge>,
    /// When a reel of one window is made in chunks if it has to be encoded as a whole; `None`: never.
    pub fan_out: Option<FanOut>,
}

/// A clip that was made.
#[derive(Debug)]
pub struct Made<W> {
    /// The sink's description of the file.
    pub written: W,
    /// Length of the clip.
    pub length: Nanos,
    /// The part of the window that no recorded frame covers, in milliseconds.
    pub lack_ms: i64,
    /// The parts of the window that no recorded frame covers, the first hundred of them.
    pub holes: Vec<Uncovered>,
    /// The windows that it consists of, one for each that was asked for, in that order.
    pub parts: Vec<MadePart>,
    /// In which way it was made.
    pub plan: Plan,
    /// The parts that were left out of it or corrected in it, one of each kind.
    pub warnings: Vec<Warning>,
    /// Bytes read from the source.
    pub bytes_read: u64,
    /// Milliseconds to read the manifest and the first init segment.
    pub open_ms: u64,
}

/// The sink's description of a file.
pub(crate) type FileOf<K> = <<K as Sink>::Writer as ClipWriter>::Written;

/// The part of a file that is made of one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadePart {
    /// Its start in the file.
    pub start: Nanos,
    /// Its length there; zero if it is left out.
    pub length: Nanos,
    /// The length that was asked for, in milliseconds.
    pub asked_ms: i64,
    /// The part of the window that no recorded frame covers, in milliseconds.
    pub lack_ms: i64,
    /// The parts of the window that no recorded frame covers, the first hundred of them.
    pub holes: Vec<Uncovered>,
    /// The parts that were left out or corrected in this window. Of windows that are made as one, the first has the warnings
    /// of all.
    pub warnings: Vec<Warning>,
    /// Why it is left out.
    pub left_out: Option<Refusal>,
}

impl MadePart {
    /// Of a window of this length.
    fn of(asked_ms: i64) -> Self {
        Self {
            start: Nanos::ZERO,
            length: Nanos::ZERO,
            asked_ms,
            lack_ms: 0,
            holes: Vec::new(),
            warnings: Vec::new(),
            left_out: None,
        }
    }

    fn left_out(asked_ms: i64, why: Refusal) -> Self {
        let hole = Uncovered { at_ms: 0, length_ms: asked_ms };
        Self { lack_ms: asked_ms, holes: vec![hole], left_out: Some(why), ..Self::of(asked_ms) }
    }
}

impl Reel {
    /// Makes the reel. Windows with nothing that can be shown are left out.
    ///
    /// # Errors
    /// [`Error`]: what becomes of it. If no window can be shown, why not the first one.
    pub async fn make<S: Source, K: Sink>(
        &self,
        source: Arc<S>,
        ffmpeg: &Ffmpeg,
        sink: &K,
        observer: &impl Observer,
    ) -> Result<Made<FileOf<K>>, Error> {
        let until = Instant::now() + self.left;
        let selections: Vec<Selection> = self.windows.iter().map(|window| window.selection.clone()).collect();
        let made = async {
            let sequence = Box::pin(Sequence::open(&source, &selections)).await?;
            let making = Making { reel: self, selections: &selections, until, ffmpeg, sink, observer };
            Box::pin(making.make(sequence)).await
        };
        made.await.map_err(|error| self.of_window(error))
    }

    /// A refusal of all windows is that of the first.
    fn of_window(&self, error: Error) -> Error {
        match error {
            Error::GivenUp(Refusal { kind, detail }) if self.windows.len() > 1 => {
                let is_of_one = !matches!(kind, Kind::ClipTooLarge { .. } | Kind::PicturesTooLarge);
                let detail = if is_of_one { format!("window 1: {detail}") } else { detail };
                kind.because(detail).into()
            }
            error => error,
        }
    }
}

/// The means that a reel is made with.
struct Making<'a, K, B> {
    reel: &'a Reel,
    selections: &'a [Selection],
    /// When it has to be there.
    until: Instant,
    ffmpeg: &'a Ffmpeg,
    sink: &'a K,
    observer: &'a B,
}

impl<K: Sink, B: Observer> Making<'_, K, B> {
    async fn make<S: Source>(&self, sequence: Sequence<S>) -> Result<Made<FileOf<K>>, Error> {
        if self.reel.windows.len() == 1 {
            let made = async {
                self.check_live_edges(&sequence).await?;
                self.of(&sequence).await
            };
            let (made, ()) = tokio::join!(Box::pin(made), self.tell_of_segments(&sequence));
            return made;
        }
        self.check_live_edges(&sequence).await?;
        Box::pin(self.of(&sequence.without_blind_windows())).await
    }

    async fn check_live_edges<S: Source>(&self, sequence: &Sequence<S>) -> Result<(), Error> {
        let checked = sequence.check_live_edges(self.selections).await;
        if let (Err(_), Some(OpenWindow { recording, .. })) = (&checked, sequence.windows.first())
            && let Some(track) = &recording.track
        {
            self.frame_while_waiting(recording, track).await?;
        }
        checked
    }

    async fn of<S: Source>(&self, sequence: &Sequence<S>) -> Result<Made<FileOf<K>>, Error> {
        if !sequence.has_picture() {
            return self.of_audio(sequence).await;
        }
        let budget = Budget::new(self.until, sequence.recorded(), self.ffmpeg.memory());
        let largest = Largest::default();
        let is_clip = self.reel.windows.len() == 1;
        let fanning = self.reel.fan_out.filter(|_| is_clip).map(Fanning::new);
        let mut way = Way::first(&budget, &largest).unless_in_chunks(fanning.as_ref());
        loop {
            let made = self.of_pictures(sequence, &way).await;
            if let Some(found) = fanning.as_ref().and_then(Fanning::take) {
                return Err(self.in_chunks(sequence, found, way.unfit).await?);
            }
            let error = match made {
                Err(Error::Unexplained(why)) if self.reel.last_try && way.unfit.is_none() => {
                    Unfit::Encoder.because(&why)
                }
                Err(error) => error,
                done => return done,
            };
            way = way.after(error)?;
            if let Some((unfit, why)) = &way.unfit {
                tracing::warn!(why, code = unfit.code(), "rendering a clip that could not be copied");
            }
        }
    }

    /// Plans the chunks of a clip that begins as was `found`, and shows its first frame, which does not wait for them.
    async fn in_chunks<S: Source>(
        &self,
        sequence: &Sequence<S>,
        found: FannedClip,
        unfit: Option<(Unfit, String)>,
    ) -> Result<Error, Error> {
        let recording = &sequence.windows.first().ok_or_else(nothing)?.recording;
        let plan = plan(recording, self.ffmpeg, self.reel.container, found, unfit).await?;
        if let Some(track) = &recording.track {
            self.frame_while_waiting(recording, track).await?;
        }
        Ok(Error::FanOut(Box::new(plan)))
    }

    /// Whole segments can be played at once, also while the window's end is waited for.
    async fn tell_of_segments<S: Source>(&self, sequence: &Sequence<S>) {
        let Some(OpenWindow { recording, audio, .. }) = sequence.windows.first() else { return };
        if !self.observer.wants_playlist() || recording.track.is_none() {
            return;
        }
        let parts = audio.parts();
        let firsts = parts.iter().filter_map(|parts| parts.first());
        let audio: Vec<Arc<Track>> = firsts.map(|part| Arc::clone(&part.track)).collect();
        match recording.check_whole(&audio) {
            Ok(()) => self.observer.whole_segments().await,
            Err(why) => tracing::debug!(%why, "the window cannot be played by whole segments"),
        }
    }

    /// The first frame may be there long before the window's end is. Its failure is no failure of the clip.
    async fn frame_while_waiting<S: Source>(
        &self,
        recording: &Recording<S>,
        track: &Track,
    ) -> Result<(), Error> {
        if !self.observer.wants_first_frame().await || !recording.has_begun(track).await? {
            return Ok(());
        }
        match picture(self.ffmpeg, recording, track).await {
            Ok(Some(jpeg)) => show(&recording.reader, jpeg, self.observer).await,
            Ok(None) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "failed to make the thumbnail of a waiting job");
                Ok(())
            }
        }
    }

    /// A clip with a picture.
    async fn of_pictures<S: Source>(
        &self,
        sequence: &Sequence<S>,
        way: &Way<'_>,
    ) -> Result<Made<FileOf<K>>, Error> {
        let stats = self.reel.gauge.begin(way.unfit.clone());
        let first = &sequence.windows.first().ok_or_else(nothing)?.recording;
        let recordings = sequence.windows.iter().map(|window| &window.recording);
        let codec = self.selections.first().and_then(|selection| selection.codec);
        let parts = ClipParts {
            input: way.input(codec, self.reel.container, self.ffmpeg),
            windows: sequence.places().into_iter().zip(recordings).collect(),
            audio: sequence.audio(&self.audio_means()),
            marks: sequence.marks(&self.names()),
            stats: Arc::clone(&stats),
            listed: self.listed(first),
        };
        let made = make(parts, self.begin().await?, self.observer).await?;
        let VideoClip { file, windows } = made.ok_or_else(|| first.no_picture())?;
        let apart = Notes::default();
        note_losses(&stats, if self.reel.windows.len() == 1 { first.reader.notes() } else { &apart });
        Ok(self.made(sequence, file, &windows, (&stats, &apart)))
    }

    /// The picture track of a clip that is wanted as a playlist, and why it cannot be one.
    fn listed<S: Source>(&self, recording: &Recording<S>) -> Option<(Arc<Track>, Option<NoPlaylist>)> {
        let track = recording.track.clone().filter(|_| self.observer.wants_playlist())?;
        let refused = if self.reel.windows.len() > 1 {
            Some(NoPlaylist::Windows)
        } else {
            (recording.video.len() > 1).then_some(NoPlaylist::Periods)
        };
        Some((track, refused))
    }

    /// A clip of recordings without a picture.
    async fn of_audio<S: Source>(&self, sequence: &Sequence<S>) -> Result<Made<FileOf<K>>, Error> {
        let stats = self.reel.gauge.begin(None);
        stats.has_only_audio();
        let sink = self.begin().await?;
        let audio = sequence.audio(&self.audio_means());
        let parts = AudioParts { audio, places: sequence.places(), marks: sequence.marks(&self.names()) };
        let made = audio_only::make(self.ffmpeg, self.reel.container, parts, sink, &stats).await?;
        let first = &sequence.windows.first().ok_or_else(nothing)?.recording;
        let none = || match first.audio_left_out() {
            Some(detail) => Kind::UnsupportedCodec.because(detail),
            None => first.nothing(first.no_media("no audio is recorded in the window")),
        };
        let (file, windows) = made.ok_or_else(none)?;
        Ok(self.made(sequence, file, &windows, (&stats, &Notes::default())))
    }

    fn names(&self) -> Vec<Option<String>> {
        self.reel.windows.iter().map(|window| window.name.clone()).collect()
    }

    fn audio_means(&self) -> Means<'_> {
        Means { ffmpeg: self.ffmpeg, container: self.reel.container }
    }

    async fn begin(&self) -> Result<K::Writer, Error> {
        self.sink.begin(self.reel.container == FileFormat::Mp4).await
    }

    /// The reel that was made, with the warnings that are of no one window `apart`.
    fn made<S: Source>(
        &self,
        sequence: &Sequence<S>,
        file: WrittenFile<FileOf<K>>,
        windows: &[MadeWindow],
        (stats, apart): (&Stats, &Notes),
    ) -> Made<FileOf<K>> {
        let WrittenFile { written, length, starts } = file;
        let parts = self.parts(sequence, windows, (starts, length));
        Made {
            written,
            length,
            lack_ms: parts.iter().map(|part| part.lack_ms).fold(0, i64::saturating_add),
            holes: holes_of(&parts),
            plan: stats.plan(),
            warnings: warnings_of(&parts, apart),
            bytes_read: sequence.bytes(),
            open_ms: sequence.windows.first().map_or(0, |window| window.recording.open_ms),
            parts,
        }
    }

    /// Each window that was asked for. `starts` are the places of those that were opened, in a file of
    /// this length.
    fn parts<S: Source>(
        &self,
        sequence: &Sequence<S>,
        windows: &[MadeWindow],
        (starts, length): (Vec<Option<Nanos>>, Nanos),
    ) -> Vec<MadePart> {
        let left_out = sequence.left_out.iter().filter_map(|(n, why)| {
            let asked_ms = self.selections.get(*n)?.window.duration_ms;
            Some((*n, MadePart::left_out(asked_ms, why.clone())))
        });
        let mut parts: BTreeMap<usize, MadePart> = left_out.collect();
        let mut starts = starts.into_iter();
        for (OpenWindow { recording, .. }, asked, made) in
            sequence.windows.iter().zip(windows).map(|(opened, made)| (opened, opened.asked(), made))
        {
            let mut warnings = recording.reader.notes().warnings();
            let is_whole = asked.len() == 1;
            for (n, range) in asked {
                let asked_ms = range.end.saturating_sub(range.start);
                let mut part = match starts.next().flatten() {
                    Some(start) => MadePart { start, ..MadePart::of(asked_ms) },
                    None => MadePart::left_out(asked_ms, recording.no_picture()),
                };
                part.warnings = std::mem::take(&mut warnings);
                if part.left_out.is_none() {
                    part.holes = within(&made.holes, &range);
                    let lack_ms = part.holes.iter().map(|hole| hole.length_ms).sum();
                    part.lack_ms = if is_whole { made.lack_ms } else { lack_ms };
                }
                parts.insert(n, part);
            }
        }
        let mut parts: Vec<MadePart> = parts.into_values().collect();
        let mut end = length;
        for part in parts.iter_mut().rev().filter(|part| part.left_out.is_none()) {
            part.length = end - part.start;
            end = part.start;
        }
        parts
    }
}

fn nothing() -> Refusal {
    Kind::NoMedia.into()
}

/// Notes what the encoded pictures do not have.
fn note_losses(stats: &Stats, notes: &Notes) {
    if stats.left_out() > 0 {
        let detail = format!("{} pictures are damaged, and no decoder gives them", stats.left_out());
        notes.warn(WarningCode::PicturesLeftOut, detail);
    }
    for lost in stats.lost() {
        notes.warn(WarningCode::MetadataLeftOut, format!("the encoded pictures have no {lost}"));
    }
}

/// The parts of `holes` in a part of their window.
fn within(holes: &[Uncovered], part: &Range<i64>) -> Vec<Uncovered> {
    let inside = |hole: &Uncovered| {
        let from = hole.at_ms.max(part.start);
        let until = hole.at_ms.saturating_add(hole.length_ms).min(part.end);
        let (at_ms, length_ms) = (from.saturating_sub(part.start), until.saturating_sub(from));
        (length_ms > 0).then_some(Uncovered { at_ms, length_ms })
    };
    holes.iter().filter_map(inside).collect()
}

/// The holes of all windows as if these were laid end to end, the first hundred of them.
fn holes_of(parts: &[MadePart]) -> Vec<Uncovered> {
    let mut at = 0_i64;
    let moved = parts.iter().flat_map(|part| {
        let from = at;
        at = at.saturating_add(part.asked_ms);
        part.holes.iter().map(move |hole| Uncovered { at_ms: hole.at_ms.saturating_add(from), ..*hole })
    });
    moved.take(MOST_HOLES).collect()
}

/// The warnings of all windows, one of each kind, and those that are of no one window `apart`. If there are several windows,
/// each says which one it is about.
fn warnings_of(parts: &[MadePart], apart: &Notes) -> Vec<Warning> {
    let mut all: BTreeMap<WarningCode, Warning> = BTreeMap::new();
    let mut add = |warning: Warning| {
        let known = all.entry(warning.code).or_insert(Warning { count: 0, ..warning.clone() });
        known.count = known.count.saturating_add(warning.count);
    };
    for (n, part) in (1..).zip(parts) {
        let about = |detail: &str| match parts.len() {
            1 => detail.to_owned(),
            _ => format!("window {n}: {detail}"),
        };
        for warning in &part.warnings {
            add(Warning { detail: about(&warning.detail), ..warning.clone() });
        }
        if let Some(why) = &part.left_out {
            let detail = about(&why.to_string());
            add(Warning { code: WarningCode::WindowsLeftOut, count: 1, detail });
        }
    }
    apart.warnings().into_iter().for_each(add);
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(at_ms: i64, length_ms: i64) -> Uncovered {
        Uncovered { at_ms, length_ms }
    }

    #[test]
    fn a_hole_belongs_to_the_windows_that_it_is_in() {
        let holes = [hole(0, 100), hole(900, 300), hole(2000, 10)];
        assert_eq!(within(&holes, &(0..1000)), [hole(0, 100), hole(900, 100)]);
        assert_eq!(within(&holes, &(1000..2005)), [hole(0, 200), hole(1000, 5)]);
        assert_eq!(within(&holes, &(1200..2000)), []);
    }

    #[test]
    fn holes_and_warnings_of_all_windows_say_where_they_are() {
        let warning = |detail: &str| Warning {
            code: WarningCode::SegmentsLeftOut,
            count: 2,
            detail: detail.to_owned(),
        };
        let shown = MadePart {
            holes: vec![hole(10, 20)],
            warnings: vec![warning("segment 3: cut off")],
            ..MadePart::of(1000)
        };
        let parts = [shown.clone(), MadePart::left_out(500, nothing()), shown.clone()];
        assert_eq!(holes_of(&parts), [hole(10, 20), hole(1000, 500), hole(1510, 20)]);
        let told: Vec<_> = warnings_of(&parts, &Notes::default())
            .into_iter()
            .map(|told| (told.count, told.detail))
            .collect();
        let left_out = "window 2: nothing is recorded in the window: ".to_owned();
        assert_eq!(told, [(4, "window 1: segment 3: cut off".to_owned()), (1, left_out)]);
        let own = warnings_of(&[shown], &Notes::default());
        assert_eq!(own, [warning("segment 3: cut off")], "a clip has no numbers");
    }
}
