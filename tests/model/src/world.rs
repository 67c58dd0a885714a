//! One moment of the world: the stored job, the files, the messages, and how far every program has got.

use crate::item::{Cause, Content, Item};
use crate::scope::Scope;
use export_domain::job::ObjectKind;
use export_domain::ports::Execution;
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A file of the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Object {
    /// Generation that its metadata names.
    pub generation: u32,
    /// Fence that its metadata names.
    pub fence: u64,
    /// What is in it; stands for its `ETag` too.
    pub content: Content,
    /// A reply has named it.
    pub shown: bool,
}

/// A queue message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Message {
    /// The generation that it is for.
    pub generation: u32,
    /// Deliveries that came to nothing.
    pub returns: u8,
}

impl Message {
    /// Returns of a message that is held, but deleted.
    pub const DELETED: u8 = u8::MAX;

    fn is_deleted(self) -> bool {
        self.returns == Self::DELETED
    }
}

/// What is about to be written, in a scope with delays; `None` once somebody else wrote first, so that the condition will not hold.
pub type Pending = Option<Box<Item>>;

/// The submit function. A client whose reply is lost asks again, so that one of it is enough.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Submit {
    /// Nothing to do.
    Idle,
    /// Before the conditional write of a job or of its next generation.
    Writing(Pending),
    /// Before the conditional write of a job that is due.
    Healing(Pending),
}

/// The sweeper.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sweeper {
    /// Nothing to do.
    Idle,
    /// Before the conditional write of a job that is due.
    Resending(Pending),
    /// Before the conditional write of a job whose time is over.
    Expiring(Pending),
    /// Before it tells of these generations' ends, and then notes that it did.
    Telling(Vec<u32>, Pending),
}

/// The status function, as far as it writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nothing to do.
    Idle,
    /// Before the conditional write of a cancellation.
    Cancelling(Pending),
    /// Before the conditional write of an end that was due.
    Ending(Pending),
}

/// What a worker does once a file is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Then {
    /// Looks whether there is a clip to adopt.
    Adopts,
    /// Makes the clip.
    Clip,
    /// Waits for the recording.
    Waits,
}

/// The next step of a worker that holds a claim, or held it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// Looks for a file that an earlier attempt published.
    Adopt(ObjectKind),
    /// Aborts what earlier claims have begun to upload.
    SweepUp,
    /// Opens the recording.
    Open,
    /// Begins to upload the clip in parts.
    Begin,
    /// Writes down what it has begun to upload.
    Note,
    /// Writes down what it is about to publish.
    Stage(ObjectKind, Then),
    /// Publishes, if there is no object.
    Put(ObjectKind, Then),
    /// Looks at the object in the way.
    Look(ObjectKind, Then),
    /// Makes sure of its claim, now that it knows what is in the way.
    Confirm(ObjectKind, Then, Object),
    /// Publishes in place of that object.
    Replace(ObjectKind, Then, Content),
    /// Writes down what is published.
    Commit(ObjectKind, Then, Content),
    /// Writes down that the attempt failed in passing.
    Release,
    /// Writes down that a service does not answer.
    PutOff,
    /// Writes down that the recording must grow first.
    Wait,
    /// Sends the message that wakes the job.
    Wake,
    /// Writes down that the job cannot succeed.
    GiveUp(Cause),
    /// Writes down that the clip is left to its chunks.
    Fan,
    /// Starts the execution of that plan and number.
    Starts(u64, u32),
    /// Asks the engine about the execution.
    Chunks,
    /// Looks at the chunks, and knows what the engine said.
    Counts(Execution),
}

/// An execution of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// The generation that its message names.
    pub generation: u32,
    /// The plan that it makes chunks of.
    pub plan: u64,
    /// Its number.
    pub epoch: u32,
    /// The chunk that comes next.
    pub next: u8,
    /// Whether it has ended.
    pub over: bool,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Worker {
    /// Waits for a message.
    Idle,
    /// Before the conditional write of a claim, or of an end if `granted` is not set.
    Claiming {
        /// The message in hand.
        message: Message,
        /// What it writes.
        next: Pending,
        /// Whether the job is the worker's then.
        granted: bool,
    },
    /// At work.
    Working {
        /// The message in hand.
        message: Message,
        /// The fence of its claim.
        fence: u64,
        /// What it does next.
        at: At,
    },
    /// Before the acknowledgement.
    Acking(Message),
}

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Breach {
    /// A generation that had ended changed.
    Ended,
    /// A client was told something that contradicts what it was told before.
    Answer,
    /// A reply named a file that is not there, or is not what its manifest says.
    Shown,
    /// A file that a reply had named was replaced.
    Replaced,
    /// Somebody whose claim is not in force changed the job.
    Fence,
    /// A write did not raise the revision.
    Revision,
    /// There were more claims than attempts.
    Attempts,
    /// A job was claimed in the pause after a failure.
    Pause,
    /// A worker that took a job from the queue got less than the time for the work.
    Time,
    /// An end of a job was not told, and nobody knows any more that it is to be told.
    Untold,
    /// An upload of the worker that holds the job was aborted by another one.
    Aborted,
    /// An upload is open whose worker is gone, and nobody knows any more that it is to be aborted.
    LeftOpen,
    /// An execution was started that is not on record.
    Unrecorded,
    /// More chunks are on record than were made.
    Counted,
    /// A clip was published of which chunks are missing.
    Lacks,
    /// A clip was published whose chunks have different parameter sets.
    Unlike,
    /// A job was given up though not all of its executions had run.
    Runs,
}

/// What is left of what may happen only so often.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Left {
    /// Faults.
    pub faults: u8,
    /// POSTs, if they are counted.
    pub posts: Option<u8>,
    /// Times that the job lets another go first.
    pub deferrals: u8,
    /// Recordings that must grow first.
    pub waits: u8,
    /// Recordings that are not there.
    pub absences: u8,
    /// Cancellations.
    pub cancels: u8,
    /// Records that expire.
    pub expiries: u8,
    /// Looks at chunks that are still being made.
    pub looks: u8,
}

/// One moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The stored job.
    pub item: Option<Item>,
    /// The JPEG.
    pub image: Option<Object>,
    /// The clip.
    pub video: Option<Object>,
    /// Fences of the attempts whose uploads in parts are open.
    pub open: Vec<u64>,
    /// Chunks that are there, by their numbers.
    pub chunks: Vec<u64>,
    /// Those of them that have other parameter sets than the others.
    pub stray: BTreeSet<u64>,
    /// Those that were thrown away, since they were unlike the others.
    pub gone: BTreeSet<u64>,
    /// Chunks that are on record: no other write of the job meets them.
    pub noted: BTreeSet<u64>,
    /// Executions, in the order of their starts.
    pub runs: Vec<Run>,
    /// Messages that nobody holds, in order.
    pub queue: Vec<Message>,
    /// The workers.
    pub workers: [Worker; 2],
    /// The submit function.
    pub submit: Submit,
    /// The sweeper.
    pub sweeper: Sweeper,
    /// The status function.
    pub status: Status,
    /// What may still happen.
    pub left: Left,
    /// Records of the job before this one.
    pub life: u32,
    /// Generations that have ended, and whose ends nobody was told of yet.
    pub owed: Vec<u32>,
    /// What happened that must not.
    pub breach: Option<Breach>,
}

impl World {
    /// Before the first POST.
    pub fn new(scope: &Scope) -> Self {
        Self {
            item: None,
            image: None,
            video: None,
            open: Vec::new(),
            queue: Vec::new(),
            workers: [Worker::Idle, Worker::Idle],
            submit: Submit::Idle,
            sweeper: Sweeper::Idle,
            status: Status::Idle,
            left: Left {
                faults: scope.faults.most,
                posts: scope.posts,
                deferrals: scope.deferrals,
                waits: scope.waits,
                absences: scope.absences,
                cancels: scope.cancels,
                expiries: scope.expiries,
                looks: scope.looks,
            },
            chunks: Vec::new(),
            stray: BTreeSet::new(),
            gone: BTreeSet::new(),
            noted: BTreeSet::new(),
            runs: Vec::new(),
            life: 0,
            owed: Vec::new(),
            breach: None,
        }
    }

    /// The file of that kind.
    pub fn object(&self, kind: ObjectKind) -> Option<Object> {
        match kind {
            ObjectKind::Image => self.image,
            ObjectKind::Video | ObjectKind::Unknown => self.video,
        }
    }

    /// Where the file of that kind is.
    pub fn object_mut(&mut self, kind: ObjectKind) -> &mut Option<Object> {
        match kind {
            ObjectKind::Image => &mut self.image,
            ObjectKind::Video | ObjectKind::Unknown => &mut self.video,
        }
    }

    /// The worker of that number.
    pub fn worker(&self, number: usize) -> &Worker {
        let [first, second] = &self.workers;
        if number == 0 { first } else { second }
    }

    /// The worker of that number.
    pub fn worker_mut(&mut self, number: usize) -> &mut Worker {
        let [first, second] = &mut self.workers;
        if number == 0 { first } else { second }
    }

    /// What somebody is about to write.
    fn pending(&mut self) -> impl Iterator<Item = &mut Pending> {
        let Self { workers, submit, sweeper, status, .. } = self;
        let workers = workers.iter_mut().filter_map(|worker| match worker {
            Worker::Claiming { next, .. } => Some(next),
            _ => None,
        });
        let submit = match submit {
            Submit::Writing(next) | Submit::Healing(next) => Some(next),
            Submit::Idle => None,
        };
        let sweeper = match sweeper {
            Sweeper::Resending(next) | Sweeper::Expiring(next) | Sweeper::Telling(_, next) => Some(next),
            Sweeper::Idle => None,
        };
        let status = match status {
            Status::Cancelling(next) | Status::Ending(next) => Some(next),
            Status::Idle => None,
        };
        workers.chain(submit).chain(sweeper).chain(status)
    }

    /// Stores `item`; no other write that is on its way finds the job as it expects.
    pub fn store(&mut self, item: Option<Item>) {
        self.item = item;
        self.pending().for_each(|next| *next = None);
    }

    /// Returns `true` if somebody is about to write, and nobody has written since it read.
    pub fn is_raced(&self) -> bool {
        self.clone().pending().any(|next| next.is_some())
    }

    /// One tick later.
    pub fn age(&mut self, scope: &Scope) {
        if let Some(item) = &mut self.item {
            item.age(scope);
        }
        for next in self.pending().flatten() {
            next.age(scope);
        }
    }

    /// Sends a message. More than two of a kind are as good as two.
    pub fn send(&mut self, message: Message) {
        if self.queue.iter().filter(|other| **other == message).count() < 2 {
            self.queue.push(message);
            self.queue.sort_unstable();
        }
    }

    /// Gives a message back; one that was delivered too often becomes a dead letter.
    pub fn give_back(&mut self, message: Message, scope: &Scope) {
        if message.is_deleted() {
            return;
        }
        let Some(most) = scope.receives else { return self.send(message) };
        let returns = message.returns + 1;
        if returns < most {
            self.send(Message { returns, ..message });
        }
    }

    /// Deletes every delivery of the message.
    pub fn delete_message(&mut self) {
        self.queue.clear();
        for worker in &mut self.workers {
            if let Worker::Claiming { message, .. } | Worker::Working { message, .. } = worker {
                message.returns = Message::DELETED;
            }
        }
    }

    /// Ends an upload, if it is open.
    pub fn close(&mut self, fence: u64) {
        self.open.retain(|other| *other != fence);
    }

    /// Whether a worker with this fence is at work, though its claim may be lost.
    pub fn works(&self, fence: u64) -> bool {
        let own = |worker: &Worker| matches!(worker, Worker::Working { fence: other, .. } if *other == fence);
        self.workers.iter().any(own)
    }

    /// Whether a worker with this fence holds the job.
    pub fn holds(&self, fence: u64) -> bool {
        let running = |item: &&Item| item.state == export_domain::job::State::Running;
        self.item.as_ref().filter(running).is_some_and(|item| item.fence == fence)
    }

    /// Notes the first breach.
    pub fn blame(&mut self, breach: Breach) {
        self.breach.get_or_insert(breach);
    }

    /// Whether no program is in the middle of something and no message is on its way.
    pub fn is_quiet(&self) -> bool {
        self.queue.is_empty()
            && self.workers.iter().all(|worker| *worker == Worker::Idle)
            && self.submit == Submit::Idle
            && self.sweeper == Sweeper::Idle
            && self.status == Status::Idle
            && self.runs.iter().all(|run| run.over)
    }
}

/// A number that stands for `value`, the same in every run.
pub(crate) fn fingerprint<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.item {
            None => write!(f, "no job")?,
            Some(item) => {
                write!(f, "{:?} generation {} fence {}", item.state, item.generation, item.fence)?;
                let times = [("lease", item.lease), ("due", item.due), ("deadline", item.deadline)];
                for (name, time) in times.into_iter().filter_map(|(name, time)| Some((name, time?))) {
                    write!(f, " {name} {time:+}")?;
                }
                for (name, content) in [("image", item.image), ("video", item.video)] {
                    if let Some(content) = content {
                        write!(f, " {name} by {}", content.fence)?;
                    }
                }
            }
        }
        for (name, object) in [("JPEG", self.image), ("clip", self.video)] {
            if let Some(object) = object {
                write!(f, ", {name} by {} there", object.content.fence)?;
            }
        }
        for run in &self.runs {
            let over = if run.over { " over" } else { "" };
            write!(f, ", execution {} of {} at {}{over}", run.epoch, run.plan, run.next)?;
        }
        write!(f, ", {} chunks, {} messages", self.chunks.len(), self.queue.len())
    }
}
