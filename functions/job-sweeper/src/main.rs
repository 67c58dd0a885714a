//! `job-sweeper`: every minute, what is due.

use export_aws::clock::SystemClock;
use export_aws::{clients, dynamodb::DynamoJobs, eventbridge::EventBridgeBus, sqs::SqsQueues};
use export_domain::ports::Clock;
use export_lambda::{deadline::left, process, settings};
use job_sweeper::App;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (mut env, metrics) = process::start(SystemClock.now_ms());
    let table = env.required("JOBS_TABLE_NAME");
    let (clips, thumbnails) = (env.required("CLIP_QUEUE_URL"), env.required("THUMBNAIL_QUEUE_URL"));
    let bus = settings::completion_bus(&env).unwrap_or_default();
    let times = settings::lifecycle(&mut env);
    env.finish()?;
    let sdk = clients::load(clients::Patience::ITEMS).await;
    let app = App {
        jobs: DynamoJobs::new(&sdk, table),
        queue: SqsQueues::new(&sdk, clips, thumbnails),
        bus: EventBridgeBus::new(&sdk, bus),
        clock: SystemClock,
        times,
        metrics,
    };
    let app = &app;
    run(service_fn(move |event: LambdaEvent<serde_json::Value>| async move {
        let left = left(event.context.deadline());
        Ok::<_, Error>(serde_json::to_value(app.sweep(left).await?)?)
    }))
    .await
}
