//! The system's clock and its names.

use export_domain::ports::{Clock, Ids};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Wall-clock time, timers and unique names of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port's one implementation")]
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    async fn sleep_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

impl Ids for SystemClock {
    fn unique(&self) -> String {
        Uuid::new_v4().simple().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_32_hex_digits_and_differ() {
        let names: std::collections::HashSet<String> = (0..1000).map(|_| SystemClock.unique()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|n| n.len() == 32 && n.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
