//! The names that tie log lines and traces of one request and of its job together. They decide nothing.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A request's name in every log line that it leads to: the caller's own, or the gateway's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CorrelationId(String);

impl CorrelationId {
    /// 1 to 128 printable ASCII characters.
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=128).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'));
        good.then(|| Self(text.to_owned()))
    }

    /// The trace id of a W3C `traceparent` (Trace Context, section 3.2).
    pub fn of_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        let good = known && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2);
        good.then(|| Self(trace.to_owned()))
    }

    /// The text as it was accepted.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An AWS X-Ray trace header: `Root`, `Parent` and `Sampled` of it. SQS refuses a message with one that is malformed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceHeader(String);

impl TraceHeader {
    /// Reads a header; `None` without a well-formed `Root`.
    pub fn parse(text: &str) -> Option<Self> {
        let root = field(text, "Root").filter(|root| is_root(root))?;
        let parent = field(text, "Parent").filter(|parent| is_hex(parent, 16));
        let sampled = field(text, "Sampled").filter(|sampled| matches!(*sampled, "0" | "1"));
        let given = [("Root", Some(root)), ("Parent", parent), ("Sampled", sampled)].into_iter();
        let fields = given.filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        Some(Self(fields.collect::<Vec<_>>().join(";")))
    }

    /// The header's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace's id.
    pub fn root(&self) -> &str {
        field(&self.0, "Root").unwrap_or_default()
    }
}

/// The request that something was done for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// Its name.
    pub correlation_id: Option<CorrelationId>,
    /// Its trace.
    pub trace: Option<TraceHeader>,
}

/// Reads a stored [`CorrelationId`]; a text that is not one must not make its job unreadable.
pub(crate) fn correlation_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<CorrelationId>, D::Error> {
    Ok(stored_text(from)?.and_then(|text| CorrelationId::parse(&text)))
}

/// Reads a stored [`TraceHeader`]; a text that is not one must not make its job unreadable, nor its message unsendable.
pub(crate) fn trace_header<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TraceHeader>, D::Error> {
    Ok(stored_text(from)?.and_then(|text| TraceHeader::parse(&text)))
}

fn stored_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Text(String),
        Other(IgnoredAny),
    }
    Ok(match Stored::deserialize(from)? {
        Stored::Text(text) => Some(text),
        Stored::Other(_) => None,
    })
}

fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
}

/// `1-`, eight hex digits of time, `-`, 24 of chance.
fn is_root(text: &str) -> bool {
    let parts = text.strip_prefix("1-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(time, chance)| is_hex(time, 8) && is_hex(chance, 24))
}

/// An id of all zeros is not valid.
fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|b| b != b'0')
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn a_correlation_id_is_short_printable_ascii() {
        let longest = "x".repeat(128);
        for good in ["a", "order 7/b", "\"}", "{\\n}", longest.as_str()] {
            assert_eq!(CorrelationId::parse(good).map(|id| id.to_string()).as_deref(), Some(good));
        }
        for bad in ["", "a\nb", "a\tb", "\u{7f}", "\u{1b}[2J", "Am\u{e9}lie", "\u{2028}", &"x".repeat(129)] {
            assert_eq!(CorrelationId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_trace_of_a_traceparent_is_read_as_w3c_says() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let of = |text: &str| CorrelationId::of_traceparent(text).map(|id| id.to_string());
        for good in ["00-T-b7ad6b7169203331-01", "cc-T-b7ad6b7169203331-00-what-comes-later"] {
            assert_eq!(of(&good.replace('T', trace)).as_deref(), Some(trace));
        }
        for bad in [
            "",
            "00-T",
            "ff-T-b7ad6b7169203331-01",
            "00-T-b7ad6b7169203331-01-more",
            "00-T-0000000000000000-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-T-b7ad6b7169203331-1",
        ] {
            assert_eq!(of(&bad.replace('T', trace)), None, "{bad}");
        }
    }

    #[test]
    fn a_trace_header_is_kept_without_what_sqs_might_refuse() {
        let of = |text: &str| TraceHeader::parse(text).map(|header| header.as_str().to_owned());
        let full = format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
        assert_eq!(of(&format!("Self=x; {full};Lineage=1:a:0")).as_deref(), Some(full.as_str()));
        assert_eq!(of(&format!("Sampled=?;Parent=x;Root={ROOT}")), Some(format!("Root={ROOT}")));
        assert_eq!(TraceHeader::parse(&full).unwrap().root(), ROOT);
        for bad in ["", "Root=", "Root=1-2-3", "Parent=53995c3f42cd8ad8;Sampled=1", "XRoot=x"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_reads_the_same_again(text in ".*", extra in "[ -~]{0,40}") {
            for text in [text, format!("Root={ROOT};{extra}")] {
                if let Some(header) = TraceHeader::parse(&text) {
                    prop_assert_eq!(TraceHeader::parse(header.as_str()), Some(header));
                }
            }
        }
    }
}
