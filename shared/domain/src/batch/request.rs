//! `POST /export/batch`: from a JSON body to clips in which every member has passed its rule. All or nothing: a body with
//! a fault gives its faults, each with a pointer, and no clip.

use super::segments::{self, EventSegments, SegmentChoice, SegmentTimes};
use super::times::{instant, seconds};
use super::{Base, ClipEntry, ClipList, ClipSpan, Fault, Guess, LEAST_EPOCH, Skipped, SpanBounds, csv, edl};
use crate::ids::{FileName, LivePath};
use crate::json::{RequestJson, has_at_most};
use crate::request::{ExportRequest, ExportType, Story, Wanted};
use crate::settings::Limits;
use crate::storage::Container;
use crate::time::{EpochMs, Millis};
use crate::timecode::Rate;

mod members;
mod name;
mod reel;
pub mod reference;

use members::{Faults, Members};

/// Largest body in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
/// Most of a shift or a pad.
const MOST_SHIFT: Millis = Millis::from_days(30);

/// The members of the body.
const KNOWN: [&str; 15] = [
    "deliver",
    "live_path",
    "container",
    "target",
    "export_type",
    "story",
    "name",
    "zero",
    "shift_ms",
    "pad_before_ms",
    "pad_after_ms",
    "segments",
    "audio_track",
    "features",
    "liked",
];
/// The members that bring the list, of which a body has exactly one.
const LISTS: [&str; 5] = ["clips", "edl", "csv", "document", "mre"];
/// The members that choose segments of a document.
const CHOICES: [&str; 4] = ["segments", "audio_track", "features", "liked"];
/// The value of `zero` that takes the event's start for second 0.
const EVENT_START: &str = "event_start";
/// Most features that a request may ask for.
const MOST_FEATURES: usize = 100;
/// Entries of a list whose skipping is told one by one.
const MOST_SKIPPED: usize = 200;

/// A place to deliver to, as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetName {
    /// Bucket.
    pub bucket: String,
    /// Region of the bucket, as the tenant's target has it.
    pub region: String,
    /// Key prefix, without leading or trailing `/`.
    pub root: String,
}

/// One clip to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Its place in the list, from 1.
    pub n: usize,
    /// The client's mark of it.
    pub mark: Option<String>,
    /// The request that a client would make for it alone.
    pub request: ExportRequest,
}

/// The files that a list makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deliver {
    /// A clip for each entry.
    Clips,
    /// One clip of all entries.
    Reel,
}

/// A valid batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRequest {
    /// The container of all clips.
    pub container: Container,
    /// The target of all clips; `None` for the tenant's own.
    pub target: Option<TargetName>,
    /// The codec of all clips.
    pub export_type: ExportType,
    /// The story of all clips.
    pub story: Option<Story>,
    /// The clips, at least one.
    pub wishes: Vec<Wish>,
    /// The one clip of all of them that is wanted in their place.
    pub reel: Option<Box<ExportRequest>>,
    /// The entries of the list that make no clip.
    pub skipped: Vec<Skipped>,
    /// What was guessed.
    pub guesses: Vec<Guess>,
}

/// Reads the segments of a document, at a pointer.
pub type DocumentReader = fn(&RequestJson, &str) -> Result<EventSegments, Fault>;

/// Judges a body. `now` is the time of the request.
///
/// # Errors
/// The faults in the order of the text, at most [`MOST_FAULTS`](super::MOST_FAULTS).
pub fn parse(
    body: &RequestJson,
    limits: &Limits,
    now: EpochMs,
    documents: DocumentReader,
) -> Result<BatchRequest, Vec<Fault>> {
    let mut faults = Faults::default();
    let found = read(body, limits, now, documents, &mut faults);
    match found {
        Some(request) if faults.0.is_empty() => Ok(request),
        _ => Err(faults.0),
    }
}

/// The parts of the body that every list is read with.
struct BatchCommon {
    live_path: Option<LivePath>,
    bounds: SpanBounds,
    documents: DocumentReader,
    /// `true` if `zero` is the event's start.
    is_zero_event_start: bool,
}

fn read(
    body: &RequestJson,
    limits: &Limits,
    now: EpochMs,
    documents: DocumentReader,
    faults: &mut Faults,
) -> Option<BatchRequest> {
    let known: Vec<&str> = KNOWN.into_iter().chain(LISTS).collect();
    let members = Members::new("", body, &known, faults)?;
    let common = common(&members, limits, now, documents, faults);
    let containers = [("ts", Container::Ts), ("mp4", Container::Mp4)];
    let container = members.word("container", &containers, faults).unwrap_or(Container::Ts);
    let target = members.get("target").and_then(|value| target(value, faults));
    let codecs =
        [("as_recorded", ExportType::AsRecorded), ("h264", ExportType::H264), ("h265", ExportType::H265)];
    let export_type = members.word("export_type", &codecs, faults).unwrap_or(ExportType::AsRecorded);
    let story = members.get("story").and_then(|value| story(value, faults));
    let template = members.text("name", 256, faults);
    let ClipList { clips, skipped, guesses } = list(&members, &common, faults)?;
    within_limits(&clips, limits, faults);
    let delivers = [("clips", Deliver::Clips), ("reel", Deliver::Reel)];
    if members.word("deliver", &delivers, faults) == Some(Deliver::Reel) {
        let request = reel::reel(&clips, &common, template, faults);
        let request =
            request.map(|request| Box::new(ExportRequest { export_type, story: story.clone(), ..request }));
        return Some(BatchRequest {
            container,
            target,
            export_type,
            story,
            wishes: Vec::new(),
            reel: request,
            skipped,
            guesses,
        });
    }
    let wishes = clips.into_iter().filter_map(|clip| {
        let live_path = clip.live_path.clone().or_else(|| common.live_path.clone())?;
        let file_name = match name::of(template, &clip, &live_path) {
            Ok(name) => name,
            Err(detail) => {
                // Each clip would say the same.
                if faults.0.iter().all(|fault| fault.pointer != "/name") {
                    faults.push("/name", detail);
                }
                return None;
            }
        };
        let ClipEntry { n, mark, span, .. } = clip;
        let request =
            ExportRequest { export_type, story: story.clone(), ..request_of(span, live_path, file_name) };
        Some(Wish { n, mark, request })
    });
    let wishes = wishes.collect();
    Some(BatchRequest { container, target, export_type, story, wishes, reel: None, skipped, guesses })
}

/// The request for the clip of a span.
fn request_of(span: ClipSpan, live_path: LivePath, file_name: FileName) -> ExportRequest {
    ExportRequest {
        wanted: Wanted::Media,
        fetch_thumb: false,
        start_pos_ms: span.start_pos_ms,
        start_time_ms: span.start_time_ms,
        duration_ms: span.duration_ms,
        live_path,
        file_name,
        peer_id: None,
        export_type: ExportType::AsRecorded,
        container: None,
        storage: None,
        deprecated_target: None,
        story: None,
        pts: span.pts,
        windows: Vec::new(),
    }
}

fn common(
    members: &Members<'_>,
    limits: &Limits,
    now: EpochMs,
    documents: DocumentReader,
    faults: &mut Faults,
) -> BatchCommon {
    let instant = members.get("zero");
    let is_zero_event_start = instant.and_then(RequestJson::as_text) == Some(EVENT_START);
    let instant = instant.filter(|_| !is_zero_event_start);
    let zero_ms = instant.and_then(|value| zero(value, faults));
    let mut length = |name: &str, least| members.length(name, least, MOST_SHIFT, faults).unwrap_or_default();
    let base = Base {
        zero_ms,
        shift_ms: length("shift_ms", Millis::ZERO - MOST_SHIFT),
        pad_before_ms: length("pad_before_ms", Millis::ZERO),
        pad_after_ms: length("pad_after_ms", Millis::ZERO),
    };
    let latest_ms = now + Millis::from_days(limits.max_ahead_days);
    let bounds = SpanBounds {
        base,
        max_duration_ms: limits.max_duration_ms,
        latest_ms,
        max_ahead_days: limits.max_ahead_days,
        most_clips: limits.max_batch_clips,
    };
    BatchCommon { live_path: members.live_path(faults), bounds, documents, is_zero_event_start }
}

/// The list of the one member that brings it.
fn list(members: &Members<'_>, common: &BatchCommon, faults: &mut Faults) -> Option<ClipList> {
    let mut given = LISTS.into_iter().filter_map(|name| Some((name, members.get(name)?)));
    let (Some((name, value)), None) = (given.next(), given.next()) else {
        faults.push("", format!("must have exactly one of {}", LISTS.join(", ")));
        return None;
    };
    let is_document = ["document", "mre"].contains(&name);
    if !is_document {
        for choice in CHOICES.iter().filter(|choice| members.get(choice).is_some()) {
            faults.push(members.place(choice), "goes with a document or an event only");
        }
        if common.is_zero_event_start {
            faults.push("/zero", "must be an instant: event_start goes with a document or an event only");
        }
    }
    if (is_document || name == "edl") && members.get("live_path").is_none() {
        faults.push("/live_path", "is required");
    }
    let needs_path = common.live_path.is_none();
    let listed = match (name, value) {
        ("clips", RequestJson::List(items)) => Ok(clips(items, common, faults)),
        ("csv", RequestJson::Text(text)) => csv::clips(text, &common.bounds, needs_path),
        ("edl", value) => edit_list(value, common, faults)?,
        ("document" | "mre", value) => document(members, &members.place(name), value, common, faults),
        (_, _) => Err(vec![Fault::at(
            members.place(name),
            if name == "csv" { "must be a string" } else { "must be a list" },
        )]),
    };
    match listed {
        Ok(listed) if listed.clips.is_empty() && name != "clips" => {
            faults.push(
                members.place(name),
                format!("gives no clip; {} entries were skipped", listed.skipped.len()),
            );
            None
        }
        Ok(ClipList { clips, skipped, guesses }) => Some(ClipList { clips, skipped: told(skipped), guesses }),
        Err(found) => {
            for fault in found {
                faults.add(fault);
            }
            None
        }
    }
}

/// The skipped entries, of which a long list names the first ones and counts the others.
fn told(mut skipped: Vec<Skipped>) -> Vec<Skipped> {
    let more = skipped.len().saturating_sub(MOST_SKIPPED);
    if let Some(first) = skipped.get_mut(MOST_SKIPPED).filter(|_| more > 1) {
        first.why = format!("and {} entries behind it make no clip either", more - 1);
        skipped.truncate(MOST_SKIPPED + 1);
    }
    skipped
}

/// The clips of `edl`; `None` if its members have faults.
fn edit_list(
    value: &RequestJson,
    common: &BatchCommon,
    faults: &mut Faults,
) -> Option<Result<ClipList, Vec<Fault>>> {
    const RATES: &str = "must be 24000/1001, 24, 25, 30000/1001, 30, 48000/1001, 48, 50, 60000/1001 or 60";
    let members = Members::new("/edl", value, &["text", "fps", "drop"], faults)?;
    if members.get("text").is_none() {
        faults.push("/edl/text", "is required");
    }
    let text = members.text("text", MAX_BODY, faults);
    let rate = match members.get("fps") {
        Some(RequestJson::Text(text)) => Rate::read(text),
        Some(RequestJson::Number(number)) => Rate::read(&number.to_string()),
        _ => None,
    };
    if rate.is_none() {
        faults.push("/edl/fps", RATES);
    }
    let is_drop = members.boolean("drop", faults).unwrap_or(false);
    Some(edl::clips(text?, rate?, is_drop, &common.bounds))
}

/// The clips of the segments that the request chooses of the document at `place`.
fn document(
    members: &Members<'_>,
    place: &str,
    value: &RequestJson,
    common: &BatchCommon,
    faults: &mut Faults,
) -> Result<ClipList, Vec<Fault>> {
    let choice = choice(members, common, faults);
    let found = (common.documents)(value, place).map_err(|fault| vec![fault])?;
    segments::clips(&found, &choice, &common.bounds, place)
}

fn choice(members: &Members<'_>, common: &BatchCommon, faults: &mut Faults) -> SegmentChoice {
    let times = [
        ("original", SegmentTimes::Original),
        ("optimized", SegmentTimes::Optimized),
        ("optimized_else_original", SegmentTimes::OptimizedElseOriginal),
    ];
    let features = match members.get("features") {
        None => Some(Vec::new()),
        Some(RequestJson::List(items)) => {
            let name = |item: &RequestJson| {
                let text = item.as_text().filter(|text| !text.is_empty() && has_at_most(text, 256));
                text.map(str::to_owned)
            };
            items
                .iter()
                .map(name)
                .collect::<Option<Vec<_>>>()
                .filter(|names| (1..=MOST_FEATURES).contains(&names.len()))
        }
        Some(_) => None,
    };
    if features.is_none() {
        faults.push("/features", format!("must be a list of 1 to {MOST_FEATURES} names"));
    }
    SegmentChoice {
        times: members.word("segments", &times, faults).unwrap_or_default(),
        track: members.integer("audio_track", 0, 10_000, faults).map(|track| track.to_string()),
        features: features.unwrap_or_default(),
        is_liked: members.boolean("liked", faults).unwrap_or(false),
        is_zero_event_start: common.is_zero_event_start,
        has_time_stamps: common.live_path.as_ref().is_some_and(LivePath::is_playlist),
    }
}

fn clips(items: &[RequestJson], common: &BatchCommon, faults: &mut Faults) -> ClipList {
    let mut clips = Vec::new();
    for (at, item) in items.iter().enumerate().take(common.bounds.most_clips.saturating_add(1)) {
        if faults.is_full() {
            break;
        }
        clips.extend(clip(at, item, common, faults));
    }
    if items.is_empty() {
        faults.push("/clips", "is empty");
    }
    ClipList { clips, ..ClipList::default() }
}

fn clip(at: usize, item: &RequestJson, common: &BatchCommon, faults: &mut Faults) -> Option<ClipEntry> {
    const CLIP: [&str; 6] = ["start", "end", "duration_ms", "name", "ref", "live_path"];
    let pointer = format!("/clips/{at}");
    let members = Members::new(&pointer, item, &CLIP, faults)?;
    let span = span(&members, common, faults);
    let name = members.text("name", 4096, faults);
    if let Some(Err(error)) = name.map(FileName::parse) {
        faults.push(members.place("name"), error.to_string());
    }
    let mark = members.text("ref", 64, faults).map(str::to_owned);
    let live_path = members.live_path(faults);
    if common.live_path.is_none() && members.get("live_path").is_none() {
        faults.push(members.place("live_path"), "is required, here or for the whole batch");
    }
    Some(ClipEntry {
        n: at + 1,
        span: span?,
        name: name.map(str::to_owned),
        mark,
        live_path,
        labels: Vec::new(),
    })
}

fn span(members: &Members<'_>, common: &BatchCommon, faults: &mut Faults) -> Option<ClipSpan> {
    let zero = common.bounds.base.zero_ms;
    let mut time = |name: &str, up: bool| match members.get(name).map(|value| time(value, zero, up)) {
        Some(Ok(ms)) => Some(ms),
        Some(Err(detail)) => {
            faults.push(members.place(name), detail);
            None
        }
        None => None,
    };
    let (start, end) = (time("start", false), time("end", true));
    if members.get("start").is_none() {
        faults.push(members.place("start"), "is required");
    }
    let most = common.bounds.max_duration_ms;
    let duration = members.length("duration_ms", Millis::new(1), most, faults);
    let behind = match (members.get("end"), members.get("duration_ms")) {
        (Some(_), Some(_)) => {
            faults.push(members.place("end"), "must be left out beside duration_ms");
            None
        }
        (None, None) => {
            faults.push(members.place("end"), "is required, or duration_ms");
            None
        }
        (Some(_), None) => end,
        (None, Some(_)) => start.zip(duration).map(|(start, length)| start + length),
    };
    let last = if members.get("end").is_some() { "end" } else { "duration_ms" };
    let span = common.bounds.span(start?, behind?);
    span.map_err(|wrong| {
        faults.push(members.place(if wrong.is_of_start { "start" } else { last }), wrong.detail);
    })
    .ok()
}

/// The instant of a time in a list: RFC 3339, milliseconds since 1970, or seconds since `zero`. Fractions of a
/// millisecond are rounded down, or up.
fn time(value: &RequestJson, zero: Option<EpochMs>, up: bool) -> Result<EpochMs, &'static str> {
    match (value, zero) {
        (RequestJson::Text(text), _) => instant(text, up).ok_or(NO_INSTANT),
        (RequestJson::Number(number), Some(zero)) => {
            let since_zero = seconds(&number.to_string(), up).ok_or("is out of range")?;
            Ok(zero + since_zero)
        }
        (RequestJson::Number(_), None) => epoch_ms(value),
        _ => Err("must be an RFC 3339 time, milliseconds since 1970, or seconds since zero"),
    }
}

fn epoch_ms(value: &RequestJson) -> Result<EpochMs, &'static str> {
    match value.as_integer().map(EpochMs::new) {
        Some(at) if (EpochMs::ZERO..LEAST_EPOCH).contains(&at) => {
            Err("looks like seconds; without zero it must be in milliseconds since 1970")
        }
        Some(at) => Ok(at),
        None => Err("must be an integer of milliseconds since 1970, or zero must be given"),
    }
}

const NO_INSTANT: &str = "must be an RFC 3339 time";

fn zero(value: &RequestJson, faults: &mut Faults) -> Option<EpochMs> {
    let found = match value {
        RequestJson::Text(text) => instant(text, false).ok_or(NO_INSTANT),
        _ => epoch_ms(value),
    };
    found.map_err(|detail| faults.push("/zero", detail)).ok()
}

fn target(value: &RequestJson, faults: &mut Faults) -> Option<TargetName> {
    let members = Members::new("/target", value, &["bucket", "region", "root"], faults)?;
    if members.get("bucket").is_none() {
        faults.push("/target/bucket", "is required");
    }
    let mut text = |name: &str, most: usize| members.text(name, most, faults).map(str::to_owned);
    let (bucket, region, root) = (text("bucket", 255), text("region", 64), text("root", 512));
    let root = root.map(|root| root.trim_matches('/').to_owned()).unwrap_or_default();
    Some(TargetName { bucket: bucket?, region: region.unwrap_or_default(), root })
}

fn story(value: &RequestJson, faults: &mut Faults) -> Option<Story> {
    let members = Members::new("/story", value, &["id", "name"], faults)?;
    let id = members.text("id", 64, faults);
    if id.is_some_and(|id| !id.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        faults.push("/story/id", "must have letters and digits only");
    }
    let name = members.text("name", 256, faults);
    Some(Story { id: id.map(str::to_owned), name: name.map(str::to_owned), slug: None })
}

fn within_limits(clips: &[ClipEntry], limits: &Limits, faults: &mut Faults) {
    let most = limits.max_batch_clips;
    if clips.len() > most {
        faults.push("", format!("has more than {most} clips"));
    }
    let total = clips.iter().fold(Millis::ZERO, |sum, clip| sum + clip.span.duration_ms);
    let most = limits.max_batch_duration_ms;
    if total > most {
        faults.push("", format!("has clips of {total} ms together, and may have {most} ms"));
    }
}

#[cfg(test)]
mod tests;
