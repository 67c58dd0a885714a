//! Documents over HTTP: names, negotiation, validators, and bodies of any size.
//!
//! A document is whole or not served. What a reply of a function cannot hold is kept in S3 and pointed at.

mod ask;
mod deliver;
mod encode;
mod failure;
mod formats;
mod handler;
mod names;
mod order;
mod style;

pub use ask::{Ask, Delivery, Form};
pub use deliver::{content_type, formed};
pub use encode::sha256;
pub use failure::DocumentFailure;
pub use handler::{DocumentKey, DocumentServer};
pub use names::Refused;
pub use order::DocumentOrder;
