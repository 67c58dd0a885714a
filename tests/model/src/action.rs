//! What can happen next.

use crate::item::Cause;
use crate::world::Message;

/// One step of one program, of the clock, or of bad luck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The clock ticks.
    Tick,
    /// A client POSTs. Submit writes what it decides at once, unless the scope has delays.
    Post(Sent),
    /// Submit writes what it decided.
    SubmitWrites(Sent),
    /// The sweeper looks at the job, and writes likewise.
    Sweep(Sent),
    /// The sweeper writes what it decided.
    SweeperWrites(Sent),
    /// A client polls a job whose time is over.
    Poll,
    /// A client cancels.
    Cancel,
    /// The status function writes what it decided.
    StatusWrites,
    /// The record of a job that has ended expires.
    Expire,
    /// It is deleted.
    Delete,
    /// The queue delivers a message twice.
    Duplicate(Message),
    /// The engine goes on with the execution of that number.
    Engine(usize, Turn),
    /// A worker does something.
    Worker(usize, Move),
}

/// What an engine does with one of its executions, or what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Its next function makes its chunk, if that is still wanted.
    Makes,
    /// The same, and the function runs twice.
    Doubles,
    /// The same with other parameter sets than those of the plan's other chunks.
    Strays,
    /// Its next function fails at every try.
    Misses,
    /// Its next function finds that its chunk cannot be made.
    Refuses,
    /// All functions have run: it sends the job's message and is over.
    Ends(Sent),
    /// It is over without that.
    Vanishes,
}

/// Whether a program that wrote lives to send the message too. When it dies is all the same to others before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The message is sent; the queue may deliver it at any later time.
    Yes,
    /// The program dies, or the queue does not answer.
    No,
}

/// What a worker does, or what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// It receives a message and decides about a claim.
    Receive(Message),
    /// It receives a message, and lets another tenant's job go first; it may die before it sends the message again.
    Defers(Message, Sent),
    /// It takes its next step.
    Step,
    /// It finds the recording long enough.
    Opens,
    /// It finds that the recording has to grow; the picture may be there.
    FindsShort {
        /// Whether it makes the picture before it waits.
        picture: bool,
    },
    /// It finds that there is nothing to make.
    Finds(Cause),
    /// It renews its claim.
    Renews,
    /// It stores its progress while somebody else is about to write.
    Tells,
    /// It dies, and the message comes again if it may.
    Dies,
    /// It takes so long that its message is delivered again.
    Dawdles,
    /// Something that it needs does not answer.
    Unanswered,
    /// It fails in passing.
    Fails,
    /// It is told wrongly that its claim was not written.
    MissesItsClaim,
    /// It is not told that its object was written: it tries again, and finds it.
    FindsItsOwn,
    /// It is not told that its object was written, and takes that for a failure.
    MissesItsPut,
}

impl Action {
    /// Whether this is bad luck, or up to a client or an operator: nothing that a job may have to wait for.
    pub fn is_a_favour(self) -> bool {
        match self {
            Self::Tick | Self::StatusWrites => false,
            Self::SubmitWrites(sent) | Self::Sweep(sent) | Self::SweeperWrites(sent) => sent == Sent::No,
            Self::Post(_) | Self::Poll | Self::Cancel | Self::Expire | Self::Delete | Self::Duplicate(_) => {
                true
            }
            Self::Engine(_, turn) => !matches!(turn, Turn::Makes | Turn::Ends(Sent::Yes)),
            Self::Worker(_, movement) => {
                !matches!(movement, Move::Receive(_) | Move::Step | Move::Opens | Move::Renews)
            }
        }
    }
}
