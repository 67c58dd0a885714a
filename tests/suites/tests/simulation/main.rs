//! The functions together, in one process and in virtual time: simulated worlds, crashes at every call, and crowds.
#![expect(clippy::unwrap_used, reason = "a suite has nobody to return an error to")]

mod chance;
mod checks;
mod coder;
mod crashes;
mod crowds;
mod orders;
mod outages;
mod queue;
mod seeds;
mod sim;
mod world;
