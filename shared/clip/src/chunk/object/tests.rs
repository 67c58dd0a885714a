use super::*;
use export_media::fmp4::Init;
use export_testkit::recordings::picture_tracks;
use std::sync::Mutex;

/// An object in memory.
#[derive(Debug, Default)]
struct Held(Vec<u8>);

impl ClipWriter for Held {
    type Written = Vec<u8>;

    async fn append(&mut self, data: &[u8]) -> Result<(), Error> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    async fn finish(self, _head: Option<Bytes>) -> Result<Vec<u8>, Error> {
        Ok(self.0)
    }
}

/// The object of chunk 3, and the ranges that were read.
#[derive(Debug, Default)]
struct Store(Vec<u8>, Mutex<Vec<(u64, u64)>>);

impl Chunks for Store {
    async fn size(&self, n: u32) -> Result<Option<u64>, Error> {
        Ok((n == 3).then_some(u64::try_from(self.0.len()).unwrap()))
    }

    async fn read(&self, _n: u32, first: u64, last: u64) -> Result<Bytes, Error> {
        self.1.lock().unwrap().push((first, last));
        let range = usize::try_from(first).unwrap()..=usize::try_from(last).unwrap();
        Ok(Bytes::copy_from_slice(&self.0[range]))
    }
}

fn config() -> Arc<DecoderConfig> {
    let file = picture_tracks(&[vec![Bytes::from_static(&[0, 0, 0, 1, 0x65])]]);
    let init = Init::parse(&file).unwrap();
    Arc::new(DecoderConfig::of(&init.tracks[0].sample_entries[0]).unwrap())
}

const FROM: Nanos = Nanos::new(1_700_000_000_000_000_007);

fn picture(config: &Arc<DecoderConfig>, n: i128, sync: bool) -> ClipSample {
    ClipSample {
        pts: FROM + Nanos::new(n * 40_000_000),
        duration: Nanos::new(40_000_000),
        sync,
        data: vec![u8::try_from(n).unwrap(); 5].into(),
        config: Arc::clone(config),
        origin: None,
    }
}

async fn object(ending: Ending) -> Vec<u8> {
    let config = config();
    let mut object = ObjectWriter::new(Held::default(), "plan".to_owned(), 3, FROM).unwrap();
    for (starts, numbers) in [(true, [0, 2, 1]), (false, [3, 5, 4]), (true, [90, 91, 92])] {
        let pictures = numbers.map(|n| picture(&config, n, n % 3 == 0)).into();
        object.add(Block { pictures, starts }).await.unwrap();
    }
    let (bytes, count) = object.finish(ending).await.unwrap();
    assert_eq!(count, 9);
    bytes
}

fn ending() -> Ending {
    let hole = (FROM + Nanos::new(240_000_000), FROM + Nanos::new(3_600_000_000));
    Ending {
        goes_on_before: true,
        goes_on_behind: false,
        bare: Bare { lack: hole.1 - hole.0, parts: vec![hole] },
        left_out: 2,
        lost: vec!["captions".to_owned()],
        warnings: vec![Warning { code: WarningCode::RatesCorrected, count: 1, detail: "why".to_owned() }],
    }
}

#[tokio::test]
async fn what_is_written_is_what_is_read_block_by_block() {
    let store = Store(object(ending()).await, Mutex::default());
    let read = Object::read(&store, "plan", 3).await.unwrap();
    assert_eq!((read.count(), read.bare(), read.trailer.left_out), (9, ending().bare, 2));
    assert!(read.trailer.goes_on_before && !read.trailer.goes_on_behind);
    assert_eq!(read.warnings().collect::<Vec<_>>(), [(WarningCode::RatesCorrected, "why")]);
    let (mut hash, mut seen, config) = (Sha256::new(), Vec::new(), config());
    for place in read.places() {
        let (block, bytes) = read.block(&store, place).await.unwrap();
        hash.update(&bytes);
        let told = |picture: ClipSample| {
            assert_eq!(picture.config.entry.bytes, config.entry.bytes);
            (picture.pts, picture.duration, picture.sync, picture.data)
        };
        seen.push((block.starts, block.pictures.into_iter().map(told).collect::<Vec<_>>()));
    }
    let expected = [(true, [0, 2, 1]), (false, [3, 5, 4]), (true, [90, 91, 92])].map(|(starts, numbers)| {
        let told = |n| {
            let picture = picture(&config, n, n % 3 == 0);
            (picture.pts, picture.duration, picture.sync, picture.data)
        };
        (starts, numbers.map(told).to_vec())
    });
    assert_eq!(seen, expected);
    read.check(hash).unwrap();
}

#[tokio::test]
async fn the_same_pictures_give_the_same_object_whose_first_bytes_are_theirs_alone() {
    let bytes = object(ending()).await;
    assert_eq!(bytes, object(ending()).await);
    let pictures: Vec<u8> = [0, 2, 1, 3, 5, 4, 90, 91, 92].into_iter().flat_map(|n| [n; 5]).collect();
    assert_eq!(bytes[..45], pictures);
}

#[tokio::test]
async fn an_object_that_is_not_whole_or_of_another_plan_is_refused() {
    let whole = object(ending()).await;
    let fault = |bytes: Vec<u8>, digest: &'static str, n: u32| async move {
        match Object::read(&Store(bytes, Mutex::default()), digest, n).await {
            Err(Error::Chunk(fault, _)) => Some(fault),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fault(whole.clone(), "plan", 4).await, Some(ChunkFault::Absent(4)));
    assert_eq!(fault(whole.clone(), "other", 3).await, Some(ChunkFault::Damaged(3)));
    for length in [0, 7, 44, whole.len() - 1] {
        assert_eq!(
            fault(whole[..length].to_vec(), "plan", 3).await,
            Some(ChunkFault::Damaged(3)),
            "{length}"
        );
    }
    assert_eq!(fault(whole[1..].to_vec(), "plan", 3).await, Some(ChunkFault::Damaged(3)), "a byte too few");
}

#[tokio::test]
async fn a_changed_byte_of_a_picture_is_found_by_the_digest() {
    let mut bytes = object(ending()).await;
    bytes[20] ^= 1;
    let store = Store(bytes, Mutex::default());
    let read = Object::read(&store, "plan", 3).await.unwrap();
    let mut hash = Sha256::new();
    for place in read.places() {
        hash.update(read.block(&store, place).await.unwrap().1);
    }
    assert!(matches!(read.check(hash), Err(Error::Chunk(ChunkFault::Damaged(3), _))));
}

#[tokio::test]
async fn a_trailer_that_is_longer_than_what_is_read_at_first_is_read_in_a_second_request() {
    let short = Store(object(ending()).await, Mutex::default());
    Object::read(&short, "plan", 3).await.unwrap();
    assert_eq!(short.1.lock().unwrap().len(), 1);
    let long = Ending { lost: vec!["x".repeat(usize::try_from(END).unwrap())], ..ending() };
    let store = Store(object(long).await, Mutex::default());
    let read = Object::read(&store, "plan", 3).await.unwrap();
    assert_eq!((read.count(), store.1.lock().unwrap().len()), (9, 2));
}
