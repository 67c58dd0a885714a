//! The body of an export in its format, as it grows segment by segment.

use crate::csv::Table;
use crate::document::{Document, View};
use crate::edit::{Cut, EditList};
use crate::edl;
use crate::feedback::Feedback;
use crate::format::{CueClock, Format, Rendering, UnfitOption};
use crate::guide::{self, Guide};
use crate::json::Json;
use crate::model::{ClassifiedSegment, Event};
use crate::otio::OtioTimeline;
use crate::outputs::Outputs;
use crate::replay::{ReplayFeature, ReplayRequest, result_features};
use crate::vtt;
use crate::warnings::{ExportWarning, Warnings};

/// The text that grows.
#[derive(Debug)]
enum Shape {
    /// JSON, or lines of it.
    Document(Document),
    /// CSV.
    Table(Table),
    /// EDL or `WebVTT`.
    Edits(EditList),
    /// OTIO, with the document before its segments.
    Timeline(OtioTimeline, Document),
}

/// A body that grows.
#[derive(Debug)]
pub struct DocumentBody {
    shape: Shape,
    format: Format,
    warnings: Warnings,
}

impl DocumentBody {
    /// An empty body for an event, or its replay.
    ///
    /// # Errors
    /// When an option does not go with the event.
    pub fn new(
        rendering: &Rendering,
        event: &Event,
        replay: Option<&ReplayRequest>,
    ) -> Result<Self, UnfitOption> {
        let edits = || Ok(EditList::new(Cut::new(rendering, event, replay)?, &event.key, replay));
        let warnings = Warnings::default;
        let shape = match rendering.format {
            Format::Json => Shape::Document(Document::new(rendering.view, warnings())),
            Format::Ndjson => Shape::Document(Document::lines(rendering.view, warnings())),
            Format::Csv => Shape::Table(Table::new(event, replay)),
            Format::Edl | Format::Vtt => Shape::Edits(edits()?),
            Format::Otio => {
                Shape::Timeline(OtioTimeline::new(edits()?), Document::new(View::Guide, warnings()))
            }
        };
        Ok(Self { shape, format: rendering.format, warnings: warnings() })
    }

    /// Starts with the event.
    pub fn event(&mut self, event: &Event, outputs: &Outputs, profile: Option<&Json>) {
        match &mut self.shape {
            Shape::Document(document) | Shape::Timeline(_, document) => {
                document.event(event, outputs, profile);
            }
            Shape::Table(table) => table.head(outputs),
            Shape::Edits(_) => {}
        }
    }

    /// Adds the replay. `previews` are presigned URLs by resolution.
    pub fn replay(&mut self, request: &ReplayRequest, previews: &[(String, String)]) {
        match &mut self.shape {
            Shape::Document(document) | Shape::Timeline(_, document) => document.replay(request, previews),
            Shape::Edits(list) => {
                let is_uncounted = list.cut.clock == CueClock::Replay && request.has_transitions();
                let is_uncounted = is_uncounted && self.format == Format::Vtt;
                self.warnings.add_if(is_uncounted, ExportWarning::TransitionsNotCounted);
            }
            Shape::Table(_) => {}
        }
    }

    /// Opens the list of segments.
    pub fn segments(&mut self) {
        match &mut self.shape {
            Shape::Document(document) => document.segments(),
            Shape::Timeline(timeline, document) => timeline.begin(&document.head()),
            Shape::Table(_) | Shape::Edits(_) => {}
        }
    }

    /// Adds a segment of an event.
    pub fn segment(&mut self, segment: &ClassifiedSegment, outputs: &Outputs, feedback: &Feedback) {
        let names = || segment.features.iter().filter_map(|at| outputs.unique().get(*at));
        match &mut self.shape {
            Shape::Document(document) => document.segment(segment, outputs, feedback),
            Shape::Table(table) => table.push(segment, outputs, feedback, &mut self.warnings),
            Shape::Edits(list) => list.push(segment, &mut self.warnings, || names().cloned().collect()),
            Shape::Timeline(timeline, _) => {
                let names = names().map(String::as_str);
                timeline.push(segment, &mut self.warnings, names, |writer, warnings| {
                    guide::write_segment(segment, outputs, feedback, &mut Guide { writer, warnings });
                });
            }
        }
    }

    /// Adds a segment of a replay.
    pub fn replay_segment(
        &mut self,
        segment: &ClassifiedSegment,
        features: &Json,
        choice: &str,
        outputs: &Outputs,
        feedback: &Feedback,
    ) {
        let chosen = || result_features(features).map(ReplayFeature::read);
        let names = || chosen().map(|feature| feature.name).filter(|name| !name.is_empty());
        match &mut self.shape {
            Shape::Document(document) => document.replay_segment(segment, features, choice, feedback),
            Shape::Table(table) => {
                let chosen: Vec<_> = chosen().collect();
                table.push_chosen(segment, &chosen, outputs, feedback, &mut self.warnings);
            }
            Shape::Edits(list) => {
                list.push(segment, &mut self.warnings, || names().map(str::to_owned).collect());
            }
            Shape::Timeline(timeline, _) => {
                timeline.push(segment, &mut self.warnings, names(), |writer, warnings| {
                    let guide = &mut Guide { writer, warnings };
                    guide::write_replay_segment(segment, features, choice, feedback, guide);
                });
            }
        }
    }

    /// An empty part of the list of segments, for [`DocumentBody::append`].
    #[must_use]
    pub fn part(&self) -> Self {
        let shape = match &self.shape {
            Shape::Document(document) => Shape::Document(document.part()),
            Shape::Table(table) => Shape::Table(table.part()),
            Shape::Edits(list) => Shape::Edits(list.part()),
            Shape::Timeline(timeline, document) => Shape::Timeline(timeline.part(), document.part()),
        };
        Self { shape, format: self.format, warnings: Warnings::default() }
    }

    /// Adds the segments of `part`.
    pub fn append(&mut self, part: Self) {
        self.warnings.merge(&part.warnings);
        match (&mut self.shape, part.shape) {
            (Shape::Document(document), Shape::Document(part)) => document.append(&part),
            (Shape::Table(table), Shape::Table(part)) => table.append(part),
            (Shape::Edits(list), Shape::Edits(part)) => list.append(part),
            (Shape::Timeline(timeline, _), Shape::Timeline(part, _)) => timeline.append(part),
            // A part has the shape of its whole.
            _ => {}
        }
    }

    /// The warnings of the export so far.
    pub fn warnings(&mut self) -> &mut Warnings {
        match &mut self.shape {
            Shape::Document(document) => document.warnings(),
            _ => &mut self.warnings,
        }
    }

    /// The finished body.
    pub fn finish(self) -> (String, Warnings) {
        let mut warnings = self.warnings;
        let text = match self.shape {
            Shape::Document(document) => {
                let (text, counted) = document.finish();
                warnings.merge(&counted);
                text
            }
            Shape::Table(table) => table.finish(),
            Shape::Edits(list) if self.format == Format::Edl => edl::write(&list, &mut warnings),
            Shape::Edits(list) => vtt::write(&list),
            Shape::Timeline(timeline, mut document) => {
                warnings.merge(document.warnings());
                timeline.finish()
            }
        };
        (text, warnings)
    }
}
