//! The system's clock and its names.

use export_domain::ports::{Clock, Ids};
use export_domain::time::{EpochMs, Millis};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Wall-clock time, timers and unique names of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port's one implementation")]
    fn now(&self) -> EpochMs {
        EpochMs::ZERO + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().into()
    }

    async fn sleep(&self, length: Millis) {
        tokio::time::sleep(length.into()).await;
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
