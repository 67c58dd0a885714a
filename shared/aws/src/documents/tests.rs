use super::*;
use crate::clients::Patience;
use crate::clock::SystemClock;
use crate::wire::{Reply, Service, reply};

async fn read(replies: impl IntoIterator<Item = Reply>) -> (Result<LastExport, String>, usize) {
    let service = Service::start(replies).await;
    let documents =
        S3Documents::new(&service.config(Patience::DOCUMENTS).await, "exports".to_owned(), SystemClock);
    let read = documents.read("base_export/a").await;
    (read.map_err(|error| error.to_string()), service.requests().len())
}

#[tokio::test]
async fn an_export_whose_body_was_cut_off_is_read_again() {
    let cut_off = reply(200, &[("content-length", "10")], "01234");
    let (text, requests) = read([cut_off.clone(), reply(200, &[], "{}")]).await;
    assert_eq!((text.unwrap().text(), requests), (Some("{}"), 2));
    let (text, requests) = read([cut_off]).await;
    assert!(text.is_err() && requests == 3, "{text:?}");
}

#[tokio::test]
async fn an_export_that_is_not_there_is_no_error() {
    assert_eq!(read([reply(404, &[], "")]).await, (Ok(LastExport::Missing), 1));
}

#[tokio::test]
async fn a_reply_without_a_length_is_not_called_too_large() {
    let silent = Reply::Bytes(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}".to_vec());
    let (text, requests) = read([silent]).await;
    assert!(text.as_ref().is_err_and(|e| e.contains("does not say its length")) && requests == 1, "{text:?}");
}

#[tokio::test]
async fn what_will_never_be_read_is_no_error() {
    let refusal = |status, code: &str| {
        let body = format!("<Error><Code>{code}</Code></Error>");
        reply(
            status,
            &[("content-type", "application/xml"), ("content-length", &body.len().to_string())],
            &body,
        )
    };
    for object in [
        refusal(403, "AccessDenied"),
        refusal(403, "InvalidObjectState"),
        refusal(400, "KMS.DisabledException"),
        refusal(404, "NoSuchBucket"),
        reply(200, &[("content-length", "536870913")], "{}"),
        Reply::Bytes(
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\n\x1f\x8b\x08".to_vec(),
        ),
    ] {
        assert_eq!(read([object.clone()]).await, (Ok(LastExport::Unreadable), 1), "{object:?}");
    }
    // A clock or credentials out of date are others at the next try.
    assert!(read([refusal(403, "RequestTimeTooSkewed")]).await.0.is_err());
}
