//! Parameter sets written bit by bit, with the syntax that common encoders do not use.

use super::*;
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
