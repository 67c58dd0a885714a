//! Audio frames in a byte stream: AAC in ADTS (ISO/IEC 14496-3, 1.A.3.2).

use super::pes::Elementary;
use super::{TICKS, TsError, TsTrack, TsUnit, unwrapped};
use crate::time::clamp;
use bytes::Bytes;

/// The most frames of a segment.
const MAX_FRAMES: usize = 1 << 18;
/// The longest frame, whose length has 13 bits.
const MAX_FRAME: usize = 1 << 13;
/// Samples of a frame.
pub(super) const FRAME: i64 = 1024;
/// Sampling rates by their index (1.6.3.4).
pub(super) const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Adts {
    /// Bytes of the header.
    pub(super) head: usize,
    /// Bytes of the frame with it.
    pub(super) length: usize,
    pub(super) rate: u32,
}

impl Adts {
    /// The header that `bytes` begin with.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [0xff, second, third, fourth, fifth, sixth, _, ..] = bytes else { return None };
        let length = usize::from(fourth & 3) << 11 | usize::from(*fifth) << 3 | usize::from(sixth >> 5);
        let head = if second & 1 == 1 { 7 } else { 9 };
        let rate = *RATES.get(usize::from(third >> 2 & 0x0f))?;
        (second & 0xf6 == 0xf0 && length > head).then_some(Self { head, length, rate })
    }
}

/// The time of frames that follow each other: that of the first one in ticks of time stamps, and their number.
#[derive(Debug, Clone, Copy)]
struct FrameClock {
    base: i64,
    frames: i64,
}

impl FrameClock {
    /// The time of the next frame in ticks of time stamps.
    fn next(&self, rate: u32) -> i64 {
        self.base.saturating_add(self.frames * FRAME * i64::from(TICKS) / i64::from(rate))
    }

    /// The same in samples.
    fn samples(&self, rate: u32) -> i64 {
        let (rate, ticks) = (i128::from(rate), i128::from(TICKS));
        let base = (i128::from(self.base) * rate + ticks / 2).div_euclid(ticks);
        clamp(base).saturating_add(self.frames * FRAME)
    }
}

/// Fills `track` with the frames of a stream that are whole, at the rate of the first one. Each frame is as long after the
/// one before as that lasts; where a time stamp says otherwise by more than half a frame, it counts.
pub(super) fn frames(stream: &Elementary, near: Option<i64>, mut track: TsTrack) -> Result<TsTrack, TsError> {
    let mut data = Vec::with_capacity(stream.data.len());
    let (mut at, mut clock, mut stamps) = (0, None::<FrameClock>, stream.stamps.iter().peekable());
    let mut ends = None;
    while at < stream.data.len() {
        let rest = stream.data.get(at..).unwrap_or_default();
        let Some(adts) = Adts::read(rest).filter(|adts| follows(rest, adts)) else {
            at += 1;
            continue;
        };
        let Some(frame) = rest.get(adts.head..adts.length) else { break };
        if ends.is_none() {
            track.head = Bytes::copy_from_slice(stream.data.get(..at).unwrap_or_default());
        }
        ends = Some(at + adts.length);
        let mut stamp = None;
        while let Some(found) = stamps.next_if(|stamp| stamp.at <= at) {
            stamp = found.pts;
        }
        let half = FRAME * i64::from(TICKS) / i64::from(adts.rate) / 2;
        if let Some(stamp) = stamp {
            let expected = clock.map(|clock| clock.next(adts.rate));
            let base = expected.or(near).map_or(stamp, |near| unwrapped(stamp, near));
            if expected.is_none_or(|near| base.saturating_sub(near).saturating_abs() > half) {
                clock = Some(FrameClock { base, frames: 0 });
            }
        }
        if let Some(clock) = &mut clock {
            if track.units.len() == MAX_FRAMES {
                return Err(TsError::TooMany("audio frames"));
            }
            if track.sets.is_empty() {
                track.sets.push(Bytes::copy_from_slice(rest.get(..adts.head).unwrap_or_default()));
                track.timescale = adts.rate;
            }
            let pts = clock.samples(track.timescale);
            let lost = stream.lost.partition_point(|lost| *lost <= at);
            let damaged = stream.lost.get(lost).is_some_and(|lost| *lost < at + adts.length);
            track.units.push(TsUnit {
                dts: pts,
                pts,
                offset: data.len(),
                size: frame.len(),
                key: true,
                damaged,
            });
            data.extend_from_slice(frame);
            clock.frames += 1;
        }
        at += adts.length;
    }
    let rest = ends.and_then(|ends| stream.data.get(ends..)).unwrap_or_default();
    if rest.len() < MAX_FRAME && rest.first() == Some(&0xff) {
        track.tail = Bytes::copy_from_slice(rest);
    }
    track.data = data.into();
    Ok(track)
}

/// Returns `true` if another frame, or nothing, stands behind this one.
fn follows(bytes: &[u8], adts: &Adts) -> bool {
    bytes.get(adts.length..).is_none_or(|behind| behind.len() < 7 || Adts::read(behind).is_some())
}

impl TsTrack {
    /// Adds the frame that began with `tail` in the segment before and ends with what stands before the first one. `false` if
    /// that is not a whole frame.
    pub fn join(&mut self, tail: &[u8]) -> bool {
        let whole = [tail, &self.head].concat();
        let is_whole = |adts: &Adts| adts.length == whole.len() && adts.rate == self.timescale;
        let (Some(adts), Some(first)) = (Adts::read(&whole).filter(is_whole), self.units.first()) else {
            return false;
        };
        let pts = first.pts.saturating_sub(FRAME);
        let frame = whole.get(adts.head..).unwrap_or_default();
        self.units.iter_mut().for_each(|unit| unit.offset += frame.len());
        let unit = TsUnit { dts: pts, pts, offset: 0, size: frame.len(), key: true, damaged: false };
        self.units.insert(0, unit);
        self.data = [frame, &self.data].concat().into();
        self.head = Bytes::new();
        true
    }
}
