//! Documents that take longer to build than a reply may: the worker builds them, and a later request fetches them.

use super::ask::{Ask, Delivery, Form};
use super::deliver::{ephemeral, etag, link_headers, told};
use super::encode;
use super::failure::DocumentFailure;
use crate::http::Reply;
use export_domain::time::EpochMs;
use export_mre::document::View;
use export_mre::format::{Format, Rendering};
use export_mre::keys::{EventKey, ReplayKey};
use export_mre::ports::{DocumentLink, DocumentOrders, LinkMethod, OrderProgress, TriggerQueue};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Time that a document takes before it is asked whether the worker builds it or has built it.
const LOOK_AFTER: Duration = Duration::from_secs(2);
/// Time that is kept to place an order.
const PLACING: Duration = Duration::from_secs(5);
/// Seconds after which a client asks again for a document that is being built.
const RETRY_AFTER_S: &str = "5";

/// A document that the worker builds, live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentOrder {
    event: String,
    program: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
    view: String,
    /// The form of its body.
    pub form: Form,
    /// The format, unless it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<String, String>,
}

/// A message of an ordered document.
#[derive(Serialize, Deserialize)]
struct OrderMessage<T> {
    document: T,
}

impl DocumentOrder {
    /// The order of the document that `ask` wants of `event`, or of its replay.
    pub fn new(event: &EventKey, replay: Option<&str>, ask: &Ask) -> Self {
        Self {
            event: event.name.clone(),
            program: event.program.clone(),
            replay: replay.map(str::to_owned),
            view: ask.rendering.view.name().to_owned(),
            form: ask.form,
            format: Some(ask.rendering.format.name())
                .filter(|name| *name != Format::Json.name())
                .map(str::to_owned),
            options: ask.options.clone(),
        }
    }

    /// Reads a message of the queue; `None` when it is no order.
    pub fn read(body: &str) -> Option<Self> {
        let order = serde_json::from_str::<OrderMessage<Self>>(body).ok()?.document;
        order.read_rendering().map(|_| order)
    }

    /// The message of the queue.
    pub fn message(&self) -> String {
        serde_json::to_string(&OrderMessage { document: self }).unwrap_or_default()
    }

    /// Names the document: equal orders have equal names.
    pub fn id(&self) -> String {
        encode::sha256(self.message().as_bytes())
    }

    /// The event's key.
    pub fn event(&self) -> EventKey {
        EventKey::new(&self.event, &self.program)
    }

    /// The replay's key, if it is a replay's document.
    pub fn replay(&self) -> Option<ReplayKey> {
        self.replay.as_ref().map(|id| ReplayKey::new(self.event(), id))
    }

    /// The format that the document is rendered in.
    pub fn rendering(&self) -> Rendering {
        self.read_rendering().unwrap_or(View::Guide.into())
    }

    fn read_rendering(&self) -> Option<Rendering> {
        let format = self.format.as_deref().map_or(Some(Format::Json), Format::parse)?;
        Rendering::read(format, View::parse(&self.view)?, &self.options).ok()
    }
}

/// The reply that `build` makes, within the time `left` of the invocation. One that takes too long is ordered, and
/// `202` until the worker has built it.
///
/// # Errors
/// Those of `build`, and [`DocumentFailure::Unavailable`] when the order cannot be placed.
pub(super) async fn patiently<O: DocumentOrders, Q: TriggerQueue>(
    orders: &O,
    queue: &Q,
    now: EpochMs,
    ask: &Ask,
    order: &DocumentOrder,
    left: Duration,
    build: impl Future<Output = Result<Reply, DocumentFailure>>,
) -> Result<Reply, DocumentFailure> {
    let began = Instant::now();
    let mut build = pin!(build);
    if let Ok(reply) = timeout(LOOK_AFTER, build.as_mut()).await {
        return reply;
    }
    let (id, headers) = (order.id(), link_headers(ask));
    let method = if ask.head { LinkMethod::Head } else { LinkMethod::Get };
    let looked = timeout(PLACING, orders.look(&id, &headers, method)).await;
    match looked.unwrap_or(Ok(OrderProgress::Absent)).unwrap_or(OrderProgress::Absent) {
        OrderProgress::Built { link, bytes, sha256 } => return Ok(built(ask, link, bytes, &sha256)),
        OrderProgress::Waiting => return Ok(accepted(ask)),
        OrderProgress::Absent => {}
    }
    if let Ok(reply) = timeout(left.saturating_sub(began.elapsed() + PLACING), build).await {
        return reply;
    }
    orders.place(&id).await?;
    queue.send_again(&order.message(), now, 0).await?;
    Ok(accepted(ask))
}

fn built(ask: &Ask, link: DocumentLink, bytes: u64, sha256: &str) -> Reply {
    let status = if ask.delivery == Delivery::Link { 200 } else { 307 };
    let reply = Reply::new(status).with("x-export-source", "live");
    match (ask.delivery, ask.head) {
        (Delivery::Document, _) => {
            ephemeral(reply).with("etag", etag(ask, sha256)).with("location", link.url)
        }
        (Delivery::Link, false) => told(reply, &link, bytes, sha256),
        (Delivery::Link, true) => ephemeral(reply).with("content-type", "application/json"),
    }
}

fn accepted(ask: &Ask) -> Reply {
    let reply = Reply::new(202).with("retry-after", RETRY_AFTER_S).with("cache-control", "no-store");
    let told =
        serde_json::json!({"Status": "BUILDING", "OrderMessage": "the document is being built; ask again"});
    if ask.head { reply } else { reply.with_text("application/json", told.to_string()) }
}
