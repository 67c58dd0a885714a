//! Which Representations of a Period make the clip.

use crate::mpd::{ContentType, Period, Representation};
use crate::nal::VideoCodec;
use std::cmp::Reverse;

/// The chosen Representations.
#[derive(Debug, Clone)]
pub struct Choice<'a> {
    /// The hi-res picture, if there is any.
    pub video: Option<&'a Representation>,
    /// One for each audio adaptation set, in document order.
    pub audio: Vec<&'a Representation>,
}

/// The best picture, see [`pictures`], and the best of every audio adaptation set. Trick-mode sets are left out.
pub fn choose(period: &Period, wanted: Option<VideoCodec>) -> Choice<'_> {
    let normal = || period.representations.iter().filter(|r| !r.trick_mode);
    let video = pictures(period, wanted).first().copied();
    let mut audio: Vec<&Representation> = Vec::new();
    for candidate in normal().filter(|r| r.content == ContentType::Audio) {
        match audio.iter_mut().find(|r| r.adaptation_set == candidate.adaptation_set) {
            Some(best) if candidate.bandwidth > best.bandwidth => *best = candidate,
            Some(_) => {}
            None => audio.push(candidate),
        }
    }
    Choice { video, audio }
}

/// All pictures, the best first: by resolution, then (among equals) the codec that is wanted anyway, then bandwidth.
/// Those whose codec no clip is made of come last: a manifest may be wrong about that, or may not say it.
pub fn pictures(period: &Period, wanted: Option<VideoCodec>) -> Vec<&Representation> {
    let area = |r: &Representation| u64::from(r.width.unwrap_or(0)) * u64::from(r.height.unwrap_or(0));
    let shown = period.representations.iter().filter(|r| !r.trick_mode && r.content == ContentType::Video);
    let mut ranked: Vec<&Representation> = shown.collect();
    ranked.sort_by_key(|r| rank(&r.codecs, area(r), r.bandwidth, wanted));
    ranked
}

/// The place of a picture among others, the best first.
pub(crate) fn rank(codecs: &str, area: u64, bandwidth: u64, wanted: Option<VideoCodec>) -> impl Ord + use<> {
    let fits = wanted.is_some() && codec_of(codecs) == wanted;
    (is_foreign(codecs), Reverse((area, fits, bandwidth)))
}

/// Returns `true` if an RFC 6381 list may be that of a picture, which is not said by an empty one.
pub(crate) fn has_picture(codecs: &str) -> bool {
    let mut names = codecs.split(',').map(str::trim);
    codecs.is_empty() || is_foreign(codecs) || names.any(|codec| codec_of(codec).is_some())
}

/// Returns `true` if an RFC 6381 list names a coding of pictures that is neither H.264 nor HEVC.
fn is_foreign(codecs: &str) -> bool {
    let mut names = codecs.split(',').filter_map(|codec| codec.trim().split('.').next());
    names.any(|name| {
        matches!(
            name,
            "av01" | "vp08" | "vp09" | "vp8" | "vp9" | "vvc1" | "vvi1" | "evc1" | "mp4v" | "theora"
        )
    })
}

/// The video codec that an RFC 6381 list starts with.
fn codec_of(codecs: &str) -> Option<VideoCodec> {
    match codecs.get(..4)? {
        "avc1" | "avc3" | "dva1" | "dvav" => Some(VideoCodec::H264),
        "hvc1" | "hev1" | "dvh1" | "dvhe" => Some(VideoCodec::Hevc),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MPD: &str = r#"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT4S"><Period>
      <AdaptationSet contentType="video"><SegmentTemplate media="$RepresentationID$-$Number$" duration="2"/>
        <Representation id="low" codecs="hvc1.1.6.L93" width="640" height="360" bandwidth="9000000"/>
        <Representation id="banner" codecs="avc1.640028" width="4000" height="100" bandwidth="9000000"/>
        <Representation id="avc" codecs="avc1.640028" width="1920" height="1080" bandwidth="6000000"/>
        <Representation id="hevc" codecs="hvc1.1.6.L120" width="1920" height="1080" bandwidth="4000000"/></AdaptationSet>
      <AdaptationSet contentType="video"><EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="1"/>
        <SegmentTemplate media="t-$Number$" duration="2"/>
        <Representation id="trick" codecs="avc1.640028" width="3840" height="2160" bandwidth="1"/></AdaptationSet>
      <AdaptationSet contentType="audio" lang="en"><SegmentTemplate media="a-$Number$" duration="2"/>
        <Representation id="en64" bandwidth="64000"/><Representation id="en128" bandwidth="128000"/>
        <Representation id="same" bandwidth="128000"/><Representation id="en96" bandwidth="96000"/></AdaptationSet>
      <AdaptationSet contentType="audio" lang="fr"><SegmentTemplate media="b-$Number$" duration="2"/>
        <Representation id="fr" bandwidth="64000"/></AdaptationSet>
      </Period></MPD>"#;

    #[test]
    fn the_picture_is_the_largest_then_the_wanted_codec_then_the_best() {
        let mpd = crate::mpd::parse(MPD.as_bytes()).unwrap();
        let id = |wanted| choose(&mpd.periods[0], wanted).video.unwrap().id.clone();
        assert_eq!(id(None), "avc");
        assert_eq!(id(Some(VideoCodec::H264)), "avc");
        assert_eq!(id(Some(VideoCodec::Hevc)), "hevc");
        let mpd = crate::mpd::parse(MPD.replace("6000000", "3000000").as_bytes()).unwrap();
        let id = |wanted| choose(&mpd.periods[0], wanted).video.unwrap().id.clone();
        assert_eq!([id(None), id(Some(VideoCodec::H264))], ["hevc", "avc"]);
    }

    #[test]
    fn pictures_that_no_clip_is_made_of_come_last() {
        let newer = r#"<Representation id="av1" codecs="av01.0.05M.08" width="3840" height="2160" bandwidth="9"/>
            <Representation id="vp9" codecs="opus, vp09.00.50.08" width="2560" height="1440" bandwidth="9"/>
            <Representation id="vvc" codecs="vvc1.1.L51" width="3840" height="2160" bandwidth="9"/>
            <Representation id="unsaid" width="320" height="180" bandwidth="9"/>"#;
        let text =
            MPD.replacen("<Representation id=\"low\"", &format!("{newer}<Representation id=\"low\""), 1);
        let mpd = crate::mpd::parse(text.as_bytes()).unwrap();
        let ids: Vec<_> = pictures(&mpd.periods[0], None).iter().map(|r| r.id.clone()).collect();
        assert_eq!(ids, ["avc", "hevc", "banner", "low", "unsaid", "av1", "vvc", "vp9"]);
        assert_eq!(choose(&mpd.periods[0], Some(VideoCodec::Hevc)).video.unwrap().id, "hevc");
    }

    #[test]
    fn every_audio_set_gives_its_best_track() {
        let mpd = crate::mpd::parse(MPD.as_bytes()).unwrap();
        let ids: Vec<_> = choose(&mpd.periods[0], None).audio.iter().map(|r| r.id.clone()).collect();
        assert_eq!(ids, ["en128", "fr"]);
    }
}
