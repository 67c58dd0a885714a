//! JSON that keeps the order of its members, so that the document reads as it was written. `serde_json` could do so
//! too, but then in every crate that is built beside this one, and the names of jobs follow from its order.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Node {
    /// An object.
    Object(IndexMap<String, Node>),
    /// An array.
    List(Vec<Node>),
    /// Anything else.
    Leaf(Value),
}

/// An object with these members: `object! { "name" => value }`.
macro_rules! object {
    ($($key:expr => $value:expr),* $(,)?) => {
        $crate::node::Node::Object(indexmap::IndexMap::from_iter([$(($key.to_string(), $crate::node::Node::from($value))),*]))
    };
}
pub(crate) use object;

impl Node {
    /// The JSON of `text`.
    pub(crate) fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    /// What `value` is written as.
    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self::parse(&serde_json::to_string(value).unwrap())
    }

    /// The members of an object.
    pub(crate) fn members(&mut self) -> &mut IndexMap<String, Node> {
        match self {
            Node::Object(members) => members,
            other => panic!("{other:?} is no object"),
        }
    }

    /// The member `name`, which there is.
    pub(crate) fn at(&mut self, name: &str) -> &mut Node {
        self.members().get_mut(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// Adds the members of `other`, or replaces them.
    #[must_use]
    pub(crate) fn with(mut self, other: Node) -> Self {
        let Node::Object(more) = other else { panic!("{other:?} is no object") };
        self.members().extend(more);
        self
    }

    /// The same with each object changed by `change`, the innermost first.
    #[must_use]
    pub(crate) fn each(self, change: &impl Fn(IndexMap<String, Node>) -> Node) -> Self {
        match self {
            Node::Object(members) => {
                change(members.into_iter().map(|(name, node)| (name, node.each(change))).collect())
            }
            Node::List(items) => Node::List(items.into_iter().map(|node| node.each(change)).collect()),
            leaf @ Node::Leaf(_) => leaf,
        }
    }

    /// As `serde_json` has it.
    pub(crate) fn value(&self) -> Value {
        serde_json::to_value(self).unwrap()
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self::of(&value)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Node::Leaf(text.into())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Node::Leaf(text.into())
    }
}

impl From<Vec<Node>> for Node {
    fn from(items: Vec<Node>) -> Self {
        Node::List(items)
    }
}
