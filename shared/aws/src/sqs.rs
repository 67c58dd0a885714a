//! The work queues.

use crate::clients::unavailable;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message::SendMessageError;
use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use export_domain::job::WorkQueue;
use export_domain::message::MAX_DELAY_S;
use export_domain::message::Message;
use export_domain::ports::{DeadLetters, JobQueue, Unavailable};
use export_domain::settings::QueueUrls;
use export_domain::trace::TraceHeader;
use std::collections::HashMap;

const WHAT: &str = "the queue";

/// The attribute by which X-Ray joins the receiver of a message to its sender.
const TRACE: MessageSystemAttributeNameForSends = MessageSystemAttributeNameForSends::AwsTraceHeader;

/// The work queues in SQS.
#[derive(Debug, Clone)]
pub struct SqsQueues {
    client: Client,
    urls: QueueUrls,
}

impl SqsQueues {
    /// Queues by their URLs.
    pub fn new(config: &SdkConfig, urls: QueueUrls) -> Self {
        Self { client: Client::new(config), urls }
    }
}

impl JobQueue for SqsQueues {
    async fn send(&self, queue: WorkQueue, message: &Message, delay_s: u32) -> Result<(), Unavailable> {
        let url = match queue {
            WorkQueue::Clips => &self.urls.clips,
            WorkQueue::Bulk => self.urls.bulk.as_ref().unwrap_or(&self.urls.clips),
            WorkQueue::Thumbnails => &self.urls.thumbnails,
        };
        let letter = Letter {
            body: message.encode(),
            trace: message.trace.as_ref(),
            group: Some(message.tenant.as_str()),
            delay_s,
        };
        send(&self.client, url, letter).await
    }
}

/// The dead-letter queue of a function, for bodies that are not messages of this service.
#[derive(Debug, Clone)]
pub struct SqsDeadLetters {
    client: Client,
    url: String,
}

impl SqsDeadLetters {
    /// The queue at `url`.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(config), url }
    }
}

impl DeadLetters for SqsDeadLetters {
    async fn keep(&self, body: &str) -> Result<(), Unavailable> {
        let letter = Letter { body: body.to_owned(), trace: None, group: None, delay_s: 0 };
        send(&self.client, &self.url, letter).await
    }
}

/// A message to send.
struct Letter<'a> {
    body: String,
    trace: Option<&'a TraceHeader>,
    /// Whose it is: SQS delivers a quiet tenant's messages before those of one that takes up the workers.
    group: Option<&'a str>,
    delay_s: u32,
}

async fn send(client: &Client, url: &str, letter: Letter<'_>) -> Result<(), Unavailable> {
    let plain = client
        .send_message()
        .queue_url(url)
        .message_body(letter.body)
        .set_message_group_id(letter.group.map(str::to_owned))
        .delay_seconds(seconds(letter.delay_s));
    if let Some(trace) = letter.trace {
        let attributes = HashMap::from([(TRACE, attribute(trace)?)]);
        match plain.clone().set_message_system_attributes(Some(attributes)).send().await {
            // A trace decides nothing, so neither does what SQS thinks of it.
            Err(e) if is_refused(&e) => {
                tracing::warn!(error = %unavailable(WHAT, &e), "SQS refused the trace header; sending the message without it");
            }
            sent => return sent.map(drop).map_err(|e| unavailable(WHAT, &e)),
        }
    }
    plain.send().await.map(drop).map_err(|e| unavailable(WHAT, &e))
}

/// A delay as SQS takes it.
pub(crate) fn seconds(delay_s: u32) -> i32 {
    i32::try_from(delay_s.min(MAX_DELAY_S)).unwrap_or_default()
}

/// Returns `true` if SQS does not take a message as it is, at whatever time it is sent.
fn is_refused(error: &SdkError<SendMessageError>) -> bool {
    // `RequestThrottled`, `ThrottlingException`, `KmsThrottled`.
    let throttled = error.code().is_some_and(|code| code.contains("hrottl"));
    let status = error.raw_response().map(|response| response.status().as_u16());
    !throttled && status.is_some_and(|status| (400..500).contains(&status) && status != 429)
}

fn attribute(trace: &TraceHeader) -> Result<MessageSystemAttributeValue, Unavailable> {
    let value = MessageSystemAttributeValue::builder().data_type("String").string_value(trace.as_str());
    value.build().map_err(|e| unavailable(WHAT, &e))
}

#[cfg(all(test, feature = "dynamodb", feature = "s3"))]
mod tests;
