//! The data exports against what MRE wrote from the same tables, and against the guide.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod crashes;
mod formats;
mod golden;
mod guide_samples;
mod joins;
mod order;
mod profile_sources;
mod profiles;
mod properties;
mod reads;
mod rules;
mod segments;
mod support;
mod triggers;
