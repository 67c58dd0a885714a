use super::*;
use proptest::prelude::*;

const T0: i64 = 1_562_252_820_000;

/// A manifest with Periods that hold `body` each; `mpd` are attributes of the root.
fn mpd(attributes: &str, periods: &[(&str, &str)]) -> Mpd {
    let periods = periods.iter().map(|(attributes, body)| format!("<Period {attributes}>{body}</Period>"));
    let xml = format!(
        r#"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" {attributes}>{}</MPD>"#,
        periods.collect::<String>()
    );
    crate::mpd::parse(xml.as_bytes()).unwrap()
}

const LIVE: &str = r#"type="dynamic" availabilityStartTime="2019-07-04T15:07:00Z""#;

fn set(content: &str, addressing: &str) -> String {
    format!(
        r#"<AdaptationSet contentType="{content}">{addressing}<Representation id="1" bandwidth="1"/></AdaptationSet>"#
    )
}

/// A timeline of `S` elements in milliseconds: start, length, repeats.
fn timeline(entries: &[(i64, i64, i64)]) -> String {
    let entry = |(t, d, r): &(i64, i64, i64)| format!(r#"<S t="{t}" d="{d}" r="{r}"/>"#);
    let entries: String = entries.iter().map(entry).collect();
    format!(
        r#"<SegmentTemplate timescale="1000" media="$Time$.m4s"><SegmentTimeline>{entries}</SegmentTimeline></SegmentTemplate>"#
    )
}

const BY_RULE: &str = r#"<SegmentTemplate timescale="1000" duration="4000" media="$Number$.m4s"/>"#;

/// Start, end and holes in milliseconds, and whether more may come.
type Shown = (i64, Option<i64>, Vec<(i64, i64)>, bool);

fn at(mpd: &Mpd, now_ms: i64) -> Option<Shown> {
    let ms = Nanos::to_millis_floor;
    let extent = Extent::of(mpd, T0 + now_ms)?;
    let holes = extent.holes.iter().map(|(from, to)| (ms(*from), ms(*to))).collect();
    Some((ms(extent.start), extent.end.map(ms), holes, extent.live))
}

#[test]
fn the_range_is_that_of_the_pictures_and_a_list_that_leaves_time_out_has_holes() {
    let pictures = set("video", &timeline(&[(2000, 2000, 4), (15_000, 2000, 1), (19_099, 1901, 0)]));
    let audio = set("audio", &timeline(&[(0, 1000, 99)]));
    let both = mpd(LIVE, &[("", &format!("{audio}{pictures}"))]);
    assert_eq!(at(&both, 500_000), Some((2000, Some(21_000), vec![(12_000, 15_000)], false)));
    let alone = mpd(LIVE, &[("", &audio)]);
    assert_eq!(at(&alone, 500_000), Some((0, Some(100_000), vec![], false)));
}

#[test]
fn a_recording_is_live_until_its_recorder_has_had_the_time_for_another_segment() {
    let mpd = mpd(LIVE, &[("", &set("video", &timeline(&[(0, 2000, 4)])))]);
    let live = |now| at(&mpd, now).map(|found| found.3);
    assert_eq!([live(10_000), live(19_999), live(20_000)], [Some(true), Some(true), Some(false)]);
}

#[test]
fn without_a_clock_a_recording_is_live_by_the_date_of_its_manifest() {
    let of = |date: &str| {
        mpd(&format!(r#"type="dynamic" {date}"#), &[("", &set("video", &timeline(&[(0, 2000, 4)])))])
    };
    let dated = of(r#"publishTime="2019-07-04T15:07:00Z""#);
    assert_eq!(at(&dated, 9_999).map(|found| found.3), Some(true));
    assert_eq!(at(&dated, 10_000).map(|found| found.3), Some(false));
    assert_eq!(at(&of(""), 10_000).map(|found| found.3), Some(true));
}

#[test]
fn segments_that_follow_from_a_rule_are_recorded_as_far_as_the_clock_has_come() {
    let by_rule = set("video", BY_RULE);
    let endless = mpd(LIVE, &[("", &by_rule)]);
    assert_eq!(at(&endless, 30_000), Some((0, Some(26_000), vec![], true)));
    assert_eq!(at(&endless, 3_000), None, "nothing is recorded yet");
    let announced = mpd(&format!(r#"{LIVE} mediaPresentationDuration="PT20S""#), &[("", &by_rule)]);
    assert_eq!(at(&announced, 10_000), Some((0, Some(6_000), vec![], true)));
    assert_eq!(at(&announced, 60_000), Some((0, Some(20_000), vec![], false)));
    let no_clock = mpd(r#"type="dynamic""#, &[("", &by_rule)]);
    assert_eq!(at(&no_clock, 0), Some((0, None, vec![], true)));
    let ended = mpd(r#"type="static" mediaPresentationDuration="PT18S""#, &[("", &by_rule)]);
    assert_eq!(at(&ended, 0), Some((0, Some(18_000), vec![], false)));
}

#[test]
fn nothing_outside_a_period_counts_and_a_period_without_media_is_a_hole() {
    let body = set("video", &timeline(&[(0, 2000, 9)]));
    let periods = [
        (r#"start="PT10S" duration="PT5S""#, body.as_str()),
        (r#"start="PT15S" duration="PT3S""#, ""),
        (r#"start="PT18S" duration="PT60S""#, body.as_str()),
    ];
    let mpd = mpd(r#"type="static""#, &periods);
    assert_eq!(at(&mpd, 0), Some((10_000, Some(38_000), vec![(15_000, 18_000)], false)));
}

#[test]
fn a_single_file_lasts_as_long_as_its_period() {
    let body = r#"<AdaptationSet contentType="video"><Representation id="1" bandwidth="1"><BaseURL>a.mp4</BaseURL>
        <SegmentBase indexRange="0-99"/></Representation></AdaptationSet>"#;
    let known = mpd(r#"type="static" mediaPresentationDuration="PT60S""#, &[("", body)]);
    assert_eq!(at(&known, 0), Some((0, Some(60_000), vec![], false)));
    let growing = mpd(LIVE, &[("", body)]);
    assert_eq!(at(&growing, 0), Some((0, None, vec![], true)));
}

#[test]
fn a_manifest_that_lists_nothing_has_no_range() {
    for body in [String::new(), set("text", BY_RULE), set("video", &timeline(&[]))] {
        assert_eq!(at(&mpd(LIVE, &[("", &body)]), 60_000), None, "{body}");
    }
}

proptest! {
    #[test]
    fn the_holes_are_what_the_segments_leave_of_the_range(entries in prop::collection::vec((0_i64..500, 1_i64..3000, 0_i64..5), 1..20)) {
        let (mut time, mut listed, mut segments) = (0, Vec::new(), Vec::new());
        for (gap, length, repeats) in entries {
            time += gap;
            listed.push((time, length, repeats));
            for _ in 0..=repeats {
                segments.push((time, time + length));
                time += length;
            }
        }
        let (start, end, holes, _) = at(&mpd(LIVE, &[("", &set("video", &timeline(&listed)))]), 0).unwrap();
        let gaps = segments.windows(2).map(|pair| (pair[0].1, pair[1].0));
        let gaps: Vec<_> = gaps.filter(|(from, to)| to - from > 100).collect();
        prop_assert_eq!((start, end), (segments[0].0, segments.last().map(|last| last.1)));
        prop_assert_eq!(holes, gaps);
    }
}
