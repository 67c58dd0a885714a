//! The jobs table.

use crate::fault::{Faults, lock};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use export_domain::ids::{JobId, TenantId};
use export_domain::job::{Counted, Errand, Job, State, WorkQueue, chunk_number};
use export_domain::ports::{
    ChunkNotes, ClipLine, Due, DueJobs, IdempotencyKeys, JobLists, JobPage, JobStore, ManyJobs, Unavailable,
    Written,
};
use export_domain::time::{EpochMs, EpochSecs};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

const WHAT: &str = "the jobs table";

/// Jobs by tenant and name. Operations: `get`, `write`, `note_chunk`, `count_unfinished`, `many`, `bind`, `due`, `list`.
#[derive(Debug, Clone, Default)]
pub struct MemoryJobs {
    /// What goes wrong.
    pub faults: Faults,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    jobs: BTreeMap<(TenantId, JobId), Job>,
    keys: HashMap<(TenantId, String), (JobId, EpochSecs)>,
    writes: u64,
    flaws: Flaws,
    watcher: Option<Watcher>,
}

/// What no table may do: for tests that show that others notice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flaws {
    /// Writes whatever revision is expected.
    pub any_revision: bool,
    /// Takes a write that it did before for another's.
    pub forgets_writes: bool,
}

/// Sees every write that takes effect: what was there and what is there now.
struct Watcher(Box<Watch>);

type Watch = dyn Fn(Option<&Job>, &Job) + Send;

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

impl MemoryJobs {
    /// Makes the table one that cannot be relied on.
    pub fn spoil(&self, flaws: Flaws) {
        lock(&self.table).flaws = flaws;
    }

    /// Shows every write that takes effect to `watch`, which must not use the table.
    pub fn watch(&self, watch: impl Fn(Option<&Job>, &Job) + Send + 'static) {
        lock(&self.table).watcher = Some(Watcher(Box::new(watch)));
    }

    /// The same table over another line.
    #[must_use]
    pub fn through(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// Stores `job` whatever is there.
    pub fn put(&self, job: &Job) {
        lock(&self.table).jobs.insert((job.tenant.clone(), job.job_id.clone()), job.clone());
    }

    /// Forgets every job.
    pub fn clear(&self) {
        lock(&self.table).jobs.clear();
    }

    /// All jobs.
    pub fn all(&self) -> Vec<Job> {
        lock(&self.table).jobs.values().cloned().collect()
    }

    /// The job of that tenant and name as it is now.
    pub fn current(&self, job: &Job) -> Option<Job> {
        lock(&self.table).jobs.get(&(job.tenant.clone(), job.job_id.clone())).cloned()
    }

    /// The only job.
    ///
    /// # Panics
    /// If there is none, or more than one.
    pub fn only(&self) -> Job {
        let mut jobs = self.all();
        assert_eq!(jobs.len(), 1, "jobs in the table");
        jobs.remove(0)
    }

    /// Writes that took effect.
    pub fn writes(&self) -> u64 {
        lock(&self.table).writes
    }
}

impl JobStore for MemoryJobs {
    async fn get(&self, tenant: &TenantId, job_id: &JobId) -> Result<Option<Job>, Unavailable> {
        let (table, key) = (Arc::clone(&self.table), (tenant.clone(), job_id.clone()));
        self.faults.run(WHAT, "get", move || Ok(lock(&table).jobs.get(&key).cloned())).await
    }

    async fn write(&self, expected: Option<u64>, job: &Job) -> Result<Written, Unavailable> {
        let (table, job, mut write_id) = (Arc::clone(&self.table), job.clone(), None);
        let write = move || {
            let mut table = lock(&table);
            let key = (job.tenant.clone(), job.job_id.clone());
            let found = table.jobs.get(&key).cloned();
            if found.as_ref().map(|stored| stored.rev) != expected && !table.flaws.any_revision {
                // A write that finds its own name has landed before.
                let own =
                    write_id.is_some() && found.as_ref().map(|stored| &stored.write_id) == write_id.as_ref();
                let known = own && !table.flaws.forgets_writes;
                return Ok(if known { Written::Done } else { Written::Conflict(found.map(Box::new)) });
            }
            table.writes += 1;
            let named = format!("{:032x}", table.writes);
            write_id = Some(named.clone());
            let fan_done = found.as_ref().map(|stored| stored.fan_done.clone()).unwrap_or_default();
            let stored = Job { write_id: named, fan_done, ..job.clone() };
            if let Some(Watcher(watch)) = &table.watcher {
                watch(found.as_ref(), &stored);
            }
            table.jobs.insert(key, stored);
            Ok(Written::Done)
        };
        self.faults.run(WHAT, "write", write).await
    }

    async fn count_unfinished(
        &self,
        tenant: &TenantId,
        counted: Counted,
        most: u32,
    ) -> Result<u32, Unavailable> {
        let (table, tenant) = (Arc::clone(&self.table), tenant.clone());
        let count = move || {
            let table = lock(&table);
            let jobs = table.jobs.values();
            let unfinished = jobs.filter(|job| job.tenant == tenant && job.counted() == Some(counted));
            Ok(u32::try_from(unfinished.count()).unwrap_or(u32::MAX).min(most))
        };
        self.faults.run(WHAT, "count_unfinished", count).await
    }
}

impl ChunkNotes for MemoryJobs {
    async fn note_chunk(&self, job: &Job, plan: u64, chunk: u32) -> Result<bool, Unavailable> {
        let (table, key) = (Arc::clone(&self.table), (job.tenant.clone(), job.job_id.clone()));
        let generation = job.generation;
        let note = move || {
            let mut table = lock(&table);
            let planned = |job: &&mut Job| {
                job.generation == generation && job.fan().is_some_and(|fan| fan.plan == plan)
            };
            let noted = table.jobs.get_mut(&key).filter(planned);
            Ok(noted.map(|job| job.fan_done.insert(chunk_number(plan, chunk))).is_some())
        };
        self.faults.run(WHAT, "note_chunk", note).await
    }
}

impl ManyJobs for MemoryJobs {
    async fn many(&self, tenant: &TenantId, ids: &[JobId]) -> Result<Vec<Job>, Unavailable> {
        let (table, tenant, ids) = (Arc::clone(&self.table), tenant.clone(), ids.to_vec());
        let read = move || {
            let table = lock(&table);
            let found = ids.iter().filter_map(|id| table.jobs.get(&(tenant.clone(), id.clone())));
            Ok(found.cloned().collect())
        };
        self.faults.run(WHAT, "many", read).await
    }
}

impl IdempotencyKeys for MemoryJobs {
    async fn bind(
        &self,
        tenant: &TenantId,
        key: &str,
        job_id: &JobId,
        now: EpochMs,
        expires_at: EpochSecs,
    ) -> Result<JobId, Unavailable> {
        let (table, name, job_id) =
            (Arc::clone(&self.table), (tenant.clone(), key.to_owned()), job_id.clone());
        let bind = move || {
            let mut table = lock(&table);
            let bound = table.keys.get(&name).filter(|(_, until)| *until > now.to_secs());
            if let Some((bound, _)) = bound {
                return Ok(bound.clone());
            }
            table.keys.insert(name.clone(), (job_id.clone(), expires_at));
            Ok(job_id.clone())
        };
        self.faults.run(WHAT, "bind", bind).await
    }
}

impl DueJobs for MemoryJobs {
    async fn due(&self, errand: Errand, now: EpochMs, most: usize) -> Result<Vec<Due>, Unavailable> {
        let table = Arc::clone(&self.table);
        let due = move || {
            let table = lock(&table);
            let jobs = table.jobs.values().filter(|job| job.errand() == errand);
            let due = jobs.filter_map(|job| {
                let at = job.due_at.filter(|at| *at <= now)?;
                Some(Due { at, tenant: job.tenant.clone(), job_id: job.job_id.clone() })
            });
            let mut due: Vec<Due> = due.collect();
            due.sort_by_key(|due| due.at);
            due.truncate(most);
            Ok(due)
        };
        self.faults.run(WHAT, "due", due).await
    }
}

impl ClipLine for MemoryJobs {
    async fn clips_at_work(&self, tenant: &TenantId, now: EpochMs) -> Result<u32, Unavailable> {
        let (table, tenant) = (Arc::clone(&self.table), tenant.clone());
        let count = move || {
            let table = lock(&table);
            let held = |job: &&Job| {
                let live = job.due_at.is_some_and(|at| at > now);
                job.tenant == tenant && job.state == State::Running && is_clip(job) && live
            };
            Ok(u32::try_from(table.jobs.values().filter(held).count()).unwrap_or(u32::MAX))
        };
        self.faults.run(WHAT, "clips_at_work", count).await
    }

    async fn others_wait(&self, tenant: &TenantId) -> Result<bool, Unavailable> {
        let (table, tenant) = (Arc::clone(&self.table), tenant.clone());
        let waits = move |job: &Job| job.tenant != tenant && job.state == State::Queued && is_clip(job);
        self.faults.run(WHAT, "others_wait", move || Ok(lock(&table).jobs.values().any(&waits))).await
    }
}

fn is_clip(job: &Job) -> bool {
    job.work_queue() == WorkQueue::Clips
}

impl JobLists for MemoryJobs {
    async fn list(
        &self,
        tenant: &TenantId,
        most: usize,
        cursor: Option<&str>,
    ) -> Result<Option<JobPage>, Unavailable> {
        let (table, tenant) = (Arc::clone(&self.table), tenant.clone());
        let cursor = cursor.map(str::to_owned);
        let list = move || {
            let start = match cursor.as_deref().map(read_cursor) {
                None => None,
                Some(None) => return Ok(None),
                Some(start) => start,
            };
            let table = lock(&table);
            let mut jobs: Vec<&Job> = table.jobs.values().filter(|job| job.tenant == tenant).collect();
            jobs.sort_by_key(|job| Reverse(place(job)));
            jobs.retain(|job| start.as_ref().is_none_or(|start| place(job) < *start));
            let more = jobs.len() > most;
            jobs.truncate(most);
            let next = jobs.last().filter(|_| more).map(|job| write_cursor(job));
            Ok(Some(JobPage { jobs: jobs.into_iter().cloned().collect(), next }))
        };
        self.faults.run(WHAT, "list", list).await
    }

    fn cursor_behind(&self, job: &Job) -> String {
        write_cursor(job)
    }
}

/// A job's place in its tenant's list.
fn place(job: &Job) -> (EpochMs, JobId) {
    (job.created_at, job.job_id.clone())
}

fn write_cursor(job: &Job) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}/{}", job.created_at, job.job_id))
}

fn read_cursor(text: &str) -> Option<(EpochMs, JobId)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (created, job_id) = text.split_once('/')?;
    Some((EpochMs::new(created.parse().ok()?), JobId::parse(job_id).ok()?))
}
