//! `media-read`: lends links to the files of jobs.

use export_aws::clock::SystemClock;
use export_aws::dynamodb::{DynamoJobs, DynamoSessions, DynamoTenants};
use export_aws::{clients, s3::S3Objects};
use export_domain::cache::Cached;
use export_domain::intake::Intake;
use export_domain::ports::Clock;
use export_domain::settings::Limits;
use export_lambda::http::{UNREADABLE, by_lambda_http, problem, serve};
use export_lambda::process;
use lambda_http::Error;
use media_read::{App, Config};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (env, metrics) = process::start(SystemClock.now());
    let config = Config::read(env)?;
    let sdk = clients::load(clients::Patience::ITEMS).await;
    let clock = SystemClock;
    let app = App {
        jobs: DynamoJobs::new(&sdk, config.jobs_table, clock),
        links: Arc::new(S3Objects::new(&sdk, clock).lent_by(config.data_role).behind(config.distribution)),
        intake: Intake {
            sessions: Cached::new(DynamoSessions::new(&sdk, config.sessions_table), clock),
            tenants: Cached::new(DynamoTenants::new(&sdk, config.tenants_table), clock),
            clock,
            auth: config.auth,
            limits: Limits::default(),
            directories: None,
        },
        bucket: config.bucket,
        source_bucket: config.source_bucket,
        signs: config.signs,
        plays: config.plays,
        metrics,
    };
    let app = &app;
    let refuse = || problem(400, UNREADABLE);
    serve(by_lambda_http, refuse, move |request| async move { Box::pin(app.handle(&request)).await }).await
}
