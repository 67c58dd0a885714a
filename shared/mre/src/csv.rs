//! Segments as a table (RFC 4180).

use std::collections::HashSet;

use crate::attr::Attr;
use crate::feedback::Feedback;
use crate::keys::EventKey;
use crate::model::{ClassifiedSegment, Event, of_track};
use crate::number;
use crate::outputs::Outputs;
use crate::replay::{ReplayFeature, ReplayRequest};
use crate::seconds::Seconds;
use crate::warnings::{ExportWarning, Warnings};
use export_domain::csv::Cells;

/// A column's name before that of a track.
const BY_TRACK: [&str; 6] =
    ["OptoStart", "OptoEnd", "OptimizedClip", "OriginalClip", "OptimizedFeedback", "OriginalFeedback"];

/// A table that grows row by row.
#[derive(Debug)]
pub struct Table {
    tracks: Vec<String>,
    is_replay: bool,
    header: String,
    /// The cells of each row before the segment's number.
    names: String,
    /// Those after it.
    rows: Vec<String>,
}

impl Table {
    /// An empty table for an event, or its replay.
    pub fn new(event: &Event, replay: Option<&ReplayRequest>) -> Self {
        let EventKey { name, program } = &event.key;
        let mut names = Cells::default();
        for name in [name.as_str(), program, replay.map_or("", |request| request.id.as_str())] {
            names.text(name);
        }
        Self {
            tracks: event.track_names(),
            is_replay: replay.is_some(),
            header: String::new(),
            names: names.finish(),
            rows: Vec::new(),
        }
    }

    /// Adds a segment of an event.
    pub fn push(
        &mut self,
        segment: &ClassifiedSegment,
        outputs: &Outputs,
        feedback: &Feedback,
        warnings: &mut Warnings,
    ) {
        let mut cells = self.borders_and_clips(segment, feedback, warnings);
        let names = segment.features.iter().filter_map(|at| outputs.unique().get(*at));
        cells.text(&names.map(String::as_str).collect::<Vec<_>>().join("|"));
        let mut found = segment.features.iter().peekable();
        for place in 0..outputs.unique().len() {
            cells.raw(if found.next_if(|at| **at == place).is_some() { "true" } else { "false" });
        }
        self.rows.push(cells.finish());
    }

    /// Adds a segment of a replay.
    pub fn push_chosen(
        &mut self,
        segment: &ClassifiedSegment,
        features: &[ReplayFeature<'_>],
        outputs: &Outputs,
        feedback: &Feedback,
        warnings: &mut Warnings,
    ) {
        let mut cells = self.borders_and_clips(segment, feedback, warnings);
        let names: Vec<&str> = features.iter().map(|feature| feature.name).collect();
        let weights: Vec<String> = features
            .iter()
            .map(|feature| feature.weight.and_then(number::float).unwrap_or_default())
            .collect();
        cells.text(&names.join("|"));
        let has_weights = weights.iter().any(|weight| !weight.is_empty());
        cells.raw(&if has_weights { weights.join("|") } else { String::new() });
        let names: HashSet<&str> = names.into_iter().collect();
        for name in outputs.unique() {
            cells.raw(if names.contains(name.as_str()) { "true" } else { "false" });
        }
        self.rows.push(cells.finish());
    }

    fn borders_and_clips(
        &self,
        segment: &ClassifiedSegment,
        feedback: &Feedback,
        warnings: &mut Warnings,
    ) -> Cells {
        let is_listed = |track: &str| self.tracks.iter().any(|listed| listed == track);
        warnings.add_if(!segment.tracks().all(is_listed), ExportWarning::TrackNotListed);
        let mut cells = Cells::default();
        let end = segment.end.as_number();
        number_cell(&mut cells, Some(&segment.start));
        number_cell(&mut cells, end);
        let borders = end.and_then(Seconds::read).zip(Seconds::read(&segment.start));
        cells.raw(&borders.map(|(end, start)| end.since(start)).unwrap_or_default());
        let verdicts = feedback.verdicts_of(&segment.start);
        for track in &self.tracks {
            for map in [&segment.opto_start, &segment.opto_end] {
                number_cell(&mut cells, of_track(map.as_ref(), track).and_then(Attr::as_number));
            }
            for map in [&segment.optimized_clips, &segment.original_clips] {
                cells.text(of_track(map.as_ref(), track).and_then(Attr::as_str).unwrap_or_default());
            }
            let own = verdicts.iter().find(|(of, _)| of == track);
            for verdict in own.map_or([None, None], |(_, verdicts)| *verdicts) {
                cells.text(verdict.unwrap_or_default());
            }
        }
        for picture in [&segment.original_thumbnail, &segment.optimized_thumbnail] {
            cells.text(picture.as_ref().and_then(Attr::as_str).unwrap_or_default());
        }
        cells
    }

    /// An empty part of the table, for [`Table::append`].
    #[must_use]
    pub fn part(&self) -> Self {
        Self {
            tracks: self.tracks.clone(),
            is_replay: self.is_replay,
            header: String::new(),
            names: self.names.clone(),
            rows: Vec::new(),
        }
    }

    /// Adds the rows of `part`.
    pub fn append(&mut self, part: Self) {
        self.rows.extend(part.rows);
    }

    /// The finished table.
    pub fn finish(self) -> String {
        let bytes = self.rows.iter().map(|row| self.names.len() + row.len() + 10).sum::<usize>();
        let mut text = String::with_capacity(self.header.len() + 2 + bytes);
        text.push_str(&self.header);
        text.push_str("\r\n");
        for (row, number) in self.rows.iter().zip(1_u64..) {
            text.push_str(&self.names);
            text.push(',');
            text.push_str(&number.to_string());
            text.push(',');
            text.push_str(row);
            text.push_str("\r\n");
        }
        text
    }

    /// Sets the header, which names every output attribute.
    pub fn head(&mut self, outputs: &Outputs) {
        let mut cells = Cells::default();
        for name in ["Event", "Program", "ReplayId", "Segment", "Start", "End", "Duration"] {
            cells.text(name);
        }
        for track in &self.tracks {
            for name in BY_TRACK {
                cells.text(&format!("{name}_{track}"));
            }
        }
        for name in ["OriginalThumbnail", "OptimizedThumbnail", "Features"] {
            cells.text(name);
        }
        if self.is_replay {
            cells.text("Weights");
        }
        for name in outputs.unique() {
            cells.text(&format!("Feature_{name}"));
        }
        self.header = cells.finish();
    }
}

fn number_cell(cells: &mut Cells, number: Option<&str>) {
    cells.raw(&number.and_then(number::plain).unwrap_or_default());
}
