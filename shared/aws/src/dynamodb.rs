//! The three tables of media export.

mod directory;
mod item;
mod jobs;
mod keys;

pub use directory::{DynamoSessions, DynamoTenants};
pub use jobs::DynamoJobs;
