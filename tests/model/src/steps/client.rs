//! What clients set off: POSTs, polls, cancellations; and what becomes of the record in the end.

use super::{next, send};
use crate::action::{Action, Sent};
use crate::item::{Item, NOW, template};
use crate::scope::{FENCES, Scope};
use crate::world::{Status, Submit, World};
use export_domain::job::{Job, Posted, Swept};

pub(super) fn possible(scope: &Scope, world: &World, actions: &mut Vec<Action>) {
    let submit: Option<fn(Sent) -> Action> = match world.submit {
        Submit::Idle if !may_post(scope, world) => None,
        Submit::Idle => Some(Action::Post),
        Submit::Writing(_) | Submit::Healing(_) => Some(Action::SubmitWrites),
    };
    if let Some(action) = submit {
        actions.push(action(Sent::Yes));
        if scope.faults.submit && world.left.faults > 0 {
            actions.push(action(Sent::No));
        }
    }
    let ended = world.item.as_ref().is_some_and(|item| item.state.is_terminal());
    match world.status {
        Status::Cancelling(_) | Status::Ending(_) => actions.push(Action::StatusWrites),
        Status::Idle if world.item.is_some() => {
            if scope.deadlines && scope.rules.records_ends && !ended {
                actions.push(Action::Poll);
            }
            if world.left.cancels > 0 {
                actions.push(Action::Cancel);
            }
        }
        Status::Idle => {}
    }
    // A record lives longer than any message and any invocation.
    if ended && world.is_quiet() {
        let expired = world.item.as_ref().is_some_and(|item| item.expired);
        match (expired, world.left.expiries) {
            (true, _) if scope.deletes => actions.push(Action::Delete),
            (false, 1..) => actions.push(Action::Expire),
            _ => {}
        }
    }
}

pub(super) fn happen(scope: &Scope, world: &mut World, action: Action) {
    match action {
        Action::Post(sent) => {
            world.left.posts = world.left.posts.map(|posts| posts - 1);
            post(scope, world);
            if !scope.delays {
                submit_writes(scope, world, sent);
            }
        }
        Action::SubmitWrites(sent) => submit_writes(scope, world, sent),
        Action::Poll => {
            poll(scope, world);
            if !scope.delays {
                status_writes(world);
            }
        }
        Action::Cancel => {
            cancel(scope, world);
            if !scope.delays {
                status_writes(world);
            }
        }
        Action::StatusWrites => status_writes(world),
        Action::Expire => {
            world.left.expiries -= 1;
            if let Some(item) = &mut world.item {
                item.expired = true;
            }
            for object in [&mut world.image, &mut world.video].into_iter().flatten() {
                object.shown = false;
            }
        }
        Action::Delete => {
            world.store(None);
            world.life += 1;
        }
        _ => {}
    }
}

/// A POST that would start a generation too many is left out.
fn may_post(scope: &Scope, world: &World) -> bool {
    world.left.posts != Some(0)
        && world.item.as_ref().is_none_or(|item| {
            let ended = item.state.is_terminal();
            let last = item.generation >= scope.generations && !item.expired;
            !(ended && last) && (ended || item.due.is_some_and(|due| due <= 0) || scope.deadlines)
        })
}

/// What submit decides about the job that it finds.
fn post(scope: &Scope, world: &mut World) {
    let found = world.item.as_ref().map(|item| item.job(scope));
    world.submit = match found.as_ref().map(|job| job.posted(&job.order, NOW, &scope.times)) {
        None => {
            let new = created(scope, world);
            Submit::Writing(Some(next(scope, world, None, &new)))
        }
        Some(Posted::Restart(to)) if to.generation > scope.generations + world.lives(scope) => Submit::Idle,
        Some(Posted::Restart(to)) => {
            let untold = if scope.rules.keeps_untold { to.untold.clone() } else { Vec::new() };
            Submit::Writing(Some(next(scope, world, found.as_ref(), &Job { untold, ..*to })))
        }
        Some(Posted::Answer { heal: Some(to), .. }) if scope.rules.heals => {
            Submit::Healing(Some(next(scope, world, found.as_ref(), &to)))
        }
        Some(Posted::Answer { .. }) => Submit::Idle,
    };
}

/// The first record, or the one after a deleted one.
fn created(scope: &Scope, world: &World) -> Job {
    let template = template(scope);
    let new = Job::new(template.tenant, template.job_id, template.order, NOW, &scope.times);
    let fence = if scope.rules.fences_go_on { new.fence + u64::from(world.life) * FENCES } else { 0 };
    Job { fence, ..new }
}

fn submit_writes(scope: &Scope, world: &mut World, sent: Sent) {
    match std::mem::replace(&mut world.submit, Submit::Idle) {
        Submit::Writing(Some(item)) | Submit::Healing(Some(item)) => {
            let generation = item.generation;
            world.store(Some(*item));
            send(world, generation, sent);
        }
        // The refusal says what is there now.
        Submit::Writing(None) => post(scope, world),
        _ => {}
    }
}

fn status_writes(world: &mut World) {
    if let Status::Cancelling(Some(item)) | Status::Ending(Some(item)) =
        std::mem::replace(&mut world.status, Status::Idle)
    {
        world.store(Some(*item));
    }
}

/// A job whose time is over is written down as such before anybody is told.
fn poll(scope: &Scope, world: &mut World) {
    let Some(job) = world.item.as_ref().map(|item| item.job(scope)) else { return };
    if let Swept::Expire(to) = job.swept(NOW, &scope.times) {
        world.status = Status::Ending(Some(next(scope, world, Some(&job), &to)));
    }
}

fn cancel(scope: &Scope, world: &mut World) {
    world.left.cancels -= 1;
    let Some(job) = world.item.as_ref().map(|item| item.job(scope)) else { return };
    if let Some(to) = job.cancelled(NOW, &scope.times) {
        world.status = Status::Cancelling(Some(next(scope, world, Some(&job), &to)));
    }
}

impl World {
    /// Generations that expired records may add to those of the scope.
    fn lives(&self, scope: &Scope) -> u32 {
        u32::from(scope.expiries - self.left.expiries)
    }

    /// The item, if it has not ended.
    pub(crate) fn live(&self) -> Option<&Item> {
        self.item.as_ref().filter(|item| !item.state.is_terminal())
    }
}
