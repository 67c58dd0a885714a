//! The names of a batch's files, from a template.

use super::ClipEntry;
use crate::ids::{FileName, LivePath};
use crate::reel::chapter_name;

/// The template of clips that have a name of their own.
const NAMED: &str = "{name}";
/// The template of clips that have none.
const NUMBERED: &str = "{source}-{n:03}";
/// The template of reels.
const REEL: &str = "{source}-reel";
/// Most digits that a number is filled up to.
const MOST_DIGITS: usize = 9;

/// The file's name. Without a `template` it is the clip's own name, else the recording's with the clip's number. A
/// placeholder is `{n}`, `{n:03}` (with zeros up to that many digits), `{name}`, `{ref}`, `{source}`, or one of the clip's
/// labels; characters that names do not allow become `_`.
///
/// # Errors
/// Why the template gives no name, in clients' words.
pub(super) fn of(template: Option<&str>, clip: &ClipEntry, live_path: &LivePath) -> Result<FileName, String> {
    let usual = if clip.name.is_some() { NAMED } else { NUMBERED };
    let text = filled(template.unwrap_or(usual), clip, live_path)?;
    FileName::sanitised(&text).map_or_else(|| FileName::parse("clip"), Ok).map_err(|error| error.to_string())
}

/// The file's name of a reel with the windows of `clips`. Without a `template` it is the first recording's; the placeholders of
/// a clip are those of the first one. One window has the name of its clip.
///
/// # Errors
/// As [`of`].
pub(super) fn of_reel(
    template: Option<&str>,
    first: &ClipEntry,
    live_path: &LivePath,
) -> Result<FileName, String> {
    of(Some(template.unwrap_or(REEL)), first, live_path)
}

/// The name of a clip's chapter in a reel: its own, else that of its features.
pub(super) fn of_chapter(clip: &ClipEntry) -> Option<FileName> {
    let features = || clip.labels.iter().find(|(label, _)| *label == "features").map(|(_, value)| value);
    clip.name.as_ref().or_else(features).and_then(|text| chapter_name(text))
}

fn filled(template: &str, clip: &ClipEntry, live_path: &LivePath) -> Result<String, String> {
    let (mut text, mut rest) = (String::new(), template);
    while let Some((plain, placeholder)) = rest.split_once('{') {
        let (placeholder, behind) = placeholder.split_once('}').ok_or("has a { without a }")?;
        text.push_str(plain);
        text.push_str(&value(placeholder, clip, live_path)?);
        rest = behind;
    }
    Ok(text + rest)
}

fn value(placeholder: &str, clip: &ClipEntry, live_path: &LivePath) -> Result<String, String> {
    let (name, format) = placeholder.split_once(':').unwrap_or((placeholder, ""));
    let label = || clip.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.clone());
    match (name, format) {
        ("n", "") => Ok(clip.n.to_string()),
        ("n", format) => {
            let digits = format.strip_prefix('0').and_then(|digits| digits.parse().ok());
            let digits = digits.filter(|digits| (1..=MOST_DIGITS).contains(digits));
            let digits = digits.ok_or("has a number of digits that is not from 01 to 09")?;
            Ok(format!("{:0digits$}", clip.n))
        }
        ("name", "") => Ok(clip.name.clone().unwrap_or_default()),
        ("ref", "") => Ok(clip.mark.clone().unwrap_or_default()),
        ("source", "") => Ok(source(live_path).to_owned()),
        (_, "") => label().ok_or_else(|| "has a placeholder that the list gives no value for".to_owned()),
        _ => Err("has a placeholder with a format that only n may have".to_owned()),
    }
}

/// The recording's name: the last directory of its path that is not a number.
fn source(live_path: &LivePath) -> &str {
    let directories = live_path.directory().trim_end_matches('/').rsplit('/');
    let mut named = directories.filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
    named.next().unwrap_or("clip")
}
