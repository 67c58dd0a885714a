//! `clip`: cuts a clip, or a still, out of a DASH or HLS recording on disk.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

mod chunks;
mod cut;
mod listing;
mod metered;
mod options;
mod synthetic;
mod usage;

use crate::options::{Asked, Options, USAGE};
use export_clip::cage;
use std::process::ExitCode;

#[tokio::main]
async fn run(options: &Options) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for _ in 0..options.repeat {
        match Box::pin(cut::cut(options)).await {
            Ok(told) => println!("{told}"),
            Err(why) => {
                eprintln!("clip: {why}");
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

fn main() -> ExitCode {
    // The same binary is started once more to become ffmpeg in its cage.
    if let Some(status) = cage::enter(std::env::args_os()) {
        return status;
    }
    match Options::read(std::env::args().skip(1)) {
        Ok(Asked::Help) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Asked::Cut(options)) => {
            options.log();
            run(&options)
        }
        Err(why) => {
            eprintln!("clip: {why}\nclip --help lists all options.");
            ExitCode::from(2)
        }
    }
}
