//! SQS batches with partial failures (`ReportBatchItemFailures`).
//!
//! The event is read leniently: a record that is odd in any way is the handler's business, never the runtime's. A
//! panic while one record is handled fails that record alone. If every record panicked, the invocation fails: SQS shows
//! the same messages again, and the function's metric `Errors`, on which alarms rest, counts it.

use export_domain::time::EpochMs;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use tokio::task::JoinSet;

/// One queue message. `Debug` does not show what was sent: it may be anything.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// SQS's name of the message.
    #[serde(rename = "messageId")]
    pub id: String,
    /// The handle by which this receipt of the message is deleted or shown again.
    pub receipt_handle: String,
    /// The text that was sent.
    pub body: String,
    /// The attributes that SQS adds to the message.
    pub attributes: Attributes,
    /// The attributes that the sender adds to the message.
    pub message_attributes: HashMap<String, MessageAttribute>,
}

/// The attributes that SQS adds to a message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// When it was sent, in milliseconds since the epoch.
    #[serde(rename = "SentTimestamp")]
    pub sent: String,
    /// The number of times that it was received.
    #[serde(rename = "ApproximateReceiveCount")]
    pub receives: String,
}

/// One attribute that the sender of a message adds to it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageAttribute {
    /// Its text.
    pub string_value: Option<String>,
}

impl Record {
    /// When the message was sent first. The message attribute `first` holds it if the
    /// message was sent again.
    pub fn sent_at(&self, first: &str) -> Option<EpochMs> {
        let again =
            self.message_attributes.get(first).and_then(|attribute| attribute.string_value.as_deref());
        again.unwrap_or(&self.attributes.sent).parse().ok().map(EpochMs::new)
    }

    /// Seconds until the next try: 10 after the first receipt, doubled with each further one up to 320.
    pub fn backoff_s(&self) -> u32 {
        let receives = self.attributes.receives.parse().unwrap_or(1_u32);
        10 << receives.saturating_sub(1).min(5)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A batch of messages.
#[derive(Debug, Clone, Deserialize)]
pub struct SqsBatch {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// The disposition of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// SQS deletes it.
    Acknowledge,
    /// SQS shows it again after its visibility timeout.
    Return,
}

/// The reply that SQS's event source mapping expects; only [`each`] makes one, so that every function isolates panics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchReply {
    /// Messages to show again; empty means that all are done.
    #[serde(rename = "batchItemFailures")]
    failures: Vec<FailedItem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct FailedItem {
    #[serde(rename = "itemIdentifier")]
    id: String,
}

/// Every record of a batch panicked.
#[derive(Debug, thiserror::Error)]
#[error("every record of the batch panicked")]
pub struct Crashed;

/// Handles every record of `batch` on a task of its own.
///
/// # Errors
/// [`Crashed`] if no record was handled without a panic.
pub async fn each<F>(batch: SqsBatch, mut handle: impl FnMut(Record) -> F) -> Result<BatchReply, Crashed>
where
    F: Future<Output = Disposition> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut open: Vec<(tokio::task::Id, String)> = Vec::new();
    for record in batch.records {
        let id = record.id.clone();
        open.push((tasks.spawn(handle(record)).id(), id));
    }
    let mut all_panicked = !open.is_empty();
    while let Some(ended) = tasks.join_next_with_id().await {
        all_panicked &= ended.is_err();
        if let Ok((task, Disposition::Acknowledge)) = ended {
            open.retain(|(id, _)| *id != task);
        }
    }
    if all_panicked {
        return Err(Crashed);
    }
    Ok(BatchReply { failures: open.into_iter().map(|(_, id)| FailedItem { id }).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bodies: &[&str]) -> SqsBatch {
        let records = bodies.iter().enumerate().map(|(n, body)| Record {
            id: format!("m{n}"),
            body: (*body).to_owned(),
            ..Record::default()
        });
        SqsBatch { records: records.collect() }
    }

    #[tokio::test]
    async fn only_what_failed_or_panicked_is_returned() {
        let reply = each(batch(&["ok", "later", "panic", "ok"]), |record| async move {
            match record.body.as_str() {
                "ok" => Disposition::Acknowledge,
                "later" => Disposition::Return,
                _ => panic!("planted"),
            }
        })
        .await;
        let text = serde_json::to_string(&reply.unwrap()).unwrap();
        assert_eq!(text, r#"{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}"#);
    }

    #[tokio::test]
    async fn when_all_is_done_the_reply_names_nothing() {
        let reply = each(batch(&["a", "b"]), |_| async { Disposition::Acknowledge }).await;
        assert_eq!(serde_json::to_string(&reply.unwrap()).unwrap(), r#"{"batchItemFailures":[]}"#);
    }

    #[tokio::test]
    async fn an_invocation_of_which_every_record_panicked_fails() {
        assert!(each(batch(&["a", "b"]), |_| async { panic!("planted") }).await.is_err());
        assert!(each(batch(&[]), |_| async { panic!("planted") }).await.is_ok());
    }

    #[test]
    fn a_message_sent_again_keeps_its_time() {
        let text = r#"{"messageId": "m", "body": "{}", "attributes": {"SentTimestamp": "1700000000000",
            "ApproximateReceiveCount": "3"}, "messageAttributes": {"sent-ms": {"stringValue": "1600000000000",
            "dataType": "Number"}}, "eventSource": "aws:sqs"}"#;
        let record: Record = serde_json::from_str(text).unwrap();
        assert_eq!(record.sent_at("sent-ms"), Some(EpochMs::new(1_600_000_000_000)));
        assert_eq!(record.sent_at("other"), Some(EpochMs::new(1_700_000_000_000)));
        assert_eq!(record.backoff_s(), 40);
        assert_eq!(Record::default().sent_at("sent-ms"), None);
    }
}
