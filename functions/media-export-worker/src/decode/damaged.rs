//! A damaged stretch: which of its pictures a decoder gives.
//!
//! Fed a byte stream, a decoder that gives fewer pictures than it was fed does not tell which. Fed samples with a time
//! each, it says of each picture which sample it is of: its list of times is read first, and then its pictures.

use super::undecodable;
use crate::error::WorkError;
use crate::ffmpeg::Ffmpeg;
use crate::video::Coded;
use bytes::Bytes;
use export_media::display::Matrix;
use export_media::ffmpeg::{decoded_times, list_decoded};
use export_media::mux::{FragmentWriter, MuxSample, TrackKind, TrackSpec};
use export_media::nal::RandomAccess;
use export_media::time::Nanos;
use std::collections::BTreeSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Milliseconds from one picture to the next; they are numbered, not timed.
const STEP: i64 = 10;
/// Pictures that the first one is shown later than it is decoded, more than any standard lets overtake another.
const DELAY: i64 = 64;

/// A stretch as a fragmented MP4, and what a decoder makes of it.
#[derive(Debug)]
pub(crate) struct Damaged {
    /// Init segment and a fragment a picture.
    pub(super) file: Vec<Bytes>,
    /// Presentation times of the pictures that a decoder gives, in its order.
    pub(super) given: Vec<Nanos>,
}

impl Damaged {
    /// How many pictures a decoder gives.
    pub(crate) fn given(&self) -> usize {
        self.given.len()
    }

    /// Lists what a decoder gives of `pictures`, which are in decode order and start with a random access picture.
    pub(crate) async fn list(ffmpeg: &Ffmpeg, pictures: &[Coded]) -> Result<Self, WorkError> {
        let times: BTreeSet<Nanos> = pictures.iter().map(|picture| picture.pts).collect();
        let times: Vec<Nanos> = times.into_iter().collect();
        let file = file(pictures, &times)?;
        let (running, mut input, mut output) = ffmpeg.start(&list_decoded())?;
        let mut list = String::new();
        let write = async {
            for part in &file {
                input.write_all(part).await?;
            }
            drop(input);
            Ok::<_, WorkError>(())
        };
        let read = async { Ok(output.read_to_string(&mut list).await?) };
        tokio::try_join!(write, read)?;
        let refused = |complaint: String| undecodable(&format!("the decoder: {complaint}"));
        running.finish().await.map_err(|error| error.or(refused))?;
        let picture = |time: i64| {
            let rank = time.checked_sub(DELAY * STEP)?.checked_div(STEP)?;
            times.get(usize::try_from(rank).ok()?).copied()
        };
        let given = decoded_times(&list).and_then(|list| list.into_iter().map(picture).collect());
        let given: Vec<Nanos> =
            given.ok_or_else(|| undecodable("the decoder gives pictures it is not fed"))?;
        if given.is_sorted_by(|one, next| one < next) {
            Ok(Self { file, given })
        } else {
            Err(undecodable("the decoder gives pictures in another order than they are shown in"))
        }
    }
}

/// The pictures in a fragmented MP4, timed by their places in `times`.
fn file(pictures: &[Coded], times: &[Nanos]) -> Result<Vec<Bytes>, WorkError> {
    let entry = pictures.first().map(|picture| picture.config.entry.bytes.clone());
    let spec = TrackSpec {
        kind: TrackKind::Video { width: 16, height: 16, matrix: Matrix::default() },
        timescale: 1000,
        language: *b"und",
        sample_entries: entry.into_iter().collect(),
        roll: None,
    };
    let mut writer = FragmentWriter::new(vec![spec], 1000)?;
    let mut file = vec![writer.init()?];
    for (n, picture) in (0..).zip(pictures) {
        let rank = times.binary_search(&picture.pts).ok().and_then(|rank| i64::try_from(rank).ok());
        let sample = MuxSample {
            dts: n * STEP,
            pts: (rank.unwrap_or(0) + DELAY) * STEP,
            duration: 10,
            sync: picture.picture.random_access != RandomAccess::None,
            entry: 0,
            size: u32::try_from(picture.data.len()).unwrap_or(u32::MAX),
        };
        file.push(writer.fragment(&[&[(sample, picture.data.clone())]])?);
    }
    Ok(file)
}
