use super::*;
use proptest::prelude::*;

const FRAME: i64 = 40;

fn ms(value: i64) -> Nanos {
    Nanos::from_millis(value)
}

/// Frame `number`; its item is the number too.
fn access(number: i64, random_access: RandomAccess, leading: Leading, reference: bool) -> Access<i64> {
    let picture = Picture {
        random_access,
        leading,
        reference,
        temporal_id: 0,
        parameter_sets: false,
        slices: 1,
        recovery: 0,
        bipredicted: false,
    };
    Access { pts: ms(number * FRAME), duration: ms(FRAME), picture, bytes: 1000, item: number }
}

fn idr(number: i64) -> Access<i64> {
    access(number, RandomAccess::Idr, Leading::No, true)
}

fn cra(number: i64) -> Access<i64> {
    access(number, RandomAccess::Cra, Leading::No, true)
}

fn p(number: i64) -> Access<i64> {
    access(number, RandomAccess::None, Leading::No, true)
}

fn b(number: i64) -> Access<i64> {
    access(number, RandomAccess::None, Leading::No, false)
}

fn rasl(number: i64) -> Access<i64> {
    access(number, RandomAccess::None, Leading::Rasl, false)
}

/// GOPs of `length` frames in mini-GOPs of one P and the two Bs before it.
fn closed(gops: i64, length: i64) -> Vec<Access<i64>> {
    let mut all = Vec::new();
    for first in (0..gops).map(|gop| gop * length) {
        all.push(idr(first));
        let mut next = first + 1;
        while next < first + length {
            let last = (next + 2).min(first + length - 1);
            all.push(p(last));
            all.extend((next..last).map(b));
            next = last + 1;
        }
    }
    all
}

/// Open GOPs of 12: every CRA is followed by the two pictures before it.
fn open(gops: i64) -> Vec<Access<i64>> {
    let mut all = vec![idr(0)];
    for first in (1..=gops).map(|gop| gop * 12) {
        for last in (first - 12 + 3..first - 2).step_by(3) {
            all.extend([p(last), b(last - 2), b(last - 1)]);
        }
        all.extend([cra(first), rasl(first - 2), rasl(first - 1)]);
    }
    all
}

fn run(all: &[Access<i64>], start: i64, end: i64, method: Method) -> Result<Vec<Step<i64>>, GiveUp> {
    let mut cutter = Cutter::new(ms(start), ms(end), method);
    let mut steps = Vec::new();
    let first = all.iter().rposition(|a| starts(a) && a.pts <= ms(start)).unwrap_or(0);
    cutter.begin(all[first].clone(), Bounds::default());
    for access in &all[first + 1..] {
        if access.pts >= all[first].pts {
            steps.extend(cutter.push(access.clone())?);
        }
    }
    steps.extend(cutter.end(None)?);
    Ok(steps)
}

fn numbers(list: &[Access<i64>]) -> Vec<i64> {
    list.iter().map(|a| a.item).collect()
}

fn rendered(run: &Run<i64>) -> Vec<i64> {
    let mut all: Vec<i64> =
        run.feed.iter().filter(|a| a.pts >= run.from && a.pts < run.until).map(|a| a.item).collect();
    all.sort_unstable();
    all
}

/// Every frame of the clip in the order of display, step by step.
fn displayed(steps: &[Step<i64>]) -> Vec<i64> {
    let mut all = Vec::new();
    for step in steps {
        let mut shown = match step {
            Step::Copy { pictures, .. } => numbers(pictures),
            Step::Render(run) => rendered(run),
        };
        shown.sort_unstable();
        all.extend(shown);
    }
    all
}

fn copied(steps: &[Step<i64>]) -> Vec<i64> {
    let blocks = steps.iter().filter_map(|step| match step {
        Step::Copy { pictures, .. } => Some(numbers(pictures)),
        Step::Render(_) => None,
    });
    blocks.flatten().collect()
}

#[test]
fn head_and_tail_are_rendered_and_all_between_is_copied() {
    let steps = run(&closed(5, 25), 400, 3320, Method::Copy).unwrap();
    let (Some(Step::Render(head)), Some(Step::Render(tail))) = (steps.first(), steps.last()) else {
        panic!("{steps:?}")
    };
    assert_eq!(rendered(head), (10..25).collect::<Vec<_>>());
    assert_eq!(numbers(&head.after), [25, 28]);
    assert!(head.feed.ends_with(&[idr(25), p(28)]) && !head.joins);
    assert_eq!(numbers(&head.feed)[..4], [0, 3, 6, 9], "what nothing refers to is not decoded");
    assert_eq!(rendered(tail), [82]);
    assert!(tail.joins && tail.after.is_empty() && tail.feed[0] == idr(75));
    assert_eq!(displayed(&steps), (10..83).collect::<Vec<_>>());
    assert!(matches!(steps[1], Step::Copy { splice: true, .. }));
    assert!(steps[2..].iter().all(|step| !matches!(step, Step::Copy { splice: true, .. })));
}

#[test]
fn a_window_that_starts_with_a_random_access_picture_has_no_head() {
    let steps = run(&closed(3, 10), 400, 800, Method::Copy).unwrap();
    assert_eq!(copied(&steps).len(), 10);
    assert!(matches!(&steps[0], Step::Copy { splice: true, pictures } if pictures[0] == idr(10)));
}

#[test]
fn a_window_that_starts_between_two_frames_needs_no_picture_of_the_gop_before() {
    let steps = run(&closed(3, 10), 390, 800, Method::Copy).unwrap();
    assert_eq!(copied(&steps).len(), 10);
}

#[test]
fn leading_pictures_of_the_first_copied_picture_are_part_of_the_head() {
    let steps = run(&open(4), 5 * FRAME, 40 * FRAME, Method::Copy).unwrap();
    let Step::Render(head) = &steps[0] else { panic!("{steps:?}") };
    assert_eq!(rendered(head), [5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(numbers(&head.after), [12, 15]);
    assert!(!copied(&steps).contains(&11) && copied(&steps)[0] == 12);
    assert_eq!(displayed(&steps), (5..40).collect::<Vec<_>>());
}

#[test]
fn a_tail_among_leading_pictures_is_decoded_from_the_random_access_picture_before() {
    // However much of what is behind the window comes along.
    for gops in [4, 8] {
        let steps = run(&open(gops), 12 * FRAME, 35 * FRAME, Method::Copy).unwrap();
        let Some(Step::Render(tail)) = steps.last() else { panic!("{steps:?}") };
        assert_eq!((rendered(tail), tail.feed[0].item), (vec![34], 24));
        assert!(numbers(&tail.feed).contains(&36));
    }
}

#[test]
fn a_window_without_a_place_to_start_a_copy_is_rendered_as_a_whole() {
    let steps = run(&closed(2, 100), 1000, 3000, Method::Copy).unwrap();
    assert_eq!((steps.len(), copied(&steps).len()), (1, 0));
    assert_eq!(displayed(&steps), (25..75).collect::<Vec<_>>());
}

#[test]
fn an_open_gop_without_marks_is_given_up_after_a_while() {
    let mut all = vec![idr(0)];
    all.extend((1..1000).map(|n| access(n, RandomAccess::RecoveryPoint, Leading::No, true)));
    assert_eq!(run(&all, 400, 39_000, Method::Copy), Err(GiveUp::NoStart));
    assert_eq!(displayed(&run(&all, 400, 39_000, Method::Render(ms(10_000))).unwrap()).len(), 965);
}

/// The first of `more` that is refused, counted from 1.
fn refused(
    start: i64,
    first: Access<i64>,
    more: impl IntoIterator<Item = Access<i64>>,
) -> Option<(usize, GiveUp)> {
    let mut cutter = Cutter::new(ms(start), ms(100_000), Method::Copy);
    cutter.begin(first, Bounds::default());
    (1..).zip(more).find_map(|(n, access)| cutter.push(access).err().map(|why| (n, why)))
}

#[test]
fn a_head_may_last_twelve_and_a_half_seconds() {
    // Picture 313 is shown exactly 12.5 s behind the window's start.
    assert_eq!(refused(20, idr(0), (1..400).map(p)), Some((314, GiveUp::NoStart)));
}

#[test]
fn pictures_that_wait_for_ever_are_given_up() {
    assert_eq!(refused(0, idr(0), (1..2000).rev().map(p)), Some((257, GiveUp::Reorder)));
    assert_eq!(refused(0, idr(0), closed(1, 2000)[1..].to_vec()), None);
}

#[test]
fn pictures_that_contradict_the_key_picture_behind_a_head_are_given_up() {
    for (at, why) in [(8, None), (10, Some((11, GiveUp::Times))), (12, Some((11, GiveUp::Times)))] {
        let more = (1..9).map(p).chain([p(at), idr(10), p(11)]);
        let more: Vec<_> = more.collect();
        assert_eq!(refused(400 - 40, idr(0), more), why, "picture at {at}");
    }
    let twice = (1..10).map(p).chain([idr(10), p(10)]);
    assert_eq!(refused(400 - 40, idr(0), twice), Some((11, GiveUp::Times)));
    let leads_what_is_shown_before_it = (1..10).map(p).chain([cra(10), rasl(11)]);
    assert_eq!(refused(400 - 40, idr(0), leads_what_is_shown_before_it), Some((11, GiveUp::Times)));
}

#[test]
fn a_key_picture_at_the_end_of_a_stretch_is_copied_if_it_is_shown() {
    for (until, cut, all) in [(11, None, 11), (10, None, 10), (11, Some(10), 10)] {
        let mut cutter = Cutter::new(ms(200), ms(4000), Method::Copy);
        cutter.begin(idr(0), Bounds { from: None, until: Some(ms(until * FRAME)) });
        for access in (1..10).map(p).chain([idr(10)]) {
            assert_eq!(cutter.push(access).unwrap(), []);
        }
        let steps = cutter.end(cut.map(|cut: i64| ms(cut * FRAME))).unwrap();
        assert_eq!(displayed(&steps), (5..all).collect::<Vec<_>>());
        assert_eq!(copied(&steps), (10..all).collect::<Vec<_>>());
        let Step::Render(head) = &steps[0] else { panic!("{steps:?}") };
        assert_eq!(numbers(&head.after), (10..all).collect::<Vec<_>>());
    }
}

#[test]
fn a_window_that_ends_with_a_key_picture_has_nothing_to_do_with_it() {
    let all = closed(3, 25);
    for (end, after) in [(25 * FRAME, vec![]), (25 * FRAME + 1, vec![25, 28])] {
        let steps = run(&all, 400, end, Method::Copy).unwrap();
        let Step::Render(head) = &steps[0] else { panic!("{steps:?}") };
        assert_eq!((numbers(&head.after), rendered(head).len()), (after, 15), "{end}");
    }
}

#[test]
fn decoding_starts_with_the_last_key_picture_before_the_window() {
    for method in [Method::Copy, Method::Render(ms(10_000))] {
        for (start, first) in [(60, 50), (50, 50)] {
            let mut cutter = Cutter::new(ms(start * FRAME), ms(120 * FRAME), method);
            let all = closed(5, 25);
            cutter.begin(all[0].clone(), Bounds::default());
            let pushed = all[1..].iter().flat_map(|access| cutter.push(access.clone()).unwrap());
            let mut steps: Vec<_> = pushed.collect();
            steps.extend(cutter.end(None).unwrap());
            assert_eq!(displayed(&steps), (start..120).collect::<Vec<_>>(), "{method:?}");
            let decoded = match &steps[0] {
                Step::Render(head) => head.feed[0].item,
                Step::Copy { pictures, .. } => pictures[0].item,
            };
            assert_eq!(decoded, first, "{method:?}");
        }
    }
}

#[test]
fn of_idle_pictures_only_those_of_the_highest_layer_are_left_out() {
    let layered = |access: Access<i64>, temporal_id: u8| {
        let picture = Picture { temporal_id, ..access.picture };
        Access { picture, ..access }
    };
    let feed = [idr(0), layered(b(1), 1), layered(b(2), 2), layered(p(3), 2), layered(b(4), 2)];
    let run = Run::whole(feed.to_vec(), ms(4 * FRAME), ms(5 * FRAME)).unwrap();
    assert_eq!(numbers(&run.feed), [0, 1, 3, 4]);
    assert_eq!(Run::whole(feed.to_vec(), ms(5 * FRAME), ms(9 * FRAME)), None);
    let run = Run::whole(feed.to_vec(), ms(2 * FRAME), ms(3 * FRAME)).unwrap();
    assert_eq!(numbers(&run.feed), [0, 1, 2], "nothing behind the last one that is shown");
}

#[test]
fn a_late_key_picture_alone_makes_no_head_too_long() {
    let mut all = vec![idr(0)];
    all.extend((1..400).map(p));
    all.extend((400..500).map(|n| if n == 400 { idr(n) } else { p(n) }));
    let steps = |heads: usize, all: &[Access<i64>]| {
        let mut cutter = Cutter::new(ms(400), ms(19_000), Method::Copy).with_heads_of(heads);
        cutter.begin(all[0].clone(), Bounds::default());
        let mut steps = Vec::new();
        for access in &all[1..] {
            steps.extend(cutter.push(access.clone())?);
        }
        steps.extend(cutter.end(None)?);
        Ok(steps)
    };
    assert_eq!(displayed(&steps(400, &all).unwrap()), (10..475).collect::<Vec<_>>());
    assert_eq!(copied(&steps(400, &all).unwrap()).len(), 75);
    assert_eq!(
        steps(322, &all),
        Err(GiveUp::NoStart),
        "twelve and a half seconds, and then too many pictures"
    );
    assert!(steps(398, &all).is_err());
    all[300] = access(300, RandomAccess::RecoveryPoint, Leading::No, true);
    assert_eq!(steps(400, &all), Err(GiveUp::NoStart), "pieces could start there");
}

#[test]
fn no_head_has_more_pictures_than_can_be_told_apart_from_a_clock_that_stands() {
    let mut cutter = Cutter::new(ms(400), ms(4000), Method::Copy).with_heads_of(usize::MAX);
    cutter.begin(idr(0), Bounds::default());
    let pushed = (0..10_000).find(|_| cutter.push(p(1)).is_err());
    assert_eq!(pushed, Some(4096));
}

#[test]
fn what_a_tail_may_need_is_held_from_the_last_key_picture_on_and_no_longer_than_it_fits() {
    let heavy = |access: Access<i64>| Access { bytes: 1 << 20, ..access };
    for (gop, method, fits) in [
        (300, Method::Copy, true),
        (100_000, Method::Copy, false),
        (300, Method::Render(ms(10)), true),
        (100_000, Method::Render(ms(10)), false),
    ] {
        let mut cutter = Cutter::new(ms(0), ms(1_000_000), method);
        cutter.begin(heavy(idr(0)), Bounds::default());
        let refused =
            (1..2000).find(|n| cutter.push(heavy(if n % gop == 0 { idr(*n) } else { p(*n) })).is_err());
        assert_eq!(refused, (!fits).then_some(384), "{gop} {method:?}");
    }
    let mut cutter = Cutter::new(ms(0), ms(1_000_000), Method::Copy);
    cutter.begin(heavy(idr(0)), Bounds::default());
    let refused = (1..2000).find(|n| cutter.push(heavy(if *n == 300 { idr(*n) } else { p(*n) })).is_err());
    assert_eq!(refused, Some(300 + 384), "what is before a key picture that was passed on counts no more");
}

#[test]
fn contradicting_times_are_given_up() {
    let mut twice = closed(4, 12);
    twice[20].pts = twice[21].pts;
    assert_eq!(run(&twice, 0, 1500, Method::Copy), Err(GiveUp::Times));
    // As ffmpeg's DASH muxer writes a segment that starts with an open GOP.
    let mut early = open(4);
    let at = early.iter().position(|a| a.item == 24).unwrap();
    early[at].pts = ms(21 * FRAME);
    for start in [5, 12] {
        assert_eq!(run(&early, start * FRAME, 1500, Method::Copy), Err(GiveUp::Times), "from frame {start}");
    }
}

#[test]
fn leading_pictures_of_the_picture_that_a_copy_starts_with_are_left_out() {
    let mut cutter = Cutter::new(ms(12 * FRAME), ms(4000), Method::Copy);
    cutter.begin(cra(12), Bounds::default());
    for access in [rasl(10), rasl(11), p(13)] {
        assert_eq!(cutter.push(access), Ok(vec![]));
    }
    assert_eq!(copied(&cutter.end(None).unwrap()), [12, 13]);
}

#[test]
fn nothing_is_passed_on_before_what_is_shown_at_the_same_time() {
    let times = [ms(0), ms(40), ms(40)];
    assert_eq!([1, 2, 3].map(|most| longest_prefix(&times, most, ms(100))), [1, 1, 3]);
}

#[test]
fn what_would_be_shown_behind_lost_pictures_is_not_shown() {
    let mut cutter = Cutter::new(ms(0), ms(4000), Method::Copy);
    cutter.begin(idr(0), Bounds::default());
    for access in [p(3), b(1), b(2), p(6)] {
        cutter.push(access).unwrap();
    }
    let steps = cutter.end(Some(ms(6 * FRAME))).unwrap();
    assert_eq!(displayed(&steps), [0, 1, 2, 3]);
}

#[test]
fn a_period_s_end_ends_what_is_shown_of_it() {
    let mut cutter = Cutter::new(ms(0), ms(4000), Method::Copy);
    cutter.begin(idr(0), Bounds { until: Some(ms(2 * FRAME)), from: None });
    for access in [p(3), b(1), b(2)] {
        cutter.push(access).unwrap();
    }
    let steps = cutter.end(None).unwrap();
    assert_eq!((displayed(&steps), copied(&steps)), (vec![0, 1], vec![0]));
}

#[test]
fn a_period_that_starts_within_a_gop_is_decoded_from_its_key_picture_and_shown_from_its_start() {
    for method in [Method::Copy, Method::Render(ms(1000))] {
        let mut cutter = Cutter::new(ms(0), ms(4000), method);
        cutter.begin(idr(0), Bounds { from: Some(ms(4 * FRAME)), until: None });
        let mut steps = Vec::new();
        for access in &closed(2, 10)[1..] {
            steps.extend(cutter.push(access.clone()).unwrap());
        }
        steps.extend(cutter.end(None).unwrap());
        let Some(Step::Render(head)) = steps.first() else { panic!("{steps:?}") };
        assert_eq!((head.feed[0].item, rendered(head)[0]), (0, 4));
        assert_eq!(displayed(&steps), (4..20).collect::<Vec<_>>());
    }
}

#[test]
fn a_period_that_starts_with_a_later_key_picture_is_copied_from_it() {
    let mut cutter = Cutter::new(ms(0), ms(4000), Method::Copy);
    cutter.begin(idr(0), Bounds { from: Some(ms(10 * FRAME - 1)), until: None });
    let mut steps = Vec::new();
    for access in &closed(2, 10)[1..] {
        steps.extend(cutter.push(access.clone()).unwrap());
    }
    steps.extend(cutter.end(None).unwrap());
    assert_eq!((displayed(&steps), copied(&steps).len()), ((10..20).collect(), 10));
}

#[test]
fn a_stretch_that_starts_with_a_refresh_is_rendered_from_where_it_is_right() {
    for (start, method) in [(0, Method::Copy), (0, Method::Render(ms(1000))), (8 * FRAME, Method::Copy)] {
        let mut cutter = Cutter::new(ms(start), ms(4000), method);
        cutter.begin(
            access(0, RandomAccess::None, Leading::No, true),
            Bounds { from: Some(NEVER), until: None },
        );
        let mut steps = Vec::new();
        for access in (1..20).map(p).chain(closed(3, 10).split_off(20)) {
            if access.pts >= ms(5 * FRAME) {
                cutter.show_from(access.pts);
            }
            steps.extend(cutter.push(access).unwrap());
        }
        steps.extend(cutter.end(None).unwrap());
        assert_eq!(displayed(&steps), ((start / FRAME).max(5)..30).collect::<Vec<_>>());
        assert_eq!(copied(&steps).len(), if method == Method::Copy { 10 } else { 0 });
    }
}

#[test]
fn pieces_of_a_full_rendering_start_at_random_access_pictures() {
    let steps = run(&open(20), 100, 9000, Method::Render(ms(2000))).unwrap();
    assert!(steps.len() > 3);
    for step in &steps {
        let Step::Render(run) = step else { panic!("{step:?}") };
        assert!(starts(&run.feed[0]) && run.feed[0].pts <= run.from && run.after.is_empty());
        assert!(run.until - run.from >= ms(2000) || run.until == ms(9000), "{:?}", run.from);
    }
    assert_eq!(displayed(&steps), (3..225).collect::<Vec<_>>());
}

/// Random mini-GOPs of up to four pictures, each with its last picture first; open or closed.
fn recording() -> impl Strategy<Value = Vec<Access<i64>>> {
    let gop = (any::<bool>(), prop::collection::vec((1_i64..5, any::<bool>()), 1..8));
    prop::collection::vec(gop, 1..8).prop_map(|gops| {
        let (mut all, mut next) = (Vec::new(), 0);
        for (nth, (open, minis)) in gops.into_iter().enumerate() {
            let leading = if open && nth > 0 { 2 } else { 0 };
            let first = next + leading;
            all.push(if leading > 0 { cra(first) } else { idr(first) });
            all.extend((next..first).map(rasl));
            next = first + 1;
            for (length, reference) in minis {
                all.push(p(next + length - 1));
                let middle = if reference { p } else { b };
                all.extend((next..next + length - 1).map(middle));
                next += length;
            }
        }
        all
    })
}

proptest! {
    #[test]
    fn every_frame_of_the_window_is_shown_once_and_in_order(
        all in recording(), start in 0_i64..4000, length in 1_i64..4000, render in any::<bool>(),
    ) {
        let method = if render { Method::Render(ms(1000)) } else { Method::Copy };
        let steps = run(&all, start, start + length, method).unwrap();
        let mut wanted: Vec<i64> =
            all.iter().filter(|a| a.pts >= ms(start) && a.pts < ms(start + length)).map(|a| a.item).collect();
        wanted.sort_unstable();
        prop_assert_eq!(displayed(&steps), wanted);
    }

    #[test]
    fn what_is_decoded_has_everything_it_refers_to(
        all in recording(), start in 0_i64..4000, length in 1_i64..4000,
    ) {
        for step in run(&all, start, start + length, Method::Copy).unwrap() {
            let Step::Render(run) = step else { continue };
            let order: Vec<usize> =
                run.feed.iter().map(|a| all.iter().position(|b| b.item == a.item).unwrap()).collect();
            let (first, last) = (order[0], order[order.len() - 1]);
            prop_assert!(starts(&run.feed[0]) && order.is_sorted());
            for (n, access) in all.iter().enumerate().take(last).skip(first) {
                let leads = access.pts < run.feed[0].pts;
                prop_assert!(order.contains(&n) || leads || !access.picture.reference);
            }
        }
    }

    #[test]
    fn no_more_than_a_mini_gop_is_rendered_at_the_end(
        all in recording(), start in 0_i64..4000, length in 1_i64..4000,
    ) {
        let steps = run(&all, start, start + length, Method::Copy).unwrap();
        if let (true, Some(Step::Render(tail))) = (steps.len() > 1, steps.last()) {
            prop_assert!(rendered(tail).len() <= 6, "{:?}", rendered(tail));
        }
    }

    #[test]
    fn nothing_makes_it_panic_or_show_a_frame_twice(
        list in prop::collection::vec((0_i64..60, 0_u8..6, any::<bool>()), 1..120), start in 0_i64..2400, length in 1_i64..2400,
        cut in prop::option::of(0_i64..2400),
    ) {
        let make = |(number, kind, reference): (i64, u8, bool)| match kind {
            0 => idr(number),
            1 => cra(number),
            2 => access(number, RandomAccess::RecoveryPoint, Leading::No, true),
            3 => rasl(number),
            _ => access(number, RandomAccess::None, Leading::No, reference),
        };
        let mut cutter = Cutter::new(ms(start), ms(start + length), Method::Copy);
        let mut list = list.into_iter().map(make);
        cutter.begin(Access { picture: idr(0).picture, ..list.next().unwrap() }, Bounds::default());
        let mut steps = Vec::new();
        for access in list {
            match cutter.push(access) {
                Ok(more) => steps.extend(more),
                Err(_) => return Ok(()),
            }
        }
        steps.extend(cutter.end(cut.map(ms)).unwrap_or_default());
        let all = copied(&steps);
        let unique: std::collections::BTreeSet<i64> = all.iter().copied().collect();
        prop_assert_eq!(unique.len(), all.len());
    }
}

#[test]
fn what_an_earlier_stretch_showed_is_decoded_but_not_shown() {
    for (copies, expected) in [(Method::Copy, 5..20), (Method::Render(ms(10_000)), 5..20)] {
        let mut cutter = Cutter::new(ms(0), ms(20 * FRAME), copies);
        cutter.begin(idr(0), Bounds { from: Some(ms(5 * FRAME)), until: None });
        let mut steps = Vec::new();
        for n in 1..20 {
            steps.extend(cutter.push(if n == 10 { idr(10) } else { p(n) }).unwrap());
        }
        steps.extend(cutter.end(None).unwrap());
        assert_eq!(displayed(&steps), expected.collect::<Vec<_>>());
    }
}
