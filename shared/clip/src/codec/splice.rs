//! What is rendered becomes part of the clip: alone, or beside copied pictures that it has to fit to.

use crate::codec::encode::{Order, render};
use crate::codec::picture::{Coded, Setup};
use crate::codec::rendered::Rendered;
use crate::codec::verify::{Join, check};
use crate::container::Container;
use crate::error::WorkError;
use crate::ffmpeg::Ffmpeg;
use crate::stats::Work;
use crate::write::assembly::Picture;
use bytes::Bytes;
use export_media::cut::Run;
use export_media::entries::free_parameter_id;
use export_media::fmp4::Codec;
use export_media::nal::{VideoCodec, parameter_sets, unit_type};
use tokio::time::Instant;

/// Renders a run beside copied pictures, and checks how it joins them in a clip that looks like `clip`.
pub(crate) async fn render_join(
    ffmpeg: &Ffmpeg,
    order: Order,
    clip: &Setup,
    container: Container,
    work: &Work,
) -> Result<Vec<Picture>, WorkError> {
    let (format, after) = (order.format, order.run.after.clone());
    let before = order.run.feed.first().filter(|_| order.run.joins).map(|access| access.item.clone());
    let rendered = render_piece(ffmpeg, order, work).await?;
    let began = Instant::now();
    let join = Join { clip, container, before: before.as_ref(), rendered: &rendered, after: &after };
    check(ffmpeg, &format, &join).await?;
    work.checked(began.elapsed());
    Ok(pictures_of(&rendered))
}

/// An id that no H.264 parameter set uses, neither in the sample entry nor in the random access pictures of `run`.
pub(crate) fn unused_id(setup: &Setup, run: &Run<Coded>) -> Result<Option<u32>, WorkError> {
    let mut in_band = Vec::new();
    for access in run.feed.iter().chain(&run.after).filter(|access| access.picture.parameter_sets) {
        let config = &access.item.config;
        for set in parameter_sets(config.codec, &access.item.data, config.nal_length_size)? {
            in_band.push(Bytes::copy_from_slice(set));
        }
    }
    let (sps, pps) = in_band.into_iter().partition(|set| unit_type(VideoCodec::H264, set) == Some(7));
    let in_band = Codec::H264 { nal_length_size: 4, sps, pps };
    Ok(free_parameter_id(&[&setup.config.entry.codec, &in_band]))
}

/// Renders a run that stands for itself.
pub(crate) async fn render_alone(
    ffmpeg: &Ffmpeg,
    order: Order,
    work: &Work,
) -> Result<Vec<Picture>, WorkError> {
    render_piece(ffmpeg, order, work).await.map(|rendered| pictures_of(&rendered))
}

async fn render_piece(ffmpeg: &Ffmpeg, order: Order, work: &Work) -> Result<Rendered, WorkError> {
    let began = Instant::now();
    let rendered = render(ffmpeg, order).await?;
    work.encoded_pictures(rendered.pictures.len(), began.elapsed());
    work.lost_metadata(rendered.lost.iter().copied());
    work.left_out_pictures(rendered.left_out);
    Ok(rendered)
}

fn pictures_of(rendered: &Rendered) -> Vec<Picture> {
    rendered.pictures.iter().map(|picture| picture.of(&rendered.config)).collect()
}
