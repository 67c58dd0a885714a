//! Parts of objects.

/// Bytes of an object, both ends inclusive as in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// First byte.
    pub first: u64,
    /// Last byte; not before `first`.
    pub last: u64,
}
