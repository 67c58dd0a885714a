use super::super::Base;
use super::*;
use crate::job::testing::at;

const ZERO: i64 = 1_768_248_074_000;

fn bounds(zero: Option<i64>) -> SpanBounds {
    let base = Base { zero_ms: zero.map(at), ..Base::default() };
    SpanBounds {
        base,
        max_duration_ms: Millis::from_hours(4),
        latest_ms: at(4_000_000_000_000),
        max_ahead_days: 30,
        most_clips: 500,
    }
}

/// Starts and lengths in milliseconds.
fn windows(text: &str) -> Vec<(i64, i64)> {
    let listed = clips(text, &bounds(Some(ZERO)), false).unwrap();
    let spans = listed.clips.into_iter().map(|clip| clip.span);
    spans.map(|span| (span.start_pos_ms.get(), span.duration_ms.get())).collect()
}

fn faults(text: &str, zero: Option<i64>) -> Vec<Fault> {
    clips(text, &bounds(zero), false).unwrap_err()
}

#[test]
fn every_form_of_time_gives_the_same_window() {
    let expected = vec![(ZERO + 7_300, 9_000), (ZERO + 60_000, 1_001)];
    for text in [
        "start,end\r\n7.3,16.3\r\n60,61.0001\r\n",
        "start,duration\n7.3,9\n60.000,1.0001",
        "start,duration\n7.3,00:00:09\n60.000,00:00:01.0001",
        "start,duration_ms\n7.3,9000\n60.000,1001",
        "\u{feff}Start , END,name\r00:00:07.3,0:00:16.3,x\r00:01:00,00:01:01.001,\r",
        "end,start\n2026-01-12T20:01:30.3Z,2026-01-12T20:01:21.3Z\n\n2026-01-12T21:02:15.001+01:00,2026-01-12T21:02:14+01:00",
        "start,end\n1768248081300,1768248090300\n1768248134000,1768248135001",
        "start,duration_ms\n1768248081300,9000\n1768248134000,1001",
    ] {
        assert_eq!(windows(text), expected, "{text}");
    }
}

#[test]
fn names_marks_and_recordings_come_along() {
    let text = "start,end,name,ref,live_path,job_id\n0,1,\"Ace, \"\"1\"\"\",a1,a/b.mpd,x\n1,2,'=2+2,,,\n";
    let clips = clips(text, &bounds(Some(ZERO)), false).unwrap().clips;
    let told = |clip: &ClipEntry| (clip.n, clip.name.clone(), clip.mark.clone(), clip.live_path.clone());
    let path = LivePath::parse("a/b.mpd").unwrap();
    assert_eq!(told(&clips[0]), (1, Some("Ace, \"1\"".to_owned()), Some("a1".to_owned()), Some(path)));
    assert_eq!(told(&clips[1]), (2, Some("=2+2".to_owned()), None, None));
}

#[test]
fn a_fault_names_its_line_and_column() {
    for (text, line, column, why) in [
        ("", 1, 1, "is empty"),
        ("\u{feff}\r\n", 1, 1, "is empty"),
        ("start;end\n1;2", 1, 1, "commas"),
        ("0,1,goal", 1, 1, "is no column"),
        ("start,end,nmae", 1, 11, "is no column"),
        ("start,end,start", 1, 11, "twice"),
        ("end,name", 1, 1, "no column start"),
        ("start,name", 1, 1, "exactly one"),
        ("start,end,duration", 1, 1, "exactly one"),
        ("start,end\n1,2\n5,4", 3, 3, "does not end after"),
        ("start,end\n5,5", 2, 3, "does not end after"),
        ("start,end\n-1,5", 2, 1, "negative"),
        ("start,end\n1,x", 2, 3, "must be seconds"),
        ("start,end\n\"1,5\",2", 2, 1, "must be seconds"),
        ("start,end\n1e3,2", 2, 1, "must be seconds"),
        ("start,end\n1,00:00:02", 2, 3, "another way"),
        ("start,end\n1,2\n\n1768248081300,1768248090300", 4, 1, "another way"),
        ("start,duration\n1,2\n1,00:00:01", 3, 3, "another way"),
        ("start,duration\n1768248081300,9", 2, 15, "seconds or milliseconds"),
        ("start,duration_ms\n1,9.5", 2, 3, "integer"),
        ("start,duration_ms\n1,0", 2, 3, "does not end after"),
        ("start,duration\n1,14401", 2, 3, "longer than"),
        ("start,end\n1,2,3", 2, 5, "more than there are"),
        ("start,end,name\n1,2", 2, 3, "fewer cells"),
        ("name,start,end\n\"a\r\nb\",3,2", 3, 6, "does not end after"),
        ("start,end,live_path\n1,2,../x", 2, 5, "relative path"),
        ("start,end\n1,\"2", 2, 3, "nothing closes"),
        ("start,end\n2026-01-12T20:01:30,2", 2, 1, "must be seconds"),
        ("s\0t\0a\0r\0t\0", 1, 2, "NUL"),
    ] {
        let fault = faults(text, Some(ZERO)).remove(0);
        assert_eq!((fault.line, fault.column), (Some(line), Some(column)), "{text:?} {}", fault.detail);
        assert!(fault.detail.contains(why), "{text:?} {}", fault.detail);
    }
    let mark = format!("start,end,ref\n1,2,{}", "x".repeat(65));
    assert_eq!(faults(&mark, Some(ZERO))[0].column, Some(5));
}

#[test]
fn seconds_need_a_zero_and_clocks_of_the_world_do_not() {
    assert_eq!(faults("start,end\n1,2", None)[0].pointer, "/zero");
    assert_eq!(faults("start,end\n00:00:01,00:00:02", None)[0].pointer, "/zero");
    assert!(clips("start,end\n2026-01-12T20:01:30Z,2026-01-12T20:01:31Z", &bounds(None), false).is_ok());
    let far = faults("start,end\n9999999999999,99999999999999", None);
    assert_eq!((far[0].line, far[0].column), (Some(2), Some(15)));
}

#[test]
fn a_row_names_its_recording_where_the_batch_does_not() {
    let read = |text: &str| clips(text, &bounds(Some(ZERO)), true);
    assert!(read("start,end,live_path\n1,2,a/b.mpd").is_ok());
    let missing = read("start,end,live_path\n1,2,a/b.mpd\n1,2,").unwrap_err();
    assert_eq!((missing[0].line, missing[0].column), (Some(3), Some(5)));
    assert!(read("start,end\n1,2").unwrap_err()[0].detail.contains("live_path"));
}

#[test]
fn reading_stops_at_the_bounds() {
    let rows = "1,0\n".repeat(100_000);
    assert_eq!(faults(&format!("start,end\n{rows}"), Some(ZERO)).len(), MOST_FAULTS);
    let rows = "1,2\n".repeat(100_000);
    assert_eq!(windows(&format!("start,end\n{rows}")).len(), 501);
}
