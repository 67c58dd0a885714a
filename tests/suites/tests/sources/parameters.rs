//! Functions have few parameters, `self` included: values that travel together are one value.

use crate::read::{PRODUCT, Sources, of_text};

/// The most parameters of a function; `.clippy.toml` has the same bound.
const MOST: usize = 7;

fn too_many(sources: &Sources) -> Vec<String> {
    let functions = sources.modules.iter().flat_map(|(path, module)| {
        module.functions.iter().map(move |(name, count)| (format!("{}::{name}", path.join("::")), *count))
    });
    functions
        .filter(|(_, count)| *count > MOST)
        .map(|(name, count)| format!("{}: {name} has {count}", sources.name))
        .collect()
}

#[test]
fn no_function_has_more_than_seven_parameters() {
    let functions: usize =
        PRODUCT.iter().flat_map(|sources| sources.modules.values()).map(|m| m.functions.len()).sum();
    assert!(functions > 1000, "only {functions} functions were found");
    let found: Vec<String> = PRODUCT.iter().flat_map(too_many).collect();
    println!("{} of {functions} functions have more than {MOST} parameters", found.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
    let clippy = include_str!("../../../../.clippy.toml");
    assert!(clippy.contains(&format!("too-many-arguments-threshold = {MOST}\n")), "{clippy}");
}

#[test]
fn a_function_with_eight_parameters_is_found_in_an_impl_too() {
    let text =
        "struct S; impl S { fn f(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) {} fn g(&self) {} }";
    assert_eq!(too_many(&of_text(text)), ["text: ::f has 8"]);
}
