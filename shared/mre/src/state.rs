//! The decision whether a trigger still needs work, and which worker does it.
//!
//! Triggers come in any order, more than once, and in bursts. An export covers every trigger that was sent before its
//! first read, so those are done without work. One worker builds, no two; the fence, which grows with each claim,
//! keeps a worker that lost its lease from writing over a later export.

use crate::keys::{EventKey, ReplayKey};
use export_domain::ids::hex;
use export_domain::time::{EpochMs, Millis};
use sha2::{Digest, Sha256};

/// The most by which the clocks of the queue and of a worker may differ.
const CLOCK_SKEW: Millis = Millis::new(500);

/// Longest profile that a state keeps, in bytes: an item of a table has 400 KB at most.
const MAX_PROFILE_BYTES: usize = 300 * 1024;
/// Longest partition key in bytes.
const MAX_KEY_BYTES: usize = 2048;

/// Names the state of one event's or replay's export.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StateKey(String);

impl StateKey {
    /// The state of an event's export.
    pub fn event(key: &EventKey) -> Self {
        // The length keeps names apart that contain the separator.
        Self(format!("event/{}/{}/{}", key.program.len(), key.program, key.name))
    }

    /// The state of a replay's export.
    pub fn replay(key: &ReplayKey) -> Self {
        let EventKey { name, program } = &key.event;
        Self(format!("replay/{}/{}/{program}/{name}/{}", program.len(), name.len(), key.id))
    }

    /// Returns `true` if a table can have a row with this key.
    pub fn fits(&self) -> bool {
        self.0.len() <= MAX_KEY_BYTES
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The right to build, until it ends or the next one is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildLease {
    /// The worker that holds it.
    pub owner: String,
    /// Grows with each lease of the same export, also if the states were lost in between.
    pub fence: u64,
    /// The fence of the lease before; 0 if there was none.
    pub previous: u64,
    /// When it ends by itself.
    pub until: EpochMs,
}

/// The record of the exports of one event or replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportState {
    /// The last lease; it may have ended.
    pub lease: Option<BuildLease>,
    /// Triggers sent before this time are covered by the last export.
    pub built_from: Option<EpochMs>,
    /// The last stored object's `ETag`.
    pub etag: Option<String>,
    /// The last trigger's profile, as JSON text; `None` also when it is too large to be kept. The stored export has it
    /// then.
    pub profile: Option<String>,
    /// SHA-256 of the last trigger's profile, in hex. Rows of earlier versions have none.
    pub profile_sha256: Option<String>,
    /// When that trigger was sent.
    pub profile_from: Option<EpochMs>,
    /// The id of what was exported.
    pub id: Option<String>,
}

/// A trigger as it was received.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedTrigger<'a> {
    /// When it was sent first.
    pub sent_at: EpochMs,
    /// The profile that travels in it, as JSON text.
    pub profile: Option<&'a str>,
}

/// The decision about a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildDecision {
    /// Nothing: an export covers it.
    Covered,
    /// Wait: another worker builds.
    Held,
    /// Build, with this lease.
    Build(BuildLease),
}

impl ExportState {
    /// Decides about `received` at `now` for a worker `owner` that would be done by `until`.
    pub fn decide(
        &self,
        received: ReceivedTrigger<'_>,
        owner: &str,
        now: EpochMs,
        until: EpochMs,
    ) -> BuildDecision {
        if self.covers(received) {
            return BuildDecision::Covered;
        }
        let (fence, is_held) =
            self.lease.as_ref().map_or((0, false), |lease| (lease.fence, lease.until > now));
        if is_held {
            return BuildDecision::Held;
        }
        let next = u64::try_from(now.get()).unwrap_or_default().max(fence + 1);
        BuildDecision::Build(BuildLease { owner: owner.to_owned(), fence: next, previous: fence, until })
    }

    /// The state once the export of `id` for `received`, whose first read was not before `began`, is stored.
    pub fn built(received: ReceivedTrigger<'_>, began: EpochMs, id: Option<String>, etag: String) -> Self {
        Self {
            lease: None,
            built_from: Some(began - CLOCK_SKEW),
            etag: Some(etag),
            profile: received.profile.filter(|text| text.len() <= MAX_PROFILE_BYTES).map(str::to_owned),
            profile_sha256: received.profile.map(sha256),
            profile_from: received.profile.map(|_| received.sent_at),
            id,
        }
    }

    fn knows(&self, profile: &str) -> bool {
        match &self.profile_sha256 {
            Some(known) => *known == sha256(profile),
            None => self.profile.as_deref() == Some(profile),
        }
    }

    /// A trigger with a newer profile is not covered by an export that was made with an older one.
    fn covers(&self, received: ReceivedTrigger<'_>) -> bool {
        let is_older = self.built_from.is_some_and(|from| received.sent_at < from);
        let has_other_profile = received.profile.is_some_and(|profile| !self.knows(profile));
        let is_newer_profile =
            has_other_profile && self.profile_from.is_none_or(|from| from < received.sent_at);
        is_older && !is_newer_profile
    }
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: i64) -> EpochMs {
        EpochMs::new(ms)
    }

    fn received(sent_ms: i64, profile: Option<&str>) -> ReceivedTrigger<'_> {
        ReceivedTrigger { sent_at: at(sent_ms), profile }
    }

    fn built(sent_ms: i64, profile: Option<&str>, began_ms: i64) -> ExportState {
        ExportState::built(received(sent_ms, profile), at(began_ms), None, "e".to_owned())
    }

    #[test]
    fn names_with_separators_do_not_collide() {
        let event = |name, program| StateKey::event(&EventKey::new(name, program));
        assert_ne!(event("b/c", "a"), event("c", "a/b"));
        let replay = |name, id| StateKey::replay(&ReplayKey::new(EventKey::new(name, "p"), id));
        assert_ne!(replay("a/b", "c"), replay("a", "b/c"));
        assert_ne!(replay("a", "b").as_str(), event("a", "p").as_str());
    }

    #[test]
    fn a_trigger_sent_before_the_build_is_covered_and_a_later_one_is_not() {
        let state = built(1_000, None, 10_000);
        let decide = |sent| state.decide(received(sent, None), "w", at(20_000), at(30_000));
        assert_eq!(decide(9_499), BuildDecision::Covered);
        // The clocks may differ by half a second.
        assert!(matches!(decide(9_500), BuildDecision::Build(_)));
    }

    #[test]
    fn a_newer_profile_is_never_lost() {
        let state = built(1_000, Some("old"), 10_000);
        let decide = |sent, profile| state.decide(received(sent, profile), "w", at(20_000), at(30_000));
        assert!(matches!(decide(2_000, Some("new")), BuildDecision::Build(_)));
        assert_eq!(decide(2_000, Some("old")), BuildDecision::Covered);
        assert_eq!(decide(500, Some("older still")), BuildDecision::Covered);
        assert_eq!(decide(2_000, None), BuildDecision::Covered);
    }

    #[test]
    fn a_profile_is_known_by_its_hash_and_in_older_rows_by_its_text() {
        let decide = |state: &ExportState, profile| {
            state.decide(received(2_000, Some(profile)), "w", at(20_000), at(30_000))
                == BuildDecision::Covered
        };
        let large = format!("{{\"x\": \"{}\"}}", "x".repeat(MAX_PROFILE_BYTES));
        let state = built(1_000, Some(&large), 10_000);
        assert_eq!(state.profile, None);
        assert!(decide(&state, &large) && !decide(&state, "other"));
        let older = ExportState { profile_sha256: None, ..built(1_000, Some("old"), 10_000) };
        assert!(decide(&older, "old") && !decide(&older, "new"));
    }

    #[test]
    fn one_worker_builds_at_a_time_and_each_lease_has_a_higher_fence() {
        let lease =
            |fence, previous, until| BuildLease { owner: "b".to_owned(), fence, previous, until: at(until) };
        let state = |fence| ExportState { lease: Some(lease(fence, 1, 5_000)), ..ExportState::default() };
        let decide = |fence, now| state(fence).decide(received(1, None), "b", at(now), at(now + 10));
        assert_eq!(decide(7, 4_999), BuildDecision::Held);
        assert_eq!(decide(7, 5_000), BuildDecision::Build(lease(5_000, 7, 5_010)));
        assert_eq!(decide(9_000, 5_000), BuildDecision::Build(lease(9_001, 9_000, 5_010)));
    }
}
