//! `mex login`, `config`, `completion` and `man`: commands that are run before a service is known.

use crate::api::Api;
use crate::args::{Arguments, CompletionArgs, ConfigCommand, LoginArgs, ManArgs};
use crate::config::{ConfigFile, Secret, ServiceProfile, SessionSource, address, config_path};
use crate::error::{CliError, Exit};
use crate::http::{Client, RetryPolicy};
use crate::output::written;
use crate::progress;
use clap::CommandFactory;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The profile that `login` makes if none is named.
const USUAL: &str = "default";

/// Tries a session, and stores it with its address.
///
/// # Errors
/// [`CliError`] if the service does not let it in, or it cannot be stored.
pub(super) fn login(arguments: &Arguments, command: &LoginArgs) -> Result<(), CliError> {
    let path = config_path()?;
    let mut file = ConfigFile::read(&path)?;
    let choice = &arguments.choice;
    let name = choice.profile.clone().unwrap_or_else(|| USUAL.to_owned());
    let mut profile = file.profiles.get(&name).cloned().unwrap_or_default();
    let Some(url) = choice.url.clone().or(profile.url.clone()) else {
        return Err(CliError::usage("no address is known").help("mex login --url https://…"));
    };
    let url = address(&url)?;
    let session = Secret::parse(&asked()?, "stdin")?;
    let client =
        Client::new(&url, Some(session.clone()), RetryPolicy::from_environment(), arguments.look.verbose);
    Api::new(&client).jobs(1, None, None)?;
    let place = path.with_file_name("sessions").join(&name);
    store(&place, session.reveal(), 0o600)?;
    (profile.url, profile.session) = (Some(url.clone()), Some(SessionSource::File(place)));
    file.profiles.insert(name.clone(), profile);
    if command.default || file.default.is_none() {
        file.default = Some(name.clone());
    }
    store(&path, &text_of(&file)?, 0o644)?;
    progress::say(&format!("signed in to {url} as profile {name}"));
    Ok(())
}

/// The session, typed without being shown, or from a pipe.
fn asked() -> Result<String, CliError> {
    let stdin = std::io::stdin();
    let quiet = stdin.is_terminal().then(|| silence(&stdin)).flatten();
    if quiet.is_some() {
        let _ = write!(std::io::stderr(), "session: ");
    }
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    if let Some(before) = quiet {
        let _ = tcsetattr(&stdin, OptionalActions::Now, &before);
        progress::say("");
    }
    read.map_err(|error| CliError::file("the session cannot be read from stdin", &error))?;
    Ok(line)
}

/// Stops the echo of a terminal, and returns how it was.
fn silence(stdin: &std::io::Stdin) -> Option<rustix::termios::Termios> {
    let before = tcgetattr(stdin).ok()?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(stdin, OptionalActions::Now, &silent).ok()?;
    Some(before)
}

fn text_of(file: &ConfigFile) -> Result<String, CliError> {
    toml::to_string(file)
        .map_err(|error| CliError::new(Exit::Failed, "the configuration cannot be written").because(error))
}

/// Writes a file whole: beside its place first, and only then there.
fn store(path: &Path, text: &str, mode: u32) -> Result<(), CliError> {
    let failed =
        |error: std::io::Error| CliError::file(format!("{} cannot be written", path.display()), &error);
    let beside = path.with_extension("new");
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let _ = std::fs::remove_file(&beside);
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside);
    let mut file = file.map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}

/// Shows or changes the configuration.
///
/// # Errors
/// [`CliError`] if there is no such key, or the file cannot be read or written.
pub(super) fn config(command: &ConfigCommand) -> Result<(), CliError> {
    let path = config_path()?;
    let line = |text: &str| written(writeln!(std::io::stdout(), "{text}"));
    let mut file = ConfigFile::read(&path)?;
    match command {
        ConfigCommand::Path => line(&path.display().to_string()),
        ConfigCommand::List => line(text_of(&file)?.trim_end()),
        ConfigCommand::Get { key } => match value_of(&file, key)? {
            Some(value) => line(&value),
            None => Err(CliError::new(Exit::NotFound, format!("{key} is not set"))),
        },
        ConfigCommand::Set { key, value } => {
            set(&mut file, key, Some(value.clone()).filter(|value| !value.is_empty()))?;
            store(&path, &text_of(&file)?, 0o644)
        }
    }
}

fn unknown(key: &str) -> CliError {
    let keys = "default, or PROFILE.url, .container, .bucket, .region, .env, .session-file, .session-command";
    CliError::usage(format!("there is no key {key:?}")).help(format!("keys are {keys}"))
}

fn value_of(file: &ConfigFile, key: &str) -> Result<Option<String>, CliError> {
    if key == "default" {
        return Ok(file.default.clone());
    }
    let (name, key) = key.rsplit_once('.').ok_or_else(|| unknown(key))?;
    let profile = file.profile(name)?;
    let session = |of: fn(&SessionSource) -> Option<String>| profile.session.as_ref().and_then(of);
    Ok(match key {
        "url" => profile.url.clone(),
        "container" => profile.container.clone(),
        "bucket" => profile.bucket.clone(),
        "region" => profile.region.clone(),
        "env" => profile.env.as_ref().map(|path| path.display().to_string()),
        "session-file" => session(SessionSource::file),
        "session-command" => session(SessionSource::command),
        _ => return Err(unknown(key)),
    })
}

fn set(file: &mut ConfigFile, key: &str, value: Option<String>) -> Result<(), CliError> {
    if key == "default" {
        if let Some(name) = &value {
            file.profile(name)?;
        }
        file.default = value;
        return Ok(());
    }
    let (name, key) = key.rsplit_once('.').ok_or_else(|| unknown(key))?;
    let mut profile = file.profiles.get(name).cloned().unwrap_or_default();
    match key {
        "url" => profile.url = value.as_deref().map(address).transpose()?,
        "container" => profile.container = value.map(container).transpose()?,
        "bucket" => profile.bucket = value,
        "region" => profile.region = value,
        "env" => profile.env = value.map(PathBuf::from),
        "session-file" => profile.session = value.map(|path| SessionSource::File(path.into())),
        "session-command" => profile.session = value.map(SessionSource::Command),
        _ => return Err(unknown(key)),
    }
    if profile == ServiceProfile::default() {
        file.profiles.remove(name);
    } else {
        file.profiles.insert(name.to_owned(), profile);
    }
    Ok(())
}

fn container(value: String) -> Result<String, CliError> {
    match value.as_str() {
        "mp4" | "ts" => Ok(value),
        _ => Err(CliError::usage(format!("{value:?} is no container")).help("mp4 or ts")),
    }
}

/// Prints the completions of a shell.
///
/// # Errors
/// [`CliError`] if stdout takes none.
pub(super) fn completion(command: &CompletionArgs) -> Result<(), CliError> {
    let mut text = Vec::new();
    clap_complete::generate(command.shell, &mut Arguments::command(), "mex", &mut text);
    written(std::io::stdout().write_all(&text))
}

/// Writes a page for `mex`, and one for each command.
///
/// # Errors
/// [`CliError`] if a page cannot be written.
pub(super) fn man(command: &ManArgs) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::file(format!("the pages cannot be written to {}", command.folder.display()), &error)
    };
    std::fs::create_dir_all(&command.folder).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), &command.folder).map_err(failed)
}
