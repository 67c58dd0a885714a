//! The function's ports on AWS.

use crate::{App, Config, FanOutSettings, World};
use export_aws::clients::{self, Patience};
use export_aws::clock::SystemClock;
use export_aws::dynamodb::{DynamoJobs, DynamoTenants};
use export_aws::eventbridge::EventBridgeBus;
use export_aws::s3::S3Objects;
use export_aws::sqs::{SqsDeadLetters, SqsQueues};
use export_aws::stepfunctions::StateMachine;
use export_clip::{Ffmpeg, Machine};
use export_lambda::metrics::Metrics;
use std::num::NonZero;
use std::sync::Arc;

/// The cores of this function, which are those of the functions of chunks.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// The services of AWS.
#[derive(Debug)]
pub struct Deployed;

impl World for Deployed {
    type Jobs = DynamoJobs<SystemClock>;
    type Queue = SqsQueues;
    type Tenants = DynamoTenants;
    type Objects = S3Objects<SystemClock>;
    type Engine = StateMachine;
    type DeadLetters = SqsDeadLetters;
    type Bus = EventBridgeBus;
    type Clock = SystemClock;
}

impl App<Deployed> {
    /// The function as `config` describes it.
    pub async fn deployed(config: Config, metrics: Metrics) -> Self {
        let sdk = &clients::load(Patience::WORK).await;
        let has_machine = !config.machine.is_empty();
        let fan_out = has_machine.then(|| FanOutSettings {
            per_clip: config.per_clip,
            above: config.above,
            least: config.least,
            machine: Machine { memory: config.memory, cores: cores() },
            queues: config.queues.clone(),
        });
        Self {
            jobs: DynamoJobs::new(sdk, config.jobs_table, SystemClock),
            queue: SqsQueues::new(sdk, config.queues),
            tenants: DynamoTenants::new(sdk, config.tenants_table),
            objects: Arc::new(S3Objects::new(sdk, SystemClock).lent_by(config.data_role)),
            engine: StateMachine::new(sdk, config.machine),
            fan_out,
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
