//! The recording in S3: its tracks, and their segments as samples.

mod drift;
mod file;
mod find;
mod index;
mod lists;
mod manifest;
mod place;
mod prefetch;
mod reader;
pub(crate) mod stamp;
mod stream;
mod transport;

pub(crate) use lists::RecordedLists;
pub(crate) use manifest::{Preference, is_playlist, manifest};
pub(crate) use place::place;
pub(crate) use prefetch::{Fetched, Segments};
pub(crate) use reader::Reader;

use crate::Source;
use crate::error::Error;
use crate::error::Kind;
use crate::notes::WarningCode;
use bytes::Bytes;
use export_media::fmp4::{InitTrack, MoofRead, TrackKind, read_moof, read_readable, unwrap_times};
use export_media::language::iso_639_2;
use export_media::mpd::{ByteRange, FileForm, ObjectRange, Representation, Segment};
use export_media::nal::may_start;
use export_media::picture::DecoderConfig;
use export_media::playlist::{MediaPlace, RecordedSegment};
use export_media::repair::{Repair, fill_durations};
use export_media::sample::Sample;
use export_media::time::{Nanos, Timeline};
use futures_util::future::join_all;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Bytes that one track may hold ahead of need, by the manifest's bandwidth.
const AHEAD_BYTES: u64 = 24 << 20;
/// Segments that one track may fetch at the same time.
const AHEAD_MOST: u64 = 6;
/// Most bytes of all segments that one track fetches at the same time, whatever the manifest says of them.
const SEGMENTS_MOST: u64 = 512 << 20;
/// Segments at the live edge that are asked for before a clip is begun.
const MOST_ASKED_FOR: usize = 16;
/// Bytes that nearly always hold a segment's `moof`.
const PREFIX: u64 = 16 << 10;
/// Largest `moof` that is looked for before the whole segment is read instead.
const MOOF_MOST: u64 = 1 << 20;
/// Bytes that are not worth a request of their own.
const SLACK: u64 = 64 << 10;
/// A shorter segment is read from its start: it is hardly more than one GOP.
const SHORT: Nanos = Nanos::new(3_000_000_000);

/// Why a segment is left out whose time stamps are far from where the playlist lists them.
const OTHER_CLOCK: &str = "its time stamps count on another clock, which the playlist does not announce";

/// One track of a Representation, ready to be read.
#[derive(Debug)]
pub(crate) struct Track {
    representation: Representation,
    /// The track in the init segment.
    pub(crate) init: Arc<InitTrack>,
    /// Decoder configurations of its sample entries; none for what is not H.264 or HEVC.
    pub(crate) configs: Vec<Option<Arc<DecoderConfig>>>,
    /// The track's ticks on the presentation's clock.
    pub(crate) timeline: Timeline,
    /// Segments of a single file, with their own ticks.
    indexed: Option<(Timeline, Vec<Segment>)>,
    /// Ticks by which segments are later than listed.
    drift: i64,
    /// Its position among the tracks of its kind, if segments are transport streams.
    transport: Option<usize>,
    /// Its samples by segment, if they are listed in the tables of a file.
    tables: Option<file::Tables>,
}

impl Track {
    /// Opens the first track of `kind` for the window `[from, until)`; `None` if the Representation has none.
    pub(crate) async fn open<O: Source>(
        reader: &Reader<O>,
        representation: &Representation,
        kind: TrackKind,
        (from, until): (Nanos, Nanos),
    ) -> Result<Option<Self>, Error> {
        let window = (from, until);
        Ok(Self::open_all(reader, representation, kind, window).await?.into_iter().next())
    }

    /// Opens every track of `kind`.
    pub(crate) async fn open_all<O: Source>(
        reader: &Reader<O>,
        representation: &Representation,
        kind: TrackKind,
        (from, until): (Nanos, Nanos),
    ) -> Result<Vec<Self>, Error> {
        if representation.encrypted {
            return Err(Kind::Encrypted.because("the manifest declares content protection").into());
        }
        if representation.file == Some(FileForm::Tables) {
            return file::tracks(reader, representation, kind, (from, until)).await;
        }
        let Some(resource) = representation.init()? else {
            // Of DASH, transport streams are not read.
            if representation.media.is_none() {
                return Err(Kind::BadRecording.because("the manifest names no init segment").into());
            }
            let tracks = transport::descriptions(reader, representation, kind, from).await?;
            let mut opened = Vec::new();
            for (n, init) in tracks {
                let mut track = Self::of(representation, init, None, Some(n));
                track.find(reader, from).await?;
                opened.push(track);
            }
            return Ok(opened);
        };
        let place = match kind {
            TrackKind::Video => "the init segment of the video track",
            TrackKind::Audio | TrackKind::Other => "the init segment of an audio track",
        };
        let mut tracks = reader.init(&resource, place).await?;
        tracks.retain(|track| track.kind == kind);
        if tracks.iter().any(|track| track.encrypted) {
            return Err(Kind::Encrypted.because(format!("{place} has encrypted samples")).into());
        }
        if tracks.iter().any(|track| track.more_edits) {
            let detail = format!("{place}: of several edits only the first counts");
            reader.notes().warn(WarningCode::RatesCorrected, detail);
        }
        let indexed = match representation.index()? {
            Some(resource) if !tracks.is_empty() => {
                Some(index::segments(reader, representation, &resource, (from, until)).await?)
            }
            _ => None,
        };
        let mut opened = Vec::new();
        for init in tracks {
            let mut track = Self::of(representation, init, indexed.clone(), None);
            if representation.media.is_some() {
                track.find(reader, from).await?;
            } else {
                track.follow_drift(reader, from).await?;
            }
            opened.push(track);
        }
        Ok(opened)
    }

    fn of(
        representation: &Representation,
        init: Arc<InitTrack>,
        indexed: Option<(Timeline, Vec<Segment>)>,
        transport: Option<usize>,
    ) -> Self {
        let timeline = representation.media.unwrap_or(representation.timeline).with_timescale(init.timescale);
        let configs =
            init.sample_entries.iter().map(|entry| DecoderConfig::of(entry).map(Arc::new)).collect();
        let representation = representation.clone();
        Self { representation, init, configs, timeline, indexed, drift: 0, transport, tables: None }
    }

    /// The timeline that segments' times count on.
    fn listed(&self) -> &Timeline {
        self.indexed.as_ref().map_or(&self.representation.timeline, |(timeline, _)| timeline)
    }

    /// The position of the segment that holds `at` by the manifest's times.
    pub(crate) fn index_at(&self, at: Nanos) -> u64 {
        let ticks = self.listed().last_tick_at_or_before(at).saturating_sub(self.drift);
        match &self.indexed {
            None => self.representation.index_at(ticks),
            Some((_, segments)) => {
                segments.partition_point(|s| s.end() <= ticks).try_into().unwrap_or(u64::MAX)
            }
        }
    }

    /// The segment at a position; `None` past the last one.
    pub(crate) fn segment(&self, index: u64) -> Result<Option<Segment>, Error> {
        match &self.indexed {
            None => Ok(self.representation.segment(index)?),
            Some((_, segments)) => Ok(usize::try_from(index).ok().and_then(|i| segments.get(i)).cloned()),
        }
    }

    /// Start and end of a segment by the manifest.
    pub(crate) fn span(&self, segment: &Segment) -> (Nanos, Nanos) {
        let line = self.listed();
        let at = |ticks: i64| line.to_nanos_floor(ticks.saturating_add(self.drift));
        (at(segment.time), at(segment.end()))
    }

    /// The end of the listed media; `None` if the manifest sets no end.
    pub(crate) fn listed_end(&self) -> Option<Nanos> {
        let ticks = match &self.indexed {
            None => self.representation.end_ticks(),
            Some((_, segments)) => segments.last().map(Segment::end),
        };
        ticks.map(|ticks| self.listed().to_nanos_floor(ticks.saturating_add(self.drift)))
    }

    /// The end of the media that is certain by the manifest; `None` if that sets no end.
    pub(crate) fn certain_end(&self) -> Option<Nanos> {
        self.listed_end().map(|end| end - self.representation.rounded)
    }

    /// The start of the listed media; `None` if nothing is listed.
    pub(crate) fn listed_start(&self) -> Option<Nanos> {
        let ticks = match &self.indexed {
            None => self.representation.start_ticks(),
            Some((_, segments)) => segments.first().map(|s| s.time),
        };
        ticks.map(|ticks| self.listed().to_nanos_floor(ticks.saturating_add(self.drift)))
    }

    /// A segment's name for people, such as "segment 12 of the video track, at 24.0 s".
    pub(crate) fn place(&self, segment: &Segment) -> String {
        let kind = match self.init.kind {
            TrackKind::Video => "the video track",
            TrackKind::Audio | TrackKind::Other => "an audio track",
        };
        let tenths = self.span(segment).0.to_millis_floor() / 100;
        format!("segment {} of {kind}, at {}.{} s", segment.index, tenths / 10, tenths % 10)
    }

    /// Returns `true` if segments are listed before they are recorded.
    pub(crate) fn is_open_ended(&self) -> bool {
        self.indexed.is_none() && self.representation.is_open_ended()
    }

    /// The newest segment with a part of `[from, until)` whose object does not exist, among so many of the newest.
    pub(crate) async fn newest_absent<O: Source>(
        &self,
        reader: &Reader<O>,
        from: Nanos,
        until: Nanos,
    ) -> Result<Option<Segment>, Error> {
        let mut newest = Vec::new();
        let mut position = self.index_at(until - Nanos::new(1));
        for _ in 0..MOST_ASKED_FOR {
            if let Some(segment) = self.segment(position)?.filter(|segment| self.span(segment).0 < until) {
                if self.span(&segment).1 <= from {
                    break;
                }
                newest.push(segment);
            }
            let Some(before) = position.checked_sub(1) else { break };
            position = before;
        }
        // As a rule the newest one is absent if any is.
        let (first, others) = newest.split_at(newest.len().min(1));
        for group in [first, others] {
            let stored = join_all(group.iter().map(|segment| self.is_stored(reader, segment))).await;
            for (segment, stored) in group.iter().zip(stored) {
                if !stored? {
                    return Ok(Some(segment.clone()));
                }
            }
        }
        Ok(None)
    }

    /// Returns `true` if the object of a segment exists.
    pub(crate) async fn is_stored<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
    ) -> Result<bool, Error> {
        for resource in self.names(segment)? {
            if exists(reader, &resource).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The objects that a segment may be in.
    fn names(&self, segment: &Segment) -> Result<Vec<ObjectRange>, Error> {
        let mut names = vec![segment.resource.clone()];
        if segment.index == 0 {
            // ffmpeg's muxer lists the first audio segment at 0 and names its file by the time before the edit list.
            let time = segment.time.saturating_sub(self.init.edit_shift);
            names.extend(self.representation.resource_at_time(segment, time)?);
        }
        Ok(names)
    }

    /// The object of a segment. The first one may have another name than the manifest gives it.
    pub(crate) async fn stored_as<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
    ) -> Result<ObjectRange, Error> {
        let names = self.names(segment)?;
        if names.len() > 1 {
            for resource in names {
                if exists(reader, &resource).await? {
                    return Ok(resource);
                }
            }
        }
        Ok(segment.resource.clone())
    }

    /// The number of segments of this length that are fetched at the same time.
    fn depth(&self, length: Nanos) -> u64 {
        let millis = u64::try_from(length.to_millis_floor()).unwrap_or(0);
        let size = (self.bandwidth() / 8).saturating_mul(millis) / 1000;
        AHEAD_BYTES.checked_div(size).unwrap_or(AHEAD_MOST).clamp(1, AHEAD_MOST)
    }

    /// Most bytes that are read of a segment at once.
    fn most(&self, segment: &Segment) -> u64 {
        let (start, end) = self.span(segment);
        SEGMENTS_MOST / self.depth(end - start)
    }

    /// Reads a segment; `None` if it does not exist.
    pub(crate) async fn read<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
    ) -> Result<Option<Media>, Error> {
        if let Some(place) = self.transport {
            return self.read_transport(reader, segment, place).await;
        }
        if let Some(samples) = self.listed_samples(segment) {
            return self.read_table(reader, segment, samples).await;
        }
        let mut found = None;
        for resource in self.names(segment)? {
            if found.is_none() {
                let bytes = match reader.held(&resource) {
                    Some(bytes) => Some(bytes),
                    None => reader.read(&resource, self.most(segment)).await?,
                };
                found = bytes.map(|bytes| (resource, bytes));
            }
        }
        let Some((resource, bytes)) = found else { return Ok(None) };
        let base = segment.resource.range.map_or(0, |range| range.first);
        let (samples, damage) = read_readable(&self.init, &bytes, base);
        let mut samples = self.placed(segment, samples);
        if !self.is_on_clock(segment, &samples) {
            reader.notes().warn(WarningCode::SegmentsLeftOut, self.about(segment, OTHER_CLOCK));
            return Ok(None);
        }
        let is_filled = fill_durations(&mut samples);
        if is_filled {
            reader.notes().warn(WarningCode::RatesCorrected, self.about(segment, Repair::Duration.what()));
        }
        let damage = match damage {
            None if bytes.is_empty() => Some("it is empty".to_owned()),
            None => None,
            Some(error) => Some(error.to_string()),
        };
        if let Some(damage) = &damage {
            reader.notes().warn(WarningCode::SegmentsLeftOut, self.about(segment, damage));
            if samples.is_empty() {
                return Ok(None);
            }
        }
        let stored = Some(resource).filter(|_| !is_filled && damage.is_none());
        let pieces = vec![(base, bytes)];
        let damaged = damage.is_some();
        Ok(Some(Media { samples, behind: Vec::new(), pieces, whole: true, damaged, stored }))
    }

    /// Says of a segment what is wrong with it.
    pub(crate) fn about(&self, segment: &Segment, what: &str) -> String {
        format!("{}: {what}", self.place(segment))
    }

    /// Reads what is needed of a segment for `[from, until)`: from the last sync sample before it, by the container, to
    /// the last sample shown in it.
    pub(crate) async fn read_part<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
        from: Nanos,
        until: Nanos,
    ) -> Result<Option<Media>, Error> {
        let (start, end) = self.span(segment);
        let millis = |length: Nanos| u64::try_from(length.to_millis_floor()).unwrap_or(0);
        let bytes = |length: Nanos| (self.bandwidth() / 8).saturating_mul(millis(length)) / 1000;
        let before = if end - start > SHORT { bytes(from - start) } else { 0 };
        if before.max(bytes(end - until)) < SLACK {
            return self.read(reader, segment).await;
        }
        let Some(fragment) = self.first_fragment(reader, segment).await? else {
            return self.read(reader, segment).await;
        };
        let pts = |sample: &Sample| self.timeline.to_nanos_floor(sample.pts);
        let first = fragment.samples.iter().rposition(|s| s.sync && pts(s) <= from).unwrap_or(0);
        let last = fragment.samples.iter().rposition(|s| pts(s) < until).filter(|last| *last >= first);
        match last {
            Some(last) => self.read_samples(reader, segment, fragment, first..=last).await,
            None => Ok(Some(Media::default())),
        }
    }

    /// Reads the bytes of some samples of a fragment, except those that are there already.
    pub(crate) async fn read_samples<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
        fragment: Fragment,
        range: RangeInclusive<usize>,
    ) -> Result<Option<Media>, Error> {
        let Fragment { samples, base, prefix } = fragment;
        let behind = samples.iter().skip(range.end().saturating_add(1)).map(|sample| sample.pts).collect();
        let samples = samples.get(range).unwrap_or_default().to_vec();
        let from = samples.iter().map(|sample| sample.offset).min().unwrap_or(base);
        let to = samples.iter().map(Sample::end).max().unwrap_or(base);
        let there = base.saturating_add(u64::try_from(prefix.len()).unwrap_or(0));
        let mut pieces = vec![(base, prefix)];
        if to > there {
            let from = from.max(there);
            let rest = reader.read(&part(segment, from, to), self.most(segment)).await?;
            // A segment that is shorter than its boxes say is read as far as it goes.
            let Some(rest) =
                rest.filter(|rest| u64::try_from(rest.len()).is_ok_and(|read| read >= to - from))
            else {
                return self.read(reader, segment).await;
            };
            join(&mut pieces, from, rest);
        }
        Ok(Some(Media { samples, behind, pieces, whole: false, damaged: false, stored: None }))
    }

    /// Samples of a segment, their decode times unwrapped by the segment's.
    fn placed(&self, segment: &Segment, mut samples: Vec<Sample>) -> Vec<Sample> {
        unwrap_times(&mut samples, self.timeline.first_tick_at_or_after(self.span(segment).0));
        samples
    }

    /// The samples of a segment's only fragment, from as few bytes as hold its `moof`. `None` for any other layout.
    pub(crate) async fn first_fragment<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
    ) -> Result<Option<Fragment>, Error> {
        let first = self.first_moof(reader, segment).await?;
        if self.tables.is_some() {
            return Ok(first);
        }
        Ok(first.filter(|fragment| self.lasts(&fragment.samples, segment)))
    }

    /// Judges a whole segment by its beginning; `None` for an unusual layout, or if it does not exist.
    pub(crate) async fn glimpse<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
    ) -> Result<Option<Glimpse>, Error> {
        let Some(fragment) = self.first_fragment(reader, segment).await? else { return Ok(None) };
        let Fragment { samples, base, prefix } = &fragment;
        let beginning = samples.first().and_then(|first| {
            let from = usize::try_from(first.offset.checked_sub(*base)?).ok()?;
            let config = self.configs.get(first.entry_index()?)?.as_ref()?;
            Some((config, prefix.get(from..)?))
        });
        // The first picture may be one by itself, whatever the container says.
        let may =
            beginning.is_none_or(|(config, bytes)| may_start(config.codec, bytes, config.nal_length_size));
        let may_start = may || samples.iter().any(|sample| sample.sync);
        Ok(Some(Glimpse { may_start, bytes: samples.iter().map(|sample| u64::from(sample.size)).sum() }))
    }

    /// The samples of a segment's first fragment, from as few bytes as hold its `moof`. `None` for an unusual layout.
    async fn first_moof<O: Source>(
        &self,
        reader: &Reader<O>,
        segment: &Segment,
    ) -> Result<Option<Fragment>, Error> {
        if self.transport.is_some() {
            return Ok(None);
        }
        if let Some(samples) = self.listed_samples(segment) {
            let base = segment.resource.range.map_or(0, |range| range.first);
            return Ok(Some(Fragment { samples: samples.to_vec(), base, prefix: Bytes::new() }));
        }
        let first = first_moof(reader, &self.init, segment).await?;
        Ok(first.map(|found| Fragment { samples: self.placed(segment, found.samples), ..found }))
    }

    /// Returns `true` if samples are as long as the segment: there is no other fragment, not even one of a single
    /// sample. A playlist's lengths are too coarse to say that.
    fn lasts(&self, samples: &[Sample], segment: &Segment) -> bool {
        if self.representation.media.is_some() {
            return false;
        }
        let ticks: i64 = samples.iter().map(|sample| i64::from(sample.duration)).sum();
        let shortest = samples.iter().map(|sample| i64::from(sample.duration)).min().unwrap_or(0);
        let length = self.timeline.to_nanos_floor(ticks.saturating_add(shortest / 2));
        let (start, end) = self.span(segment);
        length - self.timeline.to_nanos_floor(0) >= end - start
    }

    /// The place of the init segment.
    pub(crate) fn init_resource(&self) -> Result<ObjectRange, Error> {
        let none = || Kind::BadRecording.because("the manifest names no init segment");
        Ok(self.representation.init()?.ok_or_else(none)?)
    }

    /// The init segment as it is stored.
    pub(crate) async fn stored_init<O: Source>(
        &self,
        reader: &Reader<O>,
    ) -> Result<(MediaPlace, Bytes), Error> {
        let resource = self.init_resource()?;
        Ok((place_of(&resource), reader.head(&resource).await?))
    }

    /// Returns `true` if its segments are transport streams.
    pub(crate) fn is_transport(&self) -> bool {
        self.transport.is_some()
    }

    /// Returns `true` if its segments are fragments of MP4.
    pub(crate) fn is_fragmented(&self) -> bool {
        self.transport.is_none() && self.tables.is_none()
    }

    /// Returns `true` if its segments are of use to players: those of a file without segments are cut here.
    pub(crate) fn has_segments(&self) -> bool {
        self.representation.file.is_none()
    }

    /// Returns `true` if the segments of the track are parts of one file.
    pub(crate) fn is_one_file(&self) -> bool {
        self.indexed.is_some()
    }

    /// The place of the init segment; `None` if segments describe themselves.
    pub(crate) fn init_place(&self) -> Result<Option<MediaPlace>, Error> {
        Ok(self.representation.init()?.as_ref().map(place_of))
    }

    /// The instant of time stamp zero of the media.
    pub(crate) fn shift(&self) -> Nanos {
        self.timeline.to_nanos_floor(0)
    }

    /// The language, as the manifest names it.
    pub(crate) fn language_tag(&self) -> Option<&str> {
        self.representation.lang.as_deref()
    }

    /// The codec, by the manifest.
    pub(crate) fn codecs(&self) -> &str {
        &self.representation.codecs
    }

    /// The language, by the manifest.
    pub(crate) fn language(&self) -> Option<[u8; 3]> {
        iso_639_2(self.representation.lang.as_deref()?)
    }

    /// The roles, by the manifest.
    pub(crate) fn roles(&self) -> &[String] {
        &self.representation.roles
    }

    /// The label, by the manifest.
    pub(crate) fn label(&self) -> Option<&str> {
        self.representation.label.as_deref()
    }

    /// Bits a second, by the manifest.
    pub(crate) fn bandwidth(&self) -> u64 {
        self.representation.bandwidth
    }
}

/// Returns `true` if there is an object at a resource's path with a byte where that starts.
async fn exists<O: Source>(reader: &Reader<O>, resource: &ObjectRange) -> Result<bool, Error> {
    let first = resource.range.map_or(0, |range| range.first);
    let byte = ObjectRange { path: resource.path.clone(), range: Some(ByteRange { first, last: first }) };
    Ok(reader.read(&byte, 1).await?.is_some())
}

/// The place of a sample in the recording.
#[derive(Debug, Clone)]
pub(crate) struct RecordedPlace {
    pub(crate) segment: Arc<RecordedSegment>,
    /// The sample as its segment has it.
    pub(crate) sample: Sample,
}

impl RecordedPlace {
    /// The same place of a picture that is used in another form than it is recorded in.
    pub(crate) fn altered(&self) -> Self {
        let segment = RecordedSegment { samples: None, ..RecordedSegment::clone(&self.segment) };
        Self { segment: Arc::new(segment), ..self.clone() }
    }
}

/// The properties of a segment, judged by its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glimpse {
    /// It may have a picture that decoding can start with.
    pub(crate) may_start: bool,
    /// Of its samples.
    pub(crate) bytes: u64,
}

/// The samples of a segment's first fragment, and the bytes that were read to know them.
pub(crate) struct Fragment {
    pub(crate) samples: Vec<Sample>,
    /// The position of `prefix` in the file.
    base: u64,
    prefix: Bytes,
}

/// The samples of a track in a segment's first fragment, from as few bytes as hold its `moof`, at the times that are
/// written there. `None` for an unusual layout, or if the segment does not exist.
async fn first_moof<O: Source>(
    reader: &Reader<O>,
    init: &InitTrack,
    segment: &Segment,
) -> Result<Option<Fragment>, Error> {
    let base = segment.resource.range.map_or(0, |range| range.first);
    let mut size = PREFIX;
    while size <= MOOF_MOST {
        let prefix = reader.read(&part(segment, base, base.saturating_add(size)), size).await?;
        let Some(prefix) = prefix else { return Ok(None) };
        let short = u64::try_from(prefix.len()).unwrap_or(0) < size;
        // Reading all of a damaged segment tells how far it can be read.
        let Ok(read) = read_moof(init, &prefix, base) else { return Ok(None) };
        match read {
            MoofRead::Ready { mut samples, .. } => {
                fill_durations(&mut samples);
                return Ok(Some(Fragment { samples, base, prefix }));
            }
            MoofRead::NeedMore { .. } if short => return Ok(None),
            MoofRead::NeedMore { at_least } => size = at_least.max(size + 1).saturating_add(16),
        }
    }
    Ok(None)
}

/// Samples of a segment with their bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Media {
    /// In decode order.
    pub(crate) samples: Vec<Sample>,
    /// When those are shown that follow in the segment and were not read.
    pub(crate) behind: Vec<i64>,
    /// Bytes with their place in the file.
    pieces: Vec<(u64, Bytes)>,
    /// All samples of the segment.
    pub(crate) whole: bool,
    /// Samples are missing at its end.
    pub(crate) damaged: bool,
    /// Its place, if these are all of its samples, at the times that it has them.
    pub(crate) stored: Option<ObjectRange>,
}

impl Media {
    /// The number of bytes that it holds.
    fn bytes(&self) -> usize {
        self.pieces.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// As a playlist lists it, which came from `segment`.
    pub(crate) fn as_segment(&self, segment: &Segment) -> RecordedSegment {
        let resource = self.stored.as_ref().unwrap_or(&segment.resource);
        RecordedSegment {
            place: place_of(resource),
            samples: self.stored.as_ref().map(|_| self.samples.len()),
        }
    }

    /// The bytes of one of the samples.
    pub(crate) fn data(&self, sample: &Sample) -> Result<Bytes, Error> {
        let missing = || Kind::BadRecording.because("a sample lies outside of its segment's data");
        Ok(self.bytes_of(sample).ok_or_else(missing)?)
    }

    /// The same; `None` if they are not there.
    pub(crate) fn bytes_of(&self, sample: &Sample) -> Option<Bytes> {
        let within = |(base, bytes): &(u64, Bytes)| {
            let from = usize::try_from(sample.offset.checked_sub(*base)?).ok()?;
            let to = from.checked_add(usize::try_from(sample.size).ok()?)?;
            (to <= bytes.len()).then(|| bytes.slice(from..to))
        };
        self.pieces.iter().find_map(within)
    }
}

/// A resource as a playlist names it.
pub(crate) fn place_of(resource: &ObjectRange) -> MediaPlace {
    MediaPlace::Recorded(resource.path.clone(), resource.range.map(|range| (range.first, range.last)))
}

/// Adds a piece that starts at `from`. One that goes on where the last one ends is joined to it where samples may
/// cross the seam.
fn join(pieces: &mut Vec<(u64, Bytes)>, from: u64, rest: Bytes) {
    match pieces.pop() {
        Some((base, bytes)) if base.saturating_add(u64::try_from(bytes.len()).unwrap_or(0)) == from => {
            pieces.push((base, [&bytes[..], &rest[..]].concat().into()));
        }
        other => {
            pieces.extend(other);
            pieces.push((from, rest));
        }
    }
}

/// Some bytes of a segment.
fn part(segment: &Segment, from: u64, end: u64) -> ObjectRange {
    let most = segment.resource.range.map_or(u64::MAX, |range| range.last);
    let last = end.saturating_sub(1).min(most);
    ObjectRange { path: segment.resource.path.clone(), range: Some(ByteRange { first: from, last }) }
}

#[cfg(test)]
mod tests;
