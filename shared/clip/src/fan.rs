//! Plans the chunks of a clip, and reads what a plan says.

mod program;

use self::program::fingerprint;
use crate::Source;
use crate::chunked::{ChunkFault, ChunkJson, ChunkPlan, ClipJson, ListJson, VERSION};
use crate::chunked::{codec_name, codec_named, container_name};
use crate::error::{Error, Kind, Refusal, Unfit};
use crate::fanning::{FanOut, FannedClip, ReadyLook};
use crate::ffmpeg::Ffmpeg;
use crate::planner::{bitrate_of, reordered};
use crate::recording::{Recording, Selection};
use crate::source::{RecordedLists, Track};
use export_media::arrange::nanos;
use export_media::chunks::{ChunkLimits, borders, count};
use export_media::ffmpeg::FileFormat;
use export_media::sample::peak_bitrate;
use export_media::time::Nanos;
use export_media::window::{Asked, Window};
use std::sync::Arc;
use std::time::Duration;

/// Segments of the window whose bit rate is looked at.
const SAMPLED: i128 = 4;

/// Plans the chunks of a clip in `container` that begins as was `found`.
///
/// # Errors
/// [`Kind::ClipTooLarge`] if there would be too many.
pub(crate) async fn plan<S: Source>(
    source: &Recording<S>,
    ffmpeg: &Ffmpeg,
    container: FileFormat,
    found: FannedClip,
    unfit: Option<(Unfit, String)>,
) -> Result<ChunkPlan, Error> {
    let Window { start, end, .. } = source.window;
    let count = found.chunks_of(end - start)?;
    let FannedClip { mut look, work, .. } = found;
    let mut parts: Vec<(Nanos, Nanos)> = Vec::new();
    let mut tracks: Vec<Option<Arc<Track>>> = Vec::new();
    for part in &source.video {
        parts.push((part.from, part.until));
        tracks.push(source.track_of(part).await?);
    }
    look.max_bitrate = bitrate_of(recorded_bitrate(source, &parts, &tracks).await?);
    let segment = |part: usize, at: Nanos| {
        let track = tracks.get(part)?.as_ref()?;
        let segment = track.segment(track.index_at(at)).ok()??;
        Some(track.span(&segment).0)
    };
    let borders = borders((start, end), count, &parts, segment);
    let froms = std::iter::once(start).chain(borders.iter().copied());
    let untils = borders.iter().copied().chain([end]);
    let chunk = |((n, from), until)| Ok(ChunkJson { n, from: whole(from)?, until: whole(until)? });
    let ready = ReadyLook::of(&look)?;
    Ok(ChunkPlan {
        v: VERSION,
        program: fingerprint(ffmpeg, &ready, reordered(ready.share)).await?,
        clip: clip_of(source.selection(), container),
        unfit: unfit.map(|(unfit, why)| (unfit.code().to_owned(), why)),
        look,
        window: (whole(start)?, whole(end)?),
        chunks: (0..).zip(froms).zip(untils).map(chunk).collect::<Result<_, Error>>()?,
        work_ms: u64::try_from(work.as_millis()).unwrap_or(u64::MAX),
        lists: source.reader.lists().all().into_iter().map(ListJson::of).collect(),
    })
}

impl FannedClip {
    /// The number of chunks of a window of `length`.
    ///
    /// # Errors
    /// [`Kind::ClipTooLarge`] if there would be too many.
    pub(crate) fn chunks_of(&self, length: Nanos) -> Result<u32, Refusal> {
        let FanOut { at_once, least, chunk_work, most, .. } = self.wanted;
        let count = count(length, self.recorded, self.work, &ChunkLimits { at_once, least, chunk_work });
        if count > most {
            let longest = length.get() * i128::from(most) / i128::from(count);
            return Err(Kind::ClipTooLarge { longest_ms: Nanos::new(longest).to_millis_floor() }.into());
        }
        Ok(count)
    }

    /// The time that `count` chunks take, as many at once as may be.
    pub(crate) fn takes(&self, count: u32) -> Duration {
        let waves = count.div_ceil(self.wanted.at_once.max(1));
        self.work.saturating_mul(waves) / count.max(1)
    }
}

/// Nanoseconds of a presentation's clock as a plan has them, which reach to the year 2262.
fn whole(at: Nanos) -> Result<i64, Error> {
    let beyond = || Kind::BadRecording.because("its times are beyond what can be counted");
    Ok(i64::try_from(at.get()).map_err(|_| beyond())?)
}

/// The highest bit rate of the window's pictures, by the manifest and by a few segments.
async fn recorded_bitrate<S: Source>(
    source: &Recording<S>,
    parts: &[(Nanos, Nanos)],
    tracks: &[Option<Arc<Track>>],
) -> Result<u64, Error> {
    let mut highest = tracks.iter().flatten().map(|track| track.bandwidth()).max().unwrap_or(0);
    let Window { start, end, .. } = source.window;
    for n in 0..SAMPLED {
        let at = start + Nanos::new((end - start).get() * (2 * n + 1) / (2 * SAMPLED));
        let held = parts.iter().position(|(from, until)| *from <= at && at < *until);
        let Some(track) = held.and_then(|part| tracks.get(part)?.as_ref()) else { continue };
        let Some(segment) = track.segment(track.index_at(at))? else { continue };
        // What cannot be read is left out of the clip, and said there.
        let media = match track.read(&source.reader, &segment).await {
            Ok(media) => media,
            Err(Error::GivenUp(_)) => None,
            Err(error) => return Err(error),
        };
        let timescale = track.timeline.timescale().get();
        let pictures = media.iter().flat_map(|media| &media.samples).map(|sample| {
            let duration = nanos(i64::from(sample.duration), timescale);
            (u64::from(sample.size), duration)
        });
        highest = highest.max(peak_bitrate(pictures));
    }
    Ok(highest)
}

/// A clip as a plan writes it.
fn clip_of(selection: &Selection, container: FileFormat) -> ClipJson {
    let Selection { manifest, window, codec, now_ms, asked_at_ms } = selection;
    ClipJson {
        manifest: manifest.clone(),
        start_pos_ms: window.start_pos_ms,
        start_time_ms: window.start_time_ms,
        pts: window.pts,
        duration_ms: window.duration_ms,
        wall_end_ms: window.wall_end_ms,
        codec: codec.map(|codec| codec_name(codec).to_owned()),
        now_ms: *now_ms,
        asked_at_ms: *asked_at_ms,
        container: container_name(container).to_owned(),
    }
}

impl ChunkPlan {
    /// The look of the clip.
    pub(crate) fn look(&self) -> Result<ReadyLook, Error> {
        ReadyLook::of(&self.look)
    }

    pub(crate) fn container(&self) -> Result<FileFormat, Error> {
        let known = [FileFormat::Mp4, FileFormat::TransportStream];
        let named = known.into_iter().find(|known| container_name(*known) == self.clip.container);
        named.ok_or_else(|| ChunkFault::Stale.because("the container of the plan's clip is not known"))
    }

    pub(crate) fn selection(&self) -> Result<Selection, Error> {
        let ClipJson { manifest, codec, now_ms, asked_at_ms, .. } = &self.clip;
        let window = Asked {
            start_pos_ms: self.clip.start_pos_ms,
            start_time_ms: self.clip.start_time_ms,
            pts: self.clip.pts,
            duration_ms: self.clip.duration_ms,
            wall_end_ms: self.clip.wall_end_ms,
            still: false,
        };
        let unknown = || ChunkFault::Stale.because("the codec of the plan's clip is not known");
        let codec = codec.as_ref().map(|name| codec_named(name).ok_or_else(unknown)).transpose()?;
        let (manifest, now_ms, asked_at_ms) = (manifest.clone(), *now_ms, *asked_at_ms);
        Ok(Selection { manifest, window, codec, now_ms, asked_at_ms })
    }

    /// The manifest and its playlists as they were.
    pub(crate) fn lists(&self) -> RecordedLists {
        RecordedLists::frozen(self.lists.iter().map(ListJson::read))
    }

    /// Why the clip is not copied, if that was tried.
    pub(crate) fn unfit(&self) -> Option<(Unfit, String)> {
        let (code, why) = self.unfit.as_ref()?;
        Some((Unfit::with_code(code)?, why.clone()))
    }

    /// # Errors
    /// [`ChunkFault::Stale`] if the window is another one in the recording as it is read now.
    pub(crate) fn check_window(&self, window: &Window) -> Result<(), Error> {
        let (from, until) = self.window;
        if (window.start.get(), window.end.get()) == (from.into(), until.into()) {
            return Ok(());
        }
        Err(ChunkFault::Stale.because("the plan's window is another one"))
    }

    /// # Errors
    /// [`ChunkFault::Stale`] if the program or its ffmpeg is another one.
    pub(crate) async fn check_program(&self, ffmpeg: &Ffmpeg, look: &ReadyLook) -> Result<(), Error> {
        if fingerprint(ffmpeg, look, reordered(look.share)).await? == self.program {
            return Ok(());
        }
        Err(ChunkFault::Stale
            .because("the plan was made with another ffmpeg or another version of the program"))
    }
}
