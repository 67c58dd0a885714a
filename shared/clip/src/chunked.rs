//! The plan of a clip that is made in chunks: all that they have in common, and the part of the window that each of them is.

mod look;

pub(crate) use self::look::{ChunkLook, LookFormat, bytes_of, codec_name, codec_named, hexadecimal};

use bytes::Bytes;
use export_media::ffmpeg::FileFormat;
use export_media::time::Nanos;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The version of plans and objects that this program makes and reads.
pub(crate) const VERSION: u32 = 1;

/// Why a plan's chunks cannot be made, or not be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkFault {
    /// The plan is of another program, or of another ffmpeg: it has to be made anew.
    Stale,
    /// The object of this chunk is not there.
    Absent(u32),
    /// The object of this chunk is not what it says itself, or belongs to another plan.
    Damaged(u32),
    /// The pictures of this chunk cannot follow those before it: they have other parameter sets, or a decoder complains.
    Unlike(u32),
}

/// The plan of a clip that is made in chunks. It says all that a chunk and the join need to know, apart from the source: the
/// window, the look and the encoders that the chunks have in common, and the manifest as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkPlan {
    pub(crate) v: u32,
    /// The program that chunks are rendered with.
    pub(crate) program: String,
    pub(crate) clip: ClipJson,
    /// The kind of the reason for which the clip is not copied, if that was tried, and the reason.
    pub(crate) unfit: Option<(String, String)>,
    pub(crate) look: ChunkLook,
    /// The window in nanoseconds on the presentation's clock.
    pub(crate) window: (i64, i64),
    pub(crate) chunks: Vec<ChunkJson>,
    /// Milliseconds that one machine would take for all chunks.
    pub(crate) work_ms: u64,
    /// The manifest and the playlists that it names.
    pub(crate) lists: Vec<ListJson>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClipJson {
    pub(crate) manifest: String,
    pub(crate) start_pos_ms: i64,
    pub(crate) start_time_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pts: Option<u64>,
    pub(crate) duration_ms: i64,
    pub(crate) wall_end_ms: i64,
    pub(crate) codec: Option<String>,
    pub(crate) now_ms: i64,
    pub(crate) asked_at_ms: i64,
    /// `mp4` or `ts`.
    pub(crate) container: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChunkJson {
    pub(crate) n: u32,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListJson {
    pub(crate) path: String,
    /// Neither if it does not exist.
    pub(crate) text: Option<String>,
    /// Bytes that are no text, in hexadecimal digits.
    pub(crate) bytes: Option<String>,
}

impl ListJson {
    pub(crate) fn of((path, list): (String, Option<Bytes>)) -> Self {
        let (text, bytes) = match list {
            None => (None, None),
            Some(list) => match String::from_utf8(list.to_vec()) {
                Ok(text) => (Some(text), None),
                Err(error) => (None, Some(hexadecimal(error.as_bytes()))),
            },
        };
        Self { path, text, bytes }
    }

    pub(crate) fn read(&self) -> (String, Option<Bytes>) {
        let text = self.text.clone().map(|text| Bytes::from(text.into_bytes()));
        (self.path.clone(), text.or_else(|| bytes_of(self.bytes.as_ref()?).map(Bytes::from)))
    }
}

/// The name of a container in a plan.
pub(crate) fn container_name(container: FileFormat) -> &'static str {
    match container {
        FileFormat::Mp4 => "mp4",
        FileFormat::TransportStream => "ts",
    }
}

impl ChunkPlan {
    /// The plan as JSON. The same plan always gives the same bytes.
    pub fn to_json(&self) -> Vec<u8> {
        // A structure of numbers and texts can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The plan that was written so.
    ///
    /// # Errors
    /// [`ChunkFault::Stale`] if this program wrote no such plan.
    pub fn from_json(json: &[u8]) -> Result<Self, ChunkFault> {
        let plan: Self = serde_json::from_slice(json).map_err(|_| ChunkFault::Stale)?;
        if plan.v == VERSION { Ok(plan) } else { Err(ChunkFault::Stale) }
    }

    /// The number of chunks, which are numbered from 0 on.
    pub fn count(&self) -> u32 {
        u32::try_from(self.chunks.len()).unwrap_or(u32::MAX)
    }

    /// The length of chunk `n` in the recording; zero if there is none.
    pub fn length(&self, n: u32) -> Duration {
        let part = usize::try_from(n).ok().and_then(|n| self.chunks.get(n));
        Duration::from_nanos(part.and_then(|part| (part.until - part.from).try_into().ok()).unwrap_or(0))
    }

    /// The time that one machine would take for all chunks, about.
    pub fn work(&self) -> Duration {
        Duration::from_millis(self.work_ms)
    }

    /// The time that the longest chunk takes, about.
    pub fn longest(&self) -> Duration {
        let lengths = || (0..self.count()).map(|n| self.length(n));
        let all: Duration = lengths().sum();
        let share = lengths().max().unwrap_or_default().as_nanos();
        let nanos = self.work().as_nanos().saturating_mul(share) / all.as_nanos().max(1);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// SHA-256 of the plan's JSON, in hexadecimal digits.
    pub(crate) fn digest(&self) -> String {
        hexadecimal(&Sha256::digest(self.to_json()))
    }

    /// The part of the window that is chunk `n`.
    pub(crate) fn part(&self, n: u32) -> Option<(Nanos, Nanos)> {
        let part = usize::try_from(n).ok().and_then(|n| self.chunks.get(n))?;
        Some((Nanos::new(part.from.into()), Nanos::new(part.until.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_whatever_its_bytes() {
        for list in [None, Some("<MPD/>".into()), Some(Bytes::from_static(&[0xff, 0xfe, 0, 1]))] {
            let known = ("a/stream.mpd".to_owned(), list);
            assert_eq!(ListJson::of(known.clone()).read(), known);
        }
    }

    #[test]
    fn a_plan_of_another_version_or_of_no_plan_is_stale() {
        for json in ["", "{}", r#"{"v":2}"#] {
            let read = ChunkPlan::from_json(json.as_bytes());
            assert_eq!(read, Err(ChunkFault::Stale), "{json}");
        }
    }
}
