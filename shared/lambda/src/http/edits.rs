//! The parameters of edit lists: `fps`, `df` and `zero`.

use super::Request;
use export_domain::batch::delivered::EdlForm;
use export_domain::batch::times::instant;
use export_domain::request::{FieldError, MAX_START_POS};
use export_domain::time::EpochMs;
use export_domain::timecode::{Labels, Rate};

/// The way in which an edit decision list is to count.
///
/// # Errors
/// The parameter at fault; `fps` is required.
pub fn edl_form(request: &Request) -> Result<EdlForm, FieldError> {
    let rate = rate(request)?.ok_or_else(|| FieldError::new("fps", RATES))?;
    let is_drop = match parameter(request, "df").as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(FieldError::new("df", "must be 0 or 1")),
    };
    let no_drop = "only the rates 29.97 and 59.94 have drop-frame labels";
    let labels = Labels::new(rate, is_drop).ok_or_else(|| FieldError::new("df", no_drop))?;
    Ok(EdlForm { rate, labels, zero_ms: zero(request)? })
}

/// `fps`
///
/// # Errors
/// There is no such rate.
pub fn rate(request: &Request) -> Result<Option<Rate>, FieldError> {
    let rate = |text: String| Rate::read(&text).ok_or_else(|| FieldError::new("fps", RATES));
    parameter(request, "fps").map(rate).transpose()
}

/// `zero`
///
/// # Errors
/// It is no time.
pub fn zero(request: &Request) -> Result<Option<EpochMs>, FieldError> {
    let Some(text) = parameter(request, "zero") else { return Ok(None) };
    let ms = |text: &str| text.parse().ok().map(EpochMs::new).filter(|at| *at >= EpochMs::ZERO);
    let at = instant(&text, false).or_else(|| ms(&text)).filter(|at| *at <= MAX_START_POS);
    let wrong = || FieldError::new("zero", "must be an RFC 3339 time or milliseconds since 1970");
    at.ok_or_else(wrong).map(Some)
}

const RATES: &str = "must be 23.976, 24, 25, 29.97, 30, 47.952, 48, 50, 59.94 or 60";

fn parameter(request: &Request, name: &str) -> Option<String> {
    request.parameter(name).filter(|text| !text.is_empty())
}
