//! Manifests packed with gzip (RFC 1952).

use super::MpdError;
use flate2::read::MultiGzDecoder;
use std::io::{ErrorKind, Read};

const MAGIC: &[u8] = &[0x1f, 0x8b];

/// The content of `data`, at most `most` bytes of it; `None` if it is not packed.
pub(super) fn unpacked(data: &[u8], most: usize) -> Result<Option<Vec<u8>>, MpdError> {
    if !data.starts_with(MAGIC) {
        return Ok(None);
    }
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut content = Vec::new();
    match MultiGzDecoder::new(data).take(limit).read_to_end(&mut content) {
        Ok(_) if content.len() > most => Err(MpdError::TooLarge),
        Ok(_) => Ok(Some(content)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(MpdError::Incomplete),
        Err(_) => Err(MpdError::Packed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    fn packed(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_is_packed_is_unpacked_up_to_the_limit() {
        assert_eq!(unpacked(b"<MPD/>", 9), Ok(None));
        assert_eq!(unpacked(&packed(b"<MPD/>"), 6), Ok(Some(b"<MPD/>".to_vec())));
        assert_eq!(unpacked(&packed(b"<MPD/>"), 5), Err(MpdError::TooLarge));
        assert_eq!(unpacked(&packed(&vec![b' '; 8 << 20]), 1 << 20), Err(MpdError::TooLarge));
    }

    #[test]
    fn what_is_cut_off_is_not_complete_and_what_is_damaged_is_refused() {
        let whole = packed(b"<MPD>and more</MPD>");
        for length in 2..whole.len() {
            assert_eq!(unpacked(&whole[..length], 99), Err(MpdError::Incomplete), "{length}");
        }
        let mut damaged = whole.clone();
        damaged[12] ^= 0xff;
        assert_eq!(unpacked(&damaged, 99), Err(MpdError::Packed));
    }
}
