//! One trigger: decide, build, store, point at it, tell, commit.

use crate::App;
use export_aws::triggers::SENT_ATTRIBUTE;
use export_domain::ports::{Clock, DeadLetters, EventBus, Ids, Unavailable};
use export_lambda::batch::{Disposition, Record};
use export_lambda::documents::{DocumentOrder, content_type, formed, sha256};
use export_mre::export::{ExportError, export_event, export_replay};
use export_mre::json::Json;
use export_mre::ports::{
    DocumentOrders, ExportLocations, ExportStates, ExportStore, StoreOutcome, TriggerQueue,
};
use export_mre::source::{ExportSource, SourceError};
use export_mre::state::{BuildDecision, BuildLease, ExportState, ReceivedTrigger, StateKey};
use export_mre::trigger::Trigger;
use std::time::Duration;
use tokio::time::timeout;

/// Claims that may meet another one before the trigger waits.
const CLAIM_TRIES: u32 = 3;
/// Time to give the lease back.
const FAREWELL: Duration = Duration::from_secs(5);

/// The successful outcome of a trigger's work.
enum TriggerOutcome {
    /// An export covers it now.
    Done,
    /// Another worker builds.
    Held,
}

/// Why there is no export yet.
#[derive(Debug, thiserror::Error)]
enum ExportTrouble {
    /// There will never be one.
    #[error("{0} not found")]
    Missing(&'static str),
    /// Something does not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A read failed.
    #[error(transparent)]
    Read(#[from] SourceError),
    /// Another worker has taken over.
    #[error("the lease was lost")]
    Fenced,
    /// The time of the invocation was up.
    #[error("the time was up")]
    Late,
}

impl From<ExportError> for ExportTrouble {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::EventNotFound => Self::Missing("event"),
            ExportError::ReplayNotFound => Self::Missing("replay"),
            // A trigger has no options.
            ExportError::Option(option) => Self::Missing(option.parameter),
            ExportError::Read(error) => Self::Read(error),
        }
    }
}

impl<S, E, T, B, Q, D, C> App<S, E, T, B, Q, D, C>
where
    S: ExportSource,
    E: ExportStore + DocumentOrders,
    T: ExportStates + ExportLocations,
    B: EventBus,
    Q: TriggerQueue,
    D: DeadLetters,
    C: Clock + Ids,
{
    /// Handles one message with `left` of the invocation to go.
    pub async fn handle(&self, record: &Record, left: Duration) -> Disposition {
        if let Some(order) = DocumentOrder::read(&record.body) {
            return self.fulfil(&order, record, left).await;
        }
        let trigger = match Trigger::parse(&record.body) {
            Ok(Some(trigger)) => trigger,
            Ok(None) => return Disposition::Acknowledge,
            Err(error) => return self.bury(record, &error.to_string()).await,
        };
        if let Some(flaw) = trigger.flaw() {
            return self.give_up(&trigger, record, "InvalidNames", flaw).await;
        }
        match self.exported(&trigger, record, left).await {
            Ok(TriggerOutcome::Done) => Disposition::Acknowledge,
            Ok(TriggerOutcome::Held) => self.wait(record).await,
            Err(ExportTrouble::Missing(what)) => {
                self.give_up(&trigger, record, "NotFound", &format!("{what} not found")).await
            }
            Err(trouble) => self.later(record, &trouble).await,
        }
    }

    /// Builds a document that took too long for a reply.
    async fn fulfil(&self, order: &DocumentOrder, record: &Record, left: Duration) -> Disposition {
        match timeout(left.saturating_sub(FAREWELL), Box::pin(self.built(order))).await {
            Ok(Ok(())) => Disposition::Acknowledge,
            Ok(Err(trouble)) => self.later(record, &trouble).await,
            Err(_) => self.later(record, &ExportTrouble::Late).await,
        }
    }

    /// An event or replay that is gone, or no longer goes with the options, has no document: the next request says so.
    async fn built(&self, order: &DocumentOrder) -> Result<(), ExportTrouble> {
        let (id, rendering) = (order.id(), order.rendering());
        let format = rendering.format;
        let export = match order.replay() {
            Some(key) => export_replay(&self.source, &key, rendering).await,
            None => export_event(&self.source, &order.event(), rendering, None).await,
        };
        match export {
            Ok(export) => {
                let body = formed(order.form, format, export.text);
                tracing::info!(document.id = id, bytes = body.len(), "built a requested document");
                let hash = sha256(body.as_bytes());
                Ok(self.exports.keep(&id, body.into(), &hash, content_type(order.form, format)).await?)
            }
            Err(ExportError::Read(error)) => Err(error.into()),
            Err(ExportError::EventNotFound | ExportError::ReplayNotFound | ExportError::Option(_)) => {
                Ok(self.exports.cancel(&id).await?)
            }
        }
    }

    async fn exported(
        &self,
        trigger: &Trigger,
        record: &Record,
        left: Duration,
    ) -> Result<TriggerOutcome, ExportTrouble> {
        let key = trigger.state_key();
        let profile = trigger.profile().map(Json::to_text);
        let sent_at = record.sent_at(SENT_ATTRIBUTE).unwrap_or_else(|| self.clock.now());
        let received = ReceivedTrigger { sent_at, profile: profile.as_deref() };
        let owner = self.clock.unique();
        for _ in 0..CLAIM_TRIES {
            let now = self.clock.now();
            let until = now + left.into();
            match self.states.state(&key).await?.decide(received, &owner, now, until) {
                BuildDecision::Covered => {
                    tracing::info!(message.id = %record.id, "skipped a trigger that an export already covers");
                    return Ok(TriggerOutcome::Done);
                }
                BuildDecision::Held => return Ok(TriggerOutcome::Held),
                BuildDecision::Build(lease) if self.states.claim(&key, &lease, now).await? => {
                    let budget = left.saturating_sub(FAREWELL);
                    let work = Box::pin(self.build(trigger, &key, &lease, received));
                    let worked = timeout(budget, work).await.unwrap_or(Err(ExportTrouble::Late));
                    if worked.is_err() {
                        self.give_back(&key, &lease).await;
                    }
                    return worked.map(|()| TriggerOutcome::Done);
                }
                BuildDecision::Build(_) => {}
            }
        }
        Ok(TriggerOutcome::Held)
    }

    async fn build(
        &self,
        trigger: &Trigger,
        key: &StateKey,
        lease: &BuildLease,
        received: ReceivedTrigger<'_>,
    ) -> Result<(), ExportTrouble> {
        let began = self.clock.now();
        let export = trigger.export(&self.source).await?;
        for (warning, count) in export.warnings.iter() {
            tracing::warn!(warning = warning.code(), count, "exported a document with a warning");
        }
        let (object, bytes) = (trigger.object_key(&export), export.text.len());
        let stored = self.exports.put(&object, export.text, lease.fence, export.warnings.header()).await?;
        let StoreOutcome::Done(etag) = stored else { return Err(ExportTrouble::Fenced) };
        let location = self.exports.location(&object);
        if !self.states.locate(trigger, &location).await? {
            return Err(ExportTrouble::Missing("row"));
        }
        self.bus.put(&trigger.exported(&location, self.entry_bytes)).await?;
        let state = ExportState::built(received, began, export.id, etag);
        if !self.states.commit(key, lease, &state).await? {
            return Err(ExportTrouble::Fenced);
        }
        let took_ms = (self.clock.now() - began).get();
        tracing::info!(object, bytes, fence = lease.fence, took_ms, "stored an export");
        Ok(())
    }

    /// A lease that cannot be given back ends by itself.
    async fn give_back(&self, key: &StateKey, lease: &BuildLease) {
        if let Err(error) = self.states.release(key, lease).await {
            tracing::warn!(%error, "failed to release a lease");
        }
    }

    /// The trigger goes to the end of the queue, as waiting must not count as failing.
    async fn wait(&self, record: &Record) -> Disposition {
        let sent_at = record.sent_at(SENT_ATTRIBUTE).unwrap_or_else(|| self.clock.now());
        match self.queue.send_again(&record.body, sent_at, self.wait_s).await {
            Ok(()) => Disposition::Acknowledge,
            Err(error) => self.later(record, &error.into()).await,
        }
    }

    async fn give_up(&self, trigger: &Trigger, record: &Record, code: &str, message: &str) -> Disposition {
        match self.bus.put(&trigger.failed(code, message)).await {
            Ok(()) => self.bury(record, message).await,
            Err(error) => self.later(record, &error.into()).await,
        }
    }

    async fn bury(&self, record: &Record, why: &str) -> Disposition {
        match self.dead_letters.keep(&record.body).await {
            Ok(()) => {
                tracing::error!(message.id = %record.id, why, "moved a trigger to the dead-letter queue");
                Disposition::Acknowledge
            }
            Err(error) => self.later(record, &error.into()).await,
        }
    }

    /// Without the earlier time the message comes back after its visibility timeout.
    async fn later(&self, record: &Record, trouble: &ExportTrouble) -> Disposition {
        let delay_s = record.backoff_s();
        tracing::error!(message.id = %record.id, error = %trouble, delay_s, "failed to export; the trigger will be retried");
        if let Err(error) = self.queue.show_again(&record.receipt_handle, delay_s).await {
            tracing::warn!(%error, "failed to shorten a message's visibility timeout");
        }
        Disposition::Return
    }
}
