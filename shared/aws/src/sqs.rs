//! The work queues.

use crate::clients::unavailable;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use export_domain::message::Message;
use export_domain::ports::{DeadLetters, JobQueue, Unavailable};
use export_domain::request::Wanted;
use export_domain::trace::TraceHeader;
use std::collections::HashMap;

const WHAT: &str = "the queue";

/// The attribute by which X-Ray joins whoever receives a message to whoever sent it.
const TRACE: MessageSystemAttributeNameForSends = MessageSystemAttributeNameForSends::AwsTraceHeader;

/// Longest delay that SQS takes, in seconds.
const MAX_DELAY_S: u32 = 900;

/// The clip and the thumbnail queue in SQS.
#[derive(Debug, Clone)]
pub struct SqsQueues {
    client: Client,
    clips: String,
    thumbnails: String,
}

impl SqsQueues {
    /// Queues by their URLs.
    pub fn new(config: &SdkConfig, clips: String, thumbnails: String) -> Self {
        Self { client: Client::new(config), clips, thumbnails }
    }
}

impl JobQueue for SqsQueues {
    async fn send(&self, wanted: Wanted, message: &Message, delay_s: u32) -> Result<(), Unavailable> {
        let url = match wanted {
            Wanted::Media => &self.clips,
            Wanted::Thumbnail => &self.thumbnails,
        };
        send(&self.client, url, message.encode(), message.trace.as_ref(), delay_s).await
    }
}

/// The dead-letter queue of a function, for bodies that are no message of ours.
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
        send(&self.client, &self.url, body.to_owned(), None, 0).await
    }
}

async fn send(
    client: &Client,
    url: &str,
    body: String,
    trace: Option<&TraceHeader>,
    delay_s: u32,
) -> Result<(), Unavailable> {
    let traced = trace.map(attribute).transpose()?;
    client
        .send_message()
        .queue_url(url)
        .message_body(body)
        .delay_seconds(i32::try_from(delay_s.min(MAX_DELAY_S)).unwrap_or_default())
        .set_message_system_attributes(traced.map(|value| HashMap::from([(TRACE, value)])))
        .send()
        .await
        .map_err(|e| unavailable(WHAT, &e))?;
    Ok(())
}

fn attribute(trace: &TraceHeader) -> Result<MessageSystemAttributeValue, Unavailable> {
    let value = MessageSystemAttributeValue::builder().data_type("String").string_value(trace.as_str());
    value.build().map_err(|e| unavailable(WHAT, &e))
}

#[cfg(all(test, feature = "dynamodb", feature = "s3"))]
mod tests;
