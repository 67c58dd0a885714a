//! One access unit of a track, as every part of this crate speaks of it.

use crate::time::Nanos;
use std::collections::VecDeque;
use std::ops::Range;

/// The buffer of encoders: rates are given over this length.
const RATE_WINDOW: Nanos = Nanos::new(2_000_000_000);
/// A shorter run is taken as this long. A rate that is too low starves short clips, one that is too high costs nothing:
/// their size follows from the quality that encoders are asked for.
const LEAST_WINDOW: Nanos = Nanos::new(200_000_000);

/// A coded picture or audio frame and where its bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Decode time in the track's ticks, as the file says.
    pub dts: i64,
    /// Presentation time in the track's ticks, after the init segment's edit list.
    pub pts: i64,
    /// Length in the track's ticks.
    pub duration: u32,
    /// First byte, counted from the start of the segment's file.
    pub offset: u64,
    /// Length in bytes.
    pub size: u32,
    /// The container's word about random access; [`crate::nal::classify`] knows better.
    pub sync: bool,
    /// 1-based index of the sample entry.
    pub description: u32,
}

impl Sample {
    /// The byte after the last one; saturates.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.size))
    }

    /// The range of its bytes in a buffer that holds the file from its start; `None` beyond this machine's addresses.
    pub fn range(&self) -> Option<Range<usize>> {
        Some(usize::try_from(self.offset).ok()?..usize::try_from(self.end()).ok()?)
    }

    /// 0-based index of its sample entry.
    pub fn entry_index(&self) -> Option<usize> {
        usize::try_from(self.description).ok()?.checked_sub(1)
    }
}

/// The highest rate of coded pictures over two seconds, in bits a second: of each picture its bytes and its duration,
/// in decode order. This is what was recorded; what a manifest says of it may be anything. Saturates.
pub fn peak_bitrate(pictures: impl IntoIterator<Item = (u64, Nanos)>) -> u64 {
    let mut window: VecDeque<(u64, Nanos)> = VecDeque::new();
    let (mut bytes, mut length) = (0_u128, Nanos::ZERO);
    let mut peak = 0;
    for (size, duration) in pictures {
        let duration = duration.max(Nanos::ZERO);
        window.push_back((size, duration));
        (bytes, length) = (bytes + u128::from(size), length + duration);
        while let Some((first, shown)) =
            window.front().copied().filter(|(_, shown)| length - *shown >= RATE_WINDOW)
        {
            window.pop_front();
            (bytes, length) = (bytes - u128::from(first), length - shown);
        }
        let nanos = u128::try_from(length.max(LEAST_WINDOW).get()).unwrap_or(u128::MAX);
        peak = peak.max(bytes.saturating_mul(8_000_000_000) / nanos.max(1));
    }
    u64::try_from(peak).unwrap_or(u64::MAX)
}

/// The rhythm of a track's samples, to the extent that the given ones show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rhythm {
    /// The most pictures that are decoded before one that is shown earlier than they are.
    pub reorder: usize,
    /// The longest duration, in the track's ticks.
    pub longest: u32,
}

impl Rhythm {
    /// Of samples in decode order.
    pub fn of(samples: &[Sample]) -> Self {
        let before = |(n, sample): (usize, &Sample)| {
            // No standard lets a picture wait for more than 16 others.
            samples.iter().take(n).rev().take(32).filter(|earlier| earlier.pts > sample.pts).count()
        };
        Self {
            reorder: samples.iter().enumerate().map(before).max().unwrap_or(0),
            longest: samples.iter().map(|sample| sample.duration).max().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_highest_of_two_seconds() {
        let picture = |bytes| (bytes, Nanos::from_millis(40));
        assert_eq!(peak_bitrate([]), 0);
        assert_eq!(peak_bitrate(vec![picture(1000); 250]), 200_000);
        // Eight quiet seconds, two loud ones: the mean would starve these.
        let loud = [vec![picture(10); 200], vec![picture(5000); 50]].concat();
        assert_eq!(peak_bitrate(loud), 1_000_000);
        // A short run has its own rate, down to a fifth of a second, so that times that do not advance are no rate without bound.
        assert_eq!(peak_bitrate(vec![picture(1000); 6]), 200_000);
        assert_eq!(peak_bitrate([picture(1000)]), 40_000);
        assert_eq!(peak_bitrate([(1000, Nanos::ZERO), (1000, Nanos::new(-7))]), 80_000);
        assert_eq!(peak_bitrate([(u64::MAX, Nanos::new(1)); 9]), u64::MAX);
    }

    #[test]
    fn the_reorder_depth_is_the_most_pictures_that_overtake_another() {
        let sample =
            |pts| Sample { dts: 0, pts, duration: 1, offset: 0, size: 0, sync: false, description: 1 };
        let depth =
            |times: &[i64]| Rhythm::of(&times.iter().map(|pts| sample(*pts)).collect::<Vec<_>>()).reorder;
        assert_eq!(depth(&[0, 1, 2]), 0);
        assert_eq!(depth(&[0, 3, 1, 2, 6, 4, 5]), 1);
        assert_eq!(depth(&[0, 4, 2, 1, 3]), 2);
    }
}
