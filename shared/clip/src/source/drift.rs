//! Numbered segments that are longer or shorter than `@duration` says.

use super::{Reader, Track};
use crate::Source;
use crate::error::Error;
use crate::notes::WarningCode;
use export_media::mpd::Segment;
use export_media::time::Nanos;

/// Segments before this one are less than a segment off, however wrong `@duration` is in practice.
const FIRST_OFF: u64 = 32;
/// Corrections until the media are where they are looked for: each leaves the drift of the one before.
const MOST_CORRECTIONS: usize = 4;
/// The number of segments on either side in which one is looked for that exists.
const FARTHEST: u64 = 160;
/// A segment that is off by more than this part of its time has another clock than the manifest.
const LARGEST_PART: i64 = 8;

impl Track {
    /// Finds out how far the media are from the times that follow from `@duration`, by the decode times around `at`.
    ///
    /// ISO/IEC 23009-1 allows half a segment. Recorders that cut at key pictures are off by more and more: 40 segments
    /// after a day of 2.002 s for 2 s.
    pub(super) async fn follow_drift<O: Source>(
        &mut self,
        reader: &Reader<O>,
        at: Nanos,
    ) -> Result<(), Error> {
        for _ in 0..MOST_CORRECTIONS {
            let Some(segment) = self.existing(reader, at).await? else { break };
            let Some(start) = self.starts_at(reader, &segment).await? else { break };
            let listed = segment.time.saturating_add(self.drift);
            let off = self.listed().first_tick_at_or_after(start).saturating_sub(listed);
            if off.saturating_abs() <= segment.duration / 2 {
                if self.drift != 0 {
                    let detail = format!("{}: not where @duration says", self.place(&segment));
                    reader.notes().warn(WarningCode::RatesCorrected, detail);
                }
                return Ok(());
            }
            self.drift = self.drift.saturating_add(off);
            let since = segment
                .time
                .saturating_sub(self.listed().first_tick_at_or_after(self.listed().period_start()));
            if self.drift.saturating_abs() > since / LARGEST_PART {
                break;
            }
        }
        self.drift = 0;
        Ok(())
    }

    /// The segment that should hold `at`, or one near to it that exists, if it may be off.
    async fn existing<O: Source>(&self, reader: &Reader<O>, at: Nanos) -> Result<Option<Segment>, Error> {
        let position = self.index_at(at);
        if position < FIRST_OFF {
            return Ok(None);
        }
        // Farther away in larger steps: recordings are more than a few segments long. A shorter one lies between them.
        let steps = std::iter::successors(Some(1_u64), |away| Some(away + 1 + away / 6));
        let steps: Vec<u64> = steps.take_while(|away| *away <= FARTHEST).collect();
        let between = (1..=FARTHEST).filter(|away| !steps.contains(away));
        let away = steps.iter().copied().chain(between);
        let around = away.flat_map(|away| [position.checked_sub(away), position.checked_add(away)]);
        for position in std::iter::once(Some(position)).chain(around).flatten() {
            let Some(segment) = self.segment(position)? else { continue };
            if !segment.nominal {
                return Ok(None);
            }
            if self.is_stored(reader, &segment).await? {
                return Ok(Some(segment));
            }
        }
        Ok(None)
    }

    /// When the first picture or frame of a segment is shown; `None` if its beginning cannot be read.
    async fn starts_at<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
    ) -> Result<Option<Nanos>, Error> {
        let samples = match self.first_moof(reader, segment).await {
            Ok(Some(fragment)) => fragment.samples,
            Ok(None) | Err(Error::GivenUp(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let first = samples.iter().map(|sample| sample.pts).min();
        Ok(first.map(|pts| self.timeline.to_nanos_floor(pts)))
    }
}
