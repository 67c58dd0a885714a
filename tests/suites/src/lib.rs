//! Suites that look at the whole workspace; see `tests/`.
