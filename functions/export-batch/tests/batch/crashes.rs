use crate::world::{World, clips};
use export_domain::batch::life::BatchState;
use export_testkit::{Fault, Faults};
use std::collections::BTreeSet;

/// Every call of every port is lost once, before or after it took effect, and a process dies at it: the same clips are
/// made in the end, each once, and the end is told.
#[tokio::test]
async fn a_step_that_dies_at_any_call_changes_nothing_in_the_end() {
    let calls =
        ["batch", "write_batch", "due_batches", "get", "many", "write", "count_unfinished", "put_event"];
    for operation in calls {
        for nth in 1..=6 {
            for fault in [Fault::Before, Fault::After, Fault::Again] {
                let world = World::new();
                let faults = Faults::default();
                faults.plan(operation, nth, fault);
                world.submit(&clips(3)).await;
                world.swept(60_000, &faults).await;
                world.worked(|_| false);
                for _ in 0..4 {
                    world.swept(120_000, &faults).await;
                    world.worked(|_| false);
                }
                let told = format!("{operation} {nth} {fault:?}");
                let batch = world.batches.only();
                assert_eq!((batch.state, batch.ends()), (BatchState::Done, [3, 0, 0]), "{told}");
                let jobs: BTreeSet<String> =
                    world.jobs.all().iter().map(|job| job.job_id.to_string()).collect();
                assert_eq!(jobs.len(), 3, "{told}");
                assert!(world.jobs.all().iter().all(|job| job.generation == 1), "{told}");
                assert!(!world.bus.told().is_empty() && batch.untold.is_empty(), "{told}");
            }
        }
    }
}

/// The submission itself dies after it stored the batch: the sweeper makes all of its jobs.
#[tokio::test]
async fn a_submission_that_dies_behind_its_first_write_is_finished_by_the_sweeper() {
    let world = World::new();
    world.jobs.faults.always("get", Fault::Before);
    world.jobs.faults.always("count_unfinished", Fault::Before);
    assert_eq!(world.submit(&clips(3)).await.status, 503);
    assert!(world.jobs.all().is_empty());
    world.jobs.faults.clear();
    world.swept(60_000, &Faults::default()).await;
    assert_eq!((world.jobs.all().len(), world.queue.take().len()), (3, 3));
    world.worked(|_| false);
    world.swept(60_000, &Faults::default()).await;
    assert_eq!(world.batches.only().state, BatchState::Done);
}
