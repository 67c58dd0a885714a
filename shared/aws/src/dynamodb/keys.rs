//! Keys, index attributes and shards of the jobs table. No other module spells them.

use aws_sdk_dynamodb::types::AttributeValue;
use export_domain::ids::{JobId, TenantId, hex};
use export_domain::job::{Errand, Job, State};
use export_domain::request::Wanted;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

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

/// The attributes that put a job into the `active` index while it lives, into `due` while it is due, and into
/// `clips` while it is a clip that waits for a worker or has one.
pub(super) fn index_attributes(job: &Job) -> Vec<(&'static str, Option<AttributeValue>)> {
    let live = !job.state.is_terminal();
    let shard = || AttributeValue::S(due_shard(job).to_owned());
    let clips = clips_key(job).map(|key| AttributeValue::S(key.to_owned()));
    vec![
        ("active", live.then(|| tenant_key(&job.tenant))),
        ("due_shard", job.due_at.map(|_| shard())),
        ("clips", clips),
    ]
}

/// The partition of the `clips` index for the clips that workers hold; `due_at` is when such a claim has lapsed.
pub(super) const AT_WORK: &str = "work";
/// The partition of the clips that wait for a worker.
pub(super) const IN_LINE: &str = "line";

fn clips_key(job: &Job) -> Option<&'static str> {
    match (job.order.wanted, job.state) {
        (Wanted::Media, State::Running) => Some(AT_WORK),
        (Wanted::Media, State::Queued) => Some(IN_LINE),
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
