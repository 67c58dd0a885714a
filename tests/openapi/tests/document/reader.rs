//! The request's schema says what its reader does.

use crate::{examples, schemas};
use export_domain::json::{RequestJson, parse};
use export_domain::request;
use export_domain::settings::Limits;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn picture() -> Value {
    let examples = examples::requests().value();
    examples["content"]["application/json"]["examples"]["pictureInShort"]["value"].clone()
}

fn clip() -> Value {
    let examples = examples::requests().value();
    examples["content"]["application/json"]["examples"]["clip"]["value"].clone()
}

fn read(body: &Value) -> Result<(), String> {
    let json: RequestJson = parse(body.to_string().as_bytes(), false).map_err(|error| error.to_string())?;
    request::parse(&json, &Limits::default()).map(drop).map_err(|error| error.to_string())
}

fn properties() -> serde_json::Map<String, Value> {
    schemas::all().value()["ExportRequest"]["properties"].as_object().unwrap().clone()
}

#[test]
fn every_example_of_a_request_is_accepted() {
    let examples = examples::requests().value();
    for (name, example) in examples["content"]["application/json"]["examples"].as_object().unwrap() {
        assert_eq!(read(&example["value"]), Ok(()), "{name}");
    }
}

#[test]
fn the_schema_has_the_members_that_the_reader_knows() {
    for name in
        properties().keys().filter(|name| !["S3Region", "S3Bucket", "SessionId"].contains(&name.as_str()))
    {
        let mut body = clip();
        body[name] = json!([]);
        let refused = read(&body).unwrap_err();
        assert!(refused.starts_with(name), "{name}: {refused}");
    }
    let mut known: BTreeSet<&str> = request::KNOWN.into_iter().collect();
    known.extend(["S3Region", "S3Bucket"]);
    assert_eq!(properties().keys().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

#[test]
fn bounds_of_integers_are_the_readers() {
    let longest = schemas::all().value()["ExportRequest"]["then"]["properties"]["Duration"].clone();
    assert_eq!(longest["maximum"], Limits::default().max_duration_ms.get());
    let found = properties();
    let of_picture = [
        ("StartPos", &found["StartPos"]),
        ("Duration", &found["Duration"]),
        ("StartTime", &found["StartTime"]["oneOf"][1]),
    ];
    let cases = of_picture.into_iter().map(|(name, schema)| (picture(), name, schema.clone()));
    for (body, name, schema) in cases.chain([(clip(), "Duration", longest)]) {
        let accepts = |value: i64| {
            let mut body = body.clone();
            body[name] = value.into();
            read(&body).is_ok()
        };
        let (least, most) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
        assert_eq!([least - 1, least, most, most + 1].map(accepts), [false, true, true, false], "{name}");
    }
}

#[test]
fn what_may_be_null_may_be_left_out() {
    for (name, schema) in properties() {
        let nullable = schema["type"].as_array().is_some_and(|kinds| kinds.contains(&"null".into()))
            || schema["oneOf"].as_array().is_some_and(|choices| choices.contains(&json!({"type": "null"})));
        let (mut nothing, mut absent) = (picture(), picture());
        nothing[&name] = Value::Null;
        absent.as_object_mut().unwrap().remove(&name);
        assert_eq!((read(&nothing).is_ok(), read(&absent).is_ok()), (nullable, nullable), "{name}");
    }
}

#[test]
fn what_a_story_may_leave_out_or_set_to_null_is_nullable_and_bounded() {
    let slug = schemas::all().value()["SlugRequest"]["properties"].clone();
    let read = |slug: Value| {
        let mut body = picture();
        body["story"] = json!({ "slug_info": examples::base64(&slug.to_string()) });
        read(&body).is_ok()
    };
    for (name, schema) in slug.as_object().unwrap() {
        let nullable = schema["type"] == json!(["string", "null"]);
        let most = usize::try_from(schema["maxLength"].as_u64().unwrap()).unwrap();
        let given = [Value::Null, "\u{e9}".repeat(most).into(), "\u{e9}".repeat(most + 1).into(), json!(7)];
        assert_eq!(given.map(|value| read(json!({ name: value }))), [nullable, true, false, false], "{name}");
    }
}
