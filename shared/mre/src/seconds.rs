//! Seconds as exact decimals: no border of a segment passes through a float.

use crate::number;
use export_domain::timecode::Rate;

/// Seconds beyond this are no time in a recording.
const LIMIT: i128 = 10_000_000_000;
/// Most digits after the point.
const MAX_SCALE: u32 = 24;

/// A number of seconds: `digits` divided by ten to the `scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds {
    digits: i128,
    scale: u32,
}

impl Seconds {
    /// Reads the token that documents show for the number `text`; `None` when it is no number or out of range.
    pub fn read(text: &str) -> Option<Self> {
        let token = number::plain(text)?;
        let (mantissa, exponent) = token.split_once('e').unwrap_or((&token, "0"));
        let exponent: i64 = exponent.parse().ok()?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = number_of(whole, fraction)?;
        let scale = i64::try_from(fraction.len()).ok()? - exponent;
        let seconds = match u32::try_from(scale) {
            Ok(scale) if scale <= MAX_SCALE => Self { digits, scale },
            Ok(_) => return None,
            Err(_) => {
                let power = 10_i128.checked_pow(u32::try_from(-scale).ok()?)?;
                Self { digits: digits.checked_mul(power)?, scale: 0 }
            }
        };
        (seconds.digits.unsigned_abs() < (LIMIT * seconds.unit()).unsigned_abs()).then_some(seconds)
    }

    /// Whole milliseconds.
    #[cfg(test)]
    pub(crate) fn of_millis(millis: i64) -> Self {
        Self { digits: millis.into(), scale: 3 }
    }

    /// The length of a second in units of the last digit.
    fn unit(self) -> i128 {
        10_i128.pow(self.scale)
    }

    /// The difference as a decimal with the digits of the more exact of the two.
    pub fn since(self, earlier: Self) -> String {
        let scale = self.scale.max(earlier.scale);
        let aligned = |seconds: Self| seconds.digits * 10_i128.pow(scale - seconds.scale);
        let difference = aligned(self) - aligned(earlier);
        let sign = if difference < 0 { "-" } else { "" };
        let places = usize::try_from(scale).unwrap_or(0);
        let digits = format!("{:0width$}", difference.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }

    /// The milliseconds, rounded half away from zero, and not less than none.
    pub fn millis(self) -> i64 {
        let unit = self.unit();
        i64::try_from((self.digits * 2_000 + unit).div_euclid(2 * unit)).unwrap_or(0).max(0)
    }

    /// The first frame that is not before this time, and not less than none. A time is rounded to milliseconds in the
    /// tables, so a frame up to half a millisecond before it counts.
    pub fn frame(self, rate: Rate) -> i64 {
        let unit = self.unit();
        let above = (self.digits * 2_000 - unit) * i128::from(rate.num);
        let below = 2_000 * unit * i128::from(rate.den);
        // Nearly all fit into a word, which divides several times as fast.
        let frame = match (i64::try_from(-above), i64::try_from(below)) {
            (Ok(above), Ok(below)) => above.div_euclid(below).checked_neg(),
            _ => i64::try_from(-(-above).div_euclid(below)).ok(),
        };
        frame.unwrap_or(0).max(0)
    }
}

/// The number whose digits are those of a decimal's whole part, with its sign, and of its fraction.
fn number_of(whole: &str, fraction: &str) -> Option<i128> {
    let (is_negative, whole) = whole.strip_prefix('-').map_or((false, whole), |whole| (true, whole));
    // A word holds 18 digits, whatever they are.
    let digits = if whole.len() + fraction.len() <= 18 {
        let mut digits = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            digits = digits * 10 + i64::from(char::from(digit).to_digit(10)?);
        }
        digits.into()
    } else {
        format!("{whole}{fraction}").parse::<i128>().ok()?
    };
    Some(if is_negative { -digits } else { digits })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Seconds {
        Seconds::read(text).unwrap()
    }

    #[test]
    fn differences_are_exact_decimals() {
        for (end, start, difference) in [
            ("245.5", "222.2", "23.3"),
            ("294.6", "264.6", "30.0"),
            ("426.8", "392", "34.8"),
            ("7", "5", "2"),
            ("1", "2.5", "-1.5"),
            ("0.3", "0.1", "0.2"),
            ("1e-07", "0", "0.0000001"),
        ] {
            assert_eq!(seconds(end).since(seconds(start)), difference, "{end} - {start}");
        }
    }

    #[test]
    fn a_frames_time_gives_the_frame_back() {
        for rate in Rate::ALL {
            let (num, den) = (i64::from(rate.num), i64::from(rate.den));
            // Every frame of three hours, by its time rounded to milliseconds.
            for frame in 0..3 * 3600 * num / den {
                let millis = (frame * den * 2_000 + num) / (2 * num);
                assert_eq!(Seconds::of_millis(millis).frame(rate), frame, "{millis} at {}", rate.name);
            }
        }
        for millis in (0..100_000_000).step_by(997) {
            assert_eq!(Seconds::of_millis(millis).frame(Rate::MILLIS), millis);
        }
    }

    #[test]
    fn a_time_between_frames_has_the_later_one() {
        let rate = Rate::named("25").unwrap();
        for (time, frame) in [("222.2", 5555), ("245.5", 6138), ("0.0005", 0), ("0.000501", 1), ("-5", 0)] {
            assert_eq!(seconds(time).frame(rate), frame, "{time}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "x", "1e10", "-1e10", "1e99", "1e-30", "123456789012345678901234567890123456789012"]
        {
            assert_eq!(Seconds::read(text), None, "{text}");
        }
        assert!(Seconds::read("9999999999.9").is_some());
    }

    #[test]
    fn milliseconds_are_rounded_half_away_from_zero() {
        for (text, millis) in [("0.0005", 1), ("0.00049", 0), ("222.2", 222_200), ("-3", 0), ("1E1", 10_000)]
        {
            assert_eq!(seconds(text).millis(), millis, "{text}");
        }
    }
}
