//! The place of a time stamp of 33 bits in a recording of transport streams.
//!
//! A section of a playlist has such a time stamp at most once: it begins again after 26.5 hours. The section that holds it is
//! told by the first picture of each.

use super::Reader;
use super::place::{MOST_ASKED, anchor, lead};
use crate::Source;
use crate::error::{Error, Kind, Refusal};
use export_media::mpd::{Mpd, Period};
use export_media::nal::VideoCodec;
use export_media::time::{Nanos, Timeline};

/// Time stamps begin again at zero after so many ticks.
pub(crate) const RANGE: i128 = 1 << 33;
/// Sections of which one is read each.
const MOST_SECTIONS: usize = 64;
/// By how much more than this part of its listed length, and of ten seconds, a section cannot be longer than listed.
const DRIFT_PART: i128 = 64;
const LEAST_DRIFT: Nanos = Nanos::new(10_000_000_000);
/// After everything that is recorded.
const LATEST: Nanos = Nanos::new(i128::MAX >> 8);
/// Two places of a time stamp that are this near to each other are one.
const SAME: Nanos = Nanos::new(1_000_000_000);

/// The place of a time stamp.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PtsPlace {
    /// On the presentation's clock.
    pub(crate) at: Nanos,
    /// The position of its Period.
    period: usize,
    /// The position of the segment that tells it, and when that starts.
    anchor: (u64, Nanos),
    /// Its ticks next to those of the Period's first picture.
    ticks: i64,
}

/// Looks for the time stamp `pts`, and lets the segment that tells where it is place the media of its Period. `None` if nothing is
/// listed.
pub(crate) async fn find<O: Source>(
    reader: &Reader<O>,
    mpd: &mut Mpd,
    pts: u64,
    wanted: Option<VideoCodec>,
) -> Result<Option<PtsPlace>, Error> {
    if mpd.periods.len() > MOST_SECTIONS {
        return Err(no_place("it has too many discontinuities").into());
    }
    let (mut held, mut near, mut last) = (None::<PtsPlace>, None::<PtsPlace>, None);
    for (n, period) in mpd.periods.iter().enumerate() {
        // The oldest segments may be gone.
        let mut first = None;
        for at in [period.start, LATEST] {
            if first.is_none() {
                first = stamped(reader, (n, period), pts, at, wanted).await?;
            }
        }
        let Some(first) = first else { continue };
        let fit = in_section(period, first.at);
        let best = match fit {
            SectionFit::Inside => &mut held,
            SectionFit::Beside => &mut near,
            SectionFit::Outside => {
                last = Some(first);
                continue;
            }
        };
        if best.is_some_and(|best| (best.at - first.at).get().saturating_abs() > SAME.get()) {
            return Err(no_place("several parts of it have the time stamp").into());
        }
        *best = best.or(Some(first));
    }
    // One that is not listed lies behind the list, or before it.
    let Some(found) = held.or(near).or(last) else { return untold(mpd) };
    let Some(period) = mpd.periods.get_mut(found.period) else { return Ok(None) };
    // Near the window the dates may be a little off from those at the beginning.
    let found = stamped(reader, (found.period, period), pts, found.at, wanted).await?.unwrap_or(found);
    if let Some(placing) = &mut period.placing {
        placing.anchors = [found.anchor].into();
    }
    Ok(Some(found))
}

/// No place, if nothing is listed; else an error: a window that counts otherwise would be another one.
fn untold(mpd: &Mpd) -> Result<Option<PtsPlace>, Error> {
    let mut lists = mpd.periods.iter().flat_map(|period| &period.representations).peekable();
    if lists.peek().is_none() {
        return Ok(None);
    }
    if lists.any(|list| list.encrypted) {
        return Err(Kind::Encrypted.because("the manifest declares content protection").into());
    }
    Err(no_place("none of its segments that could tell where that is can be read").into())
}

impl PtsPlace {
    /// Its place once the media are placed.
    ///
    /// # Errors
    /// If they are found on another clock than its own.
    pub(crate) fn placed(&self, mpd: &Mpd) -> Result<Nanos, Refusal> {
        let lines = mpd.periods.get(self.period).map_or(&[][..], |period| &period.representations);
        let Some(line) = lines.iter().find_map(|list| list.media) else { return Ok(self.at) };
        let at = line.to_nanos_floor(self.ticks);
        let is_same = (at - self.at).get().saturating_abs() <= SAME.get();
        is_same.then_some(at).ok_or_else(|| no_place("its time stamps count on several clocks"))
    }
}

fn no_place(why: &str) -> Refusal {
    Kind::BadRecording.because(format!("the window is given by a time stamp, and {why}"))
}

/// The place of `pts` by the first picture of a segment at `at`; `None` if that cannot be read.
async fn stamped<O: Source>(
    reader: &Reader<O>,
    (n, period): (usize, &Period),
    pts: u64,
    at: Nanos,
    wanted: Option<VideoCodec>,
) -> Result<Option<PtsPlace>, Error> {
    let Some(placing) = &period.placing else {
        return Err(no_place("only a playlist of transport streams has some").into());
    };
    let list = lead(period, wanted).and_then(|lead| period.representations.get(lead));
    let Some(list) = list.filter(|list| !list.encrypted) else { return Ok(None) };
    if list.init()?.is_some() {
        return Err(no_place("only a playlist of transport streams has some").into());
    }
    let candidates = placing.candidates(at, MOST_ASKED);
    let Some((line, known)) = anchor(reader, list, None, &candidates).await? else { return Ok(None) };
    let ticks = beside(pts, line.first_tick_at_or_after(known.1));
    Ok(Some(PtsPlace { at: line.to_nanos_floor(ticks), period: n, anchor: known, ticks }))
}

/// `pts` without the bound of 33 bits, next to `near`.
fn beside(pts: u64, near: i64) -> i64 {
    let ahead = (i128::from(pts) - i128::from(near)).rem_euclid(RANGE);
    let ahead = if ahead > RANGE / 2 { ahead - RANGE } else { ahead };
    i64::try_from(i128::from(near) + ahead).unwrap_or(near)
}

/// A place by a section's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SectionFit {
    Inside,
    /// Within what its list may be off.
    Beside,
    Outside,
}

fn in_section(period: &Period, at: Nanos) -> SectionFit {
    let end = |line: &Timeline, ticks: i64| line.to_nanos_floor(ticks);
    let ends = period.representations.iter().filter_map(|list| Some(end(&list.timeline, list.end_ticks()?)));
    let end = ends.max().unwrap_or(period.start);
    let off = Nanos::new(LEAST_DRIFT.get().max((end - period.start).get() / DRIFT_PART));
    if period.start <= at && at < end {
        SectionFit::Inside
    } else if period.start - off <= at && at < end + off {
        SectionFit::Beside
    } else {
        SectionFit::Outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_stamp_lies_next_to_the_first_one_on_either_side_of_the_bound() {
        let range = 1_i64 << 33;
        assert_eq!(beside(100, 90), 100);
        assert_eq!(beside(100, range - 50), range + 100);
        assert_eq!(beside((1 << 33) - 50, 100), -50);
        assert_eq!(beside(0, 3 * range + 7), 3 * range);
    }
}
