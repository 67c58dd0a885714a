//! What is decided from samples' times alone, however little sense they make.

use export_fuzz::damage::signed;
use export_fuzz::{config, measured};
use export_media::arrange::{AudioSlots, ClipClock, nanos, ticks};
use export_media::coverage::Coverage;
use export_media::cut::{Access, Cutter, Method, Step};
use export_media::nal::{Leading, Picture, RandomAccess};
use export_media::sample::Sample;
use export_media::stretch::{Bounds, Stretches, entry_point};
use export_media::time::{Nanos, Timeline};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use std::num::NonZeroU32;

/// The bytes of a machine that keeps only samples that may be reordered: 17, in nodes of a map that may be half empty.
const FIXED: usize = 4 << 10;

fn instant() -> impl Strategy<Value = Nanos> {
    prop_oneof![
        8 => (-10_000..1_000_000_i64).prop_map(Nanos::from_millis),
        1 => signed().prop_map(Nanos::from_millis),
        1 => any::<i128>().prop_map(Nanos::new),
    ]
}

/// Stretches of time that are mostly a frame's.
fn span() -> impl Strategy<Value = (Nanos, Nanos)> {
    let length = prop_oneof![8 => 0..50_000_000_i128, 1 => 0..=i128::MAX];
    (instant(), length).prop_map(|(from, length)| (from, from + Nanos::new(length)))
}

fn timeline() -> impl Strategy<Value = Timeline> {
    let scale = || {
        let usual = select(vec![1, 1000, 12_800, 30_000, 48_000, 90_000, u32::MAX]);
        prop_oneof![3 => usual.prop_map(|scale| NonZeroU32::new(scale).unwrap()), 1 => any::<NonZeroU32>()]
    };
    (scale(), scale(), prop_oneof![Just(0), signed()], instant()).prop_map(
        |(scale, offset_scale, offset, start)| {
            Timeline::new(offset_scale, offset, start).with_timescale(scale)
        },
    )
}

/// Samples in decode order: mostly one after the other and reordered a little, with holes and leaps.
fn samples() -> impl Strategy<Value = Vec<(Sample, Picture)>> {
    let access = select(vec![
        RandomAccess::None,
        RandomAccess::None,
        RandomAccess::None,
        RandomAccess::Idr,
        RandomAccess::Cra,
        RandomAccess::Bla,
        RandomAccess::RecoveryPoint,
    ]);
    let leading = select(vec![Leading::No, Leading::No, Leading::Radl, Leading::Rasl]);
    let step = prop_oneof![8 => Just(0_i64), 1 => signed()];
    let offset = prop_oneof![8 => (-4..5_i64).prop_map(|frames| frames * 512), 1 => signed()];
    let duration = prop_oneof![8 => Just(512_u32), 1 => any::<u32>(), 1 => Just(0)];
    vec((step, offset, duration, access, leading), 0..80).prop_map(|list| {
        let mut dts = 0_i64;
        list.into_iter()
            .map(|(step, offset, duration, random_access, leading)| {
                dts = dts.saturating_add(step);
                let pts = dts.saturating_add(offset);
                let sample = Sample { dts, pts, duration, offset: 0, size: 1, sync: false, description: 1 };
                dts = dts.saturating_add(i64::from(duration));
                let picture = Picture {
                    random_access,
                    leading,
                    reference: true,
                    temporal_id: 0,
                    parameter_sets: false,
                    slices: 1,
                    recovery: 0,
                    bipredicted: leading != Leading::No,
                };
                (sample, picture)
            })
            .collect()
    })
}

/// Milliseconds, rounded up; negative windows have none.
fn most_lack(start: Nanos, end: Nanos) -> i128 {
    ((end - start).get().max(0) / 1_000_000).saturating_add(1)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn stretches(
        timeline in timeline(), samples in samples(), (start, end) in (instant(), instant()),
        (from, until) in (proptest::option::of(instant()), proptest::option::of(instant())), breaks in any::<u8>(),
    ) {
        let (lack, peak) = measured(|| {
            let mut stretches = Stretches::new(start, end);
            for (n, (sample, picture)) in samples.iter().enumerate() {
                if n == usize::from(breaks) {
                    stretches.begin_period(Bounds { from, until });
                }
                if sample.duration % 7 == 3 {
                    stretches.pass_over(&timeline, sample);
                } else {
                    stretches.push(&timeline, (sample, None), picture);
                }
                let _ = (stretches.is_complete(), stretches.shows(start), stretches.take_cut());
            }
            stretches.lack_ms()
        });
        prop_assert!(peak <= FIXED, "{peak} bytes for {} samples", samples.len());
        prop_assert!(lack >= 0 && i128::from(lack) <= most_lack(start, end), "{lack}");
    }

    #[test]
    fn entry_points(timeline in timeline(), samples in samples(), start in instant()) {
        let (samples, pictures): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
        if let Some(at) = entry_point(&timeline, &samples, &pictures, &[], start) {
            prop_assert!(pictures[at].random_access != RandomAccess::None || pictures[at].recovery > 0);
            prop_assert!(timeline.to_nanos_floor(samples[at].pts) <= start);
        }
    }

    #[test]
    fn coverage(frames in vec(span(), 0..40), (start, end) in (instant(), instant())) {
        let ((lack, coverage), peak) = measured(|| {
            let mut coverage = Coverage::new(start, end);
            for (from, to) in &frames {
                coverage.add(*from, *to);
            }
            (coverage.lack_ms(), coverage)
        });
        // The first hundred holes are kept.
        prop_assert!(peak <= 6 << 10, "{peak} bytes");
        prop_assert!(coverage.holes().iter().all(|hole| hole.at_ms >= 0 && hole.length_ms > 0));
        prop_assert!(lack >= 0 && i128::from(lack) <= most_lack(start, end), "{lack}");
    }

    #[test]
    fn clip_clocks(frames in vec((span(), any::<bool>()), 0..40)) {
        let (clock, peak) = measured(|| {
            let mut clock = ClipClock::default();
            for ((from, to), may_break) in &frames {
                clock.show(*from, *to, *may_break);
            }
            clock
        });
        prop_assert!(peak <= 3 * 64 * frames.len().max(4), "{peak} bytes");
        prop_assert!(clock.pieces().len() <= frames.len());
        let _ = clock.length();
    }

    #[test]
    fn audio_slots(
        frames in vec((instant(), any::<u32>(), any::<bool>()), 0..40), timescale in any::<u32>(), at in any::<i64>(),
    ) {
        let mut slots = AudioSlots::new(timescale);
        let (mut last, mut next) = (None, i64::MIN);
        for (due, duration, starts) in frames {
            if let Some(place) = slots.place(due, duration, starts) {
                prop_assert!(last.is_none_or(|last| place > last) || place == i64::MAX, "{place} is not behind {last:?}");
                prop_assert!(starts || place >= next, "{place} is before {next}");
                (last, next) = (Some(place), place.saturating_add(i64::from(duration)));
            }
        }
        if timescale > 0 {
            // Back and forth is exact up to a nanosecond's worth of ticks.
            let error = i128::from(ticks(nanos(at, timescale), timescale)) - i128::from(at);
            prop_assert!(error.abs() <= i128::from(timescale) / 1_000_000_000 + 1, "{error}");
        }
    }

    #[test]
    fn cuts(
        timeline in timeline(), samples in samples(), (start, end) in (instant(), instant()),
        piece in proptest::option::of(instant()), cut in proptest::option::of(instant()),
        from in proptest::option::of(instant()),
    ) {
        let method = piece.map_or(Method::Copy, Method::Render);
        let steps = || {
            let mut cutter = Cutter::new(start, end, method);
            let mut steps = Vec::new();
            let mut begun = false;
            for (item, (sample, picture)) in samples.iter().enumerate() {
                let at = |ticks: i64| timeline.to_nanos_floor(ticks);
                let duration = at(sample.dts.saturating_add(i64::from(sample.duration))) - at(sample.dts);
                let access = Access { pts: at(sample.pts), duration, picture: *picture, bytes: 1, item };
                if begun {
                    steps.extend(cutter.push(access)?);
                } else if picture.random_access != RandomAccess::None {
                    cutter.begin(access, Bounds { from, until: None });
                    begun = true;
                }
            }
            steps.extend(cutter.end(cut)?);
            Ok::<_, export_media::cut::GiveUp>(steps)
        };
        let (steps, peak) = measured(steps);
        prop_assert!(peak <= FIXED + 40 * samples.len() * size_of::<Access<usize>>(), "{peak} bytes");
        let mut copied: Vec<usize> = Vec::new();
        let mut times = BTreeSet::new();
        for step in steps.iter().flatten() {
            if let Step::Copy { pictures, .. } = step {
                prop_assert!(!pictures.is_empty() && method == Method::Copy);
                prop_assert!(pictures.iter().all(|access| start <= access.pts && access.pts < end));
                prop_assert!(pictures.iter().all(|access| times.insert(access.pts)), "shown twice");
                copied.extend(pictures.iter().map(|access| access.item));
            }
        }
        prop_assert!(copied.is_sorted_by(|one, next| one < next), "{copied:?}");
    }
}
