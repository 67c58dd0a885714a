//! The sessions and the tenants table.

use super::item::Item;
use crate::clients::unavailable;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use export_domain::ids::TenantId;
use export_domain::ports::{Session, Sessions, Tenants, Unavailable};
use export_domain::tenant::{AllowedTarget, Tenant};

/// Jobs that a tenant may have unfinished if its row does not say.
const DEFAULT_MAX_ACTIVE: u32 = 100;

/// Sessions in DynamoDB: `pk` (SHA-256 of the session id in lower-case hex), `tenant`, `expires_at` (seconds).
#[derive(Debug, Clone)]
pub struct DynamoSessions {
    client: Client,
    table: String,
}

/// Tenants in DynamoDB: `pk` (the tenant), `source_bucket`, `source_prefix`, `targets`, `default_target` (an index),
/// `max_active`.
#[derive(Debug, Clone)]
pub struct DynamoTenants {
    client: Client,
    table: String,
}

impl DynamoSessions {
    /// Sessions in `table`.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { client: Client::new(config), table }
    }
}

impl DynamoTenants {
    /// Tenants in `table`.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { client: Client::new(config), table }
    }
}

impl Sessions for DynamoSessions {
    async fn session(&self, key: &str) -> Result<Option<Session>, Unavailable> {
        let item = get(&self.client, &self.table, key, "the sessions table").await?;
        Ok(item.as_ref().and_then(session_of))
    }
}

impl Tenants for DynamoTenants {
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, Unavailable> {
        let item = get(&self.client, &self.table, id.as_str(), "the tenants table").await?;
        Ok(item.as_ref().and_then(|item| tenant_of(id, item)))
    }
}

async fn get(
    client: &Client,
    table: &str,
    pk: &str,
    what: &'static str,
) -> Result<Option<Item>, Unavailable> {
    let sent = client
        .get_item()
        .table_name(table)
        .key("pk", AttributeValue::S(pk.to_owned()))
        .consistent_read(true)
        .send()
        .await
        .map_err(|e| unavailable(what, &e))?;
    Ok(sent.item)
}

/// A row that is not complete opens nothing.
fn session_of(item: &Item) -> Option<Session> {
    let tenant = TenantId::parse(&text(item, "tenant")?).ok()?;
    Some(Session { tenant, expires_at: number(item, "expires_at")? })
}

fn tenant_of(id: &TenantId, item: &Item) -> Option<Tenant> {
    let targets = item.get("targets")?.as_l().ok()?;
    Some(Tenant {
        id: id.clone(),
        source_bucket: text(item, "source_bucket")?,
        source_prefix: text(item, "source_prefix").unwrap_or_default(),
        targets: targets.iter().filter_map(|t| target_of(t.as_m().ok()?)).collect(),
        default_target: number(item, "default_target").unwrap_or_default(),
        max_active: number(item, "max_active").unwrap_or(DEFAULT_MAX_ACTIVE),
    })
}

fn target_of(item: &Item) -> Option<AllowedTarget> {
    Some(AllowedTarget {
        bucket: text(item, "bucket")?,
        region: text(item, "region").unwrap_or_default(),
        root: text(item, "root").unwrap_or_default(),
        owner: text(item, "owner").unwrap_or_default(),
    })
}

fn text(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn s(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    #[test]
    fn reads_a_tenants_row() {
        let target =
            HashMap::from([("bucket".to_owned(), s("clips")), ("region".to_owned(), s("eu-west-1"))]);
        let row = HashMap::from([
            ("source_bucket".to_owned(), s("rec")),
            ("source_prefix".to_owned(), s("t/demo/")),
            ("targets".to_owned(), AttributeValue::L(vec![AttributeValue::M(target)])),
            ("max_active".to_owned(), AttributeValue::N("7".to_owned())),
        ]);
        let tenant = tenant_of(&TenantId::parse("demo").unwrap(), &row).unwrap();
        assert_eq!((tenant.max_active, tenant.default_target), (7, 0));
        assert_eq!((tenant.targets[0].bucket.as_str(), tenant.targets[0].root.as_str()), ("clips", ""));
    }

    #[test]
    fn an_incomplete_session_row_opens_nothing() {
        let row = HashMap::from([("tenant".to_owned(), s("demo"))]);
        assert_eq!(session_of(&row), None);
    }
}
