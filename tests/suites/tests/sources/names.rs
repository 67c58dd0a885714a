//! One name, one thing: struct, enum, type and trait names of the product's code, public or not, tests left out.

use crate::read::PRODUCT;
use std::collections::BTreeMap;

/// Names that are defined more than once, and why each stays.
const SHARED: &[(&str, &str)] = &[
    ("App", "each function's own"),
    ("Config", "each function's own"),
    ("Warning", BOUNDARY),
    ("WarningCode", BOUNDARY),
];

/// The reason for what crosses the engine's edge.
const BOUNDARY: &str =
    "the clip engine knows no job: the worker's `steps.rs` translates it into what is stored";

#[test]
fn names_are_defined_once() {
    assert!(SHARED.len() <= 6, "a name more is a name too many");
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for sources in PRODUCT.iter() {
        for (path, module) in &sources.modules {
            for name in &module.types {
                let place = format!("{}::{}", sources.name, path.join("::"));
                places.entry(name.clone()).or_default().push(place);
            }
        }
    }
    let all = places.len();
    places.retain(|_, places| places.len() > 1);
    let names: Vec<&str> = places.keys().map(String::as_str).collect();
    println!("{} of {all} type names are defined more than once: {}", names.len(), names.join(", "));
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
