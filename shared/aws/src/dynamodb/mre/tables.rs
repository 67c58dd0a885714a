//! The names of MRE's tables.

/// Names of MRE's tables.
#[derive(Debug, Clone, Default)]
pub struct MreTables {
    /// Event
    pub event: String,
    /// Plugin
    pub plugin: String,
    /// Profile
    pub profile: String,
    /// Model
    pub model: String,
    /// `PluginResult`
    pub plugin_result: String,
    /// `ClipReviewFeedback`
    pub feedback: String,
    /// `ReplayRequest`
    pub replay_request: String,
    /// `ReplayResults`
    pub replay_result: String,
}

impl MreTables {
    /// The tables that an event's export reads; `name` gives a table's by its environment variable.
    pub fn of_events(mut name: impl FnMut(&str) -> String) -> Self {
        Self {
            event: name("EVENT_TABLE_NAME"),
            plugin: name("PLUGIN_TABLE_NAME"),
            profile: name("PROFILE_TABLE_NAME"),
            model: name("MODEL_TABLE_NAME"),
            plugin_result: name("PLUGIN_RESULT_TABLE_NAME"),
            feedback: name("CLIP_PREVIEW_FEEDBACK_TABLE_NAME"),
            ..Self::default()
        }
    }

    /// The same with those of replays.
    pub fn of_replays(mut name: impl FnMut(&str) -> String) -> Self {
        Self {
            replay_request: name("REPLAY_REQUEST_TABLE_NAME"),
            replay_result: name("REPLAY_RESULT_TABLE_NAME"),
            ..Self::of_events(name)
        }
    }
}
