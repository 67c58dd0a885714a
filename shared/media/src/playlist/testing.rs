//! A small playlist.

use super::{ListedSegment, MediaPlace, Playlist, PlaylistTrack};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Recorded segments of 2 s, of which one is between the ends.
pub(super) fn playlist() -> Playlist {
    let made = |name: &str| MediaPlace::Made(name.to_owned());
    let recorded = |name: &str, range| MediaPlace::Recorded(name.to_owned(), range);
    let segment = |place, time, duration| ListedSegment { place, time, duration };
    let audio = PlaylistTrack {
        codecs: "mp4a.40.2".to_owned(),
        bandwidth: 128_000,
        timescale: 48_000,
        zero: 251_520,
        size: None,
        language: None,
        label: None,
        independent: true,
        init: recorded("a.mp4", Some((0, 99))),
        segments: vec![
            segment(recorded("a1.m4s", None), 251_000, 96_000),
            segment(recorded("a2.m4s", None), 347_000, 96_000),
        ],
    };
    let german =
        PlaylistTrack { language: Some("de".to_owned()), label: Some("Stadium".to_owned()), ..audio.clone() };
    let video = PlaylistTrack {
        codecs: "avc1.640028".to_owned(),
        bandwidth: 5_000_000,
        timescale: 12_800,
        zero: 67_072,
        size: Some((1280, 720)),
        language: None,
        label: None,
        independent: true,
        init: made("init-v.mp4"),
        segments: vec![
            segment(made("e0-v.m4s"), 67_072, 9_728),
            segment(recorded("v.mp4", Some((100, 599))), 76_800, 25_600),
            segment(made("e1-v.m4s"), 102_400, 3_072),
        ],
    };
    Playlist { video, audio: vec![german, audio], contents: BTreeMap::new() }
}

/// A relative reference to what is at a place.
pub(super) fn url(place: &MediaPlace) -> Cow<'static, str> {
    match place {
        MediaPlace::Made(name) => format!("made/{name}").into(),
        MediaPlace::Recorded(path, _) => format!("recorded/{path}").into(),
    }
}
