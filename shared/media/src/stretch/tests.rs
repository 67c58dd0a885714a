use super::*;
use std::num::NonZeroU32;

const FRAME: i64 = 40;

fn timeline() -> Timeline {
    Timeline::new(NonZeroU32::new(1000).unwrap(), 0, Nanos::ZERO)
}

/// A picture of one slice that others refer to.
fn picture_of(random_access: RandomAccess) -> Picture {
    Picture { random_access, slices: 1, reference: true, ..Picture::NOTHING }
}

/// Samples in decode order from presentation frame numbers; `I` starts a closed GOP, `R` an open one.
fn feed(stretches: &mut Stretches, first_dts: i64, frames: &[(char, i64)]) -> Vec<Decision> {
    let decide = |(n, (kind, frame)): (usize, &(char, i64))| {
        let random_access = match kind {
            'I' => RandomAccess::Idr,
            'R' => RandomAccess::RecoveryPoint,
            _ => RandomAccess::None,
        };
        let picture = picture_of(random_access);
        let dts = (first_dts + i64::try_from(n).unwrap()) * FRAME;
        let sample = Sample {
            dts,
            pts: frame * FRAME,
            duration: 40,
            offset: 0,
            size: 1,
            sync: *kind != 'P',
            description: 1,
        };
        stretches.push(&timeline(), (&sample, None), &picture)
    };
    frames.iter().enumerate().map(decide).collect()
}

fn window(from: i64, until: i64) -> Stretches {
    Stretches::new(Nanos::from_millis(from * FRAME), Nanos::from_millis(until * FRAME))
}

#[test]
fn nothing_is_fed_before_a_random_access_point() {
    let mut stretches = window(0, 10);
    let decisions = feed(&mut stretches, 0, &[('P', 0), ('P', 1), ('I', 2), ('P', 3)]);
    assert_eq!(decisions, [Decision::Skip, Decision::Skip, Decision::Start, Decision::Feed]);
}

#[test]
fn leading_pictures_of_the_first_open_gop_are_left_out_and_of_later_ones_fed() {
    let mut stretches = window(0, 20);
    let first = feed(&mut stretches, 0, &[('R', 2), ('P', 0), ('P', 1), ('P', 3)]);
    assert_eq!(first, [Decision::Start, Decision::Skip, Decision::Skip, Decision::Feed]);
    let second = feed(&mut stretches, 4, &[('R', 6), ('P', 4), ('P', 5), ('P', 7)]);
    assert_eq!(second, [Decision::Feed; 4]);
}

#[test]
fn a_hole_in_decode_time_starts_a_new_stretch() {
    let mut stretches = window(0, 100);
    feed(&mut stretches, 0, &[('I', 0), ('P', 1)]);
    assert_eq!(feed(&mut stretches, 50, &[('P', 50), ('I', 51)]), [Decision::Skip, Decision::Start]);
    feed(&mut stretches, 52, &(52..100).map(|n| ('P', n)).collect::<Vec<_>>());
    assert_eq!(stretches.lack_ms(), 49 * FRAME);
}

#[test]
fn the_window_is_complete_only_when_no_picture_before_its_end_can_come() {
    let mut stretches = window(0, 3);
    feed(&mut stretches, 0, &[('I', 0), ('P', 3)]);
    assert!(!stretches.is_complete(), "frames 1 and 2 are still to come");
    feed(&mut stretches, 2, &[('P', 1)]);
    assert!(!stretches.is_complete());
    feed(&mut stretches, 3, &[('P', 2)]);
    assert!(stretches.is_complete());
    assert_eq!(stretches.lack_ms(), 0);
}

#[test]
fn a_recording_that_ends_early_lacks_its_end() {
    let mut stretches = window(1, 10);
    feed(&mut stretches, 0, &[('I', 0), ('P', 1), ('P', 2), ('P', 3)]);
    assert!(!stretches.is_complete());
    assert_eq!(stretches.lack_ms(), 6 * FRAME);
}

#[test]
fn a_picture_that_is_shown_for_an_instant_of_the_window_is_fed_too() {
    let mut stretches = Stretches::new(Nanos::ZERO, Nanos::from_millis(3 * FRAME + 1));
    feed(&mut stretches, 0, &[('I', 0), ('P', 1), ('P', 2)]);
    assert!(!stretches.is_complete());
    feed(&mut stretches, 3, &[('P', 3)]);
    assert!(stretches.is_complete());
}

#[test]
fn a_variable_frame_rate_leaves_no_gap_and_is_complete_only_beyond_doubt() {
    // (presentation time, duration in decode order): reordering moves the durations to other pictures.
    let pictures = [(0, 40), (240, 40), (40, 80), (80, 80), (160, 40), (320, 40), (280, 40)];
    let mut stretches = Stretches::new(Nanos::ZERO, Nanos::from_millis(200));
    let mut dts = -80;
    let mut push = |stretches: &mut Stretches, pts: i64, duration: u32| {
        let random_access = if pts == 0 { RandomAccess::Idr } else { RandomAccess::None };
        let picture = picture_of(random_access);
        let sample = Sample { dts, pts, duration, offset: 0, size: 1, sync: false, description: 1 };
        dts += i64::from(duration);
        stretches.push(&timeline(), (&sample, None), &picture);
    };
    for (pts, duration) in pictures {
        push(&mut stretches, pts, duration);
    }
    assert!(!stretches.is_complete(), "a picture before the end could still follow");
    (9..25).for_each(|n| push(&mut stretches, n * 40, 40));
    assert!(stretches.is_complete());
    assert_eq!((stretches.lack_ms(), stretches.take_cut()), (0, None));
}

#[test]
fn pictures_behind_lost_ones_are_cut_off_before_a_hole() {
    let mut stretches = window(0, 100);
    feed(&mut stretches, 0, &[('I', 0), ('P', 3), ('P', 1), ('P', 2), ('P', 6)]);
    stretches.break_off();
    assert_eq!(stretches.take_cut(), Some(Nanos::from_millis(6 * FRAME)), "pictures 4 and 5 are lost");
    assert_eq!(stretches.take_cut(), None);
    feed(&mut stretches, 50, &(50..100).map(|n| (if n == 50 { 'I' } else { 'P' }, n)).collect::<Vec<_>>());
    assert_eq!(stretches.lack_ms(), 46 * FRAME);
}

#[test]
fn half_a_picture_is_no_loss() {
    for (pts, cut) in [(60, None), (61, Some(61))] {
        let mut stretches = window(0, 100);
        for (n, pts) in (0..).zip([0, pts]) {
            let picture = picture_of(if n == 0 { RandomAccess::Idr } else { RandomAccess::None });
            let (dts, sync) = (n * FRAME, n == 0);
            let sample = Sample { dts, pts, duration: 40, offset: 0, size: 1, sync, description: 1 };
            stretches.push(&timeline(), (&sample, None), &picture);
        }
        stretches.break_off();
        assert_eq!(stretches.take_cut(), cut.map(Nanos::from_millis));
    }
}

#[test]
fn pictures_behind_the_end_of_their_period_are_fed_but_cover_nothing() {
    let mut stretches = window(0, 10);
    stretches.begin_period(Bounds { from: None, until: Some(Nanos::from_millis(3 * FRAME)) });
    let decisions = feed(&mut stretches, 0, &[('I', 0), ('P', 3), ('P', 1), ('P', 2)]);
    assert_eq!(decisions[1..], [Decision::Feed; 3], "pictures 1 and 2 refer to picture 3");
    assert!(
        stretches.shows(Nanos::from_millis(2 * FRAME)) && !stretches.shows(Nanos::from_millis(3 * FRAME))
    );
    assert_eq!(stretches.lack_ms(), 7 * FRAME);
}

#[test]
fn pictures_before_the_start_of_their_period_are_fed_but_cover_nothing() {
    let mut stretches = window(0, 10);
    stretches.begin_period(Bounds { from: Some(Nanos::from_millis(2 * FRAME)), until: None });
    let decisions = feed(&mut stretches, 0, &[('I', 0), ('P', 1), ('P', 2), ('P', 3)]);
    assert_eq!(decisions[1..], [Decision::Feed; 3]);
    assert!(!stretches.shows(Nanos::from_millis(FRAME)) && stretches.shows(Nanos::from_millis(2 * FRAME)));
    assert_eq!(stretches.lack_ms(), 8 * FRAME);
}

#[test]
fn what_the_start_of_a_period_cuts_off_is_no_repetition() {
    let mut stretches = window(0, 10);
    stretches.begin_period(Bounds { from: Some(Nanos::from_millis(2 * FRAME)), until: None });
    feed(&mut stretches, 0, &[('I', 0), ('P', 1), ('P', 2)]);
    assert!(!stretches.repeats(Nanos::from_millis(FRAME)) && !stretches.shows(Nanos::from_millis(FRAME)));
}

#[test]
fn a_picture_at_the_time_of_the_first_is_fed() {
    let mut stretches = window(0, 10);
    let decisions = feed(&mut stretches, 0, &[('I', 1), ('P', 1), ('P', 0)]);
    assert_eq!(decisions, [Decision::Start, Decision::Feed, Decision::Skip]);
}

#[test]
fn decode_times_may_be_off_by_half_a_picture_and_are_even() {
    for (second, even) in [(20, true), (19, false), (60, true), (61, false)] {
        let mut stretches = window(0, 3);
        feed_at(&mut stretches, &[('I', 0, 40), ('P', second, 40), ('P', second + 40, 40)]);
        feed_at(&mut stretches, &[('P', second + 80, 40)]);
        assert_eq!(stretches.is_complete(), even, "{second}");
    }
}

#[test]
fn a_picture_of_no_length_does_not_say_how_long_pictures_are() {
    let mut stretches = window(0, 100);
    assert_eq!(feed_at(&mut stretches, &[('I', 0, 200), ('I', 600, 0)]), [Decision::Start, Decision::Feed]);
}

#[test]
fn what_two_periods_have_in_common_is_shown_once() {
    // The second Period's clock may be rounded to another tick than the first one's.
    for (start, error) in (7960..=8080).flat_map(|start| [-1, 0, 1].map(|error| (start, error * 20_000))) {
        let mut stretches = window(0, 300);
        let start = Nanos::from_millis(start);
        let mut shown = Vec::new();
        for bounds in [(None, Some(start)), (Some(start), None)] {
            stretches.begin_period(Bounds { from: bounds.0, until: bounds.1 });
            let frames: Vec<_> = (175..225).map(|n| (if n % 25 == 0 { 'I' } else { 'P' }, n)).collect();
            feed(&mut stretches, 175, &frames);
            let moved = Nanos::new(bounds.0.map_or(0, |_| error));
            shown.extend((175..225).filter(|n| stretches.shows(Nanos::from_millis(n * FRAME) + moved)));
        }
        assert_eq!(shown, (175..225).collect::<Vec<_>>(), "{start:?} {error}");
    }
}

#[test]
fn the_first_picture_of_a_period_may_be_a_millisecond_early() {
    let bounds = |start| Bounds { from: Some(Nanos::from_millis(start)), until: None };
    let mut stretches = window(0, 300);
    stretches.begin_period(bounds(8001));
    assert!(stretches.shows(Nanos::from_millis(8000)) && !stretches.shows(Nanos::from_millis(7999)));
    feed(&mut stretches, 198, &[('I', 198), ('P', 199), ('P', 200)]);
    stretches.begin_period(bounds(8001));
    assert!(!stretches.shows(Nanos::from_millis(8000)), "the Period before has shown it");
    assert!(stretches.shows(Nanos::from_millis(8001)));
}

#[test]
fn a_window_that_ends_with_a_picture_is_complete_however_its_time_is_rounded() {
    let line = Timeline::new(NonZeroU32::new(30_000).unwrap(), 0, Nanos::ZERO);
    for count in 1..90_i64 {
        let mut stretches =
            Stretches::new(Nanos::ZERO, Nanos::new(i128::from(count * 1001) * 1_000_000_000 / 30_000 + 1));
        for n in 0..count {
            assert!(!stretches.is_complete());
            let picture = picture_of(if n == 0 { RandomAccess::Idr } else { RandomAccess::None });
            let at = n * 1001;
            let sample =
                Sample { dts: at, pts: at, duration: 1001, offset: 0, size: 1, sync: n == 0, description: 1 };
            stretches.push(&line, (&sample, None), &picture);
        }
        assert!(stretches.is_complete(), "{count} pictures");
    }
}

/// Samples of a stream that only refreshes, 10 pictures a cycle, every other one a reference.
fn refreshing(count: i64) -> (Vec<Sample>, Vec<Picture>) {
    let sample = |n: i64| {
        let at = n * FRAME;
        Sample { dts: at, pts: at, duration: 40, offset: 0, size: 1, sync: false, description: 1 }
    };
    let picture = |n: i64| Picture {
        reference: n % 2 == 0,
        recovery: if n % 10 == 0 { 4 } else { 0 },
        ..picture_of(RandomAccess::None)
    };
    ((0..count).map(sample).collect(), (0..count).map(picture).collect())
}

#[test]
fn a_gradual_refresh_is_an_entry_once_it_is_complete() {
    let (samples, pictures) = refreshing(30);
    let entry = |from: i64, later: &[Follower]| {
        entry_point(&timeline(), &samples, &pictures, later, Nanos::from_millis(from * FRAME))
    };
    // The fourth reference picture from picture 10 on is picture 16: all is right from picture 17 on.
    assert_eq!((entry(26, &[]), entry(27, &[])), (Some(10), Some(20)));
    assert_eq!((entry(16, &[]), entry(6, &[])), (Some(0), None));
    let (first, behind) = samples.split_at(23);
    let later = Follower::of(&timeline(), behind, &pictures[23..]);
    let entry = |later: &[Follower]| {
        entry_point(&timeline(), first, &pictures[..23], later, Nanos::from_millis(29 * FRAME))
    };
    assert_eq!((entry(&later), entry(&[])), (Some(20), Some(10)), "what follows decides");
}

/// Feeds frames with a decode time of their own each, in milliseconds; no reordering.
fn feed_at(stretches: &mut Stretches, samples: &[(char, i64, u32)]) -> Vec<Decision> {
    let decide = |(kind, at, duration): &(char, i64, u32)| {
        let random_access = if *kind == 'I' { RandomAccess::Idr } else { RandomAccess::None };
        let picture = picture_of(random_access);
        let sample = Sample {
            dts: *at,
            pts: *at,
            duration: *duration,
            offset: 0,
            size: 1,
            sync: *kind == 'I',
            description: 1,
        };
        if *kind == '-' {
            stretches.pass_over(&timeline(), &sample);
            return Decision::Skip;
        }
        stretches.push(&timeline(), (&sample, None), &picture)
    };
    samples.iter().map(decide).collect()
}

#[test]
fn arrival_times_that_jump_lose_nothing() {
    let mut stretches = window(0, 100);
    // Chunks of two whose second sample has a guessed duration: 25 ms early, 50 ms late, twice at one time.
    let times = [('I', 0, 40), ('P', 40, 40), ('P', 55, 40), ('P', 95, 40), ('P', 185, 40), ('P', 185, 40)];
    let decisions = feed_at(&mut stretches, &times);
    assert_eq!(decisions[1..], [Decision::Feed; 5]);
    assert_eq!(feed_at(&mut stretches, &[('I', 300, 40), ('P', 340, 40)]), [Decision::Feed; 2], "75 ms late");
    assert_eq!(stretches.lack_ms(), 4000 - 380);
}

#[test]
fn a_step_within_a_decoders_reach_loses_nothing_and_one_beyond_loses_the_rest() {
    let mut stretches = window(0, 200);
    let decisions =
        feed_at(&mut stretches, &[('I', 0, 40), ('P', 1040, 40), ('P', 2081, 40), ('I', 2121, 40)]);
    assert_eq!(decisions, [Decision::Start, Decision::Feed, Decision::Skip, Decision::Start]);
    assert_eq!(stretches.lack_ms(), 8000 - 1080 - 40, "the first picture stays on display for a second");
}

#[test]
fn a_hole_before_a_random_access_picture_is_one_from_two_frames_on() {
    for (hole, decision) in [(100, Decision::Feed), (101, Decision::Start)] {
        let mut stretches = window(0, 10);
        let decisions = feed_at(&mut stretches, &[('I', 0, 40), ('I', 40 + hole, 40)]);
        assert_eq!(decisions[1], decision, "{hole} ms");
    }
    for (hole, decision) in [(400, Decision::Feed), (401, Decision::Start)] {
        let mut stretches = window(0, 100);
        let decisions = feed_at(&mut stretches, &[('I', 0, 200), ('I', 200 + hole, 200)]);
        assert_eq!(decisions[1], decision, "{hole} ms at 5 frames a second");
    }
}

#[test]
fn a_recorder_that_steps_back_starts_anew_and_shows_nothing_twice() {
    let mut stretches = window(0, 100);
    feed(&mut stretches, 0, &(0..50).map(|n| (if n == 0 { 'I' } else { 'P' }, n)).collect::<Vec<_>>());
    let again: Vec<(char, i64)> = (40..100).map(|n| (if n == 40 { 'I' } else { 'P' }, n)).collect();
    assert_eq!(feed(&mut stretches, 40, &again)[0], Decision::Start);
    assert!(!stretches.shows(Nanos::from_millis(49 * FRAME)));
    assert!(stretches.shows(Nanos::from_millis(50 * FRAME)));
    assert!(stretches.repeats(Nanos::from_millis(49 * FRAME)));
    assert!(!stretches.repeats(Nanos::from_millis(50 * FRAME)));
    assert!(!stretches.repeats(Nanos::from_millis(49 * FRAME + FRAME / 2)));
    assert_eq!(stretches.bounds().from, Some(Nanos::from_millis(49 * FRAME + FRAME / 2)));
    assert_eq!((stretches.lack_ms(), stretches.take_cut()), (0, None));
}

#[test]
fn a_segment_that_comes_twice_is_shown_once() {
    let mut stretches = window(0, 3);
    let decisions = feed_at(&mut stretches, &[('I', 0, 40), ('I', 0, 40), ('I', 40, 40), ('P', 80, 40)]);
    assert_eq!(decisions, [Decision::Start, Decision::Start, Decision::Feed, Decision::Feed]);
    assert_eq!(stretches.lack_ms(), 0);
}

#[test]
fn a_lost_picture_counts_as_time() {
    let mut stretches = window(0, 10);
    let times: Vec<_> = (0..10)
        .map(|n| {
            (
                if n == 0 {
                    'I'
                } else if n == 4 {
                    '-'
                } else {
                    'P'
                },
                n * FRAME,
                40,
            )
        })
        .collect();
    let decisions = feed_at(&mut stretches, &times);
    assert_eq!(decisions.iter().filter(|decision| **decision == Decision::Feed).count(), 8);
    assert!(stretches.is_complete());
    stretches.break_off();
    assert_eq!((stretches.take_cut(), stretches.lack_ms()), (None, 0), "picture 3 stays on display");
}

#[test]
fn a_lost_picture_takes_nothing_from_another_at_its_time() {
    for kinds in [['P', '-'], ['-', 'P']] {
        let mut stretches = window(0, 2);
        feed_at(&mut stretches, &[('I', 0, 40), (kinds[0], 40, 40), (kinds[1], 40, 40)]);
        assert_eq!(stretches.lack_ms(), 0, "{kinds:?}");
    }
}

#[test]
fn a_lost_picture_at_the_end_is_lacking() {
    let mut stretches = window(0, 10);
    let kind = |n| {
        if n == 0 {
            'I'
        } else if n >= 8 {
            '-'
        } else {
            'P'
        }
    };
    feed_at(&mut stretches, &(0..10).map(|n| (kind(n), n * FRAME, 40)).collect::<Vec<_>>());
    assert_eq!(stretches.lack_ms(), 2 * FRAME);
    let mut stretches = window(0, 10);
    feed_at(&mut stretches, &[('-', 0, 40), ('I', 40, 40)]);
    assert_eq!(stretches.lack_ms(), 9 * FRAME, "and so is one before the first");
}

/// Pictures of a stretch by their times and durations in milliseconds.
fn timed(times: &[(i64, i64)]) -> Vec<(Nanos, Nanos)> {
    times.iter().map(|(pts, duration)| (Nanos::from_millis(*pts), Nanos::from_millis(*duration))).collect()
}

#[test]
fn a_window_in_which_a_picture_starts_soon_starts_with_it() {
    for next in [1000, 1001, 1250] {
        let times = timed(&[(0, next), (next, 4000)]);
        assert_eq!(opening(&times, Nanos::from_millis(1000), 0, false), Some(WindowStart::Picture), "{next}");
    }
}

#[test]
fn a_window_in_which_no_picture_starts_soon_starts_with_the_one_on_display() {
    let start = Nanos::from_millis(1000);
    let held = |at, until| Some(WindowStart::OnDisplay(at, Nanos::from_millis(until)));
    assert_eq!(opening(&timed(&[(0, 1251), (1251, 40)]), start, 0, false), held(0, 1251));
    assert_eq!(opening(&timed(&[(0, 3000), (40, 40), (3000, 40)]), start, 0, false), held(1, 3000));
    assert_eq!(opening(&timed(&[(0, 1001)]), start, 0, false), None, "more may come");
    assert_eq!(opening(&timed(&[(0, 1001)]), start, 0, true), held(0, 1001));
}

#[test]
fn a_window_that_starts_in_a_hole_starts_with_the_next_picture() {
    let start = Nanos::from_millis(1000);
    assert_eq!(opening(&timed(&[(0, 1000)]), start, 0, true), Some(WindowStart::Picture));
    assert_eq!(opening(&timed(&[(3000, 40)]), start, 0, false), Some(WindowStart::Picture));
    assert_eq!(opening(&[], start, 0, true), Some(WindowStart::Picture));
}

#[test]
fn a_picture_that_is_shown_earlier_may_still_be_decoded() {
    let start = Nanos::from_millis(1000);
    let mut times = timed(&[(0, 400), (3000, 400)]);
    assert_eq!(opening(&times, start, 1, false), None);
    times.extend(timed(&[(1100, 400)]));
    assert_eq!(opening(&times, start, 1, false), Some(WindowStart::Picture));
    let times = timed(&[(0, 400), (3000, 400), (2000, 400)]);
    assert_eq!(opening(&times, start, 1, false), Some(WindowStart::OnDisplay(0, Nanos::from_millis(2000))));
}

#[test]
fn parameter_sets_tell_how_soon_a_variable_frame_rate_is_complete() {
    let mut stretches = window(0, 10);
    feed_at(&mut stretches, &[('I', 0, 300), ('P', 300, 40), ('P', 340, 1000), ('P', 1340, 40)]);
    assert!(!stretches.is_complete());
    stretches.reorders(1);
    assert!(!stretches.is_complete(), "one may be decoded before one that is shown earlier");
    stretches.reorders(0);
    assert!(stretches.is_complete());
    assert_eq!(stretches.lack_ms(), 0);
}

#[test]
fn a_stretch_that_starts_with_a_refresh_is_shown_once_that_is_complete() {
    let (samples, pictures) = refreshing(30);
    // Four reference pictures, the first one included, are 0, 2, 4 and 6.
    let mut stretches = window(0, 30);
    for (n, (sample, picture)) in samples.iter().zip(&pictures).enumerate() {
        let decision = if n == 0 { Decision::Start } else { Decision::Feed };
        assert_eq!(stretches.push(&timeline(), (sample, None), picture), decision);
        assert_eq!(stretches.shows(Nanos::from_millis(sample.pts)), n >= 7, "picture {n}");
        assert!(!stretches.repeats(Nanos::from_millis(sample.pts)) || n >= 7);
    }
    assert_eq!(stretches.bounds().from, Some(Nanos::from_millis(7 * FRAME)));
    assert_eq!(stretches.lack_ms(), 7 * FRAME);
}

#[test]
fn a_key_picture_ends_a_refresh() {
    let (samples, mut pictures) = refreshing(30);
    pictures[3].random_access = RandomAccess::Idr;
    let mut stretches = window(0, 30);
    for (sample, picture) in samples.iter().zip(&pictures) {
        stretches.push(&timeline(), (sample, None), picture);
    }
    assert_eq!(
        (stretches.bounds().from, stretches.lack_ms()),
        (Some(Nanos::from_millis(3 * FRAME)), 3 * FRAME)
    );
}

#[test]
fn a_step_that_jitter_does_not_explain_may_be_over_lost_pictures() {
    let sample =
        |dts| Sample { dts, pts: dts, duration: 40, offset: 0, size: 1, sync: false, description: 1 };
    let mut stretches = window(0, 100);
    assert!(!stretches.goes_on() && !stretches.steps_over(&timeline(), &sample(900)));
    feed(&mut stretches, 0, &[('I', 0), ('P', 1)]);
    assert!(stretches.goes_on());
    assert!(!stretches.steps_over(&timeline(), &sample(2 * FRAME + 100)));
    assert!(stretches.steps_over(&timeline(), &sample(2 * FRAME + 101)));
    stretches.break_off();
    assert!(!stretches.goes_on() && !stretches.steps_over(&timeline(), &sample(900)));
}
