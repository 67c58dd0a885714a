//! The time that an invocation still has.

use std::time::{Duration, SystemTime};

/// The time that is assumed for an invocation without a deadline.
const UNSAID: Duration = Duration::from_mins(5);

/// The time until `deadline`. A time more than a day ago does not count: `cargo lambda watch` counts from 1970.
pub fn left(deadline: SystemTime) -> Duration {
    match deadline.elapsed() {
        Err(early) => early.duration(),
        Ok(late) if late > Duration::from_hours(24) => UNSAID,
        Ok(_) => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_1970_is_none() {
        assert_eq!(left(SystemTime::UNIX_EPOCH + Duration::from_mins(10)), UNSAID);
    }
}
