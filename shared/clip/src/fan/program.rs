//! The program that renders a chunk: the same bytes come only of the same one.

use crate::chunked::hexadecimal;
use crate::error::Error;
use crate::fanning::ReadyLook;
use crate::ffmpeg::Ffmpeg;
use export_media::ffmpeg::{Fed, WantedTracks, picture_tracks};
use sha2::{Digest, Sha256};

/// Raised when chunks are rendered in another way by the same ffmpeg with the same arguments.
const WAY: u32 = 1;

/// The SHA-256, in hexadecimal digits, of what the pictures of a chunk depend on besides the recording: the version of
/// ffmpeg, the arguments that it gets, and how this program uses it.
///
/// # Errors
/// ffmpeg does not say its version.
pub(super) async fn fingerprint(
    ffmpeg: &Ffmpeg,
    look: &ReadyLook,
    reordered: usize,
) -> Result<String, Error> {
    let mut version = Vec::new();
    let none: [&[u8]; 0] = [];
    let told = ffmpeg.run(&["-version".to_owned()], &none, &mut version).await;
    told.map_err(|error| error.or(|complaint| Error::Passing(format!("ffmpeg's version: {complaint}"))))?;
    let encoding = look.encoding(reordered);
    let wanted = WantedTracks { encoded: Some((&encoding, 1)), ..WantedTracks::default() };
    let args = picture_tracks(Fed::Stream(look.recorded()), &look.format, &look.format, &wanted);
    let mut hash = Sha256::new();
    hash.update(WAY.to_be_bytes());
    for part in [&version[..], args.join("\0").as_bytes()] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    Ok(hexadecimal(&hash.finalize()))
}
