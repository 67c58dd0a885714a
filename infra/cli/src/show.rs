//! Answers of the service in words and tables.

use crate::api::{ChunksView, JobView, PlanView, RecordingView, WindowView};
use crate::output::Output;
use crate::times::{clock_text, length_text};
use export_domain::job::{Phase, PlanSummary, State};
use export_domain::time::Millis;

/// A size with a unit.
pub fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{:02} {name}", bytes / unit, bytes % unit * 100 / unit),
        None => format!("{bytes} B"),
    }
}

/// A state in a word.
pub fn state(state: State) -> &'static str {
    match state {
        State::Queued => "queued",
        State::Running | State::Fanned => "running",
        State::WaitingSource => "waiting",
        State::Ready => "ready",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
        State::Unknown => "unknown",
    }
}

/// The step that a job is at, in words.
pub fn step(job: &JobView) -> &'static str {
    match job.phase {
        Some(Phase::Queued) => "queued",
        Some(Phase::Waiting) => "waiting for the recording",
        Some(Phase::Reading) => "reading",
        Some(Phase::Copying) => "copying",
        Some(Phase::Encoding) => "encoding",
        Some(Phase::Checking) => "checking",
        Some(Phase::Publishing) => "publishing",
        Some(Phase::Unknown) => "at work",
        None => state(job.state),
    }
}

/// A job that has ended, in a line.
pub fn ended(job: &JobView) -> String {
    let mut parts = vec![job.label().to_owned(), state(job.state).to_owned()];
    if job.state == State::Ready {
        parts.extend(job.plan.as_ref().filter(|_| job.is_clip()).map(made));
        parts.extend(job.bytes.map(size));
        parts.extend(
            job.lack_ms
                .filter(|lack| *lack > Millis::ZERO)
                .map(|lack| format!("{} are missing", length_text(lack))),
        );
    } else {
        parts.extend(job.error.clone());
        parts.extend(job.detail.clone());
    }
    parts.join("  ")
}

/// The way in which a clip was made.
fn made(plan: &PlanSummary) -> String {
    let frames = plan.frames_copied + plan.frames_encoded;
    let took = Millis::new(i64::try_from(plan.total_ms).unwrap_or(i64::MAX));
    format!("{frames} frames, {} encoded ({}), {}", plan.frames_encoded, plan.kind, length_text(took))
}

/// A job with all that is known of it, a line each.
pub fn job(job: &JobView, output: &Output) -> Vec<String> {
    let request = &job.request;
    let mut rows = vec![
        ("job", job.id.clone()),
        (
            "state",
            format!(
                "{}{}",
                step(job),
                if job.state.is_terminal() { String::new() } else { format!(", {} %", job.percent) }
            ),
        ),
        ("recording", request.live_path.clone()),
        (
            "window",
            format!(
                "{} at {}, {} long",
                output.time(request.start_pos_ms),
                clock_text(request.start_time_ms),
                length_text(request.duration_ms)
            ),
        ),
        ("created", output.time_of(&job.created)),
    ];
    let mut add = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
    let so_far = |chunks: ChunksView| format!("{} of {} made", chunks.made, chunks.count);
    add("chunks", job.chunks.map(so_far));
    add("file", job.file_name.clone());
    add("size", job.bytes.map(size));
    add("length", job.delivered_ms.map(length_text));
    add("missing", job.lack_ms.filter(|lack| *lack > Millis::ZERO).map(length_text));
    add("made", job.plan.as_ref().filter(|_| job.is_clip()).map(made));
    add("reason", job.plan.as_ref().map(|plan| plan.reason.clone()).filter(|reason| !reason.is_empty()));
    add("clip", job.video_path.clone());
    add("picture", job.image_path.clone());
    add("complete to", job.live_edge_ms.map(|at| output.time(at)));
    add("looks again", job.ready_after.as_deref().map(|at| output.time_of(at)));
    add("error", job.error.clone());
    add("detail", job.detail.clone());
    let windows = job.windows.iter().map(|window| ("part", part(window)));
    rows.extend(windows);
    let warnings = job.warnings.iter().map(|warning| {
        ("warning", format!("{} ({}): {}", warning.code.name(), warning.count, warning.detail.as_str()))
    });
    table(rows.into_iter().chain(warnings).map(|(name, value)| vec![name.to_owned(), value]).collect())
}

/// A window of a reel.
fn part(window: &WindowView) -> String {
    let name = window.name.as_deref().map_or_else(String::new, |name| format!(" {name}"));
    let made = match (&window.left_out, window.at_ms, window.delivered_ms) {
        (Some(why), ..) => format!(": left out: {why}"),
        (None, Some(at), Some(length)) => format!(": {} at {}", length_text(length), clock_text(at)),
        _ => String::new(),
    };
    let lack = window.lack_ms.filter(|lack| *lack > Millis::ZERO && window.left_out.is_none());
    let lack = lack.map_or_else(String::new, |lack| format!(", {} missing", length_text(lack)));
    format!("{}{name}{made}{lack}", window.n)
}

/// A recording, a line for each part.
pub fn recording(recording: &RecordingView, output: &Output) -> Vec<String> {
    let mut rows = vec![("recording", recording.live_path.clone())];
    let mut add = |name, value: Option<String>| rows.extend(value.map(|value| (name, value)));
    add("state", Some(if recording.live { "live" } else { "ended" }.to_owned()));
    let at = |pos: Option<_>, time: Option<_>| match (pos, time) {
        (Some(pos), Some(time)) => Some(format!("{}  {}", clock_text(time), output.time(pos))),
        (None, Some(time)) => Some(format!("{}  no wall clock", clock_text(time))),
        _ => None,
    };
    add("from", at(recording.start_pos_ms, recording.start_time_ms));
    add("to", at(recording.end_pos_ms, recording.end_time_ms));
    add(
        "length",
        recording.end_time_ms.zip(recording.start_time_ms).map(|(end, start)| length_text(end - start)),
    );
    if let Some(video) = &recording.video {
        let size = video.width.zip(video.height).map(|(width, height)| format!("{width}x{height}"));
        let rate = video.frame_rate.as_ref().map(|rate| format!("{rate} frames a second"));
        add(
            "picture",
            Some([video.codec.clone(), size, rate].into_iter().flatten().collect::<Vec<_>>().join(", ")),
        );
        add("problem", video.problem.clone());
    }
    for audio in &recording.audio {
        let rate = audio.sample_rate.map(|rate| format!("{rate} Hz"));
        add(
            "audio",
            Some(
                [audio.language.clone(), audio.codecs.clone(), rate]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
        );
    }
    for hole in &recording.holes {
        add(
            "hole",
            Some(format!("{}  {} long", clock_text(hole.start_time_ms), length_text(hole.duration_ms))),
        );
    }
    table(rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect())
}

/// A plan, a line for each part.
pub fn plan(plan: &PlanView) -> Vec<String> {
    let about = if plan.exact { "" } else { "about " };
    let ends = format!(
        "{} before the first copied one, {} behind the last",
        plan.frames_encoded_head, plan.frames_encoded_tail
    );
    let mut rows = vec![
        ("way", format!("{}: {}", plan.kind, plan.reason)),
        ("copied", format!("{about}{} frames", plan.frames_copied)),
        ("encoded", format!("{about}{} frames ({ends})", plan.frames_encoded)),
        ("size", format!("about {}", size(plan.bytes_written))),
        ("time", format!("about {}", length_text(plan.estimate_ms))),
    ];
    if let Some(chunks) = plan.chunks {
        rows.push(("chunks", format!("about {chunks}, made at the same time")));
    }
    if plan.lack_ms > Millis::ZERO {
        rows.push(("missing", length_text(plan.lack_ms)));
    }
    table(rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect())
}

/// Rows with their cells below one another.
pub fn table(rows: Vec<Vec<String>>) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let padded = |row: Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.into_iter().map(padded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits_or_so() {
        assert_eq!(
            [size(0), size(999), size(1_550_000), size(12_345_678_901)],
            ["0 B", "999 B", "1.55 MB", "12.34 GB"]
        );
    }

    #[test]
    fn cells_stand_below_one_another() {
        let rows = [["a", "bcd"], ["ef", ""], ["", "x"]].map(|row| row.map(str::to_owned).to_vec()).to_vec();
        assert_eq!(table(rows), ["a   bcd", "ef", "    x"]);
    }
}
