//! The rows that an export reads.

use super::convert::{item, row};
use super::tables::MreTables;
use super::{MAX_PARTITION_BYTES, state};
use crate::clients::unavailable;
use crate::documents::S3Documents;
use crate::dynamodb::item::AttributeMap;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use export_domain::ports::{Clock, Unavailable};
use export_mre::attr::{Attr, Row};
use export_mre::keys::{EventKey, ReplayKey, VersionedName};
use export_mre::ports::LinkMethod;
use export_mre::source::{ExportSource, LastExport, RowPage, SegmentSpan, SourceError, TriggerProfile};
use export_mre::state::StateKey;
use flate2::read::GzDecoder;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::error::Error;
use std::io::Read;
use std::time::Duration;

/// Keys in one `BatchGetItem`.
const BATCH_KEYS: usize = 100;
/// Batches that are asked for at once.
const BATCHES: usize = 4;
/// Tries of the keys that a batch left unprocessed.
const BATCH_TRIES: u32 = 8;
/// Longest expression in bytes; a longer projection is dropped.
const MAX_EXPRESSION_BYTES: usize = 4096;
/// Largest replay results in bytes after decompression; an item holds 400 KB of them before.
const MAX_RESULTS_BYTES: u64 = 64 * 1024 * 1024;
/// Life of a preview URL, as long as MRE's.
const PREVIEW: Duration = Duration::from_hours(24);

/// `true` if documents carry presigned URLs of replay clips.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Previews {
    /// They do not.
    Off,
    /// They do; the clips are in this bucket, or where their location says.
    In(Option<String>),
}

impl Previews {
    /// Those of a function that has them `on` or not, with the bucket it names.
    pub fn of(on: bool, bucket: Option<String>) -> Self {
        if on { Self::In(bucket) } else { Self::Off }
    }
}

/// MRE's tables in DynamoDB and its exports in S3.
#[derive(Debug, Clone)]
pub struct DynamoMre<C> {
    client: Client,
    tables: MreTables,
    states: String,
    documents: S3Documents<C>,
    previews: Previews,
}

impl<C: Clock> DynamoMre<C> {
    /// MRE's `tables`, the export state table `states`, the exports in `documents`.
    pub fn new(
        config: &SdkConfig,
        tables: MreTables,
        states: String,
        documents: S3Documents<C>,
        previews: Previews,
    ) -> Self {
        Self { client: Client::new(config), tables, states, documents, previews }
    }

    async fn get<const N: usize>(
        &self,
        what: &'static str,
        table: &str,
        key: [(&str, &str); N],
    ) -> Result<Option<Row>, SourceError> {
        if !key.iter().all(|(_, value)| is_key(value)) {
            return Ok(None);
        }
        let mut get = self.client.get_item().table_name(table).consistent_read(true);
        for (name, value) in key {
            get = get.key(name, AttributeValue::S(value.to_owned()));
        }
        let sent = get.send().await.map_err(|e| failed(what, &e))?;
        Ok(sent.item.map(row))
    }

    async fn batch(
        &self,
        what: &'static str,
        table: &str,
        keys: &[VersionedName],
    ) -> Result<Vec<Row>, SourceError> {
        let keys: Vec<VersionedName> =
            keys.iter().filter(|key| is_key(&key.name) && is_key(&key.version)).cloned().collect();
        let mut rows = Vec::new();
        for chunk in keys.chunks(BATCH_KEYS) {
            let wanted = KeysAndAttributes::builder().set_keys(Some(chunk.iter().map(versioned).collect()));
            rows.extend(self.chunk(what, table, wanted).await?);
        }
        Ok(rows)
    }

    async fn chunk(
        &self,
        what: &'static str,
        table: &str,
        wanted: KeysAndAttributesBuilder,
    ) -> Result<Vec<Row>, SourceError> {
        let wanted = wanted.consistent_read(true).build().map_err(|e| failed(what, &e))?;
        let mut left = Some(HashMap::from([(table.to_owned(), wanted)]));
        let mut rows = Vec::new();
        for attempt in 0..BATCH_TRIES {
            let batch = self.client.batch_get_item().set_request_items(left.take());
            let sent = batch.send().await.map_err(|e| failed(what, &e))?;
            rows.extend(sent.responses.unwrap_or_default().into_values().flatten().map(row));
            left = sent.unprocessed_keys.filter(|left| !left.is_empty());
            if left.is_none() {
                return Ok(rows);
            }
            tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
        }
        let why = Unavailable("DynamoDB", "some keys of a batch stayed unprocessed".to_owned());
        Err(SourceError { what, source: Box::new(why) })
    }

    fn query(&self, table: &str, after: Option<Row>) -> QueryFluentBuilder {
        let query = self.client.query().table_name(table).set_exclusive_start_key(after.map(item));
        query.key_condition_expression("#pk = :pk")
    }
}

impl<C: Clock> ExportSource for DynamoMre<C> {
    async fn event(&self, key: &EventKey) -> Result<Option<Row>, SourceError> {
        self.get("the event", &self.tables.event, [("Name", &key.name), ("Program", &key.program)]).await
    }

    async fn profile(&self, name: &str) -> Result<Option<Row>, SourceError> {
        self.get("the profile", &self.tables.profile, [("Name", name)]).await
    }

    async fn plugins(&self, keys: &[VersionedName]) -> Result<Vec<Row>, SourceError> {
        self.batch("the plugins", &self.tables.plugin, keys).await
    }

    async fn models(&self, keys: &[VersionedName]) -> Result<Vec<Row>, SourceError> {
        self.batch("the models", &self.tables.model, keys).await
    }

    async fn segments(
        &self,
        partition: &str,
        attributes: Option<&[String]>,
        span: SegmentSpan,
    ) -> Result<RowPage, SourceError> {
        if !is_key(partition) {
            return Ok(RowPage::default());
        }
        let query = self.query(&self.tables.plugin_result, span.after).consistent_read(true);
        let query = match span.upto {
            Some(upto) => query
                .key_condition_expression("#pk = :pk AND #start <= :upto")
                .expression_attribute_names("#start", "Start")
                .expression_attribute_values(":upto", AttributeValue::N(upto)),
            None => query,
        };
        page("the segments", projected(query, attributes), "PK", partition).await
    }

    async fn last_segment(&self, partition: &str) -> Result<Option<Row>, SourceError> {
        if !is_key(partition) {
            return Ok(None);
        }
        let query = self.query(&self.tables.plugin_result, None).consistent_read(true);
        let query = projected(query.scan_index_forward(false).limit(1), Some(&["Start".to_owned()]));
        Ok(page("the last segment", query, "PK", partition).await?.rows.pop())
    }

    async fn segments_at(
        &self,
        partition: &str,
        starts: &[String],
        attributes: &[&str],
    ) -> Result<Vec<Row>, SourceError> {
        if !is_key(partition) {
            return Ok(Vec::new());
        }
        let placeholders: Vec<String> = (0..attributes.len()).map(|n| format!("#a{n}")).collect();
        let names: HashMap<String, String> =
            placeholders.iter().cloned().zip(attributes.iter().map(|name| (*name).to_owned())).collect();
        let keys: Vec<AttributeMap> = starts
            .iter()
            .filter(|start| is_number(start))
            .map(|start| {
                HashMap::from([
                    ("PK".to_owned(), AttributeValue::S(partition.to_owned())),
                    ("Start".to_owned(), AttributeValue::N(start.clone())),
                ])
            })
            .collect();
        let wanted = |chunk: &[AttributeMap]| {
            KeysAndAttributes::builder()
                .set_keys(Some(chunk.to_vec()))
                .projection_expression(placeholders.join(","))
                .set_expression_attribute_names(Some(names.clone()))
        };
        let batches: Vec<KeysAndAttributesBuilder> = keys.chunks(BATCH_KEYS).map(wanted).collect();
        let reads =
            batches.into_iter().map(|batch| self.chunk("the segments", &self.tables.plugin_result, batch));
        let rows: Vec<Vec<Row>> = stream::iter(reads).buffer_unordered(BATCHES).try_collect().await?;
        Ok(rows.into_iter().flatten().collect())
    }

    async fn feedback(&self, partition: &str, after: Option<Row>) -> Result<RowPage, SourceError> {
        if !is_key(partition) {
            return Ok(RowPage::default());
        }
        let query = self.query(&self.tables.feedback, after).index_name("ProgramEventTrack-index");
        page("the feedback", query, "ProgramEventTrack", partition).await
    }

    async fn replay_request(&self, key: &ReplayKey) -> Result<Option<Row>, SourceError> {
        let partition = key.event.partition();
        self.get("the replay", &self.tables.replay_request, [("PK", &partition), ("ReplayId", &key.id)]).await
    }

    async fn replay_results(&self, key: &ReplayKey) -> Result<Option<String>, SourceError> {
        let partition = key.results_partition();
        let table = &self.tables.replay_result;
        let found = self.get("the replay's results", table, [("ProgramEventReplayId", &partition)]).await?;
        Ok(found.map(|mut row| match row.remove("ReplayResults") {
            Some(Attr::B(bytes)) => gunzip(&bytes).unwrap_or_default(),
            _ => String::new(),
        }))
    }

    async fn stored_export(&self, key: &str) -> Result<LastExport, SourceError> {
        self.documents.read(key).await.map_err(|e| failed("the stored export", &e))
    }

    async fn trigger_profile(&self, key: &EventKey) -> Result<Option<TriggerProfile>, SourceError> {
        let key = StateKey::event(key);
        state::profile(&self.client, &self.states, &key).await.map_err(|e| failed("the export's state", &e))
    }

    async fn preview_url(&self, clip: &str) -> Result<Option<String>, SourceError> {
        let Previews::In(configured) = &self.previews else { return Ok(None) };
        let Some((named, key)) = clip.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) else {
            return Ok(None);
        };
        let bucket = configured.as_deref().unwrap_or(named);
        if bucket.is_empty() || key.is_empty() {
            return Ok(None);
        }
        let signed = self.documents.presign(bucket, key, PREVIEW, None, LinkMethod::Get).await;
        signed.map(Some).map_err(|e| failed("the preview's address", &e))
    }
}

fn failed(what: &'static str, error: &(dyn Error + 'static)) -> SourceError {
    SourceError { what, source: Box::new(unavailable(what, error)) }
}

/// Returns `true` if the number can be a key: DynamoDB refuses those with more than 38 digits, and far exponents.
fn is_number(text: &str) -> bool {
    text.len() <= 38 && !text.contains(['e', 'E'])
}

/// Returns `true` if a row may have this key; DynamoDB refuses requests with others.
fn is_key(value: &str) -> bool {
    !value.is_empty() && value.len() <= MAX_PARTITION_BYTES
}

fn versioned(key: &VersionedName) -> AttributeMap {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([("Name".to_owned(), text(&key.name)), ("Version".to_owned(), text(&key.version))])
}

/// Plugins name attributes as they like: reserved words and names with dots are nothing special to placeholders.
fn projected(query: QueryFluentBuilder, attributes: Option<&[String]>) -> QueryFluentBuilder {
    let Some(attributes) = attributes else { return query };
    let placeholders: Vec<String> = (0..attributes.len()).map(|n| format!("#a{n}")).collect();
    let expression = placeholders.join(",");
    if expression.len() > MAX_EXPRESSION_BYTES {
        return query;
    }
    let named = placeholders.into_iter().zip(attributes);
    let query = query.projection_expression(expression);
    named.fold(query, |query, (placeholder, name)| query.expression_attribute_names(placeholder, name))
}

async fn page(
    what: &'static str,
    query: QueryFluentBuilder,
    key: &str,
    partition: &str,
) -> Result<RowPage, SourceError> {
    let query = query
        .expression_attribute_names("#pk", key)
        .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()));
    let sent = query.send().await.map_err(|e| failed(what, &e))?;
    let rows = sent.items.unwrap_or_default().into_iter().map(row).collect();
    Ok(RowPage { rows, next: sent.last_evaluated_key.filter(|key| !key.is_empty()).map(row) })
}

/// `None` when the bytes are no gzip of UTF-8, or far more than replay results ever are.
fn gunzip(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut reader = GzDecoder::new(bytes).take(MAX_RESULTS_BYTES + 1);
    let read = reader.read_to_string(&mut text).ok()?;
    u64::try_from(read).is_ok_and(|read| read <= MAX_RESULTS_BYTES).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn results_that_do_not_decompress_are_none() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all("[1, \"é\"]".as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(gunzip(&packed).as_deref(), Some("[1, \"é\"]"));
        assert_eq!(gunzip(&packed[..packed.len() - 9]), None);
        assert_eq!(gunzip(b"plain"), None);
    }

    #[test]
    fn results_that_unpack_without_end_are_none() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let block = vec![b' '; 1024 * 1024];
        for _ in 0..=MAX_RESULTS_BYTES / 1024 / 1024 {
            encoder.write_all(&block).unwrap();
        }
        assert_eq!(gunzip(&encoder.finish().unwrap()), None);
    }
}
