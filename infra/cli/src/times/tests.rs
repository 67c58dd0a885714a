use super::*;
use proptest::prelude::*;

fn moment(text: &str) -> Result<Moment, TimeError> {
    text.parse()
}

fn length(text: &str) -> Option<i64> {
    match text.parse() {
        Ok(Length::Time(time)) => Some(time.get()),
        _ => None,
    }
}

fn ms(ms: i64) -> Millis {
    Millis::new(ms)
}

#[test]
fn instants_are_read_in_every_spelling() {
    for (text, expected) in [
        ("1562252828133", Moment::At(EpochMs::new(1_562_252_828_133))),
        ("2019-07-04T15:07:08.133Z", Moment::At(EpochMs::new(1_562_252_828_133))),
        ("2019-07-04T17:07:08.133+02:00", Moment::At(EpochMs::new(1_562_252_828_133))),
        ("00:00:07.3", Moment::Recorded(ms(7300))),
        ("100:00:00", Moment::Recorded(ms(360_000_000))),
        ("now", Moment::Now(ms(0))),
        ("now-30s", Moment::Now(ms(-30_000))),
        ("live-1m30", Moment::Live(ms(-90_000))),
        ("+5s", Moment::After(Length::Time(ms(5000)))),
        ("+225f", Moment::After(Length::Frames(225))),
    ] {
        assert_eq!(moment(text), Ok(expected), "{text}");
    }
    assert!(matches!(moment("00:00:07:08"), Ok(Moment::Labelled(_))));
}

#[test]
fn a_refused_instant_says_what_is_meant() {
    assert_eq!(moment("1562252828"), Err(TimeError::Seconds("1562252828".to_owned())));
    assert!(
        moment("1562252828").is_err_and(|e| e.to_string().starts_with("1562252828 looks like seconds; "))
    );
    assert_eq!(moment("2019-07-04T15:07:08"), Err(TimeError::NoOffset));
    for text in ["", "7.3s", "00:60:00", "00:00", "tomorrow", "now30s", "live-5f", "-1562252828133", "1:2:3"]
    {
        assert_eq!(moment(text), Err(TimeError::NotAMoment), "{text}");
    }
}

#[test]
fn lengths_are_read_in_every_spelling() {
    for (text, expected) in [
        ("9s", 9000),
        ("1m30", 90_000),
        ("1m30s", 90_000),
        ("1500ms", 1500),
        ("1h2m3.25s", 3_723_250),
        ("1d", 86_400_000),
        ("00:00:09", 9000),
        ("1s500ms", 1500),
    ] {
        assert_eq!(length(text), Some(expected), "{text}");
    }
    assert_eq!("225f".parse(), Ok(Length::Frames(225)));
    assert_eq!("9".parse::<Length>(), Err(TimeError::NoUnit("9".to_owned())));
    for text in ["", "s", "9x", "1s1m", "1.5m", "1h30", "1.2345s", "9 s", "-9s", "99999999999999999999s", "f"]
    {
        assert_eq!(text.parse::<Length>(), Err(TimeError::NotALength), "{text}");
    }
}

const ORIGIN: EpochMs = EpochMs::new(1_562_252_820_833);

fn timeline(origin: Option<EpochMs>, end: Option<i64>) -> RecordingTimeline {
    let recording = Some(RecordingClocks { origin, end: end.map(ms) });
    RecordingTimeline { now: ORIGIN + ms(60_000), recording, rate: Rate::read("25") }
}

fn placed(timeline: &RecordingTimeline, text: &str) -> Result<(i64, i64), PlaceError> {
    timeline.place(text.parse().unwrap(), None).map(|place| (place.at.get() - ORIGIN.get(), place.time.get()))
}

#[test]
fn both_clocks_agree_on_a_place() {
    let known = timeline(Some(ORIGIN), Some(30_000));
    for text in ["00:00:07.320", "00:00:07:08", "1562252828153", "2019-07-04T15:07:08.153Z"] {
        assert_eq!(placed(&known, text), Ok((7320, 7320)), "{text}");
    }
    assert_eq!(placed(&known, "live-10s"), Ok((20_000, 20_000)));
    assert_eq!(placed(&known, "now-40s"), Ok((20_000, 20_000)));
    let from = known.place(Moment::Recorded(ms(1000)), None).unwrap();
    let end = known.place("+25f".parse().unwrap(), Some(from)).unwrap();
    assert_eq!((end.at - from.at, end.time), (ms(1000), ms(2000)));
}

#[test]
fn what_is_not_known_of_a_recording_is_said() {
    let clockless = timeline(None, Some(30_000));
    assert_eq!(placed(&clockless, "1562252828153"), Err(PlaceError::NoWallClock));
    assert_eq!(clockless.place("00:00:07".parse().unwrap(), None).unwrap().time, ms(7000));
    let unknown = RecordingTimeline { recording: None, rate: None, ..clockless };
    assert_eq!(placed(&unknown, "00:00:07"), Err(PlaceError::Unknown));
    assert_eq!(placed(&unknown, "00:00:07:08"), Err(PlaceError::NoRate));
    assert_eq!(placed(&unknown, "+5s"), Err(PlaceError::AfterNothing));
    assert_eq!(placed(&unknown, "1562252828153"), Ok((7320, 0)));
    assert_eq!(placed(&timeline(Some(ORIGIN), None), "live"), Err(PlaceError::NoEdge));
    assert_eq!(placed(&timeline(Some(ORIGIN), None), "00:00:07:25"), Err(PlaceError::NoFrame));
}

#[test]
fn a_window_of_n_frames_ends_before_the_next_one() {
    for name in ["25", "29.97", "59.94", "23.976"] {
        let rate = Rate::read(name).unwrap();
        let line = RecordingTimeline { rate: Some(rate), ..timeline(Some(ORIGIN), None) };
        for (first, count) in [(0_i64, 1_u32), (7, 225), (1799, 17)] {
            let end = rate.start(first) + line.length(Length::Frames(count)).unwrap();
            let next = first + i64::from(count);
            assert_eq!(rate.frame_at(end), next, "{name}: {count} frames from {first}");
        }
    }
}

proptest! {
    #[test]
    fn lengths_are_written_as_they_are_read(count in 0_i64..10_000_000_000) {
        let text = length_text(ms(count));
        prop_assert_eq!(length(&text), Some(count), "{}", text);
    }

    #[test]
    fn times_of_a_recording_are_written_as_they_are_read(time in 0_i64..3_599_999_999) {
        prop_assert_eq!(clock_text(ms(time)).parse(), Ok(Moment::Recorded(ms(time))));
    }

    #[test]
    fn instants_are_written_as_they_are_read(at in LEAST_EPOCH_MS..4_000_000_000_000) {
        let at = EpochMs::new(at);
        prop_assert_eq!(at.to_rfc3339().parse(), Ok(Moment::At(at)));
        prop_assert_eq!(at.to_string().parse(), Ok(Moment::At(at)));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = text.parse::<Moment>();
        let _ = text.parse::<Length>();
    }
}
