//! Sample entries of streams that have none, from what stands in the stream itself.

use super::record::{Sets, avc, hevc};
use crate::fmp4::{SampleEntry, TrackKind};
use crate::nal::{SetKind, Sps, VideoCodec, set_ids};
use bytes::Bytes;

/// Bytes that name the compressor, which is not said.
const COMPRESSOR: usize = 32;
/// 72 pixels an inch, in 16.16 fixed point.
const RESOLUTION: [u8; 4] = [0, 72, 0, 0];
/// `objectTypeIndication` of MPEG-4 audio, and of MPEG-1 and MPEG-2 audio (ISO/IEC 14496-1, 7.2.6.6).
const AAC: u8 = 0x40;
const MPEG_1: u8 = 0x6b;
const MPEG_2: u8 = 0x69;
/// `streamType` of audio with its reserved bit.
const AUDIO_STREAM: u8 = 0x15;

/// The entry of pictures whose parameter sets are `sets` (ISO/IEC 14496-15, 5.4.2 and 8.4.1), for samples with lengths of
/// four bytes; `None` if one cannot be read, or a kind is missing. Other sets may follow in band.
pub fn of_parameter_sets(codec: VideoCodec, sets: &[Bytes]) -> Option<SampleEntry> {
    let mut held = Sets::default();
    for unit in sets {
        match set_ids(codec, unit).ok()??.kind {
            SetKind::Video => held.vps.push(unit),
            SetKind::Sequence => held.sps.push(unit),
            SetKind::Picture => held.pps.push(unit),
        }
    }
    if held.pps.is_empty() {
        return None;
    }
    let (kind, name, record) = match codec {
        VideoCodec::H264 => (*b"avc3", *b"avcC", avc(&held)?),
        VideoCodec::Hevc => (*b"hev1", *b"hvcC", hevc(&held)?),
    };
    let sps = Sps::parse(codec, held.sps.first()?).ok()?;
    let size = [u16::try_from(sps.width).ok()?, u16::try_from(sps.height).ok()?];
    let mut body = [&[0; 6][..], &[0, 1], &[0; 16]].concat();
    body.extend(size.iter().flat_map(|length| length.to_be_bytes()));
    body.extend([RESOLUTION, RESOLUTION, [0; 4], [0, 1, 0, 0]].concat().get(..14)?);
    body.extend([0; COMPRESSOR]);
    body.extend([0, 0x18, 0xff, 0xff]);
    body.extend(boxed(name, &record)?);
    SampleEntry::of(&boxed(kind, &body)?, TrackKind::Video).ok()
}

/// The entry of AAC frames that had this ADTS header (ISO/IEC 14496-3, 1.6.2.1 and 1.A.3.2).
pub fn of_adts(header: &[u8], rate: u32) -> Option<SampleEntry> {
    let [_, _, third, fourth, ..] = header else { return None };
    let (object, index) = ((third >> 6) + 1, third >> 2 & 0x0f);
    let channels = (third & 1) << 2 | fourth >> 6;
    let config = [object << 3 | index >> 1, index << 7 | channels << 3];
    audio_entry(*b"mp4a", (channels, rate), &esds(AAC, &described(5, &config)?)?)
}

/// The entry of frames of AC-3 or E-AC-3 whose `dac3` or `dec3` has this body (ETSI TS 102 366, F.3 and F.5).
pub fn of_dolby(kind: [u8; 4], body: &[u8], rate: u32) -> Option<SampleEntry> {
    let name = if kind == *b"ac-3" { *b"dac3" } else { *b"dec3" };
    // The number of channels counts for nothing here, and is always written so.
    audio_entry(kind, (2, rate), &boxed(name, body)?)
}

/// The entry of frames of MPEG audio that begin with this header (ISO/IEC 11172-3, 2.4.1.3).
pub fn of_mpeg_audio(header: &[u8], rate: u32) -> Option<SampleEntry> {
    let [_, second, _, fourth, ..] = header else { return None };
    let channels = if fourth >> 6 == 3 { 1 } else { 2 };
    let kind = if second >> 3 & 1 == 1 { MPEG_1 } else { MPEG_2 };
    audio_entry(*b"mp4a", (channels, rate), &esds(kind, &[])?)
}

fn esds(kind: u8, specific: &[u8]) -> Option<Vec<u8>> {
    let decoder = described(4, &[&[kind, AUDIO_STREAM][..], &[0; 11], specific].concat())?;
    let stream = described(3, &[&[0, 0, 0][..], &decoder, &described(6, &[2])?].concat())?;
    boxed(*b"esds", &[&[0; 4][..], &stream].concat())
}

fn audio_entry(kind: [u8; 4], (channels, rate): (u8, u32), specific: &[u8]) -> Option<SampleEntry> {
    let shown = u16::try_from(rate).unwrap_or(0).to_be_bytes();
    let fields = [
        &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, channels, 0, 16, 0, 0, 0, 0][..],
        &shown,
        &[0, 0],
        specific,
    ];
    SampleEntry::of(&boxed(kind, &fields.concat())?, TrackKind::Audio).ok()
}

/// A descriptor of less than 128 bytes.
fn described(tag: u8, body: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(body.len()).ok().filter(|length| *length < 0x80)?;
    Some([&[tag, length], body].concat())
}

fn boxed(kind: [u8; 4], body: &[u8]) -> Option<Vec<u8>> {
    let size = u32::try_from(body.len().checked_add(8)?).ok()?;
    Some([&size.to_be_bytes()[..], &kind, body].concat())
}
