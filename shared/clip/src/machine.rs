//! The machine that clips are made on: its cores, and pictures that do not fit into its memory.

use crate::error::{Kind, Refusal};
use export_media::picture::PictureFormat;

/// A machine that clips are made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Bytes of memory.
    pub memory: u64,
    /// Cores to work with.
    pub cores: usize,
}

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
