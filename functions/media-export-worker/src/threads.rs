//! The threads that the function works on.

use std::future::Future;
use std::io;
use tokio::runtime::Builder;

/// Bytes of a thread's stack. Unoptimised, the futures of a clip with its playlist take more than the usual 2 MiB at once.
const STACK: usize = 8 << 20;

/// Runs `work` on the first thread, whose stack the system gives, and the tasks that it spawns on others.
///
/// # Errors
/// The threads cannot be started.
pub fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let threads = Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build()?;
    Ok(threads.block_on(work))
}
