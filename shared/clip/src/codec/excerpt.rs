//! A few pictures of a clip as a file of their own, made in every respect as the clip's is.

use crate::codec::picture::Setup;
use crate::container::Container;
use crate::error::Error;
use crate::ffmpeg::Ffmpeg;
use crate::write::assembly::{Block, ClipSample, lay_out};
use crate::write::container::MuxBatch;
use export_media::arrange::{ClipClock, ticks};
use export_media::display::Matrix;
use export_media::entries::{SharedEntry, without_parameter_sets};
use export_media::ffmpeg::{Packed, to_transport_stream};
use export_media::mux::{
    FragmentWriter, Mp4Tables, MuxSample, TrackMedia, TrackSpec, edits, movie_timescale,
};
use export_media::reorder::Turns;
use export_media::time::Nanos;

/// The packing of a container, for a player.
pub(crate) fn packed(container: Container) -> Packed {
    match container {
        Container::Mp4 => Packed::Mp4,
        Container::Ts => Packed::TransportStream,
    }
}

/// A file of `pictures`, in decode order and beginning with a random access picture, as it would be if they were all
/// of a clip that looks like `clip`; it can be read from a pipe.
///
/// # Errors
/// As a clip's.
pub(crate) async fn file_of(
    ffmpeg: &Ffmpeg,
    clip: &Setup,
    container: Container,
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
            Container::Mp4 => entry.sample(&picture.config, &picture.data)?,
            Container::Ts => picture.in_band()?,
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
        Container::Mp4 => mp4(clip, &entry, delay, clock.length(), &samples),
        Container::Ts => transport_stream(ffmpeg, clip, &block, &samples).await,
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
fn track(clip: &Setup, entry: bytes::Bytes) -> TrackSpec {
    let (width, height) = clip.format.display_size();
    TrackSpec {
        kind: TrackMedia::Video { width, height, matrix: Matrix::default() },
        timescale: clip.timescale,
        language: *b"und",
        sample_entries: vec![entry],
        roll: None,
    }
}
