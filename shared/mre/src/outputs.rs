//! Which output attributes the plugins of a profile declare.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::attr::{Attr, Row};
use crate::json::Json;
use crate::keys::VersionedName;
use crate::warnings::{ExportWarning, Warnings};

/// A place for plugins in a profile. The order is that of MRE's list of output attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Moves segment borders.
    Optimizer,
    /// Labels segments.
    Labeler,
    /// Finds features beside the segments.
    Featurer,
    /// Finds the segments.
    Classifier,
}

impl Slot {
    /// The slot's name in the guide's `AllOutputAttributes`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Optimizer => "Optimizer",
            Self::Labeler => "Labeler",
            Self::Featurer => "Featurer",
            Self::Classifier => "Classifier",
        }
    }
}

/// Rows of a table with versions, found by name and version.
#[derive(Debug, Default)]
pub struct VersionedRows {
    rows: HashMap<VersionedName, Row>,
}

impl VersionedRows {
    /// Indexes the rows; one without its key attributes is dropped.
    pub fn new(rows: Vec<Row>) -> Self {
        let key = |row: &Row| {
            let text = |name| row.get(name).and_then(Attr::as_str);
            Some(VersionedName::new(text("Name")?, text("Version")?))
        };
        Self { rows: rows.into_iter().filter_map(|row| Some((key(&row)?, row))).collect() }
    }

    /// The row `name` at `version`.
    pub fn get(&self, name: &str, version: &str) -> Option<&Row> {
        self.rows.get(&VersionedName::new(name, version))
    }
}

/// The plugins of a short profile, by slot: each main plugin followed by its dependents.
pub fn plugins_of(profile: &Json) -> Vec<(Slot, Vec<&str>)> {
    let main = |slot, field| (slot, profile.get(field).map(with_dependents).unwrap_or_default());
    let featurers = profile.get("Featurers").map(Json::items).unwrap_or_default();
    vec![
        main(Slot::Optimizer, "Optimizer"),
        main(Slot::Labeler, "Labeler"),
        (Slot::Featurer, featurers.iter().flat_map(with_dependents).collect()),
        main(Slot::Classifier, "Classifier"),
    ]
}

/// The name of the plugin that finds the segments.
pub fn classifier_of(profile: &Json) -> Option<&str> {
    profile.get("Classifier")?.get("Name")?.as_str()
}

/// The latest row of every plugin of a profile, each once.
pub fn plugin_keys(profile: &Json) -> BTreeSet<VersionedName> {
    plugins_of(profile).into_iter().flat_map(|(_, names)| names).map(VersionedName::latest).collect()
}

fn with_dependents(plugin: &Json) -> Vec<&str> {
    let dependents = plugin.get("DependentPlugins").map(Json::items).unwrap_or_default();
    let names = std::iter::once(plugin).chain(dependents).map(|entry| entry.get("Name"));
    names.filter_map(|name| name?.as_str()).collect()
}

/// The declared output attributes of a profile's plugins.
#[derive(Debug, Default)]
pub struct Outputs {
    by_slot: Vec<(Slot, Vec<String>)>,
    unique: Vec<String>,
    places: HashMap<String, usize>,
}

impl Outputs {
    /// Collects the attributes. A plugin without a row or without attributes contributes nothing and is counted.
    pub fn new(profile: &Json, plugins: &VersionedRows, warnings: &mut Warnings) -> Self {
        let mut counted = HashSet::new();
        let mut by_slot = Vec::new();
        for (slot, names) in plugins_of(profile) {
            let mut attributes = Vec::new();
            for name in names {
                match declared(plugins.get(name, VersionedName::LATEST)) {
                    Ok(declared) => attributes.extend(declared.cloned()),
                    Err(warning) => warnings.add_if(counted.insert(name), warning),
                }
            }
            by_slot.push((slot, attributes));
        }
        let unique = first_occurrences(by_slot.iter().flat_map(|(_, names)| names));
        let places = unique.iter().cloned().zip(0..).collect();
        Self { by_slot, unique, places }
    }

    /// MRE's flat list, repetitions included.
    pub fn flat(&self) -> impl Iterator<Item = &str> {
        self.by_slot.iter().flat_map(|(_, names)| names).map(String::as_str)
    }

    /// The names of each slot that has any, without repetition inside a slot.
    pub fn by_slot(&self) -> impl Iterator<Item = (Slot, Vec<String>)> + '_ {
        let slots = self.by_slot.iter().map(|(slot, names)| (*slot, first_occurrences(names)));
        slots.filter(|(_, names)| !names.is_empty())
    }

    /// The position of `name` in [`Outputs::unique`].
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Every name once, in the order of the flat list.
    pub fn unique(&self) -> &[String] {
        &self.unique
    }
}

/// `Label` is stored among the output attributes but is not one.
fn declared(row: Option<&Row>) -> Result<impl Iterator<Item = &String>, ExportWarning> {
    let row = row.ok_or(ExportWarning::PluginMissing)?;
    let attributes = row.get("OutputAttributes").and_then(Attr::as_map);
    Ok(attributes.ok_or(ExportWarning::OutputAttributesMissing)?.keys().filter(|name| *name != "Label"))
}

fn first_occurrences<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut seen = HashSet::new();
    names.into_iter().filter(|name| seen.insert(name.as_str())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str, attributes: Option<&[&str]>) -> Row {
        let mut row = Row::from([
            ("Name".into(), Attr::S(name.into())),
            ("Version".into(), Attr::S(VersionedName::LATEST.into())),
        ]);
        if let Some(names) = attributes {
            let map = names.iter().map(|name| ((*name).into(), Attr::M(Row::new()))).collect();
            row.insert("OutputAttributes".into(), Attr::M(map));
        }
        row
    }

    #[test]
    fn lists_attributes_by_slot_and_counts_what_is_missing() {
        let profile = Json::parse(
            r#"{"Classifier": {"Name": "C", "DependentPlugins": [{"Name": "D"}, {"Name": "gone"}]},
                "Labeler": {"Name": "L"}, "Optimizer": {},
                "Featurers": [{"Name": "F"}, {"Name": "G", "DependentPlugins": [{"Name": "gone"}, {"Name": "D"}]}]}"#,
        )
        .unwrap();
        let rows = VersionedRows::new(vec![
            plugin("C", Some(&["Label", "z"])),
            plugin("D", Some(&["d", "a"])),
            plugin("L", None),
            plugin("F", Some(&["f", "a"])),
            plugin("G", Some(&["a"])),
        ]);
        let mut warnings = Warnings::default();
        let outputs = Outputs::new(&profile, &rows, &mut warnings);
        assert_eq!(outputs.flat().collect::<Vec<_>>(), ["a", "f", "a", "a", "d", "z", "a", "d"]);
        assert_eq!(outputs.unique(), ["a", "f", "d", "z"]);
        let slots: Vec<_> = outputs.by_slot().map(|(slot, names)| (slot.name(), names.join(" "))).collect();
        assert_eq!(slots, [("Featurer", "a f d".to_owned()), ("Classifier", "z a d".to_owned())]);
        assert_eq!(warnings.count(ExportWarning::PluginMissing), 1);
        assert_eq!(warnings.count(ExportWarning::OutputAttributesMissing), 1);
        assert_eq!(classifier_of(&profile), Some("C"));
        assert_eq!(plugin_keys(&profile).len(), 6);
    }
}
