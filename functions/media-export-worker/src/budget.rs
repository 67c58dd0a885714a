//! Whether a re-encode can finish in time: judged before ffmpeg starts, and again by its pace.

use crate::video::Setup;
use export_domain::job::Reason;
use export_media::nal::VideoCodec;
use export_media::time::Nanos;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Nanoseconds of one core that a pixel costs, decoding included: H.264 `veryfast`, H.265 `superfast`.
const H264_COST: u128 = 50;
const HEVC_COST: u128 = 130;
/// Share of the time left that an estimate may fill, in per cent.
const FILL: u128 = 80;
/// The pace says nothing before this.
const WARM_UP: Duration = Duration::from_secs(10);

/// The time that is left for a clip, and how long it will be.
#[derive(Debug)]
pub(crate) struct Budget {
    until: Instant,
    /// Recorded media in the window.
    wanted: Nanos,
    cores: u128,
    started: OnceLock<Instant>,
}

impl Budget {
    /// `left` is the time that the invocation still has.
    pub(crate) fn new(left: Duration, wanted: Nanos) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cores = u128::try_from(cores).unwrap_or(1);
        Self { until: Instant::now() + left, wanted, cores, started: OnceLock::new() }
    }

    /// # Errors
    /// [`Reason::ClipTooLarge`] if the estimate does not fit.
    pub(crate) fn check_before(&self, setup: &Setup, codec: VideoCodec) -> Result<(), Reason> {
        let pixel = match codec {
            VideoCodec::H264 => H264_COST,
            VideoCodec::Hevc => HEVC_COST,
        };
        let wanted = u128::try_from(self.wanted.get()).unwrap_or(0);
        let (scale, ticks) = (u128::from(setup.timescale), u128::from(setup.frame_ticks.max(1)));
        let frames = wanted * scale / ticks / 1_000_000_000;
        let cost = frames * u128::from(setup.format.pixels()) * pixel / self.cores;
        let left = self.left().as_nanos() * FILL / 100;
        if cost <= left { Ok(()) } else { Err(too_large(wanted, left, cost)) }
    }

    /// # Errors
    /// [`Reason::ClipTooLarge`] if the pace so far will not do. `made` is the clip's length so far.
    pub(crate) fn check_while(&self, made: Nanos) -> Result<(), Reason> {
        let spent = self.started.get_or_init(Instant::now).elapsed();
        let (wanted, made) =
            (u128::try_from(self.wanted.get()).unwrap_or(0), u128::try_from(made.get()).unwrap_or(0));
        if spent < WARM_UP || made == 0 || made >= wanted {
            return Ok(());
        }
        let still = spent.as_nanos() * (wanted - made) / made;
        let left = self.left().as_nanos();
        if still <= left {
            Ok(())
        } else {
            Err(too_large(wanted, left + spent.as_nanos(), still + spent.as_nanos()))
        }
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

fn too_large(wanted: u128, left: u128, cost: u128) -> Reason {
    let longest = wanted * left / cost.max(1) / 1_000_000;
    Reason::ClipTooLarge { longest_ms: i64::try_from(longest).unwrap_or(i64::MAX) }
}
