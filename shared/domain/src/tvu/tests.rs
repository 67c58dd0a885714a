use super::*;
use crate::job::testing::{at, job, manifest, ms, report};
use crate::job::{Claim, Counted, Failure, Manifest, Phase};
use crate::ports::Unavailable;
use crate::request::FieldError;
use crate::settings::Lifecycle;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashSet;

const STATES: [State; 8] = [
    State::Queued,
    State::Running,
    State::Fanned,
    State::WaitingSource,
    State::Ready,
    State::Failed,
    State::Cancelled,
    State::Unknown,
];

/// Every combination of what an answer can depend on.
fn all_jobs() -> Vec<Job> {
    let failures = [
        (Reason::SourceAbsent, true),
        (Reason::SourceAbsent, false),
        (Reason::TimedOut, true),
        (Reason::TimedOut, false),
        (Reason::ClipTooLarge { longest_ms: ms(60_000) }, false),
    ];
    let mut jobs = Vec::new();
    for state in STATES {
        for wanted in [Wanted::Media, Wanted::Thumbnail, Wanted::Unknown] {
            for image in [None, Some(manifest(0))] {
                for lack in [0, 1500] {
                    for (reason, retriable) in failures.clone() {
                        let failure = (state == State::Failed).then(|| Failure {
                            reason,
                            message: String::new(),
                            detail: "why".into(),
                            retriable,
                            at: at(0),
                        });
                        let ready = state == State::Ready;
                        let video: Option<Manifest> =
                            (ready && wanted != Wanted::Thumbnail).then(|| manifest(lack));
                        let image = if ready { Some(manifest(0)) } else { image.clone() };
                        let mut job = Job { state, image, video, failure, ..job() };
                        job.order.wanted = wanted;
                        jobs.push(job);
                    }
                }
            }
        }
    }
    jobs
}

/// The decision table, row by row, independent of the code: when does a row fire?
fn fires(row: ReplyRow, job: &Job) -> bool {
    let media = job.order.wanted != Wanted::Thumbnail;
    let lack = job.video.as_ref().map_or(0, |v| v.lack_ms.get());
    let failed = |reason: &Reason, retriable: bool| {
        job.state == State::Failed
            && job.failure.as_ref().is_some_and(|f| f.retriable == retriable && (f.reason == *reason))
    };
    match row {
        ReplyRow::Queued => media && matches!(job.state, State::Queued | State::Unknown),
        ReplyRow::RunningWithoutImage => media && job.shown_state() == State::Running && job.image.is_none(),
        ReplyRow::RunningWithImage => media && job.shown_state() == State::Running && job.image.is_some(),
        ReplyRow::WaitingSource => media && job.state == State::WaitingSource,
        ReplyRow::ReadyFull => media && job.state == State::Ready && lack == 0,
        ReplyRow::ReadyShort => media && job.state == State::Ready && lack > 0,
        ReplyRow::ThumbnailReady => !media && job.state == State::Ready,
        ReplyRow::ThumbnailInWork => {
            let working = [State::Queued, State::Running, State::WaitingSource, State::Unknown];
            !media && working.contains(&job.shown_state())
        }
        ReplyRow::SourceAbsent => failed(&Reason::SourceAbsent, true),
        ReplyRow::TimedOut => failed(&Reason::TimedOut, true),
        ReplyRow::Final => {
            job.state == State::Cancelled
                || (job.state == State::Failed && job.failure.as_ref().is_some_and(|f| !f.retriable))
        }
    }
}

const JOB_ROWS: [ReplyRow; 11] = [
    ReplyRow::Queued,
    ReplyRow::RunningWithoutImage,
    ReplyRow::RunningWithImage,
    ReplyRow::WaitingSource,
    ReplyRow::ReadyFull,
    ReplyRow::ReadyShort,
    ReplyRow::ThumbnailReady,
    ReplyRow::ThumbnailInWork,
    ReplyRow::SourceAbsent,
    ReplyRow::TimedOut,
    ReplyRow::Final,
];

#[test]
fn exactly_one_row_fires_for_every_job_and_it_is_the_one_that_answers() {
    let mut seen = HashSet::new();
    for job in all_jobs() {
        let firing: Vec<ReplyRow> = JOB_ROWS.into_iter().filter(|row| fires(*row, &job)).collect();
        assert_eq!(firing, [row(&job)], "{job:?}");
        seen.extend(firing);
    }
    assert_eq!(seen.len(), JOB_ROWS.len(), "every row is reached");
}

#[test]
fn every_answer_about_a_job_keeps_the_rules() {
    for job in all_jobs() {
        for via in [Via::Submit, Via::Status] {
            let answer = answer(Outcome::Job(&job), via, at(5_000), ReplyStyle::default());
            let reply = &answer.reply;
            let row = row(&job);
            assert_eq!(answer.status, 200);
            assert!(matches!(reply.error_code, -1 | 0 | 1 | 5));
            let in_work = reply.error_code == 1;
            let retried = via == Via::Submit && matches!(row, ReplyRow::SourceAbsent | ReplyRow::TimedOut);
            assert_eq!(
                reply.time_wait > ms(0),
                in_work || retried,
                "TimeWait is positive iff the answer may change"
            );
            assert_eq!(in_work, !job.state.is_terminal());
            let media = job.order.wanted != Wanted::Thumbnail;
            assert_eq!(reply.lack_length.is_some(), media, "thumbnails have no LackLength");
            assert!(reply.lack_length.is_none_or(|lack| (ms(0)..=job.order.duration_ms).contains(&lack)));
            assert_eq!(reply.video_path.is_some(), media && job.state == State::Ready);
            let failed = matches!(job.state, State::Failed | State::Cancelled);
            assert_eq!(
                reply.image_path.is_some(),
                job.image.is_some() && !failed,
                "a path is a readable object"
            );
        }
    }
}

#[test]
fn replies_have_the_seeds_members_in_the_seeds_order() {
    let ready = Job { state: State::Ready, image: Some(manifest(0)), video: Some(manifest(0)), ..job() };
    let reply = answer(Outcome::Job(&ready), Via::Submit, at(0), ReplyStyle::default()).reply;
    let text = serde_json::to_string(&reply).unwrap();
    assert_eq!(
        text,
        r#"{"TimeWait":0,"ErrorCode":5,"ErrorMessage":"Success","ImagePath":"/D/i.jpg","VideoPath":"/export/D/test.ts","Version":"v1","S3Dir":"export","LackLength":0,"JobId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#
    );
    let queued = answer(Outcome::Job(&job()), Via::Submit, at(0), ReplyStyle::default()).reply;
    assert_eq!(
        (queued.time_wait, queued.error_message.as_str(), queued.lack_length),
        (ms(2000), "Work Not Finish", Some(ms(9000)))
    );
    let thumbnail = {
        let mut job = ready;
        job.order.wanted = Wanted::Thumbnail;
        job.video = None;
        answer(Outcome::Job(&job), Via::Submit, at(0), ReplyStyle::default()).reply
    };
    assert_eq!((thumbnail.error_code, thumbnail.error_message.as_str()), (0, "Success"));
    assert_eq!(thumbnail.image_path.as_deref(), Some("/D/i.jpg"));
}

#[test]
fn replies_without_a_job_have_the_tables_status_code_and_text() {
    let error = FieldError::new("Duration", "is required");
    let unavailable = Unavailable("the jobs table", "timed out".to_owned());
    for (rejection, status, message, wait) in [
        (Rejection::Invalid(error), 400, "invalid request: Duration: is required", 0),
        (Rejection::TooLarge, 413, "request too large", 0),
        (Rejection::SessionInvalid, 401, "session invalid", 0),
        (Rejection::Denied, 403, "access denied", 0),
        (
            Rejection::TooMany { counted: Counted::Active, most: 7, wait_ms: ms(2345) },
            429,
            "too many concurrent requests: at most 7 whose window has begun may be unfinished",
            2345,
        ),
        (
            Rejection::TooMany { counted: Counted::Scheduled, most: 7, wait_ms: ms(2345) },
            429,
            "too many concurrent requests: at most 7 whose window has not begun may be unfinished",
            2345,
        ),
        (Rejection::Contended, 503, "service unavailable", 2000),
        (Rejection::Unavailable(unavailable), 503, "service unavailable", 2000),
        (Rejection::NoSuchJob, 404, "no such job", 0),
    ] {
        let outcome = Outcome::Rejected(&rejection);
        let given = answer(outcome, Via::Submit, at(0), ReplyStyle::default());
        assert_eq!((given.status, given.reply.error_message.as_str()), (status, message));
        assert_eq!(
            (given.reply.error_code, given.reply.time_wait, given.reply.lack_length),
            (-1, ms(wait), None)
        );
        let always_200 = ReplyStyle { always_200: true, ..ReplyStyle::default() };
        assert_eq!(answer(outcome, Via::Submit, at(0), always_200).status, 200);
    }
}

#[test]
fn waits_follow_progress_and_the_live_edge() {
    let wait = |job: Job| {
        answer(Outcome::Job(&job), Via::Submit, at(10_000), ReplyStyle::default()).reply.time_wait.get()
    };
    let running = Job { state: State::Running, started_at: Some(at(9_000)), ..job() };
    assert_eq!(wait(Job { done_ms: ms(0), ..running.clone() }), 2000);
    assert_eq!(wait(Job { done_ms: ms(4500), ..running.clone() }), 1000);
    assert_eq!(wait(Job { done_ms: ms(8999), ..running }), 500);
    let waiting = Job { state: State::WaitingSource, ..job() };
    assert_eq!(wait(Job { wake_at: Some(at(10_100)), ..waiting.clone() }), 2000);
    assert_eq!(wait(Job { wake_at: Some(at(17_000)), ..waiting.clone() }), 7000);
    assert_eq!(wait(Job { wake_at: Some(at(900_000)), ..waiting }), 30_000);
}

#[test]
fn a_picture_that_waits_for_its_recording_says_when_to_ask_again() {
    let wait = |job: &Job, now| {
        let reply = answer(Outcome::Job(job), Via::Submit, now, ReplyStyle::default()).reply;
        (reply.error_code, reply.time_wait.get())
    };
    let mut job = Job { state: State::WaitingSource, wake_at: Some(at(3_600_000)), ..job() };
    job.order.wanted = Wanted::Thumbnail;
    assert_eq!(wait(&job, at(0)), (1, 30_000));
    assert_eq!(wait(&job, at(3_590_000)), (1, 10_000));
    assert_eq!(wait(&job, at(3_600_000)), (1, 2000));
    assert_eq!(wait(&Job { state: State::Running, wake_at: None, ..job }, at(3_600_000)), (1, 500));
}

proptest! {
    /// Claims, renewals, pauses and waits of one generation, each with milliseconds of the clip that are there.
    #[test]
    fn what_is_lacking_of_a_clip_in_work_only_falls(steps in vec((0..5, 0..9000i64), 1..30)) {
        let (mut job, mut now, times) = (job(), at(1_000_000), Lifecycle::default());
        let mut lack = Millis::MAX;
        for (step, done) in steps {
            let done_ms = ms(done);
            now = now + ms(40_000);
            let (fence, wake_at) = (job.fence, now + ms(30_000));
            let next = match step {
                0 => match job.claim(1, "me", now, &times) {
                    Claim::Granted(next) => Some(*next),
                    _ => None,
                },
                1 => job.progressed(fence, &report(Phase::Copying, done), now).ok(),
                2 => job.released(fence, now, &times).ok(),
                3 => job.put_off(fence, now, &times).ok(),
                _ => job.waiting(fence, wake_at, done_ms, now, &times).ok(),
            };
            job = next.unwrap_or(job);
            let reply = answer(Outcome::Job(&job), Via::Status, now, ReplyStyle::default()).reply;
            let said = reply.lack_length.unwrap();
            prop_assert!(said <= lack, "{said} after {lack}");
            lack = said;
        }
    }
}
