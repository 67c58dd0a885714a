//! The recording of one job, opened.

use crate::audio::{self, AudioTrack};
use crate::error::WorkError;
use crate::source::{Reader, Track};
use crate::task::Task;
use crate::video::{Part, VideoFeed};
use crate::window::Window;
use export_domain::job::{Cause, Order, Reason, WarningCode};
use export_domain::ports::SourceStore;
use export_domain::request::ExportType;
use export_domain::tenant::Tenant;
use export_media::fmp4::TrackKind;
use export_media::mpd::{Mpd, Representation};
use export_media::nal::VideoCodec;
use export_media::select::{Choice, choose};
use export_media::time::Nanos;
use std::sync::Arc;
use std::time::Instant;

/// What a job cuts from.
pub(crate) struct Recording<O> {
    pub(crate) reader: Arc<Reader<O>>,
    mpd: Mpd,
    pub(crate) window: Window,
    pub(crate) video: Vec<Part>,
    /// The track of the first part with a picture.
    pub(crate) track: Option<Arc<Track>>,
    now_ms: i64,
    began: Instant,
    /// Milliseconds to read the manifest and the init segment.
    pub(crate) open_ms: u64,
}

impl<O: SourceStore + 'static> Recording<O> {
    /// Reads the manifest and the init segment of the picture; `now_ms` is the time.
    pub(crate) async fn open(
        objects: Arc<O>,
        tenant: &Tenant,
        order: &Order,
        now_ms: i64,
    ) -> Result<Self, WorkError> {
        let began = Instant::now();
        let key = tenant.manifest_key(&order.live_path);
        let reader = Arc::new(Reader::new(objects, tenant.source(), &key));
        let mpd = reader.manifest(&key).await?;
        let window = Window::of(&mpd, order);
        let video = video_parts(&mpd, window, wanted_codec(order.export_type));
        let track = match video.first() {
            Some(part) => Track::open(&reader, &part.representation, TrackKind::Video).await?.map(Arc::new),
            None => None,
        };
        let mut recording = Self { reader, mpd, window, video, track, now_ms, began, open_ms: 0 };
        recording.open_ms = recording.age_ms();
        Ok(recording)
    }

    /// Milliseconds since it was opened.
    pub(crate) fn age_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Refuses to start while a track that still grows may reach what is wanted.
    pub(crate) fn check_live_edge(&self, track: &Track, order: &Order) -> Result<(), WorkError> {
        self.window.check_live_edge(&self.mpd, track, order, self.now_ms)
    }

    /// The window's pictures, from the first on.
    pub(crate) fn pictures(&self) -> VideoFeed<O> {
        let (reader, parts) = (Arc::clone(&self.reader), self.video.clone());
        VideoFeed::new(reader, parts, self.track.clone(), self.window.start, self.window.end)
    }

    /// Every audio track, put together over the Periods by its position.
    pub(crate) async fn sound(&self) -> Result<Vec<AudioTrack<O>>, WorkError> {
        let mut opening = Vec::new();
        for (period, from, until) in self.window.periods(&self.mpd) {
            let Choice { video, audio } = choose(period, None);
            // Sound may also be in the picture's own segments.
            let sources: Vec<&Representation> =
                if audio.is_empty() { video.into_iter().collect() } else { audio };
            for (at, representation) in sources.into_iter().enumerate() {
                let (reader, representation) = (Arc::clone(&self.reader), representation.clone());
                let track = async move { Track::open(&reader, &representation, TrackKind::Audio).await };
                opening.push((at, from, until, Task::spawn(track)));
            }
        }
        let mut tracks: Vec<Vec<audio::Part>> = Vec::new();
        for (at, from, until, track) in opening {
            let track =
                track.await.map_err(|e| WorkError::Passing(format!("failed to open a track: {e}")))??;
            if tracks.len() <= at {
                tracks.resize_with(at + 1, Vec::new);
            }
            if let (Some(track), Some(parts)) = (track, tracks.get_mut(at)) {
                parts.push(audio::Part { track: Arc::new(track), from, until });
            }
        }
        if tracks.iter().any(|parts| parts.len() > 1) {
            let detail = "the sound tracks of the Periods were matched by their order";
            self.reader.notes().warn(WarningCode::TracksMatchedByPosition, detail);
        }
        Ok(tracks.into_iter().filter_map(|parts| AudioTrack::new(Arc::clone(&self.reader), parts)).collect())
    }

    /// Why there is nothing to make: a window outside the recording has no Period to look into.
    pub(crate) fn nothing(&self, otherwise: Cause) -> Cause {
        if self.window.periods(&self.mpd).is_empty() {
            return Reason::NoMedia.because("no Period of the manifest lies in the window");
        }
        otherwise
    }

    /// The part of the window that the manifest lists media for.
    pub(crate) fn recorded(&self) -> Nanos {
        let Some(track) = &self.track else { return Nanos::ZERO };
        let several = self.video.len() > 1;
        let end = track.listed_end().filter(|_| !several).unwrap_or(self.window.end).min(self.window.end);
        let start = track.listed_start().unwrap_or(self.window.start).max(self.window.start);
        (end - start).max(Nanos::ZERO)
    }

    /// The clip's likely size, by the manifest.
    pub(crate) fn expected_bytes(&self, duration_ms: i64) -> u64 {
        let bandwidth = self.track.as_ref().map_or(0, |track| track.bandwidth());
        (bandwidth / 8).saturating_mul(u64::try_from(duration_ms / 1000 + 1).unwrap_or(0))
    }
}

/// The codec that makes a copy possible, if one is asked for.
pub(crate) fn wanted_codec(export_type: ExportType) -> Option<VideoCodec> {
    match export_type {
        ExportType::AsRecorded => None,
        ExportType::H264 => Some(VideoCodec::H264),
        ExportType::H265 => Some(VideoCodec::Hevc),
    }
}

fn video_parts(mpd: &Mpd, window: Window, wanted: Option<VideoCodec>) -> Vec<Part> {
    let parts = window.periods(mpd).into_iter().filter_map(|(period, from, until)| {
        let representation = choose(period, wanted).video?.clone();
        let (starts_period, ends_period) = (from > window.start, until < window.end);
        Some(Part { representation, from, until, starts_period, ends_period })
    });
    parts.collect()
}
