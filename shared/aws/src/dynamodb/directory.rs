//! The sessions and the tenants table.

use super::item::AttributeMap;
use crate::clients::unavailable;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use export_domain::ids::TenantId;
use export_domain::ports::{Session, Sessions, Tenants, Unavailable};
use export_domain::tenant::{AllowedTarget, Tenant};
use export_domain::time::EpochSecs;
use std::str::FromStr;

/// No session is good for thousands of years.
const LATEST: EpochSecs = EpochSecs::new(100_000_000_000);
/// Jobs that a tenant may have unfinished if its row does not say.
const DEFAULT_MAX_ACTIVE: u32 = 100;
/// Jobs that may wait for their window to begin if the row does not say.
const DEFAULT_MAX_SCHEDULED: u32 = 1000;

/// Sessions in DynamoDB: `pk` (SHA-256 of the session id in lower-case hex), `tenant`, `expires_at` (seconds).
#[derive(Debug, Clone)]
pub struct DynamoSessions {
    client: Client,
    table: String,
}

/// Tenants in DynamoDB: `pk` (the tenant), `source_bucket`, `source_owner`, `source_prefix`, `targets`, `default_target`
/// (an index), `max_active`, `max_scheduled`, `mre_programs`.
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
) -> Result<Option<AttributeMap>, Unavailable> {
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

/// A row that is not complete opens nothing, nor does one whose end is written in milliseconds.
fn session_of(item: &AttributeMap) -> Option<Session> {
    let tenant = TenantId::parse(&text(item, "tenant")??).ok()?;
    let expires_at = EpochSecs::new(number(item, "expires_at")??);
    (expires_at < LATEST).then_some(Session { tenant, expires_at })
}

/// An attribute may be left out; one of the wrong type must not count as left out, as that could open a whole bucket.
fn tenant_of(id: &TenantId, item: &AttributeMap) -> Option<Tenant> {
    let targets = item.get("targets")?.as_l().ok()?;
    Some(Tenant {
        id: id.clone(),
        source_bucket: text(item, "source_bucket")??,
        source_owner: text(item, "source_owner")?.unwrap_or_default(),
        source_prefix: text(item, "source_prefix")?.unwrap_or_default(),
        targets: targets.iter().map(|target| target_of(target.as_m().ok()?)).collect::<Option<_>>()?,
        default_target: number(item, "default_target")?.unwrap_or_default(),
        max_active: number(item, "max_active")?.unwrap_or(DEFAULT_MAX_ACTIVE),
        max_scheduled: number(item, "max_scheduled")?.unwrap_or(DEFAULT_MAX_SCHEDULED),
        mre_programs: texts(item, "mre_programs")?,
    })
}

fn target_of(item: &AttributeMap) -> Option<AllowedTarget> {
    Some(AllowedTarget {
        bucket: text(item, "bucket")??,
        region: text(item, "region")?.unwrap_or_default(),
        root: text(item, "root")?.unwrap_or_default(),
        owner: text(item, "owner")?.unwrap_or_default(),
    })
}

/// `Some(None)` if there is no such attribute, `None` if it is no string.
#[expect(clippy::option_option, reason = "left out and wrong are different")]
fn text(item: &AttributeMap, name: &str) -> Option<Option<String>> {
    match item.get(name) {
        None => Some(None),
        Some(value) => value.as_s().ok().cloned().map(Some),
    }
}

/// The strings of a list, none if there is no such attribute; `None` if it is no such list.
fn texts(item: &AttributeMap, name: &str) -> Option<Vec<String>> {
    let Some(value) = item.get(name) else { return Some(Vec::new()) };
    value.as_l().ok()?.iter().map(|each| each.as_s().ok().cloned()).collect()
}

/// `Some(None)` if there is no such attribute, `None` if it is no such number.
#[expect(clippy::option_option, reason = "left out and wrong are different")]
fn number<T: FromStr>(item: &AttributeMap, name: &str) -> Option<Option<T>> {
    match item.get(name) {
        None => Some(None),
        Some(value) => value.as_n().ok()?.parse().ok().map(Some),
    }
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
            ("mre_programs".to_owned(), AttributeValue::L(vec![s("tennis")])),
        ]);
        let tenant = tenant_of(&TenantId::parse("demo").unwrap(), &row).unwrap();
        assert_eq!((tenant.max_active, tenant.max_scheduled, tenant.default_target), (7, 1000, 0));
        assert_eq!((tenant.targets[0].bucket.as_str(), tenant.targets[0].root.as_str()), ("clips", ""));
        assert!(tenant.may_name_program("tennis") && !tenant.may_name_program("golf"));
    }

    #[test]
    fn a_tenants_row_with_an_attribute_of_the_wrong_type_opens_nothing() {
        let target = HashMap::from([("bucket".to_owned(), s("clips"))]);
        let row = HashMap::from([
            ("source_bucket".to_owned(), s("rec")),
            ("targets".to_owned(), AttributeValue::L(vec![AttributeValue::M(target)])),
        ]);
        let tenant = |row: &AttributeMap| tenant_of(&TenantId::parse("demo").unwrap(), row);
        assert!(tenant(&row).is_some_and(|tenant| tenant.source_prefix.is_empty()));
        let names = ["source_bucket", "source_owner", "source_prefix", "targets", "default_target"];
        for name in names.into_iter().chain(["max_active", "max_scheduled", "mre_programs"]) {
            for value in [AttributeValue::Null(true), AttributeValue::Ss(vec!["demo/".to_owned()]), s("")] {
                let mut wrong = row.clone();
                wrong.insert(name.to_owned(), value.clone());
                let text = value.is_s() && name.starts_with("source");
                assert_eq!(tenant(&wrong).is_some(), text, "{name}: {value:?}");
            }
        }
        let mut wrong = row;
        wrong.insert("targets".to_owned(), AttributeValue::L(vec![AttributeValue::M(HashMap::new())]));
        assert_eq!(tenant(&wrong), None, "an index must not come to mean another target");
    }

    #[test]
    fn an_incomplete_session_row_opens_nothing() {
        let end = |text: &str| ("expires_at".to_owned(), AttributeValue::N(text.to_owned()));
        let tenant = || ("tenant".to_owned(), s("demo"));
        let opens = |row: HashMap<_, _>| session_of(&row).is_some();
        assert!(opens(HashMap::from([tenant(), end("1562300000")])));
        assert!(!opens(HashMap::from([tenant()])));
        assert!(!opens(HashMap::from([end("1562300000")])));
        assert!(!opens(HashMap::from([tenant(), end("soon")])));
        assert!(!opens(HashMap::from([tenant(), end("1562300000000")])), "milliseconds");
        assert!(!opens(HashMap::from([("tenant".to_owned(), s("demo/../x")), end("1562300000")])));
    }
}
