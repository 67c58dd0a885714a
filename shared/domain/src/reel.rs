//! Reels: many windows of recordings one after the other in one clip.
//!
//! A reel is an ordinary job. The list of its windows is a part of its identity, as a clip's window is of that one's, and a list
//! of one window is that clip.

use crate::ids::{FileName, LivePath};
use crate::listing::{Guess, Skipped};
use crate::time::{EpochMs, Millis, Pts};
use serde::{Deserialize, Serialize};

/// Bytes of the windows as JSON, of which a job's item holds at most 400 KB together with all else.
pub const MOST_REEL_BYTES: usize = 160 * 1024;
/// Characters of a window's name.
const NAME_CHARS: usize = 64;

/// One window of a reel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedWindow {
    /// Its place in the client's list, from 1; entries that make no window count too.
    pub n: usize,
    /// The recording; `None` for that of the first window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_path: Option<LivePath>,
    /// Its start.
    pub start_pos_ms: EpochMs,
    /// Its start, from the recording's start.
    pub start_time_ms: Millis,
    /// Its length.
    pub duration_ms: Millis,
    /// Its start as a time stamp of the transport stream that is recorded, which then decides in place of the other two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pts: Option<Pts>,
    /// Its name, for a chapter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<FileName>,
}

impl OrderedWindow {
    /// Its end on the clock of `start_pos_ms`.
    pub fn end_ms(&self) -> EpochMs {
        self.start_pos_ms + self.duration_ms
    }
}

/// The windows of a reel, and the notes on the list that they are of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedReel {
    /// The windows in their order, at least two.
    pub windows: Vec<OrderedWindow>,
    /// The entries of the list that make no window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// The guesses about the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guesses: Vec<Guess>,
}

/// Bytes of `windows` as JSON.
pub fn stored_bytes(windows: &[OrderedWindow]) -> usize {
    serde_json::to_vec(windows).map_or(usize::MAX, |text| text.len())
}

/// The chapter's name of a text: by the rule of [`FileName`], and at most 64 characters and 128 bytes of it. `None` for a text
/// that says nothing.
pub fn chapter_name(text: &str) -> Option<FileName> {
    let mut name = String::new();
    for c in text.trim().chars().take(NAME_CHARS) {
        if name.len() + c.len_utf8() > 2 * NAME_CHARS {
            break;
        }
        name.push(c);
    }
    FileName::sanitised(name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_has_a_short_name_of_allowed_characters_or_none() {
        let name = |text: &str| chapter_name(text).map(|name| name.as_str().to_owned());
        assert_eq!(name("Ace: Ben\n"), Some("Ace_ Ben".to_owned()));
        assert_eq!(name(&"x".repeat(200)).unwrap().len(), 64);
        assert_eq!(name(&"\u{65e5}".repeat(200)).unwrap().chars().count(), 42);
        assert_eq!((name(""), name(" \n"), name("...")), (None, None, None));
    }
}
