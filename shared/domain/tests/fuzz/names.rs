//! Names and headers that clients choose.

use export_domain::ids::{FileName, LivePath, SessionId};
use export_domain::trace::{CorrelationId, TraceHeader};
use export_fuzz::config;
use export_testkit::tenant;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Paths of segments that are mostly good.
fn paths() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        8 => "[A-Za-z0-9._=@+ -]{1,12}",
        1 => select(vec![".", "..", "", "%2e%2e", "a\\b", "~", "\0", "ä", "..."]).prop_map(str::to_owned),
        1 => (120..135_usize).prop_map(|length| "x".repeat(length)),
    ];
    let end =
        prop_oneof![8 => Just(".mpd"), 1 => Just(".MPD"), 1 => Just(""), 1 => Just("/"), 1 => Just(".mpd\n")];
    (vec(segment, 1..14), end).prop_map(|(segments, end)| format!("{}{end}", segments.join("/")))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn live_paths(text in prop_oneof![8 => paths(), 1 => any::<String>()]) {
        let Ok(path) = LivePath::parse(&text) else { return Ok(()) };
        prop_assert_eq!(path.as_str(), &text);
        prop_assert!(text.len() <= 512 && text.is_ascii());
        prop_assert!(text.split('/').all(|segment| !matches!(segment, "" | "." | "..")));
        prop_assert!(path.directory().ends_with('/') && text.starts_with(path.directory()));
        prop_assert!(tenant().manifest_key(&path).starts_with(path.directory()));
    }

    #[test]
    fn file_names(text in prop_oneof![4 => "[A-Za-zäß\u{30a}\u{1100}\u{1161}0-9 ._()/\\\\-]{0,40}", 1 => any::<String>()]) {
        let Ok(name) = FileName::parse(&text) else { return Ok(()) };
        prop_assert_eq!(FileName::parse(name.as_str()), Ok(name.clone()));
        let file = name.with_extension("ts");
        prop_assert!(file.len() <= 243 && file.split('.').next_back() == Some("ts") && !file.starts_with('.'));
        prop_assert!(!file.contains(['/', '\\']) && !file.contains(char::is_control), "{}", file);
    }

    #[test]
    fn headers(
        text in prop_oneof![
            "[0-9a-f]{2}-[0-9a-f]{31,33}-[0-9a-f]{16}-[0-9a-f]{2}(-x)?",
            "(Root=1-[0-9a-f]{8}-[0-9a-f]{24}|Parent=[0-9a-f]{16}|Sampled=[01?]|;| ){0,8}",
            "[ -~]{0,300}",
            any::<String>(),
        ],
    ) {
        if let Some(name) = CorrelationId::of_traceparent(&text) {
            prop_assert_eq!(CorrelationId::parse(name.as_str()), Some(name));
        }
        if let Some(name) = CorrelationId::parse(&text) {
            prop_assert!(name.as_str().len() <= 128 && name.as_str().bytes().all(|b| (b' '..=b'~').contains(&b)));
        }
        if let Some(header) = TraceHeader::parse(&text) {
            prop_assert_eq!(TraceHeader::parse(header.as_str()), Some(header.clone()));
            prop_assert!(header.as_str().len() < 100 && !header.root().is_empty());
        }
        if let Some(session) = SessionId::parse(&text) {
            prop_assert_eq!(session.key().len(), 64);
        }
    }
}
