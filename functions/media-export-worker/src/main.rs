//! `media-export-worker`: makes clips and thumbnails.

use export_aws::clock::SystemClock;
use export_aws::dynamodb::{DynamoJobs, DynamoTenants};
use export_aws::eventbridge::EventBridgeBus;
use export_aws::sqs::{SqsDeadLetters, SqsQueues};
use export_aws::{clients, s3::S3Objects};
use export_domain::ports::Clock;
use export_lambda::batch::{Batch, each};
use export_lambda::deadline::left;
use export_lambda::metrics::{Metric, Metrics};
use export_lambda::process;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use media_export_worker::cage::{self, CagePolicy};
use media_export_worker::{App, Config, Ffmpeg, children};
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
    look_at_cage(config.cage, &metrics)?;
    let sdk = clients::load(clients::Patience::WORK).await;
    let objects = S3Objects::new(&sdk);
    let app = Arc::new(App {
        jobs: DynamoJobs::new(&sdk, config.jobs_table),
        queue: SqsQueues::new(&sdk, config.clip_queue, config.thumbnail_queue),
        tenants: DynamoTenants::new(&sdk, config.tenants_table),
        objects: Arc::new(match config.data_role {
            Some(role) => objects.lent_by(role),
            None => objects,
        }),
        dead_letters: SqsDeadLetters::new(&sdk, config.dead_letter_queue),
        bus: EventBridgeBus::new(&sdk, config.bus),
        clock: SystemClock,
        times: config.times,
        workers: config.workers,
        ffmpeg: Ffmpeg::caged(config.ffmpeg, config.patience, config.cage).within(config.memory),
        metrics,
    });
    run(service_fn(move |event: LambdaEvent<Batch>| {
        let (app, deadline) = (Arc::clone(&app), event.context.deadline());
        async move {
            let handle = |record| {
                let (app, left) = (Arc::clone(&app), left(deadline));
                async move { Box::pin(app.handle(record, left)).await }
            };
            let reply = each(event.payload, handle).await;
            if !tokio::task::spawn_blocking(children::end).await? {
                tracing::error!("failed to end all that ffmpeg had started");
            }
            Ok::<_, Error>(reply)
        }
    }))
    .await
}

/// Finds out which parts of ffmpeg's cage the platform refuses, and tells operators. Where the cage is required and a part
/// is refused the function does not start: jobs wait in their queue.
fn look_at_cage(policy: CagePolicy, metrics: &Metrics) -> Result<(), Error> {
    let mut missing = cage::missing()?;
    missing.extend(children::adopt().err().map(|error| format!("orphans: {error}")));
    metrics.emit(SystemClock.now_ms(), &[], &[(Metric::Uncaged, u64::from(!missing.is_empty()))]);
    if !missing.is_empty() {
        let refused = missing.join("; ");
        tracing::error!(refused, ?policy, "the platform refuses a part of ffmpeg's cage");
        if policy == CagePolicy::Required {
            return Err(format!("the platform refuses a part of ffmpeg's cage: {refused}").into());
        }
    }
    Ok(())
}
