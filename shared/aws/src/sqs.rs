//! The work queues.

use crate::clients::unavailable;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use export_domain::message::Message;
use export_domain::ports::{DeadLetters, JobQueue, Unavailable};
use export_domain::request::Wanted;

const WHAT: &str = "the queue";

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
        send(&self.client, url, message.encode(), delay_s).await
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
        send(&self.client, &self.url, body.to_owned(), 0).await
    }
}

async fn send(client: &Client, url: &str, body: String, delay_s: u32) -> Result<(), Unavailable> {
    client
        .send_message()
        .queue_url(url)
        .message_body(body)
        .delay_seconds(i32::try_from(delay_s.min(MAX_DELAY_S)).unwrap_or_default())
        .send()
        .await
        .map_err(|e| unavailable(WHAT, &e))?;
    Ok(())
}
