//! Decoding and encoding with ffmpeg: recorded pictures in, pictures of the clip out, each join played and compared.

pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod join;
pub(crate) mod picture;
pub(crate) mod rendered;
