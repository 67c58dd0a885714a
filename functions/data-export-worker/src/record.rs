//! Triggers as SQS hands them over, read leniently.

use serde::Deserialize;
use std::collections::HashMap;

/// A batch of triggers.
#[derive(Debug, Clone, Deserialize)]
pub struct Batch {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// One message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// SQS's name of the message.
    pub message_id: String,
    /// What SQS wants to be told about this receipt.
    pub receipt_handle: String,
    /// The event that the bus delivered.
    pub body: String,
    /// What SQS says about it.
    pub attributes: Attributes,
    /// What the sender says about it.
    pub message_attributes: HashMap<String, MessageAttribute>,
}

/// What SQS says about a message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Attributes {
    /// When it was sent, in milliseconds since the epoch.
    #[serde(rename = "SentTimestamp")]
    pub sent: String,
    /// How often it was received.
    #[serde(rename = "ApproximateReceiveCount")]
    pub receives: String,
}

/// One attribute of a message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageAttribute {
    /// Its text.
    pub string_value: Option<String>,
}

impl Record {
    /// When the trigger was sent first, in milliseconds since the epoch. Attribute `first` holds it if the trigger
    /// was sent again.
    pub fn sent_ms(&self, first: &str) -> Option<i64> {
        let again =
            self.message_attributes.get(first).and_then(|attribute| attribute.string_value.as_deref());
        again.unwrap_or(&self.attributes.sent).parse().ok()
    }

    /// Seconds until the next try.
    pub fn backoff_s(&self) -> u32 {
        let receives = self.attributes.receives.parse().unwrap_or(1_u32);
        10 << receives.saturating_sub(1).min(5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_sent_again_keeps_its_time() {
        let text = r#"{"messageId": "m", "body": "{}", "attributes": {"SentTimestamp": "1700000000000",
            "ApproximateReceiveCount": "3"}, "messageAttributes": {"sent-ms": {"stringValue": "1600000000000",
            "dataType": "Number"}}, "eventSource": "aws:sqs"}"#;
        let record: Record = serde_json::from_str(text).unwrap();
        assert_eq!(record.sent_ms("sent-ms"), Some(1_600_000_000_000));
        assert_eq!(record.sent_ms("other"), Some(1_700_000_000_000));
        assert_eq!(record.backoff_s(), 40);
        assert_eq!(Record::default().sent_ms("sent-ms"), None);
    }
}
