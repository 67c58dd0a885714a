//! Reads objects below one recording's directory, and counts the bytes.

use super::lists::{ListState, RecordedLists};
use crate::error::{About, Error, Kind, Refusal};
use crate::notes::Notes;
use crate::{ReadFailure, Source};
use bytes::Bytes;
use export_media::fmp4::{Init, InitTrack};
use export_media::mpd::{MAX_BYTES, ObjectRange};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

/// Largest init segment or index, by what their readers take.
const HEAD_MOST: u64 = 4 << 20;
/// Bytes of all init segments of a recording that are read for one window.
const INITS_MOST: u64 = 64 << 20;
/// Bytes that a job may read however short its window is, and for each second of it. A second of 8K at 200 Mbit/s has a
/// quarter of that, and a copy that fails is read again.
const BYTES_MOST: u64 = 4 << 30;
const BYTES_A_SECOND: u64 = 100 << 20;
/// KiB of all segments that a job fetches ahead of need, whatever the manifest says of them.
const AHEAD_KIB: usize = 512 << 10;
/// Objects that a job may ask for in vain.
const ABSENT_MOST: u64 = 10_000;
/// Longest key that S3 takes, in bytes.
const KEY_MOST: usize = 1024;

/// Segments that are held for other tracks that are in them.
const SHARED_MOST: usize = 8;

/// The bytes of a segment, once they are read; none if it does not exist.
type SharedBytes = Arc<OnceCell<Option<Bytes>>>;

/// The tracks of an init segment, once they are known.
type InitTracks = Arc<OnceCell<Vec<Arc<InitTrack>>>>;

/// Reads below one recording's directory, and counts the bytes.
#[derive(Debug)]
pub(crate) struct Reader<O> {
    source: Arc<O>,
    directory: String,
    bytes: AtomicU64,
    /// Init segments that were read: many tracks may share one.
    inits: Arc<Mutex<HashMap<ObjectRange, InitTracks>>>,
    init_bytes: AtomicU64,
    bytes_most: u64,
    absent: AtomicU64,
    /// KiB that may still be fetched ahead of need, by all tracks.
    ahead: Arc<Semaphore>,
    notes: Notes,
    lists: RecordedLists,
    /// Segments that several tracks are in, the newest last.
    shared: Mutex<VecDeque<(ObjectRange, SharedBytes)>>,
    /// The beginning of the stream that the recording is.
    stream_head: Arc<OnceCell<Option<Bytes>>>,
    /// When to look again for what is not there yet, while the recording may still begin.
    wake_at: Option<i64>,
}

/// Room for what is fetched ahead of need; given back when this is dropped.
#[derive(Debug)]
pub(super) struct Room(OwnedSemaphorePermit);

impl Room {
    /// So much of it as `bytes` bytes take.
    pub(super) fn shrunk_to(mut self, bytes: usize) -> Option<Self> {
        self.0.split(bytes.div_ceil(1024)).map(Self)
    }
}

impl<O: Source> Reader<O> {
    /// A reader for the recording whose manifest is at `manifest`.
    pub(crate) fn new(source: Arc<O>, manifest: &str) -> Self {
        let directory = manifest.rfind('/').map_or("", |at| &manifest[..=at]).to_owned();
        Self {
            source,
            directory,
            bytes: AtomicU64::new(0),
            inits: Arc::default(),
            init_bytes: AtomicU64::new(0),
            bytes_most: BYTES_MOST,
            absent: AtomicU64::new(0),
            ahead: Arc::new(Semaphore::new(AHEAD_KIB)),
            notes: Notes::default(),
            lists: RecordedLists::default(),
            shared: Mutex::default(),
            stream_head: Arc::default(),
            wake_at: None,
        }
    }

    /// A reader of the same recording for another window: what describes its tracks is read once for both.
    pub(crate) fn beside(&self) -> Self {
        Self {
            directory: self.directory.clone(),
            inits: Arc::clone(&self.inits),
            stream_head: Arc::clone(&self.stream_head),
            ..Self::new(Arc::clone(&self.source), "")
        }
    }

    /// Gives back what is held for tracks that are read in turn. Reading can go on.
    pub(crate) fn forget(&self) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The same for a recording that counts as it was when its `lists` were read, if they are frozen.
    pub(crate) fn with_lists(self, lists: RecordedLists) -> Self {
        Self { lists, ..self }
    }

    /// The manifest, and the playlists that it names, that were read.
    pub(crate) fn lists(&self) -> &RecordedLists {
        &self.lists
    }

    /// Bounds what is read by the length of the window.
    pub(crate) fn bound(&mut self, window_ms: i64) {
        let seconds = u64::try_from(window_ms / 1000).unwrap_or(0);
        self.bytes_most = BYTES_MOST.saturating_add(BYTES_A_SECOND.saturating_mul(seconds));
    }

    /// Init segments may not be stored yet: `wake_at` is when to look again, in milliseconds since the epoch.
    pub(crate) fn expect_init(&mut self, wake_at: Option<i64>) {
        self.wake_at = wake_at;
    }

    /// The warnings about the clip that is made of this recording.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Returns `true` if a file that the manifest lists was asked for and does not exist.
    pub(crate) fn has_missed(&self) -> bool {
        self.absent.load(Ordering::Relaxed) > 0
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Room for up to `bytes` bytes that are not needed yet, if there is so much.
    pub(super) fn room_ahead(&self, bytes: u64) -> Option<Room> {
        let kib = u32::try_from(bytes.div_ceil(1024)).ok()?;
        Arc::clone(&self.ahead).try_acquire_many_owned(kib).ok().map(Room)
    }

    /// Reads the manifest, and gives its text and its path in the directory; `None` if it is too large.
    pub(super) async fn manifest_text<'a>(&self, key: &'a str) -> Result<Option<(Bytes, &'a str)>, Error> {
        let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
        let text = match self.lists.get(key) {
            ListState::As(known) => known,
            ListState::Unread => match self.source.read(key, None, most).await {
                Err(ReadFailure::TooLarge) => return Ok(None),
                read => found(read, most)?,
            },
        };
        self.lists.read(key, text.as_ref());
        let text = text.ok_or(Refusal::from(Kind::SourceAbsent))?;
        Ok(Some((text, self.relative(key))))
    }

    /// Reads a playlist that the manifest names, at `path` in the directory; `None` if it does not exist.
    pub(super) async fn playlist(&self, path: &str, most: u64) -> Result<Option<Bytes>, Error> {
        let key = format!("{}{path}", self.directory);
        if let ListState::As(known) = self.lists.get(&key) {
            return Ok(known);
        }
        let text = self.read(&ObjectRange { path: path.to_owned(), range: None }, most).await?;
        self.lists.read(&key, text.as_ref());
        Ok(text)
    }

    /// The path in the directory of what is at `key`.
    pub(super) fn relative<'a>(&self, key: &'a str) -> &'a str {
        key.get(self.directory.len()..).unwrap_or(key)
    }

    /// The tracks of an init segment, which is called `place`. It is read once.
    pub(super) async fn init(
        &self,
        resource: &ObjectRange,
        place: &'static str,
    ) -> Result<Vec<Arc<InitTrack>>, Error> {
        let tracks = {
            let mut inits = self.inits.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(inits.entry(resource.clone()).or_default())
        };
        let read = || async {
            let bytes = self.head(resource).await?;
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if self.init_bytes.fetch_add(length, Ordering::Relaxed).saturating_add(length) > INITS_MOST {
                let why = format!("all init segments together have more than {INITS_MOST} bytes");
                return Err(Error::from(Kind::BadRecording.because(why)));
            }
            let tracks = Init::parse(&bytes).map_err(Error::from)?.tracks;
            Ok(tracks.into_iter().map(Arc::new).collect())
        };
        tracks.get_or_try_init(read).await.cloned().about(|| place)
    }

    /// Reads an init segment or an index.
    pub(super) async fn head(&self, resource: &ObjectRange) -> Result<Bytes, Error> {
        self.read(resource, HEAD_MOST).await?.ok_or_else(|| match self.wake_at {
            Some(wake_at) => Error::Waiting { wake_at, available_ms: 0, live_edge_ms: None },
            None => Kind::BadRecording.because("it is listed and does not exist").into(),
        })
    }

    /// Reads a segment that several tracks are in: once for all that ask for it in turn.
    pub(super) async fn shared(&self, resource: &ObjectRange, most: u64) -> Result<Option<Bytes>, Error> {
        let cell = {
            let mut held = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            let known = held.iter().find(|(known, _)| known == resource).map(|(_, cell)| Arc::clone(cell));
            known.unwrap_or_else(|| {
                if held.len() == SHARED_MOST {
                    held.pop_front();
                }
                let cell = SharedBytes::default();
                held.push_back((resource.clone(), Arc::clone(&cell)));
                cell
            })
        };
        cell.get_or_try_init(|| self.read(resource, most)).await.cloned()
    }

    /// The size of a file of the recording.
    pub(super) async fn size(&self, path: &str) -> Result<u64, Error> {
        match self.source.size(&format!("{}{path}", self.directory)).await {
            Ok(size) => Ok(size),
            Err(ReadFailure::NotFound) => Err(Refusal::from(Kind::SourceAbsent).into()),
            Err(ReadFailure::Denied(why)) => Err(Kind::Denied.because(why).into()),
            Err(ReadFailure::Outside(error)) => Err(Error::Outside(error)),
            Err(ReadFailure::TooLarge) => Err(Kind::BadRecording.because("the file is too large").into()),
            Err(ReadFailure::Unavailable(why)) => Err(Error::Unanswered(why)),
        }
    }

    /// Reads the beginning of a stream, once for all of its parts.
    pub(super) async fn head_of_stream(
        &self,
        resource: &ObjectRange,
        most: u64,
    ) -> Result<Option<Bytes>, Error> {
        self.stream_head.get_or_try_init(|| self.read(resource, most)).await.cloned()
    }

    /// A segment that was read for several, and is still here.
    pub(super) fn held(&self, resource: &ObjectRange) -> Option<Bytes> {
        let held = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|(known, _)| known == resource)?.1.get()?.clone()
    }

    /// Reads a resource of the recording if it has at most `most` bytes; `None` if it does not exist.
    pub(super) async fn read(&self, resource: &ObjectRange, most: u64) -> Result<Option<Bytes>, Error> {
        let key = format!("{}{}", self.directory, resource.path);
        let range = resource.range.map(|range| (range.first, range.last));
        // S3 answers a range that ends before it starts with the whole object.
        if key.len() > KEY_MOST || range.is_some_and(|(first, last)| last < first) {
            let why = "the manifest names a file or a range of bytes that cannot be";
            return Err(Kind::BadRecording.because(why).into());
        }
        let found = self.object(&key, range, most).await?;
        self.count(found.as_ref().map(Bytes::len))?;
        Ok(found)
    }

    /// Counts one read: its bytes, or that there was nothing.
    fn count(&self, found: Option<usize>) -> Result<(), Error> {
        let Some(length) = found else {
            let absent = self.absent.fetch_add(1, Ordering::Relaxed) + 1;
            return if absent <= ABSENT_MOST {
                Ok(())
            } else {
                let why =
                    format!("more than {ABSENT_MOST} of the files that the manifest lists do not exist");
                Err(Kind::BadRecording.because(why).into())
            };
        };
        let length = u64::try_from(length).unwrap_or_default();
        let read = self.bytes.fetch_add(length, Ordering::Relaxed).saturating_add(length);
        if read <= self.bytes_most {
            return Ok(());
        }
        let why = format!("more than {} bytes would be read for the window", self.bytes_most);
        Err(Kind::BadRecording.because(why).into())
    }

    /// Reads an object, or bytes of it; `None` if it does not exist.
    async fn object(&self, key: &str, range: Option<(u64, u64)>, most: u64) -> Result<Option<Bytes>, Error> {
        found(self.source.read(key, range, most).await, most)
    }
}

/// The bytes that were read; `None` if the object does not exist.
fn found(read: Result<Bytes, ReadFailure>, most: u64) -> Result<Option<Bytes>, Error> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadFailure::NotFound) => Ok(None),
        Err(ReadFailure::Denied(why)) => Err(Kind::Denied.because(why).into()),
        Err(ReadFailure::Outside(error)) => Err(Error::Outside(error)),
        Err(ReadFailure::TooLarge) => {
            Err(Kind::BadRecording.because(format!("a file has more than {most} bytes")).into())
        }
        Err(ReadFailure::Unavailable(why)) => Err(Error::Unanswered(why)),
    }
}
