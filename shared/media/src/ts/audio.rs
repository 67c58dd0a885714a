//! Audio frames in a byte stream.

use super::frame::{DESCRIBED_BY, FrameHead};
use super::pes::Elementary;
use super::{TICKS, TsError, TsTrack, TsUnit, unwrapped};
use crate::time::clamp;
use bytes::Bytes;

/// The most frames of a segment.
const MAX_FRAMES: usize = 1 << 18;
/// The longest frame, whose length has 13 bits.
const MAX_FRAME: usize = 1 << 13;

/// The time of frames that follow each other: that of the first one in ticks of time stamps, and their number.
#[derive(Debug, Clone, Copy)]
struct FrameClock {
    base: i64,
    samples: i64,
}

impl FrameClock {
    /// The time of the next frame in ticks of time stamps.
    fn next(&self, rate: u32) -> i64 {
        self.base.saturating_add(self.samples * i64::from(TICKS) / i64::from(rate))
    }

    /// The same in samples.
    fn samples(&self, rate: u32) -> i64 {
        let (rate, ticks) = (i128::from(rate), i128::from(TICKS));
        let base = (i128::from(self.base) * rate + ticks / 2).div_euclid(ticks);
        clamp(base).saturating_add(self.samples)
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
        let Some(found) = FrameHead::read(track.coding, rest).filter(|found| follows(&track, rest, found))
        else {
            at += 1;
            continue;
        };
        let Some(frame) = rest.get(found.head..found.length) else { break };
        if ends.is_none() {
            track.head = Bytes::copy_from_slice(stream.data.get(..at).unwrap_or_default());
        }
        ends = Some(at + found.length);
        let mut stamp = None;
        while let Some(next) = stamps.next_if(|stamp| stamp.at <= at) {
            stamp = next.pts;
        }
        let half = found.samples * i64::from(TICKS) / i64::from(found.rate) / 2;
        if let Some(stamp) = stamp {
            let expected = clock.map(|clock| clock.next(found.rate));
            let base = expected.or(near).map_or(stamp, |near| unwrapped(stamp, near));
            if expected.is_none_or(|near| base.saturating_sub(near).saturating_abs() > half) {
                clock = Some(FrameClock { base, samples: 0 });
            }
        }
        if let Some(clock) = &mut clock {
            if track.units.len() == MAX_FRAMES {
                return Err(TsError::TooMany("audio frames"));
            }
            if track.sets.is_empty() {
                track.sets.push(Bytes::copy_from_slice(
                    rest.get(..found.length.min(DESCRIBED_BY)).unwrap_or_default(),
                ));
                (track.timescale, track.frame) = (found.rate, (found.samples, found.length));
            }
            let pts = clock.samples(track.timescale);
            let lost = stream.lost.partition_point(|lost| *lost <= at);
            let damaged = stream.lost.get(lost).is_some_and(|lost| *lost < at + found.length);
            track.units.push(TsUnit {
                dts: pts,
                pts,
                offset: data.len(),
                size: frame.len(),
                key: true,
                damaged,
            });
            data.extend_from_slice(frame);
            clock.samples += found.samples;
        }
        at += found.length;
    }
    let rest = ends.and_then(|ends| stream.data.get(ends..)).unwrap_or_default();
    if rest.len() < MAX_FRAME && matches!(rest.first(), Some(0xff | 0x0b)) {
        track.tail = Bytes::copy_from_slice(rest);
    }
    track.data = data.into();
    Ok(track)
}

/// Returns `true` if another frame, or nothing, stands behind this one.
fn follows(track: &TsTrack, bytes: &[u8], found: &FrameHead) -> bool {
    let is_next = |behind: &[u8]| behind.len() < 7 || FrameHead::read(track.coding, behind).is_some();
    bytes.get(found.length..).is_none_or(is_next)
}

impl TsTrack {
    /// Adds the frame that began with `tail` in the segment before and ends with what stands before the first one. `false` if
    /// that is not a whole frame.
    pub fn join(&mut self, tail: &[u8]) -> bool {
        let whole = [tail, &self.head].concat();
        let is_whole = |found: &FrameHead| found.length == whole.len() && found.rate == self.timescale;
        let found = FrameHead::read(self.coding, &whole).filter(is_whole);
        let (Some(found), Some(first)) = (found, self.units.first()) else { return false };
        let pts = first.pts.saturating_sub(found.samples);
        let frame = whole.get(found.head..).unwrap_or_default();
        self.units.iter_mut().for_each(|unit| unit.offset += frame.len());
        let unit = TsUnit { dts: pts, pts, offset: 0, size: frame.len(), key: true, damaged: false };
        self.units.insert(0, unit);
        self.data = [frame, &self.data].concat().into();
        self.head = Bytes::new();
        true
    }
}
