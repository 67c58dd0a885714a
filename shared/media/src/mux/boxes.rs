//! A buffer that knows box headers.

use bytes::{BufMut, Bytes, BytesMut};

use super::MuxError;

/// Appends boxes and big-endian fields.
pub(super) struct BoxWriter {
    buffer: BytesMut,
}

impl BoxWriter {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { buffer: BytesMut::with_capacity(bytes) }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.buffer.freeze()
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.buffer.put_u16(value);
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.buffer.put_u32(value);
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.buffer.put_u64(value);
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    pub(super) fn zeros(&mut self, bytes: usize) {
        self.buffer.put_bytes(0, bytes);
    }

    pub(super) fn slice(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// A field of 32 bits in version 0 and of 64 in version 1.
    pub(super) fn sized(&mut self, version: u8, value: u64) -> Result<(), MuxError> {
        if version == 0 {
            self.u32(u32::try_from(value).map_err(|_| MuxError::TooLarge)?);
        } else {
            self.u64(value);
        }
        Ok(())
    }

    /// A 32-bit number of entries.
    pub(super) fn count(&mut self, entries: usize) -> Result<(), MuxError> {
        self.sized(0, u64::try_from(entries).map_err(|_| MuxError::TooLarge)?)
    }

    /// A box whose content `body` writes.
    pub(super) fn boxed(
        &mut self,
        kind: [u8; 4],
        body: impl FnOnce(&mut Self) -> Result<(), MuxError>,
    ) -> Result<(), MuxError> {
        let start = self.buffer.len();
        self.u32(0);
        self.slice(&kind);
        body(self)?;
        let written = self.buffer.len().saturating_sub(start);
        let size = u32::try_from(written).map_err(|_| MuxError::TooLarge)?;
        if let Some(field) = self.buffer.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *field = size.to_be_bytes();
        }
        Ok(())
    }

    /// A box with a version and 24 bits of flags.
    pub(super) fn full(
        &mut self,
        kind: [u8; 4],
        version: u8,
        flags: u32,
        body: impl FnOnce(&mut Self) -> Result<(), MuxError>,
    ) -> Result<(), MuxError> {
        self.boxed(kind, |w| {
            w.u32(u32::from(version) << 24 | flags);
            body(w)
        })
    }
}

/// The file type box: `major`, the minor version that writers agree on, and the `compatible` brands.
pub(super) fn write_ftyp(w: &mut BoxWriter, major: [u8; 4], compatible: &[[u8; 4]]) -> Result<(), MuxError> {
    w.boxed(*b"ftyp", |w| {
        w.slice(&major);
        w.u32(0x200);
        w.slice(compatible.as_flattened());
        Ok(())
    })
}
