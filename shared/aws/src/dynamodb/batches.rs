//! Batches in the jobs table, in partitions of their own (`B#<tenant>`), so that lists of jobs do not meet them.

use super::item::{self, AttributeMap};
use crate::clients::unavailable;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use export_domain::batch::life::Batch;
use export_domain::ids::{BatchId, TenantId};
use export_domain::ports::{BatchPage, BatchStore, DueBatches, Ids, Unavailable};
use export_domain::time::EpochMs;
use std::collections::HashMap;
use std::fmt::Display;

const WHAT: &str = "the jobs table";

/// Attributes that an update removes when the batch no longer has them.
const OPTIONAL: [&str; 10] = [
    "due_shard",
    "due_at",
    "outcome",
    "story",
    "skipped",
    "guesses",
    "untold",
    "expires_at",
    "correlation_id",
    "trace",
];
/// The shard of the `due` index that batches are in.
const SHARD: &str = "batch";

/// Batches in DynamoDB. One conditional write of one item a step.
#[derive(Debug, Clone)]
pub struct DynamoBatches<I> {
    client: Client,
    table: String,
    ids: I,
}

impl<I: Ids> DynamoBatches<I> {
    /// Batches in the jobs table `table`; `ids` names their writes.
    pub fn new(config: &SdkConfig, table: String, ids: I) -> Self {
        Self { client: Client::new(config), table, ids }
    }
}

fn tenant_key(tenant: &TenantId) -> AttributeValue {
    AttributeValue::S(format!("B#{tenant}"))
}

fn item_key(tenant: &TenantId, id: &BatchId) -> AttributeMap {
    let sk = AttributeValue::S(format!("B#{id}"));
    HashMap::from([("pk".to_owned(), tenant_key(tenant)), ("sk".to_owned(), sk)])
}

fn names_of(item: &AttributeMap) -> Option<(TenantId, BatchId)> {
    let text = |name: &str| item.get(name)?.as_s().ok()?.strip_prefix("B#").map(str::to_owned);
    Some((TenantId::parse(&text("pk")?).ok()?, BatchId::parse(&text("sk")?).ok()?))
}

fn encode(batch: &Batch) -> Result<AttributeMap, serde_dynamo::Error> {
    let mut item: AttributeMap = serde_dynamo::to_item(batch)?;
    item.extend(item_key(&batch.tenant, &batch.batch_id));
    item.extend(batch.due_at.map(|_| ("due_shard".to_owned(), AttributeValue::S(SHARD.to_owned()))));
    Ok(item)
}

fn decode(item: &AttributeMap) -> Result<Batch, Unavailable> {
    serde_dynamo::from_item(item.clone()).map_err(|e| unavailable(WHAT, &e))
}

/// Returns `true` if the item of a refused write carries that write's id: an earlier try, whose reply was lost, stored it.
fn is_own(refused: Option<&AttributeMap>, write_id: &str) -> bool {
    let stored = refused.and_then(|item| item.get("write_id")?.as_s().ok());
    stored.is_some_and(|id| id == write_id)
}

fn cursor(created: &impl Display, id: &BatchId) -> String {
    URL_SAFE_NO_PAD.encode(format!("{created}/{id}"))
}

fn read_cursor(tenant: &TenantId, text: &str) -> Option<AttributeMap> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (created, id) = text.split_once('/')?;
    let created: i64 = created.parse().ok()?;
    let mut key = item_key(tenant, &BatchId::parse(id).ok()?);
    key.insert("created_at".to_owned(), AttributeValue::N(created.to_string()));
    Some(key)
}

impl<I: Ids> BatchStore for DynamoBatches<I> {
    async fn batch(&self, tenant: &TenantId, id: &BatchId) -> Result<Option<Batch>, Unavailable> {
        let sent = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(item_key(tenant, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        sent.item.as_ref().map(decode).transpose()
    }

    async fn write_batch(&self, expected: Option<u64>, batch: &Batch) -> Result<bool, Unavailable> {
        let named = Batch { write_id: self.ids.unique(), ..batch.clone() };
        let item = encode(&named).map_err(|e| unavailable(WHAT, &e))?;
        let Some(rev) = expected else {
            let sent = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            return match sent.map_err(SdkError::into_service_error) {
                Ok(_) => Ok(true),
                Err(PutItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(is_own(refused.item(), &named.write_id))
                }
                Err(e) => Err(unavailable(WHAT, &e)),
            };
        };
        let update = item::update(item, &OPTIONAL);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item_key(&named.tenant, &named.batch_id)))
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .expression_attribute_names("#rev", "rev")
            .expression_attribute_values(":expected", AttributeValue::N(rev.to_string()))
            .condition_expression("#rev = :expected")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Ok(is_own(refused.item(), &named.write_id))
            }
            Err(e) => Err(unavailable(WHAT, &e)),
        }
    }

    async fn batches(
        &self,
        tenant: &TenantId,
        most: usize,
        cursor: Option<&str>,
    ) -> Result<Option<BatchPage>, Unavailable> {
        let start = match cursor.map(|text| read_cursor(tenant, text)) {
            None => None,
            Some(None) => return Ok(None),
            Some(start) => start,
        };
        let sent = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("by_created")
            .key_condition_expression("pk = :tenant")
            .expression_attribute_values(":tenant", tenant_key(tenant))
            .scan_index_forward(false)
            .limit(i32::try_from(most).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        let next = sent.last_evaluated_key().and_then(|key| {
            let created = key.get("created_at")?.as_n().ok()?;
            Some(self::cursor(created, &names_of(key)?.1))
        });
        let batches = sent.items.unwrap_or_default().iter().filter_map(readable).collect();
        Ok(Some(BatchPage { batches, next }))
    }
}

/// One item that cannot be read must not keep a tenant from all others.
fn readable(item: &AttributeMap) -> Option<Batch> {
    let read = decode(item);
    if let Err(error) = &read {
        tracing::error!(%error, "skipped an unreadable batch item in a listing");
    }
    read.ok()
}

impl<I: Ids> DueBatches for DynamoBatches<I> {
    async fn due_batches(&self, now: EpochMs, most: usize) -> Result<Vec<(TenantId, BatchId)>, Unavailable> {
        let sent = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("due_shard = :shard AND due_at <= :now")
            .expression_attribute_values(":shard", AttributeValue::S(SHARD.to_owned()))
            .expression_attribute_values(":now", AttributeValue::N(now.to_string()))
            .limit(i32::try_from(most).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        Ok(sent.items.unwrap_or_default().iter().filter_map(names_of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use export_domain::batch::life::BatchClip;
    use export_domain::batch::request::Wish;
    use export_domain::ids::{FileName, JobId, LivePath};
    use export_domain::request::{ExportRequest, ExportType, Wanted};
    use export_domain::settings::Lifecycle;
    use export_domain::storage::Container;
    use export_domain::target::Target;
    use export_domain::time::Millis;

    fn batch(count: usize) -> Batch {
        let target = Target {
            bucket: "clips".to_owned(),
            region: String::new(),
            root: String::new(),
            owner: String::new(),
            container: Container::Ts,
        };
        let clips = (1..=count).map(|n| {
            let request = ExportRequest {
                wanted: Wanted::Media,
                fetch_thumb: false,
                start_pos_ms: EpochMs::new(1_562_300_000_000),
                start_time_ms: Millis::ZERO,
                duration_ms: Millis::from_secs(9),
                live_path: LivePath::parse("mp4/a/stream.mpd").unwrap(),
                file_name: FileName::parse("clip").unwrap(),
                peer_id: None,
                export_type: ExportType::AsRecorded,
                container: None,
                storage: None,
                deprecated_target: None,
                story: None,
                pts: None,
                windows: Vec::new(),
            };
            let letters =
                n.to_string().bytes().map(|digit| char::from(b'a' + digit - b'0')).collect::<String>();
            let job_id = JobId::parse(&format!("{letters:z<32}")).unwrap();
            BatchClip::new(Wish { n, mark: None, request }, job_id)
        });
        let tenant = TenantId::parse("demo").unwrap();
        Batch::new(&tenant, target, clips.collect(), EpochMs::new(1), &Lifecycle::default())
    }

    #[test]
    fn a_batch_is_read_as_it_was_written() {
        let batch = batch(3);
        let item = encode(&batch).unwrap();
        assert_eq!(decode(&item), Ok(batch.clone()));
        assert_eq!(names_of(&item), Some((batch.tenant.clone(), batch.batch_id.clone())));
        assert_eq!(item["due_shard"], AttributeValue::S("batch".to_owned()));
        assert!(item["clips"].as_s().is_ok_and(|text| text.starts_with("[{\"n\":1")), "{item:?}");
    }

    #[test]
    fn a_full_batch_fits_into_an_item() {
        let text: usize =
            encode(&batch(500)).unwrap().values().filter_map(|v| v.as_s().ok()).map(String::len).sum();
        assert!(text < 200_000, "{text}");
    }

    #[test]
    fn a_batch_that_is_not_due_is_in_no_index_of_due_ones() {
        let quiet = encode(&Batch { due_at: None, ..batch(1) }).unwrap();
        let update = item::update(quiet, &OPTIONAL);
        let removed: Vec<&String> =
            update.names.iter().filter(|(key, _)| key.starts_with("#r")).map(|(_, n)| n).collect();
        assert!(
            removed.iter().any(|name| *name == "due_shard") && removed.iter().any(|name| *name == "due_at")
        );
    }
}
