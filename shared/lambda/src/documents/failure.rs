//! The failures as problem details (RFC 9457) on the guide's routes and in MRE's shape on its own.

use super::formats::on_offer;
use super::names::Refused;
use super::style::Style;
use crate::http::{Reply, Request, problem};
use export_domain::ports::Unavailable;
use export_mre::export::ExportError;
use std::error::Error;
use std::time::Duration;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentFailure {
    /// A parameter is not acceptable.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No document has such a parameter. Not shown in logs: it is what a client wrote.
    #[error("a parameter is not known")]
    UnknownParameter(String),
    /// The client takes none of the media types that there are.
    #[error("no media type is acceptable")]
    NotAcceptable,
    /// The tables do not lead to a document.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Something needed does not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The time was up.
    #[error("the time was up")]
    Late,
}

/// Seconds after which a client may try again.
const RETRY_AFTER_S: &str = "5";

/// Ends `work` when only a little of the time that is `left` for the invocation remains.
///
/// # Errors
/// Those of `work`, and [`DocumentFailure::Late`].
pub(super) async fn within<T>(
    left: Duration,
    work: impl Future<Output = Result<T, DocumentFailure>>,
) -> Result<T, DocumentFailure> {
    let budget = left.saturating_sub(Duration::from_millis(1_500));
    tokio::time::timeout(budget, work).await.unwrap_or(Err(DocumentFailure::Late))
}

impl DocumentFailure {
    /// The error with its causes, for the log. What a client wrote is in none of them.
    pub(super) fn causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// The reply to `request`. Nothing of the inside shows.
    pub(super) fn reply(&self, request: &Request) -> Reply {
        let style = Style::of(request);
        let (status, detail) = match self {
            Self::Refused(refused) => (400, refused.to_string()),
            Self::UnknownParameter(name) => (400, format!("{name}: is no parameter of this route")),
            Self::NotAcceptable => (406, on_offer()),
            Self::Export(ExportError::EventNotFound) => (404, "there is no such event".to_owned()),
            Self::Export(ExportError::ReplayNotFound) => (404, "there is no such replay".to_owned()),
            Self::Export(ExportError::Option(option)) => (400, option.to_string()),
            Self::Export(ExportError::Read(_)) | Self::Unavailable(_) | Self::Late => {
                (503, "the data cannot be read at the moment; try again".to_owned())
            }
        };
        let reply = match style {
            Style::Guide => problem(status, &detail),
            Style::Mre => mre_error(status, detail, request),
        };
        let reply = reply.with("cache-control", "no-store");
        if status == 503 { reply.with("retry-after", RETRY_AFTER_S) } else { reply }
    }
}

/// MRE says for a replay that is not there that its event is not.
fn mre_error(status: u16, detail: String, request: &Request) -> Reply {
    let name = |parameter| request.name(parameter).unwrap_or_default();
    let (code, message) = match status {
        400 => ("BadRequestError", format!("ValidationError: {detail}")),
        404 => {
            ("NotFoundError", format!("Event '{}' in Program '{}' not found", name("event"), name("program")))
        }
        _ => ("ServiceUnavailableError", detail),
    };
    let body = serde_json::json!({"Code": code, "Message": message});
    Reply::new(status).with_text("application/json", body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use export_mre::source::SourceError;

    fn call(route: &str) -> Request {
        Request {
            route: route.to_owned(),
            query: "event=nope&program=P%20%C3%A9&id=r".to_owned(),
            ..Request::default()
        }
    }

    fn body(reply: &Reply) -> serde_json::Value {
        serde_json::from_str(&reply.body).unwrap()
    }

    #[test]
    fn the_guides_routes_answer_problems() {
        let call = call("/export/data/event");
        let reply = DocumentFailure::from(Refused::new("view", "must be guide or mre")).reply(&call);
        assert_eq!(
            (reply.status_code, body(&reply)["detail"].as_str()),
            (400, Some("view: must be guide or mre"))
        );
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        let reply = DocumentFailure::from(ExportError::ReplayNotFound).reply(&call);
        assert_eq!((reply.status_code, body(&reply)["title"].as_str()), (404, Some("Not Found")));
    }

    #[test]
    fn mres_routes_answer_in_its_words() {
        let call = call("/event/{event}/export/data/program/{program}");
        let reply = DocumentFailure::from(ExportError::EventNotFound).reply(&call);
        assert_eq!(
            (reply.status_code, reply.body.as_str()),
            (404, r#"{"Code":"NotFoundError","Message":"Event 'nope' in Program 'P é' not found"}"#)
        );
        let reply = DocumentFailure::from(Refused::new("event", "must be UTF-8")).reply(&call);
        assert_eq!(body(&reply)["Message"], "ValidationError: event: must be UTF-8");
    }

    #[test]
    fn nothing_of_the_inside_shows_when_something_does_not_answer() {
        let read = SourceError { what: "the segments", source: "table arn:aws:secret".into() };
        for route in ["/export/data/event", "/event/{event}/export/data/program/{program}"] {
            let reply = DocumentFailure::from(ExportError::from(SourceError {
                what: read.what,
                source: "arn:secret".into(),
            }))
            .reply(&call(route));
            assert_eq!((reply.status_code, reply.headers["retry-after"].as_str()), (503, "5"));
            assert!(!reply.body.contains("secret") && !reply.body.contains("segments"), "{}", reply.body);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn work_ends_before_the_invocation_does() {
        let never = std::future::pending::<Result<(), DocumentFailure>>();
        let began = tokio::time::Instant::now();
        assert!(matches!(within(Duration::from_secs(29), never).await, Err(DocumentFailure::Late)));
        assert!(began.elapsed() < Duration::from_secs(28));
    }
}
