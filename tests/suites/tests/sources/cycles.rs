//! Modules import one another in one direction only.
//!
//! A module imports another if a path in its code leads there by `crate::`, `super::` or `self::`; where the path ends
//! at a re-export, it leads to the module that the re-export names. Siblings are compared, each with everything below it: a
//! module and its own parts may know each other, since a parent declares its parts and lends them its helpers. Code
//! for tests only and paths inside macros' arguments do not count.

use crate::read::{ModulePath, PRODUCT, Sources, of_text};
use std::collections::{BTreeMap, BTreeSet};

/// The parents of siblings, and which sibling imports which.
type Imports = BTreeMap<ModulePath, BTreeMap<String, BTreeSet<String>>>;

/// The module that `path` in the code of `from` leads to; `None` outside of the crate.
fn target(sources: &Sources, from: &ModulePath, path: &[String], depth: usize) -> Option<ModulePath> {
    let (first, rest) = path.split_first()?;
    let (mut at, mut rest) = match first.as_str() {
        "crate" => (ModulePath::new(), rest),
        "self" => (from.clone(), rest),
        "super" => (from.split_last()?.1.to_vec(), rest),
        _ if sources.modules.contains_key(&below(from, first)) => (from.clone(), path),
        _ => return None,
    };
    while let Some((next, more)) = rest.split_first() {
        at = match next.as_str() {
            "super" => at.split_last()?.1.to_vec(),
            _ if sources.modules.contains_key(&below(&at, next)) => below(&at, next),
            name => {
                let import = sources.modules.get(&at).and_then(|module| module.imports.get(name));
                let import = import.filter(|_| depth < 4);
                return Some(import.and_then(|path| target(sources, &at, path, depth + 1)).unwrap_or(at));
            }
        };
        rest = more;
    }
    Some(at)
}

fn below(module: &[String], name: &str) -> ModulePath {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

fn imports(sources: &Sources) -> Imports {
    let mut imports = Imports::new();
    for (from, module) in &sources.modules {
        for to in module.paths.iter().filter_map(|path| target(sources, from, path, 0)) {
            let common = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
            if let (Some(one), Some(other)) = (from.get(common), to.get(common)) {
                let siblings = imports.entry(from[..common].to_vec()).or_default();
                siblings.entry(one.clone()).or_default().insert(other.clone());
            }
        }
    }
    imports
}

/// The groups of siblings that import one another, however indirectly; names are paths below the crate.
fn cycles(sources: &Sources) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    for (parent, siblings) in imports(sources) {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            siblings.keys().map(|name| (name, reach(&siblings, name))).collect();
        for (name, others) in &reached {
            let group: Vec<String> = others
                .iter()
                .filter(|other| reached.get(*other).is_some_and(|back| back.contains(name)))
                .map(|other| below(&parent, other).join("::"))
                .collect();
            if group.len() > 1 {
                found.insert(group);
            }
        }
    }
    found
}

fn reach<'a>(siblings: &'a BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&String> = siblings.get(from).into_iter().flatten().collect();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(siblings.get(name).into_iter().flatten());
        }
    }
    reached
}

#[test]
fn modules_import_one_another_in_one_direction() {
    let mut found: BTreeSet<(String, Vec<String>)> = BTreeSet::new();
    for sources in PRODUCT.iter() {
        assert!(!sources.modules.is_empty(), "{} has no sources", sources.name);
        found.extend(cycles(sources).into_iter().map(|cycle| (sources.name.clone(), cycle)));
    }
    assert_eq!(found, BTreeSet::new());
}

#[test]
fn a_cycle_is_found_through_parts_and_through_re_exports() {
    let cycle = |text: &str| cycles(&of_text(text)).into_iter().collect::<Vec<_>>();
    let two = vec![vec!["a".to_owned(), "b".to_owned()]];
    assert_eq!(cycle("mod a { use crate::b::B; } mod b { use super::a; }"), two);
    assert_eq!(cycle("mod a { mod part { fn f(_: crate::b::B) {} } } mod b { use crate::a::A as C; }"), two);
    assert_eq!(cycle("pub use a::A; mod a { use crate::b; } mod b { use crate::A; }"), two);
    let three = "mod a { use super::b::B; } mod b { use super::c::C; } mod c { use super::a::A; } mod d { use super::a; }";
    assert_eq!(cycle(three), [["a", "b", "c"]]);
    let none = "mod a { pub use part::P; mod part { use super::A; } } mod b { use crate::a; }
        mod c { #[cfg(test)] mod tests { use crate::d; } } mod d { use crate::c; }";
    assert_eq!(cycle(none), Vec::<Vec<String>>::new());
}
