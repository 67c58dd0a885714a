//! HLS playlists (RFC 8216 and draft-pantos-hls-rfc8216bis): hostile text in, a recording out.
//!
//! Our own reader, because the published crates drop the clock of ordinary playlists or panic on a duration that is not
//! a number. A playlist becomes what a DASH manifest becomes, an [`Mpd`](crate::mpd::Mpd): a Period for each section
//! between discontinuities, a Representation for the picture and for each audio rendition. A playlist names no time
//! stamps: the ticks of the media are placed by the first picture of a segment whose time is known
//! ([`Placing`](crate::mpd::Placing)), and `EXTINF` only says where to look. Parts, hints, date ranges
//! and variables of the low-latency extension are ignored; nothing is ever fetched by URL.

mod attributes;
mod find;
mod lines;
mod master;
mod media;
mod recording;

#[cfg(test)]
mod tests;

pub use find::{Finder, FinderStep, MOST_PROBES, tolerance};
pub use master::{Master, Rendition, Variant};
pub use media::MediaPlaylist;
pub use recording::recording;

use crate::mpd::MpdError;

/// The largest playlist that is read, in bytes: two days of segments of 2 s, each with its date.
pub const MAX_PLAYLIST_BYTES: usize = 8 << 20;

/// A playlist of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HlsPlaylist {
    /// It lists variants of the recording (RFC 8216, 4.3.4), in playlists of their own.
    Master(Master),
    /// It lists segments (4.3.3).
    Media(MediaPlaylist),
}

/// Reads a playlist. `path` is its place in the recording's directory.
///
/// # Errors
/// [`MpdError::TooLarge`], [`MpdError::NotUtf8`], [`MpdError::NotAPlaylist`], [`MpdError::TooMany`],
/// [`MpdError::BadValue`], [`MpdError::OutsideRecording`].
pub fn parse(bytes: &[u8], path: &str) -> Result<HlsPlaylist, MpdError> {
    if bytes.len() > MAX_PLAYLIST_BYTES {
        return Err(MpdError::TooLarge);
    }
    let lines = lines::read(bytes)?;
    let is_master = lines.iter().any(|line| line.tag("#EXT-X-STREAM-INF").is_some());
    if is_master {
        master::read(&lines, path).map(HlsPlaylist::Master)
    } else {
        media::read(&lines, path).map(HlsPlaylist::Media)
    }
}
