//! DASH manifests (ISO/IEC 23009-1) of a [`Playlist`]: one Period whose segments are all listed.

use super::{MediaPlace, Playlist, PlaylistTrack};
use std::fmt::Write as _;

/// The manifest. `uri` names what is at a place.
pub fn manifest(playlist: &Playlist, uri: &mut dyn FnMut(&MediaPlace) -> String) -> String {
    let video = &playlist.video;
    let length = video.seconds(video.end());
    let tracks = || std::iter::once(video).chain(&playlist.audio);
    let segments = tracks().flat_map(|track| &track.segments).count();
    let mut out = String::with_capacity(segments.saturating_mul(256));
    let _ = write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-main:2011\" \
         type=\"static\" mediaPresentationDuration=\"PT{length}S\" minBufferTime=\"PT2S\">\n\
         <Period id=\"clip\" start=\"PT0S\" duration=\"PT{length}S\">\n"
    );
    for (n, track) in tracks().enumerate() {
        write_track(&mut out, n, track, uri);
    }
    out.push_str("</Period>\n</MPD>\n");
    out
}

fn write_track(
    out: &mut String,
    n: usize,
    track: &PlaylistTrack,
    uri: &mut dyn FnMut(&MediaPlace) -> String,
) {
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
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
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
        assert_eq!(manifest(&playlist, &mut url), expected);
    }

    #[test]
    fn our_own_reader_of_manifests_finds_what_was_listed() {
        let playlist = playlist();
        let mpd = parse(manifest(&playlist, &mut url).as_bytes()).unwrap();
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
                .map(|s| (url(&s.place), s.place.range(), s.time, s.duration))
                .collect();
            assert_eq!(found, listed);
        }
    }

    #[test]
    fn names_and_urls_cannot_leave_their_attributes() {
        assert_eq!(escaped("a?b=1&c=\"<d>\"\n"), "a?b=1&amp;c=&quot;&lt;d&gt;&quot;");
    }
}
