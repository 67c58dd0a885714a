//! Relative references (RFC 3986, section 5) into the recording's directory, and nowhere else.
//!
//! An object key has neither query nor fragment, so `?` and `#` are refused and not stripped. Percent-encoding is
//! undone exactly once; what it was hiding must not be a separator, a dot segment or a control character.

use super::MpdError;

/// S3's limit for a key, in bytes.
const MAX_KEY: usize = 1024;

/// Resolves `references` one on top of the other, as nested `BaseURL`s are, against the manifest's directory.
///
/// `directory` is the key of the manifest up to its last slash, as stored (never percent-decoded). The result is a key.
///
/// # Errors
/// [`MpdError::OutsideRecording`] for an absolute reference, one with a scheme, query, fragment, backslash or control
/// character, and one that climbs above `directory`; [`MpdError::TooMany`] for a key that S3 cannot hold.
pub fn resolve(directory: &str, references: &[&str]) -> Result<String, MpdError> {
    let path = references.iter().try_fold(String::new(), |base, reference| join(&base, reference))?;
    let key = match directory.trim_end_matches('/') {
        "" => path,
        directory => format!("{directory}/{path}"),
    };
    if key.len() > MAX_KEY { Err(MpdError::TooMany("characters")) } else { Ok(key) }
}

/// Returns `true` if a path that [`resolve`] has given, and that was stored since, is still one below the manifest's directory.
pub fn is_inside(path: &str) -> bool {
    let is_name = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains('\\');
    path.len() <= MAX_KEY && !path.chars().any(char::is_control) && path.split('/').all(is_name)
}

/// Resolves one reference against a path that is already resolved; a path ending in `/` is a directory.
pub(crate) fn join(base: &str, reference: &str) -> Result<String, MpdError> {
    if reference.is_empty() {
        return Ok(base.to_owned());
    }
    let mut parts: Vec<String> =
        base.rsplit_once('/').map_or(Vec::new(), |(dir, _)| dir.split('/').map(str::to_owned).collect());
    let mut segments = reference.split('/').peekable();
    if segments.peek().is_some_and(|first| first.contains(':')) || reference.contains(['?', '#']) {
        return Err(MpdError::OutsideRecording);
    }
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "" if !last => return Err(MpdError::OutsideRecording),
            "." => {}
            ".." => drop(parts.pop().ok_or(MpdError::OutsideRecording)?),
            name => parts.push(decode(name)?),
        }
        if last && matches!(segment, "." | "..") {
            parts.push(String::new());
        }
    }
    let path = parts.join("/");
    if path.len() > MAX_KEY { Err(MpdError::TooMany("characters")) } else { Ok(path) }
}

fn decode(segment: &str) -> Result<String, MpdError> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            other => other,
        };
        decoded.push(byte);
    }
    let name = String::from_utf8(decoded).map_err(|_| MpdError::OutsideRecording)?;
    let hostile =
        name.contains(['/', '\\']) || name.chars().any(char::is_control) || name == "." || name == "..";
    if hostile { Err(MpdError::OutsideRecording) } else { Ok(name) }
}

fn hex(digit: Option<u8>) -> Result<u8, MpdError> {
    let value = digit.and_then(|digit| char::from(digit).to_digit(16)).ok_or(MpdError::OutsideRecording)?;
    u8::try_from(value).map_err(|_| MpdError::OutsideRecording)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stored_path_that_leaves_the_directory_is_found() {
        for (path, inside) in [
            ("a.m4s", true),
            ("v/1/a b.m4s", true),
            ("", false),
            ("/a", false),
            ("a//b", false),
            ("../a", false),
            ("a/../../b", false),
            ("a/.", false),
            ("a\\b", false),
            ("a\nb", false),
        ] {
            assert_eq!(is_inside(path), inside, "{path}");
        }
    }

    #[test]
    fn references_stack_like_nested_base_urls() {
        for (references, key) in [
            (&["seg-0-0.m4s"][..], "mp4/x/1/seg-0-0.m4s"),
            (&["p0/", "seg.m4s"], "mp4/x/1/p0/seg.m4s"),
            (&["p0", "seg.m4s"], "mp4/x/1/seg.m4s"),
            (&["p0/", "../p1/./seg.m4s"], "mp4/x/1/p1/seg.m4s"),
            (&["", "video.mp4", ""], "mp4/x/1/video.mp4"),
            (&["./a:b.m4s"], "mp4/x/1/a:b.m4s"),
            (&["a%20b%3F.m4s"], "mp4/x/1/a b?.m4s"),
            (&["%252e%252e/a"], "mp4/x/1/%2e%2e/a"),
        ] {
            assert_eq!(resolve("mp4/x/1/", references).as_deref(), Ok(key));
        }
        assert_eq!(resolve("", &["a.m4s"]).as_deref(), Ok("a.m4s"));
    }

    #[test]
    fn nothing_outside_the_recording_is_reachable() {
        for reference in [
            "http://169.254.169.254/latest/meta-data/",
            "file:///etc/passwd",
            "s3://other/key",
            "//other.example/x",
            "/etc/passwd",
            "../2/seg.m4s",
            "a/../../x",
            "..",
            "%2e%2e/x",
            "a/%2E%2e/x",
            "..%2fx",
            "a%5cb",
            "a\\b",
            "a\0b",
            "a%00b",
            "a%ff",
            "a%2",
            "a%zz",
            "a?x=1",
            "a#b",
            "a//b",
            "javascript:x",
        ] {
            assert_eq!(resolve("mp4/x/1", &[reference]), Err(MpdError::OutsideRecording), "{reference}");
        }
        assert_eq!(resolve("mp4", &["p0/", "../../x"]), Err(MpdError::OutsideRecording));
        assert_eq!(resolve("mp4", &["x".repeat(1024).as_str()]), Err(MpdError::TooMany("characters")));
    }

    proptest! {
        #[test]
        fn every_result_stays_below_the_directory(references in prop::collection::vec("[a./:%2eE5cfF?#\\\\]{0,12}", 0..4)) {
            let references: Vec<&str> = references.iter().map(String::as_str).collect();
            if let Ok(key) = resolve("dir", &references) {
                let path = key.strip_prefix("dir/").unwrap();
                prop_assert!(!path.starts_with('/') && !path.contains("//") && !path.contains('\\'));
                prop_assert!(path.split('/').all(|part| part != ".." && part != "."));
            }
        }
    }
}
