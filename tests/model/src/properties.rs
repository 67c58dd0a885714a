//! What must hold in every moment, and from one to the next.

use crate::action::Action;
use crate::item::{Content, Item, NOW};
use crate::scope::{FENCES, Scope};
use crate::steps;
use crate::world::{Breach, World};
use export_domain::job::ObjectKind;
use export_domain::settings::ReplyStyle;
use export_domain::tvu::{Outcome, Via, answer};
use stateright::{Checker, HasDiscoveries, Model, Path, Property};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Name of the property that nothing happens that must not.
pub const SAFE: &str = "nothing happens that must not";
/// Name of the property that time ends every job.
pub const BOUNDED: &str = "time ends every job";

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    code: i32,
    image: Option<Content>,
    video: Option<Content>,
}

impl Told {
    fn of(item: &Item, scope: &Scope) -> Self {
        let stored = item.job(scope);
        let job = if scope.rules.records_ends { stored } else { stored.effective(NOW, &scope.times) };
        let reply = answer(Outcome::Job(&job), Via::Status, NOW, ReplyStyle::default()).reply;
        Self {
            code: reply.error_code,
            image: item.image.filter(|_| reply.image_path.is_some()),
            video: item.video.filter(|_| reply.video_path.is_some()),
        }
    }

    /// Whether a client may be told `later` after this.
    fn allows(self, later: Self) -> bool {
        let in_work = self.code == 1;
        if !in_work {
            return self == later;
        }
        let kept = self.image.is_none() || later.image == self.image;
        later.code == -1 || kept
    }
}

impl Model for Scope {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.breach.is_none() {
            steps::possible(self, world, actions);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        steps::happen(self, &mut next, action);
        if next == *world {
            return None;
        }
        judge(self, world, &mut next);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SAFE, |_, world: &World| world.breach.is_none()),
            Property::always(BOUNDED, |scope: &Scope, world: &World| {
                let Some(item) = world.live() else { return true };
                let end = item.job(scope).effective(NOW + scope.horizon(), &scope.times);
                !scope.deadlines || end.state.is_terminal()
            }),
        ]
    }
}

/// Compares what is known before and after a step.
fn judge(scope: &Scope, before: &World, after: &mut World) {
    owe(scope, before, after);
    // An expired record counts as none.
    let Some(item) = after.item.as_ref().filter(|item| !item.expired) else { return };
    let told = Told::of(item, scope);
    let mut breach = (item.fence % FENCES > scope.most_claims()).then_some(Breach::Attempts);
    if let Some(old) = before.item.as_ref().filter(|old| old.generation == item.generation) {
        if old.state.is_terminal() && !same_end(old, item) {
            breach = Some(Breach::Ended);
        } else if (old != item) && !Told::of(old, scope).allows(told) {
            breach = Some(Breach::Answer);
        }
    }
    let known = |fence: &u64| item.uploads.contains(fence) || after.works(*fence);
    if !after.open.iter().all(known) {
        breach = Some(Breach::LeftOpen);
    }
    // A clip comes with its picture.
    let whole = told.code != 5 || (told.image.is_some() && told.video.is_some());
    let mut shown = whole;
    for (kind, content) in [(ObjectKind::Image, told.image), (ObjectKind::Video, told.video)] {
        let Some(content) = content else { continue };
        match after.object_mut(kind) {
            Some(object) if object.content == content => object.shown = true,
            _ => shown = false,
        }
    }
    if let Some(breach) = breach.or((!shown).then_some(Breach::Shown)) {
        after.blame(breach);
    }
}

/// Notes an end that somebody must be told of, and a breach if one is neither told nor known to be.
fn owe(scope: &Scope, before: &World, after: &mut World) {
    if scope.times.tell_ms.is_none() {
        return;
    }
    let Some(item) = after.item.as_ref().filter(|item| !item.expired) else { return };
    let (generation, ended) = (item.generation, item.state.is_terminal());
    let old = before.item.as_ref().filter(|old| old.generation == generation);
    let anew = ended && old.is_none_or(|old| !old.state.is_terminal());
    let known = |owed: &u32| item.untold.contains(owed) || (*owed == generation && item.due.is_some());
    let forgotten = !after.owed.iter().all(known);
    if anew {
        after.owed.push(generation);
    }
    if forgotten {
        after.blame(Breach::Untold);
    }
}

fn same_end(old: &Item, new: &Item) -> bool {
    let end = |item: &Item| (item.state, item.failure, item.image, item.video);
    end(old) == end(new)
}

/// What a run of the checker found.
#[derive(Debug)]
pub struct Checked {
    /// Different moments.
    pub states: usize,
    /// Steps to the farthest.
    pub depth: usize,
    /// What must not happen and did, with how it came to that.
    pub breach: Option<(Breach, String)>,
    /// A job that time does not end, with how it came to that.
    pub unbounded: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Looks at every moment that `scope` allows, until something is found.
#[expect(
    clippy::disallowed_methods,
    reason = "the search has no clock of its own, and says how long it took"
)]
pub fn check(scope: &Scope, threads: usize) -> Checked {
    let began = Instant::now();
    let checker =
        scope.clone().checker().threads(threads).finish_when(HasDiscoveries::Any).spawn_bfs().join();
    let tell = |path: Path<World, Action>| path.into_vec();
    let breach = checker.discovery(SAFE).map(tell).and_then(|path| {
        let breach = path.last().and_then(|(world, _)| world.breach)?;
        Some((breach, trace(&path)))
    });
    let unbounded = checker.discovery(BOUNDED).map(|path| trace(&tell(path)));
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    Checked { states, depth, breach, unbounded, took: began.elapsed() }
}

/// The way to a moment, for people.
pub fn trace(path: &[(World, Option<Action>)]) -> String {
    let mut text = String::new();
    for (world, action) in path {
        let _ = writeln!(text, "    {world}");
        let _ = match *action {
            Some(Action::Worker(number, movement)) => {
                writeln!(text, "{movement:?}: {:?}", world.worker(number))
            }
            Some(action) => writeln!(text, "{action:?}"),
            None => Ok(()),
        };
    }
    text
}
