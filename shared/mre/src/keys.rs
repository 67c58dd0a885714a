//! Names and composite keys of MRE's tables and of the export bucket.
//!
//! MRE joins raw names with `#` and escapes nothing; so does this module, as the rows were written that way.

/// An event, by its two names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventKey {
    /// The event's name.
    pub name: String,
    /// The program's name.
    pub program: String,
}

/// A replay of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplayKey {
    /// The event the replay was cut from.
    pub event: EventKey,
    /// The replay's id.
    pub id: String,
}

/// A row of the Plugin or Model table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionedName {
    /// The plugin's or model's name.
    pub name: String,
    /// `v0` for the latest, else `v1`, `v2`, …
    pub version: String,
}

impl EventKey {
    /// The key of the event `name` of `program`.
    pub fn new(name: impl Into<String>, program: impl Into<String>) -> Self {
        Self { name: name.into(), program: program.into() }
    }

    /// Partition of the `ReplayRequest` table.
    pub fn partition(&self) -> String {
        format!("{}#{}", self.program, self.name)
    }

    /// Partition of the `PluginResult` table that holds the segments `classifier` found.
    pub fn classifier_partition(&self, classifier: &str) -> String {
        format!("{}#{}#{classifier}", self.program, self.name)
    }

    /// Partition of the feedback table's `ProgramEventTrack-index`.
    pub fn track_partition(&self, track: &str) -> String {
        format!("{}#{}#{track}", self.program, self.name)
    }
}

impl ReplayKey {
    /// The key of the replay `id` of `event`.
    pub fn new(event: EventKey, id: impl Into<String>) -> Self {
        Self { event, id: id.into() }
    }

    /// Partition of the `ReplayResults` table.
    pub fn results_partition(&self) -> String {
        format!("{}#{}#{}", self.event.program, self.event.name, self.id)
    }
}

impl VersionedName {
    /// The version that MRE always reads: a copy of the latest.
    pub const LATEST: &str = "v0";

    /// The row `name` at `version`.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into() }
    }

    /// The latest row of `name`.
    pub fn latest(name: impl Into<String>) -> Self {
        Self::new(name, Self::LATEST)
    }
}

/// Object key of an event's export.
pub fn event_export_key(event_id: &str) -> String {
    format!("base_event_export/{event_id}/{event_id}_event_export.json")
}

/// Object key of a replay's export.
pub fn replay_export_key(replay_id: &str) -> String {
    format!("base_replay_export/{replay_id}/{replay_id}_replay_export.json")
}

/// Object key inside `s3://bucket/key`. MRE takes the bucket from its own settings, whatever the location says.
pub fn object_key(location: &str) -> Option<&str> {
    let (_, key) = location.strip_prefix("s3://")?.split_once('/')?;
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_object_key_of_a_location() {
        assert_eq!(object_key("s3://b/base_event_export/1/1.json"), Some("base_event_export/1/1.json"));
        for location in ["", "s3://b", "s3://b/", "b/k"] {
            assert_eq!(object_key(location), None);
        }
    }

    #[test]
    fn joins_names_as_mre_does() {
        let event = EventKey::new("A#B", "P");
        assert_eq!(event.partition(), "P#A#B");
        assert_eq!(event.classifier_partition("C"), "P#A#B#C");
        assert_eq!(ReplayKey::new(event, "r").results_partition(), "P#A#B#r");
    }
}
