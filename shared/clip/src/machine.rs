//! The machine that clips are made on: its cores, and pictures that do not fit into its memory.

use crate::error::{Kind, Refusal};
use export_media::picture::PictureFormat;

/// Cores to work with.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Pictures of this kind take more bytes than there are.
pub(crate) fn too_heavy(format: &PictureFormat, least: u64, memory: u64) -> Refusal {
    let PictureFormat { width, height, pixels, .. } = format;
    Kind::PicturesTooLarge.because(format!(
        "pictures of {width}x{height} in {} take {} MiB of memory, and a worker has {}",
        pixels.name,
        least >> 20,
        memory >> 20
    ))
}
