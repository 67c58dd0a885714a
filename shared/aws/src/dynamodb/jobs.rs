//! The jobs table.

use super::item::{self, AttributeMap};
use crate::clients::unavailable;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure, Select,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use export_domain::ids::{JobId, TenantId};
use export_domain::job::{Counted, Errand, Job, chunk_number};
use export_domain::ports::{
    ChunkNotes, ClipLine, Due, DueJobs, IdempotencyKeys, Ids, JobLists, JobPage, JobStore, ManyJobs,
    Unavailable, Written,
};
use export_domain::time::{EpochMs, EpochSecs};
use futures_util::future::try_join_all;
use std::collections::HashMap;
use std::fmt::Display;

const WHAT: &str = "the jobs table";

/// Jobs in DynamoDB. One conditional write of one item a step; no transactions.
#[derive(Debug, Clone)]
pub struct DynamoJobs<I> {
    client: Client,
    table: String,
    ids: I,
}

impl<I: Ids> DynamoJobs<I> {
    /// Jobs in `table`; `ids` names their writes.
    pub fn new(config: &SdkConfig, table: String, ids: I) -> Self {
        Self { client: Client::new(config), table, ids }
    }

    /// After a refused write: an item that carries this write's id was written by an earlier try of it whose reply
    /// was lost.
    fn judge(refused: Option<&AttributeMap>, write_id: &str) -> Result<Written, Unavailable> {
        let Some(item) = refused else { return Ok(Written::Conflict(None)) };
        if item.get("write_id").and_then(|id| id.as_s().ok()).is_some_and(|id| id == write_id) {
            return Ok(Written::Done);
        }
        decode(item).map(|job| Written::Conflict(Some(Box::new(job))))
    }

    async fn create(&self, item: AttributeMap, write_id: &str) -> Result<Written, Unavailable> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Written::Done),
            Err(PutItemError::ConditionalCheckFailedException(refused)) => {
                Self::judge(refused.item(), write_id)
            }
            Err(e) => Err(unavailable(WHAT, &e)),
        }
    }

    async fn replace(&self, job: &Job, item: AttributeMap, expected: u64) -> Result<Written, Unavailable> {
        let write_id = item.get("write_id").and_then(|id| id.as_s().ok().cloned()).unwrap_or_default();
        let update = item::update(item, &item::OPTIONAL);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::item_key(&job.tenant, &job.job_id)))
            .update_expression(update.expression)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .expression_attribute_names("#rev", "rev")
            .expression_attribute_values(":expected", AttributeValue::N(expected.to_string()))
            .condition_expression("#rev = :expected")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(Written::Done),
            Err(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                Self::judge(refused.item(), &write_id)
            }
            Err(e) => Err(unavailable(WHAT, &e)),
        }
    }
}

/// Reads a row of the `due` index.
fn read_due(item: &AttributeMap) -> Option<Due> {
    let at = EpochMs::new(item.get("due_at")?.as_n().ok()?.parse().ok()?);
    let (tenant, job_id) = item::names_of(item)?;
    Some(Due { at, tenant, job_id })
}

impl<I: Ids> DynamoJobs<I> {
    /// The due jobs of one shard, earliest first, at most `most`.
    async fn due_in(&self, shard: &str, now: EpochMs, most: usize) -> Result<Vec<Due>, Unavailable> {
        let mut items = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("due")
            .key_condition_expression("due_shard = :shard AND due_at <= :now")
            .expression_attribute_values(":shard", AttributeValue::S(shard.to_owned()))
            .expression_attribute_values(":now", AttributeValue::N(now.to_string()))
            .limit(i32::try_from(most).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while found.len() < most
            && let Some(item) = items.try_next().await.map_err(|e| unavailable(WHAT, &e))?
        {
            found.extend(read_due(&item));
        }
        Ok(found)
    }
}

impl<I: Ids> JobStore for DynamoJobs<I> {
    async fn get(&self, tenant: &TenantId, job_id: &JobId) -> Result<Option<Job>, Unavailable> {
        let sent = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(item::item_key(tenant, job_id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        sent.item.as_ref().map(decode).transpose()
    }

    async fn write(&self, expected: Option<u64>, job: &Job) -> Result<Written, Unavailable> {
        let named = Job { write_id: self.ids.unique(), ..job.clone() };
        let item = item::encode(&named).map_err(|e| unavailable(WHAT, &e))?;
        match expected {
            None => self.create(item, &named.write_id).await,
            Some(rev) => self.replace(&named, item, rev).await,
        }
    }

    async fn count_unfinished(
        &self,
        tenant: &TenantId,
        counted: Counted,
        most: u32,
    ) -> Result<u32, Unavailable> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("active")
            .key_condition_expression("active = :counted")
            .expression_attribute_values(":counted", item::counted_key(tenant, counted))
            .select(Select::Count)
            .limit(i32::try_from(most).unwrap_or(i32::MAX))
            .into_paginator()
            .send();
        let mut count = 0;
        while count < most
            && let Some(page) = pages.try_next().await.map_err(|e| unavailable(WHAT, &e))?
        {
            count += u32::try_from(page.count).unwrap_or_default();
        }
        Ok(count)
    }
}

impl<I: Ids> ChunkNotes for DynamoJobs<I> {
    async fn note_chunk(&self, job: &Job, plan: u64, chunk: u32) -> Result<bool, Unavailable> {
        let number = chunk_number(plan, chunk);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::item_key(&job.tenant, &job.job_id)))
            .update_expression("ADD #made :chunk")
            .condition_expression("#fan.#plan = :plan AND #generation = :generation")
            .expression_attribute_names("#made", item::CHUNKS_MADE)
            .expression_attribute_names("#fan", "fan")
            .expression_attribute_names("#plan", "plan")
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_values(":chunk", AttributeValue::Ns(vec![number.to_string()]))
            .expression_attribute_values(":plan", AttributeValue::N(plan.to_string()))
            .expression_attribute_values(":generation", AttributeValue::N(job.generation.to_string()))
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Err(e) => Err(unavailable(WHAT, &e)),
        }
    }
}

/// Items of one `BatchGetItem`, at most.
const MOST_ITEMS: usize = 100;
/// Times that a `BatchGetItem` is sent again for what it left out.
const MANY_TRIES: u32 = 5;

impl<I: Ids> DynamoJobs<I> {
    async fn some(&self, tenant: &TenantId, ids: &[JobId]) -> Result<Vec<Job>, Unavailable> {
        let keys = ids.iter().map(|id| item::item_key(tenant, id)).collect();
        let wanted = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys)).build();
        let mut left = HashMap::from([(self.table.clone(), wanted.map_err(|e| unavailable(WHAT, &e))?)]);
        let mut found = Vec::with_capacity(ids.len());
        for _ in 0..MANY_TRIES {
            let sent = self.client.batch_get_item().set_request_items(Some(left)).send().await;
            let sent = sent.map_err(|e| unavailable(WHAT, &e))?;
            for item in sent.responses.unwrap_or_default().values().flatten() {
                found.push(decode(item)?);
            }
            left = sent.unprocessed_keys.unwrap_or_default();
            if left.is_empty() {
                return Ok(found);
            }
        }
        Err(Unavailable(WHAT, "a read of many jobs was left incomplete".to_owned()))
    }
}

impl<I: Ids> ManyJobs for DynamoJobs<I> {
    async fn many(&self, tenant: &TenantId, ids: &[JobId]) -> Result<Vec<Job>, Unavailable> {
        let parts = ids.chunks(MOST_ITEMS).map(|part| self.some(tenant, part));
        Ok(try_join_all(parts).await?.into_iter().flatten().collect())
    }
}

impl<I: Ids> IdempotencyKeys for DynamoJobs<I> {
    async fn bind(
        &self,
        tenant: &TenantId,
        key: &str,
        job_id: &JobId,
        now: EpochMs,
        expires_at: EpochSecs,
    ) -> Result<JobId, Unavailable> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::idempotency_key(tenant, key)))
            .item("job_id", AttributeValue::S(job_id.to_string()))
            .item("expires_at", AttributeValue::N(expires_at.to_string()))
            .expression_attribute_values(":now", AttributeValue::N(now.to_secs().to_string()))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(job_id.clone()),
            Err(PutItemError::ConditionalCheckFailedException(refused)) => refused
                .item()
                .and_then(|item| JobId::parse(item.get("job_id")?.as_s().ok()?).ok())
                .ok_or_else(|| Unavailable(WHAT, "an idempotency item without a job".to_owned())),
            Err(e) => Err(unavailable(WHAT, &e)),
        }
    }
}

impl<I: Ids> DueJobs for DynamoJobs<I> {
    async fn due(&self, errand: Errand, now: EpochMs, most: usize) -> Result<Vec<Due>, Unavailable> {
        let shards = item::shards(errand).map(|shard| self.due_in(shard, now, most));
        let mut found: Vec<Due> = try_join_all(shards).await?.into_iter().flatten().collect();
        found.sort_by_key(|due| due.at);
        found.truncate(most);
        Ok(found)
    }
}

impl<I: Ids> ClipLine for DynamoJobs<I> {
    async fn clips_at_work(&self, tenant: &TenantId, now: EpochMs) -> Result<u32, Unavailable> {
        let query =
            self.clips(item::AT_WORK, tenant).key_condition_expression("clips = :where AND due_at > :now");
        let mut pages = query
            .expression_attribute_values(":now", AttributeValue::N(now.to_string()))
            .filter_expression("pk = :tenant")
            .into_paginator()
            .send();
        let mut count = 0;
        while let Some(page) = pages.try_next().await.map_err(|e| unavailable(WHAT, &e))? {
            count += u32::try_from(page.count).unwrap_or_default();
        }
        Ok(count)
    }

    async fn others_wait(&self, tenant: &TenantId) -> Result<bool, Unavailable> {
        let query = self.clips(item::IN_LINE, tenant).key_condition_expression("clips = :where");
        let mut pages = query.filter_expression("pk <> :tenant").into_paginator().send();
        while let Some(page) = pages.try_next().await.map_err(|e| unavailable(WHAT, &e))? {
            if page.count > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<I: Ids> DynamoJobs<I> {
    /// Counts in a part of the `clips` index.
    fn clips(&self, part: &str, tenant: &TenantId) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .index_name("clips")
            .expression_attribute_values(":where", AttributeValue::S(part.to_owned()))
            .expression_attribute_values(":tenant", item::tenant_key(tenant))
            .select(Select::Count)
    }
}

impl<I: Ids> JobLists for DynamoJobs<I> {
    async fn list(
        &self,
        tenant: &TenantId,
        most: usize,
        cursor: Option<&str>,
    ) -> Result<Option<JobPage>, Unavailable> {
        let start = match cursor {
            None => None,
            Some(text) => match read_cursor(tenant, text) {
                Some(key) => Some(key),
                None => return Ok(None),
            },
        };
        let sent = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("by_created")
            .key_condition_expression("pk = :tenant")
            .expression_attribute_values(":tenant", item::tenant_key(tenant))
            .scan_index_forward(false)
            .limit(i32::try_from(most).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        let next = sent.last_evaluated_key().and_then(write_cursor);
        let jobs = sent.items.unwrap_or_default().iter().filter_map(readable).collect();
        Ok(Some(JobPage { jobs, next }))
    }

    fn cursor_behind(&self, job: &Job) -> String {
        cursor(&job.created_at, &job.job_id)
    }
}

fn decode(item: &AttributeMap) -> Result<Job, Unavailable> {
    item::decode(item).map_err(|e| unavailable(WHAT, &e))
}

/// One item that cannot be read must not keep a tenant from all others.
fn readable(item: &AttributeMap) -> Option<Job> {
    let key = item::names_of(item);
    let read = item::decode(item);
    if let Err(error) = &read {
        let job_id = key.as_ref().map(|(_, job_id)| job_id.as_str());
        tracing::error!(job.id = job_id, %error, "skipped an unreadable job item in a listing");
    }
    read.ok()
}

/// The key's varying part; the tenant is not in the cursor, so that it cannot be changed there.
fn write_cursor(key: &AttributeMap) -> Option<String> {
    let (_, job_id) = item::names_of(key)?;
    let created = key.get("created_at")?.as_n().ok()?;
    Some(cursor(created, &job_id))
}

fn cursor(created: &impl Display, job_id: &JobId) -> String {
    URL_SAFE_NO_PAD.encode(format!("{created}/{job_id}"))
}

fn read_cursor(tenant: &TenantId, text: &str) -> Option<AttributeMap> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (created, job_id) = text.split_once('/')?;
    let created: i64 = created.parse().ok()?;
    let mut key = item::item_key(tenant, &JobId::parse(job_id).ok()?);
    key.insert("created_at".to_owned(), AttributeValue::N(created.to_string()));
    Some(key)
}

#[cfg(all(test, feature = "s3"))]
mod tests;
