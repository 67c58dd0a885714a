//! A fragmented MP4 as it comes out of a pipe: push what arrived, take what is complete.

use super::boxes::header;
use super::fragment::{Fragments, check_bytes};
use super::init::{Init, MAX_MOOV};
use super::{Fmp4Error, MAX_MOOF};
use crate::sample::Sample;
use bytes::{Bytes, BytesMut};

/// The largest `mdat` that is held, in bytes.
const MAX_MDAT: usize = 64 << 20;
/// Bytes of an `mdat` before its payload, at most.
const MDAT_HEADER: usize = 16;

/// Something complete in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FragmentEvent {
    /// `ftyp` and `moov`, read and as they were.
    Init(Init, Bytes),
    /// One `moof` and its `mdat`.
    Fragment(Vec<FragmentSample>),
}

/// A sample with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FragmentSample {
    /// `track_ID`.
    pub track_id: u32,
    /// Its offset counts from the start of the stream.
    pub sample: Sample,
    /// A view into the fragment's `mdat`.
    pub data: Bytes,
}

/// Splits a stream into its init segment and fragments. Holds one fragment.
#[derive(Debug, Default)]
pub struct FragmentReader {
    buffer: BytesMut,
    /// Of the buffer's first byte in the stream.
    position: u64,
    /// Bytes still to pass over.
    skip: u64,
    head: BytesMut,
    init: Option<Init>,
    moof: Option<(Bytes, u64)>,
    /// Bytes of the largest sample that is expected.
    largest: usize,
}

impl FragmentReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader of a stream with fragments of one sample, each of at most so many bytes.
    pub fn of_samples_up_to(bytes: usize) -> Self {
        Self { largest: bytes, ..Self::default() }
    }

    /// Adds what arrived. Call [`Self::next_event`] until it has nothing more before adding again.
    pub fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next thing that is complete, or `None` until more arrives.
    ///
    /// # Errors
    /// Any [`Fmp4Error`]; the stream is then of no more use.
    pub fn next_event(&mut self) -> Result<Option<FragmentEvent>, Fmp4Error> {
        loop {
            self.pass_over();
            let Some(header) = header(&self.buffer)? else { return Ok(None) };
            let size = header.size.ok_or(Fmp4Error::Unsupported("a box without a size"))?;
            let limit = match &header.kind {
                b"ftyp" | b"moov" => MAX_MOOV,
                b"moof" => MAX_MOOF,
                b"mdat" => MAX_MDAT.max(self.largest.saturating_add(MDAT_HEADER)),
                _ => {
                    self.skip = size;
                    continue;
                }
            };
            let size =
                usize::try_from(size).ok().filter(|size| *size <= limit).ok_or(Fmp4Error::TooMany("box"))?;
            if self.buffer.len() < size {
                return Ok(None);
            }
            let start = self.position;
            let whole = self.take(size);
            match &header.kind {
                b"moov" => return self.moov(&whole).map(Some),
                b"moof" => self.moof = Some((whole, start)),
                b"mdat" => return self.mdat(&whole, start, header.length).map(Some),
                _ => self.head = BytesMut::from(whole),
            }
        }
    }

    /// Says whether the stream may end here: an init segment came, and nothing was cut off.
    ///
    /// # Errors
    /// [`Fmp4Error::Missing`] without an init segment, [`Fmp4Error::Truncated`] within a box or between `moof` and
    /// `mdat`.
    pub fn finish(self) -> Result<(), Fmp4Error> {
        if self.init.is_none() {
            return Err(Fmp4Error::Missing("moov"));
        }
        if self.buffer.is_empty() && self.skip == 0 && self.moof.is_none() {
            Ok(())
        } else {
            Err(Fmp4Error::Truncated)
        }
    }

    fn pass_over(&mut self) {
        let count = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.buffer.len());
        let passed = self.take(count);
        self.skip = self.skip.saturating_sub(len(&passed));
    }

    fn take(&mut self, count: usize) -> Bytes {
        let taken = self.buffer.split_to(count).freeze();
        self.position = self.position.saturating_add(len(&taken));
        taken
    }

    fn moov(&mut self, moov: &[u8]) -> Result<FragmentEvent, Fmp4Error> {
        let init = Init::parse(moov)?;
        self.head.extend_from_slice(moov);
        self.init = Some(init.clone());
        Ok(FragmentEvent::Init(init, self.head.split().freeze()))
    }

    fn mdat(&mut self, mdat: &Bytes, start: u64, header: usize) -> Result<FragmentEvent, Fmp4Error> {
        let init = self.init.as_ref().ok_or(Fmp4Error::Missing("moov"))?;
        let (moof, moof_start) = self.moof.take().ok_or(Fmp4Error::Missing("moof"))?;
        let mut fragments = Fragments::new(&init.tracks);
        fragments.moof(&moof, moof_start)?;
        check_bytes(fragments.samples.iter().map(|(_, sample)| sample), mdat.len())?;
        let data = |sample: &Sample| {
            let first =
                usize::try_from(sample.offset.checked_sub(start)?).ok().filter(|first| *first >= header)?;
            let last = first.checked_add(usize::try_from(sample.size).ok()?)?;
            (last <= mdat.len()).then(|| mdat.slice(first..last))
        };
        let samples = fragments.samples.into_iter().map(|(track_id, sample)| {
            let data = data(&sample).ok_or(Fmp4Error::SampleOutOfRange)?;
            Ok(FragmentSample { track_id, sample, data })
        });
        Ok(FragmentEvent::Fragment(samples.collect::<Result<_, Fmp4Error>>()?))
    }
}

fn len(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
