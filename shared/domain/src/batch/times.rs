//! Times as lists write them: from their digits alone, never by a float. Fractions of a millisecond are
//! rounded down, or `up`.

use crate::time::{EpochMs, Millis, Pts};
use jiff::Timestamp;

/// The instant of an RFC 3339 time.
pub fn instant(text: &str, up: bool) -> Option<EpochMs> {
    let time: Timestamp = text.parse().ok()?;
    let (ns, per_ms) = (time.as_nanosecond(), 1_000_000);
    let up = i128::from(up && ns.rem_euclid(per_ms) > 0);
    i64::try_from(ns.div_euclid(per_ms) + up).ok().map(EpochMs::new)
}

/// The length of a JSON number of seconds. `None` beyond 10^12 seconds.
pub fn seconds(text: &str, up: bool) -> Option<Millis> {
    scaled(text, 3, up).map(Millis::new)
}

/// The time stamp of a JSON number of seconds, rounded to the nearest tick. `None` beyond 10^9 seconds.
pub fn time_stamp(text: &str) -> Option<Pts> {
    let micros = i128::from(scaled(text, 6, false)?);
    i64::try_from((micros * 90_000 + 500_000).div_euclid(1_000_000)).ok().map(Pts::new)
}

/// The value of a JSON number times ten to the power of `power`. `None` if that has more than 15 digits.
fn scaled(text: &str, power: i64, up: bool) -> Option<i64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (is_negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    // The result is `digits` times ten to the power of `shift`.
    let shift =
        exponent.parse::<i64>().ok()?.checked_add(power)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let kept = i64::try_from(digits.len()).ok()?.checked_add(shift)?;
    if digits.is_empty() {
        return Some(0);
    }
    if kept > 15 {
        return None;
    }
    let kept = usize::try_from(kept).unwrap_or(0);
    let (above, below) = digits.split_at(kept.min(digits.len()));
    let zeros = "0".repeat(kept.saturating_sub(digits.len()));
    let floor = format!("0{above}{zeros}").parse::<i64>().ok()?;
    let rest = below.bytes().any(|digit| digit != b'0');
    // Rounding down a negative value makes its digits larger.
    let away = i64::from(rest && up != is_negative);
    Some(if is_negative { -(floor + away) } else { floor + away })
}

/// The length of `HH:MM:SS` with or without a fraction; the hours have up to four digits.
pub fn clock(text: &str, up: bool) -> Option<Millis> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, least: usize, most: usize| {
        let is_plain = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse::<i64>().ok()).flatten()
    };
    let sixty = |text: &str| digits(text, 2, 2).filter(|number| *number < 60);
    let mut parts = whole.split(':');
    let hours = Millis::from_hours(digits(parts.next()?, 1, 4)?);
    let minutes = Millis::from_mins(sixty(parts.next()?)?);
    let whole = Millis::from_secs(sixty(parts.next()?)?);
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !is_fraction {
        return None;
    }
    Some(hours + minutes + whole + seconds(&format!("0.{fraction}"), up)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::testing::{at, ms};
    use proptest::prelude::*;

    #[test]
    fn a_time_stamp_is_the_nearest_tick_of_33_bits() {
        let ticks = |text| time_stamp(text).map(Pts::get);
        assert_eq!(
            (ticks("1.4"), ticks("1.466667"), ticks("1.466666")),
            (Some(126_000), Some(132_000), Some(132_000))
        );
        assert_eq!((ticks("95443.717689"), ticks("95443.7177")), (Some(0), Some(1)));
        assert_eq!((ticks("-0.04"), ticks("1e99")), (Some((1 << 33) - 3600), None));
    }

    #[test]
    fn seconds_are_rounded_by_their_digits() {
        for (text, floor, ceil) in [
            ("222.2", 222_200, 222_200),
            ("0.0001", 0, 1),
            ("9.9999999999999999999", 9_999, 10_000),
            ("1e-07", 0, 1),
            ("1.5E3", 1_500_000, 1_500_000),
            ("-0.0001", -1, 0),
            ("-2.5", -2_500, -2_500),
            ("000.100", 100, 100),
            ("0", 0, 0),
        ] {
            assert_eq!(
                (seconds(text, false), seconds(text, true)),
                (Some(ms(floor)), Some(ms(ceil))),
                "{text}"
            );
        }
        for text in ["1e99", "1e99999999999999999999", "1234567890123456"] {
            assert_eq!(seconds(text, false), None, "{text}");
        }
    }

    #[test]
    fn clocks_and_instants_are_read() {
        for (text, length) in [("00:00:07.300", 7_300), ("1:00:00", 3_600_000), ("100:59:59.9", 363_599_900)]
        {
            assert_eq!(clock(text, false), Some(ms(length)), "{text}");
        }
        assert_eq!((clock("00:00:00.0001", false), clock("00:00:00.0001", true)), (Some(ms(0)), Some(ms(1))));
        for text in [
            "",
            "00:00",
            "00:60:00",
            "0:0:0",
            "00:00:00.",
            "00:00:00:00",
            "+1:00:00",
            "00:00:00.1e3",
            "00:00:-1",
        ] {
            assert_eq!(clock(text, false), None, "{text}");
        }
        let text = "2026-01-12T21:01:14.0001+01:00";
        assert_eq!(
            (instant(text, false), instant(text, true)),
            (Some(at(1_768_248_074_000)), Some(at(1_768_248_074_001)))
        );
        assert_eq!(instant("2026-01-12T20:01:14", false), None, "an instant needs its offset");
    }

    proptest! {
        #[test]
        fn no_number_panics(text in "-?[0-9]{1,40}(\\.[0-9]{1,40})?(e-?[0-9]{1,30})?") {
            let (floor, ceiling) = (seconds(&text, false), seconds(&text, true));
            prop_assert!(floor.zip(ceiling).is_none_or(|(floor, ceiling)| floor <= ceiling && ceiling - floor <= ms(1)));
        }

        #[test]
        fn any_decimal_is_between_its_two_roundings(whole in 0..10_000_000_i64, fraction in "[0-9]{1,30}", negative: bool) {
            let text = format!("{}{whole}.{fraction}", if negative { "-" } else { "" });
            let (floor, ceil) = (seconds(&text, false).unwrap(), seconds(&text, true).unwrap());
            let thousandths: i64 = format!("{fraction:0<3}")[..3].parse().unwrap();
            let rest = fraction.bytes().skip(3).any(|digit| digit != b'0');
            let down = whole * 1_000 + thousandths;
            let expected = if negative { (-down - i64::from(rest), -down) } else { (down, down + i64::from(rest)) };
            prop_assert_eq!((floor.get(), ceil.get()), expected);
        }
    }
}
