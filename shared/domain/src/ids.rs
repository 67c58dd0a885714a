//! Names that come from outside, each parsed once. A value of these types is safe to put into a key or a path.

use crate::time::EpochMs;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Why a name was refused; completes "invalid request: FIELD: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Longer than the field allows.
    #[error("is too long")]
    TooLong,
    /// Shorter than the field asks for.
    #[error("is too short")]
    TooShort,
    /// Empty where something is needed.
    #[error("is empty")]
    Empty,
    /// A character that the field does not allow, at this position from 1.
    #[error("has a character that is not allowed, at position {0}")]
    Character(usize),
    /// Not a relative path of 2 to 16 plain segments that ends in `.mpd` or `.m3u8`; the text names the offence.
    #[error("must be a relative path of 2 to 16 segments that ends in .mpd, .m3u8, .mp4, .ts or .m2ts: {0}")]
    Path(&'static str),
    /// Not a relative path of at most 15 plain segments; the text names the offence.
    #[error("must be a relative path of at most 15 segments: {0}")]
    Folder(&'static str),
    /// Starts with a dot.
    #[error("must not start with a dot")]
    LeadingDot,
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = NameError;

            /// Judges a stored name by the rules for names that come in.
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl $name {
            /// The text as it was accepted.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_newtype! {
    /// A tenant's name: `[A-Za-z0-9_-]{1,64}`. It comes from the session or the configuration, never from a client.
    TenantId
}
text_newtype! {
    /// A job's name: 32 characters of lower-case base32, derived from the canonical request.
    JobId
}
text_newtype! {
    /// A batch's name: 32 characters of lower-case base32, derived from its jobs' names.
    BatchId
}
text_newtype! {
    /// The manifest's path under the tenant's source prefix (`LivePath`).
    LivePath
}
text_newtype! {
    /// A folder under the tenant's source prefix (`under`): empty for the prefix itself, else with a `/` behind it.
    FolderPath
}
text_newtype! {
    /// The clip's file stem in Unicode NFC (`FileName`).
    FileName
}
text_newtype! {
    /// The recording device (`PeerId`), 1 to 32 hex digits.
    PeerId
}

impl TenantId {
    /// # Errors
    /// [`NameError`] unless the text is `[A-Za-z0-9_-]{1,64}`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        bounded(text, 64)?;
        all(text, |c| c.is_ascii_alphanumeric() || "_-".contains(c))?;
        Ok(Self(text.to_owned()))
    }
}

impl JobId {
    /// # Errors
    /// [`NameError`] unless the text is 32 characters of `a-z2-7`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        bounded(text, 32)?;
        if text.len() < 32 {
            return Err(NameError::TooShort);
        }
        all(text, |c| matches!(c, 'a'..='z' | '2'..='7'))?;
        Ok(Self(text.to_owned()))
    }
}

impl BatchId {
    /// # Errors
    /// [`NameError`] unless the text is 32 characters of `a-z2-7`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        JobId::parse(text).map(|id| Self(id.0))
    }
}

/// For tables that hold names of either kind.
impl From<&BatchId> for JobId {
    fn from(id: &BatchId) -> Self {
        Self(id.0.clone())
    }
}

/// The endings of manifests: DASH, and HLS.
pub const MANIFESTS: [&str; 2] = [".mpd", ".m3u8"];
/// The endings of recordings that are one file.
const FILES: [&str; 3] = [".mp4", ".ts", ".m2ts"];

impl LivePath {
    /// # Errors
    /// [`NameError`] unless it is 2 to 16 segments of `[A-Za-z0-9._=@+ -]{1,128}` joined by `/`, none of them
    /// `.` or `..`, ending in `.mpd`, `.m3u8`, `.mp4`, `.ts` or `.m2ts`, at most 512 bytes.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        bounded(text, 512)?;
        let count = text.split('/').count();
        let offence = offence(text)
            .or((!(2..=16).contains(&count)).then_some("it has fewer segments or more"))
            .or((!MANIFESTS.iter().chain(&FILES).any(|ending| text.ends_with(ending)))
                .then_some("it ends otherwise"));
        if let Some(offence) = offence {
            return Err(NameError::Path(offence));
        }
        all(text, is_of_path)?;
        Ok(Self(text.to_owned()))
    }

    /// Returns `true` for an HLS playlist.
    pub fn is_playlist(&self) -> bool {
        self.0.rsplit_once('.').is_some_and(|(_, kind)| kind == "m3u8")
    }

    /// The recording's directory: everything up to the manifest's own name, with the trailing `/`.
    pub fn directory(&self) -> &str {
        self.0.rfind('/').map_or("", |at| &self.0[..=at])
    }
}

impl FolderPath {
    /// # Errors
    /// [`NameError`] unless it is at most 15 segments as of a [`LivePath`], with or without a `/` behind the last one.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Ok(Self(String::new()));
        }
        bounded(text, 512)?;
        let path = text.strip_suffix('/').unwrap_or(text);
        let count = path.split('/').count();
        match offence(path) {
            Some(offence) => return Err(NameError::Folder(offence)),
            None if count > 15 => return Err(NameError::Folder("it has more segments")),
            None => {}
        }
        all(path, is_of_path)?;
        Ok(Self(format!("{path}/")))
    }

    /// The folder of that name in this one.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn join(&self, name: &str) -> Result<Self, NameError> {
        Self::parse(&format!("{self}{name}/"))
    }
}

/// The first way in which a text is no relative path of plain segments.
fn offence(text: &str) -> Option<&'static str> {
    let segments = || text.split('/');
    let offences = [
        (text.contains("://"), "it is a URL"),
        (text.starts_with('/'), "it begins with /"),
        (segments().any(str::is_empty), "a segment is empty"),
        (segments().any(|segment| matches!(segment, "." | "..")), "a segment is . or .."),
        (segments().any(|segment| segment.len() > 128), "a segment is longer than 128 characters"),
    ];
    offences.into_iter().find(|(is_so, _)| *is_so).map(|(_, offence)| offence)
}

fn is_of_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/._=@+ -".contains(c)
}

impl FileName {
    /// Normalises to NFC first.
    ///
    /// # Errors
    /// [`NameError`] unless it has 1 to 128 characters (at most 240 bytes) of letters, marks, digits, space and
    /// `._()+=@,&'[]-`, and does not start with a dot.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > 4096 {
            return Err(NameError::TooLong);
        }
        let name: String = text.nfc().collect();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.chars().count() > 128 || name.len() > 240 {
            return Err(NameError::TooLong);
        }
        if name.starts_with('.') {
            return Err(NameError::LeadingDot);
        }
        all(&name, is_of_name)?;
        Ok(Self(name))
    }

    /// The name that is made of a text: characters that names do not allow become `_`, and it is cut at 128 characters and 240
    /// bytes. `None` if nothing is left.
    pub fn sanitised(text: &str) -> Option<Self> {
        let chars = text.nfc().map(|c| if is_of_name(c) { c } else { '_' });
        let mut name = String::new();
        for (at, c) in chars.skip_while(|c| *c == '.').enumerate() {
            if at == 128 || name.len() + c.len_utf8() > 240 {
                break;
            }
            name.push(c);
        }
        (!name.trim().is_empty()).then_some(Self(name))
    }

    /// The default for a request without one: `clip_<StartPos>`.
    pub fn for_start(start_pos_ms: EpochMs) -> Self {
        Self(format!("clip_{start_pos_ms}"))
    }

    /// The file's name with `extension` (no dot); an extension that the name already ends in is not doubled.
    pub fn with_extension(&self, extension: &str) -> String {
        let stem = self.0.strip_suffix(extension).and_then(|s| s.strip_suffix('.')).filter(|s| !s.is_empty());
        format!("{}.{extension}", stem.unwrap_or(&self.0))
    }
}

/// Returns `true` for a character that a [`FileName`] may have.
fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c) || " ._()+=@,&'[]-".contains(c)
}

impl PeerId {
    /// # Errors
    /// [`NameError`] unless it is 1 to 32 hex digits.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        bounded(text, 32)?;
        all(text, |c| c.is_ascii_hexdigit())?;
        Ok(Self(text.to_owned()))
    }
}

/// A client's session id. Never logged, never stored: only its hash leaves the process.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(String);

impl SessionId {
    /// Nothing shorter than 16 characters can carry enough entropy; nothing longer than 256 is a session id of this
    /// service.
    pub fn parse(text: &str) -> Option<Self> {
        let good = (16..=256).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        good.then(|| Self(text.to_owned()))
    }

    /// The sessions table's key: lower-case hex of SHA-256, so that a leaked table opens no session.
    pub fn key(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(***)")
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

fn bounded(text: &str, most: usize) -> Result<(), NameError> {
    match text.len() {
        0 => Err(NameError::Empty),
        n if n > most => Err(NameError::TooLong),
        _ => Ok(()),
    }
}

fn all(text: &str, good: impl Fn(char) -> bool) -> Result<(), NameError> {
    match text.chars().position(|c| !good(c)) {
        None => Ok(()),
        Some(at) => Err(NameError::Character(at + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_seeds_live_path_and_gives_its_directory() {
        let path = LivePath::parse("mp4/55524C2004E/55524C2041268-6bdb82b53e0a/1/stream.mpd").unwrap();
        assert_eq!(path.directory(), "mp4/55524C2004E/55524C2041268-6bdb82b53e0a/1/");
    }

    #[test]
    fn refuses_live_paths_that_could_leave_the_prefix() {
        for bad in [
            "",
            "stream.mpd",
            "/a/stream.mpd",
            "a//stream.mpd",
            "a/../stream.mpd",
            "a/./stream.mpd",
            "a/%2e%2e/stream.mpd",
            "a\\..\\b/stream.mpd",
            "a/b/stream.mov",
            "a/b\0/stream.mpd",
            "s3://bucket/stream.mpd",
            "a/ä/stream.mpd",
            "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/stream.mpd",
        ] {
            assert!(LivePath::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_refused_live_path_is_told_its_offence() {
        for (path, offence) in [
            ("https://example.com/a/stream.mpd", "it is a URL"),
            ("/a/stream.mpd", "it begins with /"),
            ("a//stream.mpd", "a segment is empty"),
            ("a/../stream.mpd", "a segment is . or .."),
            ("stream.mpd", "it has fewer segments or more"),
            ("a/stream.m3u", "it ends otherwise"),
        ] {
            assert_eq!(LivePath::parse(path), Err(NameError::Path(offence)), "{path}");
        }
        assert_eq!(
            LivePath::parse(&format!("{}/x.mpd", "a".repeat(129))),
            Err(NameError::Path("a segment is longer than 128 characters"))
        );
        assert_eq!(LivePath::parse("a/b?/stream.mpd"), Err(NameError::Character(4)));
        assert_eq!(FileName::parse("日本/b"), Err(NameError::Character(3)));
    }

    #[test]
    fn does_not_double_the_extension() {
        assert_eq!(FileName::parse("test.ts").unwrap().with_extension("ts"), "test.ts");
        assert_eq!(FileName::parse("test.mp4").unwrap().with_extension("ts"), "test.mp4.ts");
        assert_eq!(FileName::parse("test").unwrap().with_extension("mp4"), "test.mp4");
        assert_eq!(FileName::parse("ts").unwrap().with_extension("ts"), "ts.ts");
    }

    #[test]
    fn file_names_are_normalised_and_hold_no_control_or_bidi_characters() {
        assert_eq!(FileName::parse("Ame\u{301}lie").unwrap().as_str(), "Am\u{e9}lie");
        for good in ["04-60C262253621833_0.0993375889", "日本 (1)", "a&b,c=d+e@f['g']"] {
            assert!(FileName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".hidden", "a/b", "a\\b", "a\nb", "a\u{202e}b", "a\u{2028}b", "a\0", "a:b", "a\"b"] {
            assert!(FileName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(FileName::parse(&"x".repeat(129)).is_err());
        assert!(FileName::parse(&"\u{65e5}".repeat(81)).is_err());
    }

    #[test]
    fn a_stored_name_is_judged_like_one_that_comes_in() {
        fn reads<T: serde::de::DeserializeOwned + Serialize>(text: &str) -> bool {
            let read = serde_json::from_value::<T>(text.into());
            read.is_ok_and(|name| serde_json::to_value(name).unwrap() == text)
        }
        assert!(reads::<TenantId>("demo") && !reads::<TenantId>("demo/x"));
        assert!(reads::<JobId>(&"a2".repeat(16)) && !reads::<JobId>("../x"));
        assert!(
            reads::<LivePath>("a/b.mpd")
                && reads::<LivePath>("a/b.m3u8")
                && !reads::<LivePath>("../../other/b.mpd")
        );
        assert!(reads::<FileName>("Am\u{e9}lie") && !reads::<FileName>("a/b"));
        assert!(reads::<PeerId>("4D74") && !reads::<PeerId>("4D7\r"));
    }

    #[test]
    fn a_session_id_hides_itself_and_hashes_to_its_key() {
        let id = SessionId::parse("2A39603DDB0F47CFB32E96C8366084AE").unwrap();
        assert_eq!(format!("{id:?}"), "SessionId(***)");
        assert_eq!(id.key().len(), 64);
        for short in ["", "short", "123456789012345"] {
            assert_eq!(SessionId::parse(short), None);
        }
        assert!(SessionId::parse("1234567890123456").is_some());
        assert!(SessionId::parse("0123456789abcdef\n").is_none());
    }
}
