//! Parameter sets written bit by bit, with the syntax that common encoders do not use.

use super::*;
use crate::display::Look;
use crate::fmp4::{Codec, Init};
use crate::picture::PictureFormat;
use proptest::prelude::*;
use std::fmt::Write as _;

/// A NAL unit as a text of bits.
#[derive(Default)]
struct Writer(String);

impl Writer {
    fn bits(&mut self, width: usize, value: u64) -> &mut Self {
        write!(self.0, "{value:0width$b}").unwrap();
        self
    }

    fn zeros(&mut self, count: usize) -> &mut Self {
        self.0.push_str(&"0".repeat(count));
        self
    }

    fn ue(&mut self, values: &[u64]) -> &mut Self {
        for value in values {
            let length = usize::try_from((value + 1).ilog2()).unwrap();
            self.zeros(length).bits(length + 1, value + 1);
        }
        self
    }

    /// The bytes with stop bit and emulation prevention.
    fn finish(&mut self) -> Vec<u8> {
        self.0.push('1');
        self.zeros((8 - self.0.len() % 8) % 8);
        let mut out = Vec::new();
        for byte in self.0.as_bytes().chunks(8) {
            let byte = u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap();
            if byte <= 3 && out.ends_with(&[0, 0]) {
                out.push(3);
            }
            out.push(byte);
        }
        out
    }
}

#[test]
fn h264_scaling_lists_order_counts_and_cropping() {
    let mut sps = Writer::default();
    sps.bits(8, 0x67).bits(8, 100).bits(8, 0x14).bits(8, 10).ue(&[4, 1, 2, 1]).bits(1, 0);
    // Scaling lists: the first in full, the second cut short by a scale of 8 - 8, the seventh in full.
    sps.bits(1, 1).bits(1, 1).ue(&[1; 16]).bits(1, 1).ue(&[16]).zeros(4).bits(1, 1).ue(&[0; 64]).bits(1, 0);
    // pic_order_cnt_type 1 with a cycle of two.
    sps.ue(&[0, 1]).bits(1, 0).ue(&[5, 6, 2, 7, 8]);
    sps.ue(&[3]).bits(1, 0).ue(&[3, 2]).bits(2, 0b11).bits(1, 1).ue(&[0, 1, 0, 2]).bits(1, 0);
    let sps = Sps::parse(VideoCodec::H264, &sps.finish()).unwrap();
    assert_eq!((sps.id, sps.constraints, sps.bit_depth_luma, sps.bit_depth_chroma), (4, 0x14, 10, 9));
    assert_eq!((sps.coded_width, sps.coded_height, sps.width, sps.height), (64, 48, 62, 44));
    assert_eq!((sps.max_ref_frames, sps.max_reorder, sps.vui), (3, None, Vui::default()));
}

#[test]
fn hevc_sub_layers_scaling_lists_and_predicted_reference_sets() {
    let mut sps = Writer::default();
    sps.bits(16, 0x4201).bits(4, 0).bits(3, 1).bits(1, 1);
    sps.bits(2, 0).bits(1, 1).bits(5, 1).zeros(32).bits(2, 0b01).zeros(46).bits(8, 90);
    sps.bits(2, 0b11).zeros(14).zeros(88 + 8);
    sps.ue(&[3, 1, 64, 48]).bits(1, 1).ue(&[0, 1, 2, 0]).ue(&[0, 0, 4]);
    sps.bits(1, 1).ue(&[1, 0, 0]).ue(&[4, 2, 0]).ue(&[0; 6]);
    sps.bits(2, 0b11);
    for list in 0..20 {
        match list {
            12 => sps.bits(1, 1).ue(&[3]).ue(&[0; 64]),
            _ => sps.bits(1, 0).ue(&[0]),
        };
    }
    sps.bits(2, 0).bits(1, 1).bits(8, 0x77).ue(&[0, 0]).bits(1, 0);
    // Two pictures before and one after; 1, 01, 00, 1 keep three of four; then 1, 1, 1, 1 keep all.
    sps.ue(&[3]).ue(&[2, 1]).bits(6, 0b11_1111);
    sps.bits(2, 0b10).ue(&[0]).bits(6, 0b10_1001);
    sps.bits(2, 0b11).ue(&[2]).bits(4, 0b1111);
    sps.bits(1, 1).ue(&[1]).bits(9, 0).bits(2, 0);
    sps.bits(1, 1).bits(1, 1).bits(8, 255).bits(16, 4).bits(16, 3).bits(2, 0).bits(1, 1).ue(&[2, 3]);
    sps.bits(3, 0b010).bits(1, 1).ue(&[1, 1, 1, 1]).bits(1, 1).bits(32, 1001).bits(32, 60_000);
    let sps = Sps::parse(VideoCodec::Hevc, &sps.finish()).unwrap();
    assert_eq!((sps.id, sps.profile_idc, sps.level_idc, sps.high_tier), (3, 1, 90, true));
    assert_eq!((sps.coded_width, sps.coded_height, sps.width, sps.height), (64, 48, 62, 44));
    assert_eq!((sps.max_ref_frames, sps.max_reorder, sps.interlaced), (4, Some(2), true));
    assert_eq!((sps.vui.aspect_ratio, sps.vui.chroma_location), (Some((4, 3)), Some((2, 3))));
    assert!(sps.field_pictures && !PictureFormat::of(&sps).unwrap().interlaced);
    let clock = Timing { num_units_in_tick: 1001, time_scale: 60_000, fixed_frame_rate: false };
    assert_eq!(sps.vui.timing, Some(clock));
}

#[test]
fn absurd_sizes_are_refused() {
    let h264 = |width: u64, crop: u64| {
        let mut sps = Writer::default();
        sps.bits(32, 0x6742_000a).ue(&[0, 0, 2, 1]).bits(1, 0).ue(&[width, 2]).bits(2, 0b11).bits(1, 1);
        Sps::parse(VideoCodec::H264, &sps.ue(&[0, crop, 0, 0]).bits(1, 0).finish()).map(|sps| sps.width)
    };
    assert_eq!(h264(3, 31), Ok(2));
    assert_eq!(h264(3, 32), Err(NalError::Illegal("cropping")));
    assert_eq!(h264(1023, 0), Ok(16_384));
    assert_eq!(h264(1024, 0), Err(NalError::Illegal("pic_width_in_mbs_minus1")));
    assert_eq!(Sps::parse(VideoCodec::H264, &[0x67, 66, 0, 10]), Err(NalError::Truncated));
}

/// x264's of 320x180 at 25 fps, High profile, with a VUI up to its end.
const X264: &[u8] = &[
    0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00,
    0x80, 0x00, 0x00, 0x19, 0x07, 0x8a, 0x14, 0xcb,
];

#[test]
fn a_vui_that_ends_early_counts_as_far_as_it_goes() {
    let whole = Sps::parse(VideoCodec::H264, X264).unwrap();
    assert_eq!(whole.max_reorder, Some(2));
    for cut in 1..14 {
        let short = [&X264[..X264.len() - cut], &[0x80]].concat();
        let sps = Sps::parse(VideoCodec::H264, &short).unwrap();
        assert_eq!((sps.width, sps.height), (320, 180), "{cut}");
        if let Some(ended) = with_look(VideoCodec::H264, &short, &Look::default()) {
            let ended = Sps::parse(VideoCodec::H264, &ended).unwrap();
            assert_eq!((ended.width, ended.height, ended.max_reorder), (320, 180, None), "{cut}");
            assert_eq!(ended.vui.aspect_ratio, sps.vui.aspect_ratio, "{cut}");
        } else {
            assert!(sps.max_reorder.is_some(), "{cut}");
        }
        // Behind four bytes less there are bits enough for another depth.
        assert!(cut > 3 || sps.max_reorder.is_none(), "{cut}");
    }
}

#[test]
fn what_is_said_of_reordering_is_taken_away_and_nothing_else() {
    let said = Sps::parse(VideoCodec::H264, X264).unwrap();
    let unsaid = without_restrictions(X264).unwrap();
    assert_eq!(Sps::parse(VideoCodec::H264, &unsaid).unwrap(), Sps { max_reorder: None, ..said });
    // What says nothing stays as it is: with a VUI, and without one.
    assert_eq!(without_restrictions(&unsaid), None);
    let mut bare = Writer::default();
    bare.bits(32, 0x6742_000a).ue(&[0, 0, 2, 1]).bits(1, 0).ue(&[3, 2]).bits(2, 0b11).bits(2, 0);
    assert_eq!(without_restrictions(&bare.finish()), None);
    assert_eq!(without_restrictions(&X264[..12]), None);
}

#[test]
fn illegal_values_in_a_vui_refuse_nothing() {
    let mut sps = Writer::default();
    sps.bits(32, 0x6742_000a).ue(&[0, 0, 2, 1]).bits(1, 0).ue(&[3, 2]).bits(2, 0b11).bits(1, 0).bits(1, 1);
    // A pixel shape, then a chroma location that is none.
    sps.bits(1, 1).bits(8, 14).bits(1, 0).bits(1, 0).bits(1, 1).ue(&[6, 0]);
    let sps = Sps::parse(VideoCodec::H264, &sps.finish()).unwrap();
    assert_eq!((sps.width, sps.vui.aspect_ratio, sps.vui.chroma_location), (64, Some((4, 3)), None));
}

/// Recorded sequence parameter sets of both codecs, with and without a VUI.
fn recorded() -> Vec<(VideoCodec, Vec<u8>)> {
    let file = |data: &[u8]| match &Init::parse(data).unwrap().tracks[0].sample_entries[0].codec {
        Codec::H264 { sps, .. } | Codec::Hevc { sps, .. } => sps[0].to_vec(),
        other => panic!("{other:?}"),
    };
    let mut bare = Writer::default();
    bare.bits(32, 0x6742_000a).ue(&[0, 0, 2, 1]).bits(1, 0).ue(&[3, 2]).bits(2, 0b11).bits(1, 0).bits(1, 0);
    vec![
        (VideoCodec::H264, X264.to_vec()),
        (VideoCodec::H264, file(include_bytes!("../../tests/data/h264.mp4"))),
        (VideoCodec::H264, bare.finish()),
        (VideoCodec::Hevc, file(include_bytes!("../../tests/data/hevc.mp4"))),
    ]
}

#[test]
fn the_containers_look_is_written_into_the_vui_and_nothing_else_changes() {
    let colour = Some(Colour { primaries: 9, transfer: 16, matrix: 9 });
    let looks = [
        Look { aspect_ratio: Some((64, 45)), ..Look::default() },
        Look { colour, full_range: Some(true), ..Look::default() },
        Look { aspect_ratio: Some((4, 3)), colour, ..Look::default() },
    ];
    for (codec, unit) in recorded() {
        let before = Sps::parse(codec, &unit).unwrap();
        assert_eq!(with_look(codec, &unit, &Look::default()), None);
        for look in looks {
            let changed = with_look(codec, &unit, &look);
            if before.vui.shown_as(&look) == before.vui {
                assert_eq!(changed, None, "it names colours of its own");
                continue;
            }
            let changed = changed.unwrap();
            let after = Sps::parse(codec, &changed).unwrap();
            assert_eq!(after, Sps { vui: before.vui.shown_as(&look), ..before.clone() });
            assert!(!changed.windows(3).any(|three| three[..2] == [0, 0] && three[2] < 3));
            assert_eq!(with_look(codec, &changed, &look), None, "it says so already");
        }
    }
}

proptest! {
    #[test]
    fn a_look_in_any_bytes_never_panics(data in prop::collection::vec(any::<u8>(), 0..60), width: u16, height: u16) {
        let look = Look { aspect_ratio: Some((width, height)), ..Look::default() };
        for (codec, header) in [(VideoCodec::H264, &[0x67][..]), (VideoCodec::Hevc, &[0x42, 1])] {
            let unit = [header, &data].concat();
            if let Some(changed) = with_look(codec, &unit, &look) {
                let size = |unit: &[u8]| Sps::parse(codec, unit).map(|sps| (sps.width, sps.height));
                prop_assert_eq!(size(&changed), size(&unit));
            }
        }
    }
}

proptest! {
    #[test]
    fn fields_and_metadata_in_any_bytes_never_panic(
        data in prop::collection::vec(any::<u8>(), 0..120),
        set in prop::collection::vec(any::<u8>(), 0..40),
        size in 0..6_usize,
    ) {
        let (sps, _, _) = fields(None, None);
        for codec in [VideoCodec::H264, VideoCodec::Hevc] {
            let _ = bottom_field_first(codec, &sps, [&set[..]], &data, size);
            let valid = nals(&data, size).all(|unit| unit.is_ok());
            prop_assert_eq!(dolby_vision(codec, &data, size).is_ok(), valid || codec == VideoCodec::H264);
            for to in [VideoCodec::H264, VideoCodec::Hevc] {
                prop_assert_eq!(lost_metadata(codec, to, &sps, &data, size).is_ok(), valid);
            }
        }
    }
}

/// An SPS of interlaced frames with `pic_order_cnt_type` 0, a PPS, and a slice of it.
fn fields(delta: Option<u64>, field: Option<u64>) -> (Sps, Vec<u8>, Vec<u8>) {
    let mut sps = Writer::default();
    // frame_num of 4 bits, order counts of 4 bits; frame_mbs_only_flag 0, no MBAFF; a VUI with pic_struct only.
    sps.bits(32, 0x674d_001e)
        .ue(&[0, 0, 0, 0, 1])
        .bits(1, 0)
        .ue(&[3, 2])
        .bits(3, 0b001)
        .bits(1, 0)
        .bits(1, 1);
    sps.zeros(7).bits(2, 0b10);
    let sps = Sps::parse(VideoCodec::H264, &sps.finish()).unwrap();
    let mut pps = Writer::default();
    pps.bits(8, 0x68).ue(&[0, 0]).bits(1, 0).bits(1, u64::from(delta.is_some()));
    let mut slice = Writer::default();
    slice.bits(8, 0x65).ue(&[0, 7, 0]).bits(4, 0).bits(1, u64::from(field.is_some()));
    if let Some(bottom) = field {
        slice.bits(1, bottom);
    }
    slice.ue(&[0]).bits(4, 0);
    if let Some(delta) = delta.filter(|_| field.is_none()) {
        slice.ue(&[delta]);
    }
    (sps, pps.finish(), slice.finish())
}

#[test]
fn the_order_of_fields_is_told_by_slices_and_else_by_messages() {
    let order = |delta, field, timing: Option<u8>| {
        let (sps, pps, slice) = fields(delta, field);
        assert!(sps.interlaced && sps.pic_struct_at == Some(0));
        let mut sample = Vec::new();
        let message = timing.map(|pic_struct| vec![6, 1, 1, pic_struct << 4 | 8, 0x80]);
        for unit in message.iter().chain([&slice]) {
            sample.extend(u32::try_from(unit.len()).unwrap().to_be_bytes());
            sample.extend(unit);
        }
        bottom_field_first(VideoCodec::H264, &sps, [&pps[..]], &sample, 4)
    };
    // Differences of 0, 1 and -1.
    assert_eq!([order(Some(1), None, None), order(Some(2), None, None)], [Some(false), Some(true)]);
    assert_eq!([order(Some(0), None, None), order(None, None, None)], [None, None]);
    assert_eq!([order(None, Some(0), None), order(Some(0), Some(1), None)], [Some(false), Some(true)]);
    let told: Vec<_> = (0..9).map(|pic_struct| order(None, None, Some(pic_struct))).collect();
    let (top, bottom) = (Some(false), Some(true));
    assert_eq!(told, [None, top, bottom, top, bottom, top, bottom, None, None]);
    assert_eq!(order(Some(2), None, Some(3)), Some(true), "the slice decides");
}

#[test]
fn the_container_shapes_pixels_and_names_colours_that_the_pictures_do_not() {
    let bt709 = Colour { primaries: 1, transfer: 1, matrix: 1 };
    let bt601 = Colour { primaries: 5, transfer: 6, matrix: 6 };
    let look =
        Look { aspect_ratio: Some((4, 3)), colour: Some(bt709), full_range: Some(true), bottom_first: None };
    let silent = Vui::default().shown_as(&look);
    assert_eq!((silent.aspect_ratio, silent.colour), (Some((4, 3)), Some(bt709)));
    assert_eq!((silent.video_format, silent.full_range), (Some(5), true));
    let own =
        Vui { aspect_ratio: Some((16, 11)), video_format: Some(2), colour: Some(bt601), ..Vui::default() };
    assert_eq!(own.shown_as(&look), Vui { aspect_ratio: Some((4, 3)), ..own.clone() });
    assert_eq!(own.shown_as(&Look::default()), own);
    let square = Look { aspect_ratio: Some((7, 7)), ..Look::default() };
    assert_eq!(Vui::default().shown_as(&square), Vui::default());
}
