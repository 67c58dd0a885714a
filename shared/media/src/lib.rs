//! Reading DASH and HLS recordings and writing clips, as pure functions over bytes and integer ticks.
//!
//! No clock, no I/O, no runtime: the worker fetches and publishes, this crate decides and arranges. Everything that
//! comes from a recording is hostile until parsed; every parser has caps and a closed error enum.

pub mod arrange;
pub mod audio;
pub mod chunks;
pub mod conform;
pub mod coverage;
pub mod cut;
pub mod display;
pub mod entries;
pub mod extent;
pub mod ffmpeg;
pub mod fmp4;
pub mod hls;
pub mod language;
pub mod mpd;
pub mod mux;
pub mod nal;
pub mod picture;
pub mod playlist;
pub mod reorder;
pub mod repair;
pub mod sample;
pub mod select;
pub mod stretch;
pub mod time;
pub mod ts;
pub mod weight;
pub mod window;
