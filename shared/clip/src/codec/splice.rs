//! Makes rendered pictures a part of the clip: alone, or beside copied pictures that they have to fit to.

use crate::codec::encode::{EncodeRequest, render};
use crate::codec::picture::{Coded, Setup};
use crate::codec::rendered::Rendered;
use crate::codec::verify::{Join, check};
use crate::container::Container;
use crate::error::Error;
use crate::ffmpeg::Ffmpeg;
use crate::stats::Stats;
use crate::write::assembly::ClipSample;
use bytes::Bytes;
use export_media::cut::Run;
use export_media::entries::free_parameter_id;
use export_media::fmp4::Codec;
use export_media::nal::kinds::avc;
use export_media::nal::{VideoCodec, parameter_sets, unit_type};
use tokio::time::Instant;

/// Renders a run beside copied pictures, and checks how it joins them in a clip that looks like `clip`.
pub(crate) async fn render_join(
    ffmpeg: &Ffmpeg,
    request: EncodeRequest,
    clip: &Setup,
    container: Container,
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
