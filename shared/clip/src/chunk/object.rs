//! The object of a chunk: the bytes of its pictures in decode order, nothing between them, then a trailer that says all of
//! them, then a footer of fixed size. The pictures of several chunks can be put one behind the other without being read.

use crate::chunked::{ChunkFault, VERSION, bytes_of, hexadecimal};
use crate::error::Error;
use crate::notes::{Warning, WarningCode};
use crate::write::assembly::{Block, ClipSample};
use crate::{Chunks, ClipWriter};
use bytes::Bytes;
use export_media::coverage::Bare;
use export_media::fmp4::SampleEntry;
use export_media::picture::DecoderConfig;
use export_media::time::Nanos;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The end of every object, behind the length of its trailer.
const MAGIC: &[u8; 8] = b"MEXCHUNK";
/// Bytes of the trailer's length and of [`MAGIC`].
const FOOTER: u64 = 16;
/// Bytes of an object's end that nearly always hold its trailer.
const END: u64 = 128 << 10;
/// The longest trailer that is read.
const TRAILER_MOST: u64 = 256 << 20;

/// The description of an object, in itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trailer {
    v: u32,
    /// SHA-256 of the plan.
    plan: String,
    pub(super) n: u32,
    /// The start of the part; times of pictures count from there, in nanoseconds.
    from: i64,
    /// The sample entries of the pictures, in hexadecimal digits.
    entries: Vec<String>,
    pub(super) blocks: Vec<BlockJson>,
    /// Of each picture its bytes, its presentation time, its duration and whether decoding can start with it.
    pictures: Vec<(u32, i64, i64, bool)>,
    /// Bytes of all pictures, and their SHA-256.
    media: u64,
    sha256: String,
    pub(super) goes_on_before: bool,
    pub(super) goes_on_behind: bool,
    /// The length, and the parts, that no picture covers, in nanoseconds.
    lack: i64,
    bare: Vec<(i64, i64)>,
    /// Pictures that no decoder gives.
    pub(super) left_out: u64,
    /// Metadata that the pictures do not have, in words for users.
    pub(super) lost: Vec<String>,
    warnings: Vec<(String, String)>,
}

/// Pictures that are all there is to show between the first and the last of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BlockJson {
    /// The recording may have a hole before them.
    pub(super) starts: bool,
    /// The position of their sample entry.
    entry: usize,
    /// Their number.
    count: usize,
}

/// The facts about a chunk that are known once all of its pictures are.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    pub(super) goes_on_before: bool,
    pub(super) goes_on_behind: bool,
    pub(super) bare: Bare,
    pub(super) left_out: u64,
    pub(super) lost: Vec<String>,
    pub(super) warnings: Vec<Warning>,
}

/// An object under way.
pub(super) struct ObjectWriter<W> {
    writer: W,
    trailer: Trailer,
    configs: Vec<Arc<DecoderConfig>>,
    hash: Sha256,
}

impl<W: ClipWriter> ObjectWriter<W> {
    /// For chunk `n` of the plan with this `digest`, whose part starts at `from`.
    pub(super) fn new(writer: W, digest: String, n: u32, from: Nanos) -> Result<Self, Error> {
        let trailer = Trailer {
            v: VERSION,
            plan: digest,
            n,
            from: whole(from)?,
            entries: Vec::new(),
            blocks: Vec::new(),
            pictures: Vec::new(),
            media: 0,
            sha256: String::new(),
            goes_on_before: false,
            goes_on_behind: false,
            lack: 0,
            bare: Vec::new(),
            left_out: 0,
            lost: Vec::new(),
            warnings: Vec::new(),
        };
        Ok(Self { writer, trailer, configs: Vec::new(), hash: Sha256::new() })
    }

    /// The next pictures of the chunk.
    pub(super) async fn add(&mut self, block: Block) -> Result<(), Error> {
        let mut fresh = true;
        for picture in block.pictures {
            let entry = self.entry(&picture.config);
            match self.trailer.blocks.last_mut() {
                Some(last) if !fresh && last.entry == entry => last.count += 1,
                _ => {
                    let starts = block.starts && fresh;
                    self.trailer.blocks.push(BlockJson { starts, entry, count: 1 });
                }
            }
            fresh = false;
            let size = u32::try_from(picture.data.len()).map_err(|_| too_large())?;
            let pts = whole(picture.pts - Nanos::new(self.trailer.from.into()))?;
            self.trailer.pictures.push((size, pts, whole(picture.duration)?, picture.sync));
            self.trailer.media = self.trailer.media.saturating_add(u64::from(size));
            self.hash.update(&picture.data);
            self.writer.append(&picture.data).await?;
        }
        Ok(())
    }

    fn entry(&mut self, config: &Arc<DecoderConfig>) -> usize {
        let known = self.configs.iter().position(|known| known.entry.bytes == config.entry.bytes);
        known.unwrap_or_else(|| {
            self.configs.push(Arc::clone(config));
            self.trailer.entries.push(hexadecimal(&config.entry.bytes));
            self.configs.len() - 1
        })
    }

    /// Ends the object; returns its description and the number of its pictures.
    pub(super) async fn finish(mut self, ending: Ending) -> Result<(W::Written, u64), Error> {
        let Ending { goes_on_before, goes_on_behind, bare, left_out, lost, warnings } = ending;
        let code = |warning: Warning| (warning.code.name().to_owned(), warning.detail);
        let parts = bare.parts.iter().map(|(from, until)| Ok((whole(*from)?, whole(*until)?)));
        let trailer = Trailer {
            sha256: hexadecimal(&self.hash.finalize()),
            goes_on_before,
            goes_on_behind,
            lack: whole(bare.lack)?,
            bare: parts.collect::<Result<_, Error>>()?,
            left_out,
            lost,
            warnings: warnings.into_iter().map(code).collect(),
            ..self.trailer
        };
        let count = u64::try_from(trailer.pictures.len()).unwrap_or(u64::MAX);
        let json = serde_json::to_vec(&trailer)
            .map_err(|error| Error::Unexplained(format!("a trailer cannot be written: {error}")))?;
        self.writer.append(&json).await?;
        let length = u64::try_from(json.len()).unwrap_or(u64::MAX);
        self.writer.append(&[&length.to_be_bytes()[..], MAGIC].concat()).await?;
        Ok((self.writer.finish(None).await?, count))
    }
}

fn whole(at: Nanos) -> Result<i64, Error> {
    i64::try_from(at.get()).map_err(|_| Error::Unexplained("a time is beyond what can be counted".to_owned()))
}

fn too_large() -> Error {
    Error::Unexplained("a picture is larger than can be counted".to_owned())
}

/// A chunk's object to be read.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) trailer: Trailer,
    configs: Vec<Arc<DecoderConfig>>,
}

/// The place of a block's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockPlace {
    /// The block in the object, and its first picture.
    block: usize,
    picture: usize,
    /// Of its pictures in the object.
    first: u64,
    length: u64,
}

impl Object {
    /// Reads what the object of chunk `n` of the plan with this `digest` says of itself.
    ///
    /// # Errors
    /// [`ChunkFault::Absent`], [`ChunkFault::Damaged`].
    pub(super) async fn read(chunks: &impl Chunks, digest: &str, n: u32) -> Result<Self, Error> {
        let damaged = |why: &str| ChunkFault::Damaged(n).because(format!("chunk {n}: {why}"));
        let size = chunks.size(n).await?;
        let size = size.ok_or_else(|| ChunkFault::Absent(n).because(format!("chunk {n} is not there")))?;
        let behind = size.checked_sub(FOOTER).ok_or_else(|| damaged("it is cut off"))?;
        let from = size.saturating_sub(END);
        let end = chunks.read(n, from, size - 1).await?;
        let (rest, footer) = end.split_last_chunk::<16>().ok_or_else(|| damaged("it is cut off"))?;
        let (length, magic) = footer.split_first_chunk::<8>().ok_or_else(|| damaged("it is cut off"))?;
        let length = u64::from_be_bytes(*length);
        if magic != MAGIC || length > TRAILER_MOST {
            return Err(damaged("it has no trailer"));
        }
        let at = behind.checked_sub(length).ok_or_else(|| damaged("its trailer is longer than it is"))?;
        let json = match usize::try_from(at.saturating_sub(from)).ok().filter(|_| at >= from) {
            Some(skipped) => rest.get(skipped..).map(Bytes::copy_from_slice),
            None => Some(chunks.read(n, at, behind - 1).await?),
        };
        let trailer: Trailer =
            serde_json::from_slice(&json.ok_or_else(|| damaged("its trailer is cut off"))?)
                .map_err(|error| damaged(&format!("its trailer cannot be read: {error}")))?;
        if trailer.v != VERSION || trailer.n != n || trailer.plan != digest {
            return Err(damaged("it belongs to another plan"));
        }
        let counted: usize = trailer.blocks.iter().map(|block| block.count).sum();
        let bytes: u64 = trailer.pictures.iter().map(|(size, ..)| u64::from(*size)).sum();
        if trailer.media != at || bytes != at || counted != trailer.pictures.len() {
            return Err(damaged("its trailer says something else of its pictures"));
        }
        let config = |entry: &String| {
            let entry = SampleEntry::of_pictures(&bytes_of(entry)?).ok()?;
            Some(Arc::new(DecoderConfig::of(&entry)?))
        };
        let configs: Option<Vec<_>> = trailer.entries.iter().map(config).collect();
        let configs = configs.ok_or_else(|| damaged("its sample entries cannot be read"))?;
        if trailer.blocks.iter().any(|block| block.entry >= configs.len()) {
            return Err(damaged("it lacks a sample entry"));
        }
        Ok(Self { trailer, configs })
    }

    /// The decoder configurations of its pictures.
    pub(super) fn configs(&self) -> &[Arc<DecoderConfig>] {
        &self.configs
    }

    /// The number of its pictures.
    pub(super) fn count(&self) -> usize {
        self.trailer.pictures.len()
    }

    /// The parts that its pictures do not cover.
    pub(super) fn bare(&self) -> Bare {
        let at = |nanos: i64| Nanos::new(nanos.into());
        let parts = self.trailer.bare.iter().map(|(from, until)| (at(*from), at(*until))).collect();
        Bare { lack: at(self.trailer.lack), parts }
    }

    /// The warnings about it.
    pub(super) fn warnings(&self) -> impl Iterator<Item = (WarningCode, &str)> {
        let known = |(code, detail)| Some((WarningCode::named(code)?, detail));
        let warnings = self.trailer.warnings.iter().map(|(code, detail)| (code.as_str(), detail.as_str()));
        warnings.filter_map(known)
    }

    /// The places of its blocks, in order.
    pub(super) fn places(&self) -> Vec<BlockPlace> {
        let (mut first, mut picture, mut places) = (0, 0, Vec::new());
        for (block, BlockJson { count, .. }) in self.trailer.blocks.iter().enumerate() {
            let sizes = self.trailer.pictures.iter().skip(picture).take(*count);
            let length = sizes.map(|(size, ..)| u64::from(*size)).sum();
            places.push(BlockPlace { block, picture, first, length });
            (first, picture) = (first + length, picture + count);
        }
        places
    }

    /// Reads the pictures of a block.
    pub(super) async fn block(
        &self,
        chunks: &impl Chunks,
        place: BlockPlace,
    ) -> Result<(Block, Bytes), Error> {
        let n = self.trailer.n;
        let damaged = || ChunkFault::Damaged(n).because(format!("chunk {n}: its pictures are cut off"));
        let BlockPlace { block, picture, first, length } = place;
        let last = (first + length).checked_sub(1).ok_or_else(damaged)?;
        let bytes = chunks.read(n, first, last).await?;
        let BlockJson { starts, entry, count } = self.trailer.blocks.get(block).ok_or_else(damaged)?;
        let config = self.configs.get(*entry).ok_or_else(damaged)?;
        let (mut rest, mut pictures) = (bytes.clone(), Vec::with_capacity(*count));
        for (size, pts, duration, sync) in self.trailer.pictures.iter().skip(picture).take(*count) {
            let size = usize::try_from(*size).ok().filter(|size| *size <= rest.len()).ok_or_else(damaged)?;
            pictures.push(ClipSample {
                pts: Nanos::new(i128::from(self.trailer.from) + i128::from(*pts)),
                duration: Nanos::new((*duration).into()),
                sync: *sync,
                data: rest.split_to(size),
                config: Arc::clone(config),
                origin: None,
            });
        }
        if rest.is_empty() { Ok((Block { pictures, starts: *starts }, bytes)) } else { Err(damaged()) }
    }

    /// # Errors
    /// [`ChunkFault::Damaged`] if the pictures that were read have another digest.
    pub(super) fn check(&self, read: Sha256) -> Result<(), Error> {
        if hexadecimal(&read.finalize()) == self.trailer.sha256 {
            return Ok(());
        }
        let n = self.trailer.n;
        Err(ChunkFault::Damaged(n).because(format!("chunk {n}: its pictures have another digest")))
    }
}

#[cfg(test)]
mod tests;
