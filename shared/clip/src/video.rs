//! Recorded video: the pictures of a window, over all segments and Periods, in stretches that can be decoded.

mod back;
mod end;
mod part;

use self::back::WayBack;
pub(crate) use self::end::WindowEnd;
pub(crate) use self::part::InnerEnds;
use crate::Source;
use crate::codec::decode::CodedSource;
use crate::codec::picture::{Coded, Item, Setup};
use crate::error::Error;
use crate::error::Kind;
use crate::notes::Notes;
use crate::notes::WarningCode;
use crate::source::{Fetched, Media, Reader, RecordedPlace, Segments, Track};
use export_media::coverage::Uncovered;
use export_media::entries::SharedEntry;
use export_media::extent::DECLARED_HOLE;
use export_media::fmp4::TrackKind;
use export_media::mpd::{Representation, Segment};
use export_media::nal::{Continuity, Damage, Leading, Picture, RandomAccess, Sps, VideoCodec, classify};
use export_media::picture::{DecoderConfig, PictureFormat};
use export_media::playlist::RecordedSegment;
use export_media::repair::settle_times;
use export_media::sample::{Display, Rhythm, Sample};
use export_media::stretch::{Bounds, Decision, SOON, Stretches, WindowStart, follows, opening};
use export_media::time::Nanos;
use std::collections::VecDeque;
use std::sync::Arc;

/// `profile_idc` of H.264 without B slices (A.2.1).
const BASELINE: u8 = 66;

/// A Period's picture and the part of the window in it.
#[derive(Debug, Clone)]
pub(crate) struct PeriodVideo {
    /// Representations of the picture, the best first.
    pub(crate) candidates: Vec<Representation>,
    pub(crate) from: Nanos,
    pub(crate) until: Nanos,
    /// The Period starts within the window.
    pub(crate) starts_period: bool,
    /// The Period ends within the window.
    pub(crate) ends_period: bool,
}

impl PeriodVideo {
    /// The bounds of the Period's pictures that are shown.
    pub(crate) fn bounds(&self) -> Bounds {
        let (from, until) = (Some(self.from), Some(self.until));
        Bounds { from: from.filter(|_| self.starts_period), until: until.filter(|_| self.ends_period) }
    }

    /// Opens its track, the best that can be read; `None` if there is no picture in the files.
    pub(crate) async fn open<O: Source>(&self, reader: &Reader<O>) -> Result<Option<Arc<Track>>, Error> {
        let mut refused = None;
        for candidate in &self.candidates {
            match Track::open(reader, candidate, TrackKind::Video, (self.from, self.until)).await {
                Ok(Some(track)) if track.configs.first().is_some_and(Option::is_some) => {
                    return Ok(Some(Arc::new(track)));
                }
                Ok(Some(_)) => {
                    let codec = Kind::UnsupportedCodec.because("the picture is neither H.264 nor HEVC");
                    refused = refused.or(Some(codec.into()));
                }
                Ok(None) => {}
                Err(Error::GivenUp(cause)) => refused = refused.or(Some(cause.into())),
                Err(other) => return Err(other),
            }
        }
        refused.map_or(Ok(None), Err)
    }
}

/// Reads and judges the samples of a window, over all its Periods.
pub(crate) struct VideoFeed<O> {
    reader: Arc<Reader<O>>,
    parts: VecDeque<PeriodVideo>,
    /// The first part's track, if it is open already.
    first: Option<Arc<Track>>,
    open: Option<Open<O>>,
    /// The window.
    start: Nanos,
    end: Nanos,
    stretches: Stretches,
    /// Set once the start of the window is known.
    opened: bool,
    /// The items that wait until it is, or have waited.
    held: VecDeque<Item>,
    over: bool,
    /// The segment with the window's end is fetched beside the first one.
    end_first: bool,
    /// The inner ends of a part of a window.
    ends: InnerEnds,
}

struct Open<O> {
    reader: Arc<Reader<O>>,
    part: PeriodVideo,
    track: Arc<Track>,
    segments: Segments<O>,
    /// The window's end, if it is looked at before its turn.
    end: Option<WindowEnd>,
    /// Segments that were read while stepping back, in order.
    waiting: VecDeque<Judged>,
    /// The sample to start with in the first segment, until that is loaded.
    entry: Option<usize>,
    samples: VecDeque<(Sample, Picture)>,
    media: Media,
    /// The segment that they are of.
    segment: Option<Segment>,
    /// The same, as a playlist lists it.
    stored: Option<Arc<RecordedSegment>>,
    rhythm: Rhythm,
    display: Display,
    /// Durations of samples do not tell how long pictures are shown.
    uneven: bool,
    /// When the next segment's pictures are shown, in order, once it was looked at for that.
    next_shown: Vec<i64>,
    description: u32,
    /// The sequence parameter set that the pictures of the stretch follow.
    sps: Option<Sps>,
    /// Follows the pictures of the stretch.
    continuity: Option<Continuity>,
    /// Something is missing since the last random access picture.
    damaged: bool,
}

/// A segment with its samples at their right times and what their NAL units say; none if there is nothing to read.
struct Judged {
    segment: Segment,
    media: Option<(Media, Vec<Picture>)>,
}

impl Judged {
    fn of<O: Source>(track: &Track, reader: &Reader<O>, fetched: Fetched) -> Result<Self, Error> {
        let Fetched { segment, media } = fetched;
        let Some(mut media) = media else { return Ok(Self { segment, media: None }) };
        let pictures = pictures(track, reader, &segment, &media)?;
        for repair in settle_times(&mut media.samples, &pictures) {
            media.stored = None;
            reader.notes().warn(WarningCode::RatesCorrected, track.about(&segment, repair.what()));
        }
        Ok(Self { segment, media: Some((media, pictures)) })
    }

    /// Not all of it was read.
    fn is_part(&self) -> bool {
        self.media.as_ref().is_some_and(|(media, _)| !media.whole)
    }
}

impl<O: Source> VideoFeed<O> {
    /// For the window `[start, end)` made of `parts`; `first` is the first part's track.
    pub(crate) fn new(
        reader: Arc<Reader<O>>,
        parts: Vec<PeriodVideo>,
        first: Option<Arc<Track>>,
        start: Nanos,
        end: Nanos,
    ) -> Self {
        let stretches = Stretches::new(start, end);
        Self {
            reader,
            parts: parts.into(),
            first,
            open: None,
            start,
            end,
            stretches,
            opened: false,
            held: VecDeque::new(),
            over: false,
            end_first: false,
            ends: InnerEnds::default(),
        }
    }

    /// The same with the window's end fetched beside its start, for [`Self::take_end`].
    pub(crate) fn with_end_first(self) -> Self {
        Self { end_first: true, ..self }
    }

    /// The window's end, once the part that has it is open.
    pub(crate) fn take_end(&mut self) -> Option<WindowEnd> {
        self.open.as_mut()?.end.take()
    }

    /// The warnings about the clip.
    pub(crate) fn notes(&self) -> &Notes {
        self.reader.notes()
    }

    /// The look of the pictures of the parts that are not open yet, to the extent that their init segments say.
    pub(crate) async fn looks(&self) -> Vec<(PictureFormat, Arc<DecoderConfig>)> {
        let mut looks = Vec::new();
        for part in &self.parts {
            // What cannot be opened says so in its turn.
            let Ok(Some(track)) = part.open(&self.reader).await else { continue };
            let Some(config) = track.configs.first().and_then(Option::as_ref) else { continue };
            let format = config.sps(&[]).ok().and_then(|sps| format_of(&track, config, &sps, &[]));
            looks.extend(format.map(|format| (format, Arc::clone(config))));
        }
        looks
    }

    /// Milliseconds of the window that nothing decodable covers; once everything has been fed.
    pub(crate) fn lack_ms(&mut self) -> i64 {
        self.stretches.lack_ms()
    }

    /// The parts of the window that nothing decodable covers; once everything has been fed.
    pub(crate) fn holes(&mut self) -> Vec<Uncovered> {
        self.stretches.holes()
    }

    async fn take_open(&mut self) -> Result<Option<Open<O>>, Error> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        while let Some(part) = self.parts.pop_front() {
            let track = match self.first.take() {
                Some(track) => Some(track),
                None => part.open(&self.reader).await?,
            };
            if let Some(track) = track {
                self.stretches.begin_period(part.bounds());
                let end_first = self.end_first && self.parts.is_empty();
                return Open::new(Arc::clone(&self.reader), part, track, end_first).await.map(Some);
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
    ) -> Result<Option<Item>, Error> {
        let line = &open.track.timeline;
        if picture.slices == 0 {
            self.stretches.pass_over(line, sample);
            return Ok(None);
        }
        if sample.description != open.description {
            open.description = sample.description;
            self.stretches.break_off();
        }
        if picture.parameter_sets && picture.random_access != RandomAccess::None && open.changes(sample) {
            self.stretches.break_off();
        }
        let random_access = picture.random_access != RandomAccess::None;
        let mut missing = open.missing(sample)?.filter(|what| *what == Damage::Slice || !random_access);
        if missing == Some(Damage::Reference) && picture.leading == Leading::Rasl {
            self.leave_out(open, "a leading picture refers to pictures that are missing");
            self.stretches.pass_over(&open.track.timeline, sample);
            return Ok(None);
        }
        // Players of HEVC show nothing that lacks a reference; those of H.264 show the rest of a GOP that lacks a few.
        let hidden = decoder_config(&open.track, sample)?.codec == VideoCodec::Hevc;
        let hidden = hidden || self.stretches.steps_over(&open.track.timeline, sample);
        if missing == Some(Damage::Reference) && hidden && self.stretches.goes_on() {
            self.leave_out(open, "pictures are missing that those up to the next key picture refer to");
            self.stretches.break_off();
        }
        let timed = (sample, open.shown_until(sample));
        let decision = self.stretches.push(&open.track.timeline, timed, picture);
        if decision == Decision::Skip {
            return Ok(None);
        }
        if decision == Decision::Start {
            open.continuity = Some(Continuity::new(decoder_config(&open.track, sample)?));
            missing = open.missing(sample)?;
        }
        self.report_damage(open, sample, random_access, missing);
        let coded = coded(&open.track, &open.media, timed, *picture)?;
        // A picture that lasts is on display up to the window's end, and no longer.
        let rest = self.end - coded.pts;
        let lasts = coded.duration > SOON && rest > Nanos::ZERO;
        let duration = if lasts { coded.duration.min(rest) } else { coded.duration };
        let origin = open.stored.clone().map(|segment| RecordedPlace { segment, sample: *sample });
        let coded = Coded { shown: self.stretches.shows(coded.pts), duration, origin, ..coded };
        self.ends.meet(coded.pts, decision == Decision::Start, coded.shown);
        if decision == Decision::Feed {
            return Ok(Some(Item::Sample(coded)));
        }
        let setup = setup_of(&open.track, sample, &coded, open.rhythm)?;
        if self.stretches.repeats(coded.pts) {
            self.leave_out(open, "it starts with pictures that an earlier segment has shown");
        }
        if setup.is_none() {
            self.leave_out(open, "the parameter sets of a random access picture cannot be read");
            self.stretches.break_off();
        }
        if let Some(depth) = setup.as_ref().and_then(|setup| setup.sps.max_reorder) {
            self.stretches.reorders(usize::try_from(depth).unwrap_or(usize::MAX));
        }
        open.sps = setup.as_ref().map(|setup| setup.sps.clone());
        let setup = setup.map(|setup| Setup { bounds: self.stretches.bounds(), ..setup });
        Ok(setup.map(|setup| Item::Start(Arc::new(setup), coded)))
    }

    /// Notes what is missing, once for all pictures up to the next random access picture.
    fn report_damage(&self, open: &mut Open<O>, sample: &Sample, anew: bool, missing: Option<Damage>) {
        open.damaged &= !anew;
        let Some(missing) = missing.filter(|_| !open.damaged) else { return };
        open.damaged = true;
        let what = match missing {
            Damage::Slice => "lacks a slice, or the slice's header makes no sense",
            Damage::Reference => "or one behind it refers to pictures that are missing",
        };
        if let Some(segment) = &open.segment {
            let at = open.track.timeline.to_nanos_floor(sample.pts).to_millis_floor();
            let detail = open.track.about(segment, &format!("the picture at {at} ms {what}"));
            self.reader.notes().warn(WarningCode::PicturesDamaged, detail);
        }
    }

    /// Notes that pictures of the segment are not shown.
    fn leave_out(&self, open: &Open<O>, why: &str) {
        if let Some(segment) = &open.segment {
            self.reader.notes().warn(WarningCode::PicturesLeftOut, open.track.about(segment, why));
        }
    }
}

impl<O: Source> VideoFeed<O> {
    /// The next item of the recording.
    async fn read_on(&mut self) -> Result<Option<Item>, Error> {
        loop {
            if self.over || (self.stretches.is_complete() && self.ends.are_known()) {
                self.over = true;
                return Ok(None);
            }
            let Some(mut open) = self.take_open().await? else {
                self.stretches.break_off();
                self.over = true;
                return Ok(None);
            };
            if let Some((sample, picture)) = open.samples.pop_front() {
                open.uneven = open.display.is_uneven(self.stretches.is_even());
                if open.uneven && open.display.is_open(sample.pts, open.rhythm.reorder) {
                    open.look_behind().await?;
                }
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

    /// Decides how the window starts, if enough of its first stretch is known or it `is_over`: a picture that is on
    /// display at the window's start, and not soon followed by another, is shown from there on.
    fn decide_opening(&mut self, is_over: bool) {
        let times: Vec<(Nanos, Nanos)> = self
            .held
            .iter()
            .map(Item::coded)
            .filter(|coded| coded.shown)
            .map(|coded| (coded.pts, coded.duration))
            .collect();
        let reorder = match self.held.front() {
            Some(Item::Start(setup, _)) => setup.rhythm.reorder,
            _ => 0,
        };
        let decided = opening(&times, self.start, reorder, is_over);
        self.opened = decided.is_some();
        if let Some(WindowStart::OnDisplay(at, until)) = decided
            && let Some(coded) = self.held.iter_mut().map(Item::coded_mut).filter(|coded| coded.shown).nth(at)
        {
            (coded.pts, coded.duration) = (self.start, until.min(self.end) - self.start);
        }
    }
}

impl<O: Source> CodedSource for VideoFeed<O> {
    async fn next(&mut self) -> Result<Option<Item>, Error> {
        while !self.opened {
            let item = self.read_on().await?;
            match &item {
                None => self.decide_opening(true),
                // The next stretch may begin soon enough, as one of another Period does.
                Some(Item::Start(setup, coded)) if !self.held.is_empty() => {
                    let first = setup.bounds.from.map_or(coded.pts, |from| from.max(coded.pts));
                    self.opened = first >= self.start && first - self.start <= SOON;
                    if !self.opened {
                        self.decide_opening(true);
                    }
                }
                Some(_) => {}
            }
            let may_decide = item.as_ref().is_some_and(|item| item.coded().pts >= self.start);
            self.held.extend(item);
            if may_decide && !self.opened {
                self.decide_opening(false);
            }
        }
        match self.held.pop_front() {
            Some(item) => Ok(Some(item)),
            None => self.read_on().await,
        }
    }

    fn take_cut(&mut self) -> Option<Nanos> {
        self.stretches.take_cut()
    }
}

/// The format of a track's pictures, by a parameter set and the sample that it stands before; `None` if no encoder here
/// takes such pictures.
pub(crate) fn format_of(
    track: &Track,
    config: &DecoderConfig,
    sps: &Sps,
    sample: &[u8],
) -> Option<PictureFormat> {
    Some(PictureFormat {
        bottom_first: sps.interlaced && config.bottom_first(sps, sample).unwrap_or(false),
        matrix: track.init.matrix,
        ..PictureFormat::of(sps)?
    })
}

/// The setup of a stretch that starts with `first`; `None` if its parameter sets cannot be read.
pub(crate) fn setup_of(
    track: &Track,
    sample: &Sample,
    first: &Coded,
    rhythm: Rhythm,
) -> Result<Option<Setup>, Error> {
    let Ok(sps) = first.config.sps(&first.data) else { return Ok(None) };
    let format = format_of(track, &first.config, &sps, &first.data).ok_or_else(|| {
        Kind::UnsupportedCodec
            .because("the pictures have a size, a chroma format or a bit depth that is not read here")
    })?;
    let timescale = track.timeline.timescale().get();
    // What is not said may come later on; only the Baseline profile has no pictures to overtake.
    let reorder = sps.max_reorder.unwrap_or(u32::from(sps.profile_idc != BASELINE));
    let reorder = usize::try_from(reorder).unwrap_or(0).max(rhythm.reorder);
    Ok(Some(Setup {
        config: Arc::clone(&first.config),
        entry: SharedEntry::beside(&first.config, &first.data),
        format,
        timescale,
        frame_ticks: if sample.duration == 0 { (timescale / 25).max(1) } else { sample.duration },
        rhythm: Rhythm { reorder, ..rhythm },
        bounds: Bounds::default(),
        sps,
    }))
}

impl<O: Source> Open<O> {
    /// Starts at the last picture from which all that the window shows can be decoded.
    async fn new(
        reader: Arc<Reader<O>>,
        part: PeriodVideo,
        track: Arc<Track>,
        end_first: bool,
    ) -> Result<Self, Error> {
        let position = track.index_at(part.from);
        let mut segments =
            Segments::of_window(Arc::clone(&reader), Arc::clone(&track), position, part.from, part.until);
        let end = if end_first { WindowEnd::fetch(&mut segments, &track, part.until)? } else { None };
        let first = segments.next().await?.map(|fetched| Judged::of(&track, &reader, fetched)).transpose()?;
        let (waiting, entry) = WayBack::new(&reader, &track, position, part.from, first).find().await?;
        let first = waiting.front().and_then(|first| first.media.as_ref());
        Ok(Self {
            rhythm: first.map(|(media, _)| Rhythm::of(&media.samples)).unwrap_or_default(),
            display: Display::default(),
            uneven: false,
            next_shown: Vec::new(),
            reader,
            part,
            track,
            segments,
            end,
            waiting,
            entry,
            samples: VecDeque::new(),
            media: Media::default(),
            segment: None,
            stored: None,
            description: 0,
            sps: None,
            continuity: None,
            damaged: false,
        })
    }

    /// Looks at a sample for pictures and slices that are missing.
    fn missing(&mut self, sample: &Sample) -> Result<Option<Damage>, Error> {
        let Some(continuity) = &mut self.continuity else { return Ok(None) };
        let config = decoder_config(&self.track, sample)?;
        Ok(continuity.next(&self.media.data(sample)?, config.nal_length_size))
    }

    /// Returns `true` if a sample brings another sequence parameter set than the stretch has followed so far.
    fn changes(&self, sample: &Sample) -> bool {
        let (Some(before), Ok(config)) = (&self.sps, decoder_config(&self.track, sample)) else {
            return false;
        };
        let Ok(data) = self.media.data(sample) else { return false };
        matches!(config.sps_in_band(&config.amended(&data)), Some(Ok(sps)) if sps != *before)
    }

    /// Learns from the next segment when its pictures are shown, if they follow.
    async fn look_behind(&mut self) -> Result<(), Error> {
        if self.waiting.is_empty() {
            let Some(fetched) = self.segments.next().await? else { return Ok(()) };
            self.waiting.push_back(Judged::of(&self.track, &self.reader, fetched)?);
        }
        let next = self.waiting.front().and_then(|judged| judged.media.as_ref());
        let samples = next.map_or(&[][..], |(media, _)| &media.samples);
        if let (Some(last), Some(first)) = (self.media.samples.last(), samples.first())
            && self.next_shown.is_empty()
            && !self.media.damaged
            && follows(&self.track.timeline, last, first)
        {
            self.next_shown = samples.iter().map(|sample| sample.pts).collect();
            self.next_shown.sort_unstable();
        }
        Ok(())
    }

    /// When the picture behind that of a sample is shown; `None` if its duration says it, or nothing does.
    fn shown_until(&self, sample: &Sample) -> Option<i64> {
        let next = || self.next_shown.iter().copied().find(|next| *next > sample.pts);
        let known = self.uneven.then(|| self.display.behind(sample.pts).into_iter().chain(next()).min());
        known.flatten()
    }

    /// Makes the next segment's samples the current ones; `false` past the last one of this part.
    async fn load(&mut self, stretches: &mut Stretches) -> Result<bool, Error> {
        if std::mem::take(&mut self.media).damaged {
            stretches.break_off();
        }
        let judged = match self.waiting.pop_front() {
            Some(judged) => judged,
            None => match self.segments.next().await? {
                Some(fetched) => Judged::of(&self.track, &self.reader, fetched)?,
                None => return Ok(false),
            },
        };
        let Judged { segment, media } = judged;
        let beyond = self.track.span(&segment).0 >= self.part.until;
        let Some((media, mut pictures)) = media else {
            stretches.break_off();
            return Ok(!beyond);
        };
        let listed_until = self.segment.as_ref().map(|before| self.track.span(before).1);
        if listed_until.is_some_and(|until| self.track.span(&segment).0 - until > DECLARED_HOLE) {
            stretches.break_off();
        }
        let (line, samples) = (&self.track.timeline, &media.samples);
        if beyond && !samples.iter().any(|sample| line.to_nanos_floor(sample.pts) < self.part.until) {
            return Ok(false);
        }
        let entry = self.entry.take();
        if let Some(first) =
            entry.and_then(|entry| pictures.get_mut(entry)).filter(|first| first.recovery > 0)
        {
            // Whatever is not right yet is before the window.
            first.random_access = RandomAccess::RecoveryPoint;
        }
        self.samples = samples.iter().copied().zip(pictures).skip(entry.unwrap_or(0)).collect();
        self.stored = Some(Arc::new(media.as_segment(&segment)));
        (self.display, self.next_shown) = (Display::of(&media.samples, &media.behind), Vec::new());
        self.media = media;
        self.segment = Some(segment);
        Ok(true)
    }
}

/// Classifies each sample by its NAL units; a sample that cannot be read is not a picture.
pub(crate) fn pictures<O: Source>(
    track: &Track,
    reader: &Reader<O>,
    segment: &Segment,
    media: &Media,
) -> Result<Vec<Picture>, Error> {
    let leave_out = |n: usize, what: &str| {
        let what = format!("picture {}: {what}", n + 1);
        reader.notes().warn(WarningCode::PicturesLeftOut, track.about(segment, &what));
        Picture::NOTHING
    };
    let picture = |(n, sample): (usize, &Sample)| {
        Ok(picture_of(track, media, sample)?.unwrap_or_else(|why| leave_out(n, &why)))
    };
    media.samples.iter().enumerate().map(picture).collect()
}

/// Classifies a sample by its NAL units, or says why it is not a picture.
fn picture_of(track: &Track, media: &Media, sample: &Sample) -> Result<Result<Picture, String>, Error> {
    let named = sample.entry_index().is_some_and(|entry| entry < track.configs.len());
    let Some(data) = media.bytes_of(sample).filter(|_| named) else {
        return Ok(Err("its sample entry or its bytes are not there".to_owned()));
    };
    let config = decoder_config(track, sample)?;
    Ok(match classify(config.codec, &data, config.nal_length_size, sample.sync) {
        Ok(picture) if picture.slices == 0 => Err("it has no slices".to_owned()),
        Ok(picture) => Ok(picture),
        Err(error) => Err(error.to_string()),
    })
}

/// A sample of `media` as a coded picture that is shown, until this time if it is known.
pub(crate) fn coded(
    track: &Track,
    media: &Media,
    (sample, until): (&Sample, Option<i64>),
    picture: Picture,
) -> Result<Coded, Error> {
    let line = &track.timeline;
    let pts = line.to_nanos_floor(sample.pts);
    let until = until.unwrap_or_else(|| sample.pts.saturating_add(i64::from(sample.duration)));
    let end = line.to_nanos_floor(until);
    let config = Arc::clone(decoder_config(track, sample)?);
    let data = media.data(sample)?;
    let data = if picture.parameter_sets { config.amended(&data) } else { data };
    Ok(Coded { data, config, picture, pts, duration: end - pts, shown: true, origin: None })
}

/// The decoder configuration of a sample.
fn decoder_config<'a>(track: &'a Track, sample: &Sample) -> Result<&'a Arc<DecoderConfig>, Error> {
    let config = sample.entry_index().and_then(|n| track.configs.get(n));
    let config = config
        .ok_or_else(|| Kind::BadRecording.because("a sample of the video track names no sample entry"))?;
    Ok(config.as_ref().ok_or_else(|| {
        Kind::UnsupportedCodec.because("a sample entry of the video track is neither H.264 nor H.265")
    })?)
}
