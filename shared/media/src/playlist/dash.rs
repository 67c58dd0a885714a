//! DASH manifests (ISO/IEC 23009-1) of a [`Playlist`]: one Period whose segments are all listed.

use super::{MediaPlace, PlaceUri, Playlist, PlaylistTrack};
use std::fmt::Write as _;

/// The times of a manifest that is read again as it grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrowingManifest {
    /// Time zero of the presentation on the wall clock (RFC 3339); the same each time.
    pub starts: String,
    /// The time now (RFC 3339).
    pub now: String,
    /// The URL of the next version.
    pub location: String,
}

/// The manifest. `uri` names what is at a place. More segments follow if it is `growing`.
pub fn manifest(playlist: &Playlist, growing: Option<&GrowingManifest>, uri: &mut PlaceUri<'_>) -> String {
    let video = &playlist.video;
    let length = video.seconds(video.end());
    let tracks = || std::iter::once(video).chain(&playlist.audio);
    let segments = tracks().flat_map(|track| &track.segments).count();
    let mut out = String::with_capacity(segments.saturating_mul(256));
    out.push_str(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-main:2011\" ",
    );
    match growing {
        Some(growing) => write_growing(&mut out, video, growing),
        None => {
            let _ = write!(
                out,
                "type=\"static\" mediaPresentationDuration=\"PT{length}S\" minBufferTime=\"PT2S\">\n\
                 <Period id=\"clip\" start=\"PT0S\" duration=\"PT{length}S\">\n"
            );
        }
    }
    for (n, track) in tracks().enumerate() {
        write_track(&mut out, n, track, uri);
    }
    out.push_str("</Period>\n</MPD>\n");
    out
}

fn write_growing(out: &mut String, video: &PlaylistTrack, growing: &GrowingManifest) {
    // The next segment is there about as long after the last one as that lasts.
    let last = video.segments.last().map_or(0, |last| last.duration);
    let update = video.seconds(video.zero.saturating_add(last)).max(super::DecimalSeconds(1_000_000));
    let GrowingManifest { starts, now, location } = growing;
    let (starts, now) = (attribute("availabilityStartTime", starts), attribute("publishTime", now));
    let _ = write!(
        out,
        "type=\"dynamic\"{starts}{now} minimumUpdatePeriod=\"PT{update}S\" minBufferTime=\"PT2S\">\n\
         <Location>{}</Location>\n<Period id=\"clip\" start=\"PT0S\">\n",
        escaped(location)
    );
}

fn write_track(out: &mut String, n: usize, track: &PlaylistTrack, uri: &mut PlaceUri<'_>) {
    let kind = if n == 0 { "video" } else { "audio" };
    let language = track.language.as_deref().map_or(String::new(), |language| attribute("lang", language));
    let codecs = if track.codecs.is_empty() { String::new() } else { attribute("codecs", &track.codecs) };
    let size = track.size.map_or(String::new(), |(width, height)| {
        attribute("width", &width.to_string()) + &attribute("height", &height.to_string())
    });
    let starts = if track.independent { attribute("startWithSAP", "1") } else { String::new() };
    let _ = writeln!(
        out,
        "<AdaptationSet id=\"{n}\" contentType=\"{kind}\" mimeType=\"{kind}/mp4\"{language}{starts}>"
    );
    if let Some(label) = &track.label {
        let _ = writeln!(out, "<Label>{}</Label>", escaped(label));
    }
    let _ = writeln!(
        out,
        "<Representation id=\"{n}\"{codecs} bandwidth=\"{}\"{size}>\n\
         <SegmentList timescale=\"{}\" presentationTimeOffset=\"{}\">",
        track.bandwidth.max(1),
        track.timescale,
        track.zero
    );
    let range = place_range(&track.init, "range");
    let _ = writeln!(out, "<Initialization sourceURL=\"{}\"{range}/>", escaped(&uri(&track.init)));
    out.push_str("<SegmentTimeline>\n");
    let mut next = None;
    // An element for each segment: dash.js takes the URL that stands at the element's position, and knows no `@r` there.
    for segment in &track.segments {
        let time = if next == Some(segment.time) {
            String::new()
        } else {
            attribute("t", &segment.time.to_string())
        };
        let _ = writeln!(out, "<S{time} d=\"{}\"/>", segment.duration);
        next = Some(segment.time.saturating_add(segment.duration));
    }
    out.push_str("</SegmentTimeline>\n");
    for segment in &track.segments {
        let range = place_range(&segment.place, "mediaRange");
        let _ = writeln!(out, "<SegmentURL media=\"{}\"{range}/>", escaped(&uri(&segment.place)));
    }
    out.push_str("</SegmentList>\n</Representation>\n</AdaptationSet>\n");
}

fn place_range(place: &MediaPlace, name: &str) -> String {
    place.range().map_or(String::new(), |(first, last)| attribute(name, &format!("{first}-{last}")))
}

fn attribute(name: &str, value: &str) -> String {
    format!(" {name}=\"{}\"", escaped(value))
}

/// A text as it may stand in an attribute or between tags (XML 1.0, 2.2 and 2.4).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(64));
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\u{fffe}' | '\u{ffff}') || c.is_control();
    // Parts between them are copied as a whole: a manifest of hours has megabytes of URLs.
    for part in text.split_inclusive(special) {
        let end = part.chars().next_back().filter(|c| special(*c));
        out.push_str(&part[..part.len() - end.map_or(0, char::len_utf8)]);
        out.push_str(match end {
            Some('&') => "&amp;",
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            Some('"') => "&quot;",
            _ => "",
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::{playlist, url};
    use super::*;
    use crate::mpd::parse;

    #[test]
    fn the_manifest_lists_every_segment_of_every_track() {
        let mut playlist = playlist();
        playlist.audio.truncate(1);
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-main:2011" type="static" mediaPresentationDuration="PT3.000000S" minBufferTime="PT2S">
<Period id="clip" start="PT0S" duration="PT3.000000S">
<AdaptationSet id="0" contentType="video" mimeType="video/mp4" startWithSAP="1">
<Representation id="0" codecs="avc1.640028" bandwidth="5000000" width="1280" height="720">
<SegmentList timescale="12800" presentationTimeOffset="67072">
<Initialization sourceURL="made/init-v.mp4"/>
<SegmentTimeline>
<S t="67072" d="9728"/>
<S d="25600"/>
<S d="3072"/>
</SegmentTimeline>
<SegmentURL media="made/e0-v.m4s"/>
<SegmentURL media="recorded/v.mp4" mediaRange="100-599"/>
<SegmentURL media="made/e1-v.m4s"/>
</SegmentList>
</Representation>
</AdaptationSet>
<AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" lang="de" startWithSAP="1">
<Label>Stadium</Label>
<Representation id="1" codecs="mp4a.40.2" bandwidth="128000">
<SegmentList timescale="48000" presentationTimeOffset="251520">
<Initialization sourceURL="recorded/a.mp4" range="0-99"/>
<SegmentTimeline>
<S t="251000" d="96000"/>
<S d="96000"/>
</SegmentTimeline>
<SegmentURL media="recorded/a1.m4s"/>
<SegmentURL media="recorded/a2.m4s"/>
</SegmentList>
</Representation>
</AdaptationSet>
</Period>
</MPD>
"#;
        assert_eq!(manifest(&playlist, None, &mut url), expected);
    }

    #[test]
    fn our_own_reader_of_manifests_finds_what_was_listed() {
        let playlist = playlist();
        let mpd = parse(manifest(&playlist, None, &mut url).as_bytes()).unwrap();
        let [period] = &mpd.periods[..] else { panic!("{mpd:?}") };
        let tracks: Vec<&PlaylistTrack> = std::iter::once(&playlist.video).chain(&playlist.audio).collect();
        assert_eq!(period.representations.len(), tracks.len());
        for (found, listed) in period.representations.iter().zip(tracks) {
            let segments = (0..).map_while(|n| found.segment(n).unwrap());
            let found: Vec<_> = segments
                .map(|s| (s.resource.path, s.resource.range.map(|r| (r.first, r.last)), s.time, s.duration))
                .collect();
            let listed: Vec<_> = listed
                .segments
                .iter()
                .map(|s| (url(&s.place).into_owned(), s.place.range(), s.time, s.duration))
                .collect();
            assert_eq!(found, listed);
        }
    }

    #[test]
    fn a_growing_manifest_has_no_end_and_says_where_and_when_it_is_read_again() {
        let growing = GrowingManifest {
            starts: "2019-07-04T15:07:08Z".to_owned(),
            now: "2019-07-04T15:07:12Z".to_owned(),
            location: "segments.mpd?key=a&b".to_owned(),
        };
        let mut playlist = playlist();
        playlist.video.segments.pop();
        let text = manifest(&playlist, Some(&growing), &mut url);
        let head = "type=\"dynamic\" availabilityStartTime=\"2019-07-04T15:07:08Z\" publishTime=\"2019-07-04T15:07:12Z\" \
            minimumUpdatePeriod=\"PT2.000000S\" minBufferTime=\"PT2S\">\n\
            <Location>segments.mpd?key=a&amp;b</Location>\n\
            <Period id=\"clip\" start=\"PT0S\">\n";
        assert!(text.contains(head), "{text}");
        assert!(!text.to_lowercase().contains("duration=\"pt"), "{text}");
        let mpd = parse(text.as_bytes()).unwrap();
        assert!(mpd.dynamic && mpd.periods[0].representations[0].segment(2).unwrap().is_none());
    }

    #[test]
    fn names_and_urls_cannot_leave_their_attributes() {
        assert_eq!(escaped("a?b=1&c=\"<d>\"\n"), "a?b=1&amp;c=&quot;&lt;d&gt;&quot;");
    }
}
