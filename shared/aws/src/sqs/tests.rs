#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use super::*;
use crate::clients::Patience;
use crate::wire::{Service, reply};
use export_domain::ids::{JobId, TenantId};
use export_domain::message::VERSION;

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
const SENT: &str = r#"{"MessageId": "m", "MD5OfMessageBody": "x"}"#;

/// The request that sends a message with `trace`.
async fn sent(trace: Option<TraceHeader>) -> String {
    let service = Service::start([reply(200, &[("content-type", "application/x-amz-json-1.0")], SENT)]).await;
    let config = service.config(Patience::ITEMS).await;
    let queues = SqsQueues::new(&config, "http://clips".to_owned(), "http://thumbnails".to_owned());
    let tenant = TenantId::parse("demo").unwrap();
    let message =
        Message { v: VERSION, tenant, job_id: JobId::parse(&"a".repeat(32)).unwrap(), generation: 1, trace };
    queues.send(Wanted::Media, &message, 7).await.unwrap();
    service.bodies().concat()
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
async fn a_message_without_a_trace_has_no_attributes() {
    assert!(!sent(None).await.contains("Attributes"));
}
