//! A part of a window whose inner ends are no ends of the clip: what is shown there goes on in the neighbouring parts.

use super::{PeriodVideo, VideoFeed};
use crate::Source;
use export_media::coverage::Bare;
use export_media::stretch::Stretches;
use export_media::time::Nanos;

/// The length that is read behind a part's end, where there is so much: enough to know how its pictures go on.
const BEHIND: Nanos = Nanos::new(1_000_000_000);

/// The inner ends of a part of a window, and how its pictures stand to those beside it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InnerEnds {
    from: Option<Nanos>,
    until: Option<Nanos>,
    /// Presentation time of the picture that the present stretch started with.
    stretch: Option<Nanos>,
    /// The part's first picture is of a stretch that began before it.
    pub(crate) goes_on_before: bool,
    /// The first picture behind the part is of a stretch that began before its end.
    pub(crate) goes_on_behind: bool,
    /// A picture of the part was met, and one behind it.
    met: (bool, bool),
}

impl InnerEnds {
    /// A picture to be decoded, `starts` a stretch or goes on with one; not all are shown.
    pub(super) fn meet(&mut self, pts: Nanos, starts: bool, shown: bool) {
        if starts {
            self.stretch = Some(pts);
        }
        let before = |end: Option<Nanos>| end.zip(self.stretch).is_some_and(|(end, began)| began < end);
        let (is_in, is_behind) = (
            self.from.is_none_or(|from| from <= pts) && self.until.is_none_or(|until| pts < until),
            self.until.is_some_and(|until| until <= pts),
        );
        if shown && is_in && !self.met.0 {
            (self.met.0, self.goes_on_before) = (true, before(self.from));
        }
        if shown && is_behind && !self.met.1 {
            (self.met.1, self.goes_on_behind) = (true, before(self.until));
        }
    }

    /// Returns `true` if no picture has to be read to know how the part's pictures go on behind it.
    pub(super) fn are_known(&self) -> bool {
        self.until.is_none() || self.met.1
    }
}

impl<O: Source> VideoFeed<O> {
    /// The part `[from, until)` of the window. What is on display at the window's own ends is as it is in all of it.
    pub(crate) fn part(self, from: Nanos, until: Nanos) -> Self {
        let (first, last) = (from <= self.start, until >= self.end);
        let (from, until) = (from.max(self.start), until.min(self.end));
        let behind = if last { until } else { until + BEHIND };
        let parts = self.parts.iter().filter_map(|part| clipped(part, from, behind)).collect();
        let ends = InnerEnds {
            from: (!first).then_some(from),
            until: (!last).then_some(until),
            ..InnerEnds::default()
        };
        Self {
            parts,
            first: self.first.filter(|_| first),
            start: from,
            stretches: Stretches::new(from, until),
            opened: !first,
            ends,
            ..self
        }
    }

    /// The inner ends, and whether pictures go on over them; once everything has been fed.
    pub(crate) fn ends(&self) -> InnerEnds {
        self.ends
    }

    /// The parts that nothing decodable covers; once everything has been fed.
    pub(crate) fn bare(&mut self) -> Bare {
        self.stretches.bare()
    }
}

/// The part of a Period's pictures that is in `[from, until)`.
fn clipped(part: &PeriodVideo, from: Nanos, until: Nanos) -> Option<PeriodVideo> {
    let (own_from, own_until) = (part.from.max(from), part.until.min(until));
    (own_from < own_until).then(|| PeriodVideo {
        candidates: part.candidates.clone(),
        from: own_from,
        until: own_until,
        starts_period: part.starts_period && part.from >= from,
        ends_period: part.ends_period && part.until <= until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(at: i64) -> Nanos {
        Nanos::from_millis(at)
    }

    fn met(pictures: &[(i64, bool)]) -> (bool, bool) {
        let mut ends = InnerEnds { from: Some(ms(1000)), until: Some(ms(2000)), ..InnerEnds::default() };
        for (at, starts) in pictures {
            ends.meet(ms(*at), *starts, true);
        }
        (ends.goes_on_before, ends.goes_on_behind)
    }

    #[test]
    fn a_stretch_that_began_before_an_end_goes_on_over_it() {
        assert_eq!(met(&[(900, true), (1000, false), (1900, false), (2000, false)]), (true, true));
        assert_eq!(met(&[(1000, true), (1900, false), (2000, true)]), (false, false));
        assert_eq!(met(&[(900, true), (1000, true), (2000, false)]), (false, true), "a hole before it");
        assert_eq!(met(&[(900, true), (2000, false)]), (false, true), "no picture begins in it");
        assert_eq!(met(&[(1000, true)]), (false, false), "nothing behind it");
    }

    #[test]
    fn a_part_is_known_once_a_picture_behind_it_is() {
        let mut ends = InnerEnds { until: Some(ms(2000)), ..InnerEnds::default() };
        for (at, shown, known) in [(1960, true, false), (2000, false, false), (2000, true, true)] {
            ends.meet(ms(at), false, shown);
            assert_eq!(ends.are_known(), known, "{at}");
        }
        assert!(InnerEnds::default().are_known());
    }

    #[test]
    fn a_period_that_begins_or_ends_in_the_part_does_so_as_in_the_window() {
        let part = |from, until, starts_period, ends_period| PeriodVideo {
            candidates: Vec::new(),
            from: ms(from),
            until: ms(until),
            starts_period,
            ends_period,
        };
        let whole = part(1000, 5000, true, true);
        for (from, until, expected) in [
            (0, 9000, Some((1000, 5000, true, true))),
            (2000, 3000, Some((2000, 3000, false, false))),
            (1000, 4999, Some((1000, 4999, true, false))),
            (1001, 5000, Some((1001, 5000, false, true))),
            (5000, 6000, None),
        ] {
            let clipped = clipped(&whole, ms(from), ms(until));
            let seen = clipped.map(|part| {
                let [from, until] = [part.from, part.until].map(Nanos::to_millis_floor);
                (from, until, part.starts_period, part.ends_period)
            });
            assert_eq!(seen, expected);
        }
    }
}
