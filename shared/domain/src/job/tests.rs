use super::testing::{at, job, manifest, ms, report};
use super::*;
use crate::identity::identify;
use crate::json;
use crate::request::{ExportRequest, parse};
use crate::settings::{Lifecycle, Limits};
use crate::time::Pts;

const T0: EpochMs = at(1_000_000);

fn times() -> Lifecycle {
    Lifecycle::default()
}

fn claimed(job: &Job, now: EpochMs) -> Job {
    match job.claim(job.generation, "me", now, &times()) {
        Claim::Granted(job) => *job,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_claim_raises_the_fence_and_shuts_others_out_until_the_lease_ends() {
    let running = claimed(&job(), T0);
    assert_eq!((running.state, running.fence, running.attempts), (State::Running, 1, 1));
    assert_eq!(running.claim(1, "other", T0 + ms(59_999), &times()), Claim::NotNow);
    let taken = claimed(&running, T0 + ms(60_001));
    assert_eq!((taken.fence, taken.attempts), (2, 2));
    assert_eq!(taken.deadline_at, running.deadline_at, "a takeover does not win time");
}

#[test]
fn a_fenced_out_worker_can_change_nothing() {
    let first = claimed(&job(), T0);
    let second = claimed(&first, T0 + ms(61_000));
    let t = T0 + ms(62_000);
    assert_eq!(second.renewed(first.fence, t, &times()), Err(Fenced));
    assert_eq!(second.with_staged(first.fence, ObjectKind::Video, manifest(0), t), Err(Fenced));
    assert_eq!(second.with_image(first.fence, manifest(0), PlanSummary::default(), t, &times()), Err(Fenced));
    assert_eq!(second.with_video(first.fence, manifest(0), PlanSummary::default(), t, &times()), Err(Fenced));
    assert_eq!(second.given_up(first.fence, Reason::NoMedia, t, &times()), Err(Fenced));
    assert_eq!(second.released(first.fence, t, &times()), Err(Fenced));
    assert_eq!(second.waiting(first.fence, t, ms(0), t, &times()), Err(Fenced));
}

#[test]
fn a_job_in_a_state_that_only_a_newer_version_knows_is_left_alone_until_its_client_cancels() {
    let unknown = Job { state: State::Unknown, ..claimed(&job(), T0) };
    let late = T0 + times().max_queue_age_ms * 2;
    assert_eq!(unknown.claim(1, "me", late, &times()), Claim::NotNow);
    assert_eq!(unknown.deferred(late, &times()), None);
    assert_eq!(unknown.swept(late, &times()), Swept::Nothing);
    assert_eq!(unknown.told(), None);
    let seen = Box::new(unknown.clone());
    assert_eq!(unknown.posted(&unknown.order, late, &times()), Posted::Answer { job: seen, heal: None });
    assert_eq!(unknown.cancelled(late, &times()).unwrap().state, State::Cancelled);
    let ended = Job { expires_at: Some(late.to_secs()), ..unknown };
    assert_eq!(ended.cancelled(late, &times()), None, "a job that will expire has ended");
}

#[test]
fn an_order_of_a_newer_version_waits_for_its_worker_as_long_as_any_other_waits_for_one() {
    let mut ordered = job();
    ordered.order.target.container = Container::Unknown;
    let end = T0 + times().max_queue_age_ms;
    assert_eq!(ordered.claim(1, "me", T0, &times()), Claim::NotNow);
    assert!(matches!(ordered.swept(end, &times()), Swept::Resend(_)));
    assert!(matches!(ordered.claim(1, "me", end + ms(1), &times()), Claim::Exhausted(_)));
    let mut others = [job(), job()];
    others[0].order.export_type = ExportType::Unknown;
    others[1].order.wanted = Wanted::Unknown;
    for ordered in others {
        assert_eq!(ordered.claim(1, "me", T0, &times()), Claim::NotNow);
    }
}

#[test]
fn a_reason_that_only_a_newer_version_knows_is_told_in_that_versions_words() {
    let failed = claimed(&job(), T0).given_up(1, Reason::NoMedia, T0, &times()).unwrap();
    let failure = failed.failure.unwrap();
    assert_eq!(
        (failure.message.as_str(), failure.message()),
        ("no media in window", failure.message.clone())
    );
    let newer = Failure { reason: Reason::Unknown, message: "upside down".to_owned(), ..failure };
    assert_eq!(newer.message(), "upside down");
    let silent = Failure { message: String::new(), ..newer };
    assert_eq!(silent.message(), "export not possible");
}

#[test]
fn a_clock_that_is_wrong_for_as_long_as_a_job_may_try_is_its_reason() {
    let mut next = job();
    let mut now = T0;
    loop {
        now = now.max(next.wake_at.unwrap_or(now));
        match next.claim(1, "me", now, &times()) {
            Claim::Granted(job) => next = job.put_off_for_clock(job.fence, now, &times()).unwrap(),
            Claim::Exhausted(failed) => {
                let failure = failed.failure.unwrap();
                assert_eq!((failure.reason, failure.retriable), (Reason::ClockWrong, true));
                assert!(now - T0 >= times().work_ms, "after {} ms", now - T0);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let waits = claimed(&Job { obstacle: Some(Reason::ClockWrong), ..job() }, T0);
    assert_eq!(
        waits.waiting(1, T0 + ms(1), ms(0), T0, &times()).unwrap().obstacle,
        None,
        "it was met no more"
    );
}

#[test]
fn a_manifest_as_old_as_a_record_becomes_is_not_adopted_any_more() {
    let staged = claimed(&job(), T0).with_staged(1, ObjectKind::Video, manifest(0), T0).unwrap();
    let ttl = times().terminal_ttl_ms;
    let at = |now: EpochMs| claimed(&Job { deadline_at: None, queued_at: now, ..staged.clone() }, now);
    assert!(at(T0 + ttl - ms(1)).staged(ObjectKind::Video, 1, 1).is_some());
    assert!(at(T0 + ttl).staged(ObjectKind::Video, 1, 1).is_none());
    let mut earlier = staged.clone();
    earlier.staged[0].at = None;
    let earlier = claimed(&Job { deadline_at: None, queued_at: T0 + ttl, ..earlier }, T0 + ttl);
    assert!(earlier.staged(ObjectKind::Video, 1, 1).is_some(), "an earlier version did not say when");
}

#[test]
fn warnings_that_only_a_newer_version_knows_are_all_told() {
    let warning = |code, detail: &str| Warning { code, count: 1, detail: detail.into() };
    let warnings = vec![
        warning(WarningCode::Unknown, "loud"),
        warning(WarningCode::AudioLeftOut, "one"),
        warning(WarningCode::Unknown, "dark"),
        warning(WarningCode::AudioLeftOut, "two"),
    ];
    let job = Job { video: Some(Manifest { warnings, ..manifest(0) }), ..job() };
    let details: Vec<&str> = job.warnings().iter().map(|warning| warning.detail.as_str()).collect();
    assert_eq!(details, ["loud", "one", "dark"]);
}

#[test]
fn every_write_raises_the_revision_by_one() {
    let running = claimed(&job(), T0);
    assert_eq!(running.rev, 2);
    let image = running.with_image(1, manifest(0), PlanSummary::default(), T0, &times()).unwrap();
    let done = image.with_video(1, manifest(0), PlanSummary::default(), T0, &times()).unwrap();
    assert_eq!((image.rev, done.rev), (3, 4));
}

#[test]
fn an_ended_job_expires_and_is_due_only_until_its_end_was_told() {
    let running = claimed(&job(), T0);
    assert!(running.due_at.is_some() && running.expires_at.is_none());
    for ended in [
        running.with_video(1, manifest(0), PlanSummary::default(), T0, &times()).unwrap(),
        running.given_up(1, Reason::NoMedia, T0, &times()).unwrap(),
        running.cancelled(T0, &times()).unwrap(),
    ] {
        assert!(ended.state.is_terminal() && ended.lease_until.is_none());
        assert_eq!(ended.expires_at, Some(EpochSecs::new(1000 + 604_800)));
        assert_eq!(ended.claim(1, "x", T0, &times()), Claim::Stale);
        assert_eq!(ended.cancelled(T0, &times()), None);
        assert_eq!(ended.swept(T0 + ms(9_999), &times()), Swept::Nothing, "whoever ended it tells");
        let Swept::Tell(later) = ended.swept(T0 + ms(10_000), &times()) else { panic!("nobody told") };
        assert_eq!((later.state, later.updated_at, later.rev), (ended.state, T0, ended.rev + 1));
        assert!(later.due_at > Some(T0 + ms(60_000)), "not every minute");
        let told = later.told().unwrap();
        assert_eq!((told.due_at, told.told(), told.updated_at), (None, None, T0));
        assert_eq!(told.swept(T0 + ms(10_000_000), &times()), Swept::Nothing);
    }
}

#[test]
fn without_completion_events_an_ended_job_is_never_due() {
    let silent = Lifecycle { tell_ms: None, ..times() };
    let ended = claimed(&job(), T0).given_up(1, Reason::NoMedia, T0, &silent).unwrap();
    assert_eq!((ended.due_at, ended.told()), (None, None));
}

#[test]
fn a_thumbnail_is_ready_with_its_image() {
    let mut thumbnail = job();
    thumbnail.order.wanted = Wanted::Thumbnail;
    let running = claimed(&thumbnail, T0);
    let ready = running.with_image(1, manifest(0), PlanSummary::default(), T0, &times()).unwrap();
    assert_eq!(ready.state, State::Ready);
}

#[test]
fn attempts_used_up_time_out_and_a_post_starts_the_next_generation() {
    let mut now = T0;
    let mut current = job();
    for generation in 1..=3 {
        for _ in 0..3 {
            current = claimed(&current, now).released(current.fence + 1, now, &times()).unwrap();
            now = now + ms(61_000);
        }
        let Claim::Exhausted(failed) = current.claim(generation, "x", now, &times()) else { panic!() };
        let retriable = generation < 3;
        assert_eq!(failed.failure.as_ref().map(|f| f.retriable), Some(retriable));
        let Posted::Restart(next) =
            failed.posted(&failed.order, if retriable { now } else { now + ms(60_000) }, &times())
        else {
            panic!()
        };
        assert_eq!((next.generation, next.attempts), (generation + 1, 0));
        assert_eq!(next.fence, u64::from(generation) * 3, "the fence goes on");
        assert_eq!(next.retries, if retriable { generation + 1 } else { 1 });
        if !retriable {
            assert!(matches!(
                failed.posted(&failed.order, now + ms(59_999), &times()),
                Posted::Answer { .. }
            ));
        }
        current = *next;
    }
}

#[test]
fn an_absent_recording_is_looked_for_every_ten_seconds_for_a_quarter_of_an_hour() {
    let fail = |job: &Job, now| {
        claimed(job, now).given_up(job.fence + 1, Reason::SourceAbsent, now, &times()).unwrap()
    };
    let mut now = T0;
    let mut current = fail(&job(), now);
    while current.failure.as_ref().unwrap().retriable {
        assert!(matches!(
            current.posted(&current.order, now + ms(9_999), &times()),
            Posted::Answer { heal: None, .. }
        ));
        now = now + ms(10_000);
        let Posted::Restart(next) = current.posted(&current.order, now, &times()) else { panic!() };
        assert_eq!(next.retries, 1, "not counted");
        current = fail(&next, now);
    }
    assert_eq!(now - T0, ms(900_000));
    let Posted::Restart(next) = current.posted(&current.order, now + ms(60_000), &times()) else { panic!() };
    assert_eq!(next.source_missing_since, None, "a later try waits anew");
}

#[test]
fn past_its_deadline_a_job_has_failed_whether_or_not_anyone_wrote_it_down() {
    let running = claimed(&job(), T0);
    let late = running.deadline_at.unwrap() + ms(1);
    assert_eq!(running.effective(late, &times()).state, State::Failed);
    assert!(matches!(running.swept(late, &times()), Swept::Expire(_)));
    assert!(matches!(running.claim(1, "x", late, &times()), Claim::Exhausted(_)));
    let unclaimed = job();
    assert_eq!(
        unclaimed.effective(unclaimed.queued_at + ms(6 * 3_600_000 + 1), &times()).state,
        State::Failed
    );
}

#[test]
fn the_sweeper_sends_again_with_growing_pauses() {
    let mut current = job();
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let due = current.due_at.unwrap();
        assert_eq!(current.swept(due - ms(1), &times()), Swept::Nothing);
        let Swept::Resend(next) = current.swept(due, &times()) else { panic!() };
        pauses.push((next.due_at.unwrap() - due).get() / 60_000);
        current = *next;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 15, 15, 15]);
}

#[test]
fn a_job_is_due_again_as_soon_as_its_time_is_over() {
    let mut current = job();
    let over = current.queued_at + times().max_queue_age_ms;
    while let Swept::Resend(next) = current.swept(current.due_at.unwrap(), &times()) {
        assert!(next.due_at <= Some(over + ms(1)), "{:?}", next.due_at);
        current = *next;
    }
    assert!(matches!(current.swept(over + ms(1), &times()), Swept::Expire(_)));
    assert_eq!(current.due_at, Some(over + ms(1)));
}

#[test]
fn a_post_heals_exactly_what_the_sweeper_would_send_again() {
    let dead = claimed(&job(), T0);
    let later = dead.due_at.unwrap();
    let Posted::Answer { heal: Some(next), .. } = dead.posted(&dead.order, later, &times()) else { panic!() };
    assert_eq!(dead.swept(later, &times()), Swept::Resend(next));
    assert!(matches!(dead.posted(&dead.order, later - ms(1), &times()), Posted::Answer { heal: None, .. }));
}

#[test]
fn waiting_for_the_recording_costs_no_attempt_and_wakes_in_time() {
    let waiting = claimed(&job(), T0).waiting(1, T0 + ms(300_000), ms(4000), T0, &times()).unwrap();
    assert_eq!((waiting.attempts, waiting.done_ms), (0, ms(4000)));
    assert_eq!(waiting.claim(1, "x", T0 + ms(1000), &times()), Claim::NotNow);
    assert_eq!(claimed(&waiting, T0 + ms(300_000)).attempts, 1);
}

#[test]
fn a_wait_that_no_message_can_last_is_handed_to_the_queue_once_one_can() {
    let wake_at = T0 + ms(20 * 60_000);
    let waiting = claimed(&job(), T0).waiting(1, wake_at, ms(0), T0, &times()).unwrap();
    let due = waiting.due_at.unwrap();
    assert_eq!((due, waiting.swept(due - ms(1), &times())), (wake_at - ms(14 * 60_000), Swept::Nothing));
    let Swept::Resend(sent) = waiting.swept(due + ms(60_000), &times()) else { panic!() };
    assert_eq!(sent.sleep_s(due + ms(60_000)), 13 * 60);
    assert_eq!(sent.due_at, Some(wake_at + ms(60_000)), "the message is there by then");
    assert_eq!(sent.swept(wake_at, &times()), Swept::Nothing);
    assert_eq!(claimed(&sent, wake_at).attempts, 1);
}

#[test]
fn after_its_record_expired_a_post_starts_anew_and_forgets_what_was_staged() {
    let ready = claimed(&job(), T0)
        .with_staged(1, ObjectKind::Video, manifest(0), T0)
        .and_then(|job| job.with_video(1, manifest(0), PlanSummary::default(), T0, &times()))
        .unwrap();
    assert!(matches!(ready.posted(&ready.order, T0 + ms(1000), &times()), Posted::Answer { heal: None, .. }));
    let Posted::Restart(next) = ready.posted(&ready.order, T0 + ms(604_801_000), &times()) else { panic!() };
    assert_eq!((next.state, next.generation, next.fence, next.staged.len()), (State::Queued, 2, 1, 0));
    assert!(next.expires_at.is_none() && next.video.is_none());
}

#[test]
fn progress_is_the_most_of_all_attempts() {
    let first = claimed(&job(), T0).progressed(1, &report(Phase::Encoding, 5000), T0).unwrap();
    let second = claimed(&first, T0 + ms(61_000));
    let later = second.progressed(2, &report(Phase::Copying, 100), T0 + ms(62_000)).unwrap();
    assert_eq!((later.done_ms, later.percent(), later.phase()), (ms(5000), 55, Some(Phase::Copying)));
}

#[test]
fn a_jobs_warnings_are_its_clips_and_what_only_its_picture_has() {
    let warning = |code, detail: &str| Warning { code, count: 1, detail: detail.into() };
    let file = |warnings| Manifest { warnings, ..manifest(0) };
    let clip = warning(WarningCode::SegmentsLeftOut, "clip");
    let picture =
        [warning(WarningCode::SegmentsLeftOut, "still"), warning(WarningCode::RatesCorrected, "still")];
    let made = Job { image: Some(file(picture.to_vec())), video: Some(file(vec![clip.clone()])), ..job() };
    assert_eq!(made.warnings(), [&clip, &picture[1]]);
}

#[test]
fn a_failure_says_what_it_is_about_and_those_of_earlier_versions_are_read() {
    let cause = Reason::BadRecording.because("segment 12 of the video track: malformed moof box");
    let failed = claimed(&job(), T0).given_up(1, cause.clone(), T0, &times()).unwrap();
    assert_eq!(failed.failure.as_ref().map(|failure| &failure.detail), Some(&cause.detail));
    let earlier = serde_json::json!({"reason": {"code": "no_media"}, "retriable": false, "at": 7});
    let failure: Failure = serde_json::from_value(earlier.clone()).unwrap();
    assert!(failure.detail.is_empty());
    assert_eq!(serde_json::to_value(&failure).unwrap(), earlier);
}

#[test]
fn a_pause_after_a_failure_is_kept_whatever_messages_arrive() {
    let left = claimed(&job(), T0).released(1, T0, &times()).unwrap();
    for early in [100, 200, 14_000] {
        assert_eq!(left.claim(1, "x", T0 + ms(early), &times()), Claim::NotNow, "{early} ms");
    }
    assert_eq!(claimed(&left, T0 + ms(20_000)).attempts, 2);
    assert_eq!(left.sleep_s(T0), 20, "its message comes once the pause is over");
    let Swept::Resend(sent) = left.swept(left.due_at.unwrap(), &times()) else {
        panic!("the message was lost")
    };
    assert_eq!(sent.sleep_s(left.due_at.unwrap()), 0);
}

#[test]
fn time_in_the_queue_is_no_time_for_the_work() {
    let wake_at = T0 + ms(3_600_000);
    let mut live = job();
    live.order.start_pos_ms = wake_at - live.order.duration_ms;
    let waiting = claimed(&live, T0).waiting(1, wake_at, ms(0), T0, &times()).unwrap();
    let queued = claimed(&job(), T0).released(1, T0, &times()).unwrap();
    let dead = claimed(&job(), T0);
    let Swept::Resend(dead) = dead.swept(dead.due_at.unwrap(), &times()) else { panic!() };
    for (left, since) in [(waiting, wake_at), (queued, T0), (*dead, T0)] {
        let late = since + ms(5 * 3_600_000);
        assert_eq!(left.effective(late, &times()).state, left.state, "nobody has tried it");
        assert_eq!(claimed(&left, late).deadline_at, Some(late + ms(30 * 60_000)));
        assert_eq!(
            left.effective(since + ms(6 * 3_600_000 + 1), &times()).state,
            State::Failed,
            "it is bounded still"
        );
    }
}

#[test]
fn a_service_that_is_away_for_ten_minutes_costs_no_attempt_and_one_that_stays_away_ends_the_job() {
    let (mut now, mut left, mut tries) = (T0, job(), 0);
    while now < T0 + ms(600_000) {
        left = claimed(&left, now).put_off(left.fence + 1, now, &times()).unwrap();
        assert_eq!((left.state, left.attempts), (State::Queued, 0));
        (now, tries) = (left.wake_at.unwrap(), tries + 1);
    }
    assert!((5..15).contains(&tries), "{tries} tries");
    let ended = loop {
        match left.claim(1, "x", now, &times()) {
            Claim::Granted(running) => left = running.put_off(running.fence, now, &times()).unwrap(),
            Claim::Exhausted(ended) => break ended,
            other => panic!("{other:?}"),
        }
        now = left.wake_at.unwrap();
    };
    assert_eq!(ended.failure.unwrap().reason, Reason::TimedOut);
    assert!((30..60).contains(&((now - T0).get() / 60_000)), "{} min", (now - T0).get() / 60_000);
    let back = claimed(&job(), T0).put_off(1, T0, &times()).unwrap();
    let waiting = claimed(&back, T0 + ms(20_000))
        .waiting(2, T0 + ms(90_000), ms(0), T0 + ms(20_000), &times())
        .unwrap();
    assert_eq!(waiting.unanswered_since, None, "it answers again");
}

#[test]
fn a_restart_uses_the_request_that_restarts_it() {
    let failed = claimed(&job(), T0).given_up(1, Reason::Denied, T0, &times()).unwrap();
    let mut corrected = failed.order.clone();
    corrected.target.owner = "111122223333".to_owned();
    let elsewhere = Order { video_path: "/export/E/test.ts".to_owned(), ..corrected.clone() };
    let Posted::Restart(next) = failed.posted(&elsewhere, T0 + ms(60_000), &times()) else { panic!() };
    assert_eq!(next.order, corrected, "but the clip stays where it is");
}

#[test]
fn every_end_of_every_generation_is_told_once() {
    let failed = claimed(&job(), T0).given_up(1, Reason::Denied, T0, &times()).unwrap();
    let failed = Job { correlation_id: CorrelationId::parse("first"), ..failed };
    let Posted::Restart(second) = failed.posted(&failed.order, T0 + ms(60_000), &times()) else { panic!() };
    let ends = |job: &Job| -> Vec<(u32, State, Option<CorrelationId>)> {
        job.ends_to_tell().into_iter().map(|job| (job.generation, job.state, job.correlation_id)).collect()
    };
    let first = (1, State::Failed, CorrelationId::parse("first"));
    assert_eq!(ends(&second), std::slice::from_ref(&first));
    let told = second.told().unwrap();
    assert_eq!((told.told(), told.due_at, told.state), (None, second.due_at, State::Queued));
    let cancelled = second.cancelled(T0 + ms(61_000), &times()).unwrap();
    assert_eq!(ends(&cancelled), [first, (2, State::Cancelled, None)]);
    let told = cancelled.told().unwrap();
    assert_eq!((told.told(), told.due_at, told.ends_to_tell().len()), (None, None, 0));
    let Posted::Restart(third) = told.posted(&told.order, T0 + ms(200_000), &times()) else { panic!() };
    assert_eq!(third.ends_to_tell(), []);
}

#[test]
fn an_absent_recording_is_told_once_and_only_when_that_is_final() {
    let absent = claimed(&job(), T0).given_up(1, Reason::SourceAbsent, T0, &times()).unwrap();
    assert_eq!((absent.told(), absent.ends_to_tell().len()), (None, 0), "it may appear yet");
    let Posted::Restart(next) = absent.posted(&absent.order, T0 + ms(10_000), &times()) else { panic!() };
    assert_eq!(next.untold, [], "a look that found nothing is no end");
    let due = absent.due_at.unwrap();
    assert_eq!(due, T0 + ms(900_000) + ms(10_000));
    assert_eq!(absent.swept(due - ms(1), &times()), Swept::Nothing);
    let Swept::Tell(over) = absent.swept(due, &times()) else { panic!("nobody is told") };
    assert_eq!(over.failure.as_ref().map(|failure| failure.retriable), Some(false));
    assert_eq!(over.ends_to_tell().len(), 1);
    let earlier = Job { due_at: Some(T0 + ms(10_000)), ..absent };
    assert_eq!(
        earlier.swept(T0 + ms(20_000), &times()),
        Swept::Nothing,
        "as the version before this one wrote it"
    );
}

/// A job of a reel whose windows begin at those times and take a second each.
fn reel_job(starts: &[i64]) -> Job {
    let windows = starts.iter().zip(1..).map(|(start, n)| OrderedWindow {
        n,
        live_path: None,
        start_pos_ms: at(*start),
        start_time_ms: ms(0),
        duration_ms: ms(1000),
        pts: None,
        name: None,
    });
    let reel = OrderedReel { windows: windows.collect(), ..OrderedReel::default() };
    let job = job();
    Job { order: Order { wanted: Wanted::Reel, reel: Some(reel), ..job.order.clone() }, ..job }
}

#[test]
fn a_reel_lasts_from_its_earliest_window_to_the_end_of_its_last() {
    let job = reel_job(&[2_000_000, 1_500_000, 1_700_000]);
    assert_eq!((job.order.window_begin(), job.order.window_end()), (at(1_500_000), at(2_001_000)));
    assert_eq!(job.counted(), Some(Counted::Scheduled));
    assert_eq!(reel_job(&[2_000_000, 900_000]).counted(), Some(Counted::Active));
}

#[test]
fn an_order_by_time_stamp_is_none_that_knows_no_time_stamps() {
    let order = job().order;
    let body =
        br#"{"ServiceCaller":"mma","StartPos":1562253612833,"StartTime":0,"Duration":9000,"FetchMedia":true,
        "LivePath":"mp4/a/stream.m3u8","FileName":"test.ts"}"#;
    let plain = parse(&json::parse(body, true).unwrap(), &Limits::default()).unwrap();
    let request = ExportRequest { pts: Some(Pts::new(7)), ..plain };
    let named = identify(&TenantId::parse("demo").unwrap(), &request, &order.target, None);
    let stamped = Order::new(request, named, order.target.clone());
    assert!(stamped.is_understood() && serde_json::to_value(&stamped).unwrap()["wanted"] == "stamped");
    assert!(!Order { pts: None, ..stamped.clone() }.is_understood());
    assert!(!Order { wanted: Wanted::Media, ..stamped }.is_understood());
}

#[test]
fn a_reel_is_understood_with_its_windows_only() {
    let job = reel_job(&[1, 2]);
    assert!(job.order.is_understood() && job.work_queue() == WorkQueue::Clips);
    assert!(!Order { reel: None, ..job.order.clone() }.is_understood());
    assert!(!Order { wanted: Wanted::Media, ..job.order }.is_understood());
}

#[test]
fn only_the_newest_two_staged_manifests_keep_the_windows_of_a_reel() {
    let made = DeliveredWindow {
        at_ms: ms(0),
        length_ms: ms(1),
        lack_ms: ms(0),
        warnings: Vec::new(),
        left_out: None,
    };
    let full = Manifest { windows: vec![made], ..manifest(0) };
    let mut job = claimed(&reel_job(&[1, 2]), at(1_000_000));
    for _ in 0..4 {
        job = job.with_staged(job.fence, ObjectKind::Video, full.clone(), at(1_000_000)).unwrap();
    }
    let kept: Vec<_> = job.staged.iter().map(|staged| staged.manifest.windows.len()).collect();
    assert_eq!(kept, [0, 0, 1, 1]);
}
