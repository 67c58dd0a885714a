//! The clip of a plan whose chunks are made.

use super::input;
use super::object::Object;
use super::seam::LastPictures;
use crate::audio::{Means, join_audio};
use crate::budget::Budget;
use crate::chunked::{ChunkFault, ChunkPlan};
use crate::error::Error;
use crate::fanning::ReadyLook;
use crate::ffmpeg::Ffmpeg;
use crate::gauge::Gauge;
use crate::listed::NoPlaylist;
use crate::machine::cores;
use crate::making::{ClipParts, WrittenFile, file};
use crate::notes::WarningCode;
use crate::plan::Plan;
use crate::planner::{Largest, PendingBlock, WindowPlace, reordered};
use crate::recording::Recording;
use crate::reel::{Made, MadePart};
use crate::stats::Stats;
use crate::task::Task;
use crate::write::assembly::{Block, ClipSample, VideoSpec};
use crate::write::marks::ClipMarks;
use crate::{Chunks, ClipWriter, Observer, Sink, Source};
use bytes::Bytes;
use export_media::coverage::Bare;
use export_media::entries::SharedEntry;
use export_media::ffmpeg::FileFormat;
use export_media::picture::DecoderConfig;
use export_media::time::Nanos;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

/// Objects whose trailers are read side by side.
const TRAILERS_AT_ONCE: usize = 32;
/// Blocks that are read ahead of the one that is written.
const BLOCKS_AHEAD: usize = 2;

/// A clip to be joined of its chunks.
#[derive(Debug, Clone)]
pub struct ChunkJoin<'a> {
    /// The plan.
    pub plan: &'a ChunkPlan,
    /// Tells its progress.
    pub gauge: Arc<Gauge>,
}

impl ChunkJoin<'_> {
    /// Makes the clip of the objects of all chunks and of the recording's audio.
    ///
    /// # Errors
    /// [`Error`] as of a clip. [`ChunkFault`] if an object has to be made anew, or all of them.
    pub async fn make<S: Source, C: Chunks, K: Sink>(
        &self,
        source: Arc<S>,
        chunks: Arc<C>,
        ffmpeg: &Ffmpeg,
        sink: &K,
        observer: &impl Observer,
    ) -> Result<Made<<K::Writer as ClipWriter>::Written>, Error> {
        let plan = self.plan;
        let (look, container, selection) = (plan.look()?, plan.container()?, plan.selection()?);
        let opened = async {
            let listed = Recording::list_again(source, &selection, plan.lists()).await?;
            Box::pin(listed.with_tracks()).await
        };
        let digest = plan.digest();
        let trailers: Vec<_> =
            (0..plan.count()).map(|n| Object::read(&*chunks, &digest, n).boxed()).collect();
        let read = stream::iter(trailers).buffered(TRAILERS_AT_ONCE).try_collect::<Vec<Object>>();
        let ((recording, audio), objects) = tokio::try_join!(Box::pin(opened), read)?;
        plan.check_window(&recording.window)?;
        check_sets(&objects)?;
        let stats = self.begin(&look);
        let budget = Budget::new(Instant::now(), Nanos::ZERO, ffmpeg.memory());
        let largest = Largest::default();
        let place = WindowPlace { number: 0, window: recording.window, shift: Nanos::ZERO };
        let reader = &recording.reader;
        let audio = join_audio(&Means { ffmpeg, container }, &[(&audio, reader, Nanos::ZERO)]);
        let track = recording.track.clone().filter(|_| observer.wants_playlist());
        let listed = track.map(|track| (track, Some(NoPlaylist::Encoded)));
        let (parts, ready) = mpsc::channel(1);
        let feed = ChunkFeed {
            chunks,
            objects: &objects,
            spec: spec(&look),
            place,
            seams: Seams::new(ffmpeg.clone(), look.clone(), container),
        };
        let clip = ClipParts {
            input: input(ffmpeg, (selection.codec, container), (&budget, &largest), &look),
            windows: vec![(place, &recording)],
            audio: Vec::new(),
            marks: ClipMarks::new(Vec::new()),
            stats: Arc::clone(&stats),
            listed: None,
        };
        let writer = sink.begin(container == FileFormat::Mp4).await?;
        let writing = file(ready, (audio, listed), &clip, writer, observer);
        let (written, count) = tokio::try_join!(Box::pin(writing), feed.join(parts))?;
        let written = written.ok_or_else(|| recording.no_picture())?;
        stats.encoded_pictures(count, Duration::ZERO);
        warn(&recording, &objects);
        Ok(made(&recording, &objects, written, stats.plan()))
    }

    fn begin(&self, look: &ReadyLook) -> Arc<Stats> {
        let stats = self.gauge.begin(self.plan.unfit());
        stats.has_chunks(self.plan.count());
        if look.converts() {
            stats.converted();
        }
        stats
    }
}

/// The clip that was made in this way.
fn made<S: Source, T>(
    recording: &Recording<S>,
    objects: &[Object],
    file: WrittenFile<T>,
    plan: Plan,
) -> Made<T> {
    let WrittenFile { written, length, .. } = file;
    let bare = objects.iter().map(Object::bare).fold(Bare::default(), Bare::then);
    let (lack_ms, holes) = (bare.lack_ms(), bare.holes(recording.window.start));
    let warnings = recording.reader.notes().warnings();
    let part = MadePart {
        start: Nanos::ZERO,
        length,
        asked_ms: recording.selection().window.duration_ms,
        lack_ms,
        holes: holes.clone(),
        warnings: warnings.clone(),
        left_out: None,
    };
    let (bytes_read, open_ms) = (recording.reader.bytes(), recording.open_ms);
    Made { written, length, lack_ms, holes, parts: vec![part], plan, warnings, bytes_read, open_ms }
}

/// Notes what the chunks were made with.
fn warn<S: Source>(recording: &Recording<S>, objects: &[Object]) {
    let notes = recording.reader.notes();
    for (code, detail) in objects.iter().flat_map(Object::warnings) {
        notes.warn(code, detail);
    }
    let left_out: u64 = objects.iter().map(|object| object.trailer.left_out).sum();
    if left_out > 0 {
        let detail = format!("{left_out} pictures are damaged, and no decoder gives them");
        notes.warn(WarningCode::PicturesLeftOut, detail);
    }
    for lost in objects.iter().flat_map(|object| &object.trailer.lost) {
        notes.warn(WarningCode::MetadataLeftOut, format!("the encoded pictures have no {lost}"));
    }
}

/// # Errors
/// [`ChunkFault::Unlike`] if not all pictures have the same parameter sets.
fn check_sets(objects: &[Object]) -> Result<(), Error> {
    let mut first: Option<&Arc<DecoderConfig>> = None;
    for object in objects {
        for config in object.configs() {
            let first = *first.get_or_insert(config);
            if (config.codec, config.nal_length_size, &config.sets)
                != (first.codec, first.nal_length_size, &first.sets)
            {
                let n = object.trailer.n;
                let why = format!("chunk {n} has other parameter sets than those before it");
                return Err(ChunkFault::Unlike(n).because(why));
            }
        }
    }
    Ok(())
}

/// The description of the picture track.
fn spec(look: &ReadyLook) -> VideoSpec {
    let (width, height) = look.format.display_size();
    VideoSpec {
        width,
        height,
        matrix: look.format.matrix,
        timescale: look.timescale,
        delay: look.delay(reordered(look.share)),
        entry: SharedEntry::default(),
    }
}

/// Passes on the pictures of all chunks in their order.
struct ChunkFeed<'a, C> {
    chunks: Arc<C>,
    objects: &'a [Object],
    spec: VideoSpec,
    place: WindowPlace,
    seams: Seams,
}

impl<C: Chunks> ChunkFeed<'_, C> {
    /// Passes them on to `parts`; returns their number.
    async fn join(mut self, parts: mpsc::Sender<PendingBlock>) -> Result<usize, Error> {
        let (objects, chunks) = (self.objects, Arc::clone(&self.chunks));
        let places = objects.iter().enumerate().flat_map(|(at, object)| {
            let places = object.places();
            let last = places.len().saturating_sub(1);
            places.into_iter().enumerate().map(move |(n, place)| (at, object, place, n == 0, n == last))
        });
        let blocks: Vec<_> = places
            .map(|(at, object, place, first, last)| {
                let chunks = Arc::clone(&chunks);
                async move { Ok::<_, Error>((at, object.block(&*chunks, place).await?, first, last)) }.boxed()
            })
            .collect();
        let mut blocks = stream::iter(blocks).buffered(BLOCKS_AHEAD);
        let (mut hash, mut before) = (Sha256::new(), LastPictures::default());
        while let Some(block) = blocks.next().await {
            let (at, (block, bytes), first, last): (usize, (Block, Bytes), bool, bool) = block?;
            let Some(object) = objects.get(at) else { break };
            hash.update(&bytes);
            let Block { pictures, mut starts } = block;
            if first {
                self.seams.take(&before, object.trailer.n, &pictures).await?;
                starts &= !self.goes_on(at);
            }
            if last {
                before = LastPictures::of(&pictures);
                object.check(std::mem::take(&mut hash))?;
            }
            let block = PendingBlock::ready(self.place, Block { pictures, starts }, self.spec.clone());
            // The other half has ended, and says itself why.
            if parts.send(block).await.is_err() {
                return Err(Error::Passing("the clip's writer has ended".to_owned()));
            }
        }
        drop(parts);
        self.seams.finish().await?;
        Ok(objects.iter().map(Object::count).sum())
    }

    /// Returns `true` if the first pictures of the object at `at` are of a stretch that began before it.
    fn goes_on(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.objects.get(before));
        before.is_some_and(|before| before.trailer.goes_on_behind)
            || self.objects.get(at).is_some_and(|object| object.trailer.goes_on_before)
    }
}

/// Plays the seams beside the writing, a few at the same time.
struct Seams {
    ffmpeg: Ffmpeg,
    look: ReadyLook,
    container: FileFormat,
    turns: Arc<Semaphore>,
    checks: Vec<Task<Result<(), Error>>>,
}

impl Seams {
    fn new(ffmpeg: Ffmpeg, look: ReadyLook, container: FileFormat) -> Self {
        let turns = Arc::new(Semaphore::new(cores()));
        Self { ffmpeg, look, container, turns, checks: Vec::new() }
    }

    /// The first `pictures` of chunk `n` follow those `before`.
    async fn take(&mut self, before: &LastPictures, n: u32, pictures: &[ClipSample]) -> Result<(), Error> {
        let Some(seam) = before.seam(n, pictures) else { return Ok(()) };
        let turn: OwnedSemaphorePermit = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| Error::Passing("the seams are not checked any more".to_owned()))?;
        let (ffmpeg, look, container) = (self.ffmpeg.clone(), self.look.clone(), self.container);
        self.checks.push(Task::spawn(async move {
            let checked = seam.check(&ffmpeg, &look, container, reordered(look.share)).await;
            drop(turn);
            checked
        }));
        Ok(())
    }

    async fn finish(self) -> Result<(), Error> {
        for check in self.checks {
            check.await??;
        }
        Ok(())
    }
}
