//! Resends unclaimed jobs, expires overdue ones and publishes missed completion events: in this order, so that an event
//! bus that does not answer keeps no job from its next worker.
//!
//! A sweep is idempotent and may run beside another one: the sweep that wins the conditional write sends the message,
//! and a message too many is acknowledged by the worker without work.

mod batches;

pub use batches::{BatchSweep, BatchSweeper};

use export_domain::job::{Errand, Job, Swept};
use export_domain::ports::{Clock, Due, DueJobs, EventBus, JobQueue, JobStore, Unavailable, Written};
use export_domain::settings::Lifecycle;
use export_domain::time::{EpochMs, Millis};
use export_lambda::metrics::{BY_REASON, Metric, Metrics};
use export_lambda::telemetry::{job_span, name_cause};
use export_lambda::tell::tell;
use futures_util::future::ready;
use futures_util::stream::{self, StreamExt};
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tracing::Instrument;

/// Names that one sweep reads, at most; the next one goes on.
const MOST: usize = 10_000;
/// Jobs that are looked at at the same time.
const AT_ONCE: usize = 8;
/// Events in a row that the bus does not take before a sweep tells no more.
const REFUSALS: usize = 3;
/// Kept back from the invocation's time for what is under way when it is up.
const MARGIN: Duration = Duration::from_secs(15);

/// The function with its ports.
#[derive(Debug)]
pub struct App<J, Q, B, C> {
    /// The jobs table.
    pub jobs: J,
    /// The work queues.
    pub queue: Q,
    /// The bus of completion events.
    pub bus: B,
    /// The time.
    pub clock: C,
    /// Times of a job's life.
    pub times: Lifecycle,
    /// The sink of metrics.
    pub metrics: Metrics,
}

/// The counts of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sweep {
    /// Jobs that were due, except those whose event the bus had refused before.
    pub due: usize,
    /// Messages sent again.
    pub resent: usize,
    /// Jobs that ran out of time.
    pub expired: usize,
    /// Jobs left to the next sweep for lack of time.
    pub left: usize,
    /// Completion events sent.
    pub told: usize,
    /// Completion events that are still to be sent.
    pub untold: usize,
}

/// The outcome for one job.
#[derive(Debug)]
enum Did {
    Nothing,
    /// Only a newer version of the service knows its state, and sees to it.
    LeaveAlone,
    Resend,
    Expire(Box<Job>),
    /// It has ended, and its event is to be sent.
    Tell(Box<Job>),
}

/// A completion event to send.
#[derive(Debug)]
enum Untold {
    /// Of this job.
    Seen(Box<Job>),
    /// Of a job that is still to be read.
    Named(Due),
}

/// The outcome for an event.
#[derive(Debug, Clone, Copy)]
enum Told {
    Nothing,
    Yes,
    No,
}

impl<J, Q, B, C> App<J, Q, B, C>
where
    J: JobStore + DueJobs,
    Q: JobQueue,
    B: EventBus,
    C: Clock,
{
    /// Looks at every job that is due, earliest first, and then publishes the ends, as long as the time lasts; `left`
    /// is what remains of the invocation. One job's trouble does not keep the others waiting.
    ///
    /// # Errors
    /// [`Unavailable`] if the list of due jobs cannot be read.
    pub async fn sweep(&self, left: Duration) -> Result<Sweep, Unavailable> {
        let began = self.clock.now();
        let until = began + left.saturating_sub(MARGIN).into();
        let (sweep, ended, age) = self.recover(began, until).await?;
        let sweep = self.tell_all(sweep, ended, began, until).await;
        tracing::info!(
            due = sweep.due,
            age_ms = age.get(),
            resent = sweep.resent,
            expired = sweep.expired,
            left = sweep.left,
            told = sweep.told,
            untold = sweep.untold,
            "finished a sweep"
        );
        let count = |count: usize| u64::try_from(count).unwrap_or_default();
        let values = [
            (Metric::Resent, count(sweep.resent)),
            (Metric::TimedOut, count(sweep.expired)),
            (Metric::Untold, count(sweep.told)),
            (Metric::SweepLeft, count(sweep.left)),
            (Metric::DueAge, age.count()),
            (Metric::TellsLeft, count(sweep.untold)),
        ];
        if values.iter().any(|(_, count)| *count > 0) {
            self.metrics.emit(self.clock.now(), &[], &values);
        }
        Ok(sweep)
    }

    /// Sends again and ends; returns the jobs whose end is to be published as well, and for how long the job
    /// had been due that was due longest. Jobs that are left alone do not count.
    async fn recover(&self, now: EpochMs, until: EpochMs) -> Result<(Sweep, Vec<Job>, Millis), Unavailable> {
        let due = self.jobs.due(Errand::Recover, now, MOST).await?;
        let begun = Sweep { due: due.len(), left: due.len(), ..Sweep::default() };
        let swept = stream::iter(due)
            .take_while(|_| ready(self.clock.now() < until))
            .map(|due| async {
                let at = due.at;
                (at, self.looked_at(due).await)
            })
            .buffer_unordered(AT_ONCE)
            .fold((begun, Vec::new(), Millis::ZERO), |(mut sweep, mut ended, mut age), (at, did)| {
                sweep.left -= 1;
                if !matches!(did, Did::LeaveAlone) {
                    age = (now - at).max(age);
                }
                match did {
                    Did::Nothing => {}
                    Did::LeaveAlone => sweep.due -= 1,
                    Did::Resend => sweep.resent += 1,
                    Did::Expire(job) => {
                        sweep.expired += 1;
                        ended.push(*job);
                    }
                    Did::Tell(job) => ended.push(*job),
                }
                ready((sweep, ended, age))
            });
        Ok(swept.await)
    }

    /// Publishes the ends of `ended` and of what the bus refused earlier, until it has refused several in a row: it
    /// will refuse the others too. All of them come up again in a later sweep.
    async fn tell_all(&self, sweep: Sweep, ended: Vec<Job>, now: EpochMs, until: EpochMs) -> Sweep {
        let again = self.jobs.due(Errand::Tell, now, MOST).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "failed to list the jobs with an unsent completion event");
            Vec::new()
        });
        let count = ended.len() + again.len();
        let refusals = AtomicUsize::new(0);
        let untold = ended
            .into_iter()
            .map(|job| Untold::Seen(Box::new(job)))
            .chain(again.into_iter().map(Untold::Named));
        stream::iter(untold)
            .take_while(|_| ready(self.clock.now() < until && refusals.load(Ordering::Relaxed) < REFUSALS))
            .map(|untold| self.told(untold))
            .buffer_unordered(AT_ONCE)
            .fold(Sweep { untold: count, ..sweep }, |mut sweep, told| {
                match told {
                    Told::Nothing => sweep.untold -= 1,
                    Told::Yes => {
                        (sweep.untold, sweep.told) = (sweep.untold - 1, sweep.told + 1);
                        refusals.store(0, Ordering::Relaxed);
                    }
                    Told::No => {
                        refusals.fetch_add(1, Ordering::Relaxed);
                    }
                }
                ready(sweep)
            })
            .await
    }

    async fn looked_at(&self, due: Due) -> Did {
        let look = async {
            self.look(&due).await.unwrap_or_else(|error| {
                tracing::warn!(tenant = %due.tenant, %error, "failed to sweep a job");
                Did::Nothing
            })
        };
        look.instrument(job_span(&due.job_id)).await
    }

    async fn wrote(&self, job: &Job, next: &Job) -> Result<bool, Unavailable> {
        Ok(self.jobs.write(Some(job.rev), next).await? == Written::Done)
    }

    async fn look(&self, due: &Due) -> Result<Did, Unavailable> {
        let Due { tenant, job_id, .. } = due;
        let Some(job) = self.jobs.get(tenant, job_id).await? else { return Ok(Did::Nothing) };
        name_cause(&job);
        match job.swept(self.clock.now(), &self.times) {
            Swept::Expire(next) if self.wrote(&job, &next).await? => {
                tracing::warn!(%tenant, "expired an overdue job");
                Ok(Did::Expire(next))
            }
            Swept::Resend(next) if self.wrote(&job, &next).await? => {
                self.queue.send_for(&next, self.clock.now()).await?;
                tracing::info!(%tenant, generation = next.generation, resends = next.resends, "resent a job's message");
                Ok(Did::Resend)
            }
            Swept::Tell(next) if self.wrote(&job, &next).await? => {
                if job.is_looked_for() {
                    let reason = job.failure.as_ref().map(|failure| (BY_REASON, failure.reason.code()));
                    self.metrics.emit(self.clock.now(), reason.as_slice(), &[(Metric::Failed, 1)]);
                }
                Ok(Did::Tell(next))
            }
            _ if job.is_left_alone() => Ok(Did::LeaveAlone),
            _ => Ok(Did::Nothing),
        }
    }

    async fn told(&self, untold: Untold) -> Told {
        let job = match untold {
            Untold::Seen(job) => job,
            Untold::Named(due) => match self.looked_at(due).await {
                Did::Tell(job) => job,
                Did::Nothing | Did::LeaveAlone | Did::Resend | Did::Expire(_) => return Told::Nothing,
            },
        };
        let telling = async {
            let (tenant, generation) = (&job.tenant, job.generation);
            match tell(&job, &self.bus, &self.jobs).await {
                Ok(()) => {
                    tracing::info!(%tenant, generation, "published a completion event");
                    Told::Yes
                }
                Err(error) => {
                    tracing::warn!(%tenant, generation, %error, "failed to publish a completion event; a later sweep retries it");
                    Told::No
                }
            }
        };
        telling.instrument(job_span(&job.job_id)).await
    }
}
