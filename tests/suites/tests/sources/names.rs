//! One name, one thing: struct, enum, type and trait names of the product's code, public or not, tests left out.

use crate::read::PRODUCT;
use std::collections::BTreeMap;

/// Names that mean several things, and why each stays.
const SHARED: &[(&str, &str)] = &[
    ("App", "each function's own"),
    ("Asked", ENGINE),
    ("Cause", BOUNDARY),
    ("Config", "each function's own"),
    ("Container", BOUNDARY),
    ("Content", ENGINE),
    ("Encoded", ENGINE),
    ("First", ENGINE),
    ("Job", ENGINE),
    ("Media", ENGINE),
    ("Opening", ENGINE),
    ("Order", ENGINE),
    ("Output", ENGINE),
    ("Part", ENGINE),
    ("Pending", ENGINE),
    ("Picture", ENGINE),
    ("Place", ENGINE),
    ("Prepared", ENGINE),
    ("Reason", BOUNDARY),
    ("Resource", "the OpenAPI document has the name"),
    ("Run", ENGINE),
    ("Sink", "where clips go, and where metrics go"),
    ("Track", ENGINE),
    ("TrackKind", "a track that is read and one that is written"),
    ("Tracks", ENGINE),
    ("Turn", "how a picture is turned, and whose turn it is"),
    ("Wanted", ENGINE),
    ("Warning", BOUNDARY),
    ("WarningCode", BOUNDARY),
    ("Writer", "takes a clip's bytes, and writes JSON"),
];

/// The same for what crosses the engine's edge.
const BOUNDARY: &str = "the clip engine knows no job: what it says is translated by one table in the worker";
/// A reason for a name to stay.
const ENGINE: &str = "one of the meanings is inside the clip engine, where the context tells";

#[test]
fn names_are_defined_once() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for sources in PRODUCT.iter() {
        for (path, module) in &sources.modules {
            for name in &module.types {
                let place = format!("{}::{}", sources.name, path.join("::"));
                places.entry(name.clone()).or_default().push(place);
            }
        }
    }
    places.retain(|_, places| places.len() > 1);
    let unexplained: Vec<String> = places
        .iter()
        .filter(|(name, _)| !SHARED.iter().any(|(shared, _)| shared == name))
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect();
    assert!(unexplained.is_empty(), "defined more than once:\n{}", unexplained.join("\n"));
    for (name, _) in SHARED {
        assert!(places.contains_key(*name), "{name} is defined once by now: it leaves the list");
    }
}
