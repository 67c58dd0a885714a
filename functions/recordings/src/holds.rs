//! `GET /recordings/{path}`: what a recording holds.

use crate::App;
use crate::handler::{Miss, check_parameters};
use crate::media::{MOST_SEGMENTS, asked, fitting};
use export_clip::{AudioOverview, Overview, PictureOverview, VideoCodec};
use export_domain::ids::LivePath;
use export_domain::ports::{Clock, PlayLinks, RecordingLists, Sessions, SourceStore, Tenants};
use export_domain::recordings::{
    PictureCodec, RecordedAudio, RecordedPicture, RecordingClock, RecordingHole, RecordingResource,
};
use export_domain::request::FieldError;
use export_domain::time::{EpochMs, Millis};
use export_lambda::http::{Reply, Request};
use export_media::mpd::FrameRate;
use export_media::time::Nanos;
use export_orders::Recordings;
use std::sync::Arc;

/// Holes that a reply names.
const MOST_HOLES: usize = 1000;

impl<O, S, T, C> App<O, S, T, C>
where
    O: SourceStore + RecordingLists + PlayLinks + 'static,
    S: Sessions,
    T: Tenants,
    C: Clock,
{
    /// Answers with what the recording at `path` holds.
    pub(crate) async fn holds(&self, request: &Request, path: &str) -> Result<Reply, Miss> {
        check_parameters(request, &["from", "to"])?;
        let asked = asked(request)?;
        let tenant = self.tenant(request).await?;
        let path = LivePath::parse(path).map_err(|error| FieldError::new("path", error.to_string()))?;
        let source = Arc::new(Recordings::new(Arc::clone(&self.objects), &tenant));
        let (now, manifest) = (self.intake.clock.now(), tenant.manifest_key(&path));
        let Some(window) = asked else {
            let found = Overview::read(source, &manifest, now.get()).await?;
            let recording = recording(&path, &found);
            tracing::info!(tenant = %tenant.id, live = recording.live, "described a recording");
            return Ok(Reply::new(200).with_json("application/json", &recording));
        };
        self.check_links(&tenant)?;
        let read = Overview::read_with_footage(source, &manifest, now.get(), window, MOST_SEGMENTS);
        let (found, parts) = Box::pin(read).await?;
        let parts = fitting(parts);
        let media = self.media(&tenant, &path, &found, &parts).await?;
        let recording = RecordingResource { media: Some(media), ..recording(&path, &found) };
        let reply = Reply::new(200).with_json("application/json", &recording);
        Ok(reply.with("cache-control", "no-store").with("referrer-policy", "no-referrer"))
    }
}

fn recording(path: &LivePath, found: &Overview) -> RecordingResource {
    let ms = |length: Nanos| Millis::new(length.to_millis_floor());
    let pos = |at: Nanos| found.availability_start.map(|epoch| EpochMs::ZERO + ms(epoch + at));
    let time = |at: Nanos| ms(at - found.first_period);
    let extent = found.extent.as_ref();
    let (start, end) = (extent.map(|extent| extent.start), extent.and_then(|extent| extent.end));
    let hole = |(from, to): &(Nanos, Nanos)| RecordingHole {
        start_pos_ms: pos(*from),
        start_time_ms: time(*from),
        duration_ms: ms(*to - *from),
    };
    let holes = extent.into_iter().flat_map(|extent| &extent.holes);
    RecordingResource {
        live_path: path.to_string(),
        // A recording that has listed nothing yet is about to.
        live: extent.map_or(found.dynamic, |extent| extent.live),
        clock: match found.availability_start {
            Some(_) => RecordingClock::Wall,
            None => RecordingClock::Recording,
        },
        start_pos_ms: start.and_then(pos),
        end_pos_ms: end.and_then(pos),
        start_time_ms: start.map(time),
        end_time_ms: end.map(time),
        holes: holes.take(MOST_HOLES).map(hole).collect(),
        periods: found.periods,
        video: found.video.as_ref().map(picture),
        audio: found.audio.iter().map(audio).collect(),
        media: None,
    }
}

fn picture(found: &PictureOverview) -> RecordedPicture {
    RecordedPicture {
        codec: found.codec.as_ref().ok().map(|codec| match codec {
            VideoCodec::H264 => PictureCodec::H264,
            VideoCodec::Hevc => PictureCodec::H265,
        }),
        codecs: said(&found.codecs),
        width: found.size.map(|(width, _)| width),
        height: found.size.map(|(_, height)| height),
        frame_rate: found.frame_rate.map(|FrameRate { numerator, denominator }| match denominator {
            1 => numerator.to_string(),
            _ => format!("{numerator}/{denominator}"),
        }),
        problem: found.codec.as_ref().err().map(ToString::to_string),
    }
}

fn audio(found: &AudioOverview) -> RecordedAudio {
    RecordedAudio {
        language: found.language.clone(),
        roles: found.roles.clone(),
        label: found.label.clone(),
        codecs: said(&found.codecs),
        sample_rate: found.sample_rate,
    }
}

fn said(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
