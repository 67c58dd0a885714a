//! The process's surroundings: environment, clocks, chance, terminal. All other modules get them from here.

use export_domain::time::EpochMs;
use std::hash::{BuildHasher, RandomState};
use std::io::IsTerminal;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A variable of the environment; an empty one counts as unset.
#[expect(clippy::disallowed_methods, reason = "a program of its own, without the functions' configuration")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// The present instant.
#[expect(clippy::disallowed_methods, reason = "the only reader of the wall clock")]
pub fn now() -> EpochMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    EpochMs::new(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The present instant of the clock that never goes back.
#[expect(clippy::disallowed_methods, reason = "the only reader of the monotonic clock")]
pub fn ticks() -> Instant {
    Instant::now()
}

/// A random part of `most`.
pub fn part_of(most: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0_u8) >> 32;
    most.checked_mul(u32::try_from(chance).unwrap_or(u32::MAX) >> 16).unwrap_or(most) / (1 << 16)
}

/// Returns `true` if stderr is a terminal that lines can be redrawn on.
pub fn is_terminal() -> bool {
    std::io::stderr().is_terminal() && variable("TERM").is_none_or(|term| term != "dumb")
}

/// The width of the terminal in columns; 80 if that is not known.
pub fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_never_more_than_the_whole() {
        let whole = Duration::from_secs(16);
        let parts: Vec<Duration> = (0..200).map(|_| part_of(whole)).collect();
        assert!(parts.iter().all(|part| *part <= whole), "{parts:?}");
        assert!(parts.iter().any(|part| *part < whole / 4) && parts.iter().any(|part| *part > whole / 2));
    }
}
