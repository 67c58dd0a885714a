//! Documents that are ordered, in memory; none is lent.

use bytes::Bytes;
use export_domain::ports::Unavailable;
use export_domain::time::EpochMs;
use export_mre::ports::{
    DocumentLink, DocumentLinks, DocumentOrders, LinkHeaders, LinkMethod, OrderProgress, TriggerQueue,
};
use std::sync::Mutex;

/// How far an ordered document is, and the messages that were sent. Nothing can be lent: lending fails with a text that
/// no client may see.
#[derive(Debug, Default)]
pub struct MemoryOrders {
    state: Mutex<Option<OrderProgress>>,
    sent: Mutex<Vec<String>>,
}

impl MemoryOrders {
    /// Says how far the document is.
    ///
    /// # Panics
    /// When another thread has panicked within it.
    pub fn set(&self, ordered: OrderProgress) {
        *self.state.lock().expect("no other thread has panicked") = Some(ordered);
    }

    /// The messages that were sent.
    ///
    /// # Panics
    /// When another thread has panicked within it.
    pub fn sent(&self) -> Vec<String> {
        self.sent.lock().expect("no other thread has panicked").clone()
    }
}

impl DocumentLinks for MemoryOrders {
    async fn lend(
        &self,
        _: Bytes,
        _: &str,
        _: &LinkHeaders,
        _: LinkMethod,
    ) -> Result<DocumentLink, Unavailable> {
        Err(Unavailable("S3", "arn:aws:s3:::secret".to_owned()))
    }
}

impl DocumentOrders for MemoryOrders {
    async fn look(&self, _: &str, _: &LinkHeaders, _: LinkMethod) -> Result<OrderProgress, Unavailable> {
        Ok(self.state.lock().expect("no other thread has panicked").clone().unwrap_or(OrderProgress::Absent))
    }

    async fn place(&self, _: &str) -> Result<(), Unavailable> {
        self.set(OrderProgress::Waiting);
        Ok(())
    }

    async fn keep(&self, _: &str, _: Bytes, _: &str, _: &'static str) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn cancel(&self, _: &str) -> Result<(), Unavailable> {
        Ok(())
    }
}

impl TriggerQueue for MemoryOrders {
    async fn send_again(&self, body: &str, _: EpochMs, _: u32) -> Result<(), Unavailable> {
        self.sent.lock().expect("no other thread has panicked").push(body.to_owned());
        Ok(())
    }

    async fn show_again(&self, _: &str, _: u32) -> Result<(), Unavailable> {
        Ok(())
    }
}
