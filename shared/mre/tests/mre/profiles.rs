//! Every case of deriving a short profile.

use export_mre::attr::{Row, row_from_dynamo_json};
use export_mre::json::Json;
use export_mre::outputs::VersionedRows;
use export_mre::profile::{derive, model_keys, plugin_keys};
use export_mre::warnings::{ExportWarning, Warnings};

use crate::order::sort_configurations;
use crate::support::lines;

struct Case {
    name: String,
    derived: Json,
    warnings: Warnings,
    /// MRE's answer, or the copy in the state machine where MRE's function fails or answers otherwise.
    expected: Option<Json>,
}

fn rows(json: &Json) -> Vec<Row> {
    json.items().iter().map(|item| row_from_dynamo_json(item).unwrap()).collect()
}

fn cases() -> Vec<Case> {
    let run = |json: Json| {
        let profile = row_from_dynamo_json(json.get("profile").unwrap()).unwrap();
        let only = |rows: Vec<Row>, keys: std::collections::BTreeSet<_>| {
            let all = VersionedRows::new(rows);
            VersionedRows::new(
                keys.iter()
                    .filter_map(|key: &export_mre::keys::VersionedName| {
                        all.get(&key.name, &key.version).cloned()
                    })
                    .collect(),
            )
        };
        let plugins = only(rows(json.get("plugins").unwrap()), plugin_keys(&profile));
        let models = only(rows(json.get("models").unwrap()), model_keys(&profile));
        let mut warnings = Warnings::default();
        let derived = sort_configurations(derive(&profile, &plugins, &models, &mut warnings));
        let answer =
            json.get("baked").or(json.get("expected")).filter(|answer| answer.get("error").is_none());
        let name = json.get("case").and_then(Json::as_str).unwrap().to_owned();
        Case { name, derived, warnings, expected: answer.cloned().map(sort_configurations) }
    };
    lines("profiles.jsonl.gz").into_iter().map(run).collect()
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

#[test]
fn derives_what_the_state_machine_holds() {
    let mut seen = 0;
    for case in cases() {
        if let Some(expected) = case.expected.filter(|_| case.name != "19") {
            assert_eq!(case.derived.to_text(), expected.to_text(), "case {}", case.name);
            assert_eq!(case.warnings.header(), None, "case {}", case.name);
            seen += 1;
        }
    }
    assert_eq!(seen, 12);
}

#[test]
fn a_model_that_is_gone_leaves_out_its_endpoint_only() {
    let case = case("19");
    let expected = case.expected.unwrap().to_text();
    let endpoint = r#""ModelEndpoint": "arn:aws:rekognition:us-east-1:123456789012:project/box/version/1", "#;
    assert!(expected.contains(endpoint));
    assert_eq!(case.derived.to_text(), expected.replace(endpoint, ""));
    assert_eq!(case.warnings.count(ExportWarning::ModelMissing), 1);
}

fn levels(case: &Case) -> Vec<(String, Option<String>)> {
    let dependents = case.derived.get("Classifier").and_then(|main| main.get("DependentPlugins")).unwrap();
    let text = |entry: &Json, name| {
        entry.get(name).map(|value| value.as_str().map_or(value.to_text(), str::to_owned))
    };
    dependents.items().iter().map(|entry| (text(entry, "Name").unwrap(), text(entry, "Level"))).collect()
}

#[test]
fn profiles_that_mre_refuses_are_derived_by_shortest_distance() {
    let level = |name: &str, level: &str| (name.to_owned(), Some(level.to_owned()));
    assert_eq!(levels(&case("20")), [level("A1Dep", "1"), level("B1Dep", "2")], "a cycle");
    assert_eq!(
        levels(&case("25")),
        [level("Left", "1"), level("Base", "1"), level("Deep", "2")],
        "uneven paths"
    );
    assert_eq!(levels(&case("26")), [], "a dependent that only the plugin declares adds nothing");
}

fn featurers(case: &Case) -> Vec<String> {
    let featurers = case.derived.get("Featurers").unwrap().items().iter();
    featurers.map(|entry| entry.get("Name").and_then(Json::as_str).unwrap().to_owned()).collect()
}

#[test]
fn a_featurer_listed_twice_is_kept_once() {
    assert_eq!(featurers(&case("23")), ["DetectPoseSR"]);
    assert_eq!(featurers(&case("27")), ["DetectPoseSR", "BothRoles"]);
}

fn derive_from(profile: &str, plugins: &[&str]) -> Json {
    let row = |text: &&str| row_from_dynamo_json(&Json::parse(text).unwrap()).unwrap();
    let plugins = VersionedRows::new(plugins.iter().map(row).collect());
    derive(&row(&profile), &plugins, &VersionedRows::default(), &mut Warnings::default())
}

#[test]
fn a_dependent_listed_twice_gets_all_its_parents() {
    let profile = r#"{"Name": {"S": "P"}, "Classifier": {"M": {"Name": {"S": "C"}, "DependentPlugins": {"L": [
        {"M": {"Name": {"S": "D"}, "Configuration": {"M": {"first": {"BOOL": true}}}, "DependentFor": {"L": [{"S": "C"}]}}},
        {"M": {"Name": {"S": "E"}, "DependentFor": {"L": [{"S": "nobody"}]}}},
        {"M": {"Name": {"S": "D"}, "DependentFor": {"L": [{"S": "E"}, {"S": "C"}]}}}]}}},
        "Optimizer": {"M": {}}, "Featurers": {"L": []}}"#;
    assert_eq!(
        derive_from(profile, &[]).to_text(),
        concat!(
            r#"{"Name": "P", "Classifier": {"Name": "C", "Configuration": {}, "DependentPlugins": ["#,
            r#"{"Name": "D", "Configuration": {"first": true}, "DependentFor": ["C", "E"], "Level": 1}, "#,
            r#"{"Name": "E", "Configuration": {}, "DependentFor": ["nobody"]}]}}"#,
        )
    );
}

#[test]
fn a_missing_configuration_comes_from_the_recorded_version() {
    let profile =
        r#"{"Name": {"S": "P"}, "Classifier": {"M": {"Name": {"S": "C"}, "Version": {"S": "v1"}}}}"#;
    let version = |version: &str, value: &str| {
        format!(
            r#"{{"Name": {{"S": "C"}}, "Version": {{"S": "{version}"}}, "Configuration": {{"M": {{"x": {{"N": "{value}"}}}}}}}}"#
        )
    };
    let configuration = |plugins: &[&str]| {
        derive_from(profile, plugins)
            .get("Classifier")
            .and_then(|main| main.get("Configuration"))
            .unwrap()
            .to_text()
    };
    assert_eq!(configuration(&[&version("v0", "2"), &version("v1", "1.0")]), r#"{"x": 1}"#);
    assert_eq!(configuration(&[&version("v0", "2")]), r#"{"x": 2}"#);
    assert_eq!(configuration(&[]), "{}");
}
