//! The queue of export triggers, and where its failures go.

use crate::clients::unavailable;
use crate::sqs::seconds;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use export_domain::ports::Unavailable;
use export_domain::time::EpochMs;
use export_mre::ports::TriggerQueue;

const WHAT: &str = "the trigger queue";

/// Attribute of a message that was sent again: when it was sent first, in milliseconds since the epoch.
pub const SENT_ATTRIBUTE: &str = "sent-ms";

/// The trigger queue in SQS.
#[derive(Debug, Clone)]
pub struct SqsTriggers {
    client: Client,
    url: String,
}

impl SqsTriggers {
    /// The queue at `url`.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(config), url }
    }
}

impl TriggerQueue for SqsTriggers {
    async fn send_again(&self, body: &str, sent_at: EpochMs, delay_s: u32) -> Result<(), Unavailable> {
        let sent = MessageAttributeValue::builder().data_type("Number").string_value(sent_at.to_string());
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_attributes(SENT_ATTRIBUTE, sent.build().map_err(|e| unavailable(WHAT, &e))?)
            .delay_seconds(seconds(delay_s))
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        Ok(())
    }

    async fn show_again(&self, receipt: &str, delay_s: u32) -> Result<(), Unavailable> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(seconds(delay_s))
            .send()
            .await
            .map_err(|e| unavailable(WHAT, &e))?;
        Ok(())
    }
}
