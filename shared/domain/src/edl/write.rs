//! Writing an edit decision list, in the columns of `OpenTimelineIO`.

use crate::timecode::Labels;
use std::fmt::Write as _;
use std::ops::Range;

/// Characters of a title.
const TITLE_CHARS: usize = 70;

/// A list that grows line by line; lines end as the format's machine ends them (CR LF).
#[derive(Debug)]
pub struct EdlWriter {
    labels: Labels,
    text: String,
}

impl EdlWriter {
    /// A list without events, with room for `bytes`.
    pub fn new(title: &str, labels: Labels, bytes: usize) -> Self {
        let mut text = String::with_capacity(128 + bytes);
        text.push_str("TITLE: ");
        text.extend(one_line(title).chars().take(TITLE_CHARS));
        text.push_str(if labels.is_drop() {
            "\r\nFCM: DROP FRAME\r\n"
        } else {
            "\r\nFCM: NON-DROP FRAME\r\n"
        });
        Self { labels, text }
    }

    /// Adds an edit of picture and sound. `source` is in frames of the day, and so is `record`, at which it is recorded.
    pub fn event(&mut self, number: &str, reel: &str, source: &Range<i64>, record: i64) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{number}  {reel:<8} B     C       ");
        for frame in [source.start, source.end, record, record + source.end - source.start] {
            self.text.push(' ');
            self.labels.write(frame, &mut self.text);
        }
        self.text.push_str("\r\n");
    }

    /// Names the source of the last event.
    pub fn clip_name(&mut self, name: &str) {
        let name = one_line(name);
        // Readers take such a name for that of a frozen frame.
        let end = if name.ends_with(" FF") { "." } else { "" };
        self.note("FROM CLIP NAME", &format!("{name}{end}"));
    }

    /// Adds a line for people and programs about the last event.
    pub fn note(&mut self, kind: &str, value: &str) {
        self.text.push_str("* ");
        self.text.push_str(kind);
        self.text.push_str(": ");
        self.text.push_str(&one_line(value));
        self.text.push_str("\r\n");
    }

    /// Marks the frame of the day `frame` of what is edited together.
    pub fn marker(&mut self, frame: i64, name: &str) {
        self.text.push_str("* LOC: ");
        self.labels.write(frame, &mut self.text);
        self.text.push_str(" CYAN    ");
        self.text.push_str(&one_line(name));
        self.text.push_str("\r\n");
    }

    /// The parts of `source` whose labels, and those at which they are recorded, ascend. All frames are those of a day.
    pub fn split_at_midnight(
        &self,
        source: Range<i64>,
        record: i64,
    ) -> impl Iterator<Item = Range<i64>> + use<> {
        let day = self.labels.in_a_day();
        let shift = record - source.start;
        let to_midnight = move |frame: i64| day - frame.rem_euclid(day);
        let mut from = source.start;
        std::iter::from_fn(move || {
            let rest = to_midnight(from).min(to_midnight(from + shift));
            let piece = from..source.end.min(from + rest);
            from = piece.end;
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// The finished list.
    pub fn finish(self) -> String {
        self.text
    }
}

/// A text that stays on its line in every reader: a run of what controls a terminal or ends a line is one space.
pub fn one_line(text: &str) -> String {
    let breaks = |sign: char| sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}');
    let mut line = String::with_capacity(text.len());
    for part in text.split_inclusive(breaks) {
        let kept = part.trim_end_matches(breaks);
        line.push_str(kept);
        // A run of them is several parts, of which all but the first hold nothing else.
        if kept.len() < part.len() && (!kept.is_empty() || line.is_empty()) {
            line.push(' ');
        }
    }
    line
}
