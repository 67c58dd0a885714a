//! The modules of a crate, read from its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A module's path below its crate; empty for the root.
pub(crate) type ModulePath = Vec<String>;

/// One module of a crate.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Paths in it that begin with `crate`, `self`, `super` or a module of its own.
    pub(crate) paths: BTreeSet<Vec<String>>,
    /// Names that it takes from elsewhere, with the path of each.
    pub(crate) imports: BTreeMap<String, Vec<String>>,
    /// The types and traits that it defines.
    pub(crate) types: BTreeSet<String>,
    /// The functions that it defines, with the number of their parameters.
    pub(crate) functions: Vec<(String, usize)>,
}

/// A crate of the product: its name, and its modules by path. `main.rs` is no part of them, since it only wires.
pub(crate) struct Sources {
    pub(crate) name: String,
    pub(crate) modules: BTreeMap<ModulePath, Module>,
}

/// The crates of the product.
pub(crate) static PRODUCT: LazyLock<Vec<Sources>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut crates = Vec::new();
    for part in ["shared", "functions", "infra"] {
        for folder in
            entries(&root.join(part)).into_iter().filter(|folder| folder.join("Cargo.toml").is_file())
        {
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            let mut modules = BTreeMap::new();
            read_folder(&folder.join("src"), &Vec::new(), &mut modules);
            crates.push(Sources { name: format!("{part}/{name}"), modules });
        }
    }
    crates
});

/// The crate of one file, of which the tests of this suite are made.
pub(crate) fn of_text(text: &str) -> Sources {
    let mut modules = BTreeMap::new();
    read_items(&syn::parse_file(text).unwrap().items, &Vec::new(), &mut modules);
    Sources { name: "text".to_owned(), modules }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn read_folder(folder: &Path, module: &ModulePath, modules: &mut BTreeMap<ModulePath, Module>) {
    for path in entries(folder) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let below = || module.iter().cloned().chain([name.clone()]).collect::<ModulePath>();
        if path.is_dir() {
            // `bin` holds other crates.
            if name != "bin" {
                read_folder(&path, &below(), modules);
            }
        } else if path.extension().is_some_and(|end| end == "rs") && name != "main" {
            let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            let path = if name == "lib" { module.clone() } else { below() };
            read_items(&file.items, &path, modules);
        }
    }
    if module.is_empty() {
        drop_tests(modules);
    }
}

/// Leaves out the files of modules that are declared for tests only.
fn drop_tests(modules: &mut BTreeMap<ModulePath, Module>) {
    let for_tests: Vec<ModulePath> = modules
        .iter()
        .flat_map(|(path, module)| {
            let names = module.paths.iter().filter(|path| path.first().is_some_and(|first| first == TESTS));
            names.map(|name| path.iter().cloned().chain(name[1..].iter().cloned()).collect())
        })
        .collect();
    modules.retain(|path, _| !for_tests.iter().any(|tests| path.starts_with(tests)));
}

/// Marks the declaration of a module for tests among the paths of the module that declares it.
const TESTS: &str = "#[cfg(test)]";

fn read_items(items: &[Item], path: &ModulePath, modules: &mut BTreeMap<ModulePath, Module>) {
    let mut module = Module::default();
    for item in items.iter().filter(|item| !is_for_tests(item)) {
        match item {
            Item::Use(item) => import(&item.tree, &mut Vec::new(), &mut module),
            Item::Mod(item) => {
                if let Some((_, items)) = &item.content {
                    let below = path.iter().cloned().chain([item.ident.to_string()]).collect();
                    read_items(items, &below, modules);
                }
            }
            other => Reader(&mut module).visit_item(other),
        }
    }
    for item in items.iter().filter(|item| is_for_tests(item)) {
        if let Item::Mod(item) = item {
            module.paths.insert(vec![TESTS.to_owned(), item.ident.to_string()]);
        }
    }
    modules.insert(path.clone(), module);
}

fn is_for_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list().map(|list| list.tokens.to_string());
        attribute.path().is_ident("cfg")
            && condition.is_ok_and(|condition| condition == "test" || condition.starts_with("all (test"))
    })
}

fn import(tree: &UseTree, before: &mut Vec<String>, module: &mut Module) {
    let mut add = |name: Option<String>, path: Vec<String>| {
        module.paths.insert(path.clone());
        name.map(|name| module.imports.insert(name, path));
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            import(&path.tree, before, module);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| import(tree, before, module)),
        UseTree::Name(name) if name.ident == "self" => add(before.last().cloned(), before.clone()),
        UseTree::Name(name) => {
            let path = before.iter().cloned().chain([name.ident.to_string()]).collect();
            add(Some(name.ident.to_string()), path);
        }
        UseTree::Rename(name) => {
            let path = before.iter().cloned().chain([name.ident.to_string()]).collect();
            add(Some(name.rename.to_string()), path);
        }
        UseTree::Glob(_) => add(None, before.clone()),
    }
}

/// Collects what an item names and defines.
struct Reader<'a>(&'a mut Module);

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        import(&item.tree, &mut Vec::new(), self.0);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.0.functions.push((signature.ident.to_string(), signature.inputs.len()));
        visit::visit_signature(self, signature);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.0.types.insert(item.ident.to_string());
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.0.types.insert(item.ident.to_string());
        visit::visit_item_enum(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.0.types.insert(item.ident.to_string());
        visit::visit_item_type(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.0.types.insert(item.ident.to_string());
        visit::visit_item_trait(self, item);
    }
}
