//! Edit lists of a clip: the part of each track that is played, on the movie's clock.

use super::EditEntry;
use crate::arrange::{nanos, ticks};
use crate::time::Nanos;

/// A movie's clock ticks at least this often a second: audio is placed to less than a sample.
const FINE: u32 = 90_000;

/// Ticks a second of a movie whose pictures have `picture` ticks: the picture's edits are exact, and audio can start
/// between two pictures.
pub fn movie_timescale(picture: u32) -> u32 {
    picture.saturating_mul(FINE.div_ceil(picture.max(1)))
}

/// The edits of a track that starts `first` ticks of its `timescale` after the movie does and is played until `length`.
/// A track that starts before the movie is cut, one that starts later is preceded by an empty edit. `movie` is the
/// movie's ticks a second.
pub fn edits(first: i64, timescale: u32, length: Nanos, movie: u32) -> Vec<EditEntry> {
    let on_movie = |at: Nanos| u64::try_from(ticks(at, movie)).unwrap_or(0);
    let length = on_movie(length).max(1);
    let late = on_movie(nanos(first, timescale)).min(length - 1);
    let played = EditEntry { media_time: Some(first.saturating_neg().max(0)), duration: length - late };
    if late > 0 { vec![EditEntry { media_time: None, duration: late }, played] } else { vec![played] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Nanos = Nanos::new(1_000_000_000);

    fn edit(media_time: Option<i64>, duration: u64) -> EditEntry {
        EditEntry { media_time, duration }
    }

    #[test]
    fn a_movie_s_clock_is_a_multiple_of_the_picture_s_and_no_coarser_than_90_khz() {
        let of = [1, 25, 30, 1000, 12_800, 24_000, 30_000, 90_000, 10_000_000, u32::MAX];
        let movie = [90_000, 90_000, 90_000, 90_000, 102_400, 96_000, 90_000, 90_000, 10_000_000, u32::MAX];
        assert_eq!(of.map(movie_timescale), movie);
        assert_eq!(movie_timescale(0), 0, "refused by the writer");
    }

    #[test]
    fn a_track_that_starts_early_is_cut_and_one_that_starts_late_waits() {
        assert_eq!(edits(0, 48_000, SECOND, 90_000), [edit(Some(0), 90_000)]);
        assert_eq!(edits(-1024, 48_000, SECOND, 90_000), [edit(Some(1024), 90_000)]);
        assert_eq!(edits(480, 48_000, SECOND, 90_000), [edit(None, 900), edit(Some(0), 89_100)]);
    }

    #[test]
    fn no_edit_is_empty_for_less_than_a_tick() {
        assert_eq!(edits(1, 10_000_000, SECOND, 90_000), [edit(Some(0), 90_000)]);
        assert_eq!(edits(48_000, 48_000, SECOND, 90_000), [edit(None, 89_999), edit(Some(0), 1)]);
        assert_eq!(edits(0, 48_000, Nanos::ZERO, 90_000), [edit(Some(0), 1)]);
    }

    proptest! {
        #[test]
        fn edits_are_as_long_as_the_clip_and_place_audio_to_half_a_tick(
            first in -50_000_i64..50_000, timescale in 8000_u32..192_000, picture in 1_u32..200_000,
        ) {
            let (movie, length) = (movie_timescale(picture), Nanos::from_millis(10_000));
            let edits = edits(first, timescale, length, movie);
            prop_assert!(edits.iter().all(|edit| edit.duration > 0));
            prop_assert_eq!(edits.iter().map(|edit| edit.duration).sum::<u64>(), u64::from(movie) * 10);
            let empty: u64 = edits.iter().filter(|edit| edit.media_time.is_none()).map(|edit| edit.duration).sum();
            let late = i128::from(first.max(0)) * i128::from(movie);
            let error = (i128::from(empty) * i128::from(timescale) - late).abs();
            prop_assert!(error * 2 <= i128::from(timescale) + 2 , "{error}");
        }
    }
}
