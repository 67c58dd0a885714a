use super::*;
use crate::edl::EdlWriter;
use proptest::prelude::*;

fn rate(name: &str) -> Rate {
    Rate::named(name).unwrap()
}

fn list(text: &str, fps: &str) -> EdlText {
    read(text, rate(fps), false, 50).unwrap()
}

/// Lines, columns and reasons.
fn faults(text: &str, fps: &str) -> Vec<(usize, usize, &'static str)> {
    let faults = read(text, rate(fps), false, 50).unwrap_err();
    faults.into_iter().map(|fault| (fault.line, fault.column, fault.why)).collect()
}

/// The first frame of each event, and the one behind its last.
fn sources(text: &str, fps: &str) -> Vec<(i64, i64)> {
    list(text, fps).events.into_iter().map(|event| (event.source.start, event.source.end)).collect()
}

#[test]
fn an_editing_systems_list_is_read() {
    let text = "\u{feff}TITLE:   Final v2\r\nFCM: NON-DROP FRAME\r\n\r\n\
        001  TAPE_1   B     C        00:03:40:19 00:04:10:10 01:00:00:00 01:00:29:16 \r\n\
        * FROM CLIP NAME:  Match point.MXF\r\n* LOC: 01:00:00:00 CYAN    x\r\n\
        002  BL       V     C        00:00:00:00 00:00:01:00 01:00:29:16 01:00:30:16\r\n\
        003  my tape  AA/V  C        00:00:01:00 00:00:02:00 01:00:30:16 01:00:31:16\r\n\
        003  my tape  A2    C        00:00:01:00 00:00:02:00 01:00:30:16 01:00:31:16\r\n\
        AUD  3  4\r\n* from clip name: Ace\r\n* TO CLIP NAME: other\r\n>>> SOURCE x\r\n\
        000004  AX  NONE  C  00:00:05:00 00:00:06:00 00:00:00:00 00:00:01:00";
    let EdlText { title, events } = list(text, "25");
    assert_eq!(title.as_deref(), Some("Final v2"));
    let read: Vec<_> = events
        .iter()
        .map(|event| {
            (event.line, event.source.clone(), event.has_picture, event.is_black, event.name.as_deref())
        })
        .collect();
    assert_eq!(
        read,
        [
            (4, 5519..6260, true, false, Some("Match point.MXF")),
            (7, 0..25, true, true, None),
            (8, 25..50, true, false, Some("Ace")),
            (9, 25..50, false, false, Some("Ace")),
            (14, 125..150, false, false, None),
        ]
    );
}

#[test]
fn each_line_counts_as_its_fcm_or_its_sign_says() {
    let event = |from: &str, to: &str| format!("001 AX V C {from} {to} {from} {to}\n");
    let plain = event("00:01:00:00", "00:01:00:02");
    let marked = event("00:01:00;02", "00:01:00;04");
    assert_eq!(sources(&plain, "29.97"), [(1800, 1802)]);
    assert_eq!(sources(&marked, "29.97"), [(1800, 1802)]);
    let later = event("00:10:00:00", "00:10:00:01");
    let both = format!("{later}FCM: DROP FRAME\n{later}fcm:  non drop frame\n{later}");
    assert_eq!(sources(&both, "29.97"), [(18_000, 18_001), (17_982, 17_983), (18_000, 18_001)]);
    assert_eq!(sources(&format!("FCM: DROP FRAME\n{later}"), "59.94"), [(35_964, 35_965)]);
    let dropped = read(&later, rate("29.97"), true, 9).unwrap().events;
    assert_eq!(dropped[0].source, 17_982..17_983);
    assert_eq!(faults(&format!("FCM: NON-DROP FRAME\n{marked}"), "29.97")[0].0, 2);
    assert_eq!(read(&later, rate("25"), true, 9).unwrap_err()[0].column, 12);
}

#[test]
fn numbers_that_drop_frame_leaves_out_are_refused_with_line_and_column() {
    let head = "TITLE: x\nFCM: DROP FRAME\n";
    for (from, to, fps, column) in [
        ("00:01:00:00", "00:01:05:00", "29.97", 12),
        ("00:01:00:01", "00:01:05:00", "29.97", 12),
        ("00:00:59:00", "00:59:00:01", "29.97", 24),
        ("00:00:59:00", "00:01:00;03", "59.94", 24),
        ("00:10:00:00", "00:11:00:03", "59.94", 24),
    ] {
        let text = format!("{head}001 AX V C {from} {to} 00:00:00:00 00:00:05:00");
        let why = "is no timecode of a frame at this frame rate";
        assert_eq!(faults(&text, fps), [(3, column, why)], "{from} {to}");
    }
    for good in ["00:10:00:00 00:10:00:01", "00:01:00:02 00:01:00:03"] {
        assert_eq!(sources(&format!("{head}001 AX V C {good} {good}"), "29.97").len(), 1);
    }
}

#[test]
fn what_is_no_cut_of_frames_is_refused_with_line_and_column() {
    const TIMES: &str = "00:00:01:00 00:00:02:00 01:00:00:00 01:00:01:00";
    for (line, column, word) in [
        (format!("001 AX V D 024 {TIMES}"), 10, "must be C"),
        (format!("001 AX V W001 024 {TIMES}"), 10, "must be C"),
        (format!("001 AX V K B {TIMES}"), 12, "must be C"),
        (format!("  001 AX V K {TIMES}"), 12, "must be C"),
        (format!("001 AX V {TIMES}"), 1, "eight columns"),
        (format!("001 AX C {TIMES}"), 1, "eight columns"),
        (format!("001 AX X C {TIMES}"), 8, "is no track"),
        (format!("001A AX V C {TIMES}"), 1, "number of an event"),
        (format!("99999999999 AX V C {TIMES}"), 1, "number of an event"),
        ("001 AX V C 00:00:01:00 00:00:02 01:00:00:00 01:00:01:00".to_owned(), 24, "is no timecode"),
        ("001 AX V C -0:00:01:00 00:00:02:00 01:00:00:00 01:00:01:00".to_owned(), 12, "is no timecode"),
        ("001 AX V C 00:00:01:25 00:00:02:00 01:00:00:00 01:00:01:00".to_owned(), 12, "of a frame"),
        ("001 AX V C 00:00:01;00 00:00:02:00 01:00:00:00 01:00:01:00".to_owned(), 12, "drop-frame"),
        ("001 AX V C 00:00:02:00 00:00:01:00 01:00:00:00 01:00:01:00".to_owned(), 24, "is not behind"),
        ("001 AX V C 00:00:02:00 00:00:02:00 01:00:00:00 01:00:01:00".to_owned(), 24, "is not behind"),
        ("001 ÄÖ V C 00:00:02:00 00:00:01:00 01:00:00:00 01:00:01:00".to_owned(), 24, "is not behind"),
        ("M2   AX       050.0                00:00:01:00".to_owned(), 1, "changes the speed"),
        ("FCM: DROP FRAME".to_owned(), 6, "drop-frame"),
        ("FCM: sometimes".to_owned(), 6, "must be DROP FRAME"),
        ("SPLIT:    AUDIO DELAY=  00:00:01:00".to_owned(), 1, "is no line"),
        ("{\"OTIO_SCHEMA\": 1}".to_owned(), 1, "is no line"),
        ("T\0I\0T\0L\0E\0".to_owned(), 2, "NUL"),
    ] {
        let text = format!("TITLE: x\r\n{line}\r\n");
        let (at, place, why) = faults(&text, "25")[0];
        assert_eq!((at, place), (2, column), "{line} {why}");
        assert!(why.contains(word), "{line} {why}");
    }
}

#[test]
fn times_of_day_pass_midnight_where_what_was_recorded_is_as_long() {
    let event = |record: &str| format!("001 AX V C 23:59:59:00 00:00:01:00 01:00:00:00 {record}");
    assert_eq!(sources(&event("01:00:02:00"), "25"), [(2_159_975, 2_160_025)]);
    assert_eq!(faults(&event("01:00:03:00"), "25")[0].1, 24);
}

#[test]
fn the_first_faults_are_told() {
    let text = "x\n".repeat(100);
    let faults = read(&text, rate("25"), false, 50).unwrap_err();
    assert_eq!((faults.len(), faults[49].line), (50, 50));
}

/// Every rate, with drop-frame labels too where it has them.
fn any_labels() -> impl Strategy<Value = (Rate, bool)> {
    let all = Rate::ALL.into_iter().flat_map(|rate| [(rate, false), (rate, true)]);
    prop::sample::select(all.filter(|(rate, is_drop)| !is_drop || rate.drops()).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn every_frame_that_is_written_is_read_again(
        (rate, is_drop) in any_labels(),
        events in prop::collection::vec((0..5_000_000_i64, 1..200_000_i64, "[ -~é\u{85}\n]{0,20}"), 1..8),
        record in 0..5_000_000_i64,
    ) {
        let labels = Labels::new(rate, is_drop).unwrap();
        let mut writer = EdlWriter::new("x", labels, 0);
        let mut expected = Vec::new();
        for (number, (start, length, name)) in (1..).zip(&events) {
            let pieces: Vec<_> = writer.split_at_midnight(*start..start + length, record).collect();
            for piece in pieces {
                writer.event(&format!("{number:03}"), "AX", &piece, record + piece.start - start);
                writer.clip_name(name);
                let start = piece.start.rem_euclid(labels.in_a_day());
                expected.push((start..start + piece.end - piece.start, crate::edl::one_line(name).trim().to_owned()));
            }
        }
        let read = read(&writer.finish(), rate, false, 1).unwrap();
        let shown = |name: Option<String>| name.unwrap_or_default();
        let found: Vec<_> = read.events.into_iter().map(|event| (event.source, shown(event.name))).collect();
        let named = |name: String| if name.ends_with(" FF") { name + "." } else { name };
        let expected: Vec<_> = expected.into_iter().map(|(range, name)| (range, named(name))).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(TITLE:|FCM:|DROP FRAME|M2|00[1-3]|AX|V|C|D|[0-2][0-9]:[0-6][0-9]:00[:;][0-3][0-9]|\\*| |\n|\r|é){0,60}") {
        let count = text.chars().filter(|sign| matches!(sign, '\n' | '\r')).count() + 1;
        match read(&text, rate("29.97"), false, 50) {
            Ok(list) => prop_assert!(list.events.iter().all(|event| !event.source.is_empty() && event.line <= count)),
            Err(faults) => prop_assert!(faults.iter().all(|fault| (1..=count).contains(&fault.line) && fault.column >= 1)),
        }
    }
}
