//! `POST /export/batch`: from a JSON body to clips in which every member has passed its rule. All or nothing: a body with
//! a fault gives its faults, each with a pointer, and no clip.

use super::{Base, ClipEntry, ClipList, ClipSpan, Fault, Guess, MOST_FAULTS, Skipped};
use crate::ids::{FileName, LivePath};
use crate::json::{RequestJson, has_at_most};
use crate::request::{ExportRequest, ExportType, Story, Wanted};
use crate::settings::Limits;
use crate::storage::Container;
use jiff::Timestamp;

mod name;

/// Largest body in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
const DAY_MS: i64 = 24 * 3_600_000;
/// Numbers below are seconds that were meant to be milliseconds: as milliseconds they lie before March 1973.
const LEAST_EPOCH_MS: i64 = 100_000_000_000;
/// Most of a shift or a pad.
const MOST_SHIFT_MS: i64 = 30 * DAY_MS;

/// The members of the body.
const KNOWN: [&str; 10] = [
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
];
/// The members that bring the list, of which a body has exactly one.
const LISTS: [&str; 1] = ["clips"];

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
    /// The entries of the list that make no clip.
    pub skipped: Vec<Skipped>,
    /// What was guessed.
    pub guesses: Vec<Guess>,
}

/// Judges a body. `now` is the time of the request, in milliseconds since 1970.
///
/// # Errors
/// The faults in the order of the text, at most [`MOST_FAULTS`].
pub fn parse(body: &RequestJson, limits: &Limits, now: i64) -> Result<BatchRequest, Vec<Fault>> {
    let mut faults = Faults::default();
    let found = read(body, limits, now, &mut faults);
    match found {
        Some(request) if faults.0.is_empty() => Ok(request),
        _ => Err(faults.0),
    }
}

/// Faults, of which the first ones are kept.
#[derive(Debug, Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn push(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < MOST_FAULTS {
            self.0.push(Fault::at(pointer, detail));
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() == MOST_FAULTS
    }
}

/// The members of one object and the pointer to it.
#[derive(Clone, Copy)]
struct Members<'a> {
    pointer: &'a str,
    members: &'a [(String, RequestJson)],
}

impl<'a> Members<'a> {
    /// Notes members that are not known or given twice.
    fn new(pointer: &'a str, value: &'a RequestJson, known: &[&str], faults: &mut Faults) -> Option<Self> {
        let Some(members) = value.as_object() else {
            faults.push(pointer, "must be a JSON object");
            return None;
        };
        for (at, (name, _)) in members.iter().enumerate() {
            let shown: String = name.chars().take(64).collect();
            let place = format!("{pointer}/{}", shown.replace('~', "~0").replace('/', "~1"));
            if !known.contains(&name.as_str()) {
                faults.push(place, "is no member of this object");
            } else if members[..at].iter().any(|(other, _)| other == name) {
                faults.push(place, "is given twice");
            }
        }
        Some(Self { pointer, members })
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    /// A member; `null` counts as absent.
    fn get(&self, name: &str) -> Option<&'a RequestJson> {
        let found = self.members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        found.filter(|value| **value != RequestJson::Null)
    }

    /// A text of 1 to `most` characters.
    fn text(&self, name: &str, most: usize, faults: &mut Faults) -> Option<&'a str> {
        match self.get(name)? {
            RequestJson::Text(text) if text.is_empty() => faults.push(self.place(name), "is empty"),
            RequestJson::Text(text) if has_at_most(text, most) => return Some(text),
            RequestJson::Text(_) => faults.push(self.place(name), "is too long"),
            _ => faults.push(self.place(name), "must be a string"),
        }
        None
    }

    /// An integer of `least..=most`.
    fn integer(&self, name: &str, least: i64, most: i64, faults: &mut Faults) -> Option<i64> {
        let number = self.get(name)?.as_integer();
        let found = number.filter(|number| (least..=most).contains(number));
        if found.is_none() {
            faults.push(self.place(name), format!("must be an integer from {least} to {most}"));
        }
        found
    }

    /// One of the words in front of the values.
    fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let text = self.get(name)?.as_text();
        let found = words.iter().find(|(word, _)| Some(*word) == text).map(|(_, value)| *value);
        if found.is_none() {
            let named: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            faults.push(self.place(name), format!("must be one of {}", named.join(", ")));
        }
        found
    }

    fn live_path(&self, faults: &mut Faults) -> Option<LivePath> {
        let text = self.text("live_path", 512, faults)?;
        match LivePath::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                faults.push(self.place("live_path"), error.to_string());
                None
            }
        }
    }
}

/// The parts of the body that every list is read with.
struct BatchCommon<'a> {
    live_path: Option<LivePath>,
    base: Base,
    limits: &'a Limits,
    /// The latest start of a window.
    latest_ms: i64,
}

fn read(body: &RequestJson, limits: &Limits, now: i64, faults: &mut Faults) -> Option<BatchRequest> {
    let known: Vec<&str> = KNOWN.into_iter().chain(LISTS).collect();
    let members = Members::new("", body, &known, faults)?;
    let base = Base {
        zero_ms: members.get("zero").and_then(|value| zero(value, faults)),
        shift_ms: members.integer("shift_ms", -MOST_SHIFT_MS, MOST_SHIFT_MS, faults).unwrap_or(0),
        pad_before_ms: members.integer("pad_before_ms", 0, MOST_SHIFT_MS, faults).unwrap_or(0),
        pad_after_ms: members.integer("pad_after_ms", 0, MOST_SHIFT_MS, faults).unwrap_or(0),
    };
    let latest_ms = now.saturating_add(limits.max_ahead_days.saturating_mul(DAY_MS));
    let common = BatchCommon { live_path: members.live_path(faults), base, limits, latest_ms };
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
        let request = ExportRequest {
            wanted: Wanted::Media,
            fetch_thumb: false,
            start_pos_ms: span.start_pos_ms,
            start_time_ms: span.start_time_ms,
            duration_ms: span.duration_ms,
            live_path,
            file_name,
            peer_id: None,
            export_type,
            container: None,
            storage: None,
            deprecated_target: None,
            story: story.clone(),
        };
        Some(Wish { n, mark, request })
    });
    let wishes = wishes.collect();
    Some(BatchRequest { container, target, export_type, story, wishes, skipped, guesses })
}

/// The list of the one member that brings it.
fn list(members: &Members<'_>, common: &BatchCommon<'_>, faults: &mut Faults) -> Option<ClipList> {
    let mut given = LISTS.into_iter().filter(|name| members.get(name).is_some());
    let (Some(name), None) = (given.next(), given.next()) else {
        faults.push("", format!("must have exactly one of {}", LISTS.join(", ")));
        return None;
    };
    let Some(RequestJson::List(items)) = members.get(name) else {
        faults.push(members.place(name), "must be a list");
        return None;
    };
    Some(clips(items, common, faults))
}

fn clips(items: &[RequestJson], common: &BatchCommon<'_>, faults: &mut Faults) -> ClipList {
    let mut clips = Vec::new();
    for (at, item) in items.iter().enumerate().take(common.limits.max_batch_clips.saturating_add(1)) {
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

fn clip(at: usize, item: &RequestJson, common: &BatchCommon<'_>, faults: &mut Faults) -> Option<ClipEntry> {
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

fn span(members: &Members<'_>, common: &BatchCommon<'_>, faults: &mut Faults) -> Option<ClipSpan> {
    let zero = common.base.zero_ms;
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
    let most = common.limits.max_duration_ms;
    let duration = members.integer("duration_ms", 1, most, faults);
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
        (None, Some(_)) => duration.and_then(|ms| start?.checked_add(ms)),
    };
    let last = if members.get("end").is_some() { "end" } else { "duration_ms" };
    match common.base.span(start?, behind?) {
        Ok(span) if span.duration_ms > most => {
            faults.push(members.place(last), format!("makes the clip longer than {most} ms"));
        }
        Ok(span) if span.start_pos_ms > common.latest_ms => {
            let days = common.limits.max_ahead_days;
            faults.push(members.place("start"), format!("must be at most {days} days ahead"));
        }
        Ok(span) => return Some(span),
        Err(detail) => faults.push(members.place(last), format!("the clip {detail}")),
    }
    None
}

/// Milliseconds since 1970 of a time in a list: RFC 3339, milliseconds since 1970, or seconds since `zero`. Fractions of a
/// millisecond are rounded down, or up.
fn time(value: &RequestJson, zero: Option<i64>, up: bool) -> Result<i64, &'static str> {
    match (value, zero) {
        (RequestJson::Text(text), _) => instant(text, up),
        (RequestJson::Number(number), Some(zero)) => {
            let ms = seconds_to_ms(&number.to_string(), up).ok_or("is out of range")?;
            zero.checked_add(ms).ok_or("is out of range")
        }
        (RequestJson::Number(_), None) => epoch_ms(value),
        _ => Err("must be an RFC 3339 time, milliseconds since 1970, or seconds since zero"),
    }
}

fn epoch_ms(value: &RequestJson) -> Result<i64, &'static str> {
    match value.as_integer() {
        Some(ms) if (0..LEAST_EPOCH_MS).contains(&ms) => {
            Err("looks like seconds; without zero it must be in milliseconds since 1970")
        }
        Some(ms) => Ok(ms),
        None => Err("must be an integer of milliseconds since 1970, or zero must be given"),
    }
}

/// The milliseconds of an RFC 3339 time.
fn instant(text: &str, up: bool) -> Result<i64, &'static str> {
    let time: Timestamp = text.parse().map_err(|_| "must be an RFC 3339 time")?;
    let (ns, per_ms) = (time.as_nanosecond(), 1_000_000);
    let up = i128::from(up && ns.rem_euclid(per_ms) > 0);
    i64::try_from(ns.div_euclid(per_ms) + up).map_err(|_| "is out of range")
}

/// The milliseconds of a JSON number of seconds, from its decimal digits alone. `None` beyond 10^12 seconds.
fn seconds_to_ms(text: &str, up: bool) -> Option<i64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (is_negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    // The value in milliseconds is `digits` times ten to the power of `shift`.
    let shift =
        exponent.parse::<i64>().ok()?.checked_add(3)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let kept = i64::try_from(digits.len()).ok()?.checked_add(shift)?;
    if digits.is_empty() {
        return Some(0);
    }
    if kept > 15 {
        return None;
    }
    let kept = usize::try_from(kept).unwrap_or(0);
    let (above, below) = digits.split_at(kept.min(digits.len()));
    let zeros = "0".repeat(kept.saturating_sub(digits.len()));
    let floor = format!("0{above}{zeros}").parse::<i64>().ok()?;
    let rest = below.bytes().any(|digit| digit != b'0');
    // Rounding down a negative value makes its digits larger.
    let away = i64::from(rest && up != is_negative);
    Some(if is_negative { -(floor + away) } else { floor + away })
}

fn zero(value: &RequestJson, faults: &mut Faults) -> Option<i64> {
    let found = match value {
        RequestJson::Text(text) => instant(text, false),
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
    let total = clips.iter().fold(0i64, |sum, clip| sum.saturating_add(clip.span.duration_ms));
    let most = limits.max_batch_duration_ms;
    if total > most {
        faults.push("", format!("has clips of {total} ms together, and may have {most} ms"));
    }
}

#[cfg(test)]
mod tests;
