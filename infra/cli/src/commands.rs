//! The commands.

mod batch;
mod batch_delivery;
mod clip;
mod delivery;
mod doctor;
mod documents;
mod jobs;
mod outcome;
mod place;
mod play;
mod recordings;
mod retry;
mod setup;

use crate::api::Api;
use crate::args::{Arguments, Command};
use crate::config::Settings;
use crate::error::{CliError, Exit};
use crate::http::{Client, RetryPolicy};
use crate::output::Output;
use crate::{progress, signals, world};
use std::sync::Arc;
use std::time::Instant;

/// The surroundings of a command that asks the service.
pub struct Context {
    settings: Settings,
    client: Arc<Client>,
    output: Output,
    until: Option<Instant>,
}

impl Context {
    fn new(arguments: &Arguments) -> Result<Self, CliError> {
        let settings = Settings::resolve(&arguments.choice)?;
        let output = Output::new(&arguments.look);
        if let Some(found) = settings.found.as_ref().filter(|_| output.is_plain()) {
            progress::say(&format!("using the local stack of {}", found.display()));
        }
        let patience = RetryPolicy::from_environment();
        let client = Client::new(&settings.url, settings.session.clone(), patience, arguments.look.verbose);
        let client = Arc::new(client);
        let listening = signals::listen(Arc::clone(&client));
        listening.map_err(|error| CliError::file("signals cannot be waited for", &error))?;
        let until = arguments.timeout.map(|timeout| world::ticks() + timeout);
        Ok(Self { settings, client, output, until })
    }

    fn api(&self) -> Api<'_> {
        Api::new(&self.client)
    }
}

/// Runs a command.
///
/// # Errors
/// [`CliError`] with what is wrong, and how the process ends.
pub fn run(arguments: &Arguments) -> Result<(), CliError> {
    match &arguments.command {
        Command::Login(command) => setup::login(arguments, command),
        Command::Config(command) => setup::config(command),
        Command::Completion(command) => setup::completion(command),
        Command::Man(command) => setup::man(command),
        asking => ask(&Context::new(arguments)?, asking),
    }
}

/// Runs a command that asks the service.
fn ask(context: &Context, command: &Command) -> Result<(), CliError> {
    match command {
        Command::Clip(command) => clip::clip(context, command),
        Command::Thumb(command) => clip::thumb(context, command),
        Command::Last(command) => clip::last(context, command),
        Command::Plan(command) => clip::plan(context, command),
        Command::Batch(command) => batch::batch(context, command),
        Command::ClipAll(command) => batch::clip_all(context, command),
        Command::Reel(command) => batch::reel(context, command),
        Command::Watch(command) => jobs::watch(context, command),
        Command::Jobs(command) => jobs::list(context, command),
        Command::Show(command) => jobs::show(context, command),
        Command::Cancel(command) => jobs::cancel(context, command),
        Command::Retry(command) => retry::retry(context, command),
        Command::Get(command) => delivery::get(context, command),
        Command::Play(command) => play::play(context, command),
        Command::Recordings(command) => recordings::list(context, command),
        Command::Info(command) => recordings::info(context, command),
        Command::Event(command) => documents::event(context, command),
        Command::Replay(command) => documents::replay(context, command),
        Command::Doctor => doctor::doctor(context),
        Command::Login(_) | Command::Config(_) | Command::Completion(_) | Command::Man(_) => Ok(()),
    }
}

/// Some of several things have failed, each told already.
fn partly(failed: usize, all: usize, what: &str) -> Result<(), CliError> {
    if failed == 0 {
        return Ok(());
    }
    let exit = if failed < all { Exit::Partly } else { Exit::Failed };
    Err(CliError::new(exit, format!("{failed} of {all} jobs were not {what}")))
}
