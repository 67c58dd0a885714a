//! Waiting for several reads at once, without a runtime.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

/// Waits for both; the first is started first.
pub(super) async fn both<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let mut first = pin!(first);
    let mut second = pin!(second);
    let mut left = None;
    let mut right = None;
    poll_fn(move |context| {
        if left.is_none()
            && let Poll::Ready(value) = first.as_mut().poll(context)
        {
            left = Some(value);
        }
        if right.is_none()
            && let Poll::Ready(value) = second.as_mut().poll(context)
        {
            right = Some(value);
        }
        match (left.take(), right.take()) {
            (Some(left), Some(right)) => Poll::Ready((left, right)),
            (one, other) => {
                left = one;
                right = other;
                Poll::Pending
            }
        }
    })
    .await
}

/// Waits for all; outputs in the order of the futures.
pub(super) async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut waiting: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in waiting.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::task::{Context, Waker};

    use super::*;

    /// Is ready on the `turns`-th poll and counts the polls of everyone in `polls`.
    async fn after(turns: usize, polls: &Cell<usize>) -> usize {
        let mut left = turns;
        poll_fn(|_| {
            polls.set(polls.get() + 1);
            left -= 1;
            if left == 0 { Poll::Ready(turns) } else { Poll::Pending }
        })
        .await
    }

    fn run<F: Future>(future: F) -> (F::Output, usize) {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for turn in 1.. {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return (output, turn);
            }
        }
        unreachable!("the loop has no end")
    }

    #[test]
    fn waits_as_long_as_the_slowest_and_polls_none_again() {
        let polls = Cell::new(0);
        assert_eq!(run(both(after(2, &polls), after(3, &polls))), ((2, 3), 3));
        assert_eq!(polls.get(), 5);
        polls.set(0);
        let futures = vec![after(3, &polls), after(1, &polls), after(2, &polls)];
        assert_eq!(run(all(futures)), (vec![3, 1, 2], 3));
        assert_eq!(polls.get(), 6);
    }
}
