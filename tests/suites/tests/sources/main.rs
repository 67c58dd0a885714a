//! What the sources of the product look like as a whole: modules that import one another, names that are defined twice.

#![expect(clippy::unwrap_used, reason = "a suite has nobody to return an error to")]

mod cycles;
mod names;
mod read;
