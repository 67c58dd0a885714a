//! JSON with damage that knows where its members are.

use crate::damage::{self, damage, number, signed};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

/// Texts that fields trip over.
const TEXTS: [&str; 22] = [
    "",
    " ",
    "0",
    "-1",
    "1",
    "9223372036854775808",
    "true",
    "null",
    "mma",
    "search",
    "..",
    "../../x.mpd",
    "a/./b.mpd",
    "a//b.mpd",
    "/a/b.mpd",
    "a/b.mpd",
    "a\\b.mpd",
    "\0",
    "\u{202e}txt.ts",
    "A\u{30a}",
    "BASE64 string",
    "W10",
];

/// One change of a JSON value.
#[derive(Debug, Clone)]
pub enum Change {
    /// Puts another value in place of one that is no object.
    Leaf(Index, Value),
    /// Gives an object a member more, or another value.
    Member(Index, &'static str, Value),
    /// Takes a member out.
    Without(Index),
}

/// Up to four changes; `names` are those of members.
pub fn changes(names: &'static [&'static str]) -> impl Strategy<Value = Vec<Change>> {
    let at = any::<Index>;
    let change = prop_oneof![
        3 => (at(), value()).prop_map(|(at, value)| Change::Leaf(at, value)),
        3 => (at(), select(names), value()).prop_map(|(at, name, value)| Change::Member(at, name, value)),
        1 => at().prop_map(Change::Without),
    ];
    vec(change, 0..=4)
}

/// Any value, mostly a leaf.
pub fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        3 => signed().prop_map(Value::from),
        2 => number().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => select(&TEXTS[..]).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => (select(&TEXTS[..]), 0..3000_usize).prop_map(|(text, times)| text.repeat(times).into()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((select(&TEXTS[..]), inner), 0..4).prop_map(|members| {
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

/// Texts of `values`, damaged as JSON and then as bytes.
pub fn texts(values: Vec<Value>, names: &'static [&'static str]) -> impl Strategy<Value = String> {
    (select(values), changes(names), damage(2)).prop_map(|(mut value, changes, damage)| {
        apply(&changes, &mut value);
        let mut bytes = value.to_string().into_bytes();
        damage::apply(&damage, &mut bytes, b"{[\"\":,]}\\u0000");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Applies changes in turn.
pub fn apply(changes: &[Change], value: &mut Value) {
    for change in changes {
        match change {
            Change::Leaf(at, new) => *nth(value, *at, |value| !value.is_object()) = new.clone(),
            Change::Member(at, name, new) => {
                if let Value::Object(members) = nth(value, *at, Value::is_object) {
                    members.insert((*name).to_owned(), new.clone());
                }
            }
            Change::Without(at) => {
                if let Value::Object(members) = nth(value, *at, Value::is_object) {
                    let name = members.keys().nth(at.index(members.len().max(1))).cloned();
                    name.map(|name| members.remove(&name));
                }
            }
        }
    }
}

/// One of the values in it, itself among them, that are `wanted`; itself if none is.
fn nth(value: &mut Value, at: Index, wanted: fn(&Value) -> bool) -> &mut Value {
    let mut paths = Vec::new();
    collect(value, String::new(), wanted, &mut paths);
    let path = paths.get(at.index(paths.len().max(1))).cloned().unwrap_or_default();
    value.pointer_mut(&path).unwrap()
}

fn collect(value: &Value, path: String, wanted: fn(&Value) -> bool, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            collect(member, format!("{path}/{name}"), wanted, paths);
        }),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| collect(item, format!("{path}/{at}"), wanted, paths));
        }
        _ => {}
    }
    if wanted(value) {
        paths.push(path);
    }
}
