//! The window on the presentation's clock, and whether the recording has reached it.

use crate::error::WorkError;
use crate::source::Track;
use export_domain::job::Order;
use export_domain::request::Wanted;
use export_media::mpd::{Mpd, Period};
use export_media::time::Nanos;

/// Least time that a recorder gets to write and list a segment, in milliseconds.
const LEAST_GRACE_MS: i64 = 10_000;
/// A still is searched for at least this far behind its instant, in milliseconds.
const STILL_MS: i64 = 2000;

/// What of the presentation is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Start on the presentation's clock.
    pub(crate) start: Nanos,
    /// End on the presentation's clock.
    pub(crate) end: Nanos,
    /// Wall clock of the presentation's zero, if the recording says.
    pub(crate) epoch: Option<Nanos>,
}

impl Window {
    /// `StartPos` counts from the availability start; without one `StartTime` counts from the first Period.
    pub(crate) fn of(mpd: &Mpd, order: &Order) -> Self {
        let epoch = mpd.availability_start;
        let start = match epoch {
            Some(epoch) => Nanos::from_millis(order.start_pos_ms) - epoch,
            None => {
                Nanos::from_millis(order.start_time_ms) + mpd.periods.first().map_or(Nanos::ZERO, |p| p.start)
            }
        };
        let length = match order.wanted {
            Wanted::Media => order.duration_ms,
            Wanted::Thumbnail => order.duration_ms.max(STILL_MS),
        };
        Self { start, end: start + Nanos::from_millis(length), epoch }
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

    /// Refuses to start while a growing recording may still reach what is wanted.
    pub(crate) fn check_live_edge(
        &self,
        mpd: &Mpd,
        track: &Track,
        order: &Order,
        now_ms: i64,
    ) -> Result<(), WorkError> {
        if !mpd.dynamic {
            return Ok(());
        }
        let segment = track.segment(track.index_at(self.start))?.map_or(Nanos::ZERO, |segment| {
            let (from, to) = track.span(&segment);
            to - from
        });
        let segment_ms = segment.to_millis_floor();
        let by_clock = self.epoch.map(|epoch| Nanos::from_millis(now_ms) - epoch - segment);
        let wanted = match order.wanted {
            Wanted::Media => self.end,
            Wanted::Thumbnail => self.start + segment,
        };
        // A timeline that lists nothing yet has its edge before everything.
        let nothing = track.listed_start().is_none().then_some(Nanos::ZERO);
        let edge = nothing.or(track.listed_end()).or(by_clock);
        let wall_end = order.window_end_ms();
        let update_ms = mpd.minimum_update_period.map_or(0, Nanos::to_millis_floor).min(60_000);
        let grace = LEAST_GRACE_MS.max(3 * segment_ms).max(update_ms + segment_ms);
        let reached = edge.is_none_or(|edge| edge >= wanted);
        if reached || now_ms >= wall_end.saturating_add(grace) {
            return Ok(());
        }
        let available = edge.map_or(Nanos::ZERO, |edge| edge - self.start).to_millis_floor();
        Err(WorkError::Waiting {
            wake_at: wall_end.saturating_add(segment_ms).max(now_ms + 1000),
            available_ms: available.clamp(0, order.duration_ms),
        })
    }
}
