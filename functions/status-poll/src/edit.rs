//! `GET /export/jobs/{jobId}/edit`: the edit list of a clip.

use crate::App;
use export_domain::edit::edit_list;
use export_domain::intake::Rejection;
use export_domain::job::{Job, ObjectKind};
use export_domain::ports::{Clock, Ids, JobLists, JobStore, Sessions, Tenants};
use export_domain::request::FieldError;
use export_domain::settings::ReplyStyle;
use export_domain::time::EpochMs;
use export_domain::timecode::Rate;
use export_domain::tvu::{Outcome, Via, answer};
use export_lambda::http::edits::{edl_form, rate, zero};
use export_lambda::http::{Reply, Request, disposition, problem};

/// The route.
pub(crate) const EDIT_ROUTE: &str = "/export/jobs/{jobId}/edit";
/// Its parameters.
pub(crate) const PARAMETERS: [&str; 4] = ["format", "fps", "df", "zero"];

impl<J, S, T, C> App<J, S, T, C>
where
    J: JobStore + JobLists,
    S: Sessions,
    T: Tenants,
    C: Clock + Ids,
{
    /// Answers with the edit list of the job that the path names.
    pub(crate) async fn edit(&self, request: &Request) -> Result<Reply, Rejection> {
        let format = EditForm::read(request)?;
        let id = request.path_parameters.get("jobId").map(String::as_str).unwrap_or_default();
        let job = self.named(request, id).await?;
        Ok(listed(&job, request, format, self.intake.clock.now())?)
    }
}

/// The forms of an edit list.
#[derive(Debug, Clone, Copy)]
enum EditForm {
    Json,
    Edl,
    Otio,
}

impl EditForm {
    fn read(request: &Request) -> Result<Self, FieldError> {
        let given = |name: &str| request.parameter(name).is_some_and(|text| !text.is_empty());
        let (format, unfit): (_, &[&str]) = match request.parameter("format").as_deref() {
            None | Some("" | "json") => (Self::Json, &["fps", "df", "zero"]),
            Some("edl") => (Self::Edl, &[]),
            Some("otio") => (Self::Otio, &["df"]),
            Some(_) => return Err(FieldError::new("format", "must be json, edl or otio")),
        };
        match unfit.iter().find(|name| given(name)) {
            Some(name) => Err(FieldError::new(*name, "is no option of this format")),
            None => Ok(format),
        }
    }
}

fn listed(job: &Job, request: &Request, format: EditForm, now: EpochMs) -> Result<Reply, FieldError> {
    let Some(list) = edit_list(job) else {
        let told = answer(Outcome::Job(job), Via::Status, now, ReplyStyle::default());
        let wait = told.reply.time_wait.to_secs_ceil().max(1);
        return Ok(if job.state.is_terminal() {
            problem(409, "the job has no clip")
        } else {
            problem(409, "not ready").with("retry-after", wait.to_string())
        });
    };
    let (kind, extension, text) = match format {
        EditForm::Json => {
            return Ok(Reply::new(200)
                .with_json("application/json", &list)
                .with("cache-control", "no-store"));
        }
        EditForm::Edl => ("text/plain; charset=utf-8", "edl", list.edl(&edl_form(request)?)),
        EditForm::Otio => {
            let rate = rate(request)?.unwrap_or(Rate::MILLIS);
            ("application/json", "otio", list.otio(rate, zero(request)?).to_string())
        }
    };
    let name = format!("{}.{extension}", job.order.file_name(ObjectKind::Video));
    let reply = Reply::new(200).with_text(kind, text);
    Ok(reply.with("content-disposition", disposition("attachment", &name)).with("cache-control", "no-store"))
}
