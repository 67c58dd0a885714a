//! The one line of progress on stderr, and all that is said above it.

mod line;

pub use line::{ProgressItem, ProgressPace, line};

use crate::{colour, world};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The time between two drawings of the line.
const TICK: Duration = Duration::from_millis(100);
/// Goes to the start of the line and clears it.
const CLEAR: &str = "\r\x1b[K";

/// The items on the line of progress, and its text as it was drawn.
#[derive(Debug, Default)]
struct TerminalScreen {
    items: Vec<ProgressItem>,
    drawn: Option<String>,
    /// Nothing is drawn any more.
    is_closed: bool,
}

static SCREEN: Mutex<TerminalScreen> =
    Mutex::new(TerminalScreen { items: Vec::new(), drawn: None, is_closed: false });

fn screen() -> MutexGuard<'static, TerminalScreen> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to stderr. There is no other place to report that it failed.
fn put(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Says something on a line of its own, above the line of progress.
pub fn say(text: &str) {
    let is_coloured = colour::is_wanted(std::io::stderr().is_terminal());
    let text = if is_coloured { &colour::painted(text) } else { text };
    let screen = screen();
    match &screen.drawn {
        Some(drawn) => put(&format!("{CLEAR}{text}\n{drawn}")),
        None => put(&format!("{text}\n")),
    }
}

/// Takes the line of progress away, for the last time, before the process ends.
pub fn close() {
    screen().is_closed = true;
    clear();
}

fn clear() {
    if screen().drawn.take().is_some() {
        put(CLEAR);
    }
}

/// Draws the line of progress ten times a second until it is dropped.
#[derive(Debug)]
pub struct ProgressBoard {
    stop: Arc<AtomicBool>,
    drawer: Option<JoinHandle<()>>,
}

impl ProgressBoard {
    /// Begins to draw, if stderr is a terminal.
    pub fn start(is_shown: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let drawer = (is_shown && world::is_terminal()).then(|| std::thread::spawn(move || draw(&seen)));
        Self { stop, drawer }
    }

    /// Returns `true` if there is a terminal to draw on.
    pub fn is_drawn(&self) -> bool {
        self.drawer.is_some()
    }

    /// Shows these from now on.
    pub fn show(&self, items: Vec<ProgressItem>) {
        screen().items = items;
    }
}

fn draw(stop: &AtomicBool) {
    for frame in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut screen = screen();
        let text = line(&screen.items, frame, world::columns(), world::now());
        if !screen.is_closed && screen.drawn.as_ref() != Some(&text) {
            put(&format!("{CLEAR}{text}"));
            screen.drawn = Some(text);
        }
        drop(screen);
        std::thread::sleep(TICK);
    }
}

impl Drop for ProgressBoard {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(drawer) = self.drawer.take() {
            let _ = drawer.join();
        }
        screen().items.clear();
        clear();
    }
}
