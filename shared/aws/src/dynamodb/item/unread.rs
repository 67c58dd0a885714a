//! Members and values of a newer version inside a job's attributes.
//!
//! A map is put back as it was stored wherever this version would write what it read of it: so everything stays with
//! what it belongs to, in lists too, and what takes the place of something has nothing of it. An order is the same for
//! the whole life of a job: it keeps its unknown members whatever else of it changes.

use super::AttributeMap;
use aws_sdk_dynamodb::types::AttributeValue;
use export_domain::job::Unread;

const ORDER: &str = "order";

/// The members that an item had when it was read.
#[derive(Debug, Default)]
struct Kept {
    /// All maps in it, those without anything unknown too.
    maps: Vec<Map>,
    /// Members of the order that this version does not know.
    order: AttributeMap,
}

/// A map inside an item.
#[derive(Debug)]
struct Map {
    /// The path to the member: names of members and numbers in lists.
    path: String,
    /// The members that this version writes.
    known: AttributeMap,
    stored: AttributeMap,
}

/// The part of `stored` that is not in `known`, which this version writes of it; `None` if there is no such part.
pub(super) fn of(stored: &AttributeMap, known: &AttributeMap) -> Option<impl Send + Sync + 'static> {
    let mut kept = Kept::default();
    members(stored, known, "", &mut kept.maps);
    if let (Some(AttributeValue::M(stored)), Some(AttributeValue::M(known))) =
        (stored.get(ORDER), known.get(ORDER))
    {
        let more = stored.iter().filter(|(name, _)| !known.contains_key(*name));
        kept.order = more.map(|(name, value)| (name.clone(), value.clone())).collect();
    }
    kept.maps.iter().any(|map| map.stored != map.known).then_some(kept)
}

fn members(stored: &AttributeMap, known: &AttributeMap, path: &str, maps: &mut Vec<Map>) {
    for (name, value) in known {
        if let Some(stored) = stored.get(name) {
            compare(stored, value, &format!("{path}.{name}"), maps);
        }
    }
}

fn compare(stored: &AttributeValue, known: &AttributeValue, path: &str, maps: &mut Vec<Map>) {
    match (stored, known) {
        (AttributeValue::M(stored), AttributeValue::M(known)) => {
            maps.push(Map { path: path.to_owned(), known: known.clone(), stored: stored.clone() });
            members(stored, known, path, maps);
        }
        (AttributeValue::L(stored), AttributeValue::L(known)) => {
            for (n, (stored, known)) in stored.iter().zip(known).enumerate() {
                compare(stored, known, &format!("{path}.{n}"), maps);
            }
        }
        _ => {}
    }
}

/// Puts what was kept into `item`, which this version writes.
pub(super) fn put_back(unread: &Unread, item: &mut AttributeMap) {
    let Some(kept) = unread.get::<Kept>() else { return };
    for (name, value) in item.iter_mut() {
        restore(value, &format!(".{name}"), &kept.maps);
    }
    if let Some(AttributeValue::M(order)) = item.get_mut(ORDER) {
        for (name, value) in &kept.order {
            order.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

fn restore(value: &mut AttributeValue, path: &str, maps: &[Map]) {
    match value {
        AttributeValue::M(map) => {
            let same = || maps.iter().filter(|kept| kept.known == *map);
            // What is new elsewhere may have come from another place, such as a staged manifest.
            match same().find(|kept| kept.path == path).or_else(|| same().next()) {
                Some(kept) => *map = kept.stored.clone(),
                None => {
                    for (name, value) in map {
                        restore(value, &format!("{path}.{name}"), maps);
                    }
                }
            }
        }
        AttributeValue::L(list) => {
            for (n, value) in list.iter_mut().enumerate() {
                restore(value, &format!("{path}.{n}"), maps);
            }
        }
        _ => {}
    }
}
