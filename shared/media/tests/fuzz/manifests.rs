//! Manifests, and the segments that they name.

use crate::attacks::{LARGEST_MANIFEST, packed};
use crate::seeds::MANIFESTS;
use export_fuzz::damage::{apply, damage, number};
use export_fuzz::{config, measured};
use export_media::fmp4::{Index, IndexEntry};
use export_media::mpd::{ByteRange, Mpd, MpdError, ObjectRange, Representation, Segment, parse, resolve};
use export_media::nal::VideoCodec;
use export_media::select::{choose, pictures};
use export_media::time::Nanos;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index as Place, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::num::NonZeroU32;

/// What any call may hold besides what its input and output account for.
pub(crate) const FIXED: usize = 64 << 10;

/// The longest key.
const KEY: usize = 1024;

/// Values that attributes trip over.
const VALUES: [&str; 48] = [
    "",
    "-1",
    "+5",
    " 7 ",
    "1e9",
    "NaN",
    "0x10",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "PT0S",
    "PT-1S",
    "P1Y",
    "PT4.999999999999999999S",
    "P999999999999999999DT999999999999999999H",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:60+14:00",
    "0001-01-01T00:00:00",
    "2019-02-29T00:00:00Z",
    "dynamic",
    "static",
    "video",
    "audio/mp4",
    "avc1.640028,mp4a.40.2",
    "0-0",
    "5-4",
    "0-18446744073709551615",
    "1/0",
    "0/1",
    "30000/1001",
    "http://169.254.169.254/latest/",
    "//other.example/",
    "/etc/passwd",
    "..",
    "../",
    "%2e%2e/x",
    "a/../../b",
    "./a:b",
    "a%2fb",
    "$",
    "$$",
    "$Number$/$Time$",
    "$Number%020d$",
    "$RepresentationID$/$Bandwidth$",
    "&xxe;",
    "&#x2f;&#0;",
];

/// Markup that turns up where it does not belong, or once more.
const MARKUP: [&str; 32] = [
    r#"<!DOCTYPE x [<!ENTITY a "&b;&b;">]>"#,
    "<?xml version='1.1' encoding='utf-16'?>",
    "<!-- x -->",
    "<![CDATA[../]]>",
    "&amp;",
    "&a;",
    "</MPD>",
    "</Period>",
    "<Period/>",
    r#"<Period start="PT5S">"#,
    r#"<Period duration="PT3S"/>"#,
    r#"<Period xlink:href="http://other.example/" xlink:actuate="onLoad"/>"#,
    r#"<Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/>"#,
    r#"<AdaptationSet xlink:href="urn:mpeg:dash:resolve-to-zero:2013">"#,
    r"<AdaptationSet><Representation/></AdaptationSet>",
    r#"<Representation id="../" bandwidth="0"/>"#,
    "<BaseURL>p/</BaseURL>",
    "<BaseURL>../</BaseURL>",
    "<BaseURL>https://other.example/</BaseURL>",
    r#"<S d="1" r="-1"/>"#,
    r#"<S d="0" r="5"/>"#,
    r#"<S t="0" d="1"/>"#,
    r#"<S t="5" d="3" r="2"/>"#,
    r#"<S t="0" d="25600" r="3"/>"#,
    "<BaseURL>http://other.example/</BaseURL><BaseURL>q/</BaseURL>",
    r#"<S d="9223372036854775807"/>"#,
    r#"<S d="1" r="9223372036854775806"/>"#,
    r#"<S d="3" n="18446744073709551615" r="2"/>"#,
    r#"<SegmentTemplate media="$Time$" duration="1" timescale="4294967295"/>"#,
    r#"<SegmentList duration="1"><SegmentURL/><SegmentURL media="x"/></SegmentList>"#,
    r#"<SegmentBase indexRange="1-2"/>"#,
    r#"<Role value="main"/>"#,
];

/// A change of a text that is XML to begin with.
#[derive(Debug, Clone)]
enum Change {
    /// Another value for what is between two quotation marks.
    Value(Place, String),
    /// Another number for digits in a row.
    Number(Place, u64),
    Insert(Place, &'static str),
    /// From one `<` up to another.
    Repeat(Place, usize, usize),
    Remove(Place, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Place>;
    prop_oneof![
        3 => (at(), select(&VALUES[..])).prop_map(|(at, value)| Change::Value(at, value.to_owned())),
        1 => (at(), number()).prop_map(|(at, value)| Change::Value(at, value.to_string())),
        3 => (at(), number()).prop_map(|(at, value)| Change::Number(at, value)),
        3 => (at(), select(&MARKUP[..])).prop_map(|(at, markup)| Change::Insert(at, markup)),
        1 => (at(), 1..12_usize, 1..5_usize).prop_map(|(at, tags, times)| Change::Repeat(at, tags, times)),
        1 => (at(), 1..4_usize).prop_map(|(at, tags)| Change::Remove(at, tags)),
    ]
}

impl Change {
    fn apply(&self, text: &mut String) {
        let starts = |text: &str, which: fn(u8, u8) -> bool| -> Vec<usize> {
            let bytes = text.as_bytes();
            (1..bytes.len()).filter(|at| which(bytes[at - 1], bytes[*at])).collect()
        };
        let quotes = |text: &str| starts(text, |_, byte| byte == b'"');
        let tags = |text: &str| starts(text, |_, byte| byte == b'<');
        match self {
            Self::Value(at, value) => {
                let quotes = quotes(text);
                if let Some([from, to]) = quotes.chunks_exact(2).nth(at.index((quotes.len() / 2).max(1))) {
                    text.replace_range(from + 1..*to, value);
                }
            }
            Self::Number(at, value) => {
                let numbers = starts(text, |before, byte| !before.is_ascii_digit() && byte.is_ascii_digit());
                if let Some(from) = numbers.get(at.index(numbers.len().max(1))) {
                    let digits = text[*from..].bytes().take_while(u8::is_ascii_digit).count();
                    text.replace_range(*from..from + digits, &value.to_string());
                }
            }
            Self::Insert(at, markup) => {
                let tags = tags(text);
                if let Some(at) = tags.get(at.index(tags.len().max(1))) {
                    text.insert_str(*at, markup);
                }
            }
            Self::Repeat(at, count, times) => {
                let tags = tags(text);
                let first = at.index(tags.len().max(1));
                if let (Some(from), Some(to)) = (tags.get(first), tags.get(first + count)) {
                    let copies = text[*from..*to].repeat(*times);
                    text.insert_str(*from, &copies);
                }
            }
            Self::Remove(at, count) => {
                let tags = tags(text);
                let first = at.index(tags.len().max(1));
                if let (Some(from), Some(to)) = (tags.get(first), tags.get(first + count)) {
                    text.replace_range(*from..*to, "");
                }
            }
        }
    }
}

/// Recorded manifests, damaged as XML and as bytes.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let recorded = (select(&MANIFESTS[..]), vec(change(), 0..6), damage(2));
    recorded.prop_map(|(text, changes, damage)| {
        let mut text = text.to_owned();
        for change in &changes {
            change.apply(&mut text);
        }
        let mut bytes = text.into_bytes();
        apply(&damage, &mut bytes, MANIFESTS[0].as_bytes());
        bytes
    })
}

/// Some of these attributes, most of them with values of their own kind.
fn attributes(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    let value = prop_oneof![
        40 => (1..200_u64).prop_map(Ok),
        1 => number().prop_map(Ok),
        1 => select(&VALUES[..]).prop_map(Err),
    ];
    vec((select(names), value), 0..names.len()).prop_map(|chosen| {
        let text = |(name, value): (&str, Result<u64, &str>)| match (name, value) {
            (_, Err(value)) => format!(" {name}=\"{value}\""),
            ("start" | "mediaPresentationDuration" | "length", Ok(n)) => {
                format!(" {}=\"PT{n}S\"", name.replace("length", "duration"))
            }
            ("media" | "initialization" | "sourceURL", Ok(n)) => {
                format!(" {name}=\"{n}-$RepresentationID$\"")
            }
            ("range" | "indexRange" | "mediaRange", Ok(n)) => {
                format!(" {name}=\"{n}-{}\"", n.saturating_add(9))
            }
            ("type", Ok(n)) => format!(" type=\"{}\"", ["static", "dynamic"][usize::from(n % 2 == 1)]),
            ("availabilityStartTime", Ok(_)) => format!(" {name}=\"2019-07-04T15:20:12Z\""),
            ("r", Ok(n)) => format!(" r=\"{}\"", i64::try_from(n).map_or(-1, |n| n - 3)),
            (_, Ok(n)) => format!(" {name}=\"{n}\""),
        };
        chosen.into_iter().map(text).collect()
    })
}

/// Entries one after the other, now and then with a gap or something else.
fn timeline() -> impl Strategy<Value = String> {
    let odd = attributes(&["t", "d", "r", "n"]);
    let entry = (
        option::of(0..9_u64),
        prop_oneof![200 => 1..99_u64, 1 => Just(0)],
        prop_oneof![20 => 0..4_i64, 1 => Just(-1)],
        option::weighted(0.03, odd),
    );
    vec(entry, 0..6).prop_map(|entries| {
        let mut time = 0;
        let text = |(gap, duration, repeat, odd): (Option<u64>, u64, i64, Option<String>)| {
            time += gap.unwrap_or(0);
            let start = gap.map_or_else(String::new, |_| format!(" t=\"{time}\""));
            time += duration * u64::try_from(repeat + 1).unwrap();
            format!("<S{}{start} d=\"{duration}\" r=\"{repeat}\"/>", odd.unwrap_or_default())
        };
        format!("<SegmentTimeline>{}</SegmentTimeline>", entries.into_iter().map(text).collect::<String>())
    })
}

fn segments() -> impl Strategy<Value = String> {
    let url = attributes(&["media", "mediaRange"]).prop_map(|own| format!("<SegmentURL{own}/>"));
    let init = attributes(&["sourceURL", "range"]).prop_map(|own| format!("<Initialization{own}/>"));
    let own = attributes(&[
        "timescale",
        "duration",
        "startNumber",
        "endNumber",
        "presentationTimeOffset",
        "media",
        "initialization",
        "indexRange",
    ]);
    let kind = select(vec!["SegmentTemplate", "SegmentTemplate", "SegmentList", "SegmentBase"]);
    (kind, own, option::of(timeline()), vec(url, 0..4), option::of(init)).prop_map(
        |(kind, own, timeline, urls, init)| {
            let timeline = timeline.unwrap_or_default();
            let media = if kind == "SegmentTemplate" { r#" media="$Time$-$Number$""# } else { "" };
            format!("<{kind}{media}{own}>{timeline}{}{}</{kind}>", init.unwrap_or_default(), urls.concat())
        },
    )
}

/// Manifests written by the schema, with values that are mostly legal.
fn written() -> impl Strategy<Value = Vec<u8>> {
    let base =
        || option::of(prop_oneof![20 => select(vec!["a/", "b.mp4", "c/d", ".", "%41/"]), 1 => Just("../")]);
    let level =
        |name: &'static str, own: &'static [&'static str], inner: BoxedStrategy<String>, most: usize| {
            (attributes(own), base(), option::of(segments()), vec(inner, 1..most))
                .prop_map(move |(own, base, segments, inner)| {
                    let base = base.map_or_else(String::new, |url| format!("<BaseURL>{url}</BaseURL>"));
                    format!("<{name}{own}>{base}{}{}</{name}>", segments.unwrap_or_default(), inner.concat())
                })
                .boxed()
        };
    let property = select(vec!["<Role value='main'/>", "<ContentProtection/>", "<Label>x</Label>", ""]);
    let representation = level(
        "Representation",
        &["id", "bandwidth", "width", "codecs"],
        property.prop_map(str::to_owned).boxed(),
        3,
    );
    let set = level("AdaptationSet", &["contentType", "frameRate", "lang"], representation, 3);
    let period = level("Period", &["id", "start", "length"], set, 3);
    let root = attributes(&["type", "mediaPresentationDuration", "availabilityStartTime"]);
    (root, vec(period, 1..3), damage(1), any::<bool>()).prop_map(|(root, periods, damage, sound)| {
        let mut bytes = format!("<MPD{root}>{}</MPD>", periods.concat()).into_bytes();
        apply(if sound { &[] } else { &damage }, &mut bytes, b"<S d='1'/>");
        bytes
    })
}

pub(crate) fn is_inside(resource: &ObjectRange) -> bool {
    let path = &resource.path;
    path.len() <= KEY
        && !path.starts_with('/')
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|part| part != ".." && part != ".")
        && resource.range.is_none_or(|ByteRange { first, last }| first <= last)
}

/// The segments that share a tick with `[from, until)`, at most `most` of them, found as readers find them.
fn overlapping(found: &Representation, from: i64, until: i64, most: usize) -> Result<Vec<Segment>, MpdError> {
    let walk = (found.index_at(from)..=u64::MAX).map_while(|index| found.segment(index).transpose());
    walk.take_while(|segment| !segment.as_ref().is_ok_and(|s| s.time >= until)).take(most).collect()
}

/// Segments in order, each in the recording.
fn are_sound(segments: &[Segment]) -> bool {
    segments.windows(2).all(|pair| pair[0].time < pair[1].time && pair[0].index + 1 == pair[1].index)
        && segments.iter().all(|segment| segment.duration > 0 && is_inside(&segment.resource))
}

/// Asks a Representation for everything it can tell.
pub(crate) fn walk(found: &Representation, at: i64) {
    const MOST: usize = 40;
    let (named, peak) = measured(|| [found.init(), found.index()]);
    assert!(named.iter().flatten().flatten().all(is_inside), "{named:?}");
    assert!(peak <= FIXED, "{peak} bytes");
    let (start, end) = (found.start_ticks(), found.end_ticks());
    let begin = start.unwrap_or(0);
    assert!(end.is_none_or(|end| end >= begin), "from {start:?} to {end:?}");
    for from in [i64::MIN, begin, at, end.unwrap_or(0), i64::MAX] {
        let until = if at % 2 == 0 { i64::MAX } else { from.saturating_add(at.saturating_abs()) };
        let (segments, peak) = measured(|| overlapping(found, from, until, MOST));
        assert!(peak <= FIXED + 3 * MOST * (size_of::<Segment>() + KEY), "{peak} bytes");
        let Ok(segments) = segments else { continue };
        assert!(are_sound(&segments) && segments.iter().all(|segment| segment.time < until), "{segments:?}");
        for segment in &segments {
            assert_eq!(found.segment(segment.index).as_ref(), Ok(&Some(segment.clone())));
            let other = found.resource_at_time(segment, at);
            assert!(other.iter().flatten().all(is_inside));
        }
    }
    let all: Vec<Segment> = (0..200).map_while(|index| found.segment(index).ok().flatten()).collect();
    assert!(are_sound(&all), "{all:?}");
    let _ = found.segment(u64::MAX);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn manifests(xml in prop_oneof![damaged(), written()], at in prop_oneof![0..100_000_i64, any::<i64>()]) {
        let (mpd, peak) = measured(|| parse(&xml));
        prop_assert!(peak <= FIXED + 64 * xml.len(), "{peak} bytes for {}", xml.len());
        let Ok(mpd) = mpd else { return Ok(()) };
        prop_assert!(mpd.periods.is_sorted_by_key(|period| period.start));
        for period in &mpd.periods {
            prop_assert!(period.duration.is_none_or(|duration| duration >= Nanos::ZERO));
            let _ = (choose(period, None), pictures(period, Some(VideoCodec::Hevc)));
            period.representations.iter().take(8).for_each(|found| walk(found, at));
        }
    }

    #[test]
    fn packed_manifests(xml in written(), damage in damage(2), whole in any::<bool>()) {
        let mut packed = packed(&xml);
        apply(if whole { &[] } else { &damage }, &mut packed, b"\x1f\x8b");
        let (read, peak) = measured(|| parse(&packed));
        prop_assert!(peak <= LARGEST_MANIFEST, "{peak} bytes");
        prop_assert!(!whole || read == parse(&xml));
    }

    #[test]
    fn indexed_files(
        xml in prop_oneof![damaged(), written()],
        timescale in any::<NonZeroU32>(),
        entries in vec((any::<i64>(), any::<u32>(), number(), 1..u32::MAX, any::<bool>()), 0..9),
    ) {
        let entries = entries.into_iter().map(|(time, duration, offset, size, starts_with_sap)| {
            // What is read from an index ends within 64 bits.
            IndexEntry { time, duration, offset: offset / 2, size, starts_with_sap, is_index: false }
        });
        let index = Index { timescale, entries: entries.collect() };
        for period in parse(&xml).iter().flat_map(|mpd| &mpd.periods) {
            for found in &period.representations {
                let Ok((_, segments)) = found.segments_from_sidx(&index) else { continue };
                prop_assert!(segments.iter().all(|segment| is_inside(&segment.resource)), "{segments:?}");
            }
        }
    }

    #[test]
    fn references(
        references in vec(prop_oneof![select(&VALUES[..]).prop_map(str::to_owned), "[a./:%2eE5cfF?#\\\\]{0,12}", "\\PC{0,9}"], 0..5),
    ) {
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        let (key, peak) = measured(|| resolve("dir/", &references));
        prop_assert!(peak <= FIXED, "{peak} bytes");
        if let Ok(key) = key {
            let path = key.strip_prefix("dir/").unwrap().to_owned();
            prop_assert!(is_inside(&ObjectRange { path, range: None }), "{key}");
        }
    }
}

#[test]
fn many_manifests_that_follow_the_schema_are_read() {
    let mut runner = TestRunner::deterministic();
    let has_segments = |mpd: &Mpd| {
        let mut all = mpd.periods.iter().flat_map(|period| &period.representations);
        all.any(|found| matches!(found.segment(0), Ok(Some(_))))
    };
    let mut read = || parse(&written().new_tree(&mut runner).unwrap().current());
    let read = (0..200).filter(|_| read().is_ok_and(|mpd| has_segments(&mpd))).count();
    assert!(read > 40, "{read}");
}
