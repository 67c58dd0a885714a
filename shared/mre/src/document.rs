//! Documents in JSON: one of the two views around the parts of an event or a replay, or of its segments alone.

use std::fmt::Write as _;

use crate::feedback::Feedback;
use crate::guide::{self, Guide};
use crate::json::Json;
use crate::model::{ClassifiedSegment, Event};
use crate::native;
use crate::outputs::Outputs;
use crate::profile::ProfileSource;
use crate::replay::ReplayRequest;
use crate::warnings::Warnings;
use crate::writer::Writer;

/// Room for a small document, in bytes.
const INITIAL_BYTES: usize = 16 * 1024;

/// Which JSON is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The developer guide's.
    Guide,
    /// MRE's own.
    Mre,
}

impl View {
    /// Reads the query parameter `view`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "guide" => Some(Self::Guide),
            "mre" => Some(Self::Mre),
            _ => None,
        }
    }

    /// The value of the query parameter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::Mre => "mre",
        }
    }
}

/// A finished export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The document.
    pub text: String,
    /// Id of the event or replay it shows; an event row may lack it.
    pub id: Option<String>,
    /// The origin of its profile; `None` when it has none.
    pub profile_source: Option<ProfileSource>,
    /// The warnings of the document.
    pub warnings: Warnings,
}

/// The body of MRE's own routes: a text inside JSON that is all ASCII.
pub fn blob(text: &str) -> String {
    let mut body = String::with_capacity(text.len() + text.len() / 6 + 32);
    body.push_str("{\"BlobContent\": \"");
    for character in text.chars() {
        match character {
            '"' => body.push_str("\\\""),
            '\\' => body.push_str("\\\\"),
            '\n' => body.push_str("\\n"),
            '\r' => body.push_str("\\r"),
            '\t' => body.push_str("\\t"),
            '\u{8}' => body.push_str("\\b"),
            '\u{c}' => body.push_str("\\f"),
            ' '..='\u{7f}' => body.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(body, "\\u{unit:04x}");
                }
            }
        }
    }
    body.push_str("\"}");
    body
}

/// A document that grows segment by segment.
#[derive(Debug)]
pub struct Document {
    view: View,
    /// `true` if it is the segments alone, one a line.
    is_lines: bool,
    writer: Writer,
    warnings: Warnings,
}

impl Document {
    /// An empty document.
    pub fn new(view: View, warnings: Warnings) -> Self {
        Self { view, is_lines: false, writer: Writer::with_capacity(INITIAL_BYTES), warnings }
    }

    /// An empty document of segments alone, one a line.
    pub fn lines(view: View, warnings: Warnings) -> Self {
        Self { is_lines: true, ..Self::new(view, warnings) }
    }

    /// Starts with the event.
    pub fn event(&mut self, event: &Event, outputs: &Outputs, profile: Option<&Json>) {
        if self.is_lines {
            return;
        }
        self.writer.open_object();
        self.writer.key("Event");
        match self.view {
            View::Guide => guide::write_event(event, outputs, profile, &mut self.guide()),
            View::Mre => native::write_event(event, outputs, profile, &mut self.warnings, &mut self.writer),
        }
    }

    /// Adds the replay. `previews` are presigned URLs by resolution.
    pub fn replay(&mut self, request: &ReplayRequest, previews: &[(String, String)]) {
        if self.is_lines {
            return;
        }
        self.writer.key("Replay");
        match self.view {
            View::Guide => guide::write_replay(request, &mut self.guide()),
            View::Mre => native::write_replay(request, previews, &mut self.writer),
        }
    }

    /// Opens the list of segments.
    pub fn segments(&mut self) {
        if !self.is_lines {
            self.writer.key("Segments");
            self.writer.open_array();
        }
    }

    /// Adds a segment of an event.
    pub fn segment(&mut self, segment: &ClassifiedSegment, outputs: &Outputs, feedback: &Feedback) {
        self.begin_segment();
        match self.view {
            View::Guide => guide::write_segment(segment, outputs, feedback, &mut self.guide()),
            View::Mre => native::write_segment(segment, outputs, feedback, &mut self.writer),
        }
        self.end_segment();
    }

    /// Adds a segment of a replay.
    pub fn replay_segment(
        &mut self,
        segment: &ClassifiedSegment,
        features: &Json,
        choice: &str,
        feedback: &Feedback,
    ) {
        self.begin_segment();
        match self.view {
            View::Guide => {
                guide::write_replay_segment(segment, features, choice, feedback, &mut self.guide());
            }
            View::Mre => native::write_replay_segment(segment, features, feedback, &mut self.writer),
        }
        self.end_segment();
    }

    fn begin_segment(&mut self) {
        if !self.is_lines {
            self.writer.item();
        }
    }

    fn end_segment(&mut self) {
        if self.is_lines {
            self.writer.raw("\n");
        }
    }

    /// An empty part of the list of segments, for [`Document::append`].
    #[must_use]
    pub fn part(&self) -> Self {
        Self {
            view: self.view,
            is_lines: self.is_lines,
            writer: Writer::default(),
            warnings: Warnings::default(),
        }
    }

    /// Adds the segments of `part`.
    pub fn append(&mut self, part: &Self) {
        self.warnings.merge(&part.warnings);
        self.writer.append(&part.writer);
    }

    /// The warnings of the document so far.
    pub fn warnings(&mut self) -> &mut Warnings {
        &mut self.warnings
    }

    /// Closes the list of segments and the document.
    pub fn finish(mut self) -> (String, Warnings) {
        if !self.is_lines {
            self.writer.close_array();
            self.writer.close_object();
        }
        (self.writer.into_text(), self.warnings)
    }

    /// The document without its list of segments, as JSON.
    pub fn head(&self) -> String {
        format!("{}}}", self.writer.text())
    }

    fn guide(&mut self) -> Guide<'_> {
        Guide { writer: &mut self.writer, warnings: &mut self.warnings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blob_is_text_in_ascii_json() {
        assert_eq!(
            blob("{\"a\": \"é\u{2028}😀\\n\"}"),
            r#"{"BlobContent": "{\"a\": \"\u00e9\u2028\ud83d\ude00\\n\"}"}"#
        );
        assert_eq!(
            blob("\" \\ \n \r \t \u{8} \u{c} \u{1} \u{7f}"),
            "{\"BlobContent\": \"\\\" \\\\ \\n \\r \\t \\b \\f \\u0001 \u{7f}\"}"
        );
    }
}
