use super::*;
use export_domain::job::{Claim, FanSize, PlanSummary, Posted, Swept};
use export_domain::settings::Lifecycle;

/// A plan as the model has it.
const SIZE: FanSize = FanSize { chunks: 2, estimate_ms: Millis::ZERO };

/// Everything that can become of a job in one step, with who does it.
fn next_of(job: &Job, times: &Lifecycle) -> Vec<(String, Option<Job>)> {
    let (fence, now) = (job.fence, NOW);
    let content = Content { life: 0, generation: job.generation, fence };
    let (plan, manifest) = (PlanSummary::default(), content.manifest());
    let mut next = vec![
        ("renewed".to_owned(), job.renewed(fence, now, times).ok()),
        ("progressed".to_owned(), job.progressed(fence, &PROGRESS, now).ok()),
        ("upload".to_owned(), job.with_upload(fence, &fence.to_string(), now, times).ok()),
        ("released".to_owned(), job.released(fence, now, times).ok()),
        ("put off".to_owned(), job.put_off(fence, now, times).ok()),
        ("waiting".to_owned(), job.waiting(fence, now + Millis::new(2), Millis::ZERO, now, times).ok()),
        ("image".to_owned(), job.with_image(fence, manifest.clone(), plan.clone(), now, times).ok()),
        ("video".to_owned(), job.with_video(fence, manifest.clone(), plan, now, times).ok()),
        ("fanned".to_owned(), job.fanned(fence, SIZE, now, times).ok()),
        ("fanned still".to_owned(), job.fanned_still(fence, now, times).ok()),
        ("fanned again".to_owned(), job.fanned_again(fence, now, times).ok().flatten()),
        ("chunk failed".to_owned(), job.chunk_failed(fence, Cause::BadRecording.reason(), now, times)),
        ("cancelled".to_owned(), job.cancelled(now, times)),
        ("effective".to_owned(), Some(job.effective(now, times))),
    ];
    for cause in [Cause::SourceAbsent, Cause::TimedOut, Cause::BadRecording] {
        next.push((format!("{cause:?}"), job.given_up(fence, cause.reason(), now, times).ok()));
    }
    for kind in [ObjectKind::Image, ObjectKind::Video] {
        next.push((format!("staged {kind:?}"), job.with_staged(fence, kind, manifest.clone(), now).ok()));
    }
    let claim = match job.claim(job.generation, "", now, times) {
        Claim::Granted(to) => ("granted", Some(*to)),
        Claim::Exhausted(to) => ("exhausted", Some(*to)),
        Claim::Stale => ("stale", None),
        Claim::NotNow => ("not now", None),
    };
    let swept = match job.swept(now, times) {
        Swept::Nothing => ("nothing", None),
        Swept::Resend(to) => ("resend", Some(*to)),
        Swept::Expire(to) => ("expire", Some(*to)),
        Swept::Tell(to) => ("tell", Some(*to)),
    };
    let posted = match job.posted(&job.order, now, times) {
        Posted::Restart(to) => ("restart", Some(*to)),
        Posted::Answer { heal, .. } => ("answer", heal.map(|to| *to)),
    };
    next.extend([claim, swept, posted].map(|(name, to)| (name.to_owned(), to)));
    next
}

/// The same job, later.
fn later(job: &Job, ms: Millis) -> Job {
    let back = |at: Option<EpochMs>| at.map(|at| at - ms);
    let failure = job.failure.clone().map(|failure| Failure { at: failure.at - ms, ..failure });
    Job {
        queued_at: job.queued_at - ms,
        updated_at: job.updated_at - ms,
        lease_until: back(job.lease_until),
        due_at: back(job.due_at),
        deadline_at: back(job.deadline_at),
        wake_at: back(job.wake_at),
        unanswered_since: back(job.unanswered_since),
        source_missing_since: back(job.source_missing_since),
        fan: job.fan.clone().map(|fan| Fan { until: fan.until - ms, ..fan }),
        failure,
        ..job.clone()
    }
}

/// What the model would store of each.
fn stored(job: &Job, scope: &Scope) -> Vec<(String, Option<Item>)> {
    let next = next_of(job, &scope.times).into_iter();
    next.map(|(name, to)| (name, to.map(|to| Item::of(&to, scope)))).collect()
}

/// Jobs that are reached in a few steps and some time, each once as the model sees it.
fn reached(scope: &Scope, steps: usize) -> Vec<Job> {
    let mut seen: std::collections::HashSet<Item> = std::collections::HashSet::new();
    let template = template(scope);
    let new = Job::new(template.tenant, template.job_id, template.order, NOW, &scope.times);
    let (mut found, mut open) = (vec![new.clone()], vec![new]);
    for _ in 0..steps {
        let mut fresh = Vec::new();
        for job in &open {
            let next = next_of(job, &scope.times).into_iter().filter_map(|(_, to)| to);
            let next = next.chain((1..=3).map(|ms| later(job, Millis::new(ms))));
            fresh.extend(next.filter(|to| seen.insert(Item::of(to, scope))));
        }
        found.extend(fresh.iter().cloned());
        open = fresh;
    }
    found
}

#[test]
fn the_model_decides_as_the_job_itself_would() {
    let scopes = [Scope::chunks(0), Scope::picture(0), Scope::chunks(0).ending_after(2)];
    for scope in scopes {
        let jobs = reached(&scope, 6);
        assert!(jobs.len() > 300, "{}", jobs.len());
        for job in jobs {
            let item = Item::of(&job, &scope);
            assert_eq!(item, Item::of(&item.job(&scope), &scope), "comes back as it was");
            assert_eq!(stored(&item.job(&scope), &scope), stored(&job, &scope), "{job:?}");
        }
    }
}

#[test]
fn the_clock_of_the_model_is_the_jobs_clock() {
    let scope = Scope::chunks(0).ending_after(2);
    for job in reached(&scope, 5) {
        let mut item = Item::of(&job, &scope);
        for ms in 1..=4 {
            item.age(&scope);
            assert_eq!(
                stored(&item.job(&scope), &scope),
                stored(&later(&job, Millis::new(ms)), &scope),
                "{job:?}"
            );
        }
    }
}

#[test]
fn a_job_keeps_as_many_staged_manifests_of_a_file_as_the_model_thinks() {
    let scope = Scope::clip(0);
    let template = template(&scope);
    let new = Job::new(template.tenant, template.job_id, template.order, NOW, &scope.times);
    let Claim::Granted(mut job) = new.claim(1, "", NOW, &scope.times) else { panic!() };
    let stage = |job: &Job, kind| {
        job.with_staged(job.fence, kind, Content { life: 0, generation: 1, fence: 0 }.manifest(), NOW)
            .unwrap()
    };
    *job = stage(&job, ObjectKind::Image);
    for _ in 0..2 * crate::MAX_STAGED {
        *job = stage(&job, ObjectKind::Video);
    }
    let of = |kind| job.staged.iter().filter(|staged| staged.object == kind).count();
    assert_eq!((of(ObjectKind::Image), of(ObjectKind::Video)), (1, crate::MAX_STAGED));
}
