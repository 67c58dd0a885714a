//! `event-export`: Media Replay Engine's event documents.

use export_lambda::http::problem;
use export_lambda::{config::Env, telemetry};
use lambda_http::http::StatusCode;
use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init(Env::of_process().optional("RUST_LOG").as_deref());
    run(service_fn(|_: Request| async {
        Ok::<_, Error>(problem(StatusCode::NOT_IMPLEMENTED, "event export is not available yet"))
    }))
    .await
}
