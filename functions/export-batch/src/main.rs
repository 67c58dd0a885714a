//! `export-batch`: many clips in one request (`/export/batch`).

use export_aws::clients;
use export_aws::clock::SystemClock;
use export_aws::documents::S3Documents;
use export_aws::dynamodb::mre::{DynamoMre, Previews};
use export_aws::dynamodb::{DynamoBatches, DynamoJobs, DynamoSessions, DynamoTenants};
use export_aws::{eventbridge::EventBridgeBus, sqs::SqsQueues};
use export_batch::{App, Config};
use export_domain::cache::Cached;
use export_domain::intake::Intake;
use export_domain::ports::Clock;
use export_lambda::http::{UNREADABLE, by_lambda_http, problem, serve};
use export_lambda::process;
use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (env, metrics) = process::start(SystemClock.now());
    let config = Config::read(env)?;
    let sdk = clients::load(clients::Patience::ITEMS).await;
    let clock = SystemClock;
    let app = App {
        batches: DynamoBatches::new(&sdk, config.jobs_table.clone(), clock),
        jobs: DynamoJobs::new(&sdk, config.jobs_table, clock),
        queue: SqsQueues::new(&sdk, config.queues),
        bus: EventBridgeBus::new(&sdk, config.bus),
        intake: Intake {
            sessions: Cached::new(DynamoSessions::new(&sdk, config.sessions_table), clock),
            tenants: Cached::new(DynamoTenants::new(&sdk, config.tenants_table), clock),
            clock,
            auth: config.auth,
            limits: config.limits,
            directories: config.directories,
        },
        times: config.times,
        documents: config.documents.map(|read| {
            let kept = S3Documents::new(&sdk, read.bucket, clock);
            DynamoMre::new(&sdk, read.tables, read.states, kept, Previews::Off)
        }),
        metrics,
    };
    let app = &app;
    let refuse = || problem(400, UNREADABLE);
    serve(by_lambda_http, refuse, move |request| async move { Box::pin(app.handle(&request)).await }).await
}
