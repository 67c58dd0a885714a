//! The files that a submission and its clip pass through, as `functions/README.md` lists them: they exist, none is listed
//! twice, and they stay few.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The most files that somebody who follows a submission has to open.
const MOST_OF_SUBMISSION: usize = 22;
/// The most further files that somebody who follows its clip has to open.
const MOST_OF_CLIP: usize = 28;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of the section `title`. Its introduction names files around the first one without their folders.
fn files_of(title: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("functions/README.md")).unwrap();
    let (_, section) = page.split_once(&format!("\n## {title}\n")).unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let (_, steps) = section.split_once("\n1. ").unwrap();
    let is_source = |text: &&str| Path::new(text).extension().is_some_and(|extension| extension == "rs");
    let files: Vec<String> = steps.split('`').filter(is_source).map(str::to_owned).collect();
    println!("{title}: {} files", files.len());
    files
}

#[test]
fn a_submission_passes_through_few_files() {
    let files = files_of("The way of a submission");
    assert!((15..=MOST_OF_SUBMISSION).contains(&files.len()), "{} files", files.len());
}

#[test]
fn its_clip_passes_through_few_more() {
    let files = files_of("The way of a clip");
    assert!((20..=MOST_OF_CLIP).contains(&files.len()), "{} files", files.len());
    for own in ["handler", "attempt", "lease", "steps", "upload", "publish"] {
        let path = format!("functions/media-export-worker/src/{own}.rs");
        assert!(files.contains(&path), "{path} is on every clip's way");
    }
}

#[test]
fn both_ways_name_files_that_exist_and_none_twice() {
    let files = [files_of("The way of a submission"), files_of("The way of a clip")].concat();
    let different: BTreeSet<&String> = files.iter().collect();
    assert_eq!(different.len(), files.len(), "a file is named twice");
    for file in &files {
        assert!(root().join(file).is_file(), "{file} does not exist");
    }
}
