//! Plain English in the product's docs and in the tables of the pages; `CONTRIBUTING.md` has the rules. The idioms of
//! pages and log messages are found by `tests/e2e/test_readme.py`.

use std::fs;
use std::path::{Path, PathBuf};

/// Doc blocks that may begin with a relative clause.
const MOST_CLAUSES: usize = 20;
/// Characters of a table's cell, without the targets of its links.
const LONGEST_CELL: usize = 120;
/// Words that a doc block does not begin with: a summary names the thing first.
const CLAUSES: [&str; 5] = ["What", "Where", "Whether", "Who", "How"];
/// Idioms that hide the subject or negate by a noun.
const IDIOMS: [&str; 21] = [
    "is none",
    "are none",
    "was none",
    "were none",
    "of ours",
    "whoever",
    "nobody",
    "somebody",
    "anybody",
    "everybody",
    "told of",
    "tell of",
    "tells of",
    "telling of",
    "but for",
    "as good as",
    "as far as",
    "at a time",
    "for good",
    "for ever",
    "in passing",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files below `folder` that end with `extension`, tests left out.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["tests", "target", "node_modules"].contains(&name) {
            files(&path, extension, found);
        } else if name.ends_with(extension) && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The doc comments of a source: consecutive lines are one block. What follows `mod tests` is for tests.
fn blocks(source: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in source.lines().map(str::trim).take_while(|line| !line.starts_with("mod tests {")) {
        let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        match (text, inside) {
            (Some(text), true) => *blocks.last_mut().unwrap() += text,
            (Some(text), false) => blocks.push(text.to_owned()),
            (None, _) => {}
        }
        inside = text.is_some();
    }
    blocks
}

fn is_clause(block: &str) -> bool {
    block.split_whitespace().next().is_some_and(|word| CLAUSES.contains(&word))
}

/// The idioms of a block; code is quoted, and "if there is none" is plain.
fn idioms(block: &str) -> Vec<&'static str> {
    let prose: String = block.split('`').step_by(2).collect::<Vec<_>>().join(" x ").to_lowercase();
    let letters = |c: char| if c.is_alphanumeric() { c } else { ' ' };
    let words: Vec<String> =
        prose.chars().map(letters).collect::<String>().split_whitespace().map(str::to_owned).collect();
    let plain = ["is", "are", "was", "were"].map(|verb| format!(" there {verb} none "));
    let text = plain.iter().fold(format!(" {} ", words.join(" ")), |text, plain| text.replace(plain, " "));
    IDIOMS.into_iter().filter(|idiom| text.contains(&format!(" {idiom} "))).collect()
}

/// Every doc block of the product, with its file.
fn docs() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for part in ["shared", "functions", "infra"] {
        for folder in fs::read_dir(root().join(part)).unwrap().map(|entry| entry.unwrap().path()) {
            if folder.join("src").is_dir() {
                files(&folder.join("src"), ".rs", &mut sources);
            }
        }
    }
    let of = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let source = fs::read_to_string(&path).unwrap();
        blocks(&source).into_iter().map(move |block| (name.clone(), block))
    };
    sources.into_iter().flat_map(of).collect()
}

#[test]
fn docs_begin_with_the_thing_that_they_are_about() {
    let docs = docs();
    assert!(docs.len() > 2000, "only {} blocks were found", docs.len());
    let all = docs.len();
    let clauses: Vec<String> = docs
        .into_iter()
        .filter(|(_, block)| is_clause(block))
        .map(|(file, block)| format!("{file}:{block}"))
        .collect();
    println!("{} of {all} doc blocks begin with a relative clause", clauses.len());
    assert!(clauses.len() <= MOST_CLAUSES, "{} blocks:\n{}", clauses.len(), clauses.join("\n"));
}

#[test]
fn docs_are_without_idioms() {
    let found: Vec<String> = docs()
        .into_iter()
        .map(|(file, block)| (file, idioms(&block)))
        .filter(|(_, idioms)| !idioms.is_empty())
        .map(|(file, idioms)| format!("{file}: {}", idioms.join(", ")))
        .collect();
    println!("{} doc blocks have one of {} idioms", found.len(), IDIOMS.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_clause_and_an_idiom_are_found() {
    let source = "/// What is kept.\n///\n/// Nobody asks.\nstruct A;\n/// The `Nobody` of a job, if there is none.\nstruct B;";
    let blocks = blocks(source);
    assert_eq!(blocks.iter().map(|block| is_clause(block)).collect::<Vec<_>>(), [true, false]);
    assert_eq!(blocks.iter().map(|block| idioms(block)).collect::<Vec<_>>(), [vec!["nobody"], vec![]]);
    assert_eq!(idioms(" An alias is\n none, whoever\n asks"), ["is none", "whoever"]);
}

/// The cells of a page's tables, without the targets of links.
fn cells(page: &str) -> Vec<String> {
    let row = |line: &str| line.trim().trim_matches('|').split('|').map(shown).collect::<Vec<_>>();
    page.lines().filter(|line| line.starts_with('|')).flat_map(row).collect()
}

/// The text of a cell that is seen: a link's name without its target.
fn shown(cell: &str) -> String {
    let mut parts = cell.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once(')').map_or(part, |(_, behind)| behind));
    rest.fold(first, |text, part| text + part).replace('[', "").trim().to_owned()
}

#[test]
fn no_cell_of_a_table_is_a_paragraph() {
    let mut pages = vec![root().join("README.md")];
    for folder in ["shared", "tests", "functions", "infra/docs"] {
        let readme = root().join(folder).join("README.md");
        pages.extend(Some(readme).filter(|page| page.is_file()));
    }
    files(&root().join("infra/docs"), ".md", &mut pages);
    let cells: Vec<String> =
        pages.iter().flat_map(|page| cells(&fs::read_to_string(page).unwrap())).collect();
    assert!(cells.len() > 500, "only {} cells were found", cells.len());
    let long: Vec<&String> = cells.iter().filter(|cell| cell.chars().count() > LONGEST_CELL).collect();
    assert!(long.is_empty(), "longer than {LONGEST_CELL} characters: {long:#?}");
}

#[test]
fn a_cell_is_as_long_as_it_is_shown() {
    assert_eq!(cells("| a | [b](c/d.md), [e](f) g |\nno | table\n|---|---|"), ["a", "b, e g", "---", "---"]);
}
