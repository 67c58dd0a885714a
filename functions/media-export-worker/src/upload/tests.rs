use super::*;
use export_domain::ids::JobId;
use export_domain::ports::{Precondition, Published};
use export_domain::storage::Container;
use export_testkit::MemoryObjects;

const KEY: &str = "export/D/clip.mp4";

fn place() -> Place {
    Place {
        target: Target {
            bucket: "clips".to_owned(),
            region: String::new(),
            root: String::new(),
            owner: String::new(),
            container: Container::Mp4,
        },
        key: KEY.to_owned(),
        content_type: "video/mp4",
        origin: Origin { job_id: JobId::parse(&"a".repeat(32)).unwrap(), generation: 1, fence: 1 },
    }
}

/// Bytes that tell their place, in pieces of a size that no part is a multiple of.
fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect()
}

/// Uploads `payload` behind `head`; returns what is visible in the end, and what was prepared.
async fn uploaded(payload: &[u8], head: Option<&'static [u8]>) -> (Vec<u8>, Prepared) {
    let store = Arc::new(MemoryObjects::default());
    let mut uploader = Uploader::new(Arc::clone(&store), place(), OpenUpload::default(), head.is_some());
    for piece in payload.chunks(70_001) {
        uploader.append(piece).await.unwrap();
    }
    let prepared = uploader.finish(head.map(Bytes::from_static)).await.unwrap();
    assert!(store.object("clips", KEY).is_none(), "nothing is visible before it is published");
    let (target, origin) = (place().target, place().origin);
    let published = match &prepared.content {
        Content::Whole(body) => {
            store.put(&target, KEY, "video/mp4", &origin, &Precondition::Absent, body.clone()).await
        }
        Content::Parts(upload, parts) => store.complete(&target, upload, parts, &Precondition::Absent).await,
    };
    assert_eq!(published, Ok(Published::Done));
    assert_eq!(store.open_uploads().len(), 0);
    let object = store.object("clips", KEY).unwrap();
    (object.body.to_vec(), prepared)
}

#[tokio::test]
async fn a_short_clip_is_written_at_once_with_its_head_in_front() {
    let body = payload(100_000);
    let (object, prepared) = uploaded(&body, Some(b"HEAD")).await;
    assert_eq!(object, [b"HEAD".as_slice(), &body].concat());
    assert!(matches!(prepared.content, Content::Whole(_)));
    assert_eq!(prepared.sha256, hex(&Sha256::digest(&object)));
    assert_eq!(prepared.bytes, 100_004);
}

#[tokio::test]
async fn a_long_clip_goes_in_parts_and_its_head_still_comes_first() {
    for length in [LEAST_PART, 2 * LEAST_PART, 2 * LEAST_PART + 1, 7 * LEAST_PART + 12_345] {
        let body = payload(length);
        let (object, prepared) = uploaded(&body, Some(b"HEAD")).await;
        assert!(object == [b"HEAD".as_slice(), &body].concat(), "{length}");
        assert_eq!(prepared.bytes, u64::try_from(length + 4).unwrap());
    }
}

#[tokio::test]
async fn a_transport_stream_has_no_head_and_its_parts_are_in_order() {
    let body = payload(3 * LEAST_PART + 1);
    let (object, prepared) = uploaded(&body, None).await;
    assert!(object == body);
    let Content::Parts(_, parts) = &prepared.content else { panic!("{prepared:?}") };
    assert_eq!(parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let mut composite = Sha256::new();
    for part in body.chunks(LEAST_PART) {
        composite.update(Sha256::digest(part));
    }
    assert_eq!(prepared.sha256, hex(&composite.finalize()));
}

#[tokio::test]
async fn an_upload_that_is_given_up_is_known_to_whoever_cleans_up() {
    let store = Arc::new(MemoryObjects::default());
    let open = OpenUpload::default();
    let mut uploader = Uploader::new(Arc::clone(&store), place(), open.clone(), false);
    uploader.append(&payload(LEAST_PART + 1)).await.unwrap();
    drop(uploader);
    let upload = open.take().await.unwrap();
    store.abort(&place().target, &upload).await.unwrap();
    assert_eq!(store.open_uploads().len(), 0);
}

#[test]
fn parts_grow_with_what_is_written_and_are_never_larger_than_memory_allows() {
    let of_gib = |gib: u64| {
        let (mut parts, mut bytes, mut largest) = (0, 0, 0);
        while bytes < gib << 30 {
            largest = part_size(bytes);
            bytes += u64::try_from(largest).unwrap();
            parts += 1;
        }
        (parts, largest)
    };
    let within = |(parts, largest): (u64, usize), most: usize| parts <= 10_000 && largest <= most;
    assert_eq!(of_gib(1), (205, 5 << 20));
    assert!(within(of_gib(10), 8 << 20), "four hours at 6 Mb/s: {:?}", of_gib(10));
    assert!(within(of_gib(380), 64 << 20), "{:?}", of_gib(380));
    assert_eq!(part_size(u64::MAX), 64 << 20);
}
