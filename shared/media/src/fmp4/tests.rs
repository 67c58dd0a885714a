//! Files that ffmpeg wrote, against what ffmpeg says is in them, and the same files damaged.

use super::*;
use crate::sample::Sample;
use proptest::prelude::*;

const H264: &[u8] = include_bytes!("../../tests/data/h264.mp4");
const AAC: &[u8] = include_bytes!("../../tests/data/aac.mp4");
const HEVC: &[u8] = include_bytes!("../../tests/data/hevc.mp4");
const MUXED: &[u8] = include_bytes!("../../tests/data/muxed.mp4");
const EVERY: &[u8] = include_bytes!("../../tests/data/every.mp4");
const SIDX: &[u8] = include_bytes!("../../tests/data/sidx.mp4");
const BASED: &[u8] = include_bytes!("../../tests/data/based.mp4");
const ALL: [&[u8]; 7] = [H264, AAC, HEVC, MUXED, BASED, EVERY, SIDX];

/// The lines of a `.crc` file for one stream, in the form of [`line`].
fn expected(crc: &str, stream: &str) -> Vec<String> {
    let of_stream = crc.lines().filter(|line| line.split(',').next() == Some(stream));
    of_stream.map(|line| line.split(',').skip(1).map(str::trim).collect::<Vec<_>>().join(",")).collect()
}

fn line(track: &InitTrack, sample: &Sample, data: &[u8]) -> String {
    let (low, high) = data.iter().fold((0_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    let (dts, pts, sync) =
        (sample.dts - track.edit_shift, sample.pts, if sample.sync { "" } else { ",F=0x0" });
    format!("{dts},{pts},{},{},0x{:08x}{sync}", sample.duration, sample.size, high << 16 | low)
}

fn bytes_of<'a>(sample: &Sample, file: &'a [u8]) -> &'a [u8] {
    &file[usize::try_from(sample.offset).unwrap()..usize::try_from(sample.end()).unwrap()]
}

fn read(file: &[u8], track: usize) -> Vec<String> {
    let init = Init::parse(file).unwrap();
    let track = &init.tracks[track];
    let samples = read_fragments(track, file, 0).unwrap();
    samples.iter().map(|sample| line(track, sample, bytes_of(sample, file))).collect()
}

#[test]
fn every_sample_is_what_ffmpeg_says() {
    assert_eq!(read(H264, 0), expected(include_str!("../../tests/data/h264.crc"), "0"));
    assert_eq!(read(AAC, 0), expected(include_str!("../../tests/data/aac.crc"), "0"));
    assert_eq!(read(HEVC, 0), expected(include_str!("../../tests/data/hevc.crc"), "0"));
    assert_eq!(read(EVERY, 0), expected(include_str!("../../tests/data/every.crc"), "0"));
    for (file, crc) in [
        (MUXED, include_str!("../../tests/data/muxed.crc")),
        (BASED, include_str!("../../tests/data/based.crc")),
    ] {
        assert_eq!(read(file, 0), expected(crc, "0"));
        assert_eq!(read(file, 1), expected(crc, "1"));
    }
}

#[test]
fn tables_list_the_same_samples_as_fragments() {
    let file = include_bytes!("../../tests/data/table.mp4");
    let init = Init::of_file(file).unwrap();
    assert!(!init.is_fragmented && Init::of_file(BASED).unwrap().is_fragmented);
    assert_eq!(Init::parse(file), Err(Fmp4Error::Missing("mvex")));
    for (track, stream) in init.tracks.iter().zip(["0", "1"]) {
        let samples = FileSamples::of(file, track).unwrap().samples();
        let found: Vec<_> = samples.map(|sample| line(track, &sample, bytes_of(&sample, file))).collect();
        assert_eq!(found, expected(include_str!("../../tests/data/based.crc"), stream));
    }
}

#[test]
fn hostile_tables_end() {
    let file = include_bytes!("../../tests/data/table.mp4");
    let track = &Init::of_file(file).unwrap().tracks[0];
    for at in 0..file.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = file.to_vec();
            damaged[at] = value;
            let Ok(init) = Init::of_file(&damaged) else { continue };
            for track in &init.tracks {
                let Ok(table) = FileSamples::of(&damaged, track) else { continue };
                assert!(table.samples().take(200).count() <= 200);
            }
        }
    }
    let place = |kind: &[u8; 4]| file.windows(4).position(|found| found == kind).unwrap();
    let mut endless = file.to_vec();
    // As many samples as can be said, all of one size.
    endless[place(b"stsz") + 8..][..8].copy_from_slice(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(FileSamples::of(&endless, track).err(), Some(Fmp4Error::TooMany("samples")));
}

#[test]
fn an_init_segment_tells_the_tracks() {
    let init = Init::parse(H264).unwrap();
    let track = &init.tracks[0];
    assert_eq!((track.kind, track.timescale.get(), track.edit_shift), (TrackKind::Video, 12_800, 1024));
    assert_eq!((track.width, track.height, track.language, track.encrypted), (64, 48, *b"und", false));
    let entry = &track.sample_entries[0];
    assert_eq!(entry.fourcc, *b"avc1");
    assert_eq!(&entry.bytes[4..8], b"avc1");
    let Codec::H264 { nal_length_size: 4, sps, pps } = &entry.codec else { panic!("{entry:?}") };
    assert_eq!((sps.len(), pps.len(), sps[0][0] & 0x1f, pps[0][0] & 0x1f), (1, 1, 7, 8));

    let init = Init::parse(MUXED).unwrap();
    assert_eq!(init.track(2).map(|track| track.kind), Some(TrackKind::Audio));
    let Codec::Aac { object_type: 2, sample_rate: 32_000, channels: 1, config } =
        &init.tracks[1].sample_entries[0].codec
    else {
        panic!("{init:?}")
    };
    assert_eq!(config[..2], [0x12, 0x88]);

    let init = Init::parse(HEVC).unwrap();
    let Codec::Hevc { nal_length_size: 4, vps, sps, pps } = &init.tracks[0].sample_entries[0].codec else {
        panic!("{init:?}")
    };
    assert_eq!([vps, sps, pps].map(Vec::len), [1, 1, 1]);
}

#[test]
fn a_moof_is_enough_to_know_the_samples() {
    let init = Init::parse(SIDX).unwrap();
    let track = &init.tracks[0];
    let all = read_fragments(track, SIDX, 0).unwrap();
    let mut start = 0_usize;
    let mut found = Vec::new();
    while start < SIDX.len() {
        let mut length = 1;
        let (samples, next) = loop {
            let base = u64::try_from(start).unwrap();
            match read_moof(track, &SIDX[start..start + length], base).unwrap() {
                MoofRead::NeedMore { at_least } => {
                    let at_least = usize::try_from(at_least).unwrap();
                    assert!(at_least > length);
                    length = at_least;
                }
                MoofRead::Ready { next: None, .. } => length += 8,
                MoofRead::Ready { samples, next: Some(next) } => break (samples, next),
            }
        };
        assert!(start + length < usize::try_from(next).unwrap(), "the media was needed");
        found.extend(samples);
        start = usize::try_from(next).unwrap();
        if found.len() == all.len() {
            break;
        }
    }
    assert_eq!(found, all);
    assert_eq!(read_moof(track, &[0, 0, 0, 8, b'm', b'd', b'a', b't'], 0), Err(Fmp4Error::Missing("moof")));
}

#[test]
fn an_index_names_the_fragments() {
    let at = SIDX.windows(4).position(|window| window == b"sidx").unwrap() - 4;
    let offset = u64::try_from(at).unwrap();
    let index = Index::parse(&SIDX[at..], offset).unwrap();
    assert_eq!(Index::parse(SIDX, 0).unwrap(), index);
    assert_eq!(index.timescale.get(), 12_800);
    let init = Init::parse(SIDX).unwrap();
    let mut samples = 0;
    for entry in &index.entries {
        let (first, size) = (usize::try_from(entry.offset).unwrap(), usize::try_from(entry.size).unwrap());
        let found = read_fragments(&init.tracks[0], &SIDX[first..first + size], entry.offset).unwrap();
        assert_eq!(found.iter().map(|sample| sample.pts).min(), Some(entry.time));
        assert_eq!(found.iter().map(|sample| sample.duration).sum::<u32>(), entry.duration);
        assert!(found[0].sync && entry.starts_with_sap);
        samples += found.len();
    }
    assert_eq!((index.entries.len(), samples), (3, 15));
    // first_offset follows the 64-bit earliest time.
    let version = SIDX[at + 8];
    let skip = if version == 0 { 16 } else { 20 } + if version == 0 { 3 } else { 7 };
    let moved = Index::parse(&patched(SIDX, b"sidx", skip, &[5]), 0).unwrap();
    assert_eq!(moved.entries[0].offset, index.entries[0].offset + 5);
}

fn events(file: &[u8], chunk: usize) -> (Option<Init>, Vec<FragmentSample>) {
    let mut reader = FragmentReader::new();
    let (mut init, mut samples) = (None, Vec::new());
    for part in file.chunks(chunk) {
        reader.push(part);
        while let Some(event) = reader.next_event().unwrap() {
            match event {
                FragmentEvent::Init(found, raw) => {
                    assert_eq!(Init::parse(&raw).unwrap(), found);
                    assert_eq!(&raw[4..8], b"ftyp");
                    init = Some(found);
                }
                FragmentEvent::Fragment(found) => samples.extend(found),
            }
        }
    }
    reader.finish().unwrap();
    (init, samples)
}

#[test]
fn a_pipe_gives_the_same_samples_however_it_is_cut() {
    for (file, crc) in [
        (EVERY, include_str!("../../tests/data/every.crc")),
        (MUXED, include_str!("../../tests/data/muxed.crc")),
    ] {
        for chunk in [1, 7, 4096, file.len()] {
            let (init, samples) = events(file, chunk);
            let init = init.unwrap();
            for track in &init.tracks {
                let stream = (track.id - 1).to_string();
                let seen: Vec<String> = samples
                    .iter()
                    .filter(|sample| sample.track_id == track.id)
                    .map(|sample| line(track, &sample.sample, &sample.data))
                    .collect();
                assert_eq!(seen, expected(crc, &stream));
            }
        }
    }
}

#[test]
fn a_stream_that_breaks_off_is_noticed() {
    let mut reader = FragmentReader::new();
    reader.push(&EVERY[..EVERY.len() - 1]);
    while reader.next_event().unwrap().is_some() {}
    assert_eq!(reader.finish(), Err(Fmp4Error::Truncated));
    assert_eq!(FragmentReader::new().finish(), Err(Fmp4Error::Missing("moov")));
}

/// The file with `to` written `skip` bytes after the first `after`.
fn patched(file: &[u8], after: &[u8], skip: usize, to: &[u8]) -> Vec<u8> {
    let at = file.windows(after.len()).position(|window| window == after).unwrap() + after.len() + skip;
    let mut file = file.to_vec();
    file[at..at + to.len()].copy_from_slice(to);
    file
}

#[test]
fn a_sample_entry_that_goes_up_to_the_end_gets_its_size() {
    let to_the_end = patched(H264, b"stsd", 8, &[0; 4]);
    assert_eq!(Init::parse(&to_the_end), Init::parse(H264));
}

#[test]
fn what_would_make_times_a_guess_is_refused() {
    let init = Init::parse(H264).unwrap();
    let track = &init.tracks[0];
    let without_time = patched(H264, b"tfd", 0, b"x");
    assert_eq!(read_fragments(track, &without_time, 0), Err(Fmp4Error::Missing("tfdt")));
    let double_speed = patched(H264, b"elst", 16, &[0, 2, 0, 0]);
    assert!(matches!(Init::parse(&double_speed), Err(Fmp4Error::Unsupported(_))));
    let no_scale = patched(H264, b"mdhd", 12, &[0; 4]);
    assert_eq!(Init::parse(&no_scale), Err(Fmp4Error::Malformed("mdhd")));
}

#[test]
fn hostile_sizes_cost_no_memory() {
    let init = Init::parse(H264).unwrap();
    let track = &init.tracks[0];
    let many = patched(H264, b"trun", 4, &[0xff; 4]);
    assert_eq!(read_fragments(track, &many, 0), Err(Fmp4Error::TooMany("samples")));
    let far = patched(H264, b"trun", 8, &[0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(read_fragments(track, &far, 0), Err(Fmp4Error::SampleOutOfRange));
    let before = patched(H264, b"trun", 8, &[0x80, 0, 0, 0]);
    assert_eq!(read_fragments(track, &before, 0), Err(Fmp4Error::SampleOutOfRange));
    let moof = H264.windows(4).position(|window| window == b"moof").unwrap() - 4;
    let just_before = patched(&H264[moof..], b"trun", 8, &(-1_i32).to_be_bytes());
    assert_eq!(read_fragments(track, &just_before, 1000), Err(Fmp4Error::SampleOutOfRange));
    assert_eq!(read_moof(track, b"\xff\xff\xff\xffmoof", 0), Err(Fmp4Error::TooMany("moof")));
    assert_eq!(read_fragments(track, b"\0\0\0\x07free", 0), Err(Fmp4Error::Malformed("sized")));
    assert_eq!(
        read_fragments(track, b"\0\0\0\x01free\xff\xff\xff\xff\xff\xff\xff\xff", 0),
        Err(Fmp4Error::Truncated)
    );
}

#[test]
fn a_track_that_starts_late_is_shifted_by_its_empty_edit() {
    // An empty edit of 501 of 1000 movie ticks, which is 6412.8 of the track's, then media from 1024.
    let edits: [[u8; 12]; 2] =
        [[0, 0, 1, 0xf5, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0, 4, 0, 0, 1, 0, 0]];
    let list = [&[0, 0, 0, 40][..], b"elst", &[0, 0, 0, 0, 0, 0, 0, 2], &edits.concat()].concat();
    let edit_box = [&[0, 0, 0, 48][..], b"edts", &list].concat();
    let old = H264.windows(4).position(|window| window == b"edts").unwrap() - 4;
    let old_size = usize::from(H264[old + 3]);
    let mut file = H264.to_vec();
    file.splice(old..old + old_size, edit_box.iter().copied());
    for name in [b"moov", b"trak"] {
        let at = file.windows(4).position(|window| window == name).unwrap() - 4;
        let size =
            u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) + 48 - u32::try_from(old_size).unwrap();
        file[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    assert_eq!(Init::parse(&file).unwrap().tracks[0].edit_shift, 1024 - 6413);
}

#[test]
fn of_several_edits_the_first_that_shows_media_counts() {
    let file = patched(H264, b"elst", 0, &[0, 0, 0, 0, 0, 0, 0, 2]);
    // The box is too small for a second one, which is never looked at.
    let track = &Init::parse(&file).unwrap().tracks[0];
    assert_eq!((track.edit_shift, track.more_edits), (1024, true));
    assert!(!Init::parse(H264).unwrap().tracks[0].more_edits);
}

#[test]
fn another_container_is_named() {
    assert_eq!(Init::parse(&[0x1a, 0x45, 0xdf, 0xa3, 0x9f]), Err(Fmp4Error::NotMp4("WebM")));
}

/// The positions of the boxes of a type.
fn all(file: &[u8], kind: [u8; 4]) -> Vec<usize> {
    (0..file.len() - 4).filter(|at| file[*at..*at + 4] == kind).collect()
}

#[test]
fn a_fragment_without_a_decode_time_goes_on_where_the_one_before_ends() {
    let track = &Init::parse(SIDX).unwrap().tracks[0];
    let expected = read_fragments(track, SIDX, 0).unwrap();
    let times = all(SIDX, *b"tfdt");
    assert_eq!(times.len(), 3);
    let mut file = SIDX.to_vec();
    for at in &times[1..] {
        file[*at] = b'x';
    }
    assert_eq!(read_fragments(track, &file, 0).unwrap(), expected);
    file[times[0]] = b'x';
    assert_eq!(read_fragments(track, &file, 0), Err(Fmp4Error::Missing("tfdt")));
}

#[test]
fn decode_times_of_32_bits_wrap() {
    let track = &Init::parse(SIDX).unwrap().tracks[0];
    let moof = |time: u32| {
        let part = |kind: &[u8; 4], body: &[u8]| {
            [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], kind, body].concat()
        };
        let tfhd = part(b"tfhd", &[[0, 2, 0, 0], track.id.to_be_bytes()].concat());
        let tfdt = part(b"tfdt", &[[0; 4], time.to_be_bytes()].concat());
        let trun = part(
            b"trun",
            &[[0, 0, 1, 0], 2_u32.to_be_bytes(), 50_u32.to_be_bytes(), 50_u32.to_be_bytes()].concat(),
        );
        part(b"moof", &part(b"traf", &[tfhd, tfdt, trun].concat()))
    };
    let file = [moof(u32::MAX - 99), moof(0), moof(100)].concat();
    let mut samples = read_fragments(
        &InitTrack { defaults: Defaults { size: 0, ..track.defaults }, ..track.clone() },
        &file,
        0,
    )
    .unwrap();
    let start = i64::from(u32::MAX) - 99;
    let times = |samples: &[Sample]| samples.iter().map(|sample| sample.dts - start).collect::<Vec<_>>();
    assert_eq!(times(&samples), [0, 50, 100, 150, 200, 250], "within a segment");
    let pts = samples[0].pts;
    unwrap_times(&mut samples, start + (3 << 32) - 4000);
    assert_eq!((times(&samples)[0], samples[0].pts - pts), (3 << 32, 3 << 32), "by the manifest");
    let there = samples.clone();
    for near in [start + (3 << 32), start + (3 << 32) + 9_000_000, 0, i64::MIN, i64::MAX, start + (7 << 31)] {
        unwrap_times(&mut samples, near);
        assert_eq!(samples, there, "{near}");
    }
    unwrap_times(&mut [], 1 << 40);
}

#[test]
fn data_without_an_offset_follow_those_of_the_track_before() {
    let init = Init::parse(BASED).unwrap();
    let expected: Vec<_> = init.tracks.iter().map(|track| read_fragments(track, BASED, 0).unwrap()).collect();
    // Neither base data offset nor default-base-is-moof; the second run of each fragment has no offset of its own.
    let mut file = BASED.to_vec();
    for (at, flags) in all(BASED, *b"tfhd").into_iter().map(|at| (at + 5, &BASED[at + 5..at + 8])) {
        assert_eq!(flags[0] & 2, 2, "default-base-is-moof");
        file[at] &= !2;
    }
    for pair in all(BASED, *b"trun").chunks_exact(2) {
        let at = pair[1] + 12;
        file[at..at + 4].copy_from_slice(&[0; 4]);
    }
    for (track, expected) in init.tracks.iter().zip(expected) {
        assert_eq!(read_fragments(track, &file, 0), Ok(expected), "track {}", track.id);
    }
}

#[test]
fn composition_offsets_may_be_negative_in_version_0() {
    let track = &Init::parse(H264).unwrap().tracks[0];
    assert_eq!(H264[all(H264, *b"trun")[0] + 4], 0, "version 0");
    let expected = read_fragments(track, H264, 0).unwrap();
    // Fields here: duration of each sample none, size and offset; the first sample's offset is the last of its fields.
    let early = patched(H264, b"trun", 20, &(-512_i32).to_be_bytes());
    let found = read_fragments(track, &early, 0).unwrap();
    assert_eq!((found[0].pts, found[1]), (found[0].dts - 512 - track.edit_shift, expected[1]));
}

#[test]
fn an_index_of_indexes_says_which_entries_are_indexes() {
    let at = SIDX.windows(4).position(|window| window == b"sidx").unwrap();
    let version = SIDX[at + 4];
    let first = at + 4 + 4 + 8 + if version == 0 { 8 } else { 16 } + 4;
    let mut file = SIDX.to_vec();
    file[first] |= 0x80;
    let (plain, nested) = (Index::parse(SIDX, 0).unwrap(), Index::parse(&file, 0).unwrap());
    let flags: Vec<bool> = nested.entries.iter().map(|entry| entry.is_index).collect();
    assert_eq!(flags, [true, false, false]);
    assert_eq!(nested.entries[1..], plain.entries[1..]);
    assert_eq!(
        (nested.entries[0].size, nested.entries[0].end()),
        (plain.entries[0].size, plain.entries[1].time)
    );
}

fn exercise(file: &[u8]) {
    if let Ok(init) = Init::parse(file) {
        for track in &init.tracks {
            let _ = read_fragments(track, file, 0);
            let _ = read_fragments(track, file, u64::MAX - 100);
            let _ = read_moof(track, file, 0);
        }
    }
    let _ = Index::parse(file, 0);
    let mut reader = FragmentReader::new();
    for part in file.chunks(1000) {
        reader.push(part);
        while let Ok(Some(_)) = reader.next_event() {}
    }
    let _ = reader.finish();
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&data);
    }

    #[test]
    fn damaged_files_never_panic(
        which in 0..ALL.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut file = ALL[which].to_vec();
        for (at, value) in damage {
            let at = at.index(file.len());
            file[at] = value;
        }
        if cut {
            file.truncate(length.index(file.len()));
        }
        exercise(&file);
    }
}

/// A recorded entry with these boxes behind its own, as a reader finds it.
fn entry_with(data: &[u8], boxes: &[&[u8]]) -> SampleEntry {
    let entry = &Init::parse(data).unwrap().tracks[0].sample_entries[0];
    let bytes = [&entry.bytes[..], &boxes.concat()].concat();
    let size = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    SampleEntry { bytes: [&size[..], &bytes[4..]].concat().into(), ..entry.clone() }
}

const PASP: &[u8] = b"\0\0\0\x10pasp\0\0\0\x08\0\0\0\x06";
const COLR: &[u8] = b"\0\0\0\x13colrnclx\0\x09\0\x10\0\x09\x80";
const FIEL: &[u8] = b"\0\0\0\x0afiel\x02\x06";

fn kinds(entry: &SampleEntry) -> Vec<String> {
    let body = boxes::children(&entry.bytes).next().unwrap().unwrap().body;
    let kind = |child: boxes::Child<'_>| String::from_utf8(child.kind.to_vec()).unwrap();
    boxes::children(&body[78..]).map(|child| kind(child.unwrap())).collect()
}

#[test]
fn a_sample_entry_says_how_its_pictures_look() {
    let inter = include_bytes!("../../tests/data/inter.mp4");
    assert_eq!(entry_with(inter, &[]).look().colour, None);
    let look = entry_with(inter, &[COLR, FIEL, b"\0\0\0\0"]).look();
    let colour = crate::nal::Colour { primaries: 9, transfer: 16, matrix: 9 };
    assert_eq!((look.colour, look.full_range, look.bottom_first), (Some(colour), Some(true), Some(true)));
    // What is cut off says nothing.
    for cut in 1..COLR.len() {
        let _ = entry_with(inter, &[&COLR[..cut]]).look();
    }
}

#[test]
fn an_encoders_entry_takes_over_what_the_recorded_one_says() {
    let (h264, hevc) =
        (include_bytes!("../../tests/data/h264.mp4"), include_bytes!("../../tests/data/hevc.mp4"));
    let without = |entry: &SampleEntry| {
        kinds(entry)
            .into_iter()
            .filter(|kind| !matches!(kind.as_str(), "avcC" | "hvcC" | "btrt"))
            .collect::<Vec<_>>()
    };
    let other: &[u8] = b"\0\0\0\x08dvcC";
    let recorded = entry_with(h264, &[COLR, other]);
    let same = entry_with(h264, &[]).dressed_as(&recorded).unwrap();
    assert_eq!(without(&same), without(&recorded));
    assert_eq!(same.configuration().unwrap(), recorded.configuration().unwrap());
    let changed = entry_with(hevc, &[]).dressed_as(&recorded).unwrap();
    assert_eq!(changed.look().colour, recorded.look().colour);
    assert!(!kinds(&changed).contains(&"dvcC".to_owned()), "of another codec's bits");
    let size = u32::from_be_bytes(*changed.bytes.first_chunk().unwrap());
    assert_eq!(usize::try_from(size).unwrap(), changed.bytes.len());
    let fields = changed.with_fields(true).unwrap();
    assert_eq!(
        (fields.look().bottom_first, fields.with_fields(false).unwrap()),
        (Some(true), fields.clone())
    );
    let Codec::Hevc { sps, vps, .. } = &fields.codec else { panic!() };
    assert!(crate::nal::Sps::parse(crate::nal::VideoCodec::Hevc, &sps[0]).unwrap().interlaced);
    assert_eq!(vps.len(), 1);
}

#[test]
fn parameter_sets_say_what_the_entry_says() {
    for data in
        [&include_bytes!("../../tests/data/inter.mp4")[..], include_bytes!("../../tests/data/hevc.mp4")]
    {
        // In front of any other box of the kind.
        let plain = entry_with(data, &[]);
        let body = &plain.bytes[86..];
        let bytes = [&plain.bytes[..86], PASP, COLR, body].concat();
        let size = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let entry = SampleEntry { bytes: [&size[..], &bytes[4..]].concat().into(), ..plain.clone() };
        let config = crate::picture::DecoderConfig::of(&entry).unwrap();
        assert_eq!(config.sps(&[]).unwrap().vui.aspect_ratio, Some((4, 3)));
        assert_eq!(Codec::clone(&config.entry.codec), config.entry.codec);
        assert!(config.entry.with_look_in_sets().is_none());
        let sample =
            [&u32::try_from(config.sets[0].len()).unwrap().to_be_bytes()[..], &config.sets[0]].concat();
        assert_eq!(config.amended(&sample.clone().into()), sample);
    }
}

#[test]
fn a_track_s_matrix_is_read_and_turned_by_the_movie_s() {
    let data = include_bytes!("../../tests/data/h264.mp4");
    let init = Init::parse(data).unwrap();
    assert_eq!(init.tracks[0].matrix, crate::display::Matrix::default());
    let mut turned = data.to_vec();
    let at = data.windows(4).position(|kind| kind == b"tkhd").unwrap() + 4 + 40;
    turned[at..at + 20].copy_from_slice(b"\0\0\0\0\0\x01\0\0\0\0\0\0\xff\xff\0\0\0\0\0\0");
    assert_eq!(Init::parse(&turned).unwrap().tracks[0].matrix.turn().quarters, 1);
    let movie = data.windows(4).position(|kind| kind == b"mvhd").unwrap() + 4 + 36;
    turned.copy_within(at..at + 36, movie);
    assert_eq!(Init::parse(&turned).unwrap().tracks[0].matrix.turn().quarters, 2);
    turned[at..at + 36].fill(0);
    assert_eq!(Init::parse(&turned).unwrap().tracks[0].matrix.turn().quarters, 1);
}

#[test]
fn a_segment_that_is_cut_off_is_read_up_to_the_cut() {
    let init = Init::parse(H264).unwrap();
    let track = &init.tracks[0];
    let all = read_fragments(track, H264, 0).unwrap();
    assert_eq!(read_readable(track, H264, 0), (all.clone(), None));
    for cut in (0..H264.len()).step_by(7) {
        let (readable, _) = read_readable(track, &H264[..cut], 0);
        assert_eq!(readable, all[..readable.len()], "{cut}");
        let whole = all.iter().filter(|sample| sample.end() <= u64::try_from(cut).unwrap()).count();
        assert!(readable.len() == whole || readable.is_empty(), "{cut}");
    }
    let last = all.last().unwrap();
    let cut = usize::try_from(last.offset).unwrap();
    let (readable, damage) = read_readable(track, &H264[..cut], 0);
    assert_eq!(readable.len(), all.len() - 1);
    assert!(damage.is_some());
    assert_eq!(read_readable(track, b"<?xml version=\"1.0\"?><Error/>", 0).0, []);
}
