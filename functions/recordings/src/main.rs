//! `recordings`: finds recordings and says what they hold.

use export_aws::clients::{self, Patience};
use export_aws::clock::SystemClock;
use export_aws::dynamodb::{DynamoSessions, DynamoTenants};
use export_aws::s3::S3Objects;
use export_domain::cache::Cached;
use export_domain::intake::Intake;
use export_domain::ports::Clock;
use export_lambda::http::{UNREADABLE, by_lambda_http, problem, serve};
use export_lambda::process;
use lambda_http::Error;
use recordings::{App, Config};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (env, _) = process::start(SystemClock.now());
    let config = Config::read(env)?;
    let sdk = clients::load(Patience::DOCUMENTS).await;
    let clock = SystemClock;
    let app = App {
        objects: Arc::new(S3Objects::new(&sdk, clock).lent_by(config.data_role)),
        access: config.access,
        signs: config.signs,
        source_bucket: config.source_bucket,
        machine: config.machine,
        fan_out: config.fan_out,
        intake: Intake {
            sessions: Cached::new(DynamoSessions::new(&sdk, config.sessions_table), clock),
            tenants: Cached::new(DynamoTenants::new(&sdk, config.tenants_table), clock),
            clock,
            auth: config.auth,
            limits: config.limits,
            directories: None,
        },
    };
    let app = &app;
    let refuse = || problem(400, UNREADABLE);
    serve(by_lambda_http, refuse, move |request| async move { Box::pin(app.handle(&request)).await }).await
}
