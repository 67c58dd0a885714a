//! The window on the presentation's clock, and whether the recording has reached it.

use crate::error::WorkError;
use crate::source::Track;
use export_domain::job::Order;
use export_domain::request::Wanted;
use export_media::mpd::{Mpd, Period};
use export_media::time::Nanos;

/// Least time that a recorder gets to write and list a segment, in milliseconds.
const LEAST_GRACE_MS: i64 = 10_000;
/// Time between two looks at a recording that is about to be there, in milliseconds.
const AGAIN_MS: i64 = 1000;
/// A still is searched for at least this far behind its instant, in milliseconds.
const STILL_MS: i64 = 2000;

/// What of the presentation is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Start on the presentation's clock.
    pub(crate) start: Nanos,
    /// End on the presentation's clock.
    pub(crate) end: Nanos,
    /// Where on the presentation's clock the wall clock shows the end that was asked for.
    end_asked: Nanos,
}

impl Window {
    /// `StartPos` counts from the availability start; without one `StartTime` counts from the first Period.
    pub(crate) fn of(mpd: &Mpd, order: &Order) -> Self {
        let start = match mpd.availability_start {
            Some(epoch) => Nanos::from_millis(order.start_pos_ms) - epoch,
            None => {
                Nanos::from_millis(order.start_time_ms) + mpd.periods.first().map_or(Nanos::ZERO, |p| p.start)
            }
        };
        let length = match order.wanted {
            Wanted::Media => order.duration_ms,
            Wanted::Thumbnail => order.duration_ms.max(STILL_MS),
        };
        let end_asked = match order.wanted {
            Wanted::Media => start + Nanos::from_millis(length),
            Wanted::Thumbnail => start,
        };
        Self { start, end: start + Nanos::from_millis(length), end_asked }
    }

    /// The Periods that share time with the window, each with the part of the window in it.
    pub(crate) fn periods<'a>(&self, mpd: &'a Mpd) -> Vec<(&'a Period, Nanos, Nanos)> {
        let part = |period: &'a Period| {
            let until = period.duration.map_or(self.end, |duration| (period.start + duration).min(self.end));
            let from = self.start.max(period.start);
            (from < until).then_some((period, from, until))
        };
        mpd.periods.iter().filter_map(part).collect()
    }

    /// When to look again if the init segment is not there: a recording that grows may only just begin.
    pub(crate) fn wake_for_init(mpd: &Mpd, order: &Order, now_ms: i64) -> Option<i64> {
        let wall_end = order.window_end_ms();
        let begins = mpd.dynamic && now_ms < wall_end.saturating_add(LEAST_GRACE_MS);
        begins.then(|| wall_end.max(now_ms.saturating_add(AGAIN_MS)))
    }

    /// How far `track`, the last one that the window needs, has come; `None` if that is far enough.
    pub(crate) fn edge(
        &self,
        mpd: &Mpd,
        track: &Track,
        order: &Order,
        now_ms: i64,
    ) -> Result<Option<Edge>, WorkError> {
        let wall_end = order.window_end_ms();
        let segment = track.segment(track.index_at(self.start))?.map_or(Nanos::ZERO, |segment| {
            let (from, to) = track.span(&segment);
            to - from
        });
        let segment_ms = segment.to_millis_floor();
        let update_ms = mpd.minimum_update_period.map_or(0, Nanos::to_millis_floor).min(60_000);
        let grace = LEAST_GRACE_MS.max(3 * segment_ms).max(update_ms + segment_ms);
        if !mpd.dynamic || now_ms >= wall_end.saturating_add(grace) {
            return Ok(None);
        }
        let now = self.end_asked + Nanos::from_millis(now_ms) - Nanos::from_millis(wall_end);
        let by_clock = now - segment;
        let reached = match track.listed_end() {
            // A timeline that lists nothing yet has its edge before everything.
            _ if track.listed_start().is_none() => Nanos::ZERO,
            Some(listed) if track.is_open_ended() => listed.min(by_clock),
            Some(listed) => listed,
            None => by_clock,
        };
        Ok(Some(Edge { reached, segment, young: now - Nanos::from_millis(grace), wall_end, now_ms }))
    }
}

/// How far a growing recording has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    /// Where its media ends, by the manifest and the clock.
    pub(crate) reached: Nanos,
    /// Length of a segment.
    pub(crate) segment: Nanos,
    /// A segment that ends later may be listed, or due by the clock, before it is stored.
    pub(crate) young: Nanos,
    wall_end: i64,
    now_ms: i64,
}

impl Edge {
    /// Looks again soon for an object that is about to be stored; `available` is how much of the window is there.
    pub(crate) fn not_stored(&self, available: Nanos, order: &Order) -> WorkError {
        WorkError::Waiting {
            wake_at: self.now_ms.saturating_add(AGAIN_MS),
            available_ms: available.to_millis_floor().clamp(0, order.duration_ms),
        }
    }

    /// Looks again once the window's end is recorded; `available` is how much of the window is there.
    pub(crate) fn not_reached(&self, available: Nanos, order: &Order) -> WorkError {
        let due = self.wall_end.saturating_add(self.segment.to_millis_floor());
        WorkError::Waiting {
            wake_at: due.max(self.now_ms.saturating_add(AGAIN_MS)),
            available_ms: available.to_millis_floor().clamp(0, order.duration_ms),
        }
    }
}
