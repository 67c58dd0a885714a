//! `data-export-worker`: exports what Media Replay Engine's events ask for.

use data_export_worker::{App, Config};
use export_aws::clients;
use export_aws::clock::SystemClock;
use export_aws::documents::S3Documents;
use export_aws::dynamodb::mre::{DynamoExportStates, DynamoMre};
use export_aws::eventbridge::EventBridgeBus;
use export_aws::sqs::SqsDeadLetters;
use export_aws::triggers::SqsTriggers;
use export_domain::ports::Clock;
use export_lambda::batch::{SqsBatch, each};
use export_lambda::deadline::left;
use export_lambda::process;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (env, _) = process::start(SystemClock.now());
    let config = Config::read(env)?;
    let sdk = clients::load(clients::Patience::WORK).await;
    let documents = S3Documents::new(&sdk, config.bucket, SystemClock);
    let (tables, states) = (config.tables, config.states);
    let app = Arc::new(App {
        states: DynamoExportStates::new(&sdk, states.clone(), tables.clone()),
        source: DynamoMre::new(&sdk, tables, states, documents.clone(), config.previews),
        exports: documents,
        bus: EventBridgeBus::new(&sdk, config.bus),
        queue: SqsTriggers::new(&sdk, config.queue),
        dead_letters: SqsDeadLetters::new(&sdk, config.dead_letter_queue),
        clock: SystemClock,
        wait_s: config.coalesce_s.max(1),
        entry_bytes: config.entry_bytes,
    });
    run(service_fn(move |event: LambdaEvent<SqsBatch>| {
        let (app, deadline) = (Arc::clone(&app), event.context.deadline());
        async move {
            let handle = |record| {
                let (app, left) = (Arc::clone(&app), left(deadline));
                async move { Box::pin(app.handle(&record, left)).await }
            };
            Ok::<_, Error>(each(event.payload, handle).await?)
        }
    }))
    .await
}
