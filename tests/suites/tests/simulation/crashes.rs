//! A crash at every call of every port: before it takes effect, and just after.

use crate::checks::Made;
use crate::orders::{Order, Recorded, Way};
use crate::seeds::{job_of, runtime, undisturbed};
use crate::sim::{Crash, Sim, Weather};
use crate::world::World;
use export_domain::job::State;
use export_domain::job::WorkQueue;
use export_testkit::Answered;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep;

/// Longest that anything waits: for the visibility timeout of a message whose worker died.
const MOST_MIN: u32 = 200;

/// One order from its POST to its end.
#[derive(Debug, Clone, Copy)]
struct Course {
    recorded: Recorded,
    still: bool,
    mp4: bool,
    way: Way,
    swept: Swept,
}

/// What is left to the sweeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Swept {
    /// What a crash leaves behind.
    Crashes,
    /// The job itself: its first message is lost.
    All,
    /// Nothing, as there is none: shows that these tests notice.
    Nothing,
}

const PICTURES: Course =
    Course { recorded: Recorded::Pictures, still: false, mp4: false, way: Way::Clip, swept: Swept::Crashes };

impl Course {
    fn order(self) -> Order {
        let Self { recorded, still, mp4, way, .. } = self;
        Order { recorded, still, mp4, seconds: 2, strange: false, way }
    }

    /// Runs it with a crash; returns what went wrong, and the calls that were made.
    fn run(self, crash: Option<Crash>, expected: &Made) -> (Vec<String>, Vec<&'static str>) {
        let order = self.order();
        runtime().block_on(async {
            let sim = Sim::new(1, Weather::default(), false);
            let world = World::new(&sim);
            order.recorded.record_all(&world.objects);
            if let Some(crash) = crash {
                sim.crash(crash);
            }
            if self.swept == Swept::All {
                world.queues.lose_next();
            }
            tokio::spawn(world.clone().consume(WorkQueue::Clips));
            tokio::spawn(world.clone().consume(WorkQueue::Thumbnails));
            tokio::spawn(world.clone().run_chunks());
            if self.swept != Swept::Nothing {
                tokio::spawn(world.clone().sweep_for_ever(0..0));
            }
            while post_once(&world, &order).await.is_none() {
                sleep(Duration::from_secs(2)).await;
            }
            for _ in 0..MOST_MIN {
                sleep(Duration::from_mins(1)).await;
                if world.is_quiet() {
                    break;
                }
            }
            let job = world.jobs.only();
            if job.state != State::Ready {
                sim.trouble(format!("it ended {:?}", job.state));
            }
            let orders = BTreeMap::from([(job_of(&order), (order, expected.clone()))]);
            world.judge_end(sim.now(), &orders, &[]);
            (sim.troubles(), sim.calls())
        })
    }

    /// Every crash at a call of `operations` that leaves a trouble; none stands for all.
    fn troubles(self, operations: &[&str]) -> Vec<(Crash, Vec<String>)> {
        let made = undisturbed(&self.order());
        let (troubles, calls) = self.run(None, &made);
        assert!(troubles.is_empty() && calls.len() > 10, "{self:?} {calls:?} {troubles:?}");
        let meant = |operation: &str| operations.is_empty() || operations.contains(&operation);
        let meant = calls.iter().zip(1..).filter(|(operation, _)| meant(operation));
        let crashes = meant.flat_map(|(_, call)| [Crash::Before(call), Crash::After(call)]);
        let run = |crash| (crash, self.run(Some(crash), &made).0);
        crashes.map(run).filter(|(_, troubles)| !troubles.is_empty()).collect()
    }
}

async fn post_once(world: &World, order: &Order) -> Option<Answered> {
    let answer = world.order(&world.sim.process("submit"), order).await?;
    (answer.status < 300).then_some(answer)
}

#[test]
fn a_clip_with_its_picture_and_a_reel_survive_every_crash() {
    for (mp4, way) in [(false, Way::Clip), (true, Way::Clip), (true, Way::Reel)] {
        assert_eq!(Course { mp4, way, ..PICTURES }.troubles(&[]), []);
    }
}

#[test]
fn a_clip_in_chunks_survives_every_crash_and_leaves_none() {
    let course = Course { mp4: true, way: Way::Chunks, ..PICTURES };
    let (_, calls) = course.run(None, &undisturbed(&course.order()));
    let count = |operation: &str| calls.iter().filter(|call| **call == operation).count();
    assert_eq!((count("start"), count("look"), count("note_chunk")), (1, 1, 2), "{calls:?}");
    assert_eq!(course.troubles(&[]), []);
}

#[test]
fn a_thumbnail_survives_every_crash() {
    assert_eq!(Course { still: true, ..PICTURES }.troubles(&[]), []);
}

#[test]
fn a_clip_in_parts_survives_every_crash() {
    let operations = ["begin", "part", "complete"];
    assert_eq!(Course { recorded: Recorded::Loud, mp4: true, ..PICTURES }.troubles(&operations), []);
}

#[test]
fn a_job_that_the_sweeper_sends_survives_every_crash() {
    assert_eq!(Course { recorded: Recorded::Audio, swept: Swept::All, ..PICTURES }.troubles(&[]), []);
}

#[test]
fn without_a_sweeper_a_crash_between_store_and_send_loses_the_job() {
    let found =
        Course { recorded: Recorded::Audio, swept: Swept::Nothing, ..PICTURES }.troubles(&["write", "send"]);
    // Session, tenant, look, count, store, send.
    assert!(found.iter().any(|(crash, _)| *crash == Crash::After(5)), "{found:?}");
    assert!(found.iter().any(|(crash, _)| *crash == Crash::Before(6)), "{found:?}");
}
