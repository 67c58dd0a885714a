//! Which segments a replay shows, by the guide's rule: joined by start, each at most once, in the order of the results.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::json::Json;
use crate::model::ClassifiedSegment;
use crate::number;
use crate::replay::ReplayResult;
use crate::warnings::{ExportWarning, Warnings};

/// Collects the wanted segments while the rows go by: memory for the results, not for the event.
#[derive(Debug)]
pub struct LiveJoin<'a> {
    results: &'a [ReplayResult],
    track: Option<String>,
    by_start: HashMap<&'a str, Option<usize>>,
    by_opto_start: HashMap<&'a str, Option<usize>>,
    kept: Vec<ClassifiedSegment>,
}

impl<'a> LiveJoin<'a> {
    /// Wants the segments of `results`, which were made for the audio track `track`.
    pub fn new(results: &'a [ReplayResult], track: Option<String>) -> Self {
        let starts = results.iter().filter_map(|result| result.start.as_deref());
        let opto_starts = results.iter().filter_map(|result| result.opto_start.as_deref());
        Self {
            results,
            track,
            by_start: starts.map(|start| (start, None)).collect(),
            by_opto_start: opto_starts.map(|start| (start, None)).collect(),
            kept: Vec::new(),
        }
    }

    /// Keeps the segment if a result may want it. Segments come ascending by start, unless the join is complete then.
    pub fn offer(&mut self, segment: ClassifiedSegment) {
        let opto_start =
            self.track.as_deref().and_then(|track| segment.opto_start_of(track)).and_then(number::plain);
        let start = number::plain(&segment.start);
        let place = self.kept.len();
        let by_start = claim(&mut self.by_start, start, place);
        let by_opto_start = claim(&mut self.by_opto_start, opto_start, place);
        if by_start || by_opto_start {
            self.kept.push(segment);
        }
    }

    /// Returns `true` if every result has a segment with its start.
    pub fn is_complete(&self) -> bool {
        let has_segment = |start: &str| self.by_start.get(start).is_some_and(Option::is_some);
        self.results.iter().all(|result| result.start.as_deref().is_some_and(has_segment))
    }

    /// The segments of the replay, each with the features of its first result.
    pub fn finish(self, warnings: &mut Warnings) -> Vec<(ClassifiedSegment, &'a Json)> {
        let mut taken = HashSet::new();
        let mut order: Vec<(usize, &Json)> = Vec::with_capacity(self.results.len());
        for result in self.results {
            let found = |index: &HashMap<&str, Option<usize>>, key: &Option<String>| {
                key.as_deref().and_then(|key| index.get(key).copied().flatten())
            };
            let by_start = found(&self.by_start, &result.start);
            match by_start.or_else(|| found(&self.by_opto_start, &result.opto_start)) {
                None => warnings.add(ExportWarning::ResultUnmatched),
                Some(place) if !taken.insert(place) => warnings.add(ExportWarning::ResultRepeated),
                Some(place) => order.push((place, &result.features)),
            }
        }
        let mut segments: Vec<Option<ClassifiedSegment>> = self.kept.into_iter().map(Some).collect();
        let mut take = |place: usize| segments.get_mut(place).and_then(Option::take);
        order.into_iter().filter_map(|(place, features)| Some((take(place)?, features))).collect()
    }
}

fn claim(index: &mut HashMap<&str, Option<usize>>, key: Option<Cow<'_, str>>, place: usize) -> bool {
    match key.and_then(|key| index.get_mut(key.as_ref())) {
        Some(free @ None) => {
            *free = Some(place);
            true
        }
        _ => false,
    }
}
