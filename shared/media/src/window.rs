//! The window of a recording that is wanted, and the progress of a growing recording towards it.

use crate::mpd::{Mpd, Period};
use crate::time::Nanos;

/// Least time that a recorder gets to write and list a segment, in milliseconds.
const LEAST_GRACE_MS: i64 = 10_000;
/// The most that a manifest's update period adds to that.
const LONGEST_UPDATE_MS: i64 = 60_000;
/// Time between two looks at a recording that is about to be there, in milliseconds.
const AGAIN_MS: i64 = 1000;
/// `StartTime` of `HH:MM:SS` is exact to a second: from this difference on, in milliseconds, it contradicts `StartPos`.
const CONTRADICTION_MS: i64 = 1000;
/// A still is searched for at least this far behind its instant, in milliseconds.
const STILL_MS: i64 = 2000;

/// The window as it is asked for, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Start on the wall clock, since the Unix epoch.
    pub start_pos_ms: i64,
    /// Start since the recording's first Period began; `None` if `start_pos_ms` alone names it.
    pub start_time_ms: Option<i64>,
    /// Start as a time stamp of the recording's transport streams, of 33 bits, which then decides in place of the other two.
    pub pts: Option<u64>,
    /// Length.
    pub duration_ms: i64,
    /// End on the wall clock, since the Unix epoch.
    pub wall_end_ms: i64,
    /// The first picture alone.
    pub still: bool,
}

/// The window of the presentation that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Start on the presentation's clock.
    pub start: Nanos,
    /// End on the presentation's clock.
    pub end: Nanos,
    /// The time on the presentation's clock at which the wall clock shows the end that was asked for.
    end_asked: Nanos,
    wall_end_ms: i64,
}

/// The media that a manifest lists of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The start; `None` if nothing is listed.
    pub start: Option<Nanos>,
    /// The end; `None` if the manifest sets no end.
    pub end: Option<Nanos>,
    /// The end is announced, and the segments before it are not there before their time.
    pub open_ended: bool,
    /// Length of the segment with the window's start; zero if there is none.
    pub segment: Nanos,
}

impl Window {
    /// `StartPos` counts from the availability start; without one `StartTime` counts from the first Period.
    pub fn of(mpd: &Mpd, asked: &Asked) -> Self {
        let start = match mpd.availability_start {
            Some(epoch) => Nanos::from_millis(asked.start_pos_ms) - epoch,
            None => {
                Nanos::from_millis(asked.start_time_ms.unwrap_or_default())
                    + mpd.periods.first().map_or(Nanos::ZERO, |p| p.start)
            }
        };
        let length = if asked.still { asked.duration_ms.max(STILL_MS) } else { asked.duration_ms };
        let end = start + Nanos::from_millis(length);
        let end_asked = if asked.still { start } else { end };
        Self { start, end, end_asked, wall_end_ms: asked.wall_end_ms }
    }

    /// `StartTime`, and the time of `StartPos` since the recording's start, in milliseconds, if they contradict each other.
    /// A recording without a clock of its own, whose availability start is the epoch, begins at `listed`, its earliest
    /// segment.
    pub fn disagreement(mpd: &Mpd, asked: &Asked, listed: Option<Nanos>) -> Option<(i64, i64)> {
        let named_ms = asked.start_time_ms.filter(|_| asked.pts.is_none())?;
        let epoch = mpd.availability_start?;
        let first = mpd.periods.first().map(|period| period.start);
        let origin = if epoch == Nanos::ZERO { listed } else { first };
        let begins_ms = (Nanos::from_millis(asked.start_pos_ms) - epoch - origin?).to_millis_floor();
        let differs = named_ms.saturating_sub(begins_ms).saturating_abs() >= CONTRADICTION_MS;
        differs.then_some((named_ms, begins_ms))
    }

    /// The same length from `start` on.
    #[must_use]
    pub fn moved_to(&self, start: Nanos) -> Self {
        let later = start - self.start;
        let (end, end_asked) = (self.end + later, self.end_asked + later);
        Self { start, end, end_asked, ..*self }
    }

    /// The part `[start, end)` of it.
    #[must_use]
    pub fn part(&self, start: Nanos, end: Nanos) -> Self {
        Self { start, end, ..*self }
    }

    /// The Periods that share time with the window, each with the part of the window in it.
    pub fn periods<'a>(&self, mpd: &'a Mpd) -> Vec<(&'a Period, Nanos, Nanos)> {
        let part = |period: &'a Period| {
            let until = period.duration.map_or(self.end, |duration| (period.start + duration).min(self.end));
            let from = self.start.max(period.start);
            (from < until).then_some((period, from, until))
        };
        mpd.periods.iter().filter_map(part).collect()
    }

    /// When to look again if the init segment is not there at `now_ms`: a recording that grows may only just begin.
    pub fn wake_for_init(&self, mpd: &Mpd, now_ms: i64) -> Option<i64> {
        let begins = mpd.dynamic && now_ms < self.wall_end_ms.saturating_add(LEAST_GRACE_MS);
        begins.then(|| self.wall_end_ms.max(now_ms.saturating_add(AGAIN_MS)))
    }

    /// The live edge of the last track that the window needs at `now_ms`; `None` if nothing more is to be waited for.
    pub fn edge(&self, mpd: &Mpd, listed: &Listed, now_ms: i64) -> Option<Edge> {
        let grace = grace_ms(mpd, listed.segment);
        if !mpd.dynamic || now_ms >= self.wall_end_ms.saturating_add(grace) {
            return None;
        }
        let now = self.end_asked + Nanos::from_millis(now_ms) - Nanos::from_millis(self.wall_end_ms);
        let by_clock = now - listed.segment;
        let reached = match listed.end {
            // A timeline that lists nothing yet has its edge before everything.
            _ if listed.start.is_none() => Nanos::ZERO,
            Some(end) if listed.open_ended => end.min(by_clock),
            Some(end) => end,
            None => by_clock,
        };
        let (segment, young) = (listed.segment, now - Nanos::from_millis(grace));
        Some(Edge { reached, segment, young, wall_end_ms: self.wall_end_ms, now_ms })
    }
}

/// The time that a recorder of such segments gets to write and list one, in milliseconds.
pub(crate) fn grace_ms(mpd: &Mpd, segment: Nanos) -> i64 {
    let segment_ms = segment.to_millis_floor();
    let update_ms = mpd.minimum_update_period.map_or(0, Nanos::to_millis_floor).min(LONGEST_UPDATE_MS);
    let written = segment_ms.saturating_mul(3).max(update_ms.saturating_add(segment_ms));
    LEAST_GRACE_MS.max(written)
}

/// The live edge of a growing recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The end of its media, by the manifest and the clock.
    pub reached: Nanos,
    /// Length of a segment.
    pub segment: Nanos,
    /// A segment that ends later may be listed, or due by the clock, before it is stored.
    pub young: Nanos,
    wall_end_ms: i64,
    now_ms: i64,
}

impl Edge {
    /// When to look again for an object that is about to be stored, milliseconds since the Unix epoch.
    pub fn soon_ms(&self) -> i64 {
        self.now_ms.saturating_add(AGAIN_MS)
    }

    /// When the window's end is likely to be recorded, milliseconds since the Unix epoch.
    pub fn due_ms(&self) -> i64 {
        self.wall_end_ms.saturating_add(self.segment.to_millis_floor()).max(self.soon_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: i64 = 1_000_000_000;

    fn millis(ms: i64) -> Nanos {
        Nanos::from_millis(ms)
    }

    fn period(start_ms: i64, length_ms: Option<i64>) -> Period {
        Period {
            id: None,
            start: millis(start_ms),
            duration: length_ms.map(millis),
            representations: Vec::new(),
            placing: None,
        }
    }

    /// A live recording that began at T0.
    fn live(periods: Vec<Period>) -> Mpd {
        Mpd {
            dynamic: true,
            availability_start: Some(millis(T0)),
            publish_time: None,
            media_presentation_duration: None,
            minimum_update_period: None,
            periods,
        }
    }

    /// Five seconds from 20 s on.
    fn clip() -> Asked {
        Asked {
            start_pos_ms: T0 + 20_000,
            start_time_ms: Some(7000),
            pts: None,
            duration_ms: 5000,
            wall_end_ms: T0 + 25_000,
            still: false,
        }
    }

    fn still() -> Asked {
        Asked { still: true, duration_ms: 0, wall_end_ms: T0 + 20_000, ..clip() }
    }

    fn listed_to(ms: i64) -> Listed {
        Listed { start: Some(Nanos::ZERO), end: Some(millis(ms)), open_ended: false, segment: millis(4000) }
    }

    fn edge(listed: Listed, now_ms: i64) -> Option<Edge> {
        let mpd = live(vec![period(0, None)]);
        Window::of(&mpd, &clip()).edge(&mpd, &listed, T0 + now_ms)
    }

    #[test]
    fn a_window_counts_from_the_availability_start_or_else_from_the_first_period() {
        let on_the_clock = live(vec![period(3000, None)]);
        let window = Window::of(&on_the_clock, &clip());
        assert_eq!((window.start, window.end), (millis(20_000), millis(25_000)));
        let without = Mpd { availability_start: None, ..on_the_clock };
        let window = Window::of(&without, &clip());
        assert_eq!((window.start, window.end), (millis(10_000), millis(15_000)));
        let nothing = Mpd { periods: Vec::new(), ..without };
        assert_eq!(Window::of(&nothing, &clip()).start, millis(7000));
    }

    #[test]
    fn two_starts_that_differ_by_a_second_contradict_each_other() {
        let live = live(vec![period(3000, None)]);
        let said = |mpd: &Mpd, start_time_ms, listed| {
            Window::disagreement(mpd, &Asked { start_time_ms, ..clip() }, listed)
        };
        for (told, contradicts) in [(16_001, false), (16_000, true), (17_999, false), (18_000, true)] {
            assert_eq!(said(&live, Some(told), None), contradicts.then_some((told, 17_000)), "{told}");
        }
        assert_eq!(said(&live, None, None), None);
        let without = Mpd { availability_start: None, ..live.clone() };
        assert_eq!(said(&without, Some(1_000_000), None), None, "StartTime counts");
        let epoch = Mpd { availability_start: Some(Nanos::ZERO), ..live };
        let listed = Some(millis(T0 + 13_000));
        assert_eq!(said(&epoch, Some(7000), listed), None);
        assert_eq!(said(&epoch, Some(8000), listed), Some((8000, 7000)));
        assert_eq!(said(&epoch, Some(8000), None), None, "nothing tells when it began");
    }

    #[test]
    fn a_still_is_searched_for_in_two_seconds_at_least() {
        let mpd = live(vec![period(0, None)]);
        let end = |duration_ms| Window::of(&mpd, &Asked { duration_ms, ..still() }).end;
        assert_eq!([end(0), end(2000), end(9000)], [22_000, 22_000, 29_000].map(millis));
    }

    #[test]
    fn a_window_has_a_part_in_each_period_that_it_shares_time_with() {
        let periods = vec![
            period(0, Some(20_000)),
            period(20_000, Some(2000)),
            period(22_000, Some(1000)),
            period(24_000, None),
            period(25_000, None),
        ];
        let mpd = live(periods);
        let window = Window::of(&mpd, &clip());
        let parts: Vec<_> = window.periods(&mpd).iter().map(|(_, from, until)| (*from, *until)).collect();
        let part = |from, until| (millis(from), millis(until));
        assert_eq!(parts, [part(20_000, 22_000), part(22_000, 23_000), part(24_000, 25_000)]);
        let late = live(vec![period(21_000, Some(9000))]);
        assert_eq!(window.periods(&late)[0].1, millis(21_000));
    }

    #[test]
    fn an_init_segment_is_waited_for_until_ten_seconds_behind_the_window() {
        let mpd = live(vec![period(0, None)]);
        let wake = |mpd: &Mpd, now| Window::of(mpd, &clip()).wake_for_init(mpd, T0 + now);
        assert_eq!(wake(&mpd, 0), Some(T0 + 25_000), "not before the window is over");
        assert_eq!(wake(&mpd, 34_999), Some(T0 + 35_999), "then each second");
        assert_eq!(wake(&mpd, 35_000), None);
        assert_eq!(wake(&Mpd { dynamic: false, ..mpd }, 0), None, "what does not grow has no more to come");
    }

    #[test]
    fn the_edge_is_where_the_list_ends() {
        assert_eq!(edge(listed_to(18_000), 30_000).map(|edge| edge.reached), Some(millis(18_000)));
        assert_eq!(
            edge(listed_to(24_000), 23_000).map(|edge| edge.reached),
            Some(millis(24_000)),
            "clocks differ"
        );
        let nothing = Listed { start: None, ..listed_to(18_000) };
        assert_eq!(edge(nothing, 30_000).map(|edge| edge.reached), Some(Nanos::ZERO));
    }

    #[test]
    fn without_a_list_the_edge_is_a_segment_behind_the_clock_and_never_behind_an_announced_end() {
        let endless = Listed { end: None, ..listed_to(0) };
        assert_eq!(edge(endless, 23_000).map(|edge| edge.reached), Some(millis(19_000)));
        let announced = |end| Listed { open_ended: true, ..listed_to(end) };
        assert_eq!(edge(announced(90_000), 23_000).map(|edge| edge.reached), Some(millis(19_000)));
        assert_eq!(edge(announced(18_000), 23_000).map(|edge| edge.reached), Some(millis(18_000)));
    }

    #[test]
    fn waiting_ends_when_the_grace_is_over_and_for_what_does_not_grow() {
        // Three segments are longer than ten seconds.
        assert!(edge(listed_to(0), 36_999).is_some() && edge(listed_to(0), 37_000).is_none());
        let short = Listed { segment: millis(1000), ..listed_to(0) };
        assert!(edge(short, 34_999).is_some() && edge(short, 35_000).is_none());
        let mpd = Mpd { dynamic: false, ..live(vec![period(0, None)]) };
        assert_eq!(Window::of(&mpd, &clip()).edge(&mpd, &listed_to(0), T0), None);
        let updated = |ms| Mpd { minimum_update_period: Some(millis(ms)), ..live(vec![period(0, None)]) };
        let waits = |mpd: &Mpd, now| Window::of(mpd, &clip()).edge(mpd, &listed_to(0), T0 + now).is_some();
        assert!(waits(&updated(20_000), 48_999) && !waits(&updated(20_000), 49_000));
        assert!(waits(&updated(600_000), 88_999) && !waits(&updated(600_000), 89_000), "a minute at most");
    }

    #[test]
    fn what_ended_within_the_grace_may_not_be_stored_yet() {
        assert_eq!(edge(listed_to(0), 30_000).map(|edge| edge.young), Some(millis(18_000)));
        let mpd = live(vec![period(0, None)]);
        let first = Window::of(&mpd, &still()).edge(&mpd, &listed_to(0), T0 + 21_000);
        assert_eq!(first.map(|edge| edge.young), Some(millis(9000)), "a still's end is its instant");
    }

    #[test]
    fn the_next_look_is_when_the_end_is_due_but_not_at_once() {
        let at = |now| edge(listed_to(0), now).map(|edge| (edge.due_ms() - T0, edge.soon_ms() - T0));
        assert_eq!(at(10_000), Some((29_000, 11_000)));
        assert_eq!(at(28_500), Some((29_500, 29_500)));
    }
}
