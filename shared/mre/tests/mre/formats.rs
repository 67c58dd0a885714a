//! Formats beside JSON: against renderings that were made independently, and rule by rule.

use std::collections::BTreeMap;

use export_mre::document::{Export, View};
use export_mre::export::{ExportError, export_event, export_replay};
use export_mre::format::{Format, Rendering};
use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey};
use export_testkit::mre::MemorySource;

use crate::order::{sort_map, sort_maps};
use crate::support::{gunzip, lines, run, scenario};

const PROFILE: &str = r#"{"Classifier": {"Name": "C"}, "Labeler": {"Name": "L"}}"#;
const PLUGINS: &str = r#"{"Name": {"S": "C"}, "Version": {"S": "v0"}, "OutputAttributes": {"M": {}}},
    {"Name": {"S": "L"}, "Version": {"S": "v0"}, "OutputAttributes": {"M": {"b": {"M": {}}, "a, \"x\"": {"M": {}}}}}"#;

fn rendering(format: &str, options: &str) -> Rendering {
    let pairs = options.split('&').filter_map(|pair| pair.split_once('='));
    let given = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Rendering::read(Format::parse(format).unwrap(), View::Guide, &given).unwrap()
}

/// Tables with an event `E`, or of another name, and segments of it. `,` is put before the members of each.
struct Tables {
    source: MemorySource,
    key: EventKey,
}

impl Tables {
    fn new(name: &str, event: &str, segments: &[String]) -> Self {
        let segments = segments.iter().map(|segment| {
            let partition = Json::from(format!("P#{name}#C").as_str()).to_text();
            format!(r#"{{"PK": {{"S": {partition}}}, {segment}}}"#)
        });
        let text = format!(
            r#"{{"Event": {{"Items": [{{"Name": {{"S": {}}}, "Program": {{"S": "P"}}{event}}}]}},
                "Plugin": {{"Items": [{PLUGINS}]}}, "PluginResult": {{"Items": [{}]}}}}"#,
            Json::from(name).to_text(),
            segments.collect::<Vec<_>>().join(", ")
        );
        let mut source = MemorySource::from_tables(&Json::parse(&text).unwrap(), gunzip).unwrap();
        let key = EventKey::new(name, "P");
        source.trigger_profiles.push((key.clone(), PROFILE.to_owned()));
        Self { source, key }
    }

    fn try_export(&self, format: &str, options: &str) -> Result<Export, ExportError> {
        run(export_event(&self.source, &self.key, rendering(format, options), None))
    }

    fn export(&self, format: &str, options: &str) -> Export {
        self.try_export(format, options).unwrap()
    }

    fn text(&self, format: &str, options: &str) -> String {
        self.export(format, options).text
    }

    /// Adds the replay `r` with members of its request, which begin with `,`, and results.
    fn with_replay(mut self, request: &str, results: &str) -> (MemorySource, ReplayKey) {
        let row = format!(r#"{{"PK": {{"S": "P#E"}}, "ReplayId": {{"S": "r"}}{request}}}"#);
        let row = Json::parse(&row).unwrap();
        self.source.replay_requests.push(export_mre::attr::row_from_dynamo_json(&row).unwrap());
        self.source.replay_results.insert("P#E#r".to_owned(), results.to_owned());
        (self.source, ReplayKey::new(self.key, "r"))
    }
}

/// The members of a segment.
fn segment(start: &str, end: &str, more: &str) -> String {
    format!(r#""Start": {{"N": "{start}"}}, "End": {{"N": "{end}"}}{more}"#)
}

/// The event lines of an edit list, after its two lines of head.
fn event_lines(edl: &str) -> Vec<&str> {
    let lines: Vec<&str> = edl.strip_suffix("\r\n").unwrap().split("\r\n").skip(2).collect();
    lines.into_iter().filter(|line| !line.starts_with("* ")).collect()
}

/// Cells of a table without line breaks in them.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for sign in line.chars() {
        match sign {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cells.last_mut().unwrap().push(other),
        }
    }
    cells
}

/// A text in which the order of attributes, which the tables do not tell, is by name.
fn in_order(format: &str, text: &str) -> Vec<String> {
    let sorted = |text: &str, separator: &str| {
        let mut parts: Vec<&str> = text.split(separator).collect();
        parts.sort_unstable();
        parts.join(separator)
    };
    match format {
        "otio" | "ndjson" => text.lines().map(|line| json_in_order(Json::parse(line).unwrap())).collect(),
        "csv" => {
            let mut lines = text.split("\r\n").map(cells);
            let header = lines.next().unwrap();
            let rows = lines.map(|row| {
                let named: BTreeMap<&String, &String> = header.iter().zip(&row).collect();
                let line = |(name, cell): (&&String, &&String)| {
                    let cell = if *name == "Features" { sorted(cell, "|") } else { (*cell).clone() };
                    format!("{name}={cell}")
                };
                named.iter().map(line).collect::<Vec<_>>().join("\n")
            });
            std::iter::once(header[..22].join(",")).chain(rows).collect()
        }
        _ => text
            .split('\n')
            .map(|line| match line.split_once(" CYAN    ") {
                Some((head, features)) => format!("{head} {}", sorted(features.trim_end(), ", ")),
                None => sorted(line, ", "),
            })
            .collect(),
    }
}

fn json_in_order(mut json: Json) -> String {
    fn sort(json: &mut Json) {
        sort_maps(json);
        match json {
            Json::Object(members) => {
                for (name, value) in members {
                    match (name.as_str(), value) {
                        ("Profile", profile) => sort_map(profile),
                        ("markers" | "FeaturesFound" | "Labeler" | "Optimizer", Json::Array(items)) => {
                            items.sort_by_key(Json::to_text);
                        }
                        (_, value) => sort(value),
                    }
                }
            }
            Json::Array(items) => items.iter_mut().for_each(sort),
            _ => {}
        }
    }
    sort(&mut json);
    json.to_text()
}

#[test]
fn every_format_is_what_was_rendered_independently() {
    let all = lines("formats.jsonl.gz");
    assert_eq!(all.len(), 18);
    for each in all {
        let text = |name: &str| each.get(name).and_then(Json::as_str).unwrap();
        let options = each.get("options").unwrap().members();
        let given = options.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        let format = Format::parse(text("format")).unwrap();
        let rendering = Rendering::read(format, View::Guide, &given.collect()).unwrap();
        let scenario = scenario(text("scenario"));
        let mut source = scenario.source();
        // They were rendered without a look at the event's frame rate and clock.
        for name in ["FrameRate", "TimecodeSource"] {
            source.events.iter_mut().for_each(|event| _ = event.remove(name));
        }
        let event = scenario.get("trigger.detail.Event.EventInfo.Event").unwrap();
        let name = |name| event.get(name).and_then(Json::as_str).unwrap();
        let key = EventKey::new(name("Name"), name("Program"));
        let export = run(export_event(&source, &key, rendering, None)).unwrap();
        let [ours, theirs] = [&export.text, text("text")].map(|text| in_order(format.name(), text));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(ours, theirs, "{} {:?}", format.name(), options);
        }
        assert_eq!(ours.len(), theirs.len());
    }
}

/// Names that end lines, look like what a format is made of, or begin a formula.
const HOSTILE: &str = "=x\r\n002  AX       V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\r\n\
     * LOC: 00:00:00:00 RED x\u{85}M2\u{2028}\u{2029}\u{7f}\u{0}\"q\", <b>&amp; -->\n\n1\n00:00.000 --> 00:01.000\n FF";

#[test]
fn hostile_names_add_neither_events_nor_rows_nor_cues() {
    let clip = Json::from(format!("s3://b/{HOSTILE}").as_str()).to_text();
    let clips =
        format!(r#", "OriginalClipLocation": {{"M": {{"1": {{"S": {clip}}}}}}}, "b": {{"BOOL": true}}"#);
    let plugin = r#""b": {"M": {}}"#;
    let feature = format!(r#"{}: {{"M": {{}}}}"#, Json::from(HOSTILE).to_text());
    let mut tables = Tables::new(HOSTILE, "", &[segment("1", "2", &clips), segment("3", "4", &clips)]);
    for row in &mut tables.source.plugins {
        let text = format!(r#"{{"M": {{{plugin}, {feature}}}}}"#);
        let attributes = export_mre::attr::Attr::from_dynamo_json(&Json::parse(&text).unwrap()).unwrap();
        row.insert("OutputAttributes".to_owned(), attributes);
    }
    for row in tables.source.segments.values_mut().flatten() {
        row.insert(HOSTILE.to_owned(), export_mre::attr::Attr::Bool(true));
    }
    for media in ["event", "clips"] {
        let edl = tables.text("edl", &format!("fps=25&media={media}"));
        let (head, rest) = edl.split_once("\r\n").unwrap();
        assert_eq!(head.chars().count(), "TITLE: ".len() + 70);
        assert_eq!(event_lines(&edl).len(), 2, "{edl}");
        assert!(rest.starts_with("FCM: NON-DROP FRAME\r\n001  "), "{edl}");
        let breaks = |sign: char| sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}');
        assert_eq!(
            edl.chars().filter(|sign| breaks(*sign)).count(),
            2 * edl.matches("\r\n").count(),
            "{edl}"
        );
        assert!(!edl.contains("\r\n\r\n") && edl.contains(" FF.\r\n"), "{edl}");
    }
    let vtt = tables.text("vtt", "");
    assert_eq!((vtt.matches(" --> ").count(), vtt.matches("-->").count()), (2, 2), "{vtt}");
    assert_eq!(vtt.split("\n\n").count(), 4, "{vtt}");
    let csv = tables.text("csv", "");
    assert_eq!(csv.matches("\"'=x\r\n").count(), 2 + 2, "names and features of both rows: {csv}");
    let ndjson = tables.text("ndjson", "");
    assert!(ndjson.ends_with('\n') && ndjson.matches('\n').count() == 2, "{ndjson}");
    assert!(Json::parse(&tables.text("otio", "")).is_ok());
}

#[test]
fn more_than_999_edits_have_numbers_of_one_width() {
    let segments: Vec<String> =
        (0..1_050).map(|at| segment(&format!("{}", at * 2), &format!("{}", at * 2 + 1), "")).collect();
    let mut tables = Tables::new("E", "", &segments);
    // Read in parts, side by side.
    tables.source.page_rows = 100;
    let export = tables.export("edl", "fps=25");
    let events = event_lines(&export.text);
    assert_eq!(events.len(), 1_050);
    assert_eq!(events[0], "0001  AX       B     C        00:00:00:00 00:00:01:00 01:00:00:00 01:00:01:00");
    assert!(events[1_049].starts_with("1050  AX       B     C        00:34:58:00 00:34:59:00 01:17:29:00 "));
    assert!(export.text.contains("\r\n* COMMENT: segment 1050, 2098-2099 s, original\r\n"));
    assert_eq!(export.warnings.header().unwrap(), "edl-over-999");
    let csv = tables.text("csv", "");
    assert_eq!(csv.matches("\r\n").count(), 1_051);
    assert!(csv.contains("\r\nE,P,,1050,2098,2099,1,"));
    let otio = tables.text("otio", "");
    assert!(Json::parse(&otio).is_ok());
    assert_eq!(otio.matches(r#""name": "E 1050""#).count(), 2);
    assert_eq!(
        otio.matches(r#""metadata": {"mre": "#).count(),
        1 + 1_050,
        "of the event and of the video's clips"
    );
    assert!(tables.text("vtt", "").ends_with("\n1050\n00:34:58.000 --> 00:34:59.000\nSegment 1050\n"));
}

#[test]
fn a_segment_without_a_frame_is_no_edit_and_is_counted() {
    let segments =
        [segment("1", "1", ""), segment("2.01", "2.03", ""), segment("3", "x", ""), segment("4", "5", "")];
    let tables = Tables::new("E", r#", "FrameRate": {"S": "25"}"#, &segments);
    for format in ["edl", "otio"] {
        let export = tables.export(format, "");
        let count = export.warnings.count(export_mre::warnings::ExportWarning::SegmentWithoutFrames);
        assert_eq!(count, 3, "{format}");
    }
    assert_eq!(event_lines(&tables.text("edl", "")).len(), 1);
    assert!(tables.text("edl", "").contains("segment 4, 4-5 s"));
    assert_eq!(tables.text("vtt", "").matches("-->").count(), 2, "twenty milliseconds are a cue");
    assert_eq!(tables.text("csv", "").matches("\r\n").count(), 5);
    assert_eq!(tables.text("ndjson", "").matches('\n').count(), 4);
}

#[test]
fn the_frame_rate_is_the_events_unless_another_is_asked_for() {
    let with = |event: &str| Tables::new("E", event, &[segment("1", "2", "")]);
    let frames = |tables: &Tables, options| event_lines(&tables.text("edl", options))[0][29..52].to_owned();
    let tables = with(r#", "FrameRate": {"S": "50"}"#);
    assert_eq!(frames(&tables, ""), "00:00:01:00 00:00:02:00");
    assert!(tables.text("otio", "").contains(r#""rate": 50.0, "value": 50.0"#));
    assert!(tables.text("otio", "fps=29.97").contains(r#""rate": 29.97002997002997, "value": 30.0"#));
    for event in ["", r#", "FrameRate": {"S": "7"}"#, r#", "FrameRate": {"S": "x"}"#] {
        let error = with(event).try_export("edl", "").unwrap_err();
        assert_eq!(error.to_string(), "fps: the event has no frame rate; give one", "{event}");
        assert!(with(event).text("otio", "").contains(r#""rate": 1000.0, "value": 1000.0"#), "{event}");
    }
    for (options, error) in [
        ("df=1", "df: only the rates 29.97 and 59.94 have drop-frame labels"),
        ("tc=00:00:00:50", "tc: is no label of this frame rate"),
        ("fps=29.97&df=1&record=00:01:00;00", "record: is no label of this frame rate"),
    ] {
        assert_eq!(tables.try_export("edl", options).unwrap_err().to_string(), error, "{options}");
    }
}

#[test]
fn labels_begin_at_the_start_of_an_event_whose_times_count_from_it() {
    let event = |start: &str| {
        format!(
            r#", "FrameRate": {{"S": "25"}}, "TimecodeSource": {{"S": "UTC_BASED"}}, "Start": {{"S": "{start}"}}"#
        )
    };
    let source = |start: &str, options: &str| {
        let tables = Tables::new("E", &event(start), &[segment("1", "2", "")]);
        event_lines(&tables.text("edl", options))[0][29..40].to_owned()
    };
    for (start, label) in [
        ("2026-01-12T20:01:14Z", "20:01:15:00"),
        ("2026-01-12T20:01:14.480Z", "20:01:15:12"),
        ("2026-01-12", "00:00:01:00"),
        ("2026-01-12T2é:01:14Z", "00:00:01:00"),
        ("T99:00:00", "00:00:01:00"),
    ] {
        assert_eq!(source(start, ""), label, "{start}");
    }
    assert_eq!(source("2026-01-12T20:01:00Z", "fps=29.97&df=1"), "20:01:01;02");
    assert_eq!(source("2026-01-12T20:01:14Z", "tc=10:00:00:00"), "10:00:01:00");
}

#[test]
fn an_edit_whose_labels_pass_midnight_is_split_there() {
    let tables =
        Tables::new("E", "", &[segment("1", "5", r#", "b": {"BOOL": true}"#), segment("5", "6", "")]);
    let export = tables.export("edl", "fps=25&tc=23:59:57:00&record=23:59:59:00");
    assert_eq!(
        event_lines(&export.text),
        [
            "001  AX       B     C        23:59:58:00 23:59:59:00 23:59:59:00 00:00:00:00",
            "002  AX       B     C        23:59:59:00 00:00:00:00 00:00:00:00 00:00:01:00",
            "003  AX       B     C        00:00:00:00 00:00:02:00 00:00:01:00 00:00:03:00",
            "004  AX       B     C        00:00:02:00 00:00:03:00 00:00:03:00 00:00:04:00",
        ]
    );
    assert_eq!(export.text.matches("* LOC: ").count(), 1);
    assert_eq!(export.text.matches("segment 1,").count(), 3);
    assert_eq!(export.warnings.header().unwrap(), "timecode-wrapped");
}

#[test]
fn an_edit_lasts_a_week_at_most() {
    let export = |end| Tables::new("E", "", &[segment("0", end, "")]).export("edl", "fps=25");
    assert_eq!(
        event_lines(&export("604800").text).len(),
        14,
        "it passes midnight in the source and in the record"
    );
    for end in ["604801", "1000000000000"] {
        let export = export(end);
        assert!(event_lines(&export.text).is_empty());
        assert_eq!(export.warnings.header().unwrap(), "segment-without-frames");
    }
}

const OPTIMIZED: &str = r#", "OptoStart": {"M": {"2": {"N": "10.5"}}}, "OptoEnd": {"M": {"2": {"N": "12"}}},
    "OptimizedClipLocation": {"M": {"2": {"S": "s3://b/o/2.mp4"}}},
    "OriginalClipLocation": {"M": {"1": {"S": "s3://b/c/1.mp4"}, "2": {"S": "s3://b/c/2.mp4"}}}"#;

#[test]
fn times_and_clips_are_those_of_the_track() {
    let event = r#", "FrameRate": {"S": "25"}, "AudioTracks": {"L": [{"N": "2"}, {"N": "1"}]}"#;
    let tables = Tables::new("E", event, &[segment("11", "13", OPTIMIZED), segment("20", "21", "")]);
    let edits = |options| {
        let edl = tables.text("edl", options);
        event_lines(&edl).into_iter().map(|line| line[5..52].to_owned()).collect::<Vec<_>>()
    };
    let original = "AX       B     C        00:00:11:00 00:00:13:00";
    let optimized = "AX       B     C        00:00:10:13 00:00:12:00";
    let second = "AX       B     C        00:00:20:00 00:00:21:00";
    assert_eq!(edits(""), [optimized, second], "the event's first track");
    assert_eq!(edits("track=1"), [original, second]);
    assert_eq!(edits("track=2&times=optimized"), [optimized]);
    assert_eq!(edits("times=original"), [original, second]);
    assert!(edits("track=1&times=optimized").is_empty());
    let clips = |options| tables.text("edl", &format!("media=clips&{options}"));
    for (options, file) in
        [("", "s3://b/o/2.mp4"), ("track=1", "s3://b/c/1.mp4"), ("times=original", "s3://b/c/2.mp4")]
    {
        let edl = clips(options);
        let name = file.rsplit('/').next().unwrap();
        assert!(edl.contains(&format!("* FROM CLIP NAME: {name}\r\n* SOURCE FILE: {file}\r\n")), "{edl}");
        assert!(edl.contains("\r\n002  S0000002 B     C        00:00:00:00 00:00:01:00 "), "{edl}");
        assert_eq!(edl.matches("SOURCE FILE").count(), 1, "the second segment has no file: {edl}");
        let otio = tables.text("otio", &format!("media=clips&{options}"));
        assert_eq!(otio.matches(&format!(r#""target_url": "{file}""#)).count(), 2, "{otio}");
        assert_eq!(otio.matches("MissingReference").count(), 2, "{otio}");
    }
}

#[test]
fn a_replay_has_its_own_columns_title_and_clock() {
    let segments = [segment("11", "13", OPTIMIZED), segment("20", "21.25", r#", "b": {"BOOL": true}"#)];
    let tables = Tables::new("E", r#", "FrameRate": {"S": "25"}"#, &segments);
    let results = r#"[{"Start": 20, "Features": [{"AttribName": "b", "Name": "L | b", "Weight": 7}, {"Name": "=n", "Weight": 2.50},
        {"Reason": "ClassifiedSegment manually included"}]}, {"Start": 11, "Features": []}]"#;
    let request = r#", "AudioTrack": {"N": "2"}, "TransitionName": {"S": "Fade"}"#;
    let (source, key) = tables.with_replay(request, results);
    let export = |format, options| run(export_replay(&source, &key, rendering(format, options))).unwrap();
    let csv = export("csv", "").text;
    let lines: Vec<Vec<String>> = csv.split("\r\n").map(cells).collect();
    let at = |name: &str| lines[0].iter().position(|cell| cell == name).unwrap();
    assert_eq!(at("Weights"), at("Features") + 1);
    let row = |line: usize, name| lines[line][at(name)].as_str();
    assert_eq!([row(1, "ReplayId"), row(1, "Segment"), row(1, "Start")], ["r", "1", "20"]);
    assert_eq!([row(1, "Features"), row(1, "Weights"), row(1, "Feature_b")], ["b|=n", "7.0|2.5", "true"]);
    assert_eq!([row(2, "Features"), row(2, "Weights"), row(2, "Feature_b")], ["", "", "false"]);
    let edl = export("edl", "").text;
    assert!(edl.starts_with("TITLE: E / replay r\r\n"), "{edl}");
    assert!(edl.contains("* LOC: 01:00:00:00 CYAN    b, =n\r\n"), "{edl}");
    assert!(edl.contains("00:00:10:13 00:00:12:00 01:00:01:07 01:00:02:19\r\n"), "the replay's track: {edl}");
    let vtt = export("vtt", "");
    let cues = "\n1\n00:00:00.000 --> 00:00:01.250\nb, =n\n\n2\n00:00:01.250 --> 00:00:02.750\nSegment 2\n";
    assert!(vtt.text.ends_with(cues), "{}", vtt.text);
    assert!(vtt.warnings.header().unwrap().contains("transitions-not-counted"));
    let vtt = export("vtt", "clock=event");
    let cues = "\n1\n00:00:10.500 --> 00:00:12.000\nSegment 2\n\n2\n00:00:20.000 --> 00:00:21.250\nb, =n\n";
    assert!(vtt.text.ends_with(cues), "{}", vtt.text);
    assert!(!vtt.warnings.header().unwrap().contains("transitions-not-counted"));
    let otio = Json::parse(&export("otio", "").text).unwrap();
    let document = otio.get("metadata").and_then(|data| data.get("mre")).unwrap();
    assert_eq!(document.get("Replay").and_then(|replay| replay.get("Id")).and_then(Json::as_str), Some("r"));
    assert!(document.get("Segments").is_none());
}

#[test]
fn lines_are_the_segments_of_the_view() {
    let tables = Tables::new("E", "", &[segment("1", "2", OPTIMIZED), segment("3", "4.50", "")]);
    for view in [View::Guide, View::Mre] {
        let export =
            |rendering: Rendering| run(export_event(&tables.source, &tables.key, rendering, None)).unwrap();
        let document = Json::parse(&export(view.into()).text).unwrap();
        let lines = export(Rendering { format: Format::Ndjson, ..view.into() }).text;
        let segments = document.get("Segments").unwrap().items();
        assert_eq!(lines, segments.iter().map(|segment| segment.to_text() + "\n").collect::<String>());
        assert_eq!(segments.len(), 2);
    }
    let empty = Tables::new("E", r#", "FrameRate": {"S": "25"}"#, &[]);
    assert_eq!(empty.text("ndjson", ""), "");
    assert_eq!(empty.text("edl", ""), "TITLE: E\r\nFCM: NON-DROP FRAME\r\n");
    assert_eq!(empty.text("vtt", ""), "WEBVTT\n\nNOTE\nE\n");
    assert_eq!(empty.text("csv", "").matches("\r\n").count(), 1);
    assert!(Json::parse(&empty.text("otio", "")).is_ok());
}

#[test]
fn a_track_that_only_segments_name_has_no_columns() {
    let tables =
        Tables::new("E", r#", "AudioTracks": {"L": [{"N": "1"}]}"#, &[segment("11", "13", OPTIMIZED)]);
    let export = tables.export("csv", "");
    assert_eq!(export.warnings.header().unwrap(), "track-not-listed");
    assert!(!export.text.contains("OptoStart_2"));
}
