//! The outcome of a reel, window by window.

use super::{Reason, WarningCode};
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// One window of a reel that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredWindow {
    /// Its start in the reel.
    pub at_ms: Millis,
    /// Its length in the reel; 0 if it was left out.
    pub length_ms: Millis,
    /// The part of it that no recorded frame covers.
    pub lack_ms: Millis,
    /// The kinds of what was left out of it or corrected in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<WarningCode>,
    /// The reason for which it is not in the reel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<Reason>,
}
