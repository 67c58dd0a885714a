//! Instants and lengths as people write them, and their place in a recording.

use export_domain::time::{EpochMs, Millis};
use export_domain::timecode::{Label, Labels, Rate};
use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// Fewer milliseconds since 1970 than these are seconds that were taken for milliseconds.
const LEAST_EPOCH_MS: i64 = 100_000_000_000;

/// Why a text is no instant or no length; what is meant stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// A number that must have been counted in seconds.
    #[error(
        "{0} looks like seconds; milliseconds are meant: write {0}000, or a date as 2026-07-04T20:00:00Z"
    )]
    Seconds(String),
    /// A date without its offset.
    #[error("the date has no offset from UTC: end it with Z, or with one as +02:00")]
    NoOffset,
    /// A number without its unit.
    #[error("{0} of what? write {0}s, {0}ms, or {0}f for frames")]
    NoUnit(String),
    /// Another text where an instant is meant.
    #[error(
        "not a time: write a date as 2026-07-04T20:00:00Z, milliseconds since 1970, the recording's own time as 00:13:12.500, or now, now-30s, live, live-30s"
    )]
    NotAMoment,
    /// Another text where a length is meant.
    #[error("not a length of time: write it as 9s, 1m30s, 1500ms, 00:00:09 or 225f")]
    NotALength,
}

/// An instant as it was written; a [`RecordingTimeline`] places it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An instant of the wall clock.
    At(EpochMs),
    /// Time since the recording began.
    Recorded(Millis),
    /// A frame since the recording began, by its label.
    Labelled(Label),
    /// The present, and so much later.
    Now(Millis),
    /// The end of what is recorded, and so much later.
    Live(Millis),
    /// So much after the start of the window.
    After(Length),
}

/// A length as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Milliseconds.
    Time(Millis),
    /// Frames.
    Frames(u32),
}

impl FromStr for Moment {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        if let Some(offset) = text.strip_prefix("now") {
            return relative(offset).map(Self::Now);
        }
        if let Some(offset) = text.strip_prefix("live") {
            return relative(offset).map(Self::Live);
        }
        if let Some(length) = text.strip_prefix('+') {
            return length.parse().map(Self::After);
        }
        if let Some(number) = integer(text) {
            let is_epoch = number >= LEAST_EPOCH_MS;
            return if is_epoch { Ok(Self::At(EpochMs::new(number))) } else { Err(seconds(text)) };
        }
        if let Some(label) = Label::read(text) {
            return Ok(Self::Labelled(label));
        }
        clock(text).map(Self::Recorded).map_or_else(|| date(text), Ok)
    }
}

fn seconds(text: &str) -> TimeError {
    TimeError::Seconds(text.to_owned())
}

/// The `-30s` or `+5s` behind `now` and `live`.
fn relative(text: &str) -> Result<Millis, TimeError> {
    let (sign, length) = match (text, text.strip_prefix('-'), text.strip_prefix('+')) {
        ("", _, _) => return Ok(Millis::ZERO),
        (_, Some(length), _) => (-1, length),
        (_, _, Some(length)) => (1, length),
        _ => return Err(TimeError::NotAMoment),
    };
    match length.parse()? {
        Length::Time(length) => Ok(length * sign),
        Length::Frames(_) => Err(TimeError::NotAMoment),
    }
}

fn integer(text: &str) -> Option<i64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn date(text: &str) -> Result<Moment, TimeError> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Moment::At(EpochMs::new(at.as_millisecond())));
    }
    let is_date = text.len() >= 10 && text.as_bytes().get(4) == Some(&b'-');
    Err(if is_date && format!("{text}Z").parse::<Timestamp>().is_ok() {
        TimeError::NoOffset
    } else {
        TimeError::NotAMoment
    })
}

/// `H:MM:SS` or `H:MM:SS.mmm`.
fn clock(text: &str) -> Option<Millis> {
    let mut parts = text.split(':');
    let (hours, minutes, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    if parts.next().is_some() || hours.len() > 3 || minutes.len() != 2 || whole.len() != 2 {
        return None;
    }
    let (hours, minutes, whole) = (integer(hours)?, integer(minutes)?, integer(whole)?);
    let time = Millis::from_hours(hours) + Millis::from_mins(minutes) + Millis::from_secs(whole);
    (minutes < 60 && whole < 60).then_some(time + thousandths(fraction)?)
}

/// The milliseconds of the digits behind a point, at most three.
fn thousandths(digits: &str) -> Option<Millis> {
    let scale = [100, 10, 1].get(digits.len().checked_sub(1)?)?;
    integer(digits).map(|number| Millis::new(number * scale))
}

impl FromStr for Length {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        if let Some(frames) = text.strip_suffix('f').and_then(integer) {
            return u32::try_from(frames).map(Self::Frames).map_err(|_| TimeError::NotALength);
        }
        if integer(text).is_some() {
            return Err(TimeError::NoUnit(text.to_owned()));
        }
        clock(text).or_else(|| units(text)).map(Self::Time).ok_or(TimeError::NotALength)
    }
}

/// Units from the largest to the smallest, in milliseconds.
const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// `1h2m3.5s`, `1m30`: each unit once, from the largest on; a last number without a unit counts in seconds.
fn units(text: &str) -> Option<Millis> {
    let (mut rest, mut total, mut last) = (text, 0_i64, None);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let place = match (unit, last) {
            ("", Some(2)) => 3,
            _ => UNITS.iter().position(|(name, _)| *name == unit)?,
        };
        if last.is_some_and(|last| place <= last) {
            return None;
        }
        let (_, scale) = UNITS.get(place)?;
        let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
        let part = match fraction {
            None => Millis::ZERO,
            Some(digits) if place == 3 => thousandths(digits)?,
            Some(_) => return None,
        };
        let whole = integer(whole)?.checked_mul(*scale)?;
        total = total.checked_add(whole)?.checked_add(part.get())?;
        (rest, last) = (behind, Some(place));
    }
    last.map(|_| Millis::new(total))
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(frames) => write!(f, "{frames}f"),
            Self::Time(time) => f.write_str(&length_text(*time)),
        }
    }
}

/// A length as this module reads it: `1h2m3.5s`.
pub fn length_text(length: Millis) -> String {
    let (mut parts, mut left) = (Vec::new(), length.get().max(0));
    for (name, scale) in &UNITS[..3] {
        if left >= *scale {
            parts.push(format!("{}{name}", left / scale));
            left %= scale;
        }
    }
    match (left / 1000, left % 1000) {
        (0, 0) if !parts.is_empty() => {}
        (whole, 0) => parts.push(format!("{whole}s")),
        (whole, part) => parts.push(format!("{}s", format!("{whole}.{part:03}").trim_end_matches('0'))),
    }
    parts.concat()
}

/// Time of a recording as this module reads it: `00:13:12.500`.
pub fn clock_text(time: Millis) -> String {
    let ms = time.get().max(0);
    let (hours, minutes, whole) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{whole:02}.{:03}", ms % 1000)
}

/// The clocks that a window is placed on.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordingTimeline {
    /// The present.
    pub now: EpochMs,
    /// The recording's clocks, if they are known.
    pub recording: Option<RecordingClocks>,
    /// Frames in a second.
    pub rate: Option<Rate>,
}

/// The clocks of one recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingClocks {
    /// The instant of the recording's time 0; `None` without a wall clock.
    pub origin: Option<EpochMs>,
    /// The end of what is recorded, in the recording's time.
    pub end: Option<Millis>,
}

/// An instant on both clocks: `StartPos` and `StartTime` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowPoint {
    /// On the wall clock.
    pub at: EpochMs,
    /// Since the recording began.
    pub time: Millis,
}

/// Why an instant has no place in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// The recording's own time needs to know the recording.
    #[error("the recording's own time is not known, since the service does not describe the recording")]
    Unknown,
    /// The wall clock says nothing about such a recording.
    #[error("the recording has no wall clock: only its own time counts, as 00:13:12.500")]
    NoWallClock,
    /// The manifest does not say how far the recording has come.
    #[error("the recording does not say how far it has come: `live` has no place")]
    NoEdge,
    /// Frames need a rate.
    #[error("frames need a frame rate: give --fps, as --fps 25 or --fps 30000/1001")]
    NoRate,
    /// No frame bears the label.
    #[error("no frame has this label at this frame rate")]
    NoFrame,
    /// `+5s` where a window starts.
    #[error("+D counts from --from, and has no place there itself")]
    AfterNothing,
    /// The end is not behind the start.
    #[error("the window is empty: its end is not after its start")]
    Empty,
}

impl RecordingTimeline {
    /// The place of an instant; `from` is the start of the window that it ends, if it ends one.
    ///
    /// # Errors
    /// [`PlaceError`] if it has none.
    pub fn place(&self, moment: Moment, from: Option<WindowPoint>) -> Result<WindowPoint, PlaceError> {
        match moment {
            Moment::At(at) => self.at(at),
            Moment::Now(offset) => self.at(self.now + offset),
            Moment::Recorded(time) => self.recorded(time),
            Moment::Labelled(label) => self.recorded(self.labelled(label)?),
            Moment::Live(offset) => {
                let clocks = self.recording.ok_or(PlaceError::Unknown)?;
                self.recorded(clocks.end.ok_or(PlaceError::NoEdge)? + offset)
            }
            Moment::After(length) => {
                let from = from.ok_or(PlaceError::AfterNothing)?;
                let length = self.length(length)?;
                Ok(WindowPoint { at: from.at + length, time: from.time + length })
            }
        }
    }

    /// A length in milliseconds.
    ///
    /// # Errors
    /// [`PlaceError::NoRate`] for frames without a rate.
    pub fn length(&self, length: Length) -> Result<Millis, PlaceError> {
        match length {
            Length::Time(time) => Ok(time),
            Length::Frames(frames) => Ok(self.rate.ok_or(PlaceError::NoRate)?.start(i64::from(frames))),
        }
    }

    fn at(&self, at: EpochMs) -> Result<WindowPoint, PlaceError> {
        let Some(clocks) = self.recording else { return Ok(WindowPoint { at, time: Millis::ZERO }) };
        let origin = clocks.origin.ok_or(PlaceError::NoWallClock)?;
        Ok(WindowPoint { at, time: (at - origin).max(Millis::ZERO) })
    }

    fn recorded(&self, time: Millis) -> Result<WindowPoint, PlaceError> {
        let clocks = self.recording.ok_or(PlaceError::Unknown)?;
        // Without a wall clock only the recording's own time counts, and any number does for the other.
        Ok(WindowPoint { at: clocks.origin.unwrap_or(EpochMs::ZERO) + time, time })
    }

    fn labelled(&self, label: Label) -> Result<Millis, PlaceError> {
        let rate = self.rate.ok_or(PlaceError::NoRate)?;
        let labels = Labels::new(rate, label.is_drop()).ok_or(PlaceError::NoFrame)?;
        labels.frame(label).map(|frame| rate.start(frame)).ok_or(PlaceError::NoFrame)
    }
}

#[cfg(test)]
mod tests;
