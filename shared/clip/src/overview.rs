//! What a recording holds, by its manifest and one init segment: no segment is read or looked for, except for the first of a
//! transport stream, which has no init segment.

use crate::Source;
use crate::error::{Error, Refusal};
use crate::footage::{FootagePart, first_pictures, footage};
use crate::source::{Preference, Reader, manifest as read_manifest, place};
use crate::video::{PeriodVideo, format_of};
use export_media::extent::Extent;
use export_media::mpd::{FrameRate, Mpd, Representation};
use export_media::nal::VideoCodec;
use export_media::select::choose;
use export_media::time::Nanos;
use std::sync::Arc;

/// A recording.
#[derive(Debug)]
pub struct Overview {
    /// Time zero of the presentation, since the Unix epoch; `None` for a recording without a clock.
    pub availability_start: Option<Nanos>,
    /// The start of the first Period on the presentation's clock.
    pub first_period: Nanos,
    /// The listed media; `None` if there is none yet.
    pub extent: Option<Extent>,
    /// The manifest says that the recording may grow.
    pub dynamic: bool,
    /// Periods of the manifest.
    pub periods: usize,
    /// The best picture of the last Period with media.
    pub video: Option<PictureOverview>,
    /// The audio tracks of that Period.
    pub audio: Vec<AudioOverview>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureOverview {
    /// RFC 6381 list of the manifest, possibly empty.
    pub codecs: String,
    /// Frames per second by the manifest.
    pub frame_rate: Option<FrameRate>,
    /// Width and height in pixels as shown: by the init segment, else by the manifest.
    pub size: Option<(u32, u32)>,
    /// The codec by the init segment, or why it cannot be told.
    pub codec: Result<VideoCodec, Refusal>,
}

/// An audio track, by the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioOverview {
    /// The language as written.
    pub language: Option<String>,
    /// The roles.
    pub roles: Vec<String>,
    /// The label.
    pub label: Option<String>,
    /// RFC 6381 list, possibly empty.
    pub codecs: String,
    /// Samples per second.
    pub sample_rate: Option<u32>,
}

/// The manifest at `path`; of HLS playlists with those of the picture, in `codec` if there is a choice, and its audio.
///
/// # Errors
/// As [`Overview::read`].
pub async fn manifest<S: Source>(
    source: Arc<S>,
    path: &str,
    codec: Option<VideoCodec>,
) -> Result<Mpd, Error> {
    let reader = Reader::new(source, path);
    Ok(read_manifest(&reader, path, Preference { codec, window: None }).await??)
}

impl Overview {
    /// Reads the manifest at `manifest`, and the init segment of the picture; `now_ms` is the time in milliseconds since
    /// the Unix epoch.
    ///
    /// # Errors
    /// [`Error::GivenUp`] for a manifest that is not there, may not be read or cannot be understood; another one if the
    /// source does not answer.
    pub async fn read<S: Source>(source: Arc<S>, manifest: &str, now_ms: i64) -> Result<Self, Error> {
        let reader = Reader::new(source, manifest);
        let mpd = read_manifest(&reader, manifest, Preference::default()).await??;
        Self::of(&reader, &mpd, now_ms).await
    }

    /// The same with the media from `from` to `until`, both since the first Period's start: in each track no more than
    /// `most` segments.
    ///
    /// # Errors
    /// As [`Overview::read`].
    pub async fn read_with_footage<S: Source>(
        source: Arc<S>,
        manifest: &str,
        now_ms: i64,
        (from, until): (Nanos, Nanos),
        most: usize,
    ) -> Result<(Self, Vec<FootagePart>), Error> {
        let reader = Reader::new(source, manifest);
        let mut mpd = read_manifest(&reader, manifest, Preference::default()).await??;
        let overview = Self::of(&reader, &mpd, now_ms).await?;
        let listed_end = overview.extent.as_ref().and_then(|extent| extent.end);
        let (from, until) = (overview.first_period + from, overview.first_period + until);
        let until = listed_end.map_or(until, |end| end.min(until));
        let parts = footage(&reader, &mut mpd, (from, until), most).await?;
        Ok((overview, parts))
    }

    async fn of<S: Source>(reader: &Reader<S>, mpd: &Mpd, now_ms: i64) -> Result<Self, Error> {
        let last = mpd.periods.iter().rposition(|period| !period.representations.is_empty());
        let period = last.and_then(|n| mpd.periods.get(n));
        let video = match last {
            Some(n) => picture(reader, mpd, n).await?,
            None => None,
        };
        let audio = period.map(|period| choose(period, None).audio).unwrap_or_default();
        Ok(Self {
            availability_start: mpd.availability_start,
            first_period: mpd.periods.first().map_or(Nanos::ZERO, |period| period.start),
            extent: Extent::of(mpd, now_ms),
            dynamic: mpd.dynamic,
            periods: mpd.periods.len(),
            video,
            audio: audio.into_iter().map(described).collect(),
        })
    }
}

/// The picture of the `n`th Period.
async fn picture<S: Source>(
    reader: &Reader<S>,
    mpd: &Mpd,
    n: usize,
) -> Result<Option<PictureOverview>, Error> {
    let Some(period) = mpd.periods.get(n) else { return Ok(None) };
    let first = first_pictures(period);
    let Some(best) = first.first().cloned() else { return Ok(None) };
    let manifests = best.width.zip(best.height);
    // Of a single file no more of the index is read than the beginning needs.
    let (from, until) = (period.start, period.start + Nanos::new(1));
    let candidates = if period.placing.is_some() && best.init()?.is_none() {
        placed(reader, mpd, n, (from, until)).await?
    } else {
        first
    };
    let part = PeriodVideo { candidates, from, until, starts_period: false, ends_period: false };
    let (codec, size) = match part.open(reader).await {
        Ok(track) => {
            let Some((track, config)) = track.and_then(|track| {
                let config = track.configs.first().cloned().flatten()?;
                Some((track, config))
            }) else {
                return Ok(None);
            };
            let format = config.sps(&[]).ok().and_then(|sps| format_of(&track, &config, &sps, &[]));
            let size = format.map(|format| format.display_size());
            (Ok(config.codec), size.map(|(width, height)| (u32::from(width), u32::from(height))))
        }
        Err(Error::GivenUp(refusal)) => (Err(refusal), None),
        Err(other) => return Err(other),
    };
    let (codecs, frame_rate) = (best.codecs.clone(), best.frame_rate);
    Ok(Some(PictureOverview { codecs, frame_rate, size: size.or(manifests), codec }))
}

/// The pictures of a Period whose segments describe themselves: they are read once one has told its place.
async fn placed<S: Source>(
    reader: &Reader<S>,
    mpd: &Mpd,
    n: usize,
    span: (Nanos, Nanos),
) -> Result<Vec<Representation>, Error> {
    let mut own = mpd.clone();
    place(reader, &mut own, span, None).await?;
    Ok(own.periods.get(n).map(first_pictures).unwrap_or_default())
}

fn described(track: &Representation) -> AudioOverview {
    AudioOverview {
        language: track.lang.clone(),
        roles: track.roles.to_vec(),
        label: track.label.clone(),
        codecs: track.codecs.clone(),
        sample_rate: track.audio_sampling_rate,
    }
}
