//! Fuzz targets: whatever a client, a queue or a table says, its reader neither panics nor hangs, and takes
//! no more memory than its input accounts for.
//!
//! Inputs are good ones with damage that knows where a member, a number or a name is. What is accepted must also make
//! sense: it is in range, and says the same once it is written and read again.
//!
//! `export-fuzz` says how they run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod bodies;
mod lists;
mod names;
mod stored;

/// What any call may hold besides what its input and output account for.
const FIXED: usize = 64 << 10;
