//! `media-export-worker`: makes clips and thumbnails.

use export_aws::clock::SystemClock;
use export_clip::{cage, children};
use export_domain::ports::Clock;
use export_lambda::batch::{SqsBatch, each};
use export_lambda::deadline::left;
use export_lambda::process;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use media_export_worker::{App, ChunkAsked, Config, Deployed, WorkerKind, block_on, check_cage};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> Result<ExitCode, Error> {
    match cage::enter(std::env::args_os()) {
        Some(status) => Ok(status),
        None => block_on(serve())?.map(|()| ExitCode::SUCCESS),
    }
}

async fn serve() -> Result<(), Error> {
    let (env, metrics) = process::start(SystemClock.now());
    let config = Config::read(env)?;
    check_cage(config.cage, &metrics, SystemClock.now())?;
    let kind = config.kind;
    let app = Arc::new(App::deployed(config, metrics).await);
    match kind {
        WorkerKind::Messages => serve_messages(app).await,
        WorkerKind::Chunks => serve_chunks(app).await,
    }
}

async fn serve_chunks(app: Arc<App<Deployed>>) -> Result<(), Error> {
    run(service_fn(move |event: LambdaEvent<ChunkAsked>| {
        let (app, left) = (Arc::clone(&app), left(event.context.deadline()));
        async move {
            let told = Box::pin(app.make_chunk(&event.payload, left)).await;
            tokio::task::spawn_blocking(children::end).await?;
            Ok::<_, Error>(told?)
        }
    }))
    .await
}

async fn serve_messages(app: Arc<App<Deployed>>) -> Result<(), Error> {
    run(service_fn(move |event: LambdaEvent<SqsBatch>| {
        let (app, deadline) = (Arc::clone(&app), event.context.deadline());
        async move {
            let handle = |record| {
                let (app, left) = (Arc::clone(&app), left(deadline));
                async move { Box::pin(app.handle(record, left)).await }
            };
            let reply = each(event.payload, handle).await;
            tokio::task::spawn_blocking(children::end).await?;
            Ok::<_, Error>(reply?)
        }
    }))
    .await
}
