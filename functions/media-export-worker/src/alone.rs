//! A clip of a recording without a picture: the sound frames that start in the window.

use crate::audio::AudioTrack;
use crate::error::WorkError;
use crate::ffmpeg::Ffmpeg;
use crate::output::{Batch, Output};
use crate::upload::{Prepared, Uploader};
use crate::window::Window;
use export_domain::ports::{ClipStore, SourceStore};
use export_domain::storage::Container;
use export_media::arrange::{ClipClock, ticks};
use export_media::coverage::Coverage;
use export_media::mux::Edit;
use export_media::time::Nanos;

/// Frames that are written at a time.
const BATCH: usize = 48;

/// What was made.
#[derive(Debug)]
pub(crate) struct Sound {
    pub(crate) prepared: Prepared,
    pub(crate) length: Nanos,
    pub(crate) lack_ms: i64,
}

/// Makes the clip; `None` if no frame starts in the window.
pub(crate) async fn make<O: SourceStore + ClipStore + 'static>(
    ffmpeg: &Ffmpeg,
    window: Window,
    container: Container,
    mut audio: Vec<AudioTrack<O>>,
    uploader: Uploader<O>,
) -> Result<Option<Sound>, WorkError> {
    let specs: Vec<_> = audio.iter().map(|track| track.spec().clone()).collect();
    let Some(timescale) = specs.first().map(|spec| spec.timescale) else { return Ok(None) };
    let mut output = Output::begin(container, specs, timescale, ffmpeg, uploader).await?;
    let (mut clock, mut coverage) = (ClipClock::default(), Coverage::new(window.start, window.end));
    let mut batch = Batch::new();
    let Some((first, others)) = audio.split_first_mut() else { return Ok(None) };
    loop {
        let next = first.peek().await?.filter(|f| f.start < window.end);
        if let Some(sound) = &next {
            first.skip();
            coverage.add(sound.start, sound.end);
            if sound.start < window.start {
                continue;
            }
            let at = clock.show(sound.start, sound.end, true);
            batch.extend(first.place_at(sound, at));
        }
        if batch.len() >= BATCH || (next.is_none() && !batch.is_empty()) {
            let mut batches = vec![std::mem::take(&mut batch)];
            for track in others.iter_mut() {
                batches.push(track.take(&clock, clock.length(), next.is_none()).await?);
            }
            output.add(&batches).await?;
        }
        if next.is_none() {
            break;
        }
    }
    let length = clock.length();
    if length == Nanos::ZERO {
        return Ok(None);
    }
    let duration = u64::try_from(ticks(length, timescale)).unwrap_or(0);
    let edits = vec![vec![Edit { media_time: Some(0), duration }]; others.len() + 1];
    Ok(Some(Sound { prepared: output.finish(&edits).await?, length, lack_ms: coverage.lack_ms() }))
}
