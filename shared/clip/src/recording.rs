//! One recording, opened for one window.

use crate::Source;
use crate::audio::{PeriodAudio, WindowAudio};
use crate::error::{Error, Kind, Refusal};
use crate::notes::WarningCode;
use crate::source::{self, Preference, Reader, RecordedLists, Track, is_playlist, place, stamp};
use crate::video::{PeriodVideo, VideoFeed};
use export_media::extent::Extent;
use export_media::fmp4::TrackKind;
use export_media::mpd::{Mpd, MpdError};
use export_media::nal::VideoCodec;
use export_media::select::{choose, pictures};
use export_media::time::Nanos;
use export_media::window::{Asked, Edge, Listed, Window};
use std::sync::Arc;
use tokio::time::Instant;

/// Representations of a picture that are tried one after the other.
const MOST_CANDIDATES: usize = 8;
/// The time for which a manifest that is empty, cut off or malformed may be in the middle of being written, in
/// milliseconds.
const WRITING_MS: i64 = 20_000;

/// The part of a recording that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Path of the manifest in the source. The recording is everything below its directory.
    pub manifest: String,
    /// The window on the recording's clock.
    pub window: Asked,
    /// The video codec that is asked for; `None` keeps the recorded one.
    pub codec: Option<VideoCodec>,
    /// The time now, in milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// When it was asked for, in milliseconds since the Unix epoch: from then on a manifest gets 20 s to be written.
    pub asked_at_ms: i64,
}

impl Selection {
    /// Returns `true` if the other one is of the same recording, read in the same way.
    pub(crate) fn is_of_recording(&self, other: &Self) -> bool {
        (&self.manifest, self.codec) == (&other.manifest, other.codec)
    }

    /// Returns `true` if the other one is of the same recording and begins where this one ends.
    pub(crate) fn is_followed_by(&self, other: &Self) -> bool {
        let (own, next) = (&self.window, &other.window);
        let touches = |one: i64, next: i64| one.checked_add(own.duration_ms) == Some(next);
        let times = match (own.start_time_ms, next.start_time_ms) {
            (Some(one), Some(next)) => touches(one, next),
            (one, next) => one == next,
        };
        let stamps = match (own.pts, next.pts) {
            (Some(one), Some(next)) => has_pts_behind(one, own.duration_ms, next),
            (one, next) => one == next,
        };
        self.is_of_recording(other) && times && stamps && touches(own.start_pos_ms, next.start_pos_ms)
    }
}

/// Returns `true` if the time stamp `next` is that of `length_ms` behind `first`.
fn has_pts_behind(first: u64, length_ms: i64, next: u64) -> bool {
    let behind = i128::from(first) + i128::from(length_ms) * 90;
    behind.rem_euclid(stamp::RANGE) == i128::from(next)
}

/// The window, if a clock says where it is.
fn by_clock(asked: &Asked) -> Option<&Asked> {
    Some(asked).filter(|asked| asked.pts.is_none())
}

/// The recording that a clip or a still is cut from.
pub(crate) struct Recording<O> {
    pub(crate) reader: Arc<Reader<O>>,
    /// The manifest as it was read.
    listed: Arc<Mpd>,
    /// The same with its media placed for the window.
    mpd: Arc<Mpd>,
    pub(crate) window: Window,
    pub(crate) video: Vec<PeriodVideo>,
    /// The track of the first part with a picture.
    pub(crate) track: Option<Arc<Track>>,
    selection: Selection,
    began: Instant,
    /// Milliseconds to read the manifest and the init segment.
    pub(crate) open_ms: u64,
}

impl<O: Source> Recording<O> {
    /// Reads the manifest and the init segment of the picture.
    pub(crate) async fn open(source: Arc<O>, selection: &Selection) -> Result<Self, Error> {
        let recording = Self::list(source, selection, None).await?;
        let track = recording.first_track().await?;
        Ok(recording.opened(track))
    }

    /// The same of a recording that counts as it was when its `lists` were read.
    pub(crate) async fn open_as_listed(
        source: Arc<O>,
        selection: &Selection,
        lists: RecordedLists,
    ) -> Result<Self, Error> {
        let recording = Self::list_again(source, selection, lists).await?;
        let track = recording.first_track().await?;
        Ok(recording.opened(track))
    }

    /// The manifest and its playlists as they are in `lists`, without its tracks.
    pub(crate) async fn list_again(
        source: Arc<O>,
        selection: &Selection,
        lists: RecordedLists,
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let Selection { manifest, window: asked, codec, .. } = selection;
        let preference = Preference { codec: *codec, window: by_clock(asked) };
        let reader = Reader::new(source, manifest).with_lists(lists);
        let listed = Self::read_manifest(&reader, selection, preference).await?;
        Self::of_manifest(reader, Arc::new(listed), selection, began).await
    }

    /// Reads what describes its tracks, those of the picture and of the audio side by side.
    pub(crate) async fn with_tracks(self) -> Result<(Self, WindowAudio), Error> {
        let periods = self.window.periods(&self.mpd);
        let (track, audio) =
            tokio::join!(self.first_track(), WindowAudio::open(&self.reader, self.window.start, &periods));
        let recording = self.opened(track?);
        let audio = audio?;
        match recording.audio_left_out() {
            Some(detail) if audio.is_empty() && recording.track.is_none() => {
                Err(Kind::BadRecording.because(detail).into())
            }
            _ => Ok((recording, audio)),
        }
    }

    /// Reads the manifest, unless that was done for another window of the recording, which is `known`.
    pub(crate) async fn list(
        source: Arc<O>,
        selection: &Selection,
        known: Option<&Self>,
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let Selection { manifest, window: asked, codec, .. } = selection;
        let preference = Preference { codec: *codec, window: by_clock(asked) };
        // Which of two playlists is the better one depends on the window.
        let known = known.filter(|known| !is_playlist(manifest) || preference.is_covered(&known.listed));
        let (reader, listed) = if let Some(known) = known {
            (known.reader.beside(), Arc::clone(&known.listed))
        } else {
            let reader = Reader::new(source, manifest);
            let listed = Self::read_manifest(&reader, selection, preference).await?;
            (reader, Arc::new(listed))
        };
        Self::of_manifest(reader, listed, selection, began).await
    }

    async fn read_manifest(
        reader: &Reader<O>,
        selection: &Selection,
        preference: Preference<'_>,
    ) -> Result<Mpd, Error> {
        let Selection { manifest, now_ms, asked_at_ms, .. } = selection;
        match source::manifest(reader, manifest, preference).await? {
            Ok(mpd) => Ok(mpd),
            Err(MpdError::Incomplete | MpdError::Xml(_))
                if *now_ms < asked_at_ms.saturating_add(WRITING_MS) =>
            {
                let wake_at = now_ms.saturating_add(WRITING_MS / 20);
                Err(Error::Waiting { wake_at, available_ms: 0, live_edge_ms: None })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The recording that the manifest `listed` lists.
    async fn of_manifest(
        mut reader: Reader<O>,
        listed: Arc<Mpd>,
        selection: &Selection,
        began: Instant,
    ) -> Result<Self, Error> {
        let Selection { window: asked, codec, now_ms, .. } = selection;
        let mut window = Window::of(&listed, asked);
        reader.bound(asked.duration_ms);
        reader.expect_init(window.wake_for_init(&listed, *now_ms));
        let mut mpd = Arc::clone(&listed);
        let stamped = match asked.pts {
            Some(pts) => stamp::find(&reader, Arc::make_mut(&mut mpd), pts, *codec).await?,
            None => None,
        };
        window = stamped.as_ref().map_or(window, |stamped| window.moved_to(stamped.at));
        if mpd.periods.iter().any(|period| period.placing.is_some()) {
            place(&reader, Arc::make_mut(&mut mpd), (window.start, window.end), *codec).await?;
        }
        if let Some(stamped) = stamped {
            window = window.moved_to(stamped.placed(&mpd)?);
        }
        let reader = Arc::new(reader);
        let video = video_parts(&mpd, window, *codec);
        Ok(Self {
            reader,
            listed,
            mpd,
            window,
            video,
            track: None,
            selection: selection.clone(),
            began,
            open_ms: 0,
        })
    }

    /// The track of the first part with a picture.
    async fn first_track(&self) -> Result<Option<Arc<Track>>, Error> {
        match self.video.first() {
            Some(part) => part.open(&self.reader).await,
            None => Ok(None),
        }
    }

    /// The same with that track.
    fn opened(self, track: Option<Arc<Track>>) -> Self {
        let listed = track.as_ref().and_then(|track| track.listed_start());
        if let Some((named_ms, begins_ms)) = Window::disagreement(&self.mpd, &self.selection.window, listed) {
            let detail = format!(
                "StartTime is {named_ms} ms, and StartPos is {begins_ms} ms after the start of the recording: StartPos counts"
            );
            self.reader.notes().warn(WarningCode::StartTimeDiffers, detail);
        }
        let open_ms = self.age_ms();
        Self { track, open_ms, ..self }
    }

    /// Milliseconds since it was opened.
    pub(crate) fn age_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns `true` if it is the recording that `selection` names.
    pub(crate) fn is_of(&self, selection: &Selection) -> bool {
        self.selection.is_of_recording(selection)
    }

    /// Refuses to start while a growing recording may still reach the window's end, or still store what it lists.
    pub(crate) async fn check_live_edge(&self, audio: &[&[PeriodAudio]]) -> Result<(), Error> {
        if let Some(part) = self.video.last()
            && let Some(track) = self.track_of(part).await?
            && let Some(edge) = self.check_reached(&track)?
        {
            for part in self.video.iter().rev().take_while(|part| part.until > edge.young) {
                if let Some(track) = self.track_of(part).await? {
                    self.check_stored(&edge, &track, (part.from, part.until)).await?;
                }
            }
        }
        for parts in audio {
            let Some(last) = parts.last() else { continue };
            let edge = if last.until >= self.window.end {
                self.check_reached(&last.track)?
            } else {
                // A later Period does without this track.
                self.edge(&last.track)?
            };
            let Some(edge) = edge else { continue };
            for part in *parts {
                self.check_stored(&edge, &part.track, (part.from, part.until)).await?;
            }
        }
        if self.video.is_empty() && audio.is_empty() { self.check_begun() } else { Ok(()) }
    }

    /// Refuses to say that there is nothing while a Period that is announced may have no content yet.
    pub(crate) fn check_begun(&self) -> Result<(), Error> {
        match self.window.wake_for_init(&self.mpd, self.selection.now_ms) {
            Some(wake_at) => Err(Error::Waiting { wake_at, available_ms: 0, live_edge_ms: None }),
            None => Ok(()),
        }
    }

    /// The same for the first picture of the window, which is in `track`.
    pub(crate) async fn check_still_edge(&self, track: &Track) -> Result<(), Error> {
        let Some(edge) = self.edge(track)? else { return Ok(()) };
        let start = self.window.start;
        if edge.reached < start + edge.segment {
            return Err(waiting(edge.due_ms(), edge.reached, start, &self.selection.window));
        }
        self.check_stored(&edge, track, (start, start + Nanos::new(1))).await
    }

    /// Returns `true` if a picture can be made although the window's end is not recorded yet.
    pub(crate) async fn has_begun(&self, track: &Track) -> Result<bool, Error> {
        let Some(edge) = self.edge(track)? else { return Ok(true) };
        let (from, until) = (self.window.start, self.window.start + Nanos::new(1));
        Ok(edge.reached > from && track.newest_absent(&self.reader, from, until).await?.is_none())
    }

    /// The live edge of `track`; `None` if nothing more is to be waited for.
    fn edge(&self, track: &Track) -> Result<Option<Edge>, Error> {
        let listed = listed(track, self.window.start)?;
        Ok(self.window.edge(&self.mpd, &listed, self.selection.now_ms))
    }

    /// The end of what is stored of `track` of the window, and whether more of it is to come.
    pub(crate) async fn stored_until(&self, track: &Track) -> Result<(Nanos, bool), Error> {
        let Window { start, end, .. } = self.window;
        let Some(edge) = self.edge(track)? else { return Ok((end, false)) };
        let (from, mut until) = (start.max(edge.young), edge.reached.min(end));
        while until > from
            && let Some(absent) = track.newest_absent(&self.reader, from, until).await?
        {
            until = track.span(&absent).0;
        }
        Ok((until, until < end))
    }

    /// The same, if that is far enough.
    fn check_reached(&self, track: &Track) -> Result<Option<Edge>, Error> {
        let Some(edge) = self.edge(track)? else { return Ok(None) };
        if edge.reached < self.window.end {
            return Err(waiting(edge.due_ms(), edge.reached, self.window.start, &self.selection.window));
        }
        Ok(Some(edge))
    }

    /// Manifests list segments, and numbers are due, before the objects are stored: what is young is waited for.
    async fn check_stored(
        &self,
        edge: &Edge,
        track: &Track,
        (from, until): (Nanos, Nanos),
    ) -> Result<(), Error> {
        if until <= edge.young {
            return Ok(());
        }
        match track.newest_absent(&self.reader, from.max(edge.young), until).await? {
            Some(absent) => {
                let reached = track.span(&absent).0;
                Err(waiting(edge.soon_ms(), reached, self.window.start, &self.selection.window))
            }
            None => Ok(()),
        }
    }

    /// The track of a part.
    pub(crate) async fn track_of(&self, part: &PeriodVideo) -> Result<Option<Arc<Track>>, Error> {
        match self.video.first() {
            Some(first) if first.from == part.from => Ok(self.track.clone()),
            _ => part.open(&self.reader).await,
        }
    }

    /// The window's pictures, from the first on.
    pub(crate) fn pictures(&self) -> VideoFeed<O> {
        let (reader, parts) = (Arc::clone(&self.reader), self.video.clone());
        VideoFeed::new(reader, parts, self.track.clone(), self.window.start, self.window.end)
    }

    /// The audio tracks of a window that lies in one Period, by the manifest's order. What cannot be read is left out.
    pub(crate) async fn audio_of_one_period(&self) -> Result<Vec<Arc<Track>>, Error> {
        let [(period, from, until)] = self.window.periods(&self.mpd)[..] else { return Ok(Vec::new()) };
        let mut tracks = Vec::new();
        for audio in choose(period, None).audio {
            match Track::open(&self.reader, audio, TrackKind::Audio, (from, until)).await {
                Ok(track) => tracks.extend(track.map(Arc::new)),
                Err(Error::GivenUp(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(tracks)
    }

    /// The part of the recording that is asked for.
    pub(crate) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The codec that the pictures are asked for in; `None` keeps the recorded one.
    pub(crate) fn codec_asked(&self) -> Option<VideoCodec> {
        self.selection.codec
    }

    /// Which audio was left out first, and why.
    pub(crate) fn audio_left_out(&self) -> Option<String> {
        let warnings = self.reader.notes().warnings();
        warnings.into_iter().find(|warning| warning.code == WarningCode::AudioLeftOut).map(|w| w.detail)
    }

    /// Why there is nothing to make: a window outside the recording has no Period to look into.
    pub(crate) fn nothing(&self, otherwise: Refusal) -> Refusal {
        if self.window.periods(&self.mpd).is_empty() {
            return self.no_media("no Period of the manifest lies in the window");
        }
        otherwise
    }

    /// Why there is no clip, or no still: no picture in the window.
    pub(crate) fn no_picture(&self) -> Refusal {
        let refusal = self.no_media("no picture that can be decoded lies in the window");
        match self.reader.notes().left_out() {
            Some(why) => refusal.kind.because(format!("{}; {why}", refusal.detail)),
            None => refusal,
        }
    }

    /// The refusal of a window with nothing in it, which says what the manifest lists.
    pub(crate) fn no_media(&self, what: &str) -> Refusal {
        match self.range() {
            Some(range) => Kind::NoMedia.because(format!("{what}: {range}")),
            None => Kind::NoMedia.because(what),
        }
    }

    /// The same recording for the part `[start, end)` of the window.
    pub(crate) fn within(&self, start: Nanos, end: Nanos) -> Self {
        let window = self.window.part(start, end);
        let video = video_parts(&self.mpd, window, self.selection.codec);
        // A track that is open already is the one of the first part.
        let same = self.video.first().zip(video.first()).is_some_and(|(all, part)| part.from < all.until);
        Self {
            reader: Arc::clone(&self.reader),
            listed: Arc::clone(&self.listed),
            mpd: Arc::clone(&self.mpd),
            window,
            video,
            track: self.track.clone().filter(|_| same),
            selection: self.selection.clone(),
            began: self.began,
            open_ms: self.open_ms,
        }
    }

    /// The time in `[from, until)` that the manifest lists media for.
    pub(crate) fn listed_in(&self, from: Nanos, until: Nanos) -> Nanos {
        let extent = Extent::of(&self.mpd, self.selection.now_ms);
        extent.map_or(Nanos::ZERO, |extent| extent.listed_in(from, until))
    }

    /// Bytes of audio in the window, by the manifest's bandwidths.
    pub(crate) fn audio_bytes(&self) -> u64 {
        let parts = self.window.periods(&self.mpd);
        let bytes = parts.iter().map(|(period, from, until)| {
            let bits: u64 = choose(period, None).audio.iter().map(|track| track.bandwidth).sum();
            let ms = u64::try_from((*until - *from).to_millis_floor()).unwrap_or(0);
            (bits / 8).saturating_mul(ms) / 1000
        });
        bytes.fold(0, u64::saturating_add)
    }

    /// Time zero of the presentation, since the Unix epoch.
    pub(crate) fn availability_start(&self) -> Option<Nanos> {
        self.mpd.availability_start
    }

    /// The start of the first Period.
    pub(crate) fn first_period(&self) -> Nanos {
        self.mpd.periods.first().map_or(Nanos::ZERO, |period| period.start)
    }

    /// The range that the manifest lists, and the hole that the window lies in, in the field that the window counts by.
    fn range(&self) -> Option<String> {
        let extent = Extent::of(&self.mpd, self.selection.now_ms)?;
        let (field, zero) = match self.mpd.availability_start {
            Some(epoch) => ("StartPos", Nanos::ZERO - epoch),
            None => ("StartTime", self.mpd.periods.first()?.start),
        };
        let ms = |at: Nanos| (at - zero).to_millis_floor();
        let start = ms(extent.start);
        let range = match extent.end {
            Some(end) => format!("the manifest lists {field} {start} to {}", ms(end)),
            None => format!("the manifest lists {field} {start} and later"),
        };
        Some(match extent.hole_in(self.window.start, self.window.end) {
            Some((from, to)) => format!("{range}, without {} to {}", ms(from), ms(to)),
            None => range,
        })
    }

    /// The part of the window that the manifest lists media for.
    pub(crate) fn recorded(&self) -> Nanos {
        let Some(track) = &self.track else { return Nanos::ZERO };
        let several = self.video.len() > 1;
        let end = track.listed_end().filter(|_| !several).unwrap_or(self.window.end).min(self.window.end);
        let start = track.listed_start().unwrap_or(self.window.start).max(self.window.start);
        (end - start).max(Nanos::ZERO)
    }
}

fn video_parts(mpd: &Mpd, window: Window, wanted: Option<VideoCodec>) -> Vec<PeriodVideo> {
    let parts = window.periods(mpd).into_iter().filter_map(|(period, from, until)| {
        let candidates: Vec<_> =
            pictures(period, wanted).into_iter().take(MOST_CANDIDATES).cloned().collect();
        if candidates.is_empty() {
            return None;
        }
        let (starts_period, ends_period) = (from > window.start, until < window.end);
        Some(PeriodVideo { candidates, from, until, starts_period, ends_period })
    });
    parts.collect()
}

/// The media that the manifest lists of `track`, to the extent that a window from `start` on needs it.
fn listed(track: &Track, start: Nanos) -> Result<Listed, Error> {
    let segment = track.segment(track.index_at(start))?.map_or(Nanos::ZERO, |segment| {
        let (from, to) = track.span(&segment);
        to - from
    });
    let (first, end) = (track.listed_start(), track.certain_end());
    Ok(Listed { start: first, end, open_ended: track.is_open_ended(), segment })
}

/// Looks again at `wake_at`; the recording is complete up to `edge`, and the window that is `asked` for begins at
/// `start`.
fn waiting(wake_at: i64, edge: Nanos, start: Nanos, asked: &Asked) -> Error {
    let available_ms = (edge - start).to_millis_floor();
    let at_ms = asked.start_pos_ms.saturating_add(available_ms);
    Error::Waiting {
        wake_at,
        available_ms: available_ms.clamp(0, asked.duration_ms.max(0)),
        live_edge_ms: Some(at_ms).filter(|at_ms| edge > Nanos::ZERO && *at_ms >= 0),
    }
}
