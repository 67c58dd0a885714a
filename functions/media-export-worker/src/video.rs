//! Recorded video: which samples to decode, over all segments and Periods of a window.

use crate::error::WorkError;
use crate::source::{Fetched, Reader, Segments, Track};
use bytes::Bytes;
use export_domain::job::Reason;
use export_domain::ports::SourceStore;
use export_media::fmp4::{TrackKind, read_fragments};
use export_media::mpd::Representation;
use export_media::nal::{Picture, VideoCodec, classify, to_annex_b};
use export_media::picture::{DecoderConfig, PictureFormat};
use export_media::sample::Sample;
use export_media::stretch::{Decision, Stretches, entry_point};
use export_media::time::Nanos;
use std::collections::VecDeque;
use std::sync::Arc;

/// Segments that are stepped back to find a random access point.
const MOST_STEPS_BACK: u64 = 30;

/// A coded picture for the decoder.
#[derive(Debug)]
pub(crate) struct Coded {
    pub(crate) annex_b: Vec<u8>,
    pub(crate) pts: Nanos,
    pub(crate) duration: Nanos,
    /// Or only decoded, for others to refer to.
    pub(crate) shown: bool,
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Item {
    /// A new decoder, and its first picture.
    Start(Box<Setup>, Coded),
    /// One more picture.
    Sample(Coded),
}

/// What a decoder, and the encoder behind it, must know.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) codec: VideoCodec,
    pub(crate) format: PictureFormat,
    /// Ticks a second of the track.
    pub(crate) timescale: u32,
    /// Ticks of the first sample.
    pub(crate) frame_ticks: u32,
    /// Bits a second, by the manifest.
    pub(crate) bandwidth: u64,
}

/// A Period's picture and the part of the window in it.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) representation: Representation,
    pub(crate) from: Nanos,
    pub(crate) until: Nanos,
    pub(crate) ends_period: bool,
}

/// Reads and judges the samples of a window, over all its Periods.
pub(crate) struct VideoFeed<O> {
    reader: Arc<Reader<O>>,
    parts: VecDeque<Part>,
    open: Option<Open<O>>,
    stretches: Stretches,
    over: bool,
}

struct Open<O> {
    part: Part,
    track: Arc<Track>,
    segments: Segments<O>,
    /// Segments that were read while stepping back, in order.
    waiting: VecDeque<Fetched>,
    /// The samples before the entry point have been passed over.
    entered: bool,
    samples: VecDeque<(Sample, Picture)>,
    bytes: Bytes,
    description: u32,
}

impl<O: SourceStore + 'static> VideoFeed<O> {
    /// For the window `[start, end)` made of `parts`.
    pub(crate) fn new(reader: Arc<Reader<O>>, parts: Vec<Part>, start: Nanos, end: Nanos) -> Self {
        Self { reader, parts: parts.into(), open: None, stretches: Stretches::new(start, end), over: false }
    }

    /// Milliseconds of the window that nothing decodable covers; once everything has been fed.
    pub(crate) fn lack_ms(&mut self) -> i64 {
        self.stretches.lack_ms()
    }

    /// From which presentation time on the pictures of the stretch that just ended are not to be shown.
    pub(crate) fn take_cut(&mut self) -> Option<Nanos> {
        self.stretches.take_cut()
    }

    /// The next picture to decode; `None` once the window is complete or the recording over.
    pub(crate) async fn next(&mut self) -> Result<Option<Item>, WorkError> {
        loop {
            if self.over || self.stretches.is_complete() {
                self.over = true;
                return Ok(None);
            }
            let Some(mut open) = self.take_open().await? else {
                self.stretches.break_off();
                self.over = true;
                return Ok(None);
            };
            if let Some((sample, picture)) = open.samples.pop_front() {
                let item = self.judge(&mut open, &sample, &picture)?;
                self.open = Some(open);
                if item.is_some() {
                    return Ok(item);
                }
            } else if open.load(&mut self.stretches).await? {
                self.open = Some(open);
            }
        }
    }

    async fn take_open(&mut self) -> Result<Option<Open<O>>, WorkError> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        while let Some(part) = self.parts.pop_front() {
            if let Some(track) = Track::open(&self.reader, &part.representation, TrackKind::Video).await? {
                self.stretches.begin_period(part.ends_period.then_some(part.until));
                return Open::new(Arc::clone(&self.reader), part, Arc::new(track)).await.map(Some);
            }
        }
        Ok(None)
    }

    /// Turns a sample into an item, unless it is of no use.
    fn judge(
        &mut self,
        open: &mut Open<O>,
        sample: &Sample,
        picture: &Picture,
    ) -> Result<Option<Item>, WorkError> {
        let line = &open.track.timeline;
        let pts = line.to_nanos_floor(sample.pts);
        if picture.slices == 0 {
            return Ok(None);
        }
        if sample.description != open.description {
            open.description = sample.description;
            self.stretches.break_off();
        }
        let decision = self.stretches.push(line, sample, picture);
        if decision == Decision::Skip {
            return Ok(None);
        }
        let data = slice(&open.bytes, sample)?;
        let config = decoder_config(&open.track, sample)?;
        let mut annex_b =
            if decision == Decision::Start { config.parameter_sets.clone() } else { Vec::new() };
        to_annex_b(data, config.nal_length_size, &mut annex_b)?;
        let duration = line.to_nanos_floor(sample.pts.saturating_add(i64::from(sample.duration))) - pts;
        let coded = Coded { annex_b, pts, duration, shown: self.stretches.shows(pts) };
        if decision == Decision::Feed {
            return Ok(Some(Item::Sample(coded)));
        }
        let format = config.picture_format(data)?.ok_or(Reason::UnsupportedCodec)?;
        let timescale = line.timescale().get();
        let frame_ticks = if sample.duration == 0 { (timescale / 25).max(1) } else { sample.duration };
        let bandwidth = open.track.bandwidth();
        Ok(Some(Item::Start(
            Box::new(Setup { codec: config.codec, format, timescale, frame_ticks, bandwidth }),
            coded,
        )))
    }
}

impl<O: SourceStore + 'static> Open<O> {
    /// Starts at the segment with the last random access point that is not after the window's start.
    async fn new(reader: Arc<Reader<O>>, part: Part, track: Arc<Track>) -> Result<Self, WorkError> {
        let mut position = track.index_at(part.from);
        let mut segments = Segments::new(Arc::clone(&reader), Arc::clone(&track), position, part.until);
        let mut waiting: VecDeque<Fetched> = segments.next().await?.into_iter().collect();
        for _ in 0..MOST_STEPS_BACK {
            if waiting.front().map_or(Ok(false), |fetched| has_entry(&track, fetched, part.from))? {
                break;
            }
            let Some(before) = position.checked_sub(1) else { break };
            let Some(segment) = track.segment(before)? else { break };
            let Some(bytes) = track.read(&reader, &segment).await? else { break };
            waiting.push_front(Fetched { segment, bytes: Some(bytes) });
            position = before;
        }
        let samples = VecDeque::new();
        Ok(Self {
            part,
            track,
            segments,
            waiting,
            entered: false,
            samples,
            bytes: Bytes::new(),
            description: 0,
        })
    }

    /// Makes the next segment's samples the current ones; `false` past the last one of this part.
    async fn load(&mut self, stretches: &mut Stretches) -> Result<bool, WorkError> {
        let fetched = match self.waiting.pop_front() {
            Some(fetched) => Some(fetched),
            None => self.segments.next().await?,
        };
        let Some(Fetched { segment, bytes }) = fetched else { return Ok(false) };
        let beyond = self.track.span(&segment).0 >= self.part.until;
        let Some(bytes) = bytes else {
            stretches.break_off();
            return Ok(!beyond);
        };
        let (samples, pictures) = read_segment(&self.track, &bytes)?;
        let line = &self.track.timeline;
        if beyond && !samples.iter().any(|sample| line.to_nanos_floor(sample.pts) < self.part.until) {
            return Ok(false);
        }
        let entry = if self.entered { None } else { entry_point(line, &samples, &pictures, self.part.from) };
        self.entered = true;
        self.samples = samples.into_iter().zip(pictures).skip(entry.unwrap_or(0)).collect();
        self.bytes = bytes;
        Ok(true)
    }
}

fn has_entry(track: &Track, fetched: &Fetched, from: Nanos) -> Result<bool, WorkError> {
    let Some(bytes) = &fetched.bytes else { return Ok(false) };
    let (samples, pictures) = read_segment(track, bytes)?;
    Ok(entry_point(&track.timeline, &samples, &pictures, from).is_some())
}

fn read_segment(track: &Track, bytes: &Bytes) -> Result<(Vec<Sample>, Vec<Picture>), WorkError> {
    let samples = read_fragments(&track.init, bytes, 0)?;
    let picture = |sample: &Sample| {
        let config = decoder_config(track, sample)?;
        Ok(classify(config.codec, slice(bytes, sample)?, config.nal_length_size, sample.sync)?)
    };
    let pictures = samples.iter().map(picture).collect::<Result<_, WorkError>>()?;
    Ok((samples, pictures))
}

/// The decoder configuration of a sample.
pub(crate) fn decoder_config<'a>(track: &'a Track, sample: &Sample) -> Result<&'a DecoderConfig, WorkError> {
    let config = sample.entry_index().and_then(|n| track.configs.get(n));
    config.ok_or(Reason::BadRecording)?.as_ref().ok_or(Reason::UnsupportedCodec.into())
}

fn slice<'a>(bytes: &'a Bytes, sample: &Sample) -> Result<&'a [u8], WorkError> {
    Ok(sample.range().and_then(|range| bytes.get(range)).ok_or(Reason::BadRecording)?)
}
