//! Edit decision lists (CMX 3600): their lines, read and written.

mod read;
mod write;

pub use read::{EdlEvent, EdlText, read};
pub use write::{EdlWriter, one_line};
