//! Inheritance (ISO/IEC 23009-1, 5.3.9.1) and Period starts (5.3.2.1): the raw manifest becomes the model.

use super::path::join;
use super::raw::{RawMpd, RawPeriod, RawRepresentation, RawSegments, RawSet, SegmentElement, Traits};
use super::segments::{Addressing, MediaAddress};
use super::timeline::TimelineRun;
use super::{ContentType, Mpd, MpdError, Nanos, Period, Representation};
use crate::time::Timeline;
use std::num::NonZeroU32;
use std::sync::Arc;

/// By how much a Period's own duration may be cut.
const MOST_CUT: Nanos = Nanos::new(100_000_000);
/// By how much the presentation's duration may be rounded.
const MOST_ROUNDED: Nanos = Nanos::new(1_000_000_000);

pub(super) fn mpd(raw: RawMpd) -> Result<Mpd, MpdError> {
    let spans = spans(&raw)?;
    let base = rebased("", &raw.base)?;
    let rounded = raw.periods.last().is_some_and(|last| last.duration.is_none());
    let periods = spans.into_iter().zip(raw.periods);
    let periods = periods.map(|((start, duration), raw)| period(raw, &base, start, duration));
    let mut periods = periods.collect::<Result<Vec<_>, _>>()?;
    if let Some(last) = periods.last_mut() {
        last.duration = last.duration.map(|length| length.max(listed_length(last, length, rounded)));
    }
    Ok(Mpd {
        dynamic: raw.dynamic,
        availability_start: raw.availability_start,
        publish_time: raw.publish_time,
        media_presentation_duration: raw.duration,
        minimum_update_period: raw.minimum_update_period,
        periods,
    })
}

/// The length of the last Period by its timelines, if that is little more than `length`, by which recorders write less
/// than they recorded: ffmpeg cuts `MPD@mediaPresentationDuration` to tenths, others to whole seconds. What starts
/// before the end then belongs to the recording. A Period's own duration may be cut to tenths.
fn listed_length(period: &Period, length: Nanos, rounded: bool) -> Nanos {
    let shown = |found: &&Representation| matches!(found.content, ContentType::Video | ContentType::Audio);
    let ends = period.representations.iter().filter(shown).filter_map(|found| {
        let (start, end) = found.last_listed()?;
        let [start, end] = [start, end].map(|ticks| found.timeline.to_nanos_floor(ticks) - period.start);
        let over = end - length;
        (over <= MOST_CUT || rounded && start < length && over <= MOST_ROUNDED).then_some(end)
    });
    ends.max().unwrap_or(length)
}

/// The first of alternative `BaseURL`s (5.6.5) that stays in the recording's directory.
fn rebased(base: &str, alternatives: &[String]) -> Result<String, MpdError> {
    let mut refused = None;
    for reference in alternatives {
        match join(base, reference) {
            Ok(path) => return Ok(path),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or_else(|| Ok(base.to_owned()), Err)
}

/// Start and length of each Period. A Period announced early has no start yet; it and those after it are left out.
fn spans(raw: &RawMpd) -> Result<Vec<(Nanos, Option<Nanos>)>, MpdError> {
    let mut starts: Vec<Nanos> = Vec::with_capacity(raw.periods.len());
    let mut previous_end = Some(Nanos::ZERO);
    for period in &raw.periods {
        let Some(start) = period.start.or(previous_end) else {
            if raw.dynamic {
                break;
            }
            return Err(MpdError::BadValue("Period@start"));
        };
        if starts.last().is_some_and(|last| start < *last) {
            return Err(MpdError::BadValue("Period@start"));
        }
        previous_end = period.duration.map(|duration| start + duration);
        starts.push(start);
    }
    let ends = starts.iter().skip(1).copied().map(Some).chain([raw.duration]);
    let spans = starts.iter().zip(ends).zip(&raw.periods).map(|((start, end), period)| {
        let until_end = end.map(|end| (end - *start).max(Nanos::ZERO));
        (*start, period.duration.map_or(until_end, |own| Some(until_end.map_or(own, |other| own.min(other)))))
    });
    Ok(spans.collect())
}

fn period(raw: RawPeriod, base: &str, start: Nanos, duration: Option<Nanos>) -> Result<Period, MpdError> {
    let base = rebased(base, &raw.base)?;
    let span = Span { start, duration };
    let mut representations = Vec::new();
    for (index, set) in raw.sets.into_iter().enumerate() {
        adaptation_set(set, index, &base, raw.segments.as_ref(), &span, &mut representations)?;
    }
    Ok(Period { id: raw.id, start, duration, representations, placing: None })
}

struct Span {
    start: Nanos,
    duration: Option<Nanos>,
}

fn adaptation_set(
    raw: RawSet,
    index: usize,
    base: &str,
    inherited: Option<&RawSegments>,
    span: &Span,
    out: &mut Vec<Representation>,
) -> Result<(), MpdError> {
    let base = rebased(base, &raw.base)?;
    let segments = merge(raw.segments, inherited);
    let roles: Arc<[String]> = raw.traits.roles.clone().into();
    for one in raw.representations {
        let base = rebased(&base, &one.base)?;
        let (timeline, addressing) = addressing(base, merge(one.segments.clone(), segments.as_ref()), span)?;
        let own = representation(one, &raw.traits, timeline, addressing);
        out.push(Representation { adaptation_set: index, roles: Arc::clone(&roles), ..own });
    }
    Ok(())
}

fn representation(
    raw: RawRepresentation,
    set: &Traits,
    timeline: Timeline,
    addressing: Addressing,
) -> Representation {
    let own = raw.traits;
    let content = own.content().or_else(|| set.content()).unwrap_or(ContentType::Other);
    Representation {
        id: raw.id,
        adaptation_set: 0,
        content,
        codecs: own.codecs.or_else(|| set.codecs.clone()).unwrap_or_default(),
        bandwidth: raw.bandwidth,
        width: own.width.or(set.width),
        height: own.height.or(set.height),
        frame_rate: own.frame_rate.or(set.frame_rate),
        audio_sampling_rate: own.audio_sampling_rate.or(set.audio_sampling_rate),
        lang: own.lang.or_else(|| set.lang.clone()),
        label: own.label.or_else(|| set.label.clone()),
        roles: Arc::default(),
        trick_mode: own.marks.trick_mode || set.marks.trick_mode,
        encrypted: own.marks.encrypted || set.marks.encrypted,
        timeline,
        media: None,
        rounded: Nanos::ZERO,
        rounding: Nanos::ZERO,
        measured: None,
        file: None,
        addressing,
    }
}

/// The lower level's attributes over the higher's, if both are of the same kind.
fn merge(own: Option<RawSegments>, inherited: Option<&RawSegments>) -> Option<RawSegments> {
    let Some(own) = own else { return inherited.cloned() };
    let Some(above) = inherited.filter(|above| above.kind == own.kind).cloned() else { return Some(own) };
    // A level that changes how segments are timed or initialised replaces both forms of saying so.
    let timed = own.duration.is_some() || own.timeline.is_some();
    let initialised = own.initialization.is_some() || own.init_template.is_some();
    Some(RawSegments {
        kind: own.kind,
        timescale: own.timescale.or(above.timescale),
        presentation_offset: own.presentation_offset.or(above.presentation_offset),
        start_number: own.start_number.or(above.start_number),
        end_number: own.end_number.or(above.end_number),
        duration: if timed { own.duration } else { above.duration },
        timeline: if timed { own.timeline } else { above.timeline },
        index_range: own.index_range.or(above.index_range),
        initialization: if initialised { own.initialization } else { above.initialization },
        init_template: if initialised { own.init_template } else { above.init_template },
        media: own.media.or(above.media),
        urls: own.urls.or(above.urls),
    })
}

fn addressing(
    base: String,
    raw: Option<RawSegments>,
    span: &Span,
) -> Result<(Timeline, Addressing), MpdError> {
    let raw = raw.unwrap_or(RawSegments {
        kind: SegmentElement::Base,
        timescale: None,
        presentation_offset: None,
        start_number: None,
        end_number: None,
        duration: None,
        timeline: None,
        index_range: None,
        initialization: None,
        init_template: None,
        media: None,
        urls: None,
    });
    let offset = raw.presentation_offset.unwrap_or(0);
    let timeline = Timeline::new(raw.timescale.unwrap_or(NonZeroU32::MIN), offset, span.start);
    let end = span.duration.map(|duration| timeline.first_tick_at_or_after(span.start + duration));
    let media = match raw.kind {
        SegmentElement::Template => MediaAddress::Template(raw.media.clone()),
        SegmentElement::List => MediaAddress::List(raw.urls.clone().unwrap_or_default()),
        SegmentElement::Base => MediaAddress::Single,
    };
    let nominal = raw.timeline.is_none() && raw.duration.is_some();
    let addressing = Addressing {
        base,
        runs: runs(&raw, &media, offset, end)?,
        media,
        end,
        nominal,
        start_number: raw.start_number.unwrap_or(1),
        end_number: raw.end_number,
        index_range: raw.index_range,
        initialization: raw.initialization,
        init_template: raw.init_template,
    };
    Ok((timeline, addressing))
}

/// The timeline, equal segments of `@duration`, or one segment for the whole Period.
fn runs(
    raw: &RawSegments,
    media: &MediaAddress,
    offset: i64,
    end: Option<i64>,
) -> Result<Arc<[TimelineRun]>, MpdError> {
    if let (Some(timeline), false) = (&raw.timeline, matches!(media, MediaAddress::Single)) {
        return Ok(Arc::clone(timeline));
    }
    let run =
        |duration, count| [TimelineRun { index: 0, ordinal: 0, number: None, time: offset, duration, count }];
    match (media, raw.duration) {
        (MediaAddress::Template(_) | MediaAddress::List(_), Some(duration)) => Ok(run(duration, None).into()),
        (MediaAddress::List(urls), None) if urls.len() > 1 => Err(MpdError::BadTimeline),
        _ => {
            let whole = end.unwrap_or(i64::MAX).saturating_sub(offset).max(1);
            Ok(run(whole, Some(1)).into())
        }
    }
}
