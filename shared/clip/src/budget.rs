//! The estimate of a re-encode: its time, judged before ffmpeg starts and again by its pace, and what of it fits into
//! memory.

use crate::codec::picture::Setup;
use crate::error::{Kind, Refusal};
use crate::machine::{Machine, cores, too_heavy};
use export_media::nal::VideoCodec;
use export_media::time::Nanos;
use export_media::weight::{Load, Share};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Nanoseconds of one core that a pixel costs, decoding included: H.264 `veryfast`, H.265 `superfast`. Measured 22 and
/// 41 on 1080p at 6 Mb/s (ffmpeg's user and system time); half as much again for slower cores.
const H264_COST: u128 = 35;
const HEVC_COST: u128 = 65;
/// Share of the time left that an estimate may fill, in per cent.
const FILL: u128 = 80;
/// The pace says nothing over less than this.
const STRETCH: Duration = Duration::from_secs(10);

/// More than any clip takes.
const ENDLESS: Duration = Duration::from_hours(24 * 365);

/// The time that is left for a clip, how long it will be, and the memory to make it in.
#[derive(Debug)]
pub(crate) struct Budget {
    until: Instant,
    /// Recorded media in the window.
    wanted: Nanos,
    cores: u128,
    /// Bytes that the function has.
    memory: u64,
    started: OnceLock<Instant>,
    pace: Mutex<Pace>,
}

/// The progress of a re-encode when its pace was judged last.
#[derive(Debug, Default)]
struct Pace {
    spent: Duration,
    made: u128,
    /// `true` if it would not have done.
    slow: bool,
}

impl Budget {
    /// `until` is when the clip has to be there, `memory` the bytes that the function has.
    pub(crate) fn new(until: Instant, wanted: Nanos, memory: u64) -> Self {
        Self::on(Machine { memory, cores: cores() }, until, wanted)
    }

    /// The same on a machine that need not be this one.
    pub(crate) fn on(machine: Machine, until: Instant, wanted: Nanos) -> Self {
        let cores = u128::try_from(machine.cores).unwrap_or(1);
        Self { memory: machine.memory, ..Self::with_cores(until, wanted, cores) }
    }

    fn with_cores(until: Instant, wanted: Nanos, cores: u128) -> Self {
        Self { until, wanted, cores, memory: u64::MAX, started: OnceLock::new(), pace: Mutex::default() }
    }

    /// The same on another machine.
    pub(crate) fn moved_to(&self, machine: Machine) -> Self {
        Self::on(machine, self.until, self.wanted)
    }

    /// The same with time for anything.
    pub(crate) fn without_end(&self) -> Self {
        let machine = Machine { memory: self.memory, cores: self.cores() };
        Self::on(machine, self.until + ENDLESS, self.wanted)
    }

    /// Recorded media in the window.
    pub(crate) fn wanted(&self) -> Nanos {
        self.wanted
    }

    fn cores(&self) -> usize {
        usize::try_from(self.cores).unwrap_or(1)
    }

    /// Pieces of `length` that what is wanted consists of, at least 1.
    pub(crate) fn pieces_of(&self, length: Nanos) -> usize {
        let pieces = self.wanted.get().div_euclid(length.get().max(1)) + 1;
        usize::try_from(pieces).unwrap_or(1).max(1)
    }

    /// Threads for each of so many encoders side by side.
    pub(crate) fn threads_for(&self, at_once: usize) -> usize {
        self.cores().div_ceil(at_once.max(1))
    }

    /// The share of memory and cores that each encoder gets.
    ///
    /// # Errors
    /// [`Kind::PicturesTooLarge`] if nothing does.
    pub(crate) fn share(&self, load: &Load<'_>) -> Result<Share, Refusal> {
        load.share(self.memory, self.cores())
            .ok_or_else(|| too_heavy(load.clip, load.least(self.cores()), self.memory))
    }

    /// # Errors
    /// [`Kind::ClipTooLarge`] if the estimate does not fit.
    pub(crate) fn check_before(&self, setup: &Setup, codec: VideoCodec, share: Share) -> Result<(), Kind> {
        let wanted = u128::try_from(self.wanted.get()).unwrap_or(0);
        let cost = self.estimate(setup, codec, share).as_nanos();
        let left = self.left().as_nanos() * FILL / 100;
        if cost <= left { Ok(()) } else { Err(too_large(wanted, left, cost)) }
    }

    /// The time that all of it takes.
    pub(crate) fn estimate(&self, setup: &Setup, codec: VideoCodec, share: Share) -> Duration {
        let wanted = u128::try_from(self.wanted.get()).unwrap_or(0);
        let (scale, ticks) = (u128::from(setup.timescale), u128::from(setup.frame_ticks.max(1)));
        let frames = wanted * scale / ticks / 1_000_000_000;
        let nanos = frames * self.cost_of_a_picture(setup, codec, share);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Nanoseconds that a picture takes to be decoded and encoded.
    pub(crate) fn cost_of_a_picture(&self, setup: &Setup, codec: VideoCodec, share: Share) -> u128 {
        let pixel = match codec {
            VideoCodec::H264 => H264_COST,
            VideoCodec::Hevc => HEVC_COST,
        };
        let busy = u128::try_from(share.busy(self.cores())).unwrap_or(1).max(1);
        u128::from(setup.format.pixels()) * pixel / busy
    }

    /// # Errors
    /// [`Kind::ClipTooLarge`] if the pace will not do, twice in a row: something may have stood still once. `made` is
    /// the clip's length so far.
    pub(crate) fn check_while(&self, made: Nanos) -> Result<(), Kind> {
        self.judge_pace(self.started.get_or_init(Instant::now).elapsed(), made)
    }

    fn judge_pace(&self, spent: Duration, made: Nanos) -> Result<(), Kind> {
        let (wanted, made) =
            (u128::try_from(self.wanted.get()).unwrap_or(0), u128::try_from(made.get()).unwrap_or(0));
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let took = spent.saturating_sub(pace.spent);
        if took < STRETCH || made == 0 || made >= wanted {
            return Ok(());
        }
        let still = took.as_nanos() * (wanted - made) / made.saturating_sub(pace.made).max(1);
        let left = self.left().as_nanos();
        let before = std::mem::replace(&mut *pace, Pace { spent, made, slow: still > left });
        if still <= left || !before.slow {
            return Ok(());
        }
        Err(too_large(wanted, left + spent.as_nanos(), still + spent.as_nanos()))
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// The longest window that the time would be enough for, at the same cost.
fn too_large(wanted: u128, left: u128, cost: u128) -> Kind {
    let longest = wanted * left / cost.max(1) / 1_000_000;
    Kind::ClipTooLarge { longest_ms: i64::try_from(longest).unwrap_or(i64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use export_media::entries::SharedEntry;
    use export_media::fmp4::{Codec, SampleEntry};
    use export_media::picture::{DecoderConfig, PictureFormat};
    use export_media::sample::Rhythm;
    use export_media::stretch::Bounds;
    use std::sync::Arc;

    /// x264's parameter set of 320x180 at 25 fps, High profile.
    const SPS: &[u8] = &[
        0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00,
        0x80, 0x00, 0x00, 0x19, 0x07, 0x8a, 0x14, 0xcb,
    ];

    fn setup() -> Setup {
        let codec = Codec::H264 { nal_length_size: 4, sps: vec![SPS.into()], pps: vec![] };
        let entry =
            SampleEntry { fourcc: *b"avc1", bytes: SPS.into(), codec, width: 0, height: 0, encrypted: false };
        let config = DecoderConfig::of(&entry).unwrap();
        let sps = config.sps(&[]).unwrap();
        let format = PictureFormat::of(&sps).unwrap();
        let config = Arc::new(config);
        let (rhythm, bounds, entry) = (Rhythm::default(), Bounds::default(), SharedEntry::default());
        Setup { config, sps, entry, format, timescale: 12_800, frame_ticks: 512, rhythm, bounds }
    }

    fn after(minutes: u64) -> Instant {
        Instant::now() + Duration::from_mins(minutes)
    }

    fn hours(hours: i64) -> Nanos {
        Nanos::from_millis(hours * 3_600_000)
    }

    #[test]
    fn what_fits_is_begun_and_what_does_not_is_refused_with_the_longest_that_would() {
        let judged = |wanted, codec, frugal| {
            let share = Share { at_once: 1, frugal };
            Budget::with_cores(after(10), wanted, 2).check_before(&setup(), codec, share)
        };
        assert_eq!(judged(hours(1), VideoCodec::H264, false), Ok(()));
        let refused = judged(hours(100), VideoCodec::H264, false);
        let Err(Kind::ClipTooLarge { longest_ms }) = refused else { panic!("{refused:?}") };
        assert!((1..100 * 3_600_000).contains(&longest_ms));
        let longest = Nanos::from_millis(longest_ms - 1000);
        assert_eq!(judged(longest, VideoCodec::H264, false), Ok(()));
        assert!(judged(longest, VideoCodec::Hevc, false).is_err(), "H.265 costs more");
        assert!(judged(longest, VideoCodec::H264, true).is_err(), "one thread takes twice as long as two");
        assert_eq!(judged(Nanos::from_millis(longest_ms / 2 - 1000), VideoCodec::H264, true), Ok(()));
    }

    #[test]
    fn a_pace_that_will_not_do_ends_the_work_once_it_can_be_told() {
        let budget = Budget::with_cores(after(1), hours(1), 2);
        let a_second = Nanos::from_millis(1000);
        assert_eq!(budget.judge_pace(Duration::from_secs(9), a_second), Ok(()));
        assert_eq!(budget.judge_pace(Duration::from_secs(11), a_second), Ok(()), "once says nothing");
        let later = Nanos::from_millis(2000);
        assert_eq!(budget.judge_pace(Duration::from_secs(15), later), Ok(()), "too soon");
        assert!(budget.judge_pace(Duration::from_secs(22), later).is_err());
        assert_eq!(budget.judge_pace(Duration::from_secs(33), hours(1)), Ok(()));
    }

    #[test]
    fn a_pace_that_something_held_up_once_goes_on() {
        let budget = Budget::with_cores(after(10), hours(1), 2);
        let seconds = |spent: u64, made: i64| {
            budget.judge_pace(Duration::from_secs(spent), Nanos::from_millis(made * 1000))
        };
        for (spent, made) in [(10, 100), (40, 110), (50, 210), (90, 220), (100, 320)] {
            assert_eq!(seconds(spent, made), Ok(()), "after {spent} s");
        }
    }
}
