//! The service's routes that commands call, and what they answer.

mod views;

pub use views::{
    BatchView, ChunksView, ClipView, FileView, FilesView, JobView, PlanView, RecordingView, SkippedView,
    VersionView, Viewed, WindowView,
};

use crate::error::{CliError, Exit};
use crate::http::{Client, HttpAnswer, ServiceCall};
use export_domain::ids::{BatchId, JobId, LivePath};
use export_domain::tvu::ExportReply;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::time::Duration;
use ureq::http::Method;

/// Characters that a path keeps, besides `/`.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// Characters that a part of a path or of a query keeps.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A part of a path or the value of a parameter, encoded.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// A path with its parameters, those that are there.
pub fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let given =
        parameters.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_deref()?))));
    let query = given.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A page of a list.
#[derive(Debug)]
pub struct ListPage {
    /// The whole page.
    pub raw: Value,
    /// The cursor of the next one.
    pub next: Option<String>,
}

impl ListPage {
    fn of(raw: Value) -> Self {
        let next = raw.get("next").and_then(Value::as_str).map(str::to_owned);
        Self { raw, next }
    }

    /// The members of one of its lists.
    pub fn list(&self, name: &str) -> Vec<Value> {
        self.raw.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    }
}

/// The page of a batch's clips that is asked for.
#[derive(Debug, Clone)]
pub struct ClipsAsked {
    /// Clips on it.
    pub limit: usize,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// The routes of a service.
pub struct Api<'a> {
    client: &'a Client,
}

impl<'a> Api<'a> {
    /// The routes that `client` reaches.
    pub fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// The client itself.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// `POST /export`: asks for a clip or a picture, and gives the job's name.
    ///
    /// # Errors
    /// [`CliError`] if it is refused.
    pub fn submit(&self, body: &Value) -> Result<JobId, CliError> {
        let answer = self.client.send(&ServiceCall::post("/export", body.to_string()))?;
        let reply: ExportReply = parsed(&answer)?;
        match reply.job_id.as_deref().map(JobId::parse) {
            Some(Ok(id)) => Ok(id),
            _ => Err(CliError::new(Exit::Refused, reply.error_message)),
        }
    }

    /// `POST /export/status`: the name of the job that a body asks for, if there is one. Makes nothing.
    ///
    /// # Errors
    /// [`CliError`] if it is refused.
    pub fn known(&self, body: &Value) -> Result<Option<JobId>, CliError> {
        match self.client.send(&ServiceCall::post("/export/status", body.to_string())) {
            Ok(answer) => Ok(parsed::<ExportReply>(&answer)?.job_id.and_then(|id| JobId::parse(&id).ok())),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GET /export/jobs/{id}`, held for `wait` until the job has ended; with the time to ask again.
    ///
    /// # Errors
    /// [`CliError`] if there is no such job, or no answer.
    pub fn job(&self, id: &JobId, wait: Duration) -> Result<(Viewed<JobView>, Option<Duration>), CliError> {
        let answer = self.client.send(&ServiceCall::get(format!("/export/jobs/{id}")).waiting(wait))?;
        Ok((Viewed::of(answer.json()?)?, answer.retry_after()))
    }

    /// `DELETE /export/jobs/{id}`.
    ///
    /// # Errors
    /// [`CliError`] if there is no such job, or no answer.
    pub fn delete(&self, id: &JobId) -> Result<Viewed<JobView>, CliError> {
        Viewed::of(self.client.send(&ServiceCall::new(Method::DELETE, format!("/export/jobs/{id}")))?.json()?)
    }

    /// A page of `GET /export/jobs`, the newest first.
    ///
    /// # Errors
    /// [`CliError`] if it is refused.
    pub fn jobs(
        &self,
        limit: usize,
        state: Option<String>,
        cursor: Option<String>,
    ) -> Result<ListPage, CliError> {
        self.page("/export/jobs", &[("limit", Some(limit.to_string())), ("state", state), ("cursor", cursor)])
    }

    /// `GET /export/jobs/{id}/files`.
    ///
    /// # Errors
    /// [`CliError`] if the files are not there or may not be linked to.
    pub fn files(&self, id: &JobId) -> Result<FilesView, CliError> {
        parsed(&self.client.send(&ServiceCall::get(format!("/export/jobs/{id}/files")))?)
    }

    /// A page of `GET /recordings`.
    ///
    /// # Errors
    /// [`CliError`] if it is refused.
    pub fn recordings(
        &self,
        under: &str,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<ListPage, CliError> {
        let under = Some(under.to_owned()).filter(|under| !under.is_empty());
        self.page("/recordings", &[("under", under), ("limit", Some(limit.to_string())), ("cursor", cursor)])
    }

    /// `GET /recordings/{path}`.
    ///
    /// # Errors
    /// [`CliError`] if there is no such recording, or it may not be looked at.
    pub fn recording(&self, path: &LivePath) -> Result<Viewed<RecordingView>, CliError> {
        let path = utf8_percent_encode(path.as_str(), PATH);
        Viewed::of(self.client.send(&ServiceCall::get(format!("/recordings/{path}")))?.json()?)
    }

    /// `POST /export/plan`.
    ///
    /// # Errors
    /// [`CliError`] if no such clip can be made now.
    pub fn plan(&self, body: &Value) -> Result<Viewed<PlanView>, CliError> {
        Viewed::of(self.client.send(&ServiceCall::post("/export/plan", body.to_string()))?.json()?)
    }

    /// `POST /export/batch`.
    ///
    /// # Errors
    /// [`CliError`] with every fault of the list.
    pub fn submit_batch(&self, body: &Value) -> Result<Viewed<BatchView>, CliError> {
        Viewed::of(self.client.send(&ServiceCall::post("/export/batch", body.to_string()))?.json()?)
    }

    /// `POST /export/batch` for a reel: the job of one video of the list.
    ///
    /// # Errors
    /// [`CliError`] with every fault of the list.
    pub fn submit_reel(&self, body: &Value) -> Result<Viewed<JobView>, CliError> {
        Viewed::of(self.client.send(&ServiceCall::post("/export/batch", body.to_string()))?.json()?)
    }

    /// `GET /export/batch/{id}`, held for `wait` until all clips have ended, with the page of clips that is asked for.
    ///
    /// # Errors
    /// [`CliError`] if there is no such batch, or no answer.
    pub fn batch(
        &self,
        id: &BatchId,
        wait: Duration,
        clips: &ClipsAsked,
    ) -> Result<Viewed<BatchView>, CliError> {
        let parameters = [("limit", Some(clips.limit.to_string())), ("cursor", clips.cursor.clone())];
        let call = ServiceCall::get(with_query(&format!("/export/batch/{id}"), &parameters));
        Viewed::of(self.client.send(&call.waiting(wait))?.json()?)
    }

    /// `DELETE /export/batch/{id}`.
    ///
    /// # Errors
    /// [`CliError`] if there is no such batch, or no answer.
    pub fn cancel_batch(&self, id: &BatchId) -> Result<(), CliError> {
        self.client.send(&ServiceCall::new(Method::DELETE, format!("/export/batch/{id}"))).map(drop)
    }

    /// `GET /export/version`.
    ///
    /// # Errors
    /// [`CliError`] if it is refused; with status 404 if the service does not have the route.
    pub fn version(&self) -> Result<VersionView, CliError> {
        parsed(&self.client.send(&ServiceCall::get("/export/version"))?)
    }

    fn page(&self, path: &str, parameters: &[(&str, Option<String>)]) -> Result<ListPage, CliError> {
        Ok(ListPage::of(self.client.send(&ServiceCall::get(with_query(path, parameters)))?.json()?))
    }
}

fn parsed<T: serde::de::DeserializeOwned>(answer: &HttpAnswer) -> Result<T, CliError> {
    views::read(answer.json()?)
}
