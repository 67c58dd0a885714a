//! The short profile that MRE bakes into a processing workflow, derived again from the tables.
//!
//! Tolerant, as MRE never derives at export time: what was disabled, deleted or published since does not matter. The
//! versions recorded in the profile row are pinned, with the latest as fallback.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::attr::{Attr, Row};
use crate::json::Json;
use crate::keys::VersionedName;
use crate::outputs::VersionedRows;
use crate::warnings::{ExportWarning, Warnings};

/// The origin of a document's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileSource {
    /// The event's last trigger.
    Trigger,
    /// The stored event export.
    Stored,
    /// The Profile and Plugin tables.
    Derived,
}

impl ProfileSource {
    /// The value of `X-Export-Profile-Source`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Stored => "stored",
            Self::Derived => "derived",
        }
    }
}

/// The Plugin rows a derivation reads: of each plugin the recorded version and the latest.
pub fn plugin_keys(profile: &Row) -> BTreeSet<VersionedName> {
    entries(profile)
        .flat_map(|entry| [pinned(entry), named(entry).map(VersionedName::latest)])
        .flatten()
        .collect()
}

/// The Model rows a derivation reads.
pub fn model_keys(profile: &Row) -> BTreeSet<VersionedName> {
    mains(profile).flat_map(dependents).filter_map(model_key).collect()
}

/// Derives the short profile of a Profile row.
pub fn derive(
    profile: &Row,
    plugins: &VersionedRows,
    models: &VersionedRows,
    warnings: &mut Warnings,
) -> Json {
    let mut derivation = Derivation { plugins, models, warnings };
    let mut members = Vec::new();
    for name in ["Name", "ChunkSize", "MaxSegmentLengthSeconds", "ProcessingFrameRate"] {
        members.extend(profile.get(name).map(|value| (name.to_owned(), value.to_json())));
    }
    for slot in ["Classifier", "Optimizer", "Labeler"] {
        if let Some(main) = profile.get(slot).and_then(Attr::as_map).filter(|row| !row.is_empty()) {
            members.push((slot.to_owned(), derivation.main(main)));
        }
    }
    let mut seen = HashSet::new();
    let featurers = profile.get("Featurers").map(Attr::items).unwrap_or_default().iter();
    let featurers: Vec<Json> = featurers
        .filter_map(Attr::as_map)
        .filter(|entry| seen.insert(named(entry)))
        .map(|entry| derivation.main(entry))
        .collect();
    if !featurers.is_empty() {
        members.push(("Featurers".to_owned(), Json::Array(featurers)));
    }
    Json::Object(members)
}

struct Derivation<'a> {
    plugins: &'a VersionedRows,
    models: &'a VersionedRows,
    warnings: &'a mut Warnings,
}

impl Derivation<'_> {
    fn main(&mut self, main: &Row) -> Json {
        let merged = merged_dependents(main);
        let levels = levels(named(main).unwrap_or_default(), &merged);
        let dependents =
            merged.iter().map(|(entry, parents)| self.dependent(entry, parents, &levels)).collect();
        Json::Object(vec![
            ("Name".to_owned(), named(main).unwrap_or_default().into()),
            ("Configuration".to_owned(), self.configuration(main)),
            ("DependentPlugins".to_owned(), Json::Array(dependents)),
        ])
    }

    fn dependent(&mut self, entry: &Row, parents: &[&str], levels: &HashMap<&str, usize>) -> Json {
        let mut members = vec![
            ("Name".to_owned(), named(entry).unwrap_or_default().into()),
            ("Configuration".to_owned(), self.configuration(entry)),
            ("DependentFor".to_owned(), Json::Array(parents.iter().map(|name| (*name).into()).collect())),
        ];
        if let Some(key) = model_key(entry) {
            let endpoint = self.models.get(&key.name, &key.version).and_then(|row| row.get("Endpoint"));
            self.warnings.add_if(endpoint.is_none(), ExportWarning::ModelMissing);
            members.extend(endpoint.map(|value| ("ModelEndpoint".to_owned(), value.to_json())));
        }
        let level = named(entry).and_then(|name| levels.get(name));
        members.extend(level.map(|level| ("Level".to_owned(), Json::Number(level.to_string()))));
        let media = self.plugin_value(entry, "SupportedMediaType");
        members.extend(media.map(|value| ("SupportedMediaType".to_owned(), value)));
        Json::Object(members)
    }

    /// The entry's own configuration, or as a whole the plugin's if the entry has none.
    fn configuration(&self, entry: &Row) -> Json {
        let own = entry.get("Configuration").filter(|value| value.is_truthy()).map(Attr::to_json);
        own.or_else(|| self.plugin_value(entry, "Configuration")).unwrap_or(Json::Object(Vec::new()))
    }

    fn plugin_value(&self, entry: &Row, attribute: &str) -> Option<Json> {
        let name = named(entry)?;
        let pinned = pinned(entry).and_then(|key| self.plugins.get(name, &key.version)?.get(attribute));
        let latest = || self.plugins.get(name, VersionedName::LATEST)?.get(attribute);
        pinned.or_else(latest).map(Attr::to_json)
    }
}

/// Distance of each dependent from the main plugin, the shortest where several paths lead to it.
fn levels<'a>(main: &'a str, dependents: &[(&'a Row, Vec<&'a str>)]) -> HashMap<&'a str, usize> {
    let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
    for (entry, parents) in dependents {
        for parent in parents {
            children.entry(parent).or_default().extend(named(entry));
        }
    }
    let mut levels = HashMap::new();
    let mut reached = vec![main];
    let mut level = 1;
    while !reached.is_empty() {
        let mut next = Vec::new();
        for child in reached.iter().filter_map(|name| children.get(name)).flatten() {
            if let Entry::Vacant(entry) = levels.entry(*child) {
                entry.insert(level);
                next.push(*child);
            }
        }
        reached = next;
        level += 1;
    }
    levels
}

/// A dependent listed twice keeps its first entry and gets the parents of both.
fn merged_dependents(main: &Row) -> Vec<(&Row, Vec<&str>)> {
    let mut merged: Vec<(&Row, Vec<&str>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for entry in dependents(main) {
        let parents = entry.get("DependentFor").map(Attr::items).unwrap_or_default();
        let parents = parents.iter().filter_map(Attr::as_str);
        let place = *places.entry(named(entry).unwrap_or_default()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some((_, known)) => {
                for parent in parents {
                    if !known.contains(&parent) {
                        known.push(parent);
                    }
                }
            }
            None => merged.push((entry, parents.collect())),
        }
    }
    merged
}

fn mains(profile: &Row) -> impl Iterator<Item = &Row> {
    let single = ["Classifier", "Optimizer", "Labeler"].into_iter().filter_map(|slot| profile.get(slot));
    let featurers = profile.get("Featurers").map(Attr::items).unwrap_or_default();
    single.chain(featurers).filter_map(Attr::as_map)
}

fn entries(profile: &Row) -> impl Iterator<Item = &Row> {
    mains(profile).flat_map(|main| std::iter::once(main).chain(dependents(main)))
}

fn dependents(main: &Row) -> impl Iterator<Item = &Row> {
    let entries = main.get("DependentPlugins").map(Attr::items).unwrap_or_default();
    entries.iter().filter_map(Attr::as_map)
}

fn named(entry: &Row) -> Option<&str> {
    entry.get("Name").and_then(Attr::as_str)
}

fn pinned(entry: &Row) -> Option<VersionedName> {
    Some(VersionedName::new(named(entry)?, entry.get("Version")?.as_str()?))
}

/// MRE resolves an endpoint only where the row holds a map, and only for dependents.
fn model_key(entry: &Row) -> Option<VersionedName> {
    let model = entry.get("ModelEndpoint")?.as_map()?;
    Some(VersionedName::new(named(model)?, model.get("Version")?.as_str()?))
}
