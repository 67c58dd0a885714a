//! Answers of the service, and what is wrong when one refuses.

use crate::error::{CliError, Exit};
use serde_json::Value;
use std::time::Duration;
use ureq::Body;
use ureq::http::{HeaderMap, Response};

/// The most faults of a list that an error shows.
const MOST_FAULTS: usize = 20;

/// An answer.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    pub(super) fn read(reply: Response<Body>, most: u64) -> Result<Self, ureq::Error> {
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let body = reply.into_body().into_with_config().limit(most).read_to_vec()?;
        Ok(Self { status, headers, body })
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The time after which the service asks to come again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("Retry-After")?.trim().parse().ok().map(Duration::from_secs)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] if it is not JSON: something else than the service answered.
    pub fn json(&self) -> Result<Value, CliError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            CliError::new(Exit::Unreachable, "the answer is not what the service sends")
                .because(error)
                .help("is the address right? `mex doctor` looks at it")
                .answered(self.status, self.correlation_id())
        })
    }

    fn correlation_id(&self) -> Option<String> {
        self.header("X-Correlation-Id").map(str::to_owned)
    }
}

/// The error of a status of 400 or more.
pub fn refusal(answer: &HttpAnswer) -> CliError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let (exit, usual, help) = meaning(answer.status);
    let told = ["detail", "ErrorMessage", "message", "Message", "title"];
    let told = told.iter().find_map(|name| body.get(name)?.as_str()).filter(|text| !text.is_empty());
    let error =
        CliError::new(exit, told.unwrap_or(usual)).maybe_help(advice(told.unwrap_or_default()).or(help));
    // A single fault is often the detail itself.
    let faults = faults(&body).into_iter().filter(|fault| Some(fault.as_str()) != told);
    faults.fold(error, CliError::because).answered(answer.status, answer.correlation_id())
}

/// The exit code of a status, its text if the body has none, and the remedy.
fn meaning(status: u16) -> (Exit, &'static str, Option<&'static str>) {
    match status {
        401 => (
            Exit::SignedOut,
            "session invalid",
            Some(
                "the session is missing, unknown or has ended: `make session` prints a new one, MEX_SESSION passes it",
            ),
        ),
        403 => (
            Exit::Refused,
            "access denied",
            Some("the tenant may not do this: `mex doctor` says what it may"),
        ),
        404 => (Exit::NotFound, "not found", Some("is the address right, and the name?")),
        429 => (
            Exit::Busy,
            "too many requests",
            Some("try again later, or wait for running jobs: `mex watch --all`"),
        ),
        500.. => (Exit::Unreachable, "the service is not available", Some("try again later")),
        _ => (Exit::Refused, "the service refused the request", None),
    }
}

/// The remedy for some texts.
fn advice(text: &str) -> Option<&'static str> {
    [
        ("download links are switched off", "an operator sets DownloadLinks=on; with credentials: aws s3 cp s3://BUCKET/<video_path>, see `mex show`"),
        ("recordings access is switched off", "an operator sets RecordingsAccess=on; until then give times as dates or milliseconds since 1970"),
        ("no such recording", "`mex recordings` lists those there are"),
        ("no such job", "`mex jobs` lists those there are; one that ended is forgotten after 7 days"),
    ]
    .into_iter()
    .find(|(part, _)| text.contains(part))
    .map(|(_, help)| help)
}

/// The faults of a list, each with its place.
fn faults(body: &Value) -> Vec<String> {
    let errors = body.get("errors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut told: Vec<String> = errors
        .iter()
        .take(MOST_FAULTS)
        .map(|fault| {
            let text = |name| fault.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", text("pointer"), text("detail"))
        })
        .collect();
    if errors.len() > MOST_FAULTS {
        told.push(format!("and {} more", errors.len() - MOST_FAULTS));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> CliError {
        refusal(&HttpAnswer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() })
    }

    #[test]
    fn each_form_of_an_error_is_read() {
        for (status, body, exit, text) in [
            (
                400,
                r#"{"ErrorCode":-1,"ErrorMessage":"invalid request: Duration: is required"}"#,
                Exit::Refused,
                "invalid request: Duration: is required",
            ),
            (401, r#"{"title":"t","detail":"session invalid"}"#, Exit::SignedOut, "session invalid"),
            (403, r#"{"message":"Forbidden"}"#, Exit::Refused, "Forbidden"),
            (404, "<html>", Exit::NotFound, "not found"),
            (429, "{}", Exit::Busy, "too many requests"),
            (503, r#"{"message":"Service Unavailable"}"#, Exit::Unreachable, "Service Unavailable"),
        ] {
            let error = refused(status, body);
            assert_eq!((error.exit(), error.status()), (exit, Some(status)));
            assert!(error.to_string().starts_with(&format!("error: {text}")), "{error}");
        }
    }

    #[test]
    fn faults_are_listed_with_their_places() {
        let error =
            refused(400, r#"{"detail":"2 faults","errors":[{"pointer":"/clips/0","detail":"is empty"}]}"#);
        assert_eq!(error.to_string(), "error: 2 faults\n  caused by: /clips/0: is empty");
    }
}
