//! Batches: many clips in one request. A batch is a list of ordinary jobs: each has the name that it would have if it
//! were asked for alone.
//!
//! Every time is a whole number of milliseconds; text becomes such a number without passing through a float.

use crate::ids::LivePath;
use crate::lines::TextFault;
use crate::request::{MAX_START_POS, MAX_START_TIME};
use crate::time::{EpochMs, Millis, Pts};
use serde::Serialize;

pub mod csv;
pub mod delivered;
pub mod edl;
pub mod life;
pub mod request;
pub mod resource;
pub mod segments;
pub mod times;

/// Integers below are seconds that were meant to be milliseconds: as milliseconds they lie before March 1973.
const LEAST_EPOCH: EpochMs = EpochMs::new(100_000_000_000);

/// A part of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClipSpan {
    /// `StartPos`.
    pub start_pos_ms: EpochMs,
    /// `StartTime`: since the recording's start. Where the request does not tell it, the longest that there
    /// is, 30 days: a recording without a clock then has no such window, rather than another one.
    pub start_time_ms: Millis,
    /// `Duration`: at least 1 ms.
    pub duration_ms: Millis,
    /// The start as a time stamp of the transport stream, which decides where it is known.
    pub pts: Option<Pts>,
}

/// The point that a list's times count from, and the corrections that apply to all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Base {
    /// The instant of second 0 or of timecode `00:00:00:00`. `None` if the request names none.
    pub zero_ms: Option<EpochMs>,
    /// Added to both ends of every span.
    pub shift_ms: Millis,
    /// Added in front of every span; at least 0.
    pub pad_before_ms: Millis,
    /// Added behind every span; at least 0.
    pub pad_after_ms: Millis,
}

impl Base {
    /// The span from `start` to `end`, with shift and pads. What lies before 1970 begins there.
    ///
    /// # Errors
    /// Why there is none, in words that complete "the clip": the end is not behind the start, or a time is out of
    /// range.
    pub fn span(&self, start: EpochMs, end: EpochMs) -> Result<ClipSpan, &'static str> {
        if end <= start {
            return Err("does not end after its start");
        }
        // What is too large stops at the limit of its type, which is out of range.
        let start = start + self.shift_ms - self.pad_before_ms;
        let end = end + self.shift_ms + self.pad_after_ms;
        let range = EpochMs::ZERO..=MAX_START_POS;
        if !range.contains(&start) || !range.contains(&end) {
            return Err("is outside the years 1970 to 2099");
        }
        let since_zero = self.zero_ms.map_or(MAX_START_TIME, |zero| start - zero);
        Ok(ClipSpan {
            start_pos_ms: start,
            start_time_ms: since_zero.clamp(Millis::ZERO, MAX_START_TIME),
            duration_ms: end - start,
            pts: None,
        })
    }
}

/// The bounds that the spans of a list keep to.
#[derive(Debug, Clone, Copy)]
pub struct SpanBounds {
    /// The point that times count from, and their corrections.
    pub base: Base,
    /// Longest clip.
    pub max_duration_ms: Millis,
    /// Latest start of a window.
    pub latest_ms: EpochMs,
    /// Most days that a window may begin after the request, from which `latest_ms` follows.
    pub max_ahead_days: i64,
    /// Most clips; reading may stop after one more.
    pub most_clips: usize,
}

/// A span that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongSpan {
    /// `true` if the start is at fault, else the end or the duration.
    pub is_of_start: bool,
    /// Why, in clients' words.
    pub detail: String,
}

impl SpanBounds {
    /// The span from `start` to `end`, with shift and pads.
    ///
    /// # Errors
    /// When there is no such span, it is too long, or it begins too far ahead.
    pub fn span(&self, start: EpochMs, end: EpochMs) -> Result<ClipSpan, WrongSpan> {
        let wrong = |is_of_start, detail| Err(WrongSpan { is_of_start, detail });
        match self.base.span(start, end) {
            Ok(span) if span.duration_ms > self.max_duration_ms => {
                wrong(false, format!("makes the clip longer than {} ms", self.max_duration_ms))
            }
            Ok(span) if span.start_pos_ms > self.latest_ms => {
                wrong(true, format!("must be at most {} days ahead", self.max_ahead_days))
            }
            Ok(span) => Ok(span),
            Err(detail) => wrong(false, format!("the clip {detail}")),
        }
    }
}

/// One clip of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipEntry {
    /// Its place in the list, from 1; skipped entries count too.
    pub n: usize,
    /// The part of the recording.
    pub span: ClipSpan,
    /// The name that the list gives it; not judged yet.
    pub name: Option<String>,
    /// The client's own mark of it (`ref`), at most 64 characters; comes back in replies.
    pub mark: Option<String>,
    /// Another recording than the batch's.
    pub live_path: Option<LivePath>,
    /// Further values that a template of names may use, such as `event` and `features`.
    pub labels: Vec<(&'static str, String)>,
}

/// A list that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClipList {
    /// The clips in the list's order.
    pub clips: Vec<ClipEntry>,
    /// The entries that make no clip.
    pub skipped: Vec<Skipped>,
    /// What was guessed.
    pub guesses: Vec<Guess>,
}

/// A fault in a batch's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fault {
    /// The member at fault (JSON pointer, RFC 6901); empty for the body as a whole.
    pub pointer: String,
    /// Line within a member that is a text of several lines, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column in that line, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Why, in words that hold nothing of the client's.
    pub detail: String,
}

/// The most faults that one answer names.
pub const MOST_FAULTS: usize = 50;
pub use crate::listing::{Guess, Skipped};
pub use crate::settings::MOST_CLIPS;

impl Fault {
    /// A fault of the member at `pointer`.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), line: None, column: None, detail: detail.into() }
    }

    /// A fault that a reader found in the text at `pointer`.
    pub fn of_text(pointer: impl Into<String>, fault: TextFault) -> Self {
        Self::in_text(pointer, fault.line, fault.column, fault.why)
    }

    /// A fault in the text at `pointer`.
    pub fn in_text(
        pointer: impl Into<String>,
        line: usize,
        column: usize,
        detail: impl Into<String>,
    ) -> Self {
        Self { line: Some(line), column: Some(column), ..Self::at(pointer, detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::testing::{at, ms};
    use proptest::prelude::*;

    #[test]
    fn a_span_is_moved_and_padded_and_counts_from_zero() {
        let base = Base {
            zero_ms: Some(at(1_000_000)),
            shift_ms: ms(500),
            pad_before_ms: ms(2000),
            pad_after_ms: ms(3000),
        };
        let span = base.span(at(1_010_000), at(1_019_000));
        let moved = ClipSpan {
            start_pos_ms: at(1_008_500),
            start_time_ms: ms(8500),
            duration_ms: ms(14_000),
            pts: None,
        };
        assert_eq!(span, Ok(moved));
        let early = base.span(at(1_000_000), at(1_000_001)).unwrap();
        assert_eq!((early.start_pos_ms, early.start_time_ms), (at(998_500), ms(0)));
        let plain = Base::default().span(at(7), at(8));
        let plainly =
            ClipSpan { start_pos_ms: at(7), start_time_ms: MAX_START_TIME, duration_ms: ms(1), pts: None };
        assert_eq!(plain, Ok(plainly));
    }

    #[test]
    fn a_span_that_is_reversed_or_out_of_range_is_refused() {
        for (start, end) in [(5, 5), (5, 4), (-1, 5), (5, MAX_START_POS.get() + 1), (0, i64::MAX)] {
            assert!(Base::default().span(at(start), at(end)).is_err(), "{start} {end}");
        }
    }

    proptest! {
        #[test]
        fn no_times_overflow(zero: Option<i64>, shift: i64, before in 0..i64::MAX, after in 0..i64::MAX,
            start: i64, end: i64) {
            let [shift_ms, pad_before_ms, pad_after_ms] = [shift, before, after].map(ms);
            let base = Base { zero_ms: zero.map(at), shift_ms, pad_before_ms, pad_after_ms };
            if let Ok(span) = base.span(at(start), at(end)) {
                prop_assert!(span.duration_ms >= ms(1) && span.start_pos_ms >= at(0) && span.start_time_ms >= ms(0));
                prop_assert!(span.start_pos_ms + span.duration_ms <= MAX_START_POS);
            }
        }
    }
}
