//! A stream as a track of a recording.

use super::frame::{dac3, dec3};
use super::{TICKS, TsCoding, TsTrack, TsUnit};
use crate::display::Matrix;
use crate::entries::{of_adts, of_dolby, of_mpeg_audio, of_parameter_sets};
use crate::fmp4::{Defaults, InitTrack, TrackKind};
use crate::sample::Sample;
use bytes::Bytes;
use std::num::NonZeroU32;

impl TsCoding {
    /// The kind of a track in this coding.
    pub fn kind(self) -> TrackKind {
        match self {
            Self::Picture(_) | Self::OtherPicture => TrackKind::Video,
            Self::Aac | Self::Ac3 | Self::Eac3 | Self::MpegAudio | Self::OtherAudio => TrackKind::Audio,
        }
    }
}

impl TsTrack {
    /// A track without units.
    pub(super) fn begin(pid: u16, coding: TsCoding, language: Option<[u8; 3]>) -> Self {
        Self {
            pid,
            coding,
            timescale: TICKS,
            language,
            units: Vec::new(),
            data: Bytes::new(),
            sets: Vec::new(),
            frame: (0, 0),
            head: Bytes::new(),
            tail: Bytes::new(),
            torn: false,
            left_out: 0,
        }
    }

    /// The description of the track, made of what stands in it before its first unit; `None` for a coding that no clip is
    /// made of, and if that says too little.
    pub fn description(&self) -> Option<InitTrack> {
        let entry = match self.coding {
            TsCoding::Picture(codec) => of_parameter_sets(codec, &self.sets)?,
            TsCoding::Aac => of_adts(self.sets.first()?, self.timescale)?,
            TsCoding::Ac3 => of_dolby(*b"ac-3", &dac3(self.sets.first()?)?, self.timescale)?,
            TsCoding::Eac3 => {
                let (samples, bytes) = self.frame;
                of_dolby(
                    *b"ec-3",
                    &dec3(self.sets.first()?, bytes, self.timescale, samples)?,
                    self.timescale,
                )?
            }
            TsCoding::MpegAudio => of_mpeg_audio(self.sets.first()?, self.timescale)?,
            TsCoding::OtherPicture | TsCoding::OtherAudio => return None,
        };
        Some(InitTrack {
            id: self.pid.into(),
            kind: self.coding.kind(),
            timescale: NonZeroU32::new(self.timescale)?,
            language: self.language.unwrap_or(*b"und"),
            width: entry.width,
            height: entry.height,
            matrix: Matrix::default(),
            edit_shift: 0,
            more_edits: false,
            defaults: Defaults { description: 1, duration: 0, size: 0, flags: 0 },
            other_sizes: Vec::new(),
            encrypted: false,
            sample_entries: vec![entry],
        })
    }

    /// Its units as samples. Each lasts until the next one is decoded, the last one as long as the one before.
    pub fn samples(&self) -> Vec<Sample> {
        let steps = self.units.iter().zip(self.units.iter().skip(1));
        let steps = steps.map(|(one, next)| u32::try_from(next.dts.saturating_sub(one.dts)).unwrap_or(0));
        let lengths: Vec<u32> = steps.collect();
        let last = lengths.last().copied().unwrap_or(match self.coding.kind() {
            TrackKind::Audio => u32::try_from(self.frame.0).unwrap_or(0),
            TrackKind::Video | TrackKind::Other => self.timescale / 25,
        });
        let sample = |(unit, duration): (&TsUnit, u32)| Sample {
            dts: unit.dts,
            pts: unit.pts,
            duration,
            offset: u64::try_from(unit.offset).unwrap_or(u64::MAX),
            size: u32::try_from(unit.size).unwrap_or(u32::MAX),
            sync: unit.key,
            description: 1,
        };
        self.units.iter().zip(lengths.into_iter().chain([last])).map(sample).collect()
    }
}
