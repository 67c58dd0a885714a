//! `StartTime`: TVU's description calls it milliseconds and writes `00:13:12`; both are accepted and mean milliseconds.

use super::FieldError;
use crate::json::RequestJson;

const MAX_MS: i64 = 30 * 24 * 3_600_000;

/// `H+:MM:SS(.fff)?`, a decimal string of milliseconds, or a JSON number of milliseconds; 0 to 30 days.
pub(super) fn parse(value: Option<&RequestJson>) -> Result<i64, FieldError> {
    let error = |why: &str| FieldError::new("StartTime", why);
    let value = value.ok_or_else(|| error("is required"))?;
    let ms = match value {
        RequestJson::Text(text) => clock(text).or_else(|| digits(text, 15)),
        other => other.as_integer(),
    };
    let ms = ms.ok_or_else(|| error("must be HH:MM:SS or milliseconds"))?;
    if (0..=MAX_MS).contains(&ms) { Ok(ms) } else { Err(error("must be from 0 to 30 days")) }
}

fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let thousandths = digits(fraction, 3)? * [100, 10, 1].get(fraction.len() - 1)?;
    let (hours, minutes, seconds) = (digits(hours, 6)?, sixty(minutes)?, sixty(seconds)?);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths)
}

fn sixty(text: &str) -> Option<i64> {
    if text.len() == 2 { digits(text, 2).filter(|n| *n < 60) } else { None }
}

fn digits(text: &str, most: usize) -> Option<i64> {
    let plain = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<i64, FieldError> {
        parse(Some(&RequestJson::Text(text.to_owned())))
    }

    #[test]
    fn every_spelling_means_milliseconds() {
        assert_eq!(of("00:13:12"), Ok(792_000));
        assert_eq!(of("0:13:12.5"), Ok(792_500));
        assert_eq!(of("100:00:00.007"), Ok(360_000_007));
        assert_eq!(of("792000"), Ok(792_000));
        assert_eq!(parse(Some(&RequestJson::Number(792_000.into()))), Ok(792_000));
    }

    #[test]
    fn refuses_what_is_no_time_or_too_late() {
        for bad in
            ["", "13:12", "00:60:00", "00:00:60", "00:1:2", "-1", "1e3", "00:00:00.1234", "00:00:00.", "a"]
        {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert_eq!(of("720:00:00"), Ok(2_592_000_000));
        assert!(of("720:00:00.001").is_err());
        assert!(parse(None).is_err());
        assert!(parse(Some(&RequestJson::Bool(true))).is_err());
    }
}
