//! What is rendered becomes part of the clip: alone, or beside copied pictures that it has to fit to.

use crate::assemble::Picture;
use crate::error::{Unfit, WorkError};
use crate::ffmpeg::Ffmpeg;
use crate::join::{Join, check};
use crate::render::{Encoded, Order, Rendered, render};
use crate::video::{Coded, Setup};
use crate::work::Work;
use bytes::Bytes;
use export_domain::storage::Container;
use export_media::cut::Run;
use export_media::entries::{SampleEntries, free_parameter_id};
use export_media::fmp4::Codec;
use export_media::nal::{VideoCodec, parameter_sets, unit_type};
use export_media::picture::DecoderConfig;
use std::sync::Arc;
use tokio::time::Instant;

/// Renders a run beside copied pictures, and checks how it joins them.
pub(crate) async fn render_join(
    ffmpeg: &Ffmpeg,
    order: Order,
    container: Container,
    work: &Work,
) -> Result<Vec<Picture>, WorkError> {
    let (format, after) = (order.format, order.run.after.clone());
    let before = order.run.feed.first().filter(|_| order.run.joins).map(|access| access.item.clone());
    let rendered = render_piece(ffmpeg, order, work).await?;
    let began = Instant::now();
    let recorded = before.as_ref().or(after.first().map(|access| &access.item)).map(|coded| &coded.config);
    let recorded = recorded.filter(|_| container == Container::Mp4);
    let together = recorded.is_some_and(|recorded| share_entry(recorded, &rendered.config));
    let join = Join { before: before.as_ref(), rendered: &rendered, after: &after, together };
    check(ffmpeg, &format, &join).await?;
    work.checked(began.elapsed());
    match recorded.filter(|recorded| !together && recorded.codec == VideoCodec::H264) {
        Some(recorded) => in_entry_of(recorded, rendered),
        None => Ok(pictures_of(rendered)),
    }
}

/// Pictures under the recording's sample entry, with their parameter sets in band: players do not follow a second H.264
/// entry that uses the same ids.
fn in_entry_of(recorded: &Arc<DecoderConfig>, rendered: Rendered) -> Result<Vec<Picture>, WorkError> {
    if recorded.entry.fourcc != *b"avc3" || recorded.nal_length_size != 4 {
        return Err(Unfit::ParameterSets.because("the parameter sets do not fit into one sample entry"));
    }
    let within =
        |picture: Picture| Ok(Picture { data: picture.in_band()?, config: Arc::clone(recorded), ..picture });
    pictures_of(rendered).into_iter().map(within).collect()
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
    render_piece(ffmpeg, order, work).await.map(pictures_of)
}

async fn render_piece(ffmpeg: &Ffmpeg, order: Order, work: &Work) -> Result<Rendered, WorkError> {
    let began = Instant::now();
    let rendered = render(ffmpeg, order).await?;
    work.encoded_pictures(rendered.pictures.len(), began.elapsed());
    work.lost_metadata(rendered.lost.iter().copied());
    Ok(rendered)
}

/// Whether the two configurations can be one sample entry.
fn share_entry(one: &DecoderConfig, other: &DecoderConfig) -> bool {
    let mut entries = SampleEntries::default();
    entries.add(&one.entry) == entries.add(&other.entry)
}

fn pictures_of(rendered: Rendered) -> Vec<Picture> {
    let config = rendered.config;
    let picture = |picture: Encoded| Picture {
        pts: picture.pts,
        duration: picture.duration,
        sync: picture.sync,
        data: picture.data,
        config: Arc::clone(&config),
    };
    rendered.pictures.into_iter().map(picture).collect()
}
