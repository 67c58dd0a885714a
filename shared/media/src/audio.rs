//! The coding of recorded audio, the copies that it allows, and the matching of recorded tracks to tracks of the clip.

mod aac;
mod matching;

pub use matching::{Identity, TrackMatch, match_tracks};

use crate::arrange::nanos;
use crate::fmp4::{Codec, SampleEntry};
use crate::time::Nanos;
use aac::AacConfig;
use bytes::Bytes;

/// Sampling rates that are believed, in Hz.
const RATES: std::ops::RangeInclusive<u32> = 4000..=768_000;
/// `fscod` of AC-3 and E-AC-3 (ETSI TS 102 366, 4.4.1.3).
const DOLBY_RATES: [u32; 3] = [48_000, 44_100, 32_000];
/// Sampling rates of AAC that transport streams carry (14496-3, 1.6.3.4).
const AAC_RATES: [u32; 12] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000];

/// The form of a track's audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFormat {
    coding: Coding,
    rate: u32,
    channels: u16,
    /// The most samples that a tick of the recording's clock is long.
    tick: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Coding {
    Aac(AacConfig),
    Ac3,
    Eac3,
    /// With the channel mapping family.
    Opus(u8),
    MpegAudio,
    /// Its type, and what its decoder must be told.
    Other([u8; 4], Bytes),
}

/// Samples of a frame of AAC-LC.
const AAC_FRAME: i64 = 1024;

/// The target of encoded audio: AAC-LC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioTarget {
    /// In Hz.
    pub rate: u32,
    /// 1 to 6.
    pub channels: u16,
}

impl AudioFormat {
    /// Of a track with this sample entry and `timescale`.
    pub fn of(entry: &SampleEntry, timescale: u32) -> Self {
        let (channels, entry_rate) = entry.channels_and_rate();
        let mut channels = channels.max(1);
        let mut rate = Some(entry_rate).filter(|rate| RATES.contains(rate));
        let coding = match &entry.codec {
            Codec::Aac { config, .. } => AacConfig::read(config).map(|config| {
                rate =
                    Some(config.decoded_rate(&[timescale, entry_rate])).filter(|rate| RATES.contains(rate));
                channels = config.channels().unwrap_or(channels);
                Coding::Aac(config)
            }),
            Codec::Ac3 | Codec::Eac3 => {
                rate = dolby_rate(entry).or(rate);
                Some(if entry.codec == Codec::Ac3 { Coding::Ac3 } else { Coding::Eac3 })
            }
            Codec::Opus => {
                rate = Some(48_000);
                let family = entry.audio_box(*b"dOps").and_then(|body| body.get(10)).copied();
                Some(Coding::Opus(family.unwrap_or(0)))
            }
            Codec::MpegAudio => Some(Coding::MpegAudio),
            _ => None,
        };
        let coding = coding.unwrap_or_else(|| Coding::Other(entry.fourcc, detail(entry)));
        let rate = if entry.fourcc == *b"fLaC" { flac_rate(entry).or(rate) } else { rate };
        let rate = rate.unwrap_or(timescale);
        let tick = i64::from(rate.div_ceil(timescale.max(1)));
        Self { coding, rate, channels, tick }
    }

    /// Samples a second of what a decoder gives. Players count the media time of an edit in these, whatever the track's
    /// own timescale is: both must be the same.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Channels of what a decoder gives.
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// Returns `true` if a frame needs the one before it to sound right.
    pub fn needs_priming(&self) -> bool {
        matches!(self.coding, Coding::Aac(_))
    }

    /// Returns `true` if its frames may stand in one track with those of `other`.
    pub fn goes_with(&self, other: &Self) -> bool {
        let coding = match (&self.coding, &other.coding) {
            (Coding::Aac(own), Coding::Aac(other)) => own.decodes_like(other),
            (own, other) => own == other,
        };
        // Dolby's frames say themselves how many channels they have.
        let free = matches!(self.coding, Coding::Ac3 | Coding::Eac3);
        coding && self.rate == other.rate && (free || self.channels == other.channels)
    }

    /// Returns `true` if the sample entry of one stands for the other as well, if the two go together.
    pub fn shares_entry(&self) -> bool {
        matches!(self.coding, Coding::Aac(_))
    }

    /// Returns `true` if a transport stream carries it as it is. AAC is carried as ADTS, which knows four object types,
    /// frames of 1024 and the usual sampling rates.
    pub fn fits_transport_stream(&self) -> bool {
        match &self.coding {
            Coding::Aac(config) => config.fits_adts(),
            Coding::Ac3 | Coding::Eac3 | Coding::MpegAudio => true,
            Coding::Opus(_) | Coding::Other(..) => false,
        }
    }

    /// The target that other audio must be encoded to, to stand in one track with this; `None` if none will do.
    pub fn target(&self) -> Option<AudioTarget> {
        match &self.coding {
            Coding::Aac(config) if config.is_plain() => {
                Some(AudioTarget { rate: self.rate, channels: self.channels })
                    .filter(|target| target.is_plain())
            }
            _ => None,
        }
    }

    /// The target that this and any other audio can be encoded to.
    pub fn fallback(&self) -> AudioTarget {
        let usual = self.rate <= 48_000 && AAC_RATES.contains(&self.rate);
        AudioTarget { rate: if usual { self.rate } else { 48_000 }, channels: self.channels.clamp(1, 6) }
    }

    /// The length of a frame in samples, if the recording says that it is `about` long. A clock with coarse ticks, or a
    /// last duration of 0, does not change how many samples are in a frame.
    pub fn frame_length(&self, about: i64) -> u32 {
        let about = about.max(0);
        let close = self.usual_length(about).filter(|usual| about == 0 || (usual - about).abs() <= self.tick);
        u32::try_from(close.unwrap_or(about)).unwrap_or(u32::MAX)
    }

    /// The length of what a decoder gives of a frame that is said to have `length` samples, behind one of `before`. A
    /// recorder may say that its last frame ends early: what it was filled up with is decoded as well.
    pub fn decoded_length(&self, length: u32, before: u32) -> u32 {
        let varies = matches!(self.coding, Coding::Opus(_) | Coding::Other(..));
        let usual = self.usual_length(i64::from(before)) == Some(i64::from(before));
        if usual && !varies { length.max(before) } else { length }
    }

    /// The length of a frame of this form in samples that is nearest to `about`, if it is known.
    fn usual_length(&self, about: i64) -> Option<i64> {
        let nearest = |lengths: &[i64]| lengths.iter().copied().min_by_key(|length| (length - about).abs());
        match &self.coding {
            Coding::Aac(config) => nearest(&[i64::from(config.frame_length(self.rate))]),
            Coding::Ac3 => Some(1536),
            Coding::Eac3 => nearest(&[256, 512, 768, 1536]),
            Coding::MpegAudio => nearest(&[384, 576, 1152]),
            // Steps of 2.5 ms (RFC 6716, 2.1.4).
            Coding::Opus(_) => Some(about.saturating_add(60) / 120 * 120).filter(|length| *length > 0),
            Coding::Other(..) => None,
        }
    }

    /// Its name, for people.
    pub fn name(&self) -> String {
        let coding = match &self.coding {
            Coding::Aac(_) => "AAC".to_owned(),
            Coding::Ac3 => "AC-3".to_owned(),
            Coding::Eac3 => "E-AC-3".to_owned(),
            Coding::Opus(_) => "Opus".to_owned(),
            Coding::MpegAudio => "MPEG audio".to_owned(),
            Coding::Other(fourcc, _) => String::from_utf8_lossy(fourcc).escape_debug().to_string(),
        };
        format!("{coding}, {} Hz, {} channels", self.rate, self.channels)
    }
}

impl AudioTarget {
    /// When the encoder's `n`th frame is heard, counted from the first sample that it was given: its first frame is of
    /// what came before that.
    pub fn heard_at(self, n: i64) -> Nanos {
        nanos(n.saturating_sub(1).saturating_mul(AAC_FRAME), self.rate)
    }

    /// The length of a frame.
    pub fn frame(self) -> Nanos {
        nanos(AAC_FRAME, self.rate)
    }

    /// The last instant not after `at` that is whole frames from `grid`.
    pub fn on_grid(self, grid: Nanos, at: Nanos) -> Nanos {
        let per_frame = 1_000_000_000 * i128::from(AAC_FRAME);
        let frames = (at - grid).get().saturating_mul(i128::from(self.rate)).div_euclid(per_frame);
        let ticks = frames.saturating_mul(i128::from(AAC_FRAME));
        grid + nanos(i64::try_from(ticks).unwrap_or(0), self.rate)
    }

    fn is_plain(self) -> bool {
        AAC_RATES.contains(&self.rate) && (1..=6).contains(&self.channels)
    }

    /// The layout that AAC has a number for (14496-3, table 1.19), by its name in ffmpeg.
    pub(crate) fn layout(self) -> &'static str {
        match self.channels {
            1 => "mono",
            3 => "3.0",
            4 => "4.0",
            5 => "5.0",
            6 => "5.1",
            _ => "stereo",
        }
    }

    /// Its name, for people.
    pub fn name(self) -> String {
        format!("AAC, {} Hz, {} channels", self.rate, self.channels)
    }

    /// Bits a second that hide the encoding.
    pub fn bitrate(self) -> u32 {
        self.rate.saturating_mul(4).min(96_000).saturating_mul(u32::from(self.channels))
    }
}

/// The sampling rate that `dac3` or `dec3` says.
fn dolby_rate(entry: &SampleEntry) -> Option<u32> {
    let code = match entry.codec {
        Codec::Ac3 => entry.audio_box(*b"dac3")?.first()? >> 6,
        _ => entry.audio_box(*b"dec3")?.get(2)? >> 6,
    };
    DOLBY_RATES.get(usize::from(code)).copied()
}

/// The sampling rate of `STREAMINFO` (RFC 9639, 8.2): the sample entry has no room for more than 65,535 Hz.
fn flac_rate(entry: &SampleEntry) -> Option<u32> {
    let field: [u8; 3] = entry.audio_box(*b"dfLa")?.get(18..21)?.try_into().ok()?;
    let [high, middle, low] = field.map(u32::from);
    Some(high << 12 | middle << 4 | low >> 4).filter(|rate| RATES.contains(rate))
}

/// The details of an entry beyond rate and channels. FLAC's frames say themselves what its entry says.
fn detail(entry: &SampleEntry) -> Bytes {
    match entry.fourcc {
        [b'f', b'L', b'a', b'C'] => Bytes::new(),
        _ => Bytes::copy_from_slice(entry.audio_boxes().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
