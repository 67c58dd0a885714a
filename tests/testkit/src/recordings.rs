//! Recordings of 24 s whose frames are known: audio alone, or with pictures that need no encoder to be cut.

use crate::objects::MemoryObjects;
use crate::samples::{body, with};
use bytes::Bytes;
use export_media::display::Matrix;
use export_media::ffmpeg::PICTURE_TICKS;
use export_media::mux::{FragmentWriter, MuxSample, TrackMedia, TrackSpec};
use serde_json::Value;

/// The directory of the recording that [`body`] names.
pub const DIRECTORY: &str = "mp4/device/1";
/// The key of its manifest.
pub const MANIFEST: &str = "mp4/device/1/stream.mpd";
/// Length of an audio frame in milliseconds.
pub const FRAME_MS: i64 = 20;
/// Length of a segment in milliseconds.
pub const SEGMENT_MS: i64 = 4000;
/// Segments of a recording.
pub const SEGMENTS: i64 = 6;
/// Bytes of an ordinary audio frame.
pub const SMALL: usize = 100;

/// Bytes in each picture behind its number.
pub const END_OF_PICTURE: [u8; 2] = [0x55, 0xaa];

/// Length of a picture and of a GOP in milliseconds.
const PICTURE_MS: i64 = 40;
const GOP_MS: i64 = 1000;
/// Sequence and picture parameter set of 32 x 32 pixels in the Baseline profile (H.264, 7.3.2.1 and 7.3.2.2).
const SPS: [u8; 7] = [0x67, 66, 0, 10, 0xda, 0x25, 0x10];
const PPS: [u8; 4] = [0x68, 0xce, 0x38, 0x80];
/// Parameter sets of 32 x 32 pixels in the Main profile, without reordering (H.265, 7.3.2.1 to 7.3.2.3).
const VPS_H265: [u8; 24] =
    [0x40, 1, 0x0c, 1, 0xff, 0xff, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x1e, 0x92, 0x80, 0x90];
const SPS_H265: [u8; 40] = [
    0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x1e, 0xa0, 0x42, 8, 0x59, 0x64, 0xab, 0x93,
    0x2b, 0xc0, 0x5a, 2, 0, 0, 3, 0, 2, 0, 0, 3, 0, 0x32, 0x10,
];
const PPS_H265: [u8; 6] = [0x44, 1, 0xc1, 0x73, 0xd0, 0x89];
/// `storage_info` that asks for MP4 in the bucket `clips`.
const AS_MP4: &str =
    "W3sic3RvcmFnZV9wdXJwb3NlIjoibXA0Iiwic3RvcmFnZV90eXBlIjoiUzMiLCJzdG9yYWdlX25hbWUiOiJjbGlwcyJ9XQ==";

/// A static presentation with one Period of an hour unless `period` says otherwise.
pub fn mpd(adaptation_sets: &str, period: &str) -> String {
    format!(
        r#"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1H"
            profiles="urn:mpeg:dash:profile:isoff-live:2011" minBufferTime="PT2S"><Period start="PT0S" {period}>
            {adaptation_sets}</Period></MPD>"#
    )
}

/// A presentation that began at `from` (RFC 3339) and grows.
pub fn growing(adaptation_sets: &str, from: &str) -> String {
    let grows = format!(r#"type="dynamic" availabilityStartTime="{from}""#);
    mpd(adaptation_sets, "").replace(r#"type="static" mediaPresentationDuration="PT1H""#, &grows)
}

/// An adaptation set of one Representation in segments of 4 s.
pub fn set(kind: &str, codecs: &str, inner: &str) -> String {
    adaptation_set(kind, codecs, inner, r#"duration="4""#, "")
}

/// The same with the first `segments` of them listed.
pub fn listed(kind: &str, codecs: &str, segments: i64) -> String {
    let timeline = match segments {
        ..=0 => "<SegmentTimeline/>".to_owned(),
        _ => format!(r#"<SegmentTimeline><S t="0" d="4" r="{}"/></SegmentTimeline>"#, segments - 1),
    };
    adaptation_set(kind, codecs, "", "", &timeline)
}

fn adaptation_set(kind: &str, codecs: &str, inner: &str, duration: &str, timeline: &str) -> String {
    format!(
        r#"<AdaptationSet contentType="{kind}" mimeType="{kind}/mp4">{inner}
            <SegmentTemplate timescale="1" {duration} initialization="{kind}-init.mp4"
            media="{kind}-$Number$.m4s">{timeline}</SegmentTemplate>
            <Representation id="{kind}" bandwidth="1000000" codecs="{codecs}"/></AdaptationSet>"#
    )
}

/// Name of the `number`-th segment of `kind`, from 1.
pub fn segment_name(kind: &str, number: i64) -> String {
    format!("{kind}-{number}.m4s")
}

/// Key of the `number`-th segment of audio, from 1.
pub fn segment(number: i64) -> String {
    format!("{DIRECTORY}/{}", segment_name("audio", number))
}

/// Asks for `duration_ms` from 8 s on, as MP4.
pub fn audio_body(duration_ms: i64) -> Value {
    with(with(with(body(), "StartTime", 8000), "Duration", duration_ms), "storage_info", AS_MP4)
}

/// The content of the frame that starts at `at_ms`.
///
/// # Panics
/// If that is before the recording.
pub fn frame(at_ms: i64, bytes: usize) -> Bytes {
    let number = u8::try_from(at_ms / FRAME_MS % 251).expect("a time");
    vec![number; bytes].into()
}

/// Records audio where [`body`] looks for it; see [`audio_files`].
pub fn record_audio(objects: &MemoryObjects, bytes: usize) {
    record(objects, DIRECTORY, &mpd(&set("audio", "mp4a.40.2", ""), ""), &audio_files(bytes));
}

/// Puts a manifest and files into `directory`.
pub fn record(objects: &MemoryObjects, directory: &str, manifest: &str, files: &[(String, Bytes)]) {
    objects.add("recordings", &format!("{directory}/stream.mpd"), manifest.to_owned(), None);
    for (name, content) in files {
        objects.add("recordings", &format!("{directory}/{name}"), content.clone(), None);
    }
}

/// Files of AAC; the twelve frames from 8 s on have `bytes` bytes, the others at most [`SMALL`].
///
/// # Panics
/// Never.
pub fn audio_files(bytes: usize) -> Vec<(String, Bytes)> {
    audio_files_of(bytes, 1..=SEGMENTS)
}

/// The same with the init segment and the segments of these `numbers`.
///
/// # Panics
/// Never.
pub fn audio_files_of(bytes: usize, numbers: impl IntoIterator<Item = i64>) -> Vec<(String, Bytes)> {
    let frame_at = |at| {
        let data = frame(at, if (8000..8240).contains(&at) { bytes } else { bytes.min(SMALL) });
        (at, true, data)
    };
    files("audio", TrackMedia::Audio, mp4a(), FRAME_MS, numbers, frame_at)
}

/// Files of H.264 without reordering, a GOP a second: what starts with one can be copied.
///
/// # Panics
/// Never.
pub fn pictures() -> Vec<(String, Bytes)> {
    pictures_of(GOP_MS, 1..=SEGMENTS, 0)
}

/// The same with the first picture as the only one that can be decoded by itself.
///
/// # Panics
/// Never.
pub fn pictures_of_one_gop() -> Vec<(String, Bytes)> {
    pictures_of(SEGMENTS * SEGMENT_MS, 1..=SEGMENTS, 0)
}

/// The same with GOPs of `gop_ms` milliseconds, the segments of these `numbers` and `more` bytes in each picture.
///
/// # Panics
/// If a picture has more bytes than the length of its slice can say.
pub fn pictures_of(gop_ms: i64, numbers: impl IntoIterator<Item = i64>, more: usize) -> Vec<(String, Bytes)> {
    video_files(gop_ms, numbers, more, |_| 0)
}

/// Files of H.264 like [`pictures`], where from the second picture of a GOP on each second one is shown before the one in
/// front of it.
///
/// # Panics
/// Never.
pub fn reordered_pictures(numbers: impl IntoIterator<Item = i64>) -> Vec<(String, Bytes)> {
    let overtaken = |at: i64| match at % GOP_MS / PICTURE_MS {
        0 => 0,
        place if place % 2 == 1 => PICTURE_MS,
        _ => -PICTURE_MS,
    };
    video_files(GOP_MS, numbers, 0, overtaken)
}

/// Pictures in files; each is shown `later` than it is decoded.
fn video_files(
    gop_ms: i64,
    numbers: impl IntoIterator<Item = i64>,
    more: usize,
    later: impl Fn(i64) -> i64,
) -> Vec<(String, Bytes)> {
    let picture_at = |at: i64| {
        let number = u8::try_from(at / PICTURE_MS % 251 + 1).expect("a time");
        // Where `frame_num` has four bits, and order counts follow from it: `pic_order_cnt_type` 2.
        let frame_num = u8::try_from(at % gop_ms / PICTURE_MS % 16).expect("a time");
        let sync = at % gop_ms == 0;
        // Headers of an I and of a P slice (7.3.3); the rest tells pictures apart.
        let [kind, slice @ ..] =
            if sync { [0x65, 0x88, 0x84] } else { [0x41, 0x9a | frame_num >> 3, frame_num << 5 | 2] };
        let length = u32::try_from(6 + more).expect("a length").to_be_bytes();
        let end = [&[number][..], &END_OF_PICTURE, &vec![0x55; more]].concat();
        (at + later(at), sync, [&length[..], &[kind], &slice, &end].concat().into())
    };
    files(
        "video",
        TrackMedia::Video { width: 32, height: 32, matrix: Matrix::default() },
        avc1(),
        PICTURE_MS,
        numbers,
        picture_at,
    )
}

/// Init segment and segments of samples that are `length` milliseconds long; `sample_at` says of the one that is decoded at
/// a time when it is shown, whether it is a sync sample, and its bytes.
fn files(
    name: &str,
    kind: TrackMedia,
    entry: Bytes,
    length: i64,
    numbers: impl IntoIterator<Item = i64>,
    sample_at: impl Fn(i64) -> (i64, bool, Bytes),
) -> Vec<(String, Bytes)> {
    let spec =
        TrackSpec { kind, timescale: 1000, language: *b"und", sample_entries: vec![entry], roll: None };
    let mut writer = FragmentWriter::new(vec![spec], 1000).expect("a track");
    let mut files = vec![(format!("{name}-init.mp4"), writer.init().expect("an init segment"))];
    for number in numbers {
        let times = (0..SEGMENT_MS / length).map(|n| (number - 1) * SEGMENT_MS + n * length);
        let sample = |at: i64| {
            let (pts, sync, data) = sample_at(at);
            let (duration, size) =
                (u32::try_from(length).expect("a length"), u32::try_from(data.len()).expect("a size"));
            (MuxSample { dts: at, pts, duration, sync, entry: 0, size }, data)
        };
        let samples: Vec<_> = times.map(sample).collect();
        files.push((segment_name(name, number), writer.fragment(&[&samples]).expect("a fragment")));
    }
    files
}

/// What an ffmpeg gives of pictures: a file with these samples in each of its tracks.
///
/// # Panics
/// Never.
pub fn picture_tracks(tracks: &[Vec<Bytes>]) -> Vec<u8> {
    tracks_of(tracks, &avc1(), 1)
}

/// The same of an ffmpeg that encodes in H.265; each of its pictures takes [`PICTURE_TICKS`].
///
/// # Panics
/// Never.
pub fn encoded_tracks(tracks: &[Vec<Bytes>]) -> Vec<u8> {
    tracks_of(tracks, &hvc1(), PICTURE_TICKS)
}

fn tracks_of(tracks: &[Vec<Bytes>], entry: &Bytes, ticks: i64) -> Vec<u8> {
    let kind = TrackMedia::Video { width: 32, height: 32, matrix: Matrix::default() };
    let timescale = 25 * u32::try_from(ticks).expect("ticks");
    let spec =
        TrackSpec { kind, timescale, language: *b"und", sample_entries: vec![entry.clone()], roll: None };
    let mut writer = FragmentWriter::new(vec![spec; tracks.len()], timescale).expect("tracks");
    let sample = |(n, data): (i64, &Bytes)| {
        let size = u32::try_from(data.len()).expect("a size");
        let (dts, duration) = (n * ticks, u32::try_from(ticks).expect("ticks"));
        (MuxSample { dts, pts: dts, duration, sync: true, entry: 0, size }, data.clone())
    };
    let samples: Vec<Vec<_>> = tracks.iter().map(|track| (0..).zip(track).map(sample).collect()).collect();
    let samples: Vec<&[_]> = samples.iter().map(Vec::as_slice).collect();
    let init = writer.init().expect("an init segment");
    [init, writer.fragment(&samples).expect("a fragment")].concat()
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

/// A sample entry of H.264 (14496-15, 5.4.2).
fn avc1() -> Bytes {
    let record = [&[1, SPS[1], SPS[2], SPS[3], 0xff, 0xe1, 0, 7], &SPS[..], &[1, 0, 4], &PPS].concat();
    visual_entry(*b"avc1", *b"avcC", &record)
}

/// A sample entry of H.265 (14496-15, 8.4.1): Main profile, one of each parameter set.
fn hvc1() -> Bytes {
    let mut record =
        vec![1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x1e, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 3];
    let sets: [(u8, &[u8]); 3] = [(0xa0, &VPS_H265), (0xa1, &SPS_H265), (0xa2, &PPS_H265)];
    for (kind, set) in sets {
        record.extend_from_slice(&[kind, 0, 1, 0, u8::try_from(set.len()).expect("a size")]);
        record.extend_from_slice(set);
    }
    visual_entry(*b"hvc1", *b"hvcC", &record)
}

/// A sample entry of pictures (14496-12, 12.1.3) with a decoder configuration.
fn visual_entry(format: [u8; 4], configuration: [u8; 4], record: &[u8]) -> Bytes {
    let mut entry = vec![0; 4];
    entry.extend_from_slice(&format);
    entry.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
    entry.extend_from_slice(&[0; 16]);
    entry.extend_from_slice(&[0, 32, 0, 32, 0, 72, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 1]);
    entry.extend_from_slice(&[0; 32]);
    entry.extend_from_slice(&[0, 24, 0xff, 0xff]);
    entry.extend_from_slice(&u32::try_from(8 + record.len()).expect("a size").to_be_bytes());
    entry.extend_from_slice(&configuration);
    entry.extend_from_slice(record);
    let length = u32::try_from(entry.len()).expect("a size");
    entry[..4].copy_from_slice(&length.to_be_bytes());
    entry.into()
}
