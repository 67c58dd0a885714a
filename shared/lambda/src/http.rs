//! HTTP in and out of a function.

mod problem;
mod reply;
mod request;

pub use problem::problem;
pub use reply::{reply, with_header};
pub use request::{MAX_BODY, Received, receive};
