//! An ffmpeg without pictures: what it gives of them has the right number, and follows from what was coded.

use crate::sim::Sim;
use bytes::Bytes;
use export_clip::Coder;
use export_testkit::recordings::{END_OF_PICTURE, encoded_tracks, picture_tracks};
use sha2::{Digest, Sha256};

/// Fails as often as the weather says. Knows thumbs, JPEG, transport streams, and H.265: each picture follows from those that
/// were fed by then.
#[derive(Debug)]
pub(crate) struct Stub(pub(crate) Sim);

impl Coder for Stub {
    fn code(&self, args: &[String], input: &[u8]) -> Result<Vec<u8>, String> {
        if args == ["-version"] {
            return Ok(b"simulated".to_vec());
        }
        let weather = self.0.weather();
        if self.0.chance(|chance| chance.happens(weather.coder)) {
            return Err("Killed".to_owned());
        }
        let output = args.iter().rposition(|arg| arg == "-f").and_then(|at| args.get(at + 1));
        let version = self.0.chance(|chance| if chance.happens(weather.varied) { chance.next() } else { 0 });
        match output.map(String::as_str) {
            Some("mov") => decode(args, input, version).ok_or_else(|| "Invalid argument".to_owned()),
            Some("mpegts") => {
                let mut stream = [input, &version.to_be_bytes()].concat();
                stream.resize(stream.len().next_multiple_of(188), 0);
                Ok(stream)
            }
            _ => Err("Unknown encoder".to_owned()),
        }
    }
}

/// A thumb for each access unit of one slice, but for those that are left out, and the JPEG of one.
fn decode(args: &[String], input: &[u8], version: u64) -> Option<Vec<u8>> {
    let graph = args.iter().find(|arg| arg.starts_with("[0:v:0]"))?;
    let number =
        |before: &str| -> Option<usize> { graph.split_once(before)?.1.split_once(')')?.0.parse().ok() };
    let skipped = number("[0:v:0]select=gte(n\\,").unwrap_or(0);
    let units: Vec<&[u8]> = pictures(args, input).into_iter().skip(skipped).collect();
    let thumbs = || units.iter().map(|unit| Bytes::from(vec![Sha256::digest(unit)[0]; 2 * 16 * 9])).collect();
    let still = || -> Option<Vec<Bytes>> {
        let unit = units.get(number("[to_still]select=eq(n\\,")?)?;
        let parts = [&[0xff, 0xd8], &Sha256::digest(unit)[..], &version.to_be_bytes(), &[0xff, 0xd9]];
        Some(vec![parts.concat().into()])
    };
    let coded = || -> Option<Vec<Bytes>> {
        let count = number("[to_coded]select=lt(n\\,")?;
        Some(units.iter().take(count).map(|unit| encoded(unit, version)).collect())
    };
    let maps = args.iter().zip(args.iter().skip(1)).filter(|(option, _)| *option == "-map");
    let tracks = maps.map(|(_, track)| match track.as_str() {
        "[thumbs]" => Some(thumbs()),
        "[still]" => still(),
        "[coded]" => coded(),
        _ => None,
    });
    let tracks = tracks.collect::<Option<Vec<_>>>()?;
    let encodes = args.iter().any(|arg| arg == "[coded]");
    Some(if encodes { encoded_tracks(&tracks) } else { picture_tracks(&tracks) })
}

/// A picture of H.265 (7.3.1.2, an IDR) in place of `unit`.
fn encoded(unit: &[u8], version: u64) -> Bytes {
    // No start code may come of it, and no end of another picture.
    let printed = Sha256::digest([unit, &version.to_be_bytes()].concat()).map(|byte| 0x40 | byte & 0x1f);
    let unit = [&[0x28, 1, 0xaf], &printed[..8], &END_OF_PICTURE].concat();
    [&u32::try_from(unit.len()).unwrap().to_be_bytes()[..], &unit].concat().into()
}

/// The pictures of a byte stream of H.264, or of any file.
fn pictures<'a>(args: &[String], input: &'a [u8]) -> Vec<&'a [u8]> {
    let demuxer = args.iter().position(|arg| arg == "-f").and_then(|at| args.get(at + 1));
    if demuxer.is_some_and(|name| name == "h264") {
        let is_slice = |unit: &&[u8]| matches!(unit.first().map(|b| b & 0x1f), Some(1 | 5));
        return split(input).into_iter().filter(is_slice).collect();
    }
    let ends = (0..input.len().saturating_sub(1)).filter(|at| input[*at..at + 2] == END_OF_PICTURE);
    ends.map(|at| &input[at.saturating_sub(8)..at]).collect()
}

/// NAL units of a byte stream (H.264, annex B).
fn split<'a>(stream: &'a [u8]) -> Vec<&'a [u8]> {
    let starts: Vec<usize> =
        (0..stream.len().saturating_sub(2)).filter(|at| stream[*at..*at + 3] == [0, 0, 1]).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let trimmed = |unit: &'a [u8]| {
        let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        &unit[..end]
    };
    starts.iter().zip(ends).map(|(start, end)| trimmed(&stream[start + 3..end])).collect()
}
