//! The manifest and the playlists of a recording as they were read: a recording that grows lists more the next time.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Lists by their paths in the source; none if one does not exist.
#[derive(Debug, Default)]
pub(crate) struct RecordedLists {
    known: Mutex<BTreeMap<String, Option<Bytes>>>,
    /// No other list is read.
    frozen: bool,
}

/// A list, as it is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ListState {
    /// Its bytes; none if it does not exist.
    As(Option<Bytes>),
    /// It is to be read.
    Unread,
}

impl RecordedLists {
    /// The lists of a recording that counts as it was when they were read.
    pub(crate) fn frozen(known: impl IntoIterator<Item = (String, Option<Bytes>)>) -> Self {
        Self { known: Mutex::new(known.into_iter().collect()), frozen: true }
    }

    /// All of them.
    pub(crate) fn all(&self) -> BTreeMap<String, Option<Bytes>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The list at `path` as it was.
    pub(super) fn get(&self, path: &str) -> ListState {
        if !self.frozen {
            return ListState::Unread;
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        ListState::As(known.get(path).cloned().flatten())
    }

    /// The list at `path` was read.
    pub(super) fn read(&self, path: &str, list: Option<&Bytes>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(path.to_owned(), list.cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_anew_unless_they_are_frozen() {
        let lists = RecordedLists::default();
        lists.read("a.m3u8", Some(&Bytes::from_static(b"#EXTM3U")));
        lists.read("b.m3u8", None);
        assert_eq!(lists.get("a.m3u8"), ListState::Unread);
        let frozen = RecordedLists::frozen(lists.all());
        assert_eq!(frozen.get("a.m3u8"), ListState::As(Some(Bytes::from_static(b"#EXTM3U"))));
        assert_eq!([frozen.get("b.m3u8"), frozen.get("c.m3u8")], [ListState::As(None), ListState::As(None)]);
    }
}
