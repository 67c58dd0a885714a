//! The worker: claim, adopt, make, publish, commit; and all that can come in between.

use super::next;
use crate::action::{Action, Move, Sent};
use crate::item::{Cause, Content, Item, NOW, PROGRESS};
use crate::scope::Scope;
use crate::world::{At, Breach, Message, Object, Then, Worker, World, fingerprint};
use export_domain::job::{Claim, Fenced, Job, ObjectKind, PlanSummary, State};
use export_domain::request::Wanted;
use export_domain::time::{EpochMs, Millis};

/// A recording that has to grow is looked at again after so many ticks.
const PAUSE: Millis = Millis::new(2);

pub(super) fn possible(scope: &Scope, world: &World, actions: &mut Vec<Action>) {
    let alike = scope.skew == 0 && world.worker(0) == world.worker(1);
    let numbers = if alike { 0..1 } else { 0..2 };
    for number in numbers {
        let mut moves = Vec::new();
        match world.worker(number) {
            Worker::Idle => {
                let mut messages = world.queue.clone();
                messages.dedup();
                for message in messages {
                    moves.push(Move::Receive(message));
                    if deferred(scope, world, message).is_some() {
                        moves.push(Move::Defers(message, Sent::Yes));
                        if scope.faults.worker && world.left.faults > 0 {
                            moves.push(Move::Defers(message, Sent::No));
                        }
                    }
                }
            }
            Worker::Claiming { .. } | Worker::Acking(_) => moves.push(Move::Step),
            Worker::Working { at, fence, .. } => working(scope, world, *at, *fence, &mut moves),
        }
        if scope.faults.worker && world.left.faults > 0 && *world.worker(number) != Worker::Idle {
            moves.push(Move::Dies);
        }
        actions.extend(moves.into_iter().map(|movement| Action::Worker(number, movement)));
    }
}

/// The job as it is once it has let another go first.
fn deferred(scope: &Scope, world: &World, message: Message) -> Option<(Job, Job)> {
    let job = world.item.as_ref().filter(|_| world.left.deferrals > 0)?.job(scope);
    let next = job.deferred(NOW, &scope.times).filter(|_| job.generation == message.generation)?;
    let due_at = next.due_at.filter(|_| scope.rules.wakes_deferred);
    Some((job, Job { due_at, ..next }))
}

/// Puts the job back into the line.
fn defer(scope: &Scope, world: &mut World, message: Message, sent: Sent) {
    let Some((job, to)) = deferred(scope, world, message) else { return };
    world.left.deferrals -= 1;
    let item = next(scope, world, Some(&job), &to);
    world.store(Some(*item));
    match sent {
        Sent::Yes if scope.rules.wakes_deferred => world.send(Message { returns: 0, ..message }),
        Sent::Yes => {}
        Sent::No => {
            world.left.faults -= 1;
            world.give_back(message, scope);
        }
    }
}

fn working(scope: &Scope, world: &World, at: At, fence: u64, moves: &mut Vec<Move>) {
    let left = &world.left;
    match at {
        At::Open => {
            moves.push(Move::Opens);
            if left.waits > 0 {
                moves.push(Move::FindsShort { picture: false });
                let none = world.item.as_ref().is_some_and(|item| item.image.is_none());
                if none && scope.wanted == Wanted::Media {
                    moves.push(Move::FindsShort { picture: true });
                }
            }
            if left.absences > 0 {
                moves.push(Move::Finds(Cause::SourceAbsent));
            }
            if scope.bad {
                moves.push(Move::Finds(Cause::BadRecording));
            }
        }
        _ => moves.push(Move::Step),
    }
    let renewable = world.item.as_ref().is_some_and(|item| item.lease != Some(scope.times.lease_ms.get()));
    let leaves = at == At::Wake || matches!(at, At::Starts(..));
    if !leaves && (renewable || !world.holds(fence)) {
        moves.push(Move::Renews);
    }
    if !leaves && scope.delays && world.is_raced() {
        moves.push(Move::Tells);
    }
    if left.faults == 0 {
        return;
    }
    if scope.faults.duplicates {
        moves.push(Move::Dawdles);
    }
    let leaving = leaves || matches!(at, At::Release | At::PutOff | At::Wait | At::GiveUp(_) | At::Fan);
    if scope.faults.failures && !leaving {
        moves.push(if scope.outages { Move::Unanswered } else { Move::Fails });
    }
    if scope.faults.replies {
        match at {
            At::Put(..) | At::Replace(..) => moves.extend([Move::FindsItsOwn, Move::MissesItsPut]),
            At::Adopt(ObjectKind::Image) => moves.push(Move::MissesItsClaim),
            _ => {}
        }
    }
}

pub(super) fn happen(scope: &Scope, world: &mut World, number: usize, movement: Move) {
    let hand =
        Hand { scope, now: NOW + Millis::new(scope.skew) * i64::try_from(number).unwrap_or(0), number };
    match movement {
        Move::Receive(message) => {
            if let Some(at) = world.queue.iter().position(|other| *other == message) {
                world.queue.remove(at);
            }
            hand.claims(world, message);
        }
        Move::Defers(message, sent) => {
            if let Some(at) = world.queue.iter().position(|other| *other == message) {
                world.queue.remove(at);
            }
            defer(scope, world, message, sent);
        }
        Move::Dies => {
            world.left.faults -= 1;
            // Nobody knows of its upload yet: that is left to the bucket's lifecycle rule.
            if let Worker::Working { fence, at: At::Note, .. } = *world.worker(number) {
                world.close(fence);
            }
            if let Some(message) = std::mem::replace(world.worker_mut(number), Worker::Idle).message() {
                world.give_back(message, scope);
            }
        }
        _ => match world.worker(number).clone() {
            Worker::Idle => {}
            Worker::Claiming { message, next, granted } => hand.takes(world, message, next, granted),
            Worker::Working { message, fence, at } => {
                let work = Work { hand, message, fence };
                work.happens(world, at, movement);
            }
            Worker::Acking(message) => {
                *world.worker_mut(number) = Worker::Idle;
                if scope.one_message && message.returns != Message::DELETED {
                    world.delete_message();
                }
            }
        },
    }
    if scope.rules.acks_fenced {
        stop_the_fenced(world);
    }
    acknowledge(scope, world);
    if scope.skew == 0 {
        world.workers.sort_by_cached_key(fingerprint);
    }
}

/// A worker that lost its claim and whose next step is a write under it does nothing more but acknowledge.
fn stop_the_fenced(world: &mut World) {
    for number in 0..2 {
        if let Worker::Working { message, fence, at } = *world.worker(number)
            && matches!(
                at,
                At::Adopt(_)
                    | At::Open
                    | At::Note
                    | At::Stage(..)
                    | At::Release
                    | At::PutOff
                    | At::Wait
                    | At::GiveUp(_)
                    | At::Fan
            )
            && !world.holds(fence)
        {
            world.close(fence);
            *world.worker_mut(number) = Worker::Acking(message);
        }
    }
}

/// An acknowledgement is a step of its own only if others see it, or if the message comes again without it.
fn acknowledge(scope: &Scope, world: &mut World) {
    let again =
        scope.one_message || (scope.faults.worker && world.left.faults > 0 && scope.receives != Some(1));
    for worker in &mut world.workers {
        if !again && matches!(worker, Worker::Acking(_)) {
            *worker = Worker::Idle;
        }
    }
}

impl Worker {
    /// The message in hand.
    fn message(&self) -> Option<Message> {
        match self {
            Self::Idle => None,
            Self::Claiming { message, .. } | Self::Working { message, .. } | Self::Acking(message) => {
                Some(*message)
            }
        }
    }
}

/// One worker with its clock.
#[derive(Debug, Clone, Copy)]
struct Hand<'a> {
    scope: &'a Scope,
    now: EpochMs,
    number: usize,
}

impl Hand<'_> {
    fn becomes(self, world: &mut World, worker: Worker) {
        *world.worker_mut(self.number) = worker;
    }

    /// Decides about a claim of the job as it is.
    fn claims(self, world: &mut World, message: Message) {
        let Some(job) = world.item.as_ref().map(|item| item.job(self.scope)) else {
            return self.becomes(world, Worker::Acking(message));
        };
        let job = if self.scope.rules.respects_ends || !job.state.is_terminal() {
            job
        } else {
            Job { state: State::Queued, ..job }
        };
        let job = if self.scope.rules.keeps_pauses { job } else { Job { wake_at: None, ..job } };
        if job.state == State::Fanned && !self.scope.rules.claims_fanned {
            return self.becomes(world, Worker::Acking(message));
        }
        let (to, granted) = match job.claim(message.generation, "", self.now, &self.scope.times) {
            Claim::NotNow if !self.scope.rules.acks_held => {
                self.becomes(world, Worker::Idle);
                return world.give_back(message, self.scope);
            }
            Claim::Stale | Claim::NotNow => return self.becomes(world, Worker::Acking(message)),
            Claim::Granted(to) => (to, true),
            Claim::Exhausted(to) => (to, false),
        };
        let least = self.now + self.scope.times.work_ms;
        if granted && job.state != State::Running && to.deadline_at.is_none_or(|at| at < least) {
            world.blame(Breach::Time);
        }
        let next = Some(next(self.scope, world, Some(&job), &to));
        if self.scope.delays {
            self.becomes(world, Worker::Claiming { message, next, granted });
        } else {
            self.takes(world, message, next, granted);
        }
    }

    /// Writes the claim; a refusal says what is there now.
    fn takes(self, world: &mut World, message: Message, next: Option<Box<Item>>, granted: bool) {
        let Some(item) = next else { return self.claims(world, message) };
        let fence = item.fence;
        let paused = |item: &Item| {
            item.state == State::Queued && item.wake.is_some_and(|at| at > (self.now - NOW).get())
        };
        if granted && world.item.as_ref().is_some_and(paused) {
            world.blame(Breach::Pause);
        }
        let sweeps = self.scope.parts && self.scope.rules.sweeps_up_first;
        let at = if sweeps { At::SweepUp } else { looks_for(&item) };
        world.store(Some(*item));
        let worker = if granted { Worker::Working { message, fence, at } } else { Worker::Acking(message) };
        self.becomes(world, worker);
    }
}

/// Where a worker begins to look for what an earlier attempt published.
pub(super) fn looks_for(item: &Item) -> At {
    At::Adopt(if item.image.is_none() { ObjectKind::Image } else { ObjectKind::Video })
}

/// A worker under its claim.
pub(super) struct Work<'a> {
    hand: Hand<'a>,
    message: Message,
    fence: u64,
}

impl Work<'_> {
    pub(super) fn scope(&self) -> &Scope {
        self.hand.scope
    }

    pub(super) fn fence(&self) -> u64 {
        self.fence
    }

    pub(super) fn generation(&self) -> u32 {
        self.message.generation
    }

    pub(super) fn goes(&self, world: &mut World, at: At) {
        let worker = Worker::Working { message: self.message, fence: self.fence, at };
        self.hand.becomes(world, worker);
    }

    /// Stops, and aborts what it has begun to upload.
    pub(super) fn stops(&self, world: &mut World) {
        world.close(self.fence);
        self.hand.becomes(world, Worker::Acking(self.message));
    }

    pub(super) fn loses(&self, world: &mut World) {
        if self.hand.scope.rules.acks_fenced {
            return self.stops(world);
        }
        world.close(self.fence);
        self.hand.becomes(world, Worker::Idle);
        world.give_back(self.message, self.hand.scope);
    }

    /// What it makes itself.
    fn own(&self, world: &World) -> Content {
        Content { life: world.life, generation: self.message.generation, fence: self.fence }
    }

    fn happens(&self, world: &mut World, at: At, movement: Move) {
        match movement {
            Move::Opens => self.opens(world),
            Move::FindsShort { picture } => {
                world.left.waits -= 1;
                let at = if picture { At::Stage(ObjectKind::Image, Then::Waits) } else { At::Wait };
                self.goes(world, at);
            }
            Move::Finds(cause) => {
                if cause == Cause::SourceAbsent {
                    world.left.absences -= 1;
                }
                self.goes(world, At::GiveUp(cause));
            }
            Move::Renews => {
                let times = &self.hand.scope.times;
                if !self.writes(world, |job, now| job.renewed(self.fence, now, times)) {
                    self.loses(world);
                }
            }
            Move::Tells => {
                if !self.writes(world, |job, now| job.progressed(self.fence, &PROGRESS, now)) {
                    self.loses(world);
                }
            }
            Move::Dawdles => {
                world.left.faults -= 1;
                world.give_back(self.message, self.hand.scope);
            }
            Move::Unanswered => {
                world.left.faults -= 1;
                self.goes(world, At::PutOff);
            }
            Move::Fails => {
                world.left.faults -= 1;
                self.goes(world, At::Release);
            }
            Move::MissesItsClaim => {
                world.left.faults -= 1;
                self.stops(world);
            }
            Move::FindsItsOwn | Move::MissesItsPut => {
                world.left.faults -= 1;
                self.steps(world, at);
                if let (Move::FindsItsOwn, At::Put(kind, then) | At::Replace(kind, then, _)) = (movement, at)
                {
                    self.goes(world, At::Look(kind, then));
                } else {
                    self.goes(world, At::Release);
                }
            }
            _ => self.steps(world, at),
        }
    }

    /// The recording is long enough.
    fn opens(&self, world: &mut World) {
        let pictured = world.item.as_ref().is_some_and(|item| item.image.is_some());
        if pictured { self.cuts(world) } else { self.goes(world, At::Stage(ObjectKind::Image, Then::Clip)) }
    }

    /// The clip's turn.
    fn cuts(&self, world: &mut World) {
        let scope = self.hand.scope;
        let at = match scope.chunks {
            0 if scope.parts => At::Begin,
            0 => At::Stage(ObjectKind::Video, Then::Clip),
            _ if scope.rules.records_fans => At::Fan,
            _ => At::Starts(self.fence, 1),
        };
        self.goes(world, at);
    }

    fn steps(&self, world: &mut World, at: At) {
        let (scope, fence) = (self.hand.scope, self.fence);
        match at {
            At::Open => {}
            At::SweepUp => self.sweeps_up(world),
            At::Begin => {
                world.open.push(fence);
                world.open.sort_unstable();
                self.goes(world, At::Note);
            }
            At::Note => self.notes(world),
            At::Adopt(kind) => self.adopts(world, kind),
            At::Stage(kind, then) => {
                let manifest = self.own(world).manifest();
                if self.writes(world, |job, now| job.with_staged(fence, kind, manifest.clone(), now)) {
                    self.goes(world, At::Put(kind, then));
                } else {
                    self.loses(world);
                }
            }
            At::Put(kind, then) => self.puts(world, kind, then),
            At::Look(kind, then) => self.looks(world, kind, then),
            At::Confirm(kind, then, found) => {
                if self.writes(world, |job, now| job.renewed(fence, now, &scope.times)) {
                    self.takes_or_replaces(world, kind, then, found);
                } else {
                    self.loses(world);
                }
            }
            At::Replace(kind, then, found) => {
                let lost = self.in_parts(kind) && !world.open.contains(&fence);
                if !lost && world.object(kind).is_some_and(|object| object.content == found) {
                    self.publishes(world, kind, then);
                } else {
                    self.goes(world, At::Release);
                }
            }
            At::Commit(kind, then, content) => self.commits(world, kind, then, content),
            At::Release => self.sleeps(world, |job, now| job.released(fence, now, &scope.times)),
            At::PutOff => self.sleeps(world, |job, now| job.put_off(fence, now, &scope.times)),
            At::GiveUp(cause) => {
                self.leaves(world, |job, now| job.given_up(fence, cause.reason(), now, &scope.times));
            }
            At::Wait => {
                self.sleeps(world, |job, now| {
                    let to = job.waiting(fence, now + PAUSE, Millis::ZERO, now, &scope.times)?;
                    let deadline_at = if scope.rules.frees_time { to.deadline_at } else { job.deadline_at };
                    Ok(Job { deadline_at, ..to })
                });
            }
            At::Fan => self.fans(world),
            At::Starts(plan, epoch) => self.starts(world, plan, epoch),
            At::Chunks => self.asks(world),
            At::Counts(state) => self.counts(world, state),
            At::Wake => {
                world.send(Message { returns: 0, ..self.message });
                self.stops(world);
            }
        }
    }

    /// Commits what an earlier attempt published but could not commit.
    fn adopts(&self, world: &mut World, kind: ObjectKind) {
        let found = world.object(kind).and_then(|object| self.recorded(world, kind, object));
        let at = match (found, kind) {
            (Some(content), _) => At::Commit(kind, Then::Adopts, content),
            (None, ObjectKind::Image) if self.hand.scope.wanted == Wanted::Media => {
                At::Adopt(ObjectKind::Video)
            }
            (None, _) if self.hand.scope.parts && !self.hand.scope.rules.sweeps_up_first => At::SweepUp,
            (None, _) if world.is_fanned() => At::Chunks,
            (None, _) => At::Open,
        };
        self.goes(world, at);
    }

    /// The manifest of an object that is there, by the job's own record.
    fn recorded(&self, world: &World, kind: ObjectKind, found: Object) -> Option<Content> {
        let job = world.item.as_ref()?.job(self.hand.scope);
        job.staged(kind, found.generation, found.fence).map(Content::of)
    }

    fn puts(&self, world: &mut World, kind: ObjectKind, then: Then) {
        if self.in_parts(kind) && !world.open.contains(&self.fence) {
            return self.goes(world, At::Release);
        }
        if world.object(kind).is_none() || !self.hand.scope.rules.publishes_once {
            self.publishes(world, kind, then);
        } else {
            self.goes(world, At::Look(kind, then));
        }
    }

    fn publishes(&self, world: &mut World, kind: ObjectKind, then: Then) {
        if self.in_parts(kind) {
            world.close(self.fence);
        }
        if kind == ObjectKind::Video && world.holds(self.fence) {
            if world.lacks_chunks(self.hand.scope) {
                world.blame(Breach::Lacks);
            } else if world.unlike(self.hand.scope).is_some() {
                world.blame(Breach::Unlike);
            }
        }
        let content = self.own(world);
        let shown = world.object(kind).is_some_and(|object| object.shown);
        if shown {
            world.blame(Breach::Replaced);
        }
        let object = Object { generation: self.message.generation, fence: self.fence, content, shown: false };
        *world.object_mut(kind) = Some(object);
        self.goes(world, At::Commit(kind, then, content));
    }

    /// Whose the object in the way is.
    fn looks(&self, world: &mut World, kind: ObjectKind, then: Then) {
        let rules = &self.hand.scope.rules;
        let Some(found) = world.object(kind) else { return self.goes(world, At::Release) };
        let own = (found.generation, found.fence) == (self.message.generation, self.fence);
        if own || !rules.adopts {
            let content = self.own(world);
            return self.goes(world, At::Commit(kind, then, content));
        }
        if rules.confirms {
            return self.goes(world, At::Confirm(kind, then, found));
        }
        // What it remembers of the job is from before any later claim.
        if found.fence > self.fence {
            return self.goes(world, At::Replace(kind, then, found.content));
        }
        self.takes_or_replaces(world, kind, then, found);
    }

    fn takes_or_replaces(&self, world: &mut World, kind: ObjectKind, then: Then, found: Object) {
        let at = match self.recorded(world, kind, found) {
            Some(content) => At::Commit(kind, then, content),
            None => At::Replace(kind, then, found.content),
        };
        self.goes(world, at);
    }

    fn commits(&self, world: &mut World, kind: ObjectKind, then: Then, content: Content) {
        let (times, fence) = (&self.hand.scope.times, self.fence);
        let (manifest, plan) = (content.manifest(), PlanSummary::default());
        let commit = |job: &Job, now| match kind {
            ObjectKind::Image => job.with_image(fence, manifest.clone(), plan.clone(), now, times),
            ObjectKind::Video | ObjectKind::Unknown => {
                job.with_video(fence, manifest.clone(), plan.clone(), now, times)
            }
        };
        let written = if self.hand.scope.rules.fences_commits {
            self.writes(world, commit)
        } else {
            self.writes(world, |job, now| commit(&Job { state: State::Running, fence, ..job.clone() }, now))
        };
        if !written {
            return self.loses(world);
        }
        let ended = world.live().is_none();
        match (ended, kind, then) {
            (true, ..) | (_, ObjectKind::Video, _) => self.stops(world),
            (_, _, Then::Adopts) => self.goes(world, At::Adopt(ObjectKind::Video)),
            (_, _, Then::Clip) => self.cuts(world),
            (_, _, Then::Waits) => self.goes(world, At::Wait),
        }
    }

    /// Leaves the job until a message wakes it.
    fn sleeps(&self, world: &mut World, change: impl Fn(&Job, EpochMs) -> Result<Job, Fenced>) {
        if self.writes(world, change) {
            self.goes(world, At::Wake);
        } else {
            self.loses(world);
        }
    }

    fn leaves(&self, world: &mut World, change: impl Fn(&Job, EpochMs) -> Result<Job, Fenced>) {
        if self.writes(world, change) {
            self.stops(world);
        } else {
            self.loses(world);
        }
    }

    /// Writes what `change` makes of the job. A refused write is repeated with what is there instead, so that it is one
    /// step: whether the claim is in force cannot change to and fro.
    pub(super) fn writes(
        &self,
        world: &mut World,
        change: impl Fn(&Job, EpochMs) -> Result<Job, Fenced>,
    ) -> bool {
        let Some(job) = world.item.as_ref().map(|item| item.job(self.hand.scope)) else { return false };
        let Ok(to) = change(&job, self.hand.now) else { return false };
        if !world.holds(self.fence) {
            world.blame(Breach::Fence);
        }
        let item = next(self.hand.scope, world, Some(&job), &to);
        world.store(Some(*item));
        true
    }
}
