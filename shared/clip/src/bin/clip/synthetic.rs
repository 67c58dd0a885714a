//! A recording of any length, made as it is read: one GOP and a stretch of audio, over and over.

#![expect(clippy::unwrap_used, reason = "text is written to a string")]

use bytes::Bytes;
use export_clip::{Folder, ReadFailure, Source};
use export_media::fmp4::{Init, InitTrack, TrackKind, read_fragments};
use export_media::mpd::{Representation, parse};
use export_media::mux::{self, FragmentWriter, MuxSample, TrackSpec};
use std::error::Error;
use std::fmt::Write;

/// In decode order.
type Samples = Vec<(MuxSample, Bytes)>;

/// One track: what a segment repeats.
#[derive(Debug)]
struct Track {
    name: &'static str,
    codecs: String,
    bandwidth: u64,
    spec: TrackSpec,
    /// From decode time 0 on.
    samples: Samples,
    /// Earliest presentation time, in ticks.
    offset: i64,
}

/// A static presentation with numbered segments of one GOP.
#[derive(Debug)]
pub(crate) struct Synthetic {
    tracks: Vec<Track>,
    seconds: f64,
    /// Length of a segment, in ticks of the picture's track and those in a second.
    gop: (i64, i64),
}

impl Synthetic {
    /// Of the first GOP of `folder` and its first seconds of audio.
    pub(crate) async fn of(folder: &Folder, manifest: &str, hours: f64) -> Result<Self, Box<dyn Error>> {
        let mpd = parse(&folder.read(manifest, None, u64::MAX).await?)?;
        let mut tracks = Vec::new();
        for representation in mpd.periods.iter().take(1).flat_map(|period| &period.representations) {
            let (init, samples) = first_segments(folder, representation).await?;
            let name = match init.kind {
                TrackKind::Video => "video",
                TrackKind::Audio => "audio",
                TrackKind::Other => continue,
            };
            if tracks.iter().all(|track: &Track| track.name != name) {
                tracks.push(Track::new(name, representation, &init, samples)?);
            }
        }
        let video = tracks.iter().find(|track| track.name == "video").ok_or("there is no picture")?;
        let gop = (video.length(), i64::from(video.spec.timescale));
        Ok(Self { seconds: hours * 3600.0, gop, tracks })
    }

    /// A file by its name; `manifest` is the manifest's.
    pub(crate) fn get(&self, name: &str, manifest: &str) -> Result<Bytes, ReadFailure> {
        if name == manifest {
            return Ok(self.mpd().into());
        }
        let (track, rest) = name.split_once('-').ok_or(ReadFailure::NotFound)?;
        let track = self.tracks.iter().find(|t| t.name == track).ok_or(ReadFailure::NotFound)?;
        let mut writer = FragmentWriter::new(vec![track.spec.clone()], track.spec.timescale)
            .map_err(|e| unavailable(&e.to_string()))?;
        if rest == "init.mp4" {
            return writer.init().map_err(|e| unavailable(&e.to_string()));
        }
        let number = rest.trim_end_matches(".m4s").parse::<i64>().map_err(|_| ReadFailure::NotFound)?;
        let samples = track.between(self.ticks(number, track), self.ticks(number + 1, track));
        writer.fragment(&[&samples]).map_err(|e| unavailable(&e.to_string()))
    }

    /// Start of a segment in ticks of `track`.
    fn ticks(&self, number: i64, track: &Track) -> i64 {
        let (ticks, scale) = self.gop;
        let at = i128::from(number) * i128::from(ticks) * i128::from(track.spec.timescale);
        i64::try_from(at / i128::from(scale)).unwrap_or(i64::MAX)
    }

    fn mpd(&self) -> String {
        let (ticks, scale) = self.gop;
        let mut sets = String::new();
        for track in &self.tracks {
            let (name, codecs, bandwidth) = (track.name, &track.codecs, track.bandwidth);
            let offset = i128::from(track.offset) * i128::from(scale) / i128::from(track.spec.timescale);
            write!(
                sets,
                r#"<AdaptationSet contentType="{name}" mimeType="{name}/mp4"><SegmentTemplate timescale="{scale}"
                duration="{ticks}" startNumber="0" presentationTimeOffset="{offset}" initialization="{name}-init.mp4"
                media="{name}-$Number$.m4s"/><Representation id="{name}" bandwidth="{bandwidth}" codecs="{codecs}"/>
                </AdaptationSet>"#
            )
            .unwrap();
        }
        let seconds = self.seconds;
        format!(
            r#"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT{seconds}S"
            profiles="urn:mpeg:dash:profile:isoff-live:2011" minBufferTime="PT2S"><Period start="PT0S">{sets}</Period>
            </MPD>"#
        )
    }
}

impl Track {
    fn new(
        name: &'static str,
        representation: &Representation,
        init: &InitTrack,
        samples: Samples,
    ) -> Result<Self, Box<dyn Error>> {
        let first = samples.first().ok_or("there are no samples")?.0.dts;
        let earliest = samples.iter().map(|(sample, _)| sample.pts).min().unwrap_or(first);
        // No picture is shown before it is decoded.
        let late = |(sample, _): &(MuxSample, Bytes)| (sample.dts - first) - (sample.pts - earliest);
        let offset = samples.iter().map(late).max().unwrap_or(0);
        let placed = |(sample, data): (MuxSample, Bytes)| {
            (MuxSample { dts: sample.dts - first, pts: sample.pts - earliest + offset, ..sample }, data)
        };
        let kind = match init.kind {
            TrackKind::Video => {
                mux::TrackMedia::Video { width: init.width, height: init.height, matrix: init.matrix }
            }
            _ => mux::TrackMedia::Audio,
        };
        let spec = TrackSpec {
            kind,
            timescale: init.timescale.get(),
            language: init.language,
            sample_entries: init.sample_entries.iter().map(|entry| entry.bytes.clone()).collect(),
            roll: None,
        };
        Ok(Self {
            name,
            codecs: representation.codecs.clone(),
            bandwidth: representation.bandwidth,
            spec,
            samples: samples.into_iter().map(placed).collect(),
            offset,
        })
    }

    /// Ticks after which it begins again.
    fn length(&self) -> i64 {
        self.samples.last().map_or(1, |(sample, _)| sample.dts + i64::from(sample.duration))
    }

    /// The samples whose decode times are in `[from, until)`, all rounds laid end to end.
    fn between(&self, from: i64, until: i64) -> Samples {
        let length = self.length();
        let rounds = from.div_euclid(length)..=until.div_euclid(length);
        let moved = rounds.flat_map(|round| {
            let at = round * length;
            let sample = move |(sample, data): &(MuxSample, Bytes)| {
                (MuxSample { dts: sample.dts + at, pts: sample.pts + at, ..*sample }, data.clone())
            };
            self.samples.iter().map(sample)
        });
        moved.filter(|(sample, _)| (from..until).contains(&sample.dts)).collect()
    }
}

/// The first GOP, or for audio the frames of the second segment: the first may hold priming.
async fn first_segments(
    folder: &Folder,
    representation: &Representation,
) -> Result<(InitTrack, Samples), Box<dyn Error>> {
    let resource = representation.init()?.ok_or("there is no init segment")?;
    let init = Init::parse(&folder.read(&resource.path, None, u64::MAX).await?)?;
    let init = init.tracks.into_iter().next().ok_or("there is no track")?;
    let number = u64::from(init.kind == TrackKind::Audio);
    let segment = representation.segment(number)?.ok_or("there is no segment")?;
    let bytes = folder.read(&segment.resource.path, None, u64::MAX).await?;
    let mut samples = Vec::new();
    for sample in read_fragments(&init, &bytes, 0)? {
        if init.kind == TrackKind::Video && sample.sync && !samples.is_empty() {
            break;
        }
        let data = bytes.slice(sample.range().ok_or("a sample is out of range")?);
        let entry = sample.description.saturating_sub(1);
        let (dts, pts, duration, size) = (sample.dts, sample.pts, sample.duration, sample.size);
        samples.push((MuxSample { dts, pts, duration, sync: sample.sync, entry, size }, data));
    }
    Ok((init, samples))
}

fn unavailable(why: &str) -> ReadFailure {
    ReadFailure::Unavailable(why.to_owned())
}
