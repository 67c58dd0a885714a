//! `mex`: the command line of Media Export.

use std::process::ExitCode;

fn main() -> ExitCode {
    export_cli::run()
}
