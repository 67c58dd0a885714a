//! SQS batches with partial failures (`ReportBatchItemFailures`).
//!
//! The event is read leniently: a record that is odd in any way is the handler's business, never the runtime's. A
//! panic while one record is handled fails that record alone.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::future::Future;
use tokio::task::JoinSet;

/// One queue message. `Debug` does not show what was sent: it may be anything.
#[derive(Clone, Deserialize)]
pub struct Record {
    /// SQS's name of the message.
    #[serde(rename = "messageId")]
    pub id: String,
    /// What was sent.
    #[serde(default)]
    pub body: String,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A batch of messages.
#[derive(Debug, Clone, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// SQS deletes it.
    Acknowledge,
    /// SQS shows it again after its visibility timeout.
    Return,
}

/// The reply that SQS's event source mapping expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchReply {
    /// Messages to show again; empty means that all are done.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<FailedItem>,
}

/// A message to show again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedItem {
    /// Its `messageId`.
    #[serde(rename = "itemIdentifier")]
    pub id: String,
}

/// Handles every record of `batch` on a task of its own.
pub async fn each<F>(batch: Batch, mut handle: impl FnMut(Record) -> F) -> BatchReply
where
    F: Future<Output = Disposition> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    let mut open: Vec<(tokio::task::Id, String)> = Vec::new();
    for record in batch.records {
        let id = record.id.clone();
        open.push((tasks.spawn(handle(record)).id(), id));
    }
    while let Some(ended) = tasks.join_next_with_id().await {
        if let Ok((task, Disposition::Acknowledge)) = ended {
            open.retain(|(id, _)| *id != task);
        }
    }
    BatchReply { failures: open.into_iter().map(|(_, id)| FailedItem { id }).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bodies: &[&str]) -> Batch {
        let records = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| Record { id: format!("m{n}"), body: (*body).to_owned() });
        Batch { records: records.collect() }
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
        let text = serde_json::to_string(&reply).unwrap();
        assert_eq!(text, r#"{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}"#);
    }

    #[tokio::test]
    async fn when_all_is_done_the_reply_names_nothing() {
        let reply = each(batch(&["a", "b"]), |_| async { Disposition::Acknowledge }).await;
        assert_eq!(serde_json::to_string(&reply).unwrap(), r#"{"batchItemFailures":[]}"#);
    }
}
