//! The manifest as written: each level with its own attributes only, nothing inherited yet.

use super::segments::UrlRef;
use super::timeline::{Entry, Runs, TimelineRun};
use super::xml::{Element, Xml};
use super::{ByteRange, ContentType, FrameRate, MpdError, lexical};
use crate::time::Nanos;
use std::num::NonZeroU32;
use std::sync::Arc;

const MAX_PERIODS: usize = 1024;
const MAX_SETS: usize = 4096;
const MAX_REPRESENTATIONS: usize = 4096;
/// `S` and `SegmentURL` elements together.
const MAX_ENTRIES: usize = 1_000_000;
/// `BaseURL`s of one level; later ones are not tried.
const MAX_BASES: usize = 8;
const MAX_ROLES: usize = 16;

#[derive(Default)]
pub(super) struct RawMpd {
    pub(super) dynamic: bool,
    pub(super) availability_start: Option<Nanos>,
    pub(super) publish_time: Option<Nanos>,
    pub(super) duration: Option<Nanos>,
    pub(super) minimum_update_period: Option<Nanos>,
    pub(super) base: Vec<String>,
    pub(super) periods: Vec<RawPeriod>,
}

#[derive(Default)]
pub(super) struct RawPeriod {
    pub(super) id: Option<String>,
    pub(super) start: Option<Nanos>,
    pub(super) duration: Option<Nanos>,
    pub(super) base: Vec<String>,
    pub(super) segments: Option<RawSegments>,
    pub(super) sets: Vec<RawSet>,
}

#[derive(Default)]
pub(super) struct RawSet {
    pub(super) traits: Traits,
    pub(super) base: Vec<String>,
    pub(super) segments: Option<RawSegments>,
    pub(super) representations: Vec<RawRepresentation>,
}

#[derive(Default)]
pub(super) struct RawRepresentation {
    pub(super) id: String,
    pub(super) bandwidth: u64,
    pub(super) traits: Traits,
    pub(super) base: Vec<String>,
    pub(super) segments: Option<RawSegments>,
}

/// The traits that an adaptation set has for its Representations, or one of them for itself.
#[derive(Default)]
pub(super) struct Traits {
    pub(super) content_type: Option<String>,
    pub(super) mime_type: Option<String>,
    pub(super) codecs: Option<String>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) frame_rate: Option<FrameRate>,
    pub(super) audio_sampling_rate: Option<u32>,
    pub(super) lang: Option<String>,
    pub(super) label: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) marks: Marks,
}

#[derive(Default, Clone, Copy)]
pub(super) struct Marks {
    pub(super) trick_mode: bool,
    pub(super) tiles: bool,
    pub(super) encrypted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentElement {
    Base,
    List,
    Template,
}

/// `SegmentBase`, `SegmentList` or `SegmentTemplate`, to the extent that the level says.
#[derive(Clone)]
pub(super) struct RawSegments {
    pub(super) kind: SegmentElement,
    pub(super) timescale: Option<NonZeroU32>,
    pub(super) presentation_offset: Option<i64>,
    pub(super) start_number: Option<u64>,
    pub(super) end_number: Option<u64>,
    pub(super) duration: Option<i64>,
    pub(super) timeline: Option<Arc<[TimelineRun]>>,
    pub(super) index_range: Option<ByteRange>,
    pub(super) initialization: Option<UrlRef>,
    pub(super) init_template: Option<Arc<str>>,
    pub(super) media: Option<Arc<str>>,
    pub(super) urls: Option<Arc<[UrlRef]>>,
}

pub(super) fn read(text: &str) -> Result<RawMpd, MpdError> {
    let mut parser = Parser { xml: Xml::new(text), sets: 0, representations: 0, entries: 0 };
    match parser.xml.child()? {
        Some(root) if root.name() == "MPD" => parser.mpd(&root),
        _ => Err(MpdError::NotAnMpd),
    }
}

struct Parser<'a> {
    xml: Xml<'a>,
    sets: usize,
    representations: usize,
    entries: usize,
}

impl Parser<'_> {
    fn mpd(&mut self, root: &Element) -> Result<RawMpd, MpdError> {
        let mut mpd = RawMpd {
            dynamic: root.parsed("type", |kind| match kind {
                "static" => Some(false),
                "dynamic" => Some(true),
                _ => None,
            })? == Some(true),
            availability_start: root.parsed("availabilityStartTime", lexical::date_time)?,
            publish_time: root.hint("publishTime", lexical::date_time),
            duration: root.parsed("mediaPresentationDuration", lexical::duration)?,
            minimum_update_period: root.hint("minimumUpdatePeriod", lexical::duration),
            ..RawMpd::default()
        };
        while let Some(child) = self.xml.child()? {
            match child.name() {
                "BaseURL" => self.base(&mut mpd.base)?,
                "Period" => {
                    let period = self.period(&child)?;
                    mpd.periods.push(period);
                    cap(mpd.periods.len(), MAX_PERIODS, "periods")?;
                }
                _ => self.xml.skip()?,
            }
        }
        Ok(mpd)
    }

    fn period(&mut self, element: &Element) -> Result<RawPeriod, MpdError> {
        element.is_here()?;
        let mut period = RawPeriod {
            id: element.owned("id"),
            start: element.parsed("start", lexical::duration)?,
            duration: element.parsed("duration", lexical::duration)?,
            ..RawPeriod::default()
        };
        while let Some(child) = self.xml.child()? {
            match child.name() {
                "BaseURL" => self.base(&mut period.base)?,
                "AdaptationSet" => {
                    self.sets += 1;
                    cap(self.sets, MAX_SETS, "adaptation sets")?;
                    let set = self.set(&child)?;
                    period.sets.push(set);
                }
                name => match segments_kind(name) {
                    Some(kind) => period.segments = Some(self.segments(kind, &child)?),
                    None => self.xml.skip()?,
                },
            }
        }
        Ok(period)
    }

    fn set(&mut self, element: &Element) -> Result<RawSet, MpdError> {
        element.is_here()?;
        let mut set = RawSet { traits: Traits::read(element), ..RawSet::default() };
        while let Some(child) = self.xml.child()? {
            match child.name() {
                "BaseURL" => self.base(&mut set.base)?,
                "Representation" => {
                    self.representations += 1;
                    cap(self.representations, MAX_REPRESENTATIONS, "representations")?;
                    let representation = self.representation(&child)?;
                    set.representations.push(representation);
                }
                name => match segments_kind(name) {
                    Some(kind) => set.segments = Some(self.segments(kind, &child)?),
                    None => self.descriptor(&child, &mut set.traits)?,
                },
            }
        }
        Ok(set)
    }

    fn representation(&mut self, element: &Element) -> Result<RawRepresentation, MpdError> {
        element.is_here()?;
        let mut representation = RawRepresentation {
            id: element.owned("id").unwrap_or_default(),
            bandwidth: element.hint("bandwidth", |text| text.parse().ok()).unwrap_or(0),
            traits: Traits::read(element),
            ..RawRepresentation::default()
        };
        while let Some(child) = self.xml.child()? {
            match child.name() {
                "BaseURL" => self.base(&mut representation.base)?,
                name => match segments_kind(name) {
                    Some(kind) => representation.segments = Some(self.segments(kind, &child)?),
                    None => self.descriptor(&child, &mut representation.traits)?,
                },
            }
        }
        Ok(representation)
    }

    /// `BaseURL`s beside each other name the same content in different places.
    fn base(&mut self, alternatives: &mut Vec<String>) -> Result<(), MpdError> {
        let text = self.xml.text()?;
        if alternatives.len() < MAX_BASES {
            alternatives.push(text);
        }
        Ok(())
    }

    fn descriptor(&mut self, element: &Element, traits: &mut Traits) -> Result<(), MpdError> {
        let scheme = element.get("schemeIdUri").unwrap_or("");
        match element.name() {
            "EssentialProperty" | "SupplementalProperty" => {
                traits.marks.trick_mode |= scheme.ends_with(":trickmode") || scheme.ends_with("/trickmode");
                traits.marks.tiles |= scheme.ends_with("/thumbnail_tile");
            }
            "ContentProtection" => traits.marks.encrypted = true,
            "Role" if traits.roles.len() < MAX_ROLES => traits.roles.extend(element.owned("value")),
            "Label" => {
                traits.label = Some(self.xml.text()?);
                return Ok(());
            }
            _ => {}
        }
        self.xml.skip()
    }

    fn segments(&mut self, kind: SegmentElement, element: &Element) -> Result<RawSegments, MpdError> {
        element.is_here()?;
        let mut segments = RawSegments {
            kind,
            timescale: element.number("timescale")?,
            presentation_offset: element.parsed("presentationTimeOffset", ticks)?,
            start_number: element.number("startNumber")?,
            end_number: element.number("endNumber")?,
            duration: element.parsed("duration", |text| ticks(text).filter(|ticks| *ticks > 0))?,
            timeline: None,
            index_range: element.parsed("indexRange", lexical::byte_range)?,
            initialization: None,
            init_template: element.get("initialization").map(Arc::from),
            media: element.get("media").map(Arc::from),
            urls: None,
        };
        let mut urls = Vec::new();
        while let Some(child) = self.xml.child()? {
            match child.name() {
                "SegmentTimeline" => segments.timeline = Some(self.timeline(&child)?),
                "Initialization" => {
                    segments.initialization = Some(url(&child, "sourceURL", "range")?);
                    self.xml.skip()?;
                }
                "SegmentURL" if kind == SegmentElement::List => {
                    self.entry()?;
                    urls.push(url(&child, "media", "mediaRange")?);
                    self.xml.skip()?;
                }
                _ => self.xml.skip()?,
            }
        }
        segments.urls = (!urls.is_empty()).then(|| urls.into());
        Ok(segments)
    }

    fn timeline(&mut self, element: &Element) -> Result<Arc<[TimelineRun]>, MpdError> {
        element.is_here()?;
        let mut runs = Runs::default();
        while let Some(child) = self.xml.child()? {
            if child.name() == "S" {
                self.entry()?;
                runs.push(Entry {
                    time: child.parsed("t", ticks)?,
                    number: child.number("n")?,
                    duration: child.parsed("d", ticks)?.ok_or(MpdError::BadTimeline)?,
                    repeat: child.number("r")?.unwrap_or(0),
                })?;
            }
            self.xml.skip()?;
        }
        Ok(runs.finish().into())
    }

    fn entry(&mut self) -> Result<(), MpdError> {
        self.entries += 1;
        cap(self.entries, MAX_ENTRIES, "segments")
    }
}

impl Traits {
    fn read(element: &Element) -> Self {
        Self {
            content_type: element.owned("contentType"),
            mime_type: element.owned("mimeType"),
            codecs: element.owned("codecs"),
            width: element.hint("width", |text| text.parse().ok()),
            height: element.hint("height", |text| text.parse().ok()),
            frame_rate: element.hint("frameRate", lexical::frame_rate),
            audio_sampling_rate: element.hint("audioSamplingRate", lexical::sampling_rate),
            lang: element.owned("lang"),
            label: element.owned("label"),
            ..Self::default()
        }
    }

    /// The first that says something: `@contentType`, `@mimeType`, `@codecs`.
    pub(super) fn content(&self) -> Option<ContentType> {
        if self.marks.tiles {
            return Some(ContentType::Image);
        }
        let kind = self.content_type.as_deref().or_else(|| self.mime_type.as_deref()?.split('/').next());
        match kind {
            Some("video") => Some(ContentType::Video),
            Some("audio") => Some(ContentType::Audio),
            Some("text") => Some(ContentType::Text),
            Some("image") => Some(ContentType::Image),
            _ => self.codecs.as_deref().and_then(content_of_codecs),
        }
    }
}

fn content_of_codecs(codecs: &str) -> Option<ContentType> {
    let known = |name: &str| match name.trim().split('.').next() {
        Some(
            "avc1" | "avc3" | "hvc1" | "hev1" | "dvh1" | "dvhe" | "dva1" | "dvav" | "av01" | "vp09" | "vp08"
            | "vp9" | "vp8" | "vvc1" | "vvi1",
        ) => Some(ContentType::Video),
        Some("mp4a" | "ac-3" | "ec-3" | "ac-4" | "opus" | "Opus" | "fLaC" | "dtsc" | "dtse") => {
            Some(ContentType::Audio)
        }
        Some("stpp" | "wvtt") => Some(ContentType::Text),
        _ => None,
    };
    let mut kinds = codecs.split(',').filter_map(known);
    let first = kinds.next()?;
    Some(if kinds.any(|kind| kind == ContentType::Video) { ContentType::Video } else { first })
}

fn segments_kind(name: &str) -> Option<SegmentElement> {
    match name {
        "SegmentBase" => Some(SegmentElement::Base),
        "SegmentList" => Some(SegmentElement::List),
        "SegmentTemplate" => Some(SegmentElement::Template),
        _ => None,
    }
}

fn url(element: &Element, reference: &'static str, range: &'static str) -> Result<UrlRef, MpdError> {
    Ok(UrlRef {
        reference: element.get(reference).map(|text| Arc::from(text.trim())),
        range: element.parsed(range, lexical::byte_range)?,
    })
}

/// A count of ticks that fits the signed arithmetic of sample times.
fn ticks(text: &str) -> Option<i64> {
    text.parse().ok().filter(|ticks| *ticks >= 0)
}

fn cap(count: usize, limit: usize, what: &'static str) -> Result<(), MpdError> {
    if count > limit { Err(MpdError::TooMany(what)) } else { Ok(()) }
}
