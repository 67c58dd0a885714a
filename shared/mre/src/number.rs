//! Number text as MRE writes it: Python's `int`, `float` and `Decimal`, without passing through a Rust number where
//! that could lose digits.

use std::borrow::Cow;

/// Largest power of ten that is written out; `DynamoDB` stops at 10^125.
const MAX_EXPONENT: i64 = 400;

/// The token of a `DynamoDB` number: integral values with all their digits, others as the shortest float.
///
/// `None` when the text is no number, or beyond the double range, where `DynamoDB` has none.
pub fn plain(text: &str) -> Option<Cow<'_, str>> {
    if is_canonical(text) {
        return Some(Cow::Borrowed(text));
    }
    let decimal = Decimal::parse(text)?;
    let value = finite(text)?;
    Some(Cow::Owned(decimal.integer().unwrap_or_else(|| repr(value))))
}

/// The text that a number is compared by: equal for equal values. `None` where [`plain`] gives none.
pub fn number_key(text: &str) -> Option<String> {
    plain(text).map(Cow::into_owned)
}

/// The token of a number that is a float whatever its value (`5` becomes `5.0`). `None` when the text is no number.
pub fn float(text: &str) -> Option<String> {
    Decimal::parse(text)?;
    finite(text).map(float_token)
}

/// A float token that always shows its point, so that typed readers see a float.
pub fn float_token(value: f64) -> String {
    let text = repr(value);
    match text.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        _ => text,
    }
}

/// The JSON number `text` as Python writes it after reading it: integers keep their digits, floats become `repr`.
///
/// `None` for a float beyond the double range: Python writes `Infinity`, which is not JSON.
pub fn reread(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['.', 'e', 'E']) {
        return Some(Cow::Borrowed(if text == "-0" { "0" } else { text }));
    }
    if is_canonical(text) {
        return Some(Cow::Borrowed(text));
    }
    finite(text).map(|value| Cow::Owned(repr(value)))
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// `str(Decimal(text))`, the form in which MRE looks a number up inside a composite key.
pub fn decimal(text: &str) -> Option<Cow<'_, str>> {
    if is_canonical(text) {
        return Some(Cow::Borrowed(text));
    }
    Decimal::parse(text).map(|value| Cow::Owned(value.to_text()))
}

/// Python's `repr` of a finite float: the shortest digits that read back, fixed from 1e-4 up to 1e16.
pub fn repr(value: f64) -> String {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    let point = exponent + 1;
    format!("{sign}{}", place_point(&digits, point, ".0"))
}

/// Puts the decimal point after `point` digits; `whole` is appended when nothing follows the point.
fn place_point(digits: &str, point: i64, whole: &str) -> String {
    match usize::try_from(point) {
        Ok(0) | Err(_) => {
            let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(0);
            format!("0.{}{digits}", "0".repeat(zeros))
        }
        Ok(point) if point >= digits.len() => format!("{digits}{}{whole}", "0".repeat(point - digits.len())),
        Ok(point) => format!("{}.{}", &digits[..point], &digits[point..]),
    }
}

/// Returns `true` if `plain` would give the text back unchanged: up to 15 significant digits survive a float round
/// trip.
fn is_canonical(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        None => is_integer(unsigned) && text != "-0",
        Some((whole, fraction)) => {
            is_integer(whole)
                && is_digits(fraction)
                && !fraction.ends_with('0')
                && whole.len() + fraction.len() <= 15
                && (whole != "0" || !fraction.starts_with("0000"))
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_integer(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

/// A decimal as written: `digits` times ten to the `exponent`.
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if !is_digits(&digits) || exponent.abs() > MAX_EXPONENT {
            return None;
        }
        let exponent = exponent - i64::try_from(fraction.len()).ok()?;
        let significant = digits.trim_start_matches('0');
        let digits = if significant.is_empty() { "0".to_owned() } else { significant.to_owned() };
        Some(Self { negative, digits, exponent })
    }

    /// All digits of an integral value.
    fn integer(&self) -> Option<String> {
        let trimmed = self.digits.trim_end_matches('0');
        if trimmed.is_empty() {
            return Some("0".to_owned());
        }
        let dropped = i64::try_from(self.digits.len() - trimmed.len()).ok()?;
        let zeros = usize::try_from(self.exponent + dropped).ok()?;
        let sign = if self.negative { "-" } else { "" };
        Some(format!("{sign}{trimmed}{}", "0".repeat(zeros)))
    }

    /// Python's `Decimal.__str__`: fixed notation unless the exponent is positive or the value below 1e-6.
    fn to_text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let length = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        let point = self.exponent.saturating_add(length);
        if self.exponent == 0 {
            return format!("{sign}{}", self.digits);
        }
        if self.exponent < 0 && point > -6 {
            return format!("{sign}{}", place_point(&self.digits, point, ""));
        }
        let adjusted = point - 1;
        let mantissa = place_point(&self.digits, 1, "");
        let plus = if adjusted < 0 { "" } else { "+" };
        format!("{sign}{mantissa}E{plus}{adjusted}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_integral_numbers_with_all_digits_and_others_as_floats() {
        for (text, token) in [
            ("227", "227"),
            ("227.000", "227"),
            ("222.200", "222.2"),
            ("-0", "0"),
            ("0.00001", "1e-05"),
            ("0.0001", "0.0001"),
            ("1E-5", "1e-05"),
            ("1E+16", "10000000000000000"),
            ("12345678901234567890", "12345678901234567890"),
            ("0.1234567890123456789", "0.12345678901234568"),
            ("12345678901234567890.5", "1.2345678901234567e+19"),
            ("-1.50", "-1.5"),
            (".5", "0.5"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(token), "{text}");
        }
        for text in ["", "-", "abc", "1e", "1e99999", "9e308", "1.2.3", "NaN", "Infinity", "0x10"] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn writes_floats_as_python_does() {
        for (value, text) in [
            (5.0, "5.0"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (1.5e-7, "1.5e-07"),
            (1e100, "1e+100"),
            (-0.0, "-0.0"),
            (123.456, "123.456"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(repr(value), text);
        }
        assert_eq!(float("5").as_deref(), Some("5.0"));
        assert_eq!(float("1E+22").as_deref(), Some("1.0e+22"));
    }

    #[test]
    fn rereads_json_numbers_as_python_does() {
        for (text, written) in [
            ("5", "5"),
            ("5.0", "5.0"),
            ("1E5", "100000.0"),
            ("1e16", "1e+16"),
            ("-0", "0"),
            ("-0.0", "-0.0"),
            ("9007199254740993", "9007199254740993"),
            ("0.30000000000000004", "0.30000000000000004"),
        ] {
            assert_eq!(reread(text).as_deref(), Some(written));
        }
        assert_eq!(reread("-1e999"), None);
    }

    #[test]
    fn writes_decimals_as_python_looks_them_up() {
        for (text, written) in [
            ("222.2", "222.2"),
            ("9E+3", "9E+3"),
            ("1E-7", "1E-7"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("12E-8", "1.2E-7"),
            ("1.20", "1.20"),
            ("12E+3", "1.2E+4"),
        ] {
            assert_eq!(decimal(text).as_deref(), Some(written), "{text}");
        }
    }
}
