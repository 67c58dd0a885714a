//! The job as modern clients see it: words, percent, RFC 3339 times. Never a bucket's name or
//! a user's.

use crate::batch::{Guess, Skipped};
use crate::ids::FileName;
use crate::job::{
    DeliveredWindow, Detail, Failure, Hole, Job, Order, Phase, PlanSummary, Play, STILL, State, Warning,
    WarningCode,
};
use crate::reel::OrderedWindow;
use crate::request::{ExportType, Story, Wanted};
use crate::time::{EpochMs, Millis};
use serde::Serialize;

/// Media type that asks for this form.
pub const MEDIA_TYPE: &str = "application/vnd.export.job+json";

/// The request of a job.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = JobRequest))]
pub struct Requested<'a> {
    /// Clip and picture, or the picture alone.
    wanted: Wanted,
    /// `LivePath`.
    live_path: &'a str,
    /// `StartPos`.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    start_pos_ms: EpochMs,
    /// `StartTime`.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    start_time_ms: Millis,
    /// `Duration`.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    duration_ms: Millis,
    /// The codec asked for.
    export_type: ExportType,
    /// The number of windows of a reel, whose first one stands above with the length of all; absent for everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 2))]
    window_count: Option<usize>,
}

/// One window of a reel.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = JobWindow))]
pub struct Windowed<'a> {
    /// Its place in the list of the request, from 1.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    n: usize,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// The recording.
    live_path: &'a str,
    /// Its start, as `StartPos`.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    start_pos_ms: EpochMs,
    /// Its start, as `StartTime`.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    start_time_ms: Millis,
    /// Its length.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 1))]
    duration_ms: Millis,
    /// Its start in the reel, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0))]
    at_ms: Option<Millis>,
    /// Its length in the reel, in milliseconds; 0 if it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0))]
    delivered_ms: Option<Millis>,
    /// The part of it that no recorded frame covers, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0))]
    lack_ms: Option<Millis>,
    /// The kinds of what was left out of it or corrected in it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    warnings: &'a [WarningCode],
    /// Why it is not in the reel, in the words of `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
}

/// A part of a window.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = JobHole))]
pub struct Lacking {
    /// Its start, as `StartPos`.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 0))]
    start_pos_ms: EpochMs,
    /// Its length in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = i64, minimum = 1))]
    duration_ms: Millis,
}

/// The chunks of a clip that many functions make at the same time.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = JobChunks))]
pub struct Chunked {
    /// Those that are made.
    made: u32,
    /// All of them.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    count: u32,
}

/// One job.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Job))]
pub struct Resource<'a> {
    /// Its name: `JobId` of the reply.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[a-z2-7]{32}$"))]
    id: &'a str,
    /// The state.
    state: State,
    /// Counts from 1; a POST after a failure starts the next.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    generation: u32,
    /// The step that a job in work is at; absent once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<Phase>,
    /// The part of the clip that is made, in per cent; 100 when its files are there. It never falls within a generation.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 100))]
    percent: i64,
    /// The chunks of a job in work that many functions make at the same time; absent for any other.
    #[serde(skip_serializing_if = "Option::is_none")]
    chunks: Option<Chunked>,
    /// First request for it.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    created: String,
    /// Last change.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    updated: String,
    /// The request.
    request: Requested<'a>,
    /// The clip's file name, with its extension; absent if only the picture is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<&'a str>,
    /// The clip's container.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^(ts|mp4)$"))]
    container: Option<&'static str>,
    /// Size of the clip in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    bytes: Option<u64>,
    /// The earliest time at which the service looks at the recording again, while it waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    ready_after: Option<String>,
    /// The time up to which the recording is known to be complete, while the job waits for it: milliseconds since 1970, on
    /// the clock of `StartPos`. Absent if nothing is recorded yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0))]
    live_edge_ms: Option<EpochMs>,
    /// Length of the clip in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0))]
    delivered_ms: Option<Millis>,
    /// The part of the window that no recorded frame covers, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>, minimum = 0))]
    lack_ms: Option<Millis>,
    /// The parts of the window that no recorded frame covers, in their order: the first 100 of them. Together they are as
    /// long as `lack_ms`, except for rounding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false, max_items = 100))]
    holes: Vec<Lacking>,
    /// `ImagePath` of the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_path: Option<&'a str>,
    /// `VideoPath` of the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    video_path: Option<&'a str>,
    /// Why it failed: `ErrorMessage` of the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// `true` if the same POST may still end otherwise: the service tries once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    retriable: Option<bool>,
    /// The thing that the error is about: which segment, track or box, and what is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 300))]
    detail: Option<&'a str>,
    /// The parts that were left out of the files or corrected in them, one of each kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    warnings: Vec<&'a Warning>,
    /// The way in which the clip is made, once that is chosen; and its cost, once it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a PlanSummary>,
    /// The clip as a playlist, as soon as that is known; absent where the operator has it switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    play: Option<Playable<'a>>,
    /// The request's story.
    #[serde(skip_serializing_if = "Option::is_none")]
    story: Option<&'a Story>,
    /// The windows of a reel in their order; what became of each as soon as the reel is made. Lists and events leave them out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false, max_items = 500))]
    windows: Vec<Windowed<'a>>,
    /// The entries of a reel's list that make no window. Lists and events leave them out.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    skipped: &'a [Skipped],
    /// The guesses about a reel's list.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    guesses: &'a [Guess],
}

/// The clip as a playlist, or why it has none.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = JobPlay))]
pub struct Playable<'a> {
    /// `true` if the playlists show exactly the frames of the clip, `false` while they show whole segments of the recording, up
    /// to a segment more at either end; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<bool>,
    /// The HLS playlist, relative to the API's address. It opens to everyone who has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hls: Option<String>,
    /// The DASH manifest, relative to the API's address. It opens to everyone who has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dash: Option<String>,
    /// Why there is no playlist, for machines: `encoded`, `codec`, `interlaced`, `hole`, `periods`, `windows`, `multiplexed`,
    /// `parameter_sets`, `times`, `damaged`, `changed`, `audio` or `unread`.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// A page of a tenant's jobs.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = JobPage))]
pub struct Page<'a> {
    /// The jobs, newest first.
    pub jobs: Vec<Resource<'a>>,
    /// `cursor` of the next page; `null` on the last.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub next: Option<String>,
}

impl<'a> Resource<'a> {
    /// The same with the notes on the list of a request for it.
    #[must_use]
    pub fn of_list(self, skipped: &'a [Skipped], guesses: &'a [Guess]) -> Self {
        Self { skipped, guesses, ..self }
    }
}

/// The resource of a job with the windows of a reel, as it is shown alone.
pub fn full_resource(job: &Job) -> Resource<'_> {
    let Some(reel) = &job.order.reel else { return resource(job) };
    let made = job.video.as_ref().map_or(&[][..], |video| &video.windows);
    let windows = reel.windows.iter().enumerate();
    let windows = windows.map(|(at, window)| windowed(&job.order, window, made.get(at))).collect();
    Resource { windows, skipped: &reel.skipped, guesses: &reel.guesses, ..resource(job) }
}

fn windowed<'a>(
    order: &'a Order,
    window: &'a OrderedWindow,
    made: Option<&'a DeliveredWindow>,
) -> Windowed<'a> {
    Windowed {
        n: window.n,
        name: window.name.as_ref().map(FileName::as_str),
        live_path: order.recording(window).as_str(),
        start_pos_ms: window.start_pos_ms,
        start_time_ms: window.start_time_ms,
        duration_ms: window.duration_ms,
        at_ms: made.map(|made| made.at_ms),
        delivered_ms: made.map(|made| made.length_ms),
        lack_ms: made.map(|made| made.lack_ms),
        warnings: made.map_or(&[], |made| &made.warnings),
        left_out: made.and_then(|made| made.left_out.as_ref()).map(ToString::to_string),
    }
}

/// The resource of a job, with the end that the clock brought on record. Of a reel's windows it has the number alone.
pub fn resource(job: &Job) -> Resource<'_> {
    let order = &job.order;
    let ready = job.state == State::Ready;
    let detail = job.failure.as_ref().map(|failure| &failure.detail).filter(|detail| !detail.is_empty());
    let clip = matches!(order.wanted, Wanted::Media | Wanted::Stamped | Wanted::Reel);
    let visible = ready || !job.state.is_terminal();
    Resource {
        id: job.job_id.as_str(),
        state: job.shown_state(),
        generation: job.generation,
        phase: job.phase(),
        percent: job.percent(),
        chunks: job.chunks().map(|(made, count)| Chunked { made, count }),
        created: job.created_at.to_rfc3339(),
        updated: job.updated_at.to_rfc3339(),
        request: Requested {
            wanted: if order.wanted == Wanted::Stamped { Wanted::Media } else { order.wanted },
            live_path: order.live_path.as_str(),
            start_pos_ms: order.start_pos_ms,
            start_time_ms: order.start_time_ms,
            duration_ms: order.duration_ms,
            export_type: order.export_type,
            window_count: order.reel.as_ref().map(|reel| reel.windows.len()),
        },
        file_name: clip.then(|| order.video_path.rsplit('/').next()).flatten(),
        container: clip.then(|| order.target.container.extension()).filter(|name| !name.is_empty()),
        bytes: job.video.as_ref().map(|v| v.bytes),
        ready_after: job.wake_at.filter(|_| job.state == State::WaitingSource).map(EpochMs::to_rfc3339),
        live_edge_ms: job.live_edge_ms(),
        delivered_ms: job.video.as_ref().map(|v| v.duration_ms),
        lack_ms: job.video.as_ref().map(|v| v.lack_ms),
        holes: job
            .video
            .iter()
            .flat_map(|v| &v.holes)
            .map(|hole| lacking(order.start_pos_ms, hole))
            .collect(),
        image_path: (visible && job.image.is_some()).then_some(order.image_path.as_str()),
        video_path: (ready && job.video.is_some()).then_some(order.video_path.as_str()),
        error: job.failure.as_ref().map(Failure::message),
        retriable: job.failure.as_ref().map(|f| f.retriable),
        detail: detail.map(Detail::as_str),
        warnings: job.warnings(),
        // An earlier version takes the picture's plan for the clip's.
        plan: job.plan.as_ref().filter(|plan| !(clip && plan.kind == STILL)),
        play: job.playlist().map(|play| playable(job, play)),
        story: order.story.as_ref(),
        windows: Vec::new(),
        skipped: &[],
        guesses: &[],
    }
}

fn playable<'a>(job: &Job, play: &'a Play) -> Playable<'a> {
    let text = |text: &'a str| Some(text).filter(|text| !text.is_empty());
    let opens = play.opens().filter(|_| play.refused.is_empty());
    let uri = |file: &str| {
        let key = opens?.text(&job.tenant);
        Some(format!("/export/jobs/{}/play/{file}?key={key}", job.job_id))
    };
    Playable {
        exact: opens.map(|_| play.key.is_some()),
        hls: uri("stream.m3u8"),
        dash: uri("stream.mpd"),
        refused: text(&play.refused),
        detail: text(play.detail.as_str()),
    }
}

#[cfg(feature = "openapi")]
mod openapi {
    use crate::job::State;
    use std::borrow::Cow;
    use utoipa::openapi::RefOr;
    use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
    use utoipa::{PartialSchema, ToSchema};

    /// The states that clients see.
    const SHOWN: [State; 7] = [
        State::Queued,
        State::Running,
        State::WaitingSource,
        State::Ready,
        State::Failed,
        State::Cancelled,
        State::Unknown,
    ];

    impl PartialSchema for State {
        fn schema() -> RefOr<Schema> {
            let words = SHOWN.iter().map(|state| serde_json::to_value(state).unwrap_or_default());
            let states = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words));
            states.description(Some("The state of a job.")).into()
        }
    }

    impl ToSchema for State {
        fn name() -> Cow<'static, str> {
            "State".into()
        }
    }
}

fn lacking(start_pos_ms: EpochMs, hole: &Hole) -> Lacking {
    Lacking { start_pos_ms: start_pos_ms + hole.at_ms, duration_ms: hole.length_ms }
}
