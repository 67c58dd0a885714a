//! The rules of Media Export: what a request means, what a job may do next, what a client is answered.
//!
//! Pure types and functions. Whatever touches the world is a port (see [`ports`]) that `export-aws` implements;
//! HTTP statuses are plain numbers here and become responses in `export-lambda`.

pub mod batch;
pub mod cache;
pub mod completion;
pub mod csv;
pub mod edit;
pub mod edl;
pub mod files;
pub mod identity;
pub mod ids;
pub mod intake;
pub mod job;
pub mod json;
pub mod lines;
pub mod listing;
pub mod message;
pub mod ports;
pub mod recordings;
pub mod reel;
pub mod request;
pub mod resource;
pub mod settings;
pub mod storage;
pub mod target;
pub mod tenant;
pub mod time;
pub mod timecode;
pub mod trace;
pub mod tvu;
pub mod update;
pub mod version;
