//! The API's document, and that the committed one is it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test has nobody to return an error to")]

mod batch;
mod data;
mod examples;
mod life;
mod media;
mod node;
mod parameters;
mod reader;
mod recordings;
mod responses;
mod schemas;
mod version;

use node::{Node, object};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// The whole document.
fn document() -> Node {
    let mut paths = media::paths();
    for more in [batch::paths(), recordings::paths(), data::paths(), version::paths()] {
        if let Node::Object(more) = more {
            paths.members().extend(more);
        }
    }
    let parameters = parameters::shared_among(&mut paths);
    object! {
        "openapi" => "3.1.0",
        "info" => object! {
            "title" => "Media Export",
            "version" => env!("CARGO_PKG_VERSION"),
            "description" => include_str!("description.md"),
            "license" => json!({"name": "Apache 2.0", "identifier": "Apache-2.0"}),
        },
        "servers" => servers(),
        "tags" => json!([
            {"name": "Clips and pictures", "description": "Frame-exact clips of recordings, and their \
                first frames."},
            {"name": "Batches", "description": "Many clips in one request."},
            {"name": recordings::TAG, "description": "The recordings that clips are made of."},
            {"name": "Event and replay documents", "description": "Media Replay Engine's exports, built \
                from its own tables."},
            {"name": version::TAG, "description": "The service itself."},
        ]),
        "paths" => paths,
        "components" => object! {
            "schemas" => schemas::all(),
            "responses" => responses::all(),
            "parameters" => parameters,
            "examples" => examples::all(),
            "headers" => responses::all_headers(),
            "securitySchemes" => security(),
        },
    }
}

fn servers() -> Node {
    json!([
        {
            "url": "https://{api}.execute-api.{region}.amazonaws.com",
            "description": "A deployed stack: its output ApiUrl.",
            "variables": {"api": {"default": "api"}, "region": {"default": "us-east-1"}},
        },
        {
            "url": "http://127.0.0.1:{port}",
            "description": "The local stack: API_URL in its env file.",
            "variables": {"port": {"default": "8080"}},
        },
    ])
    .into()
}

fn security() -> Node {
    let session = "A session's id, given out by whoever runs the service. The POST routes also take it as \
        `SessionId` in the body.";
    json!({
        "sessionHeader": {"type": "apiKey", "in": "header", "name": "X-Session-Id", "description": session},
        "bearer": {"type": "http", "scheme": "bearer", "description": "The same id as a bearer token."},
        "awsSigV4": {
            "type": "apiKey", "in": "header", "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4",
            "description": "AWS Signature Version 4 for the service `execute-api`; the caller needs \
                `execute-api:Invoke`. A service deployed with `DataExportAuth` `JWT` takes a bearer \
                token in its place, one with `NONE` asks for nothing.",
        },
    })
    .into()
}

#[test]
fn the_committed_document_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/openapi/export.v1.json");
    let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "infra/openapi/export.v1.json is not what the types say: run `make openapi`");
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = document().value();
    let mut referred = BTreeSet::new();
    references(&document, &mut referred);
    for reference in &referred {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses", "parameters", "examples", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(referred.contains(&reference), "nothing refers to {reference}");
        }
    }
}

#[test]
fn a_parameter_that_operations_share_is_written_once() {
    let document = document().value();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let parameters =
        operations.filter_map(|each| each["parameters"].as_array()).flatten().map(Value::to_string);
    let written: Vec<String> = parameters.filter(|each| !each.contains("$ref")).collect();
    let once: BTreeSet<&String> = written.iter().collect();
    assert_eq!(once.len(), written.len());
    assert!(document["components"]["parameters"].as_object().unwrap().len() > 20);
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => {
                        found.insert(target.clone());
                    }
                    _ => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
