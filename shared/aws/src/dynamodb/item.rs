//! A job as an item: one attribute a field, so that operators can read it, plus the attributes of its keys and of
//! the sparse indexes, which nothing else spells.
//!
//! Changes are written as updates of the known attributes: what a newer version stored beside them stays. What it stored
//! inside them is kept with the job ([`unread`]).

use aws_sdk_dynamodb::types::AttributeValue;
use export_domain::ids::{JobId, TenantId, hex};
use export_domain::job::{Counted, Errand, Job, State, Unread, WorkQueue};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

mod unread;

/// Optional attributes: an update removes those that the job no longer has.
pub(super) const OPTIONAL: [&str; 29] = [
    "active",
    "due_shard",
    "clips",
    "started_at",
    "lease_until",
    "claim_id",
    "due_at",
    "deadline_at",
    "wake_at",
    "unanswered_since",
    "obstacle",
    "source_missing_since",
    "progress",
    "untold",
    "image",
    "video",
    "play",
    "staged",
    "uploads",
    "fan",
    "failure",
    "aftermath",
    "quiet_until",
    "plan",
    "expires_at",
    "correlation_id",
    "trace",
    "batch_id",
    "lane",
];

/// The set of the chunks that are made. The functions that make them add to it, and whole writes leave it alone.
pub(super) const CHUNKS_MADE: &str = "fan_done";

/// An item or what is wrong with it.
pub(super) type AttributeMap = HashMap<String, AttributeValue>;

/// The whole item.
pub(super) fn encode(job: &Job) -> Result<AttributeMap, serde_dynamo::Error> {
    let mut item: AttributeMap = serde_dynamo::to_item(job)?;
    unread::put_back(&job.unread, &mut item);
    item.extend(item_key(&job.tenant, &job.job_id));
    for (name, value) in index_attributes(job) {
        item.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(item)
}

/// Reads an item; what this version does not know of it is kept for the next write.
pub(super) fn decode(item: &AttributeMap) -> Result<Job, serde_dynamo::Error> {
    let job: Job = serde_dynamo::from_item(item.clone())?;
    let unread = unread::of(item, &serde_dynamo::to_item(&job)?).map_or_else(Unread::default, Unread::new);
    Ok(Job { unread, ..job })
}

/// An update expression with its names and values.
#[derive(Debug, Default)]
pub(super) struct Update {
    pub(super) expression: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

/// The update that turns any earlier value of the item into `item`; of the attributes `optional` it removes those that
/// `item` does not have.
pub(super) fn update(item: AttributeMap, optional: &[&str]) -> Update {
    let mut update = Update::default();
    let mut removed: Vec<String> = Vec::new();
    let absent = optional.iter().filter(|name| !item.contains_key(**name));
    for (n, name) in absent.enumerate() {
        update.names.insert(format!("#r{n}"), (*name).to_owned());
        removed.push(format!("#r{n}"));
    }
    let mut set: Vec<String> = Vec::new();
    for (n, (name, value)) in item.into_iter().filter(|(name, _)| name != "pk" && name != "sk").enumerate() {
        update.names.insert(format!("#s{n}"), name);
        update.values.insert(format!(":s{n}"), value);
        set.push(format!("#s{n} = :s{n}"));
    }
    let set = format!("SET {}", set.join(", "));
    update.expression = if removed.is_empty() { set } else { format!("{set} REMOVE {}", removed.join(", ")) };
    update
}

/// A sparse index keyed by one value would be a hot partition under load.
pub(super) const DUE_SHARDS: [&str; 4] = ["0", "1", "2", "3"];
/// The shards of ended jobs whose completion event the bus has not taken.
const UNTOLD_SHARDS: [&str; 4] = ["untold-0", "untold-1", "untold-2", "untold-3"];

/// The shards of the `due` index for an errand.
pub(super) fn shards(errand: Errand) -> [&'static str; 4] {
    match errand {
        Errand::Recover => DUE_SHARDS,
        Errand::Tell => UNTOLD_SHARDS,
    }
}

pub(super) fn tenant_key(tenant: &TenantId) -> AttributeValue {
    AttributeValue::S(format!("T#{tenant}"))
}

pub(super) fn job_key(job_id: &JobId) -> AttributeValue {
    AttributeValue::S(format!("J#{job_id}"))
}

pub(super) fn item_key(tenant: &TenantId, job_id: &JobId) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), tenant_key(tenant)), ("sk".to_owned(), job_key(job_id))])
}

/// The item that binds an `Idempotency-Key`: only its hash is stored.
pub(super) fn idempotency_key(tenant: &TenantId, key: &str) -> HashMap<String, AttributeValue> {
    let sk = AttributeValue::S(format!("K#{}", hex(&Sha256::digest(key.as_bytes()))));
    HashMap::from([("pk".to_owned(), tenant_key(tenant)), ("sk".to_owned(), sk)])
}

/// A tenant's partition of the `active` index.
pub(super) fn counted_key(tenant: &TenantId, counted: Counted) -> AttributeValue {
    match counted {
        Counted::Active => tenant_key(tenant),
        Counted::Scheduled => AttributeValue::S(format!("S#{tenant}")),
    }
}

/// The attributes that put a job into the `active` index while it lives, by the limit that it counts against, into `due` while it is due, and into
/// `clips` while it is a clip that waits for a worker or has one, unless only batches want it.
pub(super) fn index_attributes(job: &Job) -> Vec<(&'static str, Option<AttributeValue>)> {
    let shard = || AttributeValue::S(due_shard(job).to_owned());
    let clips = clips_key(job).map(|key| AttributeValue::S(key.to_owned()));
    vec![
        ("active", job.counted().map(|counted| counted_key(&job.tenant, counted))),
        ("due_shard", job.due_at.map(|_| shard())),
        ("clips", clips),
    ]
}

/// The partition of the `clips` index for the clips that workers hold; `due_at` is when such a claim has lapsed.
pub(super) const AT_WORK: &str = "work";
/// The partition of the clips that wait for a worker.
pub(super) const IN_LINE: &str = "line";

fn clips_key(job: &Job) -> Option<&'static str> {
    match (job.work_queue(), job.state) {
        (WorkQueue::Clips, State::Running) => Some(AT_WORK),
        (WorkQueue::Clips, State::Queued) => Some(IN_LINE),
        _ => None,
    }
}

fn due_shard(job: &Job) -> &'static str {
    let last = job.job_id.as_str().bytes().next_back().map_or(0, usize::from);
    let shards = shards(job.errand());
    shards[last % shards.len()]
}

/// The names in an index item's key attributes.
pub(super) fn names_of(item: &HashMap<String, AttributeValue>) -> Option<(TenantId, JobId)> {
    let text =
        |name: &str, prefix: &str| item.get(name)?.as_s().ok()?.strip_prefix(prefix).map(str::to_owned);
    let tenant = TenantId::parse(&text("pk", "T#")?).ok()?;
    let job_id = JobId::parse(&text("sk", "J#")?).ok()?;
    Some((tenant, job_id))
}

#[cfg(test)]
pub(super) mod tests;
