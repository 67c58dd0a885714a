//! Documents: waited for, signed, and followed to the store without credentials.

use crate::fake::{Fake, Reply, json_with};
use crate::run::{Home, command, finished, mex};
use serde_json::json;
use std::fs;

const ROUTE: &str = "GET /export/data/event?event=A%2FB&program=P";

#[test]
fn a_document_is_waited_for_and_read_from_the_store() {
    let (home, fake) = (Home::new(), Fake::start());
    let link = format!("{}/store", fake.url());
    fake.on(
        ROUTE,
        vec![json_with(202, "Retry-After", "0", &json!({})), json_with(307, "Location", &link, &json!({}))],
    )
    .on("GET /store", vec![Reply::Answer(200, vec![], b"{\"Event\":1}".to_vec())]);
    let ran = mex(&home, &fake, &["event", "A/B", "P"]).ended(0);
    assert_eq!(ran.text(), "{\"Event\":1}");
    assert!(!fake.seen(ROUTE)[0].headers.contains_key("authorization"));
    let mut signing = command(&home, Some(&fake), &["event", "A/B", "P", "-o", "a.json"]);
    signing
        .env("AWS_ACCESS_KEY_ID", "AKID")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "eu-west-1");
    finished(signing).ended(0);
    let signed = &fake.seen(ROUTE).pop().unwrap().headers["authorization"];
    assert!(
        signed.starts_with("AWS4-HMAC-SHA256 Credential=AKID/") && signed.contains("/eu-west-1/execute-api/"),
        "{signed}"
    );
    assert!(fake.seen("GET /store").iter().all(|seen| !seen.headers.contains_key("authorization")));
    assert_eq!(fs::read(home.file("a.json")).unwrap(), b"{\"Event\":1}");
    let ran = mex(&home, &fake, &["event", "A/B", "P", "-o", "a.json"]).ended(2);
    assert!(ran.stderr.contains("a.json exists"), "{}", ran.stderr);
}

#[test]
fn a_format_and_its_options_are_asked_for_and_what_is_left_out_is_said() {
    let (home, fake) = (Home::new(), Fake::start());
    let warned = vec![("X-Export-Warnings".to_owned(), "segment 3 has no end".to_owned())];
    fake.on(
        "GET /export/data/replay?id=1&event=E&program=P&format=edl&fps=29.97&df=1&tc=10%3A00%3A00%3A00",
        vec![Reply::Answer(200, warned, b"TITLE: E\n".to_vec())],
    );
    let ran = mex(
        &home,
        &fake,
        &["replay", "1", "E", "P", "--format", "edl", "--fps", "30000/1001", "--df", "--tc", "10:00:00:00"],
    )
    .ended(0);
    assert_eq!(
        (ran.text().as_str(), ran.stderr.as_str()),
        ("TITLE: E\n", "left out: segment 3 has no end\n")
    );
}
