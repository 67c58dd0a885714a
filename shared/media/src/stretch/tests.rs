use super::*;
use crate::nal::Leading;
use std::num::NonZeroU32;

const FRAME: i64 = 40;

fn timeline() -> Timeline {
    Timeline::new(NonZeroU32::new(1000).unwrap(), 0, Nanos::ZERO)
}

/// Samples in decode order from presentation frame numbers; `I` starts a closed GOP, `R` an open one.
fn feed(stretches: &mut Stretches, first_dts: i64, frames: &[(char, i64)]) -> Vec<Decision> {
    let decide = |(n, (kind, frame)): (usize, &(char, i64))| {
        let random_access = match kind {
            'I' => RandomAccess::Idr,
            'R' => RandomAccess::RecoveryPoint,
            _ => RandomAccess::None,
        };
        let picture = Picture {
            random_access,
            leading: Leading::No,
            reference: true,
            temporal_id: 0,
            parameter_sets: false,
            slices: 1,
        };
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
        stretches.push(&timeline(), &sample, &picture)
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
        let picture = Picture {
            random_access,
            leading: Leading::No,
            reference: true,
            temporal_id: 0,
            parameter_sets: false,
            slices: 1,
        };
        let sample = Sample { dts, pts, duration, offset: 0, size: 1, sync: false, description: 1 };
        dts += i64::from(duration);
        stretches.push(&timeline(), &sample, &picture);
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
fn pictures_behind_the_end_of_their_period_are_fed_but_cover_nothing() {
    let mut stretches = window(0, 10);
    stretches.begin_period(Some(Nanos::from_millis(3 * FRAME)));
    let decisions = feed(&mut stretches, 0, &[('I', 0), ('P', 3), ('P', 1), ('P', 2)]);
    assert_eq!(decisions[1..], [Decision::Feed; 3], "pictures 1 and 2 refer to picture 3");
    assert!(
        stretches.shows(Nanos::from_millis(2 * FRAME)) && !stretches.shows(Nanos::from_millis(3 * FRAME))
    );
    assert_eq!(stretches.lack_ms(), 7 * FRAME);
}
