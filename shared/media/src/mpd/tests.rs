//! Manifests as recorders write them, hostile ones, and both damaged.

use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;

/// What ffmpeg's muxer writes with `-use_timeline 1`.
const TIMELINE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:mpeg:dash:schema:mpd:2011"
  xmlns:xlink="http://www.w3.org/1999/xlink" xsi:schemaLocation="urn:mpeg:DASH:schema:MPD:2011 http://x/DASH-MPD.xsd"
  profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT1M0.0S" minBufferTime="PT4.0S">
  <ProgramInformation></ProgramInformation>
  <Period id="0" start="PT0.0S">
    <AdaptationSet id="0" contentType="video" frameRate="25/1" lang="und">
      <Representation id="0" mimeType="video/mp4" codecs="avc1.64001e" bandwidth="741643" width="640" height="360" sar="1:1">
        <SegmentTemplate timescale="12800" initialization="init-$RepresentationID$.mp4" media="seg-$RepresentationID$-$Time$.m4s" startNumber="1">
          <SegmentTimeline><S t="0" d="25600" r="9"/><S t="332800" d="25600" r="16" /></SegmentTimeline>
        </SegmentTemplate>
      </Representation>
    </AdaptationSet>
    <AdaptationSet id="1" contentType="audio" lang="eng">
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
      <Label>Audio &amp; more</Label>
      <Representation id="1" mimeType="audio/mp4" codecs="mp4a.40.2" bandwidth="14239" audioSamplingRate="48000">
        <SegmentTemplate timescale="48000" initialization="init-$RepresentationID$.mp4" media="seg-$RepresentationID$-$Number%05d$.m4s" startNumber="7">
          <SegmentTimeline><S t="1024" d="96256" r="2"/><S d="95232"/></SegmentTimeline>
        </SegmentTemplate>
      </Representation>
    </AdaptationSet>
  </Period>
</MPD>"#;

/// A growing recording: numbers and a duration, no end.
const GROWING: &str = r#"<MPD type="dynamic" availabilityStartTime="2019-07-04T15:20:12Z" publishTime="2019-07-04T15:21:12Z" minimumUpdatePeriod="PT2S">
  <Period id="p" start="PT10S">
    <AdaptationSet mimeType="video/mp4"><EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="1"/>
      <ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011"/>
      <SegmentTemplate timescale="1000" duration="2000" presentationTimeOffset="500" startNumber="0" media="$Bandwidth$/$Number$.m4s"/>
      <Representation id="a" bandwidth="5"/>
    </AdaptationSet>
  </Period>
</MPD>"#;

/// Several Periods and directories; lists; a single file; inheritance from the Period down.
const PERIODS: &str = r#"<d:MPD xmlns:d="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT90S"><d:BaseURL>media/</d:BaseURL>
  <d:Period duration="PT30S">
    <d:BaseURL>p0/</d:BaseURL><d:BaseURL>http://elsewhere.example/</d:BaseURL>
    <d:SegmentTemplate timescale="90000" startNumber="5" initialization="i-$RepresentationID$.mp4"><d:SegmentTimeline><d:S d="180000" r="-1"/></d:SegmentTimeline></d:SegmentTemplate>
    <d:AdaptationSet contentType="video"><d:SegmentTemplate media="v-$Number$.m4s"/>
      <d:Representation id="v"><d:SegmentTemplate presentationTimeOffset="90000"/></d:Representation>
      <d:Representation id="w"><d:SegmentTemplate duration="900000" endNumber="6"/></d:Representation>
    </d:AdaptationSet>
  </d:Period>
  <d:Period start="PT30S">
    <d:AdaptationSet><d:Representation id="l" mimeType="audio/mp4"><d:BaseURL>list/</d:BaseURL>
      <d:SegmentList timescale="10" duration="50"><d:Initialization sourceURL="i.mp4" range="0-9"/>
        <d:SegmentURL media="a.m4s"/><d:SegmentURL media="../b.m4s" mediaRange="10-19"/></d:SegmentList>
    </d:Representation></d:AdaptationSet>
  </d:Period>
  <d:Period start="PT60S">
    <d:AdaptationSet><d:Representation id="s" codecs="hvc1.1.6.L93.B0"><d:BaseURL>video.mp4</d:BaseURL><d:SegmentBase indexRange="800-899"/></d:Representation>
      <d:Representation id="n" codecs="stpp.ttml"/></d:AdaptationSet>
  </d:Period>
</d:MPD>"#;

fn only(xml: &str) -> Representation {
    parse(xml.as_bytes()).unwrap().periods.remove(0).representations.remove(0)
}

/// The segments that share a tick with `[from, until)`, at most `most` of them, found as readers find them.
fn overlapping(found: &Representation, from: i64, until: i64, most: usize) -> Result<Vec<Segment>, MpdError> {
    let walk = (found.index_at(from)..=u64::MAX).map_while(|index| found.segment(index).transpose());
    walk.take_while(|segment| !segment.as_ref().is_ok_and(|s| s.time >= until)).take(most).collect()
}

fn paths(segments: &[Segment]) -> Vec<&str> {
    segments.iter().map(|segment| segment.resource.path.as_str()).collect()
}

fn with_timeline(entries: &str) -> String {
    format!(
        r#"<MPD><Period duration="PT10S"><AdaptationSet><SegmentTemplate media="$Time$-$Number$"><SegmentTimeline>{entries}</SegmentTimeline></SegmentTemplate><Representation id="x"/></AdaptationSet></Period></MPD>"#
    )
}

fn with_base(base: &str) -> String {
    format!(
        r"<MPD><Period><AdaptationSet><Representation><BaseURL>{base}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
}

#[test]
fn a_recording_by_ffmpeg_is_read() {
    let mpd = parse(TIMELINE.as_bytes()).unwrap();
    assert_eq!((mpd.dynamic, mpd.media_presentation_duration), (false, Some(Nanos::from_millis(60_000))));
    let [video, audio] = &mpd.periods[0].representations[..] else { panic!("{mpd:?}") };
    assert_eq!(
        (video.content, video.adaptation_set, video.width, video.height),
        (ContentType::Video, 0, Some(640), Some(360))
    );
    assert_eq!(video.frame_rate, Some(FrameRate { numerator: 25, denominator: 1 }));
    assert_eq!((video.codecs.as_str(), video.bandwidth), ("avc1.64001e", 741_643));
    assert_eq!(
        (audio.content, audio.adaptation_set, audio.audio_sampling_rate),
        (ContentType::Audio, 1, Some(48_000))
    );
    assert_eq!((audio.lang.as_deref(), audio.label.as_deref()), (Some("eng"), Some("Audio & more")));
    assert_eq!(audio.roles[..], ["main".to_owned()]);
    assert_eq!(video.init().unwrap().unwrap().path, "init-0.mp4");
    assert_eq!(video.timeline.timescale().get(), 12_800);

    let first = video.segment(0).unwrap().unwrap();
    let true_name = video.resource_at_time(&first, -1024).unwrap().unwrap();
    assert_eq!(true_name.path, "seg-0--1024.m4s");
    assert_eq!(audio.resource_at_time(&audio.segment(0).unwrap().unwrap(), -1024), Ok(None));

    let around_gap = overlapping(video, 255_999, 332_801, 9).unwrap();
    assert_eq!(paths(&around_gap), ["seg-0-230400.m4s", "seg-0-332800.m4s"]);
    assert_eq!(around_gap[1].index, 10);
    assert_eq!(overlapping(video, 256_000, 332_800, 9), Ok(vec![]));
    assert_eq!((video.start_ticks(), video.end_ticks()), (Some(0), Some(768_000)));
    let audio = overlapping(audio, 0, i64::MAX, 9).unwrap();
    assert_eq!(paths(&audio), ["seg-1-00007.m4s", "seg-1-00008.m4s", "seg-1-00009.m4s", "seg-1-00010.m4s"]);
    assert_eq!((audio[3].time, audio[3].end()), (289_792, 385_024));
}

#[test]
fn a_growing_recording_has_no_end_of_its_own() {
    let mpd = parse(GROWING.as_bytes()).unwrap();
    assert!(mpd.dynamic);
    assert_eq!(mpd.availability_start, Some(Nanos::from_millis(1_562_253_612_000)));
    assert_eq!(mpd.minimum_update_period, Some(Nanos::from_millis(2000)));
    assert_eq!((mpd.periods[0].start, mpd.periods[0].duration), (Nanos::from_millis(10_000), None));
    let video = &mpd.periods[0].representations[0];
    assert!(video.trick_mode && video.encrypted);
    assert_eq!(video.end_ticks(), None);
    let from = video.timeline.first_tick_at_or_after(Nanos::from_millis(13_999));
    let until = video.timeline.first_tick_at_or_after(Nanos::from_millis(16_000));
    let found = overlapping(video, from, until, 9).unwrap();
    assert_eq!(paths(&found), ["5/1.m4s", "5/2.m4s"]);
    assert!(found[0].nominal);
    assert_eq!(video.timeline.to_nanos_floor(found[1].time), Nanos::from_millis(14_000));
    // However far away, only what is asked for is made.
    let far = overlapping(video, i64::MAX / 2, i64::MAX / 2 + 1, 2).unwrap();
    assert_eq!(far.len(), 1);
    assert_eq!(overlapping(video, 0, i64::MAX, 100).unwrap().len(), 100);
    assert_eq!(video.segment(u64::MAX), Ok(None));
}

#[test]
fn periods_inherit_and_bound_their_segments() {
    let mpd = parse(PERIODS.as_bytes()).unwrap();
    let spans: Vec<_> = mpd
        .periods
        .iter()
        .map(|p| (p.start.to_millis_floor(), p.duration.map(Nanos::to_millis_floor)))
        .collect();
    assert_eq!(spans, [(0, Some(30_000)), (30_000, Some(30_000)), (60_000, Some(30_000))]);

    let [v, w] = &mpd.periods[0].representations[..] else { panic!("{mpd:?}") };
    assert_eq!(v.init().unwrap().unwrap().path, "media/p0/i-v.mp4");
    // The Period ends at 30 s + 1 s offset = 2 790 000 ticks: sixteen segments start before it.
    let all = overlapping(v, 0, i64::MAX, 99).unwrap();
    assert_eq!((all.len(), paths(&all)[15], v.end_ticks()), (16, "media/p0/v-20.m4s", Some(2_880_000)));
    let all = overlapping(w, 0, i64::MAX, 99).unwrap();
    assert_eq!((paths(&all), w.end_ticks()), (vec!["media/p0/v-5.m4s", "media/p0/v-6.m4s"], Some(1_800_000)));

    let list = &mpd.periods[1].representations[0];
    let init = list.init().unwrap().unwrap();
    assert_eq!((init.path.as_str(), init.range), ("media/list/i.mp4", Some(ByteRange { first: 0, last: 9 })));
    let all = overlapping(list, 0, i64::MAX, 99).unwrap();
    assert_eq!(paths(&all), ["media/list/a.m4s", "media/b.m4s"]);
    assert_eq!((all[1].time, all[1].resource.range), (50, Some(ByteRange { first: 10, last: 19 })));
    assert_eq!(list.end_ticks(), Some(100));
}

#[test]
fn a_single_file_is_read_through_its_index() {
    let mpd = parse(PERIODS.as_bytes()).unwrap();
    let [file, nothing] = &mpd.periods[2].representations[..] else { panic!("{mpd:?}") };
    assert_eq!((file.content, nothing.content), (ContentType::Video, ContentType::Text));
    let index = file.index().unwrap().unwrap();
    assert_eq!(
        (index.path.as_str(), index.range),
        ("media/video.mp4", Some(ByteRange { first: 800, last: 899 }))
    );
    assert_eq!(file.init().unwrap().unwrap().range, Some(ByteRange { first: 0, last: 799 }));
    assert_eq!(paths(&overlapping(file, 0, 1, 9).unwrap()), ["media/video.mp4"]);
    let entry = crate::fmp4::IndexEntry {
        time: 100,
        duration: 50,
        offset: 900,
        size: 10,
        starts_with_sap: true,
        is_index: false,
    };
    let sidx = crate::fmp4::Index { timescale: std::num::NonZeroU32::new(50).unwrap(), entries: vec![entry] };
    let (timeline, segments) = file.segments_from_sidx(&sidx).unwrap();
    assert_eq!(timeline.to_nanos_floor(segments[0].time), Nanos::from_millis(62_000));
    assert_eq!(segments[0].resource.range, Some(ByteRange { first: 900, last: 909 }));
    assert_eq!(overlapping(nothing, 0, 1, 9), Err(MpdError::NoSegments));
}

#[test]
fn timelines_repeat_jump_overlap_and_number_themselves() {
    let all = |entries: &str| {
        let segments = overlapping(&only(&with_timeline(entries)), 0, i64::MAX, 99).unwrap();
        paths(&segments).join(" ")
    };
    assert_eq!(all(r#"<S t="0" d="2" r="-1"/><S t="5" d="1"/>"#), "0-1 2-2 4-3 5-4");
    assert_eq!(all(r#"<S t="4" d="3" r="-1"/>"#), "4-1 7-2");
    assert_eq!(all(r#"<S t="0" n="9" d="2"/><S d="2" r="1"/>"#), "0-9 2-10 4-11");
    assert_eq!(all(r#"<S t="0" d="2" r="1"/><S t="8" n="7" d="2"/>"#), "0-1 2-2 8-7");
    let overlap = only(&with_timeline(r#"<S t="0" d="4"/><S t="3" d="4"/>"#));
    assert_eq!(paths(&overlapping(&overlap, 3, 4, 9).unwrap()), ["0-1", "3-2"]);
    assert_eq!(overlapping(&only(&with_timeline("")), 0, 9, 9), Ok(vec![]));
    assert_eq!(only(&with_timeline("")).end_ticks(), None);
}

#[test]
fn a_huge_repeat_is_only_a_number() {
    let video = only(&with_timeline(r#"<S t="0" d="1" r="9223372036854775000"/>"#));
    let found = overlapping(&video, 1 << 60, (1 << 60) + 2, 9).unwrap();
    assert_eq!(found.len(), 2);
    let before = video.segment(found[0].index - 1).unwrap().unwrap();
    assert_eq!(before.end(), found[0].time);
}

#[test]
fn an_announced_period_is_not_there_yet() {
    let mpd = |kind| {
        let periods = r#"<Period start="PT0S"/><Period id="early"/><Period id="later" start="PT9S"/>"#;
        parse(format!(r#"<MPD type="{kind}">{periods}</MPD>"#).as_bytes())
    };
    assert_eq!(mpd("dynamic").unwrap().periods.len(), 1);
    assert_eq!(mpd("static"), Err(MpdError::BadValue("Period@start")));
}

#[test]
fn a_period_never_reaches_into_the_next() {
    let xml = "<MPD mediaPresentationDuration='PT9S' xsi:type='dynamic'><Period duration='PT5S'/><Period start='PT4S'/></MPD>";
    let mpd = parse(xml.as_bytes()).unwrap();
    let lengths: Vec<_> =
        mpd.periods.iter().map(|period| period.duration.map(Nanos::to_millis_floor)).collect();
    assert_eq!((lengths, mpd.dynamic), (vec![Some(4000), Some(5000)], false));
}

#[test]
fn a_whole_file_counts_from_its_offset() {
    let file = only(
        "<MPD><Period duration='PT4S'><AdaptationSet><Representation><BaseURL>a.mp4</BaseURL><SegmentBase timescale='10' presentationTimeOffset='50'/></Representation></AdaptationSet></Period></MPD>",
    );
    assert_eq!((file.start_ticks(), file.end_ticks()), (Some(50), Some(90)));
    assert_eq!((file.init(), file.index()), (Ok(None), Ok(None)));
}

#[test]
fn hostile_manifests_are_refused() {
    let laughs = r#"<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><MPD><BaseURL>&b;</BaseURL></MPD>"#;
    let deep = format!("<MPD>{}", "<a>".repeat(100));
    let wide = format!("<MPD{}/>", " a='x'".repeat(100));
    let periods = format!("<MPD>{}</MPD>", "<Period start='PT0S'/>".repeat(2000));
    let entries = with_timeline(&"<S d='1'/>".repeat(1_000_001));
    let long = with_base(&"x".repeat(5000));
    let key = with_base(&"x".repeat(1500));
    for (xml, error) in [
        (laughs, MpdError::Entity),
        ("<MPD><BaseURL>&xxe;</BaseURL></MPD>", MpdError::Entity),
        ("<MPD type='&xxe;'/>", MpdError::Entity),
        ("<MPD><Period xlink:href='http://169.254.169.254/'/></MPD>", MpdError::Remote),
        ("<MPD><Period><AdaptationSet y:href='x'/></Period></MPD>", MpdError::Remote),
        ("<MPD><Period><SegmentList xlink:href='x'/></Period></MPD>", MpdError::Remote),
        ("<SmoothStreamingMedia/>", MpdError::NotAnMpd),
        ("<MPD type='sometimes'/>", MpdError::BadValue("type")),
        ("<MPD mediaPresentationDuration='P1Y'/>", MpdError::BadValue("mediaPresentationDuration")),
        (&deep, MpdError::TooMany("levels")),
        (&wide, MpdError::TooMany("attributes")),
        (&periods, MpdError::TooMany("periods")),
        (&entries, MpdError::TooMany("segments")),
        (&long, MpdError::TooMany("characters")),
        (&key, MpdError::TooMany("characters")),
        (&with_timeline("<S t='0'/>"), MpdError::BadTimeline),
        (&with_timeline("<S t='-1' d='1'/>"), MpdError::BadValue("t")),
        (&with_timeline("<S d='99999999999999999999'/>"), MpdError::BadValue("d")),
        (&with_base("http://169.254.169.254/latest/"), MpdError::OutsideRecording),
        (&with_base("//other/"), MpdError::OutsideRecording),
        (&with_base("../x.mp4"), MpdError::OutsideRecording),
        (&with_base("%2e%2e/x.mp4"), MpdError::OutsideRecording),
        (&with_base("s3&#58;//other/x.mp4"), MpdError::OutsideRecording),
    ] {
        assert_eq!(parse(xml.as_bytes()), Err(error), "{}", &xml[..xml.len().min(100)]);
    }
    assert_eq!(parse(&vec![b' '; MAX_BYTES + 1]), Err(MpdError::TooLarge));
    assert_eq!(parse(b"<MPD>\xff</MPD>"), Err(MpdError::NotUtf8));
    for malformed in ["<MPD></Period>", "<MPD><Period></MPD>", "<MPD a=b/>"] {
        assert!(matches!(parse(malformed.as_bytes()), Err(MpdError::Xml(_))), "{malformed}");
    }
}

#[test]
fn a_manifest_that_is_caught_half_written_is_not_complete() {
    for whole in [TIMELINE, GROWING, PERIODS] {
        for length in 0..whole.trim_end().len() {
            assert_eq!(parse(&whole.as_bytes()[..length]), Err(MpdError::Incomplete), "{}", &whole[..length]);
        }
    }
    assert_eq!(parse("<MPD><Label>é".as_bytes().split_last().unwrap().1), Err(MpdError::Incomplete));
}

#[test]
fn a_packed_manifest_is_read() {
    use std::io::Write as _;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(TIMELINE.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(parse(&packed), parse(TIMELINE.as_bytes()));
    assert_eq!(parse(&packed[..packed.len() / 2]), Err(MpdError::Incomplete));
}

#[test]
fn of_alternative_base_urls_the_first_in_the_recording_counts() {
    let base = |urls: &str| {
        let xml = format!(
            "<MPD>{urls}<Period duration='PT1S'><AdaptationSet><Representation><BaseURL>v.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
        );
        let found = parse(xml.as_bytes())?.periods.remove(0).representations.remove(0);
        Ok(found.segment(0)?.unwrap().resource.path)
    };
    let path = |path: &str| Ok(path.to_owned());
    assert_eq!(base("<BaseURL>https://cdn.example/live/</BaseURL><BaseURL>a/</BaseURL>"), path("a/v.mp4"));
    assert_eq!(base("<BaseURL>../x/</BaseURL><BaseURL>./</BaseURL><BaseURL>b/</BaseURL>"), path("v.mp4"));
    let outside = "<BaseURL>https://a.example/</BaseURL><BaseURL>https://b.example/</BaseURL>";
    assert_eq!(base(outside), Err(MpdError::OutsideRecording));
}

#[test]
fn what_resolves_to_nothing_is_not_there_and_what_is_not_needed_may_be_elsewhere() {
    let zero = "xlink:href='urn:mpeg:dash:resolve-to-zero:2013'";
    let xml = format!(
        "<MPD type='static' mediaPresentationDuration='PT9S'><Period duration='PT1S' {zero}><AdaptationSet/></Period>
         <Period duration='PT5S' {zero}/><Period><EventStream xlink:href='https://a.example/'/><AdaptationSet {zero}/>
         <AdaptationSet href='x'><Role xlink:href='y'/><Representation/></AdaptationSet></Period></MPD>"
    );
    let mpd = parse(xml.as_bytes()).unwrap();
    let [period] = &mpd.periods[..] else { panic!("{mpd:?}") };
    assert_eq!((period.start, period.representations.len()), (Nanos::ZERO, 1));
}

#[test]
fn what_nobody_needs_may_be_written_in_any_way() {
    let found = only(
        "<MPD publishTime='now' minimumUpdatePeriod='-1'><Period><AdaptationSet frameRate='VFR' width='1920.0' audioSamplingRate=''>
         <Representation bandwidth='many' height='1080'/></AdaptationSet></Period></MPD>",
    );
    assert_eq!((found.frame_rate, found.width, found.height, found.bandwidth), (None, None, Some(1080), 0));
}

#[test]
fn the_last_period_ends_with_its_timeline_if_the_duration_is_rounded() {
    let length = |duration: &str, own: &str, entries: &str| {
        let xml = format!(
            "<MPD mediaPresentationDuration='{duration}'><Period{own}><AdaptationSet contentType='video'><SegmentTemplate timescale='100' media='$Time$'>
             <SegmentTimeline>{entries}</SegmentTimeline></SegmentTemplate><Representation/></AdaptationSet></Period></MPD>"
        );
        parse(xml.as_bytes()).unwrap().periods[0].duration.map(Nanos::to_millis_floor)
    };
    let recorded = "<S d='200' r='7'/><S d='8'/>";
    assert_eq!(length("PT16.0S", "", "<S d='200' r='6'/><S d='208'/>"), Some(16_080));
    assert_eq!(length("PT16.0S", "", recorded), Some(16_080));
    assert_eq!(length("PT15.9S", " duration='PT15.9S'", recorded), Some(15_900));
    assert_eq!(length("PT15S", "", "<S d='200' r='7'/>"), Some(16_000));
    // A Period says itself where it is cut off, and whole segments behind the end are not shown.
    assert_eq!(length("PT15S", " duration='PT15S'", "<S d='200' r='7'/>"), Some(15_000));
    assert_eq!(length("PT15.95S", " duration='PT15.95S'", "<S d='200' r='7'/>"), Some(16_000));
    assert_eq!(length("PT14S", "", "<S d='200' r='7'/>"), Some(14_000));
    assert_eq!(length("PT16S", "", "<S d='200' r='-1'/>"), Some(16_000));
}

#[test]
fn only_what_follows_from_a_rule_is_listed_before_it_is_recorded() {
    let open = |inner: &str, kind: &str| {
        only(&format!("<MPD><Period duration='PT60S'><AdaptationSet><Representation><Segment{kind} {inner}</Segment{kind}></Representation></AdaptationSet></Period></MPD>")).is_open_ended()
    };
    assert!(open("media='$Number$' duration='2'>", "Template"));
    assert!(open(
        "media='$Time$'><SegmentTimeline><S d='2'/><S d='1' r='-1'/></SegmentTimeline>",
        "Template"
    ));
    assert!(!open("media='$Time$'><SegmentTimeline><S d='2' r='9'/></SegmentTimeline>", "Template"));
    assert!(!open("duration='2'><SegmentURL media='a'/>", "List"));
    assert!(!only(&with_timeline("")).is_open_ended());
}

#[test]
fn numbers_and_lists_count_what_is_lost_and_what_is_replaced() {
    let all = |entries: &str| {
        let segments = overlapping(&only(&with_timeline(entries)), 0, i64::MAX, 99).unwrap();
        paths(&segments).join(" ")
    };
    assert_eq!(all(r#"<S t="0" d="2"/><S d="0"/><S t="4" d="2"/>"#), "0-1 4-3");
    assert_eq!(all(r#"<S t="0" n="7" d="2"/><S t="2" d="2"/><S t="2" d="2"/><S d="2"/>"#), "0-7 2-9 4-10");
    assert_eq!(all(r#"<S t="0" d="2" r="3"/><S t="3" d="2" r="1"/>"#), "0-1 2-2 3-5 5-6 6-4");
}

#[test]
fn a_template_cannot_lead_outside_either() {
    let template = |id: &str, media: &str| {
        let xml = format!(
            "<MPD><Period duration='PT1S'><AdaptationSet><Representation id='{id}'><SegmentTemplate media='{media}' initialization='{media}'/></Representation></AdaptationSet></Period></MPD>"
        );
        let found = only(&xml);
        (found.segment(0), found.init())
    };
    for (id, media) in [
        ("..", "$RepresentationID$/../x"),
        ("http://x", "$RepresentationID$/y"),
        ("%2e%2e", "$RepresentationID$/y"),
    ] {
        let refused = (Err(MpdError::OutsideRecording), Err(MpdError::OutsideRecording));
        assert_eq!(template(id, media), refused, "{id} {media}");
    }
    assert_eq!(template("x", "$Number%099d$").0, Err(MpdError::BadTemplate));
}

/// Everything a caller may ask of what was parsed.
fn exercise(xml: &[u8]) {
    let Ok(mpd) = parse(xml) else { return };
    for found in mpd.periods.iter().flat_map(|period| &period.representations) {
        let _ = (found.init(), found.index(), found.start_ticks(), found.end_ticks());
        for from in [i64::MIN, -1, 0, 300_000, i64::MAX] {
            let Ok(segments) = overlapping(found, from, from.saturating_add(100_000), 50) else {
                continue;
            };
            for pair in segments.windows(2) {
                assert!(pair[0].time < pair[1].time && pair[0].index + 1 == pair[1].index);
            }
            for path in segments.iter().map(|segment| &segment.resource.path) {
                assert!(
                    !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "." | "..")),
                    "{path}"
                );
            }
        }
        let _ = (found.segment(0), found.segment(u64::MAX));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[<>/=\"'& A-Za-z0-9!\\[\\];-]{0,200}") {
        exercise(&bytes);
        exercise(format!("<MPD><Period>{text}").as_bytes());
    }

    #[test]
    fn damaged_manifests_never_panic(
        which in 0..3_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        digits in prop::collection::vec((any::<prop::sample::Index>(), b'0'..=b'9'), 0..8),
    ) {
        let mut xml = [TIMELINE, GROWING, PERIODS][which].as_bytes().to_vec();
        let places: Vec<usize> = (0..xml.len()).filter(|at| xml[*at].is_ascii_digit()).collect();
        for (at, digit) in digits {
            xml[places[at.index(places.len())]] = digit;
        }
        exercise(&xml);
        for (at, value) in damage {
            let at = at.index(xml.len());
            xml[at] = value;
        }
        exercise(&xml);
    }

    #[test]
    fn bisection_finds_what_a_walk_finds(
        entries in prop::collection::vec((0..5_i64, 1..20_i64, 0..4_i64), 1..12), from in 0..400_i64, length in 1..100_i64,
    ) {
        let (mut xml, mut walk, mut time) = (String::new(), Vec::new(), 0);
        for (gap, duration, repeat) in entries {
            time += gap;
            write!(xml, r#"<S t="{time}" d="{duration}" r="{repeat}"/>"#).unwrap();
            for _ in 0..=repeat {
                walk.push((time, duration));
                time += duration;
            }
        }
        let video = only(&with_timeline(&xml));
        let found = overlapping(&video, from, from + length, 1000).unwrap();
        let expected: Vec<_> = walk.into_iter().filter(|(t, d)| t + d > from && *t < from + length).collect();
        prop_assert_eq!(found.iter().map(|segment| (segment.time, segment.duration)).collect::<Vec<_>>(), expected);
        prop_assert_eq!(video.end_ticks(), Some(time));
    }
}
