//! Decode times of pictures that are decoded in another order than they are shown in.
//!
//! Decode times follow the pictures' own rhythm: the n-th picture in decode order is decoded when the n-th in display
//! order is due. Where a picture would then be decoded after it is shown, because one before it lasts long or because
//! ticks are rounded, it is decoded earlier, and those before it too if they are in its way. So every order can
//! be timed, and nothing has to be known in advance about the recording's frame rate.

/// Two pictures are at least one tick of a transport stream's clock apart (ITU-T H.222.0, 2.4.3.7).
const TICKS_PER_SECOND: u32 = 90_000;

/// When a picture is decoded and shown, in ticks of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleTimes {
    /// When it is decoded: never after [`Self::shown`] plus the delay.
    pub decoded: i64,
    /// Its place in display order: later than that of every picture shown before it.
    pub shown: i64,
}

/// Times the pictures of one track, block by block.
#[derive(Debug, Clone)]
pub struct Turns {
    delay: i64,
    step: i64,
    /// The turn taken last in each order; before the first picture, what keeps it from a negative time.
    last: SampleTimes,
}

impl Turns {
    /// Pictures are shown `delay` ticks later than their places say. `timescale` is the ticks of a second.
    pub fn new(delay: i64, timescale: u32) -> Self {
        let step = i64::from(timescale.div_ceil(TICKS_PER_SECOND).max(1));
        Self { delay, step, last: SampleTimes { decoded: -1, shown: -step } }
    }

    /// Times a block of pictures that are all shown after those before it. `places` has the place of each in display
    /// order, in ticks and in decode order.
    ///
    /// Decode times increase over all blocks, and a block's first is its first place. `None` if a picture would have to
    /// be decoded before that: one that more others overtake than the delay has ticks of the clock.
    pub fn take(&mut self, places: &[i64]) -> Option<Vec<SampleTimes>> {
        let shown = self.spread(places);
        let mut order = shown.clone();
        order.sort_unstable();
        let mut turns: Vec<SampleTimes> = order
            .into_iter()
            .zip(shown)
            .map(|(due, shown)| SampleTimes { decoded: due.min(shown.saturating_add(self.delay)), shown })
            .collect();
        let mut next = i64::MAX;
        for turn in turns.iter_mut().rev() {
            turn.decoded = turn.decoded.min(next.saturating_sub(self.step));
            next = turn.decoded;
        }
        let in_time = turns.first().is_none_or(|first| first.decoded > self.last.decoded);
        if let Some(last) = turns.last().filter(|_| in_time) {
            let shown = turns.iter().map(|turn| turn.shown).max().unwrap_or(self.last.shown);
            self.last = SampleTimes { decoded: last.decoded, shown };
        }
        in_time.then_some(turns)
    }

    /// The places, moved up where two would be the same for the clock.
    fn spread(&self, places: &[i64]) -> Vec<i64> {
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|n| places.get(*n));
        let mut shown = places.to_vec();
        let mut least = self.last.shown.saturating_add(self.step);
        for n in order {
            if let Some(place) = shown.get_mut(n) {
                *place = least.max(*place);
                least = place.saturating_add(self.step);
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decode order of display order: groups of pictures whose last comes first, nested as a B pyramid.
    fn pyramid(groups: &[u8]) -> Vec<usize> {
        fn between(from: usize, to: usize, order: &mut Vec<usize>) {
            if from < to {
                let middle = usize::midpoint(from, to);
                order.push(middle);
                between(from, middle, order);
                between(middle + 1, to, order);
            }
        }
        let (mut order, mut at) = (vec![0], 1);
        for between_two in groups.iter().map(|size| usize::from(*size)) {
            order.push(at + between_two);
            between(at, at + between_two, &mut order);
            at += between_two + 1;
        }
        order
    }

    /// The most pictures that one is decoded after and shown before.
    fn depth(order: &[usize]) -> i64 {
        let ahead = |(n, rank): (usize, &usize)| order[..n].iter().filter(|other| *other > rank).count();
        i64::try_from(order.iter().enumerate().map(ahead).max().unwrap()).unwrap()
    }

    fn decoded(turns: &[SampleTimes]) -> Vec<i64> {
        turns.iter().map(|turn| turn.decoded).collect()
    }

    #[test]
    fn even_pictures_are_decoded_as_evenly_as_they_are_shown() {
        let mut turns = Turns::new(2, 25);
        let block = turns.take(&[0, 4, 2, 1, 3, 8, 6, 5, 7]).unwrap();
        assert_eq!(decoded(&block), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(decoded(&turns.take(&[9, 11, 10]).unwrap()), [9, 10, 11]);
    }

    #[test]
    fn a_picture_behind_one_that_lasts_long_is_decoded_earlier() {
        // Three pictures were lost behind the second one.
        let block = Turns::new(7200, 90_000).take(&[0, 28_800, 7200, 3600, 25_200]).unwrap();
        assert_eq!(decoded(&block), [0, 3600, 7200, 10_800, 28_800]);
        let block = Turns::new(3600, 90_000).take(&[0, 28_800, 3600, 25_200]).unwrap();
        assert_eq!(decoded(&block), [0, 3600, 7200, 28_800]);
    }

    #[test]
    fn rounded_ticks_are_no_further_reordering() {
        let block = Turns::new(66, 1000).take(&[0, 133, 67, 33, 100]).unwrap();
        assert_eq!(decoded(&block), [0, 33, 67, 99, 133]);
    }

    #[test]
    fn places_closer_than_the_clock_are_moved_apart_also_between_blocks() {
        let mut turns = Turns::new(0, 25);
        assert_eq!(turns.take(&[0, 1]).unwrap().last(), Some(&SampleTimes { decoded: 1, shown: 1 }));
        assert_eq!(turns.take(&[1, 1]).unwrap(), [2, 3].map(|at| SampleTimes { decoded: at, shown: at }));
        let fine = Turns::new(0, 10_000_000).take(&[0, 1, 200]).unwrap();
        assert_eq!(decoded(&fine), [0, 112, 224]);
    }

    #[test]
    fn more_reordering_than_the_delay_has_ticks_cannot_be_timed() {
        let mut turns = Turns::new(1, 25);
        assert_eq!(turns.take(&[0, 4, 2, 1, 3]), None);
        assert_eq!(decoded(&turns.take(&[0, 2, 1]).unwrap()), [0, 1, 2], "what was refused leaves no trace");
    }

    proptest! {
        #[test]
        fn whatever_the_order_and_however_long_pictures_last_all_can_be_timed(
            blocks in prop::collection::vec(
                (prop::collection::vec(0_u8..16, 1..8), prop::collection::vec(1_i64..5000, 130), 0_i64..9000), 1..6),
            delay in 0_i64..10_000, timescale in prop::sample::select(vec![1000, 30_000, 90_000, 10_000_000]),
        ) {
            let depth = blocks.iter().map(|(groups, ..)| depth(&pyramid(groups))).max().unwrap();
            let step = i64::from(timescale / 90_000 + u32::from(timescale % 90_000 > 0));
            let delay = delay.max(depth * step);
            let mut turns = Turns::new(delay, timescale);
            let (mut at, mut last, mut least) = (0, -1, 0);
            for (groups, lengths, gap) in blocks {
                let order = pyramid(&groups);
                let places: Vec<i64> = lengths.iter().scan(at, |at, length| {
                    let place = *at;
                    *at += length * step;
                    Some(place)
                }).collect();
                let block: Vec<i64> = order.iter().map(|rank| places[*rank]).collect();
                let turns = turns.take(&block).unwrap();
                prop_assert_eq!(turns[0].decoded, at, "nothing is decoded before the block's first place");
                for (turn, place) in turns.iter().zip(&block) {
                    prop_assert_eq!(turn.shown, *place);
                    prop_assert!(turn.decoded >= last + least, "{} after {}", turn.decoded, last);
                    prop_assert!(turn.decoded <= turn.shown + delay);
                    (last, least) = (turn.decoded, step);
                }
                at = places[order.len() - 1] + (1 + gap) * step;
            }
        }

        #[test]
        fn a_constant_rate_is_kept_to_the_tick(
            groups in prop::collection::vec(0_u8..16, 1..8),
            rate in prop::sample::select(vec![(24_000, 1001), (30, 1), (48, 1), (60_000, 1001), (120, 1)]),
            timescale in prop::sample::select(vec![1000_u32, 90_000, 10_000_000]),
        ) {
            let order = pyramid(&groups);
            let (frames, seconds) = rate;
            let tick = |n: usize| i64::try_from(n).unwrap() * seconds * i64::from(timescale) / frames;
            let delay = (tick(1) + 1) * depth(&order);
            let block: Vec<i64> = order.iter().map(|rank| tick(*rank)).collect();
            let turns = Turns::new(delay, timescale).take(&block).unwrap();
            let even: Vec<i64> = (0..order.len()).map(tick).collect();
            prop_assert_eq!(decoded(&turns), even);
        }
    }
}
