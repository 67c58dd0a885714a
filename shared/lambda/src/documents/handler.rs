//! Serves the documents of one kind: an event's or a replay's.
//!
//! A document is built from the tables at each request, or is the last stored export. Nothing is written but documents
//! that are too large for a reply, and orders of those that take too long for one.

use super::ask::{Ask, Form};
use super::deliver::{Served, deliver};
use super::failure::{DocumentFailure, within};
use super::names::Refused;
use super::order::{DocumentOrder, patiently};
use crate::http::{Reply, Request, UNREADABLE, by_hand, problem, serve};
use export_domain::ports::Clock;
use export_mre::document::Export;
use export_mre::edit::FPS_MISSING;
use export_mre::export::{ExportError, export_event, export_replay, stored_event, stored_replay};
use export_mre::format::{Format, Rendering};
use export_mre::keys::{EventKey, ReplayKey};
use export_mre::ports::{DocumentLinks, DocumentOrders, TriggerQueue};
use export_mre::source::{ExportSource, LastExport, StoredText};
use export_mre::stored::segment_lines;
use export_mre::warnings::{ExportWarning, Warnings};
use lambda_runtime::Error;
use std::pin::Pin;

/// The key of a document, which decides its kind.
pub trait DocumentKey: Sized + Send + Sync {
    /// The kind in log lines.
    const KIND: &'static str;

    /// Reads the key from the names in a request.
    ///
    /// # Errors
    /// When a name is missing or not acceptable.
    fn read(request: &Request) -> Result<Self, Refused>;

    /// The name of a file with the document.
    fn subject(&self) -> String;

    /// The order of this document as `ask` wants it.
    fn order(&self, ask: &Ask) -> DocumentOrder;

    /// The last stored export.
    fn stored<S: ExportSource>(
        &self,
        source: &S,
    ) -> impl Future<Output = Result<LastExport, ExportError>> + Send;

    /// The document as the tables have it now.
    fn live<S: ExportSource>(
        &self,
        source: &S,
        rendering: &Rendering,
    ) -> impl Future<Output = Result<Export, ExportError>> + Send;
}

impl DocumentKey for EventKey {
    const KIND: &'static str = "event";

    fn read(request: &Request) -> Result<Self, Refused> {
        Ok(Self::new(request.name("event")?, request.name("program")?))
    }

    fn subject(&self) -> String {
        self.name.clone()
    }

    fn order(&self, ask: &Ask) -> DocumentOrder {
        DocumentOrder::new(self, None, ask)
    }

    async fn stored<S: ExportSource>(&self, source: &S) -> Result<LastExport, ExportError> {
        stored_event(source, self).await
    }

    async fn live<S: ExportSource>(&self, source: &S, rendering: &Rendering) -> Result<Export, ExportError> {
        export_event(source, self, rendering.clone(), None).await
    }
}

impl DocumentKey for ReplayKey {
    const KIND: &'static str = "replay";

    fn read(request: &Request) -> Result<Self, Refused> {
        let event = EventKey::read(request)?;
        Ok(Self::new(event, request.name("id")?))
    }

    fn subject(&self) -> String {
        format!("{}-{}", self.event.name, self.id)
    }

    fn order(&self, ask: &Ask) -> DocumentOrder {
        DocumentOrder::new(&self.event, Some(&self.id), ask)
    }

    async fn stored<S: ExportSource>(&self, source: &S) -> Result<LastExport, ExportError> {
        stored_replay(source, self).await
    }

    async fn live<S: ExportSource>(&self, source: &S, rendering: &Rendering) -> Result<Export, ExportError> {
        export_replay(source, self, rendering.clone()).await
    }
}

/// The making of a reply. Boxed: the futures of an export are nested deeper than the compiler likes to lay out.
type ReplyWork<'a> = Pin<Box<dyn Future<Output = Result<Reply, DocumentFailure>> + Send + 'a>>;

/// A function that serves documents, with its ports: MRE's data, links to large documents, the queue of the worker,
/// the clock.
#[derive(Debug)]
pub struct DocumentServer<S, L, Q, C> {
    /// MRE's tables and stored exports.
    pub source: S,
    /// The store of documents that are too large for a reply.
    pub links: L,
    /// The queue for documents that take too long for a reply.
    pub queue: Q,
    /// The time.
    pub clock: C,
}

impl<S: ExportSource, L: DocumentLinks + DocumentOrders, Q: TriggerQueue, C: Clock>
    DocumentServer<S, L, Q, C>
{
    /// Serves documents of the kind of `K` for as long as the environment lives.
    ///
    /// # Errors
    /// If the Runtime API fails.
    pub async fn run<K: DocumentKey>(self) -> Result<(), Error> {
        let server = &self;
        let refuse = || problem(400, UNREADABLE);
        serve(by_hand, refuse, move |request| async move { server.handle::<K>(&request).await }).await
    }

    /// Answers one request within the time that its invocation has left; every error has become a reply.
    pub async fn handle<K: DocumentKey>(&self, request: &Request) -> Reply {
        let began = self.clock.now();
        let work: ReplyWork<'_> = Box::pin(self.answer::<K>(request));
        let reply = within(request.left, work).await.unwrap_or_else(|failure| {
            tracing::warn!(error = failure.causes(), kind = K::KIND, "failed to serve a document");
            failure.reply(request)
        });
        let (status, bytes, took_ms) =
            (reply.status_code, reply.body.len(), (self.clock.now() - began).get());
        let (method, route) = (&request.method, &request.route);
        tracing::info!(status, bytes, took_ms, method, route, "answered a document request");
        reply
    }

    async fn answer<K: DocumentKey>(&self, request: &Request) -> Result<Reply, DocumentFailure> {
        let ask = Ask::read(request)?;
        let key = K::read(request)?;
        let ask = ask.about(&key.subject());
        let order = key.order(&ask);
        let build = async { Ok(deliver(&ask, self.document(&key, &ask).await?, &self.links).await?) };
        let now = self.clock.now();
        patiently(&self.links, &self.queue, now, &ask, &order, request.left, Box::pin(build)).await
    }

    async fn document<K: DocumentKey>(&self, key: &K, ask: &Ask) -> Result<Served, DocumentFailure> {
        let last = if ask.stored { key.stored(&self.source).await? } else { LastExport::Unnamed };
        let mut missing = last.warning();
        let now = self.clock.now();
        if let LastExport::Found(stored) = last {
            match in_format(stored, ask.rendering.format) {
                Some(stored) => return Ok(Served::stored(stored, now)),
                None => missing = Some(ExportWarning::StoredExportUnreadable),
            }
        }
        let mut export = match key.live(&self.source, &ask.rendering).await {
            Err(ExportError::Option(FPS_MISSING)) if ask.form != Form::Bare => no_edit_list(),
            export => export?,
        };
        export.warnings.raise(missing);
        for (warning, count) in export.warnings.iter() {
            tracing::warn!(
                kind = K::KIND,
                warning = warning.code(),
                count,
                "exported a document with a warning"
            );
        }
        Ok(Served::live(export, now))
    }
}

/// A stored export in a format that stored exports have.
fn in_format(stored: StoredText, format: Format) -> Option<StoredText> {
    match format {
        Format::Ndjson => Some(StoredText { text: segment_lines(&stored.text)?, ..stored }),
        _ => Some(stored),
    }
}

/// The words of MRE's route for an event without an edit list.
fn no_edit_list() -> Export {
    let text = "No Content found".to_owned();
    Export { text, id: None, profile_source: None, warnings: Warnings::default() }
}
