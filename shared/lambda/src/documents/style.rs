//! The two families of routes.

use super::gateway::Call;

/// Whose route was called. It decides the defaults and how errors look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The developer guide's.
    Guide,
    /// MRE's own.
    Mre,
}

impl Style {
    /// The style of the route that was called.
    pub(super) fn of(call: &Call) -> Self {
        let route = call.route_key.split_once(' ').map_or(call.raw_path.as_str(), |(_, path)| path);
        if route.starts_with("/export/data/") { Self::Guide } else { Self::Mre }
    }
}
