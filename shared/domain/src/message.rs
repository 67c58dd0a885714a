//! The messages on the queues: names only. Parameters are read from the job item, never from a message.

use crate::ids::{JobId, TenantId};
use crate::trace::TraceHeader;
use serde::{Deserialize, Serialize};

/// The message's format; a reader refuses any other.
pub const VERSION: u32 = 1;

/// Longest delay of a message, in seconds, as SQS has it.
pub const MAX_DELAY_S: u32 = 900;

/// "Look at this job's generation."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// [`VERSION`].
    pub v: u32,
    /// Whose job.
    pub tenant: TenantId,
    /// Which job.
    pub job_id: JobId,
    /// Which generation of it; an older one is acknowledged without work.
    pub generation: u32,
    /// Travels beside the body, as an attribute that the queue hands on to X-Ray.
    #[serde(skip)]
    pub trace: Option<TraceHeader>,
}

/// A body that is not a message of this service; it goes to the dead-letter queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a message of this version")]
pub struct Undecodable;

impl Message {
    /// Reads a queue message's body.
    ///
    /// # Errors
    /// [`Undecodable`] unless it is JSON of this version with well-formed names.
    pub fn decode(body: &str) -> Result<Self, Undecodable> {
        let message: Self = serde_json::from_str(body).map_err(|_| Undecodable)?;
        if message.v == VERSION { Ok(message) } else { Err(Undecodable) }
    }

    /// The body to send.
    pub fn encode(&self) -> String {
        serde_json::json!({
            "v": self.v, "tenant": self.tenant, "job_id": self.job_id, "generation": self.generation,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decodes_what_it_encoded() {
        let message = Message {
            v: VERSION,
            tenant: TenantId::parse("demo").unwrap(),
            job_id: JobId::parse(&"a".repeat(32)).unwrap(),
            generation: 2,
            trace: None,
        };
        assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    proptest! {
        #[test]
        fn refuses_anything_else(body: String) {
            prop_assert_eq!(Message::decode(&body), Err(Undecodable));
        }
    }

    #[test]
    fn refuses_other_versions_and_hostile_names() {
        let good = format!(r#"{{"v":1,"tenant":"demo","job_id":"{}","generation":1}}"#, "a".repeat(32));
        assert!(Message::decode(&good).is_ok());
        for (from, to) in
            [("\"v\":1", "\"v\":2"), ("demo", "T#x"), ("aaaa", "../a"), ("\"generation\":1", "\"g\":1")]
        {
            assert_eq!(Message::decode(&good.replace(from, to)), Err(Undecodable));
        }
    }
}
