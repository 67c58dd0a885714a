//! The event-driven export: what a trigger asks for, and what is told afterwards.

use crate::document::{Export, View};
use crate::export::{ExportError, export_event, export_replay_from_stored};
use crate::json::Json;
use crate::keys::{EventKey, ReplayKey, event_export_key, replay_export_key};
use crate::source::ExportSource;
use crate::state::StateKey;
use export_domain::ports::Notification;

/// The source of MRE's own events, and of this service's in its place.
pub const EVENT_SOURCE: &str = "awsmre";

/// Longest name that a failure tells, in characters.
const TOLD_CHARS: usize = 300;
/// Longest sort key in bytes; there is no row with a longer one.
const MAX_SORT_BYTES: usize = 1024;

/// The export that an event on MRE's bus asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Clips of an event were generated.
    Event {
        /// The event.
        key: EventKey,
        /// The trigger's `EventInfo`, echoed afterwards.
        info: Json,
    },
    /// A replay was generated.
    Replay(ReplayKey),
}

/// A trigger that names no export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// The text is not JSON.
    #[error("trigger is not JSON")]
    NotJson,
    /// A field is missing or no text.
    #[error("trigger lacks {0}")]
    Lacks(&'static str),
}

impl Trigger {
    /// Reads an `EventBridge` event. `None` for events that ask for no export.
    ///
    /// # Errors
    /// When the text is not JSON, or names no event or replay.
    pub fn parse(text: &str) -> Result<Option<Self>, TriggerError> {
        let event = Json::parse(text).map_err(|_| TriggerError::NotJson)?;
        let body = event.get("detail").and_then(|detail| detail.get("Event"));
        let body = body.ok_or(TriggerError::Lacks("detail.Event"))?;
        match body.get("EventType").and_then(Json::as_str) {
            Some("EVENT_CLIP_GEN") => {
                let info = body.get("EventInfo").ok_or(TriggerError::Lacks("EventInfo"))?;
                let event = info.get("Event").ok_or(TriggerError::Lacks("EventInfo.Event"))?;
                let key = EventKey::new(text_of(event, "Name")?, text_of(event, "Program")?);
                Ok(Some(Self::Event { key, info: info.clone() }))
            }
            Some("REPLAY_GEN_DONE" | "REPLAY_GEN_DONE_WITH_CLIP") => {
                let event = EventKey::new(text_of(body, "Event")?, text_of(body, "Program")?);
                Ok(Some(Self::Replay(ReplayKey::new(event, text_of(body, "ReplayId")?))))
            }
            _ => Ok(None),
        }
    }

    /// The key of the state of the export that the trigger asks for.
    pub fn state_key(&self) -> StateKey {
        match self {
            Self::Event { key, .. } => StateKey::event(key),
            Self::Replay(key) => StateKey::replay(key),
        }
    }

    /// Why no table can hold what the trigger names, and no try will ever export it; `None` where one can.
    pub fn flaw(&self) -> Option<&'static str> {
        let sort_key = match self {
            Self::Event { key, .. } => &key.program,
            Self::Replay(key) => &key.id,
        };
        let fits = sort_key.len() <= MAX_SORT_BYTES && self.state_key().fits();
        (!fits).then_some("the names are longer than any key of a table")
    }

    /// The profile that travels in the trigger.
    pub fn profile(&self) -> Option<&Json> {
        match self {
            Self::Event { info, .. } => {
                info.get("Profile").filter(|profile| matches!(profile, Json::Object(_)))
            }
            Self::Replay(_) => None,
        }
    }

    /// Builds the document to store: always MRE's view.
    ///
    /// # Errors
    /// When there is no such event or replay, or a read fails. An event row without an id was created by an update
    /// of a deleted event and counts as none.
    pub async fn export<S: ExportSource>(&self, source: &S) -> Result<Export, ExportError> {
        match self {
            Self::Event { key, .. } => {
                let export = export_event(source, key, View::Mre, self.profile()).await?;
                if export.id.is_some() { Ok(export) } else { Err(ExportError::EventNotFound) }
            }
            Self::Replay(key) => export_replay_from_stored(source, key).await,
        }
    }

    /// The object key the export is stored under.
    pub fn object_key(&self, export: &Export) -> String {
        let id = export.id.as_deref().unwrap_or_default();
        match self {
            Self::Event { .. } => event_export_key(id),
            Self::Replay(_) => replay_export_key(id),
        }
    }

    /// The attribute of the Event or `ReplayRequest` row that takes the stored export's location.
    pub fn location_attribute(&self) -> &'static str {
        match self {
            Self::Event { .. } => "EventDataExportLocation",
            Self::Replay(_) => "ReplayDataExportLocation",
        }
    }

    /// Tells that the export was stored at `location` (`s3://…`), in fewer than `entry_bytes` bytes: from that size
    /// on, `PutEvents` refuses an entry.
    pub fn exported(&self, location: &str, entry_bytes: usize) -> Notification {
        match self {
            Self::Event { info, .. } => reduced("Base Event Data Exported", info, entry_bytes, |info| {
                object([
                    ("State", "BASE_EVENT_DATA_EXPORTED".into()),
                    (
                        "Event",
                        object([
                            ("EventInfo", info),
                            ("EventExportS3Location", location.into()),
                            ("EventType", "EVENT_DATA".into()),
                        ]),
                    ),
                ])
            }),
            Self::Replay(key) => {
                let body = replay_body(key, [("ReplayExportS3Location", location.into())]);
                let detail = object([("State", "BASE_REPLAY_DATA_EXPORTED".into()), ("Event", body)]);
                Notification {
                    source: EVENT_SOURCE,
                    detail_type: "Base Replay Data Exported",
                    detail: detail.to_text(),
                }
            }
        }
    }

    /// Tells that there will be no export: `code` for programs, `message` for people.
    pub fn failed(&self, code: &str, message: &str) -> Notification {
        let error = [("ErrorCode", code.into()), ("ErrorMessage", message.into())];
        let (detail_type, state, body) = match self {
            Self::Event { key, .. } => {
                let info = object([("Event", names(&told(key)))]);
                let [code, message] = error;
                let body = object([("EventInfo", info), code, message, ("EventType", "EVENT_DATA".into())]);
                ("Base Event Data Export Failed", "BASE_EVENT_DATA_EXPORT_FAILED", body)
            }
            Self::Replay(key) => {
                let key = ReplayKey::new(told(&key.event), shortened(&key.id));
                ("Base Replay Data Export Failed", "BASE_REPLAY_DATA_EXPORT_FAILED", replay_body(&key, error))
            }
        };
        Notification {
            source: EVENT_SOURCE,
            detail_type,
            detail: object([("State", state.into()), ("Event", body)]).to_text(),
        }
    }
}

/// Echoes as much of the trigger's information as one entry holds and says in `Reduced` what was left out: the
/// segments first, then the input, then the largest parts. The event's names always stay.
fn reduced(
    detail_type: &'static str,
    info: &Json,
    limit: usize,
    detail: impl Fn(Json) -> Json,
) -> Notification {
    let entry =
        |info: Json| Notification { source: EVENT_SOURCE, detail_type, detail: detail(info).to_text() };
    let fits = |entry: &Notification| entry.entry_bytes() < limit;
    let mut whole = entry(info.clone());
    let mut kept = info.clone();
    let mut dropped = Vec::new();
    for name in dispensable(info) {
        if fits(&whole) {
            return whole;
        }
        kept.remove(name);
        dropped.push(name.into());
        let mut marked = kept.clone();
        marked.set("Reduced", Json::Array(dropped.clone()));
        whole = entry(marked);
    }
    if fits(&whole) {
        return whole;
    }
    let event = info.get("Event").unwrap_or(&Json::Null);
    let name = |name| event.get(name).cloned().unwrap_or(Json::Null);
    dropped.push("Event".into());
    entry(object([
        ("Event", object([("Name", name("Name")), ("Program", name("Program"))])),
        ("Reduced", Json::Array(dropped)),
    ]))
}

/// The parts of a trigger's information in the order in which they are left out.
fn dispensable(info: &Json) -> Vec<&str> {
    let mut parts: Vec<(usize, usize, &str)> = info
        .members()
        .iter()
        .filter(|(name, _)| name != "Event")
        .map(|(name, value)| {
            let rank = match name.as_str() {
                "Segments" => 0,
                "Input" => 1,
                "Profile" => 3,
                _ => 2,
            };
            (rank, usize::MAX - value.to_text().len(), name.as_str())
        })
        .collect();
    parts.sort_unstable();
    parts.into_iter().map(|(_, _, name)| name).collect()
}

fn replay_body<const N: usize>(key: &ReplayKey, more: [(&str, Json); N]) -> Json {
    let mut body = object([
        ("Event", key.event.name.as_str().into()),
        ("Program", key.event.program.as_str().into()),
        ("ReplayId", key.id.as_str().into()),
    ]);
    for (name, value) in more {
        body.set(name, value);
    }
    body.set("EventType", "REPLAY_DATA_EXPORT".into());
    body
}

/// The names as a failure tells them: they may be why it failed.
fn told(key: &EventKey) -> EventKey {
    EventKey::new(shortened(&key.name), shortened(&key.program))
}

fn shortened(name: &str) -> String {
    name.chars().take(TOLD_CHARS).collect()
}

fn names(key: &EventKey) -> Json {
    object([("Name", key.name.as_str().into()), ("Program", key.program.as_str().into())])
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text_of<'a>(json: &'a Json, name: &'static str) -> Result<&'a str, TriggerError> {
    json.get(name).and_then(Json::as_str).ok_or(TriggerError::Lacks(name))
}
