//! The reads of an export, as a port.

use export_domain::time::EpochMs;
use std::error::Error;

use crate::attr::{Attr, Row};
use crate::keys::{EventKey, ReplayKey, VersionedName};
use crate::warnings::ExportWarning;

/// A read failed permanently (retries included). The export ends without a document.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {what}")]
pub struct SourceError {
    /// The rows that were read.
    pub what: &'static str,
    /// Why it failed.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// One page of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowPage {
    /// The rows, in key order.
    pub rows: Vec<Row>,
    /// The start of the next page; `None` on the last page. A page may be empty and still have a next one.
    pub next: Option<Row>,
}

/// A stretch of the segments that a classifier found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SegmentSpan {
    /// The row it begins after: a page's `next`, or [`SegmentSpan::row`] of any start; `None` at the first row.
    pub after: Option<Row>,
    /// The last start in it, as number text; `None` without a bound.
    pub upto: Option<String>,
}

impl SegmentSpan {
    /// The key of a row in `partition`, whether there is one or not.
    pub fn row(partition: &str, start: &str) -> Row {
        let key = [("PK", Attr::S(partition.to_owned())), ("Start", Attr::N(start.to_owned()))];
        key.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// An object of the export bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredText {
    /// Its text.
    pub text: String,
    /// When it was written, if that is known.
    pub modified: Option<EpochMs>,
    /// The warning codes it was stored with; `None` also for objects that MRE stored.
    pub warnings: Option<String>,
}

/// The last stored export of an event or replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LastExport {
    /// No row names one.
    #[default]
    Unnamed,
    /// A row names one, and it is not there: it was never written, or has expired.
    Missing,
    /// It is there, and cannot be read: no right to it or to its key, or no document.
    Unreadable,
    /// It is there.
    Found(StoredText),
}

impl LastExport {
    /// The text, if there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Found(stored) => Some(&stored.text),
            _ => None,
        }
    }

    /// The warning of a document that does without it.
    pub fn warning(&self) -> Option<ExportWarning> {
        match self {
            Self::Unnamed | Self::Found(_) => None,
            Self::Missing => Some(ExportWarning::StoredExportMissing),
            Self::Unreadable => Some(ExportWarning::StoredExportUnreadable),
        }
    }
}

/// The profile of an event's last trigger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TriggerProfile {
    /// The profile, as JSON text.
    pub profile: String,
    /// The event it was exported with; an event of the same name that was created anew has another id.
    pub event_id: Option<String>,
}

/// Reads MRE's tables, the stored exports, and the last trigger's profile.
///
/// A row that does not exist is `None` or left out, never an error. Every method fails only when the service cannot
/// be read.
pub trait ExportSource: Sync {
    /// The Event row.
    fn event(&self, key: &EventKey) -> impl Future<Output = Result<Option<Row>, SourceError>> + Send;

    /// The Profile row.
    fn profile(&self, name: &str) -> impl Future<Output = Result<Option<Row>, SourceError>> + Send;

    /// The Plugin rows that exist; `keys` are distinct and of any number.
    fn plugins(&self, keys: &[VersionedName]) -> impl Future<Output = Result<Vec<Row>, SourceError>> + Send;

    /// The Model rows that exist; `keys` are distinct and of any number.
    fn models(&self, keys: &[VersionedName]) -> impl Future<Output = Result<Vec<Row>, SourceError>> + Send;

    /// One page of a span of `PluginResult`, ascending by `Start`. Of each row at least `attributes` (every attribute
    /// when `None`), which are distinct and may bear any name; more do no harm, so a projection too long for one
    /// expression may be dropped.
    fn segments(
        &self,
        partition: &str,
        attributes: Option<&[String]>,
        span: SegmentSpan,
    ) -> impl Future<Output = Result<RowPage, SourceError>> + Send;

    /// The last row of a partition of `PluginResult`, of which nothing but the start need be there.
    fn last_segment(&self, partition: &str) -> impl Future<Output = Result<Option<Row>, SourceError>> + Send;

    /// The rows of `PluginResult` that start at `starts`, which are distinct and of any number, in any order. Of each
    /// row at least `attributes`.
    fn segments_at(
        &self,
        partition: &str,
        starts: &[String],
        attributes: &[&str],
    ) -> impl Future<Output = Result<Vec<Row>, SourceError>> + Send;

    /// One page of the feedback table's `ProgramEventTrack-index`.
    fn feedback(
        &self,
        partition: &str,
        after: Option<Row>,
    ) -> impl Future<Output = Result<RowPage, SourceError>> + Send;

    /// The `ReplayRequest` row.
    fn replay_request(
        &self,
        key: &ReplayKey,
    ) -> impl Future<Output = Result<Option<Row>, SourceError>> + Send;

    /// The JSON text inside the replay's results, decompressed. Text that does not decompress is `Some("")`.
    fn replay_results(
        &self,
        key: &ReplayKey,
    ) -> impl Future<Output = Result<Option<String>, SourceError>> + Send;

    /// An object of the export bucket; never [`LastExport::Unnamed`]. An object that will not be read at the next try
    /// either is no error.
    fn stored_export(&self, key: &str) -> impl Future<Output = Result<LastExport, SourceError>> + Send;

    /// The profile of the event's last trigger.
    fn trigger_profile(
        &self,
        key: &EventKey,
    ) -> impl Future<Output = Result<Option<TriggerProfile>, SourceError>> + Send;

    /// A presigned URL of a replay clip (`s3://…`), or `None` when documents carry none.
    fn preview_url(&self, clip: &str) -> impl Future<Output = Result<Option<String>, SourceError>> + Send;
}
