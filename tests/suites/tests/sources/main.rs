//! The sources of the product as a whole: the imports of modules, the names of types, the parameters of functions, and
//! the English of docs and pages.

#![expect(clippy::unwrap_used, reason = "a suite has nobody to return an error to")]

mod cycles;
mod names;
mod parameters;
mod prose;
mod read;
