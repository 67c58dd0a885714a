#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use super::*;
use crate::clients::Patience;
use crate::wire::{Reply, Service, reply};
use export_domain::ids::{JobId, TenantId};
use export_domain::message::VERSION;

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
const SENT: &str = r#"{"MessageId": "m", "MD5OfMessageBody": "x"}"#;

const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");

/// The request that sends a message with `trace`.
async fn sent(trace: Option<TraceHeader>) -> String {
    let (requests, sent) = answered([reply(200, &[JSON], SENT)], trace).await;
    sent.unwrap();
    requests.concat()
}

/// The requests that send a message with `trace`, answered by `replies`, and what becomes of it.
async fn answered(
    replies: impl IntoIterator<Item = Reply>,
    trace: Option<TraceHeader>,
) -> (Vec<String>, Result<(), Unavailable>) {
    let service = Service::start(replies).await;
    let config = service.config(Patience::ITEMS).await;
    let queues = SqsQueues::new(&config, urls(None));
    let sent = queues.send(WorkQueue::Clips, &message(trace), 7).await;
    (service.bodies(), sent)
}

fn message(trace: Option<TraceHeader>) -> Message {
    let (tenant, job_id) = (TenantId::parse("demo").unwrap(), JobId::parse(&"a".repeat(32)).unwrap());
    Message { v: VERSION, tenant, job_id, generation: 1, trace }
}

fn urls(bulk: Option<&str>) -> QueueUrls {
    let [clips, thumbnails] = ["http://clips", "http://thumbnails"].map(str::to_owned);
    QueueUrls { clips, bulk: bulk.map(str::to_owned), thumbnails }
}

fn refused(status: u16, code: &str) -> Reply {
    reply(status, &[JSON], &format!(r#"{{"__type": "com.amazonaws.sqs#{code}", "message": "no"}}"#))
}

#[tokio::test]
async fn a_message_carries_its_trace_beside_its_body() {
    let request = sent(TraceHeader::parse(&format!("{ROOT};Sampled=1;Lineage=x"))).await;
    let attribute = format!(r#""AWSTraceHeader":{{"StringValue":"{ROOT};Sampled=1","DataType":"String"}}"#);
    assert!(request.contains(&attribute), "{request}");
    assert_eq!(request.matches("Root").count(), 1, "{request}");
    assert!(request.contains(r#""DelaySeconds":7"#), "{request}");
}

#[tokio::test]
async fn each_kind_of_job_has_a_queue_and_without_one_for_batches_they_share_the_clips() {
    for (queue, bulk, url) in [
        (WorkQueue::Clips, Some("http://bulk"), "http://clips"),
        (WorkQueue::Bulk, Some("http://bulk"), "http://bulk"),
        (WorkQueue::Bulk, None, "http://clips"),
        (WorkQueue::Thumbnails, Some("http://bulk"), "http://thumbnails"),
    ] {
        let service = Service::start([reply(200, &[JSON], SENT)]).await;
        let queues = SqsQueues::new(&service.config(Patience::ITEMS).await, urls(bulk));
        queues.send(queue, &message(None), 0).await.unwrap();
        let sent = service.bodies().concat();
        assert!(sent.contains(&format!(r#""QueueUrl":"{url}""#)), "{queue:?}: {sent}");
    }
}

#[tokio::test]
async fn a_message_says_whose_it_is() {
    let request = sent(None).await;
    assert!(request.contains(r#""MessageGroupId":"demo""#), "{request}");
}

#[tokio::test]
async fn a_message_without_a_trace_has_no_attributes() {
    assert!(!sent(None).await.contains("Attributes"));
}

#[tokio::test]
async fn a_message_whose_trace_is_refused_is_sent_without_it() {
    let replies = [refused(400, "InvalidParameterValueException"), reply(200, &[JSON], SENT)];
    let (requests, sent) = answered(replies, TraceHeader::parse(ROOT)).await;
    assert_eq!(sent, Ok(()));
    let traced: Vec<bool> = requests.iter().map(|request| request.contains("Attributes")).collect();
    assert_eq!(traced, [true, false]);
    assert!(requests[1].contains(r#""DelaySeconds":7"#), "{}", requests[1]);
}

#[tokio::test]
async fn a_message_that_is_refused_for_itself_is_an_error() {
    let refusal = || [refused(400, "InvalidMessageContents")];
    for (trace, tries) in [(None, 1), (TraceHeader::parse(ROOT), 2)] {
        let (requests, sent) = answered(refusal(), trace).await;
        assert!(sent.is_err() && requests.len() == tries, "{requests:?}");
    }
}

#[tokio::test]
async fn a_queue_that_is_busy_is_not_asked_without_the_trace() {
    for busy in [refused(403, "RequestThrottled"), refused(400, "ThrottlingException"), reply(503, &[], "")] {
        let (requests, sent) = answered([busy], TraceHeader::parse(ROOT)).await;
        assert!(sent.is_err());
        assert!(requests.iter().all(|request| request.contains("AWSTraceHeader")), "{requests:?}");
    }
}
