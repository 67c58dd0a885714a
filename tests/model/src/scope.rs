//! How much of the world a run looks at, and by which rules its programs work.

use crate::item::Content;
use export_domain::job::{MAX_EPOCHS, ObjectKind, Staged};
use export_domain::request::Wanted;
use export_domain::settings::Lifecycle;
use export_domain::time::Millis;

/// Staged manifests of a file that a job keeps. The domain does not tell; a test compares.
pub const MAX_STAGED: usize = 8;

/// A time that is never reached.
const FAR: Millis = Millis::new(1000);

/// The least time.
const TICK: Millis = Millis::new(1);

/// Fences of one record of the job; those of the next start above.
pub(crate) const FENCES: u64 = 100;

/// Bounds of a run.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the world to look at or not")]
pub struct Scope {
    /// What is ordered.
    pub wanted: Wanted,
    /// Times of a job's life, in ticks of one millisecond.
    pub times: Lifecycle,
    /// Whether deadlines come; without, jobs end by work alone.
    pub deadlines: bool,
    /// Generations that POSTs may start.
    pub generations: u32,
    /// POSTs of the client, if they are counted.
    pub posts: Option<u8>,
    /// Whether the client may be counted on to come back, so that its POST can save a job.
    pub client_returns: bool,
    /// Times that a clip lets another tenant's go first.
    pub deferrals: u8,
    /// Times that the recording has not reached the window's end.
    pub waits: u8,
    /// Times that the recording is not there.
    pub absences: u8,
    /// Whether a recording may turn out bad.
    pub bad: bool,
    /// Cancellations by the client.
    pub cancels: u8,
    /// Records whose time to live runs out: first they count as gone, then they are deleted.
    pub expiries: u8,
    /// Whether expired records are deleted.
    pub deletes: bool,
    /// Whether a program may be paused between what it decides and what it writes. Only a deadline that comes in
    /// between makes a difference: any other change of the job lets the write fail.
    pub delays: bool,
    /// Deliveries of a message before it becomes a dead letter, if they are counted.
    pub receives: Option<u8>,
    /// Whether all deliveries are of one and the same message: who acknowledges it deletes it for everybody.
    pub one_message: bool,
    /// Whether an attempt that fails does so because a service does not answer.
    pub outages: bool,
    /// Whether the clip is uploaded in parts.
    pub parts: bool,
    /// Chunks that the clip is made in; 0 if one worker makes it.
    pub chunks: u8,
    /// Times that a worker leaves a clip to its chunks once more because they are still being made.
    pub looks: u8,
    /// What breaks.
    pub faults: Faults,
    /// How far the clock of the second worker is ahead, in ticks.
    pub skew: i64,
    /// Staged manifests of each file that there is room for, beside those of attempts that are not looked at.
    pub room: usize,
    /// How the programs work.
    pub rules: Rules,
}

/// Faults that a run may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault that may be or not")]
pub struct Faults {
    /// At most so many.
    pub most: u8,
    /// Submit dies.
    pub submit: bool,
    /// The sweeper dies.
    pub sweeper: bool,
    /// A worker dies.
    pub worker: bool,
    /// A worker fails in passing.
    pub failures: bool,
    /// Replies to a worker are lost.
    pub replies: bool,
    /// A message comes twice.
    pub duplicates: bool,
    /// A chunk is not made, made twice or made unlike the others, or an execution or its message is lost.
    pub engine: bool,
}

/// How the programs work. The default is the design; every other value is a bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule that a mutant breaks")]
pub struct Rules {
    /// A sweeper sends again what is due.
    pub sweeps: bool,
    /// A POST sends again what is due.
    pub heals: bool,
    /// A message for a job that somebody holds is acknowledged.
    pub acks_held: bool,
    /// A worker that lost its claim acknowledges its message.
    pub acks_fenced: bool,
    /// A commit is conditional on the fence.
    pub fences_commits: bool,
    /// An object becomes visible only if there is none.
    pub publishes_once: bool,
    /// Whoever finds an object in the way looks whose it is.
    pub adopts: bool,
    /// An object is replaced only after the claim was seen to be in force.
    pub confirms: bool,
    /// A claim looks whether the job has ended.
    pub respects_ends: bool,
    /// A claim looks whether the job sleeps.
    pub keeps_pauses: bool,
    /// Nobody is told of an end that is not on record.
    pub records_ends: bool,
    /// A restart keeps the ends that are still to be told.
    pub keeps_untold: bool,
    /// The time in the queue is no time for the work.
    pub frees_time: bool,
    /// A job that lets another go first is due again.
    pub wakes_deferred: bool,
    /// The fences of a record that follows a deleted one go on.
    pub fences_go_on: bool,
    /// A worker aborts what earlier claims have begun to upload.
    pub sweeps_up: bool,
    /// It does so before it looks for a clip to adopt.
    pub sweeps_up_first: bool,
    /// It aborts no upload of a later claim.
    pub spares_later: bool,
    /// An execution is started only once it is on record.
    pub records_fans: bool,
    /// A message claims a clip that is left to its chunks.
    pub claims_fanned: bool,
    /// Every execution of a plan has a name of its own.
    pub names_epochs: bool,
    /// A chunk is noted as a member of a set, not counted.
    pub notes_once: bool,
    /// A worker joins only if every chunk is there.
    pub counts_chunks: bool,
    /// A worker joins only chunks of equal parameter sets.
    pub compares_sets: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            sweeps: true,
            heals: true,
            acks_held: true,
            acks_fenced: true,
            fences_commits: true,
            publishes_once: true,
            adopts: true,
            confirms: true,
            respects_ends: true,
            keeps_pauses: true,
            records_ends: true,
            keeps_untold: true,
            frees_time: true,
            wakes_deferred: true,
            fences_go_on: true,
            sweeps_up: true,
            sweeps_up_first: true,
            spares_later: true,
            records_fans: true,
            claims_fanned: true,
            names_epochs: true,
            notes_once: true,
            counts_chunks: true,
            compares_sets: true,
        }
    }
}

impl Faults {
    /// Any, at most `most` of them.
    pub fn any(most: u8) -> Self {
        Self {
            most,
            submit: true,
            sweeper: true,
            worker: true,
            failures: true,
            replies: true,
            duplicates: true,
            engine: true,
        }
    }

    /// None.
    pub fn none() -> Self {
        Self {
            most: 0,
            submit: false,
            sweeper: false,
            worker: false,
            failures: false,
            replies: false,
            duplicates: false,
            engine: false,
        }
    }
}

impl Scope {
    /// One generation of a clip, with at most `faults` faults and no deadlines.
    pub fn clip(faults: u8) -> Self {
        Self {
            wanted: Wanted::Media,
            times: Lifecycle {
                lease_ms: TICK,
                renew_ms: TICK,
                progress_ms: TICK,
                max_attempts: 2,
                max_generations: 2,
                work_ms: FAR,
                max_queue_age_ms: FAR,
                source_wait_ms: Millis::new(2),
                source_retry_ms: TICK,
                retry_after_failed_ms: TICK,
                line_ms: TICK,
                resend_ms: TICK,
                max_resend_ms: TICK,
                terminal_ttl_ms: FAR * 1_000_000,
                tell_ms: None,
                clear_ms: FAR,
                quiet_ms: FAR,
            },
            deadlines: false,
            generations: 1,
            posts: None,
            client_returns: false,
            deferrals: 0,
            waits: 0,
            absences: 0,
            bad: false,
            cancels: 0,
            expiries: 0,
            deletes: false,
            delays: false,
            receives: Some(1),
            one_message: false,
            outages: false,
            parts: false,
            chunks: 0,
            looks: 0,
            faults: Faults::any(faults),
            skew: 0,
            room: MAX_STAGED,
            rules: Rules::default(),
        }
    }

    /// The same in two chunks.
    pub fn chunks(faults: u8) -> Self {
        Self { chunks: 2, posts: Some(1), ..Self::clip(faults) }
    }

    /// The same for a picture alone.
    pub fn picture(faults: u8) -> Self {
        Self { wanted: Wanted::Thumbnail, ..Self::clip(faults) }
    }

    /// The same with a deadline so many ticks after the first claim, and as many to wait for it.
    #[must_use]
    pub fn ending_after(self, ticks: i64) -> Self {
        let time = Millis::new(ticks);
        let times = Lifecycle { work_ms: time, max_queue_age_ms: time, ..self.times };
        Self { deadlines: true, delays: true, times, ..self }
    }

    /// The same with ends that are told: a tick after them, by the sweeper alone.
    #[must_use]
    pub fn telling(self) -> Self {
        Self { times: Lifecycle { tell_ms: Some(TICK), ..self.times }, ..self }
    }

    /// The same by other rules.
    #[must_use]
    pub fn ruled(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// How far two clocks are apart at most.
    pub fn greatest_skew(&self) -> i64 {
        self.skew.abs()
    }

    /// Claims that a record of the job may see at most.
    pub fn most_claims(&self) -> u64 {
        let generations = u64::from(self.generations) + u64::from(self.expiries);
        let spared = if self.outages { self.faults.most } else { 0 };
        let attempts = u64::from(self.times.max_attempts);
        // A clip that is left to its chunks starts its attempts anew. Both workers may do that before an execution runs.
        let left = u64::from(self.looks) + u64::from(MAX_EPOCHS) * 3 + u64::from(self.faults.most);
        let fans = if self.chunks > 0 { generations * left } else { 0 };
        generations * attempts + u64::from(spared) + (u64::from(self.waits) + fans) * attempts
    }

    /// From then on every job has ended for everybody, if nothing is done about it.
    pub fn horizon(&self) -> Millis {
        self.times.work_ms.max(self.times.max_queue_age_ms) + TICK * 2 + Millis::new(self.greatest_skew())
    }

    /// Staged manifests of attempts that this run does not see, newer than all others.
    pub fn strangers(&self) -> impl Iterator<Item = Staged> + use<> {
        let crowd = MAX_STAGED.saturating_sub(self.room);
        [ObjectKind::Image, ObjectKind::Video].into_iter().flat_map(move |object| {
            let stranger = move |fence| Staged {
                object,
                generation: 0,
                fence,
                manifest: Content { life: 0, generation: 0, fence }.manifest(),
                at: None,
            };
            (0u64..).take(crowd).map(stranger)
        })
    }
}
