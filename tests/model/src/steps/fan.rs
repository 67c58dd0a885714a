//! A clip in chunks: the worker that plans them and sees what became of them, and the engine that has them made.

use super::worker::Work;
use super::{next, send};
use crate::action::{Action, Sent, Turn};
use crate::item::{Cause, NOW};
use crate::scope::Scope;
use crate::world::{At, Breach, Run, Then, World};
use export_domain::job::{FanSize, Job, MAX_EPOCHS, ObjectKind, chunk_number};
use export_domain::ports::Execution;
use export_domain::time::Millis;

pub(super) fn possible(scope: &Scope, world: &World, actions: &mut Vec<Action>) {
    let faulty = scope.faults.engine && world.left.faults > 0;
    for (number, run) in world.runs.iter().enumerate().filter(|(_, run)| !run.over) {
        let mut turns = Vec::new();
        if run.next < scope.chunks {
            turns.push(Turn::Makes);
            if faulty {
                turns.extend([Turn::Doubles, Turn::Misses, Turn::Strays]);
            }
            if scope.bad {
                turns.push(Turn::Refuses);
            }
        } else {
            turns.push(Turn::Ends(Sent::Yes));
            if faulty {
                turns.push(Turn::Ends(Sent::No));
            }
        }
        if faulty {
            turns.push(Turn::Vanishes);
        }
        actions.extend(turns.into_iter().map(|turn| Action::Engine(number, turn)));
    }
}

/// The engine's turn with one of its executions.
pub(super) fn happens(scope: &Scope, world: &mut World, number: usize, turn: Turn) {
    let Some(run) = world.runs.get(number).cloned() else { return };
    match turn {
        Turn::Makes => makes(scope, world, &run, false),
        Turn::Strays => {
            world.left.faults -= 1;
            makes(scope, world, &run, true);
        }
        Turn::Doubles => {
            world.left.faults -= 1;
            makes(scope, world, &run, false);
            makes(scope, world, &run, false);
        }
        Turn::Misses | Turn::Vanishes => world.left.faults -= 1,
        Turn::Refuses => refuses(scope, world, &run),
        Turn::Ends(sent) => send(world, run.generation, sent),
    }
    let over = matches!(turn, Turn::Ends(_) | Turn::Vanishes);
    let made = u8::from(!over);
    if let Some(run) = world.runs.get_mut(number) {
        *run = Run { over, next: run.next + made, ..run.clone() };
    }
}

/// A function makes a chunk, if the job wants it, and notes that; `stray`: unlike the others.
fn makes(scope: &Scope, world: &mut World, run: &Run, stray: bool) {
    let Some(job) = world.item.as_ref().map(|item| item.job(scope)) else { return };
    if !job.wants_chunks(run.plan, NOW, &scope.times) {
        return;
    }
    let number = chunk_number(run.plan, u32::from(run.next));
    if !world.chunks.contains(&number) {
        world.chunks.push(number);
        world.chunks.sort_unstable();
        if stray {
            world.stray.insert(number);
        }
    }
    let noted = world.noted.iter().filter(|noted| **noted >= chunk_number(run.plan, 0)).count();
    let counted = chunk_number(run.plan, u32::try_from(noted).unwrap_or(0));
    world.noted.insert(if scope.rules.notes_once { number } else { counted });
    let told = Job {
        fan_done: world.noted.clone(),
        fan: job.fan.map(|fan| export_domain::job::Fan { chunks: 100, ..fan }),
        ..job
    };
    let gone = world.gone.iter().filter(|number| !world.chunks.contains(number)).count();
    if usize::try_from(told.chunks_done()).unwrap_or(usize::MAX) > made(world, run.plan) + gone {
        world.blame(Breach::Counted);
    }
}

/// Chunks of a plan that are made.
fn made(world: &World, plan: u64) -> usize {
    let own = chunk_number(plan, 0)..chunk_number(plan + 1, 0);
    world.chunks.iter().filter(|number| own.contains(number)).count()
}

/// A function finds that a chunk cannot be made.
fn refuses(scope: &Scope, world: &mut World, run: &Run) {
    let Some(job) = world.item.as_ref().map(|item| item.job(scope)) else { return };
    if let Some(to) = job.chunk_failed(run.plan, Cause::BadRecording.reason(), NOW, &scope.times) {
        let item = next(scope, world, Some(&job), &to);
        world.store(Some(*item));
    }
}

impl World {
    /// The plan and the execution that the job has on record.
    fn fan(&self) -> Option<(u64, u32)> {
        let item = self.item.as_ref()?;
        let fan = item.fan.as_ref().filter(|fan| fan.generation == item.generation)?;
        Some((fan.plan, fan.epoch))
    }

    /// Returns `true` if chunks of the job's plan are missing.
    pub(super) fn lacks_chunks(&self, scope: &Scope) -> bool {
        self.fan().is_some_and(|(plan, _)| made(self, plan) < usize::from(scope.chunks))
    }

    /// The first two neighbours among the chunks of the job's plan that have different parameter sets.
    pub(super) fn unlike(&self, scope: &Scope) -> Option<[u64; 2]> {
        let (plan, _) = self.fan()?;
        let numbers: Vec<u64> = (0..u32::from(scope.chunks)).map(|n| chunk_number(plan, n)).collect();
        let differ = |two: &&[u64]| {
            let [one, next] = [0, 1].map(|at| two.get(at).is_some_and(|number| self.stray.contains(number)));
            one != next
        };
        numbers.windows(2).find(differ)?.try_into().ok()
    }

    /// Whether the job is made in chunks.
    pub(super) fn is_fanned(&self) -> bool {
        self.fan().is_some()
    }
}

impl Work<'_> {
    /// Leaves the clip to its chunks.
    pub(super) fn fans(&self, world: &mut World) {
        let (times, size) = (
            &self.scope().times,
            FanSize { chunks: u32::from(self.scope().chunks), estimate_ms: Millis::ZERO },
        );
        if !self.writes(world, |job, now| job.fanned(self.fence(), size, now, times)) {
            return self.loses(world);
        }
        if self.scope().rules.records_fans {
            self.goes(world, At::Starts(self.fence(), 1));
        } else {
            self.stops(world);
        }
    }

    /// Starts an execution, unless there was one of its name.
    pub(super) fn starts(&self, world: &mut World, plan: u64, epoch: u32) {
        let rules = &self.scope().rules;
        let generation = self.generation();
        let live = world.live().is_some_and(|item| item.generation == generation);
        if live && !world.fan().is_some_and(|(known, last)| known > plan || (known == plan && last >= epoch))
        {
            world.blame(Breach::Unrecorded);
        }
        let named = if rules.names_epochs { epoch } else { 1 };
        if !world.runs.iter().any(|run| (run.plan, run.epoch) == (plan, named)) {
            world.runs.push(Run { generation, plan, epoch: named, next: 0, over: false });
        }
        if rules.records_fans { self.stops(world) } else { self.goes(world, At::Fan) }
    }

    /// Asks the engine about the execution, before it looks at the chunks.
    pub(super) fn asks(&self, world: &mut World) {
        let named = if self.scope().rules.names_epochs {
            world.fan()
        } else {
            world.fan().map(|(plan, _)| (plan, 1))
        };
        let run = world.runs.iter().find(|run| Some((run.plan, run.epoch)) == named);
        let state = match run {
            None => Execution::Absent,
            Some(run) if run.over => Execution::Over,
            Some(_) => Execution::Running,
        };
        self.goes(world, At::Counts(state));
    }

    /// Looks at the chunks: joins them, or has the missing ones made.
    pub(super) fn counts(&self, world: &mut World, state: Execution) {
        let (scope, fence) = (self.scope(), self.fence());
        let Some((plan, epoch)) = world.fan() else { return self.loses(world) };
        if !world.lacks_chunks(scope) && scope.rules.compares_sets {
            // Which of the two is the wrong one nobody knows.
            for number in world.unlike(scope).into_iter().flatten() {
                world.chunks.retain(|other| *other != number);
                world.stray.remove(&number);
                world.gone.insert(number);
            }
        }
        if !world.lacks_chunks(scope) || !scope.rules.counts_chunks {
            return self.goes(world, At::Stage(ObjectKind::Video, Then::Clip));
        }
        match state {
            Execution::Running if world.left.looks == 0 => self.goes(world, At::Chunks),
            Execution::Running | Execution::Absent => {
                if state == Execution::Running {
                    world.left.looks -= 1;
                }
                if !self.writes(world, |job, now| job.fanned_still(fence, now, &scope.times)) {
                    return self.loses(world);
                }
                match state {
                    Execution::Absent => self.goes(world, At::Starts(plan, epoch)),
                    _ => self.stops(world),
                }
            }
            Execution::Over if epoch >= MAX_EPOCHS => {
                let ran = world.runs.iter().filter(|run| run.plan == plan).count();
                // A worker that lost its claim gives nothing up.
                if world.holds(fence) && u32::try_from(ran).is_ok_and(|ran| ran < MAX_EPOCHS) {
                    world.blame(Breach::Runs);
                }
                self.goes(world, At::GiveUp(Cause::TimedOut));
            }
            Execution::Over => {
                let again = |job: &Job, now| {
                    Ok(job.fanned_again(fence, now, &scope.times)?.unwrap_or_else(|| job.clone()))
                };
                if self.writes(world, again) {
                    self.goes(world, At::Starts(plan, epoch + 1));
                } else {
                    self.loses(world);
                }
            }
        }
    }
}
