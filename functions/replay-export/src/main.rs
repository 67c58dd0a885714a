//! `replay-export`: Media Replay Engine's replay documents.

use export_aws::clients;
use export_aws::clock::SystemClock;
use export_aws::documents::S3Documents;
use export_aws::dynamodb::mre::DynamoMre;
use export_aws::triggers::SqsTriggers;
use export_domain::ports::Clock;
use export_lambda::deadline::left;
use export_lambda::documents::Call;
use export_lambda::process;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use replay_export::{App, Config};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (env, _) = process::start(SystemClock.now_ms());
    let config = Config::read(env)?;
    let sdk = clients::load(clients::Patience::DOCUMENTS).await;
    let documents = S3Documents::new(&sdk, config.bucket);
    let app = App {
        source: DynamoMre::new(&sdk, config.tables, config.states, documents.clone(), config.previews),
        links: documents,
        queue: SqsTriggers::new(&sdk, config.queue),
        clock: SystemClock,
    };
    let app = &app;
    run(service_fn(move |event: LambdaEvent<Call>| async move {
        let call = event.payload.traced(event.context.xray_trace_id.as_deref());
        Ok::<_, Error>(app.handle(&call, left(event.context.deadline())).await)
    }))
    .await
}
