//! Edit decision lists (CMX 3600), in the columns of `OpenTimelineIO`.

use std::fmt::Write as _;
use std::ops::Range;

use crate::edit::{Cut, Edit, EditList, one_line};
use crate::format::EditMedia;
use crate::warnings::{ExportWarning, Warnings};

/// Characters of a title.
const TITLE_CHARS: usize = 70;
/// Edits that the format's machine knew.
const MAX_EDITS: usize = 999;
/// Bytes that an edit takes, about.
const EDIT_BYTES: usize = 224;

/// Writes the list. An edit whose labels pass midnight is several.
pub fn write(list: &EditList, warnings: &mut Warnings) -> String {
    let cut = &list.cut;
    let mut pieces: Vec<(&Edit, Range<i64>, i64)> = Vec::with_capacity(list.edits.len());
    let mut record = cut.record;
    for edit in &list.edits {
        let before = pieces.len();
        for piece in split_at_midnight(cut, edit.source.clone(), record) {
            let offset = piece.start - edit.source.start;
            pieces.push((edit, piece, record + offset));
        }
        warnings.add_if(pieces.len() - before > 1, ExportWarning::TimecodeWrapped);
        record += edit.length();
    }
    warnings.add_if(pieces.len() > MAX_EDITS, ExportWarning::EdlOver999);
    let width = pieces.len().to_string().len().max(3);
    let mut text = String::with_capacity(128 + pieces.len() * EDIT_BYTES);
    text.push_str("TITLE: ");
    text.extend(list.title.chars().take(TITLE_CHARS));
    text.push_str(if cut.labels.is_drop() {
        "\r\nFCM: DROP FRAME\r\n"
    } else {
        "\r\nFCM: NON-DROP FRAME\r\n"
    });
    for ((edit, source, record), number) in pieces.into_iter().zip(1..) {
        let is_first = source.start == edit.source.start;
        write_event(cut, &format!("{number:0width$}"), edit, &source, record, &mut text);
        write_notes(list, edit, is_first.then_some(record), &mut text);
    }
    text
}

fn write_event(cut: &Cut, number: &str, edit: &Edit, source: &Range<i64>, record: i64, text: &mut String) {
    text.push_str(number);
    // Writing to a string cannot fail.
    let _ = match cut.media {
        EditMedia::Event => write!(text, "  AX       B     C       "),
        EditMedia::Clips => write!(text, "  S{:07} B     C       ", edit.number % 10_000_000),
    };
    let length = source.end - source.start;
    for frame in [source.start + cut.origin, source.end + cut.origin, record, record + length] {
        text.push(' ');
        cut.labels.write(frame, text);
    }
    text.push_str("\r\n");
}

/// Lines for people and programs after the event's own; `record` is where its features are marked.
fn write_notes(list: &EditList, edit: &Edit, record: Option<i64>, text: &mut String) {
    let file =
        edit.clip.as_deref().map_or(list.event.as_str(), |clip| clip.rsplit('/').next().unwrap_or(clip));
    let name = one_line(file);
    text.push_str("* FROM CLIP NAME: ");
    text.push_str(&name);
    // Readers take such a name for that of a frozen frame.
    text.push_str(if name.ends_with(" FF") { ".\r\n" } else { "\r\n" });
    if let Some(clip) = &edit.clip {
        text.push_str("* SOURCE FILE: ");
        text.push_str(&one_line(clip));
        text.push_str("\r\n");
    }
    let [start, end] = &edit.shown;
    let _ = write!(text, "* COMMENT: segment {}, {start}-{end} s, {}\r\n", edit.number, edit.borders());
    if let Some(record) = record.filter(|_| !edit.features.is_empty()) {
        text.push_str("* LOC: ");
        list.cut.labels.write(record, text);
        text.push_str(" CYAN    ");
        text.push_str(&one_line(&edit.features.join(", ")));
        text.push_str("\r\n");
    }
}

/// The parts of `source` whose labels, and those at which it is recorded, ascend.
fn split_at_midnight(cut: &Cut, source: Range<i64>, record: i64) -> impl Iterator<Item = Range<i64>> {
    let (day, origin) = (cut.labels.in_a_day(), cut.origin);
    let shift = record - source.start;
    let to_midnight = move |frame: i64| day - frame.rem_euclid(day);
    let mut from = source.start;
    std::iter::from_fn(move || {
        let rest = to_midnight(from + origin).min(to_midnight(from + shift));
        let piece = from..source.end.min(from + rest);
        from = piece.end;
        (!piece.is_empty()).then_some(piece)
    })
}
