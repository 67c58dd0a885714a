//! `SegmentTemplate` identifiers (ISO/IEC 23009-1, 5.3.9.4.4).

use super::MpdError;
use std::fmt::Write as _;

/// Enough for any 64-bit number.
const MAX_WIDTH: usize = 20;
const MAX_LENGTH: usize = 2048;

/// The values of the identifiers; `number` and `time` exist for media segments only.
pub(super) struct Values<'a> {
    pub(super) id: &'a str,
    pub(super) bandwidth: u64,
    pub(super) number: Option<u64>,
    pub(super) time: Option<i64>,
}

/// Replaces the identifiers; the result is a reference, still to be resolved.
pub(super) fn expand(template: &str, values: &Values<'_>) -> Result<String, MpdError> {
    let mut out = String::with_capacity(template.len());
    let mut parts = template.split('$');
    out.push_str(parts.next().unwrap_or(""));
    while let Some(token) = parts.next() {
        substitute(&mut out, token, values)?;
        out.push_str(parts.next().ok_or(MpdError::BadTemplate)?);
        if out.len() > MAX_LENGTH {
            return Err(MpdError::TooMany("characters"));
        }
    }
    Ok(out)
}

fn substitute(out: &mut String, token: &str, values: &Values<'_>) -> Result<(), MpdError> {
    let (name, width) = match token.split_once('%') {
        Some((name, format)) => (name, width(format)?),
        None => (token, 1),
    };
    let written = match name {
        "" if token.is_empty() => write!(out, "$"),
        "RepresentationID" if token == name => write!(out, "{}", values.id),
        "Bandwidth" => write!(out, "{:0width$}", values.bandwidth),
        "Number" => write!(out, "{:0width$}", values.number.ok_or(MpdError::BadTemplate)?),
        "Time" => write!(out, "{:0width$}", values.time.ok_or(MpdError::BadTemplate)?),
        _ => return Err(MpdError::BadTemplate),
    };
    written.map_err(|_| MpdError::BadTemplate)
}

/// `0[width]d`.
fn width(format: &str) -> Result<usize, MpdError> {
    let digits =
        format.strip_prefix('0').and_then(|rest| rest.strip_suffix('d')).ok_or(MpdError::BadTemplate)?;
    let width: usize = digits.parse().map_err(|_| MpdError::BadTemplate)?;
    if width > MAX_WIDTH { Err(MpdError::BadTemplate) } else { Ok(width) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALUES: Values<'_> = Values { id: "v0", bandwidth: 1000, number: Some(7), time: Some(90_000) };

    #[test]
    fn identifiers_are_replaced() {
        for (template, expected) in [
            ("seg-$RepresentationID$-$Number%05d$.m4s", "seg-v0-00007.m4s"),
            ("$Time$/$Bandwidth%08d$", "90000/00001000"),
            ("a$$b", "a$b"),
            ("$Number$$Number$", "77"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(expand(template, &VALUES).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn bad_templates_are_refused() {
        for template in [
            "$Number",
            "$Numb$",
            "$Number%5d$",
            "$Number%0d$",
            "$Number%05x$",
            "$Number%0999999999d$",
            "$number$",
            "$%05d$",
        ] {
            assert_eq!(expand(template, &VALUES), Err(MpdError::BadTemplate), "{template}");
        }
        let init = Values { number: None, time: None, ..VALUES };
        assert_eq!(expand("init-$Number$.mp4", &init), Err(MpdError::BadTemplate));
        assert_eq!(expand(&"$Number%020d$".repeat(200), &VALUES), Err(MpdError::TooMany("characters")));
    }

    proptest! {
        #[test]
        fn never_panics(template in "\\PC*", near in "[$%0-9dNumberTime]{0,40}") {
            let _ = (expand(&template, &VALUES), expand(&near, &VALUES));
        }
    }
}
