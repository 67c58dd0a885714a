//! Clips of a table (RFC 4180) with the columns `start`, one of `end`, `duration` and `duration_ms`, and perhaps `name`,
//! `ref` and `live_path`.

use super::times::{clock, instant, seconds};
use super::{ClipEntry, ClipList, Fault, LEAST_EPOCH, MOST_FAULTS, SpanBounds};
use crate::csv::{Cell, Rows};
use crate::ids::LivePath;
use crate::json::has_at_most;
use crate::lines::TextFault;
use crate::time::{EpochMs, Millis};

/// The member that is the text.
const TEXT: &str = "/csv";
/// Characters of a client's own mark.
const MOST_MARK: usize = 64;
/// Columns that a batch's own list has besides; they are passed over, so that such a list can be posted again.
const PASSED: [&str; 5] = ["n", "job_id", "lack_ms", "video_path", "image_path"];

/// The clips of the table `text`. `needs_path` says that each row must name its recording.
///
/// # Errors
/// The faults in the order of the text, at most [`MOST_FAULTS`].
pub fn clips(text: &str, bounds: &SpanBounds, needs_path: bool) -> Result<ClipList, Vec<Fault>> {
    let mut rows = Rows::new(text);
    let place = |fault: TextFault| vec![Fault::of_text(TEXT, fault)];
    let head = rows
        .next()
        .ok_or_else(|| vec![Fault::in_text(TEXT, 1, 1, "is empty: the first line must name the columns")])?;
    let mut table = ClipTable::new(&head.map_err(place)?, bounds, needs_path).map_err(place)?;
    let (mut listed, mut faults) = (ClipList::default(), Vec::new());
    for (n, row) in (1..).zip(rows) {
        match row.map_err(|fault| Fault::of_text(TEXT, fault)).and_then(|row| table.clip(n, &row)) {
            Ok(clip) => listed.clips.push(clip),
            Err(fault) => faults.push(fault),
        }
        if faults.len() >= MOST_FAULTS || listed.clips.len() > bounds.most_clips {
            break;
        }
    }
    if table.is_relative() && bounds.base.zero_ms.is_none() {
        return Err(vec![Fault::at("/zero", "is required: the table's times count from it")]);
    }
    if faults.is_empty() { Ok(listed) } else { Err(faults) }
}

/// A known column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Start,
    End,
    Duration,
    DurationMs,
    Name,
    Mark,
    LivePath,
    Passed,
}

impl Column {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "start" => Self::Start,
            "end" => Self::End,
            "duration" => Self::Duration,
            "duration_ms" => Self::DurationMs,
            "name" => Self::Name,
            "ref" => Self::Mark,
            "live_path" => Self::LivePath,
            name if PASSED.contains(&name) => Self::Passed,
            _ => return None,
        })
    }
}

/// The ways to write a time. A table has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeForm {
    Seconds,
    Clock,
    Instant,
    EpochMs,
}

/// A time since the point that its form counts from, rounded down and rounded up.
#[derive(Debug, Clone, Copy)]
struct CellTime {
    form: TimeForm,
    floor: Millis,
    ceil: Millis,
}

struct ClipTable<'a> {
    columns: Vec<Column>,
    bounds: &'a SpanBounds,
    needs_path: bool,
    /// The form of the times so far.
    form: Option<TimeForm>,
    /// The form of the durations so far.
    lengths: Option<TimeForm>,
}

impl<'a> ClipTable<'a> {
    fn new(head: &[Cell<'_>], bounds: &'a SpanBounds, needs_path: bool) -> Result<Self, TextFault> {
        let mut columns = Vec::with_capacity(head.len());
        for cell in head {
            if head.len() == 1 && cell.text.contains([';', '\t']) {
                return Err(cell.fault("must have commas between the columns"));
            }
            let name = cell.text.trim().to_ascii_lowercase();
            let unknown =
                "is no column: start, end, duration, duration_ms, name, ref and live_path are known";
            let column = Column::named(&name).ok_or(cell.fault(unknown))?;
            if column != Column::Passed && columns.contains(&column) {
                return Err(cell.fault("is a column that is there twice"));
            }
            columns.push(column);
        }
        let first = TextFault { line: head.first().map_or(1, |cell| cell.line), column: 1, why: "" };
        if !columns.contains(&Column::Start) {
            return Err(TextFault { why: "has no column start", ..first });
        }
        let ends = columns
            .iter()
            .filter(|column| matches!(column, Column::End | Column::Duration | Column::DurationMs));
        if ends.count() != 1 {
            return Err(TextFault {
                why: "must have exactly one column of end, duration and duration_ms",
                ..first
            });
        }
        if needs_path && !columns.contains(&Column::LivePath) {
            return Err(TextFault { why: "must have a column live_path, or the batch a live_path", ..first });
        }
        Ok(Self { columns, bounds, needs_path, form: None, lengths: None })
    }

    /// Returns `true` if the times count from `zero`.
    fn is_relative(&self) -> bool {
        matches!(self.form, Some(TimeForm::Seconds | TimeForm::Clock))
    }

    fn clip(&mut self, n: usize, row: &[Cell<'_>]) -> Result<ClipEntry, Fault> {
        let fault = |cell: &Cell<'_>, why: &'static str| Fault::of_text(TEXT, cell.fault(why));
        if let Some(extra) = row.get(self.columns.len()) {
            return Err(fault(extra, "is a cell more than there are columns"));
        }
        if let Some(last) = row.last().filter(|_| row.len() < self.columns.len()) {
            return Err(fault(last, "ends a row with fewer cells than there are columns"));
        }
        let (mut start, mut end, mut name, mut mark, mut live_path) = (None, None, None, None, None);
        for (column, cell) in self.columns.clone().into_iter().zip(row) {
            let text = cell.unguarded().trim();
            let filled = (!text.is_empty()).then(|| text.to_owned());
            match column {
                Column::Start => start = Some((self.time(cell)?, cell)),
                Column::End | Column::Duration | Column::DurationMs => end = Some((column, cell)),
                Column::Name => name = filled,
                Column::Mark if has_at_most(text, MOST_MARK) => mark = filled,
                Column::Mark => return Err(fault(cell, "is too long")),
                Column::LivePath if filled.is_none() && !self.needs_path => {}
                Column::LivePath => {
                    let path = LivePath::parse(text);
                    let wrong = |error: crate::ids::NameError| {
                        Fault::in_text(TEXT, cell.line, cell.column, error.to_string())
                    };
                    live_path = Some(path.map_err(wrong)?);
                }
                Column::Passed => {}
            }
        }
        // The header has both columns.
        let (Some((start, first)), Some((column, last))) = (start, end) else {
            return Err(Fault::at(TEXT, "has a row without a start or an end"));
        };
        let zero = self.bounds.base.zero_ms.filter(|_| self.is_relative()).unwrap_or_default();
        let end = match column {
            Column::End => self.time(last)?.ceil,
            _ => start.floor + self.length(column, start.form, last)?,
        };
        let span = self.bounds.span(zero + start.floor, zero + end).map_err(|wrong| {
            let cell = if wrong.is_of_start { first } else { last };
            Fault::in_text(TEXT, cell.line, cell.column, wrong.detail)
        })?;
        Ok(ClipEntry { n, span, name, mark, live_path, labels: Vec::new() })
    }

    fn time(&mut self, cell: &Cell<'_>) -> Result<CellTime, Fault> {
        let fault = |why: &'static str| Fault::of_text(TEXT, cell.fault(why));
        let time = time(cell.text.trim()).map_err(fault)?;
        if *self.form.get_or_insert(time.form) != time.form {
            return Err(fault("is written in another way than the times before it"));
        }
        Ok(time)
    }

    /// A duration, rounded up.
    fn length(&mut self, column: Column, start: TimeForm, cell: &Cell<'_>) -> Result<Millis, Fault> {
        let fault = |why: &'static str| Fault::of_text(TEXT, cell.fault(why));
        let text = cell.text.trim();
        if column == Column::DurationMs {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            return text.parse().ok().filter(|_| is_plain).ok_or(fault("must be an integer of milliseconds"));
        }
        if start == TimeForm::EpochMs {
            return Err(fault(
                "may be seconds or milliseconds: beside milliseconds since 1970 the column must be end or duration_ms",
            ));
        }
        let length = time(text).map_err(fault)?;
        if !matches!(length.form, TimeForm::Seconds | TimeForm::Clock) {
            return Err(fault("must be seconds or HH:MM:SS.mmm"));
        }
        if *self.lengths.get_or_insert(length.form) != length.form {
            return Err(fault("is written in another way than the durations before it"));
        }
        Ok(length.ceil)
    }
}

fn time(text: &str) -> Result<CellTime, &'static str> {
    const NO_TIME: &str = "must be seconds, HH:MM:SS.mmm, an RFC 3339 time or milliseconds since 1970";
    if text.starts_with(['-', '\u{2212}']) {
        return Err("must not be negative");
    }
    let both = |form, read: &dyn Fn(bool) -> Option<Millis>| {
        Ok(CellTime { form, floor: read(false).ok_or(NO_TIME)?, ceil: read(true).ok_or(NO_TIME)? })
    };
    if text.contains(['T', 't']) {
        return both(TimeForm::Instant, &|up| instant(text, up).map(|at| at - EpochMs::ZERO));
    }
    if text.contains(':') {
        return both(TimeForm::Clock, &|up| clock(text, up));
    }
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_decimal
        || text.bytes().filter(|byte| *byte == b'.').count() > 1
        || !text.bytes().any(|byte| byte.is_ascii_digit())
    {
        return Err(NO_TIME);
    }
    let since_1970 = text.parse::<Millis>().ok();
    if let Some(ms) = since_1970.filter(|ms| EpochMs::ZERO + *ms >= LEAST_EPOCH) {
        return Ok(CellTime { form: TimeForm::EpochMs, floor: ms, ceil: ms });
    }
    both(TimeForm::Seconds, &|up| seconds(text, up))
}

#[cfg(test)]
mod tests;
