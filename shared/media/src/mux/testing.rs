//! Reads boxes back, independently of the writer: fields are found by their offsets in the standard.

use super::*;

/// A minimal sample entry of `kind`; `marker` tells entries apart.
pub(super) fn sample_entry(kind: [u8; 4], marker: u8) -> Bytes {
    let mut entry = vec![0, 0, 0, 17];
    entry.extend_from_slice(&kind);
    entry.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1, marker]);
    entry.into()
}

pub(super) fn video(timescale: u32) -> TrackSpec {
    TrackSpec {
        kind: TrackMedia::Video { width: 640, height: 360, matrix: Matrix::default() },
        timescale,
        language: *b"und",
        sample_entries: vec![sample_entry(*b"avc1", 1), sample_entry(*b"avc1", 2)],
        roll: None,
    }
}

pub(super) fn audio(timescale: u32) -> TrackSpec {
    TrackSpec {
        kind: TrackMedia::Audio,
        timescale,
        language: *b"deu",
        sample_entries: vec![sample_entry(*b"mp4a", 1)],
        roll: Some(-1),
    }
}

/// A sync sample presented when it is decoded.
pub(super) fn sample(dts: i64, duration: u32, size: u32) -> MuxSample {
    MuxSample { dts, pts: dts, duration, sync: true, entry: 0, size }
}

/// The boxes of `data` as (kind, offset of the content, content).
pub(super) fn boxes(data: &[u8]) -> Vec<([u8; 4], usize, &[u8])> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let size = usize::try_from(u32_at(data, at)).unwrap();
        let kind = data[at + 4..at + 8].try_into().unwrap();
        // An mdat whose payload is elsewhere, or whose size has 64 bits, ends the walk.
        let end = if kind == *b"mdat" { data.len() } else { at + size };
        found.push((kind, at + 8, &data[at + 8..end]));
        at = end;
    }
    found
}

/// The contents of all boxes at `path`, as in `moov.trak.mdia`.
pub(super) fn all<'a>(data: &'a [u8], path: &str) -> Vec<&'a [u8]> {
    path.split('.').fold(vec![data], |level, kind| {
        let children = level.into_iter().flat_map(boxes);
        children.filter(|(name, ..)| name == kind.as_bytes()).map(|(.., content)| content).collect()
    })
}

/// The content of the only box at `path`.
pub(super) fn only<'a>(data: &'a [u8], path: &str) -> &'a [u8] {
    let found = all(data, path);
    assert_eq!(found.len(), 1, "{path}");
    found[0]
}

pub(super) fn u16_at(data: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(data[at..at + 2].try_into().unwrap())
}

pub(super) fn u32_at(data: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(data[at..at + 4].try_into().unwrap())
}

pub(super) fn i32_at(data: &[u8], at: usize) -> i32 {
    i32::from_be_bytes(data[at..at + 4].try_into().unwrap())
}

pub(super) fn u64_at(data: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(data[at..at + 8].try_into().unwrap())
}

/// The rows of `width` 32-bit columns behind the count at `count_at`, which must fill the box.
pub(super) fn rows(content: &[u8], count_at: usize, width: usize) -> Vec<Vec<u32>> {
    let body = &content[count_at + 4..];
    let count = usize::try_from(u32_at(content, count_at)).unwrap();
    assert_eq!(body.len(), count * width * 4);
    body.chunks(width * 4).map(|row| row.chunks(4).map(|field| u32_at(field, 0)).collect()).collect()
}

/// A sample as a player sees it; the duration is the one the tables give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) sample: MuxSample,
    pub(super) at: u64,
}

/// The samples that a `stbl` describes.
pub(super) fn read_samples(stbl: &[u8]) -> Vec<Read> {
    let expand = |kind: &str| -> Vec<u32> {
        let table = all(stbl, kind).first().map_or(Vec::new(), |table| rows(table, 4, 2));
        table.iter().flat_map(|row| vec![row[1]; usize::try_from(row[0]).unwrap()]).collect()
    };
    let (deltas, composition) = (expand("stts"), expand("ctts"));
    let sync = all(stbl, "stss").first().map(|table| rows(table, 4, 1).concat());
    let stsz = only(stbl, "stsz");
    let sizes = match u32_at(stsz, 4) {
        0 => rows(stsz, 8, 1).concat(),
        size => vec![size; usize::try_from(u32_at(stsz, 8)).unwrap()],
    };
    assert_eq!(sizes.len(), deltas.len());

    let mut dts = 0;
    let mut read = Vec::new();
    let places = places(stbl, &sizes);
    assert_eq!(places.len(), sizes.len());
    for (index, ((at, entry), size)) in places.into_iter().zip(sizes).enumerate() {
        let offset = composition.get(index).map_or(0, |offset| i32::from_be_bytes(offset.to_be_bytes()));
        let number = u32::try_from(index + 1).unwrap();
        let sync = sync.as_ref().is_none_or(|numbers| numbers.contains(&number));
        let sample =
            MuxSample { dts, pts: dts + i64::from(offset), duration: deltas[index], sync, entry, size };
        read.push(Read { sample, at });
        dts += i64::from(deltas[index]);
    }
    read
}

/// Offset and sample entry of each sample, by `stsc` and the chunk offsets.
fn places(stbl: &[u8], sizes: &[u32]) -> Vec<(u64, u32)> {
    let offsets: Vec<u64> = match all(stbl, "stco").first() {
        Some(stco) => rows(stco, 4, 1).concat().into_iter().map(u64::from).collect(),
        None => rows(only(stbl, "co64"), 4, 2)
            .iter()
            .map(|row| u64::from(row[0]) << 32 | u64::from(row[1]))
            .collect(),
    };
    let runs = rows(only(stbl, "stsc"), 4, 3);
    let mut sizes = sizes.iter();
    let mut places = Vec::new();
    for (number, offset) in (1_u32..).zip(offsets) {
        let run = runs.iter().rfind(|run| run[0] <= number).unwrap();
        let mut at = offset;
        for size in sizes.by_ref().take(usize::try_from(run[1]).unwrap()) {
            places.push((at, run[2] - 1));
            at += u64::from(*size);
        }
    }
    places
}
