use super::*;
use crate::hls::{HlsPlaylist, Variant, parse, recording};
use proptest::prelude::*;
use std::fmt::Write as _;

const MICROS: i128 = 1000;

/// The list of segments of these lengths in microseconds, which are written with so many digits.
fn list(lengths: &[i64], digits: u32) -> Representation {
    let mut text = "#EXTM3U\n".to_owned();
    for length in lengths {
        let unit = 10_i64.pow(6 - digits);
        let rounded = (length + unit / 2) / unit;
        let (whole, rest) = (rounded / 10_i64.pow(digits), rounded % 10_i64.pow(digits));
        let fraction = if digits == 0 {
            String::new()
        } else {
            format!(".{rest:0width$}", width = usize::try_from(digits).unwrap())
        };
        writeln!(text, "#EXTINF:{whole}{fraction},\ns").unwrap();
    }
    let Ok(HlsPlaylist::Media(media)) = parse(text.as_bytes(), "a.m3u8") else { panic!("{text}") };
    recording(&Variant::default(), &media, &[]).unwrap().periods.remove(0).representations.remove(0)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap()
}

fn starts(lengths: &[i64]) -> Vec<Nanos> {
    let ends = lengths.iter().scan(0, |end, length| {
        let start = *end;
        *end += length;
        Some(start)
    });
    ends.map(|micros| Nanos::new(i128::from(micros) * MICROS)).collect()
}

/// The end of a search among segments that start so, and the probes that it took.
fn search(
    list: &Representation,
    starts: &[Option<Nanos>],
    at: Nanos,
    anchor: Option<(u64, Nanos)>,
) -> (FinderStep, usize) {
    let (mut finder, mut probes) = (Finder::new(list, at, anchor), 0);
    loop {
        match finder.step() {
            FinderStep::Probe(index) => {
                finder.saw(index, starts.get(usize::try_from(index).unwrap()).copied().flatten());
                probes += 1;
            }
            end => return (end, probes),
        }
    }
}

fn found(step: FinderStep) -> Measured {
    match step {
        FinderStep::Found(found) => found,
        other => panic!("{other:?}"),
    }
}

/// The position that a list leads to with what was measured.
fn led_to(list: &Representation, measured: Measured, at: Nanos) -> u64 {
    list.index_at(list.timeline.last_tick_at_or_before(at - measured.drift))
}

#[test]
fn a_list_of_exact_lengths_needs_one_look_at_most() {
    let lengths = [2_002_000; 500];
    let (list, real) = (list(&lengths, 6), starts(&lengths));
    let some: Vec<_> = real.iter().copied().map(Some).collect();
    let at = real[400] + Nanos::new(5);
    let (step, probes) = search(&list, &some, at, Some((0, Nanos::ZERO)));
    assert_eq!((found(step), probes), (Measured { index: 400, drift: Nanos::ZERO }, 1));
    let (step, probes) = search(&list, &some, at, Some((400, real[400])));
    assert_eq!((found(step).index, probes), (400, 0));
}

#[test]
fn four_hours_of_whole_seconds_drift_and_are_found() {
    let lengths = vec![2_002_000; 7176];
    let (list, real) = (list(&lengths, 0), starts(&lengths));
    let some: Vec<_> = real.iter().copied().map(Some).collect();
    for index in [0, 1, 7, 299, 3000, 7000, 7175_usize] {
        let at = real[index] + Nanos::new(1_990_000_000);
        let (step, probes) = search(&list, &some, at, Some((0, Nanos::ZERO)));
        let measured = found(step);
        assert_eq!((measured.index, led_to(&list, measured, at)), (count(index), count(index)));
        assert!(probes <= 4, "{probes}");
    }
}

#[test]
fn a_clock_that_starts_anew_is_told() {
    let lengths = [4_000_000; 300];
    let (list, real) = (list(&lengths, 3), starts(&lengths));
    let restarted: Vec<_> = (0..300).map(|n| Some(real[if n < 100 { n } else { n - 100 }])).collect();
    let (step, _) = search(&list, &restarted, Nanos::from_millis(800_000), Some((0, Nanos::ZERO)));
    assert_eq!(step, FinderStep::OtherClock(200));
    let (step, _) = search(&list, &restarted, Nanos::from_millis(300_000), Some((0, Nanos::ZERO)));
    assert_eq!(found(step).index, 75);
}

proptest! {
    #[test]
    fn the_segment_is_found_in_eight_looks_whatever_the_lengths_hide(
        (base, jitter) in prop_oneof![Just((2_002_000, 0)), (1_000_000..10_000_000_i64, 0..900_000_i64)],
        seeds in prop::collection::vec(0..1_000_000_i64, 1..1500),
        digits in 0..=6_u32,
        place in any::<prop::sample::Index>(),
        anchored in any::<Option<prop::sample::Index>>(),
    ) {
        let lengths: Vec<i64> = seeds.iter().map(|seed| base + seed % (jitter + 1)).collect();
        let (list, real) = (list(&lengths, digits), starts(&lengths));
        let some: Vec<_> = real.iter().copied().map(Some).collect();
        let total = lengths.iter().sum::<i64>();
        let at = Nanos::new(i128::from(count(place.index(usize::try_from(total).unwrap()))) * MICROS);
        let anchor = anchored.map(|anchor| anchor.index(real.len())).map(|n| (count(n), real[n]));
        let (step, probes) = search(&list, &some, at, anchor);
        prop_assert!(probes <= MOST_PROBES);
        let truth = count(real.partition_point(|start| *start <= at) - 1);
        let measured = found(step);
        prop_assert_eq!(measured.index, truth, "{} probes", probes);
        prop_assert!(led_to(&list, measured, at).abs_diff(truth) <= 1);
    }

    #[test]
    fn a_search_ends_after_eight_looks_whatever_it_sees(
        lengths in prop::collection::vec(1..20_000_000_i64, 1..200),
        seen in prop::collection::vec(prop::option::of(any::<i64>()), 1..200),
        at in any::<i64>(),
        anchor in any::<Option<(u8, i64)>>(),
    ) {
        let list = list(&lengths, 3);
        let seen: Vec<_> = seen.into_iter().map(|seen| seen.map(|micros| Nanos::new(i128::from(micros) * MICROS))).collect();
        let anchor = anchor.map(|(index, at)| (index.into(), Nanos::new(i128::from(at) * MICROS)));
        let (_, probes) = search(&list, &seen, Nanos::new(i128::from(at) * MICROS), anchor);
        prop_assert!(probes <= MOST_PROBES);
    }
}
