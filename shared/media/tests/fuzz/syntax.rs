//! Sequence parameter sets written by their syntax (7.3.2.1.1 of H.264, 7.3.2.2 of HEVC), with values that are
//! mostly legal.

use export_media::nal::VideoCodec;

/// Multiples of it, and the largest value, are written as they are, others as far as is legal.
const WILD: u32 = 61;

fn is_wild(value: u32) -> bool {
    value.is_multiple_of(WILD) || value == u32::MAX
}

/// The value, or one near it, that is written as far as is legal.
pub(crate) fn legal(value: u32) -> u32 {
    if is_wild(value) { value ^ 1 } else { value }
}

/// A value from `least` on that is written as it is.
pub(crate) fn wild(least: u32) -> u32 {
    least.next_multiple_of(WILD)
}

/// Bits of a NAL unit, with values from a list that need not suffice: zeros follow.
struct Writer<'a> {
    values: std::slice::Iter<'a, u32>,
    bits: Vec<bool>,
}

/// A sequence parameter set with these values in it, in order.
pub(crate) fn sps(codec: VideoCodec, values: &[u32]) -> Vec<u8> {
    let mut writer = Writer { values: values.iter(), bits: Vec::new() };
    match codec {
        VideoCodec::H264 => writer.h264(),
        VideoCodec::Hevc => writer.hevc(),
    }
    writer.finish()
}

impl Writer<'_> {
    fn value(&mut self) -> u32 {
        self.values.next().copied().unwrap_or(0)
    }

    fn u(&mut self, width: u32, value: u32) -> u32 {
        self.bits.extend((0..width).rev().map(|bit| value.checked_shr(bit).unwrap_or(0) & 1 == 1));
        value
    }

    /// So many bits of the next value.
    fn any(&mut self, width: u32) -> u32 {
        let value = self.value();
        self.u(width, value)
    }

    fn flag(&mut self) -> bool {
        self.any(1) & 1 == 1
    }

    fn ue(&mut self, value: u32) -> u32 {
        let code = u64::from(value) + 1;
        let length = code.ilog2();
        self.u(length, 0);
        self.bits.extend((0..=length).rev().map(|bit| code >> bit & 1 == 1));
        value
    }

    /// The next value as a code: at most `max`, unless it is one of the few that may be anything.
    fn up_to(&mut self, max: u32) -> u32 {
        let value = self.value();
        self.ue(if is_wild(value) { value } else { value % (max + 1) })
    }

    fn some(&mut self, count: u32, max: u32) {
        for _ in 0..count {
            self.up_to(max);
        }
    }

    /// A counted list, which a hostile count does not make as long as it says.
    fn list(&mut self, max: u32) -> u32 {
        self.up_to(max).min(300)
    }

    fn h264(&mut self) {
        const PROFILES: [u32; 8] = [66, 77, 88, 100, 110, 122, 244, 44];
        self.u(8, 0x67);
        let profile = PROFILES[usize::try_from(self.value() % 8).unwrap()];
        self.u(8, profile);
        self.any(16);
        self.up_to(31);
        if !matches!(profile, 66 | 77 | 88) {
            let chroma = self.up_to(3);
            if chroma == 3 {
                self.flag();
            }
            self.some(2, 6);
            self.flag();
            if self.flag() {
                for list in 0..if chroma == 3 { 12 } else { 8 } {
                    if self.flag() {
                        self.some(if list < 6 { 16 } else { 64 }, 20);
                    }
                }
            }
        }
        self.up_to(12);
        match self.up_to(2) {
            0 => self.some(1, 12),
            1 => {
                self.flag();
                self.some(2, 100);
                let cycle = self.list(255);
                self.some(cycle, 100);
            }
            _ => {}
        }
        self.up_to(16);
        self.flag();
        self.some(2, 300);
        if !self.flag() {
            self.flag();
        }
        self.flag();
        if self.flag() {
            self.some(4, 40);
        }
        if self.flag() {
            self.h264_vui();
        }
    }

    fn h264_vui(&mut self) {
        self.vui_head();
        if self.flag() {
            self.any(32);
            self.any(32);
            self.flag();
        }
        let hrds = [self.flag_then_hrd(), self.flag_then_hrd()];
        if hrds.contains(&true) {
            self.flag();
        }
        self.flag();
        if self.flag() {
            self.flag();
            self.some(6, 16);
        }
    }

    fn flag_then_hrd(&mut self) -> bool {
        let present = self.flag();
        if present {
            let count = self.list(31) + 1;
            self.any(8);
            for _ in 0..count {
                self.some(2, 1 << 20);
                self.flag();
            }
            self.any(20);
        }
        present
    }

    /// Up to the chroma location, as in both standards.
    fn vui_head(&mut self) {
        if self.flag() && self.any(8) & 255 == 255 {
            self.any(32);
        }
        if self.flag() {
            self.flag();
        }
        if self.flag() {
            self.any(4);
            if self.flag() {
                self.any(24);
            }
        }
        if self.flag() {
            self.some(2, 5);
        }
    }

    fn hevc(&mut self) {
        self.u(16, 0x4201);
        self.any(4);
        let sub_layers = self.any(3) & 7;
        self.flag();
        for _ in 0..3 {
            self.any(32);
        }
        let present: Vec<(bool, bool)> = (0..sub_layers).map(|_| (self.flag(), self.flag())).collect();
        if sub_layers > 0 {
            self.u(2 * (8 - sub_layers), 0);
        }
        for (profile, level) in present {
            self.u(if profile { 88 } else { 0 }, 0);
            self.u(if level { 8 } else { 0 }, 0);
        }
        self.up_to(15);
        if self.up_to(3) == 3 {
            self.flag();
        }
        self.some(2, 8192);
        if self.flag() {
            self.some(4, 40);
        }
        self.some(2, 8);
        self.up_to(12);
        let all = self.flag();
        self.some(3 * if all { sub_layers + 1 } else { 1 }, 16);
        self.some(6, 6);
        if self.flag() && self.flag() {
            self.scaling_lists();
        }
        self.any(2);
        if self.flag() {
            self.any(8);
            self.some(2, 6);
            self.flag();
        }
        self.reference_sets();
        if self.flag() {
            for _ in 0..self.list(32) {
                self.any(16);
                self.flag();
            }
        }
        self.any(2);
        if self.flag() {
            self.vui_head();
            self.any(3);
            if self.flag() {
                self.some(4, 40);
            }
            if self.flag() {
                self.any(32);
                self.any(32);
            }
        }
    }

    fn scaling_lists(&mut self) {
        for size in 0..4 {
            for _ in 0..if size == 3 { 2 } else { 6 } {
                if self.flag() {
                    self.some(u32::from(size > 1) + if size == 0 { 16 } else { 64 }, 20);
                } else {
                    self.up_to(5);
                }
            }
        }
    }

    fn reference_sets(&mut self) {
        let mut pictures = 0;
        for set in 0..self.list(64) {
            if set > 0 && self.flag() {
                self.flag();
                self.up_to(100);
                // For each picture of the set before, and for that set's own: whether it is used, or else kept.
                pictures = (0..=pictures).filter(|_| self.flag() || self.flag()).count();
            } else {
                let count = self.list(16) + self.list(16);
                for _ in 0..count {
                    self.up_to(100);
                    self.flag();
                }
                pictures = usize::try_from(count).unwrap();
            }
        }
    }

    /// Bytes with stop bit and emulation prevention.
    fn finish(mut self) -> Vec<u8> {
        self.bits.push(true);
        let mut out = Vec::with_capacity(self.bits.len() / 8 + 16);
        for bits in self.bits.chunks(8) {
            let byte = bits.iter().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit)) << (8 - bits.len());
            if byte <= 3 && out.ends_with(&[0, 0]) {
                out.push(3);
            }
            out.push(byte);
        }
        out
    }
}
