//! A job as an item: one attribute a field, so that operators can read it, plus key and index attributes.
//!
//! Changes are written as updates of the known attributes: what a newer version stored beside them stays. What it stored
//! inside them is kept with the job ([`unread`]).

use super::keys;
use aws_sdk_dynamodb::types::AttributeValue;
use export_domain::job::{Job, Unread};
use std::collections::HashMap;

mod unread;

/// Optional attributes: an update removes those that the job no longer has.
const OPTIONAL: [&str; 24] = [
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
    "untold",
    "image",
    "video",
    "staged",
    "uploads",
    "failure",
    "aftermath",
    "quiet_until",
    "plan",
    "expires_at",
    "correlation_id",
    "trace",
];

/// An item or what is wrong with it.
pub(super) type AttributeMap = HashMap<String, AttributeValue>;

/// The whole item.
pub(super) fn encode(job: &Job) -> Result<AttributeMap, serde_dynamo::Error> {
    let mut item: AttributeMap = serde_dynamo::to_item(job)?;
    unread::put_back(&job.unread, &mut item);
    item.extend(keys::item_key(&job.tenant, &job.job_id));
    for (name, value) in keys::index_attributes(job) {
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

/// The update that turns any earlier value of the job's item into `item`.
pub(super) fn update(item: AttributeMap) -> Update {
    let mut update = Update::default();
    let mut removed: Vec<String> = Vec::new();
    let absent = OPTIONAL.into_iter().filter(|name| !item.contains_key(*name));
    for (n, name) in absent.enumerate() {
        update.names.insert(format!("#r{n}"), name.to_owned());
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

#[cfg(test)]
mod tests;
