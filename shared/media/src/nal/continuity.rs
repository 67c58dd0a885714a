//! The traces in coded pictures of others that are missing, and of slices of their own: by their headers, not decoded.
//!
//! Seen are a slice header that makes no sense, a first slice that is not there, and reference pictures that a picture
//! counts on and that did not come before it: by `frame_num` of H.264 (7.4.3), by the reference picture sets of HEVC
//! (8.3.2). Later slices that are lost, and bits within a slice, only a decoder misses.

use super::kinds::{self, avc};
use super::{Bits, NalError, Sps, VideoCodec, hevc, is_layered_slice, nals, unit_type};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};

/// Pictures that are remembered: more than any standard lets a decoder keep.
const REMEMBERED: usize = 64;
/// Profiles of H.264 whose slices may come in any order (A.2.1, A.2.3).
const ANY_ORDER: [u8; 2] = [66, 88];

/// The missing part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A slice of the picture, or its header.
    Slice,
    /// A picture that it, or one behind it, refers to.
    Reference,
}

/// Follows the pictures of a stretch in decode order, from one on that decoding can start with.
#[derive(Debug)]
pub struct Continuity {
    codec: VideoCodec,
    sequence_sets: BTreeMap<u32, Sps>,
    picture_sets: BTreeMap<u32, PictureSet>,
    /// The state after the pictures so far; `None` before the first.
    h264: Option<Numbered>,
    hevc: Option<Ordered>,
}

/// The fields of a picture parameter set that slice headers depend on.
#[derive(Debug, Clone, Copy)]
struct PictureSet {
    /// The sequence parameter set that it refers to.
    sps: u32,
    /// HEVC: `output_flag_present_flag`.
    output: bool,
    /// HEVC: `num_extra_slice_header_bits`.
    extra: u32,
    /// H.264: what else is read of slice headers; none with slice groups.
    lists: Option<Lists>,
}

/// The parameters that H.264 slice headers up to the lists of reference pictures depend on (14496-10, 7.3.2.2).
#[derive(Debug, Clone, Copy)]
struct Lists {
    /// `bottom_field_pic_order_in_frame_present_flag`.
    bottom_order: bool,
    /// `redundant_pic_cnt_present_flag`.
    redundant: bool,
    /// The default length of each list, in pictures.
    lengths: [u32; 2],
}

/// H.264: of the last reference picture.
#[derive(Debug, Clone, Copy)]
struct Numbered {
    /// Its `frame_num`.
    number: u32,
    /// It has I slices only.
    intra: bool,
}

/// HEVC: of the pictures so far.
#[derive(Debug, Default)]
struct Ordered {
    /// Order count of the last one that others are counted from.
    base: i64,
    /// Order counts of the last ones.
    seen: VecDeque<i64>,
}

impl Continuity {
    /// Of pictures that follow the parameter sets `sets`, and those that come in band.
    pub(crate) fn after(codec: VideoCodec, sets: &[Bytes]) -> Self {
        let mut followed = Self {
            codec,
            sequence_sets: BTreeMap::new(),
            picture_sets: BTreeMap::new(),
            h264: None,
            hevc: None,
        };
        for set in sets {
            followed.take_set(set);
        }
        followed
    }

    /// Finds the missing part, to the extent that the next picture in decode order shows it.
    pub fn next(&mut self, sample: &[u8], length_size: usize) -> Option<Damage> {
        let units: Vec<&[u8]> = nals(sample, length_size).map_while(Result::ok).collect();
        for unit in &units {
            self.take_set(unit);
        }
        let missing = match self.codec {
            VideoCodec::H264 => self.next_h264(&units),
            VideoCodec::Hevc => self.next_hevc(&units),
        };
        missing.unwrap_or(Some(Damage::Slice))
    }

    fn take_set(&mut self, unit: &[u8]) {
        match (self.codec, unit_type(self.codec, unit)) {
            (VideoCodec::H264, Some(avc::SPS)) | (VideoCodec::Hevc, Some(kinds::hevc::SPS)) => {
                if let Ok(sps) = Sps::parse(self.codec, unit) {
                    self.sequence_sets.insert(sps.id, sps);
                }
            }
            (VideoCodec::H264, Some(avc::PPS)) | (VideoCodec::Hevc, Some(kinds::hevc::PPS)) => {
                if let Ok((id, set)) = picture_set(self.codec, unit) {
                    self.picture_sets.insert(id, set);
                }
            }
            _ => {}
        }
    }

    /// A picture parameter set that a slice names, and the sequence parameter set that it refers to.
    fn sets(&self, id: u32) -> Result<(PictureSet, &Sps), NalError> {
        let set = self.picture_sets.get(&id).copied().ok_or(NalError::Illegal("a slice's parameter set"))?;
        let sps = self.sequence_sets.get(&set.sps);
        Ok((set, sps.ok_or(NalError::Illegal("a picture parameter set's own"))?))
    }

    fn next_h264(&mut self, units: &[&[u8]]) -> Result<Option<Damage>, NalError> {
        let mut picture: Option<(Numbered, &Sps, bool, bool)> = None;
        let (mut whole, mut last) = (true, 0);
        for unit in units
            .iter()
            .filter(|unit| matches!(unit_type(VideoCodec::H264, unit), Some(avc::SLICE | avc::IDR)))
        {
            let mut bits = Bits::nal(unit);
            let header = bits.small(8)?;
            let at = bits.ue(u32::MAX, "first_mb_in_slice")?;
            let kind = bits.ue(9, "slice_type")? % 5;
            let intra = matches!(kind, 2 | 4);
            let (set, sps) = self.sets(bits.ue(255, "pic_parameter_set_id")?)?;
            bits.skip(if sps.order.separate_planes { 2 } else { 0 })?;
            let number = bits.bits(sps.frame_num_bits)?;
            if let Some(lists) = set.lists {
                lists.read(&mut bits, sps, header & 0x1f == avc::IDR, kind)?;
            }
            let (first, macroblocks) = (picture.is_none(), sps.coded_width / 16 * (sps.coded_height / 16));
            // Each field, and each plane of colour, starts anew.
            let placed = at == 0 || (!first && at > last) || ANY_ORDER.contains(&sps.profile_idc);
            let (known, ..) = picture.get_or_insert((
                Numbered { number, intra },
                sps,
                header & 0x1f == avc::IDR,
                header & 0x60 != 0,
            ));
            known.intra &= intra;
            whole &= placed && at < macroblocks && known.number == number;
            last = at;
        }
        let Some((picture, sps, idr, reference)) = picture else { return Ok(None) };
        let follows = self.h264.filter(|_| !idr).is_none_or(|before| {
            // A picture that needs no other may start the count anew, which stands where it is not read (8.2.1).
            let anew = before.intra && picture.number == 1;
            let next = (before.number + 1) & ((1_u32 << sps.frame_num_bits) - 1);
            picture.number == before.number || picture.number == next || anew
        });
        let missing = !follows && !sps.gaps_allowed;
        if reference || self.h264.is_none() {
            self.h264 = Some(picture);
        }
        Ok(if whole { missing.then_some(Damage::Reference) } else { Some(Damage::Slice) })
    }

    fn next_hevc(&mut self, units: &[&[u8]]) -> Result<Option<Damage>, NalError> {
        let kind = |unit: &[u8]| unit_type(VideoCodec::Hevc, unit).unwrap_or(u8::MAX);
        let is_slice = |unit: &&&[u8]| {
            matches!(kind(unit), kinds::hevc::TRAIL_N..=kinds::hevc::RASL_R | kinds::hevc::BLA_W_LP..=kinds::hevc::CRA)
                && !is_layered_slice(VideoCodec::Hevc, unit)
        };
        let Some(unit) = units.iter().find(is_slice) else { return Ok(None) };
        let (kind, mut bits) = (kind(unit), Bits::nal(unit));
        bits.skip(13)?;
        let layer = bits.bits(3)?;
        if !bits.flag()? {
            return Ok(Some(Damage::Slice));
        }
        bits.skip(u32::from(kind >= kinds::hevc::BLA_W_LP))?;
        let (set, sps) = self.sets(bits.ue(63, "slice_pic_parameter_set_id")?)?;
        bits.skip(set.extra)?;
        bits.ue(2, "slice_type")?;
        bits.skip(u32::from(set.output) + if sps.order.separate_planes { 2 } else { 0 })?;
        let (mut lsb, mut references) = (0, Vec::new());
        if !matches!(kind, kinds::hevc::IDR_W_RADL | kinds::hevc::IDR_N_LP) {
            lsb = i64::from(bits.bits(sps.order.lsb_bits)?);
            references = hevc::slice_references(&mut bits, &sps.reference_sets)?;
        }
        let random_access = kind >= kinds::hevc::BLA_W_LP;
        let anew = self.hevc.is_none() || matches!(kind, kinds::hevc::BLA_W_LP..=kinds::hevc::IDR_N_LP);
        let wrap = 1_i64 << sps.order.lsb_bits;
        let mut before = self.hevc.take().filter(|_| !anew).unwrap_or_default();
        let order = if anew { lsb } else { nearest(lsb, before.base, wrap) };
        let missing =
            !random_access && references.iter().any(|delta| !before.seen.contains(&(order + delta)));
        // Neither leading pictures nor those that no other of their layer refers to are counted from.
        let counted = layer == 1
            && !matches!(kind, kinds::hevc::RADL_N..=kinds::hevc::RASL_R)
            && (random_access || kind % 2 == 1);
        if counted || anew {
            before.base = order;
        }
        // What cannot be decoded is missing to others.
        before.seen.extend((!missing).then_some(order));
        if before.seen.len() > REMEMBERED {
            before.seen.pop_front();
        }
        self.hevc = Some(before);
        Ok(missing.then_some(Damage::Reference))
    }
}

impl Lists {
    /// Reads a slice header from behind `frame_num` up to the lists of reference pictures (14496-10, 7.3.3).
    fn read(&self, bits: &mut Bits<'_>, sps: &Sps, idr: bool, kind: u32) -> Result<(), NalError> {
        let field = sps.interlaced && bits.flag()?;
        bits.skip(u32::from(field))?;
        if idr {
            bits.ue(65_535, "idr_pic_id")?;
        }
        bits.skip(sps.order.lsb_bits)?;
        if sps.order.deltas {
            bits.se("delta_pic_order_cnt")?;
        }
        if self.bottom_order && !field && (sps.order.deltas || sps.order.lsb_bits > 0) {
            bits.se("delta_pic_order_cnt_bottom")?;
        }
        if self.redundant {
            bits.ue(127, "redundant_pic_cnt")?;
        }
        // P and SP have one list, B has two, I and SI have none.
        let lists = match kind {
            0 | 3 => 1,
            1 => 2,
            _ => return Ok(()),
        };
        bits.skip(u32::from(kind == 1))?;
        let mut lengths = self.lengths;
        if bits.flag()? {
            for length in lengths.iter_mut().take(lists) {
                *length = bits.ue(31, "num_ref_idx_active_minus1")? + 1;
            }
        }
        for length in lengths.into_iter().take(lists) {
            if !bits.flag()? {
                continue;
            }
            let mut changes = 0;
            while bits.ue(3, "modification_of_pic_nums_idc")? != 3 {
                bits.ue(u32::MAX - 1, "abs_diff_pic_num_minus1")?;
                changes += 1;
                if changes > length {
                    return Err(NalError::Illegal("a list of reference pictures"));
                }
            }
        }
        Ok(())
    }
}

/// The order count with these lowest bits that is nearest to another one (23008-2, 8.3.1).
fn nearest(lsb: i64, base: i64, wrap: i64) -> i64 {
    let ahead = (lsb - base).rem_euclid(wrap);
    base + if ahead >= wrap / 2 { ahead - wrap } else { ahead }
}

/// A picture parameter set with its id (14496-10, 7.3.2.2; 23008-2, 7.3.2.3.1).
fn picture_set(codec: VideoCodec, unit: &[u8]) -> Result<(u32, PictureSet), NalError> {
    let mut bits = Bits::nal(unit);
    bits.skip(if codec == VideoCodec::H264 { 8 } else { 16 })?;
    let (id, sps) = (bits.ue(255, "pps_id")?, bits.ue(31, "sps_id")?);
    let mut set = PictureSet { sps, output: false, extra: 0, lists: None };
    bits.skip(1)?;
    let flag = bits.flag()?;
    if codec == VideoCodec::Hevc {
        (set.output, set.extra) = (flag, bits.bits(3)?);
    } else if bits.ue(7, "num_slice_groups_minus1")? == 0 {
        let mut length = || Ok(bits.ue(31, "num_ref_idx_default_active_minus1")? + 1);
        let lengths = [length()?, length()?];
        bits.skip(3)?;
        for name in ["pic_init_qp_minus26", "pic_init_qs_minus26", "chroma_qp_index_offset"] {
            bits.se(name)?;
        }
        bits.skip(2)?;
        set.lists = Some(Lists { bottom_order: flag, redundant: bits.flag()?, lengths });
    }
    Ok((id, set))
}

#[cfg(test)]
mod tests;
