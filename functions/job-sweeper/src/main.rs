//! `job-sweeper`: every minute, what is due.

use export_aws::clock::SystemClock;
use export_aws::dynamodb::{DynamoBatches, DynamoJobs, DynamoTenants};
use export_aws::{clients, eventbridge::EventBridgeBus, sqs::SqsQueues};
use export_domain::ports::Clock;
use export_lambda::{deadline::left, process, settings};
use job_sweeper::{App, BatchSweeper};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (mut env, metrics) = process::start(SystemClock.now());
    let table = env.required("JOBS_TABLE_NAME");
    let queues = settings::queues(&mut env);
    let bus = settings::completion_bus(&env).unwrap_or_default();
    // Between the two steps of its own update the function has none, and leaves batches alone.
    let tenants = env.optional("TENANTS_TABLE_NAME");
    let directories = settings::directory_key(&mut env);
    let times = settings::lifecycle(&mut env);
    env.finish()?;
    let sdk = clients::load(clients::Patience::ITEMS).await;
    let app = App {
        jobs: DynamoJobs::new(&sdk, table.clone(), SystemClock),
        queue: SqsQueues::new(&sdk, queues),
        bus: EventBridgeBus::new(&sdk, bus),
        clock: SystemClock,
        times,
        metrics,
    };
    let batches = tenants.map(|tenants| BatchSweeper {
        batches: DynamoBatches::new(&sdk, table, SystemClock),
        jobs: app.jobs.clone(),
        queue: app.queue.clone(),
        bus: app.bus.clone(),
        tenants: DynamoTenants::new(&sdk, tenants),
        clock: SystemClock,
        times: app.times.clone(),
        directories,
        metrics: app.metrics.clone(),
    });
    let (app, batches) = (&app, &batches);
    run(service_fn(move |event: LambdaEvent<serde_json::Value>| async move {
        let deadline = event.context.deadline();
        let swept = app.sweep(left(deadline)).await?;
        let mut report = serde_json::to_value(swept)?;
        // The jobs that are there come first.
        if let Some(batches) = batches {
            report["batches"] = serde_json::to_value(Box::pin(batches.sweep(left(deadline))).await?)?;
        }
        Ok::<_, Error>(report)
    }))
    .await
}
