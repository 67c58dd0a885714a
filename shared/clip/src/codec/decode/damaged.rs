//! A damaged stretch: which of its pictures a decoder gives.
//!
//! Fed a byte stream, a decoder that gives fewer pictures than it was fed does not tell which. Fed samples with a time
//! each, it says of each picture which sample it is of: its list of times is read first, and then its pictures.

use super::undecodable;
use crate::codec::picture::Coded;
use crate::error::Error;
use crate::ffmpeg::Ffmpeg;
use bytes::Bytes;
use export_media::display::Matrix;
use export_media::ffmpeg::{decoded_times, list_decoded};
use export_media::mux::{FragmentWriter, MuxSample, TrackMedia, TrackSpec};
use export_media::nal::{RandomAccess, is_one_unit};
use export_media::time::Nanos;
use std::collections::BTreeSet;

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
    /// The number of pictures that a decoder gives.
    pub(crate) fn given(&self) -> usize {
        self.given.len()
    }

    /// Lists what a decoder gives of `pictures`, which are in decode order and start with a random access picture.
    ///
    /// `None` if what a decoder gives of the byte stream stands: it gave as many as it was fed (`adds_up`), and each of
    /// them for one sample. What it complained about is then not a picture of these: one, for example, that an open GOP
    /// refers to before its random access picture.
    pub(crate) async fn list(
        ffmpeg: &Ffmpeg,
        pictures: &[Coded],
        adds_up: bool,
    ) -> Result<Option<Self>, Error> {
        if adds_up && pictures.iter().all(is_one_picture) {
            return Ok(None);
        }
        let times: BTreeSet<Nanos> = pictures.iter().map(|picture| picture.pts).collect();
        let times: Vec<Nanos> = times.into_iter().collect();
        let file = file(pictures, &times)?;
        let mut list = Vec::new();
        let refused = |complaint: String| undecodable(&format!("the decoder: {complaint}"));
        ffmpeg.run(&list_decoded(), &file, &mut list).await.map_err(|error| error.or(refused))?;
        let listed = std::str::from_utf8(&list).ok().and_then(decoded_times);
        let listed = listed.ok_or_else(|| undecodable("the decoder gives no pictures"))?;
        match given(&listed, &times) {
            // The recorded times contradict the pictures' order, which only the pictures themselves tell then.
            Err(_) if adds_up && listed.len() == pictures.len() => Ok(None),
            given => Ok(Some(Self { file, given: given? })),
        }
    }
}

/// Returns `true` if a decoder takes the sample for one picture in a byte stream too: it gives at most one for it.
fn is_one_picture(picture: &Coded) -> bool {
    let config = &picture.config;
    is_one_unit(config.codec, &picture.data, config.nal_length_size)
}

/// Which of the pictures shown at `times` a decoder lists.
fn given(listed: &[i64], times: &[Nanos]) -> Result<Vec<Nanos>, Error> {
    let picture = |time: &i64| {
        let rank = time.checked_sub(DELAY * STEP)?.checked_div(STEP)?;
        times.get(usize::try_from(rank).ok()?).copied()
    };
    let given: Option<Vec<Nanos>> = listed.iter().map(picture).collect();
    let given = given.ok_or_else(|| undecodable("the decoder gives pictures it is not fed"))?;
    if given.is_sorted_by(|one, next| one < next) {
        Ok(given)
    } else {
        Err(undecodable("the decoder gives pictures in another order than they are shown in"))
    }
}

/// The pictures in a fragmented MP4, timed by their places in `times`.
fn file(pictures: &[Coded], times: &[Nanos]) -> Result<Vec<Bytes>, Error> {
    let entry = pictures.first().map(|picture| picture.config.entry.bytes.clone());
    let spec = TrackSpec {
        kind: TrackMedia::Video { width: 16, height: 16, matrix: Matrix::default() },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_which_pictures_are_given_or_nothing() {
        let times: Vec<Nanos> = [0, 40, 80].map(Nanos::new).to_vec();
        let told = |ranks: &[i64]| {
            let listed: Vec<i64> = ranks.iter().map(|rank| (rank + DELAY) * STEP).collect();
            given(&listed, &times).ok()
        };
        assert_eq!(told(&[0, 1, 2]), Some(times.clone()));
        assert_eq!(told(&[0, 2]), Some(vec![times[0], times[2]]));
        assert_eq!(told(&[1, 0, 2]), None, "the times contradict the order");
        assert_eq!(told(&[0, 0, 2]), None, "one picture twice");
        assert_eq!(told(&[0, 3]), None, "not fed");
        assert_eq!(told(&[-1, 0]), None, "not fed");
    }
}
