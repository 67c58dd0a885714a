use super::*;
use crate::mpd::{ByteRange, ContentType, Mpd, ObjectRange, Representation};
use crate::nal::VideoCodec;
use crate::time::Nanos;
use proptest::prelude::*;
use std::fmt::Write as _;

fn media(text: &str) -> MediaPlaylist {
    match parse(format!("#EXTM3U\n{text}").as_bytes(), "live/a.m3u8") {
        Ok(HlsPlaylist::Media(media)) => media,
        other => panic!("{other:?}"),
    }
}

fn master(text: &str) -> Master {
    match parse(format!("#EXTM3U\n{text}").as_bytes(), "live/main.m3u8") {
        Ok(HlsPlaylist::Master(master)) => master,
        other => panic!("{other:?}"),
    }
}

fn refusal(text: &str) -> MpdError {
    parse(format!("#EXTM3U\n{text}").as_bytes(), "a.m3u8").unwrap_err()
}

fn alone(text: &str) -> Mpd {
    recording(&Variant::default(), &media(text), &[]).unwrap()
}

/// Start and end in milliseconds on the presentation's clock, and the object, of every segment.
fn segments(found: &Representation) -> Vec<(i64, i64, String, Option<ByteRange>)> {
    let at = |ticks| found.timeline.to_nanos_floor(ticks).to_millis_floor();
    let all = (0..).map_while(|index| found.segment(index).unwrap());
    all.map(|s| (at(s.time), at(s.end()), s.resource.path.clone(), s.resource.range)).collect()
}

fn range(first: u64, last: u64) -> ByteRange {
    ByteRange { first, last }
}

const T0: i64 = 1_700_000_000_000;

#[test]
fn a_playlist_with_dates_counts_on_the_wall_clock() {
    let mpd = alone(
        "#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI=\"init.mp4\"\n\
         #EXTINF:5.005,a title, with a comma\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20.000+0000\ns0.m4s\n\
         #EXTINF:5.005\ns1.m4s\n#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:30.011Z\n#EXTINF:4,\nsub/s2.m4s\n",
    );
    assert_eq!((mpd.dynamic, mpd.availability_start), (true, Some(Nanos::ZERO)));
    assert_eq!(mpd.minimum_update_period, Some(Nanos::from_millis(6000)));
    let period = &mpd.periods[0];
    assert_eq!((period.start, period.duration), (Nanos::from_millis(T0), None));
    let found = &period.representations[0];
    let init = Some(ObjectRange { path: "live/init.mp4".to_owned(), range: None });
    assert_eq!((found.init().unwrap(), found.content), (init, ContentType::Video));
    let expected = [
        (T0, T0 + 5005, "live/s0.m4s".to_owned(), None),
        (T0 + 5005, T0 + 10_011, "live/s1.m4s".to_owned(), None),
        (T0 + 10_011, T0 + 14_011, "live/sub/s2.m4s".to_owned(), None),
    ];
    assert_eq!(segments(found), expected);
    let placing = period.placing.as_ref().unwrap();
    assert_eq!(placing.anchors[..], [(0, Nanos::from_millis(T0)), (2, Nanos::from_millis(T0 + 10_011))]);
    assert_eq!(placing.anchor(Nanos::from_millis(T0 + 10_010)).unwrap().0, 0);
    assert_eq!(placing.anchor(Nanos::from_millis(T0 + 10_011)).unwrap().0, 2);
    assert_eq!(placing.anchor(Nanos::ZERO).unwrap().0, 0);
}

#[test]
fn a_playlist_without_dates_counts_from_its_first_segment() {
    let mpd = alone("#EXTINF:2,\na\n#EXTINF:2,\nb\n#EXT-X-ENDLIST\n");
    assert_eq!((mpd.dynamic, mpd.availability_start, mpd.minimum_update_period), (false, None, None));
    assert_eq!(mpd.periods[0].start, Nanos::ZERO);
    assert_eq!(mpd.periods[0].placing.as_ref().unwrap().anchors[..], [(0, Nanos::ZERO)]);
    assert_eq!(mpd.periods[0].representations[0].end_ticks(), Some(4_000_000));
    assert_eq!(mpd.periods[0].representations[0].init(), Ok(None));
}

#[test]
fn ranges_go_on_behind_the_last_one_of_their_file() {
    let mpd = alone(
        "#EXT-X-MAP:URI=\"v.mp4\",BYTERANGE=\"800@0\"\n#EXTINF:2,\n#EXT-X-BYTERANGE:1000@800\nv.mp4\n\
         #EXTINF:2,\n#EXT-X-BYTERANGE:500\nv.mp4\n",
    );
    let found = &mpd.periods[0].representations[0];
    assert_eq!(found.init().unwrap().unwrap().range, Some(range(0, 799)));
    let ranges: Vec<_> = segments(found).into_iter().map(|(.., range)| range).collect();
    assert_eq!(ranges, [Some(range(800, 1799)), Some(range(1800, 2299))]);
    assert_eq!(refusal("#EXTINF:2,\n#EXT-X-BYTERANGE:500\nv.mp4\n"), MpdError::BadValue("EXT-X-BYTERANGE"));
}

#[test]
fn discontinuities_inits_keys_and_jumps_of_the_date_begin_sections() {
    let date = |text: &str| format!("#EXT-X-PROGRAM-DATE-TIME:2023-11-14T{text}Z\n#EXTINF:4,\ns\n");
    let text = [
        "#EXT-X-DISCONTINUITY-SEQUENCE:7\n#EXT-X-MAP:URI=\"a\"\n",
        &date("22:13:20"),
        &date("22:13:24"),
        "#EXT-X-DISCONTINUITY\n",
        &date("22:14:00"),
        "#EXT-X-MAP:URI=\"b\"\n#EXTINF:4,\ns\n",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:4,\ns\n#EXT-X-KEY:METHOD=NONE\n",
        &date("22:15:00"),
        &date("22:15:20"),
        &date("22:15:23.5"),
    ];
    let mpd = alone(&text.concat());
    let starts: Vec<_> = mpd.periods.iter().map(|period| period.start.to_millis_floor() - T0).collect();
    assert_eq!(starts, [0, 40_000, 44_000, 48_000, 100_000, 120_000]);
    let follows: Vec<_> = mpd.periods.iter().map(|period| period.placing.as_ref().unwrap().follows).collect();
    assert_eq!(follows, [false, false, true, true, false, false]);
    let encrypted: Vec<_> = mpd.periods.iter().map(|period| period.representations[0].encrypted).collect();
    assert_eq!(encrypted, [false, false, false, true, false, false]);
    assert_eq!(mpd.periods[0].duration, Some(Nanos::from_millis(40_000)));
    assert_eq!(segments(&mpd.periods[5].representations[0]).len(), 2);
}

#[test]
fn a_date_before_the_end_of_the_section_before_starts_at_that_end() {
    let date = |text: &str| {
        format!("#EXT-X-PROGRAM-DATE-TIME:2023-11-14T{text}Z\n#EXTINF:4.0,\ns\n#EXTINF:4.0,\ns\n")
    };
    let mpd = alone(&[&date("22:13:20"), "#EXT-X-DISCONTINUITY\n", &date("22:13:21")].concat());
    let second = &mpd.periods[1];
    let start = Nanos::from_millis(T0 + 8000);
    assert_eq!((second.start, second.placing.as_ref().unwrap().follows), (start, true));
    assert_eq!(second.placing.as_ref().unwrap().anchors[..], [(0, start)]);
    assert_eq!(segments(&second.representations[0])[0].0, T0 + 8000);
}

#[test]
fn sections_before_the_first_date_are_counted_back_from_it() {
    let mpd = alone(
        "#EXTINF:4,\na\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\nb\n\
         #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:20Z\n#EXTINF:4,\nc\n",
    );
    let starts: Vec<_> = mpd.periods.iter().map(|period| period.start.to_millis_floor() - T0).collect();
    assert_eq!(starts, [-6000, -2000]);
    assert_eq!(mpd.periods[1].placing.as_ref().unwrap().anchors[..], [(1, Nanos::from_millis(T0))]);
}

#[test]
fn gaps_are_not_listed() {
    let mpd = alone("#EXTINF:4,\na\n#EXT-X-GAP\n#EXTINF:4,\nb\n#EXTINF:4,\nc\n");
    let date = |s: u32| format!("#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:{s}Z\n#EXTINF:4,\n");
    let dated = alone(&["#EXT-X-GAP\n", &date(20), "a\n#EXTINF:4,\nb\n", &date(28), "c\n"].concat());
    let placing = dated.periods[0].placing.as_ref().unwrap();
    assert_eq!(placing.anchors[..], [(1, Nanos::from_millis(T0 + 8000))]);
    let late = alone("#EXT-X-GAP\n#EXTINF:4,\na\n#EXTINF:4,\nb\n");
    assert_eq!(late.periods[0].placing.as_ref().unwrap().anchors[..], [(0, Nanos::from_millis(4000))]);
    let found = segments(&mpd.periods[0].representations[0]);
    let seen: Vec<_> = found.iter().map(|(from, to, path, _)| (*from, *to, path.as_str())).collect();
    assert_eq!(seen, [(0, 4000, "live/a"), (8000, 12_000, "live/c")]);
}

const MASTER: &str = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"fr\",LANGUAGE=\"fr\",URI=\"fr.m3u8\"\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"en, main\",LANGUAGE=\"en\",DEFAULT=YES,URI=\"en.m3u8\"\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"b\",NAME=\"en\",URI=\"en.m3u8\"\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"muxed\"\n\
    #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"en\",URI=\"text.m3u8\"\n\
    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=9,RESOLUTION=7680x4320,URI=\"trick.m3u8\"\n\
    #EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS=\"mp4a.40.2\",AUDIO=\"a\"\nen.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720,CODECS=\"avc1.640028,mp4a.40.2\",AUDIO=\"a\"\nlow.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=6000000,RESOLUTION=1920x1080,CODECS=\"avc1.640028,mp4a.40.2\",FRAME-RATE=29.970,AUDIO=\"a\"\nhi/v.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=6100000,RESOLUTION=1920x1080,CODECS=\"av01.0.08M.08,mp4a.40.2\",AUDIO=\"a\"\nav1.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080,CODECS=\"hvc1.2.4.L123,mp4a.40.2\",AUDIO=\"b\"\nhevc.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=6000000,RESOLUTION=1920x1080,CODECS=\"avc1.640028\",AUDIO=\"b\"\nhi/v.m3u8\n";

#[test]
fn the_variant_is_the_largest_then_the_wanted_codec_then_the_best() {
    let master = master(MASTER);
    let path = |wanted| master.choose(wanted).unwrap().path.clone();
    assert_eq!(path(None), "live/hi/v.m3u8");
    assert_eq!(path(Some(VideoCodec::Hevc)), "live/hevc.m3u8");
    assert_eq!(Master::default().choose(None), None);
}

#[test]
fn a_variant_of_the_same_coding_elsewhere_is_a_twin() {
    let all = master(&format!(
        "{MASTER}#EXT-X-STREAM-INF:BANDWIDTH=6000000,RESOLUTION=1920x1080,CODECS=\"avc1.640028,mp4a.40.2\",FRAME-RATE=29.970\nb.m3u8\n"
    ));
    let twin = |wanted| all.twin(all.choose(wanted).unwrap()).map(|found| found.path.as_str());
    assert_eq!(twin(None), Some("live/b.m3u8"));
    assert_eq!(twin(Some(VideoCodec::Hevc)), None);
}

#[test]
fn every_audio_playlist_of_the_variants_groups_comes_along_once() {
    let master = master(MASTER);
    let paths = |wanted| -> Vec<_> {
        master.audio_of(master.choose(wanted).unwrap()).iter().map(|found| found.path.clone()).collect()
    };
    assert_eq!(paths(None), ["live/en.m3u8", "live/fr.m3u8"]);
    assert_eq!(paths(Some(VideoCodec::Hevc)), ["live/en.m3u8"]);
}

#[test]
fn audio_renditions_join_the_sections_of_the_picture_by_their_number() {
    let picture = media(
        "#EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXTINF:4,\na\n#EXT-X-DISCONTINUITY\n#EXTINF:4,\nb\n#EXT-X-ENDLIST\n",
    );
    let audio = media("#EXT-X-DISCONTINUITY-SEQUENCE:4\n#EXTINF:2,\nc\n#EXTINF:2,\nd\n#EXT-X-ENDLIST\n");
    let rendition = Rendition { language: Some("en".to_owned()), ..Rendition::default() };
    let mpd = recording(&Variant::default(), &picture, &[(rendition, audio)]).unwrap();
    let counts: Vec<_> = mpd.periods.iter().map(|period| period.representations.len()).collect();
    assert_eq!(counts, [1, 2]);
    let audio = &mpd.periods[1].representations[1];
    assert_eq!(
        (audio.content, audio.lang.as_deref(), audio.adaptation_set),
        (ContentType::Audio, Some("en"), 1)
    );
    assert_eq!(segments(audio)[1].0, 6000);
}

#[test]
fn a_period_that_is_moved_takes_its_media_along() {
    let mut mpd = alone("#EXTINF:4,\na\n");
    let period = &mut mpd.periods[0];
    let line = crate::time::Timeline::new(std::num::NonZeroU32::new(90_000).unwrap(), 900_000, Nanos::ZERO);
    period.place(line);
    period.move_to(Nanos::from_millis(500));
    let found = &period.representations[0];
    assert_eq!(found.timeline.to_nanos_floor(0), Nanos::from_millis(500));
    assert_eq!(found.media.unwrap().to_nanos_floor(900_000), Nanos::from_millis(500));
}

#[test]
fn hostile_playlists_are_refused() {
    assert_eq!(parse(b"", "a"), Err(MpdError::Incomplete));
    assert_eq!(parse(b"\xff", "a"), Err(MpdError::NotUtf8));
    assert_eq!(parse(b"<MPD/>", "a"), Err(MpdError::NotAPlaylist));
    assert_eq!(parse(&vec![b'#'; MAX_PLAYLIST_BYTES + 1], "a"), Err(MpdError::TooLarge));
    for length in ["nan", "-1", "1e400", "inf", "", "86401", "9999999999999999999999"] {
        assert_eq!(refusal(&format!("#EXTINF:{length},\na\n")), MpdError::BadValue("EXTINF"), "{length}");
    }
    assert_eq!(
        refusal("#EXT-X-PROGRAM-DATE-TIME:yesterday\n"),
        MpdError::BadValue("EXT-X-PROGRAM-DATE-TIME")
    );
    assert_eq!(refusal("#EXT-X-I-FRAMES-ONLY\n"), MpdError::BadValue("EXT-X-I-FRAMES-ONLY"));
    let huge = "#EXTINF:2,\n#EXT-X-BYTERANGE:18446744073709551615@9\na\n";
    assert_eq!(refusal(huge), MpdError::BadValue("EXT-X-BYTERANGE"));
    assert_eq!(
        refusal(&"#EXT-X-DISCONTINUITY\n#EXTINF:1,\na\n".repeat(5000)),
        MpdError::TooMany("discontinuities")
    );
    assert_eq!(refusal(&"#EXTINF:1,\na\n".repeat((1 << 17) + 1)), MpdError::TooMany("segments"));
    assert_eq!(refusal(&format!("#{}", "x".repeat(70_000))), MpdError::TooMany("characters"));
    for reference in ["../../x", "https://example.com/x", "/x", "x?token=1", "{$a}%2f"] {
        let mpd = alone(&format!("#EXTINF:1,\n{reference}\n"));
        assert_eq!(
            mpd.periods[0].representations[0].segment(0),
            Err(MpdError::OutsideRecording),
            "{reference}"
        );
    }
    assert!(alone("#EXTINF:1,\n../x\n").periods[0].representations[0].segment(0).is_ok());
}

proptest! {
    #[test]
    fn dates_are_read_in_every_form_that_recorders_write(ms in 0..4_000_000_000_000_i64, zone in -14 * 4..14 * 4_i64) {
        let offset = civil(ms + zone * 900_000);
        let (sign, minutes) = (if zone < 0 { '-' } else { '+' }, zone.abs() * 15);
        for form in [format!("{:02}:{:02}", minutes / 60, minutes % 60), format!("{:02}{:02}", minutes / 60, minutes % 60)] {
            let text = format!("#EXTINF:1,\n#EXT-X-PROGRAM-DATE-TIME:{offset}{sign}{form}\na\n");
            prop_assert_eq!(alone(&text).periods[0].start, Nanos::from_millis(ms), "{}", text);
        }
    }

    #[test]
    fn periods_are_disjoint_and_in_order(
        steps in prop::collection::vec((0..5_u8, -20_000..60_000_i64, 1..9_000_i64), 1..40),
    ) {
        let (mut text, mut at) = (String::new(), T0);
        for (kind, jump, length) in steps {
            if kind == 0 { text.push_str("#EXT-X-DISCONTINUITY\n"); }
            if kind < 3 { at += jump; writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}Z", civil(at)).unwrap(); }
            writeln!(text, "#EXTINF:{}.{:03},\ns", length / 1000, length % 1000).unwrap();
            at += length;
        }
        let mpd = alone(&text);
        for pair in mpd.periods.windows(2) {
            prop_assert!(pair[0].start <= pair[1].start);
            prop_assert_eq!(pair[0].duration, Some(pair[1].start - pair[0].start));
        }
        for period in &mpd.periods {
            let found = segments(&period.representations[0]);
            prop_assert!(found.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{found:?}");
            prop_assert!(found.first().is_none_or(|first| first.0 >= period.start.to_millis_floor() - 1));
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC*", lines in prop::collection::vec("(#EXT(INF|-X-(BYTERANGE|MAP|KEY|MEDIA|STREAM-INF|PROGRAM-DATE-TIME|DISCONTINUITY(-SEQUENCE)?|GAP)))?[:=,\"@.0-9A-Z-]{0,20}", 0..20)) {
        for text in [text, lines.join("\n")] {
            if let Ok(HlsPlaylist::Media(media)) = parse(format!("#EXTM3U\n{text}").as_bytes(), "a/b") {
                let _ = recording(&Variant::default(), &media, &[]).map(|mpd| {
                    mpd.periods.iter().map(|period| period.representations[0].segment(0)).collect::<Vec<_>>()
                });
            }
        }
    }
}

/// A time since the epoch in milliseconds as `YYYY-MM-DDThh:mm:ss.mmm`.
fn civil(ms: i64) -> String {
    let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}", rest % 1000)
}
