//! A batch's life, checked by looking at every order in which things can happen.
//!
//! One batch, its clips' jobs, which end as they like, two callers that move the batch on (a client's request and the
//! sweeper), a client that cancels or posts it again, and callers that die between any two steps. Every decision is
//! the domain's own code. Left out is the life of the jobs themselves, which the other model looks at.

use export_domain::batch::life::{Advance, Batch, BatchClip, BatchOutcome, BatchRoom, BatchState, Stage};
use export_domain::batch::request::Wish;
use export_domain::identity::identify;
use export_domain::ids::{FileName, JobId, LivePath, TenantId};
use export_domain::job::{Job, State};
use export_domain::request::{ExportRequest, ExportType, Wanted};
use export_domain::settings::Lifecycle;
use export_domain::storage::Container;
use export_domain::target::Target;
use export_domain::time::{EpochMs, Millis};
use stateright::{Checker, Model, Property};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// The time of everything.
const NOW: EpochMs = EpochMs::new(1_562_300_000_000);
/// A time at which a batch that is done may be posted again.
const LATER: EpochMs = EpochMs::new(1_562_300_120_000);

/// What may happen.
#[derive(Debug, Clone)]
pub struct BatchScope {
    /// Clips of the batch.
    pub clips: usize,
    /// Jobs of batches that the tenant has room for.
    pub room: usize,
    /// Times that a caller dies.
    pub deaths: u8,
    /// Whether a client cancels.
    pub cancels: bool,
    /// Generations of the batch, at most.
    pub generations: u32,
    /// Breaks a rule: an end is stored before the event is on record to be told.
    pub forgets_to_tell: bool,
    /// Breaks a rule: a write counts whatever is stored.
    pub any_revision: bool,
}

impl BatchScope {
    /// Three clips, room for two.
    pub fn three() -> Self {
        Self {
            clips: 3,
            room: 2,
            deaths: 1,
            cancels: false,
            generations: 1,
            forgets_to_tell: false,
            any_revision: false,
        }
    }
}

/// The stored batch, by what makes two of them different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row(Batch);

impl Hash for Row {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Batch { rev, state: own, outcome, generation, is_cancelled, clips, untold, due_at, .. } = &self.0;
        (rev, own, outcome, generation, is_cancelled).hash(state);
        (clips, untold, due_at).hash(state);
    }
}

/// A job as far as a batch sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Seen {
    /// There is none.
    Absent,
    /// In work.
    Live,
    /// Ended with its files.
    Ready,
    /// Ended without, for good.
    Failed,
    /// Cancelled.
    Cancelled,
}

/// Where a caller is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// It has not read the batch.
    Idle,
    /// It has deeds to do: index and whether that is a post; `from` is what it read, `seen` what it will store.
    Doing(Vec<(usize, bool)>, Box<Row>, Box<Row>),
    /// It put the events of this batch on the bus.
    Told(Box<Row>),
}

/// Everything at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct BatchWorld {
    row: Row,
    jobs: Vec<Seen>,
    callers: [At; 2],
    deaths: u8,
    /// By generation, whether it has ended and whether that was told.
    ended: [bool; 2],
    told: [bool; 2],
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum BatchMove {
    /// A caller reads the batch and its jobs.
    Look(usize),
    /// A caller does its next deed, or stores when there is none left.
    Go(usize),
    /// A caller reads the batch and puts its events on the bus.
    Tell(usize),
    /// A caller dies.
    Die(usize),
    /// A job ends.
    End(usize, Seen),
    /// A client cancels.
    Cancel,
    /// A client posts it again.
    Post,
}

/// A batch in a scope.
#[derive(Debug)]
pub(crate) struct BatchModel {
    scope: BatchScope,
    times: Lifecycle,
    first: Batch,
    jobs: Vec<Job>,
}

impl BatchModel {
    /// The batch of a scope and its world.
    ///
    /// # Panics
    /// Never: its names are valid.
    fn new(scope: BatchScope) -> Self {
        let times = Lifecycle::default();
        let tenant = TenantId::parse("demo").unwrap_or_else(|_| unreachable!("a name"));
        let target = Target {
            bucket: "clips".to_owned(),
            region: String::new(),
            root: String::new(),
            owner: String::new(),
            container: Container::Ts,
        };
        let clips = (1..=scope.clips).map(|n| {
            let start = EpochMs::new(i64::try_from(n).unwrap_or_default());
            let request = ExportRequest {
                wanted: Wanted::Media,
                fetch_thumb: false,
                start_pos_ms: start,
                start_time_ms: Millis::ZERO,
                duration_ms: Millis::from_secs(1),
                live_path: LivePath::parse("a/b.mpd").unwrap_or_else(|_| unreachable!("a path")),
                file_name: FileName::parse("clip").unwrap_or_else(|_| unreachable!("a name")),
                peer_id: None,
                export_type: ExportType::AsRecorded,
                container: None,
                storage: None,
                deprecated_target: None,
                story: None,
                pts: None,
                windows: Vec::new(),
            };
            let job_id = identify(&tenant, &request, &target, None).job_id;
            BatchClip::new(Wish { n, mark: None, request }, job_id)
        });
        let clips = clips.collect();
        let first = Batch::new(&tenant, target, clips, NOW, &times);
        let jobs = first.clips.iter().map(|clip| {
            let order = first.order(clip, |request| identify(&first.tenant, request, &first.target, None));
            Job::new(first.tenant.clone(), clip.job_id.clone(), order, NOW, &times).of(&first.batch_id)
        });
        let jobs = jobs.collect();
        Self { scope, times, first, jobs }
    }

    fn job(&self, at: usize, seen: Seen) -> Option<Job> {
        let state = match seen {
            Seen::Absent => return None,
            Seen::Live => State::Running,
            Seen::Ready => State::Ready,
            Seen::Failed => State::Failed,
            Seen::Cancelled => State::Cancelled,
        };
        self.jobs.get(at).map(|job| Job { state, ..job.clone() })
    }

    /// The step that a caller takes now.
    fn advance(&self, world: &BatchWorld) -> Advance {
        let row = &world.row.0;
        let followed: Vec<&JobId> = row.followed(NOW).collect();
        let jobs = world.jobs.iter().enumerate().filter_map(|(at, seen)| self.job(at, *seen));
        let jobs: BTreeMap<JobId, Job> =
            jobs.filter(|job| followed.contains(&&job.job_id)).map(|job| (job.job_id.clone(), job)).collect();
        let live = world.jobs.iter().filter(|seen| **seen == Seen::Live).count();
        let room = BatchRoom { active: self.scope.room.saturating_sub(live), scheduled: 0 };
        row.advance(&jobs, room, NOW)
    }

    /// Stores `next` if the stored batch is still `from`; notes an end.
    fn store(&self, world: &mut BatchWorld, from: &Row, next: Batch) {
        if world.row.0.rev != from.0.rev && !self.scope.any_revision {
            return;
        }
        let was = world.row.0.state == BatchState::Done;
        let next = if self.scope.forgets_to_tell { Batch { untold: Vec::new(), ..next } } else { next };
        if next.state == BatchState::Done && !was {
            set(&mut world.ended, next.generation);
        }
        world.row = Row(next);
    }
}

fn set(flags: &mut [bool; 2], generation: u32) {
    let at = usize::try_from(generation).unwrap_or_default().saturating_sub(1);
    if let Some(flag) = flags.get_mut(at) {
        *flag = true;
    }
}

impl Model for BatchModel {
    type State = BatchWorld;
    type Action = BatchMove;

    fn init_states(&self) -> Vec<BatchWorld> {
        vec![BatchWorld {
            row: Row(self.first.clone()),
            jobs: vec![Seen::Absent; self.scope.clips],
            callers: [At::Idle, At::Idle],
            deaths: self.scope.deaths,
            ended: [false; 2],
            told: [false; 2],
        }]
    }

    fn actions(&self, world: &BatchWorld, actions: &mut Vec<BatchMove>) {
        let row = &world.row.0;
        for (caller, at) in world.callers.iter().enumerate() {
            match at {
                At::Idle => {
                    let Advance { posts, cancels, seen } = self.advance(world);
                    if !posts.is_empty() || !cancels.is_empty() || seen != *row {
                        actions.push(BatchMove::Look(caller));
                    }
                    if !row.untold.is_empty() {
                        actions.push(BatchMove::Tell(caller));
                    }
                }
                At::Doing(..) | At::Told(..) => {
                    actions.push(BatchMove::Go(caller));
                    if world.deaths > 0 {
                        actions.push(BatchMove::Die(caller));
                    }
                }
            }
        }
        for (at, job) in world.jobs.iter().enumerate() {
            if *job == Seen::Live {
                actions.extend([BatchMove::End(at, Seen::Ready), BatchMove::End(at, Seen::Failed)]);
            }
        }
        if self.scope.cancels && row.cancelled(NOW).is_some() {
            actions.push(BatchMove::Cancel);
        }
        if row.generation < self.scope.generations && row.posted(LATER, &self.times).is_some() {
            actions.push(BatchMove::Post);
        }
    }

    fn next_state(&self, last: &BatchWorld, action: BatchMove) -> Option<BatchWorld> {
        let mut world = last.clone();
        match action {
            BatchMove::Look(caller) => {
                let Advance { posts, cancels, seen } = self.advance(last);
                let deeds = posts.into_iter().map(|at| (at, true));
                let deeds = deeds.chain(cancels.into_iter().map(|at| (at, false))).collect();
                let doing = At::Doing(deeds, Box::new(last.row.clone()), Box::new(Row(seen)));
                *world.callers.get_mut(caller)? = doing;
            }
            BatchMove::Tell(caller) => {
                for end in &last.row.0.untold {
                    set(&mut world.told, end.generation);
                }
                *world.callers.get_mut(caller)? = At::Told(Box::new(last.row.clone()));
            }
            BatchMove::Go(caller) => self.go(&mut world, caller)?,
            BatchMove::Die(caller) => {
                world.deaths -= 1;
                *world.callers.get_mut(caller)? = At::Idle;
            }
            BatchMove::End(at, seen) => *world.jobs.get_mut(at)? = seen,
            BatchMove::Cancel => world.row = Row(last.row.0.cancelled(NOW)?),
            BatchMove::Post => world.row = Row(last.row.0.posted(LATER, &self.times)?),
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("done if and only if every clip has ended", |_, world: &BatchWorld| {
                let row = &world.row.0;
                (row.state == BatchState::Done) == row.clips.iter().all(|clip| clip.stage.is_end())
            }),
            Property::always("a clip is ready only if its job was", |_, world: &BatchWorld| {
                let clips = world.row.0.clips.iter().zip(&world.jobs);
                clips.into_iter().all(|(clip, job)| clip.stage != Stage::Ready || *job == Seen::Ready)
            }),
            Property::always("no end goes untold", |_, world: &BatchWorld| {
                let untold =
                    |generation: u32| world.row.0.untold.iter().any(|end| end.generation == generation);
                [(1, 0), (2, 1)].into_iter().all(|(generation, at): (u32, usize)| {
                    let is = |flags: &[bool; 2]| flags.get(at).copied().unwrap_or(false);
                    !is(&world.ended) || is(&world.told) || untold(generation)
                })
            }),
            Property::always("the sweeper comes for what is not over", |_, world: &BatchWorld| {
                let row = &world.row.0;
                let over = row.state == BatchState::Done && row.untold.is_empty();
                over || row.due_at.is_some()
            }),
            Property::always("the outcome is that of the clips", |_, world: &BatchWorld| {
                let row = &world.row.0;
                let [ready, ..] = row.ends();
                match row.outcome {
                    None => row.state != BatchState::Done,
                    Some(BatchOutcome::Ready) => ready == row.clips.len(),
                    Some(BatchOutcome::Partial) => 0 < ready && ready < row.clips.len(),
                    Some(BatchOutcome::Failed) => ready == 0,
                    Some(BatchOutcome::Cancelled) => row.is_cancelled,
                    Some(BatchOutcome::Unknown) => false,
                }
            }),
            Property::eventually("it is done, and that is told", |_, world: &BatchWorld| {
                world.row.0.state == BatchState::Done && world.row.0.untold.is_empty()
            }),
        ]
    }
}

impl BatchModel {
    /// The next deed of a caller, or its write.
    fn go(&self, world: &mut BatchWorld, caller: usize) -> Option<()> {
        let at = std::mem::replace(world.callers.get_mut(caller)?, At::Idle);
        match at {
            At::Idle => return None,
            At::Told(from) => {
                let next = from.0.told();
                self.store(world, &from, next);
            }
            At::Doing(mut deeds, from, seen) => {
                let Some((at, is_post)) = deeds.pop() else {
                    if let Some(next) = seen.0.settled(&from.0, NOW, &self.times) {
                        self.store(world, &from, next);
                    }
                    return Some(());
                };
                let job = world.jobs.get_mut(at)?;
                *job = match (*job, is_post) {
                    // A single request would start these over.
                    (Seen::Absent, true) => Seen::Live,
                    (Seen::Failed | Seen::Cancelled, true) if from.0.generation > 1 => Seen::Live,
                    (Seen::Live, false) => Seen::Cancelled,
                    (other, _) => other,
                };
                let stage = self.job(at, *job).map_or(Stage::Cancelled, |job| job.stage());
                let seen = Row(seen.0.with_stage(at, stage));
                *world.callers.get_mut(caller)? = At::Doing(deeds, from, Box::new(seen));
            }
        }
        Some(())
    }
}

/// What a check found.
#[derive(Debug)]
pub struct BatchChecked {
    /// States that were looked at.
    pub states: usize,
    /// The properties that do not hold, with the way there.
    pub broken: Vec<(&'static str, String)>,
}

/// Looks at every order of things in `scope`.
pub fn check_batch(scope: BatchScope) -> BatchChecked {
    let checker = BatchModel::new(scope).checker().threads(2).spawn_bfs().join();
    let broken =
        checker.discoveries().into_iter().map(|(name, path)| (name, format!("{:?}", path.into_actions())));
    BatchChecked { states: checker.unique_state_count(), broken: broken.collect() }
}
