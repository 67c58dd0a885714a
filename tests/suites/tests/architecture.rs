//! The shape of the workspace, read from `cargo metadata`: who may depend on whom, and on what.

#![expect(clippy::unwrap_used, reason = "a suite has nobody to return an error to")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::LazyLock;

/// Which of our crates each of our crates may depend on, for its code (tests may use the test kit besides).
const ALLOWED: &[(&str, &[&str])] = &[
    ("export-domain", &[]),
    ("export-media", &[]),
    ("export-clip", &["export-media"]),
    ("export-mre", &["export-domain"]),
    ("export-orders", &["export-clip", "export-domain"]),
    ("export-aws", &["export-domain", "export-mre"]),
    ("export-lambda", &["export-domain", "export-mre"]),
    ("export-cli", &["export-domain"]),
    ("export-fuzz", &[]),
    ("export-testkit", &["export-domain", "export-lambda", "export-media", "export-mre"]),
    ("export-model", &["export-domain"]),
    ("export-openapi", &[]),
    ("export-suites", &[]),
    ("media-export-submit", &["export-aws", "export-domain", "export-lambda"]),
    (
        "media-read",
        &["export-aws", "export-clip", "export-domain", "export-lambda", "export-media", "export-orders"],
    ),
    ("status-poll", &["export-aws", "export-domain", "export-lambda"]),
    ("export-batch", &["export-aws", "export-domain", "export-lambda", "export-mre"]),
    ("job-sweeper", &["export-aws", "export-domain", "export-lambda"]),
    (
        "media-export-worker",
        &["export-aws", "export-clip", "export-domain", "export-lambda", "export-media", "export-orders"],
    ),
    (
        "recordings",
        &["export-aws", "export-clip", "export-domain", "export-lambda", "export-media", "export-orders"],
    ),
    ("event-export", &["export-aws", "export-domain", "export-lambda", "export-mre"]),
    ("replay-export", &["export-aws", "export-domain", "export-lambda", "export-mre"]),
    ("data-export-worker", &["export-aws", "export-domain", "export-lambda", "export-mre"]),
];

/// What must not be below the crates that decide: no runtime, no network, no cloud.
const PURE: &[&str] = &["export-domain", "export-media", "export-mre"];
const IMPURE: &[&str] =
    &["tokio", "hyper", "http", "reqwest", "aws-config", "aws-smithy-runtime", "lambda_runtime"];

struct Workspace {
    /// Name to the package's part of the metadata.
    ours: BTreeMap<String, Value>,
}

static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let members: BTreeSet<String> =
        metadata["workspace_members"].as_array().unwrap().iter().map(text).collect();
    let mut ours = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        if members.contains(&text(&package["id"])) {
            ours.insert(text(&package["name"]), package.clone());
        }
    }
    Workspace { ours }
});

fn cargo(args: &[&str]) -> String {
    let out =
        Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Our crates that a crate's code depends on directly.
fn direct(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let names = dependencies.filter(|d| d["kind"].is_null()).map(|d| d["name"].as_str().unwrap().to_owned());
    names.filter(|name| WORKSPACE.ours.contains_key(name)).collect()
}

/// Everything below a crate's code, with the features that it uses: name to versions.
fn below(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let tree = cargo(&[
        "tree",
        "--locked",
        "--offline",
        "-e",
        "normal",
        "--prefix",
        "none",
        "-f",
        "{p}",
        "-p",
        name,
    ]);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        found.entry(name.to_owned()).or_default().insert(version.trim_start_matches('v').to_owned());
    }
    found
}

#[test]
fn dependencies_between_our_crates_only_point_down() {
    let known: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    for (name, package) in &WORKSPACE.ours {
        assert!(known.contains(name.as_str()), "{name} is not in the table of this test");
        let allowed = ALLOWED.iter().find(|(n, _)| n == name).map(|(_, allowed)| *allowed).unwrap();
        let wrong: Vec<String> =
            direct(package).into_iter().filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}");
    }
}

#[test]
fn the_crates_that_decide_know_no_runtime_and_no_network() {
    for pure in PURE {
        let found: Vec<&str> =
            IMPURE.iter().copied().filter(|name| below(pure).contains_key(*name)).collect();
        assert!(found.is_empty(), "{pure} is above {found:?}");
    }
}

/// Clips and Media Replay Engine's documents are two products: no function links the rules of both but by `export-domain`.
#[test]
fn only_the_functions_of_documents_are_above_them() {
    for function in ALLOWED.iter().map(|(name, _)| *name).filter(|name| !name.starts_with("export-")) {
        let of_documents =
            ["event-export", "replay-export", "data-export-worker", "export-batch"].contains(&function);
        assert_eq!(below(function).contains_key("export-mre"), of_documents, "{function}");
    }
}

/// The clip engine starts ffmpeg, so it has a runtime, but clips are cut without a cloud and without a network too.
#[test]
fn the_clip_engine_knows_no_cloud_and_no_network() {
    let tree = below("export-clip");
    let cloud = |name: &&String| ["aws", "lambda", "hyper", "http"].iter().any(|part| name.starts_with(part));
    assert_eq!(tree.keys().find(cloud), None);
}

#[test]
fn every_function_has_one_http_and_tls_stack() {
    for function in ALLOWED.iter().map(|(name, _)| *name).filter(|name| !name.starts_with("export-")) {
        let tree = below(function);
        for gone in ["ring", "openssl-sys", "native-tls"] {
            assert!(!tree.contains_key(gone), "{function} is above {gone}");
        }
        for single in ["hyper", "rustls", "h2", "http"] {
            let versions = tree.get(single).map_or(0, BTreeSet::len);
            assert!(versions <= 1, "{function} is above {versions} versions of {single}");
        }
        assert_eq!(tree["hyper"].iter().filter(|v| v.starts_with("0.")).count(), 0, "{function}");
    }
}

#[test]
fn what_is_deployed_is_built_without_the_means_of_describing_it() {
    let tree = cargo(&["tree", "--workspace", "--locked", "--offline", "-e", "normal", "--prefix", "none"]);
    assert!(tree.contains("serde_json ") && !tree.contains("utoipa "), "a function is above utoipa");
}

/// A request's canonical text, and so its job's name, rests on it.
#[test]
fn objects_of_serde_json_are_sorted() {
    let tree = cargo(&["tree", "--workspace", "--locked", "--offline", "--prefix", "none", "-f", "{p} {f}"]);
    let json: Vec<&str> = tree.lines().filter(|line| line.starts_with("serde_json ")).collect();
    assert!(!json.is_empty() && json.iter().all(|line| !line.contains("preserve_order")), "{json:?}");
}

#[test]
fn every_crate_keeps_to_the_workspaces_lints_and_versions() {
    for (name, package) in &WORKSPACE.ours {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} has lints of its own");
        let body = manifest.split_once("dependencies]").map_or("", |(_, body)| body);
        for line in body.lines().filter(|line| line.contains(" = {") || line.contains(" = \"")) {
            assert!(line.contains("workspace = true"), "{name} does not take a workspace dependency: {line}");
        }
    }
}

#[test]
fn a_main_only_wires() {
    for (name, package) in &WORKSPACE.ours {
        for target in package["targets"].as_array().unwrap() {
            if target["kind"][0] == "bin" {
                let source = std::fs::read_to_string(target["src_path"].as_str().unwrap()).unwrap();
                assert!(source.lines().count() <= 60, "{name}'s main.rs does more than wiring");
            }
        }
    }
}

#[test]
fn the_architecture_page_draws_every_crate_of_the_product() {
    let page = include_str!("../../../shared/README.md");
    let drawing = page.split("```").nth(1).unwrap();
    let tests = ["export-fuzz", "export-testkit", "export-model", "export-openapi", "export-suites"];
    let product = ALLOWED.iter().map(|(name, _)| *name).filter(|name| !tests.contains(name));
    for name in product {
        assert!(drawing.contains(name.strip_prefix("export-").unwrap_or(name)), "{name}");
    }
}
