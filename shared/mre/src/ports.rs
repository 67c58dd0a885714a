//! The ports that exports are stored, served and announced through.

use bytes::Bytes;

use crate::state::{BuildLease, ExportState, StateKey};
use crate::trigger::Trigger;
use export_domain::ports::Unavailable;
pub use export_domain::ports::{FileLink as DocumentLink, LinkHeaders};
use export_domain::time::EpochMs;

/// The method that a link is for; its signature covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMethod {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
}

/// Keeps documents that are too large for a reply.
pub trait DocumentLinks: Send + Sync {
    /// Keeps `body` under its hash (SHA-256, lower-case hex) and lends a URL that reads it
    /// by `method`.
    fn lend(
        &self,
        body: Bytes,
        sha256: &str,
        headers: &LinkHeaders,
        method: LinkMethod,
    ) -> impl Future<Output = Result<DocumentLink, Unavailable>> + Send;
}

/// The progress of a document that was ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderProgress {
    /// It was not ordered lately.
    Absent,
    /// It was ordered, and is not there yet.
    Waiting,
    /// It was built lately.
    Built {
        /// A URL that reads it.
        link: DocumentLink,
        /// Its length.
        bytes: u64,
        /// Its SHA-256 in lower-case hex.
        sha256: String,
    },
}

/// Documents that are built apart from the request for them, by the ids of their orders.
pub trait DocumentOrders: Send + Sync {
    /// Looks at the progress of the document; a URL reads it by `method` once it is there.
    fn look(
        &self,
        id: &str,
        headers: &LinkHeaders,
        method: LinkMethod,
    ) -> impl Future<Output = Result<OrderProgress, Unavailable>> + Send;

    /// Notes that the document was ordered.
    fn place(&self, id: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Keeps the document, with its SHA-256 in lower-case hex.
    fn keep(
        &self,
        id: &str,
        body: Bytes,
        sha256: &str,
        content_type: &'static str,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Notes that there will be no document: no caller waits for it any longer.
    fn cancel(&self, id: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// Outcome of storing an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It is there now, with this `ETag`.
    Done(String),
    /// Someone with a later fence stored one meanwhile.
    Superseded,
}

/// A store of exports.
pub trait ExportStore: Send + Sync {
    /// The location (`s3://…`) of an object key.
    fn location(&self, key: &str) -> String;

    /// Stores `text` over whatever was stored with no later fence. `warnings` are kept with it.
    fn put(
        &self,
        key: &str,
        text: String,
        fence: u64,
        warnings: Option<String>,
    ) -> impl Future<Output = Result<StoreOutcome, Unavailable>> + Send;
}

/// The `ExportState` table. Every write is conditional on the fence.
pub trait ExportStates: Send + Sync {
    /// The state of an event's or replay's export; the default where there is none.
    fn state(&self, key: &StateKey) -> impl Future<Output = Result<ExportState, Unavailable>> + Send;

    /// Takes the lease if the state still has the fence before `lease`'s and no lease runs at `now`; tells whether
    /// it did, also through an earlier try whose reply was lost.
    fn claim(
        &self,
        key: &StateKey,
        lease: &BuildLease,
        now: EpochMs,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Writes what was built and ends the lease; `false` when it was lost.
    fn commit(
        &self,
        key: &StateKey,
        lease: &BuildLease,
        built: &ExportState,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// Ends the lease, if it is still held, with nothing built.
    fn release(
        &self,
        key: &StateKey,
        lease: &BuildLease,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// The Event and `ReplayRequest` rows, which point at their exports.
pub trait ExportLocations: Send + Sync {
    /// Sets the row's location attribute; `false` when there is no such row.
    fn locate(
        &self,
        trigger: &Trigger,
        location: &str,
    ) -> impl Future<Output = Result<bool, Unavailable>> + Send;
}

/// The queue of triggers.
pub trait TriggerQueue: Send + Sync {
    /// Sends a trigger again, to be seen after `delay_s` seconds, with the time it was first sent.
    fn send_again(
        &self,
        body: &str,
        sent_at: EpochMs,
        delay_s: u32,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Shows a received message again after `delay_s` seconds instead of after its visibility timeout.
    fn show_again(&self, receipt: &str, delay_s: u32)
    -> impl Future<Output = Result<(), Unavailable>> + Send;
}
