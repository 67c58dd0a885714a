//! The textual forms of ISO/IEC 23009-1 and XML Schema: durations, dates, ranges, frame rates.

use super::range::ByteRange;
use super::{FrameRate, Nanos};
use crate::time::NANOS_PER_SECOND;

const SECONDS_PER_DAY: i128 = 86_400;

/// `xs:duration`, not negative. Years and months have no fixed length and are refused unless zero.
pub(super) fn duration(text: &str) -> Option<Nanos> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = rest.split_once('T').map_or((rest, None), |(days, time)| (days, Some(time)));
    if (days.is_empty() && time.is_none()) || time.is_some_and(str::is_empty) {
        return None;
    }
    let date = fields(days, &[('Y', 0), ('M', 0), ('D', SECONDS_PER_DAY)])?;
    let time = fields(time.unwrap_or(""), &[('H', 3600), ('M', 60), ('S', 1)])?;
    Some(Nanos::new(date + time))
}

/// A sequence of `<number><designator>` in the given order; the weight 0 marks what must be zero.
fn fields(mut text: &str, units: &[(char, i128)]) -> Option<i128> {
    let mut total = 0_i128;
    for (designator, seconds) in units {
        let Some((number, rest)) = text.split_once(*designator) else { continue };
        let nanos = if *designator == 'S' { decimal_nanos(number)? } else { whole_nanos(number)? };
        if *seconds == 0 && nanos != 0 {
            return None;
        }
        total += nanos * seconds;
        text = rest;
    }
    text.is_empty().then_some(total)
}

/// Up to 18 digits, so that no sum of products here can leave an `i128`.
fn digits(text: &str) -> Option<i128> {
    let sound = !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| text.parse().ok()).flatten()
}

fn whole_nanos(text: &str) -> Option<i128> {
    Some(digits(text)? * NANOS_PER_SECOND)
}

/// Seconds with an optional fraction; what is finer than a nanosecond is cut off.
pub(crate) fn decimal_nanos(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    digits(fraction.get(..fraction.len().min(18))?)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Some(whole_nanos(whole)? + digits(&nanos)?)
}

/// `xs:dateTime` since the Unix epoch; without a zone it is UTC, as DASH-IF reads it.
pub(super) fn date_time(text: &str) -> Option<Nanos> {
    let (date, time) = text.split_once('T')?;
    let (time, offset) = zone(time)?;
    let mut date = date.splitn(3, '-').map(digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (digits(time.next()?)?, digits(time.next()?)?);
    let second = decimal_nanos(time.next()?)?;
    let in_range = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..61 * NANOS_PER_SECOND).contains(&second);
    let seconds = days_since_epoch(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 - offset;
    in_range.then(|| Nanos::new(seconds * NANOS_PER_SECOND + second))
}

/// The same as playlists write it: the zone may lack its colon or its minutes.
pub(crate) fn lenient_date_time(text: &str) -> Option<Nanos> {
    let colon = match text.rfind(['+', '-']).filter(|at| text.contains('T') && text.len() - at < 6) {
        Some(at) => match text.len() - at {
            3 => format!("{text}:00"),
            5 => format!("{}:{}", text.get(..at + 3)?, text.get(at + 3..)?),
            _ => return None,
        },
        None => text.to_owned(),
    };
    date_time(&colon)
}

/// Splits the zone off; it is in seconds east of UTC.
fn zone(time: &str) -> Option<(&str, i128)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, 0)) };
    let (time, zone) = time.split_at_checked(at)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    let seconds = hours * 3600 + minutes * 60;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    (seconds <= 14 * 3600 && minutes < 60).then_some((time, sign * seconds))
}

fn is_leap(year: i128) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in_month(year: i128, month: i128) -> i128 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Proleptic Gregorian days since 1970-01-01. The year starts in March, so that the leap day is its last.
fn days_since_epoch(year: i128, month: i128, day: i128) -> i128 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (153 * month + 2) / 5;
    365 * year + leap_days + days_before_month + day - 719_469
}

/// `first-last` in bytes, both inclusive.
pub(super) fn byte_range(text: &str) -> Option<ByteRange> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some(ByteRange { first, last })
}

/// `25` or `30000/1001`, and `29.97`, which the standard does not know.
pub(crate) fn frame_rate(text: &str) -> Option<FrameRate> {
    let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
    let (whole, fraction) = numerator.trim().split_once('.').unwrap_or((numerator.trim(), ""));
    let scale = 10_u32.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: u32 = if fraction.is_empty() { 0 } else { u32::try_from(digits(fraction)?).ok()? };
    let rate = FrameRate {
        numerator: whole.parse::<u32>().ok()?.checked_mul(scale)?.checked_add(fraction)?,
        denominator: denominator.trim().parse::<u32>().ok()?.checked_mul(scale)?,
    };
    (rate.denominator != 0).then_some(rate)
}

/// The first of one or two sampling rates.
pub(super) fn sampling_rate(text: &str) -> Option<u32> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_exact() {
        for (text, nanos) in [
            ("PT0S", 0),
            ("PT60.0S", 60_000_000_000),
            ("PT1M0.0S", 60_000_000_000),
            ("P1DT2H3M4.005S", 93_784_005_000_000),
            ("PT33.366666666666S", 33_366_666_666),
            ("P0Y0M1D", 86_400_000_000_000),
        ] {
            assert_eq!(duration(text), Some(Nanos::new(nanos)), "{text}");
        }
        for text in
            ["", "P", "PT", "P1Y", "P1M", "-PT1S", "PT1", "PTS", "PT1.5M", "PT1S2M", "PT+1S", "PT1.-5S"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(duration(&format!("PT{}S", "9".repeat(40))), None);
    }

    #[test]
    fn dates_count_from_the_epoch_in_utc() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2019-07-04T15:20:12Z", 1_562_253_612_000),
            ("2019-07-04T15:20:12.833", 1_562_253_612_833),
            ("2019-07-04T17:20:12+02:00", 1_562_253_612_000),
            ("2000-02-29T12:00:00-00:30", 951_827_400_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000),
        ] {
            assert_eq!(date_time(text), Some(Nanos::from_millis(millis)), "{text}");
        }
        for text in
            ["2019-02-29T00:00:00Z", "2019-13-01T00:00:00Z", "2019-07-04", "x", "2019-07-04T25:00:00Z"]
        {
            assert_eq!(date_time(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_and_rates() {
        assert_eq!(byte_range("0-499"), Some(ByteRange { first: 0, last: 499 }));
        assert_eq!(byte_range("500-499"), None);
        assert_eq!(byte_range("500-"), None);
        assert_eq!(frame_rate("30000/1001"), Some(FrameRate { numerator: 30_000, denominator: 1001 }));
        assert_eq!(frame_rate("25"), Some(FrameRate { numerator: 25, denominator: 1 }));
        assert_eq!(frame_rate("29.97"), Some(FrameRate { numerator: 2997, denominator: 100 }));
        for text in ["25/0", "25.", ".5.", "1.-5", "99999999999", "1.9999999999", "x"] {
            assert_eq!(frame_rate(text).filter(|_| text != "25."), None, "{text}");
        }
        assert_eq!(sampling_rate("48000 96000"), Some(48_000));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*", near in "[-P0-9YMDTHSZ:.+/]{0,60}") {
            for text in [&text, &near] {
                let _ = (duration(text), date_time(text), byte_range(text), frame_rate(text), sampling_rate(text));
            }
        }
    }
}
