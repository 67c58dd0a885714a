//! A clip that is made in chunks, as many functions would: one after the other, in a folder.

use crate::metered::{Metered, Output};
use crate::options::Options;
use export_clip::{Chunk, ChunkFolder, ChunkJoin, ChunkPlan, Error, FanOut, Ffmpeg, Machine, Made, Observer};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Chunks of `length`, however long they take.
pub(crate) fn fan_out(options: &Options, length: Duration) -> FanOut {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    FanOut {
        above: Some(Duration::ZERO),
        at_once: u32::MAX,
        least: length,
        chunk_work: Duration::from_hours(1000),
        machine: Machine { memory: options.memory_mib << 20, cores },
        most: u32::MAX,
    }
}

/// The folder of the chunks while they are needed.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is in the folder of the system's temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes all chunks of `plan`, and the clip of them.
pub(crate) async fn make(
    plan: &ChunkPlan,
    source: Arc<Metered>,
    ffmpeg: &Ffmpeg,
    sink: &Output,
    observer: &impl Observer,
) -> Result<Made<u64>, Error> {
    let folder = std::env::temp_dir().join(format!("export-clip-chunks-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    let scratch = Scratch(folder);
    // As it is stored, and read by others.
    let plan = ChunkPlan::from_json(&plan.to_json())?;
    let chunks = ChunkFolder::new(&scratch.0);
    for n in 0..plan.count() {
        let chunk = Chunk { plan: &plan, n, gauge: Arc::default() };
        chunk.make(Arc::clone(&source), ffmpeg, &chunks.file(n)).await?;
    }
    let join = ChunkJoin { plan: &plan, gauge: Arc::default() };
    join.make(source, Arc::new(chunks), ffmpeg, sink, observer).await
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::Outside(format!("failed to make {}: {error}", path.display()).into())
}
