//! Colours of what people read, by the rules of `NO_COLOR` and `CLICOLOR_FORCE` (<https://no-color.org>,
//! <https://bixense.com/clicolors>).

use crate::world;

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";
/// Words that lines begin with.
const HEADS: [(&str, &str); 4] =
    [("error:", RED), ("help:", CYAN), ("caused by:", YELLOW), ("correlation id:", CYAN)];
/// Words that fill a cell of a table or of a line.
const CELLS: [(&str, &str); 6] = [
    ("ok", GREEN),
    ("FAULT", RED),
    ("ready", GREEN),
    ("failed", RED),
    ("cancelled", YELLOW),
    ("warning", YELLOW),
];

/// Returns `true` if texts get colours on a stream that is a terminal, or none.
pub fn is_wanted(is_terminal: bool) -> bool {
    wanted(is_terminal, world::variable)
}

fn wanted(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    if variable("NO_COLOR").is_some() {
        return false;
    }
    let is_set = |name: &str, off: &str| variable(name).map(|value| value != off);
    is_set("CLICOLOR_FORCE", "0").unwrap_or(false)
        || is_terminal && is_set("CLICOLOR", "0").unwrap_or(true) && is_set("TERM", "dumb").unwrap_or(true)
}

/// A text whose words of success and failure are coloured.
pub fn painted(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn line(text: &str) -> String {
    let words = text.trim_start();
    match HEADS.iter().find(|(head, _)| words.starts_with(head)) {
        Some((head, colour)) => text.replacen(head, &coloured(head, colour), 1),
        None => text.split("  ").map(cell).collect::<Vec<_>>().join("  "),
    }
}

/// Cells stand two spaces apart; their padding may leave a third.
fn cell(text: &str) -> String {
    let word = text.trim();
    let found = CELLS.iter().find(|(known, _)| *known == word);
    found.map_or_else(|| text.to_owned(), |(_, colour)| text.replacen(word, &coloured(word, colour), 1))
}

fn coloured(word: &str, colour: &str) -> String {
    format!("\x1b[{colour}m{word}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_before_the_terminal() {
        let decided = |is_terminal, set: &[(&str, &str)]| {
            wanted(is_terminal, |name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        for (set, on_terminal, elsewhere) in [
            (&[][..], true, false),
            (&[("NO_COLOR", "1")], false, false),
            (&[("CLICOLOR_FORCE", "1")], true, true),
            (&[("CLICOLOR_FORCE", "0")], true, false),
            (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false, false),
            (&[("CLICOLOR", "0")], false, false),
            (&[("TERM", "dumb")], false, false),
            (&[("TERM", "xterm")], true, false),
        ] {
            assert_eq!((decided(true, set), decided(false, set)), (on_terminal, elsewhere), "{set:?}");
        }
    }

    #[test]
    fn words_of_success_and_failure_are_coloured_and_nothing_else() {
        for (text, shown) in [
            (
                "error: no such job\n  help: see `mex jobs`",
                "\x1b[31merror:\x1b[0m no such job\n  \x1b[36mhelp:\x1b[0m see `mex jobs`",
            ),
            ("ok     clock       differs", "\x1b[32mok\x1b[0m     clock       differs"),
            ("goal-1  ready  1.55 MB", "goal-1  \x1b[32mready\x1b[0m  1.55 MB"),
            ("abc   failed   soon ready", "abc   \x1b[31mfailed\x1b[0m   soon ready"),
            ("ready-1.mp4  waiting", "ready-1.mp4  waiting"),
        ] {
            assert_eq!(painted(text), shown);
        }
    }
}
