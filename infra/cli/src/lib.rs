//! The command line of Media Export, on its public API alone: `mex`.

pub mod api;
pub mod args;
pub mod colour;
pub mod commands;
pub mod config;
pub mod download;
pub mod error;
pub mod follow;
pub mod http;
pub mod output;
pub mod progress;
pub mod request;
pub mod show;
pub mod sign;
pub mod signals;
pub mod times;
pub mod tls;
pub mod world;

use args::Arguments;
use clap::Parser;
use error::{CliError, Exit};
use std::process::ExitCode;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let exit = match Arguments::try_parse() {
        Ok(arguments) => commands::run(&arguments).map_or_else(|error| ended(&error), |()| Exit::Done),
        Err(error) => {
            if error.use_stderr() {
                progress::say(error.render().to_string().trim_end());
                return ExitCode::from(Exit::Usage.code());
            }
            // There is no other place to say that stdout takes nothing.
            let _ = error.print();
            Exit::Done
        }
    };
    ExitCode::from(exit.code())
}

fn ended(error: &CliError) -> Exit {
    if error.exit() != Exit::Done {
        progress::say(&error.to_string());
    }
    error.exit()
}
