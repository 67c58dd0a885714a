//! The two families of routes.

use crate::http::Request;

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
    pub(super) fn of(request: &Request) -> Self {
        if request.route.starts_with("/export/data/") { Self::Guide } else { Self::Mre }
    }
}
