//! The files that a submission passes through, as `functions/README.md` lists them: they exist, and they stay few.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The most files that somebody who follows a submission has to open.
const MOST: usize = 22;

#[test]
fn a_submission_passes_through_few_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("functions/README.md")).unwrap();
    let (_, section) = page.split_once("\n## The way of a submission\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    // The introduction names the files around the handler, without their folders.
    let is_source = |text: &&str| Path::new(text).extension().is_some_and(|extension| extension == "rs");
    let files: Vec<&str> =
        section.split('`').filter(is_source).filter(|text| !text.starts_with("http/")).collect();
    let different: BTreeSet<&&str> = files.iter().collect();
    assert!(different.len() == files.len() && (15..=MOST).contains(&files.len()), "{} files", files.len());
    for file in files {
        assert!(root.join(file).is_file(), "{file} does not exist");
    }
}
