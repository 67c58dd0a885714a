//! Notices an ffmpeg that hangs: both ends of its pipes wait for it, and it does nothing.
//!
//! Slow is not hung: a process that takes a byte, gives one or uses its processor is at work. What never ends that way
//! is ended by the limit on processor time and by the invocation's own.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The interval between two looks at a process.
const LOOK: Duration = Duration::from_millis(500);

/// The state of the pipes of one ffmpeg.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(Arc<Mutex<Pipes>>);

#[derive(Debug, Default)]
struct Pipes {
    /// The reader waits for output.
    reading: bool,
    /// The writer waits until there is room for input, or there is no more.
    fed: bool,
    /// Times that bytes went through.
    moved: u64,
}

/// One end of a pipe, watched. What is written to a process that has gone is thrown away: how the process ended says
/// why, not that its pipe is broken.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    end: T,
    watch: Watch,
}

impl Watch {
    pub(crate) fn over<T>(&self, end: T) -> Watched<T> {
        Watched { end, watch: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Pipes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when the process `pid` has hung for `patience`.
    pub(crate) async fn hung(&self, pid: i32, patience: Duration) {
        let (mut seen, mut idle) = (None, Duration::ZERO);
        while idle < patience {
            tokio::time::sleep(LOOK).await;
            let state = {
                let pipes = self.lock();
                (pipes.reading && pipes.fed).then(|| (pipes.moved, processor_ticks(pid)))
            };
            idle = if state.is_some() && state == seen { idle + LOOK } else { Duration::ZERO };
            seen = state;
        }
    }
}

/// Processor time of a process and its threads (proc(5), `/proc/pid/stat`, fields 14 and 15).
fn processor_ticks(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let (user, system) = (fields.next()?, fields.next()?);
    Some(user.parse::<u64>().ok()?.saturating_add(system.parse().ok()?))
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.watch.lock().reading = true;
        let read = ready!(Pin::new(&mut self.end).poll_read(context, buffer));
        let mut pipes = self.watch.lock();
        pipes.reading = false;
        pipes.moved += 1;
        Poll::Ready(read)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Watched<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.watch.lock().fed = true;
        let written = match ready!(Pin::new(&mut self.end).poll_write(context, bytes)) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        };
        let mut pipes = self.watch.lock();
        pipes.fed = false;
        pipes.moved += 1;
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.end).poll_shutdown(context)
    }
}

impl<T> Drop for Watched<T> {
    /// Input that ended counts as input that waits; a reader that drops the output waits for nothing from it.
    fn drop(&mut self) {
        self.watch.lock().fed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A process that uses no processor time: none.
    const NOBODY: i32 = i32::MAX;

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_nothing_and_gives_nothing_is_hung() {
        let watch = Watch::default();
        let (input, _full) = duplex(1);
        let (_silent, output) = duplex(1);
        let (mut input, mut output) = (watch.over(input), watch.over(output));
        let began = tokio::time::Instant::now();
        tokio::select! {
            () = watch.hung(NOBODY, PATIENCE) => {}
            _ = async { tokio::join!(input.write_all(&[0; 9]), output.read_u8()) } => panic!("it moved"),
        }
        assert!((PATIENCE..PATIENCE * 2).contains(&began.elapsed()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_nobody_feeds_or_nobody_reads_is_not() {
        let watch = Watch::default();
        let (input, _full) = duplex(1);
        let (_silent, output) = duplex(1);
        let (mut input, mut output) = (watch.over(input), watch.over(output));
        for waiting in [true, false] {
            tokio::select! {
                () = watch.hung(NOBODY, PATIENCE) => panic!("it only had nothing to do"),
                _ = output.read_u8(), if waiting => {}
                _ = input.write_all(&[0; 9]), if !waiting => {}
                () = tokio::time::sleep(PATIENCE * 10) => {}
            }
            watch.lock().reading = false;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_slow_is_not() {
        let watch = Watch::default();
        let (input, mut slow) = duplex(1);
        let (_silent, output) = duplex(1);
        let (mut input, mut output) = (watch.over(input), watch.over(output));
        let slowly = async {
            for _ in 0..20 {
                tokio::time::sleep(PATIENCE / 2).await;
                slow.read_u8().await.unwrap();
            }
        };
        tokio::select! {
            () = watch.hung(NOBODY, PATIENCE) => panic!("it took a byte every 15 s"),
            _ = async { tokio::join!(input.write_all(&[0; 99]), output.read_u8()) } => panic!("it moved"),
            () = slowly => {}
        }
    }

    #[test]
    fn processor_time_is_read_of_any_process() {
        assert!(processor_ticks(i32::try_from(std::process::id()).unwrap()).is_some());
        assert_eq!(processor_ticks(NOBODY), None);
    }
}
