//! Which segments a replay shows: MRE's way on the stored export, and the guide's on the rows.

use export_mre::attr::{Attr, Row};
use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey};
use export_mre::live_join::LiveJoin;
use export_mre::model::ClassifiedSegment;
use export_mre::outputs::Outputs;
use export_mre::replay::{ReplayRequest, read_results};
use export_mre::stored::StoredExport;
use export_mre::warnings::{ExportWarning, Warnings};
use proptest::prelude::*;

/// Start, and the optimized start by track; `None` where the key is missing.
type Shape = (u8, Option<Vec<(&'static str, u8)>>);

fn segment_json((start, opto): &Shape) -> Json {
    let mut segment = Json::parse(&format!(r#"{{"Start": {start}}}"#)).unwrap();
    if let Some(opto) = opto {
        let starts: Vec<String> =
            opto.iter().map(|(track, start)| format!(r#""{track}": {start}.5"#)).collect();
        segment.set("OptoStart", Json::parse(&format!("{{{}}}", starts.join(", "))).unwrap());
    }
    segment.set("FeaturesFound", Json::Array(vec!["x".into()]));
    segment
}

fn results_text(results: &[(u8, Option<u8>)]) -> String {
    let one = |(at, (start, opto)): (usize, &(u8, Option<u8>))| {
        let opto = opto.map(|start| format!(r#", "OptoStart": {start}.5"#)).unwrap_or_default();
        format!(r#"{{"Start": {start}.0, "End": 0{opto}, "Features": [{{"Name": "{at}"}}]}}"#)
    };
    format!("[{}]", results.iter().enumerate().map(one).collect::<Vec<_>>().join(", "))
}

/// MRE's nested loop: the segments of the document in order, each with the number of its last result.
fn nested_loop(segments: &[Shape], results: &[(u8, Option<u8>)], track: &str) -> Vec<(usize, usize)> {
    let mut order = Vec::new();
    let mut last = vec![0; segments.len()];
    for (number, (start, opto_start)) in results.iter().enumerate() {
        for (place, (segment_start, opto)) in segments.iter().enumerate() {
            let matches = match (opto_start, opto) {
                (Some(_), Some(opto)) if opto.is_empty() => false,
                (Some(opto_start), Some(opto)) => match opto.iter().find(|(name, _)| *name == track) {
                    Some((_, value)) => value == opto_start,
                    // MRE fails here; by the start, then.
                    None => start == segment_start,
                },
                _ => start == segment_start,
            };
            if matches {
                last[place] = number;
                order.push(place);
            }
        }
    }
    order.into_iter().map(|place| (place, last[place])).collect()
}

fn request() -> ReplayRequest {
    let key = ReplayKey::new(EventKey::new("E", "P"), "r");
    ReplayRequest::from_row(&key, Row::new(), &mut Warnings::default())
}

fn shown(text: &str) -> Vec<String> {
    Json::parse(text).unwrap().get("Segments").unwrap().items().iter().map(Json::to_text).collect()
}

fn stored_join(segments: &[Shape], results: &[(u8, Option<u8>)]) -> (Vec<String>, Warnings) {
    let list: Vec<String> = segments.iter().map(|shape| segment_json(shape).to_text()).collect();
    let text = format!(r#"{{"Event": {{}}, "Segments": [ {} ]}}"#, list.join(" , "));
    let mut warnings = Warnings::default();
    let results = read_results(Some(&results_text(results)), &mut warnings);
    let stored = StoredExport::read(&text, Some("2")).unwrap();
    (shown(&stored.replay_document(&request(), &[], &results, &mut warnings)), warnings)
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let opto = prop_oneof![
        Just(None),
        Just(Some(vec![])),
        (0..6_u8).prop_map(|start| Some(vec![("1", start)])),
        (0..6_u8, 0..6_u8).prop_map(|(one, two)| Some(vec![("1", one), ("2", two)])),
    ];
    prop::collection::vec((0..6_u8, opto), 0..12)
}

proptest! {
    #[test]
    fn the_hash_join_shows_what_mres_nested_loop_shows(
        segments in shapes(),
        results in prop::collection::vec((0..6_u8, prop::option::of(0..6_u8)), 0..12),
    ) {
        let expected: Vec<String> = nested_loop(&segments, &results, "2")
            .into_iter()
            .map(|(place, number)| {
                let mut segment = segment_json(&segments[place]);
                segment.set("FeaturesFound", Json::parse(&format!(r#"[{{"Name": "{number}"}}]"#)).unwrap());
                segment.to_text()
            })
            .collect();
        prop_assert_eq!(stored_join(&segments, &results).0, expected);
    }
}

#[test]
fn features_replace_names_in_place_or_come_last() {
    let text = r#"{"A": 1, "Segments": [{"Start": 1, "FeaturesFound": ["x"], "OutputAttributesFound": 1, "Z": 2},
        {"Start": 2.0}], "Z": 1e5}"#;
    let results = read_results(
        Some(
            r#"[{"Start": 2, "Features": [2]}, {"Start": 1.0, "Features": [1.0]}, {"Start": 3, "Features": []}]"#,
        ),
        &mut Warnings::default(),
    );
    let mut warnings = Warnings::default();
    let stored = StoredExport::read(text, None).unwrap();
    assert_eq!(
        stored.replay_document(&request(), &[], &results, &mut warnings),
        r#"{"A": 1, "Z": 100000.0, "Replay": {"Id": "r"}, "Segments": [{"Start": 2.0, "FeaturesFound": [2]}, {"Start": 1, "FeaturesFound": [1.0], "Z": 2}]}"#
    );
    assert_eq!(warnings.count(ExportWarning::ResultUnmatched), 1);
}

#[test]
fn results_that_cannot_be_read_are_counted_and_left_out() {
    for (text, read, unreadable) in [
        (None, 0, 0),
        (Some(""), 0, 1),
        (Some("{}"), 0, 1),
        (
            Some(
                r#"[{"Start": 1}, 5, {"Features": []}, {"Start": "1", "Features": []}, {"Start": 1, "Features": []}]"#,
            ),
            1,
            4,
        ),
    ] {
        let mut warnings = Warnings::default();
        assert_eq!(read_results(text, &mut warnings).len(), read);
        assert_eq!(warnings.count(ExportWarning::ResultUnreadable), unreadable);
    }
}

fn row((start, opto): &Shape) -> Row {
    let number = |value: String| Attr::N(value);
    let mut row = Row::from([
        ("Start".to_owned(), number(start.to_string())),
        ("End".to_owned(), number((start + 1).to_string())),
    ]);
    if let Some(opto) = opto {
        let starts =
            opto.iter().map(|(track, start)| ((*track).to_owned(), number(format!("{start}.5")))).collect();
        row.insert("OptoStart".to_owned(), Attr::M(starts));
    }
    row
}

fn live_join(segments: &[Shape], results: &[(u8, Option<u8>)]) -> (Vec<(String, String)>, Warnings) {
    let mut warnings = Warnings::default();
    let results = read_results(Some(&results_text(results)), &mut warnings);
    let mut join = LiveJoin::new(&results, Some("2".to_owned()));
    for shape in segments {
        join.offer(ClassifiedSegment::from_row(row(shape), &Outputs::default()).unwrap());
    }
    let shown = join.finish(&mut warnings).into_iter();
    let name = |features: &Json| features.items()[0].get("Name").and_then(Json::as_str).unwrap().to_owned();
    (shown.map(|(segment, features)| (segment.start, name(features))).collect(), warnings)
}

#[test]
fn live_results_match_by_start_then_by_optimized_start_and_each_segment_once() {
    let segments =
        [(1, Some(vec![])), (2, Some(vec![("2", 9)])), (3, Some(vec![("1", 9), ("2", 7)])), (4, None)];
    let results =
        [(4, None), (9, Some(9)), (1, Some(7)), (4, Some(1)), (3, Some(8)), (8, Some(6)), (7, Some(7))];
    let (shown, warnings) = live_join(&segments, &results);
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(start, name)| ((*start).to_owned(), (*name).to_owned())).collect()
    };
    assert_eq!(shown, pairs(&[("4", "0"), ("2", "1"), ("1", "2"), ("3", "4")]));
    assert_eq!(
        warnings.count(ExportWarning::ResultRepeated),
        2,
        "the second result for 4, and 7.5 of the segment at 3"
    );
    assert_eq!(warnings.count(ExportWarning::ResultUnmatched), 1);
}

proptest! {
    #[test]
    fn the_live_join_finds_what_a_search_finds(
        starts in prop::collection::btree_map(0..8_u8, prop::option::of(0..8_u8), 0..8),
        results in prop::collection::vec((0..8_u8, prop::option::of(0..8_u8)), 0..10),
    ) {
        let segments: Vec<Shape> =
            starts.into_iter().map(|(start, opto)| (start, opto.map(|opto| vec![("2", opto)]))).collect();
        let mut expected: Vec<(String, String)> = Vec::new();
        for (number, (start, opto_start)) in results.iter().enumerate() {
            let by_start = segments.iter().find(|(segment, _)| segment == start);
            let by_opto = || {
                segments.iter().find(|(_, opto)| {
                    opto.as_ref().is_some_and(|opto| opto_start.is_some_and(|start| opto[0].1 == start))
                })
            };
            if let Some((start, _)) = by_start.or_else(by_opto)
                && !expected.iter().any(|(shown, _)| *shown == start.to_string())
            {
                expected.push((start.to_string(), number.to_string()));
            }
        }
        prop_assert_eq!(live_join(&segments, &results).0, expected);
    }
}
