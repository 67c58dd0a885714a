//! Segment timelines as runs of equal segments, so that `S@r` costs nothing however large it is.

use super::MpdError;
use crate::time::ceil_div;

/// `count` segments of the same length, back to back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// 0-based position of the first one in the timeline.
    pub(super) index: u64,
    /// `$Number$` of the first one if the timeline numbers itself (`S@n`).
    pub(super) number: Option<u64>,
    /// Start of the first one in ticks.
    pub(super) time: i64,
    /// Length of each in ticks, positive.
    pub(super) duration: i64,
    /// `None` goes on to the end of the Period; only the last run may.
    pub(super) count: Option<u64>,
}

impl Run {
    /// Start of the segment `at` places after the first; `None` beyond the range of ticks.
    pub(super) fn start(&self, at: u64) -> Option<i64> {
        i64::try_from(at).ok()?.checked_mul(self.duration)?.checked_add(self.time)
    }

    /// How many segments start before `limit`, if the run has an end at all.
    pub(super) fn length(&self, limit: Option<i64>) -> Option<u64> {
        self.count.or_else(|| {
            let ticks = i128::from(limit?).saturating_sub(i128::from(self.time));
            Some(u64::try_from(ceil_div(ticks, i128::from(self.duration))).unwrap_or(0))
        })
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

/// Turns `S` elements into runs.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
}

impl Runs {
    /// Adds the next `S`.
    ///
    /// # Errors
    /// [`MpdError::BadTimeline`] unless every segment starts after the one before and ends within 63 bits.
    pub(super) fn push(&mut self, entry: Entry) -> Result<(), MpdError> {
        if entry.duration <= 0 {
            return Err(MpdError::BadTimeline);
        }
        let (mut index, mut number, mut time) = (0, None, 0);
        if let Some(last) = self.runs.last_mut() {
            let count = close(last, entry.time)?;
            time = last.start(count).ok_or(MpdError::BadTimeline)?;
            index = last.index.checked_add(count).ok_or(MpdError::BadTimeline)?;
            number =
                last.number.map(|first| first.checked_add(count).ok_or(MpdError::BadTimeline)).transpose()?;
            let last_start = last.start(count.saturating_sub(1)).ok_or(MpdError::BadTimeline)?;
            if entry.time.is_some_and(|next| next <= last_start) {
                return Err(MpdError::BadTimeline);
            }
        }
        let count = u64::try_from(entry.repeat).ok().and_then(|repeat| repeat.checked_add(1));
        let run = Run {
            index,
            number: entry.number.or(number),
            time: entry.time.unwrap_or(time),
            duration: entry.duration,
            count,
        };
        run.start(count.unwrap_or(1)).ok_or(MpdError::BadTimeline)?;
        self.runs.push(run);
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Run> {
        self.runs
    }
}

/// The length of a run now that the next `S` is known: a negative `@r` goes on until its `@t` (5.3.9.6.2).
fn close(run: &mut Run, next: Option<i64>) -> Result<u64, MpdError> {
    let count = run.length(next).filter(|count| *count > 0).ok_or(MpdError::BadTimeline)?;
    run.count = Some(count);
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(entries: &[(Option<i64>, i64, i64)]) -> Result<Vec<Run>, MpdError> {
        let mut runs = Runs::default();
        for (time, duration, repeat) in entries {
            runs.push(Entry { time: *time, number: None, duration: *duration, repeat: *repeat })?;
        }
        Ok(runs.finish())
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
    fn a_timeline_that_does_not_advance_is_refused() {
        for entries in [
            &[(None, 0, 0)][..],
            &[(None, -5, 0)],
            &[(Some(0), 10, 2), (Some(20), 10, 0)],
            &[(Some(0), 10, -1), (None, 10, 0)],
            &[(Some(0), 10, -1), (Some(0), 10, 0)],
            &[(Some(0), i64::MAX, 1)],
            &[(Some(i64::MAX), 1, 0)],
            &[(Some(0), 2, i64::MAX)],
        ] {
            assert_eq!(runs(entries), Err(MpdError::BadTimeline), "{entries:?}");
        }
    }
}
