//! The sample entries of a picture track whose samples come from several encoders (ISO/IEC 14496-15, clauses 5 and 8).

use crate::fmp4::{Codec, Fmp4Error, SampleEntry};
use crate::nal::{ParameterIds, Sps, VideoCodec};
use bytes::Bytes;
use std::collections::BTreeMap;

/// `numOfSequenceParameterSets` has five bits.
const MAX_SPS: usize = 31;

/// The highest id up to 31 that no parameter set of these H.264 configurations uses, neither sequence nor picture:
/// encoders write one number into both. `None` if all are used or a set cannot be read. Sets in band are not looked at.
pub fn free_parameter_id(configs: &[&Codec]) -> Option<u32> {
    let mut used = Vec::new();
    for config in configs {
        let Codec::H264 { sps, pps, .. } = config else { continue };
        for unit in sps {
            used.push(Sps::parse(VideoCodec::H264, unit).ok()?.id);
        }
        for unit in pps {
            used.push(ParameterIds::parse(VideoCodec::H264, unit).ok()?.pps);
        }
    }
    (0..=31).rev().find(|id| !used.contains(id))
}

/// The same entry as `avc3` or `hev1`, for samples with four-byte lengths whose parameter sets are all in band: its
/// configuration record holds none.
///
/// # Errors
/// [`Fmp4Error::Unsupported`] for an entry that is neither H.264 nor HEVC, [`Fmp4Error::Truncated`].
pub fn without_parameter_sets(entry: &SampleEntry) -> Result<Bytes, Fmp4Error> {
    let record = entry.configuration()?;
    if let Codec::H264 { sps, pps, .. } = &entry.codec {
        let (head, _) = record.split_first_chunk::<4>().ok_or(Fmp4Error::Truncated)?;
        let mut bare = [&head[..], &[0xff, 0xe0, 0]].concat();
        if let Some([chroma, luma_depth, chroma_depth, ..]) = avc_tail(record, sps, pps) {
            bare.extend_from_slice(&[*chroma, *luma_depth, *chroma_depth, 0]);
        }
        entry.with_configuration(*b"avc3", &bare)
    } else {
        let ([head @ .., layers], _) = record.split_first_chunk::<22>().ok_or(Fmp4Error::Truncated)?;
        entry.with_configuration(*b"hev1", &[&head[..], &[*layers | 3, 0]].concat())
    }
}

/// The sample entries of one track, as few as its samples' configurations allow.
#[derive(Debug, Clone, Default)]
pub struct SampleEntries {
    entries: Vec<SampleEntry>,
}

impl SampleEntries {
    /// The 0-based index of the entry that describes samples with this configuration; it never changes.
    ///
    /// `avc1` entries become one if their lengths and pictures have the same format and no parameter set id has two
    /// meanings; what else is in the first of them stays. All others, HEVC too, stay apart.
    pub fn add(&mut self, entry: &SampleEntry) -> u32 {
        let index = |index| u32::try_from(index).unwrap_or(u32::MAX);
        for (at, held) in self.entries.iter_mut().enumerate() {
            if held.bytes == entry.bytes {
                return index(at);
            }
            if let Some(both) = united(held, entry) {
                *held = both;
                return index(at);
            }
        }
        self.entries.push(entry.clone());
        index(self.entries.len().saturating_sub(1))
    }

    /// The whole boxes, in the order of their indices.
    pub fn boxes(&self) -> Vec<Bytes> {
        self.entries.iter().map(|entry| entry.bytes.clone()).collect()
    }
}

/// `held` with the parameter sets of both, if one `avc1` can describe them.
fn united(held: &SampleEntry, added: &SampleEntry) -> Option<SampleEntry> {
    let record = Avc::of(held)?;
    let both = record.clone().united(Avc::of(added)?)?;
    if (both.sps.len(), both.pps.len()) == (record.sps.len(), record.pps.len()) {
        return Some(held.clone());
    }
    Some(SampleEntry {
        bytes: held.with_configuration(held.fourcc, &both.record()?).ok()?,
        codec: Codec::H264 {
            nal_length_size: usize::from(both.length_size_minus_one) + 1,
            sps: both.sps.into_values().collect(),
            pps: both.pps.into_values().collect(),
        },
        ..held.clone()
    })
}

/// What one `AVCDecoderConfigurationRecord` (5.3.3.1) says; the record keeps its parameter sets in the order of ids.
#[derive(Clone)]
struct Avc {
    profile: u8,
    compatibility: u8,
    level: u8,
    length_size_minus_one: u8,
    format: Format,
    sps: BTreeMap<u32, Bytes>,
    pps: BTreeMap<u32, Bytes>,
}

/// What all pictures of a sample entry have in common.
#[derive(Clone, PartialEq, Eq)]
struct Format {
    coded: (u32, u32),
    size: (u32, u32),
    chroma_format_idc: u8,
    bit_depth_luma: u8,
    bit_depth_chroma: u8,
}

impl Format {
    fn of(sps: &Sps) -> Self {
        Self {
            coded: (sps.coded_width, sps.coded_height),
            size: (sps.width, sps.height),
            chroma_format_idc: sps.chroma_format_idc,
            bit_depth_luma: sps.bit_depth_luma,
            bit_depth_chroma: sps.bit_depth_chroma,
        }
    }
}

impl Avc {
    /// `None` for an entry that is not `avc1` or cannot be united with another.
    fn of(entry: &SampleEntry) -> Option<Self> {
        let Codec::H264 { nal_length_size, sps, pps } = &entry.codec else { return None };
        let record = entry.configuration().ok()?;
        let [_, profile, compatibility, level, ..] = *record else { return None };
        // Auxiliary pictures have sequence parameter set extensions, which would have to be united too.
        let extended = matches!(avc_tail(record, sps, pps), Some([_, _, _, count, ..]) if *count > 0);
        if entry.fourcc != *b"avc1" || extended {
            return None;
        }
        let parsed: Vec<Sps> =
            sps.iter().map(|unit| Sps::parse(VideoCodec::H264, unit).ok()).collect::<Option<_>>()?;
        let format = Format::of(parsed.first()?);
        if parsed.iter().any(|sps| Format::of(sps) != format) {
            return None;
        }
        let pps_id = |unit: &Bytes| Some(ParameterIds::parse(VideoCodec::H264, unit).ok()?.pps);
        let pps_ids: Vec<u32> = pps.iter().map(pps_id).collect::<Option<_>>()?;
        Some(Self {
            profile: parsed.iter().fold(profile, |profile, sps| profile.max(sps.profile_idc)),
            compatibility: parsed.iter().fold(compatibility, |flags, sps| flags & sps.constraints),
            level: parsed.iter().fold(level, |level, sps| level.max(sps.level_idc)),
            length_size_minus_one: u8::try_from(nal_length_size.checked_sub(1)?).ok()?,
            format,
            sps: with_all(BTreeMap::new(), parsed.iter().map(|sps| sps.id).zip(sps.iter().cloned()))?,
            pps: with_all(BTreeMap::new(), pps_ids.into_iter().zip(pps.iter().cloned()))?,
        })
    }

    /// `None` if one record cannot hold both.
    fn united(self, other: Self) -> Option<Self> {
        let alike = self.format == other.format && self.length_size_minus_one == other.length_size_minus_one;
        let both = Self {
            profile: self.profile.max(other.profile),
            compatibility: self.compatibility & other.compatibility,
            level: self.level.max(other.level),
            sps: with_all(self.sps, other.sps)?,
            pps: with_all(self.pps, other.pps)?,
            ..other
        };
        (alike && both.sps.len() <= MAX_SPS).then_some(both)
    }

    fn record(&self) -> Option<Vec<u8>> {
        let mut out =
            vec![1, self.profile, self.compatibility, self.level, 0xfc | self.length_size_minus_one];
        out.push(0xe0 | u8::try_from(self.sps.len()).ok()?);
        push_sets(self.sps.values(), &mut out)?;
        out.push(u8::try_from(self.pps.len()).ok()?);
        push_sets(self.pps.values(), &mut out)?;
        if !matches!(self.profile, 66 | 77 | 88) {
            let depth = |bits: u8| 0xf8 | bits.saturating_sub(8);
            let Format { chroma_format_idc, bit_depth_luma, bit_depth_chroma, .. } = self.format;
            out.extend_from_slice(&[
                0xfc | chroma_format_idc,
                depth(bit_depth_luma),
                depth(bit_depth_chroma),
                0,
            ]);
        }
        Some(out)
    }
}

/// The union; `None` if an id has two contents.
fn with_all(
    mut sets: BTreeMap<u32, Bytes>,
    more: impl IntoIterator<Item = (u32, Bytes)>,
) -> Option<BTreeMap<u32, Bytes>> {
    for (id, unit) in more {
        if *sets.entry(id).or_insert_with(|| unit.clone()) != unit {
            return None;
        }
    }
    Some(sets)
}

fn push_sets<'a>(units: impl Iterator<Item = &'a Bytes>, out: &mut Vec<u8>) -> Option<()> {
    for unit in units {
        out.extend_from_slice(&u16::try_from(unit.len()).ok()?.to_be_bytes());
        out.extend_from_slice(unit);
    }
    Some(())
}

/// What follows the parameter sets of an `AVCDecoderConfigurationRecord`: the fields of the High profiles, if any.
fn avc_tail<'a>(record: &'a [u8], sps: &[Bytes], pps: &[Bytes]) -> Option<&'a [u8]> {
    const HEAD_AND_COUNTS: usize = 7;
    let sets = sps.iter().chain(pps).try_fold(HEAD_AND_COUNTS, |at, unit| at.checked_add(unit.len() + 2))?;
    record.get(sets..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fmp4::Init;
    use crate::mux::{FragmentWriter, TrackKind, TrackSpec};
    use proptest::prelude::*;

    const H264: &[u8] = include_bytes!("../tests/data/h264.mp4");
    const HEVC: &[u8] = include_bytes!("../tests/data/hevc.mp4");
    const INTERLACED: &[u8] = include_bytes!("../tests/data/inter.mp4");

    /// What x264 wrote for pictures like those of `h264.mp4`, with `sps-id=31:bframes=0:ref=4` and level 3.1.
    const HIGH: (&[u8], &[u8]) = (
        b"\x67\x64\x00\x1f\x04\x0b\x2c\xa2\x3d\x80\x88\x00\x00\x03\x00\x08\x00\x00\x03\x01\x90\x78\xc1\x92\xc0",
        b"\x68\x04\x00\x82\x93\x0f\x2c\x8b",
    );
    /// The same in Main profile: `constraint_set1_flag`.
    const MAIN: (&[u8], &[u8]) = (
        b"\x67\x4d\x40\x1f\x04\x16\x51\x1e\xc0\x44\x00\x00\x03\x00\x04\x00\x00\x03\x00\xc8\x3c\x60\xc9\x60",
        b"\x68\x04\x00\x82\x93\x0f\x2c\x80",
    );

    /// A picture parameter set of id 1, up to its ids.
    const PPS_1: [u8; 2] = [0x68, 0b0101_1000];

    fn recorded(file: &[u8]) -> SampleEntry {
        Init::parse(file).unwrap().tracks[0].sample_entries[0].clone()
    }

    /// The entries as a reader finds them in a file that holds these boxes.
    fn read(boxes: Vec<Bytes>) -> Vec<SampleEntry> {
        let spec = TrackSpec {
            kind: TrackKind::Video { width: 64, height: 48, matrix: crate::display::Matrix::default() },
            timescale: 25,
            language: *b"und",
            sample_entries: boxes,
            roll: None,
        };
        let init = FragmentWriter::new(vec![spec], 25).unwrap().init().unwrap();
        Init::parse(&init).unwrap().tracks[0].sample_entries.clone()
    }

    /// An `avc1` entry like the recorded one, with these parameter sets, as encoders write it.
    fn encoded((sps, pps): (&[u8], &[u8]), length_size: u8) -> SampleEntry {
        let mut record = vec![1, sps[1], sps[2], sps[3], 0xfb + length_size, 0xe1];
        let sets = [Bytes::copy_from_slice(sps), Bytes::copy_from_slice(pps)];
        push_sets(sets[..1].iter(), &mut record).unwrap();
        record.push(1);
        push_sets(sets[1..].iter(), &mut record).unwrap();
        if sps[1] == 100 {
            record.extend_from_slice(&[0xfd, 0xf8, 0xf8, 0]);
        }
        read(vec![recorded(H264).with_configuration(*b"avc1", &record).unwrap()]).remove(0)
    }

    /// `ue(v)` as a text of bits.
    fn ue(value: u8) -> String {
        let code = u32::from(value) + 1;
        format!("{code:0width$b}", width = usize::try_from(2 * code.ilog2() + 1).unwrap())
    }

    /// An SPS of Baseline profile for this many by three macroblocks.
    fn numbered(id: u8, columns: u8) -> Vec<u8> {
        // log2_max_frame_num 4, poc type 2, one reference, no gaps; frames only, no cropping, no VUI, stop bit.
        let bits =
            [&ue(id), "1", "011", "010", "0", &ue(columns - 1), &ue(2), "1", "1", "0", "0", "1"].concat();
        let mut out = vec![0x67, 66, 0xc0, 10];
        out.extend(bits.as_bytes().chunks(8).map(|byte| {
            let byte = format!("{:0<8}", std::str::from_utf8(byte).unwrap());
            u8::from_str_radix(&byte, 2).unwrap()
        }));
        out
    }

    fn sets(entry: &SampleEntry) -> (&[Bytes], &[Bytes]) {
        match &entry.codec {
            Codec::H264 { sps, pps, .. } | Codec::Hevc { sps, pps, .. } => (sps, pps),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_equal_entry_has_the_same_index() {
        let mut entries = SampleEntries::default();
        let all = [H264, HEVC, INTERLACED].map(recorded);
        assert_eq!(all.each_ref().map(|entry| entries.add(entry)), [0, 1, 2]);
        assert_eq!(all.each_ref().map(|entry| entries.add(entry)), [0, 1, 2]);
        assert_eq!(entries.boxes(), all.map(|entry| entry.bytes));
    }

    #[test]
    fn two_encoders_share_one_avc1() {
        let (source, head) = (recorded(H264), encoded(HIGH, 4));
        let mut entries = SampleEntries::default();
        assert_eq!((entries.add(&source), entries.add(&head)), (0, 0));
        let boxes = entries.boxes();
        let both = read(boxes.clone());
        let (source_sets, head_sets) = (sets(&source), sets(&head));
        assert_eq!(both.len(), 1);
        assert_eq!(sets(&both[0]).0, [source_sets.0, head_sets.0].concat());
        assert_eq!(sets(&both[0]).1, [source_sets.1, head_sets.1].concat());
        let record = both[0].configuration().unwrap();
        // The level of the head, and at the end 4:2:0 with 8 bits.
        assert_eq!(record[..6], [1, 100, 0, 31, 0xff, 0xe2]);
        assert_eq!(record[record.len() - 4..], [0xfd, 0xf8, 0xf8, 0]);
        // Nothing but the record differs.
        let restored = both[0].with_configuration(*b"avc1", source.configuration().unwrap()).unwrap();
        assert_eq!(restored, source.bytes);
        // What is in it already changes nothing.
        assert_eq!((entries.add(&head), entries.add(&source), entries.add(&both[0])), (0, 0, 0));
        assert_eq!(entries.boxes(), boxes);
    }

    #[test]
    fn parameter_sets_are_in_the_order_of_their_ids() {
        let mut entries = SampleEntries::default();
        entries.add(&encoded(HIGH, 4));
        entries.add(&recorded(H264));
        let both = read(entries.boxes());
        let ids = sets(&both[0]).0.iter().map(|sps| Sps::parse(VideoCodec::H264, sps).unwrap().id);
        assert_eq!(ids.collect::<Vec<_>>(), [0, 31]);
    }

    #[test]
    fn profiles_are_indicated_for_both() {
        let mut entries = SampleEntries::default();
        entries.add(&encoded(MAIN, 4));
        assert_eq!(entries.add(&recorded(H264)), 0);
        let both = read(entries.boxes());
        let record = both[0].configuration().unwrap();
        // Main alone has no fields for chroma format and depth, and its constraint does not hold for High.
        assert_eq!(record[..4], [1, 100, 0, 31]);
        assert_eq!(record[record.len() - 4..], [0xfd, 0xf8, 0xf8, 0]);
        let mut main_only = SampleEntries::default();
        main_only.add(&encoded(MAIN, 4));
        assert_eq!(main_only.add(&encoded((&numbered(3, 4), &PPS_1), 4)), 0);
        let both = read(main_only.boxes());
        let record = both[0].configuration().unwrap();
        assert_eq!(record[..4], [1, 77, 0x40, 31]);
        assert_eq!(avc_tail(record, sets(&both[0]).0, sets(&both[0]).1), Some(&[][..]));
    }

    #[test]
    fn parameter_sets_count_where_the_record_says_less() {
        let high = encoded(HIGH, 4);
        let mut record = high.configuration().unwrap().to_vec();
        record[1..4].copy_from_slice(&[66, 0xff, 9]);
        let mut entries = SampleEntries::default();
        entries.add(&read(vec![high.with_configuration(*b"avc1", &record).unwrap()])[0]);
        assert_eq!(entries.add(&encoded((&numbered(3, 4), &PPS_1), 4)), 0);
        assert_eq!(read(entries.boxes())[0].configuration().unwrap()[..4], [1, 100, 0, 31]);
    }

    #[test]
    fn what_does_not_fit_one_record_is_a_further_entry() {
        let source = recorded(H264);
        let high = encoded(HIGH, 4);
        let avc3 = read(vec![high.with_configuration(*b"avc3", high.configuration().unwrap()).unwrap()]);
        let extension = [high.configuration().unwrap().split_last().unwrap().1, &[1, 0, 2, 0x6d, 1]].concat();
        let extended = read(vec![high.with_configuration(*b"avc1", &extension).unwrap()]);
        for other in [
            // Id 31 has another meaning.
            encoded(MAIN, 4),
            encoded(HIGH, 2),
            avc3[0].clone(),
            extended[0].clone(),
            // Another width.
            encoded((&numbered(3, 5), &PPS_1), 4),
            // The same picture parameter set id alone.
            encoded((&numbered(3, 4), &[0x68, 0x04, 0, 0x83]), 4),
            recorded(INTERLACED),
            recorded(HEVC),
        ] {
            let mut entries = SampleEntries::default();
            assert_eq!((entries.add(&source), entries.add(&high)), (0, 0));
            assert_eq!(
                (entries.add(&other), entries.add(&other), entries.add(&high)),
                (1, 1, 0),
                "{other:?}"
            );
        }
    }

    #[test]
    fn a_record_holds_no_more_sets_than_it_can_count() {
        let mut entries = SampleEntries::default();
        let added: Vec<u32> =
            (0..32).map(|id| entries.add(&encoded((&numbered(id, 4), &PPS_1), 4))).collect();
        assert_eq!(added, [vec![0; 31], vec![1]].concat());
        let read = read(entries.boxes());
        assert_eq!(read.iter().map(|entry| sets(entry).0.len()).collect::<Vec<_>>(), [31, 1]);
    }

    #[test]
    fn the_free_id_is_in_no_set_of_either_kind() {
        let codecs = [recorded(H264), encoded(HIGH, 4), recorded(HEVC)].map(|entry| entry.codec);
        assert_eq!(free_parameter_id(&[&codecs[0]]), Some(31));
        assert_eq!(free_parameter_id(&[&codecs[0], &codecs[1], &codecs[2]]), Some(30));
        // Only a picture parameter set has id 30, which is 000011111.
        let pps = encoded((HIGH.0, &[0x68, 0b0000_1111, 0b1100_0000]), 4).codec;
        assert_eq!(free_parameter_id(&[&codecs[0], &pps]), Some(29));
        let all: Vec<Codec> = (0..32).map(|id| encoded((&numbered(id, 4), &PPS_1), 4).codec).collect();
        assert_eq!(free_parameter_id(&all.iter().collect::<Vec<_>>()), None);
        let unreadable = encoded((&HIGH.0[..5], HIGH.1), 4).codec;
        assert_eq!(free_parameter_id(&[&unreadable]), None);
    }

    #[test]
    fn an_entry_for_sets_in_band_has_none() {
        for (file, fourcc, codec) in [
            (H264, b"avc3", Codec::H264 { nal_length_size: 4, sps: vec![], pps: vec![] }),
            (HEVC, b"hev1", Codec::Hevc { nal_length_size: 4, vps: vec![], sps: vec![], pps: vec![] }),
        ] {
            let source = recorded(file);
            let bare = read(vec![without_parameter_sets(&source).unwrap()]).remove(0);
            assert_eq!((&bare.fourcc, &bare.codec), (fourcc, &codec));
            assert_eq!((bare.width, bare.height), (source.width, source.height));
            let restored = bare.with_configuration(source.fourcc, source.configuration().unwrap()).unwrap();
            assert_eq!(restored, source.bytes);
        }
        let bare = |entry| read(vec![without_parameter_sets(&entry).unwrap()]).remove(0);
        let short_lengths = bare(encoded(HIGH, 1));
        assert_eq!(
            short_lengths.configuration().unwrap(),
            [1, 100, 0, 31, 0xff, 0xe0, 0, 0xfd, 0xf8, 0xf8, 0]
        );
        assert_eq!(bare(encoded(MAIN, 2)).configuration().unwrap(), [1, 77, 0x40, 31, 0xff, 0xe0, 0]);
        let mut record = recorded(HEVC).configuration().unwrap().to_vec();
        record[21] &= !2;
        let short_lengths = recorded(HEVC).with_configuration(*b"hvc1", &record).unwrap();
        let bare = bare(read(vec![short_lengths]).remove(0));
        assert!(matches!(bare.codec, Codec::Hevc { nal_length_size: 4, .. }));
        let sound = recorded(include_bytes!("../tests/data/aac.mp4"));
        assert!(matches!(without_parameter_sets(&sound), Err(Fmp4Error::Unsupported(_))));
    }

    proptest! {
        #[test]
        fn damaged_entries_never_panic(
            which in 0..3_usize,
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            keep in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            let source = recorded([H264, HEVC, INTERLACED][which]);
            let damaged = |bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                for (at, value) in &damage {
                    let at = at.index(bytes.len());
                    bytes[at] = *value;
                }
                if cut {
                    bytes.truncate(keep.index(bytes.len()));
                }
                Bytes::from(bytes)
            };
            // The box and what was read of it, each damaged by itself.
            let mut entry = SampleEntry { bytes: damaged(&source.bytes), ..source.clone() };
            if let Codec::H264 { sps, pps, .. } = &mut entry.codec {
                (sps[0], pps[0]) = (damaged(&sps[0]), damaged(&pps[0]));
            }
            let _ = (without_parameter_sets(&entry), free_parameter_id(&[&entry.codec]));
            let mut entries = SampleEntries::default();
            let added = [&entry, &encoded(HIGH, 4), &source, &entry].map(|entry| entries.add(entry));
            prop_assert_eq!(added[0], 0);
            prop_assert_eq!(added[3], 0);
            prop_assert!(added.iter().all(|index| usize::try_from(*index).unwrap() < entries.boxes().len()));
        }
    }
}
