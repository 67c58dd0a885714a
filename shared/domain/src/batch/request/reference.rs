//! `mre`: an event or a replay of Media Replay Engine by its name.

use super::members::{Faults, Members};
use super::{KNOWN, LISTS};
use crate::batch::Fault;
use crate::json::RequestJson;

/// Longest name of an event, a program or a replay, in characters.
const LONGEST: usize = 512;

/// An event, or a replay of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentName {
    /// The event's name.
    pub event: String,
    /// The program's name.
    pub program: String,
    /// The replay's id; `None` for the event itself.
    pub replay: Option<String>,
}

/// The event or replay that the body names as its list; `None` if it brings another list, or several.
///
/// # Errors
/// The faults of `mre`.
pub fn document_name(body: &RequestJson) -> Result<Option<DocumentName>, Vec<Fault>> {
    let known: Vec<&str> = KNOWN.into_iter().chain(LISTS).collect();
    let mut faults = Faults::default();
    let Some(body) = Members::new("", body, &known, &mut faults) else { return Ok(None) };
    let mut given = LISTS.into_iter().filter_map(|name| Some((name, body.get(name)?)));
    let (Some(("mre", value)), None) = (given.next(), given.next()) else { return Ok(None) };
    let mut faults = Faults::default();
    let found = read(value, &mut faults);
    match found {
        Some(name) if faults.0.is_empty() => Ok(Some(name)),
        _ => Err(faults.0),
    }
}

fn read(value: &RequestJson, faults: &mut Faults) -> Option<DocumentName> {
    let members = Members::new("/mre", value, &["event", "program", "replay"], faults)?;
    for name in ["event", "program"].into_iter().filter(|name| members.get(name).is_none()) {
        faults.push(members.place(name), "is required");
    }
    let event = members.text("event", LONGEST, faults);
    let program = members.text("program", LONGEST, faults);
    let replay = members.text("replay", LONGEST, faults).map(str::to_owned);
    Some(DocumentName { event: event?.to_owned(), program: program?.to_owned(), replay })
}

/// The body with `document` in the place of the name.
#[must_use]
pub fn with_document(body: RequestJson, document: RequestJson) -> RequestJson {
    let RequestJson::Object(mut members) = body else { return body };
    if let Some((_, value)) = members.iter_mut().find(|(name, _)| name == "mre") {
        *value = document;
    }
    RequestJson::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn named(body: &str) -> Result<Option<DocumentName>, Vec<Fault>> {
        document_name(&json::parse(body.as_bytes(), false).unwrap())
    }

    #[test]
    fn an_event_or_a_replay_is_named() {
        let name = |replay: Option<&str>| DocumentName {
            event: "final".to_owned(),
            program: "tennis".to_owned(),
            replay: replay.map(str::to_owned),
        };
        let event = r#"{"mre": {"event": "final", "program": "tennis"}}"#;
        assert_eq!(named(event), Ok(Some(name(None))));
        let replay = r#"{"mre": {"event": "final", "program": "tennis", "replay": "r-1"}}"#;
        assert_eq!(named(replay), Ok(Some(name(Some("r-1")))));
    }

    #[test]
    fn another_list_or_several_are_not_looked_up() {
        for body in ["[]", r#"{"clips": []}"#, r#"{"csv": "", "mre": {}}"#, r#"{"mre": null}"#] {
            assert_eq!(named(body), Ok(None), "{body}");
        }
    }

    #[test]
    fn a_name_with_faults_says_where_they_are() {
        let pointers = |body: &str| -> Vec<String> {
            named(body).unwrap_err().into_iter().map(|fault| fault.pointer).collect()
        };
        assert_eq!(pointers(r#"{"mre": "final"}"#), ["/mre"]);
        assert_eq!(pointers(r#"{"mre": {"event": ""}}"#), ["/mre/program", "/mre/event"]);
        assert_eq!(pointers(r#"{"mre": {"event": "a", "program": "b", "id": "c"}}"#), ["/mre/id"]);
        assert_eq!(pointers(r#"{"mre": {"event": "a", "program": 7}}"#), ["/mre/program"]);
    }
}
