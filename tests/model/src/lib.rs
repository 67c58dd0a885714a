//! A job's life, checked by looking at every order in which things can happen.
//!
//! One job, its JPEG and its clip, two workers, submit, status, sweeper, messages that are lost, late and doubled, a
//! clock, an engine that has chunks of the clip made, and programs that die between any two steps. The programs' steps stand in [`steps`](self) in the order of the
//! functions themselves; every decision is the domain's own code, so that the model cannot come to differ from it.
//!
//! What is left out, and why that hides nothing:
//!
//! * A reply of a conditional write that is lost. Repeated by the SDK, the store knows the write by its name, and it is
//!   as if the reply had come. Not repeated, it is as if the program had died behind the write.
//! * The wait between two tries of a write under a claim. Nobody but the holder changes whether the claim is in force,
//!   except for good.
//! * What a worker does between its claim's end and its next write under it, unless others can see it.
//! * The moment between a program's write and its message: a message may come late, or the program dies before.
//! * The delay of a message. It may come at any time.
//! * A worker's own try to tell of an end: the event bus may not take it, and then the sweeper tells.
//! * The removal of what a job without files left. It begins when no worker of the job is left, and no later generation
//!   begins before it is over.
//! * A function that dies between its chunk and its note: it is as if it had died before, since the next one finds the
//!   chunk. What is in a chunk: the join's own tests look at that.
//! * More than one submit, sweeper or status function at a time: all that they share is the conditional write.
//!
//! The programs can be made to break one rule ([`Rules`]); each has a test that the checker notices. Not among them: a
//! consumer of dead letters (there is none, the sweeper does its work), a counter of a tenant's jobs (they are counted,
//! not kept), and fences that start again with a generation (that survives: files carry their generation too). Leases
//! are not among them either: they save work, and nothing else depends on them.

mod action;
mod batches;
mod item;
mod liveness;
mod properties;
mod scope;
mod steps;
mod world;

pub use action::{Action, Move, Sent, Turn};
pub use batches::{BatchChecked, BatchScope, check_batch};
pub use item::{Cause, Content, Item, Mark, NOW, Planned};
pub use liveness::{Lost, Reach, lost};
pub use properties::{BOUNDED, Checked, SAFE, check, trace};
pub use scope::{Faults, MAX_STAGED, Rules, Scope};
pub use world::{
    At, Breach, Left, Message, Object, Pending, Run, Status, Submit, Sweeper, Then, Worker, World,
};
