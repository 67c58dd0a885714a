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

/// When the pictures of a segment are shown. Where they are reordered and do not all last equally long, the duration of a
/// sample, which is the time up to the next one in decode order, does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Display {
    /// In order, in the track's ticks; empty if pictures are shown in decode order.
    times: Vec<i64>,
    is_even: bool,
}

impl Display {
    /// Of samples in decode order, and the times of those that come `behind` them in their segment.
    pub fn of(samples: &[Sample], behind: &[i64]) -> Self {
        let durations = || samples.iter().map(|sample| sample.duration);
        let (shortest, longest) = (durations().min().unwrap_or(0), durations().max().unwrap_or(0));
        let mut times: Vec<i64> =
            samples.iter().map(|sample| sample.pts).chain(behind.iter().copied()).collect();
        if times.is_sorted() {
            times.clear();
        }
        times.sort_unstable();
        times.dedup();
        Self { times, is_even: longest - shortest <= shortest / 2 }
    }

    /// Returns `true` if durations do not tell how long pictures are shown; `even`: those before this segment do.
    pub fn is_uneven(&self, even: bool) -> bool {
        !(self.times.is_empty() || (self.is_even && even))
    }

    /// The time of the picture that is shown behind the one at `pts`; `None` if it is in another segment.
    pub fn behind(&self, pts: i64) -> Option<i64> {
        self.times.get(self.times.partition_point(|time| *time <= pts)).copied()
    }

    /// Returns `true` if a picture of the next segment may be shown before the one that is behind `pts`, where no more than
    /// `reorder` pictures are decoded before one that is shown earlier.
    pub fn is_open(&self, pts: i64, reorder: usize) -> bool {
        self.times.len() - self.times.partition_point(|time| *time <= pts) <= reorder
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

    /// Samples in decode order, by when they are shown and how long they last.
    fn samples(times: &[(i64, u32)]) -> Vec<Sample> {
        let sample = |(pts, duration): &(i64, u32)| Sample {
            dts: 0,
            pts: *pts,
            duration: *duration,
            offset: 0,
            size: 0,
            sync: false,
            description: 1,
        };
        times.iter().map(sample).collect()
    }

    #[test]
    fn reordered_pictures_are_shown_until_the_next_one_and_others_as_long_as_they_last() {
        // I P B B: shown at 0, 20, 80 and 120, while the decode times are 20, 60 and 40 apart.
        let display = Display::of(&samples(&[(0, 20), (120, 60), (20, 40), (80, 20)]), &[200]);
        assert_eq!(
            [0, 20, 80, 120, 200].map(|pts| display.behind(pts)),
            [Some(20), Some(80), Some(120), Some(200), None]
        );
        assert_eq!([20, 80, 120, 200].map(|pts| display.is_open(pts, 1)), [false, false, true, true]);
        let in_order = Display::of(&samples(&[(0, 20), (20, 60), (80, 20)]), &[]);
        assert_eq!((in_order.behind(20), in_order.is_uneven(false)), (None, false));
    }

    #[test]
    fn where_all_samples_last_equally_long_their_pictures_do_so_too() {
        let even = Display::of(&samples(&[(0, 40), (80, 40), (40, 41)]), &[]);
        assert_eq!([true, false].map(|before| even.is_uneven(before)), [false, true]);
    }
}
