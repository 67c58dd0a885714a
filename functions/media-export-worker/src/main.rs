//! `media-export-worker`: makes clips and thumbnails.

use export_aws::clock::SystemClock;
use export_aws::dynamodb::{DynamoJobs, DynamoTenants};
use export_aws::eventbridge::EventBridgeBus;
use export_aws::sqs::{SqsDeadLetters, SqsQueues};
use export_aws::{clients, s3::S3Objects};
use export_domain::ports::Clock;
use export_lambda::batch::{Batch, each};
use export_lambda::deadline::left;
use export_lambda::{config::Env, telemetry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use media_export_worker::{App, Config, Ffmpeg};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let env = Env::of_process();
    let metrics = telemetry::start(&env, SystemClock.now_ms());
    let config = Config::read(env)?;
    let sdk = clients::load(clients::Patience::WORK).await;
    let app = Arc::new(App {
        jobs: DynamoJobs::new(&sdk, config.jobs_table),
        queue: SqsQueues::new(&sdk, config.clip_queue, config.thumbnail_queue),
        tenants: DynamoTenants::new(&sdk, config.tenants_table),
        objects: Arc::new(S3Objects::new(&sdk)),
        dead_letters: SqsDeadLetters::new(&sdk, config.dead_letter_queue),
        bus: EventBridgeBus::new(&sdk, config.bus),
        clock: SystemClock,
        times: config.times,
        workers: config.workers,
        ffmpeg: Ffmpeg::at(config.ffmpeg, config.patience).within(config.memory),
        metrics,
    });
    run(service_fn(move |event: LambdaEvent<Batch>| {
        let (app, deadline) = (Arc::clone(&app), event.context.deadline());
        async move {
            let handle = |record| {
                let (app, left) = (Arc::clone(&app), left(deadline));
                async move { Box::pin(app.handle(record, left)).await }
            };
            Ok::<_, Error>(each(event.payload, handle).await)
        }
    }))
    .await
}
