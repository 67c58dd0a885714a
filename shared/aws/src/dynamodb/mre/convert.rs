//! Items of the SDK and rows of the domain.

use crate::dynamodb::item::AttributeMap;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use export_mre::attr::{Attr, Row};

/// The row of an item. A type that this version does not know reads as null.
pub(super) fn row(item: AttributeMap) -> Row {
    item.into_iter().map(|(name, value)| (name, attr(value))).collect()
}

/// The item of a row.
pub(super) fn item(row: Row) -> AttributeMap {
    row.into_iter().map(|(name, value)| (name, value_of(value))).collect()
}

fn attr(value: AttributeValue) -> Attr {
    match value {
        AttributeValue::S(text) => Attr::S(text),
        AttributeValue::N(text) => Attr::N(text),
        AttributeValue::Bool(value) => Attr::Bool(value),
        AttributeValue::M(map) => Attr::M(row(map)),
        AttributeValue::L(items) => Attr::L(items.into_iter().map(attr).collect()),
        AttributeValue::Ss(texts) => Attr::Ss(texts),
        AttributeValue::Ns(texts) => Attr::Ns(texts),
        AttributeValue::B(blob) => Attr::B(blob.into_inner()),
        AttributeValue::Bs(blobs) => Attr::Bs(blobs.into_iter().map(Blob::into_inner).collect()),
        _ => Attr::Null,
    }
}

fn value_of(attr: Attr) -> AttributeValue {
    match attr {
        Attr::S(text) => AttributeValue::S(text),
        Attr::N(text) => AttributeValue::N(text),
        Attr::Bool(value) => AttributeValue::Bool(value),
        Attr::Null => AttributeValue::Null(true),
        Attr::M(row) => AttributeValue::M(item(row)),
        Attr::L(items) => AttributeValue::L(items.into_iter().map(value_of).collect()),
        Attr::Ss(texts) => AttributeValue::Ss(texts),
        Attr::Ns(texts) => AttributeValue::Ns(texts),
        Attr::B(bytes) => AttributeValue::B(Blob::new(bytes)),
        Attr::Bs(items) => AttributeValue::Bs(items.into_iter().map(Blob::new).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_both_ways() {
        let row_of_all = Row::from(
            [
                ("s", Attr::S("x".to_owned())),
                ("n", Attr::N("1.5".to_owned())),
                ("bool", Attr::Bool(true)),
                ("null", Attr::Null),
                ("m", Attr::M(Row::from([("k".to_owned(), Attr::L(vec![Attr::Null]))]))),
                ("ss", Attr::Ss(vec!["b".to_owned(), "a".to_owned()])),
                ("ns", Attr::Ns(vec!["2".to_owned()])),
                ("b", Attr::B(vec![0, 255])),
                ("bs", Attr::Bs(vec![vec![1]])),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        assert_eq!(row(item(row_of_all.clone())), row_of_all);
    }
}
