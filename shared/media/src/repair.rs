//! Times that recorders and packagers write wrong, put right where only one reading makes sense.
//!
//! Pure functions on the samples of one segment. What fits the standard stays as it is; what has more than one
//! plausible reading stays too, and later decisions see it as recorded.

use crate::nal::{Leading, Picture, RandomAccess};
use crate::sample::Sample;

/// Samples within which a run that was displaced begins and ends.
const LONGEST_RUN: usize = 256;

/// The repairs, for warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repair {
    /// A sample had no duration.
    Duration,
    /// Samples stood apart from those before and after them.
    Displaced,
    /// A random access picture stood at the time of its first leading picture.
    BeforeLeading,
    /// Pictures had one time.
    OneTime,
}

impl Repair {
    /// The repaired fault, in words.
    pub fn what(self) -> &'static str {
        match self {
            Self::Duration => "a sample has no duration",
            Self::Displaced => "the decode times leave their order and return to it",
            Self::BeforeLeading => "the first picture has the time of its first leading picture",
            Self::OneTime => "two pictures have one time",
        }
    }
}

/// Gives samples without a duration one: up to the next sample's decode time if that is later, else as long as their
/// neighbours last. `true` if there were any.
pub fn fill_durations(samples: &mut [Sample]) -> bool {
    let usual = usual_duration(samples);
    let mut filled = false;
    for n in 0..samples.len() {
        let next = samples.get(n + 1).map(|next| next.dts);
        let Some(sample) = samples.get_mut(n).filter(|sample| sample.duration == 0) else { continue };
        let until_next = next.and_then(|next| u32::try_from(next.saturating_sub(sample.dts)).ok());
        // A sample that shares its decode time with the next one keeps its duration of 0.
        sample.duration = until_next.or(usual).unwrap_or(0);
        filled |= sample.duration > 0;
    }
    filled
}

/// The median of the durations that are not 0.
fn usual_duration(samples: &[Sample]) -> Option<u32> {
    let mut durations: Vec<u32> = samples.iter().map(|s| s.duration).filter(|d| *d > 0).collect();
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied()
}

/// Puts the pictures of a segment at their right times. Returns what was wrong.
pub fn settle_times(samples: &mut [Sample], pictures: &[Picture]) -> Vec<Repair> {
    let mut repairs = Vec::new();
    let mut note = |repair, done| repairs.extend(Some(repair).filter(|_| done));
    note(Repair::Displaced, put_back(samples));
    note(Repair::BeforeLeading, put_behind_leading(samples, pictures));
    note(Repair::OneTime, spread(samples));
    repairs
}

/// Moves a run of samples that stands apart from what comes before and after it back between them.
///
/// A step back in decode time is explained by an earlier step forward, or by a later one, of the same size: the samples
/// between the two have a wrong time. A step with no other to it stays.
fn put_back(samples: &mut [Sample]) -> bool {
    let Some(usual) = usual_duration(samples).map(i64::from) else { return false };
    let step = |samples: &[Sample], n: usize| samples[n].dts.saturating_sub(samples[n - 1].dts);
    let mut moved = false;
    // Every run that is moved ends before the next step that is looked at.
    let mut settled = 0;
    for back in 1..samples.len() {
        let by = usual.saturating_sub(step(samples, back));
        if step(samples, back) >= 0 || by <= usual.saturating_mul(2) {
            continue;
        }
        let fits = |n: &usize| {
            let forward = step(samples, *n).saturating_sub(usual);
            forward.saturating_sub(by).saturating_abs() <= usual.saturating_mul(2)
        };
        let earlier = (settled + 1..back).rev().take(LONGEST_RUN).find(fits);
        let (run, by) = match earlier {
            Some(n) => (n..back, by.saturating_neg()),
            None => match (back + 1..samples.len()).take(LONGEST_RUN).find(fits) {
                Some(n) => (back..n, by),
                None => continue,
            },
        };
        settled = run.end;
        // A long duration may be what led there.
        if let Some(before) = run.start.checked_sub(1).and_then(|n| samples.get_mut(n)) {
            before.duration = before.duration.min(u32::try_from(usual).unwrap_or(u32::MAX));
        }
        for sample in samples.get_mut(run).unwrap_or_default() {
            sample.dts = sample.dts.saturating_add(by);
            sample.pts = sample.pts.saturating_add(by);
        }
        moved = true;
    }
    moved
}

/// ffmpeg's DASH muxer writes the random access picture of an open GOP at the time of its first leading picture: two
/// pictures at one time, and none where the random access picture belongs, behind the last of them. H.264 does not say
/// which pictures lead: those of B slices that follow at once.
fn put_behind_leading(samples: &mut [Sample], pictures: &[Picture]) -> bool {
    let (Some(first), Some(picture)) = (samples.first().copied(), pictures.first()) else { return false };
    let leads: fn(&Picture) -> bool = match picture.random_access {
        RandomAccess::Cra | RandomAccess::Bla | RandomAccess::Idr => |picture| picture.leading != Leading::No,
        RandomAccess::RecoveryPoint => |picture| picture.bipredicted,
        RandomAccess::None => return false,
    };
    let count = pictures.iter().skip(1).take_while(|picture| leads(picture)).count();
    let (leading, trailing) =
        samples.get(1..).unwrap_or_default().split_at_checked(count).unwrap_or_default();
    let times = || leading.iter().map(|sample| sample.pts);
    let (Some(earliest), Some(latest)) = (times().min(), times().max()) else { return false };
    let frame = i64::from(first.duration);
    let place = latest.saturating_add(frame);
    let apart = |time: i64| time.saturating_sub(place).saturating_abs() > frame / 2;
    let next = trailing.iter().map(|sample| sample.pts).min();
    let free = times().chain(next).all(apart) && next.is_none_or(|next| next > place);
    if first.pts != earliest || times().filter(|time| *time == earliest).count() != 1 || frame == 0 || !free {
        return false;
    }
    if let Some(first) = samples.first_mut() {
        first.pts = place;
    }
    true
}

/// Pictures with one time share what is there up to the next one, in decode order.
fn spread(samples: &mut [Sample]) -> bool {
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by_key(|n| samples.get(*n).map(|sample| sample.pts));
    let mut moved = false;
    let mut at = 0;
    while let Some(time) = order.get(at).and_then(|n| samples.get(*n)).map(|sample| sample.pts) {
        let same = |n: &&usize| samples.get(**n).is_some_and(|sample| sample.pts == time);
        let count = order.iter().skip(at).take_while(same).count().max(1);
        let next = order.get(at + count).and_then(|n| samples.get(*n)).map(|sample| sample.pts);
        let last = order.get(at + count - 1).and_then(|n| samples.get(*n));
        let room =
            next.map_or(last.map_or(0, |last| i64::from(last.duration)), |next| next.saturating_sub(time));
        for (rank, n) in order.iter().skip(at).take(count).enumerate().skip(1) {
            let share =
                i64::try_from(rank).unwrap_or(0).saturating_mul(room) / i64::try_from(count).unwrap_or(1);
            if let Some(sample) = samples.get_mut(*n).filter(|_| share > 0) {
                sample.pts = time.saturating_add(share);
                moved = true;
            }
        }
        at += count;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PICTURE: Picture = Picture { reference: true, slices: 1, ..Picture::NOTHING };

    /// Samples of 512 ticks in decode order, by their presentation times in frames.
    fn samples(frames: impl IntoIterator<Item = i64>) -> Vec<Sample> {
        let sample = |(n, frame): (usize, i64)| Sample {
            dts: i64::try_from(n).unwrap() * 512,
            pts: frame * 512,
            duration: 512,
            offset: 0,
            size: 1,
            sync: n == 0,
            description: 1,
        };
        frames.into_iter().enumerate().map(sample).collect()
    }

    fn pts(samples: &[Sample]) -> Vec<i64> {
        samples.iter().map(|sample| sample.pts).collect()
    }

    fn pictures(first: RandomAccess, leading: usize, count: usize) -> Vec<Picture> {
        let picture = |n| match n {
            0 => Picture { random_access: first, ..PICTURE },
            n if n <= leading && first == RandomAccess::RecoveryPoint => {
                Picture { bipredicted: true, ..PICTURE }
            }
            n if n <= leading => Picture { leading: Leading::Rasl, ..PICTURE },
            _ => PICTURE,
        };
        (0..count).map(picture).collect()
    }

    #[test]
    fn a_last_sample_without_duration_lasts_as_long_as_its_neighbours() {
        let mut run = samples(0..4);
        run[3].duration = 0;
        assert!(fill_durations(&mut run));
        assert_eq!(run[3].duration, 512);
        assert!(!fill_durations(&mut run));
    }

    #[test]
    fn a_sample_without_duration_lasts_until_the_next_one() {
        let mut run = samples(0..4);
        run[1].duration = 0;
        run[2].dts = 700;
        assert!(fill_durations(&mut run));
        assert_eq!(run[1].duration, 700 - 512);
        run[1].duration = 0;
        run[2].dts = run[1].dts;
        assert!(!fill_durations(&mut run), "two samples at one time");
    }

    #[test]
    fn nothing_is_known_of_samples_that_all_have_no_duration() {
        let mut run = samples(0..1);
        run[0].duration = 0;
        assert!(!fill_durations(&mut run));
        assert_eq!(settle_times(&mut run, &pictures(RandomAccess::Cra, 0, 1)), []);
    }

    #[test]
    fn a_random_access_picture_belongs_behind_its_leading_pictures() {
        for access in [RandomAccess::Cra, RandomAccess::RecoveryPoint] {
            let right = samples([3, 1, 2, 6, 4, 5]);
            let mut run = right.clone();
            run[0].pts = 512;
            let pictures = pictures(access, 2, 6);
            assert_eq!(settle_times(&mut run, &pictures), [Repair::BeforeLeading]);
            assert_eq!(run, right);
            assert_eq!(settle_times(&mut run, &pictures), []);
        }
    }

    #[test]
    fn a_random_access_picture_stays_where_its_place_is_taken_or_its_time_is_its_own() {
        let rasl = pictures(RandomAccess::Cra, 2, 6);
        for frames in [[1, 1, 2, 3, 4, 5], [0, 1, 2, 6, 4, 5], [2, 1, 2, 6, 4, 5]] {
            let mut run = samples(frames);
            assert!(!put_behind_leading(&mut run, &rasl), "{frames:?}");
        }
        let mut run = samples([1, 1, 2, 6, 4, 5]);
        assert!(
            !put_behind_leading(&mut run, &pictures(RandomAccess::None, 2, 6)),
            "no random access picture"
        );
        for access in [RandomAccess::Cra, RandomAccess::RecoveryPoint] {
            assert!(!put_behind_leading(&mut run, &pictures(access, 0, 6)), "no leading pictures");
        }
    }

    #[test]
    fn pictures_with_one_time_share_it() {
        let mut run = samples([0, 1, 1, 1, 2]);
        assert_eq!(settle_times(&mut run, &pictures(RandomAccess::Idr, 0, 5)), [Repair::OneTime]);
        assert_eq!(pts(&run), [0, 512, 512 + 170, 512 + 341, 1024]);
        let mut run = samples([0, 1, 1]);
        settle_times(&mut run, &pictures(RandomAccess::Idr, 0, 3));
        assert_eq!(pts(&run), [0, 512, 768], "the last one lasts as long as it says");
    }

    #[test]
    fn a_run_that_leaves_and_returns_is_put_back() {
        let right = samples(0..20);
        for (run, by) in [(5..10, 40_000), (5..10, -9000), (18..19, 5000), (1..2, 2000)] {
            let mut moved = right.clone();
            for sample in &mut moved[run.clone()] {
                sample.dts += by;
                sample.pts += by;
            }
            assert!(put_back(&mut moved), "{run:?} {by}");
            assert_eq!(moved, right, "{run:?} {by}");
        }
    }

    #[test]
    fn a_long_duration_in_front_of_a_run_that_is_put_back_is_cut() {
        let right = samples(0..20);
        let mut moved = right.clone();
        moved[4].duration = 512 + 9000;
        for sample in &mut moved[5..10] {
            sample.dts += 9000;
            sample.pts += 9000;
        }
        assert!(put_back(&mut moved));
        assert_eq!(moved, right);
    }

    #[test]
    fn a_step_that_is_never_taken_back_stays() {
        for by in [9000, -9000] {
            let mut run = samples(0..20);
            for sample in &mut run[7..] {
                sample.dts += by;
                sample.pts += by;
            }
            let recorded = run.clone();
            assert!(!put_back(&mut run));
            assert_eq!(run, recorded);
        }
    }

    proptest! {
        #[test]
        fn what_is_in_order_stays_as_recorded(
            durations in prop::collection::vec(1_u32..2000, 1..60), reorder in 0_usize..4,
        ) {
            let mut run = Vec::new();
            let mut dts = 0;
            for duration in durations {
                run.push(Sample { dts, pts: dts, duration, offset: 0, size: 1, sync: false, description: 1 });
                dts += i64::from(duration);
            }
            // Pictures trade their presentation times within groups.
            for group in run.chunks_mut(reorder + 1) {
                let times: Vec<i64> = group.iter().map(|sample| sample.pts).collect();
                for (sample, time) in group.iter_mut().zip(times.iter().rev()) {
                    sample.pts = *time;
                }
            }
            let recorded = run.clone();
            let count = run.len();
            prop_assert!(!fill_durations(&mut run));
            prop_assert_eq!(settle_times(&mut run, &pictures(RandomAccess::Idr, 0, count)), vec![]);
            prop_assert_eq!(run, recorded);
        }

        #[test]
        fn a_displaced_run_is_put_back_wherever_it_is(
            from in 1_usize..28, length in 1_usize..10, by in prop_oneof![-90_000_i64..-8000, 8000_i64..90_000],
        ) {
            let right = samples(0..40);
            let mut moved = right.clone();
            for sample in moved.iter_mut().skip(from).take(length) {
                sample.dts += by;
                sample.pts += by;
            }
            prop_assert!(put_back(&mut moved));
            prop_assert_eq!(moved, right);
        }

        #[test]
        fn any_open_gop_is_repaired_at_any_rate(
            leading in 1_usize..8, behind in 0_usize..20, duration in 1_u32..5000, h264 in any::<bool>(),
        ) {
            let ranks = (0..leading).chain(leading + 1..=leading + behind);
            let mut right: Vec<Sample> = samples(std::iter::once(leading).chain(ranks).map(|n| i64::try_from(n).unwrap()));
            for (n, sample) in right.iter_mut().enumerate() {
                sample.duration = duration;
                sample.dts = i64::try_from(n).unwrap() * i64::from(duration);
                sample.pts = sample.pts / 512 * i64::from(duration);
            }
            let mut run = right.clone();
            run[0].pts = 0;
            let access = if h264 { RandomAccess::RecoveryPoint } else { RandomAccess::Cra };
            let pictures = pictures(access, leading, right.len());
            prop_assert_eq!(settle_times(&mut run, &pictures), vec![Repair::BeforeLeading]);
            prop_assert_eq!(run, right);
        }

        #[test]
        fn no_two_pictures_keep_one_time_where_there_is_room(times in prop::collection::vec(0_i64..30, 1..40)) {
            let mut run = samples(times);
            spread(&mut run);
            let mut left = pts(&run);
            left.sort_unstable();
            left.dedup();
            prop_assert_eq!(left.len(), run.len());
        }

        #[test]
        fn any_times_are_survived(
            rows in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u32>()), 0..50), leading in 0_usize..60,
        ) {
            let sample = |(dts, pts, duration)| {
                Sample { dts, pts, duration, offset: 0, size: 1, sync: false, description: 1 }
            };
            let mut run: Vec<Sample> = rows.into_iter().map(sample).collect();
            fill_durations(&mut run);
            settle_times(&mut run, &pictures(RandomAccess::Cra, leading, 50));
        }
    }
}
