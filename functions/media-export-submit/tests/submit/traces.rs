//! What the job keeps of the request that it was made for.

use crate::world::World;
use export_domain::job::{Job, Reason};
use export_domain::settings::Lifecycle;
use export_domain::trace::{CorrelationId, TraceContext, TraceHeader};
use export_testkit::{Answered, NOW, body, claimed, post};

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

/// A POST of [`body`] that is called `name`, as part of the trace `header`.
async fn posted(world: &World, name: &str, header: Option<&str>) -> Answered {
    let mut request = post("/export", &body());
    let (correlation_id, trace) = (CorrelationId::parse(name), header.and_then(TraceHeader::parse));
    request.context = TraceContext { correlation_id, trace };
    world.ask(request).await
}

fn kept(job: &Job) -> (Option<&str>, Option<&str>) {
    let name = job.correlation_id.as_ref().map(CorrelationId::as_str);
    (name, job.trace.as_ref().map(TraceHeader::as_str))
}

#[tokio::test]
async fn a_job_and_its_message_carry_the_name_and_the_trace_of_their_request() {
    let world = World::new();
    posted(&world, "order 7", Some(&format!("{ROOT};Sampled=1;Lineage=x"))).await;
    let traced = format!("{ROOT};Sampled=1");
    assert_eq!(kept(&world.jobs.only()), (Some("order 7"), Some(traced.as_str())));
    let sent = world.queue.take();
    assert_eq!(sent[0].message.trace.as_ref().map(TraceHeader::as_str), Some(traced.as_str()));
    assert!(!sent[0].message.encode().contains("Root"));
}

#[tokio::test]
async fn a_job_keeps_its_first_requests_name_until_another_restarts_it() {
    let world = World::new();
    posted(&world, "first", Some(ROOT)).await;
    posted(&world, "second", None).await;
    world.clock.advance(60_000);
    posted(&world, "third", None).await;
    assert_eq!(kept(&world.jobs.only()), (Some("first"), Some(ROOT)));
    assert!(world.queue.take().iter().all(|sent| sent.message.trace.is_some()), "the message that heals too");
    let timed_out =
        |job: Job| claimed(&job, NOW).given_up(1, Reason::TimedOut, NOW, &Lifecycle::default()).unwrap();
    world.has(&body(), timed_out);
    posted(&world, "fourth", None).await;
    let job = world.jobs.only();
    assert_eq!((kept(&job), job.generation), ((Some("fourth"), None), 2));
}

#[tokio::test]
async fn a_name_changes_neither_job_nor_reply() {
    let mut seen = Vec::new();
    for name in ["order 7", "another", "Am\u{e9}lie"] {
        let world = World::new();
        let answered = posted(&world, name, Some(ROOT)).await;
        let job = Job { correlation_id: None, trace: None, ..world.jobs.only() };
        seen.push((answered, job));
    }
    assert!(seen.iter().all(|other| *other == seen[0]));
}
