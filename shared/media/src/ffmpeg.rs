//! Argument vectors for ffmpeg. It sees pipes only, with demuxer, decoder and encoder named, and never a path, a URL
//! or a manifest.

use crate::audio::AudioTarget;
use crate::conform::{Conformed, Recoloured};
use crate::display::Turn;
use crate::nal::{Colour, VideoCodec};
use crate::picture::PictureFormat;
use crate::weight::frugal_lookahead;

const COMMON: [&str; 6] = ["-hide_banner", "-nostdin", "-v", "error", "-protocol_whitelist", "pipe"];

/// Twice this still fits into ffmpeg's `-bufsize`, which has 31 bits.
const HIGHEST_BITRATE: u64 = 1_000_000_000;

/// The parameters of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Which encoder.
    pub codec: VideoCodec,
    /// The recorded codec.
    pub recorded: VideoCodec,
    /// Ticks a second of the output.
    pub timescale: u32,
    /// Ticks of one frame; frame n gets the presentation time n times that.
    pub frame_ticks: u32,
    /// Upper bound of the bit rate in bits a second; 0 sets no bound.
    pub max_bitrate: u64,
    /// The purpose of the pictures.
    pub purpose: Purpose,
    /// Threads to encode with; 0 lets the encoder choose.
    pub threads: usize,
    /// `true` to take as little memory as can be: one thread, and little lookahead.
    pub frugal: bool,
}

/// The purpose of encoded pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A clip, or one of its pieces: encoded alike, they have the same parameter sets.
    Clip {
        /// Pictures that are shown later than the next one is coded.
        reordered: usize,
    },
    /// To stand beside copied pictures of the same codec: without reordering, and without a parameter set, a profile
    /// or a number of reference pictures that a decoder of the recording would not expect.
    Join {
        /// H.264: `seq_parameter_set_id` and `pic_parameter_set_id`.
        parameter_id: Option<u32>,
        /// `profile_idc` of the recording.
        profile_idc: u8,
        /// Nothing copied stands beside them. They may be a whole clip, so their bits count.
        alone: bool,
    },
}

/// Colours of which nothing is said.
const UNTAGGED: &str = "setparams=color_primaries=unknown:color_trc=unknown:colorspace=unknown";
/// Pictures that encoded ones are later than a JPEG, so that none is decoded before it is shown: more than any encoder
/// reorders.
const CODED_AT: u32 = 16;
/// Pictures that all others are later than encoded ones. The muxer writes what is due first, and these wait: of a track with
/// two packets that wait it gets the times wrong, which tell the encoded pictures' order. More than a run has.
const OTHERS_AT: u32 = 1_000_000;
/// Ticks of the output of [`picture_tracks`] from one encoded picture to the next, give or take one. The muxer ends where
/// samples are 2^31 ticks apart, which two tracks must never be.
pub const PICTURE_TICKS: i64 = 1000;
/// Packets of a track that wait for another to begin: more than a run has.
const MOST_HELD_BACK: &str = "1000000";

/// `strict` makes the H.264 decoder wait as long as pictures may be reordered, not as long as they have been. It also
/// gives what it is not sure of, such as an open GOP that says nothing of recovery: a player shows these pictures.
/// How pictures are turned is told elsewhere.
const DECODER: [&str; 5] = ["-strict", "strict", "-flags", "+output_corrupt", "-noautorotate"];

/// The format of a clip's file: its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// MP4 with its head first.
    Mp4,
    /// MPEG-2 transport stream.
    TransportStream,
}

/// What a decoder is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fed {
    /// Annex B.
    Stream(VideoCodec),
    /// Fragmented MP4, a sample a picture: of damaged ones come those that [`list_decoded`] lists.
    Samples,
    /// A clip: those pictures of its first video track that a player shows, and not turned.
    Clip(FileFormat),
}

impl Fed {
    fn demuxer(self) -> &'static str {
        match self {
            Self::Stream(VideoCodec::H264) => "h264",
            Self::Stream(VideoCodec::Hevc) => "hevc",
            Self::Samples | Self::Clip(FileFormat::Mp4) => "mp4",
            Self::Clip(FileFormat::TransportStream) => "mpegts",
        }
    }
}

/// What is wanted of the pictures that a decoder gives, which are numbered from 0 on in display order. The picture
/// `first` and all behind it are looked at; those before it are of no interest.
#[derive(Debug, Clone, Copy, Default)]
pub struct WantedTracks<'a> {
    /// The number of the first picture of interest.
    pub first: usize,
    /// How to encode pictures, and how many of them from `first` on.
    pub encoded: Option<(&'a Encoding, usize)>,
    /// `true` if a picture has to be told from another by what is seen of it; all are counted in any case.
    pub told_apart: bool,
    /// The number of a picture to make a JPEG of.
    pub still: Option<usize>,
    /// Numbers of the pictures that are wanted as they are.
    pub raw: &'a [usize],
}

/// A track of what ffmpeg gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureTrack {
    /// Encoded pictures.
    Coded,
    /// The luma of each picture from the first of interest on, as [`THUMB`] values of 16 bits each: the mean of as many
    /// areas if they are to be told apart.
    Thumbs,
    /// One JPEG.
    Still,
    /// Raw pictures.
    Raw,
}

/// Columns and rows of what is in [`PictureTrack::Thumbs`].
pub const THUMB: (usize, usize) = (16, 9);

/// Columns and rows of the pixels that the means are of, a hundred an area. To look at every pixel of 27 pictures of 1080p
/// takes 0.03 CPU seconds more.
const SAMPLED: (usize, usize) = (160, 90);

impl WantedTracks<'_> {
    /// The tracks of the output, the one with `track_ID` 1 first.
    pub fn tracks(&self) -> impl Iterator<Item = PictureTrack> {
        let coded = self.encoded.map(|_| PictureTrack::Coded);
        let still = self.still.map(|_| PictureTrack::Still);
        let raw = (!self.raw.is_empty()).then_some(PictureTrack::Raw);
        [coded, Some(PictureTrack::Thumbs), still, raw].into_iter().flatten()
    }
}

/// Coded pictures of `recorded` in; a fragmented `mov` out, a fragment a frame, with the tracks of what is `wanted`.
/// Pictures of another look than `format` are [`Conformed`]; those of another shape get black borders.
///
/// One process gives all of it, so that pictures do not leave it as they are and come back.
pub fn picture_tracks(
    fed: Fed,
    recorded: &PictureFormat,
    format: &PictureFormat,
    wanted: &WantedTracks<'_>,
) -> Vec<String> {
    // Frames get numbers for times, whatever their stream says.
    let rate = wanted.encoded.map_or("25".to_owned(), |(how, _)| rate(how));
    let input = ["-r", &rate, "-f", fed.demuxer(), "-i", "pipe:0"];
    let mut args = common(&[&DECODER[..], &input].concat());
    if !wanted.encoded.is_some_and(|(how, _)| matches!(how.purpose, Purpose::Clip { .. })) {
        // A few pictures, which hardly change on the way: threads that share one cost more than they do.
        args.extend(words(&["-filter_complex_threads", "1"]));
    }
    args.extend(words(&["-filter_complex", &graph(recorded, format, wanted)]));
    for track in wanted.tracks() {
        args.extend(["-map".to_owned(), format!("[{}]", label(track))]);
    }
    args.extend(words(&["-fps_mode", "passthrough"]));
    for (track, n) in wanted.tracks().zip(0..) {
        args.extend(match (track, wanted.encoded) {
            (PictureTrack::Coded, Some((how, _))) => encoder(format, how),
            (PictureTrack::Still, _) => words(&[&format!("-c:v:{n}"), "mjpeg", &format!("-q:v:{n}"), "3"]),
            // The muxer has no name for every layout, and looks no further if it is given one.
            _ => words(&[&format!("-c:v:{n}"), "rawvideo", &format!("-tag:v:{n}"), "yuvs"]),
        });
    }
    args.extend(words(&["-max_muxing_queue_size", MOST_HELD_BACK, "-max_interleave_delta", "0"]));
    args.extend(words(&["-movflags", "+empty_moov+default_base_moof+frag_every_frame"]));
    if let Some((how, _)) = wanted.encoded {
        args.extend(words(&["-video_track_timescale", &ticks_a_second(how).to_string()]));
    }
    args.extend(words(&["-flush_packets", "1", "-f", "mov", "pipe:1"]));
    args
}

/// Ticks a second of the output of [`picture_tracks`], not of the clip: [`PICTURE_TICKS`] a picture, within what ffmpeg takes.
fn ticks_a_second(how: &Encoding) -> i64 {
    let ticks = i64::from(how.timescale) * PICTURE_TICKS / i64::from(how.frame_ticks.max(1));
    ticks.clamp(1, i64::from(i32::MAX))
}

fn rate(how: &Encoding) -> String {
    format!("{}/{}", how.timescale, how.frame_ticks)
}

/// The length of a frame in seconds.
fn frame_length(wanted: &WantedTracks<'_>) -> String {
    wanted.encoded.map_or("1/25".to_owned(), |(how, _)| format!("{}/{}", how.frame_ticks, how.timescale))
}

fn label(track: PictureTrack) -> &'static str {
    match track {
        PictureTrack::Coded => "coded",
        PictureTrack::Thumbs => "thumbs",
        PictureTrack::Still => "still",
        PictureTrack::Raw => "raw",
    }
}

/// The filters from the decoder to each track.
fn graph(recorded: &PictureFormat, format: &PictureFormat, wanted: &WantedTracks<'_>) -> String {
    let late = if wanted.first > 0 { format!("select=gte(n\\,{}),", wanted.first) } else { String::new() };
    let tracks: Vec<PictureTrack> = wanted.tracks().collect();
    let ends: Vec<String> = tracks.iter().map(|track| format!("[to_{}]", label(*track))).collect();
    let (conforming, count) = (conforming(recorded, format), tracks.len());
    // The deinterlacer counts time in halves of a frame, which the encoder rounds.
    let deinterlaced = Conformed::new(recorded, format).deinterlaced;
    let clock =
        if deinterlaced { format!(",settb={},setpts=N", frame_length(wanted)) } else { String::new() };
    let split = format!("[0:v:0]{late}{conforming}{clock},split={count}{}", ends.concat());
    let chain = |(track, end): (&PictureTrack, &String)| {
        format!("{end}{}[{}]", branch(*track, format, wanted), label(*track))
    };
    let chains = tracks.iter().zip(&ends).map(chain);
    std::iter::once(split).chain(chains).collect::<Vec<_>>().join(";")
}

/// The filters of one track.
fn branch(track: PictureTrack, format: &PictureFormat, wanted: &WantedTracks<'_>) -> String {
    // Behind the first filter, pictures are numbered from the first one of interest on.
    let number = |n: &usize| format!("eq(n\\,{})", n.saturating_sub(wanted.first));
    match track {
        PictureTrack::Coded => {
            let (tags, count) =
                wanted.encoded.map_or((String::new(), 0), |(how, count)| (tagging(format, how), count));
            format!("select=lt(n\\,{count}),setpts=N+{CODED_AT},{tags}")
        }
        PictureTrack::Thumbs => {
            let (columns, rows) = THUMB;
            let (seen, how) = if wanted.told_apart {
                let (width, height) = SAMPLED;
                let pixels = format.pixels.name;
                let sampled = format!("scale={width}:{height}:flags=neighbor,format={pixels}");
                // In full range nothing is stretched on the way.
                (format!("{sampled},extractplanes=y,setparams=range=full,"), "area")
            } else {
                (String::new(), "neighbor")
            };
            format!("setpts=N+{OTHERS_AT},{seen}scale={columns}:{rows}:flags={how},format=gray16le")
        }
        PictureTrack::Still => {
            let chosen = wanted.still.iter().map(number).collect::<String>();
            format!("select={chosen},{}", jpeg(format))
        }
        PictureTrack::Raw => {
            let chosen: Vec<String> = wanted.raw.iter().map(number).collect();
            format!("select={},setpts=N+{OTHERS_AT}", chosen.join("+"))
        }
    }
}

/// Fragmented MP4 in, a line for each picture that a decoder gives out of damaged ones; see [`decoded_times`].
pub fn list_decoded() -> Vec<String> {
    let input = ["-copyts", "-f", "mp4", "-i", "pipe:0", "-map", "0:v:0", "-fps_mode", "passthrough"];
    let mut args = common(&[&DECODER[..], &input].concat());
    // What the pictures look like is of no interest.
    args.extend(words(&["-vf", "scale=16:16", "-pix_fmt", "gray"]));
    args.extend(words(&["-enc_time_base", "1/1000", "-f", "framecrc", "pipe:1"]));
    args
}

/// The presentation times, in milliseconds, of the pictures that [`list_decoded`] lists, in display order. `None` if
/// it is no such list.
pub fn decoded_times(list: &str) -> Option<Vec<i64>> {
    let time = |line: &str| line.split(',').nth(2)?.trim().parse().ok();
    list.lines().filter(|line| !line.starts_with('#')).map(time).collect()
}

/// The filters that make decoded pictures like those of `format`, of which nothing is said.
fn conforming(recorded: &PictureFormat, format: &PictureFormat) -> String {
    let conformed = Conformed::new(recorded, format);
    let (width, height) = conformed.size;
    // Without tags, since pictures with different ones are converted into each other.
    let mut filters = vec![UNTAGGED.to_owned()];
    filters.extend(conformed.deinterlaced.then(|| {
        format!(
            "bwdif=mode=send_frame:parity={}:deint=all",
            if recorded.bottom_first { "bff" } else { "tff" }
        )
    }));
    filters.extend(turning(conformed.turn));
    // Fields must not be mixed.
    let by_fields = recorded.interlaced && !conformed.deinterlaced && height != recorded.height;
    let fields = if by_fields { ":interl=1" } else { "" };
    filters.push(format!("scale={width}:{height}{fields}{}", recolouring(&conformed, format)));
    if (width, height) != (format.width, format.height) {
        filters.push(format!("pad={}:{}:-1:-1", format.width, format.height));
    }
    filters.push(format!("format={}", format.pixels.name));
    // What is to be said of the pictures is said anew, and not by a decoder.
    filters.push(format!("{UNTAGGED}:field_mode=prog:chroma_location=unspecified"));
    filters.extend(words(&["setsar=0", "sidedata=delete", "setpts=N"]));
    filters.join(",")
}

/// Filters that turn pictures.
fn turning(turn: Turn) -> impl Iterator<Item = String> {
    let turned = match turn.quarters {
        1 => Some("transpose=clock"),
        2 => Some("hflip,vflip"),
        3 => Some("transpose=cclock"),
        _ => None,
    };
    turn.mirrored.then_some("hflip").into_iter().chain(turned).map(str::to_owned)
}

/// Options of the scaler that convert range and colours to those of `format`.
fn recolouring(conformed: &Conformed, format: &PictureFormat) -> String {
    let convert = |what: &str, from: &str, to: &str| format!(":in_{what}={from}:out_{what}={to}");
    let colours = match conformed.colours {
        Recoloured::From(from, to) => [
            ("color_matrix", from.matrix, to.matrix),
            ("primaries", from.primaries, to.primaries),
            ("transfer", from.transfer, to.transfer),
        ]
        .map(|(what, from, to)| convert(what, &from.to_string(), &to.to_string()))
        .concat(),
        Recoloured::No | Recoloured::Unknown if conformed.range.is_none() => return String::new(),
        Recoloured::No | Recoloured::Unknown => String::new(),
    };
    let (from, to) = conformed.range.unwrap_or((format.full_range, format.full_range));
    let name = |full| if full { "full" } else { "limited" };
    convert("range", name(from), name(to)) + &colours
}

/// The filters that say what pictures of `format` are, for their encoder.
fn tagging(format: &PictureFormat, how: &Encoding) -> String {
    let order = if format.bottom_first { "bff" } else { "tff" };
    let fields = if by_fields(format, how) { format!(",setfield={order}") } else { String::new() };
    format!("{}{fields}", tags(format, how.codec))
}

/// Returns `true` if the encoder codes fields.
fn by_fields(format: &PictureFormat, how: &Encoding) -> bool {
    let clip = matches!(how.purpose, Purpose::Clip { .. });
    format.interlaced && clip && how.codec == VideoCodec::H264
}

/// The arguments of an encoder for the first track.
fn encoder(format: &PictureFormat, how: &Encoding) -> Vec<String> {
    let mut args = vec![];
    let clip = matches!(how.purpose, Purpose::Clip { .. });
    let short = matches!(how.purpose, Purpose::Join { alone: false, .. });
    let order = if format.bottom_first { "bff" } else { "tff" };
    let gop = (how.timescale / how.frame_ticks.max(1)).clamp(1, 120) * 2;
    let quality = constant_quality(how);
    let mut params = vec![];
    let (encoder, preset, params_name) = match how.codec {
        VideoCodec::H264 => ("libx264", if short { "ultrafast" } else { "veryfast" }, "-x264-params:v:0"),
        VideoCodec::Hevc => {
            params.extend(words(&["log-level=error", "open-gop=0"]));
            if format.interlaced && clip {
                // Makes room for picture timing messages, which the encoder itself does not write.
                params.push(format!("pic-struct={}", if format.bottom_first { 4 } else { 3 }));
            }
            args.extend(words(&["-tag:v:0", "hvc1"]));
            ("libx265", if short { "ultrafast" } else { "superfast" }, "-x265-params:v:0")
        }
    };
    args.extend(words(&["-c:v:0", encoder, "-preset:v:0", preset, "-crf:v:0", quality]));
    let (threads, restraint) = restraint(how);
    args.extend(threads);
    params.extend(restraint);
    match how.purpose {
        Purpose::Clip { reordered } => {
            if how.max_bitrate > 0 {
                let max_bitrate = how.max_bitrate.min(HIGHEST_BITRATE);
                let (rate, buffer) = (max_bitrate.to_string(), (max_bitrate * 2).to_string());
                args.extend(words(&["-maxrate:v:0", &rate, "-bufsize:v:0", &buffer]));
            }
            args.extend(words(&["-g:v:0", &gop.to_string(), "-bf:v:0", &reordered.to_string()]));
            if by_fields(format, how) {
                params.push(format!("{order}=1"));
            }
        }
        Purpose::Join { parameter_id, profile_idc, .. } => {
            args.extend(words(&["-g:v:0", "600", "-bf:v:0", "0"]));
            if how.codec == VideoCodec::H264 {
                args.extend(
                    h264_profile(profile_idc).into_iter().flat_map(|name| words(&["-profile:v:0", name])),
                );
                params.extend(h264_tool(profile_idc).map(str::to_owned));
                params.extend(parameter_id.map(|id| format!("sps-id={id}")));
            }
        }
    }
    if !params.is_empty() {
        args.extend(words(&[params_name, &params.join(":")]));
    }
    args
}

/// The arguments, and the parameters of its own, that keep an encoder to its threads and its memory.
fn restraint(how: &Encoding) -> (Vec<String>, Vec<String>) {
    let threads = if how.frugal { 1 } else { how.threads };
    let mut params = vec![];
    if threads > 0 && how.codec == VideoCodec::Hevc {
        params.push(format!("pools={threads}"));
    }
    // The preset of H.264 joins does not look ahead.
    let ahead = how.codec == VideoCodec::Hevc || !matches!(how.purpose, Purpose::Join { alone: false, .. });
    if how.frugal && ahead {
        params.push(format!("rc-lookahead={}", frugal_lookahead(how.codec)));
        params.extend(words(&[match how.codec {
            VideoCodec::H264 => "sync-lookahead=0",
            VideoCodec::Hevc => "frame-threads=1",
        }]));
    }
    (if threads > 0 { words(&["-threads:v:0", &threads.to_string()]) } else { vec![] }, params)
}

/// Chosen by measurement: above 40 dB of luma PSNR against what was recorded, at no more than 1.5 times its bits. A
/// recording in H.265 is much smaller than H.264 of the same quality, so less of it can be kept. A join is short: its
/// preset takes the least time, and its bits are not counted as closely (the presets of a head in tests/bench/README.md).
fn constant_quality(how: &Encoding) -> &'static str {
    if let Purpose::Join { alone, .. } = how.purpose {
        return match how.codec {
            VideoCodec::H264 if alone => "18",
            VideoCodec::H264 => "24",
            VideoCodec::Hevc => "22",
        };
    }
    match (how.recorded, how.codec) {
        (VideoCodec::H264, VideoCodec::H264) => "20",
        (VideoCodec::H264, VideoCodec::Hevc) => "22",
        (VideoCodec::Hevc, VideoCodec::H264) => "23",
        (VideoCodec::Hevc, VideoCodec::Hevc) => "24",
    }
}

/// x264's name of the profile (A.2) that may not be left.
fn h264_profile(profile_idc: u8) -> Option<&'static str> {
    Some(match profile_idc {
        66 => "baseline",
        77 => "main",
        100 => "high",
        110 => "high10",
        122 => "high422",
        244 => "high444",
        _ => return None,
    })
}

/// The cheapest tool of a profile, without which x264 `ultrafast` writes a parameter set of Constrained Baseline beside
/// the recorded one of `profile_idc`.
fn h264_tool(profile_idc: u8) -> Option<&'static str> {
    match profile_idc {
        77 => Some("cabac=1"),
        100 | 110 | 122 | 244 => Some("8x8dct=1"),
        _ => None,
    }
}

/// The filters that make pictures of `format` ready for a JPEG of the same pixels, turned as players show it. JFIF tells
/// the shape of pixels that are not square.
fn jpeg(format: &PictureFormat) -> String {
    let range = if format.full_range { "full" } else { "limited" };
    // JFIF means BT.601 in full range.
    let matrix = match format.colour.map(|c| c.matrix) {
        Some(1) => ":in_color_matrix=bt709:out_color_matrix=bt601",
        Some(9 | 10) => ":in_color_matrix=bt2020:out_color_matrix=bt601",
        _ => "",
    };
    let mut filters: Vec<String> = shape(format).into_iter().collect();
    filters.extend(turning(format.matrix.turn()));
    filters.push(format!("scale=in_range={range}:out_range=full{matrix},format=yuvj420p"));
    filters.join(",")
}

/// Fragmented MP4 in, MPEG-2 transport stream out; everything is copied.
pub fn to_transport_stream() -> Vec<String> {
    let mut args = common(&["-f", "mp4", "-i", "pipe:0", "-map", "0", "-c", "copy"]);
    // Without a delay audio would arrive after it is due.
    args.extend(words(&["-muxdelay", "0.1", "-muxpreload", "0"]));
    // Each audio frame has a time stamp: where several follow one, readers add up what frames behind cuts are early or late.
    args.extend(words(&["-pes_payload_size", "0"]));
    args.extend(words(&["-f", "mpegts", "pipe:1"]));
    args
}

/// Fragmented MP4 with a track of audio in, fragmented MP4 with AAC out, a fragment a frame. The first sample of the
/// track is at 0; short gaps become silence, so that the frames follow one another without any.
pub fn encode_audio(target: AudioTarget) -> Vec<String> {
    let AudioTarget { rate, .. } = target;
    let timed = format!("aresample={rate}:async=1:first_pts=0:min_hard_comp=0.005");
    let filters = format!("{timed},aformat=channel_layouts={}", target.layout());
    // Without `copyts` the first sample would be at 0, wherever it is.
    let mut args = common(&["-copyts", "-f", "mp4", "-i", "pipe:0", "-map", "0:a:0", "-af", &filters]);
    args.extend(words(&["-c:a", "aac", "-b:a", &target.bitrate().to_string()]));
    args.extend(words(&[
        "-movflags",
        "+empty_moov+default_base_moof+frag_every_frame",
        "-flush_packets",
        "1",
    ]));
    args.extend(words(&["-f", "mp4", "pipe:1"]));
    args
}

/// A filter that tells the encoder what the pixels mean.
fn tags(format: &PictureFormat, codec: VideoCodec) -> String {
    let mut filters = vec![format!("setparams=range={}", if format.full_range { "full" } else { "limited" })];
    if let Some(colour) = format.colour {
        let Colour { primaries, transfer, matrix } = told(colour, codec);
        let tags = format!("color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}");
        filters.push(format!("setparams={tags}"));
    }
    filters.extend(shape(format));
    filters.join(",")
}

fn shape(format: &PictureFormat) -> Option<String> {
    format.aspect_ratio.map(|(width, height)| format!("setsar={width}/{height}"))
}

/// The code points (ISO/IEC 23091-2) that the encoders take; 2, "unspecified", for all others. Pictures of RGB have
/// become luma and chroma by the decoder's conversion, which is that of BT.601.
fn told(colour: Colour, codec: VideoCodec) -> Colour {
    let known = |code: u8, last: u8| matches!(code, 1 | 4..) && code <= last;
    let ebu = colour.primaries == 22 && codec == VideoCodec::H264;
    let or_unspecified = |code: u8, known: bool| if known { code } else { 2 };
    Colour {
        primaries: or_unspecified(colour.primaries, ebu || known(colour.primaries, 12)),
        transfer: or_unspecified(colour.transfer, known(colour.transfer, 18)),
        matrix: if colour.matrix == 0 { 6 } else { or_unspecified(colour.matrix, known(colour.matrix, 14)) },
    }
}

fn common(more: &[&str]) -> Vec<String> {
    words(&COMMON).into_iter().chain(words(more)).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::Matrix;
    use crate::fmp4::{Codec, SampleEntry};
    use crate::picture::DecoderConfig;

    /// x264's parameter set of 320x180 at 25 fps, High profile.
    const SPS: &[u8] = &[
        0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x6c, 0x80, 0x00, 0x00, 0x03, 0x00,
        0x80, 0x00, 0x00, 0x19, 0x07, 0x8a, 0x14, 0xcb,
    ];

    /// The largest numbers that a recording can bring.
    fn format(interlaced: bool) -> PictureFormat {
        let codec = Codec::H264 { nal_length_size: 4, sps: vec![SPS.into()], pps: vec![] };
        let entry =
            SampleEntry { fourcc: *b"avc1", bytes: SPS.into(), codec, width: 0, height: 0, encrypted: false };
        let sps = DecoderConfig::of(&entry).unwrap().sps(&[]).unwrap();
        PictureFormat {
            width: u32::MAX,
            height: u32::MAX,
            aspect_ratio: Some((u16::MAX, u16::MAX)),
            colour: Some(Colour { primaries: u8::MAX, transfer: u8::MAX, matrix: u8::MAX }),
            interlaced,
            ..PictureFormat::of(&sps).unwrap()
        }
    }

    /// Every way of calling ffmpeg.
    fn calls() -> Vec<Vec<String>> {
        let codecs = [VideoCodec::H264, VideoCodec::Hevc];
        let purposes = [
            Purpose::Clip { reordered: usize::MAX },
            Purpose::Join { parameter_id: Some(u32::MAX), profile_idc: u8::MAX, alone: false },
            Purpose::Join { parameter_id: None, profile_idc: u8::MAX, alone: true },
        ];
        let target = AudioTarget { rate: u32::MAX, channels: u16::MAX };
        let mut calls = vec![to_transport_stream(), encode_audio(target), list_decoded()];
        let feds = [
            Fed::Stream(VideoCodec::H264),
            Fed::Stream(VideoCodec::Hevc),
            Fed::Samples,
            Fed::Clip(FileFormat::Mp4),
            Fed::Clip(FileFormat::TransportStream),
        ];
        for format in [format(false), format(true)] {
            let call = |fed, wanted: &WantedTracks<'_>| picture_tracks(fed, &format, &format, wanted);
            for fed in feds {
                calls.push(call(fed, &WantedTracks::default()));
                let wanted = WantedTracks {
                    first: usize::MAX,
                    told_apart: true,
                    raw: &[0, usize::MAX],
                    ..WantedTracks::default()
                };
                calls.push(call(fed, &wanted));
                for (codec, purpose) in
                    codecs.into_iter().flat_map(|codec| purposes.map(|purpose| (codec, purpose)))
                {
                    let how = Encoding {
                        codec,
                        recorded: codec,
                        timescale: u32::MAX,
                        frame_ticks: 0,
                        max_bitrate: u64::MAX,
                        purpose,
                        threads: usize::MAX,
                        frugal: false,
                    };
                    let encoded = Some((&how, usize::MAX));
                    calls.push(call(
                        fed,
                        &WantedTracks { encoded, still: Some(usize::MAX), ..WantedTracks::default() },
                    ));
                }
            }
        }
        calls
    }

    /// Why ffmpeg called with `args` could reach more than its two pipes; `None` if it could not.
    fn escape(args: &[String]) -> Option<&'static str> {
        let at = |word: &str| args.iter().position(|arg| arg == word);
        let follows = |word: &str| at(word).and_then(|at| args.get(at + 1)).map(String::as_str);
        let input = at("-i").unwrap_or(0);
        let elsewhere = ["/", "\\\\", "://", "file", "concat", "movie", "-safe", "_script", "subtitles", "@"];
        if args.iter().filter(|arg| *arg == "-i").count() != 1 || follows("-i") != Some("pipe:0") {
            Some("another input")
        } else if args.last().map(String::as_str) != Some("pipe:1")
            || args.iter().filter(|arg| arg.contains("pipe:")).count() != 2
        {
            Some("another output")
        } else if follows("-protocol_whitelist") != Some("pipe") || at("-protocol_whitelist") > at("-i") {
            Some("any protocol")
        } else if at("-f").is_none_or(|demuxer| demuxer > input) {
            Some("any demuxer")
        } else if at("-nostdin").is_none() {
            Some("the terminal")
        } else if args.iter().any(|arg| arg.contains(char::is_whitespace) || arg.contains('\0')) {
            Some("a word that is two")
        } else {
            let numbers = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '/');
            let named = |word: &str| elsewhere.iter().any(|name| word.contains(name)) && !numbers(word);
            // The shape of a pixel is two numbers.
            let words = args
                .iter()
                .flat_map(|arg| arg.split([',', ';', '[', ']']))
                .map(|word| word.trim_start_matches("setsar="));
            words.into_iter().any(named).then_some("a name of a file")
        }
    }

    #[test]
    fn a_list_of_decoded_pictures_says_when_each_is_shown() {
        let list = "#software: Lavf\n#tb 0: 1/1000\n0,  640,  640,  10,  256, 0x4ec6ade2\n0, 10, 660, 10, 256, 0x1\n";
        assert_eq!(decoded_times(list), Some(vec![640, 660]));
        assert_eq!(decoded_times("#tb 0: 1/1000\n"), Some(vec![]));
        assert_eq!(decoded_times("0, 1\n"), None);
        assert_eq!(decoded_times("0, 1, x, 1\n"), None);
    }

    #[test]
    fn ffmpeg_reaches_nothing_but_its_two_pipes() {
        let calls = calls();
        assert_eq!(calls.len(), 3 + 2 * 5 * (2 + 2 * 3));
        for args in calls {
            assert_eq!(escape(&args), None, "{args:?}");
        }
    }

    #[test]
    fn rates_fit_into_what_ffmpeg_reads_them_into() {
        for args in calls() {
            for limit in ["-maxrate", "-bufsize"] {
                let limit = format!("{limit}:v:0");
                let value = args.iter().position(|arg| *arg == limit).and_then(|at| args.get(at + 1));
                assert!(
                    value.is_none_or(|value| value.parse::<i32>().is_ok_and(|rate| rate > 0)),
                    "{args:?}"
                );
            }
        }
    }

    #[test]
    fn encoders_are_told_no_colours_that_they_do_not_know() {
        let point = |n| Colour { primaries: n, transfer: n, matrix: n };
        let all = |codec| (0..=255).map(move |n| told(point(n), codec));
        for codec in [VideoCodec::H264, VideoCodec::Hevc] {
            let same: Vec<u8> = (0..=255).filter(|n| told(point(*n), codec) == point(*n)).collect();
            assert_eq!(same, [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
            let transfers: Vec<u8> = all(codec).map(|colour| colour.transfer).filter(|n| *n > 12).collect();
            assert_eq!(transfers, [13, 14, 15, 16, 17, 18]);
        }
        assert_eq!(told(point(22), VideoCodec::H264), Colour { primaries: 22, transfer: 2, matrix: 2 });
        assert_eq!(told(point(22), VideoCodec::Hevc), point(2));
        assert_eq!(told(point(0), VideoCodec::Hevc), Colour { primaries: 2, transfer: 2, matrix: 6 });
        assert_eq!(told(point(255), VideoCodec::H264), point(2));
    }

    #[test]
    fn a_jpeg_is_turned_as_players_show_the_recording() {
        let filters = |matrix: [i32; 9]| {
            let format =
                PictureFormat { matrix: Matrix(matrix), aspect_ratio: Some((4, 3)), ..format(false) };
            jpeg(&format).split_once(",scale").unwrap().0.to_owned()
        };
        let one = 0x1_0000;
        assert_eq!(filters(Matrix::default().0), "setsar=4/3");
        assert_eq!(filters([0, one, 0, -one, 0, 0, 0, 0, 1 << 30]), "setsar=4/3,transpose=clock");
        assert_eq!(filters([0, -one, 0, one, 0, 0, 0, 0, 1 << 30]), "setsar=4/3,transpose=cclock");
        assert_eq!(filters([-one, 0, 0, 0, -one, 0, 0, 0, 1 << 30]), "setsar=4/3,hflip,vflip");
        assert_eq!(filters([-one, 0, 0, 0, one, 0, 0, 0, 1 << 30]), "setsar=4/3,hflip");
    }

    #[test]
    fn each_track_has_the_pictures_that_are_wanted_of_it() {
        let format = PictureFormat::plain(320, 180);
        let how = Encoding {
            codec: VideoCodec::H264,
            recorded: VideoCodec::H264,
            timescale: 25,
            frame_ticks: 1,
            max_bitrate: 0,
            purpose: Purpose::Clip { reordered: 2 },
            threads: 0,
            frugal: false,
        };
        let wanted = WantedTracks {
            first: 7,
            encoded: Some((&how, 3)),
            told_apart: true,
            still: Some(8),
            raw: &[10, 12],
        };
        let tracks: Vec<PictureTrack> = wanted.tracks().collect();
        assert_eq!(
            tracks,
            [PictureTrack::Coded, PictureTrack::Thumbs, PictureTrack::Still, PictureTrack::Raw]
        );
        let graph = graph(&format, &format, &wanted);
        for part in [
            "[0:v:0]select=gte(n\\,7),",
            ",split=4[to_coded][to_thumbs][to_still][to_raw];",
            ";[to_coded]select=lt(n\\,3),setpts=N+16,",
            ";[to_still]select=eq(n\\,1),",
            ";[to_raw]select=eq(n\\,3)+eq(n\\,5),setpts=N+1000000[raw]",
        ] {
            assert!(graph.contains(part), "{part}: {graph}");
        }
        let counted: Vec<PictureTrack> = WantedTracks::default().tracks().collect();
        assert_eq!(counted, [PictureTrack::Thumbs]);
    }

    #[test]
    fn a_picture_takes_as_many_ticks_whatever_those_of_the_recording_are() {
        let how = |timescale, frame_ticks| Encoding {
            codec: VideoCodec::H264,
            recorded: VideoCodec::H264,
            timescale,
            frame_ticks,
            max_bitrate: 0,
            purpose: Purpose::Clip { reordered: 2 },
            threads: 0,
            frugal: false,
        };
        let rates =
            [(90_000, 3600), (12_800, 512), (10_000_000, 400_000), (1_000_000_000, 40_000_000), (25, 1)];
        for (timescale, frame_ticks) in rates {
            assert_eq!(ticks_a_second(&how(timescale, frame_ticks)), 25_000);
        }
        assert_eq!(ticks_a_second(&how(30_000, 1001)), 29_970);
        assert_eq!(ticks_a_second(&how(1, 1_000_000)), 1);
        assert_eq!(ticks_a_second(&how(u32::MAX, 0)), i64::from(i32::MAX));
    }

    #[test]
    fn pictures_of_another_look_are_conformed_and_others_only_scaled() {
        let filters = |recorded: &PictureFormat, wanted: &PictureFormat| {
            let filters = conforming(recorded, wanted);
            let (done, _) = filters.split_once(",format=").unwrap();
            done.strip_prefix(UNTAGGED).unwrap().trim_start_matches(',').to_owned()
        };
        let clip = PictureFormat {
            colour: Some(Colour { primaries: 1, transfer: 1, matrix: 1 }),
            ..PictureFormat::plain(320, 180)
        };
        assert_eq!(filters(&clip, &clip), "scale=320:180");
        let turned = PictureFormat {
            matrix: Matrix([0, -0x1_0000, 0, 0x1_0000, 0, 0, 0, 0, 1 << 30]),
            interlaced: true,
            bottom_first: true,
            full_range: true,
            colour: Some(Colour { primaries: 5, transfer: 6, matrix: 5 }),
            ..PictureFormat::plain(160, 320)
        };
        let all = "bwdif=mode=send_frame:parity=bff:deint=all,transpose=cclock,scale=320:160:in_range=full:out_range=limited\
                   :in_color_matrix=5:out_color_matrix=1:in_primaries=5:out_primaries=1:in_transfer=6:out_transfer=1,pad=320:180:-1:-1";
        assert_eq!(filters(&turned, &clip), all);
        let fields = PictureFormat { interlaced: true, height: 90, width: 160, ..clip };
        assert_eq!(filters(&fields, &PictureFormat { interlaced: true, ..clip }), "scale=320:180:interl=1");
    }

    #[test]
    fn fields_are_encoded_in_the_recorded_order() {
        for (bottom_first, wanted) in [(false, ["setfield=tff", "tff=1"]), (true, ["setfield=bff", "bff=1"])]
        {
            let format = PictureFormat { bottom_first, ..format(true) };
            let how = Encoding {
                codec: VideoCodec::H264,
                recorded: VideoCodec::H264,
                timescale: 25,
                frame_ticks: 1,
                max_bitrate: 0,
                purpose: Purpose::Clip { reordered: 2 },
                threads: 0,
                frugal: false,
            };
            let wanted_of = WantedTracks { encoded: Some((&how, 1)), ..WantedTracks::default() };
            let args = picture_tracks(Fed::Stream(how.recorded), &format, &format, &wanted_of).join(" ");
            assert!(wanted.iter().all(|word| args.contains(word)), "{args}");
        }
    }

    #[test]
    fn a_call_that_reaches_further_is_noticed() {
        let format = format(false);
        let good = picture_tracks(Fed::Stream(VideoCodec::H264), &format, &format, &WantedTracks::default());
        let changed = |from: &str, to: &[&str]| {
            let to = words(to);
            good.iter().flat_map(|arg| if arg == from { to.clone() } else { vec![arg.clone()] }).collect()
        };
        let calls: [(Vec<String>, &str); 9] = [
            (changed("pipe:0", &["file:/etc/passwd"]), "another input"),
            (changed("pipe:0", &["pipe:0", "-i", "pipe:3"]), "another input"),
            (changed("pipe:1", &["/tmp/x"]), "another output"),
            (changed("-protocol_whitelist", &["-x"]), "any protocol"),
            (changed("-nostdin", &[]), "the terminal"),
            (changed("h264", &["h264", "-safe", "0"]), "a name of a file"),
            (changed("-map", &["-vf", "movie=x", "-map"]), "a name of a file"),
            (changed("-map", &["-vf", "setsar=1/1,movie=x", "-map"]), "a name of a file"),
            (changed("-f", &[]), "any demuxer"),
        ];
        for (args, why) in calls {
            assert_eq!(escape(&args), Some(why), "{args:?}");
        }
    }
}
