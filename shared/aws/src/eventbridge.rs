//! Event buses.

use crate::clients::unavailable;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use export_domain::ports::{EventBus, Notification, Unavailable};
use std::time::Duration;

const WHAT: &str = "the event bus";

/// Tries of an entry that the bus did not take, though it took the request.
const TRIES: u64 = 4;

/// An event bus in EventBridge.
#[derive(Debug, Clone)]
pub struct EventBridgeBus {
    client: Client,
    name: String,
}

impl EventBridgeBus {
    /// The bus `name`.
    pub fn new(config: &SdkConfig, name: String) -> Self {
        Self { client: Client::new(config), name }
    }
}

impl EventBus for EventBridgeBus {
    async fn put(&self, event: &Notification) -> Result<(), Unavailable> {
        let entry = PutEventsRequestEntry::builder()
            .source(event.source)
            .detail_type(event.detail_type)
            .detail(&event.detail)
            .event_bus_name(&self.name)
            .build();
        let mut attempt = 1;
        loop {
            let sent = self.client.put_events().entries(entry.clone()).send().await;
            let answer = sent.map_err(|e| unavailable(WHAT, &e))?;
            if answer.failed_entry_count() == 0 {
                return Ok(());
            }
            if attempt == TRIES {
                let why = answer.entries().iter().filter_map(|entry| entry.error_code()).collect();
                return Err(Unavailable(WHAT, why));
            }
            tokio::time::sleep(Duration::from_millis(attempt * 200)).await;
            attempt += 1;
        }
    }
}
