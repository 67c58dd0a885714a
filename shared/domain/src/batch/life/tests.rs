use super::*;
use crate::identity::identify;
use crate::job::testing::{at, job, manifest, ms};
use crate::job::{Claim, PlanSummary, Reason};
use crate::json;
use crate::request::parse;
use crate::settings::Limits;
use crate::storage::Container;
use proptest::prelude::*;
use serde_json::json;

const NOW: EpochMs = at(2_000_000_000_000);

fn tenant() -> TenantId {
    TenantId::parse("demo").unwrap()
}

fn target() -> Target {
    job().order.target
}

/// The request of the clip that begins `start` ms before [`NOW`].
fn asked(start: i64) -> ExportRequest {
    ExportRequest {
        wanted: Wanted::Media,
        fetch_thumb: false,
        start_pos_ms: NOW - ms(start),
        start_time_ms: ms(0),
        duration_ms: ms(1000),
        live_path: LivePath::parse("mp4/a/stream.mpd").unwrap(),
        file_name: FileName::parse("goal").unwrap(),
        peer_id: None,
        export_type: ExportType::AsRecorded,
        container: None,
        storage: None,
        deprecated_target: None,
        story: None,
        pts: None,
        windows: Vec::new(),
    }
}

fn batch(starts: &[i64]) -> Batch {
    let clips = starts.iter().enumerate().map(|(at, start)| {
        let request = asked(*start);
        let job_id = identify(&tenant(), &request, &target(), None).job_id;
        BatchClip::new(Wish { n: at + 1, mark: None, request }, job_id)
    });
    Batch::new(&tenant(), target(), clips.collect(), NOW, &Lifecycle::default())
}

/// The job that a batch makes of its clip `at`.
fn made(batch: &Batch, at: usize) -> Job {
    let clip = &batch.clips[at];
    let order = batch.order(clip, |request| identify(&batch.tenant, request, &batch.target, None));
    Job::new(batch.tenant.clone(), clip.job_id.clone(), order, NOW, &Lifecycle::default()).of(&batch.batch_id)
}

fn running(job: &Job) -> Job {
    match job.claim(1, "me", NOW, &Lifecycle::default()) {
        Claim::Granted(job) => *job,
        other => panic!("{other:?}"),
    }
}

fn ready(job: &Job) -> Job {
    let job = running(job);
    job.with_video(job.fence, manifest(0), PlanSummary::default(), NOW, &Lifecycle::default()).unwrap()
}

fn failed(job: &Job, reason: Reason) -> Job {
    let job = running(job);
    job.given_up(job.fence, reason, NOW, &Lifecycle::default()).unwrap()
}

fn known(jobs: &[Job]) -> BTreeMap<JobId, Job> {
    jobs.iter().map(|job| (job.job_id.clone(), job.clone())).collect()
}

const ROOM: BatchRoom = BatchRoom { active: 100, scheduled: 100 };

/// The batch after its clips were posted, each of which made its job.
fn posted(batch: &Batch) -> Batch {
    let Advance { posts, seen, .. } = batch.advance(&BTreeMap::new(), ROOM, NOW);
    let next = posts.into_iter().fold(seen, |seen, at| seen.with_stage(at, Stage::Started));
    next.settled(batch, NOW, &Lifecycle::default()).unwrap()
}

/// The batch after a look at `jobs`.
fn looked(batch: &Batch, jobs: &[Job]) -> Batch {
    let seen = batch.advance(&known(jobs), ROOM, NOW).seen;
    seen.settled(batch, NOW, &Lifecycle::default()).unwrap_or_else(|| batch.clone())
}

#[test]
fn a_clips_job_is_the_one_of_a_single_request() {
    let body = json!({"ServiceCaller": "mma", "FetchMedia": true, "StartPos": NOW - ms(5000), "StartTime": 0,
        "Duration": 1000, "LivePath": "mp4/a/stream.mpd", "FileName": "goal"});
    let single = parse(&json::parse(body.to_string().as_bytes(), true).unwrap(), &Limits::default()).unwrap();
    let identity = identify(&tenant(), &single, &target(), None);
    let batch = batch(&[9000, 5000]);
    assert_eq!(batch.clips[1].job_id, identity.job_id);
    let made = made(&batch, 1);
    assert_eq!((made.order.video_path, made.order.image_path), (identity.video_path, identity.image_path));
}

#[test]
fn the_same_clips_in_the_same_order_are_the_same_batch() {
    let id = |starts: &[i64]| batch(starts).batch_id;
    assert_eq!(id(&[9000, 5000]), id(&[9000, 5000]));
    assert_ne!(id(&[9000, 5000]), id(&[5000, 9000]));
    assert_ne!(id(&[9000, 5000]), id(&[9000]));
    let mp4 = Target { container: Container::Mp4, ..target() };
    let clips = batch(&[9000, 5000]).clips;
    assert_ne!(Batch::new(&tenant(), mp4, clips, NOW, &Lifecycle::default()).batch_id, id(&[9000, 5000]));
}

#[test]
fn a_clip_that_is_listed_twice_is_made_once() {
    let batch = batch(&[9000, 5000, 9000]);
    assert_eq!(batch.clips.len(), 2);
    assert_eq!(batch.skipped[0].n, 3);
    assert!(batch.skipped[0].why.contains("number 1"));
}

#[test]
fn clips_are_posted_as_far_as_there_is_room_for_their_kind() {
    let batch = batch(&[9000, -60_000, 8000, 7000, -90_000]);
    let step = batch.advance(&BTreeMap::new(), BatchRoom { active: 2, scheduled: 1 }, NOW);
    assert_eq!(step.posts, [0, 1, 2], "two that have begun, one that has not");
    let many = self::batch(&(1..=150).map(|at| at * 1000).collect::<Vec<_>>());
    assert_eq!(
        many.advance(&BTreeMap::new(), BatchRoom { active: 500, scheduled: 0 }, NOW).posts.len(),
        MOST_POSTS
    );
}

#[test]
fn a_batch_is_done_when_every_clip_has_ended() {
    let batch = posted(&batch(&[9000, 5000]));
    assert_eq!((batch.state, batch.outcome), (BatchState::Running, None));
    let (one, other) = (made(&batch, 0), made(&batch, 1));
    let half = looked(&batch, &[ready(&one), running(&other)]);
    assert_eq!((half.state, half.clips[0].stage), (BatchState::Running, Stage::Ready));
    assert_eq!(half.followed(NOW).collect::<Vec<_>>(), [&other.job_id], "an end is not looked at again");
    let all = looked(&half, &[ready(&other)]);
    assert_eq!((all.state, all.outcome), (BatchState::Done, Some(BatchOutcome::Ready)));
    assert!(all.due_at == Some(NOW) && all.expires_at.is_some() && all.untold.len() == 1);
    let partly = looked(&half, &[failed(&other, Reason::NoMedia)]);
    assert_eq!(partly.outcome, Some(BatchOutcome::Partial));
    let none = looked(&batch, &[failed(&one, Reason::NoMedia), failed(&other, Reason::NoMedia)]);
    assert_eq!(none.outcome, Some(BatchOutcome::Failed));
}

#[test]
fn a_failure_that_another_request_would_retry_ends_the_clip_until_the_batch_is_posted_again() {
    let batch = posted(&batch(&[9000]));
    let absent = failed(&made(&batch, 0), Reason::SourceAbsent);
    assert!(absent.failure.as_ref().is_some_and(|failure| failure.retriable));
    let step = batch.advance(&known(std::slice::from_ref(&absent)), ROOM, NOW);
    assert_eq!((step.posts, step.seen.clips[0].stage), (vec![], Stage::Failed));
    let done = looked(&batch, &[absent]);
    assert_eq!((done.state, done.outcome), (BatchState::Done, Some(BatchOutcome::Failed)));
    let again = done.posted(NOW + ms(60_000), &Lifecycle::default()).unwrap();
    assert_eq!(again.advance(&known(&[]), ROOM, NOW + ms(60_000)).posts, [0]);
}

#[test]
fn windows_that_have_not_begun_are_not_looked_at_until_then() {
    let batch = posted(&batch(&[-600_000, -900_000]));
    assert_eq!(batch.followed(NOW).count(), 0);
    assert_eq!(batch.due_at, Some(NOW + ms(600_000)));
    assert_eq!(batch.followed(NOW + ms(600_000)).count(), 1);
}

#[test]
fn a_cancelled_batch_ends_its_own_jobs_and_lets_others_go_on() {
    let batch = posted(&batch(&[9000, 5000, 4000]));
    let pending = batch.clone().with_stage(2, Stage::Pending);
    let cancelled = pending.cancelled(NOW).unwrap();
    let own = made(&batch, 0);
    let shared = Job { lane: None, ..made(&batch, 1) };
    let step = cancelled.advance(&known(&[own.clone(), shared]), ROOM, NOW);
    assert_eq!((step.posts.len(), step.cancels), (0, vec![0]));
    let stages: Vec<Stage> = step.seen.clips.iter().map(|clip| clip.stage).collect();
    assert_eq!(stages, [Stage::Started, Stage::Cancelled, Stage::Cancelled]);
    let done =
        step.seen.with_stage(0, Stage::Cancelled).settled(&cancelled, NOW, &Lifecycle::default()).unwrap();
    assert_eq!((done.state, done.outcome), (BatchState::Done, Some(BatchOutcome::Cancelled)));
    assert_eq!(done.cancelled(NOW), None);
}

#[test]
fn a_batch_without_all_clips_starts_over_after_a_minute_with_those_that_lack() {
    let times = Lifecycle::default();
    let batch = posted(&batch(&[9000, 5000]));
    let done = looked(&batch, &[ready(&made(&batch, 0)), failed(&made(&batch, 1), Reason::NoMedia)]);
    assert_eq!(done.posted(NOW + ms(59_999), &times), None);
    let next = done.posted(NOW + ms(60_000), &times).unwrap();
    let stages: Vec<Stage> = next.clips.iter().map(|clip| clip.stage).collect();
    assert_eq!((next.generation, stages), (2, vec![Stage::Ready, Stage::Pending]));
    assert_eq!(next.untold, done.untold, "the end of the first generation is still to be told");
    let all = looked(&batch, &[ready(&made(&batch, 0)), ready(&made(&batch, 1))]);
    assert_eq!(all.posted(NOW + ms(3_600_000), &times), None);
    let expired = all.posted(NOW + times.terminal_ttl_ms, &times).unwrap();
    assert!(expired.clips.iter().all(|clip| clip.stage == Stage::Pending), "its jobs' records are over, too");
}

#[test]
fn an_end_is_told_until_the_bus_took_it() {
    let times = Lifecycle::default();
    let done = looked(&posted(&batch(&[9000])), &[ready(&made(&batch(&[9000]), 0))]);
    let later = done.untaken(NOW, &times);
    assert_eq!((later.due_at, later.untold.len()), (Some(NOW + times.resend_ms), 1));
    assert_eq!(later.untaken(NOW, &times).due_at, Some(NOW + times.resend_ms * 2));
    let told = later.told();
    assert_eq!((told.due_at, told.untold.len(), told.rev), (None, 0, later.rev + 1));
    let silent = Lifecycle { tell_ms: None, ..times };
    let batch = posted(&batch(&[9000]));
    let seen = batch.advance(&known(&[ready(&made(&batch, 0))]), ROOM, NOW).seen;
    assert_eq!(seen.settled(&batch, NOW, &silent).unwrap().due_at, None);
}

#[test]
fn what_changes_nothing_is_not_stored_unless_it_is_due() {
    let times = Lifecycle::default();
    let batch = posted(&batch(&[9000]));
    let jobs = known(&[running(&made(&batch, 0))]);
    let seen = batch.advance(&jobs, ROOM, NOW).seen;
    assert_eq!(seen.clone().settled(&batch, NOW, &times), None);
    let due = NOW + times.resend_ms;
    let later = seen.settled(&batch, due, &times).unwrap();
    assert_eq!((later.due_at, later.updated_at), (Some(due + times.resend_ms), batch.updated_at));
}

#[test]
fn a_batch_is_read_as_it_was_stored() {
    let batch = posted(&batch(&[9000, 5000]));
    let text = serde_json::to_value(&batch).unwrap();
    assert!(text["clips"].is_string());
    assert_eq!(serde_json::from_value::<Batch>(text).unwrap(), batch);
}

proptest! {
    /// Whatever order ends are seen in, and however often a step is repeated.
    #[test]
    fn no_clip_is_lost_and_a_batch_is_done_iff_all_have_ended(
        starts in proptest::collection::vec(1i64..100, 1..12), ends in proptest::collection::vec(0u8..4, 0..60),
    ) {
        let times = Lifecycle::default();
        let mut batch = batch(&starts.iter().map(|start| start * 1000).collect::<Vec<_>>());
        let clips = batch.clips.len();
        let mut jobs: BTreeMap<JobId, Job> = BTreeMap::new();
        for (round, end) in ends.into_iter().enumerate() {
            let step = batch.advance(&jobs, BatchRoom { active: 2, scheduled: 0 }, NOW);
            let mut seen = step.seen;
            for at in step.posts {
                let job = jobs.entry(batch.clips[at].job_id.clone()).or_insert_with(|| made(&batch, at));
                seen = seen.with_stage(at, job.stage());
            }
            // A step that dies before it stores leaves what was there.
            if end != 3 && let Some(next) = seen.settled(&batch, NOW, &times) {
                prop_assert_eq!(next.rev, batch.rev + 1);
                batch = next;
            }
            let live: Vec<JobId> = batch.clips.iter().filter(|clip| clip.stage == Stage::Started)
                .map(|clip| clip.job_id.clone()).collect();
            if let Some(id) = live.get(round % live.len().max(1)) {
                let job = &jobs[id];
                if !job.state.is_terminal() {
                    let ended = if end == 0 { failed(job, Reason::NoMedia) } else { ready(job) };
                    jobs.insert(id.clone(), ended);
                }
            }
            prop_assert_eq!(batch.clips.len(), clips);
            let ended = batch.clips.iter().all(|clip| clip.stage.is_end());
            prop_assert_eq!(batch.state == BatchState::Done, ended);
            prop_assert_eq!(batch.outcome.is_some(), ended);
            prop_assert!(batch.state == BatchState::Done || batch.due_at.is_some());
        }
    }
}
