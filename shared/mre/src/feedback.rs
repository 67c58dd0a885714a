//! Reviewers' feedback, looked up per segment.

use crate::attr::{Attr, Row, track_name};
use crate::keys::EventKey;
use crate::number::{self, number_key};
use crate::writer::Writer;
use std::collections::HashMap;

/// The verdict that stands for none.
const NO_VERDICT: &str = "-";

/// One review of one segment on one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The key that MRE looks up: the start as the reviewer's client spelled it.
    key: String,
    /// The start by its value.
    start: String,
    track: String,
    pk: String,
    /// `true` if the row names the event and classifier asked for. Keys of different names can be equal.
    is_own: bool,
    optimized: Option<Attr>,
    original: Option<Attr>,
}

impl Review {
    /// Takes a review out of its row; `None` when the row is not a review. Whether it belongs to the event and
    /// classifier matters for the guide's view only: MRE looks at the key.
    pub fn from_row(mut row: Row, event: &EventKey, classifier: &str) -> Option<Self> {
        let mut text = |name| match row.remove(name) {
            Some(Attr::S(text)) => Some(text),
            _ => None,
        };
        let names = [text("Program"), text("Event"), text("Classifier")];
        let own = [&event.program, &event.name, classifier].map(Some);
        Some(Self {
            key: text("ProgramEventClassifierStart")?,
            pk: text("PK")?,
            start: number_key(row.get("Start")?.as_number()?)?,
            track: track_name(row.get("AudioTrack")?)?,
            is_own: names.each_ref().map(Option::as_deref) == own,
            optimized: verdict(row.remove("OptimizedFeedback")),
            original: verdict(row.remove("OriginalFeedback")),
        })
    }

    /// Both verdicts, if they are texts.
    fn texts(&self) -> [Option<&str>; 2] {
        [&self.optimized, &self.original].map(|verdict| verdict.as_ref().and_then(Attr::as_str))
    }

    fn verdicts(&self) -> impl Iterator<Item = (&'static str, &Attr)> {
        let verdicts = [("OptimizedFeedback", &self.optimized), ("OriginalFeedback", &self.original)];
        verdicts.into_iter().filter_map(|(name, verdict)| Some((name, verdict.as_ref()?)))
    }
}

/// The reviews of an event's segments.
#[derive(Debug, Default)]
pub struct Feedback {
    /// The prefix of the key of every segment.
    prefix: String,
    /// By key, track and primary key.
    reviews: Vec<Review>,
    /// Places of own reviews, by start.
    by_start: HashMap<String, Vec<usize>>,
}

impl Feedback {
    /// Files the reviews of an event's segments, which `classifier` found.
    pub fn new(event: &EventKey, classifier: &str, mut reviews: Vec<Review>) -> Self {
        reviews.sort_unstable_by(|a, b| {
            (&a.key, track_order(&a.track), &a.pk).cmp(&(&b.key, track_order(&b.track), &b.pk))
        });
        let mut by_start: HashMap<String, Vec<usize>> = HashMap::new();
        for (review, place) in reviews.iter().zip(0..).filter(|(review, _)| review.is_own) {
            by_start.entry(review.start.clone()).or_default().push(place);
        }
        Self { prefix: format!("{}#", event.classifier_partition(classifier)), reviews, by_start }
    }

    /// Writes MRE's list: one element per row, each with all tracks, all with the last verdicts.
    pub fn write_mre(&self, start: &str, writer: &mut Writer) {
        writer.array(|w| {
            let reviews = self.with_key_of(start);
            let verdicts = last_verdicts(reviews);
            for _ in reviews {
                w.item();
                w.object(|w| {
                    let mut last = None;
                    for review in
                        reviews.iter().filter(|review| last.replace(&review.track) != Some(&review.track))
                    {
                        w.key(&review.track);
                        write_verdicts(&verdicts, w);
                    }
                });
            }
        });
    }

    /// Writes the guide's list: one element per track with its own verdicts, ascending by track.
    pub fn write_guide(&self, start: &str, writer: &mut Writer) {
        writer.array(|w| {
            for review in self.per_track(start) {
                let verdicts: Vec<_> =
                    review.verdicts().filter(|(_, verdict)| verdict.as_str().is_some()).collect();
                if !verdicts.is_empty() {
                    w.item();
                    w.object(|w| {
                        w.key(&review.track);
                        write_verdicts(&verdicts, w);
                    });
                }
            }
        });
    }

    /// The verdicts of the guide's list, optimized and original, by track.
    pub fn verdicts_of(&self, start: &str) -> Vec<(&str, [Option<&str>; 2])> {
        let reviews = self.per_track(start).into_iter();
        reviews.map(|review| (review.track.as_str(), review.texts())).collect()
    }

    fn with_key_of(&self, start: &str) -> &[Review] {
        let Some(start) = number::decimal(start).filter(|_| !self.reviews.is_empty()) else { return &[] };
        let key = format!("{}{start}", self.prefix);
        let from = self.reviews.partition_point(|review| review.key < key);
        let same = self.reviews.get(from..).unwrap_or_default();
        same.get(..same.partition_point(|review| review.key == key)).unwrap_or_default()
    }

    /// One row per track: the one filed under the canonical number text, else the one with the lowest key.
    fn per_track(&self, start: &str) -> Vec<&Review> {
        let Some(start) = number::plain(start) else { return Vec::new() };
        let Some(places) = self.by_start.get(start.as_ref()) else { return Vec::new() };
        let canonical = format!("{}{start}", self.prefix);
        let mut reviews: Vec<&Review> = places.iter().filter_map(|place| self.reviews.get(*place)).collect();
        reviews.sort_by(|a, b| {
            let rank = |review: &Review| review.key != canonical;
            (track_order(&a.track), rank(a), &a.pk).cmp(&(track_order(&b.track), rank(b), &b.pk))
        });
        reviews.dedup_by(|later, kept| later.track == kept.track);
        reviews
    }
}

/// The map that MRE shares between all rows of a segment: a verdict keeps its first place and takes its last value.
fn last_verdicts(reviews: &[Review]) -> Vec<(&'static str, &Attr)> {
    let mut verdicts: Vec<(&'static str, &Attr)> = Vec::new();
    for (name, verdict) in reviews.iter().flat_map(Review::verdicts) {
        match verdicts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, last)) => *last = verdict,
            None => verdicts.push((name, verdict)),
        }
    }
    verdicts
}

fn write_verdicts(verdicts: &[(&str, &Attr)], writer: &mut Writer) {
    writer.object(|w| {
        for (name, verdict) in verdicts {
            w.key(name);
            verdict.write(w);
        }
    });
}

fn verdict(feedback: Option<Attr>) -> Option<Attr> {
    let Some(Attr::M(mut feedback)) = feedback else { return None };
    feedback.remove("Feedback").filter(|value| value.as_str() != Some(NO_VERDICT))
}

/// Numbers first, by value; the index gives rows of one segment no order.
fn track_order(track: &str) -> (u64, &str) {
    (track.parse().unwrap_or(u64::MAX), track)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of event E, classifier C: track, key text of the start, its value, both verdicts.
    fn review(track: &str, key: &str, start: &str, optimized: &str, original: &str) -> Row {
        let text = |value: &str| Attr::S(value.to_owned());
        let verdict = |value: &str| Attr::M(Row::from([("Feedback".to_owned(), text(value))]));
        let mut row = Row::from([
            ("PK".to_owned(), text(&format!("P#E#C#{key}#{track}"))),
            ("ProgramEventClassifierStart".to_owned(), text(&format!("P#E#C#{key}"))),
            ("Program".to_owned(), text("P")),
            ("Event".to_owned(), text("E")),
            ("Classifier".to_owned(), text("C")),
            ("Start".to_owned(), Attr::N(start.to_owned())),
            ("AudioTrack".to_owned(), Attr::N(track.to_owned())),
        ]);
        for (name, value) in [("OptimizedFeedback", optimized), ("OriginalFeedback", original)] {
            if !value.is_empty() {
                row.insert(name.to_owned(), verdict(value));
            }
        }
        row
    }

    /// What MRE's and the guide's view show for `start`.
    fn shown(rows: Vec<Row>, start: &str) -> [String; 2] {
        let event = EventKey::new("E", "P");
        let reviews = rows.into_iter().filter_map(|row| Review::from_row(row, &event, "C")).collect();
        let feedback = Feedback::new(&event, "C", reviews);
        let mut writers = [Writer::default(), Writer::default()];
        feedback.write_mre(start, &mut writers[0]);
        feedback.write_guide(start, &mut writers[1]);
        writers.map(Writer::into_text)
    }

    #[test]
    fn mre_repeats_the_last_verdicts_and_the_guide_keeps_each_tracks_own() {
        let rows = vec![
            review("10", "5", "5", "", "Like"),
            review("2", "5", "5", "-", "Dislike"),
            review("1", "7", "7", "Like", "Like"),
        ];
        let merged = r#"{"2": {"OriginalFeedback": "Like"}, "10": {"OriginalFeedback": "Like"}}"#;
        assert_eq!(
            shown(rows.clone(), "5"),
            [
                format!("[{merged}, {merged}]"),
                r#"[{"2": {"OriginalFeedback": "Dislike"}}, {"10": {"OriginalFeedback": "Like"}}]"#
                    .to_owned()
            ]
        );
        assert_eq!(shown(rows, "6"), ["[]", "[]"]);
    }

    #[test]
    fn the_verdict_that_came_first_stays_first_in_mres_map() {
        let rows = vec![review("1", "5", "5", "", "Like"), review("2", "5", "5", "Dislike", "")];
        let merged = r#"{"OriginalFeedback": "Like", "OptimizedFeedback": "Dislike"}"#;
        let element = format!(r#"{{"1": {merged}, "2": {merged}}}"#);
        assert_eq!(shown(rows, "5")[0], format!("[{element}, {element}]"));
    }

    #[test]
    fn a_start_spelled_otherwise_is_found_by_the_guides_view_only() {
        assert_eq!(
            shown(vec![review("1", "5.0", "5", "", "Like")], "5"),
            ["[]", r#"[{"1": {"OriginalFeedback": "Like"}}]"#]
        );
        let both = vec![review("1", "5", "5", "", "Like"), review("1", "05.0", "5", "", "Dislike")];
        assert_eq!(
            shown(both, "5")[1],
            r#"[{"1": {"OriginalFeedback": "Like"}}]"#,
            "the canonical spelling wins"
        );
        let neither = vec![review("1", "5.00", "5", "", "Like"), review("1", "5.0", "5", "", "Dislike")];
        assert_eq!(
            shown(neither, "5")[1],
            r#"[{"1": {"OriginalFeedback": "Dislike"}}]"#,
            "then the lowest key"
        );
    }

    #[test]
    fn a_row_without_verdict_is_an_empty_map_for_mre_and_nothing_in_the_guide() {
        assert_eq!(shown(vec![review("1", "5", "5", "-", "-")], "5"), [r#"[{"1": {}}]"#, "[]"]);
    }

    #[test]
    fn a_row_of_another_event_with_the_same_key_is_not_shown_in_the_guide() {
        let mut row = review("1", "5", "5", "", "Like");
        row.insert("Event".to_owned(), Attr::S("other".to_owned()));
        assert_eq!(shown(vec![row], "5"), [r#"[{"1": {"OriginalFeedback": "Like"}}]"#, "[]"]);
    }
}
