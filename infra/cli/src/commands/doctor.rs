//! `mex doctor`: obstacles between this machine and a clip.

use super::Context;
use crate::api::VersionView;
use crate::error::{CliError, Exit};
use crate::http::ServiceCall;
use crate::output::OutputForm;
use crate::times::length_text;
use crate::world;
use export_domain::time::{EpochMs, Millis};
use export_domain::version::BuildVersion;
use serde_json::json;

/// The difference of clocks from which signatures and times are wrong.
const MOST_SKEW: Millis = Millis::from_secs(30);

/// The result of one look.
struct Finding {
    what: &'static str,
    found: Result<String, CliError>,
}

/// Looks at everything, and names what to mend.
///
/// # Errors
/// The first fault, as each command would meet it.
pub(super) fn doctor(context: &Context) -> Result<(), CliError> {
    let session = context.settings.session.as_ref().map(|_| "a session is known".to_owned());
    let no_session = || {
        CliError::new(Exit::SignedOut, "no session is known")
            .help("MEX_SESSION, a profile or `mex login` gives one")
    };
    let findings = vec![
        Finding { what: "version", found: Ok(format!("mex {}", BuildVersion::OWN)) },
        Finding { what: "address", found: Ok(context.settings.url.clone()) },
        Finding { what: "session", found: session.ok_or_else(no_session) },
        Finding { what: "clock", found: clock(context) },
        Finding { what: "service", found: service(context) },
        Finding {
            what: "jobs",
            found: context.api().jobs(1, None, None).map(|_| "the session lists jobs".to_owned()),
        },
        Finding {
            what: "recordings",
            found: context.api().recordings("", 1, None).map(|_| "may be looked at".to_owned()),
        },
        Finding { what: "links", found: links(context) },
    ];
    for finding in &findings {
        show(context, finding)?;
    }
    let faults = findings.into_iter().filter_map(|finding| finding.found.err());
    let mut faults: Vec<CliError> = faults.collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.swap_remove(0)) }
}

fn show(context: &Context, finding: &Finding) -> Result<(), CliError> {
    let (sign, text) = match &finding.found {
        Ok(text) => ("ok", text.clone()),
        Err(error) => ("FAULT", error.to_string().trim_start_matches("error: ").to_owned()),
    };
    match context.output.form {
        OutputForm::Plain => context.output.line(&format!("{sign:5}  {:10}  {text}", finding.what)),
        OutputForm::Quiet => Ok(()),
        OutputForm::Json(_) | OutputForm::JsonLines => {
            let line = json!({ "look": finding.what, "ok": finding.found.is_ok(), "text": text });
            context.output.line(&line.to_string())
        }
    }
}

/// The service's version. Services from before 0.2.0 have no such route.
fn service(context: &Context) -> Result<String, CliError> {
    match context.api().version() {
        Ok(VersionView { version, commit: Some(commit) }) => Ok(format!("{version} ({commit})")),
        Ok(VersionView { version, commit: None }) => Ok(version),
        Err(error) if error.status() == Some(404) => Ok("does not name its version".to_owned()),
        Err(error) => Err(error),
    }
}

/// The service's clock beside this machine's. Whether it lets the session in counts elsewhere.
fn clock(context: &Context) -> Result<String, CliError> {
    let before = world::now();
    let date = context.client.date(&ServiceCall::get("/export/jobs?limit=1"))?;
    let there = date
        .and_then(|date| jiff::fmt::rfc2822::parse(&date).ok())
        .map(|at| EpochMs::new(at.timestamp().as_millisecond()));
    let Some(there) = there else { return Ok("the service does not name its time".to_owned()) };
    let skew = (there - before).max(before - there);
    if skew < MOST_SKEW {
        return Ok(format!(
            "differs from the service's by {}",
            length_text(Millis::from_secs(skew.get() / 1000))
        ));
    }
    let message = format!("this machine's clock differs from the service's by {}", length_text(skew));
    Err(CliError::new(Exit::Failed, message)
        .help("set it, as with timedatectl set-ntp true: `now` and signatures count by it"))
}

/// The use of links, by the newest job that is ready.
fn links(context: &Context) -> Result<String, CliError> {
    let page = context.api().jobs(1, Some("READY".to_owned()), None)?;
    let job = page.list("jobs").first().and_then(|job| job.get("id")?.as_str().map(str::to_owned));
    let Some(Ok(id)) = job.map(|id| export_domain::ids::JobId::parse(&id)) else {
        return Ok("not known before the first job is ready".to_owned());
    };
    context.api().files(&id).map(|_| "files can be gotten".to_owned())
}
