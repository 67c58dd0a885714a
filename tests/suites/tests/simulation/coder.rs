//! An ffmpeg without pictures: what it decodes has the right size and number, and follows from what was coded.

use crate::sim::Sim;
use export_clip::Coder;
use sha2::{Digest, Sha256};

/// Fails as often as the weather says. Knows decoding, JPEG and transport streams; encoding is not simulated.
#[derive(Debug)]
pub(crate) struct Stub(pub(crate) Sim);

impl Coder for Stub {
    fn code(&self, args: &[String], input: &[u8]) -> Result<Vec<u8>, String> {
        let weather = self.0.weather();
        if self.0.chance(|chance| chance.happens(weather.coder)) {
            return Err("Killed".to_owned());
        }
        let output = args.iter().rposition(|arg| arg == "-f").and_then(|at| args.get(at + 1));
        let version = self.0.chance(|chance| if chance.happens(weather.varied) { chance.next() } else { 0 });
        match output.map(String::as_str) {
            Some("rawvideo") => decode(args, input).ok_or_else(|| "Invalid argument".to_owned()),
            Some("mjpeg") => {
                Ok([&[0xff, 0xd8], &Sha256::digest(input)[..], &version.to_be_bytes(), &[0xff, 0xd9]]
                    .concat())
            }
            Some("mpegts") => {
                let mut stream = [input, &version.to_be_bytes()].concat();
                stream.resize(stream.len().next_multiple_of(188), 0);
                Ok(stream)
            }
            _ => Err("Unknown encoder".to_owned()),
        }
    }
}

/// One flat picture for each access unit of one slice, but for those that are left out.
fn decode(args: &[String], input: &[u8]) -> Option<Vec<u8>> {
    let filter = args.iter().find(|arg| arg.contains("scale="))?;
    let (width, height) = filter.rsplit_once("scale=")?.1.split_once(':')?;
    let luma = width.parse::<usize>().ok()? * height.parse::<usize>().ok()?;
    let skipped = filter.strip_prefix("select=gte(n\\,").and_then(|rest| rest.split_once(')'));
    let skipped = skipped.map_or(Some(0), |(count, _)| count.parse::<usize>().ok())?;
    let units = split(input).into_iter().filter(|unit| matches!(unit.first().map(|b| b & 0x1f), Some(1 | 5)));
    Some(units.skip(skipped).flat_map(|unit| vec![Sha256::digest(unit)[0]; luma * 3 / 2]).collect())
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
