//! The formats of a document, and their options.

use std::collections::BTreeMap;

use crate::document::View;
use export_domain::timecode::{Label, Rate};

/// The format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object.
    Json,
    /// The segments, one JSON object a line.
    Ndjson,
    /// The segments as a table (RFC 4180).
    Csv,
    /// An edit decision list (CMX 3600).
    Edl,
    /// An `OpenTimelineIO` timeline.
    Otio,
    /// The segments as cues (`WebVTT`).
    Vtt,
}

impl Format {
    /// Every format, in the order in which they are preferred.
    pub const ALL: [Self; 6] = [Self::Json, Self::Ndjson, Self::Csv, Self::Edl, Self::Otio, Self::Vtt];

    /// The value of the query parameter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Edl => "edl",
            Self::Otio => "otio",
            Self::Vtt => "vtt",
        }
    }

    /// Reads the query parameter `format`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == text)
    }

    /// Returns `true` if it has two views, and stored exports have it too.
    pub fn has_views(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson)
    }

    fn takes(self, option: &str) -> bool {
        match option {
            "track" | "times" => matches!(self, Self::Edl | Self::Otio | Self::Vtt),
            "fps" | "media" | "record" => matches!(self, Self::Edl | Self::Otio),
            "df" | "tc" => self == Self::Edl,
            "clock" => self == Self::Vtt,
            _ => false,
        }
    }
}

/// An option that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {reason}")]
pub struct UnfitOption {
    /// Its name.
    pub parameter: &'static str,
    /// The fault, for people.
    pub reason: &'static str,
}

/// Which borders of a segment are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BorderChoice {
    /// Optimized where the track has them, else original.
    #[default]
    Best,
    /// Optimized; a segment without them is left out.
    Optimized,
    /// Original.
    Original,
}

/// The rate that the frames of an edit are counted in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EditMedia {
    /// The recording of the event.
    #[default]
    Event,
    /// The clip of each segment.
    Clips,
}

/// The clock of cues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CueClock {
    /// That of the event.
    Event,
    /// The segments one after another, as in the replay's video.
    Replay,
}

/// The options of formats with edits, to the extent that they are given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditOptions {
    /// Audio track whose borders and clips are used.
    pub track: Option<String>,
    /// Which borders.
    pub times: BorderChoice,
    /// The frame rate.
    pub fps: Option<Rate>,
    /// `true` if labels are dropped.
    pub is_drop: bool,
    /// The rate that the frames of an edit are counted in.
    pub media: EditMedia,
    /// Label of the event's time 0.
    pub tc: Option<Label>,
    /// First label of what is edited together.
    pub record: Option<Label>,
    /// The clock of cues.
    pub clock: Option<CueClock>,
}

/// The format that a document is rendered in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendering {
    /// The format.
    pub format: Format,
    /// The view, for formats that have two.
    pub view: View,
    /// The options of edits.
    pub edits: EditOptions,
}

impl From<View> for Rendering {
    fn from(view: View) -> Self {
        Self { format: Format::Json, view, edits: EditOptions::default() }
    }
}

impl Rendering {
    /// Names of the options.
    pub const OPTIONS: [&'static str; 8] = ["track", "times", "fps", "df", "media", "tc", "record", "clock"];

    /// Reads the options that `given` names for `format`.
    ///
    /// # Errors
    /// When an option does not belong to the format, has a value that is not known, or does not go with another.
    pub fn read(format: Format, view: View, given: &BTreeMap<String, String>) -> Result<Self, UnfitOption> {
        let mut edits = EditOptions::default();
        for parameter in Self::OPTIONS {
            if let Some(value) = given.get(parameter) {
                let refused = |reason| UnfitOption { parameter, reason };
                if !format.takes(parameter) {
                    return Err(refused("is no option of this format"));
                }
                edits.set(parameter, value).map_err(refused)?;
            }
        }
        let clash = |parameter, reason| Err(UnfitOption { parameter, reason });
        if edits.tc.is_some() && edits.media == EditMedia::Clips {
            return clash("tc", "does not go with media=clips, whose files begin at 00:00:00:00");
        }
        let is_drop = |label: Option<Label>| label.is_some_and(Label::is_drop);
        if !edits.is_drop && is_drop(edits.tc) {
            return clash("tc", "is a drop-frame label, which goes with df=1");
        }
        if !edits.is_drop && is_drop(edits.record) {
            return clash("record", "is a drop-frame label, which goes with df=1");
        }
        Ok(Self { format, view, edits })
    }
}

impl EditOptions {
    fn set(&mut self, parameter: &str, value: &str) -> Result<(), &'static str> {
        match parameter {
            "track" => self.track = Some(track(value).ok_or("must be the number of an audio track")?),
            "times" => {
                self.times = match value {
                    "best" => BorderChoice::Best,
                    "optimized" => BorderChoice::Optimized,
                    "original" => BorderChoice::Original,
                    _ => return Err("must be best, optimized or original"),
                }
            }
            "fps" => {
                let known = Rate::named(value);
                let rates = "must be 23.976, 24, 25, 29.97, 30, 47.952, 48, 50, 59.94 or 60";
                self.fps = Some(known.ok_or(rates)?);
            }
            "df" => self.is_drop = one_of(value, ["0", "1"]).ok_or("must be 0 or 1")?,
            "media" => {
                let clips = one_of(value, ["event", "clips"]).ok_or("must be event or clips")?;
                self.media = if clips { EditMedia::Clips } else { EditMedia::Event };
            }
            "tc" => self.tc = Some(Label::read(value).ok_or("must be HH:MM:SS:FF")?),
            "record" => self.record = Some(Label::read(value).ok_or("must be HH:MM:SS:FF")?),
            _ => {
                let replay = one_of(value, ["event", "replay"]).ok_or("must be event or replay")?;
                self.clock = Some(if replay { CueClock::Replay } else { CueClock::Event });
            }
        }
        Ok(())
    }
}

/// Returns `true` if `value` is the second of two values; `None` when it is neither.
fn one_of(value: &str, [first, second]: [&str; 2]) -> Option<bool> {
    if value == second { Some(true) } else { (value == first).then_some(false) }
}

fn track(value: &str) -> Option<String> {
    let digits = (1..=5).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse::<u32>().ok().map(|number| number.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, query: &str) -> Result<Rendering, String> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let given = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let format = Format::parse(format).unwrap();
        Rendering::read(format, View::Guide, &given).map_err(|unfit| unfit.to_string())
    }

    #[test]
    fn options_are_read() {
        let all = "track=02&times=original&fps=29.97&df=1&media=event&tc=10:00:00;00&record=00:00:00:00";
        let edits = read("edl", all).unwrap().edits;
        assert_eq!(
            edits,
            EditOptions {
                track: Some("2".to_owned()),
                times: BorderChoice::Original,
                fps: Rate::named("29.97"),
                is_drop: true,
                media: EditMedia::Event,
                tc: Label::read("10:00:00;00"),
                record: Some(Label::at(0)),
                clock: None,
            }
        );
        let edits = read("otio", "times=optimized&media=clips").unwrap().edits;
        assert_eq!((edits.times, edits.media), (BorderChoice::Optimized, EditMedia::Clips));
        assert_eq!(read("vtt", "clock=replay").unwrap().edits.clock, Some(CueClock::Replay));
        assert_eq!(read("vtt", "times=best&clock=event").unwrap().edits.clock, Some(CueClock::Event));
    }

    #[test]
    fn an_option_that_does_not_fit_is_refused_by_its_name() {
        for (format, query, refusal) in [
            ("json", "fps=25", "fps: is no option of this format"),
            ("csv", "track=1", "track: is no option of this format"),
            ("otio", "df=0", "df: is no option of this format"),
            ("vtt", "fps=25", "fps: is no option of this format"),
            ("edl", "clock=event", "clock: is no option of this format"),
            ("edl", "fps=29.970", "fps: must be 23.976, 24, 25, 29.97, 30, 47.952, 48, 50, 59.94 or 60"),
            ("edl", "df=true", "df: must be 0 or 1"),
            ("edl", "track=", "track: must be the number of an audio track"),
            ("edl", "track=-1", "track: must be the number of an audio track"),
            ("edl", "track=123456", "track: must be the number of an audio track"),
            ("edl", "times=Best", "times: must be best, optimized or original"),
            ("otio", "media=files", "media: must be event or clips"),
            ("edl", "tc=10:00", "tc: must be HH:MM:SS:FF"),
            ("otio", "record=1", "record: must be HH:MM:SS:FF"),
            ("vtt", "clock=", "clock: must be event or replay"),
            ("edl", "tc=00:00:00;00", "tc: is a drop-frame label, which goes with df=1"),
            ("otio", "record=00:00:00;00", "record: is a drop-frame label, which goes with df=1"),
            (
                "edl",
                "media=clips&tc=10:00:00:00",
                "tc: does not go with media=clips, whose files begin at 00:00:00:00",
            ),
        ] {
            assert_eq!(read(format, query), Err(refusal.to_owned()), "{format} {query}");
        }
        assert_eq!(Format::parse("xml"), None);
    }
}
