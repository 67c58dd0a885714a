//! Attacks that have a name, and the error that each ends in; and what the largest inputs cost.

use crate::boxes::boxed;
use crate::seeds::{FILES, MANIFESTS, head};
use crate::syntax;
use export_fuzz::measured;
use export_media::fmp4::{
    Fmp4Error, FragmentEvent, FragmentReader, FragmentSample, Index, Init, MAX_SAMPLES, read_fragments,
};
use export_media::mpd::{MAX_BYTES, MpdError, parse};
use export_media::nal::{NalError, Sps, VideoCodec};
use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;

/// What a function that cuts clips can spare for one manifest or init segment.
const LARGEST: usize = 64 << 20;

/// What one manifest of the largest size may take beside its text, of the 1769 MB that the smallest function has.
pub(crate) const LARGEST_MANIFEST: usize = 160 << 20;

fn recording() -> &'static [u8] {
    &FILES[0]
}

/// Where the first box of a kind starts.
fn position(file: &[u8], kind: [u8; 4]) -> usize {
    file.windows(4).position(|window| window == kind).unwrap() - 4
}

/// The file with bytes written so far into the first box of a kind, its header included.
fn patched(file: &[u8], kind: [u8; 4], skip: usize, to: &[u8]) -> Vec<u8> {
    let at = position(file, kind) + skip;
    let mut file = file.to_vec();
    file[at..at + to.len()].copy_from_slice(to);
    file
}

/// A manifest with something else in its first place.
fn with(from: &str, to: &str) -> Vec<u8> {
    let manifest = MANIFESTS[5];
    assert!(manifest.contains(from));
    manifest.replacen(from, to, 1).into_bytes()
}

#[test]
fn remote_content_and_references_that_leave_the_recording_are_refused() {
    for (xml, error) in [
        (with("<MPD", "<!DOCTYPE MPD SYSTEM 'http://169.254.169.254/'><MPD"), MpdError::Entity),
        (with("<Period", "<Period xlink:href='https://other.example/p.xml'"), MpdError::Remote),
        (with("p0/", "http://169.254.169.254/"), MpdError::OutsideRecording),
        (with("p0/", "/p0/"), MpdError::OutsideRecording),
        (with("p0/", "../p0/"), MpdError::OutsideRecording),
        (with("p0/", "a/%2e%2e/../../"), MpdError::OutsideRecording),
    ] {
        assert_eq!(parse(&xml), Err(error), "{}", String::from_utf8_lossy(&xml));
    }
    let mpd = parse(&with("seg-", "../../seg-")).unwrap();
    assert_eq!(mpd.periods[0].representations[0].segment(0), Err(MpdError::OutsideRecording));
}

#[test]
fn a_timescale_of_zero_is_refused() {
    let manifest = parse(&with(r#"timescale="12800""#, r#"timescale="0""#));
    assert_eq!(manifest, Err(MpdError::BadValue("timescale")));
    let track = patched(recording(), *b"mdhd", 20, &[0; 4]);
    assert_eq!(Init::parse(&track), Err(Fmp4Error::Malformed("mdhd")));
    let index = patched(&FILES[6], *b"sidx", 16, &[0; 4]);
    assert_eq!(Index::parse(&index, 0), Err(Fmp4Error::Malformed("sidx")));
    // The movie's own matters only if an empty edit counts in it.
    let movie = patched(recording(), *b"mvhd", 20, &[0; 4]);
    assert!(Init::parse(&movie).is_ok());
    let empty_edit = patched(&movie, *b"elst", 16, &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(Init::parse(&empty_edit), Err(Fmp4Error::Malformed("elst")));
}

#[test]
fn times_are_negative_only_where_the_standard_lets_them() {
    let track = &Init::parse(recording()).unwrap().tracks[0];
    let read = |file: &[u8]| read_fragments(track, file, 0);
    assert_eq!(recording()[position(recording(), *b"tfdt") + 8], 1, "64 bits");
    let before = patched(recording(), *b"tfdt", 12, &[0xff; 8]);
    assert_eq!(read(&before), Err(Fmp4Error::SampleOutOfRange));
    let last = patched(recording(), *b"tfdt", 12, &i64::MAX.to_be_bytes());
    assert_eq!(read(&last), Err(Fmp4Error::SampleOutOfRange));
    let edit = patched(recording(), *b"elst", 20, &(-2_i32).to_be_bytes());
    assert!(matches!(Init::parse(&edit), Err(Fmp4Error::Unsupported(_))));
    let segments = parse(&with(r#"<S t="0""#, r#"<S t="-1""#));
    assert_eq!(segments, Err(MpdError::BadValue("t")));
    // Version 1 has signed composition offsets: of the fields here, the last of each sample.
    let signed = patched(recording(), *b"trun", 8, &[1, 0, 0xa, 5]);
    let early = patched(&signed, *b"trun", 28, &(-5000_i32).to_be_bytes());
    let first = read(&early).unwrap()[0];
    assert_eq!((first.dts, first.pts), (0, -5000 - track.edit_shift));
}

#[test]
fn sizes_that_lie_are_refused() {
    let track = &Init::parse(recording()).unwrap().tracks[0];
    for (kind, size, error) in [
        (*b"traf", 7_u32, Fmp4Error::Malformed("sized")),
        (*b"traf", 0x7fff_ffff, Fmp4Error::Truncated),
        (*b"tfhd", 8, Fmp4Error::Truncated),
        (*b"mdat", 0xffff_ffff, Fmp4Error::Truncated),
    ] {
        let lie = patched(recording(), kind, 0, &size.to_be_bytes());
        assert_eq!(read_fragments(track, &lie, 0), Err(error), "{kind:?} {size}");
    }
}

#[test]
fn two_to_the_32_samples_are_refused_before_anything_is_taken_for_them() {
    let track = &Init::parse(recording()).unwrap().tracks[0];
    for count in [u32::MAX, u32::try_from(MAX_SAMPLES).unwrap() + 1] {
        // Without fields of their own, samples take no bytes of the box.
        let endless = patched(recording(), *b"trun", 8, &[&[0; 4][..], &count.to_be_bytes()].concat());
        let (read, peak) = measured(|| read_fragments(track, &endless, 0));
        assert_eq!(read, Err(Fmp4Error::TooMany("samples")));
        assert!(peak < 4096, "{peak} bytes");
    }
}

/// A fragment of so many samples of track 1, all with the same bytes, of which there are `payload`.
fn overlapping(samples: u32, size: u32, payload: usize) -> Vec<u8> {
    let tfhd = boxed(*b"tfhd", &[&[0, 2, 0, 0x18], &[0, 0, 0, 1], &[0, 0, 2, 0], &size.to_be_bytes()]);
    let tfdt = boxed(*b"tfdt", &[&[1, 0, 0, 0], &[0; 8]]);
    let offset = |at: u32| [[0, 0, 0, 1], [0, 0, 0, 1], at.to_be_bytes()].concat();
    let moof = |at: u32| {
        let truns = boxed(*b"trun", &[&offset(at)]).repeat(usize::try_from(samples).unwrap());
        boxed(*b"moof", &[&boxed(*b"traf", &[&tfhd, &tfdt, &truns])])
    };
    let at = u32::try_from(moof(0).len() + 8).unwrap();
    [moof(at), boxed(*b"mdat", &[&vec![7; payload]])].concat()
}

/// Every sample of a stream.
fn stream(file: &[u8]) -> Result<Vec<FragmentSample>, Fmp4Error> {
    let (mut reader, mut samples) = (FragmentReader::new(), Vec::new());
    reader.push(file);
    while let Some(event) = reader.next_event()? {
        if let FragmentEvent::Fragment(found) = event {
            samples.extend(found);
        }
    }
    Ok(samples)
}

#[test]
fn runs_that_overlap_cannot_multiply_the_media() {
    let init = Init::parse(recording()).unwrap();
    let head = head(recording());
    // Two runs may name the same bytes as long as a file has as many as its samples.
    let twice = overlapping(2, 50, 100);
    assert_eq!(read_fragments(&init.tracks[0], &twice, 0).map(|samples| samples.len()), Ok(2));
    let bomb = overlapping(1000, 1000, 1000);
    let refused = Fmp4Error::TooMany("bytes in samples");
    assert_eq!(read_fragments(&init.tracks[0], &bomb, 0), Err(refused));
    assert_eq!(stream(&[head, &bomb].concat()), Err(refused));
}

#[test]
fn as_many_samples_as_there_may_be_fit_into_memory() {
    let init = Init::parse(recording()).unwrap();
    let mut most = overlapping(1, 0, 0);
    let count = position(&most, *b"trun") + 12;
    most[count..count + 4].copy_from_slice(&u32::try_from(MAX_SAMPLES).unwrap().to_be_bytes());
    let (read, peak) = measured(|| read_fragments(&init.tracks[0], &most, 0));
    assert_eq!(read.map(|samples| samples.len()), Ok(MAX_SAMPLES));
    assert!(peak <= LARGEST, "{peak} bytes");
}

#[test]
fn a_set_of_two_to_the_16_pictures_is_refused() {
    // Wild values: see `syntax`. The profile has no format, and every flag before is zero.
    let wild = syntax::wild(1 << 16);
    let h264 = |values: &[u32]| Sps::parse(VideoCodec::H264, &syntax::sps(VideoCodec::H264, values));
    assert_eq!(
        h264(&[0, 0, 0, 1, 1, 0, 0, 0, wild]),
        Err(NalError::Illegal("num_ref_frames_in_pic_order_cnt_cycle"))
    );
    assert_eq!(h264(&[0, 0, 0, 1, 2, wild]), Err(NalError::Illegal("max_num_ref_frames")));
    let hevc = |at: usize| {
        let mut values = vec![0; 80];
        // Width and height.
        (values[8], values[9]) = (64, 64);
        values[at] = wild;
        Sps::parse(VideoCodec::Hevc, &syntax::sps(VideoCodec::Hevc, &values))
    };
    let errors: Vec<NalError> = (0..60).filter_map(|at| hevc(at).err()).collect();
    for name in
        ["sps_max_dec_pic_buffering_minus1", "sps_max_num_reorder_pics", "num_short_term_ref_pic_sets"]
    {
        assert!(errors.contains(&NalError::Illegal(name)), "{name}: {errors:?}");
    }
}

#[test]
fn the_largest_manifests_fit_into_memory() {
    let long = "x".repeat(2000);
    let around = |inner: &str| {
        let set = format!("codecs='{long}' lang='{long}'><BaseURL>{}/</BaseURL>", &long[..1000]);
        format!(
            "<MPD><Period duration='PT9S'><AdaptationSet {set}<Label>{long}</Label>{inner}</AdaptationSet></Period></MPD>"
        )
    };
    // Entries of the same length would be one run.
    let entries = "<S d='1'/><S d='2'/>".repeat(500_000);
    let urls = "<SegmentURL media='a'/>".repeat(1_000_000);
    let template =
        format!("<SegmentTemplate media='x'><SegmentTimeline>{entries}</SegmentTimeline></SegmentTemplate>");
    let list = format!("<SegmentList duration='1'>{urls}</SegmentList>");
    let own =
        "<Representation><SegmentTemplate duration='1' media='$Number$'/></Representation>".repeat(4096);
    for inner in [format!("{template}<Representation/>"), format!("{list}<Representation/>"), own] {
        let xml = around(&inner);
        assert!(xml.len() <= MAX_BYTES);
        let (mpd, peak) = measured(|| parse(xml.as_bytes()));
        assert!(matches!(mpd.unwrap().periods[0].representations[0].segment(0), Ok(Some(_))));
        assert!(peak <= LARGEST_MANIFEST, "{peak} bytes");
    }
}

#[test]
fn a_day_of_eight_tracks_takes_a_fraction_of_that() {
    let text = day_of_eight_tracks();
    let (mpd, peak) = measured(|| parse(text.as_bytes()));
    assert_eq!(mpd.unwrap().periods[0].representations.len(), 8);
    assert!(text.len() > (7 << 20) && peak <= 24 << 20, "{peak} bytes for {}", text.len());
}

/// 26 h of segments of 2 s as ffmpeg's muxer lists them: a timeline in each Representation, an element for each segment
/// unless the one after it is as long. Audio has segments of two lengths.
fn day_of_eight_tracks() -> String {
    let count = 26 * 1800;
    let line = |length: &dyn Fn(usize) -> u32| -> String {
        (0..count).fold(String::new(), |line, n| line + &format!("\n\t\t\t\t\t<S d=\"{}\" />", length(n)))
    };
    let (pictures, audio) = (line(&|_| 25_600), line(&|n| 1024 * (93 + u32::from(n % 4 > 0))));
    let set = |line: &str| {
        format!(
            "<AdaptationSet><Representation><SegmentTemplate media=\"$Time$\"><SegmentTimeline>{line}</SegmentTimeline></SegmentTemplate></Representation></AdaptationSet>"
        )
    };
    format!(
        "<MPD type=\"dynamic\"><Period>{}{}</Period></MPD>",
        set(&pictures).repeat(5),
        set(&audio).repeat(3)
    )
}

#[test]
fn a_packed_manifest_is_unpacked_up_to_the_limit() {
    let bomb = packed(&vec![b' '; MAX_BYTES + (1 << 20)]);
    let (read, peak) = measured(|| parse(&bomb));
    assert_eq!(read, Err(MpdError::TooLarge));
    assert!(bomb.len() < 64 << 10 && peak <= LARGEST_MANIFEST, "{peak} bytes for {}", bomb.len());
}

/// Packed with gzip.
pub(crate) fn packed(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_timeline_that_steps_back_again_and_again_is_refused() {
    let back = "<S t='0' d='1' r='9'/><S t='5' d='1'/>".repeat(1000);
    let text = format!(
        "<MPD><Period><AdaptationSet><SegmentTemplate><SegmentTimeline>{back}</SegmentTimeline></SegmentTemplate></AdaptationSet></Period></MPD>"
    );
    assert!(matches!(parse(text.as_bytes()), Err(MpdError::TooMany(_))));
}

/// An init segment of so many tracks with these sample entries.
fn init_with(entries: &[u8], tracks: usize) -> Vec<u8> {
    let file = head(&FILES[2]);
    let moov = &file[position(file, *b"moov")..];
    let leaf = |kind: [u8; 4]| {
        let at = position(moov, kind);
        let size = u32::from_be_bytes(*moov[at..].first_chunk().unwrap());
        &moov[at..at + usize::try_from(size).unwrap()]
    };
    let stsd = boxed(*b"stsd", &[&[0; 8], entries]);
    let mdia =
        boxed(*b"mdia", &[leaf(*b"mdhd"), leaf(*b"hdlr"), &boxed(*b"minf", &[&boxed(*b"stbl", &[&stsd])])]);
    let trak = boxed(*b"trak", &[leaf(*b"tkhd"), &mdia]);
    boxed(*b"moov", &[leaf(*b"mvhd"), &trak.repeat(tracks), leaf(*b"mvex")])
}

fn hevc_entry(arrays: &[u8]) -> Vec<u8> {
    boxed(*b"hvc1", &[&[0; 78], &boxed(*b"hvcC", &[&[1], &[0; 20], &[3], arrays])])
}

#[test]
fn parameter_sets_without_number_or_without_bytes_are_refused() {
    let empty = [&[32, 1, 0][..], &[0; 2 * 256]].concat();
    let full = [&[32, 0xff, 0xff][..], &[0, 1, 7].repeat(0xffff)].concat().repeat(20);
    let one = [32, 0, 1, 0, 2, 0x40, 1];
    assert!(Init::parse(&init_with(&hevc_entry(&[&[1], &one[..]].concat()), 1)).is_ok());
    for (arrays, error) in [
        ([&[1], &empty[..]].concat(), Fmp4Error::Malformed("parameter set")),
        ([&[20], &full[..]].concat(), Fmp4Error::TooMany("parameter sets")),
    ] {
        let file = init_with(&hevc_entry(&arrays), 1);
        let (init, peak) = measured(|| Init::parse(&file));
        assert_eq!(init, Err(error));
        assert!(peak <= file.len() + (1 << 20), "{peak} bytes for {}", file.len());
    }
}

#[test]
fn the_largest_init_segments_fit_into_memory() {
    let sets = [&[1, 32, 1, 30][..], &[0, 1, 7].repeat(286)].concat();
    let file = init_with(&hevc_entry(&sets).repeat(62), 64);
    let (init, peak) = measured(|| Init::parse(&file));
    assert_eq!(init.map(|init| init.tracks.len()), Ok(64));
    assert!(peak <= LARGEST, "{peak} bytes for {}", file.len());
}
