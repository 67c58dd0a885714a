//! `POST /export` over ports in memory.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod admission;
mod answers;
mod faults;
mod judgement;
mod repeats;
mod restarts;
mod traces;
mod waits;
mod world;
