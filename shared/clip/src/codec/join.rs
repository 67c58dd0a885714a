//! Joins: rendered pictures beside copied ones. They are made, put into a file of their own as the clip's file has them,
//! and played from there as a player would: every picture is compared with what it should be.

use crate::codec::decode::tracks;
use crate::codec::encode::{EncodeRequest, render};
use crate::codec::picture::{Coded, Setup};
use crate::codec::rendered::Rendered;
use crate::error::{Error, Unfit};
use crate::ffmpeg::Ffmpeg;
use crate::stats::Stats;
use crate::write::assembly::{Block, ClipSample, lay_out};
use crate::write::container::MuxBatch;
use bytes::Bytes;
use export_media::arrange::{ClipClock, ticks};
use export_media::cut::{Access, Run};
use export_media::display::Matrix;
use export_media::entries::{SharedEntry, free_parameter_id, without_parameter_sets};
use export_media::ffmpeg::{Fed, FileFormat, WantedTracks, picture_tracks, to_transport_stream};
use export_media::fmp4::Codec;
use export_media::mux::{
    FragmentWriter, Mp4Tables, MuxSample, TrackMedia, TrackSpec, edits, movie_timescale,
};
use export_media::nal::kinds::avc;
use export_media::nal::{RandomAccess, VideoCodec, as_bla, parameter_sets, unit_type};
use export_media::picture::PictureFormat;
use export_media::reorder::Turns;
use export_media::time::Nanos;
use std::sync::Arc;
use tokio::time::Instant;

/// Renders a run beside copied pictures, and checks how it joins them in a clip that looks like `clip`.
pub(crate) async fn render_join(
    ffmpeg: &Ffmpeg,
    request: EncodeRequest,
    clip: &Setup,
    container: FileFormat,
    stats: &Stats,
) -> Result<Vec<ClipSample>, Error> {
    let (format, after) = (request.format, request.run.after.clone());
    let before = request.run.feed.first().filter(|_| request.run.joins).map(|access| access.item.clone());
    let rendered = render_piece(ffmpeg, request, stats).await?;
    let began = Instant::now();
    let _step = stats.checking();
    let join = Join { clip, container, before: before.as_ref(), rendered: &rendered, after: &after };
    check(ffmpeg, &format, &join).await?;
    stats.checked(began.elapsed());
    Ok(pictures_of(&rendered))
}

/// An id that no H.264 parameter set uses, neither in the sample entry nor in the random access pictures of `run`.
pub(crate) fn unused_id(setup: &Setup, run: &Run<Coded>) -> Result<Option<u32>, Error> {
    let mut in_band = Vec::new();
    for access in run.feed.iter().chain(&run.after).filter(|access| access.picture.parameter_sets) {
        let config = &access.item.config;
        for set in parameter_sets(config.codec, &access.item.data, config.nal_length_size)? {
            in_band.push(Bytes::copy_from_slice(set));
        }
    }
    let (sps, pps) = in_band.into_iter().partition(|set| unit_type(VideoCodec::H264, set) == Some(avc::SPS));
    let in_band = Codec::H264 { nal_length_size: 4, sps, pps };
    Ok(free_parameter_id(&[&setup.config.entry.codec, &in_band]))
}

/// Renders a run that stands for itself.
pub(crate) async fn render_alone(
    ffmpeg: &Ffmpeg,
    request: EncodeRequest,
    stats: &Stats,
) -> Result<Vec<ClipSample>, Error> {
    render_piece(ffmpeg, request, stats).await.map(|rendered| pictures_of(&rendered))
}

async fn render_piece(ffmpeg: &Ffmpeg, request: EncodeRequest, stats: &Stats) -> Result<Rendered, Error> {
    let began = Instant::now();
    let _step = stats.rendering();
    let rendered = render(ffmpeg, request).await?;
    stats.encoded_pictures(rendered.pictures.len(), began.elapsed());
    stats.lost_metadata(rendered.lost.iter().copied());
    stats.left_out_pictures(rendered.left_out);
    Ok(rendered)
}

fn pictures_of(rendered: &Rendered) -> Vec<ClipSample> {
    rendered.pictures.iter().map(|picture| picture.of(&rendered.config)).collect()
}

/// Rendered pictures, and the copied ones that they stand between.
struct Join<'a> {
    /// The look of the clip.
    clip: &'a Setup,
    container: FileFormat,
    /// A random access picture of the copy before.
    before: Option<&'a Coded>,
    rendered: &'a Rendered,
    /// The first pictures of the copy behind, in decode order.
    after: &'a [Access<Coded>],
}

impl Join<'_> {
    /// All pictures in decode order; without what was rendered, only the recorded ones.
    fn pictures(&self, with_rendered: bool) -> Result<Vec<ClipSample>, Error> {
        let mut pictures = Vec::new();
        if let Some(before) = self.before {
            // It need not be the last picture of the copy: what lies between is not looked at.
            let first = self.rendered.pictures.iter().map(|picture| picture.pts).min();
            let pts = first.map_or(before.pts, |first| first - before.duration);
            let (data, config) = (before.data.clone(), Arc::clone(&before.config));
            pictures.push(ClipSample {
                pts,
                duration: before.duration,
                sync: true,
                data,
                config,
                origin: None,
            });
        }
        if with_rendered {
            pictures.extend(self.rendered.pictures.iter().map(|picture| picture.of(&self.rendered.config)));
        }
        for (n, access) in self.after.iter().enumerate() {
            pictures.push(copied(access, n == 0)?);
        }
        Ok(pictures)
    }

    /// Those pictures as the clip's own file would hold them, which a player reads.
    async fn file(&self, ffmpeg: &Ffmpeg, with_rendered: bool) -> Result<Vec<u8>, Error> {
        file_of(ffmpeg, self.clip, self.container, self.pictures(with_rendered)?).await
    }
}

/// Plays a join from the clip's own container, and compares what comes out.
///
/// # Errors
/// [`Error::Unfit`] if a picture is missing, too many or not what it should be, or the decoder complains of what it
/// does not complain of in the recorded pictures alone.
async fn check(ffmpeg: &Ffmpeg, format: &PictureFormat, join: &Join<'_>) -> Result<(), Error> {
    let Join { rendered, .. } = join;
    let coded = join.file(ffmpeg, true).await?;
    let first = usize::from(join.before.is_some());
    let behind = first + rendered.given.len();
    let raw: Vec<usize> = (behind..behind + rendered.after.len()).collect();
    let wanted = WantedTracks { first, told_apart: true, raw: &raw, ..WantedTracks::default() };
    let args = played(join.container, format, &wanted);
    let refused = |complaint| Unfit::Join.because(&format!("the decoder refuses a join: {complaint}"));
    let played = tracks(ffmpeg, &args, &[coded], (&wanted, format), |_| ()).await;
    let played = played.map_err(|error| error.or(refused))?;
    if played.thumbs.len() != rendered.given.len() + rendered.after.len() {
        return Err(Unfit::Join.because("pictures at a join are missing or too many"));
    }
    played.check(&wanted)?;
    let like = rendered.given.iter().zip(&played.thumbs).all(|(given, seen)| given.is_like(seen));
    if !like || played.digests != rendered.after {
        return Err(Unfit::Join.because("a picture at a join is not the recorded one"));
    }
    if played.silent || complains(ffmpeg, format, join).await? {
        return Ok(());
    }
    Err(Unfit::Join.because("the decoder complains about a join"))
}

/// The arguments of an ffmpeg that plays a file of the container, with what is `wanted` of its pictures.
pub(crate) fn played(
    container: FileFormat,
    format: &PictureFormat,
    wanted: &WantedTracks<'_>,
) -> Vec<String> {
    picture_tracks(Fed::Clip(container), format, format, wanted)
}

/// Returns `true` if a decoder complains of the recorded pictures of a join.
async fn complains(ffmpeg: &Ffmpeg, format: &PictureFormat, join: &Join<'_>) -> Result<bool, Error> {
    if join.before.is_none() && join.after.is_empty() {
        return Ok(false);
    }
    let recorded = join.file(ffmpeg, false).await?;
    let refused =
        |complaint| Unfit::Join.because(&format!("the decoder refuses recorded pictures: {complaint}"));
    let args = played(join.container, format, &WantedTracks::default());
    let played = ffmpeg.run(&args, &[recorded], &mut tokio::io::sink()).await;
    Ok(!played.map_err(|error| error.or(refused))?)
}

/// A copied picture as it stands in the clip; `first` after a splice, where a CRA picture must say that those before
/// it are not the recorded ones.
pub(crate) fn copied(access: &Access<Coded>, first: bool) -> Result<ClipSample, Error> {
    let Access { item, picture, .. } = access;
    let data = if first && item.config.codec == VideoCodec::Hevc {
        as_bla(&item.data, item.config.nal_length_size)?.into()
    } else {
        item.data.clone()
    };
    Ok(ClipSample {
        pts: access.pts,
        duration: access.duration,
        sync: !matches!(picture.random_access, RandomAccess::None | RandomAccess::RecoveryPoint),
        origin: item.origin.as_ref().map(
            |origin| {
                if data == item.data { origin.clone() } else { origin.altered() }
            },
        ),
        data,
        config: Arc::clone(&item.config),
    })
}

/// A file of `pictures`, in decode order and beginning with a random access picture, as it would be if they were all
/// of a clip that looks like `clip`; it can be read from a pipe.
///
/// # Errors
/// As a clip's.
pub(crate) async fn file_of(
    ffmpeg: &Ffmpeg,
    clip: &Setup,
    container: FileFormat,
    pictures: Vec<ClipSample>,
) -> Result<Vec<u8>, Error> {
    let delay = clip.delay(clip.rhythm.reorder);
    let block = Block { pictures, starts: false };
    let (mut clock, mut turns) = (ClipClock::default(), Turns::new(delay, clip.timescale));
    let times = lay_out(&mut clock, &mut turns, clip.timescale, &block)?;
    let mut entry = clip.entry.clone();
    let mut samples = MuxBatch::new();
    for (picture, turn) in block.pictures.iter().zip(times) {
        let data = match container {
            FileFormat::Mp4 => entry.sample(&picture.config, &picture.data)?,
            FileFormat::TransportStream => picture.in_band()?,
        };
        let sample = MuxSample {
            dts: turn.decoded,
            pts: turn.shown + delay,
            duration: u32::try_from(ticks(picture.duration, clip.timescale)).unwrap_or(1),
            sync: picture.sync,
            entry: 0,
            size: u32::try_from(data.len()).unwrap_or(u32::MAX),
        };
        samples.push((sample, data));
    }
    match container {
        FileFormat::Mp4 => mp4(clip, &entry, delay, clock.length(), &samples),
        FileFormat::TransportStream => transport_stream(ffmpeg, clip, &block, &samples).await,
    }
}

fn mp4(
    clip: &Setup,
    entry: &SharedEntry,
    delay: i64,
    length: Nanos,
    samples: &MuxBatch,
) -> Result<Vec<u8>, Error> {
    let movie_timescale = movie_timescale(clip.timescale);
    let mut tables = Mp4Tables::new(vec![track(clip, entry.boxed()?)], movie_timescale)?;
    for (sample, _) in samples {
        tables.push(0, *sample)?;
    }
    let head = tables.finish(&[edits(-delay, clip.timescale, length, movie_timescale)])?;
    Ok(std::iter::once(&head).chain(samples.iter().map(|(_, data)| data)).flatten().copied().collect())
}

async fn transport_stream(
    ffmpeg: &Ffmpeg,
    clip: &Setup,
    block: &Block,
    samples: &MuxBatch,
) -> Result<Vec<u8>, Error> {
    let Some(first) = block.pictures.first() else { return Ok(Vec::new()) };
    let entry = without_parameter_sets(&first.config.entry)?;
    let mut fragments = FragmentWriter::new(vec![track(clip, entry)], movie_timescale(clip.timescale))?;
    let parts = [fragments.init()?, fragments.fragment(&[samples])?];
    let mut file = Vec::new();
    let ran = ffmpeg.run(&to_transport_stream(), &parts, &mut file).await;
    ran.map_err(|error| error.or(Error::Passing))?;
    Ok(file)
}

/// The clip's picture track, but not turned.
fn track(clip: &Setup, entry: Bytes) -> TrackSpec {
    let (width, height) = clip.format.display_size();
    TrackSpec {
        kind: TrackMedia::Video { width, height, matrix: Matrix::default() },
        timescale: clip.timescale,
        language: *b"und",
        sample_entries: vec![entry],
        roll: None,
    }
}
