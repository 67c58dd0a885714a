//! Notes on a list of clips: the entries that make none, and the guesses about it.

use serde::{Deserialize, Serialize};

/// An entry of a list that makes no clip, which is no error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Skipped {
    /// Its place in the list, from 1.
    pub n: usize,
    /// Why, in clients' words.
    pub why: String,
}

/// A guess that the service made, for the client to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Guess {
    /// The times count from the event's start, which the document does not say.
    ZeroAssumed,
    /// One that only a newer version of the service makes.
    #[serde(other)]
    Unknown,
}
