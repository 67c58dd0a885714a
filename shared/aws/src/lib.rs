//! The ports of `export-domain` and `export-mre` on AWS: DynamoDB tables, S3 objects, SQS queues, an event bus, a state machine, the system's clock.
//!
//! One feature a service, so that a function links only the clients it uses. Every call has a timeout and a retry
//! budget (see [`clients`]); a conditional write recognises its own earlier try.

pub mod clients;
pub mod clock;
#[cfg(feature = "mre")]
pub mod documents;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "eventbridge")]
pub mod eventbridge;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sqs")]
pub mod sqs;
#[cfg(feature = "stepfunctions")]
pub mod stepfunctions;
#[cfg(all(feature = "mre", feature = "sqs"))]
pub mod triggers;

#[cfg(all(test, feature = "dynamodb", feature = "s3"))]
mod wire;
