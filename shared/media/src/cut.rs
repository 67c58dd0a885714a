//! Which recorded pictures go into the clip as they are, and which are decoded and encoded anew.
//!
//! A machine without I/O: it is pushed the pictures of each stretch in decode order and says, step by step, what to
//! copy and what to render. A copy starts with a random access picture that refers to nothing before it and whose
//! leading pictures are left out; whatever is shown before it is the *head*. It ends with the longest prefix in decode
//! order that shows everything up to its last picture and nothing behind the window; what is missing then is the
//! *tail*. Heads and tails are rendered, and nothing else.

mod render;

pub use render::Run;

use crate::nal::{Leading, Picture, RandomAccess};
use crate::stretch::{Bounds, MAX_REORDER, NEVER};
use crate::time::Nanos;
use std::collections::VecDeque;

/// Pictures that may wait for their place in display order; beyond this the times make no sense.
const MOST_WAITING: usize = 256;
/// The longest head past which a copy cannot start although decoding could: the clip is better rendered in pieces.
const LONGEST_HEAD: Nanos = Nanos::new(12_500_000_000);
/// Pictures of any head, for times that do not advance.
const MOST_IN_HEAD: usize = 4096;
/// Bytes of pictures that are held to be decoded later.
const MOST_HELD: usize = 384 << 20;

/// A recorded picture and what the caller keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access<T> {
    /// When it is shown, on the presentation's clock.
    pub pts: Nanos,
    /// The time that it is shown for, by the recording.
    pub duration: Nanos,
    /// The information of its NAL units.
    pub picture: Picture,
    /// The number of bytes that it is coded in.
    pub bytes: usize,
    /// The caller's.
    pub item: T,
}

/// The method by which the clip is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Copy what can be copied.
    Copy,
    /// Render everything, in pieces of at least this length that start at random access pictures.
    Render(Nanos),
}

/// The next step. The steps are the clip, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// These pictures, in decode order. Shown without a gap, they are complete in display order.
    Copy {
        /// The first one starts anew: nothing before it is referred to. A CRA picture is then marked as BLA.
        splice: bool,
        /// Never empty.
        pictures: Vec<Access<T>>,
    },
    /// Decode and encode.
    Render(Run<T>),
}

/// Why a recording cannot be cut by copying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum GiveUp {
    /// Two pictures are to be shown at one time, or a leading picture behind the one that it leads.
    #[error("the recorded times contradict the order of the pictures")]
    Times,
    /// Nothing to start a copy with for too long, e.g. an open GOP of H.264.
    #[error("no picture to start a copy with")]
    NoStart,
    /// Pictures wait for their place in display order beyond what the standards allow.
    #[error("the pictures are reordered too far")]
    Reorder,
    /// Pictures cannot be held until they are needed.
    #[error("too many bytes lie between two pictures that decoding can start with")]
    Held,
}

/// Decides for one window.
#[derive(Debug)]
pub struct Cutter<T> {
    start: Nanos,
    end: Nanos,
    method: Method,
    /// Pictures that a head may have however long they last.
    heads: usize,
    stretch: Option<CutStretch<T>>,
}

#[derive(Debug)]
struct CutStretch<T> {
    /// The first picture of the current phase that may be shown is at or after this.
    from: Nanos,
    /// Nothing is shown from here on.
    until: Nanos,
    phase: CutPhase<T>,
}

#[derive(Debug)]
enum CutPhase<T> {
    Render(Head<T>),
    Copy(CopyBody<T>),
}

/// Pictures to be rendered, from a random access picture on.
#[derive(Debug)]
struct Head<T> {
    run: Vec<Access<T>>,
    /// Of all in `run`.
    bytes: usize,
    /// Decoding could start with a picture behind the first, but not a copy.
    open: bool,
    /// Position in `run` of the random access picture that ends it; behind it only its leading pictures.
    next: Option<usize>,
}

/// Pictures being copied.
#[derive(Debug)]
struct CopyBody<T> {
    /// In decode order from a random access picture on that the tail could be decoded from.
    held: VecDeque<Access<T>>,
    /// The number of them that have been passed on.
    released: usize,
    /// Of all in `held`.
    bytes: usize,
    /// The number of pictures that were held before them.
    forgotten: usize,
    /// Random access pictures behind the first of `held`: how many were held before each.
    later: VecDeque<usize>,
    /// Presentation time of the last one in display order that was.
    shown: Nanos,
    /// Presentation time of the picture that the copy starts with.
    start: Nanos,
    /// Presentation time of the latest random access picture.
    entry: Nanos,
    splice: bool,
}

impl<T: Clone> Cutter<T> {
    /// For the window `[start, end)` on the presentation's clock.
    pub fn new(start: Nanos, end: Nanos, method: Method) -> Self {
        Self { start, end, method, heads: 0, stretch: None }
    }

    /// Allows heads of this many pictures, however long they last, if only a late key picture keeps them from an end.
    #[must_use]
    pub fn with_heads_of(self, pictures: usize) -> Self {
        Self { heads: pictures, ..self }
    }

    /// A stretch begins: `first` can be decoded by itself. What is out of `bounds` is decoded at most.
    ///
    /// The stretch before must have been ended.
    pub fn begin(&mut self, first: Access<T>, bounds: Bounds) {
        let until = bounds.until.map_or(self.end, |until| until.min(self.end));
        let from = bounds.from.map_or(self.start, |from| from.max(self.start)).max(first.pts);
        let phase = self.phase_from(first, from);
        self.stretch = Some(CutStretch { from, until, phase });
    }

    /// A stretch whose first pictures are not right is shown from `at` on, if it began without a time for that.
    pub fn show_from(&mut self, at: Nanos) {
        if let Some(stretch) = self.stretch.as_mut().filter(|stretch| stretch.from >= NEVER) {
            stretch.from = at.max(self.start);
        }
    }

    /// The next picture of the stretch in decode order.
    ///
    /// # Errors
    /// [`GiveUp`] if it cannot be copied; a cutter that renders gives up only what it cannot hold.
    pub fn push(&mut self, access: Access<T>) -> Result<Vec<Step<T>>, GiveUp> {
        let Some(mut stretch) = self.stretch.take() else { return Ok(Vec::new()) };
        let steps = self.advance(&mut stretch, access);
        self.stretch = Some(stretch);
        steps
    }

    /// The stretch is over. From `cut` on nothing of it is shown, because what it lacks would be missing before.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn end(&mut self, cut: Option<Nanos>) -> Result<Vec<Step<T>>, GiveUp> {
        let Some(mut stretch) = self.stretch.take() else { return Ok(Vec::new()) };
        if let Some(cut) = cut {
            stretch.until = stretch.until.min(cut);
        }
        let mut steps = Vec::new();
        if let CutPhase::Render(head) = &stretch.phase
            && head.next_access().is_some_and(|next| next.pts < stretch.until)
        {
            self.turn(&mut stretch, None, &mut steps)?;
        }
        match stretch.phase {
            CutPhase::Render(head) => {
                steps.extend(Run::whole(head.run, stretch.from, stretch.until).map(Step::Render));
            }
            CutPhase::Copy(body) => body.end(stretch.until, &mut steps),
        }
        Ok(steps)
    }

    fn advance(&self, stretch: &mut CutStretch<T>, access: Access<T>) -> Result<Vec<Step<T>>, GiveUp> {
        let mut steps = Vec::new();
        let (from, until) = (stretch.from, stretch.until);
        if let CutPhase::Render(head) = &mut stretch.phase {
            match head.next_access() {
                Some(next) if access.pts < next.pts => {
                    head.push(access)?;
                    return Ok(steps);
                }
                Some(_) => self.turn(stretch, Some(&access), &mut steps)?,
                None if starts(&access) && access.pts <= from => {
                    stretch.phase = self.phase_from(access, from);
                    return Ok(steps);
                }
                None => {
                    if access.pts < until && self.is_next(&access, from) {
                        head.next = Some(head.run.len());
                    } else if self.method == Method::Copy && self.is_too_long(head, access.pts - from) {
                        return Err(GiveUp::NoStart);
                    }
                    head.open |= starts(&access);
                    head.push(access)?;
                    return Ok(steps);
                }
            }
        }
        match &mut stretch.phase {
            CutPhase::Render(head) => head.push(access)?,
            CutPhase::Copy(body) => body.push(access, stretch.until, &mut steps)?,
        }
        Ok(steps)
    }

    /// The phase that starts with a random access picture that nothing is shown before.
    fn phase_from(&self, first: Access<T>, from: Nanos) -> CutPhase<T> {
        if self.method == Method::Copy && can_be_spliced(&first) && first.pts >= from {
            CutPhase::Copy(CopyBody::new(first))
        } else {
            CutPhase::Render(Head { bytes: first.bytes, run: vec![first], open: false, next: None })
        }
    }

    /// Returns `true` if a head that lasts `length` so far is better rendered in pieces, or all that follows is.
    fn is_too_long(&self, head: &Head<T>, length: Nanos) -> bool {
        let few = !head.open && head.run.len() <= self.heads;
        (length > LONGEST_HEAD && !few) || head.run.len() > MOST_IN_HEAD
    }

    /// Returns `true` if a run being rendered from `from` on ends before this picture.
    fn is_next(&self, access: &Access<T>, from: Nanos) -> bool {
        match self.method {
            Method::Copy => can_be_spliced(access),
            Method::Render(least) => starts(access) && access.pts - from >= least,
        }
    }

    /// The run being rendered is complete; its last random access picture starts the next phase. `after` is the first
    /// picture behind that one's leading pictures.
    fn turn(
        &self,
        stretch: &mut CutStretch<T>,
        after: Option<&Access<T>>,
        steps: &mut Vec<Step<T>>,
    ) -> Result<(), GiveUp> {
        let CutPhase::Render(head) = &mut stretch.phase else { return Ok(()) };
        let Some(at) = head.next.take() else { return Ok(()) };
        let run = std::mem::take(&mut head.run);
        let Some(next) = run.get(at).cloned() else { return Ok(()) };
        let copies = self.method == Method::Copy;
        if copies && run[..at].iter().any(|a| a.pts >= next.pts) {
            return Err(GiveUp::Times);
        }
        let until = next.pts;
        let run = if copies {
            Run::up_to(run, at, stretch.from, after)
        } else {
            Run::whole(run, stretch.from, until)
        };
        steps.extend(run.map(Step::Render));
        stretch.from = until;
        stretch.phase = self.phase_from(next, until);
        Ok(())
    }
}

impl<T> Head<T> {
    fn push(&mut self, access: Access<T>) -> Result<(), GiveUp> {
        self.bytes = self.bytes.saturating_add(access.bytes);
        self.run.push(access);
        if self.bytes > MOST_HELD { Err(GiveUp::Held) } else { Ok(()) }
    }

    fn next_access(&self) -> Option<&Access<T>> {
        self.run.get(self.next?)
    }
}

impl<T: Clone> CopyBody<T> {
    fn new(first: Access<T>) -> Self {
        let (start, shown) = (first.pts, first.pts - Nanos::new(1));
        Self {
            bytes: first.bytes,
            held: [first].into(),
            released: 0,
            forgotten: 0,
            later: VecDeque::new(),
            shown,
            start,
            entry: start,
            splice: true,
        }
    }

    fn push(&mut self, access: Access<T>, until: Nanos, steps: &mut Vec<Step<T>>) -> Result<(), GiveUp> {
        if access.pts < self.start {
            // Leads the first picture, and is part of what was rendered before it.
            return Ok(());
        }
        let leads = access.picture.leading != Leading::No;
        let twice = access.pts <= self.shown || self.waiting().any(|held| held.pts == access.pts);
        if twice || (leads && access.pts >= self.entry) {
            return Err(GiveUp::Times);
        }
        if starts(&access) {
            self.entry = access.pts;
            self.later.push_back(self.forgotten + self.held.len());
        }
        self.bytes = self.bytes.saturating_add(access.bytes);
        self.held.push_back(access);
        let settled = self.held.len().saturating_sub(self.released).saturating_sub(MAX_REORDER);
        self.release(settled, until, steps);
        if self.held.len() - self.released > MOST_WAITING {
            return Err(GiveUp::Reorder);
        }
        self.forget();
        if self.bytes > MOST_HELD { Err(GiveUp::Held) } else { Ok(()) }
    }

    fn waiting(&self) -> impl DoubleEndedIterator<Item = &Access<T>> {
        self.held.iter().skip(self.released)
    }

    /// Passes on the longest prefix of the first `most` waiting pictures that shows everything up to its last one.
    fn release(&mut self, most: usize, until: Nanos, steps: &mut Vec<Step<T>>) {
        let times: Vec<Nanos> = self.waiting().map(|access| access.pts).collect();
        let count = longest_prefix(&times, most, until);
        if count == 0 {
            return;
        }
        let pictures: Vec<Access<T>> = self.waiting().take(count).cloned().collect();
        self.shown = pictures.iter().map(|access| access.pts).max().unwrap_or(self.shown);
        self.released += count;
        steps.push(Step::Copy { splice: std::mem::take(&mut self.splice), pictures });
    }

    /// Drops what no tail can need: everything before a later random access picture that has been passed on.
    fn forget(&mut self) {
        let passed = self.forgotten + self.released;
        while let Some(place) = self.later.pop_front_if(|place| *place < passed) {
            let count = place - self.forgotten;
            self.bytes -= self.held.drain(..count).map(|access| access.bytes).sum::<usize>();
            self.released -= count;
            self.forgotten = place;
        }
    }

    fn end(mut self, until: Nanos, steps: &mut Vec<Step<T>>) {
        self.release(usize::MAX, until, steps);
        if let Some(from) = self.waiting().map(|access| access.pts).min() {
            steps.extend(Run::tail(self.held.into(), from, until).map(Step::Render));
        }
    }
}

/// The number of pictures, at most `most` from the first in decode order, that show everything up to the last of them
/// and nothing from `until` on. All are before what follows in display order.
fn longest_prefix(times: &[Nanos], most: usize, until: Nanos) -> usize {
    let (mut best, mut latest) = (0, None::<Nanos>);
    // Earliest of what follows each position.
    let mut follows = vec![None::<Nanos>; times.len()];
    let mut earliest = None::<Nanos>;
    for (place, time) in follows.iter_mut().zip(times).rev() {
        *place = earliest;
        earliest = Some(earliest.map_or(*time, |e| e.min(*time)));
    }
    for (count, (time, next)) in (1..=most).zip(times.iter().zip(follows)) {
        let last = latest.map_or(*time, |l| l.max(*time));
        latest = Some(last);
        if last >= until {
            break;
        }
        if next.is_none_or(|next| last < next) {
            best = count;
        }
    }
    best
}

/// Returns `true` if a decoder can start here.
fn starts<T>(access: &Access<T>) -> bool {
    access.picture.random_access != RandomAccess::None
}

/// Returns `true` if everything behind it but its leading pictures can do without what came before: a copy can start
/// here.
pub fn can_be_spliced<T>(access: &Access<T>) -> bool {
    matches!(access.picture.random_access, RandomAccess::Idr | RandomAccess::Cra | RandomAccess::Bla)
}

#[cfg(test)]
mod tests;
