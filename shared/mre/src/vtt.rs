//! Segments as cues (`WebVTT`).

use std::fmt::Write as _;
use std::ops::Range;

use crate::edit::{Edit, EditList};
use crate::format::CueClock;
use export_domain::edl::one_line;

/// Bytes that a cue takes, about.
const CUE_BYTES: usize = 64;

/// Writes the cues.
pub fn write(list: &EditList) -> String {
    let mut text = String::with_capacity(64 + list.edits.len() * CUE_BYTES);
    text.push_str("WEBVTT\n\nNOTE\n");
    escape(&list.title, &mut text);
    text.push('\n');
    for ((edit, times), number) in cues(list).into_iter().zip(1..) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{number}\n");
        write_time(times.start, &mut text);
        text.push_str(" --> ");
        write_time(times.end, &mut text);
        text.push('\n');
        let features = one_line(&edit.features.join(", "));
        match features.trim() {
            "" => _ = write!(text, "Segment {}", edit.number),
            features => escape(features, &mut text),
        }
        text.push('\n');
    }
    text
}

/// Each edit with its times in milliseconds, ascending.
fn cues(list: &EditList) -> Vec<(&Edit, Range<i64>)> {
    match list.cut.clock {
        CueClock::Event => {
            let mut cues: Vec<_> = list.edits.iter().map(|edit| (edit, edit.source.clone())).collect();
            cues.sort_by_key(|(_, times)| times.start);
            cues
        }
        CueClock::Replay => {
            let mut now = 0;
            let mut next = |edit: &Edit| {
                let from = now;
                now += edit.length();
                from..now
            };
            list.edits.iter().map(|edit| (edit, next(edit))).collect()
        }
    }
}

fn write_time(millis: i64, text: &mut String) {
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(text, "{hours:02}:{minutes:02}:{seconds:02}.{millis:03}");
}

/// Without `<` and `>` there is neither a tag nor an arrow in it.
fn escape(line: &str, text: &mut String) {
    for sign in line.chars() {
        match sign {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            other => text.push(other),
        }
    }
}
