//! Building documents from what the port reads.
//!
//! Independent reads run together, the next page while the last one is written. Any failed read ends the export: a
//! document is complete or not there.

use std::collections::BTreeSet;

use crate::attr::{Attr, Row};
use crate::body::DocumentBody;
use crate::document::{Export, View};
use crate::feedback::{Feedback, Review};
use crate::format::{Format, Rendering, UnfitOption};
use crate::json::Json;
use crate::keys::{EventKey, ReplayKey, VersionedName, object_key};
use crate::live_join::LiveJoin;
use crate::model::{ClassifiedSegment, Event};
use crate::outputs::{self, Outputs, VersionedRows};
use crate::profile::{self, ProfileSource};
use crate::replay::{ReplayRequest, ReplayResult, read_results};
use crate::source::{ExportSource, LastExport, RowPage, SegmentSpan, SourceError, TriggerProfile};
use crate::stored::{StoredExport, stored_profile};
use crate::warnings::{ExportWarning, Warnings};
use futures_util::future::{join, join_all};

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no such event.
    #[error("event not found")]
    EventNotFound,
    /// There is no such replay.
    #[error("replay not found")]
    ReplayNotFound,
    /// An option does not go with the event.
    #[error(transparent)]
    Option(#[from] UnfitOption),
    /// A read failed.
    #[error(transparent)]
    Read(#[from] SourceError),
}

/// The live document of an event. `trigger` is the profile of the trigger being handled; without one, the last
/// trigger's is looked up.
///
/// # Errors
/// When there is no such event, an option does not go with it, or a read fails.
pub async fn export_event<S: ExportSource>(
    source: &S,
    key: &EventKey,
    rendering: impl Into<Rendering> + Send,
    trigger: Option<&Json>,
) -> Result<Export, ExportError> {
    live_event(source, key, rendering.into(), trigger).await
}

async fn live_event<S: ExportSource>(
    source: &S,
    key: &EventKey,
    rendering: Rendering,
    trigger: Option<&Json>,
) -> Result<Export, ExportError> {
    let trigger = trigger.filter(|profile| matches!(profile, Json::Object(_)));
    let last = async { if trigger.is_some() { Ok(None) } else { source.trigger_profile(key).await } };
    let (row, last) = join(source.event(key), last).await;
    let event = Event::from_row(key.clone(), row?.ok_or(ExportError::EventNotFound)?);
    let mut document = DocumentBody::new(&rendering, &event, None)?;
    let trigger = trigger.cloned().or(last_profile(&event, last?));
    let mut basis = Basis::read(source, event, trigger, None, FirstRead::Page).await?;
    document.warnings().merge(&basis.warnings);
    document.event(&basis.event, &basis.outputs, basis.profile.as_ref());
    document.segments();
    let RowPage { rows, next } = std::mem::take(&mut basis.first_page);
    let work = async {
        for row in rows {
            basis.show(row, &mut document);
        }
    };
    let (spans, ()) = join(spans(source, &basis.partition, next), work).await;
    let parts = spans?.into_iter().map(|span| basis.part(source, span, document.part()));
    for part in join_all(parts).await {
        document.append(part?);
    }
    let (text, warnings) = document.finish();
    let id = basis.event.id_text().map(str::to_owned);
    Ok(Export { text, id, profile_source: basis.profile_source, warnings })
}

/// The live document of a replay: its segments come from the tables.
///
/// # Errors
/// When there is no such event or replay, an option does not go with them, or a read fails.
pub async fn export_replay<S: ExportSource>(
    source: &S,
    key: &ReplayKey,
    rendering: impl Into<Rendering> + Send,
) -> Result<Export, ExportError> {
    any_replay(source, key, rendering.into()).await
}

async fn any_replay<S: ExportSource>(
    source: &S,
    key: &ReplayKey,
    rendering: Rendering,
) -> Result<Export, ExportError> {
    let (event, replay) =
        join(join(source.event(&key.event), source.trigger_profile(&key.event)), Replay::read(source, key))
            .await;
    let (row, last) = event;
    let event = Event::from_row(key.event.clone(), row?.ok_or(ExportError::EventNotFound)?);
    let (trigger, mut replay) = (last_profile(&event, last?), replay?);
    let document = DocumentBody::new(&rendering, &event, Some(&replay.request))?;
    let results = replay.chosen();
    let basis = Basis::of_replay(source, event, trigger, &replay, &results);
    let (basis, previews) = join(basis, replay.previews(source, &rendering)).await;
    live_replay(source, basis?, replay, &results, &previews?, document).await
}

/// The document of a replay as MRE makes it: joined with the stored event export. Without one, the live document.
///
/// # Errors
/// When there is no such event or replay, or a read fails.
pub async fn export_replay_from_stored<S: ExportSource>(
    source: &S,
    key: &ReplayKey,
) -> Result<Export, ExportError> {
    let (row, replay) = join(source.event(&key.event), Replay::read(source, key)).await;
    let event = Event::from_row(key.event.clone(), row?.ok_or(ExportError::EventNotFound)?);
    let mut replay = replay?;
    let (stored, previews) =
        join(stored_event_export(source, &event), replay.previews(source, &View::Mre.into())).await;
    let (stored, previews) = (stored?, previews?);
    let track = replay.request.track();
    let missing = stored.warning().unwrap_or(ExportWarning::StoredExportMissing);
    match stored.text().map(|text| StoredExport::read(text, track.as_deref())) {
        Some(Ok(stored)) => return Ok(replay.on_stored(&stored, &previews)),
        Some(Err(_)) => replay.warnings.raise(Some(ExportWarning::StoredExportUnreadable)),
        None => replay.warnings.raise(Some(missing)),
    }
    let trigger = last_profile(&event, source.trigger_profile(&key.event).await?);
    let document = DocumentBody::new(&View::Mre.into(), &event, Some(&replay.request))?;
    let results = replay.chosen();
    let basis = Basis::of_replay(source, event, trigger, &replay, &results).await?;
    live_replay(source, basis, replay, &results, &previews, document).await
}

/// The last stored export of an event, as it was written.
///
/// # Errors
/// When there is no such event, or a read fails.
pub async fn stored_event<S: ExportSource>(source: &S, key: &EventKey) -> Result<LastExport, ExportError> {
    let row = source.event(key).await?.ok_or(ExportError::EventNotFound)?;
    Ok(stored_event_export(source, &Event::from_row(key.clone(), row)).await?)
}

/// The last stored export of a replay, as it was written.
///
/// # Errors
/// When there is no such event or replay, or a read fails.
pub async fn stored_replay<S: ExportSource>(source: &S, key: &ReplayKey) -> Result<LastExport, ExportError> {
    let (event, request) = join(source.event(&key.event), source.replay_request(key)).await;
    event?.ok_or(ExportError::EventNotFound)?;
    let request = request?.ok_or(ExportError::ReplayNotFound)?;
    let location = request.get("ReplayDataExportLocation").and_then(Attr::as_str);
    Ok(last_export(source, location).await?)
}

/// The segments are read by the starts of the results. Where one of them has no such segment, which may have been
/// chosen by its optimized start, all segments are gone through.
async fn live_replay<S: ExportSource>(
    source: &S,
    mut basis: Basis,
    replay: Replay,
    results: &[ReplayResult],
    previews: &[(String, String)],
    mut document: DocumentBody,
) -> Result<Export, ExportError> {
    document.warnings().merge(&basis.warnings);
    document.warnings().merge(&replay.warnings);
    document.event(&basis.event, &basis.outputs, basis.profile.as_ref());
    document.replay(&replay.request, previews);
    document.segments();
    let choice = replay.request.choice_field();
    for clip in &replay.request.timed {
        let features = Json::Array(Vec::new());
        let segment = ClassifiedSegment::of_time(clip);
        document.replay_segment(&segment, &features, choice, &basis.outputs, &Feedback::default());
    }
    if replay.request.timed.is_empty() {
        let rows = std::mem::take(&mut basis.first_page.rows);
        let join = basis.joined(source, rows, results, replay.request.track(), document.warnings()).await?;
        for (segment, features) in join.finish(document.warnings()) {
            document.warnings().add_if(!basis.knows_tracks(&segment), ExportWarning::TrackNotListed);
            document.replay_segment(&segment, features, choice, &basis.outputs, &basis.feedback);
        }
    }
    let (text, warnings) = document.finish();
    Ok(Export { text, id: Some(replay.request.id), profile_source: basis.profile_source, warnings })
}

/// A replay's request and results.
struct Replay {
    request: ReplayRequest,
    results: Option<String>,
    warnings: Warnings,
}

impl Replay {
    async fn read<S: ExportSource>(source: &S, key: &ReplayKey) -> Result<Self, ExportError> {
        let (request, results) = join(source.replay_request(key), source.replay_results(key)).await;
        let mut warnings = Warnings::default();
        let row = request?.ok_or(ExportError::ReplayNotFound)?;
        let request = ReplayRequest::from_row(key, row, &mut warnings);
        Ok(Self { request, results: results?, warnings })
    }

    /// The results that the replay chose; nothing if it is made of clips by time.
    fn chosen(&mut self) -> Vec<ReplayResult> {
        if !self.request.timed.is_empty() {
            return Vec::new();
        }
        read_results(self.results.as_deref(), &mut self.warnings)
    }

    fn on_stored(self, stored: &StoredExport<'_>, previews: &[(String, String)]) -> Export {
        let mut warnings = self.warnings;
        let results = read_results(self.results.as_deref(), &mut warnings);
        let text = stored.replay_document(&self.request, previews, &results, &mut warnings);
        Export { text, id: Some(self.request.id), profile_source: Some(ProfileSource::Stored), warnings }
    }

    /// Presigned URLs by resolution; only MRE's document has room for them, and only with MP4 files.
    async fn previews<S: ExportSource>(
        &self,
        source: &S,
        rendering: &Rendering,
    ) -> Result<Vec<(String, String)>, SourceError> {
        let has_room = rendering.format == Format::Json && rendering.view == View::Mre;
        if !has_room || self.request.create_mp4 != Some(true) {
            return Ok(Vec::new());
        }
        let clips = self.request.preview_clips();
        let urls = join_all(clips.iter().map(|(_, clip)| source.preview_url(clip))).await;
        let named = clips.iter().zip(urls).map(|((resolution, _), url)| Ok((resolution.clone(), url?)));
        let named: Vec<(String, Option<String>)> = named.collect::<Result<_, SourceError>>()?;
        Ok(named.into_iter().filter_map(|(resolution, url)| Some((resolution, url?))).collect())
    }
}

/// Everything about an event but its segments, and their first page.
struct Basis {
    event: Event,
    profile: Option<Json>,
    profile_source: Option<ProfileSource>,
    outputs: Outputs,
    feedback: Feedback,
    /// The audio tracks whose feedback was looked up.
    tracks: Vec<String>,
    partition: String,
    first_page: RowPage,
    warnings: Warnings,
}

/// Which segments are read with the basis.
#[derive(Clone, Copy)]
enum FirstRead<'a> {
    /// The first page, with all attributes, so that it need not wait for the plugins.
    Page,
    /// Those with these starts, without their features.
    At(&'a [String]),
}

/// The profile before the plugins are read.
enum Outline {
    Short(Json, ProfileSource),
    Row(Row),
}

impl Basis {
    /// With the segments that `results` name by their start.
    async fn of_replay<S: ExportSource>(
        source: &S,
        event: Event,
        trigger: Option<Json>,
        replay: &Replay,
        results: &[ReplayResult],
    ) -> Result<Self, SourceError> {
        let starts: BTreeSet<&String> = results.iter().filter_map(|result| result.start.as_ref()).collect();
        let starts: Vec<String> = starts.into_iter().cloned().collect();
        Self::read(source, event, trigger, replay.request.track(), FirstRead::At(&starts)).await
    }

    /// Feedback is looked up for the event's audio tracks, for `track`, and for those of the first segments.
    async fn read<S: ExportSource>(
        source: &S,
        event: Event,
        trigger: Option<Json>,
        track: Option<String>,
        first: FirstRead<'_>,
    ) -> Result<Self, SourceError> {
        let mut warnings = Warnings::default();
        let outline = outline(source, &event, trigger, &mut warnings).await?;
        let json = match &outline {
            Some(Outline::Short(profile, _)) => profile.clone(),
            Some(Outline::Row(row)) => Attr::M(row.clone()).to_json(),
            None => Json::Null,
        };
        warnings.add_if(outline.is_none(), ExportWarning::ProfileMissing);
        let classifier = outputs::classifier_of(&json);
        warnings.add_if(outline.is_some() && classifier.is_none(), ExportWarning::ClassifierMissing);
        let partition = classifier.map(|name| event.key.classifier_partition(name)).unwrap_or_default();
        let first_page = async {
            match (classifier, first) {
                (Some(_), FirstRead::Page) => source.segments(&partition, None, SegmentSpan::default()).await,
                (Some(_), FirstRead::At(starts)) if !starts.is_empty() => {
                    let rows = source.segments_at(&partition, starts, &ClassifiedSegment::ATTRIBUTES).await?;
                    Ok(RowPage { rows, next: None })
                }
                _ => Ok(RowPage::default()),
            }
        };
        let mut tracks = event.track_names();
        tracks.extend(track.filter(|track| !tracks.contains(track)));
        let (rows, segments) = join(
            plugins_and_models(source, &json, outline.as_ref()),
            join(first_page, reviews_of(source, &event, classifier, &tracks)),
        )
        .await;
        let ((plugins, models), (first_page, reviews)) = (rows?, segments);
        let (first_page, mut reviews) = (first_page?, reviews?);
        let unlisted = unlisted_tracks(&first_page.rows, &tracks);
        reviews.extend(reviews_of(source, &event, classifier, &unlisted).await?);
        tracks.extend(unlisted);
        let feedback = classifier.map(|name| Feedback::new(&event.key, name, reviews)).unwrap_or_default();
        let (profile, profile_source) = match outline {
            Some(Outline::Short(profile, source)) => (Some(profile), Some(source)),
            Some(Outline::Row(row)) => {
                let derived = profile::derive(&row, &plugins, &models, &mut warnings);
                (Some(derived), Some(ProfileSource::Derived))
            }
            None => (None, None),
        };
        let outputs = Outputs::new(profile.as_ref().unwrap_or(&Json::Null), &plugins, &mut warnings);
        Ok(Self {
            event,
            profile,
            profile_source,
            outputs,
            feedback,
            tracks,
            partition,
            first_page,
            warnings,
        })
    }

    /// Adds a row to the document of the event.
    fn show(&self, row: Row, document: &mut DocumentBody) {
        match ClassifiedSegment::from_row(row, &self.outputs) {
            Ok(segment) => {
                document.warnings().add_if(!self.knows_tracks(&segment), ExportWarning::TrackNotListed);
                document.segment(&segment, &self.outputs, &self.feedback);
            }
            Err(warning) => document.warnings().add(warning),
        }
    }

    /// Adds the segments of `span` to `part` of the document of the event.
    async fn part<S: ExportSource>(
        &self,
        source: &S,
        span: SegmentSpan,
        mut part: DocumentBody,
    ) -> Result<DocumentBody, SourceError> {
        let attributes = self.attributes();
        each_row(source, &self.partition, &attributes, span, |row| self.show(row, &mut part)).await?;
        Ok(part)
    }

    /// The attributes of segments that documents need, each once.
    fn attributes(&self) -> Vec<String> {
        let outputs = self.outputs.unique().iter().map(String::as_str);
        let outputs = outputs.filter(|name| !ClassifiedSegment::ATTRIBUTES.contains(name));
        ClassifiedSegment::ATTRIBUTES.into_iter().chain(outputs).map(str::to_owned).collect()
    }

    /// The join of `results` with `rows`, which have their starts, or if that is not complete, with all segments.
    async fn joined<'a, S: ExportSource>(
        &self,
        source: &S,
        rows: Vec<Row>,
        results: &'a [ReplayResult],
        track: Option<String>,
        warnings: &mut Warnings,
    ) -> Result<LiveJoin<'a>, SourceError> {
        let offer = |row, join: &mut LiveJoin<'a>, warnings: &mut Warnings| match ClassifiedSegment::from_row(
            row,
            &self.outputs,
        ) {
            Ok(segment) => join.offer(segment),
            Err(warning) => warnings.add(warning),
        };
        let (mut join, mut found) = (LiveJoin::new(results, track.clone()), Warnings::default());
        for row in rows {
            offer(row, &mut join, &mut found);
        }
        if !join.is_complete() && !self.partition.is_empty() {
            (join, found) = (LiveJoin::new(results, track), Warnings::default());
            let attributes = self.attributes();
            let each = |row| offer(row, &mut join, &mut found);
            each_row(source, &self.partition, &attributes, SegmentSpan::default(), each).await?;
        }
        warnings.merge(&found);
        Ok(join)
    }

    fn knows_tracks(&self, segment: &ClassifiedSegment) -> bool {
        segment.tracks().all(|track| self.tracks.iter().any(|known| known == track))
    }
}

/// The last trigger's profile, unless it was for an earlier event of the same name.
fn last_profile(event: &Event, last: Option<TriggerProfile>) -> Option<Json> {
    let last = last.filter(|last| last.event_id.is_none() || last.event_id.as_deref() == event.id_text())?;
    Json::parse(&last.profile).ok().filter(|profile| matches!(profile, Json::Object(_)))
}

/// The last trigger's profile, else the stored export's, else the row's. A profile that bears another name than the
/// event's is of an earlier time, and only better than none.
async fn outline<S: ExportSource>(
    source: &S,
    event: &Event,
    trigger: Option<Json>,
    warnings: &mut Warnings,
) -> Result<Option<Outline>, SourceError> {
    let is_current = |profile: &Json| match (&event.profile, profile.get("Name").and_then(Json::as_str)) {
        (Some(current), Some(name)) => current == name,
        _ => true,
    };
    let trigger = trigger.map(|profile| (profile, ProfileSource::Trigger));
    if let Some((profile, source)) = trigger.clone().filter(|(profile, _)| is_current(profile)) {
        return Ok(Some(Outline::Short(profile, source)));
    }
    let stored = stored_event_export(source, event).await?;
    warnings.raise(stored.warning());
    let stored = stored.text().and_then(stored_profile).map(|profile| (profile, ProfileSource::Stored));
    if let Some((profile, source)) = stored.clone().filter(|(profile, _)| is_current(profile)) {
        return Ok(Some(Outline::Short(profile, source)));
    }
    if let Some(name) = &event.profile
        && let Some(row) = source.profile(name).await?
    {
        return Ok(Some(Outline::Row(row)));
    }
    let earlier = trigger.or(stored);
    warnings.raise(earlier.as_ref().map(|_| ExportWarning::ProfileNameDiffers));
    Ok(earlier.map(|(profile, source)| Outline::Short(profile, source)))
}

/// The last event export, where the event row says there is one.
async fn stored_event_export<S: ExportSource>(source: &S, event: &Event) -> Result<LastExport, SourceError> {
    last_export(source, event.export_location.as_deref()).await
}

/// The export at `location`. What does not begin and end as a JSON object is no document.
async fn last_export<S: ExportSource>(source: &S, location: Option<&str>) -> Result<LastExport, SourceError> {
    let Some(key) = location.and_then(object_key) else { return Ok(LastExport::Unnamed) };
    let last = source.stored_export(key).await?;
    let is_document = |text: &str| text.trim_start().starts_with('{') && text.trim_end().ends_with('}');
    Ok(if last.text().is_some_and(|text| !is_document(text)) { LastExport::Unreadable } else { last })
}

async fn plugins_and_models<S: ExportSource>(
    source: &S,
    profile: &Json,
    outline: Option<&Outline>,
) -> Result<(VersionedRows, VersionedRows), SourceError> {
    let mut plugins = outputs::plugin_keys(profile);
    let mut models: Vec<VersionedName> = Vec::new();
    if let Some(Outline::Row(row)) = outline {
        plugins.extend(profile::plugin_keys(row));
        models.extend(profile::model_keys(row));
    }
    let plugins: Vec<VersionedName> = plugins.into_iter().collect();
    let plugin_rows =
        async { if plugins.is_empty() { Ok(Vec::new()) } else { source.plugins(&plugins).await } };
    let model_rows = async { if models.is_empty() { Ok(Vec::new()) } else { source.models(&models).await } };
    let (plugins, models) = join(plugin_rows, model_rows).await;
    Ok((VersionedRows::new(plugins?), VersionedRows::new(models?)))
}

/// The reviews of the event's segments on `tracks`.
async fn reviews_of<S: ExportSource>(
    source: &S,
    event: &Event,
    classifier: Option<&str>,
    tracks: &[String],
) -> Result<Vec<Review>, SourceError> {
    let Some(classifier) = classifier else { return Ok(Vec::new()) };
    let partitions = tracks.iter().map(|track| event.key.track_partition(track));
    let tracks = partitions.map(|partition| reviews(source, partition, &event.key, classifier));
    let reviews: Vec<Vec<Review>> = join_all(tracks).await.into_iter().collect::<Result<_, _>>()?;
    Ok(reviews.into_iter().flatten().collect())
}

/// The audio tracks that segment rows name beside `listed`, each once.
fn unlisted_tracks(rows: &[Row], listed: &[String]) -> Vec<String> {
    let maps = rows
        .iter()
        .flat_map(|row| ClassifiedSegment::BY_TRACK.iter().filter_map(|name| row.get(*name)?.as_map()));
    let tracks: BTreeSet<&String> =
        maps.flat_map(Row::keys).filter(|track| !listed.contains(track)).collect();
    tracks.into_iter().cloned().collect()
}

async fn reviews<S: ExportSource>(
    source: &S,
    partition: String,
    event: &EventKey,
    classifier: &str,
) -> Result<Vec<Review>, SourceError> {
    let mut reviews = Vec::new();
    let mut after = None;
    loop {
        let page = source.feedback(&partition, after).await?;
        reviews.extend(page.rows.into_iter().filter_map(|row| Review::from_row(row, event, classifier)));
        after = page.next;
        if after.is_none() {
            return Ok(reviews);
        }
    }
}

/// The number of parts of an event's segments that are read side by side.
const RANGES: u32 = 4;

/// The segments after the first page, which ended before `next`, in spans of equal time.
async fn spans<S: ExportSource>(
    source: &S,
    partition: &str,
    next: Option<Row>,
) -> Result<Vec<SegmentSpan>, SourceError> {
    let Some(next) = next else { return Ok(Vec::new()) };
    let start = |row: &Row| row.get("Start")?.as_number()?.parse::<f64>().ok();
    let last = source.last_segment(partition).await?;
    let ends = start(&next).zip(last.as_ref().and_then(start));
    let borders = ends.map(|(from, to)| borders(from, to)).unwrap_or_default();
    let mut spans = vec![SegmentSpan { after: Some(next), upto: None }];
    for border in borders {
        if let Some(span) = spans.last_mut() {
            span.upto = Some(border.clone());
        }
        spans.push(SegmentSpan { after: Some(SegmentSpan::row(partition, &border)), upto: None });
    }
    Ok(spans)
}

/// The borders that divide the time from `from` to `to` in [`RANGES`] parts, as ascending number texts inside of it.
fn borders(from: f64, to: f64) -> Vec<String> {
    let at = |part: u32| format!("{:.3}", from + (to - from) * f64::from(part) / f64::from(RANGES));
    let mut borders: Vec<String> = (1..RANGES).map(at).collect();
    borders.dedup();
    borders.retain(|border| border.parse::<f64>().is_ok_and(|border| border > from && border < to));
    borders
}

/// Hands over every row of `span`. The next page is asked for before the rows of the last one are worked on.
async fn each_row<S: ExportSource>(
    source: &S,
    partition: &str,
    attributes: &[String],
    span: SegmentSpan,
    mut each: impl FnMut(Row) + Send,
) -> Result<(), SourceError> {
    let mut page = source.segments(partition, Some(attributes), span.clone()).await?;
    while let Some(after) = page.next {
        let rows = page.rows;
        let work = async { rows.into_iter().for_each(&mut each) };
        let rest = SegmentSpan { after: Some(after), upto: span.upto.clone() };
        let (next, ()) = join(source.segments(partition, Some(attributes), rest), work).await;
        page = next?;
    }
    page.rows.into_iter().for_each(each);
    Ok(())
}
