//! An init segment with another sample entry; everything else is copied.

use super::Fmp4Error;
use super::boxes::{Child, children, require};
use super::init::Init;
use bytes::Bytes;

/// The boxes that lead from a `trak` to the sample entries.
const PATH: [[u8; 4]; 4] = [*b"mdia", *b"minf", *b"stbl", *b"stsd"];
/// Version, flags and number of entries of an `stsd`.
const STSD_FIELDS: usize = 8;

/// The `ftyp` and `moov` of an init segment of one track, whose only sample entry is replaced by the box `entry`; `None`
/// leaves it as it is. Boxes of media and indexes behind the `moov` are left out.
///
/// # Errors
/// [`Fmp4Error::Unsupported`] for an init segment of several tracks, [`Fmp4Error::Missing`], [`Fmp4Error::Truncated`].
pub fn described(init: &[u8], entry: Option<&[u8]>) -> Result<Bytes, Fmp4Error> {
    if Init::parse(init)?.tracks.len() != 1 {
        return Err(Fmp4Error::Unsupported("an init segment of several tracks"));
    }
    let mut out = Vec::with_capacity(init.len());
    if let Ok(brands) = require(init, *b"ftyp", "ftyp") {
        out.extend_from_slice(brands.bytes);
    }
    let moov = require(init, *b"moov", "moov")?;
    match entry {
        None => out.extend_from_slice(moov.bytes),
        Some(entry) => {
            let body = replaced(moov.body, *b"trak", |trak| along(trak, &PATH, entry))?;
            push(&mut out, *b"moov", &body)?;
        }
    }
    Ok(out.into())
}

/// The body of a box, with the sample entries at the end of `path` replaced.
fn along(body: &[u8], path: &[[u8; 4]], entry: &[u8]) -> Result<Vec<u8>, Fmp4Error> {
    let Some((next, rest)) = path.split_first() else {
        let fields = body.get(..STSD_FIELDS).ok_or(Fmp4Error::Truncated)?;
        return Ok([fields.get(..4).unwrap_or_default(), &1_u32.to_be_bytes(), entry].concat());
    };
    replaced(body, *next, |body| along(body, rest, entry))
}

/// The boxes of `body`, the first of `kind` with another body.
fn replaced(
    body: &[u8],
    kind: [u8; 4],
    change: impl Fn(&[u8]) -> Result<Vec<u8>, Fmp4Error>,
) -> Result<Vec<u8>, Fmp4Error> {
    let mut out = Vec::with_capacity(body.len().saturating_add(64));
    let mut found = false;
    for child in children(body) {
        let Child { kind: own, bytes, body, .. } = child?;
        if own == kind && !found {
            found = true;
            push(&mut out, kind, &change(body)?)?;
        } else {
            out.extend_from_slice(bytes);
        }
    }
    if found { Ok(out) } else { Err(Fmp4Error::Missing("sample entry")) }
}

fn push(out: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) -> Result<(), Fmp4Error> {
    let size = u32::try_from(body.len().saturating_add(8)).map_err(|_| Fmp4Error::TooMany("moov"))?;
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(&kind);
    out.extend_from_slice(body);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::Matrix;
    use crate::mux::{FragmentWriter, TrackMedia, TrackSpec};

    fn entry(fill: u8) -> Bytes {
        let mut entry = vec![0, 0, 0, 90, b'x', b'x', b'x', b'x', 0, 0, 0, 0, 0, 0, 0, 1];
        entry.resize(90, fill);
        entry.into()
    }

    fn init(tracks: usize) -> Bytes {
        let kind = TrackMedia::Video { width: 16, height: 16, matrix: Matrix::default() };
        let sample_entries = vec![entry(7)];
        let spec = TrackSpec { kind, timescale: 1000, language: *b"und", sample_entries, roll: None };
        FragmentWriter::new(vec![spec; tracks], 1000).unwrap().init().unwrap()
    }

    #[test]
    fn only_the_sample_entry_changes_and_media_is_left_out() {
        let plain = init(1);
        let with_media = [&plain[..], b"\0\0\0\x08mdat"].concat();
        assert_eq!(described(&with_media, None).unwrap(), plain);
        let longer = Bytes::from([&[0, 0, 0, 92][..], &entry(7)[4..], &[1, 2]].concat());
        let changed = described(&with_media, Some(&longer)).unwrap();
        assert_eq!(changed.len(), plain.len() + 2);
        let (before, after) = (Init::parse(&plain).unwrap(), Init::parse(&changed).unwrap());
        assert_eq!(after.tracks[0].sample_entries[0].bytes, longer);
        let entries = before.tracks[0].sample_entries.clone();
        let same = super::super::InitTrack { sample_entries: entries, ..after.tracks[0].clone() };
        assert_eq!(same, before.tracks[0]);
    }

    #[test]
    fn several_tracks_are_refused() {
        let refused = Err(Fmp4Error::Unsupported("an init segment of several tracks"));
        assert_eq!(described(&init(2), None), refused);
        assert!(described(b"", None).is_err());
    }
}
