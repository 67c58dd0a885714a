//! `media-export-submit`: takes orders (`POST /export`).

use export_aws::clock::SystemClock;
use export_aws::dynamodb::{DynamoJobs, DynamoSessions, DynamoTenants};
use export_aws::{clients, s3::S3Objects, sqs::SqsQueues};
use export_domain::cache::Cached;
use export_domain::intake::Intake;
use export_domain::ports::Clock;
use export_lambda::http::{by_lambda_http, refuse, serve};
use export_lambda::process;
use lambda_http::Error;
use media_export_submit::{App, Config};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (env, metrics) = process::start(SystemClock.now());
    let config = Config::read(env)?;
    let sdk = clients::load(clients::Patience::ITEMS).await;
    let clock = SystemClock;
    let app = App {
        jobs: DynamoJobs::new(&sdk, config.jobs_table, clock),
        queue: SqsQueues::new(&sdk, config.queues),
        objects: S3Objects::new(&sdk, clock),
        intake: Intake {
            sessions: Cached::new(DynamoSessions::new(&sdk, config.sessions_table), clock),
            tenants: Cached::new(DynamoTenants::new(&sdk, config.tenants_table), clock),
            clock,
            auth: config.auth,
            limits: config.limits,
            directories: config.directories,
        },
        times: config.times,
        style: config.style,
        metrics,
    };
    let app = &app;
    serve(by_lambda_http, refuse, move |request| async move { app.handle(&request).await }).await
}
