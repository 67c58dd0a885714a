//! Reading an edit decision list, line by line.

use crate::lines::{BYTE_ORDER_MARK, TextFault, lines};
use crate::timecode::{Label, Labels, Rate};
use std::ops::Range;

/// Columns of an event: number, reel, track, transition and four timecodes.
const COLUMNS: usize = 8;

/// Characters that are kept of a title and of a name, which may stand for many events.
const NAME_CHARS: usize = 256;

/// Lines that say nothing about which frames are meant.
const PASSED: [&str; 4] = ["AUD", ">>>", "FINAL CUT PRO", "EFFECTS NAME IS"];

/// An event of picture or sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdlEvent {
    /// Its line, from 1.
    pub line: usize,
    /// Frames of its source, counted from `00:00:00:00`; the end is behind the start.
    pub source: Range<i64>,
    /// `false` if its track has sound alone, or none.
    pub has_picture: bool,
    /// `true` if its source is black (reel `BL`).
    pub is_black: bool,
    /// `FROM CLIP NAME`
    pub name: Option<String>,
    number: u32,
}

/// A list that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EdlText {
    /// `TITLE`
    pub title: Option<String>,
    /// Its events in the order of the lines.
    pub events: Vec<EdlEvent>,
}

/// Reads a list. `is_drop` says how timecodes count up to the first `FCM` line.
///
/// # Errors
/// The first `most` faults, in the order of the lines. A list of a rate without drop-frame labels has one if `is_drop`.
pub fn read(text: &str, rate: Rate, is_drop: bool, most: usize) -> Result<EdlText, Vec<TextFault>> {
    let mut reader = LineReader { rate, is_drop, fcm: None, list: EdlText::default() };
    let mut faults = Vec::new();
    for (line, text) in (1..).zip(lines(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))) {
        if let Err((token, why)) = reader.line(line, text) {
            faults.push(TextFault { line, column: column(text, token), why });
            if faults.len() >= most {
                break;
            }
        }
    }
    if faults.is_empty() { Ok(reader.list) } else { Err(faults) }
}

/// The part of a line at fault, and why.
type Wrong<'a> = (&'a str, &'static str);

/// The column of `part`, which lies within `line`.
fn column(line: &str, part: &str) -> usize {
    let at = part.as_ptr().addr().saturating_sub(line.as_ptr().addr());
    line.get(..at).map_or(1, |before| before.chars().count() + 1)
}

struct LineReader {
    rate: Rate,
    is_drop: bool,
    /// The last `FCM` line: `true` for drop frame.
    fcm: Option<bool>,
    list: EdlText,
}

impl LineReader {
    fn line<'a>(&mut self, line: usize, text: &'a str) -> Result<(), Wrong<'a>> {
        let text = text.trim();
        if let Some(at) = text.find('\0') {
            return Err((&text[at..], "is a NUL character: the list is not in UTF-8"));
        }
        if text.is_empty() {
            return Ok(());
        }
        if let Some(comment) = text.strip_prefix('*') {
            self.comment(comment.trim_start());
            return Ok(());
        }
        if text.starts_with(|sign: char| sign.is_ascii_digit()) {
            return self.event(line, text);
        }
        if let Some(title) = after(text, "TITLE:") {
            self.list.title = Some(title.chars().take(NAME_CHARS).collect());
            return Ok(());
        }
        if let Some(mode) = after(text, "FCM:") {
            return self.count_mode(mode);
        }
        if after(text, "M2").is_some() {
            return Err((text, "changes the speed: only cuts at the recorded speed make clips"));
        }
        if PASSED.iter().any(|known| after(text, known).is_some()) {
            return Ok(());
        }
        Err((text, "is no line of an edit decision list (CMX 3600)"))
    }

    /// Names the last event, all of its lines: an edit of picture and sound may have one for each.
    fn comment(&mut self, comment: &str) {
        let Some(name) = after(comment, "FROM CLIP NAME").and_then(|rest| rest.strip_prefix(':')) else {
            return;
        };
        let name: String = name.trim().chars().take(NAME_CHARS).collect();
        let Some(number) = self.list.events.last().map(|event| event.number) else { return };
        let same = self.list.events.iter_mut().rev();
        for event in same.take_while(|event| event.number == number && event.name.is_none()) {
            event.name = Some(name.clone());
        }
    }

    fn count_mode<'a>(&mut self, mode: &'a str) -> Result<(), Wrong<'a>> {
        let words: Vec<String> = mode.split([' ', '-', '\t']).map(str::to_ascii_uppercase).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
        let is_drop = match words.as_slice() {
            ["DROP", "FRAME"] => true,
            ["NON", "DROP", "FRAME"] => false,
            _ => return Err((mode, "must be DROP FRAME or NON-DROP FRAME")),
        };
        if is_drop && !self.rate.drops() {
            return Err((mode, NO_DROP));
        }
        self.fcm = Some(is_drop);
        Ok(())
    }

    fn event<'a>(&mut self, line: usize, text: &'a str) -> Result<(), Wrong<'a>> {
        let columns: Vec<&str> = text.split_whitespace().collect();
        let number = columns.first().copied().unwrap_or(text);
        let number = number.parse().map_err(|_| (number, "is no number of an event"))?;
        let Some((head, labels)) = columns.split_last_chunk::<4>().filter(|_| columns.len() >= COLUMNS)
        else {
            return Err((text, "has fewer than the eight columns of an event"));
        };
        let (track, reel) = cut(head)?;
        let has_picture = has_picture(track)?;
        let [source, record] = [[labels[0], labels[1]], [labels[2], labels[3]]];
        let (counted, from, to) = self.pair(source)?;
        let (_, recorded_from, recorded_to) = self.pair(record)?;
        let day = counted.in_a_day();
        // Times of day pass midnight; what was recorded tells that from times in the wrong order.
        let is_past_midnight = to < from && to + day - from == (recorded_to - recorded_from).rem_euclid(day);
        let to = if is_past_midnight { to + day } else { to };
        if to <= from {
            return Err((source[1], "is not behind the timecode before it"));
        }
        self.list.events.push(EdlEvent {
            line,
            source: from..to,
            has_picture,
            is_black: reel.eq_ignore_ascii_case("BL"),
            name: None,
            number,
        });
        Ok(())
    }

    /// The frames of two timecodes, and how both are counted.
    fn pair<'a>(&self, [from, to]: [&'a str; 2]) -> Result<(Labels, i64, i64), Wrong<'a>> {
        let (counted, first) = self.frame(from)?;
        let (other, last) = self.frame(to)?;
        if other != counted {
            return Err((to, "is of another kind than the timecode before it: one of them is drop-frame"));
        }
        Ok((counted, first, last))
    }

    fn frame<'a>(&self, token: &'a str) -> Result<(Labels, i64), Wrong<'a>> {
        let label = Label::read(token).ok_or((token, "is no timecode HH:MM:SS:FF"))?;
        if label.is_drop() && self.fcm == Some(false) {
            return Err((token, "is a drop-frame timecode, but FCM is NON-DROP FRAME"));
        }
        let is_drop = label.is_drop() || self.fcm.unwrap_or(self.is_drop);
        let labels = Labels::new(self.rate, is_drop).ok_or((token, NO_DROP))?;
        let frame = labels.frame(label).ok_or((token, "is no timecode of a frame at this frame rate"));
        frame.map(|frame| (labels, frame))
    }
}

const NO_DROP: &str = "is drop-frame, which only 30000/1001 and 60000/1001 frames a second have";

/// The rest of `text` behind `word`, which may be in any case.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then(|| rest.trim())
}

/// The track and the reel of a cut, of the columns in front of its timecodes.
fn cut<'a>(head: &[&'a str]) -> Result<(&'a str, &'a str), Wrong<'a>> {
    match head {
        [_, reel, .., track, kind] if kind.eq_ignore_ascii_case("C") => Ok((track, reel)),
        [.., kind, length] if length.bytes().all(|byte| byte.is_ascii_digit()) => Err((kind, NO_CUT)),
        [.., kind] => Err((kind, NO_CUT)),
        [] => Err(("", NO_CUT)),
    }
}

const NO_CUT: &str = "must be C: only cuts make clips, not dissolves, wipes and keys";

/// Returns `true` if a track has picture: `V`, `B` (both), `AA/V`; others have sound alone (`A2`, `AA`) or `NONE`.
fn has_picture(track: &str) -> Result<bool, Wrong<'_>> {
    if track.eq_ignore_ascii_case("NONE") {
        return Ok(false);
    }
    let is_known =
        |sign: char| sign.is_ascii_digit() || matches!(sign.to_ascii_uppercase(), 'A' | 'V' | 'B' | '/');
    if !track.chars().all(is_known) || !track.starts_with(|sign: char| sign.is_ascii_alphabetic()) {
        return Err((track, "is no track: V, A, AA, B or AA/V"));
    }
    Ok(track.contains(['V', 'v', 'B', 'b']))
}

#[cfg(test)]
mod tests;
