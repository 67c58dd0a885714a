//! Parameters that several operations share.

use crate::node::{Node, object};
use indexmap::IndexMap;
use serde_json::{Value, json};

/// A parameter that may be left out.
pub(crate) fn parameter(place: &str, name: &str, description: &str, schema: Value) -> Node {
    object! { "name" => name, "in" => place, "description" => description, "schema" => schema }
}

/// A parameter that must be there.
pub(crate) fn required(place: &str, name: &str, description: &str, schema: Value) -> Node {
    parameter(place, name, description, schema).with(object! { "required" => json!(true) })
}

/// The request's name in logs.
pub(crate) fn correlation() -> Node {
    let what = "Names the request in the service's logs; 1 to 128 printable ASCII characters. Any other is \
        ignored, and so is one that holds the request's session, or may hold it.";
    parameter("header", "X-Correlation-Id", what, json!({"type": "string"}))
}

/// How long to wait.
pub(crate) fn prefer() -> Node {
    let what = "`wait=N` (RFC 7240): answer when the job has ended, or after N seconds, 20 at most; \
        an operator may set less.";
    parameter("header", "Prefer", what, json!({"type": "string", "examples": ["wait=20"]}))
}

/// Replaces each parameter that several operations of `paths` have by a reference; those parameters by their names as
/// components.
pub(crate) fn shared_among(paths: &mut Node) -> Node {
    let mut uses: IndexMap<String, (Node, usize)> = IndexMap::new();
    for parameter in parameters_of(paths) {
        uses.entry(parameter.value().to_string()).or_insert_with(|| (parameter.clone(), 0)).1 += 1;
    }
    let (mut names, mut components) = (IndexMap::new(), IndexMap::new());
    for (text, (parameter, _)) in uses.into_iter().filter(|(_, (_, uses))| *uses > 1) {
        let name = component_name(&parameter.value(), &components);
        names.insert(text, name.clone());
        components.insert(name, parameter);
    }
    for parameter in parameters_of(paths) {
        if let Some(name) = names.get(&parameter.value().to_string()) {
            *parameter = object! { "$ref" => format!("#/components/parameters/{name}") };
        }
    }
    Node::Object(components)
}

fn parameters_of(paths: &mut Node) -> impl Iterator<Item = &mut Node> {
    let operations = paths.members().values_mut().flat_map(|path| path.members().values_mut());
    operations.flat_map(|operation| match operation.members().get_mut("parameters") {
        Some(Node::List(parameters)) => parameters.iter_mut(),
        _ => [].iter_mut(),
    })
}

/// The name and the place of a parameter, with a number if another one has both.
fn component_name(parameter: &Value, taken: &IndexMap<String, Node>) -> String {
    let words = ["name", "in"].map(|member| parameter[member].as_str().unwrap_or_default().split('-'));
    let name: String = words.into_iter().flatten().map(capitalised).collect();
    let numbered = (2..).map(|number| format!("{name}{number}"));
    let mut free = [name.clone()].into_iter().chain(numbered).filter(|name| !taken.contains_key(name));
    free.next().unwrap_or_default()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
