//! HLS playlists, and the segments that they name.

use crate::manifests::{FIXED, is_inside, walk};
use export_fuzz::damage::{apply, damage, number};
use export_fuzz::{config, measured};
use export_media::hls::{HlsPlaylist, Variant, parse, recording};
use export_media::mpd::{Mpd, ObjectRange};
use export_media::nal::VideoCodec;
use export_media::time::Nanos;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A playlist as ffmpeg writes it, and one of a packager with ranges.
const RECORDED: [&str; 2] = [
    "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
     #EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2.002000,\n#EXT-X-PROGRAM-DATE-TIME:2019-07-04T15:07:00.833+0000\nseg-0.m4s\n\
     #EXTINF:2.002000,\n#EXT-X-PROGRAM-DATE-TIME:2019-07-04T15:07:02.835+0000\nseg-1.m4s\n#EXT-X-DISCONTINUITY\n\
     #EXTINF:1.5,\n#EXT-X-PROGRAM-DATE-TIME:2019-07-04T15:08:02.835+0000\nseg-2.m4s\n#EXT-X-ENDLIST\n",
    "#EXTM3U\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n#EXT-X-MAP:URI=\"v.mp4\",BYTERANGE=\"800@0\"\n#EXTINF:2,a\n\
     #EXT-X-BYTERANGE:1000@800\nv.mp4\n#EXTINF:2,\n#EXT-X-BYTERANGE:500\nv.mp4\n#EXT-X-GAP\n#EXTINF:2,\nx/y.mp4\n",
];

/// Values that tags trip over.
const VALUES: [&str; 24] = [
    "",
    "-1",
    "nan",
    "inf",
    "1e400",
    "0",
    "0.0000001",
    "86400",
    "18446744073709551615",
    "18446744073709551615@18446744073709551615",
    "0@0",
    "5@",
    "@5",
    "2019-07-04T15:07:00Z",
    "2019-07-04T15:07:00.999999999999-1400",
    "0001-01-01T00:00:00+14",
    "9999-12-31T23:59:60",
    "METHOD=NONE",
    "METHOD=SAMPLE-AES,URI=\"skd://x\"",
    "URI=\"../../init.mp4\",BYTERANGE=\"0@5\"",
    "URI=\"init.mp4\"",
    "URI=\"unclosed",
    "TYPE=AUDIO,GROUP-ID=\"a\",URI=\"a.m3u8\",NAME=\",\"",
    "BANDWIDTH=1,RESOLUTION=1x1,CODECS=\"avc1,mp4a\",AUDIO=\"a\"",
];

const TAGS: [&str; 16] = [
    "#EXTINF",
    "#EXTINF",
    "#EXTINF",
    "#EXT-X-BYTERANGE",
    "#EXT-X-PROGRAM-DATE-TIME",
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-DISCONTINUITY-SEQUENCE",
    "#EXT-X-MAP",
    "#EXT-X-KEY",
    "#EXT-X-GAP",
    "#EXT-X-TARGETDURATION",
    "#EXT-X-ENDLIST",
    "#EXT-X-PART",
    "#EXT-X-MEDIA",
    "#EXT-X-STREAM-INF",
    "#",
];

/// Playlists of lines that are mostly legal, and recorded ones with damage.
fn playlists() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        3 => (0..20_000_u64).prop_map(|n| format!("{}.{:03}", n / 1000, n % 1000)),
        1 => number().prop_map(|n| n.to_string()),
        2 => select(&VALUES[..]).prop_map(str::to_owned),
        2 => (0..600_u32).prop_map(|s| format!("2019-07-04T15:{:02}:{:02}.5Z", s / 60, s % 60)),
    ];
    let line = prop_oneof![
        4 => (select(&TAGS[..]), value).prop_map(|(tag, value)| format!("{tag}:{value}")),
        1 => select(&TAGS[..]).prop_map(str::to_owned),
        3 => (1..9_u32).prop_map(|n| format!("#EXTINF:{n}.5,\nseg-{n}.m4s")),
        1 => select(vec!["a", "b/c.mp4", "../x", "%2e%2e/x", "https://other.example/x", "a?b"]).prop_map(str::to_owned),
    ];
    let written = vec(line, 0..40).prop_map(|lines| format!("#EXTM3U\n{}\n", lines.join("\n")).into_bytes());
    let damaged = (select(&RECORDED[..]), damage(3)).prop_map(|(text, damage)| {
        let mut bytes = text.as_bytes().to_vec();
        apply(&damage, &mut bytes, b"#EXT-X-DISCONTINUITY\n#EXTINF:1,\n");
        bytes
    });
    prop_oneof![written, damaged]
}

/// Periods in order, none into the next, each with a place for its media that is listed.
fn are_placed(mpd: &Mpd) -> bool {
    let follow = mpd.periods.windows(2).all(|pair| {
        pair[0].start <= pair[1].start && pair[0].duration == Some(pair[1].start - pair[0].start)
    });
    follow
        && mpd.periods.iter().all(|period| {
            let placing = period.placing.as_ref().unwrap();
            let lead = &period.representations[0];
            let listed = |index| lead.segment(index).is_err() || lead.segment(index) != Ok(None);
            let has_any = lead.segment(0) != Ok(None);
            period.duration.is_none_or(|length| length >= Nanos::ZERO)
                && (!has_any || placing.anchors.iter().all(|(index, _)| listed(*index)))
                && [Nanos::new(i128::MIN), period.start].iter().all(|at| placing.anchor(*at).is_some())
        })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn hls_playlists(text in playlists(), at in any::<i64>()) {
        let (read, peak) = measured(|| {
            let Ok(read) = parse(&text, "live/a.m3u8") else { return None };
            match read {
                HlsPlaylist::Media(media) => recording(&Variant::default(), &media, &[]).ok(),
                HlsPlaylist::Master(master) => {
                    let chosen = [None, Some(VideoCodec::Hevc)].map(|wanted| master.choose(wanted));
                    let audio = chosen.iter().flatten().flat_map(|variant| master.audio_of(variant));
                    let paths = chosen.iter().flatten().map(|v| &v.path).chain(audio.map(|found| &found.path));
                    for path in paths {
                        assert!(is_inside(&ObjectRange { path: path.clone(), range: None }), "{path}");
                    }
                    None
                }
            }
        });
        prop_assert!(peak <= FIXED + 96 * text.len(), "{peak} bytes for {}", text.len());
        if let Some(mpd) = read {
            prop_assert!(are_placed(&mpd), "{:?}", mpd.periods);
            mpd.periods.iter().take(8).for_each(|period| walk(&period.representations[0], at));
        }
    }
}
