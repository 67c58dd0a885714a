use crate::world::World;
use export_domain::job::{Job, Manifest, Reason, State};
use export_domain::ports::Clock;
use export_domain::settings::Lifecycle;
use export_testkit::{Answered, Fault, NOW, TestClock, body, claimed, ms, progressed, ready};

fn times() -> Lifecycle {
    Lifecycle::default()
}

fn failed(reason: Reason) -> impl FnOnce(Job) -> Job {
    move |job| claimed(&job, NOW).given_up(1, reason, NOW, &times()).unwrap()
}

/// What a POST `after_ms` after the end of a job is answered, and the job then.
async fn posted(change: impl FnOnce(Job) -> Job, after_ms: i64) -> (Answered, Job, usize) {
    let world = World::new();
    let job = world.has(&body(), change);
    job.files().for_each(|key| world.objects.add("clips", &key, "x", None));
    world.clock.advance(after_ms);
    let answer = world.submit(&body()).await;
    (answer, world.jobs.only(), world.queue.take().len())
}

#[tokio::test]
async fn a_timed_out_job_starts_again_at_once_and_keeps_its_fence() {
    let (answer, job, sent) = posted(failed(Reason::TimedOut), 0).await;
    assert_eq!((answer.codes(), sent), ((1, 2000), 1));
    assert_eq!((job.state, job.generation, job.retries, job.fence), (State::Queued, 2, 2, 1));
}

#[tokio::test]
async fn the_last_generation_that_times_out_is_final_for_a_while() {
    let last = |job: Job| failed(Reason::TimedOut)(Job { retries: 3, ..job });
    let (answer, job, sent) = posted(last, 59_999).await;
    assert_eq!((answer.codes(), job.generation, sent), ((-1, 0), 1, 0));
    assert_eq!(answer.json["ErrorMessage"], "export timed out");
    let last = |job: Job| failed(Reason::TimedOut)(Job { retries: 3, ..job });
    let (answer, job, _) = posted(last, 60_000).await;
    assert_eq!((answer.codes(), job.generation, job.retries), ((1, 2000), 2, 1));
}

#[tokio::test]
async fn an_absent_recording_is_looked_for_every_ten_seconds_uncounted() {
    let (answer, job, sent) = posted(failed(Reason::SourceAbsent), 9_999).await;
    assert_eq!((answer.codes(), job.generation, sent), ((-1, 2000), 1, 0));
    assert_eq!(answer.json["ErrorMessage"], "not such dir");
    let (answer, job, sent) = posted(failed(Reason::SourceAbsent), 10_000).await;
    assert_eq!((answer.codes(), job.generation, job.retries, sent), ((1, 2000), 2, 1, 1));
    assert_eq!(job.source_missing_since, Some(NOW), "the wait is counted from the first look");
}

#[tokio::test]
async fn a_final_failure_is_answered_for_a_minute_and_tried_again_after_it() {
    for reason in [Reason::BadRecording, Reason::NoMedia, Reason::Denied, Reason::UnsupportedCodec] {
        let (answer, job, sent) = posted(failed(reason.clone()), 59_999).await;
        assert_eq!((answer.codes(), job.generation, sent), ((-1, 0), 1, 0), "{reason:?}");
        assert_eq!(answer.json["ErrorMessage"], reason.to_string());
        assert!(answer.json.get("ImagePath").is_none() && answer.json.get("VideoPath").is_none());
        let (answer, job, sent) = posted(failed(reason.clone()), 60_000).await;
        assert_eq!((answer.codes(), job.generation, sent), ((1, 2000), 2, 1), "{reason:?}");
    }
}

#[tokio::test]
async fn a_cancelled_job_starts_again_after_a_minute() {
    let cancelled = |job: Job| job.cancelled(NOW, &times()).unwrap();
    let (answer, _, sent) = posted(cancelled, 59_999).await;
    assert_eq!((answer.codes(), sent), ((-1, 0), 0));
    assert_eq!(answer.json["ErrorMessage"], "cancelled");
    let (answer, job, sent) = posted(cancelled, 60_000).await;
    assert_eq!((answer.codes(), job.generation, sent), ((1, 2000), 2, 1));
}

#[tokio::test]
async fn a_record_past_its_time_to_live_is_as_good_as_none() {
    let done = |job: Job| ready(&claimed(&job, NOW), NOW);
    let (answer, ..) = posted(done, 7 * 24 * 3_600_000 - 1).await;
    assert_eq!(answer.codes(), (5, 0));
    let (answer, job, sent) = posted(done, 7 * 24 * 3_600_000).await;
    assert_eq!((answer.codes(), sent), ((1, 2000), 1));
    assert_eq!((job.state, job.generation, job.fence, job.staged.len()), (State::Queued, 2, 1, 0));
    assert!(job.image.is_none() && job.video.is_none() && job.expires_at.is_none());
}

#[tokio::test]
async fn a_job_past_its_deadline_starts_again_although_no_sweeper_wrote_it_down() {
    let (answer, job, sent) = posted(|job| claimed(&job, NOW), 30 * 60_000 + 1).await;
    assert_eq!((answer.codes(), sent), ((1, 2000), 1));
    assert_eq!((job.state, job.generation, job.fence), (State::Queued, 2, 1));
}

#[tokio::test]
async fn an_end_is_told_only_as_it_is_on_record_whenever_in_a_submission_the_time_is_over() {
    let mut ends = 0;
    for ticks in 0..60 {
        let world = World::by(TestClock::ticking(NOW));
        let retries = times().max_generations;
        world.has(&body(), |job| Job { retries, deadline_at: Some(NOW + ms(ticks)), ..claimed(&job, NOW) });
        let told = world.submit(&body()).await.codes() == (-1, 0);
        assert_eq!(told, world.jobs.only().state == State::Failed, "{ticks}");
        ends += i32::from(told);
    }
    assert!((1..60).contains(&ends), "{ends}");
}

#[tokio::test]
async fn a_running_job_is_answered_with_what_is_left_of_it() {
    let running = |job: Job| progressed(&claimed(&job, NOW), 6000, NOW + ms(1500));
    let (answer, job, sent) = posted(running, 2000).await;
    assert_eq!((answer.codes(), sent, job.generation), ((1, 1000), 0, 1));
    assert_eq!(answer.json["LackLength"], 3000);
}

/// A world with a ready job, its files there, at `age_ms` after its end.
fn made(age_ms: i64) -> (World, Job) {
    let world = World::new();
    let job = world.has(&body(), |job| ready(&claimed(&job, NOW), NOW));
    for key in job.files() {
        world.objects.add("clips", &key, "x", None);
    }
    world.clock.advance(age_ms);
    (world, job)
}

#[tokio::test]
async fn a_clip_that_is_gone_is_made_again_by_the_next_post() {
    for lost in 0..2 {
        let (world, job) = made(60_000);
        world.objects.remove("clips", &job.files().nth(lost).unwrap());
        let answer = world.submit(&body()).await;
        let now = world.jobs.only();
        assert_eq!((answer.codes(), world.queue.take().len()), ((1, 2000), 1), "file {lost}");
        assert_eq!((now.state, now.generation, now.fence), (State::Queued, 2, job.fence));
        assert!(now.image.is_none() && now.video.is_none() && now.staged.is_empty(), "nothing is adopted");
        assert_eq!(now.untold.len(), 1, "the first end is told all the same");
    }
}

#[tokio::test]
async fn files_that_are_there_are_looked_for_and_answered_with() {
    let (world, job) = made(60_000);
    assert_eq!(world.submit(&body()).await.codes(), (5, 0));
    assert_eq!((world.jobs.only(), world.objects.faults.calls("is_there")), (job, 2));
}

#[tokio::test]
async fn a_clip_that_lacks_something_is_made_again_once_its_client_has_forgotten_it() {
    let (world, job) = made(60_000);
    let short = Manifest { lack_ms: ms(1500), ..job.video.clone().unwrap() };
    let job = Job { video: Some(short), ..job };
    world.jobs.put(&job);
    let answer = world.submit(&body()).await;
    assert_eq!((answer.codes(), &answer.json["LackLength"]), ((5, 0), &1500.into()), "the end is final");
    world.jobs.put(&job.forgotten(world.clock.now(), &times()).unwrap());
    assert_eq!(world.submit(&body()).await.codes(), (1, 2000));
    let now = world.jobs.only();
    assert_eq!((now.state, now.generation), (State::Queued, 2));
    assert_eq!(now.order.video_path, job.order.video_path, "in the same place");
}

#[tokio::test]
async fn a_poll_looks_for_no_file() {
    let (world, job) = made(59_999);
    job.files().for_each(|key| world.objects.remove("clips", &key));
    assert_eq!(world.submit(&body()).await.codes(), (5, 0), "a POST within a minute is a poll");
    assert_eq!(world.objects.faults.calls("is_there"), 0);
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_looked_for_count_as_there() {
    let breaks: [fn(&World); 3] = [
        |world| world.objects.deny("clips"),
        |world| world.objects.faults.always("is_there", Fault::Before),
        |world| world.objects.faults.always("is_there", Fault::Never),
    ];
    for break_it in breaks {
        let (world, job) = made(60_000);
        job.files().for_each(|key| world.objects.remove("clips", &key));
        break_it(&world);
        assert_eq!(world.submit(&body()).await.codes(), (5, 0));
        assert_eq!(world.jobs.only(), job);
    }
}
