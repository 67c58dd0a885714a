//! Packed audio (RFC 8216, 3.4): frames without a container, behind an ID3 tag that has the time of the first one.

use super::frame::FrameHead;
use super::pes::{Elementary, Stamped};
use super::{Known, TsCoding, TsError, TsSegment, TsTrack, audio};

/// Bytes of a tag's header (ID3v2.4.0, 3.1), and of that of a frame in it (4).
const HEADER: usize = 10;
/// A tag has another header at its end.
const FOOTER: u8 = 0x10;
/// The owner of the frame with the time stamp.
const OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";
/// The track of a file that has one.
const TRACK: u16 = 1;
/// Bytes behind a frame that say whether another one stands there.
const DECIDES: usize = 7;

/// Reads a segment of packed audio; `None` if it has no frames of audio.
///
/// # Errors
/// [`TsError::Untimed`] without a time stamp.
pub(super) fn read(data: &[u8], known: &Known<'_>) -> Option<Result<TsSegment, TsError>> {
    let (mut rest, mut stamp) = (data, None);
    while let Some(tag) = Tag::read(rest) {
        stamp = stamp.or_else(|| tag.time_stamp());
        rest = tag.behind;
    }
    let coding = coding(rest)?;
    let Some(pts) = stamp else { return Some(Err(TsError::Untimed)) };
    let stream = Elementary::of(rest.to_vec(), Stamped { at: 0, pts: Some(pts), dts: None });
    let track = audio::frames(&stream, known.near, TsTrack::begin(TRACK, coding, None));
    Some(track.map(|track| TsSegment { tracks: vec![track], encrypted: false, goes_on: false }))
}

/// A tag at the beginning of bytes.
struct Tag<'a> {
    /// Its major version.
    version: u8,
    frames: &'a [u8],
    behind: &'a [u8],
}

impl<'a> Tag<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let [b'I', b'D', b'3', version, _, flags, size @ ..] = bytes else { return None };
        let length = HEADER.checked_add(seven_bits_each(*size.first_chunk()?))?;
        let footer = if flags & FOOTER == 0 { 0 } else { HEADER };
        let behind = bytes.get(length.checked_add(footer)?..)?;
        Some(Self { version: *version, frames: bytes.get(HEADER..length)?, behind })
    }

    /// The time stamp of 33 bits in it.
    fn time_stamp(&self) -> Option<i64> {
        let mut rest = self.frames;
        loop {
            let size = *rest.get(4..)?.first_chunk()?;
            let plain = || usize::try_from(u32::from_be_bytes(size)).ok();
            let length = if self.version >= 4 { Some(seven_bits_each(size)) } else { plain() };
            let end = HEADER.checked_add(length?)?;
            let stamp = rest.get(HEADER..end)?.strip_prefix(OWNER);
            if let Some(stamp) = stamp.filter(|_| rest.starts_with(b"PRIV")) {
                return i64::try_from(u64::from_be_bytes(*stamp.first_chunk()?) & 0x1_ffff_ffff).ok();
            }
            rest = rest.get(end..)?;
        }
    }
}

/// A size whose bytes have seven bits each (ID3v2.4.0, 6.2).
fn seven_bits_each(bytes: [u8; 4]) -> usize {
    bytes.iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f))
}

/// The coding of the frame at the beginning, if another one, or nothing, stands behind it.
fn coding(bytes: &[u8]) -> Option<TsCoding> {
    [TsCoding::Aac, TsCoding::Ac3, TsCoding::Eac3, TsCoding::MpegAudio].into_iter().find(|coding| {
        let found = FrameHead::read(*coding, bytes);
        found.is_some_and(|found| {
            let behind = bytes.get(found.length..).unwrap_or_default();
            behind.len() < DECIDES || FrameHead::read(*coding, behind).is_some()
        })
    })
}
