//! No job is lost: whatever has happened, the programs alone can still bring it to its end.
//!
//! Stateright's `eventually` looks at single paths and takes every circle (a lease that is renewed for ever) for a
//! failure. What is asked here is whether an end can be reached from everywhere without further faults and without
//! the client, which a search backwards from all ends answers.

use crate::action::{Action, Sent};
use crate::properties::trace;
use crate::scope::Scope;
use crate::world::{World, fingerprint};
use stateright::Model;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// What the search saw.
#[derive(Debug)]
pub struct Reach {
    /// Different moments.
    pub states: usize,
    /// Steps without fault between them.
    pub steps: usize,
    /// A job that cannot end any more.
    pub lost: Option<Lost>,
    /// How long it took.
    pub took: Duration,
}

/// A moment from which no end can be reached.
#[derive(Debug)]
pub struct Lost {
    /// Such moments.
    pub states: usize,
    /// How it came to the first of them.
    pub trace: String,
}

/// Every moment by its number, in the order found.
#[derive(Debug, Default)]
struct Graph {
    numbers: HashMap<u64, u32>,
    /// From where each was found first.
    parents: Vec<u32>,
    /// Whether the job has ended there, or there is none.
    ended: Vec<bool>,
    /// Steps without fault, as from and to.
    steps: Vec<(u32, u32)>,
}

/// Looks for jobs that `scope` loses.
#[expect(
    clippy::disallowed_methods,
    reason = "the search has no clock of its own, and says how long it took"
)]
pub fn lost(scope: &Scope) -> Reach {
    let began = Instant::now();
    let graph = explore(scope);
    let saved = saved(&graph);
    let lost = saved.iter().position(|saved| !saved).map(|first| Lost {
        states: saved.iter().filter(|saved| !**saved).count(),
        trace: trace(&path_to(scope, &graph, first)),
    });
    Reach { states: graph.ended.len(), steps: graph.steps.len(), lost, took: began.elapsed() }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn explore(scope: &Scope) -> Graph {
    let mut graph = Graph::default();
    let mut open = VecDeque::new();
    for world in scope.init_states() {
        add(&mut graph, &mut open, world, 0);
    }
    let mut actions = Vec::new();
    while let Some((from, world)) = open.pop_front() {
        scope.actions(&world, &mut actions);
        for action in actions.drain(..) {
            let Some(next) = scope.next_state(&world, action) else { continue };
            let to = add(&mut graph, &mut open, next, from);
            if !action.is_a_favour() || (scope.client_returns && matches!(action, Action::Post(Sent::Yes))) {
                graph.steps.push((from, to));
            }
        }
    }
    graph
}

fn add(graph: &mut Graph, open: &mut VecDeque<(u32, World)>, world: World, from: u32) -> u32 {
    let name = fingerprint(&world);
    if let Some(known) = graph.numbers.get(&name) {
        return *known;
    }
    let new = number(graph.ended.len());
    graph.numbers.insert(name, new);
    graph.parents.push(from);
    graph.ended.push(world.live().is_none());
    open.push_back((new, world));
    new
}

/// From where an end can be reached.
fn saved(graph: &Graph) -> Vec<bool> {
    let mut into: Vec<Vec<u32>> = vec![Vec::new(); graph.ended.len()];
    for (from, to) in &graph.steps {
        into[index(*to)].push(*from);
    }
    let mut saved = graph.ended.clone();
    let mut open: Vec<usize> = (0..saved.len()).filter(|n| saved[*n]).collect();
    while let Some(at) = open.pop() {
        for from in into[at].iter().map(|from| index(*from)) {
            if !saved[from] {
                saved[from] = true;
                open.push(from);
            }
        }
    }
    saved
}

/// One shortest way to a moment.
fn path_to(scope: &Scope, graph: &Graph, end: usize) -> Vec<(World, Option<Action>)> {
    let mut way = vec![end];
    let mut at = end;
    while at != 0 {
        at = index(graph.parents[at]);
        way.push(at);
    }
    let mut path = Vec::new();
    let Some(mut world) = scope.init_states().pop() else { return path };
    for to in way.into_iter().rev().skip(1) {
        let mut actions = Vec::new();
        scope.actions(&world, &mut actions);
        let reached = actions.into_iter().find_map(|action| {
            let next = scope.next_state(&world, action)?;
            let known = graph.numbers.get(&fingerprint(&next))?;
            (index(*known) == to).then_some((action, next))
        });
        let Some((action, next)) = reached else { break };
        path.push((std::mem::replace(&mut world, next), Some(action)));
    }
    path.push((world, None));
    path
}
