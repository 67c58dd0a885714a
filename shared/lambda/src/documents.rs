//! Documents over HTTP: names, negotiation, validators, and bodies of any size.
//!
//! A document is whole or not served. What a reply of a function cannot hold is kept in S3 and pointed at.

mod ask;
mod deliver;
mod encode;
mod failure;
mod gateway;
mod names;
mod order;
mod serve;

pub use ask::{Ask, Delivery, Form, Style};
pub use deliver::{Origin, Served, content_type, deliver, formed};
pub use encode::sha256;
pub use failure::Failure;
pub use gateway::{Call, Reply};
pub use names::Refused;
pub use order::{Order, patiently};
pub use serve::{Work, serve};
