//! The segments of an event or a replay, for clips of them: of a document in either view, or as the tables are now.

use std::collections::BTreeMap;

use crate::attr::Attr;
use crate::document::View;
use crate::export::{ExportError, export_event, export_replay};
use crate::format::{Format, Rendering};
use crate::keys::{EventKey, ReplayKey};
use crate::model::Event;
use crate::number;
use crate::replay::ReplayRequest;
use crate::source::ExportSource;
use crate::warnings::Warnings;
use export_domain::batch::Fault;
use export_domain::batch::segments::{EventSegment, EventSegments, SecondZero, SegmentBorders};
use export_domain::batch::times::{instant, time_stamp};
use export_domain::json::{self, RequestJson};

/// The verdict of a reviewer who likes a clip.
const LIKE: &str = "Like";

/// The member of a document's `Event` with the time stamp of second 0 in seconds, by the name that MRE's row has for it. MRE's own
/// documents are without it.
const FIRST_PTS: &str = "FirstPts";

/// Reads a document of an event or a replay. `pointer` is that of the member which holds it.
///
/// # Errors
/// Its first fault: it is not such a document, or one of its segments is not an object.
pub fn read(document: &RequestJson, pointer: &str) -> Result<EventSegments, Fault> {
    let fault = |place: &str, detail: &str| Fault::at(format!("{pointer}{place}"), detail);
    let event = document
        .as_object()
        .and_then(|_| member(document, "Event"))
        .filter(|event| event.as_object().is_some());
    let event =
        event.ok_or_else(|| fault("", "is no document of an event or a replay: it has no object Event"))?;
    let Some(RequestJson::List(items)) = member(document, "Segments") else {
        return Err(fault("", "is no document of an event or a replay: it has no list Segments"));
    };
    let text = |name: &str| member(event, name).and_then(RequestJson::as_text);
    let replay = member(document, "Replay");
    let chosen = replay.and_then(|replay| track(member(replay, "AudioTrack")?));
    let first = || member(event, "AudioTracksFound").map_or(&[][..], items_of).iter().find_map(track);
    let mut segments = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        if item.as_object().is_none() {
            return Err(fault(&format!("/Segments/{at}"), "must be an object"));
        }
        segments.push(segment(item));
    }
    Ok(EventSegments {
        event: text("Name").unwrap_or_default().to_owned(),
        program: text("Program").unwrap_or_default().to_owned(),
        replay: replay
            .map(|replay| member(replay, "Id").and_then(RequestJson::as_text).unwrap_or_default().to_owned()),
        start_ms: text("Start").and_then(|start| instant(start, false)),
        second_zero: second_zero(text("EmbeddedTimecodeSource")),
        first_pts: member(event, FIRST_PTS).and_then(seconds).as_deref().and_then(time_stamp),
        track: chosen.or_else(first).unwrap_or_else(|| "1".to_owned()),
        segments,
    })
}

/// The point that seconds count from, as MRE names the source of the timecode.
pub fn second_zero(timecode_source: Option<&str>) -> SecondZero {
    match timecode_source {
        Some("UTC_BASED") => SecondZero::EventStart,
        Some("ZERO_BASED") => SecondZero::Timecode,
        _ => SecondZero::FirstChunk,
    }
}

fn segment(value: &RequestJson) -> EventSegment {
    let number = |name: &str| member(value, name).and_then(seconds);
    EventSegment {
        original: [number("Start"), number("End")],
        optimized: optimized(value),
        features: member(value, "FeaturesFound")
            .map_or(&[][..], items_of)
            .iter()
            .filter_map(feature)
            .collect(),
        liked: member(value, "Feedback").map_or(&[][..], items_of).iter().flat_map(liked).collect(),
    }
}

fn optimized(segment: &RequestJson) -> BTreeMap<String, SegmentBorders> {
    let mut found = BTreeMap::<String, SegmentBorders>::new();
    for (end, name) in ["OptoStart", "OptoEnd"].into_iter().enumerate() {
        for (track, time) in member(segment, name).and_then(RequestJson::as_object).unwrap_or_default() {
            if let Some(border) = found.entry(track.clone()).or_default().get_mut(end) {
                *border = seconds(time);
            }
        }
    }
    found
}

/// The name of a feature: a text in an event, an object in a replay.
fn feature(value: &RequestJson) -> Option<String> {
    let text =
        |name: &str| member(value, name).and_then(RequestJson::as_text).filter(|text| !text.is_empty());
    value.as_text().or_else(|| text("AttribName")).or_else(|| text("Name")).map(str::to_owned)
}

/// The tracks of one element of `Feedback` on which a verdict likes the segment.
fn liked(element: &RequestJson) -> impl Iterator<Item = String> {
    let tracks = element.as_object().unwrap_or_default().iter();
    let likes = |verdicts: &RequestJson| {
        verdicts.as_object().unwrap_or_default().iter().any(|(_, verdict)| verdict.as_text() == Some(LIKE))
    };
    tracks.filter(move |(_, verdicts)| likes(verdicts)).map(|(track, _)| track.clone())
}

/// A member, the last one of its name as Python reads it; `null` counts as absent.
fn member<'a>(value: &'a RequestJson, name: &str) -> Option<&'a RequestJson> {
    let found = value.as_object()?.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value);
    found.filter(|value| **value != RequestJson::Null)
}

fn items_of(value: &RequestJson) -> &[RequestJson] {
    match value {
        RequestJson::List(items) => items,
        _ => &[],
    }
}

/// The text of a number of seconds, which may be a text itself.
fn seconds(value: &RequestJson) -> Option<String> {
    let text = match value {
        RequestJson::Number(number) => number.to_string(),
        RequestJson::Text(text) => text.clone(),
        _ => return None,
    };
    number::plain(&text).is_some().then_some(text)
}

/// The name of an audio track: `1` for the number 1.0 as well.
fn track(value: &RequestJson) -> Option<String> {
    let text = seconds(value)?;
    number::plain(&text).map(std::borrow::Cow::into_owned)
}

/// `document` with the time stamp of the first picture that MRE saw of the event, if its row says that.
///
/// # Errors
/// When a read fails.
pub async fn with_first_pts<S: ExportSource>(
    source: &S,
    key: &EventKey,
    mut document: RequestJson,
) -> Result<RequestJson, ExportError> {
    let row = source.event(key).await?;
    let first = row.as_ref().and_then(|row| row.get(FIRST_PTS)?.as_number().map(str::to_owned));
    if let (Some(first), RequestJson::Object(members)) = (first, &mut document)
        && let Some((_, RequestJson::Object(event))) = members.iter_mut().find(|(name, _)| name == "Event")
    {
        event.push((FIRST_PTS.to_owned(), RequestJson::Text(first)));
    }
    Ok(document)
}

/// The segments of an event, as its document would show them now.
///
/// # Errors
/// When there is no such event, or a read fails.
pub async fn of_event<S: ExportSource>(source: &S, key: &EventKey) -> Result<EventSegments, ExportError> {
    let event = event(source, key).await?;
    let lines = export_event(source, key, lines(), None).await?;
    let track = event.track_names().into_iter().next();
    Ok(live(&event, None, track, &lines.text))
}

/// The segments of a replay, as its document would show them now.
///
/// # Errors
/// When there is no such event or replay, or a read fails.
pub async fn of_replay<S: ExportSource>(source: &S, key: &ReplayKey) -> Result<EventSegments, ExportError> {
    let event = event(source, &key.event).await?;
    let row = source.replay_request(key).await?.ok_or(ExportError::ReplayNotFound)?;
    let request = ReplayRequest::from_row(key, row, &mut Warnings::default());
    let lines = export_replay(source, key, lines()).await?;
    let track = request.track().or_else(|| event.track_names().into_iter().next());
    Ok(live(&event, Some(request.id), track, &lines.text))
}

async fn event<S: ExportSource>(source: &S, key: &EventKey) -> Result<Event, ExportError> {
    let row = source.event(key).await?.ok_or(ExportError::EventNotFound)?;
    Ok(Event::from_row(key.clone(), row))
}

/// One segment a line: a whole document may be nested deeper than a request.
fn lines() -> Rendering {
    Rendering { format: Format::Ndjson, ..View::Guide.into() }
}

fn live(event: &Event, replay: Option<String>, track: Option<String>, lines: &str) -> EventSegments {
    let text = |value: &Option<Attr>| value.as_ref().and_then(Attr::as_str).map(str::to_owned);
    let segments = lines.split('\n').filter_map(|line| json::parse(line.as_bytes(), false).ok());
    EventSegments {
        event: event.key.name.clone(),
        program: event.key.program.clone(),
        replay,
        start_ms: text(&event.start).and_then(|start| instant(&start, false)),
        second_zero: second_zero(text(&event.timecode_source).as_deref()),
        first_pts: None,
        track: track.unwrap_or_else(|| "1".to_owned()),
        segments: segments.map(|value| segment(&value)).collect(),
    }
}
