//! HLS playlists (RFC 8216, version 7) of a [`Playlist`].

use super::{DecimalSeconds, Ends, PlaceUri, Playlist, PlaylistTrack};
use std::fmt::Write as _;

/// A media playlist's track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HlsTrack {
    /// The pictures.
    Video,
    /// An audio track, counted from 0.
    Audio(usize),
}

/// The multivariant playlist. `uri` names the media playlist of a track.
pub fn multivariant(playlist: &Playlist, ends: Ends, uri: impl Fn(HlsTrack) -> String) -> String {
    let mut out = "#EXTM3U\n#EXT-X-VERSION:7\n".to_owned();
    if playlist.tracks().all(|track| track.independent) {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    if ends != Ends::Exact {
        out.push_str("#EXT-X-SESSION-DATA:DATA-ID=\"media-export.exact\",VALUE=\"no\"\n");
    }
    for (n, audio) in playlist.audio.iter().enumerate() {
        let language = audio.language.as_deref().map(quoted).filter(|name| !name.is_empty());
        let label = audio.label.as_deref().map(quoted).filter(|name| !name.is_empty());
        let name = label.or(language.clone()).unwrap_or_else(|| "audio".to_owned());
        // Names within a group are unique (RFC 8216, 4.3.4.1.1).
        let name = if playlist.audio.len() > 1 { format!("{} {name}", n + 1) } else { name };
        let language = language.map_or(String::new(), |language| format!(",LANGUAGE=\"{language}\""));
        let default = if n == 0 { "YES" } else { "NO" };
        let uri = uri(HlsTrack::Audio(n));
        let _ = writeln!(
            out,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"{name}\"{language},DEFAULT={default},AUTOSELECT=YES,URI=\"{uri}\""
        );
    }
    let video = &playlist.video;
    let loudest = playlist.audio.iter().map(|audio| audio.bandwidth).max().unwrap_or(0);
    let _ = write!(out, "#EXT-X-STREAM-INF:BANDWIDTH={}", video.bandwidth.saturating_add(loudest).max(1));
    let tracks = || std::iter::once(video).chain(&playlist.audio);
    if tracks().all(|track| !track.codecs.is_empty()) {
        let mut names: Vec<&str> = Vec::new();
        for track in tracks().filter(|track| !names.contains(&track.codecs.as_str())).collect::<Vec<_>>() {
            if !names.contains(&track.codecs.as_str()) {
                names.push(&track.codecs);
            }
        }
        let _ = write!(out, ",CODECS=\"{}\"", quoted(&names.join(",")));
    }
    if let Some((width, height)) = video.size {
        let _ = write!(out, ",RESOLUTION={width}x{height}");
    }
    if !playlist.audio.is_empty() {
        out.push_str(",AUDIO=\"audio\"");
    }
    let _ = write!(out, "\n{}\n", uri(HlsTrack::Video));
    out
}

/// The media playlist of a track. `uri` names what is at a place.
pub fn media(track: &PlaylistTrack, ends: Ends, uri: &mut PlaceUri<'_>) -> String {
    let mut out = "#EXTM3U\n#EXT-X-VERSION:7\n".to_owned();
    let lengths = track.segments.iter().map(|segment| {
        let end = track.seconds(segment.time.saturating_add(segment.duration)).0;
        DecimalSeconds(end - track.seconds(segment.time).0)
    });
    let lengths: Vec<DecimalSeconds> = lengths.collect();
    let _ = writeln!(out, "#EXT-X-TARGETDURATION:{}", target(&lengths, ends));
    // One that may have grown keeps its type when it is complete.
    let kind = if ends == Ends::Exact { "VOD" } else { "EVENT" };
    let _ = writeln!(out, "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:{kind}");
    if track.independent {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    if let Ends::Whole { lead, .. } = ends {
        let _ = writeln!(out, "#EXT-X-START:TIME-OFFSET={},PRECISE=YES", DecimalSeconds::of(lead));
    }
    let part =
        track.init.range().map_or(String::new(), |range| format!(",BYTERANGE=\"{}\"", byte_range(range)));
    let _ = writeln!(out, "#EXT-X-MAP:URI=\"{}\"{part}", uri(&track.init));
    for (segment, length) in track.segments.iter().zip(lengths) {
        let _ = writeln!(out, "#EXTINF:{length},");
        if let Some(range) = segment.place.range() {
            let _ = writeln!(out, "#EXT-X-BYTERANGE:{}", byte_range(range));
        }
        let _ = writeln!(out, "{}", uri(&segment.place));
    }
    if !matches!(ends, Ends::Whole { grows: true, .. }) {
        out.push_str("#EXT-X-ENDLIST\n");
    }
    out
}

/// The target duration in seconds. It must stay what it is while a playlist grows (RFC 8216, 6.2.1), so that of whole
/// segments leaves room for longer ones than the first.
fn target(lengths: &[DecimalSeconds], ends: Ends) -> i128 {
    let longest = lengths.iter().max().map_or(0, |longest| longest.ceil());
    let first = lengths.first().map_or(0, |first| first.ceil());
    let least = if ends == Ends::Exact { 1 } else { first.saturating_mul(2) };
    longest.max(least).max(1)
}

fn byte_range((first, last): (u64, u64)) -> String {
    format!("{}@{first}", last.saturating_sub(first).saturating_add(1))
}

/// A text as it may stand in a quoted string (4.2).
fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '"').collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{playlist, url};
    use super::*;
    use crate::time::Nanos;

    #[test]
    fn the_multivariant_playlist_names_every_audio_track() {
        let name = |track| match track {
            HlsTrack::Video => "video.m3u8?key=k".to_owned(),
            HlsTrack::Audio(n) => format!("audio-{n}.m3u8?key=k"),
        };
        let expected = "#EXTM3U\n\
            #EXT-X-VERSION:7\n\
            #EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"1 Stadium\",LANGUAGE=\"de\",DEFAULT=YES,AUTOSELECT=YES,URI=\"audio-0.m3u8?key=k\"\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"2 audio\",DEFAULT=NO,AUTOSELECT=YES,URI=\"audio-1.m3u8?key=k\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=5128000,CODECS=\"avc1.640028,mp4a.40.2\",RESOLUTION=1280x720,AUDIO=\"audio\"\n\
            video.m3u8?key=k\n";
        assert_eq!(multivariant(&playlist(), Ends::Exact, name), expected);
    }

    #[test]
    fn a_name_cannot_leave_its_attribute() {
        let mut playlist = playlist();
        playlist.audio[0].label = Some("a\"\n#EXT-X-ENDLIST".to_owned());
        let text = multivariant(&playlist, Ends::Exact, |_| String::new());
        assert!(text.contains("NAME=\"1 a#EXT-X-ENDLIST\"") && !text.contains("\n#EXT-X-ENDLIST"), "{text}");
    }

    #[test]
    fn a_media_playlist_lists_the_segments_with_their_lengths_and_bytes() {
        let expected = "#EXTM3U\n\
            #EXT-X-VERSION:7\n\
            #EXT-X-TARGETDURATION:2\n\
            #EXT-X-MEDIA-SEQUENCE:0\n\
            #EXT-X-PLAYLIST-TYPE:VOD\n\
            #EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-MAP:URI=\"made/init-v.mp4\"\n\
            #EXTINF:0.760000,\n\
            made/e0-v.m4s\n\
            #EXTINF:2.000000,\n\
            #EXT-X-BYTERANGE:500@100\n\
            recorded/v.mp4\n\
            #EXTINF:0.240000,\n\
            made/e1-v.m4s\n\
            #EXT-X-ENDLIST\n";
        assert_eq!(media(&playlist().video, Ends::Exact, &mut url), expected);
    }

    #[test]
    fn whole_segments_are_told_from_exact_ones_and_end_only_when_no_more_follow() {
        let lead = Nanos::new(760_000_999);
        let text = |grows| media(&playlist().video, Ends::Whole { lead, grows }, &mut url);
        let growing = text(true);
        for line in [
            "#EXT-X-PLAYLIST-TYPE:EVENT\n",
            "#EXT-X-START:TIME-OFFSET=0.760000,PRECISE=YES\n",
            "#EXT-X-TARGETDURATION:2\n",
        ] {
            assert!(growing.contains(line), "{growing}");
        }
        assert!(growing.ends_with("made/e1-v.m4s\n"), "{growing}");
        assert_eq!(text(false), format!("{growing}#EXT-X-ENDLIST\n"));
        let whole = Ends::Whole { lead, grows: true };
        let named = multivariant(&playlist(), whole, |_| String::new());
        assert!(
            named.contains("#EXT-X-SESSION-DATA:DATA-ID=\"media-export.exact\",VALUE=\"no\"\n"),
            "{named}"
        );
    }

    #[test]
    fn a_playlist_that_grows_keeps_its_target_duration() {
        let mut track = playlist().video;
        track.segments.remove(0);
        let ends = Ends::Whole { lead: Nanos::ZERO, grows: true };
        let mut seen = Vec::new();
        for extra in [0, 1, 12_800] {
            track.segments[1].duration = 25_600 + extra;
            seen.push(media(&track, ends, &mut url).lines().nth(2).map(str::to_owned));
        }
        assert_eq!(seen, vec![Some("#EXT-X-TARGETDURATION:4".to_owned()); 3]);
    }
}
