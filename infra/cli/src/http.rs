//! Requests to the service: signed in, retried, and with errors that name what is wrong.

mod answer;

pub use answer::{HttpAnswer, refusal};

use crate::config::Secret;
use crate::error::{CliError, Exit};
use crate::tls::TlsConnector;
use crate::world;
use std::io::Read;
use std::time::{Duration, Instant};
use ureq::http::{Method, Request};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, DefaultConnector};
use ureq::{Agent, Body};

/// The time that a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// The time that the service may take to answer, besides what it was asked to wait.
const PATIENCE: Duration = Duration::from_secs(35);
/// The time after which a connection that brings nothing is given up.
const STALL: Duration = Duration::from_secs(20);
/// The longest pause before a retry, also where the service asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The largest body that is read into memory.
const LARGEST_BODY: u64 = 64 << 20;

/// The times and the number of tries; tests have shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Tries after the first.
    pub retries: u32,
    /// The most of the first pause; each further one may be twice as long.
    pub pause: Duration,
    /// The time after which a connection that brings nothing is given up.
    pub stall: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { retries: 5, pause: Duration::from_millis(500), stall: STALL }
    }
}

impl RetryPolicy {
    /// The usual one, except for `MEX_RETRIES` and `MEX_STALL_S`.
    pub fn from_environment() -> Self {
        let number = |name| world::variable(name).and_then(|text| text.parse::<u32>().ok());
        let usual = Self::default();
        let stall =
            number("MEX_STALL_S").map_or(usual.stall, |seconds| Duration::from_secs(seconds.max(1).into()));
        Self { retries: number("MEX_RETRIES").unwrap_or(usual.retries), stall, ..usual }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct ServiceCall {
    method: Method,
    path: String,
    body: Option<String>,
    headers: Vec<(&'static str, String)>,
    wait: Duration,
    is_signed_in: bool,
}

impl ServiceCall {
    /// A request of `path`, which begins with `/` and is encoded already.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            headers: Vec::new(),
            wait: Duration::ZERO,
            is_signed_in: true,
        }
    }

    /// A `GET`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A `POST` of JSON.
    pub fn post(path: impl Into<String>, body: String) -> Self {
        let mut call = Self::new(Method::POST, path);
        call.body = Some(body);
        call.header("Content-Type", "application/json")
    }

    /// Of a route that takes no session.
    #[must_use]
    pub fn without_session(mut self) -> Self {
        self.is_signed_in = false;
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Which the service holds for that long until the work is done.
    #[must_use]
    pub fn waiting(mut self, wait: Duration) -> Self {
        if wait.as_secs() > 0 {
            self.wait = wait;
            return self.header("Prefer", format!("wait={}", wait.as_secs()));
        }
        self
    }
}

/// A client of the service.
pub struct Client {
    agent: Agent,
    base: String,
    session: Option<Secret>,
    patience: RetryPolicy,
    /// 1 shows requests, 2 replies, too.
    verbosity: u8,
}

/// Why a try brought no answer that counts.
enum FailedTry {
    /// The service answered that another try may do better.
    Busy(HttpAnswer),
    /// There was no answer.
    Broken(ureq::Error),
}

impl Client {
    /// A client of the service at `base`.
    pub fn new(base: &str, session: Option<Secret>, patience: RetryPolicy, verbosity: u8) -> Self {
        Self { agent: agent(), base: base.to_owned(), session, patience, verbosity }
    }

    /// The address of the service.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request until there is an answer that counts, or all tries are used up.
    ///
    /// # Errors
    /// [`CliError`] for every status of 400 or more, and without an answer.
    pub fn send(&self, call: &ServiceCall) -> Result<HttpAnswer, CliError> {
        let answer = self.retried(call)?;
        if answer.status < 400 { Ok(answer) } else { Err(refusal(&answer)) }
    }

    /// The `Date` of an answer, whatever its status.
    ///
    /// # Errors
    /// [`CliError`] without an answer.
    pub fn date(&self, call: &ServiceCall) -> Result<Option<String>, CliError> {
        self.retried(call).map(|answer| answer.header("Date").map(str::to_owned))
    }

    fn retried(&self, call: &ServiceCall) -> Result<HttpAnswer, CliError> {
        let mut tries = 0;
        loop {
            let miss = match self.once(call) {
                Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => FailedTry::Busy(answer),
                Ok(answer) => return Ok(answer),
                Err(error) if is_passing(&error) => FailedTry::Broken(error),
                Err(error) => return Err(self.broken(call, &error, tries)),
            };
            if tries == self.patience.retries {
                return Err(self.given_up(call, &miss, tries));
            }
            std::thread::sleep(self.pause(&miss, tries));
            tries += 1;
        }
    }

    /// The pause before the next try: as the service asks for, else a random part that doubles.
    fn pause(&self, miss: &FailedTry, tries: u32) -> Duration {
        let asked = match miss {
            FailedTry::Busy(answer) => answer.retry_after(),
            FailedTry::Broken(_) => None,
        };
        let most = self.patience.pause.saturating_mul(1 << tries.min(10));
        asked.unwrap_or_else(|| world::part_of(most)).min(LONGEST_PAUSE)
    }

    fn given_up(&self, call: &ServiceCall, miss: &FailedTry, tries: u32) -> CliError {
        match miss {
            FailedTry::Busy(answer) => refusal(answer).because(format!("{} tries", tries + 1)),
            FailedTry::Broken(error) => self.broken(call, error, tries),
        }
    }

    fn broken(&self, call: &ServiceCall, error: &ureq::Error, tries: u32) -> CliError {
        let message = format!("{} does not answer", self.base);
        let cause = format!("{} {}: {}", call.method, call.path, plain(error));
        let help = match error {
            ureq::Error::HostNotFound => "is the address right? is there a network?",
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
                "is the address right? a local stack is started by `make up`"
            }
            _ => "try again; `mex doctor` looks at address, network and session",
        };
        let error = CliError::new(Exit::Unreachable, message).because(cause).help(help);
        if tries > 0 { error.because(format!("{} tries", tries + 1)) } else { error }
    }

    fn once(&self, call: &ServiceCall) -> Result<HttpAnswer, ureq::Error> {
        self.show(call);
        let mut request =
            Request::builder().method(call.method.clone()).uri(format!("{}{}", self.base, call.path));
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(session) = self.session.as_ref().filter(|_| call.is_signed_in) {
            request = request.header("Authorization", format!("Bearer {}", session.reveal()));
        }
        let patience = Some(call.wait + PATIENCE.min(self.patience.stall * 2));
        let reply = match &call.body {
            Some(body) => self.run(request.body(body.clone())?, patience),
            None => self.run(request.body(())?, patience),
        };
        let answer = HttpAnswer::read(reply?, LARGEST_BODY)?;
        self.show_answer(&answer);
        Ok(answer)
    }

    fn run(
        &self,
        request: Request<impl ureq::AsSendBody>,
        patience: Option<Duration>,
    ) -> Result<ureq::http::Response<Body>, ureq::Error> {
        let request = self.agent.configure_request(request);
        let request = request.timeout_recv_response(patience).timeout_per_read(patience).build();
        self.agent.run(request)
    }

    /// Opens a link from `from` on, without the session.
    ///
    /// # Errors
    /// [`ureq::Error`] without an answer.
    pub fn open(&self, url: &str, from: u64) -> Result<LinkStream, ureq::Error> {
        let mut request = Request::get(url);
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        let request = self.agent.configure_request(request.body(())?);
        let stall = Some(self.patience.stall);
        let request = request.timeout_recv_response(stall).timeout_per_read(stall).max_redirects(5).build();
        let reply = self.agent.run(request)?;
        Ok(LinkStream { status: reply.status().as_u16(), body: Box::new(reply.into_body().into_reader()) })
    }

    /// The tries that a download has without any progress.
    pub fn patience(&self) -> RetryPolicy {
        self.patience
    }

    /// Waits before a download goes on.
    pub fn rest(&self, tries: u32) {
        std::thread::sleep(world::part_of(self.patience.pause.saturating_mul(1 << tries.min(6))));
    }

    fn show(&self, call: &ServiceCall) {
        if self.verbosity == 0 {
            return;
        }
        let mut line = format!("> curl -X {} '{}{}'", call.method, self.base, call.path);
        if self.session.is_some() && call.is_signed_in {
            line += " -H \"Authorization: Bearer $MEX_SESSION\"";
        }
        for (name, value) in &call.headers {
            line.extend([" -H '", name, ": ", value, "'"]);
        }
        if let Some(body) = &call.body {
            line.extend([" -d '", &body.replace('\'', r"'\''"), "'"]);
        }
        crate::progress::say(&line);
    }

    fn show_answer(&self, answer: &HttpAnswer) {
        if self.verbosity > 1 {
            crate::progress::say(&format!("< {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        } else if self.verbosity == 1 {
            crate::progress::say(&format!("< {}", answer.status));
        }
    }
}

/// A file that is being read.
pub struct LinkStream {
    /// HTTP status.
    pub status: u16,
    /// The bytes.
    pub body: Box<dyn Read>,
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("mex/", env!("CARGO_PKG_VERSION")))
        .build();
    let connector = DefaultConnector::default().chain(TlsConnector::default());
    Agent::with_parts(config, connector, DefaultResolver::default())
}

/// Returns `true` if another try may do better: a connection that broke, timed out or was not made.
fn is_passing(error: &ureq::Error) -> bool {
    !matches!(
        error,
        ureq::Error::BadUri(_)
            | ureq::Error::Http(_)
            | ureq::Error::Tls(_)
            | ureq::Error::HostNotFound
            | ureq::Error::InvalidProxyUrl
    )
}

/// An error in words.
pub fn plain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the connection was closed".to_owned()
        }
        ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
            "connection refused".to_owned()
        }
        ureq::Error::Io(io) => io.to_string(),
        other => other.to_string(),
    }
}

/// The rest of a time that ends at `end`.
pub fn left_until(end: Option<Instant>) -> Option<Duration> {
    end.map(|end| end.saturating_duration_since(world::ticks()))
}
