//! Recordings: manifests, and sound whose frames are known.

use bytes::Bytes;
use export_media::mux::{FragmentWriter, MuxSample, TrackKind, TrackSpec};
use export_testkit::{MemoryObjects, body, with};
use serde_json::Value;

/// The manifest's key.
pub(crate) const MANIFEST: &str = "mp4/device/1/stream.mpd";

/// Length of a frame and of a segment in milliseconds.
pub(crate) const FRAME_MS: i64 = 20;
const SEGMENT_MS: i64 = 4000;
const SEGMENTS: i64 = 6;

/// Bytes of an ordinary frame.
pub(crate) const SMALL: usize = 100;

/// `storage_info` that asks for MP4 in the bucket `clips`.
const AS_MP4: &str =
    "W3sic3RvcmFnZV9wdXJwb3NlIjoibXA0Iiwic3RvcmFnZV90eXBlIjoiUzMiLCJzdG9yYWdlX25hbWUiOiJjbGlwcyJ9XQ==";

/// A static presentation with one Period of an hour unless `period` says otherwise.
pub(crate) fn mpd(adaptation_set: &str, period: &str) -> String {
    format!(
        r#"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1H"
            profiles="urn:mpeg:dash:profile:isoff-live:2011" minBufferTime="PT2S"><Period start="PT0S" {period}>
            {adaptation_set}</Period></MPD>"#
    )
}

/// An adaptation set of one Representation in segments of 4 s.
pub(crate) fn set(kind: &str, codecs: &str, inner: &str) -> String {
    format!(
        r#"<AdaptationSet contentType="{kind}" mimeType="{kind}/mp4">{inner}
            <SegmentTemplate timescale="1" duration="4" initialization="{kind}-init.mp4" media="{kind}-$Number$.m4s"/>
            <Representation id="{kind}" bandwidth="1000000" codecs="{codecs}"/></AdaptationSet>"#
    )
}

/// Key of the `number`-th segment, from 1.
pub(crate) fn segment(number: i64) -> String {
    format!("mp4/device/1/audio-{number}.m4s")
}

/// Asks for `duration_ms` from 8 s on, as MP4.
pub(crate) fn sound_body(duration_ms: i64) -> Value {
    with(with(with(body(), "StartTime", 8000), "Duration", duration_ms), "storage_info", AS_MP4)
}

/// The content of the frame that starts at `at_ms`.
pub(crate) fn frame(at_ms: i64, bytes: usize) -> Bytes {
    let number = u8::try_from(at_ms / FRAME_MS % 251).unwrap();
    vec![number; bytes].into()
}

/// 24 s of AAC; the twelve frames from 8 s on have `bytes` bytes, the others at most [`SMALL`].
pub(crate) fn record_sound(objects: &MemoryObjects, bytes: usize) {
    let track = TrackSpec {
        kind: TrackKind::Audio,
        timescale: 1000,
        language: *b"und",
        sample_entries: vec![mp4a()],
        roll: None,
    };
    let mut writer = FragmentWriter::new(vec![track], 1000).unwrap();
    objects.add("recordings", MANIFEST, mpd(&set("audio", "mp4a.40.2", ""), ""), None);
    objects.add("recordings", "mp4/device/1/audio-init.mp4", writer.init().unwrap(), None);
    for number in 1..=SEGMENTS {
        let samples: Vec<_> = (0..SEGMENT_MS / FRAME_MS)
            .map(|n| {
                let at = (number - 1) * SEGMENT_MS + n * FRAME_MS;
                let data = frame(at, if (8000..8240).contains(&at) { bytes } else { bytes.min(SMALL) });
                let (duration, size) = (u32::try_from(FRAME_MS).unwrap(), u32::try_from(data.len()).unwrap());
                (MuxSample { dts: at, pts: at, duration, sync: true, entry: 0, size }, data)
            })
            .collect();
        objects.add("recordings", &segment(number), writer.fragment(&[&samples]).unwrap(), None);
    }
}

/// A sample entry of AAC-LC (14496-12, 12.2.3; 14496-14, 5.6).
fn mp4a() -> Bytes {
    let mut entry = vec![0, 0, 0, 75];
    entry.extend_from_slice(b"mp4a\0\0\0\0\0\0\0\x01");
    entry.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 16, 0, 0, 0, 0, 0xbb, 0x80, 0, 0]);
    entry.extend_from_slice(&[0, 0, 0, 39]);
    entry.extend_from_slice(b"esds\0\0\0\0");
    entry.extend_from_slice(&[3, 25, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0, 0, 1, 0xf4, 0, 0, 1, 0xf4, 0]);
    entry.extend_from_slice(&[5, 2, 0x11, 0x90, 6, 1, 2]);
    entry.into()
}
