//! The lines of a playlist (RFC 8216, 4.1).

use crate::mpd::MpdError;

/// The longest line, in bytes.
const MAX_LINE: usize = 64 << 10;

/// A line that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a>(&'a str);

impl<'a> Line<'a> {
    /// The value of the tag `name`, which is empty for one without a value; `None` for any other line.
    pub(super) fn tag(&self, name: &str) -> Option<&'a str> {
        match self.0.strip_prefix(name)? {
            "" => Some(""),
            rest => rest.strip_prefix(':').map(str::trim),
        }
    }

    /// The reference that the line is, if it is neither a tag nor a comment.
    pub(super) fn reference(&self) -> Option<&'a str> {
        (!self.0.starts_with('#')).then_some(self.0)
    }
}

/// The lines behind `#EXTM3U`.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Line<'_>>, MpdError> {
    let text = std::str::from_utf8(bytes).map_err(|_| MpdError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(MpdError::Incomplete);
    }
    let mut lines = text.lines().map(str::trim);
    if lines.next() != Some("#EXTM3U") {
        return Err(MpdError::NotAPlaylist);
    }
    let mut found = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        if line.len() > MAX_LINE {
            return Err(MpdError::TooMany("characters"));
        }
        found.push(Line(line));
    }
    Ok(found)
}
