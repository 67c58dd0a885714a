//! Argument vectors for ffmpeg. It sees pipes only, with demuxer, decoder and encoder named, and never a path, a URL
//! or a manifest.

use crate::nal::VideoCodec;
use crate::picture::PictureFormat;

const COMMON: [&str; 6] = ["-hide_banner", "-nostdin", "-v", "error", "-protocol_whitelist", "pipe"];

/// How the pictures are to be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Which encoder.
    pub codec: VideoCodec,
    /// What was recorded.
    pub recorded: VideoCodec,
    /// Ticks a second of the output.
    pub timescale: u32,
    /// Ticks of one frame; frame n gets the presentation time n times that.
    pub frame_ticks: u32,
    /// Upper bound of the bit rate in bits a second; 0 is none.
    pub max_bitrate: u64,
}

/// Annex B in, raw pictures of `format` out, one for each that was coded and in display order.
pub fn decode(codec: VideoCodec, format: &PictureFormat) -> Vec<String> {
    let demuxer = match codec {
        VideoCodec::H264 => "h264",
        VideoCodec::Hevc => "hevc",
    };
    let size = format!("scale={}:{}", format.width, format.height);
    // `strict` makes the H.264 decoder wait as long as pictures may be reordered, not as long as they have been.
    let mut args = common(&["-strict", "strict", "-f", demuxer, "-i", "pipe:0", "-map", "0:v:0"]);
    args.extend(words(&["-fps_mode", "passthrough", "-vf", &size, "-pix_fmt", format.pixels.name]));
    args.extend(words(&["-f", "rawvideo", "pipe:1"]));
    args
}

/// Raw pictures of `format` in, fragmented MP4 out, a fragment a frame.
pub fn encode(format: &PictureFormat, how: &Encoding) -> Vec<String> {
    let mut args = raw_input(format, &format!("{}/{}", how.timescale, how.frame_ticks));
    if let Some((width, height)) = format.aspect_ratio {
        args.extend(words(&["-vf", &format!("setsar={width}/{height}")]));
    }
    let gop = (how.timescale / how.frame_ticks.max(1)).clamp(1, 120) * 2;
    let quality = constant_quality(how);
    args.extend(match how.codec {
        VideoCodec::H264 => words(&["-c:v", "libx264", "-preset", "veryfast", "-crf", quality]),
        VideoCodec::Hevc => {
            let params = "log-level=error:open-gop=0";
            words(&[
                "-c:v",
                "libx265",
                "-preset",
                "superfast",
                "-crf",
                quality,
                "-x265-params",
                params,
                "-tag:v",
                "hvc1",
            ])
        }
    });
    if how.max_bitrate > 0 {
        let (rate, buffer) = (how.max_bitrate.to_string(), (how.max_bitrate * 2).to_string());
        args.extend(words(&["-maxrate", &rate, "-bufsize", &buffer]));
    }
    args.extend(words(&["-pix_fmt", format.pixels.name, "-g", &gop.to_string(), "-bf", "2"]));
    args.extend(colour(format));
    let flags = "+empty_moov+default_base_moof+frag_every_frame";
    args.extend(words(&["-movflags", flags, "-video_track_timescale", &how.timescale.to_string()]));
    args.extend(words(&["-flush_packets", "1", "-f", "mp4", "pipe:1"]));
    args
}

/// Chosen by measurement: above 40 dB of luma PSNR against what was recorded, at no more than 1.5 times its bits. A
/// recording in H.265 is much smaller than H.264 of the same quality, so less of it can be kept.
fn constant_quality(how: &Encoding) -> &'static str {
    match (how.recorded, how.codec) {
        (VideoCodec::H264, VideoCodec::H264) => "20",
        (VideoCodec::H264, VideoCodec::Hevc) => "22",
        (VideoCodec::Hevc, VideoCodec::H264) => "23",
        (VideoCodec::Hevc, VideoCodec::Hevc) => "24",
    }
}

/// One raw picture of `format` in, a JPEG of the same size out.
pub fn jpeg(format: &PictureFormat) -> Vec<String> {
    let range = if format.full_range { "full" } else { "limited" };
    // JFIF means BT.601 in full range.
    let matrix = match format.colour.map(|c| c.matrix) {
        Some(1) => ":in_color_matrix=bt709:out_color_matrix=bt601",
        Some(9 | 10) => ":in_color_matrix=bt2020:out_color_matrix=bt601",
        _ => "",
    };
    let scale = format!("scale=in_range={range}:out_range=full{matrix},format=yuvj420p");
    let mut args = raw_input(format, "25");
    args.extend(words(&[
        "-frames:v",
        "1",
        "-vf",
        &scale,
        "-c:v",
        "mjpeg",
        "-q:v",
        "3",
        "-f",
        "mjpeg",
        "pipe:1",
    ]));
    args
}

/// Fragmented MP4 in, MPEG-2 transport stream out. `audio` has the sample entry type of every audio track: what the
/// format has no standard place for becomes AAC, all else is copied.
pub fn to_transport_stream(audio: &[[u8; 4]]) -> Vec<String> {
    let mut args = common(&["-f", "mp4", "-i", "pipe:0", "-map", "0", "-c", "copy"]);
    for (n, entry) in audio.iter().enumerate() {
        if !matches!(entry, b"mp4a" | b"ac-3" | b"ec-3") {
            args.extend(words(&[&format!("-c:a:{n}"), "aac", &format!("-b:a:{n}"), "192k"]));
        }
    }
    args.extend(words(&["-muxdelay", "0", "-muxpreload", "0", "-f", "mpegts", "pipe:1"]));
    args
}

fn raw_input(format: &PictureFormat, rate: &str) -> Vec<String> {
    let size = format!("{}x{}", format.width, format.height);
    let mut args = common(&["-f", "rawvideo", "-pix_fmt", format.pixels.name, "-video_size", &size]);
    args.extend(words(&["-framerate", rate, "-i", "pipe:0"]));
    args
}

fn colour(format: &PictureFormat) -> Vec<String> {
    let mut args = words(&["-color_range", if format.full_range { "pc" } else { "tv" }]);
    if let Some(colour) = format.colour {
        let values = [colour.primaries, colour.transfer, colour.matrix].map(|n| n.to_string());
        args.extend(words(&[
            "-color_primaries",
            &values[0],
            "-color_trc",
            &values[1],
            "-colorspace",
            &values[2],
        ]));
    }
    args
}

fn common(more: &[&str]) -> Vec<String> {
    words(&COMMON).into_iter().chain(words(more)).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
