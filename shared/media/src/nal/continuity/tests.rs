//! Pictures that x264 and x265 wrote, some of them taken away or broken.

use super::*;
use crate::fmp4::{Init, read_fragments};
use crate::nal::bits::{BitWriter, escaped, unescaped};
use crate::nal::{Leading, Picture, RandomAccess, classify, push_unit};
use crate::picture::DecoderConfig;
use proptest::prelude::*;

const H264: &[u8] = include_bytes!("../../../tests/data/h264.mp4");
const INTERLACED: &[u8] = include_bytes!("../../../tests/data/inter.mp4");
const HEVC: &[u8] = include_bytes!("../../../tests/data/hevc.mp4");
const FILES: [&[u8]; 3] = [H264, INTERLACED, HEVC];

/// A recording's configuration, and its pictures in decode order.
fn recorded(file: &'static [u8]) -> (DecoderConfig, Vec<(Vec<u8>, Picture)>) {
    let init = Init::parse(file).unwrap();
    let config = DecoderConfig::of(&init.tracks[0].sample_entries[0]).unwrap();
    let samples = read_fragments(&init.tracks[0], file, 0).unwrap();
    let picture = |sample: &crate::sample::Sample| {
        let data = file[sample.range().unwrap()].to_vec();
        let picture = classify(config.codec, &data, 4, sample.sync).unwrap();
        (data, picture)
    };
    let pictures = samples.iter().map(picture).collect();
    (config, pictures)
}

/// What is missing from each picture.
fn missing<'a>(
    config: &DecoderConfig,
    pictures: impl IntoIterator<Item = &'a (Vec<u8>, Picture)>,
) -> Vec<Option<Damage>> {
    let mut followed = Continuity::new(config);
    pictures.into_iter().map(|(data, _)| followed.next(data, 4)).collect()
}

/// The first slice of a picture with other contents, by its bits behind the NAL unit header.
fn changed(codec: VideoCodec, data: &[u8], change: impl Fn(&mut Bits<'_>, &mut BitWriter)) -> Vec<u8> {
    let (mut out, mut done) = (Vec::new(), false);
    for unit in nals(data, 4).map(Result::unwrap) {
        if done || !super::super::splice::is_slice(codec, unit) {
            push_unit(unit, 4, &mut out).unwrap();
            continue;
        }
        done = true;
        let raw = unescaped(unit);
        let (mut bits, mut bytes) = (Bits::raw(&raw), BitWriter::default());
        bytes.copy(&mut bits, if codec == VideoCodec::H264 { 8 } else { 16 }).unwrap();
        change(&mut bits, &mut bytes);
        let rest = bits.remaining();
        bytes.copy(&mut bits, rest).unwrap();
        push_unit(&escaped(&bytes.bytes()), 4, &mut out).unwrap();
    }
    out
}

#[test]
fn nothing_is_missing_from_a_sound_recording() {
    for file in FILES {
        let (config, pictures) = recorded(file);
        assert!(missing(&config, &pictures).iter().all(Option::is_none));
    }
}

#[test]
fn decoding_may_start_at_any_random_access_picture() {
    for file in FILES {
        let (config, pictures) = recorded(file);
        for (n, (_, first)) in pictures.iter().enumerate() {
            if first.random_access != RandomAccess::None {
                // Leading pictures of the first one are not fed.
                let led = |(_, picture): &&(Vec<u8>, Picture)| picture.leading != Leading::Rasl;
                let rest = pictures[n + 1..].iter().skip_while(|picture| !led(picture));
                let found = missing(&config, std::iter::once(&pictures[n]).chain(rest));
                assert!(found.iter().all(Option::is_none), "from picture {n} on");
            }
        }
    }
}

#[test]
fn a_lost_picture_that_others_refer_to_is_noticed_and_no_other() {
    for (file, least) in [(H264, 10), (INTERLACED, 2), (HEVC, 10)] {
        let (config, pictures) = recorded(file);
        let mut noticed = 0;
        for (n, (_, lost)) in pictures.iter().enumerate().skip(1) {
            let left = pictures[..n].iter().chain(&pictures[n + 1..]);
            let found = missing(&config, left);
            let last = pictures.get(n + 1).is_none_or(|(_, next)| next.random_access == RandomAccess::Idr);
            let first = found.iter().position(Option::is_some);
            if lost.reference
                && !last
                && config.codec == VideoCodec::H264
                && lost.random_access == RandomAccess::None
            {
                assert_eq!(first, Some(n), "without reference picture {n}");
            }
            if !lost.reference && lost.temporal_id == 0 {
                assert_eq!(first, None, "without picture {n}, which none refers to");
            }
            assert!(found.iter().flatten().all(|damage| *damage == Damage::Reference));
            noticed += usize::from(first.is_some());
        }
        assert!(noticed >= least, "{noticed} of {}", pictures.len());
    }
}

#[test]
fn a_first_slice_that_is_not_there_is_noticed() {
    for file in FILES {
        let (config, mut pictures) = recorded(file);
        pictures[1].0 = changed(config.codec, &pictures[1].0, |bits, out| match config.codec {
            VideoCodec::H264 => {
                bits.ue(0, "first_mb_in_slice").unwrap();
                out.ue(1);
            }
            VideoCodec::Hevc => {
                bits.flag().unwrap();
                out.flag(false);
            }
        });
        assert_eq!(missing(&config, &pictures)[1], Some(Damage::Slice));
    }
}

#[test]
fn a_slice_header_that_makes_no_sense_is_noticed() {
    for file in FILES {
        let (config, mut pictures) = recorded(file);
        let codec = config.codec;
        // A parameter set that there is not.
        pictures[1].0 = changed(codec, &pictures[1].0, |bits, out| {
            match codec {
                VideoCodec::H264 => {
                    bits.ue(0, "first_mb_in_slice").unwrap();
                    let kind = bits.ue(9, "slice_type").unwrap();
                    out.ue(0);
                    out.ue(kind);
                }
                VideoCodec::Hevc => out.flag(bits.flag().unwrap()),
            }
            bits.ue(0, "pic_parameter_set_id").unwrap();
            out.ue(17);
        });
        pictures[2].0 = changed(codec, &pictures[2].0, |bits, _| {
            bits.skip(bits.remaining().try_into().unwrap()).unwrap();
        });
        assert_eq!(missing(&config, &pictures)[1..3], [Some(Damage::Slice); 2]);
    }
}

#[test]
fn lists_of_references_that_are_too_long_are_noticed() {
    for file in [H264, INTERLACED] {
        let (config, mut pictures) = recorded(file);
        let sps = config.sps(&[]).unwrap();
        // All ones behind `frame_num`: each list is changed without end.
        pictures[1].0 = changed(VideoCodec::H264, &pictures[1].0, |bits, out| {
            for _ in 0..3 {
                out.ue(bits.ue(255, "slice header").unwrap());
            }
            out.bits(sps.frame_num_bits, bits.bits(sps.frame_num_bits).unwrap());
            (0..100).for_each(|_| out.flag(true));
        });
        assert_eq!(missing(&config, &pictures)[1], Some(Damage::Slice));
    }
}

#[test]
fn order_counts_go_on_over_their_lowest_bits() {
    assert_eq!([nearest(3, 14, 16), nearest(15, 17, 16), nearest(8, 16, 16)], [19, 15, 8 + 16 - 16]);
    assert_eq!(nearest(0, 0, 16), 0);
}

/// A stream of 4 x 3 macroblocks: `frame_num` has four bits.
#[derive(Clone, Copy)]
struct Syntax {
    profile: u32,
    gaps_allowed: bool,
    /// `pic_order_cnt_type`; that of 0 has four bits.
    order: u32,
    bottom_order: bool,
    redundant: bool,
    /// Pictures in each list of references.
    lengths: [u32; 2],
    /// What slices say of that themselves.
    own: Option<[u32; 2]>,
}

const USUAL: Syntax = Syntax {
    profile: 77,
    gaps_allowed: false,
    order: 2,
    bottom_order: false,
    redundant: false,
    lengths: [1, 1],
    own: None,
};

impl Syntax {
    fn start(self) -> Continuity {
        let (mut config, _) = recorded(H264);
        let (mut sps, mut pps) = (BitWriter::default(), BitWriter::default());
        sps.bits(8, 0x67);
        sps.bits(8, self.profile);
        sps.bits(16, 0x000a);
        for value in [0, 0, self.order] {
            sps.ue(value);
        }
        match self.order {
            0 => sps.ue(0),
            1 => {
                sps.flag(false);
                for value in [0, 0, 0] {
                    sps.ue(value);
                }
            }
            _ => {}
        }
        sps.ue(4);
        sps.flag(self.gaps_allowed);
        for value in [3, 2] {
            sps.ue(value);
        }
        for flag in [true, true, false, false, true] {
            sps.flag(flag);
        }
        pps.bits(8, 0x68);
        for value in [0, 0] {
            pps.ue(value);
        }
        pps.flag(false);
        pps.flag(self.bottom_order);
        pps.ue(0);
        for length in self.lengths {
            pps.ue(length - 1);
        }
        pps.bits(3, 0);
        for value in [0, 0, 0] {
            pps.ue(value);
        }
        pps.bits(2, 0);
        pps.flag(self.redundant);
        pps.flag(true);
        config.sets = [sps, pps].map(|set| escaped(&set.bytes()).into()).to_vec();
        Continuity::new(&config)
    }

    /// A slice that changes lists of references so often.
    fn slice(self, header: u32, at: u32, kind: u32, number: u32, changes: &[u32]) -> Vec<u8> {
        let mut out = BitWriter::default();
        out.bits(8, header);
        for value in [at, kind, 0] {
            out.ue(value);
        }
        out.bits(4, number);
        if header & 0x1f == 5 {
            // Taken for another field, it would be too high.
            out.ue(1000);
        }
        match self.order {
            0 => out.bits(4, 7),
            1 => out.ue(1),
            _ => {}
        }
        if self.bottom_order && self.order < 2 {
            out.ue(2);
        }
        if self.redundant {
            out.ue(0);
        }
        if kind == 1 {
            out.flag(true);
        }
        if kind < 2 {
            out.flag(self.own.is_some());
            let lists = if kind == B { 2 } else { 1 };
            for length in self.own.into_iter().flatten().take(lists) {
                out.ue(length - 1);
            }
        }
        for count in changes {
            out.flag(true);
            for _ in 0..*count {
                for value in [0, 0] {
                    out.ue(value);
                }
            }
            out.ue(3);
        }
        out.bits(8, 0x80);
        escaped(&out.bytes())
    }
}

const IDR: u32 = 0x65;
const REFERENCE: u32 = 0x41;
const OTHER: u32 = 0x01;
const P: u32 = 0;
const B: u32 = 1;
const I: u32 = 2;

/// What is missing from a picture of these slices.
fn next(followed: &mut Continuity, slices: &[Vec<u8>]) -> Option<Damage> {
    let mut sample = Vec::new();
    for slice in slices {
        push_unit(slice, 4, &mut sample).unwrap();
    }
    followed.next(&sample, 4)
}

#[test]
fn slices_follow_one_another_within_the_picture() {
    let (slice, reference) = (Some(Damage::Slice), Some(Damage::Reference));
    for (places, expected) in [
        (&[0, 4, 11][..], None),
        // Two fields, or planes.
        (&[0, 4, 0, 4], None),
        (&[0, 12], slice),
        (&[0, 4, 4], slice),
        (&[0, 8, 4], slice),
        (&[4, 8], slice),
    ] {
        let idr: Vec<_> = places.iter().map(|at| USUAL.slice(IDR, *at, I, 0, &[])).collect();
        assert_eq!(next(&mut USUAL.start(), &idr), expected, "{places:?}");
        let baseline = Syntax { profile: 66, ..USUAL };
        let idr: Vec<_> = places.iter().map(|at| baseline.slice(IDR, *at, I, 0, &[])).collect();
        let expected = expected.filter(|_| places.contains(&12));
        assert_eq!(next(&mut baseline.start(), &idr), expected, "{places:?} in any order");
    }
    let mut followed = USUAL.start();
    let numbers = [USUAL.slice(IDR, 0, I, 0, &[]), USUAL.slice(IDR, 4, I, 1, &[])];
    assert_eq!(next(&mut followed, &numbers), slice);
    // A slice that is missing says more than a reference.
    let late = [USUAL.slice(REFERENCE, 0, P, 5, &[0]), USUAL.slice(REFERENCE, 12, P, 5, &[0])];
    assert_eq!(next(&mut followed, &late), slice);
    assert_eq!(next(&mut followed, &[USUAL.slice(REFERENCE, 0, P, 9, &[0])]), reference);
    assert_eq!(next(&mut followed, &[]), None);
}

#[test]
fn numbers_of_pictures_go_on_from_the_last_reference() {
    let reference = Some(Damage::Reference);
    let run = |syntax: Syntax, pictures: &[(u32, u32, u32)]| -> Vec<Option<Damage>> {
        let mut followed = syntax.start();
        let picture = |(header, kind, number): &(u32, u32, u32)| {
            let lists = if *kind == I { &[][..] } else { &[0] };
            next(&mut followed, &[syntax.slice(*header, 0, *kind, *number, lists)])
        };
        pictures.iter().map(picture).collect()
    };
    let sound = [(IDR, I, 0), (REFERENCE, P, 1), (OTHER, P, 2), (OTHER, P, 2), (REFERENCE, P, 2)];
    assert_eq!(run(USUAL, &sound), [None; 5]);
    let all: Vec<_> = (0..20).map(|n| if n == 0 { (IDR, I, 0) } else { (REFERENCE, P, n % 16) }).collect();
    assert_eq!(run(USUAL, &all), [None; 20]);
    // Another IDR picture starts the count anew wherever it was.
    assert_eq!(run(USUAL, &[(IDR, I, 0), (REFERENCE, P, 1), (IDR, I, 0), (REFERENCE, P, 1)]), [None; 4]);
    let lost = [(IDR, I, 0), (REFERENCE, P, 1), (REFERENCE, P, 3), (OTHER, P, 4), (REFERENCE, P, 1)];
    assert_eq!(run(USUAL, &lost), [None, None, reference, None, reference]);
    assert_eq!(run(Syntax { gaps_allowed: true, ..USUAL }, &lost), [None; 5]);
    assert_eq!(run(USUAL, &[(IDR, I, 0), (OTHER, P, 1), (REFERENCE, P, 2)]), [None, None, reference]);
    // Behind a picture that needs no other the count may be 1, and nothing else.
    assert_eq!(run(USUAL, &[(IDR, I, 0), (REFERENCE, I, 7), (REFERENCE, P, 1)]), [None, reference, None]);
    assert_eq!(
        run(USUAL, &[(IDR, I, 0), (REFERENCE, I, 7), (REFERENCE, P, 2)]),
        [None, reference, reference]
    );
    // One slice that needs others is enough.
    let mut followed = USUAL.start();
    let mixed = [USUAL.slice(REFERENCE, 0, I, 7, &[]), USUAL.slice(REFERENCE, 4, P, 7, &[0])];
    for (slices, expected) in [
        (&[USUAL.slice(IDR, 0, I, 0, &[])][..], None),
        (&mixed, reference),
        (&[USUAL.slice(REFERENCE, 0, P, 1, &[0])], reference),
    ] {
        assert_eq!(next(&mut followed, slices), expected);
    }
    // Decoding may start with any number.
    assert_eq!(run(USUAL, &[(REFERENCE, I, 9), (REFERENCE, P, 10)]), [None; 2]);
    assert_eq!(run(USUAL, &[(OTHER, I, 9), (REFERENCE, P, 10)]), [None; 2]);
}

#[test]
fn lists_of_references_are_found_behind_all_that_a_slice_may_say_before() {
    let slice = Some(Damage::Slice);
    for (order, n) in (0..3).flat_map(|order| (0..8).map(move |n| (order, n))) {
        let (bottom_order, redundant) = (n & 1 != 0, n & 2 != 0);
        let (lengths, own) = if n < 4 { ([3, 2], None) } else { ([1, 1], Some([3, 2])) };
        let syntax = Syntax { order, bottom_order, redundant, lengths, own, ..USUAL };
        let found = |kind: u32, changes: &[u32]| {
            let mut followed = syntax.start();
            assert_eq!(next(&mut followed, &[syntax.slice(IDR, 0, I, 0, &[])]), None);
            next(&mut followed, &[syntax.slice(REFERENCE, 0, kind, 1, changes)])
        };
        let name = format!("{order} {bottom_order} {redundant} {own:?}");
        assert_eq!([found(P, &[3]), found(P, &[4])], [None, slice], "{name}");
        assert_eq!([found(B, &[3, 2]), found(B, &[3, 3]), found(B, &[4, 2])], [None, slice, slice], "{name}");
        // Without lists of its own, what follows is none of them.
        assert_eq!(found(I, &[9]), None, "{name}");
    }
}

/// HEVC: what slice headers have that not all have. Order counts have four bits.
#[derive(Clone, Copy, Default)]
struct Header {
    output: bool,
    extra: u32,
    separate_planes: bool,
}

const TRAIL_N: u32 = 0;
const TRAIL_R: u32 = 1;
const RADL_R: u32 = 7;
const RASL_R: u32 = 9;
const IDR_W_RADL: u32 = 19;
const CRA: u32 = 21;

impl Header {
    fn start(self) -> Continuity {
        let mut followed = Continuity::new(&recorded(HEVC).0);
        let sps = followed.sequence_sets.get_mut(&0).unwrap();
        (sps.order.lsb_bits, sps.order.separate_planes) = (4, self.separate_planes);
        sps.reference_sets.clear();
        let set = PictureSet { sps: 0, output: self.output, extra: self.extra, lists: None };
        followed.picture_sets.insert(0, set);
        followed
    }

    /// A picture of this kind and temporal layer, counted from 1, that refers to those this much before and behind it.
    fn picture(self, (kind, layer): (u32, u32), order: u32, before: &[u32], behind: &[u32]) -> Vec<u8> {
        let mut out = BitWriter::default();
        out.bits(16, kind << 9 | layer);
        out.flag(true);
        if kind >= 16 {
            out.flag(false);
        }
        out.ue(0);
        out.bits(self.extra, (1 << self.extra) - 1);
        out.ue(1);
        out.bits(u32::from(self.output), u32::from(self.output));
        out.bits(if self.separate_planes { 2 } else { 0 }, if self.separate_planes { 3 } else { 0 });
        if kind != IDR_W_RADL {
            out.bits(4, order % 16);
            out.flag(false);
            for references in [before, behind] {
                out.ue(u32::try_from(references.len()).unwrap());
            }
            for references in [before, behind] {
                let mut at = 0;
                for delta in references {
                    out.ue(delta - at - 1);
                    out.flag(true);
                    at = *delta;
                }
            }
        }
        out.bits(8, 0x80);
        escaped(&out.bytes())
    }
}

/// Kind and layer, order count, and references before and behind.
type Coded<'a> = ((u32, u32), u32, &'a [u32], &'a [u32]);

/// What is missing from the last of these pictures; nothing is from those before it.
fn last_of(header: Header, pictures: &[Coded]) -> Option<Damage> {
    let mut followed = header.start();
    let picture = |(kind, order, before, behind): &Coded| {
        next(&mut followed, &[header.picture(*kind, *order, before, behind)])
    };
    let found: Vec<_> = pictures.iter().map(picture).collect();
    let (last, before) = found.split_last().unwrap();
    assert!(before.iter().all(Option::is_none), "{found:?}");
    *last
}

#[test]
fn reference_sets_are_found_behind_all_that_a_slice_may_say_before() {
    for n in 0..8 {
        let header = Header { output: n & 1 != 0, extra: n & 2, separate_planes: n & 4 != 0 };
        let start: [Coded; 3] =
            [((IDR_W_RADL, 1), 0, &[], &[]), ((TRAIL_R, 1), 4, &[4], &[]), ((TRAIL_N, 1), 2, &[2], &[2])];
        assert_eq!(last_of(header, &start), None, "{n}");
        for (before, behind, expected) in [
            (&[4, 8][..], &[][..], None),
            (&[4, 7], &[], Some(Damage::Reference)),
            (&[4], &[1], Some(Damage::Reference)),
        ] {
            let pictures = [&start[..], &[((TRAIL_R, 1), 8, before, behind)]].concat();
            assert_eq!(last_of(header, &pictures), expected, "{n} {before:?} {behind:?}");
        }
    }
}

#[test]
fn units_that_are_no_slices_of_the_base_layer_say_nothing() {
    let usual = Header::default();
    let (delimiter, enhanced) = (vec![35 << 1, 1, 0x50], vec![2, 1 << 3 | 1, 0]);
    let mut followed = usual.start();
    for picture in [usual.picture((IDR_W_RADL, 1), 0, &[], &[]), usual.picture((TRAIL_R, 1), 1, &[1], &[])] {
        assert_eq!(next(&mut followed, &[delimiter.clone(), enhanced.clone(), picture]), None);
    }
    assert_eq!(next(&mut followed, &[delimiter, enhanced]), None);
}

#[test]
fn order_counts_are_counted_from_pictures_that_no_decoder_leaves_out() {
    let usual = Header::default();
    let start = ((IDR_W_RADL, 1), 0, &[][..], &[][..]);
    // Counted from the first picture, that of 8 is 8 before it; from one of 7, it is the next.
    for (kind, counted) in [
        ((TRAIL_R, 1), true),
        ((CRA, 1), true),
        ((TRAIL_R, 2), false),
        ((TRAIL_N, 1), false),
        ((RADL_R, 1), false),
        ((RASL_R, 1), false),
    ] {
        let pictures = |before, behind| [start, (kind, 7, &[], &[]), ((TRAIL_R, 1), 8, before, behind)];
        let (next, far) = (last_of(usual, &pictures(&[1], &[])), last_of(usual, &pictures(&[], &[8])));
        let missing = Some(Damage::Reference);
        assert_eq!([next, far], if counted { [None, missing] } else { [missing, None] }, "{kind:?}");
    }
    // The first picture is counted from, whichever it is.
    assert_eq!(last_of(usual, &[((TRAIL_N, 1), 15, &[], &[]), ((TRAIL_R, 1), 14, &[], &[1])]), None);
}

#[test]
fn pictures_are_remembered_for_long_and_forgotten_at_a_new_beginning() {
    let usual = Header::default();
    let begun = ((IDR_W_RADL, 1), 0, &[][..], &[][..]);
    let mut pictures = vec![begun];
    pictures.extend((1..100).map(|n| ((TRAIL_R, 1), n, &[1][..], &[][..])));
    for (reference, expected) in [(64, None), (65, Some(Damage::Reference))] {
        let last = [((TRAIL_R, 1), 100, &[reference][..], &[][..])];
        assert_eq!(last_of(usual, &[&pictures[..], &last].concat()), expected, "{reference}");
    }
    for (references, expected) in [(&[1][..], None), (&[1, 2], Some(Damage::Reference))] {
        let again = [begun, ((TRAIL_R, 1), 1, references, &[][..])];
        assert_eq!(last_of(usual, &[&pictures[..16], &again].concat()), expected, "{references:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        file in 0..FILES.len(), data in prop::collection::vec(any::<u8>(), 0..80), kind in any::<u8>(),
    ) {
        let (config, pictures) = recorded(FILES[file]);
        let mut followed = Continuity::new(&config);
        followed.next(&pictures[0].0, 4);
        let mut sample = Vec::new();
        push_unit(&[&[kind, 1][..], &data].concat(), 4, &mut sample).unwrap();
        for sample in [&sample, &data, &pictures[1].0] {
            followed.next(sample, 4);
        }
    }
}
