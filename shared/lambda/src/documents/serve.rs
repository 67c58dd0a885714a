//! From a request to its reply, in the time there is.

use super::failure::{DocumentFailure, within};
use super::gateway::{Call, DocumentReply};
use crate::correlation::{HEADER, correlation_id};
use crate::telemetry::request_span;
use export_domain::ports::Clock;
use export_domain::trace::TraceContext;
use std::pin::Pin;
use std::time::Duration;
use tracing::Instrument;

/// The making of a reply. Boxed: the futures of an export are nested deeper than the compiler likes to lay out.
pub(super) type ReplyWork<'a> =
    Pin<Box<dyn Future<Output = Result<DocumentReply, DocumentFailure>> + Send + 'a>>;

/// Answers `call` with what `work` gives within the time `left` of the invocation; every error has become a reply then.
/// `kind` names the documents in the log.
pub(super) async fn serve(
    clock: &impl Clock,
    call: &Call,
    left: Duration,
    kind: &str,
    work: ReplyWork<'_>,
) -> DocumentReply {
    let header = |name: &str| call.header(name);
    let correlation_id = correlation_id(header, &[], call.request_context.request_id.as_deref());
    let context = TraceContext { correlation_id, trace: call.trace.clone() };
    let reply = answer(clock, call, left, kind, work).instrument(request_span(&context)).await;
    let reply = reply.with("x-content-type-options", "nosniff");
    match &context.correlation_id {
        Some(id) => reply.with(HEADER, id.as_str()),
        None => reply,
    }
}

async fn answer(
    clock: &impl Clock,
    call: &Call,
    left: Duration,
    kind: &str,
    work: ReplyWork<'_>,
) -> DocumentReply {
    let began = clock.now_ms();
    let reply = within(left, work).await.unwrap_or_else(|failure| {
        tracing::warn!(error = failure.causes(), kind, "failed to serve a document");
        failure.reply(call)
    });
    let (status, bytes, took_ms) = (reply.status_code, reply.body.len(), clock.now_ms() - began);
    tracing::info!(status, bytes, took_ms, route = call.route_key, "answered a document request");
    reply
}
