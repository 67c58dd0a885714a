//! `event-export`: Media Replay Engine's event documents.

use event_export::Config;
use export_aws::clients;
use export_aws::clock::SystemClock;
use export_aws::documents::S3Documents;
use export_aws::dynamodb::mre::DynamoMre;
use export_aws::triggers::SqsTriggers;
use export_domain::ports::Clock;
use export_lambda::documents::DocumentServer;
use export_lambda::process;
use export_mre::keys::EventKey;
use lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (env, _) = process::start(SystemClock.now());
    let config = Config::read(env)?;
    let sdk = clients::load(clients::Patience::DOCUMENTS).await;
    let documents = S3Documents::new(&sdk, config.bucket, SystemClock);
    let server = DocumentServer {
        source: DynamoMre::new(&sdk, config.tables, config.states, documents.clone(), Config::PREVIEWS),
        links: documents,
        queue: SqsTriggers::new(&sdk, config.queue),
        clock: SystemClock,
    };
    server.run::<EventKey>().await
}
