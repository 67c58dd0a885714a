//! Media Replay Engine's tables in memory.

use export_mre::attr::{Attr, Row, row_from_dynamo_json};
use export_mre::json::Json;
use export_mre::keys::{EventKey, ReplayKey, VersionedName};
use export_mre::number;
use export_mre::source::{
    ExportSource, LastExport, RowPage, SegmentSpan, SourceError, StoredText, TriggerProfile,
};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::future::{pending, poll_fn};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering as Atomic};
use std::task::Poll;

/// Turns the bytes of `ReplayResults` into text.
pub type Gunzip = fn(&[u8]) -> Option<String>;

/// MRE's tables and the export bucket, with a count of reads and a read that can be made to fail.
#[derive(Debug)]
pub struct MemorySource {
    /// Event rows.
    pub events: Vec<Row>,
    /// Profile rows.
    pub profiles: Vec<Row>,
    /// Plugin rows.
    pub plugins: Vec<Row>,
    /// Model rows.
    pub models: Vec<Row>,
    /// `PluginResult` rows by partition, ascending by start.
    pub segments: BTreeMap<String, Vec<Row>>,
    /// Feedback rows.
    pub feedback: Vec<Row>,
    /// `ReplayRequest` rows.
    pub replay_requests: Vec<Row>,
    /// Texts of replay results by partition.
    pub replay_results: BTreeMap<String, String>,
    /// Objects of the export bucket by key.
    pub objects: BTreeMap<String, String>,
    /// Whether the objects are there and nobody can read them.
    pub objects_are_unreadable: bool,
    /// Profiles of last triggers.
    pub trigger_profiles: Vec<(EventKey, String)>,
    /// The event id that they were exported with; `None` for any.
    pub trigger_event_id: Option<String>,
    /// What presigned URLs end with; `None` when documents carry none.
    pub preview_query: Option<String>,
    /// Rows in a page.
    pub page_rows: usize,
    /// The read that fails, counted from 0.
    pub failing_read: Option<usize>,
    /// Whether no page of segments ever comes.
    pub stalls: bool,
    /// Whether every read waits for one more poll, so that polls count round trips.
    pub waits: bool,
    reads: AtomicUsize,
    log: Mutex<Vec<&'static str>>,
}

impl Default for MemorySource {
    fn default() -> Self {
        Self {
            events: Vec::new(),
            profiles: Vec::new(),
            plugins: Vec::new(),
            models: Vec::new(),
            segments: BTreeMap::new(),
            feedback: Vec::new(),
            replay_requests: Vec::new(),
            replay_results: BTreeMap::new(),
            objects: BTreeMap::new(),
            objects_are_unreadable: false,
            trigger_profiles: Vec::new(),
            trigger_event_id: None,
            preview_query: None,
            page_rows: 500,
            failing_read: None,
            stalls: false,
            waits: false,
            reads: AtomicUsize::new(0),
            log: Mutex::new(Vec::new()),
        }
    }
}

impl MemorySource {
    /// Reads tables in the form `{table: {"Items": [item in DynamoDB JSON]}}`; a table is known by the end of its
    /// name.
    pub fn from_tables(tables: &Json, gunzip: Gunzip) -> Option<Self> {
        let mut source = Self::default();
        for (name, table) in tables.members() {
            let rows: Option<Vec<Row>> =
                table.get("Items")?.items().iter().map(row_from_dynamo_json).collect();
            let rows = rows?;
            match name.rsplit('-').next()? {
                "Event" => source.events = rows,
                "Profile" => source.profiles = rows,
                "Plugin" => source.plugins = rows,
                "Model" => source.models = rows,
                "PluginResult" => rows.into_iter().for_each(|row| source.add_segment(row)),
                "ClipReviewFeedback" => source.feedback = rows,
                "ReplayRequest" => source.replay_requests = rows,
                "ReplayResults" => {
                    for row in &rows {
                        let Some(Attr::B(bytes)) = row.get("ReplayResults") else { continue };
                        let partition = text(row, "ProgramEventReplayId").to_owned();
                        source.replay_results.insert(partition, gunzip(bytes).unwrap_or_default());
                    }
                }
                _ => {}
            }
        }
        source.segments.values_mut().for_each(|rows| rows.sort_by(by_start));
        Some(source)
    }

    /// Adds a `PluginResult` row at the end of its partition.
    pub fn add_segment(&mut self, row: Row) {
        self.segments.entry(text(&row, "PK").to_owned()).or_default().push(row);
    }

    /// What was read so far, in order.
    pub fn log(&self) -> Vec<&'static str> {
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }

    async fn read(&self, what: &'static str) -> Result<(), SourceError> {
        if let Ok(mut log) = self.log.lock() {
            log.push(what);
        }
        let at = self.reads.fetch_add(1, Atomic::Relaxed);
        if self.stalls && what.starts_with("segments") {
            return pending().await;
        }
        let mut waits = self.waits;
        poll_fn(|_| if std::mem::take(&mut waits) { Poll::Pending } else { Poll::Ready(()) }).await;
        if self.failing_read == Some(at) {
            return Err(made_to_fail(what));
        }
        Ok(())
    }

    fn page(&self, rows: &[&Row], attributes: Option<&[String]>, after: Option<&Row>) -> RowPage {
        let from = after.and_then(|row| row.get("At")?.as_number()?.parse().ok()).unwrap_or(0);
        let to = rows.len().min(from + self.page_rows);
        let project = |row: &&Row| match attributes {
            None => (*row).clone(),
            Some(names) => {
                names.iter().filter_map(|name| Some((name.clone(), row.get(name)?.clone()))).collect()
            }
        };
        let rows_left = to < rows.len();
        RowPage {
            rows: rows.get(from..to).unwrap_or_default().iter().map(project).collect(),
            next: rows_left.then(|| Row::from([("At".to_owned(), Attr::N(to.to_string()))])),
        }
    }
}

fn made_to_fail(what: &'static str) -> SourceError {
    SourceError { what, source: "made to fail".into() }
}

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Attr::as_str).unwrap_or_default()
}

fn by_start(one: &Row, other: &Row) -> Ordering {
    let start =
        |row: &Row| row.get("Start").and_then(Attr::as_number).and_then(|text| text.parse::<f64>().ok());
    start(one).partial_cmp(&start(other)).unwrap_or(Ordering::Equal)
}

fn versioned(rows: &[Row], keys: &[VersionedName]) -> Vec<Row> {
    let wanted = |row: &&Row| {
        keys.iter().any(|key| text(row, "Name") == key.name && text(row, "Version") == key.version)
    };
    rows.iter().filter(wanted).cloned().collect()
}

impl ExportSource for MemorySource {
    async fn event(&self, key: &EventKey) -> Result<Option<Row>, SourceError> {
        self.read("event").await?;
        let mut rows = self.events.iter();
        Ok(rows.find(|row| text(row, "Name") == key.name && text(row, "Program") == key.program).cloned())
    }

    async fn profile(&self, name: &str) -> Result<Option<Row>, SourceError> {
        self.read("profile").await?;
        Ok(self.profiles.iter().find(|row| text(row, "Name") == name).cloned())
    }

    async fn plugins(&self, keys: &[VersionedName]) -> Result<Vec<Row>, SourceError> {
        self.read("plugins").await?;
        Ok(versioned(&self.plugins, keys))
    }

    async fn models(&self, keys: &[VersionedName]) -> Result<Vec<Row>, SourceError> {
        self.read("models").await?;
        Ok(versioned(&self.models, keys))
    }

    async fn segments(
        &self,
        partition: &str,
        attributes: Option<&[String]>,
        span: SegmentSpan,
    ) -> Result<RowPage, SourceError> {
        self.read("segments").await?;
        // DynamoDB refuses a projection that names an attribute twice.
        if attributes.is_some_and(|names| names.iter().collect::<HashSet<_>>().len() < names.len()) {
            return Err(made_to_fail("segments"));
        }
        let key = |start: &str| SegmentSpan::row(partition, start);
        let is_in = |row: &&Row| {
            span.after.as_ref().is_none_or(|after| by_start(after, row) == Ordering::Less)
                && span.upto.as_ref().is_none_or(|upto| by_start(row, &key(upto)) != Ordering::Greater)
        };
        let rows: Vec<&Row> = self.segments.get(partition).into_iter().flatten().filter(is_in).collect();
        let mut page = self.page(&rows, attributes, None);
        if let (Some(next), Some(last)) = (&mut page.next, page.rows.last()) {
            *next = key(last.get("Start").and_then(Attr::as_number).unwrap_or_default());
        }
        Ok(page)
    }

    async fn last_segment(&self, partition: &str) -> Result<Option<Row>, SourceError> {
        self.read("last segment").await?;
        Ok(self.segments.get(partition).and_then(|rows| rows.last()).cloned())
    }

    async fn segments_at(
        &self,
        partition: &str,
        starts: &[String],
        attributes: &[&str],
    ) -> Result<Vec<Row>, SourceError> {
        self.read("segments by start").await?;
        // DynamoDB refuses a batch that names a key twice.
        if starts.iter().collect::<HashSet<_>>().len() < starts.len() {
            return Err(made_to_fail("segments by start"));
        }
        let starts: HashSet<&str> = starts.iter().map(String::as_str).collect();
        let is_wanted = |row: &&Row| {
            let start = row.get("Start").and_then(Attr::as_number).and_then(number::plain);
            start.is_some_and(|start| starts.contains(start.as_ref()))
        };
        let project = |row: &Row| {
            let named =
                attributes.iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone())));
            named.collect::<Row>()
        };
        let rows = self.segments.get(partition).into_iter().flatten().filter(is_wanted);
        Ok(rows.rev().map(project).collect())
    }

    async fn feedback(&self, partition: &str, after: Option<Row>) -> Result<RowPage, SourceError> {
        self.read("feedback").await?;
        let rows: Vec<&Row> =
            self.feedback.iter().filter(|row| text(row, "ProgramEventTrack") == partition).collect();
        Ok(self.page(&rows, None, after.as_ref()))
    }

    async fn replay_request(&self, key: &ReplayKey) -> Result<Option<Row>, SourceError> {
        self.read("replay request").await?;
        let partition = key.event.partition();
        let mut rows = self.replay_requests.iter();
        Ok(rows.find(|row| text(row, "PK") == partition && text(row, "ReplayId") == key.id).cloned())
    }

    async fn replay_results(&self, key: &ReplayKey) -> Result<Option<String>, SourceError> {
        self.read("replay results").await?;
        Ok(self.replay_results.get(&key.results_partition()).cloned())
    }

    async fn stored_export(&self, key: &str) -> Result<LastExport, SourceError> {
        self.read("stored export").await?;
        let stored = |text: &String| StoredText { text: text.clone(), ..StoredText::default() };
        Ok(match self.objects.get(key) {
            Some(_) if self.objects_are_unreadable => LastExport::Unreadable,
            Some(text) => LastExport::Found(stored(text)),
            None => LastExport::Missing,
        })
    }

    async fn trigger_profile(&self, key: &EventKey) -> Result<Option<TriggerProfile>, SourceError> {
        self.read("trigger profile").await?;
        let found = self.trigger_profiles.iter().find(|(event, _)| event == key);
        let event_id = self.trigger_event_id.clone();
        Ok(found.map(|(_, profile)| TriggerProfile { profile: profile.clone(), event_id }))
    }

    async fn preview_url(&self, clip: &str) -> Result<Option<String>, SourceError> {
        let Some(query) = &self.preview_query else { return Ok(None) };
        self.read("preview url").await?;
        let (bucket, key) = clip.trim_start_matches("s3://").split_once('/').unwrap_or_default();
        Ok(Some(format!("https://{bucket}.s3.amazonaws.com/{key}?{query}")))
    }
}
