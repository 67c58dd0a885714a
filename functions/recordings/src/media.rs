//! Links to a recording's media, for players.

use crate::App;
use crate::handler::Miss;
use export_clip::{FootagePart, FootageTrack, MediaPlace, Overview};
use export_domain::ids::LivePath;
use export_domain::ports::{Clock, PlayLinks, RecordingLists, Sessions, SourceStore, Tenants};
use export_domain::recordings::{
    RecordedContent, RecordedFile, RecordedForm, RecordedMedia, RecordedPart, RecordedPiece, RecordedTrack,
};
use export_domain::request::FieldError;
use export_domain::tenant::Tenant;
use export_domain::time::{EpochMs, Millis};
use export_lambda::http::Request;
use export_media::time::Nanos;
use std::collections::BTreeMap;

/// Life of a link.
const LIFE: Millis = Millis::from_mins(15);
/// The part of a recording that one request gets: by default, and at most.
const PART: (Nanos, Nanos) = (Nanos::new(60 * SECOND), Nanos::new(600 * SECOND));
/// Segments of a track in a part.
pub(crate) const MOST_SEGMENTS: usize = 200;
/// Segments of all tracks: their links fit into a reply.
const MOST_LINKS: usize = 2000;
const SECOND: i128 = 1_000_000_000;

/// The part of a recording whose media is asked for, since its first Period began; `None` if none is.
///
/// # Errors
/// [`FieldError`] for what is no time.
pub(crate) fn asked(request: &Request) -> Result<Option<(Nanos, Nanos)>, FieldError> {
    let bound = |name| {
        let Some(text) = request.parameter(name) else { return Ok(None) };
        let ms = text.parse::<u32>().ok().map(|ms| Nanos::from_millis(ms.into()));
        ms.map(Some).ok_or_else(|| FieldError::new(name, "must be a number of milliseconds"))
    };
    let (from, to) = (bound("from")?, bound("to")?);
    let start = from.unwrap_or(Nanos::ZERO);
    let end = to.unwrap_or(start + PART.0).min(start + PART.1);
    Ok((from.is_some() || to.is_some()).then_some((start, end)))
}

/// The first of `parts`, with no more links than fit into a reply, but at least one.
pub(crate) fn fitting(mut parts: Vec<FootagePart>) -> Vec<FootagePart> {
    let mut links = 0;
    let count = parts.iter().take_while(|part| {
        links += part.tracks.iter().map(|track| track.segments.len() + 1).sum::<usize>();
        links <= MOST_LINKS
    });
    let count = count.count().max(1);
    parts.truncate(count);
    parts
}

impl<O, S, T, C> App<O, S, T, C>
where
    O: SourceStore + RecordingLists + PlayLinks + 'static,
    S: Sessions,
    T: Tenants,
    C: Clock,
{
    /// Refuses links where the stack lends none, or none to the recordings of `tenant`.
    pub(crate) fn check_links(&self, tenant: &Tenant) -> Result<(), Miss> {
        if !self.signs {
            return Err(Miss::LinksOff);
        }
        tenant.may_lend_recordings(&self.source_bucket).then_some(()).ok_or(Miss::OwnerUnknown)
    }

    /// The media of `parts` with links.
    pub(crate) async fn media(
        &self,
        tenant: &Tenant,
        path: &LivePath,
        found: &Overview,
        parts: &[FootagePart],
    ) -> Result<RecordedMedia, Miss> {
        let manifest = tenant.manifest_key(path);
        let folder = manifest.rfind('/').map_or("", |at| &manifest[..=at]);
        let mut urls: BTreeMap<&str, String> =
            places(parts).filter_map(MediaPlace::recorded).map(|path| (path, String::new())).collect();
        let keys: Vec<String> = urls.keys().map(|path| format!("{folder}{path}")).collect();
        let lent = self.objects.lend_recorded(&tenant.source(), &keys, LIFE).await?;
        urls.values_mut().zip(lent).for_each(|(url, lent)| *url = lent);
        tracing::info!(tenant = %tenant.id, links = urls.len(), "signed links to a recording's segments");
        let zero = found.availability_start.map(|epoch| epoch + found.first_period);
        Ok(RecordedMedia {
            expires_at: (self.intake.clock.now() + LIFE).to_rfc3339(),
            zero_pos_ms: zero.map(|zero| EpochMs::new(zero.to_millis_floor())),
            parts: parts.iter().map(|part| described(part, found.first_period, &urls)).collect(),
        })
    }
}

/// Every place that is named.
fn places(parts: &[FootagePart]) -> impl Iterator<Item = &MediaPlace> {
    let tracks = parts.iter().flat_map(|part| &part.tracks);
    tracks.flat_map(|track| track.init.iter().chain(track.segments.iter().map(|segment| &segment.place)))
}

fn described(part: &FootagePart, zero: Nanos, urls: &BTreeMap<&str, String>) -> RecordedPart {
    let time = |at: Nanos| Millis::new((at - zero).to_millis_floor());
    let track = |track: &FootageTrack| {
        let shift = (track.shift - zero).get();
        RecordedTrack {
            content: if track.is_picture { RecordedContent::Video } else { RecordedContent::Audio },
            form: if track.is_transport { RecordedForm::Ts } else { RecordedForm::Mp4 },
            codecs: Some(track.codecs.clone()).filter(|codecs| !codecs.is_empty()),
            language: track.language.clone(),
            label: track.label.clone(),
            shift_s: i64::try_from(shift.div_euclid(SECOND)).unwrap_or_default(),
            shift_ns: u32::try_from(shift.rem_euclid(SECOND)).unwrap_or_default(),
            init: track.init.as_ref().and_then(|place| file(place, urls)),
            segments: track
                .segments
                .iter()
                .filter_map(|segment| {
                    let (start, end) = (time(segment.start), time(segment.end));
                    let RecordedFile { url, first, last } = file(&segment.place, urls)?;
                    Some(RecordedPiece { start_time_ms: start, duration_ms: end - start, url, first, last })
                })
                .collect(),
        }
    };
    RecordedPart {
        start_time_ms: time(part.start),
        end_time_ms: part.end.map(time),
        tracks: part.tracks.iter().map(track).collect(),
    }
}

fn file(place: &MediaPlace, urls: &BTreeMap<&str, String>) -> Option<RecordedFile> {
    let MediaPlace::Recorded(path, range) = place else { return None };
    let url = urls.get(path.as_str())?.clone();
    Some(RecordedFile { url, first: range.map(|(first, _)| first), last: range.map(|(_, last)| last) })
}
