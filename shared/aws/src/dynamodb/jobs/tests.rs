#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use super::*;
use crate::clients::Patience;
use crate::clock::SystemClock;
use crate::wire::{Reply, Service, reply};

const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");

fn job_id(n: i64) -> JobId {
    JobId::parse(&format!("{n:032b}").replace('0', "a").replace('1', "b")).unwrap()
}

/// A row of the `due` index: the job of that number, due then.
fn row(n: i64) -> String {
    let keys = format!(r#""pk":{{"S":"T#demo"}},"sk":{{"S":"J#{}"}},"due_shard":{{"S":"0"}}"#, job_id(n));
    format!(r#"{{{keys},"due_at":{{"N":"{n}"}}}}"#)
}

/// A page of the `due` index; `more` of it if there is a next one.
fn page(due: impl IntoIterator<Item = i64>, more: Option<i64>) -> Reply {
    let rows: Vec<String> = due.into_iter().map(row).collect();
    let next = more.map(|last| format!(r#","LastEvaluatedKey":{}"#, row(last))).unwrap_or_default();
    let body = format!(r#"{{"Count":{},"Items":[{}]{next}}}"#, rows.len(), rows.join(","));
    reply(200, &[JSON], &body)
}

/// What is due, `most` of it, by the pages that the shards give.
async fn due(pages: impl IntoIterator<Item = Reply>, most: usize) -> (Vec<JobId>, Vec<String>) {
    let service = Service::start(pages).await;
    let jobs = DynamoJobs::new(&service.config(Patience::ITEMS).await, "jobs".to_owned(), SystemClock);
    let due = jobs.due(Errand::Recover, EpochMs::new(9999), most).await.unwrap();
    (due.into_iter().map(|due| due.job_id).collect(), service.bodies())
}

#[tokio::test]
async fn what_is_due_is_the_earliest_of_all_shards() {
    let shards = [page(1000..1500, Some(1499)), page([], None), page([1200, 2000], None), page([7], None)];
    let (due, asked) = due(shards, 500).await;
    let earliest: Vec<JobId> = [7].into_iter().chain(1000..=1200).chain(1200..1498).map(job_id).collect();
    assert_eq!(due, earliest);
    assert_eq!(asked.len(), 4, "as many as may be given were on the first page");
    for shard in item::DUE_SHARDS {
        assert!(asked.iter().any(|body| body.contains(&format!(r#"":shard":{{"S":"{shard}"}}"#))), "{shard}");
    }
}

#[tokio::test]
async fn what_is_due_may_fill_several_pages() {
    let shards = [page(0..3, Some(2)), page([], None), page([], None), page([], None), page(3..5, None)];
    let (due, asked) = due(shards, 500).await;
    assert_eq!((due, asked.len()), ((0..5).map(job_id).collect(), 5));
}

#[tokio::test]
async fn what_is_unfinished_is_counted_over_all_pages_as_far_as_it_matters() {
    let counted =
        |count: u32| reply(200, &[JSON], &format!(r#"{{"Count":{count},"LastEvaluatedKey":{}}}"#, row(1)));
    let service = Service::start([counted(6000), counted(6000)]).await;
    let jobs = DynamoJobs::new(&service.config(Patience::ITEMS).await, "jobs".to_owned(), SystemClock);
    let tenant = TenantId::parse("demo").unwrap();
    assert_eq!(jobs.count_unfinished(&tenant, Counted::Active, 10_000).await, Ok(12_000));
    assert_eq!(service.bodies().len(), 2);
}

#[tokio::test]
async fn a_chunk_is_noted_as_a_member_of_a_set_on_the_condition_of_its_plan() {
    let refused = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#;
    let service = Service::start([reply(200, &[JSON], "{}"), reply(400, &[JSON], refused)]).await;
    let jobs = DynamoJobs::new(&service.config(Patience::ITEMS).await, "jobs".to_owned(), SystemClock);
    let job = item::tests::minimal();
    assert_eq!(jobs.note_chunk(&job, 2, 7).await, Ok(true));
    assert_eq!(jobs.note_chunk(&job, 2, 7).await, Ok(false), "it is made by another plan");
    for said in [
        r#""ADD #made :chunk""#,
        r#":chunk":{"NS":["200007"]}"#,
        r##""#fan.#plan = :plan AND #generation = :generation""##,
    ] {
        assert!(service.bodies()[0].contains(said), "{said}: {}", service.bodies()[0]);
    }
}

#[tokio::test]
async fn an_item_that_is_no_job_is_left_out_of_a_list() {
    let key =
        format!(r#""pk":{{"S":"T#demo"}},"sk":{{"S":"J#{}"}},"created_at":{{"N":"7"}}"#, "a".repeat(32));
    let found =
        format!(r#"{{"Count":2,"Items":[{{{key}}},{{"pk":{{"N":"1"}}}}],"LastEvaluatedKey":{{{key}}}}}"#);
    let service = Service::start([reply(200, &[JSON], &found)]).await;
    let jobs = DynamoJobs::new(&service.config(Patience::ITEMS).await, "jobs".to_owned(), SystemClock);
    let page = jobs.list(&TenantId::parse("demo").unwrap(), 2, None).await.unwrap().unwrap();
    assert_eq!(page.jobs, []);
    assert!(page.next.is_some(), "the list goes on behind it");
}
