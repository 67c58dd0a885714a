//! A clip by way of the Rust client that openapi-generator makes: `URL` and the request's body; prints the reply.

use openapi::apis::clips_and_pictures_api::{get_export, get_job, submit_export};
use openapi::apis::configuration::{ApiKey, Configuration};
use openapi::models::ExportRequest;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let [url, body] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let request: ExportRequest = serde_json::from_str(&body).unwrap();
    let key = request.session_id.clone().flatten().unwrap();
    let configuration = Configuration {
        base_path: url,
        api_key: Some(ApiKey { prefix: None, key }),
        ..Configuration::default()
    };
    let submit = || submit_export(&configuration, request.clone(), None, None, Some("wait=20"));
    let mut reply = submit().await.unwrap();
    while reply.time_wait > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(reply.time_wait.unsigned_abs())).await;
        reply = submit().await.unwrap();
    }
    let again = get_export(&configuration, reply.job_id.as_deref().unwrap(), None, None).await.unwrap();
    assert_eq!(again, reply);
    let job = get_job(&configuration, reply.job_id.as_deref().unwrap(), None, None).await.unwrap();
    assert_eq!(job.video_path, reply.video_path);
    println!("{}", serde_json::to_string(&reply).unwrap());
}
