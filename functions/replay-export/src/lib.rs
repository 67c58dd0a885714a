//! Media Replay Engine's replay documents over HTTP: the developer guide's routes and MRE's own.
//! `export_lambda::documents` serves them.

mod config;

pub use config::Config;
