//! Lists of clips as texts: edit decision lists and tables.

use crate::FIXED;
use export_domain::batch::{Base, ClipEntry, ClipList, Fault, MOST_FAULTS, SpanBounds, csv, edl};
use export_domain::time::{EpochMs, Millis};
use export_domain::timecode::Rate;
use export_fuzz::damage::{self, damage};
use export_fuzz::{config, measured};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Bytes that a value in memory takes for each byte of its text, at most.
const PER_BYTE: usize = 16;
/// Most clips that a list may have here.
const MOST_CLIPS: usize = 500;

/// An edit decision list with everything that the reader knows.
const EDL: &str = "TITLE: Final\r\nFCM: DROP FRAME\r\n\
    001  AX       V     C        00:00:58;00 00:01:02;04 01:00:00;00 01:00:04;02\r\n* FROM CLIP NAME: Ace.mov\r\n\
    001  AX       A2    C        00:00:58:00 00:01:02:04 01:00:00:00 01:00:04:02\r\nFCM: NON-DROP FRAME\r\n\
    002  BL       AA/V  C        23:59:59:00 00:00:01:00 01:00:04:02 01:00:06:02\r\nAUD  3\r\n\r\n\
    003  my tape  B     C        00:10:00:00 00:10:00:01 01:00:06:02 01:00:06:03\r\n";

/// Tables of every form of time.
const TABLES: [&str; 4] = [
    "start,end,name,ref\r\n0,9.5,\"a, \"\"b\"\"\",1\r\n10.0001,12,é,\r\n",
    "\u{feff}start,duration,live_path\n00:00:01.5,00:00:09,a/b.mpd\n1:00:00,00:00:00.001,a/b.mpd\n",
    "end,start\n2026-01-12T20:01:30.3Z,2026-01-12T21:01:21.3+01:00\n",
    "start,duration_ms,n,job_id\n1768248081300,9000,1,x\n",
];

const LONGEST: Millis = Millis::from_hours(4);
const LATEST: EpochMs = EpochMs::new(1_800_000_000_000);

fn bounds() -> SpanBounds {
    let base = Base {
        zero_ms: Some(EpochMs::new(1_768_248_074_000)),
        shift_ms: Millis::new(-7),
        pad_before_ms: Millis::new(3),
        pad_after_ms: Millis::new(5),
    };
    SpanBounds {
        base,
        max_duration_ms: LONGEST,
        latest_ms: LATEST,
        max_ahead_days: 30,
        most_clips: MOST_CLIPS,
    }
}

/// One of `texts` several times over, damaged; sometimes in another encoding.
fn damaged(texts: &'static [&'static str], donor: &'static [u8]) -> impl Strategy<Value = String> {
    (select(texts), 1..4_usize, damage(4), 0..12_u8).prop_map(|(text, times, damage, encoding)| {
        let mut bytes = match encoding {
            0 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            1 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            _ => text.repeat(times).into_bytes(),
        };
        damage::apply(&damage, &mut bytes, donor);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A list makes sense, or each fault names a place in the text.
fn check(text: &str, read: &Result<ClipList, Vec<Fault>>) {
    match read {
        Ok(ClipList { clips, .. }) => {
            assert!(clips.len() <= MOST_CLIPS + 1);
            for ClipEntry { span, .. } in clips {
                assert!((Millis::new(1)..=LONGEST).contains(&span.duration_ms), "{span:?}");
                assert!((EpochMs::ZERO..=LATEST).contains(&span.start_pos_ms), "{span:?}");
            }
        }
        Err(faults) => {
            assert!((1..=MOST_FAULTS).contains(&faults.len()));
            let lines = text.split(['\r', '\n']).count();
            for fault in faults {
                assert!(fault.line.is_some_and(|line| (1..=lines).contains(&line)), "{fault:?}");
                assert!(
                    fault.column.is_some_and(|column| (1..=text.chars().count() + 1).contains(&column)),
                    "{fault:?}"
                );
                assert!(fault.detail.len() < 160, "{fault:?}");
            }
        }
    }
}

fn read_edl(text: &str, rate: Rate) -> Result<ClipList, Vec<Fault>> {
    let (read, peak) = measured(|| edl::clips(text, rate, false, &bounds()));
    assert!(peak <= FIXED + PER_BYTE * text.len(), "{peak} bytes for {}", text.len());
    check(text, &read);
    read
}

fn read_csv(text: &str) -> Result<ClipList, Vec<Fault>> {
    let (read, peak) = measured(|| csv::clips(text, &bounds(), false));
    assert!(peak <= FIXED + PER_BYTE * text.len(), "{peak} bytes for {}", text.len());
    check(text, &read);
    read
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn edls(text in damaged(&[EDL], b"\r\n002 AX V C 00:01:00;00:-9"), rate in select(&Rate::ALL[..])) {
        let _ = read_edl(&text, rate);
    }

    #[test]
    fn tables(text in damaged(&TABLES, b",\"\r\n-1:00:00.000Z=")) {
        let _ = read_csv(&text);
    }

    #[test]
    fn any_texts(text in vec(select(&["001", "AX", "V", "C", " ", "\n", "\r", ",", "\"", "*", ":", "00:00:00:00", "start,end", "9", "é"][..]), 0..300)) {
        let text = text.concat();
        let _ = (read_edl(&text, Rate::ALL[0]), read_csv(&text));
    }
}

#[test]
fn good_texts_are_read() {
    let found =
        |read: Result<ClipList, Vec<Fault>>| read.map(|listed| (listed.clips.len(), listed.skipped.len()));
    assert_eq!(found(read_edl(EDL, Rate::named("29.97").unwrap())), Ok((2, 2)));
    assert_eq!(TABLES.map(|text| found(read_csv(text))), [Ok((2, 0)), Ok((2, 0)), Ok((1, 0)), Ok((1, 0))]);
}

#[test]
fn a_mebibyte_of_hostile_lines_costs_no_more_than_its_length() {
    let picture = "001 AX V C 00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n";
    let reversed = "001 AX V C 00:00:01:00 00:00:00:00 00:00:00:00 00:00:01:00\n";
    let rate = Rate::named("25").unwrap();
    for (part, bytes) in [
        ("\n", 1 << 20),
        ("001 AX A C 00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n* FROM CLIP NAME: x\n", 1 << 20),
        ("-1,2\n", 1 << 20),
        ("\"\"", 1 << 20),
        ("\r", 1 << 17),
        ("é", 1 << 17),
        (",", 1 << 17),
        ("1,2\n", 1 << 17),
        ("\0", 1 << 17),
        ("001 ", 1 << 17),
        (picture, 1 << 17),
        (reversed, 1 << 17),
        ("* FROM CLIP NAME: x\n", 1 << 17),
    ] {
        let text = part.repeat(bytes / part.len());
        let _ = (read_edl(&text, rate), read_csv(&format!("start,end\n{text}")));
    }
    let long = "é".repeat(1 << 18);
    for text in
        [format!("TITLE: {long}\n{picture}"), format!("{}* FROM CLIP NAME: {long}", picture.repeat(8_000))]
    {
        read_edl(&text, rate).unwrap();
    }
}
