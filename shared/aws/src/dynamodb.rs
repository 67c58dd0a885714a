//! The three tables of media export, MRE's tables, and the state of data exports.

mod batches;
mod directory;
mod item;
mod jobs;
#[cfg(feature = "mre")]
pub mod mre;

pub use batches::DynamoBatches;
pub use directory::{DynamoSessions, DynamoTenants};
pub use jobs::DynamoJobs;
