//! `mex` as a person and a script run it, against a service that answers by a script.

#![expect(clippy::unwrap_used, reason = "a suite has nobody to return an error to")]

mod batches;
mod documents;
mod downloads;
mod fake;
mod faults;
mod jobs;
mod run;
mod setup;
mod signals;
mod snapshots;
