//! Edit decision lists (CMX 3600) of segments.

use std::ops::Range;

use crate::edit::{Edit, EditList};
use crate::format::EditMedia;
use crate::warnings::{ExportWarning, Warnings};
use export_domain::edl::EdlWriter;

/// Edits that the format's machine knew.
const MAX_EDITS: usize = 999;
/// Bytes that an edit takes, about.
const EDIT_BYTES: usize = 224;

/// Writes the list. An edit whose labels pass midnight is several.
pub fn write(list: &EditList, warnings: &mut Warnings) -> String {
    let cut = &list.cut;
    let mut writer = EdlWriter::new(&list.title, cut.labels, list.edits.len() * EDIT_BYTES);
    let mut pieces: Vec<(&Edit, Range<i64>, i64)> = Vec::with_capacity(list.edits.len());
    let mut record = cut.record;
    for edit in &list.edits {
        let before = pieces.len();
        let source = edit.source.start + cut.origin..edit.source.end + cut.origin;
        for piece in writer.split_at_midnight(source.clone(), record) {
            let offset = piece.start - source.start;
            pieces.push((edit, piece, record + offset));
        }
        warnings.add_if(pieces.len() - before > 1, ExportWarning::TimecodeWrapped);
        record += edit.length();
    }
    warnings.add_if(pieces.len() > MAX_EDITS, ExportWarning::EdlOver999);
    let width = pieces.len().to_string().len().max(3);
    for ((edit, source, record), number) in pieces.into_iter().zip(1..) {
        let is_first = source.start == edit.source.start + cut.origin;
        writer.event(&format!("{number:0width$}"), &reel(cut.media, edit), &source, record);
        write_notes(list, edit, is_first.then_some(record), &mut writer);
    }
    writer.finish()
}

fn reel(media: EditMedia, edit: &Edit) -> String {
    match media {
        EditMedia::Event => "AX".to_owned(),
        EditMedia::Clips => format!("S{:07}", edit.number % 10_000_000),
    }
}

/// Writes lines for people and programs after the event's own; `record` is where its features are marked.
fn write_notes(list: &EditList, edit: &Edit, record: Option<i64>, writer: &mut EdlWriter) {
    let file =
        edit.clip.as_deref().map_or(list.event.as_str(), |clip| clip.rsplit('/').next().unwrap_or(clip));
    writer.clip_name(file);
    if let Some(clip) = &edit.clip {
        writer.note("SOURCE FILE", clip);
    }
    let [start, end] = &edit.shown;
    writer.note("COMMENT", &format!("segment {}, {start}-{end} s, {}", edit.number, edit.borders()));
    if let Some(record) = record.filter(|_| !edit.features.is_empty()) {
        writer.marker(record, &edit.features.join(", "));
    }
}
