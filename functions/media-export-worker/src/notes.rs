//! Warnings about a clip, collected while it is made.

use export_domain::job::{Warning, WarningCode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Occurrences of one kind that are told apart; later ones are not counted.
const MOST: usize = 10_000;

/// Collects the warnings of one attempt. An occurrence that is reported again, by another reader or in a second
/// rendering of the same clip, counts once.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<BTreeMap<WarningCode, Occurrences>>);

#[derive(Debug)]
struct Occurrences {
    first: String,
    seen: BTreeSet<String>,
}

impl Notes {
    /// Notes an occurrence; `detail` says which segment, track or box is concerned, and what is wrong with it.
    pub(crate) fn warn(&self, code: WarningCode, detail: impl Into<String>) {
        let detail = detail.into();
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let occurrences =
            notes.entry(code).or_insert_with(|| Occurrences { first: detail.clone(), seen: BTreeSet::new() });
        if occurrences.seen.len() < MOST && occurrences.seen.insert(detail.clone()) {
            tracing::warn!(warning = ?code, detail, "made a clip with a warning");
        }
    }

    /// The warnings so far, one of each kind.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |(code, occurrences): (&WarningCode, &Occurrences)| Warning {
            code: *code,
            count: u32::try_from(occurrences.seen.len()).unwrap_or(u32::MAX),
            detail: occurrences.first.as_str().into(),
        };
        notes.iter().map(warning).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_occurrence_counts_once_and_the_first_one_is_the_detail() {
        let notes = Notes::default();
        for detail in ["segment 7: cut off", "segment 3: cut off", "segment 7: cut off"] {
            notes.warn(WarningCode::SegmentsLeftOut, detail);
        }
        let expected =
            Warning { code: WarningCode::SegmentsLeftOut, count: 2, detail: "segment 7: cut off".into() };
        assert_eq!(notes.warnings(), [expected]);
    }
}
