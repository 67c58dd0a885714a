//! HTTP in and out of a function.

mod problem;
mod reply;
mod request;
mod serve;

pub use problem::problem;
pub use reply::{refuse, reply, with_header};
pub use request::{Received, receive};
pub use serve::serve;
