use super::*;
use export_mre::document::View;
use export_mre::format::Rendering;
use export_mre::ports::{DocumentLink, LinkHeaders, LinkMethod};
use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::Mutex;

/// Remembers what was kept.
#[derive(Default)]
struct Kept(Mutex<Vec<(Bytes, String, LinkHeaders, LinkMethod)>>);

impl DocumentLinks for Kept {
    async fn lend(
        &self,
        body: Bytes,
        sha256: &str,
        headers: &LinkHeaders,
        method: LinkMethod,
    ) -> Result<DocumentLink, Unavailable> {
        self.0.lock().unwrap().push((body, sha256.to_owned(), headers.clone(), method));
        Ok(DocumentLink {
            url: format!("https://s3/{sha256}?signed"),
            expires_at: EpochMs::new(1_700_000_000_999),
        })
    }
}

struct Broken;

impl DocumentLinks for Broken {
    async fn lend(
        &self,
        _: Bytes,
        _: &str,
        _: &LinkHeaders,
        _: LinkMethod,
    ) -> Result<DocumentLink, Unavailable> {
        Err(Unavailable("S3", String::new()))
    }
}

fn ask() -> Ask {
    Ask {
        rendering: View::Guide.into(),
        options: std::collections::BTreeMap::new(),
        stored: false,
        form: Form::Bare,
        delivery: Delivery::Document,
        head: false,
        gzip: false,
        if_none_match: None,
        disposition: None,
    }
}

fn served(text: &str) -> Served {
    Served {
        text: text.to_owned(),
        origin: DocumentOrigin::Live,
        profile_source: Some("trigger"),
        warnings: Some("start-missing".to_owned()),
        modified: EpochMs::new(784_111_777_000),
    }
}

async fn reply(ask: &Ask, text: &str) -> Reply {
    deliver(ask, served(text), &Kept::default()).await.unwrap()
}

#[tokio::test]
async fn a_small_document_is_the_body() {
    let reply = reply(&ask(), "{\"é\": 1}").await;
    assert_eq!((reply.status_code, reply.body.as_str()), (200, "{\"é\": 1}"));
    for (name, value) in [
        ("content-type", "application/json"),
        ("cache-control", "private, no-cache"),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("x-export-source", "live"),
        ("x-export-profile-source", "trigger"),
        ("x-export-warnings", "start-missing"),
    ] {
        assert_eq!(reply.headers.get(name).map(String::as_str), Some(value));
    }
}

#[tokio::test]
async fn forms_and_encodings_have_bodies_and_tags_of_their_own() {
    let mut tags = std::collections::HashSet::new();
    for (form, body) in [
        (Form::Bare, "{\"a\": 1}"),
        (Form::Blob, r#"{"BlobContent": "{\"a\": 1}\n"}"#),
        (Form::Line, "{\"a\": 1}\n"),
    ] {
        for view in [View::Guide, View::Mre] {
            let plain = reply(&Ask { rendering: view.into(), form, ..ask() }, "{\"a\": 1}").await;
            assert_eq!(plain.body, body);
            let packed =
                reply(&Ask { rendering: view.into(), form, gzip: true, ..ask() }, "{\"a\": 1}").await;
            assert!(packed.is_base64_encoded);
            assert_eq!(
                (unpacked(&packed).as_str(), packed.headers["content-encoding"].as_str()),
                (body, "gzip")
            );
            tags.extend([plain.headers["etag"].clone(), packed.headers["etag"].clone()]);
        }
    }
    assert_eq!(tags.len(), 12);
    let other = reply(&ask(), "{\"a\": 2}").await;
    assert!(!tags.contains(&other.headers["etag"]));
}

fn unpacked_base64(reply: &Reply) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(&reply.body).unwrap()
}

fn unpacked(reply: &Reply) -> String {
    let bytes = unpacked_base64(reply);
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn a_format_has_its_type_its_file_and_a_tag_for_its_options() {
    let ask = |format: Format, fps: Option<&str>| {
        let options = fps.map(|fps| ("fps".to_owned(), fps.to_owned())).into_iter().collect();
        let rendering = Rendering::read(format, View::Guide, &options).unwrap();
        Ask { rendering, options, ..ask() }.about("É")
    };
    let csv = reply(&ask(Format::Csv, None), "a\r\n").await;
    assert_eq!(
        (csv.body.as_str(), csv.headers["content-type"].as_str()),
        ("a\r\n", "text/csv; charset=utf-8; header=present")
    );
    assert_eq!(
        csv.headers["content-disposition"],
        "attachment; filename=\"_.csv\"; filename*=UTF-8''%C3%89.csv"
    );
    assert!(csv.headers["etag"].ends_with("-csv\""));
    let edl = async |fps| reply(&ask(Format::Edl, fps), "T").await.headers["etag"].clone();
    let tags = [edl(None).await, edl(Some("25")).await, edl(Some("30")).await];
    assert!(tags.iter().all(|tag| tag.ends_with("-edl\"")));
    assert_eq!(tags.iter().collect::<std::collections::HashSet<_>>().len(), 3);
    let kept = Kept::default();
    deliver(&Ask { delivery: Delivery::Link, ..ask(Format::Vtt, None) }, served("WEBVTT"), &kept)
        .await
        .unwrap();
    let told = kept.0.into_inner().unwrap()[0].2.clone();
    assert_eq!(told.content_type, "text/vtt; charset=utf-8");
    assert!(told.disposition.unwrap().starts_with("inline; filename="));
}

#[tokio::test]
async fn a_known_document_is_not_sent_again() {
    let tag = reply(&ask(), "{}").await.headers["etag"].clone();
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
        let reply = reply(&Ask { if_none_match: Some(known), ..ask() }, "{}").await;
        assert_eq!((reply.status_code, reply.body.as_str()), (304, ""));
        assert_eq!(reply.headers["etag"], tag);
    }
    let other = reply(&Ask { if_none_match: Some("\"x\"".to_owned()), ..ask() }, "{}").await;
    assert_eq!(other.status_code, 200);
    let packed = reply(&Ask { if_none_match: Some(tag), gzip: true, ..ask() }, "{}").await;
    assert_eq!(packed.status_code, 200, "another representation");
}

#[tokio::test]
async fn a_head_has_the_status_and_headers_of_get_and_the_length_of_its_body() {
    for text in ["{}".to_owned(), "x".repeat(6_000_000)] {
        for ask in [ask(), Ask { gzip: true, ..ask() }, Ask { delivery: Delivery::Link, ..ask() }] {
            let kept = Kept::default();
            let mut get = deliver(&ask, served(&text), &kept).await.unwrap();
            let head = deliver(&Ask { head: true, ..ask.clone() }, served(&text), &kept).await.unwrap();
            let bytes = if get.is_base64_encoded { unpacked_base64(&get).len() } else { get.body.len() };
            if get.status_code == 200 {
                get.headers.insert("content-length", bytes.to_string());
            }
            assert_eq!((head.status_code, &head.headers), (get.status_code, &get.headers));
            assert_eq!((head.body.as_str(), head.is_base64_encoded), ("", false));
            if get.status_code == 307 {
                let methods: Vec<LinkMethod> = kept.0.lock().unwrap().iter().map(|kept| kept.3).collect();
                assert_eq!(methods, [LinkMethod::Get, LinkMethod::Head], "a signature covers the method");
            }
        }
    }
}

#[tokio::test]
async fn what_does_not_fit_is_kept_and_pointed_at() {
    let text = "x".repeat(5_500_001);
    let kept = Kept::default();
    let reply = deliver(&ask(), served(&text), &kept).await.unwrap();
    let kept = kept.0.into_inner().unwrap();
    assert_eq!((kept[0].0.as_ref(), kept[0].2.content_type), (text.as_bytes(), "application/json"));
    assert_eq!(kept[0].1, sha256(text.as_bytes()));
    assert_eq!(
        (reply.status_code, reply.headers["location"].clone()),
        (307, format!("https://s3/{}?signed", kept[0].1))
    );
    assert_eq!((reply.headers["cache-control"].as_str(), reply.body.as_str()), ("no-store", ""));
    let known = Ask { if_none_match: Some(reply.headers["etag"].clone()), ..ask() };
    assert_eq!(deliver(&known, served(&text), &Broken).await.unwrap().status_code, 304);
    let reply = deliver(&Ask { gzip: true, ..ask() }, served(&text), &Broken).await.unwrap();
    assert_eq!(unpacked(&reply).len(), text.len(), "compressed it fits");
}

#[tokio::test]
async fn a_blob_that_does_not_fit_is_kept_as_a_blob() {
    let text = "\"".repeat(1_400_000);
    let kept = Kept::default();
    let ask = Ask { form: Form::Blob, ..ask() };
    assert_eq!(deliver(&ask, served(&text), &kept).await.unwrap().status_code, 307, "quotes grow fourfold");
    assert_eq!(kept.0.into_inner().unwrap()[0].0.as_ref(), blob(&format!("{text}\n")).as_bytes());
}

#[tokio::test]
async fn a_link_tells_where_how_long_and_what() {
    let kept = Kept::default();
    let reply =
        deliver(&Ask { delivery: Delivery::Link, gzip: true, ..ask() }, served("{}"), &kept).await.unwrap();
    let hash = sha256(b"{}");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&reply.body).unwrap(),
        serde_json::json!({"Location": format!("https://s3/{hash}?signed"),
            "ExpiresAt": "2023-11-14T22:13:20Z", "Bytes": 2, "Sha256": hash})
    );
    assert_eq!((reply.status_code, reply.headers["cache-control"].as_str()), (200, "no-store"));
    assert!(!reply.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn a_document_that_cannot_be_kept_is_not_served() {
    assert!(deliver(&Ask { delivery: Delivery::Link, ..ask() }, served("{}"), &Broken).await.is_err());
}
