//! Comparing what has no order of its own: MRE leaves the order inside `DynamoDB` maps to the wire, ours is by name.

use std::collections::BTreeMap;

use export_mre::attr::{Attr, Row};
use export_mre::json::Json;
use export_mre::outputs::plugins_of;

/// Members of the documents that are `DynamoDB` maps.
const MAPS: [&str; 7] = [
    "SourceVideoMetadata",
    "OptoStart",
    "OptoEnd",
    "OptimizedClipLocation",
    "OriginalClipLocation",
    "Mp4Location",
    "Mp4ThumbnailLocation",
];

/// Brings MRE's document into the order that ours has inside `DynamoDB` maps: by name. Of a replay only what comes
/// from the tables; the rest is the stored export's text.
pub(crate) fn by_name(mut document: Json, plugins: &[Row]) -> Json {
    let is_replay = document.get("Replay").is_some();
    if let Some(replay) = member(&mut document, "Replay") {
        sort_maps(replay);
    }
    if is_replay {
        return document;
    }
    let event = member(&mut document, "Event").unwrap();
    sort_maps(event);
    let order = sorted_attributes(event.get("Profile").unwrap(), plugins);
    let attributes = member(event, "AllOutputAttributes").unwrap();
    let names: Vec<String> =
        attributes.items().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(sorted(&names), sorted(&order), "the attributes of every plugin as a set");
    *attributes = Json::Array(order.iter().map(|name| Json::from(name.as_str())).collect());
    let Some(Json::Array(segments)) = member(&mut document, "Segments") else { panic!("no segments") };
    for segment in segments {
        sort_maps(segment);
        let Some(Json::Array(found)) = member(segment, "FeaturesFound") else { panic!("no features") };
        found.sort_by_key(|name| order.iter().position(|known| Some(known.as_str()) == name.as_str()));
    }
    document
}

fn sorted_attributes(profile: &Json, plugins: &[Row]) -> Vec<String> {
    let declared = declared(plugins);
    let names = plugins_of(profile).into_iter().flat_map(|(_, names)| names);
    names.flat_map(|name| declared.get(name).cloned().unwrap_or_default()).collect()
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names
}

fn member<'a>(json: &'a mut Json, name: &str) -> Option<&'a mut Json> {
    let Json::Object(members) = json else { return None };
    members.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value)
}

pub(crate) fn sort_maps(json: &mut Json) {
    for name in MAPS {
        if let Some(map) = member(json, name) {
            sort_map(map);
        }
    }
}

/// The presigned URL is no part of the map: MRE adds it after reading.
pub(crate) fn sort_map(json: &mut Json) {
    match json {
        Json::Object(members) => {
            members.sort_by(|(a, _), (b, _)| (a == "PreviewVideoUrl", a).cmp(&(b == "PreviewVideoUrl", b)));
            for (_, value) in members {
                sort_map(value);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(sort_map),
        _ => {}
    }
}

/// Sorts what has no order of its own: plugin attributes by slot, configurations and metadata.
pub(crate) fn unordered(mut document: Json) -> Json {
    let event = member(&mut document, "Event").unwrap();
    let Some(Json::Object(slots)) = member(event, "AllOutputAttributes") else { panic!("no slots") };
    for (_, names) in slots {
        let Json::Array(names) = names else { panic!("no names") };
        names.sort_by_key(|name| name.as_str().map(str::to_owned));
    }
    sort_map(member(event, "Profile").unwrap());
    sort_maps(event);
    if let Some(replay) = member(&mut document, "Replay") {
        sort_maps(replay);
    }
    let is_replay = document.get("Replay").is_some();
    let Some(Json::Array(segments)) = member(&mut document, "Segments") else { panic!("no segments") };
    for segment in segments {
        sort_maps(segment);
        if let Some(Json::Array(found)) = member(segment, "FeaturesFound").filter(|_| !is_replay) {
            found.sort_by_key(|name| name.as_str().map(str::to_owned));
        }
    }
    document
}

/// Sorts the configurations of a short profile; the order of all else counts.
pub(crate) fn sort_configurations(mut json: Json) -> Json {
    sort_configurations_in(&mut json);
    json
}

fn sort_configurations_in(json: &mut Json) {
    match json {
        Json::Object(members) => {
            for (name, value) in members {
                if name == "Configuration" { sort_map(value) } else { sort_configurations_in(value) }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(sort_configurations_in),
        _ => {}
    }
}

/// What each plugin declares, by name.
fn declared(plugins: &[Row]) -> BTreeMap<String, Vec<String>> {
    let latest = plugins.iter().filter(|row| row.get("Version").and_then(Attr::as_str) == Some("v0"));
    latest
        .filter_map(|row| {
            let names =
                row.get("OutputAttributes")?.as_map()?.keys().filter(|name| *name != "Label").cloned();
            Some((row.get("Name")?.as_str()?.to_owned(), names.collect()))
        })
        .collect()
}
