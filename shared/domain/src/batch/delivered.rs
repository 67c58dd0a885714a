//! The delivered clips of a batch as a list that can be posted again: a table, or an edit decision list.

use super::life::Batch;
use crate::csv::Cells;
use crate::edl::EdlWriter;
use crate::ids::JobId;
use crate::job::{Job, State};
use crate::request::MAX_START_TIME;
use crate::time::{EpochMs, Millis};
use crate::timecode::{Labels, Rate};
use jiff::Timestamp;
use std::ops::Range;

/// The first label of what is edited together: one hour.
const RECORD_HOURS: i64 = 1;
/// Bytes that an edit takes, about.
const EDIT_BYTES: usize = 256;
/// The columns of the table, of which a batch's table passes over the first and the last four.
const COLUMNS: &str = "n,start,end,name,ref,live_path,job_id,lack_ms,video_path,image_path\r\n";

/// A clip that is ready.
#[derive(Debug, Clone, Copy)]
pub struct DeliveredClip<'a> {
    /// Its place in the batch, from 1.
    pub n: usize,
    /// Start of the window.
    pub start_pos_ms: EpochMs,
    /// `StartTime` of its job; 0 and 30 days if it counts from nothing.
    pub start_time_ms: Millis,
    /// Length of the window.
    pub duration_ms: Millis,
    /// The file's stem.
    pub name: &'a str,
    /// The client's own mark.
    pub mark: Option<&'a str>,
    /// The recording.
    pub live_path: &'a str,
    /// The job.
    pub job_id: &'a str,
    /// The part of the window that is missing in the recording.
    pub lack_ms: Millis,
    /// The clip's path.
    pub video_path: &'a str,
    /// The picture's path.
    pub image_path: &'a str,
}

/// The clips of a batch that are ready, by the jobs that were read of it.
pub fn clips<'a>(batch: &'a Batch, job_of: impl Fn(&JobId) -> Option<&'a Job>) -> Vec<DeliveredClip<'a>> {
    let found = batch.clips.iter().filter_map(|clip| {
        let job = job_of(&clip.job_id).filter(|job| job.state == State::Ready)?;
        let video = job.video.as_ref()?;
        Some(DeliveredClip {
            n: clip.n,
            start_pos_ms: clip.start_pos_ms,
            start_time_ms: clip.start_time_ms,
            duration_ms: clip.duration_ms,
            name: clip.name.as_str(),
            mark: clip.mark.as_deref(),
            live_path: clip.path.as_str(),
            job_id: clip.job_id.as_str(),
            lack_ms: video.lack_ms,
            video_path: &job.order.video_path,
            image_path: job.image.as_ref().map_or("", |_| job.order.image_path.as_str()),
        })
    });
    found.collect()
}

/// The table, with times in RFC 3339.
pub fn table(clips: &[DeliveredClip<'_>]) -> String {
    let mut text = COLUMNS.to_owned();
    for clip in clips {
        let mut cells = Cells::default();
        cells.raw(&clip.n.to_string());
        for border in [clip.start_pos_ms, clip.start_pos_ms + clip.duration_ms] {
            cells.raw(&instant(border));
        }
        for text in [clip.name, clip.mark.unwrap_or_default(), clip.live_path, clip.job_id] {
            cells.text(text);
        }
        cells.raw(&clip.lack_ms.to_string());
        cells.text(clip.video_path);
        cells.text(clip.image_path);
        text.push_str(&cells.finish());
        text.push_str("\r\n");
    }
    text
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`
fn instant(at: EpochMs) -> String {
    Timestamp::from_millisecond(at.get()).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The way in which an edit decision list counts.
#[derive(Debug, Clone, Copy)]
pub struct EdlForm {
    /// Frames in a second.
    pub rate: Rate,
    /// Their labels.
    pub labels: Labels,
    /// The instant of `00:00:00:00`; `None` for the point that the batch's times counted from, else the
    /// midnight (UTC) before the first clip.
    pub zero_ms: Option<EpochMs>,
}

/// The edit decision list: each clip's window as the source of an edit, one edit after the other. An edit whose labels
/// pass midnight is several. A clip without a frame is left out.
pub fn edit_list(title: &str, clips: &[DeliveredClip<'_>], form: &EdlForm) -> String {
    let EdlForm { rate, labels, .. } = *form;
    let zero = form.zero_ms.unwrap_or_else(|| zero(clips));
    let mut writer = EdlWriter::new(title, labels, clips.len() * EDIT_BYTES);
    let mut record = RECORD_HOURS * labels.in_a_day() / 24;
    let mut pieces: Vec<(&DeliveredClip<'_>, Range<i64>, i64)> = Vec::with_capacity(clips.len());
    for clip in clips {
        let start = clip.start_pos_ms - zero;
        let source = rate.frame_at(start)..rate.frame_at(start + clip.duration_ms);
        for piece in writer.split_at_midnight(source.clone(), record) {
            let at = record + piece.start - source.start;
            pieces.push((clip, piece, at));
        }
        record += (source.end - source.start).max(0);
    }
    let width = pieces.len().to_string().len().max(3);
    for ((clip, source, record), number) in pieces.into_iter().zip(1..) {
        writer.event(&format!("{number:0width$}"), "AX", &source, record);
        writer.clip_name(clip.name);
        writer.note("SOURCE FILE", clip.live_path);
        writer.note("COMMENT", &format!("{} {}", clip.job_id, clip.video_path));
    }
    writer.finish()
}

/// The point that the clips' `StartTime` counts from, else the midnight before the first of them.
fn zero(clips: &[DeliveredClip<'_>]) -> EpochMs {
    let tells = |time: Millis| Millis::ZERO < time && time < MAX_START_TIME;
    let told = clips.iter().find(|clip| tells(clip.start_time_ms));
    let told = told.map(|clip| clip.start_pos_ms - clip.start_time_ms);
    let first = clips.iter().map(|clip| clip.start_pos_ms).min().unwrap_or_default();
    told.unwrap_or(first.midnight())
}

#[cfg(test)]
mod tests {
    use super::super::{Base, SpanBounds, csv, edl};
    use super::*;
    use crate::job::testing::{at, ms};
    use proptest::prelude::*;

    const ZERO: EpochMs = at(1_768_248_074_000);

    fn clip(start: i64, duration: i64, name: &str) -> DeliveredClip<'_> {
        DeliveredClip {
            n: 1,
            start_pos_ms: ZERO + ms(start),
            start_time_ms: ms(start),
            duration_ms: ms(duration),
            name,
            mark: None,
            live_path: "mp4/a/stream.mpd",
            job_id: "j",
            lack_ms: ms(0),
            video_path: "/export/A/x.mp4",
            image_path: "/A/x.jpg",
        }
    }

    fn bounds() -> SpanBounds {
        let base = Base { zero_ms: Some(ZERO), ..Base::default() };
        SpanBounds {
            base,
            max_duration_ms: Millis::from_hours(4),
            latest_ms: at(4_000_000_000_000),
            max_ahead_days: 30,
            most_clips: 500,
        }
    }

    fn form(rate: Rate, is_drop: bool) -> EdlForm {
        EdlForm { rate, labels: Labels::new(rate, is_drop).unwrap(), zero_ms: None }
    }

    #[test]
    fn a_table_has_a_row_for_each_clip_and_is_read_again() {
        let clips = [clip(7_300, 9_000, "Ace, 1"), DeliveredClip { mark: Some("=2"), ..clip(0, 1, "b") }];
        let text = table(&clips);
        let lines: Vec<&str> = text.split("\r\n").collect();
        let row = "1,2026-01-12T20:01:21.300Z,2026-01-12T20:01:30.300Z,\"Ace, 1\",,mp4/a/stream.mpd,j,0,/export/A/x.mp4,/A/x.jpg";
        assert_eq!(lines[1], row);
        let read = csv::clips(&text, &bounds(), true).unwrap().clips;
        assert_eq!(
            read.iter().map(|clip| clip.name.as_deref().unwrap()).collect::<Vec<_>>(),
            ["Ace, 1", "b"]
        );
        assert_eq!((read[0].span.start_pos_ms, read[0].span.duration_ms), (ZERO + ms(7_300), ms(9_000)));
        assert_eq!((read[1].mark.as_deref(), read[1].span.duration_ms), (Some("=2"), ms(1)));
    }

    #[test]
    fn an_edit_list_has_the_clips_frames_one_edit_after_the_other() {
        let rate = Rate::named("25").unwrap();
        let text = edit_list("b", &[clip(1_000, 2_000, "a FF"), clip(60_040, 40, "c\n")], &form(rate, false));
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "TITLE: b",
                "FCM: NON-DROP FRAME",
                "001  AX       B     C        00:00:01:00 00:00:03:00 01:00:00:00 01:00:02:00",
                "* FROM CLIP NAME: a FF.",
                "* SOURCE FILE: mp4/a/stream.mpd",
                "* COMMENT: j /export/A/x.mp4",
                "002  AX       B     C        00:01:00:01 00:01:00:02 01:00:02:00 01:00:02:01",
                "* FROM CLIP NAME: c ",
                "* SOURCE FILE: mp4/a/stream.mpd",
                "* COMMENT: j /export/A/x.mp4",
                "",
            ]
        );
        let plain = DeliveredClip { start_time_ms: ms(0), ..clip(0, 40, "x") };
        assert!(
            edit_list("b", &[plain], &form(rate, false)).contains(" 20:01:14:00 20:01:14:01 "),
            "a time of day"
        );
        let told = EdlForm { zero_ms: Some(ZERO - ms(3_600_000)), ..form(rate, false) };
        assert!(edit_list("b", &[plain], &told).contains(" 01:00:00:00 01:00:00:01 "));
        assert_eq!(
            edit_list("b", &[clip(1, 1, "no frame begins in it")], &form(rate, false)).lines().count(),
            2
        );
    }

    proptest! {
        #[test]
        fn frame_numbers_pass_through_windows_and_back(
            (rate, is_drop) in prop::sample::select(Rate::ALL.into_iter().flat_map(|rate| [(rate, false), (rate, true)])
                .filter(|(rate, is_drop)| !is_drop || rate.drops()).collect::<Vec<_>>()),
            events in prop::collection::vec((0..1_900_000_i64, 1..100_000_i64), 1..20),
        ) {
            let clips: Vec<_> = events.iter().map(|(first, count)| {
                let start = rate.start(*first).get();
                clip(start, rate.start(first + count).get() - start, "x")
            }).collect();
            let form = EdlForm { zero_ms: Some(ZERO), ..form(rate, is_drop) };
            let text = edit_list("x", &clips, &form);
            let read = crate::edl::read(&text, rate, false, 1).unwrap().events;
            let frames: Vec<_> = read.into_iter().map(|event| (event.source.start, event.source.end - event.source.start)).collect();
            prop_assert_eq!(&frames, &events);
            let again = edl::clips(&text, rate, false, &bounds()).unwrap().clips;
            let spans: Vec<_> = again.iter().map(|clip| (clip.span.start_pos_ms, clip.span.duration_ms)).collect();
            let given: Vec<_> = clips.iter().map(|clip| (clip.start_pos_ms, clip.duration_ms)).collect();
            prop_assert_eq!(spans, given);
        }
    }
}
