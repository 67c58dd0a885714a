use super::*;
use crate::dynamodb::DynamoSessions;
use crate::wire::{Reply, Service, reply};
use export_domain::ports::Sessions;
use tokio::time::timeout;

#[tokio::test]
async fn every_call_has_an_end_and_a_body_that_stalls_too() {
    let service = Service::start([reply(200, &[], "")]).await;
    // Timeouts of functions that somebody waits for, and of those that nobody does.
    for (patience, invocation) in [(Patience::ITEMS, 29), (Patience::DOCUMENTS, 29), (Patience::WORK, 60)]
        .map(|(p, s)| (p, Duration::from_secs(s)))
    {
        let config = service.config(patience).await;
        let times = config.timeout_config().unwrap();
        let (attempt, operation) =
            (times.operation_attempt_timeout().unwrap(), times.operation_timeout().unwrap());
        assert!(times.connect_timeout().unwrap() <= attempt);
        assert!(attempt * 2 < operation && operation <= invocation, "there is time for a second try");
        assert!(config.retry_config().unwrap().max_attempts() > 1);
        let streams = config.stalled_stream_protection().unwrap();
        assert!(streams.download_enabled() && streams.upload_enabled());
        assert!(streams.grace_period() <= attempt);
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_asked_again_and_then_given_up() {
    let patience = Patience {
        attempt: Duration::from_millis(300),
        operation: Duration::from_secs(1),
        pause: Duration::from_millis(10),
    };
    let silent = Reply::Stall(Vec::new());
    let empty = reply(200, &[("content-type", "application/x-amz-json-1.0")], "{}");
    let service = Service::start([silent.clone(), empty]).await;
    let sessions = DynamoSessions::new(&service.config(patience).await, "sessions".to_owned());
    assert_eq!(timeout(Duration::from_secs(5), sessions.session("x")).await, Ok(Ok(None)));
    assert_eq!(service.requests().len(), 2);
    let service = Service::start([silent]).await;
    let sessions = DynamoSessions::new(&service.config(patience).await, "sessions".to_owned());
    let given_up = timeout(Duration::from_secs(5), sessions.session("x")).await;
    assert!(given_up.is_ok_and(|session| session.is_err()));
}
