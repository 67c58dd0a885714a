//! MRE's tables, as what exports are built from.
//!
//! Base tables are read consistently: a trigger comes right after the rows it is about were written. Names are only
//! ever values of keys; expressions are built from placeholders.

mod convert;
mod source;
mod state;
mod tables;

pub use source::{DynamoMre, Previews};
pub use state::DynamoExportStates;
pub use tables::MreTables;

/// Longest partition key in bytes; there is no row with a longer one.
const MAX_PARTITION_BYTES: usize = 2048;
