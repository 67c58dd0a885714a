//! Files to start from.

use bytes::Bytes;
use export_media::display::Matrix;
use export_media::fmp4::{Codec, Init, InitTrack, TrackKind, read_fragments};
use export_media::mux::{FragmentWriter, MuxSample, TrackMedia as Shown, TrackSpec};
use export_media::nal::VideoCodec;
use std::sync::LazyLock;

/// Recordings by ffmpeg; the first has H.264, the third HEVC, the last an interlaced picture.
const RECORDINGS: [&[u8]; 8] = [
    include_bytes!("../data/h264.mp4"),
    include_bytes!("../data/aac.mp4"),
    include_bytes!("../data/hevc.mp4"),
    include_bytes!("../data/muxed.mp4"),
    include_bytes!("../data/based.mp4"),
    include_bytes!("../data/every.mp4"),
    include_bytes!("../data/sidx.mp4"),
    include_bytes!("../data/inter.mp4"),
];

/// Manifests of every form of addressing.
pub(crate) const MANIFESTS: [&str; 7] = [
    include_str!("../../../../tests/data/media/static_time.mpd"),
    include_str!("../../../../tests/data/media/dynamic_growing.mpd"),
    include_str!("../../../../tests/data/media/dynamic_number.mpd"),
    include_str!("../../../../tests/data/media/single_file.mpd"),
    include_str!("../../../../tests/data/media/segment_list.mpd"),
    include_str!("../../../../tests/data/media/multi_period.mpd"),
    include_str!("../../../../tests/data/media/multi_audio.mpd"),
];

/// Fragmented files: the recordings, and one by this crate's own writer.
pub(crate) static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut files: Vec<Vec<u8>> = RECORDINGS.iter().map(|file| file.to_vec()).collect();
    files.push(written());
    files
});

/// Sample entries of the recordings and what they describe, pictures first.
pub(crate) static TRACKS: LazyLock<Vec<InitTrack>> = LazyLock::new(|| {
    let mut tracks: Vec<InitTrack> =
        RECORDINGS.iter().flat_map(|file| Init::parse(file).unwrap().tracks).collect();
    tracks.sort_by_key(|track| track.kind != TrackKind::Video);
    tracks
});

/// A coded picture as the container has it.
#[derive(Debug)]
pub(crate) struct Coded {
    pub(crate) codec: VideoCodec,
    pub(crate) sample: Vec<u8>,
}

/// The coded pictures of the recordings.
pub(crate) static PICTURES: LazyLock<Vec<Coded>> = LazyLock::new(|| {
    let mut pictures = Vec::new();
    for file in RECORDINGS {
        for track in Init::parse(file).unwrap().tracks {
            let Some(codec) = codec(&track.sample_entries[0].codec) else { continue };
            for sample in read_fragments(&track, file, 0).unwrap() {
                pictures.push(Coded { codec, sample: file[sample.range().unwrap()].to_vec() });
            }
        }
    }
    pictures
});

/// Sequence and picture parameter sets of the recordings.
pub(crate) static PARAMETER_SETS: LazyLock<Vec<(VideoCodec, Bytes)>> = LazyLock::new(|| {
    let entries = TRACKS.iter().flat_map(|track| &track.sample_entries);
    let sets = entries.flat_map(|entry| match &entry.codec {
        Codec::H264 { sps, pps, .. } => {
            sps.iter().chain(pps).map(|set| (VideoCodec::H264, set.clone())).collect()
        }
        Codec::Hevc { sps, pps, .. } => {
            sps.iter().chain(pps).map(|set| (VideoCodec::Hevc, set.clone())).collect()
        }
        _ => Vec::new(),
    });
    sets.collect()
});

/// What a recording has before its first fragment.
pub(crate) fn head(file: &[u8]) -> &[u8] {
    let moof = file.windows(4).position(|window| window == b"moof").unwrap();
    &file[..moof - 4]
}

/// Which video codec a configuration is for, if any.
pub(crate) fn codec(codec: &Codec) -> Option<VideoCodec> {
    match codec {
        Codec::H264 { .. } => Some(VideoCodec::H264),
        Codec::Hevc { .. } => Some(VideoCodec::Hevc),
        _ => None,
    }
}

/// A writer's track with the recordings' sample entries of a kind.
pub(crate) fn spec(kind: TrackKind, timescale: u32) -> TrackSpec {
    let entries = TRACKS.iter().filter(|track| track.kind == kind).flat_map(|track| &track.sample_entries);
    TrackSpec {
        kind: if kind == TrackKind::Video {
            Shown::Video { width: 64, height: 48, matrix: Matrix::default() }
        } else {
            Shown::Audio
        },
        timescale,
        language: *b"eng",
        sample_entries: entries.map(|entry| entry.bytes.clone()).collect(),
        roll: None,
    }
}

fn written() -> Vec<u8> {
    let tracks = vec![spec(TrackKind::Video, 12_800), spec(TrackKind::Audio, 48_000)];
    let mut writer = FragmentWriter::new(tracks, 1000).unwrap();
    let mut file = writer.init().unwrap().to_vec();
    for fragment in 0..3 {
        let samples = |count: i64, ticks: u32, entries: u32| -> Vec<(MuxSample, Bytes)> {
            let sample = |n: i64| {
                let dts = (fragment * count + n) * i64::from(ticks);
                let entry = u32::from(n > 2) % entries;
                MuxSample { dts, pts: dts + 1024, duration: ticks, sync: n == 0, entry, size: 30 }
            };
            (0..count).map(|n| (sample(n), Bytes::from_static(&[7; 30]))).collect()
        };
        let (pictures, audio) = (samples(5, 512, 2), samples(8, 1024, 1));
        file.extend_from_slice(&writer.fragment(&[&pictures, &audio]).unwrap());
    }
    file
}
