//! Which objects there are, by lists: a thousand for each request.

use super::account;
use crate::clients::unavailable;
use aws_sdk_s3::Client;
use export_domain::ports::Unavailable;
use export_domain::target::Bucket;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{BTreeMap, BTreeSet};

const WHAT: &str = "S3";
/// Keys that are looked for one list after the other. S3 lists twice as many at once.
const IN_A_ROW: usize = 500;
/// Lists at the same time.
const AT_ONCE: usize = 32;

/// The `ETag`s of those of the objects at `keys` that exist, by their keys.
pub(super) async fn etags(
    client: &Client,
    bucket: &Bucket,
    keys: &BTreeSet<String>,
) -> Result<BTreeMap<String, String>, Unavailable> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let lists: Vec<_> = keys.chunks(IN_A_ROW).map(|keys| listed(client, bucket, keys)).collect();
    let lists: Vec<_> = stream::iter(lists).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(lists.into_iter().flatten().collect())
}

/// The same of keys in order, one list after the other.
async fn listed(
    client: &Client,
    bucket: &Bucket,
    keys: &[&str],
) -> Result<Vec<(String, String)>, Unavailable> {
    let (mut found, mut left) = (Vec::with_capacity(keys.len()), keys);
    while let [first, ..] = left {
        let folder = folder(first, left.last().unwrap_or(first));
        let before = first.char_indices().next_back().map_or("", |(at, _)| &first[..at]);
        let answer = client
            .list_objects_v2()
            .bucket(&bucket.name)
            .prefix(folder)
            .set_start_after(Some(before).filter(|before| *before > folder).map(str::to_owned))
            .set_expected_bucket_owner(account(&bucket.owner))
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        let mut last = "";
        for object in answer.contents() {
            let (Some(key), Some(etag)) = (object.key(), object.e_tag()) else { continue };
            last = key;
            if left.binary_search(&key).is_ok() {
                found.push((key.to_owned(), etag.to_owned()));
            }
        }
        if answer.is_truncated() != Some(true) {
            break;
        }
        // A list that says nothing of its first key must not be asked for for ever.
        let settled = left.partition_point(|key| *key <= last).max(1);
        left = left.get(settled..).unwrap_or_default();
    }
    Ok(found)
}

/// The folder that two keys, and all between them, lie in.
fn folder<'a>(first: &'a str, last: &str) -> &'a str {
    let common = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    let slash = first.as_bytes().iter().take(common).rposition(|byte| *byte == b'/');
    slash.map_or("", |at| &first[..=at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_for_the_folder_of_all_its_keys() {
        for (first, last, expected) in [
            ("a/b/1.m4s", "a/b/2.m4s", "a/b/"),
            ("a/1/v.m4s", "a/2/v.m4s", "a/"),
            ("a/b", "a/b", "a/"),
            ("a/b/c", "a/b", "a/"),
            ("a\u{e9}/b", "a\u{e8}/b", ""),
            ("a", "b", ""),
        ] {
            assert_eq!(folder(first, last), expected, "{first} {last}");
        }
    }
}
