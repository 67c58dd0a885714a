//! What the sources of the product look like as a whole.

#![expect(clippy::unwrap_used, reason = "a suite has nobody to return an error to")]

mod cycles;
mod read;
