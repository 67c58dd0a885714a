//! Batches: many clips in one request. A batch is a list of ordinary jobs: each has the name that it would have if it
//! were asked for alone.
//!
//! Every time is a whole number of milliseconds in an `i64`; text becomes such a number without passing through a
//! float.

use crate::ids::LivePath;
use crate::lines::TextFault;
use crate::request::{MAX_START_POS_MS, MAX_START_TIME_MS};
use serde::{Deserialize, Serialize};

pub mod csv;
pub mod delivered;
pub mod edl;
pub mod life;
pub mod request;
pub mod resource;
pub mod segments;
pub mod times;

/// Integers below are seconds that were meant to be milliseconds: as milliseconds they lie before March 1973.
const LEAST_EPOCH_MS: i64 = 100_000_000_000;

/// A part of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClipSpan {
    /// `StartPos`: milliseconds since 1970.
    pub start_pos_ms: i64,
    /// `StartTime`: milliseconds since the recording's start. Where the request does not tell it, the longest that there
    /// is, 30 days: a recording without a clock then has no such window, rather than another one.
    pub start_time_ms: i64,
    /// `Duration`: milliseconds, at least 1.
    pub duration_ms: i64,
}

/// The point that a list's times count from, and the corrections that apply to all of them, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Base {
    /// The instant of second 0 or of timecode `00:00:00:00`, since 1970. `None` if the request names none.
    pub zero_ms: Option<i64>,
    /// Added to both ends of every span.
    pub shift_ms: i64,
    /// Added in front of every span; at least 0.
    pub pad_before_ms: i64,
    /// Added behind every span; at least 0.
    pub pad_after_ms: i64,
}

impl Base {
    /// The span from `start_ms` to `end_ms`, both since 1970, with shift and pads. What lies before 1970 begins there.
    ///
    /// # Errors
    /// Why there is none, in words that complete "the clip": the end is not behind the start, or a time is out of
    /// range.
    pub fn span(&self, start_ms: i64, end_ms: i64) -> Result<ClipSpan, &'static str> {
        const RANGE: &str = "is outside the years 1970 to 2099";
        if end_ms <= start_ms {
            return Err("does not end after its start");
        }
        let moved = |ms: i64, by: i64| ms.checked_add(self.shift_ms)?.checked_add(by);
        let start = moved(start_ms, -self.pad_before_ms).ok_or(RANGE)?;
        let end = moved(end_ms, self.pad_after_ms).ok_or(RANGE)?;
        let in_range = |ms: &i64| (0..=MAX_START_POS_MS).contains(ms);
        if !in_range(&start) || !in_range(&end) {
            return Err(RANGE);
        }
        let since_zero = self.zero_ms.map_or(MAX_START_TIME_MS, |zero| start.saturating_sub(zero));
        Ok(ClipSpan {
            start_pos_ms: start,
            start_time_ms: since_zero.clamp(0, MAX_START_TIME_MS),
            duration_ms: end - start,
        })
    }
}

/// The bounds that the spans of a list keep to.
#[derive(Debug, Clone, Copy)]
pub struct SpanBounds {
    /// The point that times count from, and their corrections.
    pub base: Base,
    /// Longest clip in milliseconds.
    pub max_duration_ms: i64,
    /// Latest start of a window, since 1970.
    pub latest_ms: i64,
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
    /// The span from `start_ms` to `end_ms`, both since 1970, with shift and pads.
    ///
    /// # Errors
    /// When there is no such span, it is too long, or it begins too far ahead.
    pub fn span(&self, start_ms: i64, end_ms: i64) -> Result<ClipSpan, WrongSpan> {
        let wrong = |is_of_start, detail| Err(WrongSpan { is_of_start, detail });
        match self.base.span(start_ms, end_ms) {
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

/// An entry of a list that makes no clip, which is no error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Skipped {
    /// Its place in the list, from 1.
    pub n: usize,
    /// Why, in clients' words.
    pub why: String,
}

/// A guess that the service made, for the client to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Guess {
    /// The times count from the event's start, which the document does not say.
    ZeroAssumed,
    /// One that only a newer version of the service makes.
    #[serde(other)]
    Unknown,
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
    use proptest::prelude::*;

    #[test]
    fn a_span_is_moved_and_padded_and_counts_from_zero() {
        let base = Base { zero_ms: Some(1_000_000), shift_ms: 500, pad_before_ms: 2000, pad_after_ms: 3000 };
        let span = base.span(1_010_000, 1_019_000);
        assert_eq!(span, Ok(ClipSpan { start_pos_ms: 1_008_500, start_time_ms: 8500, duration_ms: 14_000 }));
        let early = base.span(1_000_000, 1_000_001).unwrap();
        assert_eq!((early.start_pos_ms, early.start_time_ms), (998_500, 0));
        let plain = Base::default().span(7, 8);
        assert_eq!(plain, Ok(ClipSpan { start_pos_ms: 7, start_time_ms: MAX_START_TIME_MS, duration_ms: 1 }));
    }

    #[test]
    fn a_span_that_is_reversed_or_out_of_range_is_refused() {
        for (start, end) in [(5, 5), (5, 4), (-1, 5), (5, MAX_START_POS_MS + 1), (0, i64::MAX)] {
            assert!(Base::default().span(start, end).is_err(), "{start} {end}");
        }
    }

    proptest! {
        #[test]
        fn no_times_overflow(zero: Option<i64>, shift: i64, before in 0..i64::MAX, after in 0..i64::MAX,
            start: i64, end: i64) {
            let base = Base { zero_ms: zero, shift_ms: shift, pad_before_ms: before, pad_after_ms: after };
            if let Ok(span) = base.span(start, end) {
                prop_assert!(span.duration_ms >= 1 && span.start_pos_ms >= 0 && span.start_time_ms >= 0);
                prop_assert!(span.start_pos_ms + span.duration_ms <= MAX_START_POS_MS);
            }
        }
    }
}
