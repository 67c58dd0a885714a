//! Segment timelines as runs of equal segments, so that `S@r` costs nothing however large it is.

use super::MpdError;
use crate::time::ceil_div;

/// The most steps back of a timeline: each costs one pass over the entries.
const MAX_STEPS_BACK: usize = 64;

/// `count` segments of the same length, back to back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimelineRun {
    /// 0-based position of the first one among the segments that are listed, in the order of time.
    pub(super) index: u64,
    /// 0-based position of the first one in the document: what `$Number$` and a list of URLs count.
    pub(super) ordinal: u64,
    /// `$Number$` of the first one if the timeline numbers itself (`S@n`).
    pub(super) number: Option<u64>,
    /// Start of the first one in ticks.
    pub(super) time: i64,
    /// Length of each in ticks, positive.
    pub(super) duration: i64,
    /// `None` goes on to the end of the Period; only the last run may.
    pub(super) count: Option<u64>,
}

impl TimelineRun {
    /// Start of the segment `at` places after the first; `None` beyond the range of ticks.
    pub(super) fn start(&self, at: u64) -> Option<i64> {
        i64::try_from(at).ok()?.checked_mul(self.duration)?.checked_add(self.time)
    }

    /// The number of segments that start before `limit`, if the run has an end at all.
    pub(super) fn length(&self, limit: Option<i64>) -> Option<u64> {
        self.count.or_else(|| Some(self.starts_before(limit?)))
    }

    /// The number of segments that would start before `limit` if the run went on that long.
    fn starts_before(&self, limit: i64) -> u64 {
        let ticks = i128::from(limit).saturating_sub(i128::from(self.time));
        u64::try_from(ceil_div(ticks, i128::from(self.duration))).unwrap_or(0)
    }

    /// The segments from the `at`th to the end; `None` if there are none.
    fn from(&self, at: u64) -> Option<Self> {
        let count = self.count.map(|count| count.saturating_sub(at));
        let number = self.number.map(|number| number.saturating_add(at));
        let (ordinal, time) = (self.ordinal.saturating_add(at), self.start(at)?);
        (count != Some(0)).then_some(Self { index: 0, ordinal, number, time, duration: self.duration, count })
    }

    /// The first `count` segments; `None` if there are none.
    fn first(&self, count: u64) -> Option<Self> {
        let count = self.count.map_or(count, |own| own.min(count));
        (count > 0).then(|| Self { count: Some(count), ..self.clone() })
    }

    /// Returns `true` if `next` continues this run as one of the same segments.
    fn goes_on_with(&self, next: &Self) -> bool {
        let Some(count) = self.count else { return false };
        let number = match (self.number, next.number) {
            (None, None) => true,
            (Some(own), Some(next)) => own.checked_add(count) == Some(next),
            _ => false,
        };
        number
            && next.count.is_some()
            && self.duration == next.duration
            && self.start(count) == Some(next.time)
            && self.ordinal.checked_add(count) == Some(next.ordinal)
    }
}

/// An `S` element.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) time: Option<i64>,
    pub(super) number: Option<u64>,
    pub(super) duration: i64,
    pub(super) repeat: i64,
}

/// Turns `S` elements into runs whose segments start one after the other.
///
/// Recorders write more than the standard allows. An entry of no length stands for a segment that was lost: it counts,
/// and lists nothing. An entry that starts where the one before starts replaces it. A timeline that steps back, as
/// after a restart with an earlier clock, lists some times twice: there the newest entries apply, elsewhere all.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// The runs that were listed before each step back.
    before: Vec<Vec<TimelineRun>>,
    /// The runs that were listed since.
    newest: Vec<TimelineRun>,
    /// The start and the kind of the next entry.
    next: Next,
}

#[derive(Debug, Clone, Copy, Default)]
struct Next {
    time: i64,
    ordinal: u64,
    number: Option<u64>,
}

impl Runs {
    /// Adds the next `S`.
    ///
    /// # Errors
    /// [`MpdError::BadTimeline`] unless every segment ends within 63 bits and an open-ended entry is followed by a
    /// later start; [`MpdError::TooMany`] for a timeline that steps back over and over.
    pub(super) fn push(&mut self, entry: Entry) -> Result<(), MpdError> {
        if entry.duration < 0 {
            return Err(MpdError::BadTimeline);
        }
        self.close(entry.time)?;
        let count = u64::try_from(entry.repeat).ok().and_then(|repeat| repeat.checked_add(1));
        let run = TimelineRun {
            index: 0,
            ordinal: self.next.ordinal,
            number: entry.number.or(self.next.number),
            time: entry.time.unwrap_or(self.next.time),
            duration: entry.duration,
            count,
        };
        let listed = count.unwrap_or(1);
        self.next = Next {
            time: run.start(listed).ok_or(MpdError::BadTimeline)?,
            ordinal: run.ordinal.checked_add(listed).ok_or(MpdError::BadTimeline)?,
            number: run.number.map(|n| n.checked_add(listed).ok_or(MpdError::BadTimeline)).transpose()?,
        };
        if run.duration == 0 {
            return Ok(());
        }
        self.make_room(run.time)?;
        match self.newest.last_mut() {
            Some(last) if last.goes_on_with(&run) => {
                last.count = last.count.zip(run.count).and_then(|(own, more)| own.checked_add(more));
            }
            _ => self.newest.push(run),
        }
        Ok(())
    }

    /// Ends a run with a negative `@r` now that the next `S` is known: it goes on until its `@t` (5.3.9.6.2).
    fn close(&mut self, next: Option<i64>) -> Result<(), MpdError> {
        let Some(open) = self.newest.last_mut().filter(|run| run.count.is_none()) else { return Ok(()) };
        let count = open.length(next).filter(|count| *count > 0).ok_or(MpdError::BadTimeline)?;
        open.count = Some(count);
        self.next = Next {
            time: open.start(count).ok_or(MpdError::BadTimeline)?,
            ordinal: open.ordinal.checked_add(count).ok_or(MpdError::BadTimeline)?,
            number: open.number.map(|n| n.checked_add(count).ok_or(MpdError::BadTimeline)).transpose()?,
        };
        Ok(())
    }

    /// Lets the next run start at `time`, which need not be after the start of the last segment.
    fn make_room(&mut self, time: i64) -> Result<(), MpdError> {
        let Some(last) = self.newest.last_mut() else { return Ok(()) };
        let keep = last.count.unwrap_or(1).saturating_sub(1);
        let start = last.start(keep).ok_or(MpdError::BadTimeline)?;
        if time == start {
            last.count = Some(keep);
            if keep == 0 {
                self.newest.pop();
            }
        } else if time < start {
            if self.before.len() == MAX_STEPS_BACK {
                return Err(MpdError::TooMany("steps back in a segment timeline"));
            }
            self.before.push(std::mem::take(&mut self.newest));
        }
        Ok(())
    }

    /// The runs in the order of time.
    pub(super) fn finish(mut self) -> Vec<TimelineRun> {
        let mut runs = self.newest;
        while let Some(older) = self.before.pop() {
            runs = overlaid(&older, &runs);
        }
        let mut index = 0_u64;
        for run in &mut runs {
            run.index = index;
            index = index.saturating_add(run.count.unwrap_or(0));
        }
        runs
    }
}

/// `newer` runs over `older` ones, both in the order of time: of the older ones those segments stay that start before
/// the newer ones do, in gaps between them or behind them.
fn overlaid(older: &[TimelineRun], newer: &[TimelineRun]) -> Vec<TimelineRun> {
    let mut all = Vec::with_capacity(older.len().saturating_add(newer.len()));
    let mut older = older.iter();
    let mut rest = older.next().cloned();
    for run in newer {
        // Older segments that start before this run does.
        while let Some(old) = rest.take() {
            let before = old.starts_before(run.time);
            all.extend(old.first(before));
            if old.count.is_none_or(|count| count > before) {
                rest = old.from(before);
                break;
            }
            rest = older.next().cloned();
        }
        all.push(run.clone());
        // Older segments that end before this run does, or start before its last segment does, are hidden.
        let Some(end) = run.count.and_then(|count| run.start(count)) else { return all };
        while let Some(old) = rest.take() {
            let hidden = end.saturating_sub(run.duration.min(old.duration)).saturating_add(1);
            rest = old.from(old.starts_before(hidden));
            if rest.is_some() {
                break;
            }
            rest = older.next().cloned();
        }
    }
    all.extend(rest);
    all.extend(older.cloned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn runs(entries: &[(Option<i64>, i64, i64)]) -> Result<Vec<TimelineRun>, MpdError> {
        let mut runs = Runs::default();
        for (time, duration, repeat) in entries {
            runs.push(Entry { time: *time, number: None, duration: *duration, repeat: *repeat })?;
        }
        Ok(runs.finish())
    }

    /// Start, length and place in the document of every segment.
    fn segments(entries: &[(Option<i64>, i64, i64)]) -> Vec<(i64, i64, u64)> {
        let runs = runs(entries).unwrap();
        let all = runs.iter().flat_map(|run| (0..run.count.unwrap()).map(move |at| (run, at)));
        all.map(|(run, at)| (run.start(at).unwrap(), run.duration, run.ordinal + at)).collect()
    }

    #[test]
    fn a_run_keeps_its_place_over_gaps() {
        let runs = runs(&[(Some(100), 10, 4), (None, 20, 0), (Some(500), 10, -1)]).unwrap();
        let seen: Vec<_> = runs.iter().map(|run| (run.index, run.time, run.count)).collect();
        assert_eq!(seen, [(0, 100, Some(5)), (5, 150, Some(1)), (6, 500, None)]);
    }

    #[test]
    fn a_negative_repeat_ends_at_the_next_start_or_the_limit() {
        let runs = runs(&[(Some(0), 10, -1), (Some(45), 10, -1)]).unwrap();
        assert_eq!(runs[0].count, Some(5));
        assert_eq!(runs[1].length(Some(66)), Some(3));
        assert_eq!(runs[1].length(Some(10)), Some(0));
        assert_eq!(runs[1].length(None), None);
    }

    #[test]
    fn entries_of_the_same_length_that_follow_each_other_are_one_run() {
        let day = vec![(None, 25_600, 0); 43_200];
        assert_eq!(runs(&day).unwrap().len(), 1);
        assert_eq!(runs(&[(None, 10, 2), (Some(30), 10, 0), (Some(41), 10, 0)]).unwrap().len(), 2);
    }

    #[test]
    fn an_entry_of_no_length_counts_and_lists_nothing() {
        let lost = [(Some(0), 10, 0), (None, 0, 0), (Some(20), 10, 0), (Some(30), 0, 1), (Some(40), 10, 0)];
        assert_eq!(segments(&lost), [(0, 10, 0), (20, 10, 2), (40, 10, 5)]);
        assert_eq!(segments(&[(Some(7), 0, 0), (None, 10, 0)]), [(7, 10, 1)]);
        assert_eq!(segments(&[(None, 0, 0)]), []);
    }

    #[test]
    fn an_entry_at_the_start_of_the_one_before_replaces_it() {
        let twice =
            [(Some(0), 10, 2), (Some(20), 10, 0), (Some(30), 10, 0), (Some(30), 12, 0), (None, 10, 0)];
        assert_eq!(segments(&twice), [(0, 10, 0), (10, 10, 1), (20, 10, 3), (30, 12, 5), (42, 10, 6)]);
    }

    #[test]
    fn where_a_timeline_steps_back_the_newest_entries_apply_and_elsewhere_all() {
        let restarted = [(Some(0), 20, 4), (Some(70), 20, 2)];
        let expected =
            [(0, 20, 0), (20, 20, 1), (40, 20, 2), (60, 20, 3), (70, 20, 5), (90, 20, 6), (110, 20, 7)];
        assert_eq!(segments(&restarted), expected);
        // A clock that starts again hides no more than what it has listed since.
        let reset = [(Some(0), 10, 9), (Some(0), 15, 1)];
        assert_eq!(segments(&reset)[..4], [(0, 15, 10), (15, 15, 11), (30, 10, 3), (40, 10, 4)]);
        let gap = [(Some(0), 10, 9), (Some(20), 10, 0), (Some(60), 10, 0)];
        let ordinals: Vec<u64> = segments(&gap).iter().map(|(_, _, ordinal)| *ordinal).collect();
        assert_eq!(ordinals, [0, 1, 10, 3, 4, 5, 11, 7, 8, 9]);
        let twice = [(Some(0), 10, 4), (Some(25), 10, 1), (Some(5), 10, 0)];
        let ordinals: Vec<u64> = segments(&twice).iter().map(|(_, _, ordinal)| *ordinal).collect();
        assert_eq!(ordinals, [0, 7, 1, 2, 5, 6, 4]);
    }

    #[test]
    fn a_timeline_steps_back_a_number_of_times_only() {
        let steps =
            |count: usize| runs(&[(Some(0), 10, 1), (Some(5), 1, 0), (Some(100), 1, 0)].repeat(count));
        assert!(steps(MAX_STEPS_BACK / 2).is_ok());
        assert!(matches!(steps(MAX_STEPS_BACK), Err(MpdError::TooMany(_))));
    }

    #[test]
    fn a_timeline_without_a_meaning_is_refused() {
        for entries in [
            &[(None, -5, 0)][..],
            &[(Some(0), 10, -1), (None, 10, 0)],
            &[(Some(0), 10, -1), (Some(0), 10, 0)],
            &[(Some(0), i64::MAX, 1)],
            &[(Some(i64::MAX), 1, 0)],
            &[(Some(0), 2, i64::MAX)],
        ] {
            assert_eq!(runs(entries), Err(MpdError::BadTimeline), "{entries:?}");
        }
    }

    proptest! {
        #[test]
        fn at_each_time_the_newest_segment_that_covers_it_is_listed(
            length in 1..9_i64, entries in prop::collection::vec((0..60_i64, 0..9_i64, 0..4_i64), 1..20),
        ) {
            let entries = entries.into_iter().map(|(t, lost, r)| (Some(t), if lost == 0 { 0 } else { length }, r));
            let entries: Vec<_> = entries.collect();
            let found = segments(&entries);
            prop_assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "{found:?}");
            let mut document = Vec::new();
            for (time, duration, repeat) in &entries {
                document.extend((0..=*repeat).map(|at| (time.unwrap() + at * duration, *duration, at)));
            }
            for (start, duration, ordinal) in &found {
                let (listed, length, _) = document[usize::try_from(*ordinal).unwrap()];
                prop_assert_eq!((listed, length), (*start, *duration));
            }
            // No time is lost that only one entry lists.
            for at in 0..100 {
                let mut covering = document.iter().filter(|(t, d, _)| *t <= at && at < t + d);
                if let (Some((start, ..)), None) = (covering.next(), covering.next()) {
                    prop_assert!(found.iter().any(|(t, ..)| t == start), "{at}: {found:?}");
                }
            }
        }
    }
}
