//! Segments as edits: which stretch of which recording, in whole frames or milliseconds.

use std::ops::Range;

use crate::attr::Attr;
use crate::format::{BorderChoice, CueClock, EditMedia, EditOptions, Format, Rendering, UnfitOption};
use crate::keys::EventKey;
use crate::model::{ClassifiedSegment, Event, of_track};
use crate::number;
use crate::replay::ReplayRequest;
use crate::seconds::Seconds;
use crate::warnings::{ExportWarning, Warnings};
use export_domain::edl::one_line;
use export_domain::timecode::{Label, Labels, Rate};

/// First label of what is edited together, where no other is asked for.
const RECORD: Label = Label::at(1);

/// Days that an edit lasts at most: an edit list has one more edit for each midnight that it passes.
const MAX_DAYS: i64 = 7;

/// The kind of times that an edit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Borders {
    Original,
    Optimized,
}

/// One segment as an edit.
#[derive(Debug, Clone)]
pub struct Edit {
    /// Place of the segment in the document, counted from 1.
    pub number: usize,
    /// The range of its source: frames, or milliseconds for cues.
    pub source: Range<i64>,
    /// The segment's start and end as the document shows them.
    pub shown: [String; 2],
    /// Names of its features.
    pub features: Vec<String>,
    /// The segment's own file, if edits count in it and it is known.
    pub clip: Option<String>,
    borders: Borders,
}

impl Edit {
    /// Returns the length: frames, or milliseconds for cues.
    pub fn length(&self) -> i64 {
        self.source.end - self.source.start
    }

    /// Names the times of the segment that the edit has.
    pub fn borders(&self) -> &'static str {
        match self.borders {
            Borders::Original => "original",
            Borders::Optimized => "optimized",
        }
    }
}

/// The rules by which segments become edits: the options, with the event's and the replay's values where they leave it
/// open.
#[derive(Debug, Clone)]
pub struct Cut {
    /// Frames in a second.
    pub rate: Rate,
    /// Their labels.
    pub labels: Labels,
    /// The frame of the day that is the event's time 0.
    pub origin: i64,
    /// The frame of the day at which what is edited together begins.
    pub record: i64,
    /// The media in which an edit's source is counted: the recording, or the segment's own file.
    pub media: EditMedia,
    /// The clock of cues.
    pub clock: CueClock,
    times: BorderChoice,
    track: String,
    is_cues: bool,
}

impl Cut {
    /// Works out the options of `rendering` for an event or its replay.
    ///
    /// # Errors
    /// When the event has no frame rate and the format needs one, or an option does not go with the rate.
    pub fn new(
        rendering: &Rendering,
        event: &Event,
        replay: Option<&ReplayRequest>,
    ) -> Result<Self, UnfitOption> {
        let (options, format) = (&rendering.edits, rendering.format);
        let known = options.fps.or_else(|| event.frame_rate.as_deref().and_then(frame_rate));
        let rate = match (known, format) {
            (_, Format::Vtt) => Rate::MILLIS,
            (Some(rate), _) => rate,
            (None, Format::Edl) => return Err(FPS_MISSING),
            (None, _) => Rate::MILLIS,
        };
        let unfit = |parameter, reason| UnfitOption { parameter, reason };
        let labels = Labels::new(rate, options.is_drop);
        let labels = labels.ok_or(unfit("df", "only the rates 29.97 and 59.94 have drop-frame labels"))?;
        let no_label = "is no label of this frame rate";
        let origin = match options.tc {
            _ if options.media == EditMedia::Clips => Some(0),
            Some(label) => labels.frame(label),
            None => Some(time_of_day(event, rate, labels)),
        };
        let record = labels.frame(options.record.unwrap_or(RECORD));
        Ok(Self {
            rate,
            labels,
            origin: origin.ok_or(unfit("tc", no_label))?,
            record: record.ok_or(unfit("record", no_label))?,
            media: options.media,
            clock: options.clock.unwrap_or(match replay {
                Some(_) => CueClock::Replay,
                None => CueClock::Event,
            }),
            times: options.times,
            track: track(options, event, replay),
            is_cues: format == Format::Vtt,
        })
    }

    /// The edit of a segment; `None`, and counted, when it has no frame or lasts longer than any recording.
    fn edit(&self, segment: &ClassifiedSegment, warnings: &mut Warnings) -> Option<Edit> {
        let (borders, times) = self.borders(segment)?;
        let times = times.and_then(|[start, end]| Some([Seconds::read(start)?, Seconds::read(end)?]));
        let frame = |time: Seconds| if self.is_cues { time.millis() } else { time.frame(self.rate) };
        let most = MAX_DAYS.saturating_mul(self.labels.in_a_day());
        let source = times
            .map(|[start, end]| frame(start)..frame(end))
            .filter(|source| !source.is_empty() && source.end - source.start <= most);
        warnings.add_if(source.is_none(), ExportWarning::SegmentWithoutFrames);
        let source = source?;
        let is_of_clips = self.media == EditMedia::Clips;
        Some(Edit {
            number: 0,
            clip: if is_of_clips { self.clip(segment, borders) } else { None },
            source: if is_of_clips { 0..source.end - source.start } else { source },
            shown: Default::default(),
            features: Vec::new(),
            borders,
        })
    }

    /// The times that are used of a segment; `None` when it has not those that are wanted.
    fn borders<'a>(&self, segment: &'a ClassifiedSegment) -> Option<(Borders, Option<[&'a str; 2]>)> {
        let time = |map: &'a Option<Attr>| of_track(map.as_ref(), &self.track)?.as_number();
        let optimized = time(&segment.opto_start).zip(time(&segment.opto_end));
        let original = segment.end.as_number().map(|end| [segment.start.as_str(), end]);
        match (self.times, optimized) {
            (BorderChoice::Best | BorderChoice::Optimized, Some((start, end))) => {
                Some((Borders::Optimized, Some([start, end])))
            }
            (BorderChoice::Optimized, None) => None,
            _ => Some((Borders::Original, original)),
        }
    }

    fn clip(&self, segment: &ClassifiedSegment, borders: Borders) -> Option<String> {
        let clips = match borders {
            Borders::Original => &segment.original_clips,
            Borders::Optimized => &segment.optimized_clips,
        };
        let clip = of_track(clips.as_ref(), &self.track)?.as_str()?;
        (!clip.is_empty()).then(|| clip.to_owned())
    }
}

/// The rate that the Event table names.
fn frame_rate(text: &str) -> Option<Rate> {
    Rate::named(&number::plain(text.trim())?)
}

/// An edit list without a frame rate.
pub const FPS_MISSING: UnfitOption =
    UnfitOption { parameter: "fps", reason: "the event has no frame rate; give one" };

/// The track asked for, else the replay's, else the event's first, else 1.
fn track(options: &EditOptions, event: &Event, replay: Option<&ReplayRequest>) -> String {
    let first = || event.track_names().into_iter().next().unwrap_or_default();
    options.track.clone().or_else(|| replay.and_then(ReplayRequest::track)).unwrap_or_else(first)
}

/// The frame of the day at which an event whose times count from its start in UTC began, else 0.
fn time_of_day(event: &Event, rate: Rate, labels: Labels) -> i64 {
    let is_utc = event.timecode_source.as_ref().and_then(Attr::as_str) == Some("UTC_BASED");
    let start = event.start.as_ref().and_then(Attr::as_str).filter(|_| is_utc);
    let clock = start.and_then(|start| start.split_once('T')).map_or("", |(_, clock)| clock);
    let Some(label) = clock.get(..8).and_then(|clock| Label::read(&format!("{clock}:00"))) else { return 0 };
    let digits = |text: &str| text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let fraction = clock.get(8..).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
    let fraction = Seconds::read(&format!("0.{}", &fraction[..digits(fraction)]));
    labels.frame_at(label) + fraction.map_or(0, |fraction| fraction.frame(rate))
}

/// The edits of a document.
#[derive(Debug)]
pub struct EditList {
    /// The rules by which they were made.
    pub cut: Cut,
    /// The edits, in the order of the segments.
    pub edits: Vec<Edit>,
    /// The event's name.
    pub event: String,
    /// The title: the event, and the replay if it is one's.
    pub title: String,
    /// Segments so far, those without an edit included.
    seen: usize,
}

impl EditList {
    /// An empty list for an event, or its replay.
    pub fn new(cut: Cut, key: &EventKey, replay: Option<&ReplayRequest>) -> Self {
        let replay = replay.map(|request| format!(" / replay {}", request.id)).unwrap_or_default();
        let title = one_line(&format!("{}{replay}", key.name));
        Self { cut, edits: Vec::new(), event: key.name.clone(), title, seen: 0 }
    }

    /// Adds a segment; `features` gives the names of its features.
    pub fn push(
        &mut self,
        segment: &ClassifiedSegment,
        warnings: &mut Warnings,
        features: impl FnOnce() -> Vec<String>,
    ) {
        if let Some(edit) = self.cut_next(segment, warnings) {
            let shown = |number: &str| number::plain(number).unwrap_or_default().into_owned();
            let shown = [&segment.start, segment.end.as_number().unwrap_or_default()].map(shown);
            self.edits.push(Edit { features: features(), shown, ..edit });
        }
    }

    /// The edit of the next segment, without texts, which is counted and not added; `None` if it has none.
    pub fn cut_next(&mut self, segment: &ClassifiedSegment, warnings: &mut Warnings) -> Option<Edit> {
        self.seen += 1;
        self.cut.edit(segment, warnings).map(|edit| Edit { number: self.seen, ..edit })
    }

    /// Segments so far, those without an edit included.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// An empty part of the list, for [`EditList::append`].
    #[must_use]
    pub fn part(&self) -> Self {
        Self {
            cut: self.cut.clone(),
            edits: Vec::new(),
            event: self.event.clone(),
            title: self.title.clone(),
            seen: 0,
        }
    }

    /// Adds the edits of `part`.
    pub fn append(&mut self, part: Self) {
        let seen = self.seen;
        self.edits.extend(part.edits.into_iter().map(|edit| Edit { number: edit.number + seen, ..edit }));
        self.seen += part.seen;
    }
}
