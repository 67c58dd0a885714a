//! Errors for the person at the terminal, and the exit codes that scripts rely on.

use std::fmt;

/// The end of a command. The numbers are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is done.
    Done,
    /// A job has failed, or a file could not be written.
    Failed,
    /// The command makes no sense as it was written.
    Usage,
    /// The service refused the request.
    Refused,
    /// There is no session, or it has ended.
    SignedOut,
    /// There is no such job, batch, recording or document.
    NotFound,
    /// The service stayed busy.
    Busy,
    /// The service or the network did not answer.
    Unreachable,
    /// The clip is there, but the recording lacks a part of it.
    Lacking,
    /// Some of several clips have failed.
    Partly,
    /// The time of `--timeout` is over.
    TimedOut,
    /// Interrupted; the job goes on.
    Interrupted,
}

impl Exit {
    /// All of them with their meanings, for the help and the manual.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Done, "done"),
        (Self::Failed, "a job failed, or a file could not be written"),
        (Self::Usage, "wrong usage"),
        (Self::Refused, "refused by the service"),
        (Self::SignedOut, "not signed in"),
        (Self::NotFound, "not found"),
        (Self::Busy, "the service is busy, after all retries"),
        (Self::Unreachable, "the service or the network does not answer, after all retries"),
        (Self::Lacking, "finished, but the recording lacks a part (not with --allow-lack)"),
        (Self::Partly, "some of several clips failed"),
        (Self::TimedOut, "the time of --timeout is over; the job goes on"),
        (Self::Interrupted, "interrupted; the job goes on"),
    ];

    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::SignedOut => 4,
            Self::NotFound => 5,
            Self::Busy => 6,
            Self::Unreachable => 7,
            Self::Lacking => 8,
            Self::Partly => 9,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    message: String,
    causes: Vec<String>,
    help: Option<String>,
    correlation_id: Option<String>,
    /// HTTP status, if the service answered.
    status: Option<u16>,
}

impl CliError {
    /// An error that ends the process with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { exit, message, causes: Vec::new(), help: None, correlation_id: None, status: None }
    }

    /// A command that makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A file that cannot be read or written.
    pub fn file(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(Exit::Failed, what.to_string()).because(error)
    }

    /// With what caused it.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With what to do about it, if that is known.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into).or(self.help);
        self
    }

    /// With the service's answer.
    #[must_use]
    pub fn answered(mut self, status: u16, correlation_id: Option<String>) -> Self {
        (self.status, self.correlation_id) = (Some(status), correlation_id);
        self
    }

    /// The end of the process.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// HTTP status of the service's answer.
    pub fn status(&self) -> Option<u16> {
        self.status
    }
}

impl fmt::Display for CliError {
    /// All lines: message, causes, help, correlation id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        if let Some(id) = &self.correlation_id {
            write!(f, "\n  correlation id: {id}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CliError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_cause_help_and_correlation() {
        let error = CliError::new(Exit::NotFound, "no such job")
            .because("the service says so")
            .help("see `mex jobs`")
            .answered(404, Some("abc".to_owned()));
        assert_eq!(
            error.to_string(),
            "error: no such job\n  caused by: the service says so\n  help: see `mex jobs`\n  correlation id: abc"
        );
        assert_eq!((error.exit().code(), error.status()), (5, Some(404)));
    }

    #[test]
    fn codes_differ() {
        let mut codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 124, 130]);
    }
}
