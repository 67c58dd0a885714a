//! The batches of the jobs table.

use crate::fault::{Faults, lock};
use crate::samples::{NOW, tenant};
use export_domain::batch::life::{Batch, BatchClip};
use export_domain::batch::request::Wish;
use export_domain::identity::identify;
use export_domain::ids::{BatchId, FileName, LivePath, TenantId};
use export_domain::ports::{BatchPage, BatchStore, DueBatches, Unavailable};
use export_domain::request::{ExportRequest, ExportType, Wanted};
use export_domain::settings::Lifecycle;
use export_domain::storage::Container;
use export_domain::time::{EpochMs, Millis};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const WHAT: &str = "the jobs table";

/// Batches by tenant and name. Operations: `batch`, `write_batch`, `batches`, `due_batches`.
#[derive(Debug, Clone, Default)]
pub struct MemoryBatches {
    /// What goes wrong.
    pub faults: Faults,
    table: Arc<Mutex<BTreeMap<(TenantId, BatchId), Batch>>>,
}

impl MemoryBatches {
    /// The same table over another line.
    #[must_use]
    pub fn through(&self, faults: Faults) -> Self {
        Self { faults, ..self.clone() }
    }

    /// All batches.
    pub fn all(&self) -> Vec<Batch> {
        lock(&self.table).values().cloned().collect()
    }

    /// The only batch.
    ///
    /// # Panics
    /// If there is none, or more than one.
    pub fn only(&self) -> Batch {
        let mut batches = self.all();
        assert_eq!(batches.len(), 1, "batches in the table");
        batches.remove(0)
    }

    /// Stores `batch` whatever is there.
    pub fn put(&self, batch: &Batch) {
        lock(&self.table).insert((batch.tenant.clone(), batch.batch_id.clone()), batch.clone());
    }
}

impl BatchStore for MemoryBatches {
    async fn batch(&self, tenant: &TenantId, id: &BatchId) -> Result<Option<Batch>, Unavailable> {
        let (table, key) = (Arc::clone(&self.table), (tenant.clone(), id.clone()));
        self.faults.run(WHAT, "batch", move || Ok(lock(&table).get(&key).cloned())).await
    }

    async fn write_batch(&self, expected: Option<u64>, batch: &Batch) -> Result<bool, Unavailable> {
        let (table, batch, mut is_written) = (Arc::clone(&self.table), batch.clone(), false);
        let write = move || {
            let mut table = lock(&table);
            let key = (batch.tenant.clone(), batch.batch_id.clone());
            if is_written && table.get(&key).map(|stored| stored.rev) == Some(batch.rev) {
                return Ok(true);
            }
            if table.get(&key).map(|stored| stored.rev) != expected {
                return Ok(false);
            }
            is_written = true;
            table.insert(key, batch.clone());
            Ok(true)
        };
        self.faults.run(WHAT, "write_batch", write).await
    }

    async fn batches(
        &self,
        tenant: &TenantId,
        most: usize,
        cursor: Option<&str>,
    ) -> Result<Option<BatchPage>, Unavailable> {
        let (table, tenant) = (Arc::clone(&self.table), tenant.clone());
        let cursor = cursor.map(str::to_owned);
        let list = move || {
            let from: usize = match cursor.as_deref().map(str::parse) {
                None => 0,
                Some(Ok(from)) => from,
                Some(Err(_)) => return Ok(None),
            };
            let table = lock(&table);
            let mut batches: Vec<&Batch> = table.values().filter(|batch| batch.tenant == tenant).collect();
            batches.sort_by_key(|batch| Reverse((batch.created_at, batch.batch_id.clone())));
            let next = (batches.len() > from + most).then(|| (from + most).to_string());
            let batches = batches.into_iter().skip(from).take(most).cloned().collect();
            Ok(Some(BatchPage { batches, next }))
        };
        self.faults.run(WHAT, "batches", list).await
    }
}

impl DueBatches for MemoryBatches {
    async fn due_batches(&self, now: EpochMs, most: usize) -> Result<Vec<(TenantId, BatchId)>, Unavailable> {
        let table = Arc::clone(&self.table);
        let due = move || {
            let table = lock(&table);
            let mut due: Vec<&Batch> =
                table.values().filter(|b| b.due_at.is_some_and(|at| at <= now)).collect();
            due.sort_by_key(|batch| batch.due_at);
            Ok(due.into_iter().take(most).map(|b| (b.tenant.clone(), b.batch_id.clone())).collect())
        };
        self.faults.run(WHAT, "due_batches", due).await
    }
}

/// A batch of [`tenant`] with `count` clips of a second each that ended before [`NOW`].
///
/// # Panics
/// Never.
pub fn batch(count: usize) -> Batch {
    let tenant = tenant();
    let target = tenant.target_named(None, Container::Mp4).expect("the tenant's own target");
    let live_path = LivePath::parse("mp4/a/stream.mpd").expect("a path");
    let clips = (1..=count).map(|n| {
        let before = Millis::from_secs(i64::try_from(n).expect("a small number"));
        let request = ExportRequest {
            wanted: Wanted::Media,
            fetch_thumb: false,
            start_pos_ms: NOW - before,
            start_time_ms: Millis::ZERO,
            duration_ms: Millis::from_secs(1),
            live_path: live_path.clone(),
            file_name: FileName::parse(&format!("clip {n}")).expect("a name"),
            peer_id: None,
            export_type: ExportType::AsRecorded,
            container: None,
            storage: None,
            deprecated_target: None,
            story: None,
            pts: None,
            windows: Vec::new(),
        };
        let job_id = identify(&tenant.id, &request, &target, None).job_id;
        BatchClip::new(Wish { n, mark: None, request }, job_id)
    });
    let clips: Vec<BatchClip> = clips.collect();
    Batch::new(&tenant.id, target, clips, NOW, &Lifecycle::default())
}
