//! The sources of the product as a whole: the imports of modules, the names of types, the parameters of functions, the
//! English of docs and pages, and the files that a submission and its clip pass through.

#![expect(clippy::unwrap_used, reason = "a suite has nobody to return an error to")]
#![expect(clippy::print_stdout, reason = "the counts are there to be read")]

mod cycles;
mod names;
mod parameters;
mod prose;
mod read;
mod way;
