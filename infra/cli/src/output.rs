//! The results on stdout, in the form that is asked for.

use crate::colour::{is_wanted, painted};
use crate::error::{CliError, Exit};
use export_domain::time::EpochMs;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::io::{ErrorKind, IsTerminal, Write};

/// The choices of the command line.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print one JSON document; only these members of it, if any are named
    #[arg(long, global = true, value_name = "MEMBERS", num_args = 0..=1, require_equals = true, default_missing_value = "", value_delimiter = ',')]
    pub json: Option<Vec<String>>,
    /// Print a line of JSON for each change
    #[arg(long, global = true, conflicts_with = "json")]
    pub jsonl: bool,
    /// Print only the name of the job, or the paths of the files
    #[arg(short, long, global = true, conflicts_with_all = ["json", "jsonl"])]
    pub quiet: bool,
    /// Show times in UTC
    #[arg(long, global = true)]
    pub utc: bool,
    /// Show requests on stderr, and replies with -vv
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The form of what goes to stdout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputForm {
    /// For people.
    Plain,
    /// Names and paths alone.
    Quiet,
    /// One document, of these members if any are named.
    Json(Vec<String>),
    /// A line for each change.
    JsonLines,
}

/// Writes to stdout.
#[derive(Debug, Clone)]
pub struct Output {
    /// The form.
    pub form: OutputForm,
    zone: TimeZone,
    is_coloured: bool,
}

impl Output {
    /// As the command line chooses.
    pub fn new(look: &OutputArgs) -> Self {
        let form = match (&look.json, look.jsonl, look.quiet) {
            (Some(members), ..) => {
                OutputForm::Json(members.iter().filter(|name| !name.is_empty()).cloned().collect())
            }
            (_, true, _) => OutputForm::JsonLines,
            (_, _, true) => OutputForm::Quiet,
            _ => OutputForm::Plain,
        };
        let zone = if look.utc { TimeZone::UTC } else { TimeZone::system() };
        Self { form, zone, is_coloured: is_wanted(std::io::stdout().is_terminal()) }
    }

    /// Returns `true` if people read it.
    pub fn is_plain(&self) -> bool {
        self.form == OutputForm::Plain
    }

    /// Writes a line; one for people with colours, where they are wanted.
    ///
    /// # Errors
    /// [`CliError`] if stdout takes none; [`Exit::Done`] if its reader has gone.
    pub fn line(&self, text: &str) -> Result<(), CliError> {
        if self.is_plain() && self.is_coloured {
            return written(writeln!(std::io::stdout(), "{}", painted(text)));
        }
        written(writeln!(std::io::stdout(), "{text}"))
    }

    /// Writes a document in the form of JSON; else, `plain` lines or `quiet` ones.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub fn result(&self, raw: &Value, plain: &[String], quiet: &[String]) -> Result<(), CliError> {
        match &self.form {
            OutputForm::Plain => plain.iter().try_for_each(|line| self.line(line)),
            OutputForm::Quiet => quiet.iter().try_for_each(|line| self.line(line)),
            OutputForm::Json(members) => self.line(&format!("{:#}", chosen(raw, members))),
            OutputForm::JsonLines => self.event("result", raw),
        }
    }

    /// Writes a change as a line of JSON, if changes are wanted.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub fn event(&self, event: &str, value: &Value) -> Result<(), CliError> {
        if self.form == OutputForm::JsonLines {
            return self.line(&json!({ "event": event, "value": value }).to_string());
        }
        Ok(())
    }

    /// An instant in the chosen zone, to the second.
    pub fn time(&self, at: EpochMs) -> String {
        let at = Timestamp::from_millisecond(at.get()).unwrap_or_default().to_zoned(self.zone.clone());
        at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
    }

    /// An instant of the service's text in the chosen zone.
    pub fn time_of(&self, text: &str) -> String {
        let at = text.parse::<Timestamp>().ok().map(|at| EpochMs::new(at.as_millisecond()));
        at.map_or_else(|| text.to_owned(), |at| self.time(at))
    }
}

/// The result of a write to stdout.
///
/// # Errors
/// [`CliError`] if it failed; [`Exit::Done`] if its reader has gone.
pub fn written(result: std::io::Result<()>) -> Result<(), CliError> {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => CliError::new(Exit::Done, ""),
        _ => CliError::file("stdout cannot be written", &error),
    })
}

/// The members that are named, of a document or of each of a list; all of them if none is named.
fn chosen(raw: &Value, members: &[String]) -> Value {
    match raw {
        _ if members.is_empty() => raw.clone(),
        Value::Array(list) => list.iter().map(|each| chosen(each, members)).collect(),
        Value::Object(all) => {
            let kept = members.iter().filter_map(|name| Some((name.clone(), all.get(name)?.clone())));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_chosen_of_each_document() {
        let raw = json!([{ "id": "a", "state": "READY", "more": 1 }]);
        assert_eq!(chosen(&raw, &["id".to_owned(), "none".to_owned()]), json!([{ "id": "a" }]));
        assert_eq!(chosen(&raw, &[]), raw);
    }

    #[test]
    fn times_are_shown_in_a_zone_that_is_named() {
        let output = Output::new(&OutputArgs { utc: true, ..OutputArgs::default() });
        assert_eq!(output.time_of("2019-07-04T15:07:08.9Z"), "2019-07-04 15:07:08 UTC");
        assert_eq!(output.time_of("soon"), "soon");
    }
}
