//! The `ExportState` table, and the rows that point at exports.

use super::MAX_PARTITION_BYTES;
use super::tables::MreTables;
use crate::clients::unavailable;
use crate::dynamodb::item::AttributeMap;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use export_domain::ports::Unavailable;
use export_domain::time::EpochMs;
use export_mre::ports::{ExportLocations, ExportStates};
use export_mre::source::TriggerProfile;
use export_mre::state::{BuildLease, ExportState, StateKey};
use export_mre::trigger::Trigger;

const WHAT: &str = "the export state table";

/// Export states in DynamoDB: `pk`, `owner`, `fence`, `lease_until`, `built_from`, `profile_from` (milliseconds),
/// `etag`, `profile` (JSON text), `profile_sha256`, `id` (of the event or replay).
#[derive(Debug, Clone)]
pub struct DynamoExportStates {
    client: Client,
    table: String,
    tables: MreTables,
}

impl DynamoExportStates {
    /// States in `table`, for exports of MRE's `tables`.
    pub fn new(config: &SdkConfig, table: String, tables: MreTables) -> Self {
        Self { client: Client::new(config), table, tables }
    }

    fn update(&self, key: &StateKey) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key("pk", text(key.as_str()))
    }

    /// An update of the holder of `lease`.
    fn held(&self, key: &StateKey, lease: &BuildLease) -> UpdateItemFluentBuilder {
        self.update(key)
            .condition_expression("#owner = :owner AND fence = :fence")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(&lease.owner))
            .expression_attribute_values(":fence", number(lease.fence))
    }
}

impl ExportStates for DynamoExportStates {
    async fn state(&self, key: &StateKey) -> Result<ExportState, Unavailable> {
        let get = self.client.get_item().table_name(&self.table).key("pk", text(key.as_str()));
        let sent = get.consistent_read(true).send().await.map_err(|e| unavailable(WHAT, &e))?;
        Ok(sent.item.as_ref().map(state_of).unwrap_or_default())
    }

    async fn claim(&self, key: &StateKey, lease: &BuildLease, now: EpochMs) -> Result<bool, Unavailable> {
        let fresh = "attribute_not_exists(pk) OR (fence = :previous AND \
                     (attribute_not_exists(lease_until) OR lease_until <= :now))";
        let update = self
            .update(key)
            .update_expression("SET #owner = :owner, fence = :fence, lease_until = :until")
            // The second half is an earlier try of this very write.
            .condition_expression(format!("{fresh} OR (#owner = :owner AND fence = :fence)"))
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", text(&lease.owner))
            .expression_attribute_values(":fence", number(lease.fence))
            .expression_attribute_values(":previous", number(lease.previous))
            .expression_attribute_values(":until", number(lease.until))
            .expression_attribute_values(":now", number(now));
        written(update, WHAT).await
    }

    async fn commit(
        &self,
        key: &StateKey,
        lease: &BuildLease,
        built: &ExportState,
    ) -> Result<bool, Unavailable> {
        let mut set = vec!["built_from = :from", "etag = :etag", "id = :id"];
        let etag = built.etag.as_deref().unwrap_or_default();
        let id = built.id.as_deref().unwrap_or_default();
        let mut update = self
            .held(key, lease)
            .expression_attribute_values(":from", number(built.built_from.unwrap_or_default()))
            .expression_attribute_values(":etag", text(etag))
            .expression_attribute_values(":id", text(id));
        let mut remove = vec!["lease_until"];
        if let (Some(hash), Some(from)) = (&built.profile_sha256, built.profile_from) {
            set.extend(["profile_sha256 = :hash", "profile_from = :profile_from"]);
            update = update
                .expression_attribute_names("#profile", "profile")
                .expression_attribute_values(":hash", text(hash))
                .expression_attribute_values(":profile_from", number(from));
            if let Some(profile) = &built.profile {
                set.push("#profile = :profile");
                update = update.expression_attribute_values(":profile", text(profile));
            } else {
                remove.push("#profile");
            }
        }
        let expression = format!("SET {} REMOVE {}", set.join(", "), remove.join(", "));
        written(update.update_expression(expression), WHAT).await
    }

    async fn release(&self, key: &StateKey, lease: &BuildLease) -> Result<(), Unavailable> {
        written(self.held(key, lease).update_expression("REMOVE lease_until"), WHAT).await.map(|_| ())
    }
}

impl ExportLocations for DynamoExportStates {
    async fn locate(&self, trigger: &Trigger, location: &str) -> Result<bool, Unavailable> {
        let update = self.client.update_item();
        let update = match trigger {
            Trigger::Event { key, .. } => update
                .table_name(&self.tables.event)
                .key("Name", text(&key.name))
                .key("Program", text(&key.program))
                .condition_expression("attribute_exists(#key)")
                .expression_attribute_names("#key", "Name"),
            Trigger::Replay(key) => update
                .table_name(&self.tables.replay_request)
                .key("PK", text(&key.event.partition()))
                .key("ReplayId", text(&key.id))
                .condition_expression("attribute_exists(#key)")
                .expression_attribute_names("#key", "PK"),
        };
        let update = update
            .update_expression("SET #location = :location")
            .expression_attribute_names("#location", trigger.location_attribute())
            .expression_attribute_values(":location", text(location));
        written(update, "MRE's tables").await
    }
}

/// Sends a conditional update; `false` when the condition did not hold.
async fn written(update: UpdateItemFluentBuilder, what: &'static str) -> Result<bool, Unavailable> {
    match update.send().await.map_err(SdkError::into_service_error) {
        Ok(_) => Ok(true),
        Err(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
        Err(e) => Err(unavailable(what, &e)),
    }
}

/// The profile of the event's last trigger.
pub(super) async fn profile(
    client: &Client,
    table: &str,
    key: &StateKey,
) -> Result<Option<TriggerProfile>, Unavailable> {
    if key.as_str().len() > MAX_PARTITION_BYTES {
        return Ok(None);
    }
    let get = client.get_item().table_name(table).key("pk", text(key.as_str())).consistent_read(true);
    let sent = get.send().await.map_err(|e| unavailable(WHAT, &e))?;
    let Some(item) = sent.item else { return Ok(None) };
    let event_id = string(&item, "id");
    Ok(string(&item, "profile").map(|profile| TriggerProfile { profile, event_id }))
}

fn state_of(item: &AttributeMap) -> ExportState {
    let lease = integer(item, "fence").map(|fence| BuildLease {
        owner: string(item, "owner").unwrap_or_default(),
        fence: u64::try_from(fence).unwrap_or_default(),
        previous: 0,
        until: instant(item, "lease_until").unwrap_or_default(),
    });
    ExportState {
        lease,
        built_from: instant(item, "built_from"),
        etag: string(item, "etag"),
        profile: string(item, "profile"),
        profile_sha256: string(item, "profile_sha256"),
        profile_from: instant(item, "profile_from"),
        id: string(item, "id"),
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn string(item: &AttributeMap, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn instant(item: &AttributeMap, name: &str) -> Option<EpochMs> {
    integer(item, name).map(EpochMs::new)
}

fn integer(item: &AttributeMap, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
