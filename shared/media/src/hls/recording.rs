//! Playlists as a recording.

use super::master::{Rendition, Variant};
use super::media::{MediaPlaylist, Section, length};
use crate::mpd::{ContentType, Mpd, MpdError, Named, Period, Placing, Representation};
use crate::time::Nanos;
use std::sync::Arc;

/// A rate that nothing says, in bits a second, of which a usual segment fits into what is fetched ahead.
const UNSAID: u64 = 6_000_000;

/// The recording that `playlist` lists the picture of, or its only audio, and `audio` the audio renditions of.
///
/// The clock is that of `EXT-X-PROGRAM-DATE-TIME`, whatever the recorder means by it: the presentation's time is that
/// since the Unix epoch. Without any, time zero is the first segment.
///
/// A section with a date starts there, another one where the one before ends by `EXTINF`; so does one whose date lies
/// before that end.
///
/// # Errors
/// [`MpdError::BadTimeline`] for lengths beyond 292,000 years.
pub fn recording(
    variant: &Variant,
    playlist: &MediaPlaylist,
    audio: &[(Rendition, MediaPlaylist)],
) -> Result<Mpd, MpdError> {
    let starts = starts(&playlist.sections);
    let ends = starts.iter().skip(1).map(|start| Some(start.at)).chain([None]);
    let mut periods = Vec::with_capacity(starts.len());
    for ((section, begins), end) in playlist.sections.iter().zip(&starts).zip(ends) {
        let start = begins.at;
        let later = section.date().map_or(Nanos::ZERO, |date| start - date);
        let picture = Described::of_variant(variant);
        let mut representations = vec![picture.listed(playlist, section, (start, later), 0)?];
        for (n, (rendition, playlist)) in audio.iter().enumerate() {
            let same =
                |other: &&Section| (other.discontinuity, other.part) == (section.discontinuity, section.part);
            if let Some(section) = playlist.sections.iter().find(same) {
                representations.push(Described::of_rendition(rendition).listed(
                    playlist,
                    section,
                    (start, later),
                    n + 1,
                )?);
            }
        }
        let placing = Some(Placing { anchors: anchors(section, start, later), follows: begins.follows });
        let duration = end.map(|end| end - start);
        periods.push(Period { id: None, start, duration, representations, placing });
    }
    let has_clock = playlist.sections.iter().any(|section| !section.dates.is_empty());
    Ok(Mpd {
        dynamic: playlist.grows,
        availability_start: has_clock.then_some(Nanos::ZERO),
        publish_time: None,
        media_presentation_duration: None,
        minimum_update_period: playlist.grows.then_some(playlist.target),
        periods,
    })
}

/// The start of a section.
#[derive(Debug, Clone, Copy)]
struct Start {
    at: Nanos,
    /// It is the end of the section before.
    follows: bool,
}

fn starts(sections: &[Section]) -> Vec<Start> {
    // What comes before the first date is counted back from it.
    let dated = sections.iter().position(|section| !section.dates.is_empty());
    let origin = dated.and_then(|at| {
        let before = sections.get(..at)?.iter().map(Section::length);
        Some(sections.get(at)?.date()? - before.fold(Nanos::ZERO, |sum, one| sum + one))
    });
    let mut before: Option<(Start, Nanos, Nanos)> = None;
    let start = |section: &Section| {
        let start = match (before, section.date()) {
            (None, date) => Start { at: date.or(origin).unwrap_or(Nanos::ZERO), follows: false },
            (Some((last, end, late)), Some(date)) if date >= end - late => {
                Start { at: date.max(last.at), follows: false }
            }
            (Some((_, end, _)), _) => Start { at: end, follows: true },
        };
        let (end, late) = section.end(start.at);
        before = Some((start, end, late));
        start
    };
    sections.iter().map(start).collect()
}

/// The positions of segments of a section that starts at `start` whose times the playlist says, and those times. Only
/// what is there has a position.
fn anchors(section: &Section, start: Nanos, later: Nanos) -> Arc<[(u64, Nanos)]> {
    let (mut anchors, mut dates, mut index) = (Vec::new(), section.dates.iter().peekable(), 0);
    for (at, segment) in section.segments.iter().enumerate() {
        let date = dates.next_if(|(dated, _)| *dated == at);
        if !segment.gap {
            anchors.extend(date.map(|(_, date)| (index, *date + later)));
            index += 1;
        }
    }
    if anchors.is_empty() {
        let gaps = section.segments.iter().take_while(|segment| segment.gap).count();
        anchors.push((0, start + length(section.segments.get(..gaps).unwrap_or_default())));
    }
    anchors.into()
}

/// A coding as a playlist of variants describes it.
struct Described<'a> {
    id: &'a str,
    content: ContentType,
    variant: Variant,
    rendition: Rendition,
}

impl<'a> Described<'a> {
    fn of_variant(variant: &'a Variant) -> Self {
        let content = if variant.size.is_none() && is_audio(&variant.codecs) {
            ContentType::Audio
        } else {
            ContentType::Video
        };
        Self { id: &variant.path, content, variant: variant.clone(), rendition: Rendition::default() }
    }

    fn of_rendition(rendition: &'a Rendition) -> Self {
        let (id, content) = (&*rendition.path, ContentType::Audio);
        Self { id, content, variant: Variant::default(), rendition: rendition.clone() }
    }

    /// The segments of a section that starts at `start`, whose dates are moved by `later`.
    fn listed(
        self,
        playlist: &MediaPlaylist,
        section: &Section,
        (start, later): (Nanos, Nanos),
        adaptation_set: usize,
    ) -> Result<Representation, MpdError> {
        let Variant { bandwidth, codecs, size, frame_rate, .. } = self.variant;
        let Rendition { name, language, .. } = self.rendition;
        let dates: Vec<_> = section.dates.iter().map(|(at, date)| (*at, *date + later)).collect();
        let (timeline, addressing) = Named {
            path: &playlist.path,
            start,
            init: section.init.as_ref(),
            segments: &section.segments,
            dates: &dates,
        }
        .addressing()?;
        Ok(Representation {
            id: self.id.to_owned(),
            adaptation_set,
            content: self.content,
            codecs,
            bandwidth: if bandwidth == 0 && self.content == ContentType::Video { UNSAID } else { bandwidth },
            width: size.map(|(width, _)| width),
            height: size.map(|(_, height)| height),
            frame_rate,
            audio_sampling_rate: None,
            lang: language,
            label: Some(name).filter(|name| !name.is_empty()),
            roles: Arc::default(),
            trick_mode: false,
            encrypted: section.encrypted,
            timeline,
            media: None,
            rounded: section.rounded(),
            rounding: section.rounding(),
            measured: None,
            file: None,
            addressing,
        })
    }
}

/// Returns `true` if an RFC 6381 list names audio alone.
fn is_audio(codecs: &str) -> bool {
    !codecs.is_empty() && !crate::select::has_picture(codecs)
}
