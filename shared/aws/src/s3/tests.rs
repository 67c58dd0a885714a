#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use super::*;
use crate::clients::Patience;
use crate::clock::SystemClock;
use crate::wire::{Reply, Service, reply};
use export_domain::ports::PlayLinks;
use export_domain::storage::Container;
use std::collections::BTreeSet;
use tokio::time::Instant;

const CREATED: &str = r#"<?xml version="1.0"?><InitiateMultipartUploadResult><Bucket>clips</Bucket><Key>k</Key>
    <UploadId>u</UploadId></InitiateMultipartUploadResult>"#;
const COMPLETED: &str = r#"<?xml version="1.0"?><CompleteMultipartUploadResult><Bucket>clips</Bucket><Key>k</Key>
    <ETag>"e"</ETag></CompleteMultipartUploadResult>"#;

const LISTED: &str =
    r#"<?xml version="1.0"?><ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>"#;

async fn store(replies: impl IntoIterator<Item = Reply>) -> (Service, S3Objects<SystemClock>) {
    let service = Service::start(replies).await;
    let config = service.config(Patience::WORK).await;
    let store = S3Objects { grace: Duration::from_millis(500), ..S3Objects::new(&config, SystemClock) };
    (service, store)
}

fn bucket(owner: &str) -> Bucket {
    Bucket { name: "recordings".to_owned(), owner: owner.to_owned(), prefix: "a/".to_owned() }
}

fn target(owner: &str) -> Target {
    Target {
        bucket: "clips".to_owned(),
        region: String::new(),
        root: String::new(),
        owner: owner.to_owned(),
        container: Container::Ts,
    }
}

fn checked(text: &'static str) -> Checked {
    Bytes::from_static(text.as_bytes()).into()
}

fn origin() -> Origin {
    Origin { job_id: JobId::parse(&"a".repeat(32)).unwrap(), generation: 1, fence: 2 }
}

/// Codes of a 403 that is none at the next try.
const OUT_OF_DATE: [&str; 3] = ["ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"];

/// An error as S3 words it.
fn error(status: u16, code: &str) -> Reply {
    reply(status, &[], &format!(r#"<?xml version="1.0"?><Error><Code>{code}</Code></Error>"#))
}

/// A body of which less comes than was said.
fn cut_off() -> Reply {
    reply(200, &[("content-length", "10")], "01234")
}

async fn read(replies: Vec<Reply>) -> (Result<Bytes, RecordingError>, usize) {
    let (service, store) = store(replies).await;
    let read = store.read(&bucket(""), "a/b", None, 10).await.map(|read| read.bytes);
    (read, service.requests().len())
}

async fn complete(store: &S3Objects<SystemClock>) -> Result<Published, WriteError> {
    let upload = Upload { id: "u".to_owned(), key: "k".to_owned() };
    let parts = [Part { number: 1, etag: "\"e\"".to_owned(), sha256: [0; 32] }];
    store.complete(&target(""), &upload, &parts, &Precondition::Absent).await
}

async fn put(store: &S3Objects<SystemClock>) -> Result<Published, WriteError> {
    store.put(&target(""), "k", "video/mp4", &origin(), &Precondition::Absent, checked("x")).await
}

#[tokio::test]
async fn every_call_names_the_account_that_must_own_the_bucket_if_one_is_known() {
    for owner in ["123456789012", ""] {
        let ok = |body: &str| reply(200, &[("etag", "\"e\"")], body);
        let replies = ["x", "", "", CREATED, "", COMPLETED, LISTED].map(ok);
        let gone = || reply(204, &[], "");
        let (service, store) = store(replies.into_iter().chain([gone(), gone()])).await;
        let target = target(owner);
        store.read(&bucket(owner), "a/b", None, 10).await.unwrap();
        store.head(&target, "k").await.unwrap();
        store.put(&target, "k", "video/mp4", &origin(), &Precondition::Absent, checked("x")).await.unwrap();
        let upload = store.begin(&target, "k", "video/mp4", &origin()).await.unwrap();
        let part = store.part(&target, &upload, 1, checked("x")).await.unwrap();
        store.complete(&target, &upload, &[part], &Precondition::Absent).await.unwrap();
        assert_eq!(store.is_there(&target, "k").await, Ok(true));
        store.remove(&target, "k", "\"e\"").await.unwrap();
        store.abort(&target, &upload).await.unwrap();
        let requests = service.requests();
        assert_eq!(requests.len(), 9);
        for request in requests {
            let named = request.contains("x-amz-expected-bucket-owner: 123456789012\r\n");
            assert_eq!(named, !owner.is_empty(), "{request}");
            assert_eq!(request.contains("expected-bucket-owner"), named, "{request}");
        }
    }
}

#[tokio::test]
async fn a_body_that_was_cut_off_is_read_again_and_never_given_short() {
    let (bytes, requests) = read(vec![cut_off(), cut_off(), reply(200, &[], "0123456789")]).await;
    assert_eq!((bytes.unwrap(), requests), (Bytes::from_static(b"0123456789"), 3));
    let (bytes, requests) = read(vec![cut_off()]).await;
    assert!(matches!(bytes, Err(RecordingError::Unavailable(_))) && requests == 3, "{bytes:?}");
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_in_time() {
    let Reply::Bytes(start) = cut_off() else { unreachable!() };
    let began = Instant::now();
    let (bytes, requests) = read(vec![Reply::Stall(start), reply(200, &[], "0123456789")]).await;
    assert_eq!((bytes.unwrap(), requests), (Bytes::from_static(b"0123456789"), 2));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_body_that_is_not_what_was_stored_is_read_again() {
    // CRC-32 of "123456789".
    let stored = [("x-amz-checksum-crc32", "y/Q5Jg==")];
    let (bytes, requests) =
        read(vec![reply(200, &stored, "123456780"), reply(200, &stored, "123456789")]).await;
    assert_eq!((bytes.unwrap(), requests), (Bytes::from_static(b"123456789"), 2));
}

#[tokio::test]
async fn nothing_of_a_body_is_fetched_that_is_larger_than_it_may_be() {
    let gigabytes = reply(200, &[("content-length", "5368709120")], "<MPD");
    assert_eq!(read(vec![gigabytes]).await, (Err(RecordingError::TooLarge), 1));
    assert_eq!(read(vec![reply(200, &[], "01234567890")]).await, (Err(RecordingError::TooLarge), 1));
}

#[tokio::test]
async fn what_is_not_there_and_what_may_not_be_read_are_told_apart() {
    assert_eq!(read(vec![reply(404, &[], "")]).await, (Err(RecordingError::NotFound), 1));
    for denied in [reply(403, &[], ""), error(403, "AccessDenied"), error(403, "InvalidObjectState")] {
        assert_eq!(read(vec![denied]).await, (Err(RecordingError::Denied), 1));
    }
    for passing in OUT_OF_DATE {
        let (read, _) = read(vec![error(403, passing)]).await;
        assert!(matches!(read, Err(RecordingError::Unavailable(_))), "{passing}: {read:?}");
    }
}

const LENT: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>lent</AccessKeyId>
    <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>
    </Credentials></AssumeRoleResult></AssumeRoleResponse>";

#[tokio::test]
async fn credentials_are_lent_once_for_each_place() {
    let replies = [reply(200, &[], LENT), reply(200, &[], "x"), reply(200, &[], "x"), reply(200, &[], LENT)];
    let (service, store) = store(replies.into_iter().chain([reply(200, &[], "")])).await;
    let store = store.lent_by(Some("arn:aws:iam::123456789012:role/data".to_owned()));
    for key in ["a/one", "a/two"] {
        store.read(&bucket(""), key, None, 10).await.unwrap();
    }
    put(&store).await.unwrap();
    let (heads, bodies) = (service.requests(), service.bodies());
    let signed =
        |head: &String| (head.contains("credential=lent/"), head.contains("x-amz-security-token: token"));
    let by: Vec<_> = heads.iter().map(signed).collect();
    assert_eq!(by, [(false, false), (true, true), (true, true), (false, false), (true, true)], "{heads:?}");
    let named = |n: usize, text: &str| bodies[n].contains("Action=AssumeRole&") && bodies[n].contains(text);
    assert!(named(0, "%3Arecordings%2Fa%2F%2A") && named(3, "%3Aclips%2F%2A"), "{bodies:?}");
}

#[tokio::test]
async fn a_place_that_no_session_policy_holds_is_denied() {
    let (service, store) = store([reply(200, &[], "")]).await;
    let store = store.lent_by(Some("arn:aws:iam::123456789012:role/data".to_owned()));
    let long = Bucket { prefix: format!("{}/", "a".repeat(1000)), ..bucket("") };
    assert_eq!(store.read(&long, "a/b", None, 10).await, Err(RecordingError::Denied));
    let long = format!("{}/export/0A/clip.ts", "a".repeat(1000));
    assert!(matches!(store.head(&target(""), &long).await, Err(WriteError::Denied(_))));
    assert!(service.requests().is_empty());
}

/// How each call about a target but `HEAD` goes, or why not.
async fn writes(store: &S3Objects<SystemClock>) -> [Result<(), WriteError>; 4] {
    let (target, upload) = (target(""), Upload { id: "u".to_owned(), key: "k".to_owned() });
    [
        put(store).await.map(drop),
        store.begin(&target, "k", "video/mp4", &origin()).await.map(drop),
        store.part(&target, &upload, 1, checked("x")).await.map(drop),
        complete(store).await.map(drop),
    ]
}

#[tokio::test]
async fn a_target_that_may_not_be_written_to_is_told_from_one_that_cannot_now() {
    let denied = ["AccessDenied", "AllAccessDisabled"].map(|code| error(403, code));
    let absent = error(404, "NoSuchBucket");
    let elsewhere = [error(301, "PermanentRedirect"), error(400, "AuthorizationHeaderMalformed")];
    for denied in denied.into_iter().chain([reply(403, &[], ""), absent]).chain(elsewhere) {
        let (service, store) = store([denied.clone()]).await;
        for (n, done) in writes(&store).await.into_iter().enumerate() {
            assert!(matches!(done, Err(WriteError::Denied(_))), "call {n}, {denied:?}: {done:?}");
        }
        assert_eq!(service.requests().len(), 4, "none is tried again");
    }
    let passing = OUT_OF_DATE.map(|code| error(403, code)).into_iter();
    for passing in passing.chain([error(307, "TemporaryRedirect"), error(404, "NoSuchKey")]) {
        let (_, store) = store([passing.clone()]).await;
        assert!(matches!(put(&store).await, Err(WriteError::Unavailable(_))), "{passing:?}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_told_from_a_bucket_that_may_not_be() {
    let message = "User: role is not authorized to perform: kms:Decrypt on resource: key";
    let denied = format!("<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>");
    for refused in [
        reply(403, &[], &denied),
        error(400, "KMS.DisabledException"),
        error(400, "KMS.KMSInvalidStateException"),
    ] {
        let (found, _) = read(vec![refused.clone()]).await;
        assert!(matches!(found, Err(RecordingError::Key(_))), "{found:?}");
        let (_, store) = store([refused]).await;
        assert!(matches!(put(&store).await, Err(WriteError::Key(_))));
    }
}

#[tokio::test]
async fn a_clock_that_s3_refuses_is_no_denial_with_or_without_a_code() {
    let skewed = || error(403, "RequestTimeTooSkewed");
    let (found, _) = read(vec![skewed()]).await;
    assert!(matches!(found, Err(RecordingError::Clock(_))), "{found:?}");
    let (_, refusing) = store([skewed()]).await;
    assert!(matches!(put(&refusing).await, Err(WriteError::Clock(_))));
    let (_, long_ago) = store([reply(403, &[("date", "Wed, 01 Jan 2020 00:00:00 GMT")], "")]).await;
    assert!(matches!(long_ago.head(&target(""), "k").await, Err(WriteError::Clock(_))));
}

/// It has no code that would say more.
#[tokio::test]
async fn a_look_at_a_target_is_denied_by_its_status_alone() {
    let target = target("");
    for denied in [reply(403, &[], ""), reply(301, &[], "")] {
        let (_, store) = store([denied]).await;
        assert!(matches!(store.head(&target, "k").await, Err(WriteError::Denied(_))));
    }
    let (_, absent) = store([reply(404, &[], "")]).await;
    assert_eq!(absent.head(&target, "k").await, Ok(None), "of the object or of its bucket: a write tells");
    let (_, busy) = store([reply(400, &[], "")]).await;
    assert!(matches!(busy.head(&target, "k").await, Err(WriteError::Unavailable(_))));
}

#[tokio::test]
async fn one_byte_says_how_many_there_are() {
    let part = reply(206, &[("content-range", "bytes 0-0/1234"), ("etag", "\"e\"")], "0");
    let (service, store) = store([part, reply(416, &[], ""), reply(200, &[], "01234")]).await;
    let bucket = bucket("");
    assert_eq!(store.size(&bucket, "a/b").await, Ok(1234));
    assert!(service.requests()[0].contains("range: bytes=0-0\r\n"));
    assert_eq!(store.size(&bucket, "a/b").await, Ok(0), "an object without bytes");
    assert!(matches!(store.size(&bucket, "a/b").await, Err(RecordingError::Unavailable(_))));
}

#[tokio::test]
async fn a_range_gives_its_bytes_or_an_error() {
    let part = reply(206, &[("content-range", "bytes 2-4/5"), ("etag", "\"e\"")], "234");
    let (service, store) = store([
        part.clone(),
        reply(416, &[], ""),
        // As S3 answers a range that ends before it starts.
        reply(200, &[], "01234"),
        part,
    ])
    .await;
    let bucket = bucket("");
    let read = store.read(&bucket, "a/b", Some((2, 9)), 8).await.unwrap();
    assert_eq!(read, SourceBytes { bytes: Bytes::from_static(b"234"), etag: "\"e\"".to_owned() });
    assert!(service.requests()[0].contains("range: bytes=2-9\r\n"));
    let read = store.read(&bucket, "a/b", Some((5, 9)), 8).await;
    assert_eq!(read, Ok(SourceBytes::default()), "past the end");
    assert!(matches!(store.read(&bucket, "a/b", Some((2, 9)), 8).await, Err(RecordingError::Unavailable(_))));
    assert!(matches!(store.read(&bucket, "a/b", Some((1, 3)), 8).await, Err(RecordingError::Unavailable(_))));
}

#[tokio::test]
async fn a_conflict_is_tried_again_and_a_refusal_is_an_answer() {
    let conflict = || reply(409, &[], "");
    for (last, published) in [
        (reply(200, &[("etag", "\"e\"")], COMPLETED), Published::Done),
        (reply(412, &[], ""), Published::Refused),
    ] {
        let (service, objects) = store([conflict(), conflict(), last.clone()]).await;
        assert_eq!(put(&objects).await, Ok(published));
        assert_eq!(service.requests().len(), 3);
        let (_, objects) = store([conflict(), conflict(), last]).await;
        assert_eq!(complete(&objects).await, Ok(published));
    }
    let (service, objects) = store([conflict()]).await;
    assert!(put(&objects).await.is_err());
    assert_eq!(service.requests().len(), 4);
}

#[tokio::test]
async fn an_upload_that_is_gone_is_a_refusal_so_that_the_object_is_looked_at() {
    let gone = r#"<?xml version="1.0"?><Error><Code>NoSuchUpload</Code></Error>"#;
    let (_, objects) = store([reply(409, &[], ""), reply(404, &[], gone)]).await;
    assert_eq!(complete(&objects).await, Ok(Published::Refused));
    let (_, objects) = store([reply(404, &[], "")]).await;
    assert!(put(&objects).await.is_err(), "there is no bucket");
}

#[tokio::test]
async fn a_write_that_landed_without_a_reply_is_refused_the_second_time_and_known_by_its_origin() {
    let metadata = [
        ("x-amz-meta-job-id", "a".repeat(32)),
        ("x-amz-meta-generation", "1".to_owned()),
        ("x-amz-meta-fence", "2".to_owned()),
    ];
    let metadata: Vec<_> = metadata.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let lost = Reply::Bytes(Vec::new());
    let (service, objects) = store([lost, reply(412, &[], ""), reply(200, &metadata, "")]).await;
    assert_eq!(put(&objects).await, Ok(Published::Refused));
    let found = objects.head(&target(""), "k").await.unwrap().unwrap();
    assert_eq!(found.origin, Some(origin()));
    assert_eq!(service.requests().len(), 3);
}

#[tokio::test]
async fn keys_reach_s3_as_they_are() {
    let (service, store) = store([reply(200, &[], "x")]).await;
    for (key, path) in [
        ("a/%2e%2e/b", "/recordings/a/%252e%252e/b?"),
        ("a/b c?d#e", "/recordings/a/b%20c%3fd%23e?"),
        ("a//b", "/recordings/a//b?"),
        ("a/../b", "/recordings/a/../b?"),
        ("a/\u{e9}", "/recordings/a/%c3%a9?"),
    ] {
        store.read(&bucket(""), key, None, 10).await.unwrap();
        let request = service.requests().pop().unwrap();
        assert!(request.starts_with(&format!("get {path}")), "{key}: {request}");
    }
}

/// SHA-256 of "x" in base64.
const OF_X: &str = "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=";

#[tokio::test]
async fn every_write_announces_the_one_checksum_and_carries_it() {
    let ok = |body: &str| reply(200, &[("etag", "\"e\"")], body);
    let (service, store) = store(["", CREATED, "", COMPLETED].map(ok)).await;
    let target = target("");
    put(&store).await.unwrap();
    let upload = store.begin(&target, "k", "video/mp4", &origin()).await.unwrap();
    let part = store.part(&target, &upload, 1, checked("x")).await.unwrap();
    store.complete(&target, &upload, &[part], &Precondition::Absent).await.unwrap();
    let (heads, bodies) = (service.requests(), service.bodies());
    let of_x = format!("x-amz-checksum-sha256: {}\r\n", OF_X.to_lowercase());
    assert!(heads[0].contains(&of_x) && heads[2].contains(&of_x), "{heads:?}");
    assert!(heads[1].contains("x-amz-checksum-algorithm: sha256\r\n"), "{}", heads[1]);
    assert!(heads[1].contains("x-amz-checksum-type: composite\r\n"), "{}", heads[1]);
    assert!(bodies[3].contains(&format!("<ChecksumSHA256>{OF_X}</ChecksumSHA256>")), "{}", bodies[3]);
    assert!(!heads.iter().any(|head| head.contains("crc")), "{heads:?}");
}

#[tokio::test]
async fn the_checksum_that_s3_keeps_is_read_as_manifests_have_it() {
    let hex = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    for (kept, read) in [(Some(OF_X.to_owned()), 1), (Some(format!("{OF_X}-3")), 1), (None, 0)] {
        let headers: Vec<_> = kept.iter().map(|kept| ("x-amz-checksum-sha256", kept.as_str())).collect();
        let (service, store) = store([reply(200, &headers, "")]).await;
        let found = store.head(&target(""), "k").await.unwrap().unwrap();
        assert_eq!(found.sha256.iter().filter(|found| *found == hex).count(), read);
        assert!(service.requests()[0].contains("x-amz-checksum-mode: enabled\r\n"));
    }
}

#[tokio::test]
async fn an_object_that_is_gone_or_another_one_counts_as_removed() {
    for status in [204, 404, 412] {
        let (service, store) = store([reply(status, &[], "")]).await;
        assert_eq!(store.remove(&target(""), "k", "\"e\"").await, Ok(()), "{status}");
        assert!(service.requests()[0].contains("if-match: \"e\"\r\n"));
    }
    let (_, store) = store([error(403, "AccessDenied")]).await;
    assert!(matches!(store.remove(&target(""), "k", "\"e\"").await, Err(WriteError::Denied(_))));
}

#[tokio::test]
async fn a_look_for_an_object_lists_no_more_than_its_key() {
    let other = LISTED.replace("<Key>k<", "<Key>k2<");
    for (listed, there) in [(LISTED, true), (other.as_str(), false), ("<ListBucketResult/>", false)] {
        let (service, store) = store([reply(200, &[], listed)]).await;
        assert_eq!(store.is_there(&target(""), "k").await, Ok(there), "{listed}");
        let request = &service.requests()[0];
        assert!(request.contains("max-keys=1") && request.contains("prefix=k"), "{request}");
    }
}

/// A list as S3 gives it: keys, and whether there are more.
fn keys(keys: &[&str], more: bool) -> Reply {
    let object = |key: &&str| format!("<Contents><Key>{key}</Key><ETag>\"of {key}\"</ETag></Contents>");
    let contents = keys.iter().map(object).collect::<Vec<_>>().concat();
    let list = format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{contents}</ListBucketResult>");
    reply(200, &[], &format!("<?xml version=\"1.0\"?>{list}"))
}

#[tokio::test]
async fn the_content_of_many_objects_is_listed_from_the_first_asked_for_on_and_what_lies_between_is_passed_over()
 {
    let wanted = ["a/9.m4s", "a/init.mp4", "a/seg-1.m4s", "a/seg-2.m4s", "a/seg-3.m4s", "b/x.m4s"];
    let wanted: BTreeSet<String> = wanted.map(str::to_owned).into();
    let pages = [
        keys(&["a/1.m4s", "a/9.m4s", "a/f.m4s"], true),
        keys(&["a/seg-1.m4s", "a/seg-10.m4s", "a/seg-2.m4s"], true),
        // What is not there, and a list that has nothing and does not end.
        keys(&[], true),
        keys(&["b/x.m4s"], false),
    ];
    let (service, store) = store(pages).await;
    let found = store.etags(&bucket("123456789012"), &wanted).await.unwrap();
    let expected = ["a/9.m4s", "a/seg-1.m4s", "a/seg-2.m4s", "b/x.m4s"];
    assert_eq!(found, expected.map(|key| (key.to_owned(), format!("\"of {key}\""))).into());
    let after: Vec<_> = service.requests().iter().map(|request| parameter(request, "start-after=")).collect();
    assert_eq!(after, ["a%2f9.m4", "a%2finit.mp", "a%2fseg-3.m4", "b%2fx.m4"]);
}

fn parameter(request: &str, name: &str) -> String {
    let rest = request.split_once(name).map_or("", |(_, rest)| rest);
    rest.split(['&', ' ']).next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_this_service_wrote_is_read_back_in_ranges() {
    let replies = [
        reply(206, &[("content-range", "bytes 2-4/9")], "cde"),
        reply(404, &[], "<Error><Code>NoSuchKey</Code></Error>"),
        reply(416, &[], "<Error><Code>InvalidRange</Code></Error>"),
        error(403, "AccessDenied"),
        reply(200, &[], "abcdefghi"),
    ];
    let (service, store) = store(replies).await;
    let target = target("");
    let read = |range, most| store.read_back(&target, "export/D/work/1/0", range, most);
    assert_eq!(read(Some((2, 4)), 3).await, Ok(Some("cde".into())));
    assert_eq!(read(None, 9).await, Ok(None));
    assert_eq!(read(Some((9, 9)), 9).await, Ok(Some(Bytes::new())));
    assert!(matches!(read(None, 9).await, Err(WriteError::Denied(_))));
    assert!(matches!(read(None, 8).await, Err(WriteError::Unavailable(_))), "it is too large");
    assert!(service.requests()[0].contains("range: bytes=2-4"));
}
