//! The function's ports on AWS.

use crate::{App, Config, World};
use export_aws::clients::{self, Patience};
use export_aws::clock::SystemClock;
use export_aws::dynamodb::{DynamoJobs, DynamoTenants};
use export_aws::eventbridge::EventBridgeBus;
use export_aws::s3::S3Objects;
use export_aws::sqs::{SqsDeadLetters, SqsQueues};
use export_clip::Ffmpeg;
use export_lambda::metrics::Metrics;
use std::sync::Arc;

/// The services of AWS.
#[derive(Debug)]
pub struct Deployed;

impl World for Deployed {
    type Jobs = DynamoJobs<SystemClock>;
    type Queue = SqsQueues;
    type Tenants = DynamoTenants;
    type Objects = S3Objects<SystemClock>;
    type DeadLetters = SqsDeadLetters;
    type Bus = EventBridgeBus;
    type Clock = SystemClock;
}

impl App<Deployed> {
    /// The function as `config` describes it.
    pub async fn deployed(config: Config, metrics: Metrics) -> Self {
        let sdk = &clients::load(Patience::WORK).await;
        Self {
            jobs: DynamoJobs::new(sdk, config.jobs_table, SystemClock),
            queue: SqsQueues::new(sdk, config.queues),
            tenants: DynamoTenants::new(sdk, config.tenants_table),
            objects: Arc::new(S3Objects::new(sdk, SystemClock).lent_by(config.data_role)),
            dead_letters: SqsDeadLetters::new(sdk, config.dead_letter_queue),
            bus: EventBridgeBus::new(sdk, config.bus),
            clock: SystemClock,
            times: config.times,
            workers: config.workers,
            plays: config.plays,
            ffmpeg: Ffmpeg::caged(config.ffmpeg, config.patience, config.cage).within(config.memory),
            metrics,
        }
    }
}
