//! HTTP in, use case, HTTP out.

use crate::App;
use export_domain::ports::Clock;
use export_lambda::documents::{Ask, Call, Failure, Order, Reply, Served, deliver, patiently, serve};
use export_mre::export::{export_event, stored_event};
use export_mre::keys::EventKey;
use export_mre::ports::{DocumentLinks, DocumentOrders, TriggerQueue};
use export_mre::source::{ExportSource, LastExport};
use std::time::Duration;

impl<S: ExportSource, L: DocumentLinks + DocumentOrders, Q: TriggerQueue, C: Clock> App<S, L, Q, C> {
    /// Answers one request with `left` of the invocation to go; every error has become a reply.
    pub async fn handle(&self, call: &Call, left: Duration) -> Reply {
        serve(&self.clock, call, left, "event", Box::pin(self.answer(call, left))).await
    }

    async fn answer(&self, call: &Call, left: Duration) -> Result<Reply, Failure> {
        let ask = Ask::read(call)?;
        let key = EventKey::new(call.name("event")?, call.name("program")?);
        let order = Order::new(&key, None, &ask);
        let build = async { Ok(deliver(&ask, self.document(&key, &ask).await?, &self.links).await?) };
        let now_ms = self.clock.now_ms();
        patiently(&self.links, &self.queue, now_ms, &ask, &order, left, Box::pin(build)).await
    }

    async fn document(&self, key: &EventKey, ask: &Ask) -> Result<Served, Failure> {
        let last = if ask.stored { stored_event(&self.source, key).await? } else { LastExport::Unnamed };
        let missing = last.warning();
        if let LastExport::Found(stored) = last {
            return Ok(Served::stored(stored, self.clock.now_ms()));
        }
        let now_ms = self.clock.now_ms();
        let mut export = export_event(&self.source, key, ask.view, None).await?;
        export.warnings.raise(missing);
        for (warning, count) in export.warnings.iter() {
            tracing::warn!(warning = warning.code(), count, "exported an event document with a warning");
        }
        Ok(Served::live(export, now_ms))
    }
}
