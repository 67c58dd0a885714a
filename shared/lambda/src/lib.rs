//! The parts that every function needs to be a Lambda: configuration, logs, HTTP replies, documents, SQS batches.

#[cfg(feature = "sqs")]
pub mod batch;
pub mod config;
#[cfg(any(feature = "http", feature = "documents"))]
pub mod correlation;
pub mod deadline;
#[cfg(feature = "documents")]
pub mod documents;
#[cfg(feature = "http")]
pub mod http;
pub mod metrics;
#[cfg(any(feature = "http", feature = "documents"))]
pub mod negotiate;
pub mod process;
pub mod settings;
pub mod settle;
pub mod telemetry;
pub mod tell;
