//! Box headers and big-endian fields.

use super::Fmp4Error;

/// Reads big-endian fields off the front of a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Fmp4Error> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Fmp4Error::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), Fmp4Error> {
        self.take(count).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fmp4Error> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Fmp4Error::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fmp4Error> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fmp4Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fmp4Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Fmp4Error> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fmp4Error> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn fourcc(&mut self) -> Result<[u8; 4], Fmp4Error> {
        self.array()
    }

    /// A full box's version and 24 bits of flags.
    pub(super) fn version(&mut self) -> Result<(u8, u32), Fmp4Error> {
        let word = self.u32()?;
        let [version, ..] = word.to_be_bytes();
        Ok((version, word & 0x00ff_ffff))
    }

    /// A field of 64 bits in version 1 and 32 in version 0.
    pub(super) fn sized(&mut self, version: u8) -> Result<u64, Fmp4Error> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }
}

/// A box's header, before its body is known to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: [u8; 4],
    /// Of the header itself.
    pub(super) length: usize,
    /// Of header and body; `None` for a box that goes on to the end of the file.
    pub(super) size: Option<u64>,
}

/// Reads a header; `None` if `data` is too short to hold it.
pub(super) fn header(data: &[u8]) -> Result<Option<Header>, Fmp4Error> {
    let mut cursor = Cursor::new(data);
    let (Ok(size), Ok(kind)) = (cursor.u32(), cursor.fourcc()) else { return Ok(None) };
    let (length, size) = match size {
        0 => (8, None),
        1 => match cursor.u64() {
            Ok(size) => (16, Some(size)),
            Err(_) => return Ok(None),
        },
        size => (8, Some(u64::from(size))),
    };
    if size.is_some_and(|size| usize::try_from(size).is_ok_and(|size| size < length)) {
        return Err(Fmp4Error::Malformed("sized"));
    }
    Ok(Some(Header { kind, length, size }))
}

/// The header of a box of a file, for those who look for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxHeader {
    /// The four characters.
    pub kind: [u8; 4],
    /// Bytes of the box with its header; `None` if it goes on to the end of the file.
    pub size: Option<u64>,
}

impl BoxHeader {
    /// Reads the header that `data` begins with; `None` if that is too short.
    ///
    /// # Errors
    /// [`Fmp4Error::Malformed`] for a box that is smaller than its header.
    pub fn read(data: &[u8]) -> Result<Option<Self>, Fmp4Error> {
        Ok(header(data)?.map(|Header { kind, size, .. }| Self { kind, size }))
    }
}

/// A whole box within some data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child<'a> {
    pub(super) kind: [u8; 4],
    /// Of the header's first byte, from the start of the data.
    pub(super) position: usize,
    /// Header and body.
    pub(super) bytes: &'a [u8],
    pub(super) body: &'a [u8],
}

impl<'a> Child<'a> {
    pub(super) fn cursor(&self) -> Cursor<'a> {
        Cursor::new(self.body)
    }
}

/// The boxes that follow each other in `data`. Ends after the first error.
pub(super) fn children(data: &[u8]) -> impl Iterator<Item = Result<Child<'_>, Fmp4Error>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let rest = data.get(position..).filter(|rest| !rest.is_empty())?;
        let child = child(rest, position);
        position = child.as_ref().map_or(data.len(), |child| position.saturating_add(child.bytes.len()));
        Some(child)
    })
}

fn child(rest: &[u8], position: usize) -> Result<Child<'_>, Fmp4Error> {
    let header = header(rest)?.ok_or(Fmp4Error::Truncated)?;
    let size = match header.size {
        Some(size) => usize::try_from(size).map_err(|_| Fmp4Error::Truncated)?,
        None => rest.len(),
    };
    let bytes = rest.get(..size).ok_or(Fmp4Error::Truncated)?;
    let body = bytes.get(header.length..).ok_or(Fmp4Error::Truncated)?;
    Ok(Child { kind: header.kind, position, bytes, body })
}

/// The first box of a kind, if there is one.
pub(super) fn find(data: &[u8], kind: [u8; 4]) -> Result<Option<Child<'_>>, Fmp4Error> {
    for child in children(data) {
        let child = child?;
        if child.kind == kind {
            return Ok(Some(child));
        }
    }
    Ok(None)
}

/// The first box of a kind, which must be there.
pub(super) fn require<'a>(data: &'a [u8], kind: [u8; 4], name: &'static str) -> Result<Child<'a>, Fmp4Error> {
    find(data, kind)?.ok_or(Fmp4Error::Missing(name))
}
