//! The event of a batch's end.

use super::SOURCE;
use crate::batch::life::{Batch, BatchEnd, BatchOutcome};
use crate::ports::Notification;
use crate::trace::CorrelationId;
use serde::Serialize;

/// The event's detail; its schema is `events/completion/batch.schema.json`.
#[derive(Debug, Serialize)]
struct DoneDetail<'a> {
    version: &'static str,
    /// The same in every repetition.
    id: String,
    tenant: &'a str,
    bucket: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    batch: Done<'a>,
}

/// The batch in its event.
#[derive(Debug, Serialize)]
struct Done<'a> {
    id: &'a str,
    outcome: BatchOutcome,
    generation: u32,
    created: String,
    updated: String,
    counts: DoneCounts,
}

/// Its clips by their end.
#[derive(Debug, Serialize)]
struct DoneCounts {
    total: usize,
    ready: usize,
    failed: usize,
    cancelled: usize,
    skipped: usize,
}

/// The event of an end of a batch.
pub fn batch_notification(batch: &Batch, end: &BatchEnd) -> Notification {
    let [ready, failed, cancelled] = end.counts;
    let (total, skipped) = (batch.clips.len(), batch.skipped.len());
    let detail = DoneDetail {
        version: "1",
        id: format!("{}-{}", batch.batch_id, end.generation),
        tenant: batch.tenant.as_str(),
        bucket: &batch.target.bucket,
        correlation_id: batch.correlation_id.as_ref().map(CorrelationId::as_str),
        batch: Done {
            id: batch.batch_id.as_str(),
            outcome: end.outcome,
            generation: end.generation,
            created: batch.created_at.to_rfc3339(),
            updated: end.at.to_rfc3339(),
            counts: DoneCounts { total, ready, failed, cancelled, skipped },
        },
    };
    Notification {
        source: SOURCE,
        detail_type: "Media Export Batch Done",
        detail: serde_json::to_string(&detail).unwrap_or_default(),
    }
}
