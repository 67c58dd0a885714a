//! The parts that every function needs to be a Lambda: configuration, logs, HTTP replies, documents, SQS batches.

#[cfg(feature = "sqs")]
pub mod batch;
#[cfg(feature = "batches")]
pub mod batches;
pub mod config;
pub mod deadline;
#[cfg(feature = "documents")]
pub mod documents;
#[cfg(feature = "http")]
pub mod http;
pub mod metrics;
pub mod process;
pub mod settings;
pub mod settle;
pub mod submission;
pub mod telemetry;
pub mod tell;
