//! What every function needs to be a Lambda: configuration, logs, HTTP replies, SQS batches.

#[cfg(feature = "sqs")]
pub mod batch;
pub mod config;
#[cfg(feature = "http")]
pub mod http;
pub mod settings;
pub mod telemetry;
