//! One sample entry for all pictures of a track, whatever wrote them.

use super::record::{self, EntryFormat, Sets, has_extensions};
use crate::fmp4::{Codec, Fmp4Error, SampleEntry};
use crate::nal::{
    NalError, SetKind, VideoCodec, can_replace, is_layered_slice, nals, push_unit, set_ids, slice_set,
    with_set_ids, with_slice_set, without_set_ids,
};
use crate::picture::DecoderConfig;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Messages and the like that are kept of configuration records.
const MAX_OTHERS: usize = 16;

/// H.264 has higher ids for picture parameter sets, which few encoders use.
const HIGHEST_NEW_ID: u32 = 62;

/// Types of sample entries that allow parameter sets in band.
const IN_BAND: [[u8; 4]; 2] = [*b"avc3", *b"hev1"];

/// Why pictures cannot be in one sample entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Another codec than the pictures before.
    #[error("the codec changes")]
    Codec,
    /// Another size, chroma format or bit depth, or a parameter set that does not tell them.
    #[error("the format of the pictures changes")]
    Format,
    /// A slice refers to a parameter set that is neither in its sample entry nor in band.
    #[error("a parameter set is missing")]
    Missing,
    /// No id is left for one more parameter set.
    #[error("the parameter sets do not fit into one sample entry")]
    NoRoom,
    /// Pictures of several layers or with auxiliary pictures cannot get other ids.
    #[error("the pictures have layers")]
    Layers,
    /// A NAL unit cannot be read.
    #[error(transparent)]
    Nal(#[from] NalError),
    /// A sample entry cannot be read.
    #[error(transparent)]
    Entry(#[from] Fmp4Error),
}

/// A parameter set in the entry.
#[derive(Debug, Clone)]
struct Placed {
    /// As it came.
    original: Bytes,
    /// The id, in the entry, of the set that it refers to.
    refers: u32,
    /// As it is written.
    unit: Bytes,
}

/// One `avc1` or `hvc1` for samples of several encoders and recordings: players follow a second sample entry badly or
/// not at all, and no id of a parameter set has two meanings.
///
/// It has all parameter sets that the samples use, those in band too, and they are taken out of the samples. A set
/// whose id is taken gets another one, and so do the slices that name it.
#[derive(Debug, Clone, Default)]
pub struct SharedEntry {
    /// The entry that everything except the parameter sets is taken from.
    base: Option<(VideoCodec, SampleEntry)>,
    /// The entry of the samples at hand.
    current: Option<Bytes>,
    /// The parameter sets in effect for the samples at hand, as they came.
    active: BTreeMap<(SetKind, u32), Bytes>,
    placed: BTreeMap<(SetKind, u32), Placed>,
    /// The ids that picture parameter sets in effect have in the entry.
    known: BTreeMap<u32, u32>,
    others: Vec<Bytes>,
    /// An entry other than the first has been seen.
    several: bool,
    extended: bool,
}

impl SharedEntry {
    /// An entry like that of a recording, whose samples keep their ids where they can; `sample` is the first of them.
    pub fn beside(recorded: &DecoderConfig, sample: &[u8]) -> Self {
        let mut entry = Self::default();
        // What cannot be read here is refused with the first sample that needs it.
        let _ = entry.reserve(recorded, sample);
        entry
    }

    fn reserve(&mut self, recorded: &DecoderConfig, sample: &[u8]) -> Result<(), EntryError> {
        self.switch_to(recorded)?;
        for unit in nals(sample, recorded.nal_length_size) {
            self.activate(recorded.codec, unit?);
        }
        let ids: Vec<u32> =
            self.active.keys().filter(|(kind, _)| *kind == SetKind::Picture).map(|(_, id)| *id).collect();
        for id in ids {
            self.id_of(recorded.codec, id)?;
        }
        Ok(())
    }

    /// The next sample of the track in decode order, as this entry describes it: with lengths of four bytes and
    /// without parameter sets.
    ///
    /// # Errors
    /// [`EntryError`] if the samples before and this one cannot have one entry.
    pub fn sample(&mut self, config: &DecoderConfig, data: &Bytes) -> Result<Bytes, EntryError> {
        self.switch_to(config)?;
        let codec = config.codec;
        let mut units: Vec<Bytes> = Vec::new();
        let (mut changed, mut renamed) = (config.nal_length_size != 4, false);
        for unit in nals(data, config.nal_length_size) {
            let unit = unit?;
            if self.activate(codec, unit) {
                changed = true;
                continue;
            }
            let named = slice_set(codec, unit)?;
            let to = named.map(|id| self.id_of(codec, id)).transpose()?;
            if let Some(to) = to.filter(|to| named != Some(*to)) {
                renamed = true;
                units.push(with_slice_set(codec, unit, to)?.into());
            } else {
                units.push(data.slice_ref(unit));
            }
        }
        if renamed && units.iter().any(|unit| is_layered_slice(codec, unit)) {
            return Err(EntryError::Layers);
        }
        if !changed && !renamed {
            return Ok(data.clone());
        }
        let mut out = Vec::with_capacity(data.len().saturating_add(64));
        for unit in units {
            let kept = if renamed { without_set_ids(codec, &unit)? } else { None };
            match kept {
                Some(kept) => push_unit(&kept, 4, &mut out)?,
                None if renamed => {}
                None => push_unit(&unit, 4, &mut out)?,
            }
        }
        Ok(out.into())
    }

    /// The whole box.
    ///
    /// # Errors
    /// [`EntryError::Missing`] before the first sample, [`EntryError::NoRoom`].
    pub fn boxed(&self) -> Result<Bytes, EntryError> {
        let (codec, base) = self.base.as_ref().ok_or(EntryError::Missing)?;
        let sets = Sets {
            vps: self.units(SetKind::Video),
            sps: self.units(SetKind::Sequence),
            pps: self.units(SetKind::Picture),
            others: self.others.iter().collect(),
        };
        let (fourcc, said) = match &base.codec {
            Codec::Hevc { vps, sps, pps, .. } => (*b"hvc1", [&vps[..], sps, pps].concat()),
            Codec::H264 { sps, pps, .. } => (*b"avc1", [&sps[..], pps].concat()),
            _ => return Err(EntryError::Codec),
        };
        let all: Vec<&Bytes> = [&sets.vps[..], &sets.sps, &sets.pps].concat();
        let alike = all.len() == said.len() && all.iter().all(|unit| said.contains(unit));
        if !self.several && alike && base.fourcc == fourcc && nal_length_size(&base.codec) == 4 {
            return Ok(base.bytes.clone());
        }
        if self.extended {
            return Err(EntryError::Layers);
        }
        let record = match codec {
            VideoCodec::H264 => record::avc(&sets),
            VideoCodec::Hevc => record::hevc(&sets),
        };
        Ok(base.with_configuration(fourcc, &record.ok_or(EntryError::NoRoom)?)?)
    }

    /// The same, under the type of `recorded` where that allows parameter sets in band: recorded samples may stay as they
    /// are.
    ///
    /// # Errors
    /// As [`SharedEntry::boxed`].
    pub fn boxed_as(&self, recorded: Option<&SampleEntry>) -> Result<SampleEntry, EntryError> {
        let mut bytes = self.boxed()?.to_vec();
        let in_band = recorded.map(|recorded| recorded.fourcc).filter(|kind| IN_BAND.contains(kind));
        if let (Some(fourcc), Some(kind)) = (in_band, bytes.get_mut(4..8)) {
            kind.copy_from_slice(&fourcc);
        }
        Ok(SampleEntry::of_pictures(&bytes)?)
    }

    /// The parameter sets in the entry.
    pub fn parameter_sets(&self) -> Vec<Bytes> {
        self.placed.values().map(|placed| placed.unit.clone()).collect()
    }

    fn units(&self, wanted: SetKind) -> Vec<&Bytes> {
        self.placed.iter().filter(|((kind, _), _)| *kind == wanted).map(|(_, placed)| &placed.unit).collect()
    }

    /// The samples that follow have this configuration: its parameter sets are in effect, and no others.
    fn switch_to(&mut self, config: &DecoderConfig) -> Result<(), EntryError> {
        if self.current.as_ref() == Some(&config.entry.bytes) {
            return Ok(());
        }
        match &self.base {
            Some((codec, _)) if *codec != config.codec => return Err(EntryError::Codec),
            Some((_, base)) => self.several |= base.bytes != config.entry.bytes,
            None => self.base = Some((config.codec, config.entry.clone())),
        }
        let record = config.entry.configuration()?;
        match &config.entry.codec {
            Codec::H264 { sps, pps, .. } => self.extended |= has_extensions(record, sps, pps),
            _ => {
                for other in record::hevc_others(record) {
                    if self.others.len() < MAX_OTHERS && !self.others.contains(&other) {
                        self.others.push(other);
                    }
                }
            }
        }
        self.current = Some(config.entry.bytes.clone());
        self.active.clear();
        self.known.clear();
        for set in &config.sets {
            self.activate(config.codec, set);
        }
        Ok(())
    }

    /// Returns `true` if it is a parameter set; it is then in effect. One that cannot be read is left out.
    fn activate(&mut self, codec: VideoCodec, unit: &[u8]) -> bool {
        let ids = match set_ids(codec, unit) {
            Ok(Some(ids)) => ids,
            Ok(None) => return false,
            Err(_) => return true,
        };
        let key = (ids.kind, ids.own);
        if self.active.get(&key).is_none_or(|active| active != unit) {
            self.active.insert(key, Bytes::copy_from_slice(unit));
            self.known.clear();
        }
        true
    }

    /// The id in the entry of a picture parameter set in effect.
    fn id_of(&mut self, codec: VideoCodec, id: u32) -> Result<u32, EntryError> {
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        let refers = |unit: &Bytes| -> Result<u32, EntryError> {
            Ok(set_ids(codec, unit)?.ok_or(EntryError::Missing)?.refers)
        };
        let pps = self.active.get(&(SetKind::Picture, id)).cloned().ok_or(EntryError::Missing)?;
        let sps_id = refers(&pps)?;
        let sps = self.active.get(&(SetKind::Sequence, sps_id)).cloned().ok_or(EntryError::Missing)?;
        let vps_id = refers(&sps)?;
        // Decoders do without a video parameter set.
        let vps = self.active.get(&(SetKind::Video, vps_id)).cloned();
        let vps_id = vps.map_or(Ok(vps_id), |vps| self.place(codec, SetKind::Video, vps_id, vps, 0))?;
        let sps_id = self.place(codec, SetKind::Sequence, sps_id, sps, vps_id)?;
        let placed = self.place(codec, SetKind::Picture, id, pps, sps_id)?;
        self.known.insert(id, placed);
        Ok(placed)
    }

    /// Puts a set into the entry unless it is there, under the id `wanted` if that is free. Returns its id.
    fn place(
        &mut self,
        codec: VideoCodec,
        kind: SetKind,
        wanted: u32,
        original: Bytes,
        refers: u32,
    ) -> Result<u32, EntryError> {
        let same = |placed: &Placed| placed.refers == refers && placed.original == original;
        let there = self.placed.iter().find(|((known, _), placed)| *known == kind && same(placed));
        if let Some(((_, id), _)) = there {
            return Ok(*id);
        }
        let first = self.placed.iter().find(|((known, _), _)| *known == SetKind::Sequence);
        if let Some((_, first)) = first.filter(|_| kind == SetKind::Sequence) {
            let format = EntryFormat::of(codec, &first.original);
            if format.is_none() || format != EntryFormat::of(codec, &original) {
                return Err(EntryError::Format);
            }
        }
        let count = self.placed.keys().filter(|(known, _)| *known == kind).count();
        if count >= record::most(codec, kind) {
            return Err(EntryError::NoRoom);
        }
        let fits = |id: &u32| kind != SetKind::Picture || can_replace(wanted, *id);
        let free = |id: &u32| !self.placed.contains_key(&(kind, *id));
        let last = kind.last_id(codec).min(HIGHEST_NEW_ID);
        let mut ids = std::iter::once(wanted).chain((0..=last).rev().filter(fits));
        let id = ids.find(free).ok_or(EntryError::NoRoom)?;
        let unit = if set_ids(codec, &original)?.is_some_and(|ids| (ids.own, ids.refers) == (id, refers)) {
            original.clone()
        } else {
            with_set_ids(codec, &original, id, refers)?.into()
        };
        self.placed.insert((kind, id), Placed { original, refers, unit });
        Ok(id)
    }
}

/// Returns `true` if `packed` is the sample `data` without its parameter sets, and else as it was: a decoder that has the
/// sets shows the same of both.
pub fn only_sets_removed(config: &DecoderConfig, data: &[u8], packed: &[u8]) -> bool {
    let is_set = |unit: &[u8]| set_ids(config.codec, unit).map_or(true, |ids| ids.is_some());
    let kept =
        nals(data, config.nal_length_size).filter(|unit| !unit.as_ref().is_ok_and(|unit| is_set(unit)));
    config.nal_length_size == 4 && kept.eq(nals(packed, 4))
}

fn nal_length_size(codec: &Codec) -> usize {
    match codec {
        Codec::H264 { nal_length_size, .. } | Codec::Hevc { nal_length_size, .. } => *nal_length_size,
        _ => 0,
    }
}
