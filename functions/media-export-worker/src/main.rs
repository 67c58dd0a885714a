//! `media-export-worker`: makes clips and thumbnails.

use export_aws::clock::SystemClock;
use export_aws::dynamodb::{DynamoJobs, DynamoTenants};
use export_aws::eventbridge::EventBridgeBus;
use export_aws::sqs::{SqsDeadLetters, SqsQueues};
use export_aws::{clients, s3::S3Objects};
use export_clip::{Ffmpeg, cage, children};
use export_domain::ports::Clock;
use export_lambda::batch::{SqsBatch, each};
use export_lambda::deadline::left;
use export_lambda::process;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use media_export_worker::{App, Config, check_cage};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> Result<ExitCode, Error> {
    match cage::enter(std::env::args_os()) {
        Some(status) => Ok(status),
        None => serve().map(|()| ExitCode::SUCCESS),
    }
}

#[tokio::main]
async fn serve() -> Result<(), Error> {
    let (env, metrics) = process::start(SystemClock.now_ms());
    let config = Config::read(env)?;
    check_cage(config.cage, &metrics, SystemClock.now_ms())?;
    let sdk = clients::load(clients::Patience::WORK).await;
    let app = Arc::new(App {
        jobs: DynamoJobs::new(&sdk, config.jobs_table),
        queue: SqsQueues::new(&sdk, config.clip_queue, config.thumbnail_queue),
        tenants: DynamoTenants::new(&sdk, config.tenants_table),
        objects: Arc::new(S3Objects::new(&sdk).lent_by(config.data_role)),
        dead_letters: SqsDeadLetters::new(&sdk, config.dead_letter_queue),
        bus: EventBridgeBus::new(&sdk, config.bus),
        clock: SystemClock,
        times: config.times,
        workers: config.workers,
        ffmpeg: Ffmpeg::caged(config.ffmpeg, config.patience, config.cage).within(config.memory),
        metrics,
    });
    run(service_fn(move |event: LambdaEvent<SqsBatch>| {
        let (app, deadline) = (Arc::clone(&app), event.context.deadline());
        async move {
            let handle = |record| {
                let (app, left) = (Arc::clone(&app), left(deadline));
                async move { Box::pin(app.handle(record, left)).await }
            };
            let reply = each(event.payload, handle).await;
            tokio::task::spawn_blocking(children::end).await?;
            Ok::<_, Error>(reply?)
        }
    }))
    .await
}
