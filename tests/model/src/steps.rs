//! The programs, step by step, in the order of the functions themselves. Whatever they decide, the domain decides.

mod client;
mod fan;
mod parts;
mod worker;

use crate::action::{Action, Sent};
use crate::item::{Item, NOW};
use crate::scope::Scope;
use crate::world::{Breach, Message, Sweeper, World};
use export_domain::job::{Job, Swept};

/// Adds what can happen next.
pub(crate) fn possible(scope: &Scope, world: &World, actions: &mut Vec<Action>) {
    if world.item.is_some() {
        actions.push(Action::Tick);
    }
    client::possible(scope, world, actions);
    sweeper_can(scope, world, actions);
    if scope.faults.duplicates && world.left.faults > 0 {
        let mut messages = world.queue.clone();
        messages.dedup();
        actions.extend(messages.into_iter().map(Action::Duplicate));
    }
    fan::possible(scope, world, actions);
    worker::possible(scope, world, actions);
}

/// Makes it happen.
pub(crate) fn happen(scope: &Scope, world: &mut World, action: Action) {
    match action {
        Action::Tick => world.age(scope),
        Action::Sweep(sent) => {
            sweep(scope, world);
            if !scope.delays {
                sweeper_writes(world, sent);
            }
        }
        Action::SweeperWrites(sent) => sweeper_writes(world, sent),
        Action::Duplicate(message) => {
            world.left.faults -= 1;
            world.send(message);
        }
        Action::Engine(number, turn) => fan::happens(scope, world, number, turn),
        Action::Worker(number, movement) => worker::happen(scope, world, number, movement),
        _ => client::happen(scope, world, action),
    }
}

/// The item that a program writes, and a breach if it could be taken for the one that it replaces.
fn next(scope: &Scope, world: &mut World, found: Option<&Job>, next: &Job) -> Box<Item> {
    if found.is_some_and(|found| next.rev <= found.rev) {
        world.blame(Breach::Revision);
    }
    Box::new(Item::of(next, scope))
}

/// Sends the message of a job that was just written, or dies before.
fn send(world: &mut World, generation: u32, sent: Sent) {
    match sent {
        Sent::Yes => world.send(Message { generation, returns: 0 }),
        Sent::No => world.left.faults -= 1,
    }
}

fn sweeper_can(scope: &Scope, world: &World, actions: &mut Vec<Action>) {
    let ended = world.item.as_ref().filter(|item| !item.expired && item.due.is_some());
    let looked_at = world.live().or(ended);
    let action = match &world.sweeper {
        Sweeper::Idle if !scope.rules.sweeps || looked_at.is_none() => return,
        Sweeper::Idle => Action::Sweep,
        Sweeper::Resending(_) | Sweeper::Expiring(_) | Sweeper::Telling(..) => Action::SweeperWrites,
    };
    actions.push(action(Sent::Yes));
    let due = looked_at.is_some_and(|item| item.due.is_some_and(|due| due <= 0));
    if scope.faults.sweeper && world.left.faults > 0 && due {
        actions.push(action(Sent::No));
    }
}

fn sweep(scope: &Scope, world: &mut World) {
    let Some(job) = world.item.as_ref().map(|item| item.job(scope)) else { return };
    world.sweeper = match job.swept(NOW, &scope.times) {
        Swept::Nothing => Sweeper::Idle,
        Swept::Tell(to) => {
            let ends = to.ends_to_tell().iter().map(|ended| ended.generation).collect();
            let told = to.told().map(|told| next(scope, world, Some(&to), &told));
            world.store(Some(Item::of(&to, scope)));
            Sweeper::Telling(ends, told)
        }
        Swept::Resend(to) => Sweeper::Resending(Some(next(scope, world, Some(&job), &to))),
        Swept::Expire(to) => Sweeper::Expiring(Some(next(scope, world, Some(&job), &to))),
    };
}

fn sweeper_writes(world: &mut World, sent: Sent) {
    match std::mem::replace(&mut world.sweeper, Sweeper::Idle) {
        Sweeper::Resending(Some(item)) => {
            let generation = item.generation;
            world.store(Some(*item));
            send(world, generation, sent);
        }
        Sweeper::Expiring(Some(item)) => world.store(Some(*item)),
        // It dies, or the event bus takes nothing.
        Sweeper::Telling(..) if sent == Sent::No => world.left.faults -= 1,
        Sweeper::Telling(ends, told) => {
            world.owed.retain(|generation| !ends.contains(generation));
            if let Some(item) = told {
                world.store(Some(*item));
            }
        }
        _ => {}
    }
}
