//! `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1).

use crate::nal::Bits;

const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];

/// The configuration of AAC frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AacConfig {
    /// Of the core: 2 is LC.
    object_type: u32,
    /// Of the core, in Hz.
    core_rate: u32,
    /// The rate is not in the table.
    escaped: bool,
    /// `channelConfiguration`.
    channels: u32,
    /// Of a decoder with spectral band replication, if it is announced.
    extended_rate: Option<u32>,
    /// Frames of 960 instead of 1024.
    short: bool,
    /// Depends on another stream, or is of a later kind.
    special: bool,
}

impl AacConfig {
    /// `None` for what is no AAC of the general kind.
    pub(super) fn read(config: &[u8]) -> Option<Self> {
        let mut bits = Bits::raw(config);
        let mut object_type = object_type(&mut bits)?;
        let (core_rate, escaped) = rate(&mut bits)?;
        let channels = bits.bits(4).ok()?;
        let mut extended_rate = None;
        if matches!(object_type, 5 | 29) {
            extended_rate = Some(rate(&mut bits)?.0);
            object_type = self::object_type(&mut bits)?;
        }
        if !matches!(object_type, 1..=4) {
            return None;
        }
        let short = bits.flag().unwrap_or(false);
        let depends = bits.flag().unwrap_or(false);
        if depends {
            bits.skip(14).ok()?;
        }
        let special = bits.flag().unwrap_or(false) || depends;
        if channels != 0 && !special && extended_rate.is_none() {
            extended_rate = synced_extension(&mut bits);
        }
        Some(Self { object_type, core_rate, escaped, channels, extended_rate, short, special })
    }

    /// The rate of what decoders give. Spectral band replication doubles it and need not be announced: then one of the
    /// other `rates` that the file names may tell.
    pub(super) fn decoded_rate(&self, rates: &[u32]) -> u32 {
        let doubled = self.core_rate.saturating_mul(2);
        let implied = self.core_rate <= 24_000 && rates.contains(&doubled);
        self.extended_rate.unwrap_or(if implied { doubled } else { self.core_rate })
    }

    /// `None` if the stream itself says.
    pub(super) fn channels(&self) -> Option<u16> {
        match self.channels {
            0 => None,
            7 => Some(8),
            few => u16::try_from(few).ok(),
        }
    }

    /// Samples of a frame at the rate that decoders give.
    pub(super) fn frame_length(&self, rate: u32) -> u32 {
        let factor = if rate == self.core_rate { 1 } else { 2 };
        if self.short { 960 * factor } else { 1024 * factor }
    }

    pub(super) fn decodes_like(&self, other: &Self) -> bool {
        // Whether an extension is announced or not, the same frames come.
        Self { extended_rate: other.extended_rate, ..*self } == *other
    }

    pub(super) fn fits_adts(&self) -> bool {
        !self.short && !self.special && !self.escaped
    }

    /// Returns `true` for frames such as an AAC-LC encoder makes.
    pub(super) fn is_plain(&self) -> bool {
        let extended = self.extended_rate.is_some_and(|rate| rate != self.core_rate);
        self.fits_adts() && self.object_type == 2 && self.channels != 0 && !extended
    }
}

fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.bits(5).ok()? {
        31 => Some(bits.bits(6).ok()? + 32),
        short => Some(short),
    }
}

/// In Hz, and whether it is written out.
fn rate(bits: &mut Bits<'_>) -> Option<(u32, bool)> {
    match bits.bits(4).ok()? {
        15 => Some((bits.bits(24).ok()?, true)),
        index => Some((*RATES.get(usize::try_from(index).ok()?)?, false)),
    }
}

/// Spectral band replication announced behind the configuration, for old decoders not to see.
fn synced_extension(bits: &mut Bits<'_>) -> Option<u32> {
    let is_sbr = bits.bits(11).ok()? == 0x2b7 && object_type(bits)? == 5;
    if is_sbr && bits.flag().ok()? { Some(rate(bits)?.0) } else { None }
}
