//! One audio track of the clip: recorded frames at their places on the clip's clock. They are copied, except those that
//! the container or the track's other frames do not go with: these are encoded anew.

mod encoded;
mod open;
mod recorded;

pub(crate) use open::{SequencedAudio, WindowAudio, join_audio};

use crate::Source;
use crate::error::Error;
use crate::ffmpeg::Ffmpeg;
use crate::notes::WarningCode;
use crate::source::Reader;
use bytes::Bytes;
use encoded::{Encoded, Given};
use export_media::arrange::{AudioSlots, ClipClock, Piece, ticks};
use export_media::audio::{AudioFormat, AudioTarget};
use export_media::ffmpeg::FileFormat;
use export_media::mux::{MuxSample, TrackMedia, TrackSpec};
use export_media::time::Nanos;
pub(crate) use recorded::PeriodAudio;
use recorded::Recorded;
use std::collections::VecDeque;
use std::sync::Arc;

/// A frame of the clip's form.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) start: Nanos,
    pub(crate) end: Nanos,
    entry: u32,
    /// Frames of one run follow one another; between two runs is a Period's start or a gap.
    run: (usize, u32),
    data: Bytes,
}

/// A Period's part of the track in the clip.
#[derive(Debug)]
pub(crate) struct AudioPart<O> {
    period: PeriodAudio,
    reader: Arc<Reader<O>>,
    /// Added to the recording's clock.
    shift: Nanos,
    /// It has the window's start.
    opens: bool,
    /// It is the window's last part with the track.
    closes: bool,
}

impl<O> AudioPart<O> {
    fn from(&self) -> Nanos {
        self.period.from + self.shift
    }

    fn until(&self) -> Nanos {
        self.period.until + self.shift
    }

    fn recorded(&self) -> Box<Recorded<O>>
    where
        O: Source,
    {
        Box::new(Recorded::new(Arc::clone(&self.reader), self.period.clone()))
    }
}

/// A Period's part of the track, and what becomes of its frames.
#[derive(Debug)]
struct Planned<O> {
    part: AudioPart<O>,
    format: AudioFormat,
    /// The target that it is encoded to; `None` copies it.
    target: Option<AudioTarget>,
}

/// The source of frames.
enum Frames<O> {
    Copied(Box<Recorded<O>>),
    Encoded(Box<Encoded<O>>),
}

/// The means that the track is made with.
pub(crate) struct Means<'a> {
    pub(crate) ffmpeg: &'a Ffmpeg,
    pub(crate) container: FileFormat,
}

/// The track over all Periods of all windows. Its times count on the clock of the windows' sequence: a recording's own, with
/// each window's shift added.
pub(crate) struct AudioTrack<O> {
    ffmpeg: Ffmpeg,
    /// For people.
    name: String,
    parts: VecDeque<Planned<O>>,
    /// The number of parts that have been begun.
    begun: usize,
    current: Option<(Planned<O>, Frames<O>)>,
    /// The reader of the next copied part, if it was asked while the one before it was begun.
    ahead: Option<Box<Recorded<O>>>,
    frames: VecDeque<Frame>,
    spec: TrackSpec,
    slots: AudioSlots,
    /// The end of the frame read last.
    end: Option<Nanos>,
    /// The number of samples in the frame that was copied last.
    length: u32,
    /// The run of the frame placed last, and the piece of the clip that it is in.
    run: Option<((usize, u32), Nanos)>,
    /// The part of the windows that the Periods with this track cover.
    window: (Nanos, Nanos),
    listed: Vec<PeriodAudio>,
    /// The time by which the audio starts before the first picture, for decoders to warm up; zero where it cannot be
    /// hidden.
    lead: Nanos,
}

impl<O: Source> AudioTrack<O> {
    /// Makes one track of `parts`, called `name`; `None` if there are none.
    fn new(means: &Means<'_>, name: String, language: [u8; 3], parts: Vec<AudioPart<O>>) -> Option<Self> {
        let window = (parts.first()?.from(), parts.last()?.until());
        let listed = parts.iter().map(|part| part.period.clone()).collect();
        let (format, parts) = plan(means.container, parts)?;
        let encoded = parts.iter().find_map(|part| part.target);
        let rate = encoded.map_or(format.rate(), |target| target.rate);
        let mut sample_entries: Vec<Bytes> = Vec::new();
        for part in parts.iter().filter(|part| part.target.is_none()) {
            for entry in &part.part.period.track.init.sample_entries {
                let known = sample_entries.contains(&entry.bytes);
                if !known && (sample_entries.is_empty() || !format.shares_entry()) {
                    sample_entries.push(entry.bytes.clone());
                }
            }
        }
        let roll = (format.needs_priming() || encoded.is_some()).then_some(-1);
        let spec = TrackSpec { kind: TrackMedia::Audio, timescale: rate, language, sample_entries, roll };
        Some(Self {
            ffmpeg: means.ffmpeg.clone(),
            name,
            parts: parts.into(),
            begun: 0,
            current: None,
            ahead: None,
            frames: VecDeque::new(),
            slots: AudioSlots::new(rate),
            end: None,
            length: 0,
            run: None,
            spec,
            window,
            listed,
            lead: Nanos::ZERO,
        })
    }

    /// The recorded tracks, one for each Period that has it, each with its part of its window.
    pub(crate) fn parts(&self) -> &[PeriodAudio] {
        &self.listed
    }

    /// The description of the track in the clip; complete once a frame has been seen.
    pub(crate) fn spec(&self) -> &TrackSpec {
        &self.spec
    }

    /// Returns `true` if there is no frame to be heard in the window.
    async fn is_silent(&mut self) -> Result<bool, Error> {
        let (from, until) = self.window;
        loop {
            if let Some(frame) = self.frames.iter().find(|frame| frame.end > from) {
                return Ok(frame.start >= until);
            }
            if !Box::pin(self.load()).await? {
                return Ok(true);
            }
        }
    }

    /// Starts the audio this long before the picture, in whole frames, at least one.
    pub(crate) fn lead_in(&mut self, lead: Nanos) {
        self.lead = lead.max(Nanos::new(1));
    }

    /// The frames whose place is before `until` on the clip's clock. `done` says that `clock` will not grow.
    pub(crate) async fn take(
        &mut self,
        clock: &ClipClock,
        until: Nanos,
        done: bool,
    ) -> Result<Vec<(MuxSample, Bytes)>, Error> {
        let mut taken = Vec::new();
        let Some(last) = clock.pieces().last().copied() else { return Ok(taken) };
        while let Some(frame) = self.peek().await? {
            if frame.start >= last.to || (!done && due(&last, &frame) >= until) {
                break;
            }
            taken.extend(self.place(clock, &frame));
            self.frames.pop_front();
        }
        Ok(taken)
    }

    fn place(&mut self, clock: &ClipClock, frame: &Frame) -> Option<(MuxSample, Bytes)> {
        let half = Nanos::new((frame.end - frame.start).get() / 2);
        let at = clock.pieces().iter().position(|piece| frame.start < piece.to)?;
        let piece = clock.pieces().get(at)?;
        let heard = if at == 0 && self.lead > Nanos::ZERO {
            // Where a frame needs the one before it, that one comes along.
            let primed = if self.spec.roll.is_some() { frame.end - frame.start } else { Nanos::ZERO };
            frame.end + primed > piece.from - self.lead
        } else {
            frame.start + half >= piece.from
        };
        if !heard {
            return None;
        }
        self.place_at(frame, due(piece, frame), piece.at)
    }

    /// Puts a frame of the piece that starts at `piece` to `due` on the clip's clock; `None` if its place is taken.
    pub(crate) fn place_at(&mut self, frame: &Frame, due: Nanos, piece: Nanos) -> Option<(MuxSample, Bytes)> {
        let duration = u32::try_from(ticks(frame.end - frame.start, self.spec.timescale)).ok()?;
        let run = Some((frame.run, piece));
        let dts = self.slots.place(due, duration, self.run != run)?;
        self.run = run;
        let size = u32::try_from(frame.data.len()).ok()?;
        let sample = MuxSample { dts, pts: dts, duration, sync: true, entry: frame.entry, size };
        Some((sample, frame.data.clone()))
    }

    /// The next frame.
    pub(crate) async fn peek(&mut self) -> Result<Option<Frame>, Error> {
        while self.frames.is_empty() {
            if !Box::pin(self.load()).await? {
                return Ok(None);
            }
        }
        Ok(self.frames.front().cloned())
    }

    /// Goes on to the next frame.
    pub(crate) fn skip(&mut self) {
        self.frames.pop_front();
    }

    /// Reads some more frames; `false` past the last ones.
    async fn load(&mut self) -> Result<bool, Error> {
        let (planned, mut source) = match self.current.take() {
            Some(current) => current,
            None => match self.parts.pop_front() {
                Some(planned) => {
                    let source = Box::pin(self.begin(&planned)).await?;
                    (planned, source)
                }
                None => return Ok(false),
            },
        };
        let loaded = match &mut source {
            Frames::Copied(recorded) => {
                Box::pin(recorded.next()).await?.map(|frames| self.copied(&planned, frames))
            }
            Frames::Encoded(encoded) => match Box::pin(encoded.next()).await? {
                Given::Frames(frames, run) => {
                    if self.spec.sample_entries.is_empty() {
                        self.spec.sample_entries.extend(encoded.entry().cloned());
                    }
                    Some(self.encoded(frames, run))
                }
                Given::Undecodable(why) => {
                    self.left_out(&planned, &why);
                    None
                }
                Given::Over => None,
            },
        };
        let Some(frames) = loaded else { return Ok(!self.parts.is_empty()) };
        let AudioPart { opens: first, closes: last, shift, .. } = planned.part;
        let (from, until) = (planned.part.from(), planned.part.until());
        self.current = Some((planned, source));
        let shifted = |frame: Frame| Frame { start: frame.start + shift, end: frame.end + shift, ..frame };
        // What is mostly in a Period belongs to it.
        let middle = |frame: &Frame| Nanos::new((frame.start + frame.end).get() / 2);
        let belongs = |f: &Frame| (first || middle(f) >= from) && (last || middle(f) < until);
        self.frames.extend(frames.into_iter().map(shifted).filter(belongs));
        self.end = self.frames.back().map(|frame| frame.end).or(self.end);
        Ok(true)
    }

    async fn begin(&mut self, planned: &Planned<O>) -> Result<Frames<O>, Error> {
        self.begun += 1;
        let Some(target) = planned.target else {
            let ahead = self.ahead.take();
            return Ok(Frames::Copied(ahead.unwrap_or_else(|| planned.part.recorded())));
        };
        let detail = format!(
            "{}{}: {} became {}",
            self.name,
            self.place_of(planned),
            planned.format.name(),
            target.name()
        );
        planned.part.reader.notes().warn(WarningCode::AudioEncoded, detail);
        let grid = Box::pin(self.grid(&planned.part, target)).await?;
        let grid = grid.map(|grid| grid - planned.part.shift);
        let recorded = *planned.part.recorded();
        let forms = (planned.format.clone(), target);
        Ok(Frames::Encoded(Box::new(Encoded::new(self.ffmpeg.clone(), recorded, forms, grid))))
    }

    /// An instant at which a frame of an encoded part is to start, so that it follows the frames before it without a
    /// gap or, if there are none, so that its last frame ends where the first copied one behind it starts.
    async fn grid(&mut self, part: &AudioPart<O>, target: AudioTarget) -> Result<Option<Nanos>, Error> {
        let meets = |end: Nanos, start: Nanos| Nanos::new((start - end).get().abs()) <= target.frame();
        if self.end.is_some_and(|end| meets(end, part.from())) {
            return Ok(self.end);
        }
        let mut until = part.until();
        let unbroken = self.parts.iter().take_while(|next| {
            let follows = meets(until, next.part.from());
            until = next.part.until();
            follows
        });
        let mut copied = unbroken.filter(|next| next.target.is_none());
        let Some(part) = copied.next().map(|next| &next.part) else { return Ok(self.end) };
        let (from, shift) = (part.from(), part.shift);
        let mut ahead = self.ahead.take().unwrap_or_else(|| part.recorded());
        let begins = Box::pin(ahead.begins()).await?.map(|begins| begins + shift);
        self.ahead = Some(ahead);
        Ok(begins.filter(|begins| meets(from, *begins)).or(self.end))
    }

    fn left_out(&self, planned: &Planned<O>, why: &str) {
        let detail = format!(
            "{}{}: {} cannot be decoded: {why}",
            self.name,
            self.place_of(planned),
            planned.format.name()
        );
        planned.part.reader.notes().warn(WarningCode::AudioLeftOut, detail);
    }

    /// Which part of a track of several is meant.
    fn place_of(&self, planned: &Planned<O>) -> String {
        let several = self.begun + self.parts.len() > 1;
        if several {
            format!(" from {} ms on", planned.part.period.from.to_millis_floor())
        } else {
            String::new()
        }
    }

    fn copied(&mut self, planned: &Planned<O>, frames: Vec<recorded::AudioFrame>) -> Vec<Frame> {
        let entries = &planned.part.period.track.init.sample_entries;
        let rate = self.spec.timescale;
        let (last, mut before) = (self.parts.is_empty(), self.length);
        let frame = |frame: recorded::AudioFrame| {
            let own = entries.get(frame.entry);
            let entry = self.spec.sample_entries.iter().position(|e| own.is_some_and(|own| *e == own.bytes));
            let said = planned.format.frame_length(ticks(frame.end - frame.start, rate));
            // A part that follows starts behind what is decoded; the clip ends where the recording says.
            let length = if last { said } else { planned.format.decoded_length(said, before) };
            before = length;
            Frame {
                start: frame.start,
                end: frame.start + export_media::arrange::nanos(i64::from(length), rate),
                entry: entry.and_then(|entry| u32::try_from(entry).ok()).unwrap_or(0),
                run: (self.begun, 0),
                data: frame.data,
            }
        };
        let frames = frames.into_iter().map(frame).collect();
        self.length = before;
        frames
    }

    fn encoded(&self, frames: Vec<(Nanos, Bytes)>, run: u32) -> Vec<Frame> {
        let length = AudioTarget { rate: self.spec.timescale, channels: 1 }.frame();
        let frame =
            |(start, data)| Frame { start, end: start + length, entry: 0, run: (self.begun, run), data };
        frames.into_iter().map(frame).collect()
    }
}

/// The tracks that have something to be heard: a stream that is announced but never comes makes players wait.
pub(crate) async fn heard<O: Source>(tracks: Vec<AudioTrack<O>>) -> Result<Vec<AudioTrack<O>>, Error> {
    let mut heard = Vec::new();
    for mut track in tracks {
        if !Box::pin(track.is_silent()).await? {
            heard.push(track);
        }
    }
    Ok(heard)
}

/// Plans each part, and the form of copied audio: that of most of the audio. Everything else is encoded to
/// it or, if no encoder makes it or the container has no place for it, everything is encoded.
fn plan<O>(container: FileFormat, parts: Vec<AudioPart<O>>) -> Option<(AudioFormat, Vec<Planned<O>>)> {
    let formats: Vec<Vec<AudioFormat>> = parts.iter().map(|part| formats(&part.period)).collect();
    let goes_with = |format: &AudioFormat, own: &[AudioFormat]| own.iter().all(|own| format.goes_with(own));
    let length = |format: &AudioFormat| {
        let like = parts.iter().zip(&formats).filter(|(_, own)| goes_with(format, own));
        like.map(|(part, _)| part.until() - part.from()).fold(Nanos::ZERO, |sum, length| sum + length)
    };
    // `max_by_key` takes the last of equals; the first is meant.
    let firsts = formats.iter().rev().filter_map(|formats| formats.first());
    let format = firsts.max_by_key(|format| length(format))?.clone();
    let carried = container == FileFormat::Mp4 || format.fits_transport_stream();
    let alike = formats.iter().all(|own| goes_with(&format, own));
    let target = if carried { format.target() } else { None };
    let planned = parts.into_iter().zip(&formats).filter_map(|(part, own)| {
        let copied = carried && goes_with(&format, own) && (alike || target.is_some());
        let target = (!copied).then(|| target.unwrap_or_else(|| format.fallback()));
        Some(Planned { part, format: own.first()?.clone(), target })
    });
    Some((format.clone(), planned.collect()))
}

fn formats(part: &PeriodAudio) -> Vec<AudioFormat> {
    let init = &part.track.init;
    init.sample_entries.iter().map(|entry| AudioFormat::of(entry, init.timescale.get())).collect()
}

/// The time of a frame on the clip's clock if it is in `piece`.
fn due(piece: &Piece, frame: &Frame) -> Nanos {
    piece.at + (frame.start - piece.from)
}
